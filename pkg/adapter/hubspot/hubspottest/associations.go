package hubspottest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// linkPlan is a checked association.
type linkPlan struct {
	other   *record
	primary bool
}

// across returns the other kind.
func (s *Server) across(t *table) *table {
	if t == s.contacts() {
		return s.companies()
	}
	return s.contacts()
}

// planLinks checks the associations of a creation.
func (s *Server) planLinks(t *table, all []association) (plans []linkPlan, refused *refusal) {
	for _, a := range all {
		if len(a.Types) == 0 {
			return nil, badJSON("each association needs at least one type")
		}
		p, refused := s.planLink(s.across(t), a.To.ID, a.Types)
		if refused != nil {
			return nil, refused
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// planLink checks one association: the other record lives, and the types lead from this kind to that one. HubSpot docs:
// Associations; the words about a wrong id are captured.
func (s *Server) planLink(to *table, id string, types []associationType) (linkPlan, *refusal) {
	plan := linkPlan{other: to.lives(id, time.Time{})}
	if plan.other == nil {
		r := invalid("One or more associations are invalid")
		r.Context = map[string][]string{"INVALID_OBJECT_IDS": {to.upper + "=" + id + " is not valid"}, "objectId": {id}, "objectType": {to.upper}}
		return plan, r
	}
	primary, plain := companyToPrimary, companyToContact
	if to == s.companies() {
		primary, plain = contactToPrimary, contactToCompany
	}
	for _, t := range types {
		if t.Category != "HUBSPOT_DEFINED" || t.ID != primary && t.ID != plain {
			return plan, invalid("invalid association type " + strconv.Itoa(t.ID) + " to object type " + to.typeID) // assembled
		}
		plan.primary = plan.primary || t.ID == primary
	}
	return plan, nil
}

// tie links a record of either kind with one of the other.
func (s *Server) tie(t *table, r, other *record, primary bool, by actor) {
	if t == s.contacts() {
		s.link(r, other, primary, by)
		return
	}
	s.link(other, r, primary, by)
}

func (s *Server) ends(q *request, types []associationType) (*record, linkPlan, *refusal) {
	from := q.t.lives(q.id, time.Time{})
	if from == nil {
		return nil, linkPlan{}, notFound()
	}
	p, refused := s.planLink(q.to, q.oid, types)
	return from, p, refused
}

// putDefault makes the plain association; it may be said again. HubSpot docs: Associations, "Create a default association".
func (s *Server) putDefault(q *request) (answer, *refusal) {
	from, p, refused := s.ends(q, nil)
	if refused != nil {
		return answer{}, refused
	}
	s.tie(q.t, from, p.other, false, q.by)
	forth, back := contactToCompany, companyToContact
	if q.t != s.contacts() {
		forth, back = back, forth
	}
	return s.ok(map[string]any{"status": "COMPLETE", "results": []any{
		pairOf(from.id, p.other.id, forth), pairOf(p.other.id, from.id, back),
	}, "startedAt": stamp(s.now()), "completedAt": stamp(s.now())}), nil
}

func pairOf(from, to string, typeID int) map[string]any {
	return map[string]any{
		"from": map[string]string{"id": from}, "to": map[string]string{"id": to},
		"associationSpec": map[string]any{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": typeID},
	}
}

// putLabelled makes the associations of the types in the body. HubSpot docs: Associations, "Create labeled associations" (201).
func (s *Server) putLabelled(q *request) (answer, *refusal) {
	var types []associationType
	if r := q.decode(&types); r != nil {
		return answer{}, r
	}
	if len(types) == 0 {
		return answer{}, badJSON("each association needs at least one type")
	}
	from, p, refused := s.ends(q, types)
	if refused != nil {
		return answer{}, refused
	}
	s.tie(q.t, from, p.other, p.primary, q.by)
	labels := []string{}
	if p.primary {
		labels = append(labels, "Primary")
	}
	a := s.ok(map[string]any{
		"fromObjectTypeId": q.t.typeID, "fromObjectId": json.Number(from.id),
		"toObjectTypeId": q.to.typeID, "toObjectId": json.Number(p.other.id), "labels": labels,
	})
	a.status = http.StatusCreated
	return a, nil
}

// deleteAssociation removes every association between the two. HubSpot docs: Associations, "Remove record associations" (204).
func (s *Server) deleteAssociation(q *request) (answer, *refusal) {
	from, other := q.t.lives(q.id, time.Time{}), q.to.lives(q.oid, time.Time{})
	if from == nil {
		return answer{}, notFound()
	}
	if other != nil {
		if q.t != s.contacts() {
			from, other = other, from
		}
		s.unlink(from, other, q.by)
	}
	return answer{status: http.StatusNoContent}, nil
}

// toward is one end of the associations of a record. In live answers the id is a number here, a string elsewhere.
type toward struct {
	ID    json.Number  `json:"toObjectId"`
	Types []towardType `json:"associationTypes"`
}

type towardType struct {
	Category string  `json:"category"`
	TypeID   int     `json:"typeId"`
	Label    *string `json:"label"`
}

// toward lists the living records that a record is associated with.
func (s *Server) toward(t *table, r *record) []toward {
	all := []toward{}
	primary, plain, label := companyToPrimary, companyToContact, "Primary"
	if t == s.contacts() {
		primary, plain = contactToPrimary, contactToCompany
	}
	for _, id := range r.links {
		if !s.across(t).byID[id].is(living, time.Time{}) {
			continue
		}
		to := toward{ID: json.Number(id)}
		if s.isPrimary(t, r, id) {
			to.Types = append(to.Types, towardType{"HUBSPOT_DEFINED", primary, &label})
		}
		to.Types = append(to.Types, towardType{"HUBSPOT_DEFINED", plain, nil})
		all = append(all, to)
	}
	return all
}

func (s *Server) isPrimary(t *table, r *record, other string) bool {
	contact, company := r, other
	if t != s.contacts() {
		contact, company = s.contacts().byID[other], r.id
	}
	return contact.value("associatedcompanyid", time.Time{}) == company
}

// appendLinks writes the associations inside a record. HubSpot docs: CRM objects, "associations"; the unlabelled type's
// name is captured.
func (s *Server) appendLinks(b []byte, t *table, r *record) []byte {
	all := s.toward(t, r)
	if len(all) == 0 {
		return b
	}
	other := s.across(t)
	name := t.singular + "_to_" + other.singular
	b = append(b, `,"associations":{"`...)
	b = append(b, other.plural...)
	b = append(b, `":{"results":[`...)
	for i, to := range all {
		if i > 0 {
			b = append(b, ',')
		}
		if len(to.Types) > 1 {
			b = append(b, `{"id":"`+to.ID.String()+`","type":"`+name+`"},`...)
		}
		b = append(b, `{"id":"`+to.ID.String()+`","type":"`+name+`_unlabeled"}`...)
	}
	return append(b, "]}}"...)
}

func (s *Server) listAssociations(q *request) (answer, *refusal) {
	r := q.t.lives(q.id, time.Time{})
	if r == nil {
		return answer{}, notFound()
	}
	return s.ok(map[string]any{"results": s.toward(q.t, r)}), nil
}

// batchReadAssociations answers up to 1000 records; one without associations is an error of its own. HubSpot docs:
// Associations, "Retrieve associated records"; the body is captured.
func (s *Server) batchReadAssociations(q *request) (answer, *refusal) {
	var body struct {
		Inputs []struct {
			ID string `json:"id"`
		} `json:"inputs"`
	}
	if r := q.decode(&body); r != nil {
		return answer{}, r
	}
	if r := tooMany(len(body.Inputs), 1000); r != nil {
		return answer{}, r
	}
	results, errs := []any{}, []any{}
	for _, in := range body.Inputs {
		var to []toward
		if r := q.t.lives(in.ID, time.Time{}); r != nil {
			to = s.toward(q.t, r)
		}
		if len(to) > 0 {
			results = append(results, map[string]any{"from": map[string]string{"id": in.ID}, "to": to})
			continue
		}
		errs = append(errs, map[string]any{
			"status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
			"message": "No " + q.to.singular + " is associated with " + q.t.singular + " " + in.ID + ".",
			"context": map[string][]string{"fromObjectId": {in.ID}, "fromObjectType": {q.t.singular}, "toObjectType": {q.to.singular}},
		})
	}
	out := map[string]any{"status": "COMPLETE", "results": results, "startedAt": stamp(s.now()), "completedAt": stamp(s.now())}
	if len(errs) == 0 {
		return s.ok(out), nil
	}
	out["errors"], out["numErrors"] = errs, len(errs)
	a := s.ok(out)
	a.status = http.StatusMultiStatus
	return a, nil
}
