package digest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// names reports whether a row is about one of the records or names one.
func names(p fault.Parked, records []crm.ID) bool {
	return slices.Contains(records, p.Record) || slices.Contains(records, p.TargetID) || slices.Contains(records, p.Other) ||
		slices.ContainsFunc(p.More, func(id crm.ID) bool { return slices.Contains(records, id) })
}

// Naming returns the open rows that are about one of the records or name one.
func (l *Ledger) Naming(ctx context.Context, connection string, records ...crm.ID) ([]fault.Parked, error) {
	return l.Select(ctx, func(p fault.Parked) bool { return p.Connection == connection && names(p, records) })
}

// Erase forgets what was parked about records whose person has asked to be forgotten. Their rows are removed, open or closed,
// and so are open ones that ask for a merge with one of them; out of the open rows of other records they are taken. What
// asks a person to erase a record elsewhere stays until that is done, and is closed by Close.
func (l *Ledger) Erase(ctx context.Context, connection string, records ...crm.ID) error {
	const op = "digest.Erase"
	for _, part := range []string{partOpen, partClosed} {
		all, err := l.entries(ctx, op, part, "")
		if err != nil {
			return err
		}
		for _, e := range all {
			switch open := part == partOpen; {
			case e.Connection != connection || !names(e.Parked, records) || open && e.Hint == fault.HintErase:
				continue
			case open && !slices.Contains(records, e.Record) && e.Hint != fault.HintMergeTwins:
				err = l.strip(ctx, op, e.key, records)
			default:
				err = l.erase(ctx, op, e)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// strip takes records out of a row of another one.
func (l *Ledger) strip(ctx context.Context, op string, key row.Key, records []crm.ID) error {
	return l.change(ctx, op, []row.Key{key}, func(e entry) (entry, bool) {
		if slices.Contains(records, e.TargetID) {
			e.TargetID = crm.ID{}
		}
		if slices.Contains(records, e.Other) {
			e.Other = crm.ID{}
		}
		e.More = slices.DeleteFunc(e.More, func(id crm.ID) bool { return slices.Contains(records, id) })
		return e, e.version > 0
	})
}

// erase removes one row, whatever became of it meanwhile.
func (l *Ledger) erase(ctx context.Context, op string, e entry) error {
	err := row.ErrConflict
	for i := 0; i < tries && errors.Is(err, row.ErrConflict); i++ {
		if err = l.Store.Put(ctx, row.Put{Key: e.key, If: e.version, Delete: true}); !errors.Is(err, row.ErrConflict) {
			break
		}
		now, getErr := l.Store.Get(ctx, e.key)
		if getErr != nil {
			return fmt.Errorf("%s: %w", op, getErr)
		}
		e.version = now[0].Version
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}
