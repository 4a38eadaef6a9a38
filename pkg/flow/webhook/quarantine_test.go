package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/row"
)

func TestABodyIsKeptAsItCameForThirtyDays(t *testing.T) {
	now := noon
	clock := func() time.Time { return now }
	q := Quarantine{Store: memory.NewRows(clock), Now: clock}
	large := bytes.Repeat([]byte("\x00\xff{"), 1<<20)
	for _, body := range [][]byte{nil, []byte("[{"), large, large[:pieceSize], large[:pieceSize+1]} {
		if err := q.Keep(t.Context(), "hubspot", "why", body); err != nil {
			t.Fatal(err)
		}
		if err := q.Keep(t.Context(), "hubspot", "why", body); err != nil {
			t.Errorf("the same body again: %v", err)
		}
	}
	kept, err := q.List(t.Context(), "hubspot")
	if err != nil || len(kept) != 5 {
		t.Fatalf("%d bodies, want 5; %v", len(kept), err)
	}
	sizes := map[int]bool{}
	for _, k := range kept {
		sizes[len(k.Body)] = true
		if !bytes.Equal(k.Body, large[:len(k.Body)]) && string(k.Body) != "[{" {
			t.Errorf("a body of %d bytes was altered", len(k.Body))
		}
		if k.Reason != "why" || k.Source != "hubspot" || !k.ReceivedAt.Equal(noon) {
			t.Errorf("kept as %q of %q at %s", k.Reason, k.Source, k.ReceivedAt)
		}
	}
	if len(sizes) != 5 {
		t.Errorf("sizes %v", sizes)
	}

	now = noon.Add(KeptFor - time.Nanosecond)
	if kept, _ = q.List(t.Context(), "hubspot"); len(kept) != 5 {
		t.Errorf("%d bodies just before they expire, want 5", len(kept))
	}
	now = noon.Add(KeptFor)
	if kept, _ = q.List(t.Context(), "hubspot"); len(kept) != 0 {
		t.Errorf("%d bodies after they expired, want 0", len(kept))
	}
}

