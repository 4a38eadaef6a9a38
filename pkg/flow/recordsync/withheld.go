package recordsync

import (
	"slices"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/merge"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// What a Zoho record is created without: it is told before the insert and kept in the pair, what the record shows instead is nobody's
// edit, and what can be written later is.

// heldBack names the fields that a new record would be created without.
func heldBack(d *draft) string {
	out := ""
	for _, it := range d.items {
		if it.held != nil && it.held.Hint != "" {
			out += ", " + string(it.field.Name) + " held (" + string(it.held.Hint) + ")"
		}
	}
	return out
}

// withhold notes in the pair what its record is created without, and tells it first: whoever finds the record after a creation that
// was cut short knows it, and so does the client. What was held before stays to be tried: the record that is gone may come back meanwhile.
func (t *task) withhold(p *identity.Loaded, d *draft) error {
	p.Retry()
	d.hold(&p.Pair)
	var rows []fault.Parked
	for _, it := range d.items {
		if it.row != nil {
			rows, it.row = append(rows, *it.row), nil
		}
	}
	return t.tell(rows...)
}

// hold notes in the pair what the draft leaves out.
func (d *draft) hold(p *pair.Pair) {
	for _, it := range d.items {
		if it.held != nil {
			p.Hold(it.slot, *it.held)
		}
	}
}

// blanks settles the checkboxes that a record was created without: the box that it shows instead is nobody's word, and what is said in
// HubSpot from now on is later than it.
func (t *task) blanks(p *identity.Loaded) {
	for _, f := range t.synced() {
		slot := slotOf(f)
		if held, ok := p.Held[slot]; ok && f.Type == crm.TypeBool && f.Zoho.NotEmpty && !p.Base[slot].Zoho.Known() {
			restricted := slices.Contains(p.Restricted, slot)
			p.Settle(slot, held.Base)
			p.Hold(slot, held)
			if restricted {
				p.Restrict(slot)
			}
		}
	}
}

// blank is what a new record of Zoho shows in a field that nothing is written to.
func (t *task) blank(f mapping.Field) pair.Hash {
	v := crm.Empty()
	if f.Type == crm.TypeBool && f.Zoho.NotEmpty {
		v = crm.Text("false")
	}
	return t.s.Book.Hasher.Raw(crm.Zoho, f.Name, v)
}

// unedited returns what a field is held with from now on that was held when Zoho's record was created, and shows there what nobody but
// the insert has brought about: a default is no edit. It is nil otherwise.
func (t *task) unedited(p pair.Pair, b both, it *item) *pair.Held {
	held, ok := p.Held[it.slot]
	if !ok || held.Pending || t.afresh() || held.Mapping != t.m.Version() || p.Base[it.slot].Zoho.Known() || held.Base.HubSpot != it.shows.HubSpot ||
		!b.zoho.Record.Value(it.field.Name).Known() || !b.zoho.Record.Modified.Equal(p.ZohoWrote) {
		return nil
	}
	held.Base = it.shows
	return &held
}

// belated sends a value that Zoho's record was created without, unless Zoho has got one since: it is written once.
func (t *task) belated(p pair.Pair, it *item) error {
	if it.hubspot.IsEmpty() || it.zoho.Filled() && it.shows.Zoho != t.blank(it.field) {
		return nil
	}
	it.decision = merge.Decision{Field: it.field.Name, Action: merge.ToZoho, Value: it.hubspot, Rule: merge.RuleRetry}
	return t.raw(p, it)
}

// unticked reports whether two records meet for the first time in a checkbox that HubSpot shows ticked and Zoho does not: a record of
// Zoho shows that from the beginning, whether or not anybody ever said so. Its timeline tells who did.
func (t *task) unticked(it *item, known bool) bool {
	return !known && it.shows.Zoho == t.blank(it.field) && it.field.Type == crm.TypeBool && it.field.Zoho.NotEmpty && it.hubspot == crm.Text("true")
}
