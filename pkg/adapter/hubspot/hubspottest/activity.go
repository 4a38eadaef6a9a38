package hubspottest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// activityKind is what differs between the activities that hang on a contact. HubSpot docs: Communications; Tasks;
// Associations, "Association type ID values". Nobody is told of either: the suite's app subscribes to contacts and companies,
// and the body of a communication cannot be subscribed to at all. HubSpot docs: Webhooks, generic subscriptions.
type activityKind struct {
	plural, typeID string
	toContact      int
	fromContact    int
	required       []string
	properties     map[string]func(string) bool // whether a property takes a value
}

// maxActivityText is how long a text may be: 65,536 characters, which is told of notes and held against all of them here.
const maxActivityText = 65536

func anyText(s string) bool { return len(s) <= maxActivityText }

func oneOf(values ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(values, s) }
}

func anInstant(s string) bool {
	if _, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return true
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	return err == nil && ms >= 0
}

var activityKinds = []*activityKind{
	{plural: "communications", typeID: "0-18", toContact: 81, fromContact: 82, required: []string{"hs_communication_channel_type", "hs_timestamp"},
		properties: map[string]func(string) bool{
			"hs_communication_channel_type": oneOf("WHATS_APP", "LINKEDIN_MESSAGE", "SMS"), "hs_communication_logged_from": oneOf("CRM"),
			"hs_communication_body": anyText, "hs_timestamp": anInstant,
		}},
	{plural: "tasks", typeID: "0-27", toContact: 204, fromContact: 203, required: []string{"hs_timestamp"},
		properties: map[string]func(string) bool{
			"hs_task_subject": anyText, "hs_task_body": anyText, "hs_task_status": oneOf("COMPLETED", "NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED"),
			"hs_task_priority": oneOf("LOW", "MEDIUM", "HIGH", "NONE"), "hs_task_type": oneOf("EMAIL", "CALL", "TODO"), "hs_timestamp": anInstant,
		}},
}

type activity struct {
	id       string
	kind     *activityKind
	contacts []*record
	props    map[string]string
	created  time.Time
	modified time.Time
}

// Activity is a communication or a task, as a person sees it on a contact.
type Activity struct {
	ID         string
	Contact    string // where it is seen now, after merges too; "" for a contact that is gone
	Properties map[string]string
	Made       time.Time
}

// Communications returns all communications in the order of their making, Tasks all tasks.
func (s *Server) Communications() []Activity { return s.allActivities(activityKinds[0]) }

// Tasks returns all tasks in the order of their making.
func (s *Server) Tasks() []Activity { return s.allActivities(activityKinds[1]) }

func (s *Server) allActivities(k *activityKind) (out []Activity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.activities {
		if a.kind != k {
			continue
		}
		one := Activity{ID: a.id, Properties: map[string]string{}, Made: a.created}
		for name, v := range a.props {
			one.Properties[name] = v
		}
		for _, r := range a.contacts {
			if now := s.contacts().lives(r.id, time.Time{}); now != nil {
				one.Contact = now.id
			}
		}
		out = append(out, one)
	}
	return out
}

// routeActivity finds the handler of a call about activities.
func (q *request) routeActivity(base string, tail []string) bool {
	at := 0
	which, record := plurals[tail[0]]
	listing := record && which == 0 && len(tail) == 4 && tail[2] == "associations"
	if listing {
		at = 3
	}
	i := slices.IndexFunc(activityKinds, func(k *activityKind) bool {
		return tail[at] == k.plural || tail[at] == strings.TrimSuffix(k.plural, "s") || tail[at] == k.typeID
	})
	if i < 0 {
		return false
	}
	q.act = activityKinds[i]
	base += "/" + q.act.plural
	switch {
	case listing:
		q.id = tail[1]
		q.found(strings.TrimSuffix(base, q.act.plural)+"contacts/{id}/associations/"+q.act.plural, map[string]handler{"GET": (*Server).listActivities})
	case len(tail) == 1:
		q.found(base, map[string]handler{"POST": (*Server).postActivity})
	case len(tail) == 3 && tail[1] == "batch" && tail[2] == "read":
		q.found(base+"/batch/read", map[string]handler{"POST": (*Server).readActivities})
	case len(tail) == 2:
		q.id = tail[1]
		q.found(base+"/{id}", map[string]handler{"GET": (*Server).getActivity, "PATCH": (*Server).patchActivity})
	}
	return true
}

// checkActivity judges properties as checked writes of records are judged. HubSpot docs: CRM objects, "Property values were
// not valid".
func (s *Server) checkActivity(q *request, raw writeBody) (map[string]string, *refusal) {
	props, refused := q.texts(raw.Properties)
	if refused != nil {
		return nil, refused
	}
	var fails []fail
	for _, name := range sortedKeys(props) {
		takes := q.act.properties[name]
		switch {
		case takes == nil:
			fails = append(fails, fail{name, props[name], "PROPERTY_DOESNT_EXIST", `Property "` + name + `" does not exist`})
		case len(props[name]) > maxActivityText:
			fails = append(fails, fail{name, "", "INVALID_LENGTH", name + " is too long"}) // assembled
		case !takes(props[name]):
			fails = append(fails, fail{name, props[name], "INVALID_OPTION", props[name] + " was not one of the allowed options"})
		}
	}
	if fails != nil {
		return nil, s.notValid(fails)
	}
	return props, nil
}

