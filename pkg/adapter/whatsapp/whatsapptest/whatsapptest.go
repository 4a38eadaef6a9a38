// Package whatsapptest is a small WhatsApp for tests, for the simulator and for the desk: stateful, strict, in memory. It
// serves the paths of Meta's Graph API that the suite uses, refuses what Meta refuses with Meta's bodies, plays people who
// write, answer, opt out and change their number, and sends signed webhook deliveries when told that time has passed.
//
// It is not a mock: nothing is programmed per call. It has no goroutine and no clock: time is Options.Now, chance is
// Options.Rand, and what happens later happens in Tick. It knows nothing of the client that it is made to test.
//
// Every behaviour names the page of the vendor that it rests on, below
// https://developers.facebook.com/documentation/business-messaging/whatsapp/; "assembled" marks a body for which no published
// sample was found.
package whatsapptest

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// The values that stand in Options left empty.
const (
	DefaultToken       = "sandbox-token"
	DefaultAppID       = "670843887433847"
	DefaultAppSecret   = "sandbox-app-secret"
	DefaultVerifyToken = "sandbox-verify"
	DefaultAccount     = "102290129340398"
	DefaultNumber      = "106540352242922"
	DefaultDisplay     = "390612340000"
)

// Options says what kind of account the sandbox is. The zero value of every field but Now is usable.
type Options struct {
	Now  func() time.Time // required; the model time of everything
	Rand *rand.Rand       // ids, order and duplicates of deliveries; nil: a generator with a fixed seed
	// Sleep makes a fault's Delay pass; false says that the caller's context ended first. Nil: a Delay takes no time.
	Sleep func(ctx context.Context, d time.Duration) bool

	Token       string // bearer token of the system user
	AppID       string
	AppSecret   string // key of the webhook signatures
	VerifyToken string
	Account     string     // id of the WhatsApp Business Account
	Numbers     []Number   // nil: one, DefaultNumber
	Templates   []Template // nil: DefaultTemplates

	// AtOnce answers a closed window, an opt-out and an unreachable person in the call; else the message is taken and a status
	// tells later, as Meta mostly does. Page: support/error-codes ("synchronously, asynchronously, or both").
	AtOnce bool

	SentAfter      time.Duration // from the call to the status sent; 0: one second
	DeliveredAfter time.Duration // to delivered; 0: two seconds, negative: never
	ReadAfter      time.Duration // to read; 0: never. Equal to DeliveredAfter: only read is told

	Webhook    string                               // callback URL
	Send       func(req *http.Request) (int, error) // carries one delivery; nil: no webhooks at all
	Batch      int                                  // most updates of a delivery; 0: 1000, as Meta's
	Duplicates float64                              // chance that an accepted delivery is sent once more
	Reorder    time.Duration                        // each update is late by up to this, by itself; 0 keeps the order
	Unescaped  bool                                 // deliveries as plain UTF-8 instead of with Meta's escapes
}

// Number is a phone number of the business.
type Number struct {
	ID          string
	Display     string // digits
	Country     string // calling code, put before numbers that are sent without +; "" for 39
	Coexistence bool   // also used in the WhatsApp Business app: 20 messages a second instead of 80
}

// Template is a message that was approved before.
type Template struct {
	Name, Language string
	Parameters     int    // of the body
	Category       string // MARKETING, UTILITY, AUTHENTICATION
	Status         string // "" for APPROVED; PAUSED, DISABLED
}

// DefaultTemplates returns the templates of an account that names none.
func DefaultTemplates() []Template {
	return []Template{
		{Name: "order_confirmation", Language: "it", Parameters: 2, Category: "UTILITY"},
		{Name: "order_confirmation", Language: "en_US", Parameters: 2, Category: "UTILITY"},
		{Name: "promo_autunno", Language: "it", Parameters: 1, Category: "MARKETING"},
		{Name: "hello_world", Language: "it", Category: "UTILITY"},
		{Name: "promo_ferma", Language: "it", Category: "MARKETING", Status: "PAUSED"},
		{Name: "promo_chiusa", Language: "it", Category: "MARKETING", Status: "DISABLED"},
	}
}

// Server is the sandbox. It is an http.Handler, and Transport serves the same without sockets. All methods may be called
// from several goroutines; Tick from one at a time.
type Server struct {
	mu  sync.Mutex
	opt Options

	people  []*Person
	sent    []*Sent
	inbound map[string]bool // ids of messages of people, true once marked read
	media   map[string]*file
	pairs   map[string]*bucket
	seconds map[string][]time.Time // sends and receipts of the last second, by number
	serial  int

	subscribed bool // the account to the app
	callback   subscription
	setup      setup

	calls  map[string]int
	faults []*Fault
	late   []lateRequest

	outbox    []*update
	repeats   []*delivery
	abandoned int
}

// New returns an account with both subscriptions in place, and nobody in it.
func New(o Options) *Server {
	setDefaults(&o)
	return &Server{
		opt: o, inbound: map[string]bool{}, media: map[string]*file{}, pairs: map[string]*bucket{}, seconds: map[string][]time.Time{},
		subscribed: true, callback: subscription{url: o.Webhook, active: true, fields: allFields()}, calls: map[string]int{},
	}
}

func setDefaults(o *Options) {
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(1, 2))
	}
	o.Token = or(o.Token, DefaultToken)
	o.AppID = or(o.AppID, DefaultAppID)
	o.AppSecret = or(o.AppSecret, DefaultAppSecret)
	o.VerifyToken = or(o.VerifyToken, DefaultVerifyToken)
	o.Account = or(o.Account, DefaultAccount)
	o.SentAfter = or(o.SentAfter, time.Second)
	o.DeliveredAfter = or(o.DeliveredAfter, 2*time.Second)
	o.Batch = or(o.Batch, maxBatch)
	if o.Numbers == nil {
		o.Numbers = []Number{{ID: DefaultNumber, Display: DefaultDisplay}}
	}
	if o.Templates == nil {
		o.Templates = DefaultTemplates()
	}
}

func or[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}

func (s *Server) now() time.Time { return s.opt.Now().UTC() }

// number returns one of the business's numbers, nil for an id that is none.
func (s *Server) number(id string) *Number {
	for i := range s.opt.Numbers {
		if s.opt.Numbers[i].ID == id {
			return &s.opt.Numbers[i]
		}
	}
	return nil
}
