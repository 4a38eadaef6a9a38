package counting_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/flow/counting"
)

// Four repeats of four clients within ten minutes are too many whenever the clock happens to look, and told once.
func TestRepeatsOfAChannelAreToldWheneverTheClockLooks(t *testing.T) {
	for _, last := range []time.Duration{9*time.Minute + 30*time.Second, 9*time.Minute + 59*time.Second, 10 * time.Minute} {
		for offset := time.Duration(0); offset < 2*time.Minute; offset += 40 * time.Second {
			b := newBench()
			k, _ := b.watch(t, counting.RulesOf(true))
			repeats := []time.Duration{offset, offset + 3*time.Minute, offset + 6*time.Minute, offset + last}
			event := func(i int) func(*conversion.Event) {
				return func(e *conversion.Event) {
					e.ID, e.Client, e.At = fmt.Sprintf("order-%04d", i), fmt.Sprintf("CLIENTE-ITALIA-00000%d", i), noon
				}
			}
			for i := range repeats {
				b.apply(t, b.purchase(event(i)))
			}
			told := 0
			for s := time.Duration(0); s < 40*time.Minute; s += time.Second {
				b.now = noon.Add(s)
				for i, at := range repeats {
					if at == s {
						b.apply(t, b.purchase(event(i)))
					}
				}
				if s%(2*time.Minute) == 0 {
					told += tick(t, k).Raised
				}
			}
			want := 2 // raised and ended
			if last >= conversion.RepeatSpan {
				want = 0
			}
			if told != want {
				t.Errorf("the last %v after the first, first at %v: told %d times, want %d", last, offset, told, want)
			}
		}
	}
}

// The arrivals of a burst are most of what a quiet channel has had in 24 hours: they are compared with those before them.
func TestTheFirstBurstOfRepeatsOfAQuietChannelIsTold(t *testing.T) {
	for _, tt := range []struct{ hours, repeats, raised int }{
		{0, 0, 1},  // nothing came before
		{24, 0, 1}, // no repeats
		{24, 4, 0}, // 4 repeats to 20 events: 17 per cent, and 50 are not more than three times as many
	} {
		b, n := newBench(), 0
		k, _ := b.watch(t, counting.Rules{Guard: conversion.Guarded})
		send := func(repeated bool) {
			n++
			s := b.purchase(func(e *conversion.Event) { e.Client = fmt.Sprintf("CLIENTE-ITALIA-%06d", n) })
			b.apply(t, s)
			if repeated {
				s.Ingestion += "-again"
				b.apply(t, s)
			}
		}
		for range tt.hours {
			for i := range 20 {
				send(i < tt.repeats)
			}
			b.now = b.now.Add(time.Hour)
		}
		raised := 0
		for i := range 180 {
			send(true)
			b.now = b.now.Add(2 * time.Second)
			if i%60 == 59 {
				raised += tick(t, k).Raised
			}
		}
		if raised != tt.raised {
			t.Errorf("after %d hours of %d repeats: told %d times", tt.hours, tt.repeats, raised)
		}
	}
}

func TestEvenTrafficRaisesNoAlarmWhenClocksAreSet(t *testing.T) {
	for _, change := range []string{"2027-03-28", "2027-10-31"} {
		day, err := conversion.ParseDay(change)
		if err != nil {
			t.Fatal(err)
		}
		b, n := newBench(), 0
		k, _ := b.watch(t, counting.Rules{Volume: conversion.UsualVolume})
		for b.now = day.Plus(-1).Start(rome(t)); b.now.Before(day.Start(rome(t)).Add(6 * time.Hour)); b.now = b.now.Add(2 * time.Minute) {
			n++
			b.apply(t, b.purchase(named(fmt.Sprintf("id-%08d", n))))
			if b.now.After(day.Start(rome(t))) && b.now.Minute() == 2 {
				if done := tick(t, k); done.Raised > 0 {
					t.Errorf("an alarm at %v", b.now.In(rome(t)))
				}
			}
		}
	}
}

func TestWhatWasHeldBackForGoodStaysOutOfALaterRelease(t *testing.T) {
	b := newBench()
	hold := func(id string, release bool) {
		if err := b.Quarantine(t.Context(), tenant, conversion.Webform); err != nil {
			t.Fatal(err)
		}
		b.apply(t, b.purchase(named(id)))
		if err := b.Lift(t.Context(), tenant, conversion.Webform, release); err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(24 * time.Hour)
	}
	hold("fraud-0001", false)
	hold("fraud-0002", false)
	hold("good-00001", true)
	if n, err := b.Release(t.Context(), tenant, conversion.Webform, 100); n != 1 || err != nil {
		t.Errorf("released %d, %v", n, err)
	}
	if c := b.total(t); c.Completed != 1 || c.Quarantined != 2 {
		t.Errorf("%+v", c)
	}
}

