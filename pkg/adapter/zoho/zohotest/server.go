package zohotest

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"crm-connector/pkg/core/crm"
)

// Server is one org. It is an http.Handler; its methods may be called from several goroutines.
type Server struct {
	mu  sync.Mutex
	opt Options

	modules  map[string]*module
	users    []*User
	ids      int64 // how many ids were given out
	workflow Workflow

	tokens  []token // live access tokens, oldest first
	refresh map[string]bool
	grants  []time.Time // when access tokens were made, last ten minutes
	made    int         // how many tokens were made

	channels   []*channel
	events     []event // of the moment that is being collected
	deliveries []delivery
	sequence   int

	activities   []*activity // notes, tasks and attachments in the order of their making
	activityByID map[string]*activity

	faults []*Fault
	late   []landing
	calls  map[string]int
	spent  []spending
	writes []Write
}

// Write is one record that was written, by whomever.
type Write struct {
	At     time.Time
	Module string // "Contacts"
	ID     string
	Verb   string   // insert, update, delete, restore
	Fields []string // API names that changed
	Ours   bool     // by the integration's token, or a rule that it set off
	Source string   // crm_api, crm_ui, workflow
}

// New returns an org without records.
func New(o Options) *Server {
	o = o.withDefaults()
	s := &Server{opt: o, workflow: o.Workflow, calls: map[string]int{}, activityByID: map[string]*activity{}, refresh: map[string]bool{o.RefreshToken: true}}
	s.users = append(s.users, &s.opt.Integration, &s.opt.Person)
	for i := range s.opt.Users {
		s.users = append(s.users, &s.opt.Users[i])
	}
	s.modules = make(map[string]*module, len(standard))
	for name, base := range standard {
		s.modules[name] = newModule(base, append(currencyFields(o.Currencies), o.Fields[name]...), o.NoHubSpotID)
	}
	if o.ChannelID != "" && o.NotifyURL != "" {
		s.channels = append(s.channels, firstChannel(o))
	}
	return s
}

func (s *Server) now() time.Time { return s.opt.Now() }

// nextID returns a new id of 19 digits: it does not fit a float64.
func (s *Server) nextID() string {
	s.ids++
	return strconv.FormatInt(4876876000000400000+s.ids*1009, 10)
}

func (s *Server) user(id string) *User {
	for _, u := range s.users {
		if u.ID == id {
			return u
		}
	}
	return nil
}

// actor is on whose behalf something happens, and how the timeline calls the way it came.
type actor struct {
	user   *User
	source string // crm_api, crm_ui, workflow (timeline, Zoho docs: Timeline)
	ours   bool
}

func (s *Server) us() actor     { return actor{user: &s.opt.Integration, source: "crm_api", ours: true} }
func (s *Server) person() actor { return actor{user: &s.opt.Person, source: "crm_ui"} }

// Calls returns how many requests arrived by "METHOD pattern", for instance "PUT /crm/v8/Contacts/{id}". Requests that a
// fault swallowed are counted, notifications are not.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// Count returns how many requests arrived under one "METHOD pattern" of Calls.
func (s *Server) Count(pattern string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[pattern]
}

// Writes returns every write to a record so far, in order.
func (s *Server) Writes() []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// SetWorkflow puts another rule in force; nil takes it away.
func (s *Server) SetWorkflow(w Workflow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workflow = w
}

var moduleNames = map[crm.Module]string{crm.Contacts: "Contacts", crm.Companies: "Accounts", crm.Leads: "Leads"}

var moduleWords = map[string]crm.Module{"Contacts": crm.Contacts, "Accounts": crm.Companies, "Leads": crm.Leads}

// zoned is how a moment stands in an answer: the user's zone, an offset, no fraction (Zoho docs: Fields Metadata).
func (s *Server) zoned(t time.Time) string {
	return t.In(s.opt.Zone).Format("2006-01-02T15:04:05-07:00")
}

// ServeHTTP serves one request. A lost or cut answer aborts the connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r)
	if err != nil {
		http.Error(w, "the body could not be read", http.StatusBadRequest)
		return
	}
	a := s.serve(r, body)
	if a.lost {
		panic(http.ErrAbortHandler)
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	if a.cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		w.WriteHeader(a.status)
		writeAll(w, a.body[:len(a.body)/2])
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(a.status)
	writeAll(w, a.body)
}

// writeAll leaves a broken connection to the server: there is nobody left to tell.
func writeAll(w http.ResponseWriter, b []byte) {
	if _, err := w.Write(b); err != nil {
		return
	}
}
