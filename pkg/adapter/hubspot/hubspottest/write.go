package hubspottest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// writeBody is one record to write.
type writeBody struct {
	ID           string                     `json:"id"`
	IDProperty   string                     `json:"idProperty"`
	Trace        string                     `json:"objectWriteTraceId"`
	Properties   map[string]json.RawMessage `json:"properties"`
	Associations *[]association             `json:"associations"`
}

// association is an association to make together with a record.
type association struct {
	To struct {
		ID string `json:"id"`
	} `json:"to"`
	Types []associationType `json:"types"`
}

type associationType struct {
	Category string `json:"associationCategory"`
	ID       int    `json:"associationTypeId"`
}

func (q *request) decode(v any) *refusal {
	if err := json.Unmarshal(q.body, v); err != nil {
		return badJSON("the body is not of the documented shape")
	}
	return nil
}

// require refuses a body that lacks keys. The live API insists on some; the app is held to all that the OpenAPI documents
// mark as required.
func (q *request) require(insisted string, missing map[string]bool) *refusal {
	var names []string
	for _, n := range sortedKeys(missing) {
		if missing[n] && (q.by.ours || n == insisted) {
			names = append(names, n)
		}
	}
	return unset(names)
}

func unset(names []string) *refusal {
	if names == nil {
		return nil
	}
	return badJSON("some of required attributes are not set [" + strings.Join(names, ", ") + "]")
}

// texts reads the values of properties. They are strings on the wire: the OpenAPI documents know no other type, which is
// held against the app; the live API takes numbers and booleans too, and null clears.
func (q *request) texts(raw map[string]json.RawMessage) (map[string]string, *refusal) {
	props := make(map[string]string, len(raw))
	for name, v := range raw {
		var text string
		switch {
		case json.Unmarshal(v, &text) == nil && string(v) != "null":
		case q.by.ours || v[0] == '{' || v[0] == '[':
			return nil, badJSON("the value of " + name + " is not a string")
		case string(v) != "null":
			text = string(v)
		}
		props[name] = text
	}
	return props, nil
}

// post creates a record. HubSpot docs: CRM objects, "Create records" (201 and Location).
func (s *Server) post(q *request) (answer, *refusal) {
	var body writeBody
	if r := q.decode(&body); r != nil {
		return answer{}, r
	}
	if r := q.require("properties", map[string]bool{"properties": body.Properties == nil, "associations": body.Associations == nil}); r != nil {
		return answer{}, r
	}
	p, links, refused := s.prepare(q, body)
	if refused != nil {
		return answer{}, refused
	}
	r := s.make(q, p, links)
	a := answer{status: http.StatusCreated, body: s.render(nil, q.t, r, q.t.written(p), time.Time{}), header: http.Header{}}
	a.header.Set("Location", "https://api.hubapi.com/crm/objects/"+Version+"/"+q.t.plural+"/"+r.id)
	return a, nil
}

// prepare checks a creation without carrying it out.
func (s *Server) prepare(q *request, body writeBody) (plan, []linkPlan, *refusal) {
	props, refused := q.texts(body.Properties)
	if refused != nil {
		return plan{}, nil, refused
	}
	p, refused := s.check(q.t, nil, props)
	if refused != nil {
		return plan{}, nil, refused
	}
	if refused = q.t.nameless(p.pairs); refused != nil {
		return plan{}, nil, refused
	}
	if body.Associations == nil {
		return p, nil, nil
	}
	links, refused := s.planLinks(q.t, *body.Associations)
	return p, links, refused
}

func (s *Server) make(q *request, p plan, links []linkPlan) *record {
	r := s.create(q.t, p, q.by)
	for _, l := range links {
		s.tie(q.t, r, l.other, l.primary, q.by)
	}
	return r
}

// written is what the answer to a write shows: the properties that were sent, as they are now stored. A property that was
// cleared is null.
func (t *table) written(p plan) view {
	return view{props: t.defined(append([]string{"createdate", "hs_object_id", t.modified}, p.asked...)), warnings: p.warnings}
}

// patch changes a record, by id (an id that was merged away too) or by idProperty. HubSpot docs: CRM objects, "Update records".
func (s *Server) patch(q *request) (answer, *refusal) {
	r, refused := s.lookup(q.t, q.id, q.query.Get("idProperty"), time.Time{})
	if refused != nil {
		return answer{}, refused
	}
	if !r.is(living, time.Time{}) {
		return answer{}, notFound()
	}
	var body writeBody
	if refused = q.decode(&body); refused != nil {
		return answer{}, refused
	}
	if refused = q.require("properties", map[string]bool{"properties": body.Properties == nil}); refused != nil {
		return answer{}, refused
	}
	props, refused := q.texts(body.Properties)
	if refused != nil {
		return answer{}, refused
	}
	p, refused := s.check(q.t, r, props)
	if refused != nil {
		return answer{}, refused
	}
	s.update(q.t, r, p, q.by)
	return answer{status: http.StatusOK, body: s.render(nil, q.t, r, q.t.written(p), time.Time{})}, nil
}

// delete archives a record; once archived it may be said again. HubSpot docs: CRM objects, "Archive" (204).
func (s *Server) delete(q *request) (answer, *refusal) {
	r, refused := s.lookup(q.t, q.id, q.query.Get("idProperty"), time.Time{})
	if refused != nil {
		return answer{}, refused
	}
	if r.is(living, time.Time{}) {
		s.remove(q.t, r, q.by)
	}
	return answer{status: http.StatusNoContent}, nil
}

// postMerge merges two records of one kind. HubSpot docs: Contacts, "Merge contacts" (the answer is the merged record).
func (s *Server) postMerge(q *request) (answer, *refusal) {
	var body struct {
		Primary string `json:"primaryObjectId"`
		Other   string `json:"objectIdToMerge"`
	}
	if r := q.decode(&body); r != nil {
		return answer{}, r
	}
	primary, other := q.t.lives(body.Primary, time.Time{}), q.t.lives(body.Other, time.Time{})
	if primary == nil || other == nil {
		return answer{}, notFound()
	}
	if primary == other {
		return answer{}, invalid("Cannot merge an object with itself") // assembled
	}
	r := s.merge(q.t, primary, other, q.by)
	return answer{status: http.StatusOK, body: s.render(nil, q.t, r, q.t.viewOf(nil, nil), time.Time{})}, nil
}

// postErase deletes a contact for good. HubSpot docs: Contacts, "Permanently delete a contact (GDPR-compliant)" (204, also
// for an address that nobody has, which only goes onto a blocklist).
func (s *Server) postErase(q *request) (answer, *refusal) {
	if q.t != s.contacts() {
		return answer{}, notFound()
	}
	var body struct {
		ID string `json:"objectId"`
		By string `json:"idProperty"`
	}
	if r := q.decode(&body); r != nil {
		return answer{}, r
	}
	r, refused := s.lookup(q.t, body.ID, body.By, time.Time{})
	if refused != nil && body.By != "email" {
		return answer{}, refused
	}
	if r != nil {
		s.erase(r, q.by)
	}
	return answer{status: http.StatusNoContent}, nil
}
