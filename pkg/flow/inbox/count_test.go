package inbox_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/inbox"
)

func TestACountedFaultIsParkedAtItsLimitAndAnUncountedOneNever(t *testing.T) {
	for kind, limit := range map[fault.Kind]int{
		fault.Refused: 1, fault.Conflict: 3, fault.Unknown: 3, fault.Ours: 5,
		fault.Missing: 0, fault.Throttled: 0, fault.Down: 0, fault.Denied: 0, fault.Stale: 0, fault.Busy: 0, fault.Setup: 0, fault.Locked: 0,
	} {
		d := works(t, failing(kind))
		for n := 1; n <= 40; n++ {
			got := d.handle(messages(n, "a.1")...)
			if n == limit {
				d.want(got)
				if len(d.parking.open) != 1 || d.parking.open[0].Class != kind {
					t.Errorf("%s: parked %+v", kind, d.parking.open)
				}
				break
			}
			if d.want(got, "a.1"); got != answer("a.1") {
				t.Fatalf("%s: at receive %d", kind, n)
			}
		}
	}
}

func TestAnErrorThatNoVendorTranslatedIsUnknownButTheContextAndTheTableAreNot(t *testing.T) {
	for _, tt := range []struct {
		err    error
		counts bool
	}{
		{fmt.Errorf("something"), true},
		{fmt.Errorf("zoho: %w", context.DeadlineExceeded), false},
		{context.Canceled, false},
		{fmt.Errorf("pairs: %w", row.ErrConflict), false},
		{nil, false},
		{fmt.Errorf("wrapped: %w", &fault.Error{Kind: fault.Throttled}), false},
	} {
		d := works(t, func(crm.Operation) fault.Outcome { return fault.Outcome{Ending: fault.GoAgain, Err: tt.err} })
		d.want(d.handle(messages(1, "a.1")...), "a.1")
		if got := d.attempts("a.1"); (got != "") != tt.counts {
			t.Errorf("%v: counted %q", tt.err, got)
		}
	}
}

func TestFaultsAreCountedByKindAndThrottlesDoNotRaiseThem(t *testing.T) {
	kinds := []fault.Kind{fault.Conflict, fault.Throttled, fault.Ours, fault.Down, fault.Ours, fault.Conflict, fault.Throttled, fault.Ours, fault.Ours, fault.Conflict}
	d := works(t, nil)
	for n, kind := range kinds {
		d.Work = func(context.Context, []crm.Operation) []fault.Outcome {
			return []fault.Outcome{failing(kind)(crm.Operation{})}
		}
		got := d.handle(messages(n+1, "a.1")...)
		if n < len(kinds)-1 {
			d.want(got, "a.1")
		} else {
			d.want(got)
		}
	}
}

func TestAttemptsAreRememberedForFifteenDays(t *testing.T) {
	d := works(t, failing(fault.Conflict))
	for n := 1; n <= 2; n++ {
		d.want(d.handle(messages(n, "a.1")...), "a.1")
	}
	rows, err := d.store.Rows.Get(t.Context(), inbox.AttemptsKey("a.1"))
	if err != nil || !rows[0].Expires.Equal(d.clock.Now().Add(15*24*time.Hour)) || string(rows[0].Value) != `{"v":1,"faults":{"conflict":2}}` {
		t.Fatalf("%s until %v, %v", rows[0].Value, rows[0].Expires, err)
	}
	d.clock.Wait(15 * 24 * time.Hour)
	d.want(d.handle(messages(3, "a.1")...), "a.1")
}

func TestAnAttemptThatCannotBeCountedGoesAgain(t *testing.T) {
	d := works(t, failing(fault.Conflict))
	d.store.getErr = errGone
	for n := 1; n <= 2; n++ {
		d.want(d.handle(messages(n, "a.1")...), "a.1")
	}
	d.store.getErr, d.store.putErr = nil, errGone
	for range 5 {
		d.want(d.handle(messages(1, "a.1")...), "a.1")
	}
	if len(d.parking.open) != 0 {
		t.Errorf("parked %+v", d.parking.open)
	}
}

