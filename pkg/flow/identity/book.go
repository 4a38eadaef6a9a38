// Package identity keeps who is who: which pair a record belongs to, which keys are locked while a record is being
// created, who waits for whom, and which ids were erased. It decides nothing about values, calls no CRM, and does not know
// which keys match (the mapping does).
//
// Everything lies in one table of rows. A name once written stays; a pair row is written only on condition of the version
// that was read, so a writer that was overtaken changes nothing.
package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
)

// Store is the table of pairs.
type Store interface {
	// Get returns the rows of the keys in their order, consistently; Version 0 where there is none.
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	// Put carries out all the writes or none; row.ErrConflict when a condition did not hold.
	Put(ctx context.Context, puts ...row.Put) error
	// List returns rows of one Part after a Sort, in order.
	List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error)
}

// LockFor is how long a lock on a match key outlives an insert whose outcome is not known.
const LockFor = 15 * time.Minute

// Book reads and writes identities.
type Book struct {
	Store  Store
	Hasher pair.Hasher
	NewID  func() string // ids of pairs and of lease owners; random, 8 characters or more
}

// Loaded is a pair together with the version of its row, which the next write must name.
type Loaded struct {
	pair.Pair
	Version int64
}

func nameKey(conn string, id crm.ID) row.Key {
	return row.Key{Part: "N#" + conn + "#" + string(id.System) + "#" + string(id.Module) + "#" + id.Key}
}

func formerKey(conn string, id crm.ID) row.Key {
	key := nameKey(conn, id)
	key.Part = "F" + key.Part[1:]
	return key
}

func pairKey(id string) row.Key { return row.Key{Part: "P#" + id} }

// NamePut writes a name that must not exist yet.
func NamePut(conn string, id crm.ID, pairID string) row.Put {
	return row.Put{Key: nameKey(conn, id), Value: []byte(pairID)}
}

// Claim returns the writes that give the records to a pair, three a record at most. A name is free that leads to a pair which
// never came to be, or to one that was superseded by a pair which was erased: that one goes. A name that leads to another pair
// is row.ErrConflict, and so are the writes when a record was erased.
func (b *Book) Claim(ctx context.Context, conn, pairID string, ids ...crm.ID) ([]row.Put, error) {
	keys := make([]row.Key, len(ids))
	for i, id := range ids {
		keys[i] = nameKey(conn, id)
	}
	names, err := b.Store.Get(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("identity.Claim: %w", err)
	}
	var puts []row.Put
	left := map[string]bool{}
	for i, n := range names {
		if n.Version != 0 {
			if string(n.Value) == pairID {
				continue
			}
			p, err := b.Load(ctx, string(n.Value))
			if err != nil {
				return nil, err
			}
			heir, err := b.Follow(ctx, p)
			if err != nil {
				return nil, err
			}
			if heir.Version != 0 {
				return nil, fmt.Errorf("identity.Claim: %w", row.ErrConflict)
			}
			if p.Version != 0 && !left[p.ID] {
				left[p.ID] = true
				puts = append(puts, row.Put{Key: pairKey(p.ID), If: p.Version, Delete: true})
			}
		}
		puts = append(puts, row.Put{Key: keys[i], If: n.Version, Value: []byte(pairID)}, b.unburied(conn, ids[i]))
	}
	return puts, nil
}

// PairPut writes a pair over the version that was loaded; 0 creates it.
func PairPut(l Loaded) row.Put {
	return row.Put{Key: pairKey(l.ID), If: l.Version, Value: l.Encode()}
}

// Disown returns the writes that take a record's name from a pair, none when the name does not lead to it. Formerly still finds
// the pair.
func (b *Book) Disown(ctx context.Context, conn, pairID string, id crm.ID) ([]row.Put, error) {
	rows, err := b.Store.Get(ctx, nameKey(conn, id), formerKey(conn, id))
	if err != nil {
		return nil, fmt.Errorf("identity.Disown: %w", err)
	}
	name, former := rows[0], rows[1]
	if name.Version == 0 || string(name.Value) != pairID {
		return nil, nil
	}
	return []row.Put{{Key: name.Key, If: name.Version, Delete: true}, {Key: former.Key, If: former.Version, Value: []byte(pairID)}}, nil
}

