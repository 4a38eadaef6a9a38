// Package hubspottest is a small HubSpot for tests, for the simulator and for the desk: stateful, strict, in memory. It
// serves the vendor's paths of version 2026-09, keeps contacts and companies with their history, refuses what HubSpot
// refuses with HubSpot's bodies, lags where HubSpot lags, and sends signed webhook deliveries when told that time has passed.
//
// It is not a mock: nothing is programmed per call. It has no goroutine and no clock: time is Options.Now, chance is
// Options.Rand, and what happens later happens in Tick. It knows nothing of the client that it is made to test.
//
// Who asks is told by the bearer token. Options.Token is the connector's app: its writes carry sourceType INTEGRATION and
// the app's id. Options.UserToken is a person in HubSpot's own pages: CRM_UI and a user's id, no limits on calls, and a
// body may leave out the keys that the API itself does not insist on. The Go methods (Create, Edit, …) are that person too.
//
// Every behaviour names the page of the vendor that it rests on; "assembled" marks a body for which no published sample
// was found.
package hubspottest

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"crm-connector/pkg/core/crm"
)

// Version is the only dated version of the API that is served; every other one, v3 included, is answered 404.
// HubSpot docs: Versioning (the version is a path segment).
const Version = "2026-09"

// The values that stand in Options left empty.
const (
	DefaultToken        = "sandbox-app"
	DefaultUserToken    = "sandbox-user"
	DefaultAppID        = "19635961"
	DefaultClientSecret = "sandbox-client-secret"
	DefaultPortalID     = 62515
	DefaultUserID       = 52530071
)

// Options says what kind of account the sandbox is. The zero value of every field but Now is usable.
type Options struct {
	Now  func() time.Time // required; the model time of everything
	Rand *rand.Rand       // jitter of repeats, order and duplicates of deliveries; nil: a generator with a fixed seed
	// Sleep makes a fault's Delay pass; false says that the caller's context ended first. Nil: a Delay takes no time.
	Sleep func(ctx context.Context, d time.Duration) bool

	Token        string // bearer token of the app
	UserToken    string // bearer token that plays a person in HubSpot's pages
	AppID        string // decimal; sourceId of what the app writes
	ClientSecret string // key of the webhook signatures
	PortalID     int64
	UserID       int64 // the person's

	SearchLag  time.Duration  // search answers the state of that long ago. HubSpot docs: Search, "a few moments"
	Burst      int            // requests of the app per rolling 10 s; 0: 190, negative: no limit. HubSpot docs: Usage guidelines
	Daily      int            // requests of the app per day; 0: 625,000, negative: no limit
	SearchRate int            // searches per second and account; 0: 5, negative: no limit. HubSpot docs: Search, limits
	TimeZone   *time.Location // whose midnight ends the day; nil: UTC

	KeepPrimary        bool // merges keep the primary's id: public beta "Primary ID Preservation for Merged Records"
	BatchForgetsMerges bool // batch/read answers OBJECT_NOT_FOUND for an id that was merged away, instead of the survivor

	Webhook    string                               // target URL, exactly as it is signed
	Send       func(req *http.Request) (int, error) // carries one delivery; nil: no webhooks at all
	Generic    bool                                 // object.* names with objectTypeId instead of contact.* and company.*
	Subscribed map[crm.Module][]string              // properties with a propertyChange subscription; nil: all that a person may edit, and the opt-out
	Duplicates float64                              // chance that an accepted delivery is sent once more
	Reorder    time.Duration                        // each event is late by up to this, by itself; 0 keeps the order
	Properties map[crm.Module][]Property            // definitions beside HubSpot's own
	Owners     []Owner                              // nil: DefaultOwners
}

// Server is the sandbox. It is an http.Handler, and Transport serves the same without sockets. All methods may be called
// from several goroutines; Tick from one at a time.
type Server struct {
	mu     sync.Mutex
	opt    Options
	tables [2]*table // contacts, companies
	owners []Owner

	calls  map[string]int
	writes []Write
	serial int64 // correlation ids
	meter  meter

	faults []*Fault
	late   []lateRequest

	activities   []*activity // communications and tasks, in order of creation
	activityByID map[string]*activity

	events        int64
	subscriptions map[string]int64
	outbox        []*event
	repeats       []*delivery
	abandoned     int
}

// New returns an empty account.
func New(o Options) *Server {
	setDefaults(&o)
	s := &Server{
		opt:           o,
		owners:        o.Owners,
		calls:         map[string]int{},
		activityByID:  map[string]*activity{},
		subscriptions: map[string]int64{},
	}
	s.meter.options(o)
	for i, k := range kinds {
		s.tables[i] = newTable(k)
		for _, p := range o.Properties[k.module] {
			s.tables[i].define(p)
		}
	}
	return s
}

func setDefaults(o *Options) {
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(1, 2))
	}
	o.Token = or(o.Token, DefaultToken)
	o.UserToken = or(o.UserToken, DefaultUserToken)
	o.AppID = or(o.AppID, DefaultAppID)
	o.ClientSecret = or(o.ClientSecret, DefaultClientSecret)
	o.PortalID = or(o.PortalID, DefaultPortalID)
	o.UserID = or(o.UserID, DefaultUserID)
	o.Burst = or(o.Burst, 190)
	o.Daily = or(o.Daily, 625_000)
	o.SearchRate = or(o.SearchRate, 5)
	o.TimeZone = or(o.TimeZone, time.UTC)
	if o.Owners == nil {
		o.Owners = DefaultOwners()
	}
}

func or[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}

// now is the model time, cut to the milliseconds that HubSpot keeps.
func (s *Server) now() time.Time { return s.opt.Now().UTC().Truncate(time.Millisecond) }

func (s *Server) table(m crm.Module) *table {
	if m == crm.Companies {
		return s.tables[1]
	}
	return s.tables[0]
}

func (s *Server) contacts() *table  { return s.tables[0] }
func (s *Server) companies() *table { return s.tables[1] }

// actor is who writes, as history and webhooks tell it.
type actor struct {
	ours       bool
	sourceType string
	sourceID   string
	userID     int64
}

func (s *Server) app() actor {
	return actor{ours: true, sourceType: "INTEGRATION", sourceID: s.opt.AppID}
}

func (s *Server) person() actor {
	return actor{sourceType: "CRM_UI", sourceID: "userId:" + strconv.FormatInt(s.opt.UserID, 10), userID: s.opt.UserID}
}
