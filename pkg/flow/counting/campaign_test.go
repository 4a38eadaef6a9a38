package counting_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
)

// campaigns are two days of events, a third of them of none.
func campaigns(t *testing.T) (b *bench, events []conversion.Event) {
	b = newBench()
	for i := range 300 {
		b.apply(t, b.purchase(func(e *conversion.Event) {
			e.Client = fmt.Sprintf("CLIENTE-ROMA-%06d", i)
			e.Channel, e.Type = conversion.Channels()[i%5], conversion.Types()[i%4]
			e.At = noon.Add(-time.Duration(i*560) * time.Second)
			e.Value, e.Metadata.Campaign = conversion.Cents(100+i), []string{"", "Natale", "Natale 2"}[i%3]
			if i%7 == 0 {
				e.Currency = "USD"
			}
			if i%11 == 0 {
				e.State = conversion.Failed
			}
			events = append(events, *e)
		}))
	}
	return b, events
}

func TestACampaignsRowsAreWhatItsEventsAddUpTo(t *testing.T) {
	b, events := campaigns(t)
	for _, step := range []conversion.Step{conversion.ByMinute, conversion.ByWindow, conversion.ByHour, conversion.ByDay} {
		for _, q := range []metric.Query{{}, {Channel: conversion.Email}, {Type: conversion.Purchase}, {Currency: "USD"}, {Tenant: "another"}} {
			for _, name := range []string{"Natale", "Natale 2", "Pasqua"} {
				q.From, q.To, q.Step, q.Campaign = noon.Add(-46*time.Hour), noon.Add(5*time.Minute), step, name
				rows := b.ask(t, q)
				all := q
				all.Campaign = ""
				if want := b.ask(t, all); len(rows) != len(want) || !rows[len(rows)-1].End.Equal(q.To) {
					t.Errorf("%s, %+v: %d rows, want %d", step, q, len(rows), len(want))
				}
				asked := slices.DeleteFunc(slices.Clone(events), func(e conversion.Event) bool {
					return e.Metadata.Campaign != name || q.Tenant != "" || q.Channel != "" && e.Channel != q.Channel || q.Type != "" && e.Type != q.Type
				})
				for _, r := range rows {
					n, cents := int64(0), conversion.Cents(0)
					for _, e := range asked {
						if e.At.Before(r.Start) || !e.At.Before(r.End) {
							continue
						}
						if n++; e.Currency == "USD" && e.State == conversion.Completed {
							cents += e.Value
						}
					}
					if got := r.Totals.Counts; got.Unique() != n || got.Value["USD"].Cents != cents {
						t.Fatalf("%s, %+v at %v: %d events and %v, want %d and %d", step, q, r.Start, got.Unique(), got.Value, n, cents)
					}
				}
			}
		}
	}
}

func TestACampaignCostsWhatItWasSaidToAndNoMore(t *testing.T) {
	b, _ := campaigns(t)
	in := counting.Inputs{Store: b.rows, Now: b.clock, Patience: b.Patience}
	day := conversion.DayOf(noon, rome(t))
	for name, cents := range map[string]conversion.Cents{"": 100, "Natale": 1000, "Natale 2": 10_000} {
		if _, err := in.Cost(t.Context(), metric.Cost{Tenant: tenant, Day: day, Channel: conversion.Webform, Campaign: name, Costs: conversion.Costs{"EUR": cents}}); err != nil {
			t.Fatal(err)
		}
	}
	q := metric.Query{From: day.Start(rome(t)), To: day.Plus(1).Start(rome(t)), Step: conversion.ByDay, Channel: conversion.Webform}
	for name, want := range map[string]conversion.Cents{"": 11_100, "Natale": 1000, "Natale 2": 10_000} {
		q.Campaign = name
		r := b.ask(t, q)[0]
		if got := r.Rates.CPA.Of["EUR"]; r.Totals.Conversions == 0 || got < want/conversion.Cents(r.Totals.Conversions) || got > want/conversion.Cents(r.Totals.Conversions)+1 {
			t.Errorf("%q: %d a conversion of %d, want of %d in all", name, got, r.Totals.Conversions, want)
		}
		if name != "" && r.Rates.Conversion.Null != conversion.NoEntries {
			t.Errorf("%q: %+v of those who came in", name, r.Rates.Conversion)
		}
	}
}

func TestACampaignsEventThatCameLateIsToldAsLate(t *testing.T) {
	b := newBench()
	b.now = noon.Add(time.Hour)
	b.apply(t, b.purchase(func(e *conversion.Event) { e.At, e.Metadata.Campaign = noon, "Natale" }))
	q := metric.Query{From: noon, To: noon.Add(5 * time.Minute), Step: conversion.ByWindow, Campaign: "Natale"}
	if c := b.ask(t, q)[0].Totals.Counts; c.Late != 1 || c.Completed != 1 {
		t.Errorf("%+v", c)
	}
}

