package connector

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares what a person reads with testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; go test -update rewrites it. Got:\n%s", name, got)
	}
}

// bench is a stack between two sandbox CRMs, and the command in front of it.
type bench struct {
	*sandbox.World
	t         *testing.T
	env       map[string]string // of the operator
	told      map[string]string // what the deployed functions are told
	vault     vault
	version   string
	typed     []string // what the operator types when asked, in turn
	asked     []string
	verified  bool
	skew      time.Duration // of everybody else's clock
	ahead     time.Duration // of the command's own clock
	lanes     map[crm.System]*lane
	tables    func(name string, to Table) Table // a last word; may be nil
	elsewhere *bench                            // whom a token of another portal reaches; may be nil
	dark      string                            // a host that does not answer
	whole     map[string]*lane
	phone     *whatsapptest.Server                                // nil: no WhatsApp
	answers   map[string]int                                      // of functions behind the door to who brings no token, by path; 401 where nothing is said
	issuer    string                                              // of the tokens that the deployed door takes
	keySet    string                                              // what lies at the address of the key set
	held      vault                                               // what the functions have of the secrets, once they were told to look
	slack     func(text string) int                               // answers a post to a webhook of Slack's with a status; nil: 200
	ctx       context.Context                                     // of commands; nil: the test's
	chance    byte                                                // what the next run draws as randomness
	waits     func()                                              // told of a wait of a command before it passes; may be nil
	doors     http.RoundTripper                                   // stands at Zoho's door in place of the world's; may be nil
	opener    func(context.Context, World, Where) (*Stack, error) // opens in place of the bench; may be nil
	front     func(*http.Request) *http.Response                  // answers before the door, nil for what it leaves to it; may be nil
	through   http.RoundTripper                                   // what commands ask through; nil: the bench itself
	strange   []string                                            // addresses and domains that SES has not verified
	sandboxed bool                                                // SES is in its sandbox
	unasked   error                                               // why SES does not say so; may be nil
	unlooked  error                                               // why nobody can tell whether there are pairs; may be nil
	silent    error                                               // why nobody learns what the functions are told; may be nil
}

// vault is a store of secrets in memory.
type vault map[string]crm.Secret

func (v vault) Get(_ context.Context, names ...string) (map[string]crm.Secret, error) {
	return secrets(v).Get(context.Background(), names...)
}

func (v vault) Put(_ context.Context, name string, s crm.Secret) error {
	v[name] = s
	return nil
}

// lane is a queue of the world.
type lane struct {
	*sandbox.Lane
	oldest time.Duration
	err    error
	unseen error // why nobody tells how old its messages are; may be nil
	blind  int   // for so many looks its dead-letter queue shows nothing
}

func (l *lane) Send(ctx context.Context, entries []batch.Entry) error {
	return l.Queue.Send(ctx, entries)
}

func (l *lane) Depth(context.Context) (d Depth, err error) {
	d.Waiting, d.InFlight = l.Queue.Stats()
	a, b := l.Dead.Stats()
	d.Dead, d.Oldest, d.Unseen = a+b, l.oldest, l.unseen
	return d, l.err
}

func (l *lane) Redrive(_ context.Context, max int) (int, error) {
	if l.blind--; l.blind >= 0 {
		return 0, nil
	}
	return l.Dead.Move(l.Queue, max), nil
}

const (
	hook     = "https://connector.example.com/webhooks/hubspot"
	zohoHook = "https://connector.example.com/webhooks/zoho"
	channel  = "1000000068001"
)

