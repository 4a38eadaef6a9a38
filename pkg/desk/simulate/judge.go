package simulate

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/identity"
	"crm-connector/pkg/flow/inbox"
)

// verdict is what the end of a run is judged by.
type verdict struct {
	*sim
	book *identity.Book
	rows []fault.Parked
}

// judge asks whether everything that must hold does hold.
func (s *sim) judge() {
	v := verdict{sim: s, book: &identity.Book{Store: s.w.Tables[sandbox.Pairs], Hasher: s.hasher}}
	var err error
	if v.rows, err = s.parked(); err != nil {
		s.violate("unreadable", "the parked rows cannot be listed: %v", err)
		return
	}
	if s.opt.Trace {
		s.words("")
		for _, r := range v.rows {
			s.tracef("parked: %s %s %s %s %s %s", s.short(r.Record), r.Field, r.Hint, r.Code, r.Class, s.words(r.Message))
		}
	}
	v.operations()
	v.created()
	v.twins()
	for r := range s.w.Tables[sandbox.Pairs].All("P#") {
		if p, err := pair.Decode(r.Value); err == nil && p.State == pair.Living {
			v.living(p)
		}
	}
	v.restricted()
	v.rowsEnd()
	v.answered()
	v.doubled()
	v.erased()
	v.forgotten()
	v.herd()
}

// operations: every one that was accepted ended, and none died.
func (v verdict) operations() {
	ids := make([]string, 0, len(v.taken))
	for id := range v.taken {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		if _, ok := v.endings[id]; !ok {
			v.violate("undone", "%s was accepted and never ended", v.words(v.taken[id]))
		}
	}
	for _, l := range v.lanes() {
		if waiting, inFlight := l.Dead.Stats(); waiting+inFlight > 0 {
			v.violate("undone", "%d messages of %s are dead", waiting+inFlight, l.Name)
		}
	}
	for _, r := range v.rows {
		unrun := r.Code == "unrun" && v.stopped[r.Operation] >= inbox.MaxStarts // no worker lived to say what became of it: it is told, as it must be
		if r.Class == fault.Ours && !unrun {
			v.violate("ours", "%s is parked as our own fault: %s", v.short(r.Record), r.Message)
		}
	}
}

// created: nothing is made in HubSpot by us.
func (v verdict) created() {
	for _, w := range v.w.HubSpot.Writes() {
		if w.Ours && w.Op == "create" {
			v.violate("created", "we made %s %s in hubspot", w.Module, w.ID)
		}
	}
}

// parked reports whether there is an open row about the record.
func (v verdict) parked(id crm.ID, want func(fault.Parked) bool) bool {
	return slices.ContainsFunc(v.rows, func(r fault.Parked) bool { return (r.Record == id || r.TargetID == id) && (want == nil || want(r)) })
}

// twins: no record of HubSpot is without its twin in Zoho, unless somebody was told why.
func (v verdict) twins() {
	ctx := context.Background()
	for _, m := range []crm.Module{crm.Contacts, crm.Companies} {
		for _, key := range v.w.HubSpot.IDs(m) {
			id := crm.ID{System: crm.HubSpot, Module: m, Key: key}
			p, err := v.book.Find(ctx, crm.DefaultConnection, id)
			if err == nil && p.Version != 0 {
				p, err = v.book.Follow(ctx, p)
			}
			if err != nil {
				v.violate("unreadable", "the pair of %s: %v", v.short(id), err)
				continue
			}
			v.twin(id, p)
		}
	}
}

func (v verdict) twin(id crm.ID, p identity.Loaded) {
	zoho := false
	if p.Version != 0 && p.Zoho != "" {
		_, zoho = v.w.Zoho.Props(id.Module, p.Zoho)
	}
	switch {
	case v.parked(id, nil):
	case p.Version == 0 && v.cfg.met && !v.heard[id]: // it was there before, and nothing happened to it: an import's business
	case p.Version == 0:
		v.violate("untwinned", "%s has no pair, and nobody was told", v.short(id))
	case p.State == pair.Creating:
		v.violate("untwinned", "%s is still being created", v.short(id))
	case p.HubSpot != id.Key:
		v.violate("untwinned", "%s lives, and its pair goes on with %s", v.short(id), v.short(p.Record(crm.HubSpot)))
	case p.State == pair.Orphan && p.Gone == crm.HubSpot && p.HubSpot == id.Key:
		v.violate("orphan", "%s lives, and its pair says that it is gone", v.short(id))
	case p.State == pair.Orphan && zoho:
		v.violate("orphan", "%s and zoho %s live, and their pair is an orphan", v.short(id), v.name(p.Zoho))
	case p.State == pair.Orphan && p.Gone == crm.Zoho:
		v.asked(id, p.Pair)
	case p.State == pair.Living && !zoho:
		v.violate("untwinned", "the twin zoho %s of %s is gone, and its pair lives", v.name(p.Zoho), v.short(id))
	}
}

