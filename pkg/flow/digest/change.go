package digest

import (
	"context"
	"errors"
	"fmt"

	"crm-connector/pkg/core/row"
)

// entries returns the rows of a part whose sort key has the prefix.
func (l *Ledger) entries(ctx context.Context, op, part, prefix string) ([]entry, error) {
	rows, err := list(ctx, l.Store, part, prefix)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	out := make([]entry, 0, len(rows))
	for _, r := range rows {
		e, err := decode(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// change reads the open rows of the keys, lets edit say what becomes of each (version 0: there is none; false: nothing),
// and writes that if nobody was faster. An entry that edit closes moves to the closed rows. Rows are written a chunk at a
// time; a chunk is written in whole or not at all.
func (l *Ledger) change(ctx context.Context, op string, keys []row.Key, edit func(entry) (entry, bool)) error {
	for len(keys) > 0 {
		n := min(chunk, len(keys))
		var err error
		for range tries {
			if err = l.changeOnce(ctx, keys[:n], edit); !errors.Is(err, row.ErrConflict) {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		keys = keys[n:]
	}
	return nil
}

func (l *Ledger) changeOnce(ctx context.Context, keys []row.Key, edit func(entry) (entry, bool)) error {
	rows, err := l.Store.Get(ctx, keys...)
	if err != nil {
		return err
	}
	var puts []row.Put
	for _, r := range rows {
		e := entry{key: r.Key}
		if r.Version > 0 {
			if e, err = decode(r); err != nil {
				return err
			}
		}
		e, write := edit(e)
		if !write {
			continue
		}
		more, err := l.puts(ctx, e)
		if err != nil {
			return err
		}
		puts = append(puts, more...)
	}
	if len(puts) == 0 {
		return nil
	}
	return l.Store.Put(ctx, puts...)
}

// puts returns the writes that bring the table to the entry.
func (l *Ledger) puts(ctx context.Context, e entry) ([]row.Put, error) {
	value, err := e.encode()
	if err != nil {
		return nil, err
	}
	if e.closed.IsZero() {
		return []row.Put{{Key: e.key, If: e.version, Value: value, First: l.Now().UnixMicro()}}, nil
	}
	key := row.Key{Part: partClosed, Sort: e.key.Sort}
	before, err := l.Store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return []row.Put{
		{Key: e.key, If: e.version, Delete: true},
		{Key: key, If: before[0].Version, Value: value, Expires: e.closed.Add(ClosedFor)},
	}, nil
}
