package counting_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%s: %v; got\n%s", file, err, got)
	}
}

// teller keeps what it was told.
type teller struct {
	err  error
	told []counting.Message
}

func (x *teller) Tell(_ context.Context, m counting.Message) error {
	x.told = append(x.told, m)
	return x.err
}

func (b *bench) watch(t *testing.T, rules counting.Rules) (*counting.Clock, *teller) {
	x := &teller{}
	return &counting.Clock{Counter: &b.Counter, Teller: x, Queues: queues(0), Zone: rome(t), Rules: rules}, x
}

func tick(t *testing.T, k *counting.Clock) counting.Ticked {
	t.Helper()
	done, err := k.Tick(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// repeat sends an event and then repeats of it, one at each of the instants after noon.
func (b *bench) repeat(t *testing.T, after ...time.Duration) {
	t.Helper()
	b.apply(t, b.purchase(named("order-0001")))
	for _, d := range after {
		b.now = noon.Add(d)
		b.apply(t, b.purchase(func(e *conversion.Event) { e.ID, e.At = "order-0001", noon }))
	}
}

// guarded keeps the rule of the channel quiet: there are few arrivals.
var guarded = counting.Rules{Guard: conversion.Guarded}

func TestMoreThanThreeRepeatsInTenMinutesAreToldOnceAndTheirEndOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		after  []time.Duration
		raised int
	}{
		"three":         {[]time.Duration{1, 2, 3 * time.Minute}, 0},
		"four in 9:59":  {[]time.Duration{time.Second, time.Minute, 2 * time.Minute, 10 * time.Minute}, 1},
		"four in 10:00": {[]time.Duration{0, time.Minute, 2 * time.Minute, 10 * time.Minute}, 0},
	} {
		b := newBench()
		k, x := b.watch(t, guarded)
		b.repeat(t, tt.after...)
		last := b.now
		raised := 0
		for b.now.Before(last.Add(conversion.RepeatSpan)) {
			raised += tick(t, k).Raised
			b.now = b.now.Add(2 * time.Minute)
		}
		if raised != tt.raised {
			t.Errorf("%s: %d alarms", name, raised)
		}
		ended := 0
		for range 10 {
			ended += tick(t, k).Raised
			b.now = b.now.Add(2 * time.Minute)
		}
		if ended != tt.raised || len(x.told) != 2*tt.raised {
			t.Errorf("%s: %d ends, %d messages", name, ended, len(x.told))
		}
		for _, m := range x.told {
			if strings.Contains(m.Text, "789456") {
				t.Errorf("%s: a client in the mail: %s", name, m.Text)
			}
		}
	}
}

func TestTheGuardOfAChannelLetsThroughWhatIsUnusual(t *testing.T) {
	for _, tt := range []struct {
		events, repeats int
		rules           counting.Rules
		raised          bool
	}{
		{200, 8, guarded, false},         // 4 per cent
		{200, 40, guarded, true},         // 17 per cent
		{5, 5, guarded, false},           // few arrivals say nothing
		{200, 8, counting.Rules{}, true}, // the literal rule
	} {
		b := newBench()
		k, x := b.watch(t, tt.rules)
		b.now = noon.Add(-2 * time.Hour)
		for i := range 800 { // what is usual: no repeats
			b.apply(t, b.purchase(func(e *conversion.Event) { e.Client = fmt.Sprintf("CLIENTE-OGGI-%06d", i) }))
		}
		b.now = noon
		for i := range tt.events {
			s := b.purchase(func(e *conversion.Event) { e.Client = fmt.Sprintf("CLIENTE-ROMA-%06d", i) })
			b.apply(t, s)
			if i < tt.repeats {
				s.Ingestion += "-again"
				b.apply(t, s)
			}
		}
		if done := tick(t, k); (done.Raised == 1) != tt.raised || len(x.told) != done.Raised {
			t.Errorf("%d repeats of %d: %+v", tt.repeats, tt.events, done)
		}
	}
}

// push makes n events of the span before an instant arrive then.
func (b *bench) push(t *testing.T, at time.Time, n int, span time.Duration) {
	t.Helper()
	b.now = at
	var subs []submission.Submission
	for i := range n {
		subs = append(subs, b.purchase(func(e *conversion.Event) {
			e.Client, e.At = fmt.Sprintf("CLIENTE-ROMA-%06d", b.n), at.Add(-span+time.Duration(i)*span/time.Duration(n))
		}))
	}
	for some := range slices.Chunk(subs, counting.MaxBatch) {
		b.apply(t, some...)
	}
}

