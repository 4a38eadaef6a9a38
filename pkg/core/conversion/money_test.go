package conversion_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/conversion"
)

func TestAnAmountIsReadToTheCent(t *testing.T) {
	for _, tt := range []struct {
		literal string
		want    conversion.Cents
		err     error
	}{
		{"0", 0, nil},
		{"0.00", 0, nil},
		{"-0", 0, nil},
		{"-0.0", 0, nil},
		{"-0.00", 0, nil},
		{"0.1", 10, nil},
		{"0.07", 7, nil},
		{"4.35", 435, nil},
		{"19.99", 1999, nil},
		{"100", 100_00, nil},
		{"999999999.99", conversion.MaxValue, nil},
		{"1.005", 0, conversion.ErrDecimals},
		{"-1.005", 0, conversion.ErrDecimals},
		{"1.00000000000000000001", 0, conversion.ErrDecimals},
		{"19.990", 0, conversion.ErrLiteral},
		{"1e2", 0, conversion.ErrLiteral},
		{"1E2", 0, conversion.ErrLiteral},
		{"1e10000000", 0, conversion.ErrLiteral},
		{strings.Repeat("1", 1_000_000), 0, conversion.ErrLiteral},
		{"1000000000000000000000.00", 0, conversion.ErrLiteral},
		{"100000000000000000000.00", 0, conversion.ErrMaximum},
		{"1000000000", 0, conversion.ErrMaximum},
		{"-0.01", 0, conversion.ErrMinimum},
		{"-99999999999999999999", 0, conversion.ErrMinimum},
		{"", 0, conversion.ErrLiteral},
		{"-", 0, conversion.ErrLiteral},
		{"+1", 0, conversion.ErrLiteral},
		{"01", 0, conversion.ErrLiteral},
		{"1.", 0, conversion.ErrLiteral},
		{".5", 0, conversion.ErrLiteral},
		{"1,5", 0, conversion.ErrLiteral},
		{"1.5 ", 0, conversion.ErrLiteral},
		{"١", 0, conversion.ErrLiteral},
		{"NaN", 0, conversion.ErrLiteral},
	} {
		if got, err := conversion.ParseCents(tt.literal); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%.30s: %d, %v, want %d, %v", tt.literal, got, err, tt.want, tt.err)
		}
	}
}

func TestAnAmountComesBackFromWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := conversion.Cents(rapid.Int64Range(0, int64(conversion.MaxValue)).Draw(t, "cents"))
		if got, err := conversion.ParseCents(c.String()); got != c || err != nil {
			t.Fatalf("%s: %d, %v", c, got, err)
		}
	})
	for c, want := range map[conversion.Cents]string{
		0: "0.00", 5: "0.05", -5: "-0.05", 1999: "19.99", -100: "-1.00", math.MaxInt64: "92233720368547758.07", math.MinInt64: "-92233720368547758.08",
	} {
		if c.String() != want {
			t.Errorf("%s, want %s", c, want)
		}
	}
}

// FuzzParseCents compares the parser with exact fractions.
func FuzzParseCents(f *testing.F) {
	for _, s := range []string{"0", "-0.0", "19.99", "1.005", "999999999.99", "1e2", "-1", "00", "0.10", "1000000000", ".", "12345678901234567890.12"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := conversion.ParseCents(s)
		if err != nil {
			if c != 0 {
				t.Fatal("an amount beside an error")
			}
			return
		}
		if !json.Valid([]byte(s)) || strings.TrimSpace(s) != s {
			t.Fatalf("takes %q, which is no number of JSON", s)
		}
		exact, ok := new(big.Rat).SetString(s)
		if !ok || exact.Cmp(big.NewRat(int64(c), 100)) != 0 {
			t.Fatalf("%s: %s", s, c)
		}
	})
}

func TestACostIsSpreadWithoutLosingACent(t *testing.T) {
	for _, n := range []int{276, 288, 300} {
		sum := conversion.Cents(0)
		for i := range n {
			sum += conversion.SpreadShare(100_01, n, i)
		}
		if sum != 100_01 {
			t.Errorf("100.01 over %d windows: %s", n, sum)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		total := conversion.Cents(rapid.Int64Range(0, math.MaxInt64).Draw(t, "cents"))
		n := rapid.IntRange(1, 400).Draw(t, "windows")
		least, most, sum := total, conversion.Cents(0), conversion.Cents(0)
		for i := range n {
			share := conversion.SpreadShare(total, n, i)
			least, most, sum = min(least, share), max(most, share), sum+share
		}
		if sum != total || most-least > 1 {
			t.Fatalf("%d over %d: sum %d, from %d to %d", total, n, sum, least, most)
		}
	})
	if conversion.SpreadShare(100, 0, 0)+conversion.SpreadShare(100, 3, 3)+conversion.SpreadShare(100, 3, -1) != 0 {
		t.Error("a share outside of the day")
	}
}

func TestACurrencyIsThreeCapitals(t *testing.T) {
	for c, want := range map[conversion.Currency]bool{"EUR": true, "USD": true, "eur": false, "EU": false, "EURO": false, "EU1": false, "": false, "€": false} {
		if c.Valid() != want {
			t.Errorf("%q: %v", c, !want)
		}
	}
}

func BenchmarkParseCents(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = conversion.ParseCents("123456.78")
	}
}
