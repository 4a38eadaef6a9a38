package counting

import (
	"context"
	"maps"
	"slices"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
)

// Repair counts a window of a channel again from the ledger, puts that in the place of its counters where they differ, and
// publishes it as a further version if it is final. It is for an operator who was told of a difference, and can be repeated. How
// often events were sent and how many came late the ledger does not know: those stay, and so do minutes. With ErrExpired the ledger no longer
// has the window's events, and nothing is done.
func (c *Counter) Repair(ctx context.Context, t conversion.Tenant, ch conversion.Channel, w conversion.Window) (changed int, err error) {
	if err := kept(w, c.Now()); err != nil {
		return 0, err
	}
	s := scope{t, ch}
	for shard := range c.Shards {
		n := 0
		err := c.retry(ctx, func() (err error) {
			n, err = c.repair(ctx, s, w, shard)
			return err
		})
		if err != nil {
			return changed, err
		}
		if changed += n; n == 0 {
			continue
		}
		due, err := c.Store.Get(ctx, dueKey(s, w, shard))
		if err != nil {
			return changed, err
		}
		if w.Phase(c.Now()) == conversion.Final && due[0].Version > 0 {
			if _, err := c.close(ctx, due[0]); err != nil {
				return changed, err
			}
		}
	}
	return changed, nil
}

// Differences returns where the counters of a channel and the ledger disagree, in the windows from first to before end. Events that come
// meanwhile are no difference: each window that differs is looked at again by itself. With ErrExpired the ledger no longer has them all.
func (c *Counter) Differences(ctx context.Context, t conversion.Tenant, ch conversion.Channel, first, end conversion.Window) (out []conversion.Difference, err error) {
	if err := kept(first, c.Now()); err != nil {
		return nil, err
	}
	s := scope{t, ch}
	all, err := c.compare(ctx, s, first, end)
	if err != nil {
		return nil, err
	}
	windows := map[conversion.Window]bool{}
	for _, d := range all {
		windows[d.Window] = true
	}
	for _, w := range slices.Sorted(maps.Keys(windows)) {
		some, err := c.compare(ctx, s, w, w+1)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// repair mends the rows of one shard, one a type, and returns how many differed. They are read before the ledger: an event that
// is counted meanwhile changes their versions, and nothing is written.
func (c *Counter) repair(ctx context.Context, s scope, w conversion.Window, shard int) (changed int, err error) {
	d := newDraft(c.Store)
	keys := []row.Key{dueKey(s, w, shard)}
	for _, k := range conversion.Types() {
		keys = append(keys, countersKey("W", s.tenant, conversion.Row{At: w.Start(), Channel: s.channel, Type: k, Shard: shard}))
	}
	if err := d.load(ctx, keys...); err != nil {
		return 0, err
	}
	b := conversion.Book{}
	part := ledgerPart(dayOf(w.Start()), s.channel, shard)
	err = ledgerRows(ctx, c.Store, part, s, w, w+1, func(l ledgered, e conversion.Event, id conversion.Identity) error {
		cell, n := conversion.Recount(e, id, l.Quarantined)
		return b.Add(cell, n)
	})
	if err != nil {
		return 0, err
	}
	for i, k := range conversion.Types() {
		var stored counters
		if err := d.read(keys[i+1], &stored); err != nil {
			return 0, err
		}
		is, err := stored.counts()
		if err != nil {
			return 0, err
		}
		should := b[conversion.Cell{Window: w, Channel: s.channel, Type: k}]
		should.Duplicates, should.Conflicts, should.Late = is.Duplicates, is.Conflicts, is.Late
		if should.Equal(is) {
			continue
		}
		changed++
		if err := d.write(keys[i+1], countersOf(should), time.Time{}); err != nil {
			return 0, err
		}
	}
	if changed == 0 {
		return 0, nil
	}
	if err := d.write(keys[0], struct{}{}, time.Time{}); err != nil {
		return 0, err
	}
	return changed, d.save(ctx)
}
