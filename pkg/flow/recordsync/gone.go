package recordsync

import (
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// gone handles a record that its system does not show any more.
func (t *task) gone(p identity.Loaded, sys crm.System) fault.Outcome {
	if (p.HubSpotAt.IsZero() || t.has(crm.Restore) || t.has(crm.Merge)) && t.unborn() {
		return again(5*time.Second, "the record cannot be read yet")
	}
	if err := t.lease(&p); err != nil {
		return t.fail(err)
	}
	return t.lost(&p, sys, both{})
}

// lost handles, under the lease, a half that is gone. It gives the lease back.
func (t *task) lost(p *identity.Loaded, sys crm.System, b both) fault.Outcome {
	if sys == crm.HubSpot {
		return t.orphaned(p, crm.HubSpot)
	}
	h := b.hubspot
	if h.Record.ID.IsZero() {
		var err error
		if h, err = t.read(crm.HubSpot, p.HubSpot, t.columns(crm.HubSpot, false)); err != nil {
			return t.release(p, t.fail(err))
		}
	}
	if h.Gone {
		return t.orphaned(p, crm.Zoho)
	}
	heirs, err := t.heirs(p, h.Record)
	switch {
	case err != nil:
		return t.release(p, t.fail(err))
	case len(heirs.free) == 1:
		moved := *p
		p.Lease = pair.Lease{} // the moved pair's business from here on
		return t.move(moved, heirs.free[0].ID.Key)
	case len(heirs.free) == 0 && len(heirs.taken) == 1:
		return t.supersede(p, heirs.halfs[0])
	case len(heirs.free)+len(heirs.taken) > 1:
		o := t.orphaned(p, crm.Zoho)
		if o.Ending != fault.Done {
			return o
		}
		return t.several(crm.Zoho, heirs)
	}
	return t.orphaned(p, crm.Zoho)
}

// heirs looks for the Zoho records that may go on for one that is gone: its duplicates, and what carries the same HubSpot
// id or e-mail. A record in another living pair is taken; halfs holds the pairs of those.
func (t *task) heirs(p *identity.Loaded, h crm.Record) (candidates, error) {
	c, err := t.twins(h)
	if err != nil {
		return c, err
	}
	var out candidates
	add := func(z crm.Record) error {
		if z.ID.Key == p.Zoho {
			return nil
		}
		q, err := t.s.Book.Find(t.ctx, t.conn, z.ID)
		if err == nil && q.Version != 0 {
			q, err = t.s.Book.Follow(t.ctx, q)
		}
		switch {
		case err != nil:
			return err
		case q.Version == 0 || q.ID == p.ID:
			out.free = append(out.free, z)
		case q.State == pair.Living:
			out.taken, out.halfs = append(out.taken, z), append(out.halfs, q)
		}
		return nil
	}
	found := append(append([]crm.Record{}, c.free...), c.taken...)
	if c.own != nil {
		found = append(found, *c.own)
	}
	for _, z := range found {
		if err := add(z); err != nil {
			return out, err
		}
	}
	for _, key := range p.Duplicates {
		if slices.ContainsFunc(found, func(z crm.Record) bool { return z.ID.Key == key }) {
			continue
		}
		r, err := t.read(crm.Zoho, key, t.columns(crm.Zoho, false))
		if err != nil {
			return out, err
		}
		if !r.Gone {
			if err := add(r.Record); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// supersede ends a pair whose Zoho record went into that of another living pair: its HubSpot id follows that one.
func (t *task) supersede(p *identity.Loaded, heir identity.Loaded) fault.Outcome {
	r := t.row(crm.HubSpot, fault.HintMergeTwins, "their Zoho records were merged into one; merge these two in HubSpot")
	r.Record, r.TargetID, r.Other = p.Record(crm.HubSpot), p.Record(crm.HubSpot), heir.Record(crm.HubSpot)
	if err := t.tell(t.named(r)); err != nil {
		return t.release(p, t.fail(err))
	}
	p.State, p.Successor = pair.Superseded, heir.ID
	p.Forget()
	return t.release(p, done("zoho "+p.Zoho+" went into the record of another pair"))
}

// orphaned notes that one half is gone. Nothing is deleted or made anew by itself.
func (t *task) orphaned(p *identity.Loaded, sys crm.System) fault.Outcome {
	if p.State != pair.Orphan {
		p.GoneAt = t.now()
	}
	p.State, p.Gone = pair.Orphan, sys
	p.Lose() // the base stays: what is edited until both live again is told by it
	o := t.release(p, done("gone in "+string(sys)))
	if o.Ending == fault.Done {
		if err := t.s.Book.NoteOrphan(t.ctx, t.conn, p.ID); err != nil {
			return t.fail(err)
		}
	}
	return o
}

// orphan looks whether both halves exist again. Without the Zoho half the HubSpot record is parked once; a replay makes a
// new one.
func (t *task) orphan(p identity.Loaded) fault.Outcome {
	near := t.id.System
	r, err := t.read(near, p.Key(near), t.columns(near, true))
	if err != nil {
		return t.fail(err)
	}
	if r.Gone && t.unborn() {
		return again(5*time.Second, "the record cannot be read yet")
	}
	if r.Gone {
		return done("gone")
	}
	if t.undead() {
		return again(covers, "the system still shows what it told us is deleted")
	}
	if near == crm.HubSpot {
		if o, merged := t.merged(p, r); merged {
			return o
		}
	}
	if p.Zoho != "" {
		far, err := t.read(near.Other(), p.Key(near.Other()), t.columns(near.Other(), false))
		if err != nil {
			return t.fail(err)
		}
		if !far.Gone {
			return t.revive(p, nil)
		}
	}
	if near == crm.Zoho {
		return done("gone in hubspot")
	}
	return t.bereaved(p, r)
}

// bereaved handles a HubSpot record whose Zoho half is gone for good, as far as anybody can see.
func (t *task) bereaved(p identity.Loaded, r crm.Reading) fault.Outcome {
	if err := t.lease(&p); err != nil {
		return t.fail(err)
	}
	if !t.has(crm.Replay) {
		row := t.row(crm.Zoho, fault.HintDeleted, "deleted in Zoho on "+p.GoneAt.UTC().Format(time.DateOnly))
		row.TargetID = p.Record(crm.Zoho)
		return t.release(&p, t.park(row))
	}
	if o := t.release(&p, done("")); o.Ending != fault.Done {
		return o
	}
	if _, err := t.lock(r.Record); err != nil {
		return t.fail(err)
	}
	p.State, p.Gone, p.Zoho = pair.Creating, "", ""
	p.Forget()
	return t.create(p, r)
}

// merged handles a HubSpot record that swallowed others: the ids that have pairs all lead to the survivor's. It reports
// false when no other pair is concerned.
func (t *task) merged(p identity.Loaded, r crm.Reading) (fault.Outcome, bool) {
	survivor := r.Record.ID
	asked := t.record(crm.HubSpot, p.HubSpot)
	if p.Version == 0 {
		asked = t.id
	}
	ids := []crm.ID{survivor, asked}
	for _, op := range t.ops { // the event names the primary first
		for _, key := range op.Others {
			ids = append(ids, t.record(crm.HubSpot, key))
		}
	}
	for _, key := range r.Record.Merged {
		ids = append(ids, t.record(crm.HubSpot, key))
	}
	if len(ids) == 2 && survivor == asked {
		return fault.Outcome{}, false
	}
	names, err := t.s.Book.Lookup(t.ctx, t.conn, ids...)
	if err != nil {
		return t.fail(err), true
	}
	pairs, unnamed, err := t.concerned(ids, names)
	if err != nil {
		return t.fail(err), true
	}
	settled := len(pairs) == 0 || len(pairs) == 1 && len(unnamed) == 0 && pairs[0].HubSpot == survivor.Key
	if settled {
		return fault.Outcome{}, false
	}
	return t.unite(survivor, pairs, unnamed), true
}

// concerned loads the pairs behind the names, each once, successors followed, and lists the ids without one.
func (t *task) concerned(ids []crm.ID, names []string) ([]identity.Loaded, []crm.ID, error) {
	var pairs []identity.Loaded
	var unnamed []crm.ID
	for i, name := range names {
		var p identity.Loaded
		if name != "" {
			var err error
			if p, err = t.s.Book.Load(t.ctx, name); err == nil {
				p, err = t.s.Book.Follow(t.ctx, p)
			}
			if err != nil {
				return nil, nil, err
			}
		}
		if p.Version == 0 { // no name, or one that leads to a pair that never came to be
			if !slices.Contains(unnamed, ids[i]) {
				unnamed = append(unnamed, ids[i])
			}
			continue
		}
		if !slices.ContainsFunc(pairs, func(q identity.Loaded) bool { return q.ID == p.ID }) {
			pairs = append(pairs, p)
		}
	}
	return pairs, unnamed, nil
}

// unite makes one pair of all that are concerned, in one transaction: the survivor's if it lives, else a living one, goes
// on under the survivor's id; the rest is superseded and reported.
func (t *task) unite(survivor crm.ID, pairs []identity.Loaded, unnamed []crm.ID) fault.Outcome {
	for i, p := range pairs {
		if p.Leased(t.owner, t.now()) {
			return again(t.later(), "somebody else is at work on a pair that was merged")
		}
		if p.State == pair.Creating && len(pairs) > 1 {
			if o := t.born(&pairs[i]); o.Ending != fault.Done {
				return o
			}
		}
	}
	rank := func(p identity.Loaded) int {
		switch {
		case p.State == pair.Living && p.HubSpot == survivor.Key:
			return 0
		case p.State == pair.Living:
			return 1
		case p.State == pair.Creating:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(pairs, func(a, b identity.Loaded) int { return rank(a) - rank(b) })
	head := pairs[0]
	if head.HubSpot != survivor.Key {
		head.HubSpot, head.Linked = survivor.Key, false
	}
	if head.State == pair.Orphan && head.Gone == crm.HubSpot {
		head.State, head.Gone, head.GoneAt = pair.Living, "", time.Time{}
	}
	head.Begun = true
	head.Held = nil // what was held under another id is tried again, and told under this one
	for _, q := range pairs {
		t.settled = append(t.settled, q.Record(crm.HubSpot))
	}
	var puts []row.Put
	var rows []fault.Parked
	for _, q := range pairs[1:] {
		r := t.row(crm.Zoho, fault.HintMergeTwins, "merged in HubSpot; merge these two in Zoho")
		r.Record, r.TargetID, r.Other = q.Record(crm.HubSpot), head.Record(crm.Zoho), q.Record(crm.Zoho)
		if q.State == pair.Living {
			rows = append(rows, t.named(r))
		}
		if q.Zoho != "" {
			head.Duplicates = append(head.Duplicates, q.Zoho)
		}
		head.Duplicates = append(head.Duplicates, q.Duplicates...)
		q.State, q.Successor, q.Duplicates = pair.Superseded, head.ID, nil
		q.Forget()
		puts = append(puts, identity.PairPut(q))
	}
	names, err := t.s.Book.Claim(t.ctx, t.conn, head.ID, unnamed...)
	if err != nil {
		return t.fail(err)
	}
	puts = append(puts, names...)
	if err := t.tell(rows...); err != nil {
		return t.fail(err)
	}
	if err := t.save(&head, puts...); err != nil {
		return t.fail(err)
	}
	t.note("merged into hubspot " + survivor.Key)
	t.id = survivor
	switch head.State {
	case pair.Living:
		return t.step(head)
	case pair.Creating:
		return t.resume(head)
	}
	return t.orphan(head)
}

// born finds out whether a creation that was overtaken by a merge was carried out. While it may still land, nobody knows.
func (t *task) born(p *identity.Loaded) fault.Outcome {
	found, err := t.find(crm.Zoho, crm.Search{Module: t.kind().Home(), HubSpotIDs: []string{p.HubSpot}, Columns: t.columns(crm.Zoho, false)})
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

// erase forgets a person: the pair, the names, what was parked. A tombstone keeps the ids from being created again, and
// the operator is told to erase in Zoho.
func (t *task) erase() fault.Outcome {
	p, err := t.s.Book.Find(t.ctx, t.conn, t.id)
	if err == nil && p.Version != 0 {
		p, err = t.s.Book.Follow(t.ctx, p)
	}
	if err != nil {
		return t.fail(err)
	}
	if p.Version != 0 && p.Leased(t.owner, t.now()) {
		return again(t.later(), "somebody else is at work on the pair")
	}
	ids := []crm.ID{t.id}
	if p.Version != 0 && p.HubSpot != t.id.Key {
		// The pair goes on under another id: it is erased only if that one is gone too.
		heir, err := t.read(crm.HubSpot, p.HubSpot, t.columns(crm.HubSpot, false))
		if err != nil {
			return t.fail(err)
		}
		if ids = append(ids, p.Record(crm.HubSpot)); !heir.Gone {
			ids, p = ids[:1], identity.Loaded{}
		}
	}
	zoho := p.Record(crm.Zoho)
	if p.Zoho != "" {
		ids = append(ids, zoho)
	}
	if err := t.s.Parking.Erase(t.ctx, t.conn, ids...); err != nil {
		return t.fail(err)
	}
	if p.Zoho != "" {
		r := t.row(crm.Zoho, fault.HintErase, "erased in HubSpot by privacy deletion; erase the record in Zoho too")
		r.TargetID = zoho
		if err := t.tell(t.named(r)); err != nil {
			return t.fail(err)
		}
	}
	if err := t.s.Book.Erase(t.ctx, t.conn, p, ids, t.now()); err != nil {
		return t.fail(err)
	}
	return done("erased")
}

func joined(words []string) string { return strings.Join(words, ", ") }
