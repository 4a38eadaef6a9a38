package recordsync

import (
	"errors"
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// draft is a Zoho record that is about to be inserted.
type draft struct {
	change crm.Change
	items  []*item
}

// create inserts the HubSpot record into Zoho, under its locks. p is the pair of an earlier try whose outcome is not known,
// Version 0 for the first one. The pair row is written first: whatever happens, the record has one name.
func (t *task) create(p identity.Loaded, r crm.Reading) fault.Outcome {
	lead, err := t.lead(r.Record)
	if err != nil {
		return t.fail(err)
	}
	if lead != nil && t.mode != crm.Observe {
		return t.park(*lead)
	}
	fresh := p.Version == 0
	if fresh {
		p = t.newPair(pair.Creating, r.Record.ID.Key, "")
	}
	d, missing, err := t.draft(&p, r.Record)
	switch {
	case err != nil:
		return t.fail(err)
	case t.mode == crm.Observe && lead != nil:
		return done("observed only: is a lead in zoho, and would be asked about")
	case t.mode == crm.Observe && missing != nil:
		return done("observed only: " + string(missing.Field) + " is empty, and would be asked for")
	case t.mode == crm.Observe:
		return done("observed only: would be created in zoho" + heldBack(d))
	}
	if missing != nil {
		return t.undo(p, t.park(*missing))
	}
	if err := t.begin(&p, d, fresh); err != nil {
		return t.fail(err)
	}
	return t.insert(p, r, d)
}

// lead asks whether the person exists as a lead in Zoho; a contact beside it would be a duplicate across modules.
func (t *task) lead(rec crm.Record) (*fault.Parked, error) {
	if t.kind() != crm.Contact || t.m.Options().Leads == mapping.LeadsIgnore {
		return nil, nil
	}
	keys := t.m.Keys(crm.Contact, rec, crm.Zoho)
	if len(keys) == 0 {
		return nil, nil
	}
	found, err := t.find(crm.Zoho, crm.Search{Module: crm.Leads, Keys: keys, Columns: t.columns(crm.Zoho)})
	if err != nil {
		return nil, err
	}
	for _, l := range found {
		if !t.m.Matches(crm.Contact, rec, l) {
			continue
		}
		row := t.row(crm.Zoho, fault.HintLead, fault.CauseLead, "the person exists as a lead in Zoho")
		row.Other = crm.ID{System: crm.Zoho, Module: crm.Leads, Key: l.ID.Key}
		row.RetryAt = t.now().Add(askAgain) // it may be converted, corrected or deleted
		return &row, nil
	}
	return nil, nil
}

// draft translates the record. A field without a counterpart is left out and held; without a mandatory one there is
// nothing to insert. What the pair's Zoho record was restricted by goes along, whatever HubSpot shows of it.
func (t *task) draft(p *identity.Loaded, rec crm.Record) (*draft, *fault.Parked, error) {
	h := t.s.Book.Hasher
	d := &draft{change: crm.Change{
		ID: crm.ID{System: crm.Zoho, Module: t.kind().Home()}, Set: map[crm.Field]crm.Value{}, HubSpotID: rec.ID.Key,
		Columns: t.m.Columns(t.kind(), crm.Zoho),
	}}
	for _, f := range t.m.Fields(t.kind()) {
		v := rec.Value(f.Name)
		restricted := t.restricted(p.Pair, f)
		if f.HubSpot.Property == "" || f.Zoho.Property == "" || f.Zoho.ReadOnly || f.Policy == crm.ToHubSpot || !v.Known() && !restricted {
			continue
		}
		it := &item{field: f, slot: slotOf(f), shows: pair.Base{HubSpot: h.Raw(crm.HubSpot, f.Name, v), Zoho: t.blank(f)}}
		c, err := t.canon(crm.HubSpot, f, v)
		if restricted {
			c, err = restrictive, nil
		}
		if err == nil && f.Type == crm.TypeCompany {
			it.decision.Value = c
			if c.Filled() && t.mode != crm.Observe { // who only looks waits for no company
				it.toZoho, err = t.companyKey(p.Pair, it, crm.Zoho)
			}
		} else if err == nil && c.Filled() {
			it.toZoho, err = f.Raw(crm.Zoho, c, crm.Unknown())
		}
		if _, ok := errors.AsType[*mapping.Untranslatable](err); ok {
			t.hold(p.Pair, it, crm.Zoho, untranslatable(err))
		} else if err != nil {
			return nil, nil, err
		}
		if it.held == nil && it.toZoho.Filled() {
			d.change.Set[f.Name] = it.toZoho
		}
		d.items = append(d.items, it)
	}
	name, invented, ok := t.m.RequiredName(t.kind(), rec)
	field := t.m.RequiredField(t.kind())
	switch {
	case !ok:
		row := t.row(crm.Zoho, fault.HintMissing, fault.CauseMandatory, "a mandatory field is empty")
		row.Field = field
		row = t.named(row)
		return nil, &row, nil
	case invented:
		d.change.Set[field] = crm.Text(name)
		p.Invented = h.Raw(crm.Zoho, field, crm.Text(name))
	}
	return d, nil, nil
}

// begin writes the pair, leased, with everything that is about to be sent and what is not.
func (t *task) begin(p *identity.Loaded, d *draft, fresh bool) error {
	now := t.now()
	t.inserts = now
	if err := t.withhold(p, d); err != nil {
		return err
	}
	for _, it := range d.items {
		if it.held == nil && it.toZoho.Filled() {
			p.Begin(pair.Unfinished{System: crm.Zoho, Slot: it.slot, Hash: t.s.Book.Hasher.Raw(crm.Zoho, it.field.Name, it.toZoho), At: now})
		}
	}
	p.Lease = pair.Lease{Owner: t.owner, Until: now.Add(leaseFor)}
	if fresh {
		name, err := t.s.Book.Claim(t.ctx, t.conn, p.ID, p.Record(crm.HubSpot))
		if err != nil {
			return err
		}
		return t.save(p, name...)
	}
	return t.save(p)
}

// insert sends the draft, and again at once without the fields that Zoho refuses.
func (t *task) insert(p identity.Loaded, r crm.Reading, d *draft) fault.Outcome {
	for {
		if p.Lease.Until.Sub(t.now()) < writeNeeds {
			return t.release(&p, again(crossing, "too little of the lease is left for a write"))
		}
		c := t.put(&call{kind: callCreate, system: crm.Zoho, change: d.change})
		err := c.err
		if err == nil {
			err = c.result.Err
		}
		if err == nil {
			return t.created(p, r, d, c.result, c.at)
		}
		for _, ref := range refusalsOf(err) {
			if ref.Property == externalID && ref.Record != "" { // our own record, from a try whose answer was lost
				return t.adopt(p, ref.Record)
			}
		}
		if fault.KindOf(err).Uncertain() {
			t.locks = identity.Locks{} // they stay, so that nobody makes another one meanwhile
			return t.release(&p, t.fail(err))
		}
		switch row, e := t.dropRefused(&p, d, err); {
		case e != nil:
			return t.undo(p, t.fail(e))
		case row != nil:
			return t.undo(p, t.park(*row))
		}
		if len(refusalsOf(err)) == 0 {
			return t.undo(p, t.fail(err))
		}
		if err := t.withhold(&p, d); err != nil {
			return t.undo(p, t.fail(err))
		}
		if err := t.save(&p); err != nil {
			return t.fail(err)
		}
	}
}

// dropRefused takes the refused fields out of the draft. It returns the row to park when the record cannot do without one,
// or when the refusal names another record that has the value: that one may be the twin.
func (t *task) dropRefused(p *identity.Loaded, d *draft, err error) (*fault.Parked, error) {
	for _, r := range refusalsOf(err) {
		_, sent := d.change.Set[r.Field]
		if !sent || r.Field == t.m.RequiredField(t.kind()) || r.Hint == fault.HintDuplicate {
			row := t.refused(p.Record(crm.HubSpot), crm.ID{System: crm.Zoho, Module: t.kind().Home()}, r.Field, r.Property, r)
			if r.Hint == fault.HintDuplicate {
				row.RetryAt = t.now().Add(askAgain)
			}
			return &row, nil
		}
		again := false
		for _, it := range d.items {
			if it.field.Name != r.Field {
				continue
			}
			var err error
			if again, err = t.turnedDown(p, it, crm.Zoho, r); err != nil {
				return nil, err
			}
		}
		if !again {
			delete(d.change.Set, r.Field)
		}
	}
	return nil, nil
}

// created notes the new pair: what was sent is Zoho's base. Events of a record that has no name yet end without a look, so
// that one which waited for its name since it was answered is looked at.
func (t *task) created(p identity.Loaded, r crm.Reading, d *draft, res crm.Result, answered time.Time) fault.Outcome {
	p.Unfinished, p.Held = nil, nil
	d.hold(&p.Pair)
	p.Renew(res.ID.Key)
	given := t.givenOwners(d, res)
	for _, it := range d.items {
		if it.held != nil || it.field.Policy == crm.AtCreation {
			continue
		}
		shows := it.shows
		owner, unsent := given[it.field.Name]
		switch {
		case unsent && !owner.Known():
			continue
		case unsent:
			shows.Zoho = t.s.Book.Hasher.Raw(crm.Zoho, it.field.Name, owner)
		case it.toZoho.Filled():
			shows.Zoho = t.s.Book.Hasher.Raw(crm.Zoho, it.field.Name, it.toZoho)
			p.Sent = append(p.Sent, it.slot)
		case it.field.Name == t.m.RequiredField(t.kind()) && p.Invented.Known():
			shows.Zoho = p.Invented
		}
		p.Settle(it.slot, shows)
	}
	p.State, p.Linked = pair.Living, true
	p.ReadAt, p.SyncedAt = r.ReadAt, t.now()
	p.HubSpotAt, p.ZohoAt, p.ZohoWrote, p.ZohoSeen = r.Record.Modified, res.Modified, res.Modified, t.now()
	if r.Record.Modified.After(p.UpdatedAt) {
		p.UpdatedAt = r.Record.Modified
	}
	p.Lease = pair.Lease{}
	t.wrote = true
	o := t.adopted(p, res.ID.Key, "created zoho "+res.ID.Key)
	if o.Ending == fault.Done && t.now().Sub(answered) >= covers {
		if err := t.s.Wake.Send(t.ctx, []crm.Operation{t.revisit(res.ID)}); err != nil {
			return t.fail(err)
		}
	}
	return o
}

// givenOwners reads whom Zoho has given a new record to where we named nobody whom it knows: that is nobody's edit. An owner that
// cannot be read is unknown.
func (t *task) givenOwners(d *draft, res crm.Result) map[crm.Field]crm.Value {
	given := map[crm.Field]crm.Value{}
	for _, it := range d.items {
		if it.field.Type == crm.TypeOwner && it.field.Policy != crm.AtCreation && (!it.toZoho.Filled() || slices.Contains(res.Skipped, it.field.Name)) {
			given[it.field.Name] = crm.Unknown()
		}
	}
	if len(given) == 0 {
		return nil
	}
	z, err := t.read(crm.Zoho, res.ID.Key, t.columns(crm.Zoho))
	for name := range given {
		if err == nil && !z.Gone {
			given[name] = z.Record.Value(name)
		}
	}
	return given
}

// adopt ends a creation whose insert turned out to have been carried out: the Zoho record is ours. What it shows is in the
// list of unfinished writes, so it is no edit.
func (t *task) adopt(p identity.Loaded, zoho string) fault.Outcome {
	if p.Leased(t.owner, t.now()) {
		return again(t.later(), "somebody else is at work on the pair")
	}
	p.Renew(zoho)
	p.State = pair.Living
	p.Lease = pair.Lease{Owner: t.owner, Until: t.now().Add(leaseFor)}
	if o := t.adopted(p, zoho, "found zoho "+zoho+" created before"); o.Ending != fault.Done {
		return o
	}
	p.Version++
	t.notes = t.notes[:len(t.notes)-1]
	return t.release(&p, t.reconcile(&p, both{}))
}

// found ends a creation of unknown outcome with a record that somebody else has made meanwhile: it does not carry our id. The two meet
// as any others; an insert that lands after all is refused, because the id is taken then.
func (t *task) found(p identity.Loaded, zoho string) fault.Outcome {
	p.Unfinished = nil
	return t.adopt(p, zoho)
}

// landing reports whether an insert of a pair that is being created may still be carried out.
func (t *task) landing(p pair.Pair) bool {
	return slices.ContainsFunc(p.Unfinished, func(u pair.Unfinished) bool { return t.now().Sub(u.At) < identity.LockFor })
}

// adopted saves the pair with the name of its new Zoho record and gives the locks back.
func (t *task) adopted(p identity.Loaded, zoho, note string) fault.Outcome {
	t.blanks(&p)
	name, err := t.rename(p, t.record(crm.Zoho, zoho))
	if err == nil {
		err = t.heed(p.Pair)
	}
	if err != nil {
		return t.fail(err)
	}
	err = t.save(&p, append(name, t.locks.Release()...)...)
	if errors.Is(err, row.ErrConflict) && t.locks.Held() {
		// The locks may have expired and be somebody else's: the pair counts, they do not.
		err = t.save(&p, name...)
	}
	if err != nil {
		return t.fail(err)
	}
	t.locks = identity.Locks{}
	t.rests(p.Pair)
	t.joined = true
	t.note(note)
	if err := t.wake(p); err != nil {
		return t.fail(err)
	}
	return done("")
}

// undo takes back a creation that certainly did not happen. While an earlier try of it may still land, pair and locks stay.
func (t *task) undo(p identity.Loaded, o fault.Outcome) fault.Outcome {
	if p.Version == 0 {
		return o
	}
	for _, u := range p.Unfinished {
		if !u.At.Equal(t.inserts) && t.now().Sub(u.At) < identity.LockFor {
			t.locks = identity.Locks{}
			return t.release(&p, o)
		}
	}
	if p.Zoho != "" { // it had a Zoho record before, which may come back
		p.State, p.Unfinished, p.Held, p.Lease = pair.Orphan, nil, nil, pair.Lease{}
		if err := t.save(&p, t.locks.Release()...); err != nil {
			return t.fail(err)
		}
	} else if err := t.s.Book.Drop(t.ctx, p, t.locks); err != nil {
		return t.fail(err)
	}
	t.locks = identity.Locks{}
	return o
}

// resume goes on with a creation whose outcome is not known.
func (t *task) resume(p identity.Loaded) fault.Outcome {
	if t.id.System == crm.Zoho {
		return t.adopt(p, t.id.Key)
	}
	r, err := t.read(crm.HubSpot, p.HubSpot, t.columns(crm.HubSpot))
	if err != nil {
		return t.fail(err)
	}
	switch {
	case r.Gone:
		r.Record.ID = p.Record(crm.HubSpot)
	case t.undead(r):
		return again(covers, stillShown)
	default:
		if o, merged := t.merged(p, r); merged {
			return o
		}
		if err := t.lock(r.Record); err != nil {
			return t.fail(err)
		}
	}
	c, err := t.twins(r.Record, "")
	switch {
	case err != nil:
		return t.fail(err)
	case c.own != nil:
		return t.adopt(p, c.own.ID.Key)
	case r.Gone:
		return t.undo(p, done("gone"))
	case len(c.taken)+len(c.erased) > 0 || len(c.free) > 1:
		return t.undo(p, t.several(crm.Zoho, c))
	case len(c.free) == 1 && c.halfs[0].Version == 0:
		return t.found(p, c.free[0].ID.Key)
	case len(c.free) == 1:
		return t.undo(p, again(crossing, "the twin is the half of another pair"))
	}
	if o := t.bringCompany(p, r.Record); o.Ending != fault.Done {
		return o
	}
	return t.create(p, r)
}

func refusalsOf(err error) []fault.Refusal {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Refused
	}
	return nil
}
