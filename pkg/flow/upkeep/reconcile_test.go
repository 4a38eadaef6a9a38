package upkeep

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
)

var listings = []string{"hubspot company", "hubspot contact", "zoho company", "zoho contact", "deleted company", "deleted contact"}

// since returns the instants from which the listings were asked since the last call.
func (c *crms) since() map[string]time.Time {
	out := map[string]time.Time{}
	for _, a := range c.asked {
		if a.page == "" {
			out[a.name] = a.since
		}
	}
	c.asked = nil
	return out
}

func TestEveryListingGoesOnFromItsLastRunWithAnOverlap(t *testing.T) {
	b := newBench()
	b.run(t)
	first := b.crms.since()
	b.now = noon.Add(time.Hour)
	b.run(t)
	second := b.crms.since()
	for _, name := range listings {
		if got, want := first[name], noon.Add(-firstLook-overlap); !got.Equal(want) {
			t.Errorf("%s: the first look begins at %s, want %s", name, got, want)
		}
		if got, want := second[name], noon.Add(-5*time.Minute); !got.Equal(want) {
			t.Errorf("%s: the second begins at %s, want %s", name, got, want)
		}
	}
	if len(first) != len(listings) || b.lines.Len() != 0 {
		t.Errorf("%d listings; the log says %s", len(first), b.lines)
	}
}

func TestWhileTheStackIsNotOnNothingIsAskedAndTheFirstLookAfterwardsMissesNothing(t *testing.T) {
	for _, mode := range []crm.Mode{crm.Off, crm.Observe} {
		b := newBench()
		b.modes.mode = mode
		b.run(t)
		b.now = noon.Add(72 * time.Hour)
		b.run(t)
		if asked := b.crms.since(); len(asked) != 0 || len(b.queue.ops) != 0 {
			t.Fatalf("%s: asked %v, queued %v", mode, asked, b.queue.ops)
		}
		b.modes.mode = crm.On
		b.run(t)
		asked := b.crms.since()
		for _, name := range listings {
			if got, want := asked[name], noon.Add(-firstLook-overlap); !got.Equal(want) {
				t.Errorf("%s, %s: the first look begins at %s, want %s", mode, name, got, want)
			}
		}
	}
}

func TestAModeThatCannotBeReadIsAnError(t *testing.T) {
	b := newBench()
	b.modes.err = errGone
	if err := b.Run(t.Context()); !errors.Is(err, errGone) || len(b.crms.since()) != 0 {
		t.Error(err)
	}
}

func TestAListingGoesOnFromItsBeginningNotFromItsEnd(t *testing.T) {
	b := newBench()
	b.crms.during = func(name string) {
		if name == "zoho contact" {
			b.now = b.now.Add(time.Hour)
		}
	}
	b.run(t)
	b.crms.since()
	b.run(t)
	if got, want := b.crms.since()["zoho contact"], noon.Add(-5*time.Minute); !got.Equal(want) {
		t.Errorf("goes on at %s, want %s: what changed while it ran is lost", got, want)
	}
}

func TestWhatNoEventToldIsQueuedAndWhatWasSeenIsNot(t *testing.T) {
	later, before := noon.Add(time.Millisecond), noon.Add(-time.Millisecond)
	for _, tt := range []struct {
		name  string
		state pair.State // 0: no pair
		touch crm.Touched
		want  string
	}{
		{"hubspot, never heard of", 0, touched(crm.HubSpot, "1", noon), "update hubspot/contact/1"},
		{"zoho, never heard of", 0, touched(crm.Zoho, "2", noon), "update zoho/contact/2"},
		{"hubspot, seen", pair.Living, touched(crm.HubSpot, "1", noon), ""},
		{"hubspot, older than seen", pair.Living, touched(crm.HubSpot, "1", before), ""},
		{"hubspot, later than seen", pair.Living, touched(crm.HubSpot, "1", later), "update hubspot/contact/1"},
		{"zoho, seen", pair.Living, touched(crm.Zoho, "2", noon), ""},
		{"zoho, later than seen", pair.Living, touched(crm.Zoho, "2", later), "update zoho/contact/2"},
		{"being created", pair.Creating, touched(crm.HubSpot, "1", noon), "update hubspot/contact/1"},
		{"an orphan", pair.Orphan, touched(crm.HubSpot, "1", before), "update hubspot/contact/1"},
		{"superseded", pair.Superseded, touched(crm.HubSpot, "1", before), "update hubspot/contact/1"},
		{"deleted, never heard of", 0, deleted("2", noon), ""},
		{"deleted out of a living pair", pair.Living, deleted("2", before), "delete zoho/contact/2"},
		{"deleted, but the pair moved on to another record", pair.Living, deleted("3", noon), ""},
		{"deleted, known as gone", pair.Orphan, deleted("2", noon), "delete zoho/contact/2"},
	} {
		b := newBench()
		if tt.state != 0 {
			b.save(t, pair.Pair{State: tt.state, HubSpot: "1", Zoho: "2", HubSpotAt: noon, ZohoAt: noon})
			b.save(t, pair.Pair{ID: "moved", State: pair.Living, HubSpot: "9", Zoho: "3"})
			l, _ := b.Book.Find(t.Context(), "main", crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "3"})
			l.Zoho = "4"
			if err := b.Book.Save(t.Context(), &l); err != nil {
				t.Fatal(err)
			}
		}
		listing := string(tt.touch.ID.System) + " contact"
		if tt.touch.Deleted {
			listing = "deleted contact"
		}
		b.crms.pages[listing] = [][]crm.Touched{{tt.touch}}
		b.run(t)
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == "" {
				b.wantQueued(t)
			} else {
				b.wantQueued(t, tt.want)
			}
		})
	}
}

