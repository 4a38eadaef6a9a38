package recordsync

import (
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/merge"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
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
// pending: the contact waits for it. One that had a pair a moment ago is row.ErrConflict: another look tells what to wait for.
func (t *task) companyKey(p pair.Pair, it *item, sys crm.System) (crm.Value, error) {
	v := it.decision.Value
	if !v.Filled() {
		return v, nil
	}
	c, err := t.s.Book.Load(t.ctx, v.Text())
	switch {
	case err != nil:
		return crm.Unknown(), err
	case c.Version != 0 && c.State == pair.Living:
		return crm.Text(c.Key(sys)), nil
	}
	it.held = &pair.Held{System: sys, Base: it.shows, Mapping: t.m.Version(), Pending: true}
	return crm.Unknown(), t.awaitCompany(p, v, sys.Other())
}

// awaitCompany lists the contact among those that the company's pairing queues. A company that was paired before it was on the list
// has woken nobody, and one that has lost its pair since it was valued has no name to wait for: both are row.ErrConflict.
func (t *task) awaitCompany(p pair.Pair, v crm.Value, from crm.System) error {
	key, ok := strings.CutPrefix(v.Text(), unpaired+string(from)+" ")
	if !ok {
		return row.ErrConflict
	}
	who := p.Record(from)
	if who.IsZero() {
		who = t.id
	}
	if err := t.s.Book.Wait(t.ctx, t.conn, crm.ID{System: from, Module: crm.Companies, Key: key}, who, t.now()); err != nil {
		return err
	}
	c, err := t.companyPair(from, key)
	if err == nil && c.Version != 0 {
		err = row.ErrConflict
	}
	return err
}

// companyGone makes a contact wait for its company where a system has refused it because it is gone there, of which nobody may have told
// yet: it is looked at now. It reports false where the company is there. Whoever overtakes it is row.ErrConflict.
func (t *task) companyGone(p pair.Pair, it *item, id crm.ID) (bool, error) {
	sys := id.System
	delete(t.asked, id) // it may have been there a moment ago
	gone, err := t.departed(id)
	if err != nil || !gone {
		return false, err
	}
	c, err := t.companyPair(sys, id.Key)
	if err == nil && c.Key(sys) != id.Key {
		err = row.ErrConflict // it goes on with another one, or with none
	}
	if err != nil {
		return false, err
	}
	for _, on := range []crm.ID{id, c.Record(sys.Other())} {
		if err := t.s.Book.Wait(t.ctx, t.conn, on, p.Record(sys.Other()), t.now()); err != nil {
			return false, err
		}
	}
	if c, err = t.companyPair(sys, id.Key); err == nil && c.Key(sys) != id.Key {
		err = row.ErrConflict // before the contact was on the list: nobody has woken it
	}
	if err != nil {
		return false, err
	}
	it.held = &pair.Held{System: sys, Base: it.shows, Mapping: t.m.Version(), Pending: true}
	return true, t.s.Wake.Send(t.ctx, []crm.Operation{t.revisit(id)})
}

// bereft takes back what looks like an edit where a contact lost its company because the company is gone: a deletion is not
// carried across, and neither is what it takes with it.
func (t *task) bereft(p pair.Pair, b both, it *item, in *merge.Field) error {
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		side := &in.HubSpot
		if sys == crm.Zoho {
			side = &in.Zoho
		}
		if in.Equal || !in.BaseKnown || !side.Changed && side.PutBack.IsZero() || !side.Value.IsEmpty() {
			continue
		}
		c, err := t.former(p, b.hubspot.Record.History[it.field.Name], it, sys)
		if err != nil {
			return err
		}
		gone, err := t.heldBoth(p, b, it, c)
		if err == nil && gone {
			gone, err = t.departed(c)
		}
		if err != nil {
			return err
		}
		if err := t.perhapsGone(b, it, c, gone); err != nil {
			return err
		}
		if gone {
			side.Changed, side.Ours, side.At, side.PutBack, it.departed = false, false, time.Time{}, time.Time{}, c
		}
	}
	return nil
}

// perhapsGone waits where a HubSpot company is still shown that a contact left a moment ago: it may be its deletion that took the contact
// out, and a replica that does not have that yet.
func (t *task) perhapsGone(b both, it *item, company crm.ID, gone bool) error {
	left := b.hubspot.Record.History[it.field.Name]
	if gone || company.System != crm.HubSpot || len(left) == 0 {
		return nil
	}
	if since := b.hubspot.ReadAt.Sub(left[0].At); since < settles {
		return fault.Again("recordsync", settles-since, "a company that a contact has left may be deleted")
	}
	return nil
}

// heldBoth reports whether a company is the one that both sides held last, or the one that the other side shows: who left another
// company for it had left that one before it went.
func (t *task) heldBoth(p pair.Pair, b both, it *item, c crm.ID) (bool, error) {
	if c.IsZero() {
		return false, nil
	}
	h := t.s.Book.Hasher
	if h.Raw(c.System, it.field.Name, crm.Text(c.Key)) == p.Base[it.slot].Of(c.System) {
		return true, nil
	}
	twin, err := t.s.Book.Find(t.ctx, t.conn, c)
	return err == nil && twin.Version != 0 && b.record(c.System.Other()).Value(it.field.Name) == crm.Text(twin.Key(c.System.Other())), err
}

