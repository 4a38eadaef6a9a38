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

// work brings the task's record in step.
func (t *task) work() fault.Outcome {
	if t.has(crm.Erase) {
		return t.erase()
	}
	p, err := t.s.Book.Find(t.ctx, t.conn, t.id)
	if err != nil {
		return t.fail(err)
	}
	if p.Version == 0 {
		return t.meet()
	}
	if p, err = t.s.Book.Follow(t.ctx, p); err != nil {
		return t.fail(err)
	}
	if p.Version == 0 { // its name leads to a pair that was erased
		return t.meet()
	}
	// A Zoho record whose pair goes on without it is a duplicate: neither read nor written.
	if t.id.System == crm.Zoho && p.Zoho != t.id.Key && (p.State != pair.Creating || slices.Contains(p.Duplicates, t.id.Key)) {
		return t.duplicate(p)
	}
	return t.paired(p)
}

// duplicate ends the work on a Zoho record whose pair goes on with another one. What was begun when the pair moved there is
// nobody else's to end.
func (t *task) duplicate(p identity.Loaded) fault.Outcome {
	if t.has(crm.Delete) {
		if err := t.answered(fault.HintMergeTwins, t.id); err != nil {
			return t.fail(err)
		}
		if err := t.over([]crm.ID{t.id}, nil, t.began); err != nil {
			return t.fail(err)
		}
	}
	if t.repeated() { // the try that gave it to the pair may have woken nobody
		if err := t.rouse(t.id); err != nil {
			return t.fail(err)
		}
	}
	if p.State == pair.Orphan && p.Gone == crm.Zoho {
		return t.returned(p)
	}
	if o := t.livesBeside(&p); o.Ending != fault.Done {
		return o
	}
	if p.Begun && p.State == pair.Living {
		if err := t.s.Wake.Send(t.ctx, []crm.Operation{t.revisit(p.Record(crm.Zoho))}); err != nil {
			return t.fail(err)
		}
		if err := t.wake(p); err != nil { // that look does not know who moved the pair here
			return t.fail(err)
		}
	}
	return t.madeUp(p, done("a duplicate of zoho "+p.Zoho))
}

// livesBeside handles a Zoho record that lives while its pair goes on with another one: somebody is asked to merge the two, once, for nobody
// keeps it in step, and what its person does not want the pair takes over.
func (t *task) livesBeside(p *identity.Loaded) fault.Outcome {
	if t.has(crm.Delete) || p.State != pair.Living || t.mode == crm.Observe {
		return done("")
	}
	received, _ := t.newest()
	z, err := t.read(crm.Zoho, t.id.Key, t.columns(crm.Zoho))
	switch {
	case err != nil:
		return t.fail(err)
	case z.Gone:
		return done("")
	case z.ReadAt.Sub(p.SyncedAt) < settles && z.ReadAt.Sub(received) < settles:
		return again(covers, "zoho may still show what went into another record a moment ago")
	}
	switch erased, err := t.s.Book.Erased(t.ctx, t.conn, t.id); {
	case err != nil:
		return t.fail(err)
	case erased[0]:
		return t.remnant(z.Record.HubSpotID)
	}
	if err := t.askToMerge(*p); err != nil {
		return t.fail(err)
	}
	return t.takeOver(p, z.Record)
}

// askToMerge tells that a Zoho record has to be merged into the one that its pair goes on with, unless a row asks for it already.
func (t *task) askToMerge(p identity.Loaded) error {
	rows, err := t.s.Parking.Naming(t.ctx, t.conn, t.id)
	if err != nil || slices.ContainsFunc(rows, func(r fault.Parked) bool { return r.Hint == fault.HintMergeTwins && r.Target == crm.Zoho }) {
		return err
	}
	r := t.row(crm.Zoho, fault.HintMergeTwins, fault.CauseTwin, "its pair goes on with another one; merge these two in Zoho")
	r.TargetID, r.Other = t.id, p.Record(crm.Zoho)
	return t.tell(r)
}

// paired works on a record that is in a pair.
func (t *task) paired(p identity.Loaded) fault.Outcome {
	if !t.waiting(p) {
		return t.madeUp(p, fault.Outcome{Ending: fault.Done, Covered: true, Note: "covered"})
	}
	if p.Leased(t.owner, t.now()) {
		return again(t.later(), "somebody else is at work on the pair")
	}
	if p.State == pair.Creating {
		o := t.unpaired(t.resume(p))
		if t.landing(p.Pair) {
			return o
		}
		return t.unlocked(o)
	}
	if wait := t.pace(p); wait > 0 {
		return again(wait, "the pair was brought in step a moment ago")
	}
	if p.State == pair.Orphan {
		return t.orphan(p)
	}
	return t.step(p)
}

// waiting notes which operations an earlier read has already taken in, and reports whether any is left.
func (t *task) waiting(p identity.Loaded) bool {
	left := false
	for _, op := range t.ops {
		covered := p.State == pair.Living && (op.Verb == crm.Create || op.Verb == crm.Update || op.Verb == crm.Associate) &&
			!p.ReadAt.IsZero() && !op.ReceivedAt.Add(covers).After(p.ReadAt) &&
			(op.Source != crm.HubSpot || !op.OccurredAt.After(p.UpdatedAt))
		t.covered[op.ID] = covered
		left = left || !covered
	}
	return left
}

// pace spreads a burst: a pair that was brought in step a moment ago waits, so that the next look takes in all that came
// meanwhile. The first change of a burst does not wait.
func (t *task) pace(p identity.Loaded) time.Duration {
	if p.SyncedAt.IsZero() || t.afresh() {
		return 0
	}
	return max(0, p.SyncedAt.Add(covers).Sub(t.now()))
}

