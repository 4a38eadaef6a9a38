package counting

import (
	"context"
	"slices"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
)

// quarantine is whether a channel is held back, and what of it is being released. Every quarantine of a channel has a number, by
// which its events are held: what becomes of them is said when it is lifted, and nothing that comes later changes it.
type quarantine struct {
	On       bool    `json:"on"`
	Since    int64   `json:"since"` // ms, of the last change; while it is on, its number
	Releases []order `json:"releases,omitempty"`
}

// order is to release what a quarantine holds. It stands until no event is left that was judged before the end.
type order struct {
	Number int64 `json:"number"` // of the quarantine
	Lifted int64 `json:"lifted"` // ms
}

// held leads to an event of the ledger that waits for its release.
type held struct {
	Part string `json:"part"`
	Sort string `json:"sort"`
}

func (d *draft) quarantine(s scope) (q quarantine, err error) {
	return q, d.read(quarantineKey(s), &q)
}

// Settling is how long after the end of a quarantine an event may still come in as held: a batch that was judged before and is
// not written yet. It is longer than any invocation, and than a message stays with a consumer that has died.
const Settling = 2 * time.Minute

// Quarantine holds a channel of a tenant back from now on: its events are accepted and kept, and counted as such only. It can
// be repeated. What was lifted for release before goes on being released.
func (c *Counter) Quarantine(ctx context.Context, t conversion.Tenant, ch conversion.Channel) error {
	return c.change(ctx, scope{t, ch}, func(q quarantine) (quarantine, bool) {
		return quarantine{On: true, Since: c.after(q), Releases: q.Releases}, !q.On
	})
}

// Lift ends a quarantine. With release the events that are held are counted by Release, once each; without they stay as they
// are, counted as quarantined. It can be repeated; a channel that is not in quarantine stays as it is.
func (c *Counter) Lift(ctx context.Context, t conversion.Tenant, ch conversion.Channel, release bool) error {
	return c.change(ctx, scope{t, ch}, func(q quarantine) (quarantine, bool) {
		next := quarantine{Since: c.after(q), Releases: q.Releases}
		if release {
			next.Releases = append(next.Releases, order{q.Since, next.Since})
		}
		return next, q.On
	})
}

// after is now, or the first instant behind the last change: no two quarantines have one number, whatever clocks say.
func (c *Counter) after(q quarantine) int64 { return max(c.Now().UnixMilli(), q.Since+1) }

func (c *Counter) change(ctx context.Context, s scope, to func(quarantine) (quarantine, bool)) error {
	return c.retry(ctx, func() error {
		d := newDraft(c.Store)
		if err := d.load(ctx, quarantineKey(s)); err != nil {
			return err
		}
		q, err := d.quarantine(s)
		if err != nil {
			return err
		}
		next, due := to(q)
		if !due {
			return nil
		}
		if err := d.write(quarantineKey(s), next, time.Time{}); err != nil {
			return err
		}
		return d.save(ctx)
	})
}

// releaseBatch is how many events one transaction releases: each writes five rows.
const releaseBatch = 10

// Release counts up to limit events of a channel whose quarantine was lifted for release, each once, and returns how many they
// were. When none are left, and none can come any more, the channel is as any other.
func (c *Counter) Release(ctx context.Context, t conversion.Tenant, ch conversion.Channel, limit int) (n int, err error) {
	s := scope{t, ch}
	d := newDraft(c.Store)
	if err := d.load(ctx, quarantineKey(s)); err != nil {
		return 0, err
	}
	q, err := d.quarantine(s)
	if err != nil {
		return 0, err
	}
	for len(q.Releases) > 0 && n < limit {
		one := q.Releases[0]
		rows, err := c.Store.List(ctx, heldPart(s), heldPrefix(one.Number), "", min(releaseBatch, limit-n))
		if err != nil {
			return n, err
		}
		if len(rows) == 0 {
			if err := c.settled(ctx, s, one); err != nil {
				return n, err
			}
			q.Releases = q.Releases[1:]
			continue
		}
		var freed int
		err = c.retry(ctx, func() (err error) {
			freed, err = c.release(ctx, s, rows)
			return err
		})
		if n += freed; err != nil {
			return n, err
		}
	}
	return n, nil
}

// settled ends a release once nothing of it can come any more.
func (c *Counter) settled(ctx context.Context, s scope, one order) error {
	if c.Now().Before(time.UnixMilli(one.Lifted).Add(Settling)) {
		return nil
	}
	return c.change(ctx, s, func(q quarantine) (quarantine, bool) {
		i := slices.Index(q.Releases, one)
		if i < 0 {
			return q, false
		}
		q.Releases = slices.Delete(q.Releases, i, i+1)
		return q, true
	})
}

// release counts the events that these rows lead to, and returns how many they were. A row that is gone was released by somebody
// else.
func (c *Counter) release(ctx context.Context, s scope, rows []row.Row) (freed int, err error) {
	d := newDraft(c.Store)
	var ledger []row.Key
	var keys []row.Key
	for _, r := range rows {
		var h held
		if err := decode(r, &h); err != nil {
			return 0, err
		}
		ledger = append(ledger, row.Key{Part: h.Part, Sort: h.Sort})
		keys = append(keys, r.Key)
	}
	if err := d.load(ctx, append(keys, ledger...)...); err != nil {
		return 0, err
	}
	tallies := tally{windows: conversion.Tally{}, minutes: conversion.Tally{}}
	for i, key := range ledger {
		if !d.has(keys[i]) {
			continue
		}
		d.remove(keys[i])
		if err := d.free(ctx, s, key, tallies, c.Now()); err != nil {
			return 0, err
		}
		freed++
	}
	for _, part := range []struct {
		letter  string
		of      conversion.Tally
		expires func(time.Time) time.Time
	}{
		{"W", tallies.windows, func(time.Time) time.Time { return time.Time{} }},
		{"N", tallies.minutes, func(at time.Time) time.Time { return at.Add(KeptMinutes) }},
	} {
		for r := range part.of {
			if err := d.load(ctx, countersKey(part.letter, s.tenant, r)); err != nil {
				return 0, err
			}
		}
		if err := d.add(part.letter, s.tenant, part.of, part.expires); err != nil {
			return 0, err
		}
	}
	return freed, d.save(ctx)
}

// free takes one event of the ledger out of quarantine.
func (d *draft) free(ctx context.Context, s scope, key row.Key, t tally, now time.Time) error {
	var l ledgered
	if err := d.read(key, &l); err != nil {
		return err
	}
	if !l.Quarantined {
		return nil
	}
	e, _, err := l.open()
	if err != nil {
		return err
	}
	shard := shardOf(key.Part)
	due := dueKey(s, conversion.WindowOf(e.At), shard)
	if err := d.load(ctx, due); err != nil {
		return err
	}
	if err := d.write(due, struct{}{}, time.Time{}); err != nil {
		return err
	}
	window, minute := conversion.Rows(e, shard)
	if err := t.windows.Add(window, conversion.Release(e)); err != nil {
		return err
	}
	if now.Before(minute.At.Add(KeptMinutes)) {
		if err := t.minutes.Add(minute, conversion.Release(e)); err != nil {
			return err
		}
	}
	l.Quarantined = false
	return d.write(key, l, now.Add(KeptEvents))
}
