package inbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func TestTheWaitIsWhatTheFaultAsksForElseABackoffByItsKind(t *testing.T) {
	for _, tt := range []struct {
		name     string
		out      fault.Outcome
		receives int
		from, to time.Duration
	}{
		{"asked by the outcome", fault.Outcome{After: 40 * time.Second}, 1, 40 * time.Second, 40 * time.Second},
		{"asked by the fault", fault.Outcome{Err: &fault.Error{Kind: fault.Throttled, After: 50 * time.Second}}, 9, 50 * time.Second, 50 * time.Second},
		{"asked for an hour", fault.Outcome{Err: &fault.Error{Kind: fault.Throttled, After: time.Hour}}, 1, 15 * time.Minute, 15 * time.Minute},
		{"asked for less than nothing", fault.Outcome{After: -time.Second}, 1, time.Second, 3 * time.Second},
		{"busy", fault.Outcome{Err: &fault.Error{Kind: fault.Busy}}, 50, time.Second, 3 * time.Second},
		{"stale", fault.Outcome{Err: &fault.Error{Kind: fault.Stale}}, 50, time.Second, 3 * time.Second},
		{"no fault", fault.Outcome{}, 50, time.Second, 3 * time.Second},
		{"down, first", fault.Outcome{Err: &fault.Error{Kind: fault.Down}}, 1, time.Second, 30 * time.Second},
		{"down, second", fault.Outcome{Err: &fault.Error{Kind: fault.Down}}, 2, time.Second, time.Minute},
		{"throttled, third", fault.Outcome{Err: &fault.Error{Kind: fault.Throttled}}, 3, time.Second, 2 * time.Minute},
		{"down, fourth", fault.Outcome{Err: &fault.Error{Kind: fault.Down}}, 4, time.Second, 4 * time.Minute},
		{"throttled for a moment, twentieth", fault.Outcome{Err: &fault.Error{Kind: fault.Throttled, After: time.Second}}, 20, time.Second, time.Second},
		{"throttled for a moment, twenty-first", fault.Outcome{Err: &fault.Error{Kind: fault.Throttled, After: time.Second}}, 21, time.Second, 2 * time.Second},
		{"throttled for a moment, fiftieth", fault.Outcome{Err: &fault.Error{Kind: fault.Throttled, After: 3 * time.Second}}, 50, 3 * time.Second, 16 * time.Second},
		{"throttled for a moment, hundred and tenth", fault.Outcome{Err: &fault.Error{Kind: fault.Throttled, After: time.Second}}, 110, time.Second, 15 * time.Minute},
		{"throttled for a moment, nine hundredth", fault.Outcome{Err: &fault.Error{Kind: fault.Throttled, After: time.Second}}, 900, time.Second, 15 * time.Minute},
		{"down and asks for a moment, twenty-first", fault.Outcome{Err: &fault.Error{Kind: fault.Down, After: time.Second}}, 21, time.Second, 15 * time.Minute},
		{"denied, fifth", fault.Outcome{Err: &fault.Error{Kind: fault.Denied}}, 5, time.Second, 8 * time.Minute},
		{"down, sixth", fault.Outcome{Err: &fault.Error{Kind: fault.Down}}, 6, time.Second, 15 * time.Minute},
		{"down, the nine hundredth", fault.Outcome{Err: &fault.Error{Kind: fault.Down}}, 900, time.Second, 15 * time.Minute},
		{"setup", fault.Outcome{Err: &fault.Error{Kind: fault.Setup}}, 1, time.Second, 30 * time.Second},
		{"the table", fault.Outcome{Err: context.DeadlineExceeded}, 1, time.Second, 30 * time.Second},
	} {
		tt.out.Ending = fault.GoAgain
		d := works(t, func(crm.Operation) fault.Outcome { return tt.out })
		d.Rand = func(int64) int64 { return 0 }
		d.handle(messages(tt.receives, "a.1")...)
		d.Rand = func(n int64) int64 { return n - 1 }
		d.handle(messages(tt.receives, "a.1")...)
		if from, to := d.waiter.calls[0][0].For, d.waiter.calls[1][0].For; from != tt.from || to != tt.to {
			t.Errorf("%s: %v to %v, want %v to %v", tt.name, from, to, tt.from, tt.to)
		}
	}
}