// crowded says that there were so many events in every window with one.
type crowded struct {
	counting.Store
	events string
}

func (c crowded) List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error) {
	rows, err := c.Store.List(ctx, part, sortPrefix, after, limit)
	if strings.HasPrefix(part, "W#") {
		for i := range rows {
			rows[i].Value = bytes.Replace(rows[i].Value, []byte(`"completed":1`), []byte(`"completed":`+c.events), 1)
		}
	}
	return rows, err
}

func TestAnAnswerAboutACampaignReadsSoManyEventsAndGoesOnInTheNext(t *testing.T) {
	b := newBench()
	for i := range 12 { // an hour
		b.apply(t, b.purchase(func(e *conversion.Event) {
			e.At, e.Metadata.Campaign = noon.Add(time.Duration(i-12)*conversion.Width), "Natale"
		}))
	}
	q := metric.Query{Tenant: tenant, Zone: time.UTC, From: noon.Add(-time.Hour), To: noon, Step: conversion.ByWindow, Campaign: "Natale"}
	for events, most := range map[string]int{"1": 12, "4000": 5, "20000": 1} {
		reader := counting.Query{Store: crowded{b.rows, events}, Shards: b.Shards, Zone: time.UTC, Now: b.clock}
		var sum int64
		for q := q; ; {
			a, err := reader.Rows(t.Context(), q)
			if err != nil || len(a.Rows) > most {
				t.Fatalf("%s events a window: %d rows, %v", events, len(a.Rows), err)
			}
			for _, r := range a.Rows {
				sum += r.Totals.Counts.Completed
			}
			if a.Next.IsZero() {
				break
			}
			q.From = a.Next
		}
		if sum != 12 {
			t.Errorf("%s events a window: %d in all pages", events, sum)
		}
	}
	reader := counting.Query{Store: crowded{b.rows, "20001"}, Shards: b.Shards, Zone: time.UTC, Now: b.clock}
	_, err := reader.Rows(t.Context(), q)
	if r, ok := errors.AsType[*conversion.Refusal](err); !ok || fmt.Sprint(r.Problems[0]) != "{passo massimo}" {
		t.Errorf("a step of too many: %v", err)
	}
}

func TestACampaignIsOneInWhateverFormOfUnicodeItsNameIsWritten(t *testing.T) {
	b := newBench()
	composed, parts := "Caff\u00e8", "Caffe\u0300"
	for i, name := range []string{composed, parts} {
		b.apply(t, b.purchase(func(e *conversion.Event) { e.Value, e.Metadata.Campaign = conversion.Cents(100+i), name }))
	}
	in := counting.Inputs{Store: b.rows, Now: b.clock, Patience: b.Patience}
	day := conversion.DayOf(noon, rome(t))
	tell := func(name string, cents conversion.Cents) (version int) {
		t.Helper()
		version, err := in.Cost(t.Context(), metric.Cost{Tenant: tenant, Day: day, Channel: conversion.Webform, Campaign: name, Costs: conversion.Costs{"EUR": cents}})
		if err != nil {
			t.Fatal(err)
		}
		return version
	}
	expect := func(when string, cents conversion.Cents) {
		t.Helper()
		for _, name := range []string{composed, parts} {
			q := metric.Query{From: day.Start(rome(t)), To: day.Plus(1).Start(rome(t)), Step: conversion.ByDay, Channel: conversion.Webform, Campaign: name}
			if r := b.ask(t, q)[0]; r.Totals.Conversions != 2 || r.Rates.CPA.Of["EUR"] != cents/2 {
				t.Errorf("%s, %q: %d conversions at %v", when, name, r.Totals.Conversions, r.Rates.CPA)
			}
		}
	}
	if first, again, other := tell(composed, 4000), tell(parts, 4000), tell(parts, 6000); first != 1 || again != 1 || other != 2 {
		t.Errorf("versions %d, %d, %d", first, again, other)
	}
	expect("told in both forms", 6000)
	// Versions before kept what was told under the form in which it was told.
	key := row.Key{Part: "C#" + string(tenant) + "#" + day.String(), Sort: "webform#" + parts}
	if err := b.rows.Put(t.Context(), row.Put{Key: key, Value: []byte(`{"costs":{"EUR":1000},"version":7}`)}); err != nil {
		t.Fatal(err)
	}
	expect("with what an earlier version kept", 7000)
	if v := tell(parts, 8000); v != 8 {
		t.Errorf("told over what an earlier version kept: version %d", v)
	}
	expect("told over what an earlier version kept", 8000)
}
