package recordsync

import (
	"slices"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// Who goes on for a record that is gone.

// heirs looks for the Zoho records that may go on for one that is gone: its duplicates, and what carries the same HubSpot
// id or e-mail. A record in another living pair is taken; halfs holds the pairs of those. Own is the one that was gone, where it shows
// again.
func (t *task) heirs(p *identity.Loaded, h crm.Record) (candidates, error) {
	c, err := t.twins(h, p.ID)
	if err != nil {
		return c, err
	}
	out := candidates{erased: c.erased}
	add := func(z crm.Record) error {
		if z.ID.Key == p.Zoho {
			out.own = &z
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
		case q.State == pair.Orphan && q.Gone == crm.HubSpot && q.Zoho == z.ID.Key:
			out.orphans = append(out.orphans, q)
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
		r, err := t.read(crm.Zoho, key, t.columns(crm.Zoho))
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
	if heir.Leased(t.owner, t.now()) && len(t.restrictions(p.Pair)) > 0 {
		return t.release(p, again(t.later(), "somebody else is at work on the pair that goes on"))
	}
	if err := t.tell(t.unmerged(p.Record(crm.HubSpot), heir.Record(crm.HubSpot))); err != nil {
		return t.release(p, t.fail(err))
	}
	return t.absorbed(p, &heir, "zoho "+p.Zoho+" went into the record of another pair")
}

// absorbed ends a pair, leased, whose records another pair goes on for, with what its person does not want. Who waited for one of them has
// what that one has, and what was asked about its Zoho record is nobody's question any more.
func (t *task) absorbed(p, heir *identity.Loaded, note string) fault.Outcome {
	var more []row.Put
	if slots := t.restrictions(p.Pair); len(slots) > 0 {
		heir.Restrict(slots...)
		heir.Begun = true
		more = append(more, identity.PairPut(*heir))
		heir.Version++
	}
	p.State, p.Successor = pair.Superseded, heir.ID
	p.Forget()
	p.Lease = pair.Lease{}
	ended, o := t.now(), done(note)
	if err := t.save(p, more...); err != nil {
		return t.fail(err)
	}
	if len(more) > 0 && heir.State == pair.Living {
		if err := t.s.Wake.Send(t.ctx, []crm.Operation{t.revisit(heir.Record(crm.Zoho))}); err != nil {
			return t.fail(err)
		}
	}
	if err := t.over([]crm.ID{p.Record(crm.Zoho)}, nil, ended); err != nil {
		return t.fail(err)
	}
	if err := t.rouse(p.Record(crm.HubSpot), p.Record(crm.Zoho)); err != nil {
		return t.fail(err)
	}
	return o
}

// returned handles a Zoho record that an orphan knows: a duplicate, or one that it had before and that was restored. The orphan goes
// on with it if nobody else may be meant.
func (t *task) returned(p identity.Loaded) fault.Outcome {
	z, err := t.read(crm.Zoho, t.id.Key, t.columns(crm.Zoho))
	switch {
	case err != nil:
		return t.fail(err)
	case z.Gone:
		return t.swallowed(done("gone"))
	case t.undead(z):
		return again(covers, stillShown)
	}
	own, err := t.read(crm.Zoho, p.Zoho, t.columns(crm.Zoho))
	if err != nil {
		return t.fail(err)
	}
	h, err := t.read(crm.HubSpot, p.HubSpot, t.columns(crm.HubSpot))
	switch {
	case err != nil:
		return t.fail(err)
	case h.Gone:
		return done("gone in hubspot")
	case !own.Gone:
		return t.revive(p, nil)
	}
	o, found := t.inherit(p, h.Record)
	if found {
		return o
	}
	return done("a duplicate of zoho " + p.Zoho)
}

// inherit lets an orphan go on with what goes on for the Zoho record that is gone. It reports false when there is nothing.
func (t *task) inherit(p identity.Loaded, h crm.Record) (fault.Outcome, bool) {
	heirs, err := t.heirs(&p, h)
	switch n := len(heirs.free) + len(heirs.taken) + len(heirs.orphans); {
	case err != nil:
		return t.fail(err), true
	case heirs.own != nil:
		return again(covers, "zoho shows the record again that was gone a moment ago"), true
	case len(heirs.erased) > 0 || n > 1:
		return t.several(crm.Zoho, heirs), true
	case n == 0:
		return fault.Outcome{}, false
	}
	if o := t.unlocked(done("")); o.Ending != fault.Done {
		return o, true
	}
	if len(heirs.free) == 1 {
		return t.move(p, heirs.free[0].ID.Key), true
	}
	if err := t.lease(&p); err != nil {
		return t.fail(err), true
	}
	if len(heirs.taken) == 1 {
		return t.supersede(&p, heirs.halfs[0]), true
	}
	return t.halve(&p, heirs.orphans[0]), true
}

// halve makes one pair of two orphans, each of which has what the other lacks: p, leased, goes into the one with the Zoho record.
func (t *task) halve(p *identity.Loaded, other identity.Loaded) fault.Outcome {
	if o := t.absorbed(p, &other, ""); o.Ending != fault.Done {
		return o
	}
	t.id = p.Record(crm.HubSpot)
	return t.succeed(other)
}

// succeed lets a pair whose HubSpot record is gone go on with the task's, whose own pair went into that one: their Zoho records
// became one, or each had lost the half that the other has.
func (t *task) succeed(p identity.Loaded) fault.Outcome {
	r, err := t.read(crm.HubSpot, t.id.Key, t.columns(crm.HubSpot))
	switch {
	case err != nil:
		return t.fail(err)
	case r.Gone || r.Record.ID != t.id:
		t.settled = append(t.settled, t.id)
		return t.swallowed(done("gone"))
	}
	return t.regain(p, t.id.Key)
}
