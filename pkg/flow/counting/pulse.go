package counting

import (
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
)

// pulse is what arrived of a channel in one shard, by when the door received it: neither by the times of the events nor by when they were
// counted.
type pulse struct {
	Recent   []int64 `json:"recent,omitempty"`   // the newest repeats, ms
	Conflict int64   `json:"conflict,omitempty"` // when the newest one was counted, ms
	Late     late    `json:"late,omitzero"`
	Minutes  []beat  `json:"minutes,omitempty"`
	Hours    []beat  `json:"hours,omitempty"`
}

// beat is what arrived from an instant on.
type beat struct {
	At         int64 `json:"at"` // seconds since 1970
	Arrivals   int64 `json:"arrivals"`
	Duplicates int64 `json:"duplicates,omitempty"`
	Conflicts  int64 `json:"conflicts,omitempty"`
}

// arrived is when an event arrived: never after now. Clocks differ.
func (a arrival) arrived(now time.Time) time.Time {
	if a.Received.After(now) {
		return now
	}
	return a.Received
}

// heldUp is how long after its arrival an event is counted if its queue was held up: else it takes seconds.
const heldUp = time.Minute

// late are repeats and conflicts that a queue held up: whoever judged meanwhile knew nothing of them.
type late struct {
	Counted int64 `json:"counted"` // ms, the newest
	From    int64 `json:"from"`    // ms, when the first one arrived of those that were counted shortly before
}

func (l late) plus(o late) late {
	if l.Counted < o.Counted {
		l, o = o, l
	}
	if l.Counted-o.Counted < conversion.RepeatSpan.Milliseconds() {
		l.From = min(l.From, o.From)
	}
	return l
}

// unseen returns from when on nobody has judged what arrived, if the last judgement was at since.
func (l late) unseen(since time.Time) time.Time {
	if from := time.UnixMilli(l.From - 1); time.UnixMilli(l.Counted).After(since) && from.Before(since) {
		return from
	}
	return since
}

// daySpan is what the usual share of repeats is taken from.
const daySpan = 24 * time.Hour

// beat adds the arrivals of the sheet to their pulses: each is read and written once, for it is the longest row of them all.
func (s *sheet) beat() error {
	pulses := map[row.Key]*pulse{}
	for _, a := range s.counted {
		key := pulseKey(a.scope, a.shard)
		if pulses[key] == nil {
			pulses[key] = &pulse{}
			if err := s.read(key, pulses[key]); err != nil {
				return err
			}
		}
		pulses[key].add(a.Verdict, a.arrived(s.now), s.now)
	}
	for key, p := range pulses {
		if err := s.write(key, *p, s.now.Add(KeptEvents)); err != nil {
			return err
		}
	}
	return nil
}

// add adds an event that arrived at a time. Where its minute or hour is no longer kept, it is in none.
func (p *pulse) add(v conversion.Verdict, at, now time.Time) {
	b := beat{Arrivals: 1}
	switch v {
	case conversion.Duplicate:
		b.Duplicates = 1
		p.Recent = recentTexts(recentOf(p.Recent).Plus(at))
	case conversion.Conflict:
		b.Conflicts, p.Conflict = 1, now.UnixMilli()
	}
	if b.Duplicates+b.Conflicts > 0 && now.Sub(at) > heldUp {
		p.Late = p.Late.plus(late{Counted: now.UnixMilli(), From: at.UnixMilli()})
	}
	p.Minutes = beats(p.Minutes, b, at, now, time.Minute, conversion.RepeatSpan)
	p.Hours = beats(p.Hours, b, at, now, time.Hour, daySpan)
}

// beats adds to the beat of an instant and drops those that ended a span ago.
func beats(all []beat, b beat, at, now time.Time, width, span time.Duration) []beat {
	b.At = at.Truncate(width).Unix()
	kept := all[:0]
	for _, old := range all {
		if old.At == b.At {
			b.Arrivals, b.Duplicates, b.Conflicts = b.Arrivals+old.Arrivals, b.Duplicates+old.Duplicates, b.Conflicts+old.Conflicts
		} else if !ended(old, now, width, span) {
			kept = append(kept, old)
		}
	}
	if ended(b, now, width, span) {
		return kept
	}
	return append(kept, b)
}

func ended(b beat, now time.Time, width, span time.Duration) bool {
	return !now.Before(time.Unix(b.At, 0).Add(width + span))
}

// within adds up what arrived in the last span, whole beats only.
func within(all []beat, now time.Time, width, span time.Duration) (sum beat) {
	for _, b := range all {
		if !ended(b, now, width, span-width) {
			sum.Arrivals += b.Arrivals
			sum.Duplicates += b.Duplicates
			sum.Conflicts += b.Conflicts
		}
	}
	return sum
}

func recentOf(ms []int64) (r conversion.Recent) {
	for _, at := range ms {
		r = r.Plus(time.UnixMilli(at).UTC())
	}
	return r
}

func recentTexts(r conversion.Recent) []int64 {
	out := []int64{}
	for _, at := range r {
		if !at.IsZero() {
			out = append(out, at.UnixMilli())
		}
	}
	return out
}

// recentLife is how long the repeats of a client are remembered behind the newest, and firedLife for how long somebody may
// still be told of them.
const (
	recentLife = conversion.RepeatSpan
	firedLife  = 24 * time.Hour
)

// fired is a client that repeated too often.
type fired struct {
	At        int64  `json:"at"`        // when that was found, ms
	Ingestion string `json:"ingestion"` // the request of the newest repeat
}

// repeat notes a client's repeat, and whether there were too many.
func (s *sheet) repeat(a arrival) error {
	key := recentKey(a.scope, a.client)
	var ms []int64
	if err := s.read(key, &ms); err != nil {
		return err
	}
	r := recentOf(ms).Plus(a.arrived(s.now))
	if err := s.write(key, recentTexts(r), s.now.Add(recentLife)); err != nil {
		return err
	}
	if !r.TooMany() {
		return nil
	}
	return s.write(firedKey(a.scope, a.client, a.shard), fired{s.now.UnixMilli(), a.Ingestion}, s.now.Add(firedLife))
}
