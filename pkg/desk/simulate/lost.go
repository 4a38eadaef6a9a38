package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/merge"
	"crm-connector/pkg/core/pair"
)

// tie is how far apart two edits must be for the later one to count: the product's tie, and a second because Zoho's times
// are cut to seconds.
const tie = merge.Tie + time.Second

// edit is a value that somebody else than us gave a field.
type edit struct {
	sys   crm.System
	at    time.Time
	upto  time.Time // a value that Zoho has no time for: it may count as late as this
	raw   string
	value crm.Value // canonical
	weak  bool      // it may win, but need not
	moot  bool      // it is about a company that was deleted: it need not win, and what it replaced has been replaced
}

// lost: the value that both sides show is that of an edit that no other edit is later than by more than the tie.
func (v verdict) lost(pr sides, f mapping.Field, shows crm.Value) {
	final, err := v.canon(crm.HubSpot, f, shows)
	if err != nil {
		return
	}
	edits := v.edits(pr, f)
	var latest, best time.Time
	for _, e := range edits {
		if !e.weak && e.at.After(latest) {
			latest = e.at
		}
		if e.is(f, final) && e.upto.After(best) {
			best = e.upto
		}
	}
	if latest.IsZero() || !best.Before(latest.Add(-tie)) {
		return
	}
	var worst *edit
	for i, e := range edits {
		if e.weak || !e.at.After(best.Add(tie)) || replaced(edits[i+1:], e) {
			continue
		}
		if window := v.window(pr, f, e); window != "" {
			v.result.Windows = append(v.result.Windows, Window{window, v.describe(pr, f, e)})
			continue
		}
		worst = &edits[i]
	}
	if worst != nil {
		v.violate("lost", "%s; both show %q, of %s", v.describe(pr, f, *worst), final.Text(), since(best))
	}
}

// replaced reports whether somebody on the same side said something else later: that is what must count, not this.
func replaced(later []edit, e edit) bool {
	return slices.ContainsFunc(later, func(l edit) bool { return (!l.weak || l.moot) && l.sys == e.sys && l.at.After(e.at) })
}

func since(t time.Time) string {
	if t.IsZero() {
		return "nobody's making"
	}
	return fmt.Sprintf("%.3f", t.Sub(start).Seconds())
}

func (v verdict) describe(pr sides, f mapping.Field, e edit) string {
	return fmt.Sprintf("%s of %s: %q of %s", f.Name, v.short(pr.p.Record(e.sys)), e.raw, since(e.at))
}

// canon returns a field's canonical value. A contact's company is valued by its pair, as far as it has one now.
func (v verdict) canon(sys crm.System, f mapping.Field, raw crm.Value) (crm.Value, error) {
	if f.Type != crm.TypeCompany {
		return f.Canon(sys, raw)
	}
	return crm.Text(v.companyOf(sys, raw.Text())), nil
}

// companyThen names a company that was deleted: by the pair that it was last half of, which may live on with another one.
func (v verdict) companyThen(sys crm.System, key string) string {
	name, last := v.companyOf(sys, key), time.Time{}
	if name != alone(sys, key) {
		return name
	}
	for id, all := range v.pairs {
		for _, w := range all {
			if w.Kind == crm.Company && w.Key(sys) == key && w.State == pair.Living && w.at.After(last) {
				name, last = id, w.at
			}
		}
	}
	return name
}

// is reports whether the edit gave the field the canonical value that HubSpot shows.
func (e edit) is(f mapping.Field, final crm.Value) bool {
	if e.sys == crm.HubSpot {
		return e.value == final
	}
	return f.Equal(final, e.value)
}

