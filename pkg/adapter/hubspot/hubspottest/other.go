package hubspottest

import (
	"net/http"
	"strconv"
	"strings"
)

// Owner is a user that records can be assigned to. HubSpot docs: Owners.
type Owner struct {
	ID        string
	Email     string
	FirstName string
	LastName  string
	UserID    int64
	Archived  bool
}

// DefaultOwners are the users of an account that names none.
func DefaultOwners() []Owner {
	return []Owner{
		{ID: "41629779", Email: "giulia.ferri@example.com", FirstName: "Giulia", LastName: "Ferri", UserID: 52530071},
		{ID: "41629780", Email: "paolo.conti@example.com", FirstName: "Paolo", LastName: "Conti", UserID: 52530072},
	}
}

type wireOwner struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Type      string `json:"type"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	UserID    int64  `json:"userId"`
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
	Archived  bool   `json:"archived"`
}

func (o Owner) wire() wireOwner {
	const since = "2019-12-25T13:01:35.228Z"
	return wireOwner{o.ID, o.Email, "PERSON", o.FirstName, o.LastName, o.UserID, since, since, o.Archived}
}

// listOwners answers pages of up to 500, filtered by e-mail address. HubSpot docs: Owners, "Retrieve all owners"; the dated
// path is /crm/owners/{version}.
func (s *Server) listOwners(q *request) (answer, *refusal) {
	limit, refused := q.limit(100, 500)
	if refused != nil {
		return answer{}, refused
	}
	email, gone := strings.ToLower(q.query.Get("email")), q.query.Get("archived") == "true"
	after := number(q.query.Get("after"))
	results := []wireOwner{}
	out := map[string]any{}
	for _, o := range s.owners {
		if o.Archived != gone || email != "" && strings.ToLower(o.Email) != email || number(o.ID) <= after {
			continue
		}
		if len(results) == limit {
			out["paging"] = map[string]any{"next": map[string]string{"after": results[limit-1].ID}}
			break
		}
		results = append(results, o.wire())
	}
	out["results"] = results
	return s.ok(out), nil
}

func (s *Server) getOwner(q *request) (answer, *refusal) {
	for _, o := range s.owners {
		if o.ID == q.id || q.query.Get("idProperty") == "userId" && strconv.FormatInt(o.UserID, 10) == q.id {
			return s.ok(o.wire()), nil
		}
	}
	return answer{}, notFound()
}

// account answers a cheap question that shows whether the token is good. HubSpot docs: Account information.
func (s *Server) account(*request) (answer, *refusal) {
	return s.ok(map[string]any{
		"portalId": s.opt.PortalID, "accountType": "STANDARD", "timeZone": s.opt.TimeZone.String(), "companyCurrency": "EUR",
		"additionalCurrencies": []string{}, "utcOffset": "+00:00", "utcOffsetMilliseconds": 0, "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
	}), nil
}

// listProperties answers the definitions in force. HubSpot docs: Properties, "Retrieve properties".
func (s *Server) listProperties(q *request) (answer, *refusal) {
	results := []wireProperty{}
	for _, p := range q.t.definitions() {
		results = append(results, q.t.wire(p))
	}
	return s.ok(map[string]any{"results": results}), nil
}

func (s *Server) getProperty(q *request) (answer, *refusal) {
	if p := q.t.property(q.id); p != nil {
		return s.ok(q.t.wire(p)), nil
	}
	return answer{}, refuse(http.StatusNotFound, "OBJECT_NOT_FOUND", "Property "+q.id+" does not exist") // assembled
}

// postProperty defines a property. HubSpot docs: Properties, "Create a property" (201; a name that is taken is 409).
func (s *Server) postProperty(q *request) (answer, *refusal) {
	var body struct {
		Name      string   `json:"name"`
		Label     string   `json:"label"`
		Type      string   `json:"type"`
		FieldType string   `json:"fieldType"`
		Group     string   `json:"groupName"`
		Unique    bool     `json:"hasUniqueValue"`
		Options   []Option `json:"options"`
	}
	if r := q.decode(&body); r != nil {
		return answer{}, r
	}
	if r := q.lacks(map[string]string{"name": body.Name, "label": body.Label, "type": body.Type, "fieldType": body.FieldType, "groupName": body.Group}); r != nil {
		return answer{}, r
	}
	if q.t.property(body.Name) != nil {
		r := refuse(http.StatusConflict, "OBJECT_ALREADY_EXISTS", "A property named '"+body.Name+"' already exists.")
		r.SubCategory = "Properties.PROPERTY_WITH_NAME_EXISTS"
		return answer{}, r
	}
	q.t.define(Property{Name: body.Name, Label: body.Label, Type: body.Type, FieldType: body.FieldType, Unique: body.Unique, Options: body.Options})
	a := s.ok(q.t.wire(q.t.property(body.Name)))
	a.status = http.StatusCreated
	return a, nil
}

func (q *request) lacks(values map[string]string) *refusal {
	var missing []string
	for _, n := range sortedKeys(values) {
		if values[n] == "" {
			missing = append(missing, n)
		}
	}
	return unset(missing)
}
