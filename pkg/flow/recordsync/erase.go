package recordsync

import (
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/identity"
)

// erase forgets a person: the pair, the names, what was parked. A tombstone keeps the ids from being created again, and
// the operator is told to erase in Zoho.
func (t *task) erase() fault.Outcome {
	p, err := t.s.Book.Find(t.ctx, t.conn, t.id)
	if err == nil && p.Version != 0 {
		p, err = t.s.Book.Follow(t.ctx, p)
	}
	if err != nil {
		return t.fail(err)
	}
	if p.Version != 0 && p.Leased(t.owner, t.now()) {
		return again(t.later(), "somebody else is at work on the pair")
	}
	ids := []crm.ID{t.id}
	if p.Version != 0 && p.HubSpot != t.id.Key {
		// The pair goes on under another id: it is erased only if that one is gone too.
		heir, err := t.read(crm.HubSpot, p.HubSpot, t.columns(crm.HubSpot, false))
		if err != nil {
			return t.fail(err)
		}
		if ids = append(ids, p.Record(crm.HubSpot)); !heir.Gone {
			ids, p = ids[:1], identity.Loaded{}
		}
	}
	zoho := p.Record(crm.Zoho)
	if p.Zoho != "" {
		ids = append(ids, zoho)
	}
	if err := t.s.Parking.Erase(t.ctx, t.conn, ids...); err != nil {
		return t.fail(err)
	}
	if p.Zoho != "" {
		r := t.row(crm.Zoho, fault.HintErase, fault.CauseErased, "erased in HubSpot by privacy deletion; erase the record in Zoho too")
		r.TargetID = zoho
		if err := t.tell(t.named(r)); err != nil {
			return t.fail(err)
		}
	}
	if err := t.s.Book.Erase(t.ctx, t.conn, p, ids, t.now()); err != nil {
		return t.fail(err)
	}
	return done("erased")
}
