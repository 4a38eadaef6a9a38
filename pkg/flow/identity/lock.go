package identity

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
)

// Locks are the match keys of one record that is being created, held so that nobody creates the same person meanwhile.
type Locks struct {
	rows []row.Row
}

// Lock takes the lock of every key for the owner, the id of the HubSpot record that is being created. A lock that is free,
// expired, or the owner's own is taken; row.ErrConflict says that somebody else holds one, or took the owner's after now: a worker that stood
// still since then has come too late, and would give back what another one works under.
func (b *Book) Lock(ctx context.Context, conn, owner string, keys []string, now time.Time) (Locks, error) {
	at := make([]row.Key, len(keys))
	for i, k := range keys {
		sum := b.Hasher.Sum("lock", conn, k)
		at[i] = row.Key{Part: "L#" + conn + "#" + hex.EncodeToString(sum[:])}
	}
	slices.SortFunc(at, func(a, b row.Key) int { return strings.Compare(a.Part, b.Part) })
	at = slices.Compact(at)
	have, err := b.Store.Get(ctx, at...)
	if err != nil {
		return Locks{}, fmt.Errorf("identity.Lock: %w", err)
	}
	puts := make([]row.Put, len(have))
	for i, r := range have {
		if r.Version != 0 && (string(r.Value) != owner || r.Expires.After(now.Add(LockFor))) {
			return Locks{}, fmt.Errorf("identity.Lock: %w", row.ErrConflict)
		}
		puts[i] = row.Put{Key: at[i], If: r.Version, Value: []byte(owner), Expires: now.Add(LockFor)}
		have[i] = row.Row{Key: at[i], Version: r.Version + 1}
	}
	if err := b.Store.Put(ctx, puts...); err != nil {
		return Locks{}, fmt.Errorf("identity.Lock: %w", err)
	}
	return Locks{have}, nil
}

// Release returns the writes that give the locks back, to go into the transaction that makes them needless.
func (l Locks) Release() []row.Put {
	puts := make([]row.Put, len(l.rows))
	for i, r := range l.rows {
		puts[i] = row.Put{Key: r.Key, If: r.Version, Delete: true}
	}
	return puts
}

// Unlock gives the locks back by themselves.
func (b *Book) Unlock(ctx context.Context, l Locks) error {
	if len(l.rows) == 0 {
		return nil
	}
	return b.Store.Put(ctx, l.Release()...)
}

// Held reports whether there is anything to give back.
func (l Locks) Held() bool { return len(l.rows) > 0 }

// Drop removes a pair that never came to be, with the name of its HubSpot record and the locks of its creation.
func (b *Book) Drop(ctx context.Context, p Loaded, l Locks) error {
	name := nameKey(p.Connection, p.Record(crm.HubSpot))
	rows, err := b.Store.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("identity.Drop: %w", err)
	}
	puts := append([]row.Put{{Key: pairKey(p.ID), If: p.Version, Delete: true}, {Key: name, If: rows[0].Version, Delete: true}}, l.Release()...)
	if err := b.Store.Put(ctx, puts...); err != nil {
		return fmt.Errorf("identity.Drop pair %s: %w", p.ID, err)
	}
	return nil
}
