package zohotest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const apiPrefix = "/crm/v8/"

// call is one request on its way through.
type call struct {
	r        *http.Request
	body     []byte
	query    url.Values
	pattern  string // "METHOD pattern", what Calls counts by
	accounts bool   // for the accounts host
	handle   func(*Server, *call) reply
	refused  *refusal // by the router
	module   string
	key      string    // the record in the path
	by       actor     // who asks; the zero actor before admit
	at       time.Time // the instant whose state a read answers
	cost     int       // credits, set by the handler; 0 is one
}

type reply struct {
	status int
	header http.Header
	body   []byte
	lost   bool
	cut    bool
}

// refusal is an error in the vendor's envelope {code,details,message,status} (Zoho docs: OpenAPI file, error codes).
type refusal struct {
	status  int // 0 is 400
	code    string
	message string
	details map[string]any
}

func (r *refusal) item() map[string]any {
	d := r.details
	if d == nil {
		d = map[string]any{}
	}
	return map[string]any{"code": r.code, "details": d, "message": r.message, "status": "error"}
}

func (r *refusal) reply() reply {
	status := r.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	return asJSON(status, r.item())
}

func invalidData(message string, details map[string]any) *refusal {
	return &refusal{code: "INVALID_DATA", message: message, details: details}
}

func asJSON(status int, v any) reply {
	b, err := appendJSON(make([]byte, 0, 1024), v)
	if err != nil {
		return reply{status: http.StatusInternalServerError, body: []byte(InternalError)}
	}
	return reply{status: status, body: b, header: http.Header{"Content-Type": {"application/json;charset=UTF-8"}}}
}

func empty(status int) reply { return reply{status: status} }

func (s *Server) newCall(r *http.Request, body []byte) *call {
	c := &call{r: r, body: body}
	c.query, c.pattern = r.URL.Query(), r.Method+" "+r.URL.Path
	switch {
	case r.URL.Path == tokenPath || r.URL.Path == revokePath:
		c.accounts, c.handle = true, (*Server).grant
		if r.URL.Path == revokePath {
			c.handle = (*Server).revoke
		}
		if r.Method != http.MethodPost {
			c.refused = &refusal{status: http.StatusMethodNotAllowed, code: "INVALID_REQUEST_METHOD", message: "The http request method type is not a valid one"}
		}
	case strings.HasPrefix(r.URL.Path, apiPrefix):
		s.route(c, strings.Split(strings.TrimPrefix(r.URL.Path, apiPrefix), "/"))
	default:
		c.refuse404()
	}
	return c
}

func (c *call) refuse404() {
	c.refused = &refusal{status: http.StatusNotFound, code: "INVALID_URL_PATTERN", message: "Please check if the URL trying to access is a correct one"}
}

type verbs map[string]func(*Server, *call) reply

var fixedRoutes = map[string]verbs{
	"coql":             {"POST": (*Server).coql},
	"users":            {"GET": (*Server).getUsers},
	"org":              {"GET": (*Server).getOrg},
	"settings/fields":  {"GET": (*Server).getFields, "POST": (*Server).createFields},
	"settings/modules": {"GET": (*Server).getModules},
	"actions/watch": {"POST": (*Server).openChannels, "PUT": (*Server).replaceChannels, "PATCH": (*Server).patchChannels,
		"GET": (*Server).getChannels, "DELETE": (*Server).closeChannels},
}

var moduleRoutes = map[string]verbs{
	"":                              {"GET": (*Server).list, "POST": (*Server).insertRecords, "PUT": (*Server).updateRecords, "DELETE": (*Server).deleteRecords},
	"/search":                       {"GET": (*Server).search},
	"/upsert":                       {"POST": (*Server).upsertRecords},
	"/deleted":                      {"GET": (*Server).getDeleted},
	"/{id}":                         {"GET": (*Server).getOne, "PUT": (*Server).updateRecords, "DELETE": (*Server).deleteRecords},
	"/{id}/__timeline":              {"GET": (*Server).getTimeline},
	"/{id}/actions/fetch_full_data": {"GET": (*Server).getRich},
	"/{id}/actions/merge":           {"POST": (*Server).mergeRecords},
}

// route finds the handler. A path that no route has is INVALID_URL_PATTERN, a module that does not exist INVALID_MODULE,
// a method that the path does not take INVALID_REQUEST_METHOD (Zoho docs: OpenAPI file, error codes).
func (s *Server) route(c *call, seg []string) {
	if s.routeActivity(c, seg) {
		return
	}
	path := strings.Join(seg, "/")
	found, ok := fixedRoutes[path]
	if ok {
		c.pattern = c.r.Method + " " + apiPrefix + path
	} else {
		pattern := ""
		if len(seg) > 1 {
			rest := "/" + strings.Join(seg[1:], "/")
			if _, named := moduleRoutes[rest]; named {
				pattern = rest
			} else {
				c.key, pattern = seg[1], "/{id}"+strings.TrimPrefix(rest, "/"+seg[1])
			}
		}
		if found, ok = moduleRoutes[pattern]; !ok {
			c.refuse404()
			return
		}
		c.module, c.pattern = seg[0], c.r.Method+" "+apiPrefix+seg[0]+pattern
		if s.modules[c.module] == nil {
			c.refused = &refusal{code: "INVALID_MODULE", message: "the module name given seems to be invalid"}
			return
		}
	}
	if c.handle = found[c.r.Method]; c.handle == nil {
		c.refused = &refusal{code: "INVALID_REQUEST_METHOD", message: "The http request method type is not a valid one"}
	}
}

// carryOut admits the caller, carries the request out and tells what came of it.
func (s *Server) carryOut(c *call) reply {
	if !c.accounts && c.by.user == nil {
		if r := s.admit(c); r != nil {
			return r.reply()
		}
	}
	if c.refused != nil {
		return c.refused.reply()
	}
	if !c.accounts {
		if r := s.outside(c, c.needs()...); r != nil {
			return r.reply()
		}
	}
	if !c.accounts && s.outOfCredits() {
		return reply{status: http.StatusTooManyRequests, body: []byte(TooManyRequests), header: http.Header{"Content-Type": {"application/json;charset=UTF-8"}}}
	}
	a := c.handle(s, c)
	s.tell()
	if !c.accounts {
		s.spend(c, &a)
	}
	return a
}

// spending is what a call cost and when (Zoho docs: API Limits; credits per rolling 24 hours).
type spending struct {
	at      time.Time
	credits int
}

func (s *Server) outOfCredits() bool {
	return s.opt.Credits > 0 && s.spentCredits() >= s.opt.Credits
}

func (s *Server) spentCredits() int {
	day, sum := s.now().Add(-24*time.Hour), 0
	for len(s.spent) > 0 && !s.spent[0].at.After(day) {
		s.spent = s.spent[1:]
	}
	for _, p := range s.spent {
		sum += p.credits
	}
	return sum
}

// spend books the call; the header shows up once half of the credits are used (Zoho docs: API Limits).
func (s *Server) spend(c *call, a *reply) {
	if s.opt.Credits == 0 {
		return
	}
	s.spent = append(s.spent, spending{at: s.now(), credits: max(c.cost, 1)})
	if sum := s.spentCredits(); 2*sum >= s.opt.Credits {
		if a.header == nil {
			a.header = http.Header{}
		}
		a.header.Set("X-Api-Credits-Remaining", strconv.Itoa(max(s.opt.Credits-sum, 0)))
	}
}