func TestALockedRecordIsTriedForAQuarterOfAnHourAndThenParkedWithItsNextTry(t *testing.T) {
	d := works(t, failing(fault.Locked))
	d.clock.Wait(15*time.Minute - time.Nanosecond)
	d.want(d.handle(messages(30, "a.1")...), "a.1")
	d.clock.Wait(time.Nanosecond)
	d.want(d.handle(messages(31, "a.1")...))
	if len(d.parking.open) != 1 {
		t.Fatalf("parked %+v", d.parking.open)
	}
	p, now := d.parking.open[0], d.clock.Now()
	if p.Class != fault.Locked || p.Hint != fault.HintLocked || !p.RetryAt.Equal(now.Add(time.Hour)) || !p.MailAfter.Equal(now.Add(24*time.Hour)) {
		t.Errorf("parked %+v", p)
	}
}

func TestALockedRecordWhoseArrivalIsNotKnownIsTriedAgain(t *testing.T) {
	d := works(t, failing(fault.Locked))
	op := operation("a.1", "a")
	op.ReceivedAt = time.Time{}
	for n := 1; n <= 3; n++ {
		d.clock.Wait(time.Hour)
		if got := d.Handle(t.Context(), []batch.Message{{ID: "a.1", Group: "a", Receipt: "r", Receives: n, Operation: op}}); !slices.Equal(got, []string{"a.1"}) {
			t.Errorf("receive %d: wanted again %q", n, got)
		}
	}
	if len(d.parking.open) != 0 {
		t.Errorf("parked %+v", d.parking.open)
	}
}

func TestARowIsMadeForEachRefusedFieldAndItsIdIsThatOfTheReason(t *testing.T) {
	refused := &fault.Error{Op: "zoho.Update", Kind: fault.Refused, Refused: []fault.Refusal{
		{Field: "phone", Property: "Phone", Code: "INVALID_DATA", Hint: fault.HintFormat, Message: "invalid data"},
		{Field: "email", Property: "Email", Code: "DUPLICATE_DATA", Hint: fault.HintDuplicate, Record: "77"},
	}}
	d := works(t, func(crm.Operation) fault.Outcome { return fault.Outcome{Ending: fault.ParkedAway, Err: refused} })
	d.want(d.handle(messages(1, "a.1", "a.2", "b.1")...))
	rows := d.parking.open
	if len(rows) != 6 {
		t.Fatalf("%d rows", len(rows))
	}
	now := d.clock.Now()
	p := rows[1]
	if p.Record != (crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: "a"}) || p.Target != crm.Zoho || p.Field != "email" || p.Property != "Email" ||
		p.Code != "DUPLICATE_DATA" || p.Hint != fault.HintDuplicate || p.Other != (crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "77"}) ||
		p.Class != fault.Refused || p.Count != 1 || !p.First.Equal(now) || !p.Last.Equal(now) || p.Operation != "a.1" || p.Verb != crm.Update || p.Kind != crm.Contact {
		t.Errorf("parked %+v", p)
	}
	if rows[0].ID != rows[2].ID || rows[1].ID != rows[3].ID {
		t.Error("another operation on the same record, field and reason has another row")
	}
	if rows[0].ID == rows[1].ID || rows[0].ID == rows[4].ID || rows[0].ID == "" {
		t.Error("another field or record has the same row")
	}
}

