package soak

import (
	"context"
	"errors"
	"slices"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// weather is what befalls calls that nobody is to blame for.
type weather struct {
	fails float64       // chance that a call fails: throttled, without an effect, or with its answer lost
	late  float64       // chance that a write lands when nobody waits for it any more
	after time.Duration // by how much at most
}

// table is a table as functions reach it: over a network, and they may die at each call.
type table struct {
	s       *stage
	name    string
	rows    *memory.Rows
	weather weather
	wrote   func(puts []row.Put) // told of every transaction that was carried out; may be nil
}

// The faults of a table, as dynamo translates them.
var (
	errThrottled = &fault.Error{Op: "soak.table", Kind: fault.Throttled, Code: "ThrottlingException", Err: errors.New("too fast")}
	errReset     = &fault.Error{Op: "soak.table", Kind: fault.Down, Err: errors.New("the connection was reset")}
)

// takes is how long a call of a table takes.
func (t *table) takes() time.Duration {
	return 3*time.Millisecond + time.Duration(t.s.dice.Int64N(int64(9*time.Millisecond)))
}

// Get reads rows.
func (t *table) Get(ctx context.Context, keys ...row.Key) (rows []row.Row, err error) {
	err = t.call(ctx, "reading "+t.name, func() error {
		rows, err = t.rows.Get(ctx, keys...)
		return err
	})
	return rows, err
}

// List reads rows of one part.
func (t *table) List(ctx context.Context, part, sortPrefix, after string, limit int) (rows []row.Row, err error) {
	err = t.call(ctx, "listing "+t.name, func() error {
		rows, err = t.rows.List(ctx, part, sortPrefix, after, limit)
		return err
	})
	return rows, err
}

// Put carries out one transaction.
func (t *table) Put(ctx context.Context, puts ...row.Put) error {
	if t.weather.late > 0 && of(ctx) != nil && t.s.dice.Float64() < t.weather.late {
		return t.put(ctx, slices.Clone(puts))
	}
	return t.call(ctx, "writing "+t.name, func() error { return t.write(ctx, puts) })
}

func (t *table) write(ctx context.Context, puts []row.Put) error {
	err := t.rows.Put(ctx, puts...)
	if err == nil && t.wrote != nil {
		t.wrote(puts)
	}
	return err
}

// put sends a transaction that arrives late: whoever sent it has heard of a reset long ago, or is no more.
func (t *table) put(ctx context.Context, puts []row.Put) error {
	s := t.s
	if s.lost(ctx, "writing "+t.name, false) {
		return errDead
	}
	s.tracef("%s: a write is under way for long", of(ctx).name)
	s.after(time.Duration(s.dice.Int64N(int64(t.weather.after))), func() {
		err := t.write(context.WithoutCancel(ctx), puts)
		s.tracef("%s: a write has landed late: %v", t.name, err)
	})
	s.wait(of(ctx), 200*time.Millisecond)
	return errReset
}

// call makes one call as the weather has it.
func (t *table) call(ctx context.Context, what string, do func() error) error {
	inv, s := of(ctx), t.s
	if inv == nil {
		return do()
	}
	if s.lost(ctx, what, false) {
		return errDead
	}
	s.wait(inv, t.takes())
	fails := t.weather.fails > 0 && s.dice.Float64() < t.weather.fails
	how := 0
	if fails {
		how = s.dice.IntN(3)
		s.tracef("%s: %s fails (%s)", inv.name, what, [...]string{"throttled", "not carried out", "carried out, no answer"}[how])
	}
	switch {
	case fails && how == 0:
		return errThrottled
	case fails && how == 1:
		return errReset
	}
	err := do()
	switch {
	case s.lost(ctx, what, true):
		return errDead
	case fails:
		return errReset
	}
	return err
}

// waiter hides the messages of a lane.
type waiter struct {
	s *stage
	l *lane
}

// Hide changes how long messages stay invisible.
func (w waiter) Hide(ctx context.Context, waits []batch.Wait) error {
	if w.s.lost(ctx, "hiding messages", false) {
		return errDead
	}
	return w.l.queue.Hide(ctx, waits)
}
