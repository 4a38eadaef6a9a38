package conversion_test

import (
	"errors"
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/conversion"
)

// anyCounts draws what an arrival adds, or larger sums of it.
func anyCounts() *rapid.Generator[conversion.Counts] {
	return rapid.Custom(func(t *rapid.T) conversion.Counts {
		n := func(name string) int64 { return rapid.Int64Range(-3, 1000).Draw(t, name) }
		c := conversion.Counts{
			Completed: n("completed"), Failed: n("failed"), Declared: n("declared"), Quarantined: n("quarantined"),
			Duplicates: n("duplicates"), Conflicts: n("conflicts"), Late: n("late"),
			Newest: noon.Add(time.Duration(rapid.Int64Range(0, 5).Draw(t, "newest")) * time.Second),
		}
		c.Checksum = conversion.SumOf(rapid.SliceOfN(rapid.Uint64(), 0, 4).Draw(t, "terms")...)
		for _, currency := range rapid.SliceOfDistinct(rapid.SampledFrom([]conversion.Currency{"EUR", "USD", "CHF"}), rapid.ID).Draw(t, "currencies") {
			if c.Value == nil {
				c.Value = conversion.Money{}
			}
			c.Value[currency] = conversion.Sum{N: 1, Cents: conversion.Cents(rapid.Int64Range(-5, 1e9).Draw(t, "cents"))}
		}
		return c
	})
}

func sum(t interface{ Fatal(...any) }, counts ...conversion.Counts) (out conversion.Counts) {
	for _, c := range counts {
		var err error
		if out, err = out.Plus(c); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// same reports whether two counts are the same in everything, Newest too.
func same(a, b conversion.Counts) bool { return a.Equal(b) && a.Newest.Equal(b.Newest) }

func TestCountsAreAddedInAnyOrderAndGrouping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyCounts().Draw(t, "a"), anyCounts().Draw(t, "b"), anyCounts().Draw(t, "c")
		before := a.Value.String() + b.Value.String() + c.Value.String()
		switch {
		case !same(sum(t, a, b), sum(t, b, a)):
			t.Fatal("the order matters")
		case !same(sum(t, sum(t, a, b), c), sum(t, a, sum(t, b, c))):
			t.Fatal("the grouping matters")
		case !same(sum(t, a, conversion.Counts{}), a) || !same(sum(t, conversion.Counts{}, a), a):
			t.Fatal("nothing adds something")
		case before != a.Value.String()+b.Value.String()+c.Value.String():
			t.Fatal("an addition changes what it adds")
		}
	})
}

