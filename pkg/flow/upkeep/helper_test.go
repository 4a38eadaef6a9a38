package upkeep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

var (
	noon    = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	errGone = errors.New("gone")
)

// ask is one question for a page of a listing.
type ask struct {
	name  string
	since time.Time
	page  string
}

// crms answers listings by name: "hubspot contact", "zoho company", "deleted contact".
type crms struct {
	pages map[string][][]crm.Touched
	fail  map[string]error
	asked []ask

	during func(name string) // called while a listing is read; may be nil
}

func (c *crms) answer(name string, since time.Time, page string) ([]crm.Touched, string, error) {
	c.asked = append(c.asked, ask{name, since, page})
	if c.during != nil {
		c.during(name)
	}
	if err := c.fail[name+page]; err != nil {
		return nil, "", err
	}
	n := len(page) // "", "+", "++" …
	pages := c.pages[name]
	if n >= len(pages) {
		return nil, "", nil
	}
	next := ""
	if n+1 < len(pages) {
		next = page + "+"
	}
	return pages[n], next, nil
}

// system is one CRM's end of crms.
type system struct {
	*crms
	name crm.System
}

func (s system) Changed(_ context.Context, m crm.Module, since time.Time, page string) ([]crm.Touched, string, error) {
	return s.answer(string(s.name)+" "+string(m), since, page)
}

func (s system) Deleted(_ context.Context, m crm.Module, since time.Time, page string) ([]crm.Touched, string, error) {
	return s.answer("deleted "+string(m), since, page)
}

// queue remembers what it was sent.
type queue struct {
	ops []crm.Operation
	err error
}

func (q *queue) Send(_ context.Context, ops []crm.Operation) error {
	if q.err != nil {
		return q.err
	}
	q.ops = append(q.ops, ops...)
	return nil
}

type parked struct {
	rows, asked []fault.Parked
	err         error
}

func (p *parked) Due(context.Context, time.Time) ([]fault.Parked, error) { return p.rows, p.err }

func (p *parked) Asked(_ context.Context, rows ...fault.Parked) error {
	p.asked = append(p.asked, rows...)
	return p.err
}

type modes struct {
	mode crm.Mode
	err  error
}

func (m *modes) Mode(context.Context) (crm.Mode, error) { return m.mode, m.err }

// table is a table in memory that can break.
type table struct {
	*memory.Rows
	noReads, noWrites bool
}

func (s *table) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	if s.noReads {
		return nil, errGone
	}
	return s.Rows.Get(ctx, keys...)
}

func (s *table) Put(ctx context.Context, puts ...row.Put) error {
	if s.noWrites {
		return errGone
	}
	return s.Rows.Put(ctx, puts...)
}

// bench is a reconciler with everything that it touches.
type bench struct {
	Reconciler
	now     time.Time
	crms    *crms
	queue   *queue
	parked  *parked
	modes   modes
	cursors *table
	pairs   *table
	lines   *bytes.Buffer
}

func newBench() *bench {
	b := &bench{now: noon, modes: modes{mode: crm.On}, crms: &crms{pages: map[string][][]crm.Touched{}, fail: map[string]error{}}, queue: &queue{}, parked: &parked{}, lines: &bytes.Buffer{}}
	clock := func() time.Time { return b.now }
	b.cursors, b.pairs = &table{Rows: memory.NewRows(clock)}, &table{Rows: memory.NewRows(clock)}
	n := 0
	id := func() string { n++; return fmt.Sprintf("op-%d", n) }
	b.Reconciler = Reconciler{
		Connection: "main", Sources: map[crm.System]Source{crm.HubSpot: system{b.crms, crm.HubSpot}, crm.Zoho: system{b.crms, crm.Zoho}},
		Deleted: system{b.crms, crm.Zoho}, Book: &identity.Book{Store: b.pairs, NewID: id}, Parked: b.parked, Queue: b.queue,
		Modes: &b.modes, Store: b.cursors, NewID: id, Now: clock, Log: slog.New(slog.NewTextHandler(b.lines, nil)),
	}
	return b
}

func (b *bench) run(t *testing.T) {
	t.Helper()
	if err := b.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// save writes a pair with the names of its records.
func (b *bench) save(t *testing.T, p pair.Pair) identity.Loaded {
	t.Helper()
	p.ID, p.Connection, p.Kind = "pair-"+p.HubSpot+p.ID, "main", crm.Contact
	l := identity.Loaded{Pair: p}
	puts := []row.Put{identity.NamePut("main", p.Record(crm.HubSpot), p.ID)}
	if p.Zoho != "" {
		puts = append(puts, identity.NamePut("main", p.Record(crm.Zoho), p.ID))
	}
	if err := b.Book.Save(t.Context(), &l, puts...); err != nil {
		t.Fatal(err)
	}
	return l
}

func touched(sys crm.System, key string, at time.Time) crm.Touched {
	return crm.Touched{ID: crm.ID{System: sys, Module: crm.Contacts, Key: key}, Modified: at}
}

func deleted(key string, at time.Time) crm.Touched {
	d := touched(crm.Zoho, key, at)
	d.Deleted = true
	return d
}

// wantQueued compares what was queued, as "verb system/module/key".
func (b *bench) wantQueued(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, op := range b.queue.ops {
		got = append(got, string(op.Verb)+" "+op.Record().String())
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("queued %q, want %q", got, want)
	}
	b.queue.ops = nil
}
