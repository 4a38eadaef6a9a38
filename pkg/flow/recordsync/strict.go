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

// What a person does not want is kept when her record is merged into another one, or another one takes its place.

// restrictive is the value of a strict field that no time undoes.
var restrictive = crm.Text("true")

// restricted reports whether a strict field was restrictive on a record of the pair when it was last read or written, or is to be so.
// HubSpot need not show it: it may be Zoho's alone to say.
func (t *task) restricted(p pair.Pair, f mapping.Field) bool {
	if f.Policy != crm.Strict {
		return false
	}
	slot, h := slotOf(f), t.s.Book.Hasher
	if slices.Contains(p.Restricted, slot) {
		return true
	}
	return p.KeyID == h.KeyID && slices.ContainsFunc([]crm.System{crm.HubSpot, crm.Zoho}, func(sys crm.System) bool {
		raw, err := f.Raw(sys, restrictive, crm.Unknown())
		hash := h.Raw(sys, f.Name, raw)
		return err == nil && (p.Base[slot].Of(sys) == hash || p.Wrote(sys, slot, hash))
	})
}

// restrictions are the strict fields in which the pair is restricted.
func (t *task) restrictions(p pair.Pair) (slots []pair.Slot) {
	for _, f := range t.synced() {
		if t.restricted(p, f) {
			slots = append(slots, slotOf(f))
		}
	}
	return slots
}

// restrict makes a field restrictive on every side that can be written.
func (t *task) restrict(p pair.Pair, it *item) error {
	hubspot := it.hubspot != restrictive && !it.field.HubSpot.ReadOnly
	zoho := it.zoho != restrictive && !it.field.Zoho.ReadOnly
	action := merge.Rest
	switch {
	case hubspot && zoho:
		action = merge.Both
	case hubspot:
		action = merge.ToHubSpot
	case zoho:
		action = merge.ToZoho
	}
	it.decision = merge.Decision{Field: it.field.Name, Action: action, Value: restrictive, Rule: merge.RuleStrict}
	return t.raw(p, it)
}

// takeOver restricts a pair in what somebody has just restricted a Zoho record in that it goes on without: whoever merges the two keeps the
// other one's values. What the record showed before says nothing: its person may have taken it back since.
func (t *task) takeOver(p *identity.Loaded, z crm.Record) fault.Outcome {
	var slots []pair.Slot
	for _, f := range t.synced() {
		v, err := t.canon(crm.Zoho, f, z.Value(f.Name))
		if err == nil && f.Policy == crm.Strict && v == restrictive && t.names(f.Zoho.Property) && !t.restricted(p.Pair, f) {
			slots = append(slots, slotOf(f))
		}
	}
	switch {
	case len(slots) == 0:
		return done("")
	case p.Leased(t.owner, t.now()):
		return again(t.later(), "somebody else is at work on the pair")
	}
	p.Restrict(slots...)
	p.Begun = true
	if err := t.save(p); err != nil {
		return t.fail(err)
	}
	return done("")
}
