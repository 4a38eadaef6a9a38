package conversation

import (
	"cmp"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// Who goes on with another contact, because the pair of his does.

// reunited goes on with the Zoho contact with which a person's pair goes on: another one than his own since he was met, or the one that was
// restored. For somebody whose own is gone it is not that one. Nor is it one that is another person's where his own was merged away, or
// its pair was, in a CRM: there his keys decide, or his own contact stays his.
func (t *task) reunited(b being) (being, error) {
	p, err := t.onward(b)
	contact := ahead(p)
	if err != nil || contact == "" || contact == b.Contact {
		return b, err
	}
	other, err := t.of(contact)
	if err != nil {
		return being{}, err
	}
	stranger := other.id != "" && other.id != b.id
	switch {
	case b.Contact == "" && b.Gone != "" && (contact == b.Gone || stranger), b.Contact != "" && b.HubSpot == "" && stranger:
		return b, nil
	case b.Contact == "":
		return t.adopt(b, contact, names{})
	case !stranger:
		other = being{Contact: contact}
	}
	b.HubSpot = "" // of what is paired the pair knows
	return t.join(b, other)
}

// onward returns the pair of a person: his HubSpot contact's, or where none goes on with that one his own contact's, or that of the one
// that he had before.
func (t *task) onward(b being) (p identity.Loaded, err error) {
	if b.HubSpot != "" {
		p, err = t.pair(crm.HubSpot, b.HubSpot)
	}
	contact := cmp.Or(b.Contact, b.Gone)
	if err != nil || ahead(p) != "" || contact == "" {
		return p, err
	}
	if own, err := t.pair(crm.Zoho, contact); err != nil || ahead(own) != "" {
		return own, err
	}
	return p, nil
}

// ahead returns the Zoho contact with which a pair goes on, "" where it has none, or has lost it.
func ahead(p identity.Loaded) string {
	if p.Version != 0 && (p.State == pair.Living || p.State == pair.Orphan && p.Gone == crm.HubSpot) {
		return p.Zoho
	}
	return ""
}

// goesOnAs returns the contact of Zoho as which somebody goes on: his pair's, or one that carries the id of his HubSpot contact though the
// pair does not know of it, as after a merge in Zoho of who is in HubSpot no more. "" for none.
func (t *task) goesOnAs(p identity.Loaded, b being, hubspot string) (string, error) {
	contact := ahead(p)
	if contact == b.Gone && p.State == pair.Orphan { // nobody has told that it is gone
		contact = ""
	}
	if contact != "" || hubspot == "" {
		return contact, nil
	}
	carry, err := t.f.Zoho.Find(t.ctx, crm.Search{Module: crm.Contacts, HubSpotIDs: []string{hubspot}, Columns: t.f.Columns.Numbers})
	if err != nil {
		return "", err
	}
	for _, z := range carry {
		if z.HubSpotID == hubspot && z.ID.Key != b.Gone {
			return z.ID.Key, nil
		}
	}
	return "", nil
}
