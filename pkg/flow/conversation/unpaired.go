package conversation

import (
	"time"

	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// Who is in no pair: whom HubSpot alone has, or Zoho as a lead.

// hasHubSpot notes the HubSpot contact of a person who is in no pair, and shows there that he wants no messages. It is written with the
// rest of him.
func (t *task) hasHubSpot(b being, hubspot string) (being, error) {
	if hubspot == "" {
		return b, nil
	}
	holds, err := t.of(hubspot)
	switch {
	case err != nil:
		return being{}, err
	case b.id == "":
		b = holds
	case holds.id != "":
		b, err = t.join(holds, b)
	}
	if err != nil || b.HubSpot == hubspot {
		return b, err
	}
	b.HubSpot = hubspot
	if b.id == "" {
		return b, nil
	}
	who := someone{id: b.id, hubspot: hubspot}
	said, _, err := t.word(who)
	if err == nil && said.Out {
		err = t.setField(crm.HubSpot, who, t.f.Columns.HubSpotOptOut, boxed(true))
	}
	return b, err
}

// alsoInHubSpot looks in HubSpot for somebody whose contact in Zoho is in no pair, now and then while it has him not. Which of several
// there is his nobody can say: he is none of them.
func (t *task) alsoInHubSpot(b being, s someone, keys who.Keys) (someone, error) {
	if s.zoho == "" || s.hubspot != "" || keys.Phone.IsZero() || t.now().Sub(b.Looked) < LookAfter {
		return s, nil
	}
	hubspot, err := t.unpaired(keys)
	if err != nil && !final(err) {
		s.unasked = err
		return s, nil
	}
	if b, err = t.hasHubSpot(b, hubspot); err != nil {
		return someone{}, err
	}
	held, err := t.holdsHubSpot(b)
	if err != nil {
		return someone{}, err
	}
	b.Looked = t.now()
	if err := t.f.save(t.ctx, append(held, write(beingKey(t.conn, b.id), b.version, b, time.Time{}))...); err != nil {
		return someone{}, err
	}
	return t.someone(b)
}

// unpaired returns the only contact in HubSpot that carries the number, "" for none and for one of a pair.
func (t *task) unpaired(keys who.Keys) (string, error) {
	hubspot, err := t.inHubSpot(keys)
	if err != nil || hubspot == "" {
		return "", err
	}
	p, err := t.pair(crm.HubSpot, hubspot)
	if err != nil || p.Version != 0 && p.State == pair.Living && p.Zoho != "" {
		return "", err
	}
	return t.unlessTaken(keys, hubspot)
}

// meetWithout ends the search for somebody who has no contact in Zoho and gets none: it has him as a lead, or nobody knows him yet. He is
// known by himself, and by his HubSpot contact if he has one. only is written with somebody whom nobody knew: of two who look for him at
// once one alone gets to know him.
func (t *task) meetWithout(b being, keys who.Keys, lead string, only row.Put) (being, error) {
	if err := t.nameable(keys); lead == "" && err != nil {
		return being{}, err
	}
	var puts []row.Put
	if b.id == "" {
		b.id, puts = t.f.Book.NewID(), []row.Put{only}
	}
	held, err := t.holdsHubSpot(b)
	if err != nil {
		return being{}, err
	}
	n := t.names(keys)
	b.Lead = lead
	return b, t.remember(b, n, true, crm.Text(n.user), append(append(puts, held...), write(beingKey(t.conn, b.id), b.version, b, time.Time{}))...)
}

// holdsHubSpot returns the writes by which the HubSpot contact of a person leads to him.
func (t *task) holdsHubSpot(b being) ([]row.Put, error) {
	if b.HubSpot == "" {
		return nil, nil
	}
	return t.holds(b.id, b.HubSpot)
}

// inHubSpot returns the only contact in HubSpot that carries the number, "" for none.
func (t *task) inHubSpot(keys who.Keys) (string, error) {
	_, byNumber, err := t.hits(crm.HubSpot, keys)
	if err != nil {
		return "", err
	}
	verdict := who.Decide(t.named(keys), "", byNumber)
	if len(verdict.Candidates) > 0 {
		return "", among(crm.HubSpot, verdict.Candidates)
	}
	return verdict.Contact, nil
}

// asksLeads returns the lead in Zoho that carries the number, or is known as the person's and still there; "" for none.
func (t *task) asksLeads(b being, keys who.Keys) (string, error) {
	if !t.f.Columns.Leads {
		return "", nil
	}
	lead, err := t.leadOf(keys)
	if err != nil || lead != "" || b.Lead == "" {
		return lead, err
	}
	readings, err := t.f.Zoho.Read(t.ctx, crm.Query{Module: crm.Leads, Keys: []string{b.Lead}})
	if err != nil || readings[0].Gone { // a converted one is gone too
		return "", err
	}
	return b.Lead, nil
}

// leadOf returns the lead in Zoho that carries the number, "" for none.
func (t *task) leadOf(keys who.Keys) (string, error) {
	if keys.Phone.IsZero() {
		return "", nil
	}
	s := crm.Search{Module: crm.Leads, Columns: t.f.Columns.Numbers, Keys: asks(t.f.Columns.Numbers, keys)}
	leads, err := t.f.Zoho.Find(t.ctx, s)
	if err != nil {
		return "", err
	}
	for _, l := range leads {
		if as, twin := carries(l, s.Columns, t.f.Columns.Region, keys.Phone); as || twin {
			return l.ID.Key, nil
		}
	}
	return "", nil
}

// unlessComing holds that a HubSpot contact without a living pair is not about to appear in Zoho: it is not new, nor being made there. What
// is older waits for a person, or for what nobody knows.
func (t *task) unlessComing(p identity.Loaded, contact string) error {
	coming := p.Version != 0 && p.State == pair.Creating && t.now().Sub(t.received) < BirthFor
	if !coming {
		readings, err := t.f.HubSpot.Read(t.ctx, crm.Query{Module: crm.Contacts, Keys: []string{contact}, Columns: t.f.Columns.HubSpotNumbers})
		if err != nil {
			return err
		}
		coming = t.now().Sub(readings[0].Record.Created) < BirthFor
	}
	if coming {
		return fault.Again("conversation.Person", 5*time.Second, "the connector is bringing the contact to zoho")
	}
	return nil
}