// tickUntil ticks every half hour from an instant to before another, and returns how much was raised or over.
func (b *bench) tickUntil(t *testing.T, k *counting.Clock, from, end time.Time) (changes int) {
	t.Helper()
	for b.now = from; b.now.Before(end); b.now = b.now.Add(30 * time.Minute) {
		changes += tick(t, k).Raised
	}
	return changes
}

func TestAnHourOfUnusualVolumeIsTold(t *testing.T) {
	for _, tt := range []struct {
		last int
		want int
	}{{20, 1}, {30, 0}, {50, 1}, {0, 1}} {
		b := newBench()
		k, _ := b.watch(t, counting.UsualRules)
		for day := 7; day > 0; day-- {
			hour := noon.Add(-time.Hour).AddDate(0, 0, -day)
			b.push(t, hour.Add(30*time.Minute), 30, time.Minute)
			b.tickUntil(t, k, hour.Add(time.Hour), hour.Add(61*time.Minute)) // raises nothing: less is known
		}
		b.push(t, noon.Add(-30*time.Minute), tt.last, time.Minute)
		if raised := b.tickUntil(t, k, noon, noon.Add(time.Hour)); raised != tt.want {
			t.Errorf("%d events: %d alarms", tt.last, raised)
		}
	}
}

// An hour is judged by what arrived in it, and is over when it is: what its sender sends later is of a later one.
func TestASenderThatCollectsAndSendsLaterIsAsRegularAsAnyOther(t *testing.T) {
	for name, tt := range map[string]struct{ every, late time.Duration }{
		"the hour before, at ten past":         {time.Hour, 10 * time.Minute},
		"each half hour, half a minute behind": {30 * time.Minute, 30 * time.Second},
		"the day before, at one":               {24 * time.Hour, 13 * time.Hour},
	} {
		for _, stops := range []bool{false, true} {
			b := newBench()
			k, _ := b.watch(t, counting.UsualRules)
			start, changes := noon.Truncate(24*time.Hour), 0
			for at := start; at.Before(start.AddDate(0, 0, 3)); at = at.Add(tt.every) {
				if stops && !at.Before(start.AddDate(0, 0, 2)) {
					changes += b.tickUntil(t, k, at, at.Add(tt.every))
					continue
				}
				changes += b.tickUntil(t, k, at, at.Add(tt.late))
				b.push(t, at.Add(tt.late), 20, tt.every)
				changes += b.tickUntil(t, k, at.Add(tt.late), at.Add(tt.every))
			}
			if (changes > 0) != stops {
				t.Errorf("%s, stops %t: %d alarms and ends", name, stops, changes)
			}
		}
	}
}

// A clock that stood still knows nothing of the hours that no shard tells any more, and compares with the days that it knows.
func TestHoursThatNobodySawAreNotComparedWith(t *testing.T) {
	b := newBench()
	k, _ := b.watch(t, counting.UsualRules)
	for day := range 3 {
		b.push(t, noon.AddDate(0, 0, day).Add(time.Minute), 30, time.Minute)
	}
	at := noon.AddDate(0, 0, 2).Add(time.Hour)
	if raised := b.tickUntil(t, k, at, at.Add(time.Hour)); raised != 0 {
		t.Errorf("%d alarms by an hour that is the first one seen", raised)
	}
	b.push(t, noon.AddDate(0, 0, 3).Add(time.Minute), 10, time.Minute)
	at = noon.AddDate(0, 0, 3).Add(time.Hour)
	if raised := b.tickUntil(t, k, at, at.Add(time.Hour)); raised != 1 {
		t.Errorf("%d alarms by a third of what arrived the day before", raised)
	}
}

func TestWhatIsToldReadsLikeThis(t *testing.T) {
	for language, file := range map[string]string{"it": "alarms.txt", "en": "alarms_en.txt"} {
		golden(t, file, toldIn(t, language))
	}
}

