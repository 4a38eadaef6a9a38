package counting_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
)

func rome(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// ask answers a query and all its further pages.
func (b *bench) ask(t *testing.T, q metric.Query) (rows []metric.Row) {
	t.Helper()
	reader := counting.Query{Store: b.Store, Shards: b.Shards, Zone: rome(t), Now: b.clock}
	if q.Tenant == "" {
		q.Tenant = tenant
	}
	if q.Zone == nil {
		q.Zone = rome(t)
	}
	for pages := 0; ; pages++ {
		a, err := reader.Rows(t.Context(), q)
		if err != nil || pages > 400 {
			t.Fatalf("page %d: %v", pages, err)
		}
		if len(a.Rows) > metric.MaxRows {
			t.Fatalf("%d rows", len(a.Rows))
		}
		rows = append(rows, a.Rows...)
		if a.Next.IsZero() {
			return rows
		}
		q.From = a.Next
	}
}

func sum(rows []metric.Row) (c conversion.Counts, conversions int64) {
	for _, r := range rows {
		c, _ = c.Plus(r.Totals.Counts)
		conversions += r.Totals.Conversions
	}
	return c, conversions
}

// two days of events over all channels and types.
func twoDays(t *testing.T) *bench {
	b := newBench()
	for i := range 600 {
		b.apply(t, b.purchase(func(e *conversion.Event) {
			e.Client = fmt.Sprintf("CLIENTE-ROMA-%06d", i)
			e.Channel, e.Type = conversion.Channels()[i%5], conversion.Types()[i%4]
			e.At = noon.Add(-time.Duration(i*280) * time.Second)
			if i%7 == 0 {
				e.Currency = "USD"
			}
			if i%11 == 0 {
				e.State = conversion.Failed
			}
		}))
	}
	return b
}

func TestTheSameIsCountedInMinutesWindowsHoursAndDaysAndInEveryPage(t *testing.T) {
	b := twoDays(t)
	want := b.total(t)
	from := noon.Add(-48 * time.Hour)
	for _, step := range []conversion.Step{conversion.ByMinute, conversion.ByWindow, conversion.ByHour, conversion.ByDay} {
		rows := b.ask(t, metric.Query{From: from, To: noon.Add(5 * time.Minute), Step: step})
		got, conversions := sum(rows)
		left, none := sum(b.ask(t, metric.Query{From: from, To: noon.Add(5 * time.Minute), Step: step, Type: conversion.Abandonment}))
		if !got.Equal(want) || none != 0 || left.Completed == 0 || conversions != want.Completed-left.Completed {
			t.Errorf("%s: %d conversions, of abandonments %d: %+v, want %+v", step, conversions, none, got, want)
		}
		at := from
		for _, r := range rows {
			if !r.Start.Equal(at) || !r.End.After(r.Start) {
				t.Fatalf("%s: a row from %v to %v behind %v", step, r.Start, r.End, at)
			}
			at = r.End
		}
		if !at.Equal(noon.Add(5 * time.Minute)) {
			t.Errorf("%s: ends at %v", step, at)
		}
	}
}

func TestChannelsTypesAndTenantsAddUpToTheWhole(t *testing.T) {
	b := twoDays(t)
	q := metric.Query{From: noon.Add(-48 * time.Hour), To: noon.Add(5 * time.Minute), Step: conversion.ByHour}
	var byChannel, byType conversion.Counts
	for _, ch := range conversion.Channels() {
		q.Channel = ch
		c, _ := sum(b.ask(t, q))
		byChannel, _ = byChannel.Plus(c)
	}
	q.Channel = ""
	for _, k := range conversion.Types() {
		q.Type = k
		c, _ := sum(b.ask(t, q))
		byType, _ = byType.Plus(c)
	}
	if want := b.total(t); !byChannel.Equal(want) || !byType.Equal(want) {
		t.Errorf("channels %+v, types %+v, want %+v", byChannel, byType, want)
	}
	q.Type, q.Tenant = "", "another"
	if c, _ := sum(b.ask(t, q)); c.Received() != 0 {
		t.Errorf("another tenant sees %+v", c)
	}
	q.Tenant, q.Currency = "", "USD"
	if c, _ := sum(b.ask(t, q)); len(c.Value) != 1 || c.Value["USD"].N == 0 {
		t.Errorf("in dollars: %v", c.Value)
	}
}

func TestADayInRomeHasTwentyThreeToTwentyFiveHours(t *testing.T) {
	b := newBench()
	for day, want := range map[string]int{"2026-11-20": 288, "2027-03-28": 276, "2027-10-31": 300} {
		d, err := conversion.ParseDay(day)
		if err != nil {
			t.Fatal(err)
		}
		in := counting.Inputs{Store: b.rows, Now: b.clock, Patience: b.Patience}
		if _, err := in.Cost(t.Context(), metric.Cost{Tenant: tenant, Day: d, Channel: conversion.Email, Costs: conversion.Costs{"EUR": 10001}}); err != nil {
			t.Fatal(err)
		}
		q := metric.Query{From: d.Start(rome(t)), To: d.Plus(1).Start(rome(t)), Step: conversion.ByWindow}
		if rows := b.ask(t, q); len(rows) != want {
			t.Errorf("%s: %d windows", day, len(rows))
		}
		q.Step = conversion.ByDay
		if rows := b.ask(t, q); len(rows) != 1 {
			t.Errorf("%s: %d days", day, len(rows))
		}
	}
}

func TestWhatCannotBeSaidIsNullWithItsReason(t *testing.T) {
	b := newBench()
	q := metric.Query{From: noon, To: noon.Add(5 * time.Minute), Step: conversion.ByWindow, Channel: conversion.Webform}
	r := b.ask(t, q)[0].Rates
	if r.Completion.Null != conversion.NoOutcomes || r.Conversion.Null != conversion.NoEntries || r.MeanValue.Null != conversion.NoConversions || r.CPA.Null != conversion.NoCosts {
		t.Errorf("nothing counted: %+v", r)
	}
	in := counting.Inputs{Store: b.rows, Now: b.clock, Patience: b.Patience}
	cost := metric.Cost{Tenant: tenant, Day: conversion.Day{Year: 2026, Month: 11, Day: 22}, Channel: conversion.Webform, Costs: conversion.Costs{"EUR": 28800}}
	for i, want := range []int{1, 1, 2} {
		if i == 2 {
			cost.Costs = conversion.Costs{"EUR": 57600}
		}
		if v, err := in.Cost(t.Context(), cost); err != nil || v != want {
			t.Errorf("told %d times: version %d, %v", i+1, v, err)
		}
	}
	e := metric.Entry{Tenant: tenant, ID: "visits-0001", Channel: conversion.Webform, At: noon.Add(time.Minute), Entries: conversion.Entries{Visits: 8}}
	for i, want := range []bool{true, false} {
		if added, err := in.Enter(t.Context(), e); err != nil || added != want {
			t.Errorf("entered %d times: %t, %v", i+1, added, err)
		}
	}
	e.Entries.Visits = 9
	if _, err := in.Enter(t.Context(), e); !errors.Is(err, metric.ErrOtherEntry) {
		t.Errorf("another content: %v", err)
	}
	b.apply(t, b.purchase(nil), b.purchase(func(e *conversion.Event) { e.Value = 2002 }))
	row := b.ask(t, q)[0]
	r = row.Rates
	if r.Conversion.Value != 0.25 || r.Denominator != "visite" || r.CPA.Of["EUR"] != 100 || r.MeanValue.Of["EUR"] != 2000 || !row.Estimated {
		t.Errorf("%+v", row)
	}
	minutes := b.ask(t, metric.Query{From: noon, To: noon.Add(5 * time.Minute), Step: conversion.ByMinute, Channel: conversion.Webform})
	if minutes[0].Rates.CPA.Of["EUR"] != 20 || minutes[1].Rates.CPA.Null != conversion.NoConversions {
		t.Errorf("a minute's share of 200 cents: %+v", minutes[0].Rates.CPA)
	}
}

func TestWhatTheConnectorSeesIsCountedWhateverIdsCallersUse(t *testing.T) {
	b := newBench()
	in := counting.Inputs{Store: b.rows, Now: b.clock, Patience: b.Patience}
	enter := func(what string, e metric.Entry, want bool) {
		t.Helper()
		e.Tenant, e.Channel, e.At = tenant, conversion.Webform, noon
		if added, err := in.Enter(t.Context(), e); err != nil || added != want {
			t.Errorf("%s: %t, %v", what, added, err)
		}
	}
	own := func(id string) metric.Entry {
		return metric.Entry{ID: id, Own: true, Entries: conversion.Entries{Contacts: 1}}
	}
	callers := func(id string) metric.Entry { return metric.Entry{ID: id, Entries: conversion.Entries{Visits: 8}} }
	enter("a caller comes first", callers("contact-151"), true)
	enter("then the connector", own("contact-151"), true)
	enter("again", own("contact-151"), false)
	enter("the connector comes first", own("contact-152"), true)
	enter("then a caller", callers("contact-152"), true)
	enter("again", callers("contact-152"), false)

	before := own("contact-153") // as versions before wrote it
	before.Own = false
	enter("by a version before", before, true)
	enter("by this one", own("contact-153"), false)
	b.apply(t, b.purchase(nil))
	rows := b.ask(t, metric.Query{From: noon, To: noon.Add(5 * time.Minute), Step: conversion.ByWindow, Channel: conversion.Webform})
	if r := rows[0].Rates; r.Denominator != "visite" || r.Conversion.Value != 1.0/16 {
		t.Errorf("%+v", r)
	}
}

func TestALateEventMakesANewVersionAndTheOldOneStays(t *testing.T) {
	b := newBench()
	q := metric.Query{From: noon, To: noon.Add(5 * time.Minute), Step: conversion.ByWindow}
	state := func(final bool, version int) {
		t.Helper()
		if r := b.ask(t, q)[0]; r.Final != final || r.Version != version {
			t.Errorf("final %t, version %d, want %t and %d", r.Final, r.Version, final, version)
		}
	}
	closes := func(want int) {
		t.Helper()
		if _, done, err := b.Close(t.Context(), 100); err != nil || len(done) != want {
			t.Errorf("published %v, %v; want %d", done, err, want)
		}
	}
	b.apply(t, b.purchase(nil))
	state(false, 0)
	b.now = noon.Add(conversion.Width + conversion.Lateness - time.Second)
	closes(0)
	state(false, 0)
	b.now = noon.Add(conversion.Width + conversion.Lateness)
	state(false, 0) // until it is published
	closes(1)
	state(true, 1)
	closes(0)
	first := b.snapshot(t, 1)
	late := func(e *conversion.Event) { e.At, e.Value = noon.Add(time.Second), 5 }
	b.apply(t, b.purchase(late))
	state(false, 1)
	closes(1)
	state(true, 2)
	b.apply(t, b.purchase(late)) // a repeat changes the counts too
	closes(1)
	state(true, 3)
	if got := b.snapshot(t, 1); got != first {
		t.Errorf("the first version changed: %s, was %s", got, first)
	}
	if sum := b.total(t); sum.Late != 1 || sum.Completed != 2 || sum.Duplicates != 1 {
		t.Errorf("%+v", sum)
	}
}

// snapshot returns a published version as it lies in the table.
func (b *bench) snapshot(t *testing.T, version int) string {
	t.Helper()
	for r := range b.rows.All("S#") {
		if r.Key.Sort == fmt.Sprintf("%013d#%06d", noon.UnixMilli(), version) {
			return string(r.Value)
		}
	}
	t.Fatalf("no version %d", version)
	return ""
}

func TestWhatIsCountedWhileAWindowIsPublishedIsPublishedNext(t *testing.T) {
	b := newBench()
	b.apply(t, b.purchase(nil))
	b.now = noon.Add(time.Hour)
	armed := true
	b.Store = &faulty{Store: b.rows, before: func() error {
		if armed { // between the reading of the window and its publication
			armed = false
			other := b.Counter
			other.Store = b.rows
			if _, err := other.Apply(t.Context(), b.purchase(func(e *conversion.Event) { e.At, e.Value = noon.Add(time.Second), 5 })); err != nil {
				t.Error(err)
			}
		}
		return nil
	}}
	if _, done, err := b.Close(t.Context(), 100); err != nil || len(done) != 0 {
		t.Errorf("published %v, %v", done, err)
	}
	b.Store = b.rows
	if _, done, err := b.Close(t.Context(), 100); err != nil || len(done) != 1 {
		t.Errorf("published %v, %v", done, err)
	}
	if r := b.ask(t, metric.Query{From: noon, To: noon.Add(5 * time.Minute), Step: conversion.ByWindow})[0]; !r.Final || r.Totals.Counts.Completed != 2 {
		t.Errorf("%+v", r)
	}
}

func TestAQueryThatCannotBeAnsweredSaysWhy(t *testing.T) {
	b := newBench()
	reader := counting.Query{Store: b.rows, Zone: rome(t), Now: b.clock}
	good := metric.Query{Tenant: tenant, From: noon, To: noon.Add(time.Hour), Step: conversion.ByHour, Zone: time.UTC}
	for want, edit := range map[string]func(*metric.Query){
		"{da formato}":               func(q *metric.Query) { q.From = q.From.Add(time.Second) },
		"{a formato}":                func(q *metric.Query) { q.To = q.To.Add(time.Minute) },
		"{a minimo}":                 func(q *metric.Query) { q.To = q.From },
		"{passo valore_non_ammesso}": func(q *metric.Query) { q.Step = "2h" },
		"{da troppo_vecchio}":        func(q *metric.Query) { q.Step, q.From = conversion.ByMinute, noon.Add(-48*time.Hour-5*time.Minute) },
		"{fuso valore_non_ammesso}":  func(q *metric.Query) { q.Zone = nil },
	} {
		q := good
		edit(&q)
		_, err := reader.Rows(t.Context(), q)
		r, ok := errors.AsType[*conversion.Refusal](err)
		if !ok || r.Reason != conversion.Malformed || fmt.Sprint(r.Problems[0]) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestACampaignIsToldOfTheTimeWhoseEventsAreKept(t *testing.T) {
	b := newBench()
	reader := counting.Query{Store: b.rows, Shards: 4, Zone: rome(t), Now: b.clock}
	first := noon.Add(10*time.Minute - counting.KeptEvents)
	ask := metric.Query{Tenant: tenant, From: first, To: first.Add(time.Hour), Step: conversion.ByHour, Zone: time.UTC, Campaign: "Natale"}
	if _, err := reader.Rows(t.Context(), ask); err != nil {
		t.Error(err)
	}
	ask.From = first.Add(-5 * time.Minute)
	_, err := reader.Rows(t.Context(), ask)
	if r, ok := errors.AsType[*conversion.Refusal](err); !ok || r.Reason != conversion.Malformed || fmt.Sprint(r.Problems) != "[{da troppo_vecchio}]" {
		t.Errorf("five minutes earlier: %v", err)
	}
	ask.Campaign = ""
	if _, err := reader.Rows(t.Context(), ask); err != nil {
		t.Errorf("of all campaigns, whose counters stay: %v", err)
	}
}

func TestARateOverAllChannelsIsNotThatOfOne(t *testing.T) {
	b := newBench()
	for range 3 {
		b.apply(t, b.purchase(func(e *conversion.Event) { e.Client = fmt.Sprintf("CLIENTE-ROMA-%06d", b.n) }))
	}
	in := counting.Inputs{Store: b.rows, Now: b.clock, Patience: b.Patience}
	visits := func(ch conversion.Channel, id string) {
		if _, err := in.Enter(t.Context(), metric.Entry{Tenant: tenant, ID: id, Channel: ch, At: noon, Entries: conversion.Entries{Visits: 6}}); err != nil {
			t.Fatal(err)
		}
	}
	rate := func() conversion.Rate {
		return b.ask(t, metric.Query{From: noon, To: noon.Add(5 * time.Minute), Step: conversion.ByWindow})[0].Rates.Conversion
	}
	visits(conversion.Email, "visits-0001")
	if r := rate(); r.Null != conversion.NoEntries {
		t.Errorf("of a channel that nobody told of: %+v", r)
	}
	visits(conversion.Webform, "visits-0002")
	if r := rate(); r.Null != "" || r.Value != 0.25 {
		t.Errorf("of both: %+v", r)
	}
}

func TestWhatAConversionOfAllChannelsCostsIsNoGuess(t *testing.T) {
	b := newBench()
	in := counting.Inputs{Store: b.rows, Now: b.clock, Patience: b.Patience}
	day := conversion.DayOf(noon, rome(t))
	cost := func(day conversion.Day, ch conversion.Channel, currency conversion.Currency, cents conversion.Cents) {
		t.Helper()
		if _, err := in.Cost(t.Context(), metric.Cost{Tenant: tenant, Day: day, Channel: ch, Costs: conversion.Costs{currency: cents}}); err != nil {
			t.Fatal(err)
		}
	}
	q := metric.Query{From: day.Start(rome(t)), To: day.Plus(1).Start(rome(t)), Step: conversion.ByDay, Zone: rome(t)}
	wants := func(what, want string, q metric.Query) {
		t.Helper()
		r := b.ask(t, q)[0].Rates.CPA
		if got := strings.TrimSuffix(fmt.Sprintf("%s%v", r.Null, r.Of), "map[]"); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	for i := range 10 {
		b.apply(t, b.purchase(func(e *conversion.Event) {
			e.ID = fmt.Sprintf("order-%04d", i)
			if i == 0 {
				e.Channel = conversion.Email
			}
		}))
	}
	b.apply(t, b.purchase(func(e *conversion.Event) { e.Channel, e.State = conversion.SMS, conversion.Failed }))
	wants("nobody told", "nessun_costo", q)
	cost(day, conversion.Email, "EUR", 10_000)
	cost(day, conversion.WhatsApp, "EUR", 10)
	wants("of webform nobody told", "costi_incompleti", q)
	one := q
	one.Channel = conversion.Email
	wants("of email", "map[EUR:100.00]", one)
	one.Channel = conversion.Webform
	wants("of webform", "nessun_costo", one)
	minute := metric.Query{From: noon, To: noon.Add(5 * time.Minute), Step: conversion.ByMinute}
	wants("of a minute", "costi_incompleti", minute)
	cost(day, conversion.Webform, "USD", 1000)
	wants("all told", "map[EUR:10.01 USD:1.00]", q)
	q.Currency = "EUR"
	wants("in one currency", "map[EUR:10.01]", q)

	b.now = day.Plus(1).Start(rome(t)) // still the same day in UTC
	utc := metric.Query{From: day.Start(time.UTC), To: day.Plus(1).Start(time.UTC), Step: conversion.ByDay, Currency: "EUR", Zone: time.UTC}
	wants("of a day that reaches into the next", "map[EUR:9.59]", utc)
	b.apply(t, b.purchase(named("order-1000")))
	wants("and has a conversion there", "costi_incompleti", utc)
	cost(day.Plus(1), conversion.Webform, "EUR", 0)
	wants("whose costs are told", "map[EUR:8.72]", utc)
}

// reads counts how often the counters of windows are read.
type reads struct {
	counting.Store
	windows int
}

func (r *reads) List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error) {
	if strings.HasPrefix(part, "W#") {
		r.windows++
	}
	return r.Store.List(ctx, part, sortPrefix, after, limit)
}

func TestAWindowThatWasCountedInByManyShardsIsReadOnceAndPublishedOnce(t *testing.T) {
	b := newBench()
	b.Shards = 120 // more than one transaction takes
	for i := range 400 {
		b.apply(t, b.purchase(func(e *conversion.Event) { e.Client = fmt.Sprintf("CLIENTE-ROMA-%06d", i) }))
	}
	store := &reads{Store: b.rows}
	b.Store, b.now = store, noon.Add(time.Hour)
	looked, done, err := b.Close(t.Context(), 10_000)
	if err != nil || looked < 100 || len(done) != 1 || done[0].Version != 1 || store.windows > 3 {
		t.Errorf("%d rows, %+v, %d reads, %v", looked, done, store.windows, err)
	}
	if looked, done, err = b.Close(t.Context(), 10_000); looked != 0 || len(done) != 0 || err != nil {
		t.Errorf("again: %d rows, %+v, %v", looked, done, err)
	}
	for range 3 { // as many rows as it may, and the rest at the next time
		b.now = noon
		for i := range 40 {
			b.apply(t, b.purchase(func(e *conversion.Event) {
				e.Client, e.At = fmt.Sprintf("CLIENTE-ROMA-%06d", i), noon.Add(time.Duration(i%4)*conversion.Width)
			}))
		}
		b.now = noon.Add(2 * time.Hour)
		for n := 0; ; n++ {
			if looked, _, err = b.Close(t.Context(), 10); err != nil || looked == 0 || n > 20 {
				break
			}
		}
		if err != nil || looked != 0 {
			t.Errorf("%d rows are left, %v", looked, err)
		}
	}
}

// narrow is a table that takes no version of one window.
type narrow struct {
	counting.Store
	window string
}

func (n *narrow) Put(ctx context.Context, puts ...row.Put) error {
	if slices.ContainsFunc(puts, func(p row.Put) bool {
		return strings.HasPrefix(p.Key.Sort, n.window+"#") && strings.HasPrefix(p.Key.Part, "S#")
	}) {
		return &fault.Error{Op: "narrow.Put", Kind: fault.Ours, Err: errors.New("too large")}
	}
	return n.Store.Put(ctx, puts...)
}

func TestAWindowThatCannotBePublishedKeepsNoOtherOneOpen(t *testing.T) {
	b := newBench()
	for i := range 3 {
		b.apply(t, b.purchase(func(e *conversion.Event) {
			e.Client, e.At = fmt.Sprintf("CLIENTE-ROMA-%06d", i), noon.Add(time.Duration(i)*conversion.Width)
		}))
	}
	b.Store, b.now = &narrow{b.rows, fmt.Sprint(conversion.WindowOf(noon).Start().UnixMilli())}, noon.Add(2*time.Hour)
	_, done, err := b.Close(t.Context(), 100)
	if len(done) != 2 || fault.KindOf(err) != fault.Ours || !strings.Contains(err.Error(), "the window of "+noon.UTC().Format(time.RFC3339)) {
		t.Errorf("published %+v, %v", done, err)
	}
	b.Store = b.rows
	if _, done, err = b.Close(t.Context(), 100); err != nil || len(done) != 1 {
		t.Errorf("the one that stayed due: %+v, %v", done, err)
	}
}

func TestCostsAreEstimatedWhereARowHasAPartOfTheirDay(t *testing.T) {
	b := newBench()
	in := counting.Inputs{Store: b.rows, Now: b.clock, Patience: b.Patience}
	cost := metric.Cost{Tenant: tenant, Day: conversion.Day{Year: 2026, Month: 11, Day: 22}, Channel: conversion.Webform, Costs: conversion.Costs{"EUR": 10000}}
	if _, err := in.Cost(t.Context(), cost); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, rome(t))
	for _, x := range []struct {
		name     string
		from, to time.Time
		zone     *time.Location
		want     int
	}{
		{"the day", day, day.AddDate(0, 0, 1), nil, 0},
		{"the day and half of the next, which has no costs", day, day.Add(36 * time.Hour), nil, 0},
		{"from noon", day.Add(12 * time.Hour), day.AddDate(0, 0, 1), nil, 1},
		{"until noon", day, day.Add(12 * time.Hour), nil, 1},
		{"without the last window", day, day.AddDate(0, 0, 1).Add(-5 * time.Minute), nil, 1},
		{"the day of another place", day.Add(time.Hour), day.Add(25 * time.Hour), time.UTC, 1},
		{"two days of another place", day.Add(-23 * time.Hour), day.Add(25 * time.Hour), time.UTC, 2},
	} {
		rows := b.ask(t, metric.Query{From: x.from, To: x.to, Step: conversion.ByDay, Channel: conversion.Webform, Zone: x.zone})
		got := 0
		for _, r := range rows {
			if r.Estimated {
				got++
			}
		}
		if got != x.want {
			t.Errorf("%s: %d of %d rows are estimated, want %d", x.name, got, len(rows), x.want)
		}
	}
}
