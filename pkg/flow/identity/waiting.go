package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
)

// maxWaiting is how many records wait in one page: whoever wakes them asks again until none is left.
const maxWaiting = 50

func waitPart(conn string, on crm.ID) string { return "W#" + conn + "#" + on.String() }

// waitTries is how often Wait writes a row that others write or delete at the same time.
const waitTries = 5

// Wait notes that a record wants to be looked at again when another one is brought in step: a contact whose company is not
// paired yet, a value that another record has. A record that waits already waits anew: whoever has woken it for what was before, and is about
// to forget that it waited, forgets nothing. It returns row.ErrConflict when others write the row all the time.
func (b *Book) Wait(ctx context.Context, conn string, on, who crm.ID, now time.Time) error {
	put := row.Put{Key: row.Key{Part: waitPart(conn, on), Sort: who.String()}, Value: []byte(who.String()), First: now.UnixMicro()}
	for range waitTries {
		err := b.Store.Put(ctx, put)
		if err == nil {
			return nil
		}
		if !errors.Is(err, row.ErrConflict) {
			return fmt.Errorf("identity.Wait: %w", err)
		}
		rows, err := b.Store.Get(ctx, put.Key)
		if err != nil {
			return fmt.Errorf("identity.Wait: %w", err)
		}
		put.If = rows[0].Version
	}
	return fmt.Errorf("identity.Wait: %w", row.ErrConflict)
}

// Waiting returns who waits for any of the records, maxWaiting of each at most.
func (b *Book) Waiting(ctx context.Context, conn string, on ...crm.ID) ([]Waiter, error) {
	var out []Waiter
	for _, id := range on {
		rows, err := b.Store.List(ctx, waitPart(conn, id), "", "", maxWaiting)
		if err != nil {
			return nil, fmt.Errorf("identity.Waiting: %w", err)
		}
		for _, r := range rows {
			who, err := crm.ParseID(string(r.Value))
			if err != nil {
				return nil, fmt.Errorf("identity.Waiting: %w", err)
			}
			out = append(out, Waiter{Record: who, row: r})
		}
	}
	return out, nil
}

// Waiter is a record that waits for another one.
type Waiter struct {
	Record crm.ID
	row    row.Row
}

// Woken forgets that the records waited. Somebody else may have done it first.
func (b *Book) Woken(ctx context.Context, who []Waiter) error {
	for _, w := range who {
		err := b.Store.Put(ctx, row.Put{Key: w.row.Key, If: w.row.Version, Delete: true})
		if err != nil && !errors.Is(err, row.ErrConflict) {
			return fmt.Errorf("identity.Woken: %w", err)
		}
	}
	return nil
}
