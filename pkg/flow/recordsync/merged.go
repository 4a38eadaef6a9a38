package recordsync

import (
	"slices"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// What was merged in HubSpot.

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
	if t.has(crm.Merge) {
		if err := t.united(ids...); err != nil {
			return t.fail(err), true
		}
	}
	names, err := t.s.Book.Lookup(t.ctx, t.conn, ids...)
	if err != nil {
		return t.fail(err), true
	}
	pairs, unnamed, err := t.concerned(ids, names)
	if err != nil {
		return t.fail(err), true
	}
	if unnamed, err = t.spared(unnamed); err != nil {
		return t.fail(err), true
	}
	settled := len(pairs) == 0 || len(pairs) == 1 && len(unnamed) == 0 && pairs[0].HubSpot == survivor.Key
	if !settled {
		return t.unite(survivor, pairs, ids, unnamed), true
	}
	if len(pairs) == 1 && t.repeated() { // the try that united them may not have lived to close their rows
		if err := t.over(t.past(pairs[0].Pair), nil, t.began); err != nil {
			return t.fail(err), true
		}
	}
	return fault.Outcome{}, false
}

// goesOn lets an event of a record that was merged be about the one that goes on: nothing is asked about the other any more.
func (t *task) goesOn(p pair.Pair) error {
	former := t.id
	if t.id = p.Record(crm.HubSpot); t.id == former {
		return nil
	}
	return t.over([]crm.ID{former}, nil, t.now())
}

// alongside handles an event of a HubSpot record whose pair goes on with another one, r, that has not swallowed it: their Zoho records
// are one. Where it lives, its values go nowhere, and somebody is asked to merge the two; where it was deleted, that is answered. It
// reports false when there is nothing of that.
func (t *task) alongside(p identity.Loaded, r crm.Reading) (fault.Outcome, bool) {
	if t.id.System == crm.Zoho || t.id.Key == p.HubSpot || r.Record.ID.Key != p.HubSpot || slices.Contains(r.Record.Merged, t.id.Key) {
		return fault.Outcome{}, false
	}
	own, err := t.read(crm.HubSpot, t.id.Key, t.columns(crm.HubSpot))
	switch {
	case err != nil:
		return t.fail(err), true
	case own.Gone && t.has(crm.Delete):
		if err := t.answered(fault.HintMergeTwins, t.id); err != nil {
			return t.fail(err), true
		}
		t.settled = append(t.settled, t.id)
		return t.swallowed(done("gone")), true
	case own.Gone || own.Record.ID != t.id:
		return fault.Outcome{}, false
	case t.undead(own):
		return again(covers, stillShown), true
	case slices.Contains(t.past(p.Pair), t.id) && own.ReadAt.Sub(p.SyncedAt) < settles:
		return again(covers, "hubspot may still show what was merged a moment ago"), true
	}
	r.Record.Merged = slices.Concat(r.Record.Merged, own.Record.Merged) // what it has swallowed goes where it goes
	if o, merged := t.merged(p, r); merged {
		return o, true
	}
	if err := t.lease(&p); err != nil { // whoever takes the pair over from here on finds the row
		return t.fail(err), true
	}
	if err := t.tell(t.unmerged(t.id, p.Record(crm.HubSpot))); err != nil {
		return t.release(&p, t.fail(err)), true
	}
	if len(p.Restricted) > 0 { // the try that ended its pair may have woken nobody
		if err := t.s.Wake.Send(t.ctx, []crm.Operation{t.revisit(p.Record(crm.HubSpot))}); err != nil {
			return t.release(&p, t.fail(err)), true
		}
	}
	return t.release(&p, done("its pair goes on with hubspot "+p.HubSpot)), true
}

// unmerged is the row of a HubSpot record whose Zoho record is one with that of another.
func (t *task) unmerged(own, other crm.ID) fault.Parked {
	r := t.row(crm.HubSpot, fault.HintMergeTwins, fault.CauseMerged, "their Zoho records are one; merge these two in HubSpot")
	r.Record, r.TargetID, r.Other = own, own, other
	return t.named(r)
}

// partners queues the HubSpot records that somebody was asked to merge with one that is gone: one of them goes on with its pair, or is
// told anew whom it stands beside.
func (t *task) partners(gone crm.ID, but ...crm.ID) error {
	rows, err := t.s.Parking.Naming(t.ctx, t.conn, gone)
	if err != nil {
		return err
	}
	var ops []crm.Operation
	for _, r := range rows {
		asked := r.Hint == fault.HintMergeTwins && r.Target == crm.HubSpot && r.Record.System == crm.HubSpot
		if asked && r.Record != gone && !slices.Contains(but, r.Record) {
			ops = append(ops, t.revisit(r.Record))
		}
	}
	if len(ops) == 0 {
		return nil
	}
	return t.s.Wake.Send(t.ctx, ops)
}

// past are the records that a pair goes on without.
func (t *task) past(p pair.Pair) []crm.ID {
	var ids []crm.ID
	for _, f := range p.Former {
		ids = append(ids, t.record(f.System, f.Key))
	}
	for _, key := range p.Duplicates {
		ids = append(ids, t.record(crm.Zoho, key))
	}
	return slices.DeleteFunc(ids, func(id crm.ID) bool { return id == p.Record(id.System) })
}

// spared returns the records that were not erased: what was erased gets no name again by a merge.
func (t *task) spared(ids []crm.ID) ([]crm.ID, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	erased, err := t.s.Book.Erased(t.ctx, t.conn, ids...)
	var out []crm.ID
	for i := range erased {
		if !erased[i] {
			out = append(out, ids[i])
		}
	}
	return out, err
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