// strand makes a contact wait for a company that is gone. Once it is back, the side that kept it fills the empty one; where
// another record has taken its place, that happens now.
func (t *task) strand(p pair.Pair, it *item) error {
	gone := it.departed
	if gone.IsZero() || it.decision.Action != merge.Leave {
		it.departed = crm.ID{}
		return nil
	}
	to, left := merge.ToHubSpot, crm.ID{System: crm.Zoho, Module: crm.Companies, Key: it.zohoRaw.Text()}
	if gone.System == crm.Zoho {
		to, left = merge.ToZoho, crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: it.hubRaw.Text()}
	}
	heir, found, err := t.replaced(gone, left)
	if err != nil {
		return err
	}
	if found {
		it.decision, it.departed = merge.Decision{Field: it.field.Name, Action: to, Value: crm.Text(heir), Rule: merge.RuleFill}, crm.ID{}
		return t.raw(p, it)
	}
	it.held = &pair.Held{System: gone.System.Other(), Base: it.shows, Mapping: t.m.Version(), Pending: true}
	for _, on := range []crm.ID{gone, left} { // left: its pair may go on with another record
		if err := t.s.Book.Wait(t.ctx, t.conn, on, p.Record(gone.System), t.now()); err != nil {
			return err
		}
	}
	if _, found, err = t.replaced(gone, left); found {
		return row.ErrConflict // before the contact was on the list: nobody has woken it
	}
	return err
}

// replaced returns the pair in which another record has taken the place of a company that is gone: that of the company which the other
// side still shows.
func (t *task) replaced(gone, left crm.ID) (heir string, found bool, err error) {
	c, err := t.companyPair(left.System, left.Key)
	return c.ID, err == nil && c.Version != 0 && c.Key(gone.System) != gone.Key, err
}

// former returns the company that a contact had last in a system that shows none now, zero when it cannot be told. HubSpot's
// history names it; in Zoho it is the twin of one of those.
func (t *task) former(p pair.Pair, history []crm.Entry, it *item, sys crm.System) (crm.ID, error) {
	for _, e := range history {
		if !e.Value.Filled() {
			continue
		}
		id := crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: e.Value.Text()}
		if sys == crm.HubSpot {
			return id, nil
		}
		c, err := t.s.Book.Find(t.ctx, t.conn, id)
		if err != nil {
			return crm.ID{}, err
		}
		keys := append([]string{c.Zoho}, c.Duplicates...)
		for _, s := range c.Former { // it went on with another one since
			if s.System == crm.Zoho {
				keys = append(keys, s.Key)
			}
		}
		for _, key := range keys {
			if key != "" && t.s.Book.Hasher.Raw(crm.Zoho, it.field.Name, crm.Text(key)) == p.Base[it.slot].Zoho {
				return crm.ID{System: crm.Zoho, Module: crm.Companies, Key: key}, nil
			}
		}
	}
	return crm.ID{}, nil
}

// departed reports whether a company is gone.
func (t *task) departed(id crm.ID) (bool, error) {
	if gone, ok := t.asked[id]; ok {
		return gone, nil
	}
	c := t.put(&call{kind: callRead, system: id.System, query: crm.Query{
		Module: crm.Companies, Keys: []string{id.Key}, Columns: t.m.Columns(crm.Company, id.System), History: id.System == crm.HubSpot,
	}})
	if c.err != nil {
		return false, c.err
	}
	if t.asked == nil {
		t.asked = map[crm.ID]bool{}
	}
	t.asked[id] = c.reading.Gone
	return c.reading.Gone, nil
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
	if err := t.await(id); err != nil {
		return t.fail(err)
	}
	c, err := t.companyPair(crm.HubSpot, v.Text())
	if err != nil {
		return t.fail(err)
	}
	if c.Version != 0 {
		if t.repeated() { // the try that paired it may have woken nobody
			if err := t.rouse(c.Record(crm.HubSpot), c.Record(crm.Zoho)); err != nil {
				return t.fail(err)
			}
		}
		return ok
	}
	t.busy[id] = true
	defer delete(t.busy, id)
	now := t.now()
	received, _ := t.newest()
	sub := &task{
		s: t.s, ctx: t.ctx, m: t.m, mode: t.mode, conn: t.conn, owner: t.s.Book.NewID(), depth: t.depth + 1, yield: t.yield,
		covered: map[string]bool{}, busy: t.busy, began: t.began, waits: received, id: id,
		ops: []crm.Operation{{
			V: crm.OperationVersion, ID: t.ops[0].ID, Connection: t.conn, Source: crm.HubSpot, Kind: crm.Company, Module: crm.Companies,
			Verb: crm.Associate, RecordID: v.Text(), ReceivedAt: now, Trace: t.ops[0].Trace, Repeated: t.repeated(),
		}},
	}
	o := sub.close(sub.work())
	t.told = append(t.told, o.Told...)
	if err := t.tell(o.Rows...); err != nil {
		return t.fail(err)
	}
	if t.settled = append(t.settled, o.Settled...); len(o.Settled) > 0 {
		t.standing(id.String(), o.Open)
		t.closes(o.AsOf)
	}
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
