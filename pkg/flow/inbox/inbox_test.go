package inbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"crm-connector/pkg/adapter/storetest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

var errGone = errors.New("table gone")

func TestEveryMessageEndsInOneOfThreeWays(t *testing.T) {
	refused := fault.Outcome{Ending: fault.ParkedAway, Err: &fault.Error{Op: "zoho.Create", Kind: fault.Refused, Code: "MANDATORY_NOT_FOUND"}}
	refuse := func(crm.Operation) fault.Outcome { return refused }
	panics := func(crm.Operation) fault.Outcome { panic("mario.canary") }
	for _, tt := range []struct {
		name    string
		work    func(crm.Operation) fault.Outcome
		parking parking
		before  int // times that it came before
		want    string
		parked  int
	}{
		{name: "done", work: done, want: `{"batchItemFailures":[]}`},
		{name: "down", work: failing(fault.Down), want: `{"batchItemFailures":[{"itemIdentifier":"a.1"}]}`},
		{name: "refused", work: refuse, want: `{"batchItemFailures":[]}`, parked: 1},
		{name: "refused, and the parked table is gone", work: refuse, parking: parking{openErr: errGone}, want: `{"batchItemFailures":[{"itemIdentifier":"a.1"}]}`},
		{name: "panic", work: panics, want: `{"batchItemFailures":[{"itemIdentifier":"a.1"}]}`},
		{name: "panic for the fifth time", work: panics, before: 4, want: `{"batchItemFailures":[]}`, parked: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := works(t, tt.work)
			d.Parking = &tt.parking
			for n := range tt.before {
				d.want(d.handle(messages(n+1, "a.1")...), "a.1")
			}
			if got := d.handle(messages(tt.before+1, "a.1")...); got != tt.want {
				t.Errorf("response %s, want %s", got, tt.want)
			}
			if len(tt.parking.open) != tt.parked {
				t.Errorf("%d rows parked, want %d", len(tt.parking.open), tt.parked)
			}
		})
	}
}

func TestTheWholeBatchIsOneCallOfTheWorkWithEachGroupInOrder(t *testing.T) {
	d := works(t, done)
	d.want(d.handle(messages(1, "a.1", "a.2", "b.1", "a.3", "c.1")...))
	d.worked([]string{"a.1", "a.2", "b.1", "a.3", "c.1"})
	d.hidden()
	if d.store.gets+d.store.puts != 0 {
		t.Errorf("%d calls to the table for messages that came for the first time", d.store.gets+d.store.puts)
	}
}

func TestAnEmptyBatchIsAnsweredWithAnEmptyList(t *testing.T) {
	d := works(t, done)
	d.want(d.handle())
	d.worked()
	if got := d.Handle(t.Context(), nil); got == nil || len(got) != 0 {
		t.Errorf("got %#v", got)
	}
}

func TestAGroupStopsAtItsFirstAgainAndTheOthersGoOn(t *testing.T) {
	down := failing(fault.Down)(crm.Operation{})
	down.After = 40 * time.Second
	d := works(t, by(map[string]fault.Outcome{"a.3": down}))
	d.want(d.handle(messages(1, "b.1", "a.1", "a.2", "a.3", "b.2", "a.4", "c.1", "a.5", "a.6", "c.2")...), "a.3", "a.4", "a.5", "a.6")
	d.hidden("a.3", 40*time.Second, "a.4", time.Duration(0), "a.5", time.Duration(0), "a.6", time.Duration(0))
}

func TestTwoGroupsThatGoAgainWaitEachForTheirOwnHeadInOneCall(t *testing.T) {
	d := works(t, by(map[string]fault.Outcome{
		"a.1": {Ending: fault.GoAgain, After: 7 * time.Second}, "b.2": {Ending: fault.GoAgain, After: 9 * time.Second},
	}))
	d.want(d.handle(messages(1, "a.1", "b.1", "a.2", "b.2", "b.3")...), "a.1", "a.2", "b.2", "b.3")
	d.hidden("a.1", 7*time.Second, "a.2", time.Duration(0), "b.2", 9*time.Second, "b.3", time.Duration(0))
}

