package identity_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// supersede ends a pair for the sake of another one, as a merge does.
func (b *bench) supersede(t *testing.T, q identity.Loaded, head *identity.Loaded) {
	t.Helper()
	head.Leave(crm.HubSpot, q.HubSpot)
	head.Duplicates = append(head.Duplicates, q.Zoho)
	q.State, q.Successor = pair.Superseded, head.ID
	if err := b.Save(t.Context(), head, identity.PairPut(q)); err != nil {
		t.Fatal(err)
	}
}

func TestEverythingThatLeadsToAPairIsFound(t *testing.T) {
	b := newBench()
	head, first, second, deep := b.marry(t, "p1", "1", "2"), b.marry(t, "p2", "11", "12"), b.marry(t, "p3", "21", "22"), b.marry(t, "p4", "31", "32")
	b.marry(t, "p5", "41", "42")
	b.supersede(t, deep, &second)
	second.Duplicates, second.Former = nil, nil // as an earlier release left it
	b.supersede(t, first, &head)
	deep.Version++
	b.supersede(t, second, &head)
	head.Leave(crm.HubSpot, "7", "41", "51") // the second is in a pair of its own, the third has no name
	if err := b.Save(t.Context(), &head, identity.NamePut(conn, hubspot("7"), "p1")); err != nil {
		t.Fatal(err)
	}
	pairs, ids, err := b.Kin(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range pairs {
		names = append(names, p.ID)
	}
	if fmt.Sprint(names) != "[p2 p3]" {
		t.Errorf("superseded: %v", names)
	}
	want := []crm.ID{hubspot("1"), zoho("2"), zoho("12"), zoho("22"), hubspot("11"), hubspot("21"), hubspot("7"), hubspot("51")}
	if !slices.Equal(ids, want) {
		t.Errorf("%v, want %v", ids, want)
	}
	// What a superseded pair has superseded is its kin, whatever went on after it.
	middle, _ := b.Load(t.Context(), "p3")
	if _, ids, err := b.Kin(t.Context(), middle); err != nil || !slices.Equal(ids, []crm.ID{hubspot("21"), zoho("22")}) {
		t.Errorf("%v, %v", ids, err)
	}
	middle.Leave(crm.HubSpot, "31", "11")
	if err := b.Save(t.Context(), &middle); err != nil {
		t.Fatal(err)
	}
	if pairs, ids, err := b.Kin(t.Context(), middle); err != nil || len(pairs) != 1 || pairs[0].ID != "p4" ||
		!slices.Equal(ids, []crm.ID{hubspot("21"), zoho("22"), hubspot("31"), zoho("32")}) {
		t.Errorf("%v, %v", ids, err)
	}
	// A superseded pair whose successor is gone stands for itself.
	if err := b.Erase(t.Context(), conn, []identity.Loaded{head}, []crm.ID{hubspot("1"), zoho("2")}, noon); err != nil {
		t.Fatal(err)
	}
	alone, _ := b.Find(t.Context(), conn, hubspot("11"))
	if pairs, ids, err := b.Kin(t.Context(), alone); err != nil || len(pairs) != 0 || !slices.Equal(ids, []crm.ID{hubspot("11"), zoho("12")}) {
		t.Errorf("%v, %v, %v", pairs, ids, err)
	}
}

func TestAPersonOfManyIdsIsErasedInSeveralTransactionsThePairLast(t *testing.T) {
	const n = 3 * row.MaxPuts
	left := map[int]bool{}
	for calls := n + 2; calls < n+40; calls++ { // first each id is asked for who waits for it
		b := newBench()
		p := b.marry(t, "p1", "1", "2")
		for i := range n {
			p.Leave(crm.HubSpot, fmt.Sprint(1000+i))
			name := identity.NamePut(conn, hubspot(fmt.Sprint(1000+i)), "p1")
			if err := b.rows.Put(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Save(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
		_, ids, err := b.Kin(t.Context(), p)
		if err != nil || len(ids) != n+2 {
			t.Fatalf("%d ids, %v", len(ids), err)
		}
		b.store.left = calls
		err = b.Erase(t.Context(), conn, []identity.Loaded{p}, ids, noon)
		b.store.left = -1
		found, findErr := b.Find(t.Context(), conn, hubspot("1"))
		if findErr != nil {
			t.Fatal(findErr)
		}
		if err != nil {
			if !errors.Is(err, errGone) || found.Version == 0 {
				t.Fatalf("call %d: %v, the pair is found: %t", calls, err, found.Version != 0)
			}
			left[len(b.parts())] = true
			continue
		}
		if parts := b.parts(); len(parts) != n+2 || !strings.HasPrefix(parts[0], "T#") || found.Version != 0 {
			t.Errorf("%d rows are left, the first %s", len(parts), parts[0])
		}
		if len(left) < 4 {
			t.Errorf("it was broken off in %d states only", len(left))
		}
		return
	}
	t.Error("the table never answered to the end")
}

func TestAPairThatWentOnWithAnotherRecordIsFoundByTheFirstOne(t *testing.T) {
	b := newBench()
	p := b.marry(t, "p1", "1", "2")
	if none, err := b.Disown(t.Context(), conn, "other", hubspot("1")); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
	puts, err := b.Disown(t.Context(), conn, "p1", hubspot("1"))
	if err != nil {
		t.Fatal(err)
	}
	p.HubSpot = "3"
	if err := b.Save(t.Context(), &p, append(puts, identity.NamePut(conn, hubspot("3"), "p1"))...); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Find(t.Context(), conn, hubspot("1")); err != nil || got.Version != 0 {
		t.Errorf("it is in the pair still: %v", err)
	}
	for key, want := range map[string]string{"1": "p1", "3": "", "9": ""} {
		if got, err := b.Formerly(t.Context(), conn, hubspot(key)); err != nil || got.ID != want {
			t.Errorf("%s was in pair %q, %v", key, got.ID, err)
		}
	}
	if err := b.Erase(t.Context(), conn, nil, []crm.ID{hubspot("1")}, noon); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(b.parts(), " "); strings.Contains(got, "#1") || len(b.parts()) != 4 {
		t.Errorf("%s", got)
	}
}

func TestWhatWasSupersededByAnErasedPairIsFree(t *testing.T) {
	b := newBench()
	head, q := b.marry(t, "p1", "1", "2"), b.marry(t, "p2", "11", "12")
	q.State, q.Successor = pair.Superseded, "p1"
	if err := b.Save(t.Context(), &q); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Claim(t.Context(), conn, "p3", hubspot("11")); !errors.Is(err, row.ErrConflict) {
		t.Errorf("while its successor lives: %v", err)
	}
	if err := b.Erase(t.Context(), conn, []identity.Loaded{head}, []crm.ID{hubspot("1"), zoho("2")}, noon); err != nil {
		t.Fatal(err)
	}
	puts, err := b.Claim(t.Context(), conn, "p3", hubspot("11"), zoho("12"), zoho("22"))
	if err != nil {
		t.Fatal(err)
	}
	l := identity.Loaded{Pair: pair.Pair{ID: "p3", Connection: conn, Kind: crm.Contact, State: pair.Living, HubSpot: "11", Zoho: "22"}}
	if err := b.Save(t.Context(), &l, puts...); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Find(t.Context(), conn, hubspot("11")); err != nil || got.ID != "p3" {
		t.Errorf("%q, %v", got.ID, err)
	}
	if got, err := b.Load(t.Context(), "p2"); err != nil || got.Version != 0 {
		t.Errorf("the ended pair is there still: %v", err)
	}
}

func TestNobodyGivesAnErasedRecordAName(t *testing.T) {
	b := newBench()
	claim := func() ([]row.Put, error) { return b.Claim(t.Context(), conn, "p1", hubspot("1"), zoho("2")) }
	save := func(puts []row.Put) error {
		l := identity.Loaded{Pair: pair.Pair{ID: "p1", Connection: conn, Kind: crm.Contact, State: pair.Living, HubSpot: "1", Zoho: "2"}}
		return b.Save(t.Context(), &l, puts...)
	}
	before, err := claim()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Erase(t.Context(), conn, nil, []crm.ID{zoho("2")}, noon); err != nil {
		t.Fatal(err)
	}
	after, err := claim()
	if err != nil {
		t.Fatal(err)
	}
	for when, puts := range map[string][]row.Put{"asked before": before, "asked after": after} {
		if err := save(puts); !errors.Is(err, row.ErrConflict) {
			t.Errorf("%s: %v", when, err)
		}
	}
	if got := b.parts(); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if erased, err := b.Erased(t.Context(), conn); err != nil || len(erased) != 0 {
		t.Errorf("nobody: %v, %v", erased, err)
	}
}
