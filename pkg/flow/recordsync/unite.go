package recordsync

import (
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// mostNamed is how many ids that were merged away get a name at once, three writes each, and mostUnited how many pairs become one:
// a transaction takes row.MaxPuts. The next look goes on with the rest.
const (
	mostNamed  = 25
	mostUnited = 20
)

// union is what becomes of pairs whose HubSpot records are one now.
type union struct {
	survivor crm.ID
	head     identity.Loaded // goes on
	puts     []row.Put       // end the others, and name what had no name
	rows     []fault.Parked  // ask people for what is left to merge
	past     []crm.ID        // records that nothing is asked about any more
}

// unite makes one pair of all that are concerned, in one transaction: the survivor's if it lives, else a living one, else one that
// has lived, goes on under the survivor's id; the rest is superseded and reported. It remembers every id that was merged away.
func (t *task) unite(survivor crm.ID, pairs []identity.Loaded, ids, unnamed []crm.ID) fault.Outcome {
	born, o := t.overtaken(pairs)
	if o.Ending != fault.Done {
		return o
	}
	precede(pairs, survivor)
	born, err := t.nameless(born, pairs)
	if err != nil {
		return t.fail(err)
	}
	unnamed = slices.Insert(unnamed, min(1, len(unnamed)), born...) // the survivor is the first
	rest := len(pairs) > mostUnited || len(unnamed) > mostNamed
	u, err := t.union(survivor, pairs[:min(len(pairs), mostUnited)], ids)
	if err != nil {
		return t.fail(err)
	}
	names, err := t.s.Book.Claim(t.ctx, t.conn, u.head.ID, unnamed[:min(len(unnamed), mostNamed)]...)
	if err != nil {
		return t.fail(err)
	}
	u.puts = append(u.puts, names...)
	if err := t.store(u); err != nil {
		return t.fail(err)
	}
	if rest {
		return again(time.Second, "more were merged than go together at once")
	}
	t.note("merged into hubspot " + survivor.Key)
	t.id = survivor
	switch u.head.State {
	case pair.Living:
		return t.step(u.head)
	case pair.Creating:
		return t.resume(u.head)
	}
	return t.orphan(u.head)
}

// overtaken finds out what became of the creations among the pairs, and returns the Zoho records of those that were carried out: they
// have no name yet. While somebody else is at work on one of the pairs, or a creation may still land, the merge waits.
func (t *task) overtaken(pairs []identity.Loaded) ([]crm.ID, fault.Outcome) {
	var born []crm.ID
	for i, p := range pairs {
		if p.Leased(t.owner, t.now()) {
			return nil, again(t.later(), "somebody else is at work on a pair that was merged")
		}
		if p.State == pair.Creating && len(pairs) > 1 {
			if o := t.born(&pairs[i]); o.Ending != fault.Done {
				return nil, o
			}
			if pairs[i].State == pair.Living {
				born = append(born, pairs[i].Record(crm.Zoho))
			}
		}
	}
	return born, done("")
}

// precede puts the pair that goes on first.
func precede(pairs []identity.Loaded, survivor crm.ID) {
	rank := func(p identity.Loaded) int {
		switch {
		case p.State == pair.Living && p.HubSpot == survivor.Key:
			return 0
		case p.State == pair.Living:
			return 1
		case p.State == pair.Creating: // knows nothing yet
			return 3
		}
		return 2
	}
	slices.SortStableFunc(pairs, func(a, b identity.Loaded) int { return rank(a) - rank(b) })
}

// union works out what becomes of the pairs, the first of which goes on.
func (t *task) union(survivor crm.ID, pairs []identity.Loaded, ids []crm.ID) (*union, error) {
	rows, err := t.takenAlong(survivor, pairs, ids)
	if err != nil {
		return nil, err
	}
	u := &union{survivor: survivor, head: pairs[0], rows: rows, past: []crm.ID{pairs[0].Record(crm.HubSpot)}}
	u.goOn(pairs)
	for _, q := range pairs[1:] {
		if q.State == pair.Living {
			u.rows = append(u.rows, t.twice(u.head, q))
		}
		u.head.Restrict(t.restrictions(q.Pair)...)
		u.absorb(q)
	}
	for _, id := range ids {
		if id != survivor {
			u.head.Leave(crm.HubSpot, id.Key)
			u.past = append(u.past, id)
		}
	}
	return u, nil
}

// goOn gives the head the survivor's id, and the state in which it goes on.
func (u *union) goOn(pairs []identity.Loaded) {
	p := &u.head
	if p.HubSpot != u.survivor.Key {
		p.Leave(crm.HubSpot, p.HubSpot)
		p.HubSpot, p.Linked = u.survivor.Key, false
	}
	created := slices.ContainsFunc(pairs, func(q identity.Loaded) bool { return q.State == pair.Creating })
	switch {
	case p.State == pair.Orphan && p.Gone == crm.HubSpot:
		p.State, p.Gone, p.GoneAt = pair.Living, "", time.Time{}
	case p.State == pair.Orphan && created: // somebody who was to be in Zoho is in it: it gets a record again
		p.State = pair.Creating
	}
	p.Begun = true
	p.Retry() // what was held under another id is tried again, and told under this one
}

// absorb ends a pair that goes into the head, which remembers its records. None of them is read or written any more.
func (u *union) absorb(q identity.Loaded) {
	u.past = append(u.past, q.Record(crm.HubSpot), q.Record(crm.Zoho))
	u.head.Leave(crm.HubSpot, q.HubSpot)
	if q.Zoho != "" {
		u.head.Duplicates = append(u.head.Duplicates, q.Zoho)
	}
	u.head.Duplicates = append(u.head.Duplicates, q.Duplicates...)
	u.head.Former = append(u.head.Former, q.Former...)
	q.State, q.Successor, q.Duplicates, q.Former = pair.Superseded, u.head.ID, nil, nil
	q.Forget()
	u.puts = append(u.puts, identity.PairPut(q))
}

// twice is the row of a Zoho record whose person has another one there, the head's, since HubSpot's two were merged.
func (t *task) twice(head, q identity.Loaded) fault.Parked {
	r := t.row(crm.Zoho, fault.HintMergeTwins, fault.CauseMerged, "merged in HubSpot; merge these two in Zoho")
	r.Record, r.TargetID, r.Other = q.Record(crm.HubSpot), head.Record(crm.Zoho), q.Record(crm.Zoho)
	return t.named(r)
}

// store tells the rows, lets the words of whoever is in it follow, writes the union, wakes who waited and closes the rows that it ends, in
// this order: what nobody was told is no union yet.
func (t *task) store(u *union) error {
	if err := t.tell(u.rows...); err != nil {
		return err
	}
	if err := t.heed(u.head.Pair); err != nil {
		return err
	}
	united := t.now() // what is told of one of them from here on may be about a record that its own pair has by now
	if err := t.save(&u.head, u.puts...); err != nil {
		return err
	}
	if err := t.rouse(u.past...); err != nil { // who waited for one of them has what the head has
		return err
	}
	return t.over(u.past, u.rows, united)
}

// nameless returns the records that no pair has. One that another pair has than those that become one is row.ErrConflict.
func (t *task) nameless(ids []crm.ID, pairs []identity.Loaded) ([]crm.ID, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	names, err := t.s.Book.Lookup(t.ctx, t.conn, ids...)
	if err != nil {
		return nil, err
	}
	theirs, free, err := t.concerned(ids, names)
	for _, q := range theirs {
		if !slices.ContainsFunc(pairs, func(p identity.Loaded) bool { return p.ID == q.ID }) {
			return nil, row.ErrConflict
		}
	}
	return free, err
}

// takenAlong makes the rows of HubSpot records whose pairs go on with the survivor though nobody merged them: in Zoho theirs
// became one with the record of one that was merged. They are the same to a person, and go on as one when they are merged here too.
func (t *task) takenAlong(survivor crm.ID, pairs []identity.Loaded, ids []crm.ID) ([]fault.Parked, error) {
	var rows []fault.Parked
	for _, p := range pairs {
		own := p.Record(crm.HubSpot)
		if own.Key == "" || own == survivor || slices.Contains(ids, own) {
			continue
		}
		r, err := t.read(crm.HubSpot, own.Key, t.columns(crm.HubSpot))
		if err != nil {
			return nil, err
		}
		if r.Gone || r.Record.ID != own {
			continue
		}
		rows = append(rows, t.unmerged(own, survivor))
	}
	return rows, nil
}

// born finds out whether a creation that was overtaken by a merge was carried out. While it may still land, nobody knows.
func (t *task) born(p *identity.Loaded) fault.Outcome {
	found, err := t.find(crm.Zoho, crm.Search{Module: t.kind().Home(), HubSpotIDs: []string{p.HubSpot}, Columns: t.columns(crm.Zoho)})
	if err != nil {
		return t.fail(err)
	}
	for _, z := range found {
		if z.HubSpotID == p.HubSpot {
			p.State, p.Zoho = pair.Living, z.ID.Key
			return done("")
		}
	}
	for _, u := range p.Unfinished {
		if t.now().Sub(u.At) < identity.LockFor {
			return again(t.later(), "a creation of unknown outcome was merged meanwhile")
		}
	}
	return done("")
}