func TestAnUnreadableRowOfAttemptsStartsTheCountingAnew(t *testing.T) {
	d := works(t, failing(fault.Conflict))
	if err := d.store.Rows.Put(t.Context(), row.Put{Key: inbox.AttemptsKey("a.1"), Value: []byte(`{"starts":"many"`)}); err != nil {
		t.Fatal(err)
	}
	d.want(d.handle(messages(1, "a.1")...), "a.1")
	if got := d.attempts("a.1"); got != `{"v":1,"faults":{"conflict":1}}` {
		t.Errorf("counted %s", got)
	}
}

// dies makes the work end the goroutine, as a process ends that runs out of memory: nothing after it is carried out.
func dies(d *desk) {
	d.Work = func(_ context.Context, ops []crm.Operation) []fault.Outcome {
		d.calls = append(d.calls, []string{"died"})
		runtime.Goexit()
		return nil
	}
}

func (d *desk) handleAndDie(ds ...batch.Delivery) {
	d.t.Helper()
	over := make(chan bool)
	go func() {
		defer close(over)
		var ms []batch.Message
		for _, x := range ds {
			ms = append(ms, batch.Message{ID: x.ID, Group: x.Group, Receipt: x.Receipt, Receives: x.Receives, Operation: operation(x.ID, x.Group)})
		}
		d.Handle(d.t.Context(), ms)
		d.t.Error("the work lived")
	}()
	<-over
}

func TestAMessageIsMarkedAsStartedFromItsThirdReceiveOn(t *testing.T) {
	d := works(t, nil)
	dies(d)
	for n, want := range map[int]string{1: "", 2: "", 3: `{"v":1,"starts":1}`} {
		d.handleAndDie(messages(n, fmt.Sprintf("a.%d", n))...)
		if got := d.attempts(fmt.Sprintf("a.%d", n)); got != want {
			t.Errorf("receive %d: %q, want %q", n, got, want)
		}
	}
}

func TestFiveStartsWithoutAnyOutcomeParkAMessageUnrun(t *testing.T) {
	d := works(t, nil)
	dies(d)
	for n := 1; n <= 7; n++ { // the third is the first that is marked
		d.handleAndDie(messages(n, "a.1")...)
	}
	d.calls = nil
	d.want(d.handle(messages(8, "a.1")...))
	d.worked()
	if len(d.parking.open) != 1 || d.parking.open[0].Class != fault.Ours || d.parking.open[0].Code != "unrun" {
		t.Fatalf("parked %+v", d.parking.open)
	}
	d.want(d.handle(messages(9, "a.1")...)) // its acknowledgement got lost
	d.worked()
}

func TestAMessageParkedUnrunLetsItsGroupGoOn(t *testing.T) {
	d := works(t, nil)
	dies(d)
	for n := 3; n <= 7; n++ {
		d.handleAndDie(messages(n, "a.1")...)
	}
	d.Loop.Work = works(t, done).Work
	d.want(d.handle(messages(8, "a.1", "a.2")...))
	if got := d.endings["a.2"]; len(got) != 1 || got[0] != fault.Done {
		t.Errorf("its follower ended as %v", got)
	}
}

func TestAgainIsAnOutcomeAndClearsTheStarts(t *testing.T) {
	d := works(t, nil)
	alive := failing(fault.Down)
	for round := range 4 {
		dies(d)
		for n := 3; n <= 6; n++ {
			d.handleAndDie(messages(n, "a.1")...)
		}
		d.Work = func(context.Context, []crm.Operation) []fault.Outcome { return []fault.Outcome{alive(crm.Operation{})} }
		d.want(d.handle(messages(7, "a.1")...), "a.1")
		if got := d.attempts("a.1"); got != "" {
			t.Errorf("round %d: %s", round, got)
		}
	}
}

func TestAStartKeepsTheCountedFaults(t *testing.T) {
	d := works(t, failing(fault.Conflict))
	for n := 1; n <= 2; n++ {
		d.want(d.handle(messages(n, "a.1")...), "a.1")
	}
	dies(d)
	d.handleAndDie(messages(3, "a.1")...)
	if got := d.attempts("a.1"); got != `{"v":1,"starts":1,"faults":{"conflict":2}}` {
		t.Errorf("remembered %s", got)
	}
}