// An operation of a person, told by ids and counts.
func TestAnOperationIsOneLineOfIdsKindsAndCounts(t *testing.T) {
	secret := errors.New("mario.canary@example.com")
	d := works(t, by(map[string]fault.Outcome{
		"a.1": {Ending: fault.Done, Applied: true, Note: "phone: zoho to hubspot", Rows: []fault.Parked{{ID: "r"}}},
		"b.1": {Ending: fault.GoAgain, Err: secret},
		"c.1": {Ending: fault.ParkedAway, Err: &fault.Error{Op: "zoho.Create", Kind: fault.Refused, Code: "INVALID_DATA"}},
		"d.1": {Ending: fault.GoAgain, Err: fmt.Errorf("%w: %w", secret, &fault.Error{Op: "zoho.Create", Kind: fault.Setup})},
	}))
	d.clock.Wait(1500 * time.Millisecond)
	d.handle(messages(2, "a.1", "b.1", "b.2", "c.1", "d.1")...)
	lines := strings.Split(strings.TrimSpace(d.log.String()), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines: %s", len(lines), d.log)
	}
	if strings.Contains(d.log.String(), "canary") {
		t.Errorf("a person is in the log: %s", d.log)
	}
	level := func(i int) string {
		var line map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(line["level"], " ", line["ending"])
	}
	for i, want := range []string{"INFO done", "INFO again", "DEBUG again", "WARN parked", "ERROR again"} {
		if level(i) != want {
			t.Errorf("line %d is %s, want %s", i, level(i), want)
		}
	}
	_, got, _ := strings.Cut(lines[0], `"msg":`)
	want := `"operation","ending":"done","operation":"a.1","messageId":"a.1","connection":"main","source":"hubspot","kind":"contact","module":"contact",` +
		`"verb":"update","record":"a","trace":"t1","receives":2,"fields":2,"age_ms":1500,"applied":true,"covered":false,"rows":1,"settled":0,"open":0,"note":"phone: zoho to hubspot"}`
	if got != want {
		t.Errorf("the line is %s\nwant %s", got, want)
	}
}

// Also one that nobody can read yet, and one that was put back long after the door took its change in.
func TestTheLineOfAMessageThatGoesAgainTellsHowLongItLiesInTheQueue(t *testing.T) {
	for name, m := range map[string]batch.Message{"unreadable": {Bad: batch.ErrLater}, "put back": {Operation: operation("a.1", "a")}} {
		d := works(t, failing(fault.Down))
		d.clock.Wait(240 * time.Hour)
		m.ID, m.Group, m.Receipt, m.Receives, m.Sent = "a.1", "a", "r", 9, d.clock.Now().Add(-time.Hour)
		d.Handle(t.Context(), []batch.Message{m})
		if line := d.log.String(); !strings.Contains(line, `"ending":"again"`) || !strings.Contains(line, `"age_ms":3600000`) {
			t.Errorf("%s: the line is %s", name, line)
		}
	}
}

