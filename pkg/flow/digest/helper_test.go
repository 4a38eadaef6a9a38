package digest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/letter"
	"crm-connector/pkg/core/row"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// bench is a ledger and a reporter over one table and one clock.
type bench struct {
	now    time.Time
	rows   *memory.Rows
	store  *breaking
	ledger *Ledger
	mailer *mailer
	Reporter
}

func newBench() *bench {
	b := &bench{now: noon, mailer: &mailer{}}
	clock := func() time.Time { return b.now }
	b.rows = memory.NewRows(clock)
	b.store = &breaking{Store: b.rows}
	b.ledger = &Ledger{Store: b.store, Now: clock}
	n := 0
	b.Reporter = Reporter{
		Ledger: b.ledger, Store: b.store, Mailer: b.mailer, Language: "en",
		From: "reports@example.com", To: "client@example.com", Now: clock,
		NewID: func() string { n++; return fmt.Sprintf("d-%d", n) },
	}
	return b
}

// breaking is a store that stops answering after a number of writes.
type breaking struct {
	Store
	writes int // until it breaks; 0: never
	broken bool
}

var errGone = errors.New("table gone")

func (s *breaking) Put(ctx context.Context, puts ...row.Put) error {
	if s.broken {
		return errGone
	}
	if s.writes > 0 {
		if s.writes--; s.writes == 0 {
			s.broken = true
		}
	}
	return s.Store.Put(ctx, puts...)
}

func (s *breaking) mend() { s.broken, s.writes = false, 0 }

// mailer keeps the mails that it sent; err is what it answers, lost says that it sent nothing all the same.
type mailer struct {
	mails []letter.Mail
	err   error
	lost  bool
}

func (m *mailer) Send(_ context.Context, mail letter.Mail) error {
	if !m.lost {
		m.mails = append(m.mails, mail)
	}
	return m.err
}

func contact(key string) crm.ID { return crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: key} }

// parked is a row about a contact of HubSpot's whose field Zoho refused.
func parked(key string, f crm.Field) fault.Parked {
	return fault.Parked{
		Connection: "main", Operation: "op", Verb: crm.Update, Kind: crm.Contact, Record: contact(key), Target: crm.Zoho,
		Field: f, Class: fault.Refused, Code: "INVALID_DATA", Message: "invalid data", Hint: fault.HintFormat,
	}
}

func (b *bench) open(t *testing.T, rows ...fault.Parked) {
	t.Helper()
	if err := b.ledger.Open(t.Context(), rows...); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) settle(t *testing.T, key string, open ...string) {
	t.Helper()
	if err := b.ledger.Settle(t.Context(), "main", []crm.ID{contact(key)}, b.now, open); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) list(t *testing.T) []fault.Parked {
	t.Helper()
	rows, err := b.ledger.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// run runs the reporter and wants it to tell so many rows.
func (b *bench) run(t *testing.T, want int) {
	t.Helper()
	told, err := b.Run(t.Context())
	if err != nil || told != want {
		t.Fatalf("told %d, want %d; %v", told, want, err)
	}
}
