package recordsync

import (
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// both is a pair with what its two records show now.
type both struct {
	hubspot, zoho crm.Reading
	assumed       bool // zoho was not read: it is what it was
}

func (b *both) set(sys crm.System, r crm.Reading) {
	if sys == crm.HubSpot {
		b.hubspot = r
	} else {
		b.zoho = r
	}
}

func (b *both) record(sys crm.System) crm.Record {
	if sys == crm.HubSpot {
		return b.hubspot.Record
	}
	return b.zoho.Record
}

// step brings a living pair in step. The event's side is read before anything is locked: an echo ends there.
func (t *task) step(p identity.Loaded) fault.Outcome {
	near := t.id.System
	r, err := t.read(near, p.Key(near), t.columns(near))
	if err != nil {
		return t.fail(err)
	}
	if r.Gone {
		return t.gone(p, near, r)
	}
	if o, beside := t.alongside(p, r); beside {
		return o
	}
	if t.undead(r) {
		return again(covers, stillShown)
	}
	if near == crm.HubSpot {
		if t.stale(p, r) {
			return again(covers, "hubspot shows less than it told us")
		}
		if o, merged := t.merged(p, r); merged {
			return o
		}
		if err := t.goesOn(p.Pair); err != nil {
			return t.fail(err)
		}
	}
	return t.stepFrom(p, r)
}

// stepFrom goes on with the event's side read.
func (t *task) stepFrom(p identity.Loaded, r crm.Reading) fault.Outcome {
	near := t.id.System
	if !t.afresh() && t.atRest(p.Pair, near, r.Record) {
		t.noteSeen(p, r)
		return t.madeUp(p, done("nothing to do"))
	}
	if near == crm.HubSpot {
		if o := t.bringCompany(p, r.Record); o.Ending != fault.Done {
			return o
		}
	}
	if err := t.lease(&p); err != nil {
		return t.fail(err)
	}
	var b both
	b.set(near, r)
	return t.release(&p, t.reconcile(&p, b))
}

// tries is how often a write is decided anew when Zoho says that the record was modified meanwhile, and how often a record is looked at that
// was modified in the very second of the look.
const tries = 3

// reconcile reads the other side, decides and writes, under the lease. It notes everything in p; the caller saves it.
func (t *task) reconcile(p *identity.Loaded, b both) fault.Outcome {
	for attempt := range tries {
		o, settled := t.complete(p, &b, attempt)
		if settled {
			return o
		}
		plan, err := t.plan(p.Pair, b)
		if err != nil {
			return t.fail(err)
		}
		err = t.carry(p, b, plan)
		if !isFault(err, fault.Stale) {
			return t.finish(p, b, plan, err)
		}
		if err := t.tellPlan(p, plan); err != nil {
			return t.fail(err)
		}
		b.zoho, b.assumed = crm.Reading{}, false
	}
	return again(t.later(), "zoho is being edited")
}

// complete reads what of the two records is still missing.
func (t *task) complete(p *identity.Loaded, b *both, attempt int) (fault.Outcome, bool) {
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		if !b.record(sys).ID.IsZero() {
			continue
		}
		if sys == crm.Zoho && attempt == 0 && t.assumable(p.Pair, b.hubspot.Record) {
			b.zoho, b.assumed = t.assumed(p.Pair), true
			return fault.Outcome{}, false
		}
		r, err := t.once(sys, p.Key(sys), attempt)
		if err != nil {
			return t.fail(err), true
		}
		if r.Gone && sys == crm.HubSpot && t.hidden(p.Pair, r) {
			return again(covers, "hubspot does not show what it showed a moment ago"), true
		}
		if r.Gone {
			return t.lost(p, sys, *b), true
		}
		if sys == crm.HubSpot && r.Record.ID.Key != p.HubSpot {
			return t.mergedAway(p, r), true
		}
		if sys == crm.HubSpot && (r.Record.Modified.Before(p.UpdatedAt) && r.ReadAt.Sub(p.UpdatedAt) < settles ||
			r.ReadAt.Sub(p.SyncedAt) < settles && t.behind(*p, r.Record)) {
			return again(covers, "hubspot shows less than it told us"), true
		}
		b.set(sys, r)
	}
	// A worker that was frozen between its reads has seen no moment at which both showed this: what lies between is told by no base.
	if h, z := b.hubspot, b.zoho; !b.assumed && (h.Record.Modified.After(z.ReadAt) || z.Record.Modified.After(h.ReadAt)) {
		return again(t.later(), "one side was modified after the other was read"), true
	}
	// Zoho's times are cut to seconds: what was modified in the second of its read may be modified again in it, unseen.
	for looks := 1; !b.zoho.Record.Modified.Before(b.zoho.ReadAt.Truncate(time.Second)); looks++ {
		if looks == tries || !t.s.Sleep(t.ctx, time.Second) {
			return again(t.later(), "zoho was modified this very second"), true
		}
		r, err := t.read(crm.Zoho, p.Zoho, t.columns(crm.Zoho))
		if err != nil {
			return t.fail(err), true
		}
		if r.Gone {
			return t.lost(p, crm.Zoho, *b), true
		}
		b.zoho = r
	}
	return fault.Outcome{}, false
}

