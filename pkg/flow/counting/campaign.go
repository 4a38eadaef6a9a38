package counting

import (
	"context"
	"maps"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/row"
)

// fit ends the page where as many events lie before it as one answer reads. The counters tell how many there are.
func (p *answer) fit(ctx context.Context, channels []conversion.Channel) error {
	events := make([]int64, len(p.rows))
	for _, ch := range channels {
		s := scope{p.ask.Tenant, ch}
		for _, day := range days(conversion.WindowOf(p.ask.From), conversion.WindowOf(p.end.Add(conversion.Width-1))) {
			err := each(ctx, p.query.Store, s.countersPart(p.letter(), day), p.ask.From, p.end, func(r row.Row) error {
				c, err := readCounts(r)
				if err == nil {
					events[p.at[instant(r.Key.Sort).Unix()]] += c.Unique()
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	fits, sum := 0, int64(0)
	for i, r := range p.rows {
		if sum += events[i]; sum > metric.MaxCampaignEvents {
			break
		}
		if conversion.WindowOf(r.End).Start().Equal(r.End) { // the next page begins on a window's edge
			fits = i + 1
		}
	}
	if fits == 0 {
		return &conversion.Refusal{Reason: conversion.Malformed, Problems: []conversion.Problem{{Path: "passo", Code: conversion.CodeMaximum}}}
	}
	p.rows, p.end = p.rows[:fits], p.rows[fits-1].End
	maps.DeleteFunc(p.at, func(_ int64, i int) bool { return i >= fits })
	return nil
}

// campaign adds what the ledger has of the campaign in one channel.
func (p *answer) campaign(ctx context.Context, s scope, first, end conversion.Window) error {
	start := func(e conversion.Event) time.Time { return conversion.WindowOf(e.At).Start() }
	if p.ask.Step == conversion.ByMinute {
		start = func(e conversion.Event) time.Time { return conversion.MinuteOf(e.At) }
	}
	c := Counter{Store: p.query.Store, Shards: p.query.Shards}
	return c.events(ctx, s, first, end, func(l ledgered, e conversion.Event, id conversion.Identity) error {
		if conversion.CampaignOf(e.Metadata.Campaign) != p.ask.Campaign {
			return nil
		}
		a := conversion.Arrival{Event: e, Identity: id, Quarantined: l.Quarantined, Applied: time.UnixMilli(l.Applied)}
		return p.add(start(e), e.Type, a.Counts())
	})
}