// stage builds a stack that is set up and running.
func stage(t *testing.T, adapt ...func(*sandbox.WorldOptions)) *bench {
	t.Helper()
	var o sandbox.WorldOptions
	o.Zoho.GrantCode = "1000.code"
	for _, a := range adapt {
		a(&o)
	}
	pairKey := crm.NewSecret(strings.Repeat("0123456789abcdef", 4))
	last := o.Adapt
	o.Adapt = func(p *sandbox.Parts) {
		p.Hasher.Key = pairKey
		if last != nil {
			last(p)
		}
	}
	w, err := sandbox.NewWorld(o)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		World: w, t: t, env: map[string]string{}, version: "0.2.0", verified: true,
		told: map[string]string{
			"HUBSPOT_APP_ID": "19635961", "HUBSPOT_WEBHOOK_URL": hook, "ZOHO_CLIENT_ID": zohotest.DefaultClientID, "ZOHO_ACCOUNTS_URL": "https://accounts.zoho.eu",
			"ZOHO_CHANNEL_ID": channel, "ZOHO_WEBHOOK_URL": zohoHook, "REPORT_FROM": "connector@example.com", "REPORT_TO": "client@example.com", "MODE": "on", "PHONE_REGION": "IT",
		},
		vault: vault{
			settings.HubSpotAccessToken: crm.NewSecret("sandbox-app"), settings.HubSpotClientSecret: crm.NewSecret("sandbox-client-secret"),
			settings.ZohoClientSecret: crm.NewSecret("sandbox-secret"), settings.ZohoRefreshToken: crm.NewSecret("sandbox-refresh"),
			settings.ZohoChannelToken: crm.NewSecret("sandbox-channel-token"), settings.PairKey: pairKey,
		},
		lanes: map[crm.System]*lane{crm.HubSpot: {Lane: w.Lanes[0]}, crm.Zoho: {Lane: w.Lanes[1]}},
		whole: map[string]*lane{},
	}
	for _, name := range []string{"chats", "conversions"} {
		if w.Tables[name] == nil {
			w.Tables[name] = memory.NewRows(w.Clock.Now)
		}
	}
	for name, known := range map[string]string{whatsappQueue: "whatsappOperations", conversionQueue: "conversionEvents"} {
		if i := slices.IndexFunc(w.Lanes, func(l *sandbox.Lane) bool { return l.Name == known }); i >= 0 {
			b.whole[name] = &lane{Lane: w.Lanes[i]}
			continue
		}
		dead := memory.NewQueue(memory.QueueConfig{Name: name + "-dlq", Now: w.Clock.Now})
		b.whole[name] = &lane{Lane: &sandbox.Lane{Name: name, Queue: memory.NewQueue(memory.QueueConfig{Name: name, DeadLetter: dead, MaxReceives: 1000, Now: w.Clock.Now}), Dead: dead}}
	}
	b.settle()
	b.noted(pairKey)
	return b
}

// settle lets everything happen that is under way, schedules included.
func (b *bench) settle() {
	b.t.Helper()
	for range 4 {
		b.must(b.World.Run(b.t.Context(), 5*time.Second))
	}
	if !b.Quiet() {
		b.t.Fatal("it does not come to rest")
	}
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) open(context.Context, World, Where) (*Stack, error) {
	table := func(name string) Table {
		if b.tables == nil {
			return b.Tables[name]
		}
		return b.tables(name, b.Tables[name])
	}
	return &Stack{
		Name: "shop",
		Tables: Tables{
			Pairs: table(sandbox.Pairs), Parked: table(sandbox.Parked), Attempts: table(sandbox.Attempts),
			Config: table(sandbox.Config), Tokens: table(sandbox.Tokens), Quarantine: table(sandbox.Quarantine),
			Chats: table("chats"), Conversions: table("conversions"),
		},
		Lanes: map[crm.System]Lane{crm.HubSpot: b.lanes[crm.HubSpot], crm.Zoho: b.lanes[crm.Zoho]}, Vault: b.vault,
		Whole:   map[string]Lane{whatsappQueue: b.whole[whatsappQueue], conversionQueue: b.whole[conversionQueue]},
		Needs:   []string{settings.HubSpotAccessToken, settings.HubSpotClientSecret, settings.ZohoClientSecret, settings.ZohoRefreshToken, settings.ZohoChannelToken, settings.PairKey},
		Paired:  func(context.Context) (bool, error) { return b.Tables[sandbox.Pairs].Len() > 0, b.unlooked },
		Chatted: func(context.Context) (bool, error) { return b.Tables["chats"].Len() > 0, b.unlooked },
		Version: func(context.Context) (string, error) { return b.version, nil },
		Told:    func(context.Context) error { return b.silent },
		Setting: func(_ context.Context, name string) string {
			if b.silent != nil {
				return ""
			}
			return b.told[name]
		},
		Verified: func(_ context.Context, address string) (bool, error) {
			return b.verified && !slices.Contains(b.strange, address), nil
		},
		Sandboxed: func(context.Context) (bool, error) { return b.sandboxed, b.unasked },
	}, nil
}

