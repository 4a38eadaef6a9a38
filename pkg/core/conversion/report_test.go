package conversion_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"crm-connector/pkg/core/conversion"
)

// books are one day as the ledger and the counters have it, and the ledger's events by cell.
type books struct {
	ledger, counters conversion.Book
	entries          map[conversion.Cell][]conversion.Entry
	events           []booked
}

type booked struct {
	cell   conversion.Cell
	counts conversion.Counts
	entry  conversion.Entry
}

// day makes the books of a day of n events, which agree.
func day(t *testing.T, rnd *rand.Rand, n int) *books {
	b := &books{conversion.Book{}, conversion.Book{}, map[conversion.Cell][]conversion.Entry{}, nil}
	for i := range n {
		e := conversion.Event{
			ID: fmt.Sprintf("order-%06d", i), Client: fmt.Sprintf("CLIENTE-AB-%06d", rnd.IntN(400)), Type: conversion.Types()[rnd.IntN(4)],
			At: noon.Add(time.Duration(rnd.IntN(24*60*60)) * time.Second), Value: conversion.Cents(rnd.IntN(50_000)), Currency: conversion.EUR,
			Channel: conversion.Channels()[rnd.IntN(5)], State: []conversion.State{conversion.Completed, conversion.Completed, conversion.Failed, conversion.Declared}[rnd.IntN(4)],
		}
		id := e.Identify(tenant)
		quarantined := rnd.IntN(20) == 0
		cell, counts := conversion.Recount(e, id, quarantined)
		entry := conversion.Entry{Identity: id, Marker: id.Mark("request", noon)}
		b.events = append(b.events, booked{cell, counts, entry})
		b.entries[cell] = append(b.entries[cell], entry)
		add(t, b.ledger, cell, counts)
		// What was counted knows more than the ledger: when it came, and how often.
		add(t, b.counters, cell, conversion.Arrival{Event: e, Identity: id, Quarantined: quarantined, Applied: e.At.Add(time.Duration(rnd.IntN(3)) * time.Hour)}.Counts())
		if rnd.IntN(30) == 0 {
			add(t, b.counters, cell, conversion.Arrival{Event: e, Identity: id, Verdict: conversion.Duplicate}.Counts())
		}
	}
	return b
}

func add(t *testing.T, b conversion.Book, at conversion.Cell, c conversion.Counts) {
	t.Helper()
	if err := b.Add(at, c); err != nil {
		t.Fatal(err)
	}
}

// negative is what takes counts away again.
func negative(t *testing.T, b conversion.Book, at conversion.Cell, without conversion.Counts, all []booked) {
	t.Helper()
	rest := conversion.Counts{Duplicates: b[at].Duplicates, Late: b[at].Late}
	left := false
	for _, e := range all {
		if e.cell == at && (left || e.counts.Checksum != without.Checksum) {
			rest = sum(t, rest, e.counts)
		} else if e.cell == at {
			left = true
		}
	}
	b[at] = rest
}

// The defects that a day's counters can have, each done to one event.
var defects = []string{"lost", "doubled", "exchanged", "cents", "moved", "ledger"}

func (b *books) spoil(t *testing.T, rnd *rand.Rand, defect string) (key string) {
	victim := b.events[rnd.IntN(len(b.events))]
	for defect == "cents" && len(victim.counts.Value) == 0 {
		victim = b.events[rnd.IntN(len(b.events))]
	}
	switch defect {
	case "lost":
		negative(t, b.counters, victim.cell, victim.counts, b.events)
	case "doubled":
		add(t, b.counters, victim.cell, victim.counts)
	case "exchanged": // as many events and as much money, but another event
		other := victim.counts
		other.Checksum = conversion.SumOf(rnd.Uint64())
		negative(t, b.counters, victim.cell, victim.counts, b.events)
		add(t, b.counters, victim.cell, other)
	case "cents":
		add(t, b.counters, victim.cell, conversion.Counts{Value: conversion.Money{"EUR": {Cents: 1}}})
	case "moved": // the sums of the day and of most hours stay the same
		other := victim.cell
		other.Window++
		negative(t, b.counters, victim.cell, victim.counts, b.events)
		add(t, b.counters, other, victim.counts)
	case "ledger": // the event was altered after it was counted
		negative(t, b.ledger, victim.cell, victim.counts, b.events)
		altered := conversion.Identity{Key: victim.entry.Identity.Key, Hash: conversion.Hash{1}}
		counts := victim.counts
		counts.Checksum = conversion.SumOf(altered.Term())
		add(t, b.ledger, victim.cell, counts)
		for i, e := range b.entries[victim.cell] {
			if e.Identity == victim.entry.Identity {
				b.entries[victim.cell][i].Identity = altered
			}
		}
	}
	return victim.entry.Identity.Key
}

func TestEachOf200DefectsIsFoundByItsKeyAndCleanDaysShowNone(t *testing.T) {
	exact := map[string]int{}
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 42))
		b := day(t, rnd, 500)
		if clean := conversion.Compare(b.ledger, b.counters); len(clean) > 0 {
			t.Fatalf("seed %d: a clean day differs at %+v", seed, clean[0])
		}
		defect := defects[seed%uint64(len(defects))]
		key := b.spoil(t, rnd, defect)
		found := conversion.Compare(b.ledger, b.counters)
		var suspects []string
		for _, d := range found {
			suspects = append(suspects, conversion.Suspects(d, b.entries[d.Cell])...)
		}
		if want := map[string]int{"moved": 2}[defect]; len(found) != max(1, want) || !slices.Contains(suspects, key) {
			t.Errorf("seed %d, %s: %d differences, %s is not among %d suspects", seed, defect, len(found), key, len(suspects))
		}
		if len(suspects) == 1 {
			exact[defect]++
		}
		if (conversion.Audit{Differences: found}).Outcome() != conversion.Differs {
			t.Errorf("seed %d, %s: no alarm", seed, defect)
		}
	}
	for _, defect := range []string{"lost", "doubled", "ledger"} {
		if exact[defect] < 33 {
			t.Errorf("%s: the event itself is named in %d of 33 days", defect, exact[defect])
		}
	}
}