// A channel may be held back again while what was held before is still being released: a burst is released for hours.
func TestWhatIsToBeReleasedIsReleasedWhateverIsHeldBackAfterwards(t *testing.T) {
	for _, then := range []bool{true, false} { // what becomes of the second quarantine
		b := newBench()
		hold := func(prefix string, events int) {
			if err := b.Quarantine(t.Context(), tenant, conversion.Webform); err != nil {
				t.Fatal(err)
			}
			for i := range events {
				b.apply(t, b.purchase(named(fmt.Sprintf("%s-%06d", prefix, i))))
			}
		}
		lift := func(release bool) {
			if err := b.Lift(t.Context(), tenant, conversion.Webform, release); err != nil {
				t.Fatal(err)
			}
		}
		tick := func(want int) {
			t.Helper()
			b.now = b.now.Add(2 * time.Minute)
			if n, err := b.Release(t.Context(), tenant, conversion.Webform, 30); n != want || err != nil {
				t.Errorf("released %d, %v; want %d", n, err, want)
			}
		}
		hold("first", 50)
		lift(true)
		tick(30)
		hold("second", 20)
		if h, err := b.Holding(t.Context(), tenant, conversion.Webform); err != nil || !h.On || !h.Releasing {
			t.Errorf("%+v, %v", h, err)
		}
		tick(20) // and none of those that are held now
		lift(then)
		hold("third", 5) // in the same instant
		want := int64(50)
		if then {
			want += 20
			tick(20)
		}
		tick(0)
		if c := b.total(t); c.Completed != want || c.Quarantined != 75-want {
			t.Errorf("%+v", c)
		}
		lift(true)
		tick(5)
		if c := b.total(t); c.Completed != want+5 || c.Quarantined != 70-want {
			t.Errorf("%+v", c)
		}
		tick(0)
		if h, err := b.Holding(t.Context(), tenant, conversion.Webform); err != nil || h.On || h.Releasing {
			t.Errorf("at the end: %+v, %v", h, err)
		}
	}
}

