package simulate

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
)

// request is a request of the suite as an onlooker sees it.
type request struct {
	system crm.System
	http   *http.Request
	body   []byte
	inv    *invocation
	sent   time.Time
	at     time.Time // when it was carried out; zero: it was not yet
	shows  time.Time // a read: the instant whose state it shows
	writes bool
	s      *sim

	hubspot *hubspotWrite
	insert  *insertion
}

func newRequest(sys crm.System, r *http.Request, body []byte, inv *invocation, now time.Time) *request {
	q := &request{system: sys, http: r, body: body, inv: inv, sent: now}
	if inv != nil {
		q.s = inv.s
	}
	path := r.URL.Path
	switch {
	case r.Method == http.MethodGet:
	case sys == crm.HubSpot:
		q.writes = !strings.HasSuffix(path, "/batch/read") && !strings.HasSuffix(path, "/search")
	default:
		q.writes = strings.HasPrefix(path, "/crm/") && !strings.HasSuffix(path, "/coql")
	}
	return q
}

// quiet tells the calls that a client makes under a lock of its own.
func (q *request) quiet() bool {
	path := q.http.URL.Path
	if q.system == crm.HubSpot {
		return strings.HasPrefix(path, "/crm/properties/") || strings.HasPrefix(path, "/crm/owners/")
	}
	return strings.HasPrefix(path, "/oauth/") || strings.HasSuffix(path, "/users")
}

// String is the request in a line of the trace.
func (q *request) String() string {
	path := q.http.URL.Path
	for _, p := range []string{"/crm/objects/" + hubspot.Version, "/crm/" + zoho.Version} {
		path = strings.TrimPrefix(path, p)
	}
	text := string(q.system) + " " + q.http.Method + " " + path
	if ids := q.http.URL.Query().Get("ids"); ids != "" {
		text += "?ids=" + ids
	}
	if h := q.http.Header.Get("If-Unmodified-Since"); h != "" {
		text += " if-unmodified-since " + h[11:19]
	}
	if len(q.body) > 0 {
		text += " " + string(q.body[:min(len(q.body), 400)])
	}
	if q.s == nil || !q.s.opt.Trace {
		return text
	}
	return q.s.words(text)
}

// unknown notes that the sender does not learn what became of the request.
func (q *request) unknown() {
	if q.hubspot != nil {
		q.hubspot.unknown = true
	}
	if q.insert != nil {
		q.insert.unknown = true
		q.inv.s.unlock(q.insert)
	}
}

// hubspotWrite is a write of ours to a HubSpot record.
type hubspotWrite struct {
	key     string
	props   []string
	read    time.Time // the instant whose state the writer had read
	at      time.Time // when it was carried out; zero: never
	unknown bool      // the writer did not learn what became of it
	saved   bool      // the writer noted it in the pair's row afterwards
}

// insertion is an insert of ours into Zoho.
type insertion struct {
	module  crm.Module
	items   []map[string]any
	looks   []look // what the sender had searched for
	sent    time.Time
	at      time.Time
	ids     []string // by item, "" when refused
	unknown bool
}

// look is a search in Zoho.
type look struct {
	at    time.Time
	query string // in lower case
}

// looked returns when the sender last searched for an item's twins by a key: those of another record may have had the same one.
func (in *insertion) looked(i int, key string) time.Time {
	owner, _ := in.items[i]["HubSpot_Id"].(string)
	for _, l := range slices.Backward(in.looks) {
		if strings.Contains(l.query, key) && strings.Contains(l.query, "'"+owner+"'") && !strings.Contains(l.query, "from leads") {
			return l.at
		}
	}
	return time.Time{}
}

// note remembers a write that is about to be sent.
func (s *sim) note(q *request) {
	parts := strings.Split(strings.Trim(q.http.URL.Path, "/"), "/")
	switch {
	case q.system == crm.HubSpot && len(parts) >= 5: // crm objects version kind id
		w := &hubspotWrite{key: parts[4], read: q.inv.reads[parts[4]]}
		var body struct{ Properties map[string]any }
		if len(parts) > 5 {
			w.props = []string{"associatedcompanyid"}
		} else if json.Unmarshal(q.body, &body) == nil {
			for name := range body.Properties {
				w.props = append(w.props, name)
			}
			slices.Sort(w.props)
			s.braked(q, moduleOf[parts[3]], w.key, body.Properties)
		}
		q.hubspot = w
		q.inv.writes = append(q.inv.writes, w)
		s.hubspotWrites = append(s.hubspotWrites, w)
	case q.system == crm.Zoho && q.http.Method == http.MethodPut && len(parts) >= 4: // crm version module id
		var body struct{ Data []map[string]any }
		if json.Unmarshal(q.body, &body) == nil && len(body.Data) == 1 {
			s.braked(q, moduleOf[parts[2]], parts[3], body.Data[0])
		}
	case q.system == crm.Zoho && q.http.Method == http.MethodPost && len(parts) >= 3:
		in := &insertion{module: moduleOf[parts[2]], looks: q.inv.looks, sent: s.now()}
		var body struct {
			Data []map[string]any `json:"data"`
		}
		if json.Unmarshal(q.body, &body) == nil {
			in.items = body.Data
		}
		q.insert = in
		s.insertions = append(s.insertions, in)
	}
}

var moduleOf = map[string]crm.Module{"Contacts": crm.Contacts, "Accounts": crm.Companies, "contacts": crm.Contacts, "companies": crm.Companies}

// seen notes what a request that was carried out showed or did.
func (s *sim) seen(q *request, answer *http.Response) (*http.Response, error) {
	path := q.http.URL.Path
	switch {
	case q.hubspot != nil:
		if answer.StatusCode < 300 {
			q.hubspot.at = q.at
		}
	case q.insert != nil:
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		answer.Body = io.NopCloser(bytes.NewReader(body))
		q.insert.done(q.at, body)
	case q.inv == nil || q.writes:
	case q.system == crm.HubSpot && strings.HasSuffix(path, "/batch/read"):
		var body struct{ Inputs []struct{ ID string } }
		if json.Unmarshal(q.body, &body) == nil {
			for _, in := range body.Inputs {
				q.inv.reads[in.ID] = q.shows
			}
		}
	case q.system == crm.HubSpot:
		q.inv.reads[path[strings.LastIndex(path, "/")+1:]] = q.shows
	case strings.HasSuffix(path, "/coql"):
		q.inv.looks = append(q.inv.looks, look{q.at, strings.ToLower(string(q.body))})
	default:
		for id := range strings.SplitSeq(q.http.URL.Query().Get("ids"), ",") {
			q.inv.reads[id] = q.shows
		}
	}
	return s.spoil(q, answer)
}

// done reads which items were inserted.
func (in *insertion) done(at time.Time, body []byte) {
	var a struct {
		Data []struct {
			Code    string
			Details struct{ ID string }
		}
	}
	in.at = at
	in.ids = make([]string, len(in.items))
	if json.Unmarshal(body, &a) != nil {
		return
	}
	for i, d := range a.Data {
		if i < len(in.ids) && d.Code == "SUCCESS" {
			in.ids[i] = d.Details.ID
		}
	}
}
