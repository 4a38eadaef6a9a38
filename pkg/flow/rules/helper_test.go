package rules

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
)

var (
	noon    = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	errGone = errors.New("table gone")
)

// table is a table in memory that can break and lets others overtake a number of writes.
type table struct {
	*memory.Rows
	noReads, noWrites bool
	overtaken         int
}

func (s *table) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	if s.noReads {
		return nil, errGone
	}
	return s.Rows.Get(ctx, keys...)
}

func (s *table) Put(ctx context.Context, puts ...row.Put) error {
	switch {
	case s.noWrites:
		return errGone
	case s.overtaken > 0:
		s.overtaken--
		return row.ErrConflict
	}
	return s.Rows.Put(ctx, puts...)
}

// bench is a book over a table and a clock.
type bench struct {
	*Book
	now   time.Time
	table *table
	lines *bytes.Buffer
}

func newBench(s Settings) *bench {
	b := &bench{now: noon, lines: &bytes.Buffer{}}
	clock := func() time.Time { return b.now }
	b.table = &table{Rows: memory.NewRows(clock)}
	b.Book = New(&config.Rows{Store: b.table, Now: clock}, s, clock, slog.New(slog.NewJSONHandler(b.lines, nil)))
	return b
}

// switching is a table in which nobody gets the mode row written.
type switching struct{ *table }

func (s *switching) Put(ctx context.Context, puts ...row.Put) error {
	if puts[0].Key.Sort == config.Mode {
		return row.ErrConflict
	}
	return s.table.Put(ctx, puts...)
}