// toldIn is what is told of repeats and of an id that was used twice, and of their ends.
func toldIn(t *testing.T, language string) string {
	t.Helper()
	b := newBench()
	k, x := b.watch(t, counting.Rules{})
	k.Language = language
	b.repeat(t, time.Second, time.Minute, 2*time.Minute, 3*time.Minute)
	b.apply(t, b.purchase(func(e *conversion.Event) { e.ID, e.Value, e.Channel = "order-0001", 1, conversion.Email }))
	tick(t, k)
	b.now = b.now.Add(12 * time.Minute)
	tick(t, k)
	b.now = b.now.Add(12 * time.Minute)
	tick(t, k)
	var all strings.Builder
	for _, m := range x.told {
		all.WriteString("== " + m.Subject + "\n" + m.Text + "\n")
	}
	return all.String()
}

func TestAMessageThatCouldNotBeSentIsSentAgainAsItWasAndNothingIsLost(t *testing.T) {
	b := newBench()
	k, x := b.watch(t, counting.Rules{})
	x.err = errors.New("SES is down")
	b.repeat(t, time.Second, time.Minute, 2*time.Minute, 3*time.Minute)
	for range 3 {
		if _, err := k.Tick(t.Context()); !errors.Is(err, x.err) {
			t.Fatal(err)
		}
		b.now = b.now.Add(2 * time.Minute)
		b.apply(t, b.purchase(func(e *conversion.Event) { e.ID, e.Value, e.Channel = "order-0001", 1, conversion.SMS })) // raised meanwhile
	}
	x.err = nil
	tick(t, k)
	if n := len(x.told); n != 4 || x.told[0] != x.told[3] {
		t.Fatalf("%d messages, the last %+v", n, x.told[n-1])
	}
	tick(t, k)
	b.now = b.now.Add(2 * counting.Pause)
	tick(t, k)
	if n := len(x.told); n != 5 || !strings.Contains(x.told[4].Text, "conflitti") || x.told[4].ID == x.told[0].ID {
		t.Errorf("%d messages, the last %+v", n, x.told[n-1])
	}
}

func TestAWindowThatDoesNotAgreeWithItsEventsIsFound(t *testing.T) {
	b := newBench()
	k, x := b.watch(t, guarded)
	b.apply(t, b.purchase(nil))
	for r := range b.rows.All("W#") {
		value := strings.Replace(string(r.Value), `[1,1999]`, `[1,1998]`, 1)
		if err := b.rows.Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Value: []byte(value)}); err != nil || value == string(r.Value) {
			t.Fatal(err, value)
		}
	}
	b.now = noon.Add(time.Hour)
	if done := tick(t, k); len(done.Closed) != 1 || done.Raised != 1 || !strings.Contains(x.told[0].Text, "controllo") {
		t.Errorf("%+v, %+v", done, x.told)
	}
}

func TestAnAlarmAboutAWindowIsOverWhenItAgreesWithItsEventsAgain(t *testing.T) {
	b := newBench()
	k, x := b.watch(t, guarded)
	b.apply(t, b.purchase(nil))
	for r := range b.rows.All("W#") {
		b.overwrite(t, r, func(v map[string]any) { v["completed"] = 2 })
	}
	b.now = noon.Add(time.Hour)
	for range 20 {
		tick(t, k)
		b.now = b.now.Add(2 * time.Minute)
	}
	if len(x.told) != 1 || !strings.Contains(x.told[0].Text, "ALLARME controllo") {
		t.Fatalf("while it does not agree: %+v", x.told)
	}
	if _, err := b.Repair(t.Context(), tenant, conversion.Webform, conversion.WindowOf(noon)); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		tick(t, k)
		b.now = b.now.Add(2 * time.Minute)
	}
	if len(x.told) != 2 || !strings.Contains(x.told[1].Text, "RIENTRATO controllo") {
		t.Errorf("once it was repaired: %+v", x.told)
	}
}