// restricted: nobody ever takes back what a person does not want, so it stands on the Zoho record that is left of her as soon as a pair of
// hers has known it.
func (v verdict) restricted() {
	ids := make([]string, 0, len(v.pairs))
	for id := range v.pairs {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		for _, f := range v.m.Fields(crm.Contact) {
			if f.Policy != crm.Strict || !v.knewRestricted(id, f) {
				continue
			}
			p, err := v.book.Load(context.Background(), id)
			if err == nil && p.Version != 0 {
				p, err = v.book.Follow(context.Background(), p)
			}
			if err != nil || p.Version == 0 || p.State != pair.Living {
				continue
			}
			if z, ok := v.props(crm.Zoho, crm.Contacts, p.Zoho); ok && z[f.Zoho.Property] != "true" && !v.told(p.Pair, f.Name) {
				v.violate("undone", "%s of %s was true, and is %q", f.Name, v.short(p.Record(crm.Zoho)), z[f.Zoho.Property])
			}
		}
	}
}

// knewRestricted reports whether a pair ever knew that its Zoho record was restricted.
func (v verdict) knewRestricted(id string, f mapping.Field) bool {
	yes := v.hasher.Raw(crm.Zoho, f.Name, crm.Text("true"))
	return slices.ContainsFunc(v.pairs[id], func(w pairVersion) bool { return w.Base[slotOf(f)].Zoho == yes })
}

// sides are the records of a living pair.
type sides struct {
	p      pair.Pair
	module crm.Module
	shows  map[crm.System]map[string]string
}

// living: both sides of a living pair are equal in every field that both take, or the field is held and somebody was told.
func (v verdict) living(p pair.Pair) {
	m := p.Kind.Home()
	pr := sides{p: p, module: m, shows: map[crm.System]map[string]string{}}
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		props, ok := v.props(sys, m, p.Key(sys))
		if !ok {
			if !v.parked(p.Record(sys), nil) && !v.parked(p.Record(sys.Other()), nil) {
				v.violate("gone", "%s is gone, and its pair with %s lives", v.short(p.Record(sys)), v.short(p.Record(sys.Other())))
			}
			return
		}
		pr.shows[sys] = props
	}
	if id := pr.shows[crm.HubSpot]["hs_object_id"]; id != p.HubSpot {
		v.violate("merged", "%s was merged into %s, and its pair does not know", v.short(p.Record(crm.HubSpot)), v.name(id))
		return
	}
	if id := pr.shows[crm.Zoho]["HubSpot_Id"]; id != p.HubSpot && !v.told(p, "") && !v.told(p, "hubspot_id") {
		v.violate("unlinked", "%s carries the id %q, not that of %s", v.short(p.Record(crm.Zoho)), v.name(id), v.short(p.Record(crm.HubSpot)))
	}
	for _, f := range v.m.Fields(p.Kind) {
		v.field(pr, f)
		v.tells(pr, f)
	}
}

func slotOf(f mapping.Field) pair.Slot {
	return pair.SlotOf(f.Name, f.HubSpot.Property, f.Zoho.Property)
}

// raw is a field as a side shows it.
func (pr sides) raw(sys crm.System, f mapping.Field) crm.Value {
	return crm.Text(pr.shows[sys][f.Side(sys).Property])
}

// field judges one field of a living pair.
func (v verdict) field(pr sides, f mapping.Field) {
	if f.Policy == crm.AtCreation {
		v.first(pr, f)
		return
	}
	if f.Policy == crm.Strict && f.HubSpot.ReadOnly {
		return
	}
	h, z := pr.raw(crm.HubSpot, f), pr.raw(crm.Zoho, f)
	shows := pair.Base{HubSpot: v.hasher.Raw(crm.HubSpot, f.Name, h), Zoho: v.hasher.Raw(crm.Zoho, f.Name, z)}
	held, isHeld := pr.p.Held[slotOf(f)]
	switch {
	case f.Type == crm.TypeCompany:
		v.company(pr, f, isHeld && held.Base == shows)
		return
	case v.equal(f, h, z) || pr.p.Invented.Known() && pr.p.Invented == shows.Zoho && h.IsEmpty():
		if f.Policy == crm.Newest && !isHeld {
			v.lost(pr, f, h)
		}
		return
	case f.Policy == crm.ToZoho && v.keptIn(pr, f):
		return
	case isHeld && held.Base == shows:
		if !held.Pending && !v.told(pr.p, f.Name) {
			v.violate("untold", "%s of %s is held (%s %s), and nobody was told", f.Name, v.short(pr.p.Record(crm.HubSpot)), held.Hint, held.Code)
		}
		if f.Policy == crm.Newest && !held.Pending {
			v.overruled(pr, f)
		}
		return
	case v.told(pr.p, ""):
		return
	}
	v.violate("unequal", "%s of pair %s: %s shows %q, %s shows %q", f.Name, pr.p.ID, v.short(pr.p.Record(crm.HubSpot)), h.Text(), v.short(pr.p.Record(crm.Zoho)), z.Text())
}

