package hubspottest

import (
	"net/url"
	"strings"
)

// plurals are the names by which a path may call a kind: its own, in either number, or its type id. HubSpot docs:
// Understanding the CRM, "Object type IDs".
var plurals = map[string]int{
	"contacts": 0, "contact": 0, "0-1": 0,
	"companies": 1, "company": 1, "0-2": 1,
}

type handler = func(*Server, *request) (answer, *refusal)

// route finds the handler of a call and the pattern that it is counted under. A call that nobody handles is counted under
// "METHOD unknown" and answered 404.
func (s *Server) route(q *request) {
	segments := strings.Split(strings.Trim(q.path, "/"), "/")
	for i, escaped := range segments {
		if plain, err := url.PathUnescape(escaped); err == nil {
			segments[i] = plain
		}
	}
	q.pattern = q.method + " unknown"
	tail := []string(nil)
	switch {
	case len(segments) >= 4 && segments[0] == "crm" && segments[2] == Version:
		tail = segments[3:]
	case len(segments) == 3 && segments[0] == "crm" && segments[1] == "owners" && segments[2] == Version:
		q.found("/crm/owners/"+Version, map[string]handler{"GET": (*Server).listOwners})
		return
	case len(segments) == 3 && segments[0] == "account-info" && segments[1] == Version && segments[2] == "details":
		q.found("/account-info/"+Version+"/details", map[string]handler{"GET": (*Server).account})
		return
	default:
		return
	}
	base := "/crm/" + segments[1] + "/" + Version
	if segments[1] == "owners" {
		if len(tail) == 1 {
			q.id = tail[0]
			q.found(base+"/{id}", map[string]handler{"GET": (*Server).getOwner})
		}
		return
	}
	if segments[1] == "objects" && q.routeActivity(base, tail) {
		return
	}
	which, known := plurals[tail[0]]
	if !known {
		return
	}
	q.t = s.tables[which]
	base += "/" + kinds[which].plural
	switch segments[1] {
	case "objects":
		s.routeObject(q, base, tail[1:])
	case "properties":
		q.routeProperty(base, tail[1:])
	case "associations":
		s.routeBatchAssociation(q, base, tail[1:])
	}
}

func (q *request) found(path string, by map[string]handler) {
	q.handle = by[q.method]
	if q.handle == nil {
		q.handle = notAllowed
	}
	q.pattern = q.method + " " + path
}

func notAllowed(*Server, *request) (answer, *refusal) {
	return answer{}, refuse(405, "", "HTTP 405 Method Not Allowed")
}

func (s *Server) routeObject(q *request, base string, tail []string) {
	switch {
	case len(tail) == 0:
		q.found(base, map[string]handler{"GET": (*Server).list, "POST": (*Server).post})
	case len(tail) == 1:
		q.routeOne(base, tail[0])
	case len(tail) == 2 && tail[0] == "batch":
		h := map[string]handler{
			"read": (*Server).batchRead, "create": (*Server).batchCreate, "update": (*Server).batchUpdate, "archive": (*Server).batchArchive,
		}[tail[1]]
		if h != nil {
			q.found(base+"/batch/"+tail[1], map[string]handler{"POST": h})
		}
	case len(tail) >= 3 && tail[1] == "associations":
		s.routeAssociation(q, base, tail[0], tail[2:])
	}
}

func (q *request) routeOne(base, name string) {
	switch name {
	case "search":
		q.search = true
		q.found(base+"/search", map[string]handler{"POST": (*Server).find})
	case "merge":
		q.found(base+"/merge", map[string]handler{"POST": (*Server).postMerge})
	case "gdpr-delete":
		q.found(base+"/gdpr-delete", map[string]handler{"POST": (*Server).postErase})
	default:
		q.id = name
		q.found(base+"/{id}", map[string]handler{"GET": (*Server).get, "PATCH": (*Server).patch, "DELETE": (*Server).delete})
	}
}

func (s *Server) routeAssociation(q *request, base, id string, tail []string) {
	q.id = id
	plain := len(tail) == 3 && tail[0] == "default"
	if plain {
		tail = tail[1:]
	}
	which, known := plurals[tail[0]]
	if !known || len(tail) > 2 || s.tables[which] == q.t {
		return
	}
	q.to = s.tables[which]
	base += "/{id}/associations/"
	switch {
	case plain:
		q.oid = tail[1]
		q.found(base+"default/"+q.to.plural+"/{id}", map[string]handler{"PUT": (*Server).putDefault})
	case len(tail) == 2:
		q.oid = tail[1]
		q.found(base+q.to.plural+"/{id}", map[string]handler{"PUT": (*Server).putLabelled, "DELETE": (*Server).deleteAssociation})
	default:
		q.found(base+q.to.plural, map[string]handler{"GET": (*Server).listAssociations})
	}
}

func (s *Server) routeBatchAssociation(q *request, base string, tail []string) {
	if len(tail) != 3 || tail[1] != "batch" || tail[2] != "read" {
		return
	}
	which, known := plurals[tail[0]]
	if !known || s.tables[which] == q.t {
		return
	}
	q.to = s.tables[which]
	q.found(base+"/"+q.to.plural+"/batch/read", map[string]handler{"POST": (*Server).batchReadAssociations})
}

func (q *request) routeProperty(base string, tail []string) {
	switch len(tail) {
	case 0:
		q.found(base, map[string]handler{"GET": (*Server).listProperties, "POST": (*Server).postProperty})
	case 1:
		q.id = tail[0]
		q.found(base+"/{name}", map[string]handler{"GET": (*Server).getProperty})
	}
}
