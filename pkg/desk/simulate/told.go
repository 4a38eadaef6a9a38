package simulate

import (
	"context"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
)

// rowsEnd: nobody is asked to mend what is in order, or what nobody can mend.
func (v verdict) rowsEnd() {
	for _, r := range v.rows {
		if _, lives := v.props(r.Record.System, r.Record.Module, r.Record.Key); r.Field != "" && r.Record.System == crm.Zoho && !lives && !v.wasBelated(r) {
			v.violate("unclosed", "%s is gone, and a row still tells its %s (%s %s)", v.short(r.Record), r.Field, r.Hint, r.Code)
		}
		pr, ok := v.pairOf(r)
		if !ok || v.wasBelated(r) {
			continue
		}
		if r.Hint == fault.HintDeleted {
			v.violate("unclosed", "%s lives beside %s, and a row still says that it is gone", v.short(pr.p.Record(r.Target)), v.short(r.Record))
		}
		for _, f := range v.m.Fields(pr.p.Kind) {
			if f.Name == r.Field && f.Type == crm.TypeCompany && r.Hint == fault.HintFormat {
				v.violate("untrue", "a row says that the company of %s has a wrong form: nobody writes a company by hand", v.short(r.Record))
			}
			if f.Name == r.Field && v.inStep(pr, f) {
				v.violate("unclosed", "%s of %s is in step, and a row still tells it (%s %s)", f.Name, v.short(r.Record), r.Hint, r.Code)
			}
		}
	}
}

// wasBelated reports whether a worker wrote a row after it had been frozen.
func (v verdict) wasBelated(r fault.Parked) bool {
	return slices.ContainsFunc(v.belated, func(key string) bool { return strings.HasSuffix(key, r.ID) })
}

// answered: what an operator replayed at the end is no more parked as deleted.
func (v verdict) answered() {
	for _, r := range v.rows {
		if _, lives := v.props(r.Record.System, r.Record.Module, r.Record.Key); lives && slices.Contains(v.replayed, r.ID) && r.Hint == fault.HintDeleted {
			v.violate("unanswered", "%s was replayed, and is still parked because its twin was deleted", v.short(r.Record))
		}
	}
}

// asked: nobody edits in HubSpot what has no record in Zoho any more without being asked what is to become of it. Who calls asks about
// records that no row is about. What Zoho had not taken was told before its record went.
func (v verdict) asked(id crm.ID, p pair.Pair) {
	for _, f := range v.m.Fields(p.Kind) {
		if f.Type == crm.TypeCompany || f.Zoho.ReadOnly || f.Zoho.Property == "" || f.HubSpot.Property == "" || f.Policy != crm.Newest && f.Policy != crm.ToZoho {
			continue
		}
		said := v.w.HubSpot.History(id.Module, id.Key, f.HubSpot.Property)
		if len(said) == 0 || said[0].Ours || !v.metBefore(p, slotOf(f), said[0].At) {
			continue
		}
		if told, ok := p.Held[slotOf(f)]; ok && told.Base.HubSpot == v.hasher.Raw(crm.HubSpot, f.Name, crm.Text(said[0].Value)) {
			continue
		}
		held, at := crm.Empty(), time.Time{}
		if h := v.w.Zoho.History(id.Module, p.Zoho, f.Zoho.Property); len(h) > 0 {
			held, at = crm.Text(h[len(h)-1].Value), h[len(h)-1].At
		}
		if said[0].At.After(at.Add(tie)) && !v.equal(f, crm.Text(said[0].Value), held) {
			v.violate("unasked", "%s of %s: %q of %s has no record in zoho to go to, and nobody is asked", f.Name, v.short(id), said[0].Value, since(said[0].At))
		}
	}
}

// metBefore reports whether a pair knew before the moment what both sides of a field held.
func (v verdict) metBefore(p pair.Pair, slot pair.Slot, at time.Time) bool {
	return slices.ContainsFunc(v.pairs[p.ID], func(w pairVersion) bool {
		b := w.Base[slot]
		return w.at.Before(at) && w.State == pair.Living && b.HubSpot.Known() && b.Zoho.Known()
	})
}