// postActivity makes an activity with its associations in one go; a contact that does not live fails the whole (captured).
func (s *Server) postActivity(q *request) (answer, *refusal) {
	var body writeBody
	if r := q.decode(&body); r != nil {
		return answer{}, r
	}
	if r := q.require("properties", map[string]bool{"properties": body.Properties == nil, "associations": body.Associations == nil}); r != nil {
		return answer{}, r
	}
	props, refused := s.checkActivity(q, body)
	if refused != nil {
		return answer{}, refused
	}
	for _, name := range q.act.required {
		if props[name] == "" {
			r := invalid("Error creating " + strings.ToUpper(q.act.plural) + ". Some required properties were not set.")
			r.Errors = []detail{{Message: name + " is required", Code: "MISSING_REQUIRED_PROPERTY", Context: map[string][]string{"propertyName": {name}}}}
			return answer{}, r
		}
	}
	a := &activity{kind: q.act, props: props, created: s.now(), modified: s.now()}
	if body.Associations != nil {
		for _, link := range *body.Associations {
			plan := s.contacts().lives(link.To.ID, time.Time{})
			if plan == nil {
				_, refused := s.planLink(s.contacts(), link.To.ID, link.Types)
				return answer{}, refused
			}
			if len(link.Types) == 0 {
				return answer{}, badJSON("each association needs at least one type")
			}
			for _, t := range link.Types {
				if t.Category != "HUBSPOT_DEFINED" || t.ID != q.act.toContact {
					return answer{}, invalid("invalid association type " + strconv.Itoa(t.ID) + " to object type 0-1") // assembled
				}
			}
			a.contacts = append(a.contacts, plan)
		}
	}
	a.id = strconv.FormatInt(firstID+int64(len(s.activities)+1)*41, 10)
	s.activities, s.activityByID[a.id] = append(s.activities, a), a
	for _, r := range a.contacts { // a logged activity moves the contact on, without an event (HubSpot docs: Search, cursor fields)
		s.touch(s.contacts(), r, s.now(), q.by)
	}
	out := s.ok(a.wire(nil))
	out.status = http.StatusCreated
	return out, nil
}

// wire is an activity as it is answered; nil names stand for all properties that it has.
func (a *activity) wire(names []string) map[string]any {
	props := map[string]any{"hs_object_id": a.id, "hs_createdate": stamp(a.created), "hs_lastmodifieddate": stamp(a.modified)}
	if names == nil {
		names = sortedKeys(a.props)
	}
	for _, name := range names {
		if v, ok := a.props[name]; ok {
			props[name] = v
		} else if a.kind.properties[name] != nil {
			props[name] = nil
		}
	}
	return map[string]any{"id": a.id, "properties": props, "createdAt": stamp(a.created), "updatedAt": stamp(a.modified), "archived": false}
}

func (s *Server) activity(q *request, id string) *activity {
	if a := s.activityByID[id]; a != nil && a.kind == q.act {
		return a
	}
	return nil
}

func (s *Server) getActivity(q *request) (answer, *refusal) {
	a := s.activity(q, q.id)
	if a == nil {
		return answer{}, notFound()
	}
	return s.ok(a.wire(strings.Split(q.query.Get("properties"), ","))), nil
}

func (s *Server) patchActivity(q *request) (answer, *refusal) {
	a := s.activity(q, q.id)
	if a == nil {
		return answer{}, notFound()
	}
	var body writeBody
	if r := q.decode(&body); r != nil {
		return answer{}, r
	}
	props, refused := s.checkActivity(q, body)
	if refused != nil {
		return answer{}, refused
	}
	for name, v := range props {
		a.props[name] = v
	}
	a.modified = s.now()
	return s.ok(a.wire(sortedKeys(props))), nil
}

func (s *Server) readActivities(q *request) (answer, *refusal) {
	var body struct {
		Inputs     []struct{ ID string } `json:"inputs"`
		Properties []string              `json:"properties"`
		History    []string              `json:"propertiesWithHistory"`
	}
	if r := q.decode(&body); r != nil {
		return answer{}, r
	}
	missing := map[string]bool{"inputs": body.Inputs == nil, "properties": body.Properties == nil, "propertiesWithHistory": body.History == nil}
	if r := q.require("inputs", missing); r != nil {
		return answer{}, r
	}
	if r := tooMany(len(body.Inputs), maxBatch); r != nil {
		return answer{}, r
	}
	results := []any{}
	for _, in := range body.Inputs {
		if a := s.activity(q, in.ID); a != nil {
			results = append(results, a.wire(body.Properties))
		}
	}
	return s.ok(map[string]any{"status": "COMPLETE", "results": results, "startedAt": stamp(s.now()), "completedAt": stamp(s.now())}), nil
}

// listActivities lists what hangs on a contact, in pages. HubSpot docs: Associations, "Retrieve associated records" (limit
// up to 500, paging.next.after).
func (s *Server) listActivities(q *request) (answer, *refusal) {
	r := s.contacts().lives(q.id, time.Time{})
	if r == nil {
		return answer{}, notFound()
	}
	limit, after := 500, 0
	if text := q.query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 500 {
			return answer{}, invalid("Invalid limit " + text) // assembled
		}
		limit = n
	}
	if text := q.query.Get("after"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return answer{}, invalid("Invalid after " + text) // assembled
		}
		after = n
	}
	var all []any
	for _, a := range s.activities {
		if a.kind == q.act && slices.ContainsFunc(a.contacts, func(c *record) bool { return s.contacts().lives(c.id, time.Time{}) == r }) {
			all = append(all, map[string]any{"toObjectId": number(a.id), "associationTypes": []any{
				map[string]any{"category": "HUBSPOT_DEFINED", "typeId": q.act.fromContact, "label": nil}}})
		}
	}
	to := min(after+limit, len(all))
	out := map[string]any{"results": append([]any{}, all[min(after, len(all)):to]...)}
	if to < len(all) {
		out["paging"] = map[string]any{"next": map[string]any{"after": strconv.Itoa(to)}}
	}
	return s.ok(out), nil
}