func TestABodyThatIsDroppedIsGone(t *testing.T) {
	clock := func() time.Time { return noon }
	q := Quarantine{Store: memory.NewRows(clock), Now: clock}
	for _, body := range []string{"a", "b"} {
		if err := q.Keep(t.Context(), "hubspot", "why", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	kept, _ := q.List(t.Context(), "hubspot")
	for range 2 {
		if err := q.Drop(t.Context(), "hubspot", kept[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	left, err := q.List(t.Context(), "hubspot")
	if err != nil || len(left) != 1 || left[0].ID != kept[1].ID {
		t.Errorf("left %d, %v", len(left), err)
	}
}

// narrow is a table with the bound that DynamoDB sets on a transaction.
type narrow struct {
	*memory.Rows
	failAt int // the call, from 1, that fails; 0 none
	calls  int
}

func (n *narrow) Put(ctx context.Context, puts ...row.Put) error {
	size := 0
	for _, p := range puts {
		if p.Delete {
			size += pieceSize // the row that goes
		}
		size += len(p.Value)
	}
	if n.calls++; size > 4_000_000 || n.calls == n.failAt {
		return errors.New("down")
	}
	return n.Rows.Put(ctx, puts...)
}

func TestTheLargestBodyIsKeptAndDroppedAlsoWhenAWriteOfItFails(t *testing.T) {
	clock := func() time.Time { return noon }
	body := bytes.Repeat([]byte("[1,2"), door.Payload/4)
	for failAt := range 4 {
		store := &narrow{Rows: memory.NewRows(clock), failAt: failAt}
		q := Quarantine{Store: store, Now: clock}
		if err := q.Keep(t.Context(), "hubspot", "why", body); (err != nil) != (failAt > 0) {
			t.Fatalf("with a failure at call %d: %v", failAt, err)
		}
		if kept, err := q.List(t.Context(), "hubspot"); err != nil || (len(kept) == 0) != (failAt > 0) {
			t.Errorf("half a body is listed: %d, %v", len(kept), err)
		}
		store.failAt = 0
		if err := q.Keep(t.Context(), "hubspot", "why", body); err != nil {
			t.Errorf("the sender comes again: %v", err)
		}
		kept, err := q.List(t.Context(), "hubspot")
		if err != nil || len(kept) != 1 || !bytes.Equal(kept[0].Body, body) {
			t.Fatalf("%d bodies, %v", len(kept), err)
		}
		store.calls, store.failAt = 0, failAt
		if err := q.Drop(t.Context(), "hubspot", kept[0].ID); (err != nil) != (failAt > 0) {
			t.Errorf("dropped with a failure at call %d: %v", failAt, err)
		}
		store.failAt = 0
		if left, _ := q.List(t.Context(), "hubspot"); (len(left) == 0) != (failAt == 0) {
			t.Errorf("%d bodies are listed after a failure at call %d", len(left), failAt)
		}
		if err := q.Drop(t.Context(), "hubspot", kept[0].ID); err != nil {
			t.Errorf("dropped again: %v", err)
		}
		if rows, err := store.List(t.Context(), "Q#hubspot", "", "", 0); err != nil || len(rows) != 0 {
			t.Errorf("%d rows are left, %v", len(rows), err)
		}
	}
}

func TestAnErasedPersonsBodiesAreForgottenWhoeverSentThem(t *testing.T) {
	clock := func() time.Time { return noon }
	q := Quarantine{Store: memory.NewRows(clock), Now: clock}
	person := []crm.ID{
		{System: crm.HubSpot, Module: crm.Contacts, Key: "151"}, {System: crm.Zoho, Module: crm.Contacts, Key: "4876876000000333013"},
		{System: crm.Zoho, Module: crm.Contacts}, // in no pair
	}
	torn := append(bytes.Repeat([]byte("x"), pieceSize-1), `151`...) // the id lies across two pieces
	for source, bodies := range map[string][]string{
		"hubspot": {`[{"objectId":151,"propertyValue":"Anna`, `[{"objectId":1510`, "", string(torn)},
		"zoho":    {`{"ids":["4876876000000333013"`, `{"ids":["48768760000003330130"`},
		"other":   {`151`},
	} {
		for _, body := range bodies {
			if err := q.Keep(t.Context(), source, "why", []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if named, err := q.Naming(t.Context(), person...); err != nil || len(named) != 3 {
		t.Errorf("%d bodies name the person, want 3; %v", len(named), err)
	}
	for range 2 {
		if err := q.Forget(t.Context(), person...); err != nil {
			t.Fatal(err)
		}
	}
	for source, want := range map[string]int{"hubspot": 2, "zoho": 1, "other": 1} {
		if left, err := q.List(t.Context(), source); err != nil || len(left) != want {
			t.Errorf("%d bodies of %s are left, want %d; %v", len(left), source, want, err)
		}
	}
}

func TestManyBodiesAreGoneThroughAPageAtATime(t *testing.T) {
	clock := func() time.Time { return noon }
	q := Quarantine{Store: memory.NewRows(clock), Now: clock}
	for i := range 97 {
		if err := q.Keep(t.Context(), "hubspot", "why", bytes.Repeat([]byte(fmt.Sprint(i, " ")), 1+i%3*pieceSize/2)); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := q.List(t.Context(), "hubspot"); err != nil || len(all) != 97 {
		t.Errorf("%d bodies, %v", len(all), err)
	}
	named, err := q.Naming(t.Context(), crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: "96"})
	if err != nil || len(named) != 1 || !bytes.HasPrefix(named[0].Body, []byte("96 96")) && string(named[0].Body) != "96 " {
		t.Errorf("%d bodies name it, %v", len(named), err)
	}
}

func TestANumberIsOnlyFoundAsANumberOfItsOwn(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "15": false, "151": true, "1510": false, "9151": false, `"151"`: true, "1511 151": true, "151151": false, "x151y": true, "\xff151\x00": true,
	} {
		if got := holdsNumber([]byte(text), "151"); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// gone is a store that does not answer.
type gone struct{}

var errGone = errors.New("table gone")

func (gone) Put(context.Context, ...row.Put) error { return errGone }
func (gone) List(context.Context, string, string, string, int) ([]row.Row, error) {
	return nil, errGone
}

func TestABrokenTableIsToldByTheQuarantine(t *testing.T) {
	q := Quarantine{Store: gone{}, Now: func() time.Time { return noon }}
	_, listed := q.List(t.Context(), "hubspot")
	for _, err := range []error{q.Keep(t.Context(), "hubspot", "why", nil), listed, q.Drop(t.Context(), "hubspot", "x"), q.Forget(t.Context(), crm.ID{Key: "1"})} {
		if !errors.Is(err, errGone) {
			t.Errorf("error %v, want %v", err, errGone)
		}
	}
}

func TestARowThatIsNotOursIsNoBody(t *testing.T) {
	clock := func() time.Time { return noon }
	rows := memory.NewRows(clock)
	q := Quarantine{Store: rows, Now: clock}
	if err := rows.Put(t.Context(), row.Put{Key: place("hubspot", "x", 0), Value: []byte("?")}); err != nil {
		t.Fatal(err)
	}
	if _, err := q.List(t.Context(), "hubspot"); err == nil {
		t.Error("no error for a row that cannot be read")
	}
}

var _ Keeper = (*Quarantine)(nil)
