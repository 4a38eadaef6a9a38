package counting_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
)

// oracle counts as one would with everything in one hand: every request once, the first of a key counts.
type oracle struct {
	first map[string]conversion.Hash
	seen  map[string]bool
	book  conversion.Book
}

func newOracle() *oracle {
	return &oracle{map[string]conversion.Hash{}, map[string]bool{}, conversion.Book{}}
}

func (o *oracle) add(t *testing.T, s submission.Submission) {
	t.Helper()
	if o.seen[s.Ingestion] {
		return
	}
	o.seen[s.Ingestion] = true
	id := s.Event.Identify(s.Tenant)
	v := conversion.Unique
	if h, ok := o.first[id.Key]; !ok {
		o.first[id.Key] = id.Hash
	} else if v = conversion.Duplicate; h != id.Hash {
		v = conversion.Conflict
	}
	a := conversion.Arrival{Event: s.Event, Identity: id, Verdict: v}
	if err := o.book.Add(conversion.Cell{Window: conversion.WindowOf(s.Event.At), Channel: s.Event.Channel, Type: s.Event.Type}, a.Counts()); err != nil {
		t.Fatal(err)
	}
}

// traffic is a shuffled day of one shard's or several shards' deliveries: repeats from seconds to days later, the same id for
// another event, declared and failed ones, two currencies, bulk of the same millisecond.
func traffic(b *bench, n int, dice *rand.Rand) []submission.Submission {
	var out []submission.Submission
	states := []conversion.State{conversion.Completed, conversion.Completed, conversion.Completed, conversion.Failed, conversion.Declared}
	for len(out) < n {
		if len(out) > 10 && dice.IntN(100) < 5 {
			s := out[len(out)-1-dice.IntN(min(len(out)-1, 2000))]
			b.n++
			s.Ingestion = fmt.Sprintf("r-%06d", b.n)
			if dice.IntN(10) == 0 && s.Event.ID != "" {
				s.Event.Value++
			}
			out = append(out, s)
			continue
		}
		out = append(out, b.purchase(func(e *conversion.Event) {
			e.Client = fmt.Sprintf("CLIENTE-ROMA-%06d", dice.IntN(50))
			e.Type = conversion.Types()[dice.IntN(4)]
			e.Channel = conversion.Channels()[dice.IntN(5)]
			e.State = states[dice.IntN(len(states))]
			e.At = noon.Add(-time.Duration(dice.IntN(24*3600)) * time.Second)
			e.Value = conversion.Cents(dice.IntN(100_000))
			if dice.IntN(4) == 0 {
				e.Currency = "USD"
			}
			if dice.IntN(3) > 0 {
				e.ID = fmt.Sprintf("order-%06d", b.n)
			}
		}))
	}
	return out
}

