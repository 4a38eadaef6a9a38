package connector

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/digest"
)

// old puts contacts into HubSpot that nobody has heard of, and of which reconcile finds none.
func old(t *testing.T, size int) *bench {
	t.Helper()
	b := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.Burst, o.HubSpot.SearchRate = -1, -1 })
	delete(b.Functions, "reconcile") // what is older than the stack reconcile does not list
	b.set(config.Mode, "off")
	b.Clock.Advance(61 * time.Second)
	for i := range size {
		_, err := b.HubSpot.Create(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": "Rossi"})
		b.must(err)
	}
	b.settle()
	b.set(config.Mode, "on")
	b.Clock.Advance(61 * time.Second)
	return b
}

// atMark does something when an import puts its nth mark.
func (b *bench) atMark(n int, do func()) {
	b.tables = func(name string, to Table) Table {
		if name != sandbox.Config {
			return to
		}
		return noting{to, func() {
			if n--; n == 0 {
				b.tables = nil
				do()
			}
		}}
	}
}

// carriedOut lets everything happen that is queued, and returns how many contacts Zoho has.
func (b *bench) carriedOut() int {
	b.t.Helper()
	b.Clock.Advance(61 * time.Second)
	for range 20 {
		b.settle()
	}
	return len(b.Zoho.IDs(crm.Contacts))
}

const (
	queuesAgain = "connector import --restart --stack shop queues the base again"
	beginsAnew  = "this one begins anew"
)

// pulled is a pull of the brake, as a function does it.
func (b *bench) pulled() {
	b.set(config.Mode, "observe field phone was cleared 21 times in 10m0s")
	ledger := &digest.Ledger{Store: b.Tables[sandbox.Parked], Now: b.Clock.Now}
	b.must(ledger.Open(b.t.Context(), fault.Parked{ID: "brake-4", Connection: "main", Field: "phone", Code: fault.CauseCleared, Class: fault.Setup, Hint: fault.HintBrake}))
}

func TestAnImportQueuesNoPageForAStackThatWouldNotCarryItOut(t *testing.T) {
	for name, tt := range map[string]struct {
		stop func(*bench)
		says string
		on   string
	}{
		"paused":            {func(b *bench) { b.want(ExitOK, "pause") }, "the stack is off, and would end the operations without a look: connector resume --stack shop first, then run this again", "resume"},
		"set to observe":    {func(b *bench) { b.want(ExitOK, "mode", "set", "observe") }, "the stack only observes, and would write nothing of what is queued: connector mode set on --stack shop first", "mode set on"},
		"braked":            {(*bench).pulled, "The brake was pulled, field phone was cleared 21 times in 10m0s. Look into it: connector resume --stack shop first", "resume"},
		"braked and paused": {func(b *bench) { b.pulled(); b.want(ExitOK, "pause") }, "the stack is off, and would end the operations without a look. The brake was pulled, field phone", "resume"},
	} {
		t.Run(name, func(t *testing.T) {
			b := old(t, 201)
			b.atMark(2, func() { tt.stop(b) }) // the companies' page, and the first of the contacts
			has(t, b.want(ExitFinding, "import"), "contacts of hubspot, after 200: ", tt.says)
			if n := b.carriedOut(); n != 0 {
				t.Fatalf("%d were carried out", n)
			}
			b.unchanged("an import of such a stack", func() { has(t, b.want(ExitFinding, "import"), tt.says) })
			b.unchanged("a walk of such a stack", func() { has(t, b.want(ExitFinding, "sync", "hubspot", "--all"), tt.says) })
			has(t, b.want(ExitOK, strings.Fields(tt.on)...), queuesAgain)
			has(t, b.want(ExitOK, "import"), "note   the stack was not on all the time", beginsAnew, "queued 201 contacts")
			if n := b.carriedOut(); n != 201 {
				t.Errorf("in Zoho: %d of 201", n)
			}
			b.Clock.Advance(importLeave)
			b.want(ExitOK, "pause")
			hasNot(t, b.want(ExitOK, "resume"), "import")
		})
	}
}