func TestWhatAWriteOfOursMayHideIsLookedAt(t *testing.T) {
	ours := noon.Add(time.Minute) // the modified time since our write
	sent := []pair.Slot{pair.SlotOf("description", "description", "Description")}
	for _, tt := range []struct {
		name  string
		pair  pair.Pair
		touch crm.Touched
		want  []string
	}{
		{"an edit in hubspot that nobody has read, before our write", pair.Pair{HubSpotAt: noon, UpdatedAt: ours}, touched(crm.HubSpot, "1", noon.Add(time.Second)), []string{"update hubspot/contact/1"}},
		{"our write in hubspot that nobody has read back", pair.Pair{HubSpotAt: noon, UpdatedAt: ours}, touched(crm.HubSpot, "1", ours), []string{"update hubspot/contact/1"}},
		{"our write in hubspot that was read back", pair.Pair{HubSpotAt: ours, UpdatedAt: ours}, touched(crm.HubSpot, "1", ours), nil},
		{"our write in zoho that nobody has read back", pair.Pair{ZohoAt: ours, Sent: sent}, touched(crm.Zoho, "2", ours), []string{"update zoho/contact/2"}},
		{"our write in zoho that was read back", pair.Pair{ZohoAt: ours}, touched(crm.Zoho, "2", ours), nil},
		{"what was sent to zoho, when hubspot is listed", pair.Pair{HubSpotAt: noon, Sent: sent}, touched(crm.HubSpot, "1", noon), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench()
			tt.pair.State, tt.pair.HubSpot, tt.pair.Zoho = pair.Living, "1", "2"
			b.save(t, tt.pair)
			b.run(t) // the first look, at nothing
			b.crms.pages[string(tt.touch.ID.System)+" contact"] = [][]crm.Touched{{tt.touch}}
			b.run(t)
			b.wantQueued(t, tt.want...)
		})
	}
}

func TestAnOperationSaysEverythingThatAConsumerNeeds(t *testing.T) {
	b := newBench()
	b.run(t)
	at := noon.Add(-time.Minute)
	company := crm.Touched{ID: crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: "7"}, Modified: at}
	b.crms.pages["hubspot company"] = [][]crm.Touched{{company}}
	b.run(t)
	want := []crm.Operation{{
		V: crm.OperationVersion, ID: "op-1", Connection: "main", Source: crm.HubSpot, Kind: crm.Company, Module: crm.Companies, Verb: crm.Update,
		RecordID: "7", OccurredAt: at, ReceivedAt: noon, Trace: "reconcile",
	}}
	if diff := cmp.Diff(want, b.queue.ops); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := b.lines.String(); !strings.Contains(got, "listing=changed#hubspot#company queued=1") {
		t.Errorf("the log says %s", got)
	}
}

func TestAllPagesOfAListingAreRead(t *testing.T) {
	b := newBench()
	b.crms.pages["zoho contact"] = [][]crm.Touched{{touched(crm.Zoho, "1", noon)}, {}, {touched(crm.Zoho, "2", noon), touched(crm.Zoho, "3", noon)}}
	b.run(t)
	b.wantQueued(t, "update zoho/contact/1", "update zoho/contact/2", "update zoho/contact/3")
}

