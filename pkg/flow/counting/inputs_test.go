package counting_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
)

func visits(id string, n int64) metric.Entry {
	return metric.Entry{Tenant: tenant, ID: id, Channel: conversion.Webform, At: noon, Entries: conversion.Entries{Visits: n}}
}

// visited asks how many visits there were in the window of noon, of a purchase's rate.
func (b *bench) visited(t *testing.T) int64 {
	t.Helper()
	b.now = noon
	b.apply(t, b.purchase(nil))
	rows := b.ask(t, metric.Query{From: noon, To: noon.Add(5 * time.Minute), Step: conversion.ByWindow, Channel: conversion.Webform})
	return int64(math.Round(1 / rows[0].Rates.Conversion.Value))
}

func TestOfTwoWhoEnterTheSameAtOnceOneIsTheFirst(t *testing.T) {
	b := newBench()
	in := &counting.Inputs{Store: b.rows, Now: b.clock, Patience: b.Patience}
	second, raced := false, false
	overtaken := &counting.Inputs{Now: b.clock, Patience: b.Patience, Store: &faulty{Store: b.rows, before: func() error {
		if raced || b.n == 0 { // its first call reads
			b.n++
			return nil
		}
		raced = true
		var err error
		second, err = in.Enter(t.Context(), visits("pagina-0001", 12))
		return err
	}}}
	first, err := overtaken.Enter(t.Context(), visits("pagina-0001", 12))
	if err != nil || first || !second {
		t.Errorf("new to the one that was overtaken: %t, to the other: %t, %v", first, second, err)
	}
}

// slow is a table that takes as long as one does.
type slow struct{ *memory.Rows }

func (s slow) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	time.Sleep(6 * time.Millisecond)
	return s.Rows.Get(ctx, keys...)
}

func (s slow) Put(ctx context.Context, puts ...row.Put) error {
	time.Sleep(12 * time.Millisecond)
	return s.Rows.Put(ctx, puts...)
}

func TestVisitsThatArePushedOneByOneDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, n = 50, 1000
		start, dice := time.Now(), rand.New(rand.NewPCG(7, 7))
		b := newBench()
		clock := func() time.Time { return noon.Add(time.Since(start)) }
		b.rows = memory.NewRows(clock)
		wait := func(_ context.Context, d time.Duration) bool { time.Sleep(d); return true }
		in := &counting.Inputs{Store: slow{b.rows}, Now: clock, Patience: counting.Patient(wait, rand.Int64N)}
		var failed atomic.Int64
		var all sync.WaitGroup
		for i := range n {
			time.Sleep(time.Duration(dice.ExpFloat64() * float64(time.Second) / rate))
			all.Go(func() {
				if _, err := in.Enter(t.Context(), visits(fmt.Sprintf("visita-%06d", i), 1)); err != nil {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		if failed.Load() > n/200 { // a few collide by chance; with one row for all, every eighth does
			t.Errorf("%d of %d visits failed", failed.Load(), n)
		}
		b.Store = b.rows
		if got := b.visited(t); got != n-failed.Load() {
			t.Errorf("%d visits", got)
		}
	})
}

func TestEntriesOfAVersionBeforeAreCountedBesideThose(t *testing.T) {
	b := newBench()
	in := &counting.Inputs{Store: b.rows, Now: b.clock, Patience: b.Patience}
	if _, err := in.Enter(t.Context(), visits("pagina-0001", 12)); err != nil {
		t.Fatal(err)
	}
	for r := range b.rows.All("I#") {
		old := row.Key{Part: r.Key.Part, Sort: fmt.Sprintf("%013d", noon.UnixMilli())} // without a shard
		if err := b.rows.Put(t.Context(), row.Put{Key: old, Value: r.Value}); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.visited(t); got != 24 {
		t.Errorf("%d visits", got)
	}
}
