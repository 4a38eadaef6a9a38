package counting

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
)

// quarantine is whether a channel is held back. Releasing goes on until no event is held that was judged before.
type quarantine struct {
	On        bool  `json:"on"`
	Releasing bool  `json:"releasing,omitempty"`
	Since     int64 `json:"since"`           // ms, of the last change
	Began     int64 `json:"began,omitempty"` // ms, of the quarantine whose events are released
}

// held leads to an event of the ledger that waits for its release.
type held struct {
	Part  string `json:"part"`
	Sort  string `json:"sort"`
	Since int64  `json:"since"` // ms: the quarantine that held it; one that was lifted without release holds it for good
}

func (d *draft) quarantine(s scope) (q quarantine, err error) {
	return q, d.read(quarantineKey(s), &q)
}

// Settling is how long after the end of a quarantine an event may still come in as held: a batch that was judged before and is
// not written yet. It is longer than any invocation, and than a message stays with a consumer that has died.
const Settling = 2 * time.Minute

// Quarantine holds a channel of a tenant back from now on: its events are accepted and kept, and counted as such only. It can
// be repeated.
func (c *Counter) Quarantine(ctx context.Context, t conversion.Tenant, ch conversion.Channel) error {
	return c.change(ctx, scope{t, ch}, func(q quarantine) (quarantine, bool) {
		return quarantine{On: true, Since: c.Now().UnixMilli()}, !q.On
	})
}

// Lift ends a quarantine. With release the events that are held are counted by Release, once each; without they stay as they
// are, counted as quarantined. It can be repeated; a channel that is not in quarantine stays as it is.
func (c *Counter) Lift(ctx context.Context, t conversion.Tenant, ch conversion.Channel, release bool) error {
	return c.change(ctx, scope{t, ch}, func(q quarantine) (quarantine, bool) {
		return quarantine{Releasing: release, Since: c.Now().UnixMilli(), Began: q.Since}, q.On
	})
}

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
	rows, err := c.Store.Get(ctx, quarantineKey(s))
	if err != nil {
		return 0, err
	}
	var q quarantine
	if rows[0].Version > 0 {
		if err := decode(rows[0], &q); err != nil {
			return 0, err
		}
	}
	for q.Releasing && n < limit {
		rows, err := c.Store.List(ctx, heldPart(s), "", "", min(releaseBatch, limit-n))
		if err != nil {
			return n, err
		}
		if len(rows) == 0 {
			return n, c.settled(ctx, s)
		}
		var freed int
		err = c.retry(ctx, func() (err error) {
			freed, err = c.release(ctx, s, rows, q.Began)
			return err
		})
		if n += freed; err != nil {
			return n, err
		}
	}
	return n, nil
}

// settled ends the releasing once nothing can come any more.
func (c *Counter) settled(ctx context.Context, s scope) error {
	return c.change(ctx, s, func(q quarantine) (quarantine, bool) {
		over := !c.Now().Before(time.UnixMilli(q.Since).Add(Settling))
		return quarantine{Since: q.Since}, q.Releasing && over
	})
}

// release counts the events that these rows lead to, if it was the quarantine that began then that held them, and returns how many
// they were. A row that is gone was released by somebody else.
func (c *Counter) release(ctx context.Context, s scope, rows []row.Row, began int64) (freed int, err error) {
	d := newDraft(c.Store)
	var ledger []row.Key
	var keys []row.Key
	discarded := map[row.Key]bool{}
	for _, r := range rows {
		var h held
		if err := json.Unmarshal(r.Value, &h); err != nil {
			return 0, fmt.Errorf("counting.release: %T", err)
		}
		ledger = append(ledger, row.Key{Part: h.Part, Sort: h.Sort})
		keys = append(keys, r.Key)
		discarded[r.Key] = h.Since != began
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
		if discarded[keys[i]] {
			continue
		}
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
