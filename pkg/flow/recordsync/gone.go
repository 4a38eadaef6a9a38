package recordsync

import (
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// gone handles a record that its system does not show any more.
func (t *task) gone(p identity.Loaded, sys crm.System) fault.Outcome {
	if (p.HubSpotAt.IsZero() || t.has(crm.Restore) || t.has(crm.Merge)) && t.unborn() {
		return again(5*time.Second, "the record cannot be read yet")
	}
	if sys == crm.HubSpot && t.hidden(p.Pair) {
		return again(covers, "hubspot does not show what it showed a moment ago")
	}
	if err := t.lease(&p); err != nil {
		return t.fail(err)
	}
	return t.swallowed(t.lost(&p, sys, both{}))
}

// hidden reports whether a HubSpot record that cannot be read was modified a few seconds ago, as far as we have seen, and nobody
// has told that it is deleted: a replica that does not have it yet answers the same.
func (t *task) hidden(p pair.Pair) bool {
	return !t.has(crm.Delete) && t.now().Sub(p.HubSpotAt) < settles
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
	case len(heirs.free) == 1 && len(heirs.orphans) == 0:
		if err := t.united(p.Record(crm.Zoho), heirs.free[0].ID); err != nil {
			return t.release(p, t.fail(err))
		}
		moved := *p
		p.Lease = pair.Lease{} // the moved pair's business from here on
		return t.move(moved, heirs.free[0].ID.Key)
	case len(heirs.free)+len(heirs.orphans) == 0 && len(heirs.taken) == 1:
		return t.supersede(p, heirs.halfs[0])
	case len(heirs.free)+len(heirs.taken) == 0 && len(heirs.orphans) == 1:
		return t.halve(p, heirs.orphans[0])
	case len(heirs.free)+len(heirs.taken)+len(heirs.orphans) > 1:
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
	c, err := t.twins(h, p.ID)
	if err != nil {
		return c, err
	}
	out := candidates{erased: c.erased}
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
	r := t.row(crm.HubSpot, fault.HintMergeTwins, fault.CauseMerged, "their Zoho records were merged into one; merge these two in HubSpot")
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
	p.Lose()  // the base stays: what is edited until both live again is told by it
	p.Retry() // and what was held is tried anew then
	t.settled = append(t.settled, p.Record(crm.HubSpot), p.Record(crm.Zoho))
	o := t.release(p, done("gone in "+string(sys)))
	if o.Ending == fault.Done {
		if err := t.s.Book.NoteOrphan(t.ctx, t.conn, p.ID, t.now()); err != nil {
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
	if r.Gone && near == crm.HubSpot && t.id.Key != p.HubSpot {
		return t.succeed(p)
	}
	if r.Gone && near != p.Gone {
		return t.goneToo(p)
	}
	if r.Gone {
		t.settled = append(t.settled, t.id)
		return t.swallowed(done("gone"))
	}
	if t.undead() {
		return again(covers, "the system still shows what it told us is deleted")
	}
	if t.now().Sub(p.GoneAt) < settles {
		return again(covers, "a system may still show what was deleted a moment ago")
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

// goneToo notes that the second half of an orphan is gone: whoever read it alive just now has read too early.
func (t *task) goneToo(p identity.Loaded) fault.Outcome {
	if err := t.lease(&p); err != nil {
		return t.fail(err)
	}
	return t.swallowed(t.orphaned(&p, t.id.System))
}

// succeed lets a pair whose HubSpot record is gone go on with the task's, whose own pair went into that one: their Zoho records
// became one, or each had lost the half that the other has.
func (t *task) succeed(p identity.Loaded) fault.Outcome {
	r, err := t.read(crm.HubSpot, t.id.Key, t.columns(crm.HubSpot, true))
	switch {
	case err != nil:
		return t.fail(err)
	case r.Gone || r.Record.ID != t.id:
		t.settled = append(t.settled, t.id)
		return t.swallowed(done("gone"))
	}
	return t.regain(p, t.id.Key)
}

// returned handles a Zoho record that an orphan knows: a duplicate, or one that it had before and that was restored. The orphan goes
// on with it if nobody else may be meant.
func (t *task) returned(p identity.Loaded) fault.Outcome {
	z, err := t.read(crm.Zoho, t.id.Key, t.columns(crm.Zoho, true))
	switch {
	case err != nil:
		return t.fail(err)
	case z.Gone:
		return t.swallowed(done("gone"))
	case t.undead():
		return again(covers, "the system still shows what it told us is deleted")
	}
	own, err := t.read(crm.Zoho, p.Zoho, t.columns(crm.Zoho, false))
	if err != nil {
		return t.fail(err)
	}
	h, err := t.read(crm.HubSpot, p.HubSpot, t.columns(crm.HubSpot, true))
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
	p.State, p.Successor = pair.Superseded, other.ID
	p.Forget()
	if o := t.release(p, done("")); o.Ending != fault.Done {
		return o
	}
	t.id = p.Record(crm.HubSpot)
	return t.succeed(other)
}

// bereaved handles a HubSpot record whose Zoho half is gone for good, as far as anybody can see.
func (t *task) bereaved(p identity.Loaded, r crm.Reading) fault.Outcome {
	if err := t.lease(&p); err != nil {
		return t.fail(err)
	}
	if !t.has(crm.Replay) && !t.has(crm.Revisit) {
		return t.release(&p, t.park(t.deleted(p)))
	}
	if o := t.release(&p, done("")); o.Ending != fault.Done {
		return o
	}
	if err := t.lock(r.Record); err != nil {
		return t.fail(err)
	}
	return t.unlocked(t.renew(p, r))
}

// deleted is the row about a HubSpot record whose Zoho half is gone.
func (t *task) deleted(p identity.Loaded) fault.Parked {
	row := t.row(crm.Zoho, fault.HintDeleted, fault.CauseDeleted, "deleted in Zoho on "+p.GoneAt.UTC().Format(time.DateOnly))
	row.TargetID = p.Record(crm.Zoho)
	return row
}

// renew gives the HubSpot record of an orphan another Zoho record, under its locks: one that goes on for the one that is gone,
// else a new one. What the pair knew stays with it until the new one is there.
func (t *task) renew(p identity.Loaded, r crm.Reading) fault.Outcome {
	if t.mode != crm.Observe {
		t.settled = append(t.settled, p.Record(crm.HubSpot)) // what was asked is answered; what is asked now is told anew
	}
	if o, found := t.inherit(p, r.Record); found {
		return o
	}
	if !t.has(crm.Replay) {
		return t.park(t.deleted(p))
	}
	p.State = pair.Creating
	return t.create(p, r)
}