// once returns what this task has read of a record already, on its first attempt: a second look may show less than the first.
func (t *task) once(sys crm.System, key string, attempt int) (crm.Reading, error) {
	if r, ok := t.kept[t.record(sys, key)]; ok && attempt == 0 {
		return r, nil
	}
	return t.read(sys, key, t.columns(sys))
}

// mergedAway goes the way of a merge that Zoho's event met before HubSpot's did: the record that answers is the survivor,
// and its values are nobody else's.
func (t *task) mergedAway(p *identity.Loaded, r crm.Reading) fault.Outcome {
	if o := t.release(p, done("")); o.Ending != fault.Done {
		return o
	}
	if o, merged := t.merged(*p, r); merged {
		return o
	}
	return again(t.later(), "hubspot answers for another record")
}

// finish notes in the pair what came to rest and ends the task.
func (t *task) finish(p *identity.Loaded, b both, plan *plan, err error) fault.Outcome {
	for _, it := range plan.items {
		t.decision(it.decision)
	}
	t.decided(&p.Pair, plan)
	if e := t.tellPlan(p, plan); e != nil {
		err = e // what nobody was told has not come to rest
		p.Begun = true
	}
	now := t.now()
	p.SyncedAt = now
	if err == nil && t.mode != crm.Observe && !plan.owes() && p.HubSpotAt.Before(b.hubspot.Record.Modified) {
		p.HubSpotAt = b.hubspot.Record.Modified
	}
	p.Begun = p.Begun && (err != nil || t.mode == crm.Observe)
	if err == nil && t.mode != crm.Observe && (!b.assumed || plan.zohoTook) {
		p.ReadAt = b.hubspot.ReadAt
		if b.zoho.ReadAt.Before(p.ReadAt) {
			p.ReadAt = b.zoho.ReadAt
		}
		if p.ZohoSeen = b.zoho.ReadAt; plan.zohoTook {
			p.ZohoSeen = now
		}
	}
	t.shed(&p.Pair)
	if e := t.rederive(p); e != nil {
		return t.fail(e)
	}
	if isFault(err, fault.Missing) {
		p.ZohoSeen = time.Time{} // what is not there is looked for, and not assumed again
	}
	if err != nil {
		return t.fail(err)
	}
	if t.mode == crm.Observe {
		return done("observed only: " + joined(t.notes))
	}
	t.rests(p.Pair)
	if e := t.wake(*p); e != nil {
		return t.fail(e)
	}
	if len(t.notes) == 0 {
		return done("nothing to do")
	}
	return done("")
}

// shed forgets what is no field's any more: what was held under a mapping that had the field, so that it is told again should
// it come back, and a name that we made up once Zoho shows another one.
func (t *task) shed(p *pair.Pair) {
	synced := map[pair.Slot]bool{relink: true}
	for _, f := range t.fieldsOf(*p) {
		synced[slotOf(f)] = true
		if base := p.Base[slotOf(f)].Zoho; f.Name == t.m.RequiredField(t.kind()) && base.Known() && base != p.Invented {
			p.Invented = pair.Hash{}
		}
	}
	for slot := range p.Held {
		if !synced[slot] {
			delete(p.Held, slot)
		}
	}
}