func TestWhatTheWorkSaysOfAnOperationBehindOneThatGoesAgainIsVoid(t *testing.T) {
	d := works(t, by(map[string]fault.Outcome{
		"a.1": failing(fault.Down)(crm.Operation{}),
		"a.3": {Ending: fault.ParkedAway, Rows: []fault.Parked{{ID: "row"}}},
		"a.4": failing(fault.Ours)(crm.Operation{}),
	}))
	d.want(d.handle(messages(1, "a.1", "a.2", "a.3", "a.4")...), "a.1", "a.2", "a.3", "a.4")
	if len(d.parking.open) != 0 || d.attempts("a.4") != "" {
		t.Errorf("parked %v, counted %s", d.parking.open, d.attempts("a.4"))
	}
	for id, endings := range d.endings {
		if len(endings) != 1 || endings[0] != fault.GoAgain {
			t.Errorf("%s ended as %v", id, endings)
		}
	}
}

func TestRowsAreOpenedAndClosedBeforeAMessageIsAcknowledged(t *testing.T) {
	zoho := crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "7"}
	held := fault.Outcome{Ending: fault.Done, Rows: []fault.Parked{{ID: "r1"}, {ID: "r2"}}, Settled: []crm.ID{zoho}, Open: []string{"r0"}}
	d := works(t, by(map[string]fault.Outcome{"a.1": held, "b.1": {Ending: fault.Done, Settled: []crm.ID{zoho}}}))
	d.want(d.handle(messages(1, "a.1", "b.1")...))
	if len(d.parking.open) != 2 || len(d.parking.settled) != 2 || d.parking.settled[0] != "main [zoho/contact/7] open [r0 r1 r2]" ||
		d.parking.settled[1] != "main [zoho/contact/7] open []" {
		t.Errorf("opened %v, settled %q", d.parking.open, d.parking.settled)
	}
}

func TestARowIsClosedOnlyIfItWasToldBeforeTheWorkThatClosesItBegan(t *testing.T) {
	settled := []crm.ID{{System: crm.Zoho, Module: crm.Contacts, Key: "7"}}
	began := storetest.NewClock().Now()
	d := works(t, by(map[string]fault.Outcome{"a.1": {Ending: fault.Done, Settled: settled, AsOf: began}, "b.1": {Ending: fault.Done, Settled: settled}}))
	d.clock.Wait(20 * time.Minute) // the worker was frozen; others have told of the record meanwhile
	d.want(d.handle(messages(1, "a.1", "b.1")...))
	if got := d.parking.asOf; len(got) != 2 || !got[0].Equal(began) || !got[1].Equal(d.clock.Now()) {
		t.Errorf("closed what was told until %v, want %v and, for work that does not say when it began, %v", got, began, d.clock.Now())
	}
}

func TestAMessageGoesAgainWhenItsRowsCannotBeWritten(t *testing.T) {
	row := []fault.Parked{{ID: "r1"}}
	settled := []crm.ID{{System: crm.Zoho, Module: crm.Contacts, Key: "7"}}
	for name, out := range map[string]fault.Outcome{
		"a done one with held fields":  {Ending: fault.Done, Rows: row},
		"a done one that closes rows":  {Ending: fault.Done, Settled: settled},
		"a parked one":                 {Ending: fault.ParkedAway, Rows: row},
		"a parked one that closes too": {Ending: fault.ParkedAway, Rows: row, Settled: settled},
	} {
		d := works(t, by(map[string]fault.Outcome{"a.1": out}))
		d.parking.openErr, d.parking.settleErr = errGone, errGone
		d.want(d.handle(messages(1, "a.1", "a.2", "b.1")...), "a.1", "a.2")
		if got := d.endings["a.1"]; len(got) != 1 || got[0] != fault.GoAgain {
			t.Errorf("%s: ended as %v", name, got)
		}
		if d.attempts("a.1") != "" {
			t.Errorf("%s: counted %s", name, d.attempts("a.1"))
		}
	}
}

