package sandbox

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/rules"
)

// Clock is model time. It stands still but for Advance and Sleep.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows t.
func NewClock(t time.Time) *Clock { return &Clock{now: t} }

// Now returns the model time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Sleep moves the clock on and reports that it did.
func (c *Clock) Sleep(_ context.Context, d time.Duration) bool {
	c.Advance(d)
	return true
}

// The schedules of the functions, as the template has them.
var schedules = map[string]time.Duration{
	"refreshZohoToken": 10 * time.Minute, "failureReporter": 5 * time.Minute, "reconcile": time.Hour, "renewZohoChannel": 12 * time.Hour,
	"sendWhatsapp": time.Minute, "conversionClock": 2 * time.Minute, "conversionReport": 24 * time.Hour,
}

// order is in which functions run whose time has come at once.
var order = []string{"refreshZohoToken", "renewZohoChannel", "reconcile", "failureReporter", "sendWhatsapp", "conversionClock", "conversionReport"}

// World is the suite between two sandbox CRMs, in model time, in one goroutine: what happens depends on nothing but what is
// done to it.
type World struct {
	*Suite
	Clock    *Clock
	HubSpot  *hubspottest.Server
	Zoho     *zohotest.Server
	WhatsApp *whatsapptest.Server // nil in a world without it
	Caller   conversionstest.Caller
	Endings  []Ending    // of every message, in order
	Doors    map[int]int // answers of the door, by status
	Repeat   int         // how many more times every delivery is handed to the door

	due        map[string]time.Time
	deliveries int
}

// Ending is what became of one message.
type Ending struct {
	Message batch.Message
	Outcome fault.Outcome
}

// WorldOptions say what kind of world it is. The zero value is a quiet one.
type WorldOptions struct {
	Start   time.Time // zero: a Monday morning
	Seed    uint64
	HubSpot hubspottest.Options // Now, Webhook, Send are set by the world
	Zoho    zohotest.Options    // Now, NotifyURL, Send likewise
	// WhatsApp is there unless it is nil; Now, Webhook, Send are set by the world.
	WhatsApp *whatsapptest.Options
	// Conversions are counted, and callers have tokens.
	Conversions bool
	Mapping     mapping.Options
	Log         *slog.Logger // nil: nothing is logged
	Adapt       func(*Parts) // a last word on the parts; may be nil
}

// The URLs that deliveries are signed for and sent to. Nothing listens there: the world hands them over itself.
const (
	hubspotHook  = "https://connector.example.com/webhooks/hubspot"
	zohoHook     = "https://connector.example.com/webhooks/zoho"
	whatsappHook = "https://connector.example.com/webhooks/whatsapp"
	apiDomain    = "https://www.zohoapis.eu"
)

// NewWorld builds a world. The names of the mapped properties are published, and the mode is on.
func NewWorld(o WorldOptions) (*World, error) {
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &World{Clock: NewClock(o.Start), due: map[string]time.Time{}, Doors: map[int]int{}}
	dice := rand.New(rand.NewPCG(o.Seed, 7))
	o.HubSpot.Now, o.HubSpot.Webhook, o.HubSpot.Send = w.Clock.Now, hubspotHook, w.deliver
	o.Zoho.Now, o.Zoho.NotifyURL, o.Zoho.Send, o.Zoho.APIDomain = w.Clock.Now, zohoHook, w.deliver, apiDomain
	if o.Zoho.ChannelID == "" {
		o.Zoho.ChannelID, o.Zoho.ChannelToken = "1000000068001", "sandbox-channel-token"
	}
	if o.WhatsApp != nil && o.Zoho.Fields == nil && o.HubSpot.Properties == nil {
		o.Zoho.Fields, o.HubSpot.Properties = zohoFields(), hubspotProperties()
	}
	w.HubSpot, w.Zoho = hubspottest.New(o.HubSpot), zohotest.New(o.Zoho)
	ids := 0
	parts := Parts{
		HubSpot: HubSpot{
			URL: "https://api.hubapi.com", Token: crm.NewSecret(hubspottest.DefaultToken), AppID: hubspottest.DefaultAppID,
			Secrets: []crm.Secret{crm.NewSecret(hubspottest.DefaultClientSecret)}, WebhookURLs: []string{hubspotHook}, HTTP: w.HubSpot.Transport(),
		},
		Zoho: Zoho{
			URL: apiDomain, AccountsURL: "https://accounts.zoho.eu", ClientID: "sandbox-client", ClientSecret: crm.NewSecret("sandbox-secret"),
			RefreshToken: crm.NewSecret("sandbox-refresh"), ChannelID: o.Zoho.ChannelID, ChannelToken: crm.NewSecret(o.Zoho.ChannelToken), WebhookURL: zohoHook,
			HTTP: w.Zoho.Transport(),
		},
		Report: Report{From: "connector@example.com", To: "client@example.com", Language: "it"},
		Budget: Ample,
		Rules:  rules.Settings{Default: mapping.Default(), Options: o.Mapping, Start: crm.On},
		Hasher: pair.Hasher{Key: crm.NewSecret("sandbox-hash-key"), KeyID: 1},
		Now:    w.Clock.Now, Sleep: w.Clock.Sleep, Rand: dice.Int64N, Log: o.Log,
		NewID:       func() string { ids++; return fmt.Sprintf("id-%06d", ids) },
		Conditional: !o.Zoho.IgnoreCondition,
		Ended:       func(m batch.Message, out fault.Outcome) { w.Endings = append(w.Endings, Ending{m, out}) },
	}
	if o.WhatsApp != nil {
		o.WhatsApp.Now, o.WhatsApp.Webhook, o.WhatsApp.Send = w.Clock.Now, whatsappHook, w.deliver
		w.WhatsApp = whatsapptest.New(*o.WhatsApp)
		parts.WhatsApp = sandboxWhatsApp("https://graph.facebook.com", w.WhatsApp.Transport())
	}
	if o.Conversions {
		parts.Conversions = sandboxConversions()
	}
	if o.Adapt != nil {
		o.Adapt(&parts)
	}
	w.Suite = New(parts)
	book := rules.New(&config.Rows{Store: w.Tables[Config], Now: w.Clock.Now}, parts.Rules, w.Clock.Now, o.Log)
	return w, book.Publish(context.Background())
}

