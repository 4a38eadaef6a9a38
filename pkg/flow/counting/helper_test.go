package counting_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // the days of Europe/Rome do not depend on the machine

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
)

var (
	noon   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tenant = conversion.TenantOf("https://issuer.example", "shop")
)

// bench is a counter over a table and a clock of its own.
type bench struct {
	now  time.Time
	rows *memory.Rows
	dice *rand.Rand
	n    int // requests so far
	counting.Counter
}

func newBench() *bench {
	b := &bench{now: noon, dice: rand.New(rand.NewPCG(1, 2))}
	b.rows = memory.NewRows(b.clock)
	b.Counter = counting.Counter{
		Store: b.rows, Shards: 4, Now: b.clock,
		Patience: counting.Patience{
			Sleep: func(_ context.Context, d time.Duration) error { b.now = b.now.Add(d); return nil },
			Rand:  b.dice.Int64N,
		},
	}
	return b
}

func (b *bench) clock() time.Time { return b.now }

// purchase is an event of this moment; the others differ in what edit says.
func (b *bench) purchase(edit func(*conversion.Event)) submission.Submission {
	b.n++
	e := conversion.Event{
		Client: "CLIENTE-ITALIA-789456", Type: conversion.Purchase, At: b.now, Value: 1999, Currency: conversion.EUR,
		Channel: conversion.Webform, State: conversion.Completed,
	}
	if edit != nil {
		edit(&e)
	}
	return submission.Submission{Ingestion: fmt.Sprintf("r-%06d", b.n), Tenant: tenant, Received: b.now, Event: e}
}

func named(id string) func(*conversion.Event) { return func(e *conversion.Event) { e.ID = id } }

// apply counts and returns the published names of the verdicts.
func (b *bench) apply(t testing.TB, subs ...submission.Submission) (out []string) {
	t.Helper()
	verdicts, err := b.Apply(t.Context(), subs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verdicts {
		out = append(out, v.String())
	}
	return out
}

var errLost = &fault.Error{Op: "store", Kind: fault.Down, Err: errors.New("the connection was reset")}

var throttled = &fault.Error{Op: "store", Kind: fault.Throttled, Err: errors.New("too fast")}

func either(all ...func() error) func() error {
	return func() error {
		for _, f := range all {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}
}

// faulty fails calls of a store: before they are carried out, or behind, when the answer is lost.
type faulty struct {
	counting.Store
	before, after func() error // nil: never
}

func (f *faulty) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	if err := f.fails(f.before); err != nil {
		return nil, err
	}
	return f.Store.Get(ctx, keys...)
}

func (f *faulty) Put(ctx context.Context, puts ...row.Put) error {
	if err := f.fails(f.before); err != nil {
		return err
	}
	if err := f.Store.Put(ctx, puts...); err != nil {
		return err
	}
	return f.fails(f.after)
}

func (f *faulty) fails(when func() error) error {
	if when == nil {
		return nil
	}
	return when()
}

// hidden keeps the waits that were asked for.
type hidden struct{ waits []batch.Wait }

func (h *hidden) Hide(_ context.Context, waits []batch.Wait) error {
	h.waits = append(h.waits, waits...)
	return nil
}

// lapsed is a waiter that does nothing: the messages come again at once.
type lapsed struct{}

func (lapsed) Hide(context.Context, []batch.Wait) error { return nil }

func (b *bench) consumer() (*counting.Consumer, *hidden) {
	h := &hidden{}
	return &counting.Consumer{Counter: &b.Counter, Waiter: h, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, h
}

// deliver makes deliveries of submissions, all of one group.
func deliver(subs ...submission.Submission) (out []batch.Delivery) {
	for _, s := range subs {
		out = append(out, batch.Delivery{ID: "m-" + s.Ingestion, Receipt: "receipt-" + s.Ingestion, Group: "c-0", Receives: 1, Body: s.Entry(1).Body})
	}
	return out
}
