package simulate

import (
	"maps"
	"slices"
	"strings"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/sandbox"
)

// forgotten: nothing is kept of who was erased, and somebody is asked to erase every Zoho record that was theirs.
func (v verdict) forgotten() {
	for _, id := range slices.Sorted(maps.Keys(v.erasures)) {
		if v.erasures[id].IsZero() {
			v.violate("unerased", "hubspot contact %s was erased, and no operation of that ended", v.name(id))
			continue
		}
		for r := range v.w.Tables[sandbox.Pairs].All("") {
			if strings.HasSuffix(r.Key.Part, "#hubspot#contact#"+id) || strings.HasPrefix(r.Key.Part, "P#") && v.holds(r.Value, id) {
				v.violate("remembered", "table pairs keeps a row of hubspot contact %s, which was erased: %s", v.name(id), v.words(r.Key.Part))
			}
		}
		for _, key := range v.theirs(id) {
			z := crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: key}
			if _, lives := v.w.Zoho.Props(crm.Contacts, key); lives && !v.asksToErase(z) {
				v.violate("unnamed", "zoho contact %s was of hubspot contact %s, which was erased, and nobody is asked to erase it", v.name(key), v.name(id))
			}
		}
	}
}

// asksToErase reports whether somebody is asked to erase a Zoho contact, or what to do about it and one that he is asked to erase: a
// duplicate that was in the bin when its person was erased.
func (v verdict) asksToErase(z crm.ID) bool {
	return slices.ContainsFunc(v.rows, func(r fault.Parked) bool {
		if (r.Hint == fault.HintMergeTwins || r.Hint == fault.HintDuplicate) && r.Record == z {
			return slices.ContainsFunc(v.rows, func(e fault.Parked) bool {
				return e.Hint == fault.HintErase && (e.TargetID == r.Other || slices.Contains(r.More, e.TargetID))
			})
		}
		return r.Hint == fault.HintErase && r.TargetID == z
	})
}

// holds reports whether the row of a pair names the HubSpot contact.
func (v verdict) holds(value []byte, id string) bool {
	p, err := pair.Decode(value)
	return err == nil && p.Kind == crm.Contact && (p.HubSpot == id || slices.Contains(p.Former, pair.Side{System: crm.HubSpot, Key: id}))
}

// theirs are the Zoho contacts that a HubSpot contact was ever paired with, that were duplicates of these, or that carry its id.
func (v verdict) theirs(id string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(v.pairs)) {
		for _, p := range v.pairs[name] {
			if p.Kind == crm.Contact && p.HubSpot == id && p.State != pair.Superseded {
				out = append(out, append([]string{p.Zoho}, p.Duplicates...)...)
			}
		}
	}
	for _, key := range v.w.Zoho.IDs(crm.Contacts) {
		if p, _ := v.w.Zoho.Props(crm.Contacts, key); p["HubSpot_Id"] == id {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
