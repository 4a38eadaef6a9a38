package memory

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"crm-connector/pkg/core/row"
)

// MaxRow is the largest row, key and value together, in bytes (DynamoDB: 400 KB an item).
const MaxRow = 400 << 10

// Rows is a table of versioned rows. It is safe for concurrent use, and every Put is one transaction. An expired row stays
// in memory until Sweep, as it stays in DynamoDB for days, but no method shows it.
type Rows struct {
	now  func() time.Time
	mu   sync.RWMutex
	list list
}

// NewRows returns an empty table whose rows expire by the given clock.
func NewRows(now func() time.Time) *Rows { return &Rows{now: now} }

// Get returns one row for each key, in the order of the keys. Version is 0 where there is no row or an expired one.
func (r *Rows) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	const op = "memory.Get"
	if err := alive(ctx, op); err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.Part == "" {
			return nil, misuse(op, "a key without a part")
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.now()
	rows := make([]row.Row, len(keys))
	for i, k := range keys {
		rows[i].Key = k
		if it := r.list.get(k); it != nil && it.lives(now) {
			rows[i] = it.row()
		}
	}
	return rows, nil
}

// Put carries out all writes or none. A condition that does not hold gives an error that wraps row.ErrConflict; a write
// that DynamoDB refuses for its form (no part, two writes to one row, more than row.MaxPuts, a row above MaxRow) gives a
// fault of kind Ours.
func (r *Rows) Put(ctx context.Context, puts ...row.Put) error {
	const op = "memory.Put"
	if err := alive(ctx, op); err != nil {
		return err
	}
	if err := wellFormed(op, puts); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for _, p := range puts {
		var version int64
		if it := r.list.get(p.Key); it != nil && it.lives(now) {
			version = it.version
		}
		if version != p.If {
			return fmt.Errorf("%s: %w", op, row.ErrConflict)
		}
	}
	for _, p := range puts {
		if p.Delete {
			r.list.remove(p.Key)
			continue
		}
		r.list.set(p)
	}
	return nil
}

func wellFormed(op string, puts []row.Put) error {
	if len(puts) > row.MaxPuts {
		return misuse(op, "too many writes in one transaction")
	}
	for i, p := range puts {
		switch {
		case p.Key.Part == "":
			return misuse(op, "a key without a part")
		case p.If < 0:
			return misuse(op, "a negative version")
		case len(p.Key.Part)+len(p.Key.Sort)+len(p.Value) > MaxRow:
			return misuse(op, "a row of more than 400 KB")
		}
		for _, q := range puts[:i] {
			if p.Key == q.Key {
				return misuse(op, "two writes to one row in one transaction")
			}
		}
	}
	return nil
}

// List returns the rows of one part whose Sort has the prefix and comes after the given one, in ascending order of their
// bytes, at most limit of them. An empty after starts with the first row, a limit of 0 asks for all.
func (r *Rows) List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error) {
	const op = "memory.List"
	if err := alive(ctx, op); err != nil {
		return nil, err
	}
	if part == "" || limit < 0 {
		return nil, misuse(op, "a list without a part or with a negative limit")
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.now()
	var rows []row.Row
	for it := range r.list.from(row.Key{Part: part, Sort: max(sortPrefix, after)}) {
		if it.key.Part != part || !strings.HasPrefix(it.key.Sort, sortPrefix) {
			break
		}
		if !it.lives(now) || after != "" && it.key.Sort <= after {
			continue
		}
		rows = append(rows, it.row())
		if len(rows) == limit {
			break
		}
	}
	return rows, nil
}

// Len returns the number of rows in memory, expired ones included.
func (r *Rows) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.list.count
}

// All walks the living rows whose Part has the prefix, in ascending order. It is for the desk and for tests: it reads the
// table in pieces, so that other calls go on meanwhile and may or may not be seen.
func (r *Rows) All(partPrefix string) iter.Seq[row.Row] {
	return func(yield func(row.Row) bool) {
		next, started := row.Key{Part: partPrefix}, false
		for {
			rows, last := r.piece(next, started, partPrefix)
			for _, w := range rows {
				if !yield(w) {
					return
				}
			}
			if last == (row.Key{}) {
				return
			}
			next, started = last, true
		}
	}
}

// piece returns the living rows of one stretch and the key of its last row, zero at the end of the table.
func (r *Rows) piece(from row.Key, skip bool, partPrefix string) (rows []row.Row, last row.Key) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.now()
	for it := range r.list.from(from) {
		if skip && it.key == from {
			continue
		}
		if !strings.HasPrefix(it.key.Part, partPrefix) {
			return rows, row.Key{}
		}
		if it.lives(now) {
			rows = append(rows, it.row())
		}
		if len(rows) == blockMax {
			return rows, it.key
		}
	}
	return rows, row.Key{}
}

// Sweep removes the expired rows and returns how many there were.
func (r *Rows) Sweep() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	var dead []row.Key
	for it := range r.list.from(row.Key{}) {
		if !it.lives(now) {
			dead = append(dead, it.key)
		}
	}
	for _, k := range dead {
		r.list.remove(k)
	}
	return len(dead)
}