func TestDifferencesAreListedByHour(t *testing.T) {
	cell := func(minutes int, c conversion.Channel) conversion.Cell {
		return conversion.Cell{Window: conversion.WindowOf(noon.Add(time.Duration(minutes) * time.Minute)), Channel: c, Type: conversion.Purchase}
	}
	ledger := conversion.Book{cell(0, "sms"): {Completed: 1}, cell(55, "email"): {Completed: 2}, cell(60, "email"): {Failed: 1}, cell(65, "sms"): {Declared: 1}}
	counters := conversion.Book{cell(55, "email"): {Completed: 2, Duplicates: 9}, cell(65, "sms"): {Declared: 2}, cell(5, "email"): {Completed: 1}}
	found := conversion.Compare(ledger, counters)
	want := []conversion.Cell{cell(5, "email"), cell(60, "email"), cell(0, "sms"), cell(65, "sms")}
	got := make([]conversion.Cell, len(found))
	for i, d := range found {
		got[i] = d.Cell
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	hours := conversion.Hours(found)
	if len(hours) != 2 || !hours[0].Start.Equal(noon) || len(hours[0].Differences) != 2 || !hours[1].Start.Equal(noon.Add(time.Hour)) || len(hours[1].Differences) != 2 {
		t.Errorf("%+v", hours)
	}
}

func TestAReportListsAHundredKeysOfAWindowAtMost(t *testing.T) {
	var entries []conversion.Entry
	for i := range 150 {
		id := conversion.Identity{Key: fmt.Sprintf("E#t#%03d", 149-i), Hash: conversion.Hash{byte(i)}}
		entries = append(entries, conversion.Entry{Identity: id, Marker: id.Mark("request", noon)})
	}
	keys := conversion.Suspects(conversion.Difference{Ledger: conversion.Counts{Checksum: conversion.SumOf(12345)}}, entries)
	if len(keys) != conversion.MaxSuspects || keys[0] != "E#t#000" || keys[99] != "E#t#099" {
		t.Errorf("%d keys: %v", len(keys), keys)
	}
	entries[70].Marker = conversion.Marker{}
	if keys := conversion.Suspects(conversion.Difference{Ledger: conversion.Counts{Checksum: conversion.SumOf(12345)}}, entries); !slices.Equal(keys, []string{"E#t#079"}) {
		t.Errorf("the event without a marker is not the suspect: %v", keys)
	}
}

func TestWhatTheDailyReportSays(t *testing.T) {
	difference := []conversion.Difference{{}}
	for _, tt := range []struct {
		name  string
		audit conversion.Audit
		want  string
	}{
		{"nobody asked the CRM", conversion.Audit{Conversions: 10}, "ok"},
		{"the CRM agrees", conversion.Audit{Conversions: 10, CRM: 10, Asked: true, Age: 8}, "ok"},
		{"it agrees though something waits", conversion.Audit{Conversions: 10, CRM: 10, Waiting: 3, Asked: true, Age: 8}, "ok"},
		{"it has none of ours", conversion.Audit{Conversions: 10, CRM: 0, Asked: true, Age: 8}, "differenza"},
		{"five of a thousand on the next day", conversion.Audit{Conversions: 995, CRM: 1000, Asked: true, Age: 1}, "ok"},
		{"six of a thousand on the next day", conversion.Audit{Conversions: 994, CRM: 1000, Asked: true, Age: 1}, "differenza"},
		{"five of a thousand the other way", conversion.Audit{Conversions: 1000, CRM: 995, Asked: true, Age: 1}, "ok"},
		{"five of a thousand after six days", conversion.Audit{Conversions: 995, CRM: 1000, Asked: true, Age: 6}, "ok"},
		{"one of a thousand after a week", conversion.Audit{Conversions: 999, CRM: 1000, Asked: true, Age: 7}, "differenza"},
		{"what is missing waits", conversion.Audit{Conversions: 97, CRM: 100, Waiting: 3, Asked: true, Age: 8}, "spiegato"},
		{"less waits than is missing", conversion.Audit{Conversions: 97, CRM: 100, Waiting: 2, Asked: true, Age: 8}, "differenza"},
		{"more waits than is missing", conversion.Audit{Conversions: 97, CRM: 100, Waiting: 4, Asked: true, Age: 8}, "differenza"},
		{"what waits explains nothing that is too many", conversion.Audit{Conversions: 103, CRM: 100, Waiting: 3, Asked: true, Age: 8}, "differenza"},
		{"ledger and counters differ", conversion.Audit{Differences: difference, Conversions: 10, CRM: 10, Waiting: 1, Asked: true}, "differenza"},
		{"a marker is missing", conversion.Audit{BadMarkers: 1, Conversions: 10, CRM: 10, Asked: true}, "differenza"},
		{"an event was counted twice", conversion.Audit{Doubled: 1, Conversions: 10, CRM: 10, Asked: true}, "differenza"},
		{"the CRM does not answer", conversion.Audit{Conversions: 10, Unanswered: true, Age: 1}, "incompleto"},
		{"it does not answer, and ledger and counters differ", conversion.Audit{Differences: difference, Unanswered: true}, "differenza"},
		{"an empty day", conversion.Audit{Asked: true, Age: 8}, "ok"},
	} {
		if got := tt.audit.Outcome().String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