// Lookup returns the pair id of each record, "" where the record has no name.
func (b *Book) Lookup(ctx context.Context, conn string, ids ...crm.ID) ([]string, error) {
	keys := make([]row.Key, len(ids))
	for i, id := range ids {
		keys[i] = nameKey(conn, id)
	}
	rows, err := b.Store.Get(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("identity.Lookup: %w", err)
	}
	out := make([]string, len(ids))
	for i, r := range rows {
		out[i] = string(r.Value)
	}
	return out, nil
}

// Load returns one pair. A pair that was erased, or never was, has Version 0.
func (b *Book) Load(ctx context.Context, pairID string) (Loaded, error) {
	rows, err := b.Store.Get(ctx, pairKey(pairID))
	if err != nil {
		return Loaded{}, fmt.Errorf("identity.Load: %w", err)
	}
	return loaded(rows[0], pairID)
}

// loaded reads the row of a pair. One that is not there has Version 0.
func loaded(r row.Row, pairID string) (Loaded, error) {
	if r.Version == 0 {
		return Loaded{}, nil
	}
	p, err := pair.Decode(r.Value)
	if err != nil {
		return Loaded{}, fmt.Errorf("identity: pair %s: %w", pairID, err)
	}
	return Loaded{p, r.Version}, nil
}

// Find returns the pair of a record, Version 0 when it has none. A superseded pair is returned as it is.
func (b *Book) Find(ctx context.Context, conn string, id crm.ID) (Loaded, error) {
	ids, err := b.Lookup(ctx, conn, id)
	if err != nil || ids[0] == "" {
		return Loaded{}, err
	}
	return b.Load(ctx, ids[0])
}

// FindAll returns the pair of each record, as Find does, in two requests.
func (b *Book) FindAll(ctx context.Context, conn string, ids ...crm.ID) ([]Loaded, error) {
	out := make([]Loaded, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	names, err := b.Lookup(ctx, conn, ids...)
	if err != nil {
		return nil, err
	}
	var keys []row.Key
	var at []int
	for i, name := range names {
		if name != "" {
			keys, at = append(keys, pairKey(name)), append(at, i)
		}
	}
	if len(keys) == 0 {
		return out, nil
	}
	rows, err := b.Store.Get(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("identity.FindAll: %w", err)
	}
	for i, r := range rows {
		if out[at[i]], err = loaded(r, names[at[i]]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Formerly returns the pair that goes on with another record in the place of this one, Version 0 when there is none. Its values
// have been this record's.
func (b *Book) Formerly(ctx context.Context, conn string, id crm.ID) (Loaded, error) {
	rows, err := b.Store.Get(ctx, formerKey(conn, id))
	if err != nil {
		return Loaded{}, fmt.Errorf("identity.Formerly: %w", err)
	}
	if rows[0].Version == 0 {
		return Loaded{}, nil
	}
	return b.Load(ctx, string(rows[0].Value))
}

// maxHops is how many pairs may have superseded each other in a row: somebody who is merged into another record every day for a
// year and a half. Each costs a read.
const maxHops = 500

// Follow returns the pair that goes on for p: p itself, or the last successor of a superseded one.
func (b *Book) Follow(ctx context.Context, p Loaded) (Loaded, error) {
	for hops := 0; p.State == pair.Superseded; hops++ {
		if hops > maxHops {
			return Loaded{}, errors.New("identity.Follow: the successors of pair " + p.ID + " form a circle")
		}
		next, err := b.Load(ctx, p.Successor)
		if err != nil {
			return Loaded{}, err
		}
		p = next
	}
	return p, nil
}

// Save writes the pair over the version that was loaded, together with further writes, all or none, and raises l's version.
func (b *Book) Save(ctx context.Context, l *Loaded, more ...row.Put) error {
	if err := b.Store.Put(ctx, append([]row.Put{PairPut(*l)}, more...)...); err != nil {
		return fmt.Errorf("identity.Save pair %s: %w", l.ID, err)
	}
	l.Version++
	return nil
}