// RoundTrip brings a request to whom it names, and the time of day with the answer.
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == b.dark {
		return nil, fmt.Errorf("no route to %s", b.dark)
	}
	var resp *http.Response
	var err error
	switch r.URL.Host {
	case "api.hubapi.com":
		if b.elsewhere != nil && r.Header.Get("Authorization") == "Bearer pat-other" {
			return b.elsewhere.RoundTrip(r)
		}
		resp, err = b.HubSpot.Transport().RoundTrip(r)
	case "www.zohoapis.eu", "accounts.zoho.eu":
		resp, err = b.Zoho.Transport().RoundTrip(r)
	case "connector.example.com":
		resp, err = b.knock(r)
	case "hooks.slack.com":
		resp, err = b.posted(r)
	case "keys.example.com":
		resp, err = keySet(b.keySet).RoundTrip(r)
	case "graph.facebook.com":
		if b.phone == nil {
			return nil, errors.New("nobody has WhatsApp")
		}
		resp, err = b.phone.Transport().RoundTrip(r)
	default:
		return nil, fmt.Errorf("nobody is %s", r.URL.Host)
	}
	if err == nil {
		resp.Header.Set("Date", b.Clock.Now().Add(b.skew).UTC().Format(http.TimeFormat))
	}
	return resp, err
}

// posted is Slack's answer to a post.
func (b *bench) posted(r *http.Request) (*http.Response, error) {
	var in struct{ Text string }
	status := http.StatusOK
	err := json.NewDecoder(r.Body).Decode(&in)
	if err == nil && b.slack != nil {
		status = b.slack(in.Text)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, err
}

func (b *bench) knock(r *http.Request) (*http.Response, error) {
	if b.front != nil {
		if resp := b.front(r); resp != nil {
			return resp, nil
		}
	}
	if b.doors != nil && r.URL.String() == zohoHook {
		return b.doors.RoundTrip(r)
	}
	if a, ok := b.side(r); ok {
		return &http.Response{StatusCode: a.Status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a.Body)), Request: r}, nil
	}
	event, err := sandbox.Gateway(r, "request")
	if err != nil {
		return nil, err
	}
	a, err := b.Door(r.Context(), event)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: a.StatusCode, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.Body)), Request: r}, nil
}

// ran is what a command came to.
type ran struct {
	code     int
	out, err string
}

// run carries out a command line on the stack shop.
func (b *bench) run(args ...string) ran {
	b.t.Helper()
	return b.bare(append(args, "--stack", "shop")...)
}

func (b *bench) bare(args ...string) ran {
	b.t.Helper()
	var out, errs bytes.Buffer
	n, open := 0, b.open
	if b.opener != nil {
		open = b.opener
	}
	code := Run(cmp.Or[context.Context](b.ctx, b.t.Context()), World{
		Getenv: func(name string) string { return b.env[name] }, Stdout: &out, Stderr: &errs,
		Prompt: func(label string) (string, error) {
			b.asked = append(b.asked, label)
			if len(b.typed) == 0 {
				return "", nil
			}
			answer := b.typed[0]
			b.typed = b.typed[1:]
			return answer, nil
		},
		Now: func() time.Time { return b.Clock.Now().Add(b.ahead) }, Sleep: b.sleep, NewID: func() string { n++; return fmt.Sprintf("connector-%d-%d", b.Clock.Now().UnixNano(), n) },
		Random: strings.NewReader(strings.Repeat(string('Z'+rune(b.chance)), 1000)), HTTP: cmp.Or[http.RoundTripper](b.through, b), Version: "0.2.0", Open: open,
	}, args)
	for name, v := range b.vault {
		if text := v.Reveal(); text != "" && (strings.Contains(out.String(), text) || strings.Contains(errs.String(), text)) {
			b.t.Errorf("%v prints %s", args, name)
		}
	}
	return ran{code, out.String(), errs.String()}
}

