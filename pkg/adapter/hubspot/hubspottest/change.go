package hubspottest

import (
	"slices"
	"sort"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// pair is one value to store, checked and in HubSpot's form.
type pair struct {
	name, value string
}

// normalised is a value that was stored other than it was sent.
type normalised struct {
	name, raw, stored string
}

// plan is a checked write.
type plan struct {
	asked    []string // sorted
	pairs    []pair   // sorted by name
	company  *string
	warnings []normalised
}

// check turns what was asked into a plan, or says why not. The first property that does not exist or does not take its
// value fails the whole request, together with all others of that request. r is nil for a creation.
func (s *Server) check(t *table, r *record, props map[string]string) (plan, *refusal) {
	p := plan{asked: sortedKeys(props)}
	var fails []fail
	for _, name := range p.asked {
		value := clean(props[name])
		def := t.property(name)
		switch {
		case def == nil:
			m := `Property "` + name + `" does not exist`
			fails = append(fails, fail{name, value, "PROPERTY_DOESNT_EXIST", m})
			continue
		case def.ReadOnly:
			m := `"` + name + `" is a read only property; its value cannot be set.`
			fails = append(fails, fail{name, value, "READ_ONLY_VALUE", m})
			continue
		}
		before := ""
		if r != nil {
			before = r.value(name, time.Time{})
		}
		stored, warn, f := s.normal(def, value, before)
		switch {
		case f != nil:
			fails = append(fails, *f)
		case name == "associatedcompanyid" && t == s.contacts():
			if stored != "" && s.companies().lives(stored, time.Time{}) == nil {
				fails = append(fails, fail{name, value, "INVALID_ASSOCIATED_COMPANY", "Company " + value + " does not exist"}) // assembled
			}
			p.company = &stored
		case name == "lifecyclestage" && stored != "" && def.rank(stored) < def.rank(before):
			// HubSpot docs: Contacts, "Update contacts": a stage only moves on; an earlier one is not set, and nothing is
			// said about it. Clear the property first to go back.
		default:
			p.pairs = append(p.pairs, pair{name, stored})
		}
		if warn {
			p.warnings = append(p.warnings, normalised{name, value, stored})
		}
	}
	if fails != nil {
		return plan{}, s.notValid(fails)
	}
	return p, s.taken(t, r, p.pairs)
}

// taken refuses values that are another record's own: e-mail addresses, and properties that are unique.
func (s *Server) taken(t *table, r *record, pairs []pair) *refusal {
	for _, p := range pairs {
		if p.value == "" {
			continue
		}
		if p.name == "email" && t == s.contacts() {
			for _, other := range t.holders("email", p.value, time.Time{}) {
				if other != r {
					return conflict(other.id)
				}
			}
			continue
		}
		if !t.unique(p.name) {
			continue
		}
		for _, other := range t.holders(p.name, p.value, time.Time{}) {
			if other != r { // assembled after community captures of "already has that value"
				return invalid("Cannot set PropertyValueCoordinates{objectTypeId=" + t.typeID + ", propertyName=" + p.name +
					"}. " + other.id + " already has that value.")
			}
		}
	}
	return nil
}

// nameless refuses a creation that shows nothing to call the record by. HubSpot docs: Contacts ("at least one of email,
// firstname, lastname") and Companies ("at least name or domain"); the body is assembled.
func (t *table) nameless(pairs []pair) *refusal {
	need := []string{"email", "firstname", "lastname"}
	if t.module == crm.Companies {
		need = []string{"name", "domain"}
	}
	for _, p := range pairs {
		if p.value != "" && slices.Contains(need, p.name) {
			return nil
		}
	}
	r := invalid("At least one of the following properties must be set: " + strings.Join(need, ", "))
	r.Errors = []detail{{Message: "A value for " + need[0] + " must be provided", Code: "MISSING_REQUIRED_PROPERTY",
		Context: map[string][]string{"propertyName": {need[0]}}}}
	return r
}

// create carries out a plan on a new record.
func (s *Server) create(t *table, p plan, by actor) *record {
	at := s.now()
	r := t.add(at)
	for _, own := range []pair{
		{"createdate", stamp(at)}, {"hs_object_id", r.id}, {"hs_object_source", by.sourceType}, {"hs_object_source_id", by.sourceID},
		{t.modified, stamp(at)},
	} {
		t.put(r, own.name, entry{own.value, at, by})
	}
	s.record(Write{At: at, Op: "create", Module: t.module, ID: r.id}, by, p.pairs)
	s.emit(t, event{kind: "creation", ObjectID: number(r.id), ChangeFlag: "CREATED"}, by)
	s.store(t, r, p.pairs, at, by)
	s.follow(r, p, by)
	return r
}

// update carries out a plan on a record that is there. Values that are the same already leave no trace.
func (s *Server) update(t *table, r *record, p plan, by actor) {
	at := s.now()
	if changed := s.store(t, r, p.pairs, at, by); len(changed) > 0 {
		s.record(Write{At: at, Op: "update", Module: t.module, ID: r.id}, by, changed)
		s.touch(t, r, at, by)
	}
	s.follow(r, p, by)
}

// store appends the values that differ and fires a propertyChange for each.
func (s *Server) store(t *table, r *record, pairs []pair, at time.Time, by actor) (changed []pair) {
	for _, p := range pairs {
		before := r.value(p.name, time.Time{})
		if before == p.value {
			continue
		}
		if p.name == "email" {
			s.promote(t, r, before, p.value, at, by)
		}
		t.put(r, p.name, entry{p.value, at, by})
		s.emitProperty(t, r, p, by)
		changed = append(changed, p)
	}
	return changed
}

// promote swaps a contact's own secondary address with the primary one, when that is what is written.
func (s *Server) promote(t *table, r *record, before, address string, at time.Time, by actor) {
	list := r.value("hs_additional_emails", time.Time{})
	if address == "" || !hasMember(list, address) {
		return
	}
	t.put(r, "hs_additional_emails", entry{joinMembers(list, before, address), at, by})
}

// joinMembers adds a member to a list joined by ";", and leaves another out.
func joinMembers(list, add, without string) string {
	var kept []string
	for _, m := range append(strings.Split(list, ";"), strings.Split(add, ";")...) {
		if m != "" && m != without && !slices.Contains(kept, m) {
			kept = append(kept, m)
		}
	}
	sort.Strings(kept)
	return strings.Join(kept, ";")
}

// touch moves the last-modified time.
func (s *Server) touch(t *table, r *record, at time.Time, by actor) {
	if now := stamp(at); r.value(t.modified, time.Time{}) != now {
		t.put(r, t.modified, entry{now, at, by})
	}
}

// follow carries out the part of a plan that is an association.
func (s *Server) follow(r *record, p plan, by actor) {
	if p.company == nil {
		return
	}
	if *p.company == "" {
		s.setPrimary(r, nil, by)
		return
	}
	s.setPrimary(r, s.companies().lives(*p.company, time.Time{}), by)
}

// remove archives a record. HubSpot docs: CRM objects, "Archive" (restorable for 90 days); a company's contacts lose it.
func (s *Server) remove(t *table, r *record, by actor) {
	at := s.now()
	r.enter(archived, at, nil)
	s.record(Write{At: at, Op: "delete", Module: t.module, ID: r.id}, by, nil)
	s.emit(t, event{kind: "deletion", ObjectID: number(r.id), ChangeFlag: "DELETED"}, by)
	if t == s.companies() {
		for _, id := range slices.Clone(r.links) {
			s.unlink(s.contacts().byID[id], r, by)
		}
	}
}

// Write is one thing that was done to a record, by anyone.
type Write struct {
	At         time.Time
	Ours       bool   // by the app's token
	Op         string // create, update, delete, restore, merge, erase, associate, dissociate
	Module     crm.Module
	ID         string
	Properties map[string]string // what was stored, for create and update
}

func (s *Server) record(w Write, by actor, stored []pair) {
	w.Ours = by.ours
	if stored != nil {
		w.Properties = make(map[string]string, len(stored))
		for _, p := range stored {
			w.Properties[p.name] = p.value
		}
	}
	s.writes = append(s.writes, w)
}

// number is an id on the webhook's wire. Ids are ours, so they parse.
func number(id string) int64 {
	var n int64
	for _, c := range []byte(id) {
		n = n*10 + int64(c-'0')
	}
	return n
}
