package hubspottest

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// kind is what differs between contacts and companies on the wire.
type kind struct {
	module   crm.Module
	plural   string
	singular string
	upper    string
	typeID   string
	modified string   // HubSpot docs: CRM objects, the last-modified property of a contact has a name of its own
	defaults []string // answered when no properties are asked
	schema   map[string]*Property
}

var kinds = [2]*kind{
	{
		module: crm.Contacts, plural: "contacts", singular: "contact", upper: "CONTACT", typeID: "0-1", modified: "lastmodifieddate",
		defaults: []string{"createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"},
		schema:   contactSchema,
	},
	{
		module: crm.Companies, plural: "companies", singular: "company", upper: "COMPANY", typeID: "0-2", modified: "hs_lastmodifieddate",
		defaults: []string{"createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"},
		schema:   companySchema,
	},
}

// entry is one value that a property had, from an instant on.
type entry struct {
	value string
	at    time.Time
	by    actor
}

type state uint8

const (
	absent state = iota
	living
	archived
	merged
	erased
)

// phase is one stretch of a record's life.
type phase struct {
	at    time.Time
	state state
	into  *record // merged: the survivor
}

// record keeps every value that it ever had, so that a late read can be answered as of an earlier instant.
type record struct {
	id    string
	props map[string][]entry // oldest first
	life  []phase            // oldest first
	links []string           // ids of the records of the other kind that it is associated with, oldest first
}

// phaseAt returns the record's phase at an instant; the zero time asks for the present.
func (r *record) phaseAt(t time.Time) phase {
	for i := len(r.life) - 1; i >= 0; i-- {
		if t.IsZero() || !r.life[i].at.After(t) {
			return r.life[i]
		}
	}
	return phase{}
}

func (r *record) is(st state, t time.Time) bool { return r.phaseAt(t).state == st }

// value returns what a property held at an instant (zero: now), "" for nothing.
func (r *record) value(name string, t time.Time) string {
	e := r.entries(name, t)
	if len(e) == 0 {
		return ""
	}
	return e[len(e)-1].value
}

// entries returns a property's history up to an instant, oldest first.
func (r *record) entries(name string, t time.Time) []entry {
	all := r.props[name]
	if t.IsZero() {
		return all
	}
	n := len(all)
	for n > 0 && all[n-1].at.After(t) {
		n--
	}
	return all[:n]
}

func (r *record) time(name string, t time.Time) time.Time {
	e := r.entries(name, t)
	if len(e) == 0 {
		return r.life[0].at
	}
	at, _ := time.Parse(time.RFC3339, e[len(e)-1].value)
	return at
}

func (r *record) enter(st state, at time.Time, into *record) {
	r.life = append(r.life, phase{at: at, state: st, into: into})
}

// table is one kind of record with its definitions.
type table struct {
	*kind
	extra   map[string]*Property
	dropped map[string]bool
	byID    map[string]*record
	all     []*record // in order of creation
	index   map[string][]*record
	last    int64
}

// firstID is where ids start: beyond 2^40, as live ids are. Both kinds start alike, so that an id says nothing about the
// kind. HubSpot docs: Webhooks (objectId is a 64-bit number).
const firstID = 1<<40 + 4711

func newTable(k *kind) *table {
	return &table{kind: k, byID: map[string]*record{}, index: map[string][]*record{}, last: firstID}
}

func (t *table) add(at time.Time) *record {
	t.last += 37
	r := &record{id: strconv.FormatInt(t.last, 10), props: make(map[string][]entry, 16)}
	r.enter(living, at, nil)
	t.byID[r.id] = r
	t.all = append(t.all, r)
	return r
}

// put appends to a property's history and keeps the index of what can be looked up without a scan.
func (t *table) put(r *record, name string, e entry) {
	r.props[name] = append(r.props[name], e)
	if e.value == "" {
		return
	}
	switch {
	case name == "email", name == "hs_additional_emails":
		for a := range strings.SplitSeq(e.value, ";") {
			t.enlist("email", a, r)
		}
	case name == "domain", t.unique(name):
		t.enlist(name, e.value, r)
	}
}

func (t *table) unique(name string) bool {
	p := t.property(name)
	return p != nil && p.Unique
}

func (t *table) enlist(name, value string, r *record) {
	key := name + "\x00" + value
	for _, known := range t.index[key] {
		if known == r {
			return
		}
	}
	t.index[key] = append(t.index[key], r)
}

// holders returns the living records that have a value in an indexed property at an instant. For "email" a secondary
// address counts. HubSpot docs: Contacts, "Retrieve a contact by email" (hs_additional_emails).
func (t *table) holders(name, value string, at time.Time) []*record {
	var found []*record
	for _, r := range t.index[name+"\x00"+value] {
		if !r.is(living, at) {
			continue
		}
		if r.value(name, at) == value || name == "email" && hasMember(r.value("hs_additional_emails", at), value) {
			found = append(found, r)
		}
	}
	return found
}

// find returns the record of an id at an instant, following merges, or nil when none is known.
// HubSpot docs: Contacts guide 2026-09, "Merge contacts" (old ids go on resolving to the merged record).
func (t *table) find(id string, at time.Time) *record {
	r := t.byID[id]
	for r != nil {
		p := r.phaseAt(at)
		switch p.state {
		case living, archived:
			return r
		case merged:
			r = p.into
		default:
			return nil
		}
	}
	return nil
}

// lives returns the living record of an id, following merges.
func (t *table) lives(id string, at time.Time) *record {
	if r := t.find(id, at); r != nil && r.is(living, at) {
		return r
	}
	return nil
}

func hasMember(list, member string) bool {
	for m := range strings.SplitSeq(list, ";") {
		if m == member {
			return true
		}
	}
	return false
}

// stamp writes an instant as HubSpot does: UTC, milliseconds, no fraction when it is zero.
func stamp(t time.Time) string {
	if t.Nanosecond() < int(time.Millisecond) {
		return t.UTC().Format("2006-01-02T15:04:05Z")
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