func TestWhatIsDoneLeavesNoMark(t *testing.T) {
	d := works(t, done)
	d.want(d.handle(messages(3, "a.1", "b.1", "c.1")...))
	if d.store.Len() != 0 || d.store.gets != 1 || d.store.puts != 2 {
		t.Errorf("%d rows left after %d reads and %d writes", d.store.Len(), d.store.gets, d.store.puts)
	}
}

func TestWhatCannotBeMarkedIsNotStarted(t *testing.T) {
	for name, spoil := range map[string]func(*store){
		"not read":             func(s *store) { s.getErr = errGone },
		"not written":          func(s *store) { s.putErr = errGone },
		"changed by another":   func(s *store) { s.putErr = row.ErrConflict },
		"not read nor written": func(s *store) { s.getErr, s.putErr = errGone, errGone },
	} {
		d := works(t, done)
		spoil(d.store)
		old := messages(3, "a.2", "c.1")
		fresh := messages(1, "a.1", "a.3", "b.1")
		got := d.handle(fresh[0], old[0], fresh[1], fresh[2], old[1])
		if want := answer("a.2", "a.3", "c.1"); got != want {
			t.Errorf("%s: answered %s, want %s", name, got, want)
		}
		d.worked([]string{"a.1", "b.1"})
	}
}

func TestWhatOurOwnTablesRefuseIsNeverCountedAgainstAMessage(t *testing.T) {
	for name, err := range map[string]error{"an error without a kind": errGone, "a fault of ours": &fault.Error{Kind: fault.Ours}, "a refusal": &fault.Error{Kind: fault.Refused}} {
		d := works(t, func(crm.Operation) fault.Outcome {
			return fault.Outcome{Ending: fault.ParkedAway, Rows: []fault.Parked{{ID: "r"}}}
		})
		d.store.putErr, d.parking.openErr = err, err
		for n := 1; n <= 20; n++ {
			if got := d.handle(messages(n, "a.1")...); got != answer("a.1") {
				t.Errorf("%s: receive %d answered %s", name, n, got)
			}
		}
		d.store.putErr = nil
		for n := 21; n <= 40; n++ {
			d.handle(messages(n, "a.1")...)
		}
		d.parking.openErr = nil
		d.want(d.handle(messages(41, "a.1")...))
		if len(d.parking.open) != 1 || d.parking.open[0].ID != "r" {
			t.Errorf("%s: parked %+v", name, d.parking.open)
		}
	}
}

func TestWhatOurOwnTablesRefuseDoesNotAddToWhatTheWorkWasCountedFor(t *testing.T) {
	d := works(t, failing(fault.Unknown))
	for n := 1; n <= 2; n++ {
		d.want(d.handle(messages(n, "a.1")...), "a.1")
	}
	d.store.putErr = errGone // an error of no kind, as the two before: a third of the work would be the last
	d.want(d.handle(messages(3, "a.1")...), "a.1")
	if len(d.parking.open) != 0 {
		t.Errorf("parked %+v", d.parking.open)
	}
}

// contested refuses every transaction of several writes, and the writes to one row.
type contested struct {
	*store
	lost row.Key
}

func (c contested) Put(ctx context.Context, puts ...row.Put) error {
	if len(puts) > 1 || puts[0].Key == c.lost {
		return row.ErrConflict
	}
	return c.store.Put(ctx, puts...)
}

func TestAMarkLostToAnotherConsumerHoldsOnlyItsOwnGroup(t *testing.T) {
	d := works(t, done)
	d.Store = contested{d.store, inbox.AttemptsKey("b.1")}
	d.want(d.handle(messages(3, "a.1", "b.1", "b.2", "c.1")...), "b.1", "b.2")
	d.worked([]string{"a.1", "c.1"})
	d.hidden("b.1", 3*time.Second, "b.2", time.Duration(0))
	if d.store.Len() != 0 {
		t.Errorf("%d marks left behind", d.store.Len())
	}
}