func TestASumThatDoesNotFitIsAnErrorAndChangesNothing(t *testing.T) {
	large := conversion.Counts{Completed: math.MaxInt64 - 1}
	for name, c := range map[string]conversion.Counts{
		"a counter":              {Completed: 2},
		"what the counters give": {Conflicts: 2},
	} {
		got, err := large.Plus(c)
		if !errors.Is(err, conversion.ErrOverflow) || !got.Equal(large) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := large.Plus(conversion.Counts{Completed: 1}); err != nil {
		t.Error(err)
	}
	if _, err := (conversion.Counts{Failed: math.MinInt64}).Plus(conversion.Counts{Failed: -1}); !errors.Is(err, conversion.ErrOverflow) {
		t.Errorf("a counter below all numbers: %v", err)
	}
	rich := conversion.Counts{Value: conversion.Money{"EUR": {N: 1, Cents: math.MaxInt64}}}
	if got, err := rich.Plus(conversion.Counts{Value: conversion.Money{"EUR": {N: 1, Cents: 1}}}); !errors.Is(err, conversion.ErrOverflow) || !got.Equal(rich) {
		t.Errorf("money: %v, %v", got, err)
	}
	if got := sum(t, rich, conversion.Counts{Value: conversion.Money{"USD": {N: 1, Cents: 1}}}); got.Value.String() != "92233720368547758.07 EUR, 0.01 USD" {
		t.Errorf("another currency: %s", got.Value)
	}
	row, tally := conversion.Row{Channel: conversion.Email}, conversion.Tally{{Channel: conversion.Email}: large}
	if err := tally.Add(row, conversion.Counts{Completed: 2}); !errors.Is(err, conversion.ErrOverflow) || !tally[row].Equal(large) {
		t.Errorf("a row: %v, %v", tally[row], err)
	}
	full := conversion.Totals{Conversions: math.MaxInt64, Counts: conversion.Counts{Failed: 1}}
	if err := full.Add(conversion.Policy{}, conversion.Purchase, conversion.Counts{Completed: 1}); !errors.Is(err, conversion.ErrOverflow) || full.Counts.Completed != 0 {
		t.Errorf("totals: %v, %v", full, err)
	}
}

func TestMoneyThatIsTakenAwayLeavesNothing(t *testing.T) {
	one := conversion.Counts{Completed: 1, Value: conversion.Money{"EUR": {N: 1, Cents: 5}}}
	back := conversion.Counts{Completed: -1, Value: conversion.Money{"EUR": {N: -1, Cents: -5}}}
	if got := sum(t, one, back); !got.Equal(conversion.Counts{}) || len(got.Value) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestAChecksumIsTheExactSumOfItsTerms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms := rapid.SliceOf(rapid.Uint64()).Draw(t, "terms")
		want := new(big.Int)
		for _, term := range terms {
			want.Add(want, new(big.Int).SetUint64(term))
		}
		c := conversion.SumOf(terms...)
		if c.String() != want.String() {
			t.Fatalf("%s, want %s", c, want)
		}
		if back, ok := conversion.ParseChecksum(c.String()); !ok || back != c {
			t.Fatalf("%s comes back as %s", c, back)
		}
	})
	most := new(big.Int).Lsh(big.NewInt(1), 128)
	for _, bad := range []string{"", "-1", "1.5", "0x10", "x", most.String()} {
		if c, ok := conversion.ParseChecksum(bad); ok {
			t.Errorf("%q is %s", bad, c)
		}
	}
	last, ok := conversion.ParseChecksum(most.Sub(most, big.NewInt(1)).String())
	if !ok {
		t.Fatal("the largest checksum is refused")
	}
	if _, err := (conversion.Counts{Checksum: last}).Plus(conversion.Counts{Checksum: conversion.SumOf(1)}); !errors.Is(err, conversion.ErrOverflow) {
		t.Errorf("a checksum beyond its numbers: %v", err)
	}
}

func TestWhatAnArrivalAdds(t *testing.T) {
	e := decoded(t, "sample")
	with := func(s conversion.State) conversion.Event { e := e; e.State = s; return e }
	for _, tt := range []struct {
		name        string
		event       conversion.Event
		verdict     conversion.Verdict
		quarantined bool
		want        conversion.Counts
		unique      int64
		received    int64
	}{
		{"completed", e, conversion.Unique, false, conversion.Counts{Completed: 1, Value: conversion.Money{"EUR": {N: 1, Cents: 14990}}}, 1, 1},
		{"failed", with(conversion.Failed), conversion.Unique, false, conversion.Counts{Failed: 1}, 1, 1},
		{"declared a duplicate", with(conversion.Declared), conversion.Unique, false, conversion.Counts{Declared: 1}, 1, 1},
		{"in quarantine", e, conversion.Unique, true, conversion.Counts{Quarantined: 1}, 1, 1},
		{"a duplicate", e, conversion.Duplicate, false, conversion.Counts{Duplicates: 1}, 0, 1},
		{"a duplicate in quarantine", e, conversion.Duplicate, true, conversion.Counts{Duplicates: 1}, 0, 1},
		{"a conflict", e, conversion.Conflict, false, conversion.Counts{Conflicts: 1}, 0, 1},
		{"a repetition", e, conversion.Repetition, false, conversion.Counts{}, 0, 0},
	} {
		id := tt.event.Identify(tenant)
		got := conversion.Arrival{Event: tt.event, Identity: id, Verdict: tt.verdict, Quarantined: tt.quarantined, Applied: noon}.Counts()
		if tt.verdict == conversion.Unique {
			tt.want.Checksum, tt.want.Newest = conversion.SumOf(id.Term()), noon // when it was counted, whenever it happened
		}
		if !same(got, tt.want) || got.Unique() != tt.unique || got.Received() != tt.received {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestAReleaseCountsAnEventAsIfItHadNeverBeenKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent().Draw(t, "event")
		a := conversion.Arrival{Event: e, Identity: e.Identify(tenant), Applied: noon}
		free := a.Counts()
		a.Quarantined = true
		if got := sum(t, a.Counts(), conversion.Release(e)); !same(got, free) {
			t.Fatalf("%+v, want %+v", got, free)
		}
	})
}