func TestOneListingThatFailsDoesNotKeepTheRestBackAndIsReadAgain(t *testing.T) {
	for _, broken := range []string{"hubspot company", "hubspot contact", "zoho company", "zoho contact", "deleted company", "deleted contact"} {
		for _, page := range []string{"", "+"} {
			b := newBench()
			b.save(t, pair.Pair{State: pair.Living, HubSpot: "1", Zoho: "2"})
			b.crms.pages[broken] = [][]crm.Touched{{}, {}}
			b.crms.fail[broken+page] = &fault.Error{Op: "list", Kind: fault.Down}
			b.parked.rows = []fault.Parked{{Connection: "main", Record: crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "5"}}}
			err := b.Run(t.Context())
			if fault.KindOf(err) != fault.Down || !strings.Contains(err.Error(), strings.ReplaceAll(broken, " ", "#")) && !strings.Contains(err.Error(), "deleted#zoho") {
				t.Errorf("%s%s: %v", broken, page, err)
			}
			if asked := b.crms.since(); len(asked) != len(listings) {
				t.Errorf("%s%s: only %d listings were asked", broken, page, len(asked))
			}
			b.wantQueued(t, "revisit zoho/contact/5")

			b.crms.fail, b.now = nil, noon.Add(time.Hour)
			b.run(t)
			for name, at := range b.crms.since() {
				want := noon.Add(-5 * time.Minute)
				if name == broken { // pages behind an id are gone on with: no first page is asked for
					want = noon.Add(-firstLook - overlap) // where it was to begin at first
				}
				if !at.Equal(want) {
					t.Errorf("%s%s failed: %s goes on at %s, want %s", broken, page, name, at, want)
				}
			}
		}
	}
}

func TestACursorStaysWhereItWasWhileItsListingFails(t *testing.T) {
	b := newBench()
	b.run(t)
	b.crms.fail["zoho contact"] = errGone
	for h := range 3 {
		b.now = noon.Add(time.Duration(h+1) * time.Hour)
		if err := b.Run(t.Context()); !errors.Is(err, errGone) {
			t.Fatal(err)
		}
	}
	b.crms.since()
	b.crms.fail = nil
	b.run(t)
	if got, want := b.crms.since()["zoho contact"], noon.Add(-5*time.Minute); !got.Equal(want) {
		t.Errorf("goes on at %s, want %s", got, want)
	}
}

func TestAQueueOrTableThatFailsLeavesTheCursor(t *testing.T) {
	for name, spoil := range map[string]func(*bench) func(){
		"queue":          func(b *bench) func() { b.queue.err = errGone; return func() { b.queue.err = nil } },
		"pairs":          func(b *bench) func() { b.pairs.noReads = true; return func() { b.pairs.noReads = false } },
		"cursors":        func(b *bench) func() { b.cursors.noReads = true; return func() { b.cursors.noReads = false } },
		"cursors' write": func(b *bench) func() { b.cursors.noWrites = true; return func() { b.cursors.noWrites = false } },
	} {
		b := newBench()
		b.crms.pages["hubspot contact"] = [][]crm.Touched{{touched(crm.HubSpot, "1", noon)}}
		mend := spoil(b)
		if err := b.Run(t.Context()); !errors.Is(err, errGone) {
			t.Errorf("%s: %v", name, err)
		}
		mend()
		b.queue.ops, b.crms.asked = nil, nil
		b.run(t)
		b.wantQueued(t, "update hubspot/contact/1")
		if got, want := b.crms.since()["hubspot contact"], noon.Add(-firstLook-overlap); !got.Equal(want) {
			t.Errorf("%s: goes on at %s, want %s", name, got, want)
		}
	}
}

