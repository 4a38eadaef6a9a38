package pkg_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // zones do not depend on the machine

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"crm-connector/pkg/adapter/apigw"
	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
	rulesflow "crm-connector/pkg/flow/rules"
	webhookflow "crm-connector/pkg/flow/webhook"
	"crm-connector/pkg/suite/chats"
	"crm-connector/pkg/suite/consumer"
	"crm-connector/pkg/suite/conversionaggregator"
	"crm-connector/pkg/suite/conversionapi"
	"crm-connector/pkg/suite/sendwhatsapp"
	"crm-connector/pkg/suite/webhook"
)

const (
	clientSecret = "client-secret"
	channelID    = "1000000068001"
	channelToken = "sandbox-channel-token"
	appSecret    = "app-secret"
	verifyToken  = "verify-token"
	hubspotURL   = "https://door.example/webhooks/hubspot"
)

// front is a whole door in memory: the functions behind the routes, and what they touch.
type front struct {
	now         time.Time
	functions   map[string]func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)
	aggregator  *queue.Whole
	counter     counting.Counter
	counted     *memory.Queue
	quarantined int
	broken      error // of tables and queues
	forgotten   error // of secrets
}

type frontTable struct {
	*memory.Rows
	of *front
}

func (s frontTable) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	if s.of.broken != nil {
		return nil, s.of.broken
	}
	return s.Rows.Get(ctx, keys...)
}

func (s frontTable) Put(ctx context.Context, puts ...row.Put) error {
	if s.of.broken != nil {
		return s.of.broken
	}
	return s.Rows.Put(ctx, puts...)
}

func (s frontTable) List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error) {
	if s.of.broken != nil {
		return nil, s.of.broken
	}
	return s.Rows.List(ctx, part, sortPrefix, after, limit)
}

type frontQueue struct {
	*memory.Queue
	of *front
}

func (q frontQueue) Send(ctx context.Context, entries []batch.Entry) error {
	if q.of.broken != nil {
		return q.of.broken
	}
	return q.Queue.Send(ctx, entries)
}

// Add counts the bodies that went to quarantine.
func (f *front) Add(_, what string, n int) {
	if what == webhookflow.CountQuarantined {
		f.quarantined += n
	}
}

// secrets gives a secret unless they are forgotten.
func (f *front) secrets(text string) func(context.Context) ([]crm.Secret, error) {
	return func(context.Context) ([]crm.Secret, error) {
		if f.forgotten != nil {
			return nil, f.forgotten
		}
		return []crm.Secret{crm.NewSecret("older " + text), crm.NewSecret(text)}, nil
	}
}

