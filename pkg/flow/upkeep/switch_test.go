package upkeep

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
)

// switches lets a bench's mode be set.
func (b *bench) switches() (set func()) {
	n := int64(0)
	b.Switches = func(context.Context) (int64, error) { return n, nil }
	return func() { n++ }
}

func (b *bench) wantSince(t *testing.T, what string, want time.Time) {
	t.Helper()
	for name, got := range b.crms.since() {
		if !got.Equal(want) {
			t.Errorf("%s: %s begins at %s, want %s", what, name, got, want)
		}
	}
}

func TestTheFirstLookAfterTheModeWasSetGoesAsFarBackAsAMessageCanWait(t *testing.T) {
	b := newBench()
	set := b.switches()
	set() // before the first look of all
	b.run(t)
	b.wantSince(t, "the first look", noon.Add(-firstLook-overlap))
	b.now = noon.Add(time.Hour)
	b.run(t)
	b.wantSince(t, "the second", noon.Add(-5*time.Minute))
	set()
	b.now = noon.Add(2 * time.Hour)
	b.crms.fail["zoho contact"] = errGone
	if err := b.Run(t.Context()); !errors.Is(err, errGone) {
		t.Fatal(err)
	}
	b.crms.since()
	b.crms.fail = nil
	b.now = noon.Add(3 * time.Hour)
	b.run(t)
	since := b.crms.since()
	if got, want := since["hubspot contact"], noon.Add(2*time.Hour-5*time.Minute); !got.Equal(want) {
		t.Errorf("what was seen: %s, want %s", got, want)
	}
	if got, want := since["zoho contact"], noon.Add(time.Hour-5*time.Minute-14*24*time.Hour); !got.Equal(want) {
		t.Errorf("what failed: %s, want %s", got, want)
	}
	b.now = noon.Add(4 * time.Hour)
	b.run(t)
	b.wantSince(t, "the one after", noon.Add(3*time.Hour-5*time.Minute))
}

func TestAListingThatFailsFromTheFirstHourOnHidesNothingAndAPauseIsLookedBehindOfEachListingByItself(t *testing.T) {
	b := newBench()
	set := b.switches()
	b.crms.fail["zoho contact"] = errGone
	for range 6 {
		if err := b.Run(t.Context()); !errors.Is(err, errGone) {
			t.Fatal(err)
		}
		b.now = b.now.Add(time.Hour)
	}
	set()
	b.crms.since()
	b.crms.fail = nil
	b.run(t)
	since := b.crms.since()
	if got, want := since["zoho contact"], noon.Add(-firstLook-overlap); !got.Equal(want) {
		t.Errorf("what failed from the beginning: %s, want %s", got, want)
	}
	if got, want := since["hubspot contact"], noon.Add(5*time.Hour-overlap-backlog); !got.Equal(want) {
		t.Errorf("what was seen before the pause: %s, want %s", got, want)
	}
}

func TestACountOfSwitchesThatCannotBeReadIsAnErrorAndNothingIsLookedAt(t *testing.T) {
	b := newBench()
	b.Switches = func(context.Context) (int64, error) { return 0, errGone }
	if err := b.Run(t.Context()); !errors.Is(err, errGone) || !strings.HasPrefix(err.Error(), "upkeep switches: ") || len(b.crms.asked) != 0 {
		t.Errorf("%v, asked %v", err, b.crms.asked)
	}
	b.switches()
	b.cursors.noReads = true
	if err := b.Run(t.Context()); !errors.Is(err, errGone) {
		t.Error(err)
	}
}

func TestARecordThatWasSeenAndNotBroughtInStepIsQueuedWhenTheModeWasSet(t *testing.T) {
	b := newBench()
	set := b.switches()
	b.run(t)
	b.save(t, pair.Pair{State: pair.Living, HubSpot: "1", Zoho: "2", HubSpotAt: noon, ZohoAt: noon, Begun: true})
	b.crms.pages["hubspot contact"] = [][]crm.Touched{{touched(crm.HubSpot, "1", noon)}}
	b.crms.pages["zoho contact"] = [][]crm.Touched{{touched(crm.Zoho, "2", noon)}}
	b.run(t)
	b.wantQueued(t) // its operation waits
	set()
	b.run(t)
	b.wantQueued(t, "update hubspot/contact/1", "update zoho/contact/2")
	b.run(t)
	b.wantQueued(t)
}

func TestWhatIsFoundTellsOfSilenceOnlyWhenSomebodyWasToTellIt(t *testing.T) {
	b := newBench()
	set := b.switches()
	b.crms.pages["zoho contact"] = [][]crm.Touched{{touched(crm.Zoho, "1", noon)}}
	person := crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: "1"}
	for _, tt := range []struct {
		name   string
		silent bool
		before func()
	}{
		{"the first look of all", false, func() {}},
		{"the next one", true, func() {}},
		{"after the mode was set", false, set},
		{"the one after that", true, func() {}},
		{"what is tried again", false, func() { b.crms.pages, b.parked.rows = nil, []fault.Parked{{Connection: "main", Record: person}} }},
	} {
		tt.before()
		b.run(t)
		if len(b.queue.ops) != 1 {
			t.Fatalf("%s: %d queued", tt.name, len(b.queue.ops))
		}
		for _, applied := range []bool{true, false} {
			if got := Silent(b.queue.ops[0], fault.Outcome{Applied: applied}); got != (tt.silent && applied) {
				t.Errorf("%s, applied %v: silent %v", tt.name, applied, got)
			}
		}
		b.queue.ops = nil
	}
	if Silent(crm.Operation{Trace: "delivery-1"}, fault.Outcome{Applied: true}) {
		t.Error("an event that was told")
	}
}