// sleep lets time pass while a command waits, five seconds at a time where somebody wants to know.
func (b *bench) sleep(ctx context.Context, d time.Duration) bool {
	for b.waits != nil && d > 0 && ctx.Err() == nil {
		b.waits()
		b.Clock.Advance(min(d, 5*time.Second))
		d -= 5 * time.Second
	}
	return ctx.Err() == nil && b.Clock.Sleep(ctx, max(d, 0))
}

// want checks the exit code and returns what was printed.
func (b *bench) want(code int, args ...string) string {
	b.t.Helper()
	r := b.run(args...)
	if r.code != code {
		b.t.Fatalf("%v ends with %d, want %d:\n%s%s", args, r.code, code, r.out, r.err)
	}
	return r.out + r.err
}

// has checks that a text holds others.
func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in:\n%s", p, text)
		}
	}
}

// hasNot checks that a text does not hold others.
func hasNot(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(text, p) {
			t.Errorf("%q is in:\n%s", p, text)
		}
	}
}

// stored copies all rows of all tables but the tokens, which a look may refresh, and the account of calls.
func (b *bench) stored() map[string]string {
	all := map[string]string{}
	for name, t := range b.Tables {
		if name == sandbox.Tokens {
			continue
		}
		for r := range t.All("") {
			if strings.HasPrefix(r.Key.Part, "budget#") {
				continue
			}
			all[name+" "+r.Key.Part+" "+r.Key.Sort] = string(r.Value)
		}
	}
	return all
}

// unchanged checks that a command leaves tables, queues, secrets and both CRMs as they were.
func (b *bench) unchanged(what string, do func()) {
	b.t.Helper()
	made := func() int {
		n := 0
		for _, calls := range []map[string]int{b.HubSpot.Calls(), b.Zoho.Calls()} {
			for call, times := range calls {
				if strings.HasPrefix(call, "POST ") && (strings.Contains(call, "properties") || strings.Contains(call, "settings/fields")) {
					n += times
				}
			}
		}
		if b.phone != nil {
			n += b.phone.Count(whatsapptest.CallSubscribe) + b.phone.Count(whatsapptest.CallSetAppURL)
		}
		for _, l := range b.whole {
			waiting, inFlight := l.Queue.Stats()
			n += waiting + inFlight
		}
		return n
	}
	rows, secrets, hub, zo, n := b.stored(), maps.Clone(b.vault), len(b.HubSpot.Writes()), len(b.Zoho.Writes()), made()
	do()
	if made() != n {
		b.t.Errorf("%s makes fields, subscriptions or messages", what)
	}
	for key, value := range b.stored() {
		if rows[key] != value {
			b.t.Errorf("%s changes %s", what, key)
		}
		delete(rows, key)
	}
	for key := range rows {
		b.t.Errorf("%s takes %s away", what, key)
	}
	if !maps.Equal(secrets, b.vault) {
		b.t.Errorf("%s changes the secrets", what)
	}
	if len(b.HubSpot.Writes()) != hub || len(b.Zoho.Writes()) != zo || !b.Quiet() {
		b.t.Errorf("%s writes to a CRM or a queue", what)
	}
}

type props = map[string]string

// rossi is a contact that is in step.
func (b *bench) rossi() (hubspot, zoho string) {
	b.t.Helper()
	hub, err := b.HubSpot.Create(crm.Contacts, props{"email": "anna@acme.example", "firstname": "Anna", "lastname": "Rossi", "jobtitle": "Buyer"})
	b.must(err)
	b.settle()
	ids := b.Zoho.IDs(crm.Contacts)
	if len(ids) == 0 {
		b.t.Fatal("it was not created in Zoho")
	}
	return hub, ids[len(ids)-1]
}

// patientLane is full for a few looks.
type patientLane struct {
	*lane
	waits int
	full  Depth
}

func (l *patientLane) Depth(ctx context.Context) (Depth, error) {
	if l.waits--; l.waits >= 0 {
		return l.full, nil
	}
	return l.lane.Depth(ctx)
}
