package recordsync

import (
	"context"
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/merge"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// carry writes what the plan says: first the row lists the fields as unfinished, then one request a side, Zoho first. A
// side that fails does not keep the other back. fault.Stale says that Zoho must be read again and nothing else was done.
func (t *task) carry(p *identity.Loaded, b both, plan *plan) error {
	if t.mode == crm.Observe {
		p.Begun = p.Begun || plan.writes() // the look after the stack was switched on finds it, whatever else it has seen
		return nil                         // the pair stays as it was: nothing has come to rest
	}
	h := t.s.Book.Hasher
	if p.KeyID != h.KeyID {
		p.Forget()
		p.KeyID = h.KeyID
	}
	if err := t.tellPlan(p, plan); err != nil {
		return err
	}
	before := p.HubSpotAt
	seen(&p.Pair, b)
	if plan.covered() { // until it has gone both ways, the edit that our write covered must be found again
		p.HubSpotAt = before
	}
	if !b.assumed {
		p.Sent = nil
	}
	toZoho, toHubSpot := t.settle(p, plan)
	if len(toZoho)+len(toHubSpot) == 0 && !plan.relink {
		return nil
	}
	p.Begun = true // whatever stops it
	if plan.relink {
		delete(p.Held, relink)
	}
	if err := t.brake(p, plan); err != nil {
		return err
	}
	at := t.now()
	for _, it := range toZoho {
		p.Begin(pair.Unfinished{System: crm.Zoho, Slot: it.slot, Hash: h.Raw(crm.Zoho, it.field.Name, it.toZoho), At: at})
	}
	for _, it := range toHubSpot {
		p.Begin(pair.Unfinished{System: crm.HubSpot, Slot: it.slot, Hash: h.Raw(crm.HubSpot, it.field.Name, it.toHub), At: at})
	}
	if err := t.save(p); err != nil {
		return err
	}
	var zohoErr, hubspotErr error
	if len(toZoho) > 0 || plan.relink {
		if zohoErr = t.writeZoho(p, b, plan, toZoho, at); isFault(zohoErr, fault.Stale) {
			p.Answered(crm.HubSpot, at) // not even begun: it is decided anew
			return zohoErr
		}
	}
	if zohoErr != nil { // what goes both ways goes to Zoho first
		toHubSpot = slices.DeleteFunc(toHubSpot, func(it *item) bool { return it.toZoho.Known() })
	}
	if len(toHubSpot) > 0 {
		hubspotErr = t.writeHubSpot(p, b, toHubSpot, at)
	} else {
		p.Answered(crm.HubSpot, at)
	}
	if zohoErr != nil {
		return zohoErr
	}
	return hubspotErr
}

// writes reports whether the plan asks for any write.
func (p *plan) writes() bool {
	return p.relink || slices.ContainsFunc(p.items, func(it *item) bool { return it.toZoho.Known() || it.toHub.Known() })
}

// covered reports whether the plan carries an edit that a write of ours had covered, or owes one.
func (p *plan) covered() bool {
	return p.owes() || slices.ContainsFunc(p.items, func(it *item) bool { return it.decision.Rule == merge.RuleUnseen })
}

// owes reports whether an edit that a write of ours had covered must be found again later.
func (p *plan) owes() bool {
	return slices.ContainsFunc(p.items, func(it *item) bool { return it.owed })
}

// settle notes what needs no write and returns the items that do, by the side that gets them.
func (t *task) settle(p *identity.Loaded, plan *plan) (toZoho, toHubSpot []*item) {
	for _, it := range plan.items {
		switch {
		case it.kept && it.held == nil:
		case it.held != nil:
			if it.held.Hint == fault.HintAltered { // what Zoho stored is what it holds from now on, and nobody's edit
				p.Settle(it.slot, it.shows)
			}
			if it.anew || !it.departed.IsZero() { // a contact meets its company anew, with what it shows now
				delete(p.Base, it.slot)
				p.Landed(it.slot, it.shows)
			}
			p.Hold(it.slot, *it.held)
		case it.decision.Action == merge.Rest:
			p.Settle(it.slot, it.shows)
			if it.invented {
				p.Invented = it.shows.Zoho
			}
		case it.decision.Action == merge.Leave:
			delete(p.Held, it.slot)
		}
		if it.toZoho.Known() {
			toZoho = append(toZoho, it)
		}
		if it.toHub.Known() {
			toHubSpot = append(toHubSpot, it)
		}
	}
	return toZoho, toHubSpot
}

// brake counts what is about to be overwritten and cleared, once however often it is tried.
func (t *task) brake(p *identity.Loaded, plan *plan) error {
	var cleared []crm.Field
	overwritten := 0
	h, what := t.s.Book.Hasher, []string{"brake"}
	for _, it := range plan.items {
		zoho := it.toZoho.Known() && t.filled(crm.Zoho, it.field.Name, it.shows.Zoho)
		hubspot := it.toHub.Known() && t.filled(crm.HubSpot, it.field.Name, it.shows.HubSpot)
		if zoho || hubspot {
			overwritten = 1
			sent := [2]pair.Hash{h.Raw(crm.Zoho, it.field.Name, it.toZoho), h.Raw(crm.HubSpot, it.field.Name, it.toHub)}
			what = append(what, string(it.field.Name), string(sent[0][:]), string(sent[1][:]), string(it.shows.Zoho[:]), string(it.shows.HubSpot[:]))
		}
		if zoho && it.toZoho.IsEmpty() || hubspot && it.toHub.IsEmpty() {
			cleared = append(cleared, it.field.Name)
		}
	}
	sum := h.Sum(what...)
	if overwritten == 0 || sum == p.Counted {
		return nil
	}
	ok, err := t.s.Brake.Count(t.ctx, t.conn, overwritten, cleared)
	if err != nil {
		return err
	}
	if !ok { // and it is counted again when the stack goes on
		t.mode = crm.Observe
		return fault.Again("recordsync", 15*time.Minute, "the brake is on: too many records overwritten or fields cleared; connector resume goes on")
	}
	p.Counted = sum
	return nil
}

// filled reports whether a side shows something in a field, going by the hash of it: the value may not have been read.
func (t *task) filled(sys crm.System, f crm.Field, shows pair.Hash) bool {
	return shows.Known() && shows != t.s.Book.Hasher.Raw(sys, f, crm.Empty())
}

// deadline returns a context that ends a second before the lease does, or a fault when too little of it is left.
func (t *task) deadline(p *identity.Loaded) (context.Context, context.CancelFunc, error) {
	left := p.Lease.Until.Sub(t.now())
	if left < writeNeeds {
		return nil, nil, fault.Again("recordsync", crossing, "too little of the lease is left for a write")
	}
	ctx, cancel := context.WithTimeout(t.ctx, left-time.Second)
	return leased{ctx, t.s.Now, p.Lease.Until.Add(-time.Second)}, cancel, nil
}

// leased is a context that ends by our clock too: a worker that was frozen goes on where it stood, perhaps between two
// requests of one write, and the timers of its process stood still with it.
type leased struct {
	context.Context
	now   func() time.Time
	until time.Time
}

// Err tells a lease that is over from one that holds.
func (c leased) Err() error {
	if err := c.Context.Err(); err != nil || c.now().Before(c.until) {
		return err
	}
	return context.DeadlineExceeded
}

// send writes one change and repeats it at once without the fields that the system refuses. It returns the answer and the
// items that were taken.
func (t *task) send(p *identity.Loaded, change crm.Change, items []*item, raw func(*item) crm.Value, at time.Time) (crm.Result, []*item, error) {
	sys := change.ID.System
	for {
		if len(items) == 0 && change.HubSpotID == "" {
			p.Answered(sys, at)
			return crm.Result{}, nil, nil
		}
		change.Set = map[crm.Field]crm.Value{}
		for _, it := range items {
			change.Set[it.field.Name] = raw(it)
		}
		ctx, cancel, err := t.deadline(p)
		if err != nil {
			p.Answered(sys, at)
			return crm.Result{}, nil, err
		}
		c := t.put(&call{kind: callWrite, ctx: ctx, system: sys, change: change})
		cancel()
		if c.result.Err == nil {
			p.Answered(sys, at)
			t.wrote = true
			return c.result, t.sent(p, items, c.result.Skipped), nil
		}
		left, again, err := t.without(p, sys, &change, items, c.result.Err)
		if err != nil {
			p.Answered(sys, at)
			return crm.Result{}, nil, err
		}
		if len(left) == len(items) && !again && change.HubSpotID == c.change.HubSpotID {
			if !fault.KindOf(c.result.Err).Uncertain() {
				p.Answered(sys, at)
			}
			return crm.Result{}, nil, c.result.Err
		}
		items = left
	}
}

// sent returns the items whose values the system got. What it has no counterpart of (an owner without an account) was left out:
// the field comes to rest as it is, until either side changes.
func (t *task) sent(p *identity.Loaded, items []*item, skipped []crm.Field) []*item {
	var left []*item
	for _, it := range items {
		if !slices.Contains(skipped, it.field.Name) {
			left = append(left, it)
			continue
		}
		it.decision = merge.Decision{Field: it.field.Name}
		p.Settle(it.slot, it.shows)
	}
	return left
}

// without holds the fields that the system refused and returns the rest, and whether one that was refused is among it, to be sent again.
// An error came from a store: nothing more is held then.
func (t *task) without(p *identity.Loaded, sys crm.System, change *crm.Change, items []*item, err error) (left []*item, again bool, _ error) {
	refusals := refusalsOf(err)
next:
	for _, it := range items {
		for _, r := range refusals {
			if r.Field == it.field.Name {
				insists, err := t.turnedDown(p, it, sys, r)
				if err != nil {
					return nil, false, err
				}
				if insists {
					again = true
					break
				}
				p.Hold(it.slot, *it.held)
				if it.decision.Action == merge.Both && sys == crm.Zoho { // HubSpot gets it back all the same
					it.toZoho, it.goesOn = crm.Unknown(), it.held
					continue next
				}
				it.decision = merge.Decision{Field: it.field.Name}
				continue next
			}
		}
		left = append(left, it)
	}
	for _, r := range refusals {
		if change.HubSpotID != "" && r.Field == "" && r.Property == externalID {
			change.HubSpotID = ""
			p.Hold(relink, pair.Held{System: sys, Mapping: t.m.Version(), Hint: r.Hint, Code: r.Code, Other: r.Record})
			t.relinks = append(t.relinks, t.refused(p.Record(sys.Other()), p.Record(sys), relinkField, r.Property, r))
			if err := t.waitFor(p, sys, r); err != nil {
				return nil, false, err
			}
		}
	}
	return left, again, nil
}

// turnedDown holds a field that a system refused: its company is waited for where that is gone there, anything else is told. It holds
// nothing, and reports true, where the value is to be sent once more.
func (t *task) turnedDown(p *identity.Loaded, it *item, sys crm.System, r fault.Refusal) (again bool, err error) {
	if it.field.Type == crm.TypeCompany {
		id := crm.ID{System: sys, Module: crm.Companies, Key: it.sent(sys).Text()}
		gone, err := t.companyGone(p.Pair, it, id)
		if gone || err != nil {
			return false, err
		}
		if t.insist(id) {
			return true, nil
		}
	}
	t.hold(p.Pair, it, sys, r)
	return false, t.waitFor(p, sys, r)
}

// insist reports, once a task, that a company which was refused is sent again: one that is there may have been gone a moment before.
func (t *task) insist(id crm.ID) bool {
	if slices.Contains(t.insisted, id) {
		return false
	}
	t.insisted = append(t.insisted, id)
	return true
}

// waitFor asks for a second look when the record that has the value is brought in step.
func (t *task) waitFor(p *identity.Loaded, sys crm.System, r fault.Refusal) error {
	if r.Hint != fault.HintDuplicate || r.Record == "" {
		return nil
	}
	return t.s.Book.Wait(t.ctx, t.conn, t.record(sys, r.Record), p.Record(t.id.System), t.now())
}

func (t *task) writeZoho(p *identity.Loaded, b both, plan *plan, items []*item, at time.Time) error {
	change := crm.Change{ID: p.Record(crm.Zoho), Columns: t.m.Columns(t.kind(), crm.Zoho), IfUnmodified: b.zoho.Record.Modified}
	if plan.relink {
		change.HubSpotID = p.HubSpot
	}
	res, taken, err := t.send(p, change, items, func(it *item) crm.Value { return it.toZoho }, at)
	if err != nil {
		return err
	}
	if _, held := p.Held[relink]; plan.relink && !held {
		p.Linked = true
		p.Sent = append(p.Sent, relink) // read back like a field: what is edited in the second of our write has its time
	}
	if !res.Modified.IsZero() {
		plan.zohoTook = true
		if was := b.zoho.Record.Modified; !was.Equal(p.ZohoWrote) {
			p.ZohoBefore = was
		}
		p.ZohoAt, p.ZohoWrote = res.Modified, res.Modified
	}
	for _, it := range taken {
		p.Sent = append(p.Sent, it.slot)
		sent := t.s.Book.Hasher.Raw(crm.Zoho, it.field.Name, it.toZoho)
		if it.toHub.Known() {
			continue // it goes to both; HubSpot's answer completes it
		}
		p.Settle(it.slot, pair.Base{HubSpot: it.shows.HubSpot, Zoho: sent})
	}
	return nil
}

// stored reports whether HubSpot's answer shows something else than it was sent. An error came from a store.
func (t *task) stored(it *item, answer crm.Value) (altered bool, err error) {
	if it.goesOn != nil {
		return false, nil
	}
	c, err := t.word(it, crm.HubSpot, answer)
	return !t.equal(it.field, c, it.decision.Value), err
}

func (t *task) writeHubSpot(p *identity.Loaded, b both, items []*item, at time.Time) error {
	change := crm.Change{ID: p.Record(crm.HubSpot), Columns: t.m.Columns(t.kind(), crm.HubSpot)}
	for _, it := range items {
		if it.field.Type == crm.TypeCompany {
			change.Leaves = b.hubspot.Record.Value(it.field.Name)
		}
	}
	res, taken, err := t.send(p, change, items, func(it *item) crm.Value { return it.toHub }, at)
	if err != nil {
		return err
	}
	if res.Modified.After(p.UpdatedAt) {
		p.UpdatedAt = res.Modified
	}
	h := t.s.Book.Hasher
	for _, it := range taken {
		t.derives = t.derives || it.field.Type == crm.TypeEmail
		shows := pair.Base{HubSpot: h.Raw(crm.HubSpot, it.field.Name, it.toHub), Zoho: it.shows.Zoho}
		if it.toZoho.Known() {
			shows.Zoho = h.Raw(crm.Zoho, it.field.Name, it.toZoho)
		}
		if answer, ok := res.Answered[it.field.Name]; ok && answer.Known() {
			shows.HubSpot = h.Raw(crm.HubSpot, it.field.Name, answer)
			it.shows = shows
			altered, err := t.stored(it, answer)
			if err != nil {
				return err // nothing of it has come to rest: it is looked at again
			}
			if altered {
				t.hold(p.Pair, it, crm.HubSpot, fault.Refusal{Hint: fault.HintAltered, Code: fault.CauseAltered, Message: "HubSpot stored another value than it was sent"})
				p.Settle(it.slot, shows)
				p.Hold(it.slot, *it.held)
				continue
			}
		}
		p.Settle(it.slot, shows)
		if it.goesOn != nil {
			it.goesOn.Base = shows
			p.Hold(it.slot, *it.goesOn)
		}
	}
	return nil
}