// newFront wires every function of the door. A stack that is bare has neither WhatsApp nor conversions.
func newFront(t *testing.T, bare bool) *front {
	t.Helper()
	f := &front{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return f.now }
	newRows := func() frontTable { return frontTable{memory.NewRows(clock), f} }
	newQueue := func(name string) frontQueue {
		return frontQueue{memory.NewQueue(memory.QueueConfig{Name: name, Now: clock}), f}
	}
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	tokens := &conversions.Tokens{
		Algorithm: "HS256", Issuer: conversionstest.DefaultIssuer, Audience: conversionstest.DefaultAudience, Now: clock,
		Keys: conversions.Given{Algorithm: "HS256", Secrets: f.secrets(conversionstest.DefaultSecret)},
	}
	sleep, chance := func(context.Context, time.Duration) bool { return true }, func(int64) int64 { return 0 }
	rows, counted := newRows(), newQueue("conversionEvents")
	f.counted = counted.Queue

	sources := []webhookflow.Source{
		hubspot.NewSource(hubspot.SourceConfig{Secrets: f.secrets(clientSecret), URLs: []string{hubspotURL}, Now: clock}),
		zoho.NewChannel(zoho.ChannelConfig{Keys: zoho.ChannelKeys(channelID, f.secrets(channelToken)), Now: clock}),
	}
	absent := map[string]string{whatsapp.Path: "set up WhatsApp", conversions.EventsPath: "set up conversions"}
	if !bare {
		absent = nil
		sources = append(sources,
			whatsapp.NewSource(whatsapp.SourceConfig{Secrets: f.secrets(appSecret), VerifyTokens: f.secrets(verifyToken), Now: clock}),
			&conversions.Source{Tokens: tokens, Shards: submission.Shards, Now: clock, NewID: func() string { return "id" }})
	}
	deliveries := webhook.New(webhook.Adapters{
		Sources:  func(webhook.Notes) []webhookflow.Source { return sources },
		Queues:   map[crm.System]queue.API{crm.HubSpot: newQueue("zohoOperations"), crm.Zoho: newQueue("hubspotOperations")},
		Carriers: map[string]queue.API{string(crm.WhatsApp): newQueue("whatsappOperations"), conversions.Name: counted},
		Absent:   absent, Config: newRows(), Quarantine: newRows(), Now: clock, Log: log, Count: f,
	})
	metrics := conversionapi.New(conversionapi.Adapters{
		Rows: rows, Zone: rome, Now: clock, Sleep: sleep, Rand: chance, Log: log,
		Wire: func(q *counting.Query, in *counting.Inputs, log *slog.Logger) func(context.Context, door.Request) door.Answer {
			if bare {
				return conversions.Absent("set up conversions")
			}
			return (&conversions.API{Tokens: tokens, Metrics: q, Inputs: in, Zone: rome, Now: clock, Log: log}).Handle
		},
	})
	sender := sendwhatsapp.New(sendwhatsapp.Adapters{
		Adapters: chats.Adapters{
			Pairs: newRows(), Chats: newRows(), Parked: newRows(), Config: newRows(), Rules: rulesflow.Settings{Default: mapping.Default(), Start: crm.Off},
			Hasher: consumer.Hash(pair.Hasher{Key: crm.NewSecret("key"), KeyID: 1}), Number: "106540352242922", Language: chat.Italian, Zone: rome,
			NewID: func() string { return "id" }, Now: clock, Sleep: sleep, Log: log,
		},
		Wire: func(accept sendwhatsapp.Accept, log *slog.Logger) func(context.Context, door.Request) door.Answer {
			if bare {
				return conversions.Absent("set up WhatsApp")
			}
			return (&conversions.Messages{Tokens: tokens, Accept: accept, Log: log}).Handle
		},
	})
	f.counter = counting.Counter{Store: rows, Shards: submission.Shards, Now: clock, Patience: counting.Patient(sleep, chance)}
	f.aggregator = conversionaggregator.New(conversionaggregator.Adapters{
		Rows: rows, Waiter: counted, Now: clock, Sleep: sleep, Rand: chance, Log: log,
	})
	f.functions = map[string]func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error){
		"webhook":       apigw.Handler(deliveries),
		"conversionApi": apigw.Handler(metrics),
		"sendWhatsapp":  apigw.Handler(sender.Take),
	}
	return f
}

