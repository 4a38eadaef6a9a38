package conversion_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/conversion"
)

func totals(conversions, completed, failed int64, value conversion.Money) conversion.Totals {
	return conversion.Totals{Counts: conversion.Counts{Completed: completed, Failed: failed}, Conversions: conversions, Value: value}
}

func TestARateHasAValueOrAReason(t *testing.T) {
	eur := conversion.Money{"EUR": {N: 4, Cents: 1000}}
	for _, tt := range []struct {
		name   string
		totals conversion.Totals
		in     conversion.Entries
		costs  conversion.Costs
		want   string // completion, conversion and its denominator, mean value, cost
	}{
		{"nothing at all", conversion.Totals{}, conversion.Entries{}, nil,
			"nessun_esito denominatore_mancante[] nessuna_conversione nessun_costo"},
		{"all there is", totals(4, 5, 4, eur), conversion.Entries{Contacts: 10, Conversations: 6}, conversion.Costs{"EUR": 1002},
			"0.5 0.25[contatti_creati+conversazioni] map[EUR:2.50] map[EUR:2.50]"},
		{"visits before what we saw", totals(4, 4, 0, eur), conversion.Entries{Contacts: 10, Visits: 400}, nil,
			"1 0.01[visite] map[EUR:2.50] nessun_costo"},
		{"more than came in", totals(4, 4, 0, eur), conversion.Entries{Conversations: 2}, nil,
			"1 2[contatti_creati+conversazioni] map[EUR:2.50] nessun_costo"},
		{"costs and no conversions", totals(0, 0, 2, nil), conversion.Entries{Visits: 9}, conversion.Costs{"EUR": 500},
			"0 0[visite] nessuna_conversione nessuna_conversione"},
		{"a cost of nothing is a cost", totals(4, 4, 0, eur), conversion.Entries{}, conversion.Costs{"EUR": 0},
			"1 denominatore_mancante[] map[EUR:2.50] map[EUR:0.00]"},
		{"two currencies", totals(3, 3, 0, conversion.Money{"EUR": {N: 2, Cents: 300}, "USD": {N: 1, Cents: 500}}), conversion.Entries{}, conversion.Costs{"EUR": 900},
			"1 denominatore_mancante[] map[EUR:1.50 USD:5.00] map[EUR:3.00]"},
		{"weights only", totals(3, 3, 0, nil), conversion.Entries{}, nil,
			"1 denominatore_mancante[] nessun_valore nessun_costo"},
	} {
		r := conversion.RatesOf(tt.totals, tt.in, tt.costs)
		rate := func(r conversion.Rate) any {
			if r.Null != "" {
				return r.Null
			}
			return r.Value
		}
		amounts := func(a conversion.Amounts) any {
			if a.Null != "" && len(a.Of) == 0 {
				return a.Null
			}
			return a.Of
		}
		if got := fmt.Sprintf("%v %v[%s] %v %v", rate(r.Completion), rate(r.Conversion), r.Denominator, amounts(r.MeanValue), amounts(r.CPA)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestARateOverSeveralChannelsIsNoGuess(t *testing.T) {
	visits, seen := conversion.Entries{Visits: 2}, conversion.Entries{Contacts: 3, Conversations: 1}
	both := visits.Plus(seen)
	for name, tt := range map[string]struct {
		channels []conversion.Cohort
		want     conversion.Entries
	}{
		"no channel":                      {nil, conversion.Entries{}},
		"one":                             {[]conversion.Cohort{{Conversions: 3, Entries: visits}}, visits},
		"one that nobody told of":         {[]conversion.Cohort{{Conversions: 3, Entries: conversion.Entries{}}}, conversion.Entries{}},
		"all told":                        {[]conversion.Cohort{{Conversions: 3, Entries: visits}, {Conversions: 1, Entries: visits}}, conversion.Entries{Visits: 4}},
		"one with conversions is missing": {[]conversion.Cohort{{Conversions: 3, Entries: conversion.Entries{}}, {Conversions: 0, Entries: visits}}, conversion.Entries{}},
		"one without conversions is":      {[]conversion.Cohort{{Conversions: 3, Entries: visits}, {Conversions: 0, Entries: conversion.Entries{}}}, visits},
		"of one visits, of the other what we saw": {[]conversion.Cohort{{Conversions: 1, Entries: visits}, {Conversions: 1, Entries: seen}}, conversion.Entries{}},
		"of one both, of the other what we saw":   {[]conversion.Cohort{{Conversions: 1, Entries: both}, {Conversions: 1, Entries: seen}}, conversion.Entries{Contacts: 6, Conversations: 2}},
	} {
		if got := conversion.Together(tt.channels...); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	told, not := conversion.Cohort{Conversions: 1}, conversion.Cohort{Conversions: 1, Uncosted: true}
	if !conversion.Costed() || !conversion.Costed(told, told) || conversion.Costed(told, not) || conversion.Costed(not) {
		t.Error("costs that are known, or are not")
	}
}

func TestARateIsNeverInfiniteNorFromNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(name string) int64 { return rapid.Int64Range(0, 3).Draw(t, name) }
		in := conversion.Entries{Contacts: n("contacts"), Conversations: n("conversations"), Visits: n("visits")}
		r := conversion.RatesOf(totals(n("conversions"), n("completed"), n("failed"), nil), in, nil)
		for name, rate := range map[string]conversion.Rate{"completion": r.Completion, "conversion": r.Conversion} {
			if math.IsNaN(rate.Value) || math.IsInf(rate.Value, 0) || rate.Null != "" && rate.Value != 0 {
				t.Fatalf("%s: %+v", name, rate)
			}
		}
		if (r.Conversion.Null == "") != (in != conversion.Entries{}) || (r.Conversion.Null == "") != (r.Denominator != "") {
			t.Fatalf("%+v of %+v", r.Conversion, in)
		}
	})
	if got := (conversion.Entries{Contacts: 1, Conversations: 2, Visits: 3}).Plus(conversion.Entries{Contacts: 10, Conversations: 20, Visits: 30}); got != (conversion.Entries{Contacts: 11, Conversations: 22, Visits: 33}) {
		t.Errorf("%+v", got)
	}
}

func TestAMeanIsRoundedHalfToEven(t *testing.T) {
	for _, tt := range []struct{ cents, n, want int64 }{
		{1, 2, 0}, {3, 2, 2}, {5, 2, 2}, {7, 2, 4}, {-1, 2, 0}, {-3, 2, -2}, {5, 3, 2}, {4, 3, 1}, {-5, 3, -2}, {math.MaxInt64, 1, math.MaxInt64}, {math.MaxInt64, math.MaxInt64, 1},
	} {
		r := conversion.RatesOf(totals(tt.n, tt.n, 0, conversion.Money{"EUR": {N: tt.n, Cents: conversion.Cents(tt.cents)}}), conversion.Entries{}, nil)
		if got := r.MeanValue.Of["EUR"]; got != conversion.Cents(tt.want) {
			t.Errorf("%d/%d: %d, want %d", tt.cents, tt.n, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		cents, n := rapid.Int64().Draw(t, "cents"), rapid.Int64Range(1, math.MaxInt64).Draw(t, "n")
		if rapid.Bool().Draw(t, "small") {
			cents, n = cents%1000, n%40+1
		}
		mean := conversion.RatesOf(totals(n, n, 0, conversion.Money{"EUR": {N: n, Cents: conversion.Cents(cents)}}), conversion.Entries{}, nil).MeanValue.Of["EUR"]
		// |2·(mean·n − cents)| ≤ n, and an even mean where it is equal
		off := new(big.Int).Mul(big.NewInt(int64(mean)), big.NewInt(n))
		off.Sub(off, big.NewInt(cents)).Abs(off).Lsh(off, 1)
		if c := off.Cmp(big.NewInt(n)); c > 0 || c == 0 && mean%2 != 0 {
			t.Fatalf("%d/%d: %d", cents, n, mean)
		}
	})
}

func TestTheWindowsOfADayShareItsCosts(t *testing.T) {
	loc := rome(t)
	costs := conversion.Costs{"EUR": 100_01, "USD": 7}
	for _, day := range []string{"2027-03-27", "2027-03-28", "2027-10-31"} {
		d, err := conversion.ParseDay(day)
		if err != nil {
			t.Fatal(err)
		}
		_, n := d.Windows(loc)
		var all conversion.Costs
		for i := range n {
			if all, err = all.Plus(costs.Share(n, i)); err != nil {
				t.Fatal(err)
			}
		}
		if fmt.Sprint(all) != fmt.Sprint(costs) {
			t.Errorf("%s: %v", day, all)
		}
	}
	if _, err := (conversion.Costs{"EUR": math.MaxInt64}).Plus(conversion.Costs{"EUR": 1}); !errors.Is(err, conversion.ErrOverflow) {
		t.Errorf("costs beyond all numbers: %v", err)
	}
}
