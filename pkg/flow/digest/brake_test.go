package digest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/rules"
)

// The words say the times in which the brake counts: they are to be changed together.
func TestTheMailSaysTheTimesInWhichTheBrakeCounts(t *testing.T) {
	if rules.ClearWindow != 10*time.Minute || rules.OverwriteWindow != time.Hour {
		t.Errorf("the brake counts within %s and %s", rules.ClearWindow, rules.OverwriteWindow)
	}
	for language, want := range map[string][2]string{"it": {"in dieci minuti", "in un'ora"}, "en": {"within ten minutes", "within an hour"}} {
		w := languages()[language]
		if !strings.Contains(w.Causes[fault.CauseCleared], want[0]) || !strings.Contains(w.Causes[fault.CauseOverwritten], want[1]) {
			t.Errorf("%s: %q, %q", language, w.Causes[fault.CauseCleared], w.Causes[fault.CauseOverwritten])
		}
	}
}

func TestClosedRowsAreClosedOnceAndOthersStay(t *testing.T) {
	b := newBench()
	pull := func(id string) fault.Parked {
		return fault.Parked{ID: id, Connection: "main", Class: fault.Setup, Code: fault.CauseOverwritten, Hint: fault.HintBrake, Count: 2001}
	}
	b.open(t, pull("brake-2"), parked("7", "phone"), fault.Parked{Connection: "main", Class: fault.Ours, Hint: fault.HintUnprocessed})
	rows, err := b.ledger.Select(t.Context(), OfBrake)
	if err != nil || len(rows) != 1 || rows[0].ID != "brake-2" {
		t.Fatalf("%+v, %v", rows, err)
	}
	for range 2 { // the second time there is nothing to close
		if err := b.ledger.Close(t.Context(), rows...); err != nil {
			t.Fatal(err)
		}
	}
	if left := b.list(t); len(left) != 2 || slices.ContainsFunc(left, OfBrake) {
		t.Errorf("%+v", left)
	}
	b.open(t, pull("brake-4"))
	b.run(t, 3) // what was closed before it was told is not told, what came after is
	if got := b.mailer.mails[0].Text; strings.Count(got, "safety brake") != 1 {
		t.Errorf("%s", got)
	}
}
