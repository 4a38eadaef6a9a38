package counting

import (
	"context"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// MaxBatch is how many events one transaction counts: with all the rows that belong to them they are fewer than row.MaxPuts.
const MaxBatch = batch.MaxEntries

// Counter counts events. It is safe for concurrent use if its fields are.
type Counter struct {
	Store  Store
	Shards int // of the counters' rows, at least 1; it may be raised at any time
	Now    func() time.Time
	Patience
}

// Apply counts at most MaxBatch events, all of them or none, and returns the verdict on each. Called again with the same events,
// whatever became of the first call, it counts nothing twice: what was counted is a conversion.Repetition then. An error that
// wraps row.ErrConflict, or a fault that is not final, says that it may go again.
func (c *Counter) Apply(ctx context.Context, subs ...submission.Submission) ([]conversion.Verdict, error) {
	return c.apply(ctx, nil, subs)
}

// apply is Apply. known, which may be nil, is asked for what stands in the place of a marker that is none any more.
func (c *Counter) apply(ctx context.Context, known lookup, subs []submission.Submission) (verdicts []conversion.Verdict, err error) {
	began := c.Now()
	helps := func(err error) bool { // markers make the repeat of a transaction harmless whose answer was lost
		return momentary(err) || fault.KindOf(err) == fault.Down && c.Now().Sub(began) < quickFor
	}
	err = c.again(ctx, helps, func() error {
		s := sheet{draft: newDraft(c.Store), now: c.Now().UTC(), shards: c.Shards, known: known}
		if err := s.judge(ctx, subs); err != nil {
			return err
		}
		if err := s.count(ctx); err != nil {
			return err
		}
		verdicts = s.verdicts
		return s.save(ctx)
	})
	return verdicts, err
}

// lookup returns what was counted of an event, as a marker that is valid at now; the zero Marker: nothing.
type lookup func(ctx context.Context, e conversion.Event, id conversion.Identity, now time.Time) (conversion.Marker, error)

// sheet is one batch on its way into one transaction.
type sheet struct {
	*draft
	now      time.Time
	shards   int
	known    lookup // nil: markers are all that is asked
	verdicts []conversion.Verdict
	counted  []arrival // but for repetitions
}

// arrival is one event that was judged, and where it belongs.
type arrival struct {
	submission.Submission
	conversion.Arrival
	scope
	shard  int
	client string // the hash that stands for it
	number int64  // of the quarantine that holds it
}

func (a arrival) event() conversion.Event { return a.Arrival.Event }

// judge reads the markers and notes those that are to be written. Within the batch the marker of a key's first event is that
// of its later ones.
func (s *sheet) judge(ctx context.Context, subs []submission.Submission) error {
	ids := make([]conversion.Identity, len(subs))
	var keys []row.Key
	for i, sub := range subs {
		ids[i] = sub.Event.Identify(sub.Tenant)
		keys = append(keys, markerKey(ids[i]), repeatKey(sub.Ingestion), quarantineKey(scope{sub.Tenant, sub.Event.Channel}))
	}
	if err := s.load(ctx, keys...); err != nil {
		return err
	}
	for i, sub := range subs {
		m, err := readMarker(s.rows[markerKey(ids[i])])
		if err != nil {
			return err
		}
		v := m.Judge(sub.Ingestion, ids[i].Hash, s.now)
		if v == conversion.Unique && s.known != nil { // looked at behind the marker, which is written on condition that it is as it was
			if m, err = s.known(ctx, sub.Event, ids[i], s.now); err != nil {
				return err
			}
			v = m.Judge(sub.Ingestion, ids[i].Hash, s.now)
		}
		if v != conversion.Unique && s.has(repeatKey(sub.Ingestion)) {
			v = conversion.Repetition // of a repeat that was counted
		}
		s.verdicts = append(s.verdicts, v)
		if err := s.mark(sub, ids[i], v); err != nil {
			return err
		}
	}
	return nil
}

func (s *sheet) mark(sub submission.Submission, id conversion.Identity, v conversion.Verdict) error {
	if v == conversion.Repetition {
		return nil
	}
	a := arrival{
		Submission: sub, scope: scope{sub.Tenant, sub.Event.Channel}, shard: conversion.Shard(sub.Tenant, sub.Event.Client, s.shards),
		client: clientHash(sub.Tenant, sub.Event.Client),
	}
	q, err := s.quarantine(a.scope)
	if err != nil {
		return err
	}
	a.Arrival = conversion.Arrival{Event: sub.Event, Identity: id, Verdict: v, Quarantined: q.On, Applied: s.now}
	a.number = q.Since
	s.counted = append(s.counted, a)
	m := id.Mark(sub.Ingestion, s.now)
	if v == conversion.Unique {
		return s.write(markerKey(id), marker{m.Ingestion, m.Hash.String()}, m.Expires)
	}
	return s.write(repeatKey(sub.Ingestion), marker{m.Ingestion, m.Hash.String()}, m.Expires)
}

// count reads the rows that the events add to, and adds.
func (s *sheet) count(ctx context.Context) error {
	tallies := map[conversion.Tenant]*tally{}
	var keys []row.Key
	for _, a := range s.counted {
		t := tallies[a.tenant]
		if t == nil {
			t = &tally{windows: conversion.Tally{}, minutes: conversion.Tally{}}
			tallies[a.tenant] = t
		}
		if err := t.add(a, s.now); err != nil {
			return err
		}
		keys = append(keys, a.keys()...)
	}
	if err := s.load(ctx, keys...); err != nil {
		return err
	}
	if err := s.beat(); err != nil {
		return err
	}
	for _, a := range s.counted {
		if err := s.note(a); err != nil {
			return err
		}
	}
	for tenant, t := range tallies {
		if err := s.add("W", tenant, t.windows, func(time.Time) time.Time { return time.Time{} }); err != nil {
			return err
		}
		if err := s.add("N", tenant, t.minutes, func(at time.Time) time.Time { return at.Add(KeptMinutes) }); err != nil {
			return err
		}
	}
	return nil
}

// tally is what a batch adds to the counters of one tenant.
type tally struct{ windows, minutes conversion.Tally }

func (t *tally) add(a arrival, now time.Time) error {
	window, minute := conversion.Rows(a.event(), a.shard)
	if err := t.windows.Add(window, a.Counts()); err != nil {
		return err
	}
	if !now.Before(minute.At.Add(KeptMinutes)) {
		return nil
	}
	return t.minutes.Add(minute, a.Counts())
}

// keys are the rows that the event touches beside its markers.
func (a arrival) keys() []row.Key {
	window, minute := conversion.Rows(a.event(), a.shard)
	keys := []row.Key{
		countersKey("W", a.tenant, window), countersKey("N", a.tenant, minute), pulseKey(a.scope, a.shard),
		dueKey(a.scope, conversion.WindowOf(a.event().At), a.shard),
	}
	switch a.Verdict {
	case conversion.Unique:
		keys = append(keys, a.ledgerKey())
		if a.Quarantined {
			keys = append(keys, a.heldKey())
		}
	case conversion.Duplicate:
		keys = append(keys, recentKey(a.scope, a.client), firedKey(a.scope, a.client, a.shard))
	case conversion.Conflict:
		keys = append(keys, errorKey(a.Ingestion))
	}
	return keys
}

func (a arrival) heldKey() row.Key { return heldKey(a.scope, a.number, a.shard, a.ledgerKey()) }

func (a arrival) ledgerKey() row.Key { return ledgerKey(a.event(), a.shard, a.Ingestion) }

// note writes what is kept of one event beside the counters.
func (s *sheet) note(a arrival) error {
	if err := s.write(dueKey(a.scope, conversion.WindowOf(a.event().At), a.shard), struct{}{}, time.Time{}); err != nil {
		return err
	}
	switch a.Verdict {
	case conversion.Duplicate:
		return s.repeat(a)
	case conversion.Conflict:
		return s.write(errorKey(a.Ingestion), Failed{
			Ingestion: a.Ingestion, Reason: ReasonConflict, Tries: 1, First: s.now, Last: s.now, Body: a.Entry(s.shards).Body,
		}, s.now.Add(KeptErrors))
	}
	return s.enter(a)
}

// enter writes the event into the ledger.
func (s *sheet) enter(a arrival) error {
	l := ledgered{
		Ingestion: a.Ingestion, Tenant: a.tenant, Received: a.Received.UnixMilli(), Applied: s.now.UnixMilli(),
		Key: a.Identity.Key, Hash: a.Identity.Hash.String(), Event: a.event().Document(), Quarantined: a.Quarantined,
	}
	key := a.ledgerKey()
	if a.Quarantined {
		if err := s.write(a.heldKey(), held{key.Part, key.Sort}, s.now.Add(KeptEvents)); err != nil {
			return err
		}
	}
	return s.write(key, l, s.now.Add(KeptEvents))
}

// add adds counts to their rows.
func (d *draft) add(letter string, tenant conversion.Tenant, t conversion.Tally, expires func(time.Time) time.Time) error {
	for r, c := range t {
		key := countersKey(letter, tenant, r)
		var w counters
		if err := d.read(key, &w); err != nil {
			return err
		}
		old, err := w.counts()
		if err != nil {
			return err
		}
		sum, err := old.Plus(c)
		if err != nil {
			return err
		}
		if err := d.write(key, countersOf(sum), expires(r.At)); err != nil {
			return err
		}
	}
	return nil
}

// shardOf reads the shard at the end of a Sort.
func shardOf(sort string) int {
	n, _ := strconv.Atoi(sort[strings.LastIndexByte(sort, '#')+1:])
	return n
}
