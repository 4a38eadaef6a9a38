package counting

import (
	"context"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/row"
)

// Query reads the counters. Every field but Policy is required.
type Query struct {
	Store  Store
	Shards int // of the ledger, as Counter's
	Policy conversion.Policy
	Zone   *time.Location // whose days costs are told by
	Now    func() time.Time
}

// Rows answers a query: one row a step, also where nothing was counted, of what is counted at this moment. Late events are in the
// row of their own time. What cannot be said is null with its reason. A query that cannot be answered is a *conversion.Refusal.
func (q *Query) Rows(ctx context.Context, ask metric.Query) (metric.Answer, error) {
	now := q.Now().UTC()
	if err := ask.Check(now); err != nil {
		return metric.Answer{}, err
	}
	ask.Campaign = conversion.CampaignOf(ask.Campaign)
	p := answer{ask: ask, query: q, now: now}
	p.lay()
	channels := conversion.Channels()
	if ask.Channel != "" {
		channels = []conversion.Channel{ask.Channel}
	}
	if ask.Campaign != "" {
		if kept(conversion.WindowOf(ask.From), now) != nil {
			return metric.Answer{}, &conversion.Refusal{Reason: conversion.Malformed, Problems: []conversion.Problem{{Path: "da", Code: conversion.CodePast}}}
		}
		if err := p.fit(ctx, channels); err != nil {
			return metric.Answer{}, err
		}
	}
	for _, ch := range channels {
		if err := p.channel(ctx, scope{ask.Tenant, ch}); err != nil {
			return metric.Answer{}, err
		}
	}
	return p.finish(), nil
}

// answer is a page at work.
type answer struct {
	ask     metric.Query
	query   *Query
	now     time.Time
	end     time.Time // of the page
	rows    []metric.Row
	cohorts [][]conversion.Cohort // of each row, one a channel
	costs   []conversion.Costs
	at      map[int64]int  // the row of a minute or a window, by its start in seconds
	bought  map[int64]bool // those in which the channel at work has conversions
}

// lay lays out the rows, and finds where the page ends.
func (p *answer) lay() {
	p.at = map[int64]int{}
	unit, most := conversion.Width, metric.MaxRows
	if p.ask.Step == conversion.ByMinute {
		unit, most = time.Minute, metric.MaxRows/5*5 // the next page begins on a window's edge
	}
	limit := p.ask.From.Add(metric.MaxSpan)
	if p.ask.Campaign != "" {
		limit = p.ask.From.Add(metric.MaxCampaignSpan)
	}
	for t := p.ask.From; t.Before(p.ask.To) && t.Before(limit) && len(p.rows) < most; t = p.end {
		_, end, _ := p.ask.Step.Bounds(t, p.ask.Zone)
		if end = ceiling(end); end.After(p.ask.To) {
			end = p.ask.To
		}
		for u := t; u.Before(end); u = u.Add(unit) {
			p.at[u.Unix()] = len(p.rows)
		}
		p.rows = append(p.rows, metric.Row{Start: t.In(p.ask.Zone), End: end.In(p.ask.Zone), Final: true})
		p.cohorts, p.costs = append(p.cohorts, nil), append(p.costs, nil)
		p.end = end
	}
}

// ceiling returns the first whole minute that is not before t. Hours and days begin on edges of windows in every place of today.
func ceiling(t time.Time) time.Time {
	if m := conversion.MinuteOf(t); m.Before(t) {
		return m.Add(time.Minute)
	}
	return t
}

// channel adds what there is of one channel.
func (p *answer) channel(ctx context.Context, s scope) error {
	before := make([]int64, len(p.rows))
	p.bought = map[int64]bool{}
	for i := range p.rows {
		p.cohorts[i] = append(p.cohorts[i], conversion.Cohort{})
		before[i] = p.rows[i].Totals.Conversions
	}
	letter := p.letter()
	first, end := conversion.WindowOf(p.ask.From), conversion.WindowOf(p.end.Add(conversion.Width-1))
	counted := map[conversion.Window]conversion.Counts{}
	published := map[conversion.Window]conversion.Snapshot{}
	for _, day := range days(first, end) {
		if err := p.counters(ctx, s, letter, day, counted); err != nil {
			return err
		}
		if letter == "W" {
			if err := p.beside(ctx, s, day, published); err != nil {
				return err
			}
		}
	}
	for w := first; w < end; w++ {
		p.settle(w, counted[w], published[w])
	}
	if p.ask.Campaign != "" {
		if err := p.campaign(ctx, s, first, end); err != nil {
			return err
		}
	}
	for i := range p.rows {
		p.cohort(i).Conversions = p.rows[i].Totals.Conversions - before[i]
	}
	return p.spread(ctx, s, first, end)
}

// cohort is that of the channel at work in a row.
func (p *answer) cohort(i int) *conversion.Cohort { return &p.cohorts[i][len(p.cohorts[i])-1] }

// letter names the counters that the rows are made of.
func (p *answer) letter() string {
	if p.ask.Step == conversion.ByMinute {
		return "N"
	}
	return "W"
}

// counters adds the rows of one day, and tells what was counted of each window in all.
func (p *answer) counters(ctx context.Context, s scope, letter, day string, counted map[conversion.Window]conversion.Counts) error {
	return each(ctx, p.query.Store, s.countersPart(letter, day), p.ask.From, p.end, func(r row.Row) error {
		c, err := readCounts(r)
		if err != nil {
			return err
		}
		at := instant(r.Key.Sort)
		sum, err := counted[conversion.WindowOf(at)].Plus(c)
		if err != nil {
			return err
		}
		counted[conversion.WindowOf(at)] = sum
		if p.ask.Campaign != "" {
			return nil
		}
		return p.add(at, typeOf(r.Key.Sort), c)
	})
}