func TestAClockThatStoodStillMakesUpForWhatItMissedOnce(t *testing.T) {
	for _, rules := range []counting.Rules{{}, guarded} {
		for _, still := range []time.Duration{2 * time.Minute, 9 * time.Minute, 12 * time.Minute, time.Hour, 5 * time.Hour} {
			b := newBench()
			k, x := b.watch(t, rules)
			for i := range 30 {
				b.apply(t, b.purchase(func(e *conversion.Event) { e.Client = fmt.Sprintf("CLIENTE-ROMA-%06d", i) }))
			}
			tick(t, k)
			b.repeat(t, time.Second, time.Minute, 2*time.Minute, 3*time.Minute)
			b.apply(t, b.purchase(func(e *conversion.Event) { e.ID, e.At, e.Value = "order-0001", noon, 1 }))
			b.now = b.now.Add(still / 2)
			b.apply(t, b.purchase(func(e *conversion.Event) { e.Client = "CLIENTE-ROMA-999999" })) // drops the minutes before
			b.now = b.now.Add(still / 2)
			for range 20 {
				tick(t, k)
				b.now = b.now.Add(2 * time.Minute)
			}
			text := ""
			for _, m := range x.told {
				text += m.Text
			}
			for _, rule := range []string{"duplicati_cliente", "duplicati_canale", "conflitti"} {
				if strings.Count(text, "ALLARME "+rule+",") != 1 || strings.Count(text, "RIENTRATO "+rule+",") != 1 {
					t.Errorf("still for %v, %+v: %s\n%s", still, rules, rule, text)
				}
			}
			if strings.Contains(text, " 0 ") {
				t.Errorf("still for %v: %s", still, text)
			}
		}
	}
}

// pulseless lists nothing of what arrived.
type pulseless struct{ counting.Store }

var errPulseless = errors.New("throttled")

func (p pulseless) List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error) {
	if strings.HasPrefix(part, "P#") {
		return nil, errPulseless
	}
	return p.Store.List(ctx, part, sortPrefix, after, limit)
}

func TestAnAlarmDoesNotEndBecauseWhatArrivedCannotBeRead(t *testing.T) {
	b := newBench()
	k, x := b.watch(t, counting.Rules{})
	b.apply(t, b.purchase(named("order-0001")))
	for minute := range 40 {
		b.now = noon.Add(time.Duration(minute) * time.Minute)
		b.apply(t, b.purchase(func(e *conversion.Event) { e.ID, e.At = "order-0001", noon }))
		if minute%2 == 1 {
			continue
		}
		b.Store = b.rows
		if minute >= 10 && minute < 30 {
			b.Store = pulseless{b.rows}
		}
		if _, err := k.Tick(t.Context()); err != nil && !errors.Is(err, errPulseless) {
			t.Fatal(err)
		}
		b.Store = b.rows
	}
	text := ""
	for _, m := range x.told {
		text += m.Text
	}
	if !strings.Contains(text, "ALLARME duplicati_cliente,") || strings.Contains(text, "RIENTRATO") {
		t.Errorf("told\n%s", text)
	}
}

func TestTheClockGoesOnReleasing(t *testing.T) {
	b := newBench()
	k, _ := b.watch(t, guarded)
	if err := b.Quarantine(t.Context(), tenant, conversion.Webform); err != nil {
		t.Fatal(err)
	}
	b.apply(t, b.purchase(nil), b.purchase(named("order-0002")))
	if done := tick(t, k); done.Released != 0 {
		t.Errorf("held: %+v", done)
	}
	if err := b.Lift(t.Context(), tenant, conversion.Webform, true); err != nil {
		t.Fatal(err)
	}
	if done := tick(t, k); done.Released != 2 || b.total(t).Completed != 2 {
		t.Errorf("released: %+v", done)
	}
	if done := tick(t, k); done.Released != 0 {
		t.Errorf("again: %+v", done)
	}
}

func TestATickThatFailsAnywhereIsMadeUpForByTheNext(t *testing.T) {
	for call := 1; call < 60; call++ {
		b := newBench()
		k, x := b.watch(t, counting.Rules{})
		b.repeat(t, time.Second, time.Minute, 2*time.Minute, 3*time.Minute)
		n := 0
		fail := func() error {
			if n++; n == call {
				return errLost
			}
			return nil
		}
		b.Store = &faulty{Store: b.rows, before: func() error {
			if call%2 == 0 {
				return fail()
			}
			return nil
		}, after: func() error {
			if call%2 == 1 {
				return fail()
			}
			return nil
		}}
		_, first := k.Tick(t.Context()) // fails or not, as the call falls
		b.Store = b.rows
		for range 3 {
			b.now = b.now.Add(time.Minute)
			tick(t, k)
		}
		b.now = b.now.Add(counting.Pause)
		tick(t, k)
		text := ""
		for _, m := range x.told {
			if !strings.Contains(text, m.Text) {
				text += m.Text
			}
		}
		if strings.Count(text, "ALLARME duplicati_cliente") != 1 || strings.Count(text, "ALLARME duplicati_canale") != 1 {
			t.Errorf("failure at call %d (%v): told\n%s", call, first, text)
		}
	}
}