// keptIn reports whether Zoho's value of a field that only goes to Zoho stays there: it is a person's, or was there before the pair
// went on with another HubSpot record, which cannot be given it.
func (v verdict) keptIn(pr sides, f mapping.Field) bool {
	h := v.w.Zoho.History(pr.module, pr.p.Zoho, f.Zoho.Property)
	if len(h) == 0 || !h[len(h)-1].Ours {
		return len(h) > 0
	}
	since, anew := v.knows(pr.p, slotOf(f))
	return anew && h[len(h)-1].At.Before(since.of(crm.Zoho))
}

// told reports whether there is an open row about the field of the pair, or about the whole pair.
func (v verdict) told(p pair.Pair, f crm.Field) bool {
	is := func(r fault.Parked) bool { return r.Field == f }
	return v.parked(p.Record(crm.HubSpot), is) || v.parked(p.Record(crm.Zoho), is)
}

func (v verdict) equal(f mapping.Field, h, z crm.Value) bool {
	hc, err := f.Canon(crm.HubSpot, h)
	zc, err2 := f.Canon(crm.Zoho, z)
	return err == nil && err2 == nil && f.Equal(hc, zc)
}

// erased: nobody who was erased is made anew.
func (v verdict) erased() {
	for _, in := range v.insertions {
		for i, item := range in.items {
			id, _ := item["HubSpot_Id"].(string)
			done, gone := v.erasures[id]
			if gone && !done.IsZero() && in.sent.After(done) && in.ids[i] != "" {
				v.violate("erased", "hubspot contact %s was erased, and we made it anew as zoho %s", v.name(id), v.name(in.ids[i]))
			}
		}
	}
}

var never time.Time

// doubled: no insert of ours made a second record of somebody who was there already.
func (v verdict) doubled() {
	lives := v.lives()
	ours := map[string]bool{}
	for _, in := range v.insertions {
		for _, id := range in.ids {
			ours[id] = true
		}
	}
	for _, in := range v.insertions {
		property := map[crm.Module]string{crm.Contacts: "Email", crm.Companies: "Website"}[in.module]
		for i, id := range in.ids {
			key, _ := in.items[i][property].(string)
			if key = strings.ToLower(key); id == "" || key == "" {
				continue
			}
			for _, other := range lives.order[in.module] {
				born, alive := lives.at(other, in.at)
				if other == id || !alive || born.After(in.looked(i, key)) && (!ours[other] || lives.restored(other, born)) {
					continue // it was made or brought back after we had looked
				}
				since, ok := v.hadKey(in.module, other, property, key, in.at)
				if !ok || !ours[other] && !since.Before(in.looked(i, key)) {
					continue
				}
				if ours[other] && since.After(in.looked(i, key)) && !v.wasInserted(in.module, other, property, key) {
					continue
				}
				if v.reborn(in, i) {
					continue
				}
				v.violate("doubled", "we made zoho %s %s (%s) beside %s", in.module, v.name(id), key, v.name(other))
			}
		}
	}
}

// reborn reports whether an insert whose answer was lost landed after another one of the same record had, and a person had
// deleted what that one made: only then does Zoho take the record's id again.
func (v verdict) reborn(in *insertion, i int) bool {
	owner, _ := in.items[i]["HubSpot_Id"].(string)
	for _, other := range v.insertions {
		for j, id := range other.ids {
			if o, _ := other.items[j]["HubSpot_Id"].(string); other != in && o == owner && id != "" && other.at.After(in.sent) && other.at.Before(in.at) {
				return true
			}
		}
	}
	return false
}

// hadKey returns since when a record had the key at an instant.
func (v verdict) hadKey(m crm.Module, id, property, key string, at time.Time) (time.Time, bool) {
	since, has := never, false
	for _, e := range v.w.Zoho.History(m, id, property) {
		if e.At.After(at) {
			break
		}
		since, has = e.At, strings.EqualFold(e.Value, key)
	}
	return since, has
}

func (v verdict) wasInserted(m crm.Module, id, property, key string) bool {
	h := v.w.Zoho.History(m, id, property)
	return len(h) > 0 && h[0].Creates && strings.EqualFold(h[0].Value, key)
}

// lives tells when each record of Zoho lived.
type lives struct {
	order map[crm.Module][]string
	turns map[string][]time.Time // birth, death, birth …
}

func (v verdict) lives() lives {
	l := lives{order: map[crm.Module][]string{}, turns: map[string][]time.Time{}}
	for _, w := range v.w.Zoho.Writes() {
		m, ok := moduleOf[w.Module]
		if !ok {
			continue
		}
		switch w.Verb {
		case "insert":
			l.order[m] = append(l.order[m], w.ID)
			l.turns[w.ID] = append(l.turns[w.ID], w.At)
		case "delete", "restore":
			l.turns[w.ID] = append(l.turns[w.ID], w.At)
		}
	}
	return l
}

// restored reports whether the life of a record that began at an instant is not its first.
func (l lives) restored(id string, born time.Time) bool { return born.After(l.turns[id][0]) }

// at tells whether a record lived at an instant, and since when.
func (l lives) at(id string, at time.Time) (since time.Time, alive bool) {
	n := 0
	for _, t := range l.turns[id] {
		if !t.After(at) {
			n, since = n+1, t
		}
	}
	return since, n%2 == 1
}