// add adds to the row of a minute or a window what the query asks for.
func (p *answer) add(at time.Time, of conversion.Type, c conversion.Counts) error {
	if p.ask.Type != "" && of != p.ask.Type {
		return nil
	}
	if p.ask.Currency != "" {
		c.Value = inOnly(c.Value, p.ask.Currency)
	}
	t := &p.rows[p.at[at.Unix()]].Totals
	before := t.Conversions
	err := t.Add(p.query.Policy, of, c)
	if t.Conversions > before {
		p.bought[at.Unix()] = true
	}
	return err
}

// inOnly returns what is of one currency.
func inOnly(m conversion.Money, c conversion.Currency) conversion.Money {
	if s, ok := m[c]; ok {
		return conversion.Money{c: s}
	}
	return nil
}

// beside reads the published versions and the entries of one day.
func (p *answer) beside(ctx context.Context, s scope, day string, published map[conversion.Window]conversion.Snapshot) error {
	err := each(ctx, p.query.Store, s.countersPart("S", day), p.ask.From, p.end, func(r row.Row) error {
		snap, err := readSnapshot(r)
		if err != nil {
			return err
		}
		published[conversion.WindowOf(instant(r.Key.Sort))] = snap // the last version comes last
		return nil
	})
	if err != nil || p.ask.Campaign != "" {
		return err
	}
	return each(ctx, p.query.Store, s.countersPart("I", day), p.ask.From, p.end, func(r row.Row) error {
		var e conversion.Entries
		if err := decode(r, &e); err != nil {
			return err
		}
		c := p.cohort(p.at[instant(r.Key.Sort).Unix()])
		c.Entries = c.Entries.Plus(e)
		return nil
	})
}

// settle says what a window means for whether its row is final.
func (p *answer) settle(w conversion.Window, counted conversion.Counts, last conversion.Snapshot) {
	final := w.Phase(p.now) == conversion.Final
	if p.ask.Step == conversion.ByMinute {
		for m := w.Start(); m.Before(w.End()); m = m.Add(time.Minute) {
			if i, ok := p.at[m.Unix()]; ok {
				p.rows[i].Final = p.rows[i].Final && final
			}
		}
		return
	}
	i, ok := p.at[w.Start().Unix()]
	if !ok {
		return
	}
	p.rows[i].Version += last.Version
	p.rows[i].Final = p.rows[i].Final && final && last.Counts.Equal(counted)
}

// spread adds the costs of the days that the windows lie in, each window its share.
func (p *answer) spread(ctx context.Context, s scope, first, end conversion.Window) error {
	zone := p.query.Zone
	last := conversion.DayOf((end - 1).Start(), zone)
	for day := conversion.DayOf(first.Start(), zone); !day.Start(zone).After(last.Start(zone)); day = day.Plus(1) {
		costs, err := costsOf(ctx, p.query.Store, s, day, p.ask.Campaign)
		if err != nil {
			return err
		}
		told := len(costs) > 0
		if p.ask.Currency != "" {
			cents, ok := costs[p.ask.Currency]
			if costs = nil; ok {
				costs = conversion.Costs{p.ask.Currency: cents}
			}
		}
		from, n := day.Windows(zone)
		whole := p.holds(from, from+conversion.Window(n-1))
		for i := range n {
			if err := p.charge(from+conversion.Window(i), told, costs.Share(n, i), !whole); err != nil {
				return err
			}
		}
	}
	return nil
}

// holds reports whether one row has both windows, and so all between them.
func (p *answer) holds(first, last conversion.Window) bool {
	i, begins := p.at[first.Start().Unix()]
	j, ends := p.at[last.Start().Unix()]
	return begins && ends && i == j
}

// charge adds the costs of a window to its row, or to those of its minutes. Where none were told, the channel's conversions of that time
// are without. share: the row has a part of the day that they were told for.
func (p *answer) charge(w conversion.Window, told bool, costs conversion.Costs, share bool) error {
	parts, unit := 1, conversion.Width
	if p.ask.Step == conversion.ByMinute {
		parts, unit = 5, time.Minute
	}
	for j := range parts {
		at := w.Start().Add(time.Duration(j) * unit).Unix()
		i, ok := p.at[at]
		if ok && !told && p.bought[at] {
			p.cohort(i).Uncosted = true
		}
		if !ok || len(costs) == 0 {
			continue
		}
		sum, err := p.costs[i].Plus(costs.Share(parts, j))
		if err != nil {
			return err
		}
		p.costs[i] = sum
		p.rows[i].Estimated = p.rows[i].Estimated || share
	}
	return nil
}

func (p *answer) finish() metric.Answer {
	for i := range p.rows {
		p.rows[i].Rates = conversion.RatesOf(p.rows[i].Totals, conversion.Together(p.cohorts[i]...), p.costs[i])
		if cpa := &p.rows[i].Rates.CPA; cpa.Null == "" && !conversion.Costed(p.cohorts[i]...) {
			*cpa = conversion.Amounts{Null: conversion.PartOfCosts}
		}
		if mean := &p.rows[i].Rates.MeanValue; p.ask.Currency != "" && mean.Null == conversion.NoValue {
			mean.Null = conversion.NoConversions // in that currency
		}
	}
	a := metric.Answer{Rows: p.rows, Now: p.now}
	if p.end.Before(p.ask.To) {
		a.Next = p.end.In(p.ask.Zone)
	}
	return a
}