// book reads the counters back out of the rows: of windows, and of minutes where they are kept.
func book(t testing.TB, c *counting.Counter, from, to time.Time) conversion.Book {
	t.Helper()
	got, err := c.Counters(t.Context(), tenant, conversion.WindowOf(from), conversion.WindowOf(to))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func same(t *testing.T, got, want conversion.Book) {
	t.Helper()
	for cell, w := range want {
		g := got[cell]
		g.Late = 0 // which the oracle has no clock for
		if !g.Equal(w) {
			t.Fatalf("%v: %+v, want %+v", cell, g, w)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d cells, want %d", len(got), len(want))
	}
}

// storm delivers everything through a FIFO queue to consumers that die, lose answers, are throttled, and come back to life.
func storm(t *testing.T, deliveries int, seed uint64) {
	b := newBench()
	dice := rand.New(rand.NewPCG(seed, 7))
	queue := memory.NewQueue(memory.QueueConfig{Name: "conversions", Visibility: 36 * time.Second, Retention: 14 * 24 * time.Hour, Now: b.clock})
	want := newOracle()
	subs := traffic(b, deliveries, dice)
	for _, s := range subs {
		if _, err := queue.Put(t.Context(), s.Entry(b.Shards)); err != nil {
			t.Fatal(err)
		}
	}
	one := func(err error) func() error {
		return func() error {
			if dice.IntN(50) == 0 {
				return err
			}
			return nil
		}
	}
	zombie := &late{Store: b.rows, dice: dice}
	b.Store = &faulty{Store: zombie, before: either(one(errLost), one(throttled)), after: one(errLost)}
	c := &counting.Consumer{Counter: &b.Counter, Waiter: lapsed{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for idle := 0; idle < 100; {
		b.now = b.now.Add(time.Duration(dice.IntN(2000)) * time.Millisecond)
		ds := queue.Receive(batch.MaxEntries)
		if len(ds) == 0 {
			b.now = b.now.Add(40 * time.Second)
			idle++
			continue
		}
		idle = 0
		if dice.IntN(100) == 0 { // two consumers get the same batch, one after the other
			c.Handle(t.Context(), ds)
		}
		back := c.Handle(t.Context(), ds)
		if dice.IntN(100) == 0 {
			continue // dies before it acknowledges: everything comes again
		}
		for _, d := range ds {
			if !slices.Contains(back, d.ID) {
				_ = queue.Delete(d.Receipt) // a receipt that has expired is no loss: the message comes again
			}
		}
		zombie.wake(t)
	}
	// Within a shard the queue keeps the order, and a key belongs to one client, so the first of the order is the first counted.
	for _, s := range subs {
		want.add(t, s)
	}
	b.Store = b.rows
	same(t, book(t, &b.Counter, noon.Add(-25*time.Hour), noon.Add(time.Hour)), want.book)
	ledger, err := b.Ledger(t.Context(), tenant, conversion.WindowOf(noon.Add(-25*time.Hour)), conversion.WindowOf(noon.Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if d := conversion.Compare(ledger, want.book); len(d) > 0 {
		t.Fatalf("%d cells of the ledger differ, the first %v", len(d), d[0].Cell)
	}
}

// late holds some transactions back as an invocation that was frozen does, and carries them out later.
type late struct {
	counting.Store
	dice *rand.Rand
	held [][]row.Put
}

func (l *late) Put(ctx context.Context, puts ...row.Put) error {
	if l.dice.IntN(100) == 0 {
		l.held = append(l.held, slices.Clone(puts))
		return errLost
	}
	return l.Store.Put(ctx, puts...)
}

func (l *late) wake(t *testing.T) {
	for len(l.held) > 0 && l.dice.IntN(3) == 0 {
		_ = l.Store.Put(t.Context(), l.held[0]...) // overtaken or not: the sums say whether it mattered
		l.held = l.held[1:]
	}
}

func TestEveryDeliveryIsCountedExactlyOnceWhateverFails(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			storm(t, 10_000, seed)
		})
	}
}

func TestACrashAtAnyCallOfTheStoreLeavesEverythingCountedOnce(t *testing.T) {
	for _, lost := range []bool{false, true} { // before the call, behind it
		for crash := 1; crash < 12; crash++ {
			b := newBench()
			first := b.purchase(named("order-0001"))
			b.apply(t, first)
			subs := []submission.Submission{
				b.purchase(named("order-0001")), b.purchase(named("order-0002")), b.purchase(nil),
				b.purchase(func(e *conversion.Event) { e.ID, e.Value = "order-0002", 1 }),
			}
			calls := 0
			fail := func() error {
				if calls++; calls == crash {
					return errLost
				}
				return nil
			}
			f := &faulty{Store: b.rows}
			if lost {
				f.after = fail
			} else {
				f.before = fail
			}
			b.Store = f
			_, _ = b.Apply(t.Context(), subs...) // fails at the crash; with a later one it succeeds
			_, err := b.Apply(t.Context(), subs...)
			if err != nil {
				if _, err = b.Apply(t.Context(), subs...); err != nil {
					t.Fatal(err)
				}
			}
			got := book(t, &b.Counter, noon, noon.Add(time.Hour))[conversion.Cell{Window: conversion.WindowOf(noon), Channel: conversion.Webform, Type: conversion.Purchase}]
			if got.Completed != 3 || got.Duplicates != 1 || got.Conflicts != 1 {
				t.Errorf("crash at call %d, answer lost %t: %+v", crash, lost, got)
			}
		}
	}
}

func BenchmarkApply(b *testing.B) {
	bench := newBench()
	bench.Shards = 16
	dice := rand.New(rand.NewPCG(1, 1))
	byShard := map[int][]submission.Submission{}
	for b.Loop() {
		s := bench.purchase(func(e *conversion.Event) {
			e.Client = fmt.Sprintf("CLIENTE-ROMA-%06d", dice.IntN(20000))
			e.Channel = conversion.Channels()[dice.IntN(5)]
			e.At = bench.now.Add(-time.Duration(dice.IntN(600)) * time.Second)
		})
		shard := conversion.Shard(s.Tenant, s.Event.Client, 16)
		if byShard[shard] = append(byShard[shard], s); len(byShard[shard]) == counting.MaxBatch {
			if _, err := bench.Apply(b.Context(), byShard[shard]...); err != nil {
				b.Fatal(err)
			}
			byShard[shard] = byShard[shard][:0]
		}
		bench.now = bench.now.Add(time.Millisecond)
	}
}
