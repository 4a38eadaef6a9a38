package identity_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

func TestBothRecordsOfAPairLeadToIt(t *testing.T) {
	b := newBench()
	want := b.marry(t, "p1", "1", "2")
	for _, id := range []crm.ID{hubspot("1"), zoho("2")} {
		got, err := b.Find(t.Context(), conn, id)
		if err != nil || got.Version != 1 || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
	ids, err := b.Lookup(t.Context(), conn, zoho("1"), zoho("2"), hubspot("2"), hubspot("1"))
	if err != nil || !slices.Equal(ids, []string{"", "p1", "", "p1"}) {
		t.Errorf("%q, %v", ids, err)
	}
}

func TestARecordWithoutANameIsInNoPair(t *testing.T) {
	b := newBench()
	b.marry(t, "p1", "1", "2")
	company := hubspot("1")
	company.Module = crm.Companies
	for _, tt := range []struct {
		conn string
		id   crm.ID
	}{{conn, hubspot("2")}, {conn, zoho("1")}, {conn, company}, {"second", hubspot("1")}} {
		if got, err := b.Find(t.Context(), tt.conn, tt.id); err != nil || got.Version != 0 || got.ID != "" {
			t.Errorf("%s %s: %+v, %v", tt.conn, tt.id, got, err)
		}
	}
	if got, err := b.Load(t.Context(), "p2"); err != nil || got.Version != 0 {
		t.Errorf("a pair that never was: %+v, %v", got, err)
	}
}

func TestANameOnceWrittenStays(t *testing.T) {
	b := newBench()
	b.marry(t, "p1", "1", "2")
	thief := identity.Loaded{Pair: pair.Pair{ID: "p2", Connection: conn, Kind: crm.Contact, State: pair.Living, HubSpot: "1", Zoho: "3"}}
	err := b.Save(t.Context(), &thief, identity.NamePut(conn, hubspot("1"), "p2"), identity.NamePut(conn, zoho("3"), "p2"))
	if !errors.Is(err, row.ErrConflict) || thief.Version != 0 {
		t.Errorf("version %d, %v", thief.Version, err)
	}
	if ids, _ := b.Lookup(t.Context(), conn, hubspot("1"), zoho("3")); !slices.Equal(ids, []string{"p1", ""}) {
		t.Errorf("half of it was written: %q", ids)
	}
}

func TestAWriterThatWasOvertakenChangesNothing(t *testing.T) {
	b := newBench()
	first := b.marry(t, "p1", "1", "2")
	second := first
	first.Successor = "first"
	if err := b.Save(t.Context(), &first); err != nil || first.Version != 2 {
		t.Fatal(first.Version, err)
	}
	second.Successor = "second"
	if err := b.Save(t.Context(), &second, identity.NamePut(conn, zoho("9"), "p1")); !errors.Is(err, row.ErrConflict) || second.Version != 1 {
		t.Errorf("version %d, %v", second.Version, err)
	}
	if got, _ := b.Load(t.Context(), "p1"); got.Successor != "first" {
		t.Errorf("%+v", got)
	}
	if ids, _ := b.Lookup(t.Context(), conn, zoho("9")); ids[0] != "" {
		t.Error("the rest of an overtaken write was carried out")
	}
}

func TestASupersededPairLeadsToTheOneThatGoesOn(t *testing.T) {
	b := newBench()
	chain := []string{"p1", "p2", "p3", "p4"}
	for i, id := range chain {
		l := identity.Loaded{Pair: pair.Pair{ID: id, State: pair.Superseded}}
		if i < len(chain)-1 {
			l.Successor = chain[i+1]
		} else {
			l.State = pair.Living
		}
		if err := b.Save(t.Context(), &l); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range chain {
		l, _ := b.Load(t.Context(), id)
		if got, err := b.Follow(t.Context(), l); err != nil || got.ID != "p4" || got.Version != 1 {
			t.Errorf("from %s: %+v, %v", id, got, err)
		}
	}
}

func TestSuccessorsInACircleOrGoneEndTheWalk(t *testing.T) {
	b := newBench()
	for id, next := range map[string]string{"a": "b", "b": "a", "c": "gone"} {
		l := identity.Loaded{Pair: pair.Pair{ID: id, State: pair.Superseded, Successor: next}}
		if err := b.Save(t.Context(), &l); err != nil {
			t.Fatal(err)
		}
	}
	circle, _ := b.Load(t.Context(), "a")
	if _, err := b.Follow(t.Context(), circle); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("a circle: %v", err)
	}
	erased, _ := b.Load(t.Context(), "c")
	if got, err := b.Follow(t.Context(), erased); err != nil || got.Version != 0 {
		t.Errorf("an erased successor: %+v, %v", got, err)
	}
}

func TestARowThatIsNoPairIsAnErrorThatNamesIt(t *testing.T) {
	b := newBench()
	if err := b.rows.Put(t.Context(), row.Put{Key: row.Key{Part: "P#p1"}, Value: []byte("of a later version")}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Load(t.Context(), "p1"); !errors.Is(err, pair.ErrEncoding) || !strings.Contains(err.Error(), "p1") {
		t.Errorf("%v", err)
	}
}

func TestErasingLeavesTombstonesAndNothingElse(t *testing.T) {
	b := newBench()
	p := b.marry(t, "p1", "111", "222")
	b.marry(t, "other", "333", "444")
	for _, err := range []error{
		b.NoteOrphan(t.Context(), conn, "p1", noon),
		b.Wait(t.Context(), conn, zoho("222"), hubspot("555"), noon),
		b.Wait(t.Context(), conn, hubspot("111"), hubspot("555"), noon),
		// The caller may name a record twice.
		b.Erase(t.Context(), conn, []identity.Loaded{p}, []crm.ID{hubspot("111"), zoho("222"), hubspot("111")}, noon),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	stones := 0
	for r := range b.rows.All("") {
		shown := r.Key.Part + " " + r.Key.Sort + " " + string(r.Value)
		if strings.Contains(shown, "111") || strings.Contains(shown, "222") || strings.Contains(shown, "p1") {
			t.Errorf("left behind: %s", shown)
		}
		if strings.HasPrefix(r.Key.Part, "T#") {
			stones++
			if string(r.Value) != "2026-11-03T12:00:00Z" || !r.Expires.IsZero() {
				t.Errorf("a tombstone says %s and ends %s", r.Value, r.Expires)
			}
		}
	}
	if stones != 2 {
		t.Errorf("%d tombstones, want 2", stones)
	}
	erased, err := b.Erased(t.Context(), conn, hubspot("111"), zoho("111"), zoho("222"), hubspot("333"))
	if err != nil || !slices.Equal(erased, []bool{true, false, true, false}) {
		t.Errorf("%v, %v", erased, err)
	}
	if erased, _ := b.Erased(t.Context(), "second", hubspot("111")); erased[0] {
		t.Error("erased in another connection too")
	}
	if other, _ := b.Find(t.Context(), conn, hubspot("333")); other.Version != 1 {
		t.Error("another pair went with it")
	}
}

func TestErasingAgainAndErasingAStrangerWork(t *testing.T) {
	b := newBench()
	p := b.marry(t, "p1", "1", "2")
	ids := []crm.ID{hubspot("1"), zoho("2")}
	if err := b.Erase(t.Context(), conn, []identity.Loaded{p}, ids, noon); err != nil {
		t.Fatal(err)
	}
	rows := b.parts()
	if err := b.Erase(t.Context(), conn, nil, ids, noon.Add(time.Hour)); err != nil || !slices.Equal(b.parts(), rows) {
		t.Errorf("again: %v", err)
	}
	if err := b.Erase(t.Context(), conn, nil, []crm.ID{hubspot("9")}, noon); err != nil {
		t.Error(err)
	}
	if erased, _ := b.Erased(t.Context(), conn, hubspot("9")); !erased[0] {
		t.Error("a record without a pair has no tombstone")
	}
}

func TestAnErasureThatWasOvertakenErasesNothing(t *testing.T) {
	b := newBench()
	stale := b.marry(t, "p1", "1", "2")
	fresh := stale
	if err := b.Save(t.Context(), &fresh); err != nil {
		t.Fatal(err)
	}
	if err := b.Erase(t.Context(), conn, []identity.Loaded{stale}, []crm.ID{hubspot("1"), zoho("2")}, noon); !errors.Is(err, row.ErrConflict) {
		t.Errorf("%v", err)
	}
	if got, _ := b.Find(t.Context(), conn, hubspot("1")); got.Version != 2 {
		t.Errorf("%+v", got)
	}
}

// Whatever call of the table fails: the error comes back, and the table holds what it held or what was asked for.
func TestEveryFaultOfTheTableComesBack(t *testing.T) {
	for name, act := range map[string]func(*bench, identity.Loaded) error{
		"Lookup": func(b *bench, _ identity.Loaded) error {
			_, err := b.Lookup(t.Context(), conn, hubspot("1"))
			return err
		},
		"Find": func(b *bench, _ identity.Loaded) error { _, err := b.Find(t.Context(), conn, hubspot("1")); return err },
		"Follow": func(b *bench, p identity.Loaded) error {
			p.State, p.Successor = pair.Superseded, "p2"
			_, err := b.Follow(t.Context(), p)
			return err
		},
		"Formerly": func(b *bench, _ identity.Loaded) error {
			_, err := b.Formerly(t.Context(), conn, hubspot("1"))
			return err
		},
		"Disown": func(b *bench, _ identity.Loaded) error {
			_, err := b.Disown(t.Context(), conn, "p1", hubspot("1"))
			return err
		},
		"Kin":  func(b *bench, p identity.Loaded) error { _, _, err := b.Kin(t.Context(), p); return err },
		"Save": func(b *bench, p identity.Loaded) error { return b.Save(t.Context(), &p) },
		"Lock": func(b *bench, _ identity.Loaded) error {
			_, err := b.Lock(t.Context(), conn, "1", []string{"k"}, noon)
			return err
		},
		"Erased": func(b *bench, _ identity.Loaded) error {
			_, err := b.Erased(t.Context(), conn, hubspot("1"))
			return err
		},
		"Erase": func(b *bench, p identity.Loaded) error {
			return b.Erase(t.Context(), conn, []identity.Loaded{p}, []crm.ID{hubspot("1"), zoho("2")}, noon)
		},
		"Drop": func(b *bench, p identity.Loaded) error { return b.Drop(t.Context(), p, identity.Locks{}) },
		"Wait": func(b *bench, _ identity.Loaded) error {
			return b.Wait(t.Context(), conn, zoho("9"), hubspot("1"), noon)
		},
		"Waiting":      func(b *bench, _ identity.Loaded) error { _, err := b.Waiting(t.Context(), conn, zoho("2")); return err },
		"NoteOrphan":   func(b *bench, _ identity.Loaded) error { return b.NoteOrphan(t.Context(), conn, "p9", noon) },
		"Orphans":      func(b *bench, _ identity.Loaded) error { _, err := b.Orphans(t.Context(), conn, "", 9); return err },
		"ForgetOrphan": func(b *bench, _ identity.Loaded) error { return b.ForgetOrphan(t.Context(), conn, "p1") },
		"Woken": func(b *bench, _ identity.Loaded) error {
			who, err := b.Waiting(t.Context(), conn, zoho("2"))
			return errors.Join(err, b.Woken(t.Context(), who))
		},
	} {
		calls := 0
		for ; ; calls++ {
			b := newBench()
			p := b.marry(t, "p1", "1", "2")
			if err := errors.Join(b.Wait(t.Context(), conn, zoho("2"), hubspot("5"), noon), b.NoteOrphan(t.Context(), conn, "p1", noon)); err != nil {
				t.Fatal(err)
			}
			b.store.left = calls
			err := act(b, p)
			if err == nil {
				break
			}
			if !errors.Is(err, errGone) {
				t.Errorf("%s, call %d: %v", name, calls, err)
			}
			if !strings.HasPrefix(err.Error(), "identity.") {
				t.Errorf("%s does not say what was tried: %v", name, err)
			}
			b.store.left = -1
			if got, err := b.Find(t.Context(), conn, hubspot("1")); err != nil || got.Version != 1 {
				t.Errorf("%s, call %d: the pair is %+v, %v", name, calls, got, err)
			}
		}
		if calls == 0 {
			t.Errorf("%s asks no table", name)
		}
	}
}
