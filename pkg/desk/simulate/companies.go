package simulate

// A contact's company, and what becomes of the people of one that is deleted, restored or made anew.

import (
	"cmp"
	"context"
	"slices"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
)

// company judges a contact's company: the same pair, or held; and the last one that somebody chose.
func (v verdict) company(pr sides, f mapping.Field, held bool) {
	if v.silent || v.told(pr.p, "") || v.told(pr.p, f.Name) {
		return
	}
	h, z := pr.raw(crm.HubSpot, f), pr.raw(crm.Zoho, f)
	if h, z := v.went(crm.HubSpot, pr, f), v.went(crm.Zoho, pr, f); h || z {
		if !h || !z {
			v.stays(pr, f)
		}
		return // no vendor says what becomes of the others in it, and Zoho tells nobody
	}
	if held {
		v.waits(pr, f)
		return
	}
	if v.companyOf(crm.HubSpot, h.Text()) != v.companyOf(crm.Zoho, z.Text()) {
		v.violate("unequal", "company of pair %s: %s shows %s, %s shows %s", pr.p.ID, v.short(pr.p.Record(crm.HubSpot)), v.name(h.Text()),
			v.short(pr.p.Record(crm.Zoho)), v.name(z.Text()))
		return
	}
	v.lost(pr, f, h)
}

// stays: who was never in any company but one is in it where it was made anew, from the next look at both of their records on.
func (v verdict) stays(pr sides, f mapping.Field) {
	company, ok := v.onlyCompany(pr, f)
	p, err := v.book.Load(context.Background(), company)
	if !ok || v.remade(pr.p) || err != nil || p.Version == 0 || p.State != pair.Living || v.tookOver(company) || v.cameBack() || !pr.p.ReadAt.After(v.goesOnSince(p.Pair)) {
		return
	}
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		if shows := pr.raw(sys, f).Text(); v.companyOf(sys, shows) != company {
			v.violate("astray", "%s was in one company only, %s, which lives, and shows %q", v.short(pr.p.Record(sys)), v.short(p.Record(sys)), v.name(shows))
		}
	}
}

// onlyCompany returns the company that people have put a contact into, by its pair, if they have said nothing else and we have brought it
// across.
func (v verdict) onlyCompany(pr sides, f mapping.Field) (company string, ok bool) {
	says := func(sys crm.System, raw string) bool {
		name := v.companyThen(sys, raw)
		if company == "" {
			company = name
		}
		return raw != "" && name == company
	}
	for _, e := range slices.Backward(v.w.HubSpot.History(pr.module, pr.p.HubSpot, f.HubSpot.Property)) {
		if gone := e.Value == "" && v.archivedAt(e.At); !e.Ours && !gone && !says(crm.HubSpot, e.Value) {
			return "", false
		}
	}
	for _, e := range v.w.Zoho.History(pr.module, pr.p.Zoho, f.Zoho.Property) {
		if !e.Ours && !says(crm.Zoho, e.Value) {
			return "", false
		}
	}
	return company, company != "" && v.knewIn(pr.p, f)
}

// tookOver reports whether a pair goes on for another one: who was in that one's company need not be in this one's.
func (v verdict) tookOver(id string) bool {
	for _, all := range v.pairs {
		if slices.ContainsFunc(all, func(w pairVersion) bool { return w.Successor == id }) {
			return true
		}
	}
	return false
}

// knewIn reports whether a pair ever knew both of its records to be in a company.
func (v verdict) knewIn(p pair.Pair, f mapping.Field) bool {
	return slices.ContainsFunc(v.pairs[p.ID], func(w pairVersion) bool {
		b := w.Base[slotOf(f)]
		return b.HubSpot.Known() && b.Zoho.Known() && b.HubSpot != v.hasher.Raw(crm.HubSpot, f.Name, crm.Empty()) && b.Zoho != v.hasher.Raw(crm.Zoho, f.Name, crm.Empty())
	})
}

// goesOnSince is since when a pair lives with the records that it has.
func (v verdict) goesOnSince(p pair.Pair) time.Time {
	since := never
	for _, w := range slices.Backward(v.pairs[p.ID]) {
		if w.State != pair.Living || w.HubSpot != p.HubSpot || w.Zoho != p.Zoho {
			break
		}
		since = w.at
	}
	return since
}

// cameBack reports whether a company was ever restored: who was taken along between two looks cannot be told from who left.
func (v verdict) cameBack() bool {
	return slices.ContainsFunc(v.w.HubSpot.Writes(), func(w hubspottest.Write) bool { return w.Op == "restore" && w.Module == crm.Companies }) ||
		slices.ContainsFunc(v.w.Zoho.Writes(), func(w zohotest.Write) bool { return w.Verb == "restore" && w.Module == "Accounts" })
}

// archivedAt reports whether a company of HubSpot was deleted at an instant.
func (v verdict) archivedAt(at time.Time) bool {
	return slices.ContainsFunc(v.w.HubSpot.Writes(), func(w hubspottest.Write) bool {
		return w.Op == "delete" && w.Module == crm.Companies && w.At.Equal(at)
	})
}

// remade reports whether a pair has ever had another record.
func (v verdict) remade(p pair.Pair) bool {
	return slices.ContainsFunc(v.pairs[p.ID], func(w pairVersion) bool { return w.HubSpot != p.HubSpot || w.Zoho != p.Zoho && w.Zoho != "" })
}

// waits: a contact waits for no company that is in step.
func (v verdict) waits(pr sides, f mapping.Field) {
	held := pr.p.Held[slotOf(f)]
	from := held.System.Other()
	shows := pr.raw(from, f).Text()
	if h := v.w.HubSpot.History(pr.module, pr.p.HubSpot, f.HubSpot.Property); from == crm.HubSpot && len(h) > 0 && h[0].Ours && shows != "" {
		return // a late write of ours covers what somebody chose, and that is waited for
	}
	c := v.companyOf(from, shows)
	if held.Pending && shows != "" && c != alone(from, shows) && c != v.companyOf(held.System, pr.raw(held.System, f).Text()) {
		v.violate("stuck", "company of %s waits for %s, which is in step", v.short(pr.p.Record(crm.HubSpot)), v.name(shows))
	}
}

// went reports whether the company that a contact had last on a side was deleted there, brought back or not.
func (v verdict) went(sys crm.System, pr sides, f mapping.Field) bool {
	last := ""
	if sys == crm.HubSpot {
		for _, e := range slices.Backward(v.w.HubSpot.History(pr.module, pr.p.HubSpot, f.HubSpot.Property)) {
			last = cmp.Or(e.Value, last)
		}
	} else {
		for _, e := range v.w.Zoho.History(pr.module, pr.p.Zoho, f.Zoho.Property) {
			last = cmp.Or(e.Value, last)
		}
	}
	return v.deletedOnce(sys, last)
}

func (v verdict) deletedOnce(sys crm.System, key string) bool {
	return slices.Contains(v.sim.deleted, crm.ID{System: sys, Module: crm.Companies, Key: key})
}

// companyOf names a company: by its pair, or by itself when it is in none; "" for none.
func (v verdict) companyOf(sys crm.System, key string) string {
	if key == "" {
		return ""
	}
	p, err := v.book.Find(context.Background(), crm.DefaultConnection, crm.ID{System: sys, Module: crm.Companies, Key: key})
	if err == nil && p.Version != 0 {
		if p, err = v.book.Follow(context.Background(), p); err == nil && p.State == pair.Living {
			return p.ID
		}
	}
	return alone(sys, key)
}

// alone names a company that is in no pair.
func alone(sys crm.System, key string) string { return string(sys) + key }
