package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crm-connector/pkg/core/row"
)

func orphanKey(conn, pairID string) row.Key { return row.Key{Part: "O#" + conn, Sort: pairID} }

// NoteOrphan lists the pair among those that the hourly reconciliation looks at again.
func (b *Book) NoteOrphan(ctx context.Context, conn, pairID string, now time.Time) error {
	err := b.Store.Put(ctx, row.Put{Key: orphanKey(conn, pairID), Value: []byte(pairID), First: now.UnixMicro()})
	if err != nil && !errors.Is(err, row.ErrConflict) {
		return fmt.Errorf("identity.NoteOrphan: %w", err)
	}
	return nil
}

// Orphans returns pairs that lost a half, in the order of their ids, after the given one. A pair that lives again, or is
// gone, is taken off the list.
func (b *Book) Orphans(ctx context.Context, conn, after string, limit int) ([]string, error) {
	rows, err := b.Store.List(ctx, "O#"+conn, "", after, limit)
	if err != nil {
		return nil, fmt.Errorf("identity.Orphans: %w", err)
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.Key.Sort
	}
	return out, nil
}

// ForgetOrphan takes the pair off the list.
func (b *Book) ForgetOrphan(ctx context.Context, conn, pairID string) error {
	rows, err := b.Store.Get(ctx, orphanKey(conn, pairID))
	if err != nil {
		return fmt.Errorf("identity.ForgetOrphan: %w", err)
	}
	if rows[0].Version == 0 {
		return nil
	}
	err = b.Store.Put(ctx, row.Put{Key: rows[0].Key, If: rows[0].Version, Delete: true})
	if err != nil && !errors.Is(err, row.ErrConflict) {
		return fmt.Errorf("identity.ForgetOrphan: %w", err)
	}
	return nil
}
