package recordsync

import (
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// gone handles a record that its system does not show any more.
func (t *task) gone(p identity.Loaded, sys crm.System, r crm.Reading) fault.Outcome {
	if (p.HubSpotAt.IsZero() || t.has(crm.Restore) || t.has(crm.Merge)) && t.unborn(r) {
		return again(5*time.Second, "the record cannot be read yet")
	}
	if sys == crm.HubSpot && t.hidden(p.Pair, r) {
		return again(covers, "hubspot does not show what it showed a moment ago")
	}
	if err := t.lease(&p); err != nil {
		return t.fail(err)
	}
	o := t.lost(&p, sys, both{})
	if o.Ending == fault.Done && sys == crm.HubSpot && t.id.Key != p.HubSpot {
		return again(crossing, "the pair lost the record that it went on with")
	}
	return t.swallowed(o)
}

// hidden reports whether a HubSpot record that cannot be read was modified a few seconds ago, as far as we have seen, and nobody
// has told that it is deleted: a replica that does not have it yet answers the same.
func (t *task) hidden(p pair.Pair, r crm.Reading) bool {
	return !t.has(crm.Delete) && r.ReadAt.Sub(p.HubSpotAt) < settles
}

// lost handles, under the lease, a half that is gone. It gives the lease back.
func (t *task) lost(p *identity.Loaded, sys crm.System, b both) fault.Outcome {
	if sys == crm.HubSpot {
		return t.orphaned(p, crm.HubSpot)
	}
	h := b.hubspot
	if h.Record.ID.IsZero() {
		var err error
		if h, err = t.read(crm.HubSpot, p.HubSpot, t.columns(crm.HubSpot)); err != nil {
			return t.release(p, t.fail(err))
		}
	}
	if h.Gone {
		return t.orphaned(p, crm.Zoho)
	}
	if h.Record.ID.Key != p.HubSpot {
		return t.mergedAway(p, h)
	}
	heirs, err := t.heirs(p, h.Record)
	heirs = heirs.named(p.HubSpot)
	switch {
	case err != nil:
		return t.release(p, t.fail(err))
	case len(heirs.free) == 1 && len(heirs.orphans) == 0:
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
	return t.widowed(p, h.Record)
}

// widowed notes that the Zoho half of a living HubSpot record is gone. What was edited in HubSpot and has not gone across is asked about
// by the next look, once both systems show what they were told.
func (t *task) widowed(p *identity.Loaded, rec crm.Record) fault.Outcome {
	o := t.orphaned(p, crm.Zoho)
	if o.Ending == fault.Done && t.id.System == crm.HubSpot && t.edited(*p, rec) {
		return again(settles, "what was edited in hubspot has no zoho record to go to")
	}
	return o
}

// orphaned notes that one half is gone. Nothing is deleted or made anew by itself.
func (t *task) orphaned(p *identity.Loaded, sys crm.System) fault.Outcome {
	t.settled = append(t.settled, p.Record(sys))
	if p.State != pair.Orphan { // of an orphan the other half may live again, and ask
		t.settled = append(t.settled, p.Record(sys.Other()))
	}
	if p.State != pair.Orphan || p.Gone != sys { // a second half that goes may be shown for a moment, too
		p.GoneAt = t.now()
	}
	p.State, p.Gone = pair.Orphan, sys
	p.Lose()  // the base stays: what is edited until both live again is told by it
	p.Retry() // and what was held is tried anew then
	o := t.release(p, done("gone in "+string(sys)))
	if o.Ending != fault.Done {
		return o
	}
	if err := t.s.Book.NoteOrphan(t.ctx, t.conn, p.ID, t.now()); err != nil {
		return t.fail(err)
	}
	if err := t.rouse(p.Record(crm.HubSpot), p.Record(crm.Zoho)); err != nil { // what only one record may have is free
		return t.fail(err)
	}
	if sys == crm.HubSpot {
		if err := t.partners(p.Record(crm.HubSpot)); err != nil {
			return t.fail(err)
		}
	}
	return o
}

// orphan looks whether both halves exist again. Without the Zoho half the HubSpot record is parked once; a replay makes a
// new one.
func (t *task) orphan(p identity.Loaded) fault.Outcome {
	near := t.id.System
	r, err := t.read(near, p.Key(near), t.columns(near))
	if err != nil {
		return t.fail(err)
	}
	if r.Gone && t.unborn(r) {
		return again(5*time.Second, "the record cannot be read yet")
	}
	if r.Gone && near == crm.HubSpot && t.id.Key != p.HubSpot {
		return t.succeed(p)
	}
	if r.Gone && near != p.Gone {
		return t.goneToo(p)
	}
	if r.Gone {
		if near == crm.HubSpot && t.has(crm.Delete) {
			if err := t.partners(t.id); err != nil {
				return t.fail(err)
			}
		}
		t.settled = append(t.settled, t.id)
		return t.swallowed(done("gone"))
	}
	if o, beside := t.alongside(p, r); beside {
		return o
	}
	if t.undead(r) {
		return again(covers, stillShown)
	}
	if r.ReadAt.Sub(p.GoneAt) < settles {
		return again(covers, "a system may still show what was deleted a moment ago")
	}
	if near == crm.HubSpot {
		if o, merged := t.merged(p, r); merged {
			return o
		}
		if err := t.goesOn(p.Pair); err != nil {
			return t.fail(err)
		}
	}
	if p.Zoho != "" {
		far, err := t.read(near.Other(), p.Key(near.Other()), t.columns(near.Other()))
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
	if err := t.answered(fault.HintMergeTwins, t.id); err != nil {
		return t.release(&p, t.fail(err))
	}
	return t.swallowed(t.orphaned(&p, t.id.System))
}

// bereaved handles a HubSpot record whose Zoho half is gone for good, as far as anybody can see.
func (t *task) bereaved(p identity.Loaded, r crm.Reading) fault.Outcome {
	if err := t.lease(&p); err != nil {
		return t.fail(err)
	}
	if !t.has(crm.Replay) && !t.has(crm.Revisit) {
		return t.release(&p, t.missed(p, r.Record))
	}
	if o := t.release(&p, done("")); o.Ending != fault.Done {
		return o
	}
	if err := t.lock(r.Record); err != nil {
		return t.fail(err)
	}
	return t.unlocked(t.renew(p, r))
}

// missed asks what is to become of an edit in HubSpot, or of a record that is back there, that has no Zoho record to go to. Who was there
// all the time and shows what it showed when the two were last in step has missed nothing: an echo, or a second look at what was carried
// across, is no question.
func (t *task) missed(p identity.Loaded, rec crm.Record) fault.Outcome {
	if p.Gone != crm.HubSpot && !t.edited(p, rec) {
		return done("gone in zoho, and nothing to carry there")
	}
	return t.park(t.deleted(p))
}

// edited reports whether a HubSpot record shows, in a field that goes to Zoho, something else than when the two were last in step. What
// they never were in step about is edited where HubSpot shows anything, and so is what was put back while nobody knows whether Zoho had been
// given something else.
func (t *task) edited(p identity.Loaded, rec crm.Record) bool {
	h := t.s.Book.Hasher
	return p.KeyID != h.KeyID || slices.ContainsFunc(t.synced(), func(f mapping.Field) bool {
		v := rec.Value(f.Name)
		if f.Zoho.ReadOnly || f.Policy == crm.ToHubSpot || !v.Known() {
			return false
		}
		if slices.ContainsFunc(p.Unfinished, func(u pair.Unfinished) bool { return u.System == crm.Zoho && u.Slot == slotOf(f) }) {
			return true
		}
		base := p.Base[slotOf(f)].HubSpot
		if held, ok := p.Held[slotOf(f)]; ok && !base.Known() {
			base = held.Base.HubSpot
		}
		return base != h.Raw(crm.HubSpot, f.Name, v) && (base.Known() || v.Filled())
	})
}

// deleted is the row about a HubSpot record whose Zoho half is gone.
func (t *task) deleted(p identity.Loaded) fault.Parked {
	row := t.row(crm.Zoho, fault.HintDeleted, fault.CauseDeleted, "deleted in Zoho on "+p.GoneAt.UTC().Format(time.DateOnly))
	row.TargetID, row.GoneAt = p.Record(crm.Zoho), p.GoneAt
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
		return t.missed(p, r.Record)
	}
	p.Restrict(t.restrictions(p.Pair)...)
	p.State = pair.Creating
	return t.create(p, r)
}
