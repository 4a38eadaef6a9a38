package identity

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
)

func (b *Book) stone(conn string, id crm.ID) row.Key {
	sum := b.Hasher.Sum("tombstone", conn, id.String())
	return row.Key{Part: "T#" + conn + "#" + hex.EncodeToString(sum[:])}
}

// Erased reports which of the records were erased: they are never created again, nor paired.
func (b *Book) Erased(ctx context.Context, conn string, ids ...crm.ID) ([]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
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

// Kin returns the pairs that the given one has superseded, and the records of them all: those that it joins now, and every
// other one whose name leads to any of them. What has a pair of its own meanwhile is none of them.
func (b *Book) Kin(ctx context.Context, p Loaded) (superseded []Loaded, ids []crm.ID, err error) {
	known := records(p)
	for at := 0; at < len(known); at++ {
		q, err := b.Find(ctx, p.Connection, known[at])
		if err != nil {
			return nil, nil, err
		}
		ours, err := b.leads(ctx, q, p.ID)
		if err != nil {
			return nil, nil, err
		}
		if !ours && q.Version != 0 {
			continue
		}
		ids = append(ids, known[at])
		if q.Version == 0 || q.ID == p.ID || slices.ContainsFunc(superseded, func(s Loaded) bool { return s.ID == q.ID }) {
			continue
		}
		superseded = append(superseded, q)
		for _, id := range records(q) {
			if !slices.Contains(known, id) {
				known = append(known, id)
			}
		}
	}
	return superseded, ids, nil
}

// leads reports whether a pair is the one of the id, or was superseded by it, or by one that was.
func (b *Book) leads(ctx context.Context, q Loaded, id string) (bool, error) {
	for hops := 0; q.ID != id && q.State == pair.Superseded && hops <= maxHops; hops++ {
		var err error
		if q, err = b.Load(ctx, q.Successor); err != nil {
			return false, err
		}
	}
	return q.ID == id, nil
}

// records are those that a pair names, each once.
func records(p Loaded) []crm.ID {
	var out []crm.ID
	add := func(sys crm.System, key string) {
		if id := (crm.ID{System: sys, Module: p.Kind.Home(), Key: key}); key != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	add(crm.HubSpot, p.HubSpot)
	add(crm.Zoho, p.Zoho)
	for _, key := range p.Duplicates {
		add(crm.Zoho, key)
	}
	for _, s := range p.Former {
		add(s.System, s.Key)
	}
	return out
}

// Erase forgets records and pairs: the names, the pairs, who waited for the records. It leaves a tombstone for each record: a
// keyed hash of its id and the time, never anything of the person. A pair that was changed since it was loaded is
// row.ErrConflict; then the caller begins anew, and finds as much as before. What the records themselves wait for is
// forgotten when that comes about: the tombstone ends the second look.
func (b *Book) Erase(ctx context.Context, conn string, pairs []Loaded, ids []crm.ID, now time.Time) error {
	who, err := b.Waiting(ctx, conn, ids...)
	if err == nil {
		err = b.Woken(ctx, who)
	}
	for _, p := range pairs {
		if err == nil {
			err = b.ForgetOrphan(ctx, conn, p.ID)
		}
	}
	if err != nil {
		return fmt.Errorf("identity.Erase: %w", err)
	}
	var once []crm.ID
	for _, id := range ids {
		if !slices.Contains(once, id) {
			once = append(once, id)
		}
	}
	ids = once
	if err := b.bury(ctx, conn, ids, now); err != nil {
		return fmt.Errorf("identity.Erase: %w", err)
	}
	if err := b.unname(ctx, conn, pairs, ids); err != nil {
		return fmt.Errorf("identity.Erase: %w", err)
	}
	return nil
}

// bury writes the tombstones. They come first: from then on nobody gives one of the records a name.
func (b *Book) bury(ctx context.Context, conn string, ids []crm.ID, now time.Time) error {
	for some := range slices.Chunk(ids, row.MaxPuts) {
		keys := make([]row.Key, len(some))
		for i, id := range some {
			keys[i] = b.stone(conn, id)
		}
		rows, err := b.Store.Get(ctx, keys...)
		if err != nil {
			return err
		}
		var puts []row.Put
		for i, r := range rows {
			if r.Version == 0 {
				puts = append(puts, row.Put{Key: keys[i], Value: []byte(now.UTC().Format(time.RFC3339))})
			}
		}
		if len(puts) == 0 {
			continue
		}
		if err := b.Store.Put(ctx, puts...); err != nil {
			return err
		}
	}
	return nil
}

// unname removes pairs and names, all or none. More than fit into one transaction go in several, the pairs last: until then
// they say what is left to do.
func (b *Book) unname(ctx context.Context, conn string, pairs []Loaded, ids []crm.ID) error {
	var keys []row.Key
	for _, id := range ids {
		keys = append(keys, nameKey(conn, id), formerKey(conn, id))
	}
	names, err := b.Store.Get(ctx, keys...)
	if err != nil {
		return err
	}
	var puts []row.Put
	for _, n := range names {
		if n.Version != 0 {
			puts = append(puts, row.Put{Key: n.Key, If: n.Version, Delete: true})
		}
	}
	slices.Reverse(puts) // the first names are those by which the caller finds the pair: they go with it
	for _, p := range pairs {
		puts = append(puts, row.Put{Key: pairKey(p.ID), If: p.Version, Delete: true})
	}
	for len(puts) > 0 {
		n := (len(puts)-1)%row.MaxPuts + 1
		if err := b.Store.Put(ctx, puts[:n]...); err != nil {
			return err
		}
		puts = puts[n:]
	}
	return nil
}

// unburied is a write that changes nothing, and that no transaction is carried out with once the record was erased.
func (b *Book) unburied(conn string, id crm.ID) row.Put {
	return row.Put{Key: b.stone(conn, id), Delete: true}
}