func TestOneOperationTwiceInABatchIsCountedAsOneStart(t *testing.T) {
	d := works(t, nil)
	dies(d)
	twice := messages(3, "a.1")
	d.handleAndDie(append(twice, twice...)...)
	if got := d.attempts("a.1"); got != `{"v":1,"starts":1}` {
		t.Errorf("remembered %s", got)
	}
}

func TestAPanicSendsBackOnlyTheMessageThatIsToBlame(t *testing.T) {
	poisoned := true
	d := works(t, func(op crm.Operation) fault.Outcome {
		if op.ID == "b.2" && poisoned {
			panic("mario.canary")
		}
		return done(op)
	})
	d.want(d.handle(messages(1, "a.1", "b.1", "b.2", "b.3", "c.1")...), "b.2", "b.3")
	d.worked([]string{"a.1", "b.1", "b.2", "b.3", "c.1"}, []string{"a.1"}, []string{"b.1"}, []string{"b.2"}, []string{"c.1"})
	if got := d.attempts("b.2"); got != `{"v":1,"faults":{"ours":1}}` {
		t.Errorf("counted %s", got)
	}
	if d.attempts("a.1") != "" || d.attempts("b.3") != "" {
		t.Error("a neighbour was counted")
	}
	for n := 2; n <= 5; n++ {
		d.handle(messages(n, "b.2", "b.3")...)
	}
	if len(d.parking.open) != 1 {
		t.Fatalf("parked %+v", d.parking.open)
	}
	p := d.parking.open[0]
	if p.Class != fault.Ours || !strings.HasPrefix(p.Code, "panic ") || p.Operation != "b.2" || p.Hint != fault.HintUnprocessed || !strings.Contains(p.Message, "inbox_test.") {
		t.Errorf("parked %+v", p)
	}
	if strings.Contains(fmt.Sprintf("%+v", p)+d.log.String(), "canary") {
		t.Error("the text of the panic was told")
	}
	poisoned = false
	d.want(d.handle(messages(6, "b.3")...))
}

func TestAfterAPanicNothingIsStartedBehindWhatWasNotStarted(t *testing.T) {
	d := works(t, nil)
	d.Work = func(_ context.Context, ops []crm.Operation) []fault.Outcome {
		var ids []string
		for _, op := range ops {
			ids = append(ids, op.ID)
		}
		if d.calls = append(d.calls, ids); len(ops) > 1 {
			panic("x")
		}
		if ops[0].ID == "a.1" {
			return []fault.Outcome{{}}
		}
		return []fault.Outcome{done(ops[0])}
	}
	d.want(d.handle(messages(1, "a.1", "a.2", "b.1")...), "a.1", "a.2")
	d.worked([]string{"a.1", "a.2", "b.1"}, []string{"a.1"}, []string{"b.1"})
}

func TestTheSamePanicHasTheSameCodeAndAnotherHasAnother(t *testing.T) {
	code := func(panics func()) string {
		d := works(t, func(crm.Operation) fault.Outcome { panics(); return fault.Outcome{} })
		for n := 1; n <= 5; n++ {
			d.handle(messages(n, "a.1")...)
		}
		return d.parking.open[0].Code
	}
	nobody := map[string]int(nil)
	first := func() { panic("one") }
	second := func() { nobody["x"] = 1 }
	if a, b, c := code(first), code(first), code(second); a != b || a == c {
		t.Errorf("codes %s, %s, %s", a, b, c)
	}
}

func TestAfterAPanicNothingMoreIsStartedWhenTheTimeIsShort(t *testing.T) {
	left := 40 * time.Second
	d := works(t, func(op crm.Operation) fault.Outcome {
		if op.ID == "b.1" {
			left = 2 * time.Second
			panic("x")
		}
		return done(op)
	})
	d.Left = func(context.Context) time.Duration { return left }
	d.want(d.handle(messages(1, "a.1", "b.1", "c.1")...), "a.1", "b.1", "c.1")
	d.hidden("a.1", time.Duration(0), "b.1", time.Duration(0), "c.1", time.Duration(0))
	d.worked([]string{"a.1", "b.1", "c.1"})
}