func TestAStackThatIsSwitchedOffAndOnBetweenTwoPagesStopsTheWalk(t *testing.T) {
	b := old(t, 201)
	b.atMark(2, func() { b.want(ExitOK, "pause"); b.want(ExitOK, "resume") })
	has(t, b.want(ExitFinding, "import"), "contacts of hubspot, after 200: the stack was switched off and on meanwhile", "run this again")
	has(t, b.want(ExitOK, "import"), beginsAnew, "queued 201 contacts")
}

func TestAnImportThatWasStoppedBeginsAnewWhenTheStackWasNotOnAllTheTime(t *testing.T) {
	b := old(t, 201)
	stopped := func() {
		t.Helper()
		ctx, stop := context.WithCancel(t.Context())
		b.ctx = ctx
		b.atMark(2, stop)
		b.want(ExitStopped, "import")
		b.ctx, b.tables = nil, nil
	}
	stopped()
	out := b.want(ExitOK, "import")
	has(t, out, "queued 1 contact ")
	hasNot(t, out, beginsAnew)
	b.want(ExitOK, "import", "--restart")

	b = old(t, 201)
	stopped()
	b.want(ExitOK, "pause") // the page waits in the queue
	if n := b.carriedOut(); n != 0 {
		t.Fatalf("%d were carried out", n)
	}
	b.want(ExitOK, "resume", "--observe")
	has(t, b.want(ExitOK, "mode", "set", "on"), queuesAgain) // whatever way it comes back to that
	b.unchanged("--plan", func() { has(t, b.want(ExitOK, "import", "--plan"), beginsAnew, "queued 201 contacts") })
	has(t, b.want(ExitOK, "import"), beginsAnew, "queued 201 contacts")
	if n := b.carriedOut(); n != 201 {
		t.Errorf("in Zoho: %d of 201", n)
	}
}

func TestSwitchingOnTellsOfAnImportWhoseLastPagesMayBeLost(t *testing.T) {
	for name, tt := range map[string]struct {
		later time.Duration
		off   func(*bench)
		told  bool
	}{
		"paused soon after the last page":  {10 * time.Minute, func(b *bench) { b.want(ExitOK, "pause") }, true},
		"paused long after":                {61 * time.Minute, func(b *bench) { b.want(ExitOK, "pause") }, false},
		"braked soon after":                {10 * time.Minute, (*bench).pulled, true},
		"braked soon after, and told late": {10 * time.Minute, func(b *bench) { b.pulled(); b.Clock.Advance(24 * time.Hour) }, true},
		"braked long after":                {61 * time.Minute, (*bench).pulled, false},
		"braked, and then only observing":  {10 * time.Minute, func(b *bench) { b.pulled(); b.want(ExitOK, "resume", "--observe") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := old(t, 1)
			b.want(ExitOK, "import")
			b.Clock.Advance(tt.later)
			tt.off(b)
			b.Clock.Advance(2 * time.Hour)
			if out := b.want(ExitOK, "resume"); strings.Contains(out, queuesAgain) != tt.told {
				t.Errorf("resume says:\n%s", out)
			}
			b.want(ExitOK, "import")
			b.Clock.Advance(2 * time.Hour)
			b.want(ExitOK, "pause")
			hasNot(t, b.want(ExitOK, "resume"), "import")
		})
	}
}

func TestASecondImportThatIsStoppedInItsFirstListingLeavesNoOtherOut(t *testing.T) {
	b := old(t, 3)
	for i := range 201 {
		_, err := b.HubSpot.Create(crm.Companies, props{"name": fmt.Sprintf("Acme %d", i), "domain": fmt.Sprintf("a%d.example", i)})
		b.must(err)
	}
	b.settle()
	has(t, b.want(ExitOK, "import"), "queued 201 companies", "queued 3 contacts")
	ctx, stop := context.WithCancel(t.Context())
	b.ctx = ctx
	b.atMark(3, stop) // two are forgotten, and the first page of companies is noted
	b.want(ExitStopped, "import")
	b.ctx, b.tables = nil, nil
	has(t, b.want(ExitOK, "import"), "queued 1 company ", "queued 3 contacts")
}