func TestACursorThatNobodyWroteIsAnErrorOfItsListingAlone(t *testing.T) {
	b := newBench()
	b.run(t)
	for r := range b.cursors.All("cursor#main") {
		if r.Key.Sort == "changed#zoho#contact" {
			if err := b.cursors.Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Value: []byte("yesterday")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.crms.since()
	if err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "upkeep changed#zoho#contact: the cursor") {
		t.Errorf("%v", err)
	}
	if asked := b.crms.since(); len(asked) != len(listings)-1 {
		t.Errorf("%d listings were asked", len(asked))
	}
}

func TestOrphansAreLookedAtAndThoseThatLiveAgainAreForgotten(t *testing.T) {
	b := newBench()
	for _, p := range []pair.Pair{
		{State: pair.Orphan, HubSpot: "1", Zoho: "2", Gone: crm.Zoho}, {State: pair.Orphan, HubSpot: "3", Zoho: "4", Gone: crm.HubSpot},
		{State: pair.Living, HubSpot: "5", Zoho: "6"}, {State: pair.Orphan, HubSpot: "7", Gone: crm.Zoho}, // never had a Zoho half
	} {
		l := b.save(t, p)
		if err := b.Book.NoteOrphan(t.Context(), "main", l.ID, noon); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Book.NoteOrphan(t.Context(), "main", "erased", noon); err != nil {
		t.Fatal(err)
	}
	b.run(t)
	b.wantQueued(t, "restore zoho/contact/2", "restore hubspot/contact/3")
	left, err := b.Book.Orphans(t.Context(), "main", "", 9)
	if err != nil || !slices.Equal(left, []string{"pair-1", "pair-3", "pair-7"}) {
		t.Errorf("%q, %v", left, err)
	}
}

func TestNoOrphanStarvesBehindTheOthers(t *testing.T) {
	b := newBench()
	const all = maxOrphans*2 + 50
	for i := range all {
		l := b.save(t, pair.Pair{State: pair.Orphan, HubSpot: fmt.Sprintf("h%03d", i), Zoho: fmt.Sprintf("z%03d", i), Gone: crm.Zoho})
		if err := b.Book.NoteOrphan(t.Context(), "main", l.ID, noon); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	var portions []int
	for range 6 {
		b.run(t)
		portions = append(portions, len(b.queue.ops))
		for _, op := range b.queue.ops {
			seen[op.RecordID]++
		}
		b.queue.ops = nil
	}
	if !slices.Equal(portions, []int{200, 200, 50, 200, 200, 50}) || len(seen) != all {
		t.Errorf("%v, %d of %d seen", portions, len(seen), all)
	}
}

func TestTheFaultsOfTheOrphansComeBack(t *testing.T) {
	b := newBench()
	l := b.save(t, pair.Pair{State: pair.Orphan, HubSpot: "1", Zoho: "2", Gone: crm.Zoho})
	if err := b.Book.NoteOrphan(t.Context(), "main", l.ID, noon); err != nil {
		t.Fatal(err)
	}
	b.queue.err = errGone
	if err := b.orphans(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("queue: %v", err)
	}
	b.queue.err, b.pairs.noReads = nil, true
	if err := b.orphans(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("pairs: %v", err)
	}
	b.pairs.noReads, b.cursors.noReads = false, true
	if err := b.orphans(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("cursors: %v", err)
	}
	b.cursors.noReads = false
	l.State = pair.Living
	if err := b.Book.Save(t.Context(), &l); err != nil {
		t.Fatal(err)
	}
	b.pairs.noWrites = true
	if err := b.orphans(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("forgetting: %v", err)
	}
}

func TestWhatIsDueIsQueuedOnceARecordOrMessageAndForThisConnectionOnly(t *testing.T) {
	b := newBench()
	person := crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: "1"}
	firm, message := crm.ID{System: crm.Zoho, Module: crm.Companies, Key: "2"}, crm.ID{System: crm.WhatsApp, Module: crm.Contacts, Key: "4"}
	b.parked.rows = []fault.Parked{
		{Connection: "main", Record: person, Field: "email"}, {Connection: "main", Record: person, Field: "phone"}, {Connection: "main", Record: firm},
		{Connection: "second", Record: crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "3"}},
		{Connection: "main", Record: message}, {Connection: "main", Record: message},
		{Connection: "main"}, // an operation that could not be read
	}
	b.run(t)
	b.wantQueued(t, "revisit hubspot/contact/1", "revisit zoho/company/2", "revisit whatsapp/contact/4")
	if got := b.parked.asked; len(got) != 5 || got[0].Record != person || got[1].Record != person || got[2].Record != firm || got[4].Record != message {
		t.Errorf("%d rows are noted as asked: %v", len(got), got)
	}

	b.queue.err = errGone
	if err := b.Run(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("the queue fails: %v", err)
	}
	if len(b.parked.asked) != 5 {
		t.Error("what could not be queued is noted as asked")
	}
	b.queue.err, b.parked.err = nil, errGone
	if err := b.Run(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("the table of the parked fails: %v", err)
	}
}
