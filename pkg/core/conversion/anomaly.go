package conversion

import (
	"math/bits"
	"time"
)

// MaxRepeats and RepeatSpan are the rule of too many repeats: more than MaxRepeats duplicates in the last RepeatSpan.
const (
	MaxRepeats = 3
	RepeatSpan = 10 * time.Minute
)

// Recent holds when the newest duplicates of one key (a channel, or a client in a channel) arrived: as many as the rule
// asks for and no more, newest first. The zero Recent holds none. It is exact: whether more than MaxRepeats arrived in a
// RepeatSpan is seen from the newest MaxRepeats+1 alone.
type Recent [MaxRepeats + 1]time.Time

// Plus returns Recent with one more arrival, which may be older than those that it holds.
func (r Recent) Plus(at time.Time) Recent {
	for i, t := range r {
		if at.After(t) {
			copy(r[i+1:], r[i:])
			r[i] = at
			break
		}
	}
	return r
}

// Merge returns the newest arrivals of both: those of a channel, from those of its shards.
func (r Recent) Merge(o Recent) Recent {
	for _, at := range o {
		r = r.Plus(at)
	}
	return r
}

// Newest returns when the last duplicate arrived; zero: none did.
func (r Recent) Newest() time.Time { return r[0] }

// TooMany reports whether, when the newest one arrived, more than MaxRepeats had arrived within the RepeatSpan that ended
// then: four in 9:59 are too many, four in 10:00 are not.
func (r Recent) TooMany() bool {
	return !r[MaxRepeats].IsZero() && r[0].Sub(r[MaxRepeats]) < RepeatSpan
}

// Count returns how many arrived in the last RepeatSpan before now, the instant itself included: MaxRepeats+1 stands for
// any more.
func (r Recent) Count(now time.Time) (n int) {
	for _, t := range r {
		if !t.IsZero() && now.Sub(t) < RepeatSpan && !t.After(now) {
			n++
		}
	}
	return n
}

// Guard keeps the channel's rule quiet while repeats are only as many as ever: at volume a few per cent of arrivals are
// always repeats. The zero Guard is the literal rule.
type Guard struct {
	Arrivals int64 // in the last RepeatSpan; with fewer than these the share says nothing, and the rule is quiet
	Percent  int64 // of arrivals that may be duplicates in any case
	Factor   int64 // times the mean share of the 24 hours before that may be duplicates
}

// Guarded is the guard that a channel has unless configured otherwise.
var Guarded = Guard{Arrivals: 20, Percent: 5, Factor: 3}

// Share is how many of the arrivals were duplicates.
type Share struct{ Duplicates, Arrivals int64 }

// Lets reports whether the guard lets the alarm through: the share of the last RepeatSpan is larger than both limits. before is what
// arrived in the last 24 hours but for that span: a burst is not compared with itself. Without arrivals then the second limit is 0.
func (g Guard) Lets(span, before Share) bool {
	if g == (Guard{}) {
		return true
	}
	return span.Arrivals >= g.Arrivals &&
		more(span, 100, Share{g.Percent, 1}) &&
		(before.Arrivals <= 0 || more(span, 1, Share{g.Factor * before.Duplicates, before.Arrivals}))
}

// more reports whether a.Duplicates/a.Arrivals, times factor, is larger than b's, without rounding. Both have arrivals.
func more(a Share, factor int64, b Share) bool {
	hi, lo := bits.Mul64(uint64(a.Duplicates)*uint64(factor), uint64(b.Arrivals))
	otherHi, otherLo := bits.Mul64(uint64(b.Duplicates), uint64(a.Arrivals))
	return hi > otherHi || hi == otherHi && lo > otherLo
}

// Volume is the rule of unusual volume: arrivals of an hour against the mean of the same hour before.
type Volume struct {
	Low, High int64 // percent of the mean that is usual, both included
	Least     int64 // a mean below this says nothing
}

// UsualVolume is the rule that a channel has unless configured otherwise.
var UsualVolume = Volume{Low: 70, High: 130, Least: 20}

// Deviation is how a volume differs from what is usual.
type Deviation int8

// The deviations of a volume. Usual is also the answer when too little is known.
const (
	Low   Deviation = -1
	Usual Deviation = 0
	High  Deviation = 1
)

// Judge compares the arrivals of one hour with those of the same hour on days before.
func (v Volume) Judge(n int64, before []int64) Deviation {
	sum := int64(0)
	for _, b := range before {
		sum += b
	}
	days := int64(len(before))
	switch {
	case days == 0 || sum < v.Least*days:
		return Usual
	case n*100*days < v.Low*sum:
		return Low
	case n*100*days > v.High*sum:
		return High
	}
	return Usual
}

// QuietTime is for how long a rule must not fire before its alarm is over.
const QuietTime = 10 * time.Minute

// Alarm is the state of one rule for one key. The zero Alarm is off.
type Alarm struct {
	Since time.Time // when it was raised; zero: off
	Last  time.Time // when the rule fired last
}

// On reports whether the alarm is raised.
func (a Alarm) On() bool { return !a.Since.IsZero() }

// Notice is what is to be told of an alarm.
type Notice uint8

// The notices: one when an alarm is raised, one when it is over, none between.
const (
	Nothing Notice = iota
	Raised
	Recovered
)

// Next returns the alarm after an evaluation at now, and what is to be told.
func (a Alarm) Next(now time.Time, fires bool) (Alarm, Notice) {
	switch {
	case fires && a.On():
		return Alarm{a.Since, now}, Nothing
	case fires:
		return Alarm{now, now}, Raised
	case a.On() && now.Sub(a.Last) >= QuietTime:
		return Alarm{}, Recovered
	}
	return a, Nothing
}