// edits are those of both records. What was there before the pair knew what both held counts by the rule of a first
// meeting: an empty field there says nothing. What was there before it had to forget, or got another record, may win only.
func (v verdict) edits(pr sides, f mapping.Field) []edit {
	since, anew := v.knows(pr.p, slotOf(f))
	known := since.at
	var out []edit
	mark := 0
	before, last := crm.Empty(), ""
	var seen []string // of one side so far
	add := func(sys crm.System, at, upto time.Time, raw string, ours bool) {
		c, err := v.canon(sys, f, crm.Text(raw))
		if err != nil {
			c = crm.Text(alien + raw)
		} else if f.Type == crm.TypeCompany && v.deletedOnce(sys, raw) {
			c = crm.Text(v.companyThen(sys, raw))
		}
		same := c == before // a company that another one goes on for: whoever says so need not be heard, and may be
		was := last
		seen = append(seen, raw)
		if before, last = c, raw; ours || same && raw == was {
			return
		}
		moot := v.perished(sys, f, was, raw) || raw == "" && v.baseGone(pr, f, sys, at, seen)
		early := at.Before(since.of(sys))
		for i := mark; early && i < len(out); i++ {
			out[i].weak = true // its own side has said something else before the two met
		}
		out = append(out, edit{sys: sys, at: at, upto: upto, raw: raw, value: c, weak: early && (anew || !c.Filled()) || moot || same, moot: moot})
	}
	history := v.w.HubSpot.History(pr.module, pr.p.HubSpot, f.HubSpot.Property)
	for _, e := range slices.Backward(history) {
		add(crm.HubSpot, e.At, e.At, e.Value, e.Ours)
	}
	before, last, mark, seen = crm.Empty(), "", len(out), nil
	zoho := v.w.Zoho.History(pr.module, pr.p.Zoho, f.Zoho.Property)
	for i, e := range zoho {
		// What a record holds that the pair met anew is as young as the record, whoever wrote it.
		met := anew && e.At.Before(since.of(crm.Zoho))
		upto := e.At
		if e.Creates && !e.Ours || e.Ours && met {
			end := known
			if i+1 < len(zoho) && zoho[i+1].At.Before(end) {
				end = zoho[i+1].At
			}
			upto = v.touched(pr.p.Zoho, e.At, end)
		}
		add(crm.Zoho, e.At, upto, e.Value, e.Ours && !met)
	}
	return out
}

// alien marks a value that has no counterpart on the other side.
const alien = "untranslatable "

// overruled: what a field is held for is no older than what somebody has said on the other side since.
func (v verdict) overruled(pr sides, f mapping.Field) {
	edits := v.edits(pr, f)
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		if _, err := v.canon(sys, f, pr.raw(sys, f)); err == nil {
			continue
		}
		stands := -1 // the last time that it was said
		for i, e := range edits {
			if e.sys == sys && e.raw == pr.raw(sys, f).Text() {
				stands = i
			}
		}
		for i, e := range edits {
			later := stands >= 0 && !e.weak && e.sys != sys && !strings.HasPrefix(e.value.Text(), alien) && e.at.After(edits[stands].upto.Add(tie)) && !replaced(edits[i+1:], e)
			raw := v.hasher.Raw(e.sys, f.Name, crm.Text(e.raw))
			back := raw == pr.p.Base[slotOf(f)].Of(e.sys) || raw == v.heldThen(pr, f, e.at).Of(e.sys)
			if later && back {
				v.result.Windows = append(v.result.Windows, Window{"put-back", v.describe(pr, f, e)})
			} else if later && e.raw == pr.raw(e.sys, f).Text() && v.window(pr, f, e) == "" {
				v.violate("overruled", "%s, and the field is held for an earlier value of the other side that cannot cross", v.describe(pr, f, e))
			}
		}
	}
}

// heldThen is what a field was held for at an instant.
func (v verdict) heldThen(pr sides, f mapping.Field, at time.Time) pair.Base {
	held := pair.Base{}
	for _, w := range v.pairs[pr.p.ID] {
		if !w.at.After(at) {
			held = w.Held[slotOf(f)].Base
		}
	}
	return held
}

// perished reports whether an edit is about a company that was deleted on its own side: it named it, or took its contact out
// of it, as its going does by itself.
func (v verdict) perished(sys crm.System, f mapping.Field, before, raw string) bool {
	if f.Type != crm.TypeCompany {
		return false
	}
	if raw == "" {
		raw = before
	}
	return v.deletedOnce(sys, raw)
}

// baseGone reports whether the company that the pair knew a contact to be in was deleted on that side: who is in none then was
// taken along, as far as anybody can see, wherever he was meanwhile.
func (v verdict) baseGone(pr sides, f mapping.Field, sys crm.System, at time.Time, seen []string) bool {
	if f.Type != crm.TypeCompany {
		return false
	}
	base := pair.Hash{}
	for _, w := range v.pairs[pr.p.ID] {
		if !w.at.After(at) {
			base = w.Base[slotOf(f)].Of(sys)
		}
	}
	return slices.ContainsFunc(seen, func(raw string) bool {
		return raw != "" && v.hasher.Raw(sys, f.Name, crm.Text(raw)) == base && v.deletedOnce(sys, raw)
	})
}