func TestAnEventIsCountedInItsOwnWindowAndMinute(t *testing.T) {
	e := decoded(t, "sample") // 11:59:30.250
	window, minute := conversion.Rows(e, 3)
	want := conversion.Row{At: time.Date(2026, 11, 22, 11, 55, 0, 0, time.UTC), Channel: conversion.Email, Type: conversion.Purchase, Shard: 3}
	if window != want {
		t.Errorf("%+v, want %+v", window, want)
	}
	want.At = time.Date(2026, 11, 22, 11, 59, 0, 0, time.UTC)
	if minute != want {
		t.Errorf("%+v, want %+v", minute, want)
	}
}

func TestWhatIsAConversionIsConfiguration(t *testing.T) {
	one := func(cents conversion.Cents) conversion.Counts {
		return conversion.Counts{Completed: 1, Failed: 1, Declared: 1, Quarantined: 1, Value: conversion.Money{"EUR": {N: 1, Cents: cents}}}
	}
	for _, tt := range []struct {
		name        string
		policy      conversion.Policy
		conversions int64
		value       string
	}{
		{"unless configured, all but an abandoned cart", conversion.Policy{}, 3, "1.11 EUR"},
		{"purchases only", conversion.Policy{Conversions: []conversion.Type{conversion.Purchase}}, 1, "0.10 EUR"},
		{"abandonments too", conversion.Policy{Conversions: conversion.Types()}, 4, "11.11 EUR"},
		{"none", conversion.Policy{Conversions: []conversion.Type{}}, 0, ""},
		{"demos are weighed", conversion.Policy{Weights: []conversion.Type{conversion.DemoRequest}}, 3, "1.10 EUR"},
	} {
		var all conversion.Totals
		for i, of := range conversion.Types() {
			if err := all.Add(tt.policy, of, one([]conversion.Cents{1, 10, 100, 1000}[i])); err != nil {
				t.Fatal(err)
			}
		}
		if all.Conversions != tt.conversions || all.Value.String() != tt.value || all.Counts.Unique() != 16 {
			t.Errorf("%s: %d, %s of %d", tt.name, all.Conversions, all.Value, all.Counts.Unique())
		}
	}
}

// BenchmarkCount is one event from its bytes to its rows.
func BenchmarkCount(b *testing.B) {
	body := documents(b, "good")["sample"]
	tally := conversion.Tally{}
	b.ReportAllocs()
	for b.Loop() {
		e, err := conversion.Decode(body, noon)
		if err != nil {
			b.Fatal(err)
		}
		id := e.Identify(tenant)
		v := conversion.Marker{}.Judge("request-1", id.Hash, noon)
		c := conversion.Arrival{Event: e, Identity: id, Verdict: v, Applied: noon}.Counts()
		window, minute := conversion.Rows(e, conversion.Shard(tenant, e.Client, 16))
		if err := tally.Add(window, c); err != nil {
			b.Fatal(err)
		}
		if err := tally.Add(minute, c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFold adds up the rows of a day of a channel: 288 windows, 4 types, 16 shards.
func BenchmarkFold(b *testing.B) {
	row := conversion.Counts{Completed: 3, Failed: 1, Value: conversion.Money{"EUR": {N: 3, Cents: 5997}}, Checksum: conversion.SumOf(1 << 63)}
	types := conversion.Types()
	b.ReportAllocs()
	for b.Loop() {
		var all conversion.Totals
		for i := range 288 * 4 * 16 {
			if err := all.Add(conversion.Policy{}, types[i%4], row); err != nil {
				b.Fatal(err)
			}
		}
	}
}
