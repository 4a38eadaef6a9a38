package recordsync

import (
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/merge"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// A Zoho record that was last seen two seconds or more after its modified time is what we saw then, or a write on
// condition of that time is refused. Where the org is known to refuse, a plain edit in HubSpot needs no read of Zoho.

// assumable reports whether the changes of a HubSpot record can be decided without reading Zoho.
func (t *task) assumable(p pair.Pair, h crm.Record) bool {
	if !t.s.Conditional || t.id.System != crm.HubSpot || t.afresh() || p.KeyID != t.s.Book.Hasher.KeyID ||
		!p.Linked || p.ZohoAt.IsZero() || p.ZohoSeen.Sub(p.ZohoAt) < covers || len(p.Held) > 0 || len(p.Unfinished) > 0 || len(p.Restricted) > 0 {
		return false
	}
	for _, f := range t.synced() {
		base, v := p.Base[slotOf(f)], h.Value(f.Name)
		if !base.HubSpot.Known() || !base.Zoho.Known() || !v.Known() || f.Type == crm.TypeCompany && v.IsEmpty() && base.HubSpot != t.s.Book.Hasher.Raw(crm.HubSpot, f.Name, v) {
			return false
		}
		if f.Type == crm.TypeMoney && !t.filled(crm.HubSpot, f.Name, base.HubSpot) && t.filled(crm.Zoho, f.Name, base.Zoho) {
			return false // no amount, but a currency of its own
		}
		if over, _ := t.unseen(p, crm.HubSpot, h, f); over.Known() {
			return false
		}
		if t.s.Book.Hasher.Raw(crm.HubSpot, f.Name, v) == base.HubSpot {
			continue
		}
		entries := h.History[f.Name]
		ours := len(entries) > 0 && entries[0].Ours
		if ours || f.Rewords(crm.Zoho) || f.Policy != crm.Newest && f.Policy != crm.ToZoho || f.Zoho.ReadOnly || !t.moves(f, base, v, entries) {
			return false
		}
	}
	return true
}

// moves reports whether a change in HubSpot is one in Zoho too, whatever Zoho shows: what is equal in canonical form, or the
// same once it is cut, must not be written over a finer value.
func (t *task) moves(f mapping.Field, base pair.Base, v crm.Value, entries []crm.Entry) bool {
	if f.Type == crm.TypeCompany {
		return true
	}
	h := t.s.Book.Hasher
	i := slices.IndexFunc(entries, func(e crm.Entry) bool { return h.Raw(crm.HubSpot, f.Name, e.Value) == base.HubSpot })
	if i < 0 {
		return false
	}
	c, err := t.canon(crm.HubSpot, f, v)
	old, before := t.canon(crm.HubSpot, f, entries[i].Value)
	if err != nil || before != nil || c == old || !c.Known() {
		return false
	}
	raw, err := f.Raw(crm.Zoho, c, crm.Unknown())
	return err == nil && h.Raw(crm.Zoho, f.Name, raw) != base.Zoho
}

// assumed is Zoho's record as it was last seen. Its values are not known; what they hash to is the base.
func (t *task) assumed(p pair.Pair) crm.Reading {
	return crm.Reading{Record: crm.Record{ID: p.Record(crm.Zoho), Modified: p.ZohoAt, HubSpotID: p.HubSpot}, ReadAt: t.now()}
}

// presume decides one field of a record whose Zoho half was not read.
func (t *task) presume(p pair.Pair, b both, it *item) error {
	base := p.Base[it.slot]
	it.shows.Zoho = base.Zoho
	if it.shows.HubSpot == base.HubSpot {
		return nil
	}
	c, err := t.word(it, crm.HubSpot, b.hubspot.Record.Value(it.field.Name))
	if err != nil {
		return err
	}
	it.hubspot = c
	it.decision = merge.Decision{Field: it.field.Name, Action: merge.ToZoho, Value: c, Rule: merge.RuleEdit}
	return t.raw(p, it)
}

// noteSeen keeps what an echo proves: that Zoho stored what we sent, and, well after its modified time, that the next edit
// in HubSpot need not read it. Somebody else may be at work on the pair; then it is not worth a word.
func (t *task) noteSeen(p identity.Loaded, r crm.Reading) {
	if t.id.System != crm.Zoho {
		return
	}
	unmoved := t.s.Conditional && r.Record.Modified.Equal(p.ZohoAt) && p.ZohoSeen.Sub(p.ZohoAt) < covers && r.ReadAt.Sub(p.ZohoAt) >= covers
	if !unmoved && len(p.Sent) == 0 {
		return
	}
	if unmoved {
		p.ZohoSeen = r.ReadAt
	}
	p.Sent = nil
	if err := t.save(&p); err != nil {
		t.s.log().Debug("the pair was changed meanwhile", "record", t.id.String(), "at", r.ReadAt.Format(time.RFC3339))
	}
}