// madeUp does once more what follows from a sync that has come to rest, where an earlier try may have saved the pair and then failed:
// rows end that were told before it, but for those of what is held, and whoever waited is woken.
func (t *task) madeUp(p identity.Loaded, o fault.Outcome) fault.Outcome {
	if !t.repeated() || p.State != pair.Living || p.Begun || p.Lease.Owner != "" {
		return o
	}
	both, asked := []crm.ID{p.Record(crm.HubSpot), p.Record(crm.Zoho)}, t.asks(p.Pair)
	ended := func(r fault.Parked) bool {
		return slices.Contains(both, r.Record) && !r.Last.After(p.SyncedAt) && !slices.Contains(asked, r.ID)
	}
	if err := t.closeRows(ended, both...); err != nil {
		return t.fail(err)
	}
	if err := t.rouse(p.Record(crm.HubSpot), p.Record(crm.Zoho)); err != nil {
		return t.fail(err)
	}
	return o
}

// rederive asks for a second look at what HubSpot works out by itself from an address that we wrote (its secondary
// addresses): the echo of our write ends at the door.
func (t *task) rederive(p *identity.Loaded) error {
	if !t.derives {
		return nil
	}
	t.derives = false
	derived := false
	for _, f := range t.synced() {
		if f.HubSpot.ReadOnly && f.Type == crm.TypeEmail {
			delete(p.Base, slotOf(f))
			derived = true
		}
	}
	if !derived {
		return nil
	}
	return t.s.Wake.Send(t.ctx, []crm.Operation{t.revisit(p.Record(crm.HubSpot))})
}

// revisit makes the operation that looks at a record again.
func (t *task) revisit(id crm.ID) crm.Operation {
	now := t.now()
	return crm.Operation{
		V: crm.OperationVersion, ID: t.s.Book.NewID(), Connection: t.conn, Source: id.System, Kind: id.Module.Kind(), Module: id.Module,
		Verb: crm.Revisit, RecordID: id.Key, OccurredAt: now, ReceivedAt: now, Trace: t.ops[0].Trace,
	}
}

// wake queues the records that waited for one of the pair's records. What was not written has freed nothing: two records
// that wait for each other's value would wake each other for ever. What an earlier try wrote has. The contacts of a company that they had
// looked at, because it was gone, go on where it is there again: no company waits for a contact.
func (t *task) wake(p identity.Loaded) error {
	all := t.wrote || t.joined || t.repeated()
	if !all && (t.kind() != crm.Company || !t.has(crm.Revisit)) {
		return nil
	}
	return t.rouseThose(func(who crm.ID) bool { return all || who.Module == crm.Contacts }, p.Record(crm.HubSpot), p.Record(crm.Zoho))
}

// rouse queues whoever waits for one of the records.
func (t *task) rouse(ids ...crm.ID) error {
	return t.rouseThose(func(crm.ID) bool { return true }, ids...)
}

// rouseThose queues those who wait for one of the records.
func (t *task) rouseThose(which func(crm.ID) bool, ids ...crm.ID) error {
	for {
		who, err := t.s.Book.Waiting(t.ctx, t.conn, ids...)
		who = slices.DeleteFunc(who, func(w identity.Waiter) bool { return !which(w.Record) })
		if err != nil || len(who) == 0 {
			return err
		}
		var ops []crm.Operation
		for _, w := range who {
			ops = append(ops, t.revisit(w.Record))
		}
		for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
			some := slices.DeleteFunc(slices.Clone(ops), func(o crm.Operation) bool { return o.Source != sys })
			if len(some) == 0 {
				continue
			}
			if err := t.s.Wake.Send(t.ctx, some); err != nil {
				return err
			}
		}
		if err := t.s.Book.Woken(t.ctx, who); err != nil {
			return err
		}
	}
}

// seen notes what was read, so that later reads can be told from it.
func seen(p *pair.Pair, b both) {
	if h := b.hubspot.Record.Modified; !h.IsZero() {
		p.HubSpotAt = h
		if h.After(p.UpdatedAt) {
			p.UpdatedAt = h
		}
	}
	if z := b.zoho.Record.Modified; !z.IsZero() && !b.assumed {
		p.ZohoAt, p.ZohoSeen = z, time.Time{} // seen at its base only when all has come to rest
		p.Linked = b.zoho.Record.HubSpotID == p.HubSpot
	}
}