func TestNothingIsStartedWithLessThanTwoAndAHalfSecondsLeft(t *testing.T) {
	d := works(t, done)
	d.Left = func(context.Context) time.Duration { return 2499 * time.Millisecond }
	d.want(d.handle(messages(5, "a.1", "a.2", "b.1")...), "a.1", "a.2", "b.1")
	d.worked()
	d.hidden("a.1", time.Duration(0), "a.2", time.Duration(0), "b.1", time.Duration(0))
	if d.attempts("a.1") != "" {
		t.Errorf("marked as started: %s", d.attempts("a.1"))
	}
	d.Left = func(context.Context) time.Duration { return 2500 * time.Millisecond }
	d.want(d.handle(messages(5, "a.1", "a.2", "b.1")...))
}

func TestTheTimeLeftIsThatOfTheContextAndTheWorkGetsASecondAndAHalfLess(t *testing.T) {
	d := works(t, done)
	d.Left = nil
	inner := d.Work
	var given time.Time
	d.Work = func(ctx context.Context, ops []crm.Operation) []fault.Outcome {
		given, _ = ctx.Deadline()
		return inner(ctx, ops)
	}
	now := time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC) // a clock of its own, so that no context ends by itself
	d.Now = func() time.Time { return now }
	for left, want := range map[time.Duration]bool{45 * time.Second: true, 2500 * time.Millisecond: true, 2499 * time.Millisecond: false, -time.Second: false} {
		ctx, cancel := context.WithDeadline(t.Context(), now.Add(left))
		if want {
			d.want(d.handleIn(ctx, messages(1, "a.1")...))
			if got := given.Sub(now); got != left-1500*time.Millisecond {
				t.Errorf("with %v left the work got %v", left, got)
			}
		} else {
			d.want(d.handleIn(ctx, messages(1, "a.1")...), "a.1")
		}
		cancel()
	}
	d.calls = nil
	d.want(d.handle(messages(1, "a.1")...)) // no deadline at all
	d.worked([]string{"a.1"})
}

func TestWhatTheWorkHasNotStartedComesBackAtOnce(t *testing.T) {
	d := works(t, by(map[string]fault.Outcome{"a.2": {}, "b.1": {}}))
	d.want(d.handle(messages(3, "a.1", "a.2", "a.3", "b.1")...), "a.2", "a.3", "b.1")
	d.hidden("a.2", time.Duration(0), "a.3", time.Duration(0), "b.1", time.Duration(0))
	if d.attempts("a.2") != "" {
		t.Errorf("remembered as started: %s", d.attempts("a.2"))
	}
}

func TestAnOutcomeThatIsMissingIsOurFaultAndCounted(t *testing.T) {
	d := works(t, done)
	d.Work = func(context.Context, []crm.Operation) []fault.Outcome { return []fault.Outcome{{Ending: fault.Done}} }
	d.want(d.handle(messages(1, "a.1", "b.1")...), "b.1")
	if got := d.attempts("b.1"); got != `{"v":1,"faults":{"ours":1}}` {
		t.Errorf("counted %s", got)
	}
}

func TestAParkedMessageWithoutRowOrReasonGetsARowAllTheSame(t *testing.T) {
	d := works(t, by(map[string]fault.Outcome{"a.1": {Ending: fault.ParkedAway}}))
	d.want(d.handle(messages(1, "a.1")...))
	if len(d.parking.open) != 1 || d.parking.open[0].Class != fault.Ours || d.parking.open[0].Hint != fault.HintUnprocessed {
		t.Errorf("parked %+v", d.parking.open)
	}
}

