package simulate

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// errDead is what every call of a dead invocation gets. Nobody hears of it.
var errDead = errors.New("simulate: the process is gone")

// kind of call: what may go wrong with it.
type class uint8

const (
	tableCall  class = iota
	seldomCall       // to rows that are touched so seldom that what goes wrong elsewhere would hardly ever meet them
	queueCall
	readCall  // asks a CRM
	writeCall // changes something in a CRM
	doorCall  // a delivery, on its way to the door
)

// fate is what becomes of one call.
type fate uint8

const (
	well fate = iota
	crashBefore
	crashAfter
	refused    // throttled or down, not carried out
	lostBefore // no answer, not carried out
	lostAfter  // no answer, carried out
	broken     // a server error for what was carried out
	landsLate  // no answer, carried out later
	stale      // a read that shows an earlier state
	freeze     // the process stops for long; the call never left, left at once, or lands late
	unheard    // a delivery that its sender takes for delivered and that never arrives
)

var fateNames = [...]string{"", "crash before", "crash after", "refused", "lost before", "lost after", "500 after", "lands late", "stale", "freeze", "unheard"}

// rates are the chances of each fate, in one of a thousand calls.
type rates struct {
	crash, refused, lost, late, stale, freeze int
	table                                     int // of a table or queue: refused or lost
	crashAtTable                              int
	unheard                                   int // of a delivery; 0: the way to the door is no call
}

// scaled switches each kind of fault off, on, or far on for a whole run, so that runs differ.
func (r rates) scaled(dice *rand.Rand) rates {
	for _, p := range []*int{&r.crash, &r.refused, &r.lost, &r.late, &r.stale, &r.freeze, &r.table, &r.crashAtTable, &r.unheard} {
		*p *= []int{0, 1, 1, 3}[dice.IntN(4)]
	}
	return r
}

// doom is one call's lot.
type doom struct {
	n       int
	fate    fate
	latency time.Duration
	span    time.Duration // of what is late, stale or frozen
	coin    int
}

// doom draws the lot of the next call. It hangs on the number of the call alone, so that leaving out one fault leaves the
// others where they are for as long as the calls are the same.
func (s *sim) doom(c class) doom {
	s.calls++
	s.lot.Seed(s.opt.Seed, uint64(s.calls)<<8|1)
	r := s.lots
	d := doom{n: s.calls, latency: time.Millisecond + time.Duration(r.Int64N(int64(4*time.Millisecond)))}
	if c == readCall || c == writeCall {
		d.latency = 20*time.Millisecond + time.Duration(r.Int64N(int64(280*time.Millisecond)))
		if r.IntN(50) == 0 {
			d.latency = time.Second + time.Duration(r.Int64N(int64(2500*time.Millisecond)))
		}
	}
	roll, pick, span := r.IntN(1000), r.IntN(1000), r.Float64()
	d.coin = r.IntN(3)
	if !s.hostile {
		return d
	}
	f := s.pick(c, roll, pick)
	if f == well || s.opt.Faults != nil && !slices.Contains(s.opt.Faults, d.n) {
		return d
	}
	d.fate, d.span = f, spanOf(f, span)
	s.result.Faults = append(s.result.Faults, d.n)
	return d
}

func (s *sim) pick(c class, roll, pick int) fate {
	r := s.rates
	take := func(n int) bool {
		roll -= n
		return roll < 0
	}
	half := func(a, b fate) fate {
		if pick < 500 {
			return a
		}
		return b
	}
	switch c {
	case doorCall:
		if take(r.unheard) {
			return unheard
		}
		return well
	case tableCall, queueCall, seldomCall:
		switch {
		case take(r.crashAtTable):
			return half(crashBefore, crashAfter)
		case take(r.table), c == seldomCall && take(9*r.table):
			return half(refused, lostAfter)
		case take(r.freeze):
			return freeze
		}
		return well
	}
	switch {
	case take(r.crash):
		return half(crashBefore, crashAfter)
	case take(r.refused):
		return refused
	case take(r.freeze):
		return freeze
	case c == readCall && take(r.stale):
		return stale
	case take(r.lost):
		if c == writeCall && pick < 300 {
			return broken
		}
		return half(lostBefore, lostAfter)
	case c == writeCall && take(r.late):
		return landsLate
	}
	return well
}

// spanOf is how long a fate takes. Landing late stays within what the locks on match keys wait for, a stale read within
// what a CRM may lag.
func spanOf(f fate, x float64) time.Duration {
	between := func(from, to time.Duration) time.Duration {
		return from + time.Duration(x*x*float64(to-from))
	}
	switch f {
	case landsLate:
		return between(time.Second, 5*time.Minute)
	case stale:
		return between(200*time.Millisecond, 6*time.Second)
	case freeze:
		return between(20*time.Second, 3*time.Minute)
	}
	return 0
}
