package webhook

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
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
	for _, err := range []error{q.Keep(t.Context(), "hubspot", "why", nil), listed, q.Drop(t.Context(), "hubspot", "x")} {
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
