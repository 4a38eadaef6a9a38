package hubspottest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// view is what of a record an answer shows.
type view struct {
	props    []string // sorted, defined
	history  []string
	company  bool // with the associations to the other kind
	warnings []normalised
	trace    string
}

// viewOf makes a view from what was asked. Names without a definition are left out without a word. HubSpot docs: CRM
// objects, "properties"; ids and times are always there.
func (t *table) viewOf(props, history []string) view {
	if len(props) == 0 {
		return view{props: t.defined(t.defaults), history: t.defined(history)}
	}
	return view{props: t.defined(append([]string{"createdate", "hs_object_id", t.modified}, props...)), history: t.defined(history)}
}

func (t *table) defined(names []string) []string {
	kept := make([]string, 0, len(names))
	for _, n := range names {
		if t.property(n) != nil {
			kept = append(kept, n)
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}

// render writes a record as of an instant. A property that is defined and holds nothing is null. HubSpot docs: CRM
// objects, "Retrieve records".
func (s *Server) render(b []byte, t *table, r *record, v view, at time.Time) []byte {
	b = append(b, '{')
	b = appendField(b, "id", r.id)
	b = append(b, `,"properties":{`...)
	for i, name := range v.props {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		if value := r.value(name, at); value != "" {
			b = appendString(b, value)
		} else {
			b = append(b, "null"...)
		}
	}
	b = append(b, '}')
	if len(v.history) > 0 {
		b = append(b, `,"propertiesWithHistory":{`...)
		for i, name := range v.history {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, name)
			b = append(b, ':')
			b = appendHistory(b, r.entries(name, at))
		}
		b = append(b, '}')
	}
	b = append(b, ',')
	b = appendField(b, "createdAt", r.value("createdate", at))
	b = append(b, ',')
	b = appendField(b, "updatedAt", r.value(t.modified, at))
	p := r.phaseAt(at)
	b = append(b, `,"archived":`...)
	b = strconv.AppendBool(b, p.state == archived)
	if p.state == archived {
		b = append(b, ',')
		b = appendField(b, "archivedAt", stamp(p.at))
	}
	if v.company {
		b = s.appendLinks(b, t, r)
	}
	b = appendWarnings(b, v.warnings)
	if v.trace != "" {
		b = append(b, ',')
		b = appendField(b, "objectWriteTraceId", v.trace)
	}
	b = append(b, ',')
	b = appendField(b, "url", "https://app.hubspot.com/contacts/"+strconv.FormatInt(s.opt.PortalID, 10)+"/record/"+t.typeID+"/"+r.id)
	return append(b, '}')
}

// appendHistory writes the values that a property had, newest first. HubSpot docs: CRM objects, "propertiesWithHistory";
// source types and ids are those of live captures.
func appendHistory(b []byte, entries []entry) []byte {
	b = append(b, '[')
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		b = append(b, '{')
		b = appendField(b, "value", e.value)
		b = append(b, ',')
		b = appendField(b, "timestamp", stamp(e.at))
		b = append(b, ',')
		b = appendField(b, "sourceType", e.by.sourceType)
		b = append(b, ',')
		b = appendField(b, "sourceId", e.by.sourceID)
		if e.by.userID != 0 {
			b = append(b, `,"updatedByUserId":`...)
			b = strconv.AppendInt(b, e.by.userID, 10)
		}
		b = append(b, '}')
		if i > 0 {
			b = append(b, ',')
		}
	}
	return append(b, ']')
}

// appendWarnings writes what was stored other than it was sent. OpenAPI of version 2026-03: PublicObjectWarning.
func appendWarnings(b []byte, warnings []normalised) []byte {
	if len(warnings) == 0 {
		return b
	}
	type warning struct {
		Category string            `json:"category"`
		Context  map[string]string `json:"context"`
		Message  string            `json:"message"`
	}
	var all []warning
	for _, w := range warnings {
		all = append(all, warning{"PROPERTY_VALUE_NORMALIZED",
			map[string]string{"propertyName": w.name, "rawValue": w.raw, "normalizedValue": w.stored}, "Property value was normalized"})
	}
	text, _ := json.Marshal(all)
	b = append(b, `,"warnings":`...)
	return append(b, text...)
}

// lookup finds the record that a path names: by id, by a contact's e-mail address, or by a unique property. HubSpot docs:
// CRM objects, "idProperty".
func (s *Server) lookup(t *table, id, by string, at time.Time) (*record, *refusal) {
	switch {
	case by == "" || by == "hs_object_id":
		if !isDigits(id) {
			return nil, notAnID(id)
		}
		if r := t.find(id, at); r != nil {
			return r, nil
		}
		return nil, notFound()
	case by == "email" && t == s.contacts():
		id = strings.ToLower(id)
	case !t.unique(by):
		return nil, invalid("Property " + by + " is not a unique property of " + t.typeID) // assembled
	}
	if found := t.holders(by, id, at); len(found) > 0 {
		return found[0], nil
	}
	return nil, notFound()
}

func (s *Server) get(q *request) (answer, *refusal) {
	r, refused := s.lookup(q.t, q.id, q.query.Get("idProperty"), q.asOf)
	if refused != nil {
		return answer{}, refused
	}
	if wanted := q.query.Get("archived") == "true"; r.is(archived, q.asOf) != wanted {
		return answer{}, notFound()
	}
	v := q.t.viewOf(q.names("properties"), q.names("propertiesWithHistory"))
	v.company = q.links()
	return answer{status: http.StatusOK, body: s.render(nil, q.t, r, v, q.asOf)}, nil
}

// list answers pages of up to 100, in order of creation. HubSpot docs: CRM objects, "Retrieve records".
func (s *Server) list(q *request) (answer, *refusal) {
	limit, refused := q.limit(10, 100)
	if refused != nil {
		return answer{}, refused
	}
	v := q.t.viewOf(q.names("properties"), q.names("propertiesWithHistory"))
	v.company = q.links()
	want := living
	if q.query.Get("archived") == "true" {
		want = archived
	}
	after := number(q.query.Get("after"))
	b := []byte(`{"results":[`)
	n, last := 0, ""
	for _, r := range q.t.all {
		if !r.is(want, q.asOf) || number(r.id) <= after {
			continue
		}
		if n == limit {
			b = append(b, `],"paging":{"next":{`...)
			b = appendField(b, "after", last)
			return answer{status: http.StatusOK, body: append(b, "}}}"...)}, nil
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = s.render(b, q.t, r, v, q.asOf)
		n, last = n+1, r.id
	}
	return answer{status: http.StatusOK, body: append(b, "]}"...)}, nil
}

// names reads a list that is repeated, separated by commas, or both.
func (q *request) names(key string) (names []string) {
	for _, v := range q.query[key] {
		for n := range strings.SplitSeq(v, ",") {
			if n = strings.TrimSpace(n); n != "" {
				names = append(names, n)
			}
		}
	}
	return names
}

// links tells whether the associations to the other kind are asked for.
func (q *request) links() bool {
	for _, n := range q.names("associations") {
		if which, known := plurals[n]; known && kinds[which] != q.t.kind {
			return true
		}
	}
	return false
}

func (q *request) limit(instead, most int) (int, *refusal) {
	text := q.query.Get("limit")
	if text == "" {
		return instead, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, invalid("limit must be between 1 and " + strconv.Itoa(most))
	}
	return n, nil
}
