package identity_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

func TestOfManyOneGetsTheLocksAndTheOthersLeaveNothing(t *testing.T) {
	const many = 64
	b := newBench()
	var wg sync.WaitGroup
	got := make([]error, many)
	held := make([]identity.Locks, many)
	for i := range many {
		wg.Go(func() {
			// All want the e-mail; each has an id of its own.
			held[i], got[i] = b.Lock(t.Context(), conn, fmt.Sprint(i), []string{fmt.Sprint("id ", i), "contact email a@example.com"}, noon)
		})
	}
	wg.Wait()
	winners := 0
	for i, err := range got {
		switch {
		case err == nil:
			winners++
			if !held[i].Held() {
				t.Error("a winner without locks")
			}
		case !errors.Is(err, row.ErrConflict) || held[i].Held():
			t.Errorf("%d: %v", i, err)
		}
	}
	if winners != 1 || len(b.parts()) != 2 {
		t.Errorf("%d winners, %d rows", winners, len(b.parts()))
	}
}

func TestTwoThatShareAKeyInAnotherOrderDoNotBothWin(t *testing.T) {
	for range 50 {
		b := newBench()
		var wg sync.WaitGroup
		var first, second error
		wg.Go(func() { _, first = b.Lock(t.Context(), conn, "1", []string{"a", "b", "a"}, noon) })
		wg.Go(func() { _, second = b.Lock(t.Context(), conn, "2", []string{"c", "b", "a"}, noon) })
		wg.Wait()
		if (first == nil) == (second == nil) {
			t.Fatalf("%v and %v", first, second)
		}
	}
}

func TestALockTellsNothingOfThePersonAndKeepsConnectionsApart(t *testing.T) {
	b := newBench()
	if _, err := b.Lock(t.Context(), conn, "1", []string{"contact email a@example.com"}, noon); err != nil {
		t.Fatal(err)
	}
	if shown := strings.Join(b.parts(), " "); strings.Contains(shown, "example") {
		t.Error(shown)
	}
	if _, err := b.Lock(t.Context(), "second", "2", []string{"contact email a@example.com"}, noon); err != nil {
		t.Errorf("another connection: %v", err)
	}
}

func TestALockOpensToItsOwnerAndAfterFifteenMinutes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		owner string
		after time.Duration
		want  error
	}{
		{"somebody else at once", "2", 0, row.ErrConflict},
		{"somebody else a moment before the end", "2", identity.LockFor - time.Microsecond, row.ErrConflict},
		{"somebody else at the end", "2", identity.LockFor, nil},
		{"its owner", "1", time.Minute, nil},
	} {
		b := newBench()
		if _, err := b.Lock(t.Context(), conn, "1", []string{"k"}, b.now); err != nil {
			t.Fatal(err)
		}
		b.now = noon.Add(tt.after)
		if _, err := b.Lock(t.Context(), conn, tt.owner, []string{"k"}, b.now); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestALockThatItsOwnerTookAgainLastsAnew(t *testing.T) {
	b := newBench()
	for range 3 {
		if _, err := b.Lock(t.Context(), conn, "1", []string{"k"}, b.now); err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(identity.LockFor - time.Second)
	}
	if _, err := b.Lock(t.Context(), conn, "2", []string{"k"}, b.now); !errors.Is(err, row.ErrConflict) {
		t.Errorf("%v", err)
	}
}

func TestLocksThatWereGivenBackAreFree(t *testing.T) {
	b := newBench()
	l, err := b.Lock(t.Context(), conn, "1", []string{"a", "b"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Unlock(t.Context(), l); err != nil || len(b.parts()) != 0 {
		t.Errorf("%q, %v", b.parts(), err)
	}
	if _, err := b.Lock(t.Context(), conn, "2", []string{"b"}, noon); err != nil {
		t.Error(err)
	}
	if err := b.Unlock(t.Context(), l); !errors.Is(err, row.ErrConflict) {
		t.Errorf("locks of somebody else are given back: %v", err)
	}
	if err := b.Unlock(t.Context(), identity.Locks{}); err != nil || (identity.Locks{}).Held() {
		t.Errorf("no locks: %v", err)
	}
}

func TestAKeyThatIsNamedTwiceIsOneLock(t *testing.T) {
	b := newBench()
	l, err := b.Lock(t.Context(), conn, "1", []string{"a", "b", "a"}, noon)
	if err != nil || len(b.parts()) != 2 || len(l.Release()) != 2 {
		t.Fatalf("%q, %v", b.parts(), err)
	}
	if err := b.Unlock(t.Context(), l); err != nil || len(b.parts()) != 0 {
		t.Errorf("%q, %v", b.parts(), err)
	}
}

// creating writes a pair whose Zoho record is being inserted, under locks.
func creating(t *testing.T, b *bench) (identity.Loaded, identity.Locks) {
	t.Helper()
	l, err := b.Lock(t.Context(), conn, "1", []string{"a", "b"}, b.now)
	if err != nil {
		t.Fatal(err)
	}
	p := identity.Loaded{Pair: pair.Pair{ID: "p1", Connection: conn, Kind: crm.Contact, State: pair.Creating, HubSpot: "1"}}
	if err := b.Save(t.Context(), &p, identity.NamePut(conn, hubspot("1"), "p1")); err != nil {
		t.Fatal(err)
	}
	return p, l
}

func TestThePairThatCameToBeTakesItsLocksAlong(t *testing.T) {
	b := newBench()
	p, l := creating(t, b)
	p.State, p.Zoho = pair.Living, "2"
	if err := b.Save(t.Context(), &p, append(l.Release(), identity.NamePut(conn, zoho("2"), "p1"))...); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(b.parts(), " "); strings.Contains(got, "L#") || len(b.parts()) != 3 {
		t.Errorf("%s", got)
	}
}

func TestAPairThatNeverCameToBeLeavesNothing(t *testing.T) {
	b := newBench()
	p, l := creating(t, b)
	if err := b.Drop(t.Context(), p, l); err != nil || len(b.parts()) != 0 {
		t.Errorf("%q, %v", b.parts(), err)
	}
}

func TestAPairThatSomebodyTookOverIsNotDropped(t *testing.T) {
	b := newBench()
	p, l := creating(t, b)
	taken := p
	taken.State, taken.Zoho = pair.Living, "2"
	if err := b.Save(t.Context(), &taken); err != nil {
		t.Fatal(err)
	}
	if err := b.Drop(t.Context(), p, l); !errors.Is(err, row.ErrConflict) {
		t.Errorf("%v", err)
	}
	if got, _ := b.Find(t.Context(), conn, hubspot("1")); got.Zoho != "2" {
		t.Errorf("%+v", got)
	}
}

func TestALockThatItsOwnerTookLaterIsNoneOfAWorkerThatStoodStill(t *testing.T) {
	b := newBench()
	if _, err := b.Lock(t.Context(), conn, "1", []string{"k"}, noon.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Lock(t.Context(), conn, "1", []string{"a", "k"}, noon); !errors.Is(err, row.ErrConflict) {
		t.Errorf("%v", err)
	}
	if _, err := b.Lock(t.Context(), conn, "1", []string{"k"}, noon.Add(time.Second)); err != nil {
		t.Errorf("its own of the same moment: %v", err)
	}
}
