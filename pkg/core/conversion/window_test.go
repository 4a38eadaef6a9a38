package conversion_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/conversion"
)

func TestAWindowHoldsItsStartAndNotItsEnd(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 4, 59, 999e6, time.UTC)
	before, after := conversion.WindowOf(at), conversion.WindowOf(at.Add(time.Millisecond))
	if after != before+1 || !before.Start().Equal(noon) || before.End() != after.Start() || before.String() != "2026-11-22T12:00:00Z" {
		t.Errorf("%s and %s", before, after)
	}
	if conversion.WindowOf(time.Unix(0, -1)).Start() != time.Unix(-300, 0).UTC() {
		t.Error("a window before 1970 is not aligned")
	}
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(-1e12, 4e12).Draw(t, "ms"))
		w, minute := conversion.WindowOf(at), conversion.MinuteOf(at)
		if at.Before(w.Start()) || !at.Before(w.End()) || w.End().Sub(w.Start()) != conversion.Width || w.Start().Unix()%300 != 0 {
			t.Fatalf("%s is not in %s", at, w)
		}
		if at.Before(minute) || at.Sub(minute) >= time.Minute || minute.Unix()%60 != 0 || conversion.WindowOf(minute) != w {
			t.Fatalf("%s is not in the minute %s", at, minute)
		}
	})
}

func TestAWindowSettlesAndIsFinal(t *testing.T) {
	w := conversion.WindowOf(noon)
	for _, tt := range []struct {
		after time.Duration // its start
		phase conversion.Phase
		told  string
	}{
		{-time.Hour, conversion.Open, "aperta"},
		{0, conversion.Open, "aperta"},
		{5*time.Minute - 1, conversion.Open, "aperta"},
		{5 * time.Minute, conversion.Settling, "aperta"},
		{25*time.Minute - 1, conversion.Settling, "aperta"},
		{25 * time.Minute, conversion.Final, "definitiva"},
	} {
		if got := w.Phase(noon.Add(tt.after)); got != tt.phase || got.String() != tt.told {
			t.Errorf("%s after its start: %s", tt.after, got)
		}
	}
	if conversion.Watermark(noon) != noon.Add(-15*time.Second) {
		t.Error("the watermark is not 15 s behind the newest event")
	}
}

func TestALateEventMakesAVersionAndChangesNone(t *testing.T) {
	w, now := conversion.WindowOf(noon), noon.Add(25*time.Minute)
	counts := conversion.Counts{Completed: 2, Value: conversion.Money{"EUR": {N: 2, Cents: 1999}}}
	if _, due := w.Close(now.Add(-1), conversion.Snapshot{}, counts); due {
		t.Error("published before it is final")
	}
	first, due := w.Close(now, conversion.Snapshot{}, counts)
	if !due || first.Version != 1 || !first.Counts.Equal(counts) {
		t.Fatalf("%v, %v", first, due)
	}
	if same, due := w.Close(now.Add(time.Hour), first, counts); due || same.Version != 1 {
		t.Error("published anew though nothing came")
	}
	late := conversion.Arrival{Event: conversion.Event{Type: conversion.Purchase, State: conversion.Completed, At: noon, Value: 1, Currency: "EUR"}, Applied: now}.Counts()
	if late.Late != 1 {
		t.Errorf("%d late", late.Late)
	}
	more, err := counts.Plus(late)
	if err != nil {
		t.Fatal(err)
	}
	second, due := w.Close(now.Add(time.Hour), first, more)
	if !due || second.Version != 2 || !second.Counts.Equal(more) || !first.Counts.Equal(counts) || first.Counts.Completed != 2 {
		t.Errorf("%v after %v, %v", second, first, due)
	}
	empty, due := w.Close(now, conversion.Snapshot{}, conversion.Counts{})
	if _, again := w.Close(now.Add(time.Hour), empty, conversion.Counts{}); !due || again {
		t.Error("a window without events has no version, or a new one each time")
	}
}