func TestTheReportOfAVeryBadDayIsKeptAndTold(t *testing.T) {
	b, r := newBench(), counting.Report{Day: "2026-11-21", Age: 1, Outcome: conversion.Differs.String()}
	for ch := range 30 {
		c := counting.Audited{Tenant: tenant, Channel: conversion.Channels()[ch%5], Outcome: conversion.Differs.String(), Differing: 120}
		for w := range 100 {
			d := counting.Differing{Window: fmt.Sprint(w), Type: conversion.Purchase, Ledger: 100}
			for i := range 100 {
				d.Suspects = append(d.Suspects, fmt.Sprintf("%064d", i))
			}
			c.Differences = append(c.Differences, d)
		}
		r.Channels = append(r.Channels, c)
	}
	reporter := &counting.Reporter{Counter: &b.Counter, CRM: crm{}, Queues: queues(0), Zone: rome(t)}
	if err := reporter.Publish(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	k, x := b.watch(t, counting.Rules{})
	tick(t, k)
	if len(x.told) != 1 || len(x.told[0].Text) < 1000 {
		t.Errorf("told %d times", len(x.told))
	}
}

// backlog is a queue that events come through.
type backlog struct{ waits []submission.Submission }

func (q *backlog) Waiting(context.Context) (int64, error) { return int64(len(q.waits)), nil }

// live lets an event arrive every two minutes, and a clock look every ten. What arrives while held says so waits, and is counted at once
// when it says so no more. It returns the instants at which alarms were raised or over.
func (b *bench) live(t *testing.T, from, until time.Time, silent, held func(time.Time) bool) (changes []string) {
	t.Helper()
	q := &backlog{}
	k, _ := b.watch(t, counting.Rules{Volume: conversion.UsualVolume})
	k.Queues = q
	for b.now = from; b.now.Before(until); b.now = b.now.Add(time.Minute) {
		if b.now.Minute()%2 == 0 {
			if !silent(b.now) {
				q.waits = append(q.waits, b.purchase(func(e *conversion.Event) { e.Client = fmt.Sprintf("CLIENTE-ROMA-%06d", b.n) }))
			}
		} else if b.now.Minute()%10 == 1 && tick(t, k).Raised > 0 {
			changes = append(changes, b.now.Format("2 15:04"))
		}
		if !held(b.now) {
			for some := range slices.Chunk(q.waits, counting.MaxBatch) {
				b.apply(t, some...)
			}
			q.waits = nil
		}
	}
	return changes
}

// An event is of the hour in which it was received, whenever it is counted.
func TestAQueueThatWasHeldUpAndDrainedAtOnceNeitherRaisesNorHidesAnAlarmOfVolume(t *testing.T) {
	day := noon.AddDate(0, 0, 1)
	between := func(from, until time.Duration) func(time.Time) bool {
		return func(at time.Time) bool { return !at.Before(day.Add(from)) && at.Before(day.Add(until)) }
	}
	never := func(time.Time) bool { return false }
	for _, tt := range []struct {
		name         string
		silent, held func(time.Time) bool
		want         string
	}{
		{"nothing happens", never, never, "[]"},
		{"held up from ten past to ten past", never, between(10*time.Minute, 70*time.Minute), "[]"},
		{"held up for three hours", never, between(-time.Hour, 2*time.Hour), "[]"},
		{"silent for an hour", between(time.Hour, 2*time.Hour), never, "[23 14:01 23 15:01]"},
		{"silent for the hour in which the one before is drained", between(time.Hour, 2*time.Hour), between(0, 70*time.Minute), "[23 14:01 23 15:01]"},
	} {
		b := newBench()
		if got := fmt.Sprint(b.live(t, noon.Add(-2*time.Hour), day.Add(5*time.Hour), tt.silent, tt.held)); got != tt.want {
			t.Errorf("%s: alarms and ends at %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestWhatWasReceivedInTheFutureArrivesNowAndWhatWasReceivedMoreThanADayAgoInNoHour(t *testing.T) {
	for name, tt := range map[string]struct {
		received time.Duration // from when it is counted
		raised   int
	}{
		"now":                {0, 1},
		"in an hour":         {time.Hour, 1},
		"the day before":     {-25 * time.Hour, 0},
		"three hours before": {-3 * time.Hour, 0},
	} {
		b := newBench()
		k, _ := b.watch(t, counting.UsualRules)
		b.push(t, noon.AddDate(0, 0, -1).Add(time.Minute), 30, time.Minute)
		b.tickUntil(t, k, noon.AddDate(0, 0, -1).Add(time.Hour), noon.AddDate(0, 0, -1).Add(61*time.Minute))
		b.push(t, noon.Add(time.Minute), 30, time.Minute)
		for range 30 {
			s := b.purchase(func(e *conversion.Event) {
				e.Client, e.At = fmt.Sprintf("CLIENTE-OGGI-%06d", b.n), b.now.Add(min(tt.received, 0))
			})
			s.Received = b.now.Add(tt.received)
			b.apply(t, s)
		}
		if raised := b.tickUntil(t, k, noon.Add(time.Hour), noon.Add(61*time.Minute)); raised != tt.raised {
			t.Errorf("%s: %d alarms, want %d", name, raised, tt.raised)
		}
	}
}

// Repeats that a queue held up are judged by when they were received, and told although that is an hour ago.
func TestRepeatsThatAQueueHeldUpAreJudgedByWhenTheyWereReceived(t *testing.T) {
	for _, tt := range []struct {
		apart  time.Duration
		guard  conversion.Guard
		raised int
	}{
		{2 * time.Minute, conversion.Guarded, 1}, // the client's: five arrivals of the channel say nothing
		{2 * time.Minute, conversion.Guard{Arrivals: 5, Percent: 5, Factor: 3}, 2},
		{15 * time.Minute, conversion.Guarded, 0},
	} {
		b := newBench()
		k, _ := b.watch(t, counting.Rules{Guard: tt.guard})
		var waits []submission.Submission
		b.apply(t, b.purchase(named("order-0001")))
		for i := range 4 {
			b.now = noon.Add(time.Duration(i) * tt.apart)
			waits = append(waits, b.purchase(func(e *conversion.Event) { e.ID, e.At = "order-0001", noon }))
		}
		raised := 0
		for b.now = noon; b.now.Before(noon.Add(90 * time.Minute)); b.now = b.now.Add(2 * time.Minute) {
			raised += tick(t, k).Raised
		}
		b.apply(t, waits...)
		b.now = b.now.Add(time.Minute)
		if raised += tick(t, k).Raised; raised != tt.raised {
			t.Errorf("%v apart: %d alarms, want %d", tt.apart, raised, tt.raised)
		}
		for range 10 {
			b.now = b.now.Add(2 * time.Minute)
			raised += tick(t, k).Raised
		}
		if raised != 2*tt.raised {
			t.Errorf("%v apart: %d alarms and ends, want %d", tt.apart, raised, 2*tt.raised)
		}
	}
}