// deliver hands a webhook delivery to the door as API Gateway would.
func (w *World) deliver(r *http.Request) (int, error) {
	w.deliveries++
	event, err := Gateway(r, fmt.Sprintf("delivery-%d", w.deliveries))
	if err != nil {
		return 0, err
	}
	status := 0
	for range w.Repeat + 1 {
		answer, err := w.Door(r.Context(), event)
		if err != nil {
			return 0, err
		}
		w.Doors[answer.StatusCode]++
		status = answer.StatusCode
	}
	return status, nil
}

// Gateway makes the event that API Gateway would make of a request: payload version 2.0, the body in base64. The id is that
// of the request.
func Gateway(r *http.Request, id string) (events.APIGatewayV2HTTPRequest, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return events.APIGatewayV2HTTPRequest{}, err
		}
	}
	headers := map[string]string{}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: r.URL.EscapedPath(), RawQueryString: r.URL.RawQuery, Headers: headers,
		Body: base64.StdEncoding.EncodeToString(body), IsBase64Encoded: true,
	}
	e.RequestContext.RequestID = id
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path = r.Method, r.URL.Path
	return e, nil
}

// Turn lets everything happen that can happen now: late requests land, deliveries arrive, batches are worked on, schedules
// run. It reports whether anything did.
func (w *World) Turn(ctx context.Context) (bool, error) {
	w.HubSpot.Tick()
	w.Zoho.Tick()
	if w.WhatsApp != nil {
		w.WhatsApp.Tick()
	}
	busy := false
	for _, l := range w.Lanes {
		n, err := l.Poll(ctx)
		if err != nil {
			return busy, err
		}
		busy = busy || n > 0
	}
	return busy, w.scheduled(ctx)
}

// scheduled runs the functions whose time has come. A function that fails runs again at its next time.
func (w *World) scheduled(ctx context.Context) error {
	now := w.Clock.Now()
	for _, name := range order {
		if now.Before(w.due[name]) || w.Functions[name] == nil {
			continue
		}
		w.due[name] = now.Add(schedules[name])
		if err := w.Functions[name](ctx); err != nil && ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// Run lets model time pass, in steps short enough that nothing is late by more than one.
func (w *World) Run(ctx context.Context, d time.Duration) error {
	const step = 250 * time.Millisecond
	end := w.Clock.Now().Add(d)
	for {
		busy, err := w.Turn(ctx)
		if err != nil {
			return err
		}
		if !w.Clock.Now().Before(end) {
			return nil
		}
		if busy {
			w.Clock.Advance(step)
			continue
		}
		w.Clock.Advance(min(max(step, w.next().Sub(w.Clock.Now())), end.Sub(w.Clock.Now())))
	}
}

// next returns when something can happen again.
func (w *World) next() time.Time {
	at := w.Clock.Now().Add(time.Hour)
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	earlier(w.HubSpot.NextTick())
	earlier(w.Zoho.NextTick())
	if w.WhatsApp != nil {
		earlier(w.WhatsApp.NextTick())
	}
	for _, l := range w.Lanes {
		if t, ok := l.Queue.Next(); ok {
			earlier(t)
		}
	}
	for name := range w.Functions {
		earlier(w.due[name])
	}
	return at
}

// Quiet reports whether no message is waiting or being worked on.
func (w *World) Quiet() bool {
	for _, l := range w.Lanes {
		if waiting, inFlight := l.Queue.Stats(); waiting+inFlight > 0 {
			return false
		}
	}
	return true
}