// pairOf returns the two records of the living pair that a row is about, if it asks for something that their coming in step ends.
func (v verdict) pairOf(r fault.Parked) (sides, bool) {
	if r.Hint == fault.HintMergeTwins || r.Hint == fault.HintErase || r.Hint == fault.HintLead || r.Record.IsZero() {
		return sides{}, false
	}
	p, err := v.book.Find(context.Background(), crm.DefaultConnection, r.Record)
	if err != nil || p.Version == 0 || p.State != pair.Living || p.Record(r.Record.System) != r.Record {
		return sides{}, false
	}
	pr := sides{p: p.Pair, module: p.Kind.Home(), shows: map[crm.System]map[string]string{}}
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		props, ok := v.props(sys, pr.module, p.Key(sys))
		if !ok {
			return sides{}, false
		}
		pr.shows[sys] = props
	}
	return pr, true
}

// inStep reports whether the pair knows that both sides of a field say the same.
func (v verdict) inStep(pr sides, f mapping.Field) bool {
	if _, held := pr.p.Held[slotOf(f)]; held || f.Policy == crm.AtCreation {
		return false
	}
	base := pr.p.Base[slotOf(f)]
	return base.HubSpot.Known() && base.Zoho.Known() && base == v.shown(pr, f) && v.same(pr, f)
}

// shown is what both sides of a field show, as the pair notes it.
func (v verdict) shown(pr sides, f mapping.Field) pair.Base {
	return pair.Base{
		HubSpot: v.hasher.Raw(crm.HubSpot, f.Name, pr.raw(crm.HubSpot, f)),
		Zoho:    v.hasher.Raw(crm.Zoho, f.Name, pr.raw(crm.Zoho, f)),
	}
}

// same reports whether both sides of a field say the same.
func (v verdict) same(pr sides, f mapping.Field) bool {
	h, z := pr.raw(crm.HubSpot, f), pr.raw(crm.Zoho, f)
	if f.Type == crm.TypeCompany {
		return v.companyOf(crm.HubSpot, h.Text()) == v.companyOf(crm.Zoho, z.Text())
	}
	return v.equal(f, h, z)
}

// first judges a field that is written at creation only: who made its record in HubSpot with a value that the new one in Zoho was
// made without is told, until somebody gives it another on either side.
func (v verdict) first(pr sides, f mapping.Field) {
	said := v.w.HubSpot.History(pr.module, pr.p.HubSpot, f.HubSpot.Property)
	born := v.w.HubSpot.History(pr.module, pr.p.HubSpot, "email")
	if len(said) != 1 || len(born) == 0 || said[0].At != born[len(born)-1].At || pr.raw(crm.HubSpot, f).IsEmpty() {
		return
	}
	if _, anew := v.knows(pr.p, slotOf(f)); anew || !v.inserted(pr.p.Zoho) || len(v.w.Zoho.History(pr.module, pr.p.Zoho, f.Zoho.Property)) > 0 {
		return
	}
	if !v.told(pr.p, f.Name) && !v.told(pr.p, "") {
		v.violate("untold", "%s was made without the %s of %s, and nobody is told", v.short(pr.p.Record(crm.Zoho)), f.Name, v.short(pr.p.Record(crm.HubSpot)))
	}
}

// inserted reports whether a record of Zoho is one that we made.
func (v verdict) inserted(id string) bool {
	return slices.ContainsFunc(v.insertions, func(in *insertion) bool { return slices.Contains(in.ids, id) })
}

// tells: what is held for a reason is told, and once.
func (v verdict) tells(pr sides, f mapping.Field) {
	held, ok := pr.p.Held[slotOf(f)]
	if !ok || held.Hint == "" || held.Base != v.shown(pr, f) {
		return
	}
	n, late := 0, 0
	for _, r := range v.rows {
		if r.Field != f.Name || r.Record != pr.p.Record(crm.HubSpot) && r.Record != pr.p.Record(crm.Zoho) {
			continue
		}
		if v.wasBelated(r) {
			late++
		} else {
			n++
		}
	}
	switch {
	case n+late == 0 && !v.told(pr.p, ""):
		v.violate("untold", "%s of %s is held (%s %s), and nobody was told", f.Name, v.short(pr.p.Record(crm.HubSpot)), held.Hint, held.Code)
	case n > 1:
		v.violate("twice", "%s of %s is held (%s %s), and %d rows tell it", f.Name, v.short(pr.p.Record(crm.HubSpot)), held.Hint, held.Code, n)
	}
}