func TestADayInRomeHas276Or288Or300Windows(t *testing.T) {
	loc := rome(t)
	for _, tt := range []struct {
		day, start string
		n          int
	}{
		{"2026-11-22", "2026-11-21T23:00:00Z", 288},
		{"2027-03-27", "2027-03-26T23:00:00Z", 288},
		{"2027-03-28", "2027-03-27T23:00:00Z", 276},
		{"2027-03-29", "2027-03-28T22:00:00Z", 288},
		{"2027-10-31", "2027-10-30T22:00:00Z", 300},
		{"2027-11-01", "2027-10-31T23:00:00Z", 288},
		{"2028-02-29", "2028-02-28T23:00:00Z", 288},
	} {
		d, err := conversion.ParseDay(tt.day)
		if err != nil || d.String() != tt.day {
			t.Fatalf("%s: %v, %v", tt.day, d, err)
		}
		first, n := d.Windows(loc)
		if first.String() != tt.start || n != tt.n {
			t.Errorf("%s: %d windows from %s, want %d from %s", d, n, first, tt.n, tt.start)
		}
		if next, _ := d.Plus(1).Windows(loc); next != first+conversion.Window(n) {
			t.Errorf("%s: the next day begins at %s", d, next)
		}
	}
}

func TestEachWindowIsOfOneDayWhereverClocksChange(t *testing.T) {
	for _, zone := range []string{"Europe/Rome", "UTC", "America/Santiago", "Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		d := conversion.Day{Year: 2025, Month: 12, Day: 30}
		end, _ := d.Windows(loc)
		for range 3 * 366 {
			first, n := d.Windows(loc)
			if first != end || conversion.DayOf(first.Start(), loc) != d || conversion.DayOf((first+conversion.Window(n)-1).Start(), loc) != d {
				t.Fatalf("%s: %s begins at %s and has %d windows; the day before ended at %s", zone, d, first, n, end)
			}
			if start := d.Start(loc); conversion.DayOf(start, loc) != d || conversion.DayOf(start.Add(-1), loc) == d {
				t.Fatalf("%s: %s does not begin at %s", zone, d, start)
			}
			d, end = d.Plus(1), first+conversion.Window(n)
		}
	}
}

func TestAWindowThatMidnightCutsIsOfTheDayInWhichItStarts(t *testing.T) {
	odd := time.FixedZone("odd", 100) // midnight is 100 s before the edge of a window
	d := conversion.Day{Year: 2026, Month: 11, Day: 22}
	first, n := d.Windows(odd)
	if !first.Start().Equal(d.Start(odd).Add(100*time.Second)) || n != 288 || conversion.DayOf((first-1).Start(), odd) == d {
		t.Errorf("%d windows from %s", n, first)
	}
}

func TestADayIsReadStrictly(t *testing.T) {
	for _, bad := range []string{"", "2026-11-31", "2026-2-1", "2026-02-30", "22/11/2026", "2026-11-22T00:00:00Z", " 2026-11-22", "2026-11-22 "} {
		if _, err := conversion.ParseDay(bad); !errors.Is(err, conversion.ErrDay) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestAStepsRowsLieSideBySide(t *testing.T) {
	loc := rome(t)
	at := time.Date(2027, 3, 28, 10, 7, 31, 0, loc)
	for _, tt := range []struct {
		step       conversion.Step
		start, end string
	}{
		{conversion.ByMinute, "2027-03-28T10:07:00+02:00", "2027-03-28T10:08:00+02:00"},
		{conversion.ByWindow, "2027-03-28T10:05:00+02:00", "2027-03-28T10:10:00+02:00"},
		{conversion.ByHour, "2027-03-28T10:00:00+02:00", "2027-03-28T11:00:00+02:00"},
		{conversion.ByDay, "2027-03-28T00:00:00+01:00", "2027-03-29T00:00:00+02:00"},
	} {
		start, end, ok := tt.step.Bounds(at, loc)
		if !ok || start.Format(time.RFC3339) != tt.start || end.Format(time.RFC3339) != tt.end {
			t.Errorf("%s: %s to %s", tt.step, start, end)
		}
	}
	if _, _, ok := conversion.Step("2h").Bounds(at, loc); ok {
		t.Error("takes a step that is none")
	}
	kathmandu, err := time.LoadLocation("Asia/Kathmandu")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(1.7e12, 1.9e12).Draw(t, "ms"))
		loc := rapid.SampledFrom([]*time.Location{loc, time.UTC, kathmandu}).Draw(t, "place")
		for _, step := range []conversion.Step{conversion.ByMinute, conversion.ByWindow, conversion.ByHour, conversion.ByDay} {
			start, end, _ := step.Bounds(at, loc)
			next, _, _ := step.Bounds(end, loc)
			if at.Before(start) || !at.Before(end) || !next.Equal(end) {
				t.Fatalf("%s in %s: %s is not in %s to %s, then %s", step, loc, at, start, end, next)
			}
			if step == conversion.ByHour && start.Minute() != 0 {
				t.Fatalf("an hour begins at %s", start)
			}
		}
	})
}
