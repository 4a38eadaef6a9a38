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
// expired, or the owner's own is taken; row.ErrConflict says that somebody else holds one.
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
		if r.Version != 0 && string(r.Value) != owner {
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

func (b *Book) stone(conn string, id crm.ID) row.Key {
	sum := b.Hasher.Sum("tombstone", conn, id.String())
	return row.Key{Part: "T#" + conn + "#" + hex.EncodeToString(sum[:])}
}

// Erased reports which of the records were erased: they are never created again.
func (b *Book) Erased(ctx context.Context, conn string, ids ...crm.ID) ([]bool, error) {
	keys := make([]row.Key, len(ids))
	for i, id := range ids {
		keys[i] = b.stone(conn, id)
	}
	rows, err := b.Store.Get(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("identity.Erased: %w", err)
	}
	out := make([]bool, len(ids))
	for i, r := range rows {
		out[i] = r.Version != 0
	}
	return out, nil
}

// Erase forgets a pair with its names and who waited for it, and leaves a tombstone for each id: a keyed hash of the
// record's id and the time, never anything of the person. p may have Version 0 when the record was in no pair. What the
// records themselves wait for is forgotten when that comes about: the tombstone ends the second look.
func (b *Book) Erase(ctx context.Context, conn string, p Loaded, ids []crm.ID, now time.Time) error {
	who, err := b.Waiting(ctx, conn, ids...)
	if err == nil {
		err = b.Woken(ctx, who)
	}
	if err == nil && p.Version != 0 {
		err = b.ForgetOrphan(ctx, conn, p.ID)
	}
	if err != nil {
		return fmt.Errorf("identity.Erase: %w", err)
	}
	var keys []row.Key
	for i, id := range ids {
		if !slices.Contains(ids[:i], id) {
			keys = append(keys, nameKey(conn, id), b.stone(conn, id))
		}
	}
	rows, err := b.Store.Get(ctx, keys...)
	if err != nil {
		return fmt.Errorf("identity.Erase: %w", err)
	}
	var puts []row.Put
	for i := 0; i < len(rows); i += 2 {
		if name := rows[i]; name.Version != 0 {
			puts = append(puts, row.Put{Key: keys[i], If: name.Version, Delete: true})
		}
		if rows[i+1].Version == 0 {
			puts = append(puts, row.Put{Key: keys[i+1], Value: []byte(now.UTC().Format(time.RFC3339))})
		}
	}
	if p.Version != 0 {
		puts = append(puts, row.Put{Key: pairKey(p.ID), If: p.Version, Delete: true})
	}
	if len(puts) == 0 {
		return nil
	}
	if err := b.Store.Put(ctx, puts...); err != nil {
		return fmt.Errorf("identity.Erase: %w", err)
	}
	return nil
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
