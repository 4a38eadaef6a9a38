package counting

import (
	"bytes"
	"context"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
)

// days returns the UTC days that the windows from the first to before the end lie in.
func days(first, end conversion.Window) (out []string) {
	for day := conversion.DayOf(first.Start(), time.UTC); day.Start(time.UTC).Before(end.Start()); day = day.Plus(1) {
		out = append(out, day.String())
	}
	return out
}

// page is how many rows one List asks for.
const page = 1000

// each calls f for the rows of a Part that start in [from, to).
func each(ctx context.Context, s Store, part string, from, to time.Time, f func(row.Row) error) error {
	after := millis(from.Add(-time.Millisecond)) + "~" // behind every row of the millisecond before
	prefix := common(millis(from), millis(to.Add(-time.Millisecond)))
	for end := millis(to); ; {
		rows, err := s.List(ctx, part, prefix, after, page) // a window is few rows of a day: no page of what comes behind it
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Key.Sort >= end {
				return nil
			}
			if err := f(r); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		after = rows[len(rows)-1].Key.Sort
	}
}

// common returns what two texts begin with alike.
func common(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// all calls f for every row of a Part.
func all(ctx context.Context, s Store, part string, f func(row.Row) error) error {
	for after := ""; ; {
		rows, err := s.List(ctx, part, "", after, page)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := f(r); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		after = rows[len(rows)-1].Key.Sort
	}
}

// Counters returns what was counted of a tenant in the windows from first to before end.
func (c *Counter) Counters(ctx context.Context, t conversion.Tenant, first, end conversion.Window) (conversion.Book, error) {
	b := conversion.Book{}
	for _, ch := range conversion.Channels() {
		if err := counted(ctx, c.Store, scope{t, ch}, first, end, b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// counted adds the windows of a channel to a book.
func counted(ctx context.Context, s Store, sc scope, first, end conversion.Window, b conversion.Book) error {
	for _, day := range days(first, end) {
		err := each(ctx, s, sc.countersPart("W", day), first.Start(), end.Start(), func(r row.Row) error {
			n, err := readCounts(r)
			if err != nil {
				return err
			}
			return b.Add(conversion.Cell{Window: conversion.WindowOf(instant(r.Key.Sort)), Channel: sc.channel, Type: typeOf(r.Key.Sort)}, n)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Ledger counts a tenant's events of the windows from first to before end again. How often they were sent, and how many came
// late, the ledger does not know.
func (c *Counter) Ledger(ctx context.Context, t conversion.Tenant, first, end conversion.Window) (conversion.Book, error) {
	b := conversion.Book{}
	for _, ch := range conversion.Channels() {
		err := c.events(ctx, scope{t, ch}, first, end, func(l ledgered, e conversion.Event, id conversion.Identity) error {
			cell, n := conversion.Recount(e, id, l.Quarantined)
			n.Late = 0
			return b.Add(cell, n)
		})
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// events calls f for the events of a channel in the windows from first to before end.
func (c *Counter) events(ctx context.Context, s scope, first, end conversion.Window, f func(ledgered, conversion.Event, conversion.Identity) error) error {
	for _, day := range days(first, end) {
		for shard := range c.Shards {
			if err := ledgerRows(ctx, c.Store, ledgerPart(day, s.channel, shard), s, first, end, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// ledgerRows calls f for the events of a tenant in one Part of the ledger.
func ledgerRows(ctx context.Context, st Store, part string, s scope, first, end conversion.Window, f func(ledgered, conversion.Event, conversion.Identity) error) error {
	return each(ctx, st, part, first.Start(), end.Start(), func(r row.Row) error {
		var l ledgered
		if !bytes.Contains(r.Value, []byte(s.tenant)) { // most rows of a Part may be somebody else's
			return nil
		}
		if err := decode(r, &l); err != nil {
			return err
		}
		if l.Tenant != s.tenant {
			return nil
		}
		e, id, err := l.open()
		if err != nil {
			return err
		}
		return f(l, e, id)
	})
}

// scopes returns the channels of tenants that anything ever arrived of, with what arrived of them lately.
func (c *Counter) scopes(ctx context.Context) (map[scope]pulse, error) {
	out := map[scope]pulse{}
	for shard := range c.Shards {
		err := all(ctx, c.Store, pulsePart(shard), func(r row.Row) error {
			var p pulse
			if err := decode(r, &p); err != nil {
				return err
			}
			s, _ := scopeOf(r.Key.Sort)
			sum := out[s]
			sum.Recent = recentTexts(recentOf(sum.Recent).Merge(recentOf(p.Recent)))
			sum.Conflict, sum.Late = max(sum.Conflict, p.Conflict), sum.Late.plus(p.Late)
			sum.Minutes, sum.Hours = append(sum.Minutes, p.Minutes...), append(sum.Hours, p.Hours...)
			out[s] = sum
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