// ask hands a request to the function behind its route, as the gateway does.
func (f *front) ask(t *testing.T, route string, r door.Request) events.APIGatewayV2HTTPResponse {
	t.Helper()
	handle := f.functions[routes[route]]
	if handle == nil {
		t.Fatalf("no function behind %s", route)
	}
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: route, RawPath: r.Path, RawQueryString: r.Query, Headers: map[string]string{}, Body: string(r.Body)}
	for name, values := range r.Header {
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	e.RequestContext.RequestID, e.RequestContext.HTTP.Method, e.RequestContext.Stage = r.ID, r.Method, "$default"
	answer, err := handle(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// count drains the queue of events, as Lambda does.
func (f *front) count(t *testing.T) {
	t.Helper()
	for {
		got := f.counted.Receive(batch.MaxEntries)
		if len(got) == 0 {
			return
		}
		answer, err := f.aggregator.Handle(t.Context(), queue.Event("arn", got))
		if err != nil || len(answer.BatchItemFailures) > 0 {
			t.Fatalf("%+v, %v", answer, err)
		}
		for _, d := range got {
			if err := f.counted.Delete(d.Receipt); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// attempt is one request and the status that it must get. Its name is that of the examples that belong to it: parameters and a body
// that it does not name come from the page, and what the page says of the answer is what it must be.
type attempt struct {
	name   string
	route  string
	status int
	id     string                          // of the request
	body   string                          // "": the example's
	path   map[string]string               // in the place of examples
	query  string                          // likewise
	before func(*testing.T, *front)        // what has happened
	edit   func(r *door.Request)           // before it is signed
	spoil  func(f *front, r *door.Request) // after it was
	bare   bool                            // a stack in which nothing is set up
	after  func(*testing.T, *front)        // what must be seen
}

// request puts an attempt together. The examples that it takes are noted in used.
func (p *page) request(t *testing.T, f *front, a attempt, used map[string]bool) door.Request {
	t.Helper()
	place := p.operations()[a.route]
	method, path, _ := strings.Cut(a.route, " ")
	r := door.Request{ID: a.id, Method: method, Header: http.Header{}, Query: a.query, Body: []byte(a.body)}
	if r.ID == "" {
		r.ID = "request-" + strings.ReplaceAll(a.name, " ", "-")
	}
	if v, at := p.get(below(place, "requestBody", "content", "application/json", "examples", a.name, "value")); v != nil && a.body == "" {
		used[at] = true
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		r.Body = text
	}
	query := url.Values{}
	for i := range p.length(below(place, "parameters")) {
		parameter := below(place, "parameters", fmt.Sprint(i))
		name, _ := p.get(parameter + "/name")
		in, _ := p.get(parameter + "/in")
		v, at := p.get(below(parameter, "examples", a.name, "value"))
		text, given := a.path[word(name)]
		if v != nil && !given {
			used[at], text, given = true, fmt.Sprint(v), true
		}
		switch {
		case !given:
		case in == "path":
			path = strings.ReplaceAll(path, "{"+word(name)+"}", url.PathEscape(text))
		case in == "query":
			query.Set(word(name), text)
		case in == "header":
			r.Header.Set(word(name), text)
		}
	}
	if r.Path = path; r.Query == "" {
		r.Query = query.Encode()
	}
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/json")
	}
	if a.edit != nil {
		a.edit(&r)
	}
	p.prove(t, f, place, &r)
	if a.spoil != nil {
		a.spoil(f, &r)
	}
	return r
}

// length returns how many members a list has.
func (p *page) length(place string) int {
	v, _ := p.get(place)
	return len(list(v))
}

// prove adds what the page asks for as the proof of a request: a token has no other scope than the one that is named there.
func (p *page) prove(t *testing.T, f *front, place string, r *door.Request) {
	t.Helper()
	security, _ := p.get(below(place, "security"))
	for _, one := range list(security)[:min(1, p.length(below(place, "security")))] {
		for _, scheme := range sorted(one.(object)) {
			switch at := "/components/securitySchemes/" + scheme; scheme {
			case "bearer":
				r.Header.Set("Authorization", "Bearer "+conversionstest.Caller{}.Token(f.now, texts(fieldOf(one, scheme))...))
			case "hubspotSignature":
				signature, stamp := hubspot.Sign(crm.NewSecret(clientSecret), r.Method, hubspotURL, r.Body, f.now)
				r.Header.Set(p.text(at+"/name"), signature)
				r.Header.Set(p.text(below(place, "parameters", "0", "name")), stamp)
			case "whatsappSignature":
				r.Header.Set(p.text(at+"/name"), whatsapp.Sign(crm.NewSecret(appSecret), r.Body))
			case "whatsappVerifyToken":
				r.Query += "&" + url.Values{p.text(at + "/name"): {verifyToken}}.Encode()
			default:
				t.Fatalf("nobody knows how to prove %s", scheme)
			}
		}
	}
}

func (p *page) text(place string) string {
	v, _ := p.get(place)
	return word(v)
}

// compare holds an answer to what the page says of it, and returns what was produced of the page.
func (p *page) compare(t *testing.T, a attempt, got events.APIGatewayV2HTTPResponse, used map[string]bool) (produced string) {
	t.Helper()
	place := below(p.operations()[a.route], "responses", fmt.Sprint(got.StatusCode))
	said, at := p.get(place)
	if said == nil {
		t.Errorf("the page does not know %d: %s", got.StatusCode, got.Body)
		return ""
	}
	p.headers(t, at, got.Headers)
	kind, _, err := mime.ParseMediaType(got.Headers["Content-Type"])
	if err != nil {
		t.Errorf("content type %q", got.Headers["Content-Type"])
	}
	content, _ := p.get(below(at, "content"))
	if content == nil {
		if got.Body != "" {
			t.Errorf("a body that the page does not know: %s", got.Body)
		}
		return place
	}
	of := below(at, "content", kind)
	if v, _ := p.get(of); v == nil || fieldOf(v, "x-answered-by") != nil {
		t.Errorf("the page does not know %s for %d", kind, got.StatusCode)
		return ""
	}
	var body any = got.Body
	if kind != "text/plain" {
		if body, err = jsonschema.UnmarshalJSON(strings.NewReader(got.Body)); err != nil {
			t.Errorf("no JSON: %s", got.Body)
			return ""
		}
	}
	if err := p.schema(t, of+"/schema").Validate(body); err != nil {
		t.Errorf("%s\n%v", got.Body, err)
	}
	if example, at := p.get(below(of, "examples", a.name, "value")); example != nil {
		used[at] = true
		if d := cmp.Diff(plainly(example), plainly(body)); d != "" {
			t.Errorf("answered %s\nthe page (-) and the answer (+): %s", got.Body, d)
		}
	}
	return below(place, kind)
}

// headers holds the headers of an answer to the page, both ways.
func (p *page) headers(t *testing.T, response string, got map[string]string) {
	t.Helper()
	told := p.keys(below(response, "headers"))
	for name := range got {
		if name != "Content-Type" && !slices.ContainsFunc(told, func(s string) bool { return strings.EqualFold(s, name) }) {
			t.Errorf("a header that the page does not know: %s", name)
		}
	}
	for _, name := range told {
		said, at := p.get(below(response, "headers", name))
		value, given := got[http.CanonicalHeaderKey(name)]
		if !given {
			value, given = got[name]
		}
		switch {
		case fieldOf(said, "x-answered-by") != nil:
		case given:
			if err := p.schema(t, at+"/schema").Validate(value); err != nil {
				t.Errorf("%s: %q: %v", name, value, err)
			}
		case fieldOf(said, "required") == true:
			t.Errorf("without the header %s", name)
		}
	}
}

// answers returns every answer of the page that a function gives: the place of its response, and the type of its content.
func (p *page) answers() (out []string) {
	for _, place := range p.operations() {
		for _, status := range p.keys(below(place, "responses")) {
			at := below(place, "responses", status)
			response, real := p.get(at)
			if fieldOf(response, "x-answered-by") != nil {
				continue
			}
			content := p.keys(below(real, "content"))
			if content == nil {
				out = append(out, at)
			}
			for _, kind := range content {
				if media, _ := p.get(below(real, "content", kind)); fieldOf(media, "x-answered-by") == nil {
					out = append(out, below(at, kind))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// examples returns the place of every example of the page.
func (p *page) examples() map[string]bool {
	out := map[string]bool{}
	var walk func(v any, at string)
	walk = func(v any, at string) {
		switch v := v.(type) {
		case object:
			for name, member := range v {
				if all, ok := member.(object); ok && name == "examples" {
					for one := range all {
						out[below(at, "examples", one, "value")] = true
					}
					continue
				}
				walk(member, below(at, name))
			}
		case []any:
			for i, member := range v {
				walk(member, below(at, fmt.Sprint(i)))
			}
		}
	}
	walk(p.doc, "")
	return out
}

func TestEveryAnswerOnThePageIsGivenAndNoOther(t *testing.T) {
	p := thePage(t)
	fronts := map[bool]*front{false: newFront(t, false), true: newFront(t, true)}
	produced, used := map[string]bool{}, map[string]bool{}
	for _, a := range attempts() {
		t.Run(a.route+" "+a.name, func(t *testing.T) {
			f := fronts[a.bare]
			if a.before != nil {
				a.before(t, f)
			}
			f.broken, f.forgotten = nil, nil
			r := p.request(t, f, a, used)
			got := f.ask(t, a.route, r)
			if got.StatusCode != a.status {
				t.Errorf("answered %d %s, want %d", got.StatusCode, got.Body, a.status)
			}
			produced[p.compare(t, a, got, used)] = true
			if f.broken, f.forgotten = nil, nil; a.after != nil {
				a.after(t, f)
			}
		})
	}
	for _, answer := range p.answers() {
		if !produced[answer] {
			t.Errorf("on the page, and never answered: %s", answer)
		}
	}
	for example := range p.examples() {
		if !used[example] {
			t.Errorf("an example that nobody tries: %s", example)
		}
	}
}

// The states that an attempt meets.
var (
	down = func(f *front, _ *door.Request) {
		f.broken = &fault.Error{Op: "memory", Kind: fault.Down, Err: errors.New("down")}
	}
	tired = func(f *front, _ *door.Request) {
		f.broken = &fault.Error{Op: "memory", Kind: fault.Throttled, Err: errors.New("tired")}
	}
	blind = func(f *front, _ *door.Request) { f.forgotten = errors.New("the store of secrets does not answer") }
)

func drop(header string) func(*front, *door.Request) {
	return func(_ *front, r *door.Request) { r.Header.Del(header) }
}

// without is a token with every scope but one.
func without(scope conversions.Scope) func(*front, *door.Request) {
	return func(f *front, r *door.Request) {
		var all []string
		for _, s := range []conversions.Scope{conversions.ScopeEvents, conversions.ScopeMetrics, conversions.ScopeCosts, conversions.ScopeEntries, conversions.ScopeMessages} {
			if s != scope {
				all = append(all, string(s))
			}
		}
		r.Header.Set("Authorization", "Bearer "+conversionstest.Caller{}.Token(f.now, all...))
	}
}

func header(name, value string) func(*door.Request) {
	return func(r *door.Request) { r.Header.Set(name, value) }
}

// The routes by their names on the page.
const (
	hubspotRoute   = "POST /webhooks/hubspot"
	zohoRoute      = "POST /webhooks/zoho"
	handshakeRoute = "GET /webhooks/whatsapp"
	whatsappRoute  = "POST /webhooks/whatsapp"
	eventRoute     = "POST /api/v1/eventi/conversione"
	metricsRoute   = "GET /api/v1/metriche/conversioni"
	costRoute      = "PUT /api/v1/costi/{giorno}/{canale}"
	entryRoute     = "POST /api/v1/eventi/ingresso"
	messageRoute   = "POST /api/v1/messaggi"
)

// padded is a text with blanks behind it, so many bytes in all.
func padded(text string, bytes int) string { return text + strings.Repeat(" ", bytes-len(text)) }

func kept(n int) func(*testing.T, *front) {
	return func(t *testing.T, f *front) {
		t.Helper()
		if got := f.quarantined; got != n {
			t.Errorf("%d bodies in quarantine, want %d", got, n)
		}
	}
}

func attempts() []attempt {
	day := map[string]string{"giorno": "2026-11-22", "canale": "webform"}
	all := []attempt{
		{name: "creation", route: hubspotRoute, status: 200, after: kept(0)},
		{name: "generic", route: hubspotRoute, status: 200, after: kept(0)},
		{name: "not a list", route: hubspotRoute, status: 200, body: `{"eventId":1}`, after: kept(1)},
		{name: "no signature", route: hubspotRoute, status: 401, body: `[]`, spoil: drop(hubspot.HeaderV3)},
		{name: "one byte more was signed", route: hubspotRoute, status: 401, body: `[]`, spoil: func(_ *front, r *door.Request) { r.Body = append(r.Body, ' ') }},
		{name: "a minute too old", route: hubspotRoute, status: 401, body: `[]`, spoil: func(f *front, r *door.Request) {
			signature, stamp := hubspot.Sign(crm.NewSecret(clientSecret), r.Method, hubspotURL, r.Body, f.now.Add(-6*time.Minute))
			r.Header.Set(hubspot.HeaderV3, signature)
			r.Header.Set(hubspot.HeaderTimestamp, stamp)
		}},
		{name: "the largest", route: hubspotRoute, status: 200, body: padded("[]", door.Payload)},
		{name: "a byte more", route: hubspotRoute, status: 413, body: padded("[]", door.Payload+1)},
		{name: "a form", route: hubspotRoute, status: 415, body: `[]`, edit: header("Content-Type", "application/x-www-form-urlencoded")},
		{name: "compressed", route: hubspotRoute, status: 415, body: `[]`, edit: header("Content-Encoding", "gzip")},
		{name: "in Latin 1", route: hubspotRoute, status: 415, body: `[]`, edit: header("Content-Type", "application/json; charset=iso-8859-1")},
		{name: "only v1, which is right", route: hubspotRoute, status: 503, body: `[]`, spoil: func(_ *front, r *door.Request) {
			r.Header.Del(hubspot.HeaderV3)
			r.Header.Set(hubspot.HeaderV1, hubspot.SignV1(crm.NewSecret(clientSecret), r.Body))
		}},
		{name: "no secret at hand", route: hubspotRoute, status: 503, body: `[]`, spoil: blind},
		{name: "the queue is down", route: hubspotRoute, status: 503, spoil: down, body: `[{"eventId":7,"subscriptionType":"contact.creation","objectId":7}]`},

		{name: "changed", route: zohoRoute, status: 200, after: kept(1)},
		{name: "no list of records", route: zohoRoute, status: 200, body: `{"channel_id":"` + channelID + `","token":"` + channelToken + `"}`, after: kept(2)},
		{name: "not an object", route: zohoRoute, status: 400, body: `[]`},
		{name: "the largest", route: zohoRoute, status: 401, body: padded("{}", door.Payload)},
		{name: "33 levels", route: zohoRoute, status: 400, body: strings.Repeat("[", 33) + strings.Repeat("]", 33)},
		{name: "another token", route: zohoRoute, status: 401, body: `{"channel_id":"` + channelID + `","token":"another","module":"Contacts","ids":["1"]}`},
		{name: "a byte more", route: zohoRoute, status: 413, body: padded("{}", door.Payload+1)},
		{name: "a form", route: zohoRoute, status: 415, body: `{}`, edit: header("Content-Type", "text/plain")},
		{name: "no token at hand", route: zohoRoute, status: 503, body: `{"channel_id":"` + channelID + `","token":"` + channelToken + `","module":"Contacts","ids":["1"]}`, spoil: blind},

		{name: "verified", route: handshakeRoute, status: 200},
		{name: "no challenge", route: handshakeRoute, status: 400, query: "hub.mode=subscribe"},
		{name: "a challenge of markup", route: handshakeRoute, status: 400, query: "hub.mode=subscribe&hub.challenge=%3Cb%3E"},
		{name: "another token", route: handshakeRoute, status: 403, query: "hub.mode=subscribe&hub.challenge=1", spoil: func(_ *front, r *door.Request) { r.Query = strings.ReplaceAll(r.Query, verifyToken, "another") }},
		{name: "another mode", route: handshakeRoute, status: 403, query: "hub.mode=unsubscribe&hub.challenge=1"},
		{name: "no token at hand", route: handshakeRoute, status: 503, query: "hub.mode=subscribe&hub.challenge=1", spoil: blind},

		{name: "text", route: whatsappRoute, status: 200, after: kept(2)},
		{name: "delivered", route: whatsappRoute, status: 200, after: kept(2)},
		{name: "of something else", route: whatsappRoute, status: 200, body: `{"object":"page","entry":[]}`, after: kept(3)},
		{name: "the largest", route: whatsappRoute, status: 401, body: padded("{}", 3<<20), spoil: drop(whatsapp.HeaderSignature)},
		{name: "no signature", route: whatsappRoute, status: 401, body: `{}`, spoil: drop(whatsapp.HeaderSignature)},
		{name: "a byte more", route: whatsappRoute, status: 413, body: padded("{}", 3<<20+1)},
		{name: "a form", route: whatsappRoute, status: 415, body: `{}`, edit: header("Content-Type", "text/plain")},
		{name: "the table is down", route: whatsappRoute, status: 503, body: `{"object":"page","entry":[]}`, spoil: down},

		{name: "sample", route: eventRoute, status: 202, id: "JKJaXmPLvHcESHA="},
		{name: "named", route: eventRoute, status: 202, id: "JKJaYgpGvHcEPzQ="},
		{name: "keyed", route: eventRoute, status: 202, id: "JKJaZhyIPHcESJg="},
		{name: "wrong", route: eventRoute, status: 422, body: `{"id_cliente":"CLIENTE-ITALIA-789456","evento":"acquisto_concluso","timestamp":"2026-11-22T12:10:00Z","valore":1.005,"canale":"social","stato":"completato"}`},

		{name: "nothing", route: metricsRoute, status: 200},
		{name: "edges", route: metricsRoute, status: 400},
		{name: "a parameter that nobody knows", route: metricsRoute, status: 400, query: "da=2026-11-22T12:00:00Z&a=2026-11-22T12:05:00Z&dispositivo=mobile"},
		{name: "day", route: costRoute, status: 200},
		{name: "campaign", route: costRoute, status: 200},
		{name: "cent", route: costRoute, status: 422, path: day, body: `{"costi":{"EUR":"1.005"}}`},
		{name: "fax", route: costRoute, status: 400, path: map[string]string{"giorno": "2026-11-22", "canale": "fax"}, body: `{"costi":{}}`},
		{name: "visits", route: entryRoute, status: 202},
		{name: "repeated", route: entryRoute, status: 202},
		{name: "other", route: entryRoute, status: 409},
		{name: "tomorrow", route: entryRoute, status: 422},
		{name: "window", route: metricsRoute, status: 200, before: sellThree},
		{name: "campaign", route: metricsRoute, status: 200},

		{name: "text", route: messageRoute, status: 202},
		{name: "repeated", route: messageRoute, status: 202},
		{name: "other", route: messageRoute, status: 409},
		{name: "template", route: messageRoute, status: 202},
		{name: "wrong", route: messageRoute, status: 422, body: `{"a":{"telefono":"3471234567"},"tipo":"testo","testo":" ","riferimento":"ticket-4712"}`},

		{name: "not set up", route: handshakeRoute, status: 404, bare: true, query: "hub.mode=subscribe&hub.challenge=1"},
		{name: "not set up", route: whatsappRoute, status: 404, bare: true, body: `{}`},
	}
	for _, to := range []struct {
		route string
		scope conversions.Scope
		good  attempt // but for its name
	}{
		{eventRoute, conversions.ScopeEvents, attempt{status: 202, body: `{"id_cliente":"CLIENTE-AB-000001","evento":"richiesta_demo","timestamp":"2026-11-22T12:00:00Z","valore":0,"canale":"sms","stato":"completato"}`}},
		{metricsRoute, conversions.ScopeMetrics, attempt{status: 200, query: "da=2026-11-22T12:00:00Z&a=2026-11-22T12:05:00Z"}},
		{costRoute, conversions.ScopeCosts, attempt{status: 200, path: day, body: `{"costi":{"CHF":"1"}}`}},
		{entryRoute, conversions.ScopeEntries, attempt{status: 202, body: `{"id_ingresso":"visite-altre","canale":"sms","timestamp":"2026-11-22T12:00:00Z","visite":1}`}},
		{messageRoute, conversions.ScopeMessages, attempt{status: 202, body: `{"a":{"telefono":"+393471234567"},"tipo":"testo","testo":"Ciao","riferimento":"altro"}`}},
	} {
		add := func(name string, status int, change func(*attempt)) {
			a := to.good
			a.name, a.route, a.status = name, to.route, status
			change(&a)
			all = append(all, a)
		}
		add("no token", 401, func(a *attempt) { a.spoil = drop("Authorization") })
		add("a token of yesterday", 401, func(a *attempt) {
			a.spoil = func(f *front, r *door.Request) {
				r.Header.Set("Authorization", "Bearer "+conversionstest.Caller{}.Token(f.now.Add(-24*time.Hour), string(to.scope)))
			}
		})
		add("every scope but its own", 403, func(a *attempt) { a.spoil = without(to.scope) })
		add("not set up", 404, func(a *attempt) { a.bare = true })
		add("a table or queue that asks for patience", 429, func(a *attempt) { a.spoil = tired })
		add("a table or queue that is down", 503, func(a *attempt) { a.spoil = down })
		add("no key at hand", 503, func(a *attempt) { a.spoil = blind })
		if to.good.body == "" {
			continue
		}
		add("the largest", to.good.status, func(a *attempt) { a.body += strings.Repeat(" ", 64<<10-len(a.body)) })
		add("half a text", 400, func(a *attempt) { a.body = a.body[:len(a.body)-1] })
		add("a byte more", 413, func(a *attempt) { a.body += strings.Repeat(" ", 64<<10+1-len(a.body)) })
		add("a form", 415, func(a *attempt) { a.edit = header("Content-Type", "text/plain") })
	}
	return all
}

// sellThree brings in three sales and a repetition of one, and lets an hour pass.
func sellThree(t *testing.T, f *front) {
	p := thePage(t)
	for i, key := range []string{"ordine-1001", "ordine-1002", "ordine-1003", "ordine-1001"} {
		body := `{"id_evento":"` + key + `","id_cliente":"CLIENTE-ITALIA-789456","evento":"acquisto_concluso","timestamp":"2026-11-22T12:01:00Z","valore":19.99,"canale":"webform","stato":"completato"}`
		a := attempt{name: fmt.Sprint("sale ", i), route: eventRoute, body: body}
		if got := f.ask(t, eventRoute, p.request(t, f, a, map[string]bool{})); got.StatusCode != http.StatusAccepted {
			t.Fatal(got.Body)
		}
	}
	f.count(t)
	f.now = f.now.Add(time.Hour)
	if _, _, err := f.counter.Close(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
}