func TestMessagesGoAgainWhenTheyCannotBeHidden(t *testing.T) {
	d := works(t, failing(fault.Down))
	d.waiter.err = errGone
	d.want(d.handle(messages(1, "a.1", "b.1")...), "a.1", "b.1")
}

func TestAPanicInWhatTheLoopWritesWithSendsBackEverythingThatIsNotAcknowledged(t *testing.T) {
	d := works(t, by(map[string]fault.Outcome{"b.1": {Ending: fault.ParkedAway, Rows: []fault.Parked{{ID: "r"}}}}))
	d.parking.panics = true
	d.want(d.handle(messages(1, "a.1", "b.1", "c.1")...), "b.1", "c.1")
}

func bad(id, group string, receives int, body string) batch.Delivery {
	return batch.Delivery{ID: id, Receipt: "receipt of " + id, Group: group, Receives: receives, Body: body}
}

func TestAMessageThatCannotBeReadIsOursCountedAndParkedTheFifthTime(t *testing.T) {
	d := works(t, done)
	for n := 1; n <= 4; n++ {
		got := d.handle(append(messages(n, "a.1", "b.1"), append([]batch.Delivery{bad("m9", "a", n, "mario.canary")}, messages(n, "a.2")...)...)...)
		d.want(got, "m9", "a.2")
		d.worked([]string{"a.1", "b.1"})
	}
	if d.attempts("message/m9") != `{"v":1,"faults":{"ours":4}}` {
		t.Errorf("counted %s", d.attempts("message/m9"))
	}
	d.want(d.handle(bad("m9", "a", 5, "mario.canary")))
	if len(d.parking.open) != 1 {
		t.Fatalf("parked %+v", d.parking.open)
	}
	p := d.parking.open[0]
	if p.ID == "" || p.Class != fault.Ours || p.Code != "unreadable" || p.Hint != fault.HintUnprocessed || p.Operation != "m9" || p.Connection != "main" || !p.Record.IsZero() {
		t.Errorf("parked %+v", p)
	}
}

func TestAMessageThatCannotBeReadGoesAgainWhileTheParkedTableIsGone(t *testing.T) {
	d := works(t, done)
	d.parking.openErr = errGone
	for n := 1; n <= 7; n++ {
		d.want(d.handle(bad("m9", "a", n, "?")), "m9")
	}
	d.parking.openErr = nil
	d.want(d.handle(bad("m9", "a", 8, "?")))
}

func TestAMessageOfALaterVersionGoesAgainHoweverOften(t *testing.T) {
	d := works(t, done)
	for n := 1; n <= 20; n++ {
		d.want(d.handle(append([]batch.Delivery{bad("m9", "a", n, `{"v":2}`)}, messages(n, "a.1", "b.1")...)...), "m9", "a.1")
		d.worked([]string{"b.1"})
	}
	if len(d.parking.open) != 0 || d.attempts("message/m9") != "" {
		t.Errorf("parked %v, counted %s", d.parking.open, d.attempts("message/m9"))
	}
}

func TestEveryMessageOfABatchIsReportedOnce(t *testing.T) {
	d := works(t, by(map[string]fault.Outcome{"a.2": failing(fault.Down)(crm.Operation{}), "b.1": {Ending: fault.ParkedAway}, "c.1": {}}))
	d.handle(append(messages(1, "a.1", "a.2", "a.3", "b.1", "c.1"), bad("m9", "d", 1, "?"))...)
	want := map[string]fault.Ending{"a.1": fault.Done, "a.2": fault.GoAgain, "a.3": fault.GoAgain, "b.1": fault.ParkedAway, "c.1": fault.GoAgain, "m9": fault.GoAgain}
	for id, ending := range want {
		if got := d.endings[id]; len(got) != 1 || got[0] != ending {
			t.Errorf("%s: %v, want %v", id, got, ending)
		}
	}
	if len(d.endings) != len(want) {
		t.Errorf("reported %v", d.endings)
	}
}