// Of any batch, whatever the work says: each group's answer is a tail of it that begins at the first message not ended, and
// exactly the answered ones are hidden, followers for no time.
func TestTheAnswerIsATailOfEachGroupWhateverTheWorkSays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		endings := map[string]fault.Outcome{}
		var names []string
		count := map[string]int{}
		for range rapid.IntRange(0, 10).Draw(rt, "messages") {
			g := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "group")
			count[g]++
			name := fmt.Sprintf("%s.%d", g, count[g])
			names = append(names, name)
			endings[name] = rapid.SampledFrom([]fault.Outcome{
				{Ending: fault.Done}, {Ending: fault.Done}, {Ending: fault.ParkedAway, Err: &fault.Error{Kind: fault.Refused}},
				{Ending: fault.GoAgain, After: 5 * time.Second}, {}, {Ending: fault.GoAgain, Err: &fault.Error{Kind: fault.Refused}},
			}).Draw(rt, "outcome")
		}
		d := works(t, by(endings))
		receives := rapid.IntRange(1, 4).Draw(rt, "receives")
		var ms []batch.Message
		for _, x := range messages(receives, names...) {
			ms = append(ms, batch.Message{ID: x.ID, Group: x.Group, Receipt: x.Receipt, Receives: receives, Operation: operation(x.ID, x.Group)})
		}
		var want []string
		wantWaits := map[string]time.Duration{}
		held := map[string]bool{}
		for _, m := range ms {
			out := endings[m.ID]
			final := fault.KindOf(out.Err) == fault.Refused && out.Err != nil
			stays := out.Ending == fault.Undecided || out.Ending == fault.GoAgain && !final
			if held[m.Group] || stays {
				want = append(want, m.ID)
				wantWaits[m.Receipt] = 0
				if !held[m.Group] {
					wantWaits[m.Receipt] = out.After
				}
				held[m.Group] = true
			}
		}
		got := d.Handle(context.Background(), ms)
		if got == nil || !slices.Equal(got, want) {
			rt.Fatalf("answered %v, want %v", got, want)
		}
		waits := map[string]time.Duration{}
		for _, call := range d.waiter.calls {
			for _, w := range call {
				waits[w.Receipt] = w.For
			}
		}
		if fmt.Sprint(waits) != fmt.Sprint(wantWaits) || len(d.waiter.calls) > 1 {
			rt.Fatalf("hid %v, want %v", waits, wantWaits)
		}
		if d.store.Len() != 0 {
			rt.Fatalf("%d rows of attempts left", d.store.Len())
		}
	})
}

// A queue, the loop and a work that fails in every way, until nothing is left: every operation is done or parked once, those
// of a group in order, and nothing is lost.
func TestAQueueIsWorkedOffInOrderHoweverTheWorkFails(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 7))
		var d *desk
		ended := map[string][]string{}
		kinds := []fault.Kind{fault.Down, fault.Busy, fault.Throttled, fault.Conflict, fault.Ours, fault.Denied}
		d = works(t, func(op crm.Operation) fault.Outcome {
			switch n := r.IntN(20); {
			case n < 3:
				return failing(kinds[r.IntN(len(kinds))])(op)
			case n == 3:
				panic("x")
			case n == 4:
				return fault.Outcome{}
			case n == 5:
				return fault.Outcome{Ending: fault.ParkedAway, Err: &fault.Error{Kind: fault.Refused}}
			}
			return done(op)
		})
		q := memory.NewQueue(memory.QueueConfig{Name: "q", Visibility: 270 * time.Second, Now: d.clock.Now})
		d.Waiter, d.Rand = q, r.Int64N
		d.Ended = func(m batch.Message, out fault.Outcome) {
			if out.Ending == fault.Done || out.Ending == fault.ParkedAway {
				ended[m.Group] = append(ended[m.Group], m.Operation.ID)
			}
		}
		want := map[string][]string{}
		for n := range rapid.IntRange(1, 60).Draw(rt, "operations") {
			g := fmt.Sprintf("g%d", r.IntN(6))
			name := fmt.Sprintf("%s.%d", g, n)
			want[g] = append(want[g], name)
			e := messages(1, name)[0]
			if err := q.Send(context.Background(), []batch.Entry{{Group: g, Dedup: name, Body: e.Body}}); err != nil {
				rt.Fatal(err)
			}
		}
		for rounds := 0; ; rounds++ {
			at, more := q.Next()
			if !more {
				break
			}
			if rounds > 10_000 {
				rt.Fatal("it does not come to an end")
			}
			d.clock.Wait(at.Sub(d.clock.Now()))
			got := q.Receive(10)
			var again events.SQSEventResponse
			if err := json.Unmarshal([]byte(d.handle(got...)), &again); err != nil {
				rt.Fatal(err)
			}
			for _, m := range got {
				if !slices.Contains(again.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.ID}) {
					if err := q.Delete(m.Receipt); err != nil {
						rt.Fatal(err)
					}
				}
			}
		}
		for g, names := range want {
			if !slices.Equal(ended[g], names) {
				rt.Fatalf("group %s ended as %v, want %v", g, ended[g], names)
			}
		}
	})
}
