package recordsync

import (
	"strings"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/merge"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// A contact's company is valued by the id of the company's pair: the only name that both systems share. A company that is
// in no pair has a value of its own, which equals nothing on the other side.

// unpaired marks the value of a company that is in no pair.
const unpaired = "unpaired "

// company returns the canonical value of a contact's company.
func (t *task) company(sys crm.System, v crm.Value) (crm.Value, error) {
	if !v.Filled() {
		return v, nil
	}
	p, err := t.companyPair(sys, v.Text())
	if err != nil {
		return crm.Unknown(), err
	}
	if p.Version == 0 {
		return crm.Text(unpaired + string(sys) + " " + v.Text()), nil
	}
	return crm.Text(p.ID), nil
}

// companyPair returns the living pair that a company's id leads to, Version 0 when there is none.
func (t *task) companyPair(sys crm.System, key string) (identity.Loaded, error) {
	p, err := t.s.Book.Find(t.ctx, t.conn, crm.ID{System: sys, Module: crm.Companies, Key: key})
	if err != nil || p.Version == 0 {
		return identity.Loaded{}, err
	}
	if p, err = t.s.Book.Follow(t.ctx, p); err != nil || p.State != pair.Living {
		return identity.Loaded{}, err
	}
	return p, nil
}

// companyKey returns the id, in the system that gets it, of the company that a decision names. A company without a pair is
// pending: the contact waits for it.
func (t *task) companyKey(p pair.Pair, it *item, sys crm.System) crm.Value {
	v := it.decision.Value
	if !v.Filled() {
		return v
	}
	if c, err := t.s.Book.Load(t.ctx, v.Text()); err == nil && c.Version != 0 && c.State == pair.Living {
		return crm.Text(c.Key(sys))
	}
	it.held = &pair.Held{System: sys, Base: it.shows, Mapping: t.m.Version(), Pending: true}
	if err := t.awaitCompany(p, v, sys.Other()); err != nil {
		t.s.log().Warn("a contact's company will not be carried across by itself", "record", t.id.String(), "err", err)
	}
	return crm.Unknown()
}

// awaitCompany lists the contact among those that the company's pairing queues.
func (t *task) awaitCompany(p pair.Pair, v crm.Value, from crm.System) error {
	key, ok := strings.CutPrefix(v.Text(), unpaired+string(from)+" ")
	if !ok {
		return nil
	}
	who := p.Record(from)
	if who.IsZero() {
		who = t.id
	}
	return t.s.Book.Wait(t.ctx, t.conn, crm.ID{System: from, Module: crm.Companies, Key: key}, who)
}

// strand leaves a contact's company alone where it was emptied because the company is gone: a deletion is not carried
// across, and neither is what it takes with it. The contact waits for the company; once it is back the other side fills the
// empty one.
func (t *task) strand(p pair.Pair, plan *plan) error {
	for _, it := range plan.items {
		from, left := crm.HubSpot, it.zoho
		switch d := it.decision; {
		case it.field.Type != crm.TypeCompany || !d.Value.IsEmpty():
			continue
		case d.Action == merge.ToHubSpot:
			from, left = crm.Zoho, it.hubspot
		case d.Action != merge.ToZoho:
			continue
		}
		c, err := t.departed(from, left)
		if err != nil {
			return err
		}
		if c.IsZero() {
			continue
		}
		if err := t.s.Book.Wait(t.ctx, t.conn, c, p.Record(from)); err != nil {
			return err
		}
		it.held, it.stranded = &pair.Held{System: from.Other(), Base: it.shows, Mapping: t.m.Version(), Pending: true}, true
		it.decision, it.toZoho, it.toHub = merge.Decision{Field: it.field.Name}, crm.Unknown(), crm.Unknown()
	}
	return nil
}

// departed returns the half, in one system, of the company that a canonical value names, if that half is gone.
func (t *task) departed(sys crm.System, v crm.Value) (crm.ID, error) {
	var c identity.Loaded
	var err error
	if key, ok := strings.CutPrefix(v.Text(), unpaired+string(sys.Other())+" "); ok {
		c, err = t.s.Book.Find(t.ctx, t.conn, crm.ID{System: sys.Other(), Module: crm.Companies, Key: key})
	} else {
		c, err = t.s.Book.Load(t.ctx, v.Text())
	}
	switch {
	case err != nil || c.Version == 0:
		return crm.ID{}, err
	case c.State == pair.Orphan && c.Gone == sys:
		return c.Record(sys), nil
	case c.State != pair.Living:
		return crm.ID{}, nil
	}
	q := t.put(&call{kind: callRead, system: sys, query: crm.Query{
		Module: crm.Companies, Keys: []string{c.Key(sys)}, Columns: t.m.Columns(crm.Company, sys), History: sys == crm.HubSpot,
	}})
	if q.err != nil || !q.reading.Gone {
		return crm.ID{}, q.err
	}
	return c.Record(sys), nil
}

// bringCompany brings the company of a HubSpot contact in step first, so that the contact can point to it in Zoho. A
// company that is parked leaves the contact's field pending.
func (t *task) bringCompany(p identity.Loaded, rec crm.Record) fault.Outcome {
	ok := fault.Outcome{Ending: fault.Done}
	f, has := t.companyField()
	if !has || t.depth > 0 {
		return ok
	}
	v := rec.Value(f.Name)
	shows := t.s.Book.Hasher.Raw(crm.HubSpot, f.Name, v)
	if !v.Filled() || p.Base[slotOf(f)].HubSpot == shows && p.Version != 0 {
		return ok
	}
	id := crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: v.Text()}
	t.await(id)
	c, err := t.companyPair(crm.HubSpot, v.Text())
	if err != nil {
		return t.fail(err)
	}
	if c.Version != 0 {
		return ok
	}
	t.busy[id] = true
	defer delete(t.busy, id)
	now := t.now()
	sub := &task{
		s: t.s, ctx: t.ctx, m: t.m, mode: t.mode, conn: t.conn, owner: t.s.Book.NewID(), depth: t.depth + 1, yield: t.yield,
		covered: map[string]bool{}, busy: t.busy, began: t.began, id: id,
		ops: []crm.Operation{{
			V: crm.OperationVersion, ID: t.ops[0].ID, Connection: t.conn, Source: crm.HubSpot, Kind: crm.Company, Module: crm.Companies,
			Verb: crm.Associate, RecordID: v.Text(), ReceivedAt: now, Trace: t.ops[0].Trace,
		}},
	}
	o := sub.close(sub.work())
	t.told = append(t.told, o.Told...)
	if err := t.tell(o.Rows...); err != nil {
		return t.fail(err)
	}
	t.settled = append(t.settled, o.Settled...)
	t.wrote = t.wrote || sub.wrote
	if o.Note != "" {
		t.note("company: " + o.Note)
	}
	if o.Ending == fault.GoAgain {
		return o
	}
	return ok
}

func (t *task) companyField() (mapping.Field, bool) {
	for _, f := range t.synced() {
		if f.Type == crm.TypeCompany {
			return f, true
		}
	}
	return mapping.Field{}, false
}
