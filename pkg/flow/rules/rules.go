// Package rules gives the mapping and the mode in force, and pulls the brake when too much is overwritten. It decides
// nothing about a single record.
package rules

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
)

// Settings are what holds where the config table says nothing else.
type Settings struct {
	Default *mapping.Mapping // nil: the built-in one, which is then parsed only where no row holds another
	Options mapping.Options  // over the mapping's own; empty strings keep those
	Start   crm.Mode         // the mode of a stack that was never switched; "" is off
	Limits  Limits           // zero: DefaultLimits
}

// Book reads the rules of a stack. It is safe for use by several goroutines.
type Book struct {
	Settings
	Parking Parking // gets a row when the brake is pulled; nil: the log alone tells it

	rows *config.Rows
	now  func() time.Time
	log  *slog.Logger

	mu      sync.Mutex
	version int64
	parsed  *mapping.Mapping
}

// New returns the rules that the rows and the settings under them make.
func New(rows *config.Rows, s Settings, now func() time.Time, log *slog.Logger) *Book {
	if s.Limits == (Limits{}) {
		s.Limits = DefaultLimits
	}
	return &Book{Settings: s, rows: rows, now: now, log: log}
}

// Mapping returns the mapping in force. A row that cannot be read as one is an error: nothing is written by a rule that
// nobody wrote.
func (b *Book) Mapping(ctx context.Context) (*mapping.Mapping, error) {
	r, err := b.rows.Get(ctx, config.Mapping)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.parsed != nil && b.version == r.Version {
		return b.parsed, nil
	}
	m := b.Default
	switch {
	case r.Version != 0:
		if m, err = mapping.Parse(r.Value); err != nil {
			return nil, fmt.Errorf("rules.Mapping: the stored mapping: %w", err)
		}
	case m == nil:
		m = mapping.Default()
	}
	if m, err = m.With(b.Options); err != nil {
		return nil, fmt.Errorf("rules.Mapping: %w", err)
	}
	b.parsed, b.version = m, r.Version
	return m, nil
}

// Mode returns off, observe or on. A row that says none of them is an error: a slip of the pen never switches writing on. "On"
// may be a minute old; the others are as of now, because what they let pass unwritten nobody brings again once the stack is on.
func (b *Book) Mode(ctx context.Context) (crm.Mode, error) {
	mode, err := b.mode(ctx, b.rows.Get)
	if err != nil || mode == crm.On {
		return mode, err
	}
	return b.mode(ctx, b.rows.Renew)
}

func (b *Book) mode(ctx context.Context, get func(context.Context, string) (row.Row, error)) (crm.Mode, error) {
	r, err := get(ctx, config.Mode)
	if err != nil {
		return "", err
	}
	return b.says(r)
}

// says reads the mode's row.
func (b *Book) says(r row.Row) (crm.Mode, error) {
	mode := cmp.Or(b.Start, crm.Off)
	if r.Version != 0 {
		word, _, _ := strings.Cut(strings.TrimSpace(string(r.Value)), " ")
		mode = crm.Mode(word)
	}
	switch mode {
	case crm.Off, crm.Observe, crm.On:
		return mode, nil
	}
	return "", errors.New("rules.Mode: the mode is none of off, observe and on")
}

// Publish writes the names of the mapped properties for the door.
func (b *Book) Publish(ctx context.Context) error {
	m, err := b.Mapping(ctx)
	if err != nil {
		return err
	}
	return b.rows.Set(ctx, config.Fields, config.FieldsRow(func(s crm.System, module crm.Module) []string {
		return m.Properties(module.Kind(), s)
	}))
}