// newest returns the latest moment at which an operation of the task was taken in, and at which its source says that it
// happened.
func (t *task) newest() (received, occurred time.Time) {
	for _, op := range t.ops {
		if op.ReceivedAt.After(received) {
			received = op.ReceivedAt
		}
		if (op.Verb == crm.Create || op.Verb == crm.Update || op.Verb == crm.Restore || op.Verb == crm.Merge) && op.OccurredAt.After(occurred) {
			occurred = op.OccurredAt
		}
	}
	return received, occurred
}

// stale reports whether a HubSpot record was read older than what is known of it: than the pair's row, or than the event.
// It says so for a few seconds only; then the record is taken as it is. What was read is as old as its request: the worker may have
// stood still since.
func (t *task) stale(p identity.Loaded, r crm.Reading) bool {
	rec := r.Record
	received, occurred := t.newest()
	return r.ReadAt.Sub(p.SyncedAt) < settles && t.behind(p, rec) || rec.Modified.Before(p.UpdatedAt) && r.ReadAt.Sub(p.UpdatedAt) < settles ||
		rec.Modified.Add(time.Second).Before(occurred) && r.ReadAt.Sub(received) < settles
}

// behind reports whether a HubSpot record shows less than we left there: a value that is not the base though nothing was
// written since we read it. An association that we set has no time of its own to tell it by.
func (t *task) behind(p identity.Loaded, rec crm.Record) bool {
	if rec.History == nil || p.HubSpotAt.IsZero() {
		return false
	}
	for _, f := range t.synced() {
		slot := slotOf(f)
		base := p.Base[slot].HubSpot
		if _, held := p.Held[slot]; held || !base.Known() || p.KeyID != t.s.Book.Hasher.KeyID || sendsElse(p.Pair, slot, base) || base == t.s.Book.Hasher.Raw(crm.HubSpot, f.Name, rec.Value(f.Name)) {
			continue
		}
		entries := rec.History[f.Name]
		if len(entries) == 0 || !entries[0].At.After(p.HubSpotAt) {
			return true
		}
	}
	return false
}

// sendsElse reports whether a write to a field is unfinished that is not one of its base to HubSpot: that one may land and change nothing.
func sendsElse(p pair.Pair, slot pair.Slot, base pair.Hash) bool {
	return slices.ContainsFunc(p.Unfinished, func(u pair.Unfinished) bool {
		return u.Slot == slot && (u.System != crm.HubSpot || u.Hash != base)
	})
}

// unborn reports whether a record that could not be read may simply have been too new.
func (t *task) unborn(r crm.Reading) bool {
	received, occurred := t.newest()
	if occurred.IsZero() {
		occurred = received
	}
	fresh := t.has(crm.Create) || t.has(crm.Update) || t.has(crm.Restore) || t.has(crm.Merge)
	return fresh && r.ReadAt.Sub(occurred) < young && r.ReadAt.Sub(received) < appears
}

// stillShown is why the work waits on what undead says.
const stillShown = "the system still shows what it told us is deleted"

// undead reports whether a record that could be read was deleted a moment before, as far as its system told.
func (t *task) undead(r crm.Reading) bool {
	received, _ := t.newest()
	return t.has(crm.Delete) && r.ReadAt.Sub(received) < settles
}

// later is how long to stay away from what somebody else is at work on, here or in a CRM: longer the longer it lasts, and a quarter of an
// hour at most, so that an outage in which whoever has the locks gets no answer uses up nobody's deliveries, nor does a CRM that refuses
// every write because the record was edited.
func (t *task) later() time.Duration {
	received, _ := t.newest()
	if !t.waits.IsZero() {
		received = t.waits
	}
	return min(max(crossing, t.now().Sub(received)/4), identity.LockFor)
}

// lease takes the pair for this task. It fails with row.ErrConflict when the row was changed since it was read.
func (t *task) lease(p *identity.Loaded) error {
	now := t.now()
	p.Lease = pair.Lease{Owner: t.owner, Until: now.Add(leaseFor)}
	p.Expire(now)
	if err := t.save(p); err != nil {
		return err
	}
	t.closes(now)
	return nil
}

// closes says until when rows were told that this task may close: what a pair held was told before it was leased here, or is told by
// somebody whose word on it counts no more. Of several moments the first one counts.
func (t *task) closes(at time.Time) {
	if t.asOf.IsZero() || at.Before(t.asOf) {
		t.asOf = at
	}
}

// overdue reports whether the task has outlived its function: it was frozen, and what it read is long past.
func (t *task) overdue() error {
	if t.now().Sub(t.began) <= lifetime {
		return nil
	}
	return fault.Again("recordsync", crossing, "the worker has outlived its time")
}

// save writes the pair with further rows, all or none.
func (t *task) save(p *identity.Loaded, more ...row.Put) error {
	if err := t.overdue(); err != nil {
		return err
	}
	return t.s.Book.Save(t.ctx, p, more...)
}

// release gives the pair back with everything that was noted about it. A lease that was lost is not given back.
func (t *task) release(p *identity.Loaded, o fault.Outcome) fault.Outcome {
	if p.Lease.Owner != t.owner {
		return o
	}
	p.Lease = pair.Lease{}
	if err := t.save(p); err != nil {
		return t.fail(err)
	}
	return o
}

// names reports whether an event of the task's source named the property.
func (t *task) names(property string) bool {
	return slices.ContainsFunc(t.ops, func(op crm.Operation) bool { return slices.Contains(op.Fields, property) })
}