// touched returns when a Zoho record was last modified between two instants.
func (v verdict) touched(id string, from, to time.Time) time.Time {
	for _, w := range v.w.Zoho.Writes() {
		if w.ID == id && w.At.After(from) && w.At.Before(to) {
			from = w.At
		}
	}
	return from
}

// meeting is when a pair came to know what both sides of a field held: the row was saved then, by somebody who had read
// the two sides before.
type meeting struct {
	at    time.Time
	reads [2]time.Time
}

// of returns when the side was read, or the row saved if it was not read.
func (m meeting) of(sys crm.System) time.Time {
	side := 0
	if sys == crm.Zoho {
		side = 1
	}
	if r := m.reads[side]; !r.IsZero() {
		return r
	}
	return m.at
}

// knows returns since when the pair knows what both sides of a field held, and whether it had known it before.
func (v verdict) knows(p pair.Pair, slot pair.Slot) (since meeting, anew bool) {
	had := false
	var last *pairVersion
	for id, all := range v.pairs { // what HubSpot shows may have been brought there by a pair that is no more
		anew = anew || id != p.ID && slices.ContainsFunc(all, func(w pairVersion) bool { return w.Kind == p.Kind && w.HubSpot == p.HubSpot && w.State == pair.Living })
	}
	all := v.pairs[p.ID]
	for i := range all {
		w := &all[i]
		b, ok := w.Base[slot]
		ok = ok && b.HubSpot.Known() && b.Zoho.Known() && w.State == pair.Living
		moved := last != nil && (w.HubSpot != last.HubSpot || w.Zoho != last.Zoho && last.Zoho != "")
		last = w
		if moved {
			had, anew = false, true
		}
		switch {
		case ok && !had:
			since, had = meeting{w.at, w.reads}, true
		case !ok && had:
			had, anew = false, true
		}
		if moved {
			since = meeting{at: w.at}
		}
	}
	if !had {
		since = meeting{at: v.now()}
	}
	return since, anew
}

// window names the declared window in which an edit was lost, "" for none. It rests on what was seen: when we read and
// wrote the field, whether the writer lived to note it, and what the pair's row said.
func (v verdict) window(pr sides, f mapping.Field, e edit) string {
	if e.sys == crm.HubSpot && v.crashed(pr.p.HubSpot, f.HubSpot.Property, e.at) {
		return "crash"
	}
	if v.putBack(pr, f, e) {
		return "put-back"
	}
	return ""
}

// crashed reports whether the edit fell between our read and our write of the field, and the writer did not live to learn
// or to note what became of its write.
func (v verdict) crashed(key, property string, at time.Time) bool {
	return slices.ContainsFunc(v.hubspotWrites, func(w *hubspotWrite) bool {
		return w.key == key && slices.Contains(w.props, property) && !at.Before(w.read) && !at.After(w.at) && (w.unknown || !w.saved)
	})
}

// putBack reports whether the edit gave the field the value that the pair's row held as its base, so that nothing but a
// time tells that there was one, while the other side was changed too, or got another record by a merge; and whether whoever
// saved the row next had seen it.
func (v verdict) putBack(pr sides, f mapping.Field, e edit) bool {
	slot, all := slotOf(f), v.pairs[pr.p.ID]
	now := -1
	for i := range all {
		if !all[i].at.After(e.at) {
			now = i
		}
	}
	if now < 0 {
		return false
	}
	said := v.hasher.Raw(e.sys, f.Name, crm.Text(e.raw))
	if all[now].Base[slot].Of(e.sys) != said && all[now].Wrote(e.sys, slot, said) { // what we were writing is the base once its writer has said so
		for next := now + 1; next < len(all) && all[now].Base[slot].Of(e.sys) != said; next++ {
			now = next
		}
	}
	base := all[now].Base[slot]
	if base.Of(e.sys) != said {
		return false
	}
	began := now
	for began > 0 && all[began-1].Base[slot] == base {
		began--
	}
	next := now + 1
	for next < len(all) && all[next].Base[slot] == base {
		next++
	}
	if next == len(all) {
		return false
	}
	side := 0
	if e.sys == crm.Zoho {
		side = 1
	}
	if all[next].reads[side].Before(e.at) {
		return false
	}
	other := e.sys.Other()
	merged := all[began].Key(other) != all[next].Key(other)
	return slices.ContainsFunc(v.edits(pr, f), func(o edit) bool {
		return o.sys == other && (merged || o.at.After(all[began].reads[1-side])) && !o.at.After(all[next].at) &&
			base.Of(o.sys) != v.hasher.Raw(o.sys, f.Name, crm.Text(o.raw))
	})
}
