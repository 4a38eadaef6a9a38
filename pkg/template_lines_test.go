package pkg_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/budget"
	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/invoke"
	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/secret"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/inbox"
	flowrules "crm-connector/pkg/flow/rules"
	"crm-connector/pkg/flow/upkeep"
	"crm-connector/pkg/flow/webhook"
	"crm-connector/pkg/flow/zohotoken"
	"crm-connector/pkg/suite/chats"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/consumer"
	"crm-connector/pkg/suite/conversionclock"
	"crm-connector/pkg/suite/pairwork"
	"crm-connector/pkg/suite/sendwhatsapp"
)

// paper is a log as Lambda writes it.
type paper struct{ bytes.Buffer }

func (p *paper) log() *slog.Logger {
	return slog.New(slog.NewJSONHandler(p, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))
}

// lines takes what was written.
func (p *paper) lines() []string {
	defer p.Reset()
	return strings.Split(strings.TrimSpace(p.String()), "\n")
}

const (
	doorURL = "https://door.example" + hubspot.Path
	signKey = "0f0e0d0c"
	channel = "1000000068001"
	jwtKey  = "0123456789abcdef0123456789abcdef"
)

// store are the secrets of a stack in which these are stored.
func store(t *testing.T, stored map[string]string) *secret.Store {
	aws, _ := awstest.Serve(t, func(string, string) (int, string) {
		var out struct{ Parameters []map[string]string }
		for name, value := range stored {
			out.Parameters = append(out.Parameters, map[string]string{"Name": "/stack/" + name, "Value": value})
		}
		answer, _ := json.Marshal(out)
		return http.StatusOK, string(answer)
	})
	set := &settings.Reader{Getenv: awstest.Env(aws, map[string]string{settings.SecretsPath: "/stack"})}
	return secret.New(awsenv.NewCaller(awsenv.Read(set).Config(awsenv.SSM), awsenv.SSM, time.Now), set, time.Now)
}

// atTheDoor returns the line of a delivery.
func atTheDoor(t *testing.T, stored map[string]string, path, body string, header map[string]string) []string {
	t.Helper()
	return knock(t, stored, door.Request{Method: http.MethodPost, Path: path, Body: []byte(body)}, header)
}

func knock(t *testing.T, stored map[string]string, r door.Request, header map[string]string) []string {
	p, held := &paper{}, store(t, stored)
	d := &webhook.Door{
		Sources: []webhook.Source{
			hubspot.NewSource(hubspot.SourceConfig{Secrets: held.Several(settings.HubSpotClientSecret), URLs: []string{doorURL}, Now: time.Now}),
			zoho.NewChannel(zoho.ChannelConfig{Keys: zoho.ChannelKeys(channel, held.Several(settings.ZohoChannelToken)), Now: time.Now}),
			whatsapp.NewSource(whatsapp.SourceConfig{
				Secrets: held.Several(settings.WhatsAppAppSecret), VerifyTokens: held.Several(settings.WhatsAppVerifyToken), Now: time.Now,
			}),
			&conversions.Source{Tokens: proof(held), Shards: submission.Shards, Now: time.Now, NewID: func() string { return "id" }},
		},
		Queues:     map[crm.System]webhook.Queue{crm.HubSpot: sink{}, crm.Zoho: sink{}},
		Carriers:   map[string]webhook.Carrier{"whatsapp": belt{}, conversions.Name: belt{}},
		Quarantine: &webhook.Quarantine{Store: memory.NewRows(time.Now), Now: time.Now}, Now: time.Now, Log: p.log(),
	}
	h := http.Header{"Content-Type": {"application/json"}}
	for name, value := range header {
		h.Set(name, value)
	}
	r.ID, r.Header = "r", h
	d.Handle(t.Context(), r)
	return p.lines()
}

// proof proves tokens by the key that is stored.
func proof(held *secret.Store) *conversions.Tokens {
	return &conversions.Tokens{
		Algorithm: "HS256", Issuer: conversionstest.DefaultIssuer, Audience: conversionstest.DefaultAudience,
		Keys: conversions.Given{Algorithm: "HS256", Secrets: held.Several(settings.ConversionsJWTSecret)}, Now: time.Now,
	}
}

// bearing are the headers of a caller of now.
func bearing(key string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + conversionstest.Caller{Secret: key}.Token(time.Now(), string(conversions.ScopeEvents))}
}

// belt takes whole messages.
type belt struct{}

func (belt) Send(context.Context, []batch.Entry) error { return nil }

// signedByMeta are the headers of a delivery of WhatsApp.
func signedByMeta(body string) map[string]string {
	return map[string]string{whatsapp.HeaderSignature: whatsapp.Sign(crm.NewSecret(signKey), []byte(body))}
}

// counted returns the line of a conversion event whose message has that body.
func counted(t *testing.T, body string) []string {
	lines, back := queued(t, body)
	if len(back) != 0 {
		t.Fatal(back, lines)
	}
	return lines
}

// later returns the line of an event of a later version, which goes again.
func later(t *testing.T) []string {
	lines, back := queued(t, strings.Replace(bought(t), `"V":1`, `"V":9`, 1))
	if len(back) != 1 {
		t.Fatal(back, lines)
	}
	return lines
}

// queued returns the lines of a message of conversion-events, and what goes again.
func queued(t *testing.T, body string) (lines, back []string) {
	t.Helper()
	p := &paper{}
	c := &counting.Consumer{
		Counter: &counting.Counter{
			Store: memory.NewRows(time.Now), Shards: submission.Shards, Now: time.Now,
			Patience: counting.Patient(func(context.Context, time.Duration) bool { return true }, func(int64) int64 { return 0 }),
		},
		Waiter: sink{}, Log: p.log(),
	}
	back = c.Handle(t.Context(), []batch.Delivery{{ID: "m", Receipt: "r", Group: "c-0", Body: body, Receives: 1, Sent: time.Now()}})
	return p.lines(), back
}

// bought is the message of a conversion event.
func bought(t *testing.T) string {
	d, err := (&conversions.Source{Shards: submission.Shards, Now: time.Now}).Read(t.Context(), door.Request{ID: "r", Header: http.Header(headers(bearing(jwtKey))), Body: []byte(
		`{"id_cliente":"CLIENTE-ITALIA-789456","evento":"acquisto_concluso","timestamp":"` + time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + `","valore":1,"canale":"email","stato":"completato"}`)})
	if err != nil || len(d.Entries) != 1 {
		t.Fatal(d, err)
	}
	return d.Entries[0].Body
}

func headers(of map[string]string) map[string][]string {
	out := map[string][]string{}
	for name, value := range of {
		out[name] = []string{value}
	}
	return out
}

// outbox returns the line of a message that sendWhatsapp could not send, for want of that.
func outbox(t *testing.T, why error) []string {
	p, rows := &paper{}, memory.NewRows(time.Now)
	never := func(context.Context, time.Duration) bool { return false }
	hub, zo := hubspottest.New(hubspottest.Options{Now: time.Now}), zohotest.New(zohotest.Options{Now: time.Now})
	var accept sendwhatsapp.Accept
	sendwhatsapp.New(sendwhatsapp.Adapters{
		Adapters: chats.Adapters{
			HubSpot: hubspot.New(hubspot.Config{Token: crm.NewSecret(hubspottest.DefaultToken), HTTP: hub.Transport(), Now: time.Now}),
			Zoho: zoho.New(zoho.Config{
				Tokens: zohotoken.Fixed{Access: crm.Access{Token: crm.NewSecret(zo.NewToken()), Base: zohotest.DefaultAPIDomain}}, HTTP: zo.Transport(), Now: time.Now,
			}),
			Phone: broken{why}, Pairs: rows, Chats: rows, Parked: rows, Config: rows, Rules: consumer.Rules{Default: mapping.Default(), Start: crm.On},
			Hasher: consumer.Hash(pair.Hasher{Key: crm.NewSecret("key"), KeyID: 1}), Number: "106540352242922", Language: chat.Italian, Zone: time.UTC,
			NewID: func() string { return "id" }, Now: time.Now, Sleep: never, Log: p.log(),
		},
		Wire: func(a sendwhatsapp.Accept, _ *slog.Logger) func(context.Context, door.Request) door.Answer {
			accept = a
			return nil
		},
	})
	request, err := outbound.Decode([]byte(`{"a":{"telefono":"+393471112233"},"tipo":"template","template":{"nome":"hello_world","lingua":"it"},"riferimento":"r-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accept(t.Context(), "caller", request); err != nil {
		t.Fatal(err)
	}
	return p.lines()
}

// stale returns the line of a key that is asked for when its set could not be fetched for an hour.
func stale(t *testing.T) []string {
	p, now, answer := &paper{}, time.Now(), http.StatusOK
	key := `{"keys":[{"kid":"k","kty":"EC","use":"sig","alg":"ES256","crv":"P-256","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answer)
		_, _ = w.Write([]byte(key))
	}))
	defer server.Close()
	set := conversions.NewKeySet(server.URL, "ES256", server.Client(), func() time.Time { return now })
	set.Log = p.log()
	for _, status := range []int{http.StatusOK, http.StatusInternalServerError} {
		answer = status
		if _, err := set.Key(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		now = now.Add(2 * conversions.ToldAfter)
	}
	return p.lines()
}

// unproven returns the line of a request whose token nobody can prove.
func unproven(t *testing.T, tokens *conversions.Tokens) []string {
	p := &paper{}
	m := &conversions.Messages{Tokens: tokens, Log: p.log()}
	if a := m.Handle(t.Context(), door.Request{ID: "r", Method: http.MethodPost, Path: conversions.MessagesPath, Header: http.Header(headers(bearing(jwtKey)))}); a.Status != http.StatusServiceUnavailable {
		t.Fatal(a.Status)
	}
	return p.lines()
}

// tooShort is a secret that the door does not use.
func tooShort(context.Context) ([]crm.Secret, error) {
	return []crm.Secret{crm.NewSecret("short")}, nil
}

// clocked returns the lines of a run of conversionClock.
func clocked(t *testing.T, e conversionclock.Event) []string {
	p := &paper{}
	err := conversionclock.New(conversionclock.Adapters{
		Rows: memory.NewRows(time.Now), Mailer: &memory.Outbox{}, Queues: nobodyWaits{}, Zone: time.UTC, Now: time.Now,
		Sleep: func(context.Context, time.Duration) bool { return true }, Rand: func(int64) int64 { return 0 }, Log: p.log(),
	}).Handle(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return p.lines()
}

type nobodyWaits struct{}

func (nobodyWaits) Waiting(context.Context) (int64, error) { return 0, nil }

// broken is a phone by which nothing is sent.
type broken struct{ why error }

func (b broken) Send(context.Context, string, outbound.Outgoing) (outbound.Receipt, error) {
	return outbound.Receipt{}, b.why
}

func (b broken) Media(context.Context, string, int64) (chat.Attachment, error) {
	return chat.Attachment{}, b.why
}

// accessed is the line of the access log for a request.
func accessed(t *testing.T, route, status string) []string {
	line, err := json.Marshal(theTemplate(t).accessLine(route, status))
	if err != nil {
		t.Fatal(err)
	}
	return []string{string(line)}
}

// atWhatsApp is what a call of WhatsApp fails with while its token is not stored.
func atWhatsApp(t *testing.T) error {
	c := whatsapp.New(whatsapp.Config{Bearer: store(t, nil).One(settings.WhatsAppAccessToken), HTTP: http.DefaultTransport, Now: time.Now})
	_, err := c.Media(t.Context(), "1", 1)
	return err
}

// withoutSlack is what a run fails with while the address of Slack is not stored.
func withoutSlack(t *testing.T) error {
	_, err := store(t, nil).One(settings.SlackWebhookURL)(t.Context())
	return err
}

type sink struct{}

func (sink) Send(context.Context, []crm.Operation) error { return nil }
func (sink) Hide(context.Context, []batch.Wait) error    { return nil }

// signed are the headers of a delivery as HubSpot signs it for a URL, both ways.
func signed(url, body string) map[string]string {
	key := crm.NewSecret(signKey)
	v3, at := hubspot.Sign(key, http.MethodPost, url, []byte(body), time.Now())
	return map[string]string{hubspot.HeaderV3: v3, hubspot.HeaderTimestamp: at, hubspot.HeaderV1: hubspot.SignV1(key, []byte(body))}
}

// drained returns the line of an operation that ends with an error.
func drained(t *testing.T, err error) []string {
	p, rows := &paper{}, memory.NewRows(time.Now)
	loop := &inbox.Loop{
		Work: func(_ context.Context, ops []crm.Operation) []fault.Outcome {
			out := fault.Outcome{Ending: fault.Done}
			if err != nil {
				out = fault.Outcome{Ending: fault.GoAgain, Err: err}
			}
			return slices.Repeat([]fault.Outcome{out}, len(ops))
		},
		Parking: &digest.Ledger{Store: rows, Now: time.Now}, Store: rows, Waiter: sink{},
		Now: time.Now, Rand: func(int64) int64 { return 0 }, Log: p.log(),
	}
	op := crm.Operation{ID: "o", Connection: "main", Source: crm.HubSpot, Kind: crm.Contact, Module: crm.Contacts, Verb: crm.Update, RecordID: "1", ReceivedAt: time.Now()}
	loop.Handle(t.Context(), []batch.Message{{ID: "m", Group: "g", Receives: 1, Operation: op}})
	return p.lines()
}

// atHubSpot is what a call of HubSpot fails with while its token is not stored.
func atHubSpot(t *testing.T) error {
	c := hubspot.New(hubspot.Config{
		Bearer: store(t, nil).One(settings.HubSpotAccessToken), Now: time.Now,
		Sleep: func(context.Context, time.Duration) bool { return false },
	})
	_, err := c.Definitions(t.Context(), crm.Contacts)
	return err
}

func atZohoAccounts(t *testing.T, stored map[string]string) error {
	_, err := zoho.NewAccounts(zoho.AccountsConfig{
		BaseURL: "https://accounts.example", Now: time.Now, Secrets: store(t, stored).Both(settings.ZohoClientSecret, settings.ZohoRefreshToken),
	}).Refresh(t.Context())
	return err
}

// withoutKey is what a function that hashes values fails with while its key is not stored.
func withoutKey(t *testing.T) error {
	aws, _ := awstest.Serve(t, func(string, string) (int, string) { return http.StatusOK, `{"Parameters":[]}` })
	c := cloud.Open(awstest.Env(aws, map[string]string{settings.SecretsPath: "/stack"}), time.Now)
	kit := pairwork.Open(c, pairwork.Live, pairwork.Chance{NewID: func() string { return "caller" }, Int64: func(int64) int64 { return 0 }}, slog.New(slog.DiscardHandler))
	_, err := kit.Hasher(t.Context())
	return err
}

func braked(t *testing.T) []string {
	p := &paper{}
	rows := &config.Rows{Store: memory.NewRows(time.Now), Now: time.Now}
	book := flowrules.New(rows, flowrules.Settings{Default: mapping.Default(), Start: crm.On, Limits: flowrules.Limits{Clearings: 1, Overwritten: 1}}, time.Now, p.log())
	if ok, err := book.Count(t.Context(), "main", 2, nil); ok || err != nil {
		t.Fatal(ok, err)
	}
	return p.lines()
}

// carried has a consumer create in Zoho a contact of HubSpot that an operation of that trace names.
func carried(t *testing.T, trace string) []string {
	p, rows := &paper{}, memory.NewRows(time.Now)
	hub, zo := hubspottest.New(hubspottest.Options{Now: time.Now}), zohotest.New(zohotest.Options{Now: time.Now})
	key, err := hub.Create(crm.Contacts, map[string]string{"email": "anna@acme.example", "lastname": "Rossi"})
	if err != nil {
		t.Fatal(err)
	}
	id, sleep := 0, func(context.Context, time.Duration) bool { return true }
	waiting := memory.NewQueue(memory.QueueConfig{Name: "q", Now: time.Now})
	queues := consumer.Queues{crm.HubSpot: waiting, crm.Zoho: waiting}
	handler := consumer.New(consumer.Adapters{
		HubSpot: hubspot.New(hubspot.Config{BaseURL: "https://api.hubapi.com", Token: crm.NewSecret(hubspottest.DefaultToken), HTTP: hub.Transport(), Now: time.Now, Sleep: sleep}),
		Zoho: zoho.New(zoho.Config{
			Tokens: zohotoken.Fixed{Access: crm.Access{Token: crm.NewSecret(zo.NewToken()), Base: zohotest.DefaultAPIDomain}}, HTTP: zo.Transport(), Now: time.Now, Sleep: sleep,
		}),
		Pairs: rows, Parked: rows, Counts: rows, Config: rows, Quarantine: rows, Waiter: waiting, Queues: queues, Rules: consumer.Rules{Default: mapping.Default(), Start: crm.On},
		Hasher: consumer.Hash(pair.Hasher{Key: crm.NewSecret("key"), KeyID: 1}), NewID: func() string { id++; return strconv.Itoa(id) },
		Now: time.Now, Sleep: sleep, Rand: func(int64) int64 { return 0 }, Log: p.log(),
	})
	err = queues.Send(t.Context(), []crm.Operation{{
		V: crm.OperationVersion, ID: "o", Connection: crm.DefaultConnection, Source: crm.HubSpot, Kind: crm.Contact, Module: crm.Contacts, Verb: crm.Update,
		RecordID: key, ReceivedAt: time.Now(), Trace: trace,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := handler.Handle(t.Context(), queue.Event("arn", waiting.Receive(batch.MaxEntries))); err != nil || len(answer.BatchItemFailures) != 0 {
		t.Fatal(answer, err, p.String())
	}
	return p.lines()
}

// lost is a table that does not answer.
type lost struct{}

func (lost) Get(context.Context, ...row.Key) ([]row.Row, error) { return nil, errors.New("table gone") }
func (lost) Put(context.Context, ...row.Put) error              { return errors.New("table gone") }

// asked returns the lines of getZohoToken when a consumer asks it for a token and this is the table of tokens.
func asked(t *testing.T, tokens zohotoken.Store) []string {
	p := &paper{}
	answer := invoke.Tokens(&zohotoken.Reader{Store: tokens, Invoker: nobody{}, Connection: crm.DefaultConnection, Now: time.Now}, p.log())
	if a, err := answer(t.Context(), invoke.Question{V: invoke.Version}); err != nil || a.Fault == nil {
		t.Fatal(a, err)
	}
	return p.lines()
}

// nobody is Zoho when it gives no token.
type nobody struct{}

func (nobody) Refresh(context.Context, int64) error {
	return &fault.Error{Op: "invoke.Refresh", Kind: fault.Denied, Code: "invalid_code"}
}

// uncounted has a call made that cannot be counted.
func uncounted(t *testing.T) []string {
	p, hub := &paper{}, hubspottest.New(hubspottest.Options{Now: time.Now})
	client := hubspot.New(hubspot.Config{
		Token: crm.NewSecret(hubspottest.DefaultToken), Now: time.Now, Sleep: func(context.Context, time.Duration) bool { return false },
		HTTP: budget.HubSpot(budget.Config{Connection: crm.DefaultConnection, Caller: "c", Store: lost{}, HTTP: hub.Transport(), Now: time.Now, Log: p.log()}, settings.Budget{HubSpotDaily: 100}),
	})
	if _, err := client.Definitions(t.Context(), crm.Contacts); err != nil {
		t.Fatal(err)
	}
	return p.lines()
}

// TestEveryMetricFilterFindsItsLine has the code write each line that an alarm waits for, and lines of an ordinary day.
func TestEveryMetricFilterFindsItsLine(t *testing.T) {
	const event = `[{"eventId":1,"subscriptionId":1,"portalId":62515,"appId":1,"occurredAt":1763722800000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":101}]`
	both := map[string]string{settings.HubSpotClientSecret: signKey, settings.ZohoChannelToken: "token"}
	keyless := withoutKey(t)
	waits := func(more ...string) []string {
		return append(more, "zoho-operations-age", "hubspot-operations-age", "whatsapp-operations-age")
	}
	told := func(kind fault.Kind) []string { return drained(t, &fault.Error{Op: "zoho.Read", Kind: kind}) }
	with := map[string]string{
		settings.WhatsAppAppSecret: signKey, settings.WhatsAppVerifyToken: "verify", settings.ConversionsJWTSecret: jwtKey,
	}
	shake := door.Request{Method: http.MethodGet, Path: whatsapp.Path, Query: "hub.mode=subscribe&hub.challenge=1&hub.verify_token=verify"}
	v1 := map[string]string{hubspot.HeaderV1: signed(doorURL, event)[hubspot.HeaderV1]}
	zohoEvent := `{"channel_id":"` + channel + `","token":"token","module":"Contacts","operation":"insert","ids":["1"]}`
	cases := []struct {
		name  string
		lines []string
		want  []string // the metrics that count it
	}{
		{"HubSpot's secret is missing", atTheDoor(t, nil, hubspot.Path, event, signed(doorURL, event)), []string{"Doubts", "MissingHubspotClientSecret"}},
		{"the channel's token is missing", atTheDoor(t, nil, zoho.Path, zohoEvent, nil), []string{"Doubts", "MissingZohoChannelToken"}},
		{"another URL", atTheDoor(t, both, hubspot.Path, event, signed(doorURL+"/", event)), []string{"WrongUrl"}},
		{"the old signature alone", atTheDoor(t, both, hubspot.Path, event, v1), []string{"Doubts", "OldSignature"}},
		{"signed and unreadable", atTheDoor(t, both, hubspot.Path, `[{"x":`, signed(doorURL, `[{"x":`)), []string{"Quarantined"}},
		{"an ordinary delivery", atTheDoor(t, both, hubspot.Path, event, signed(doorURL, event)), []string{"AcceptedHubspot"}},
		{"an ordinary notification", atTheDoor(t, both, zoho.Path, zohoEvent, nil), []string{"AcceptedZoho"}},
		{"HubSpot with another secret", atTheDoor(t, map[string]string{settings.HubSpotClientSecret: "another"}, hubspot.Path, event, signed(doorURL, event)), []string{"ForgedHubspot"}},
		{"Zoho with another token", atTheDoor(t, both, zoho.Path, strings.Replace(zohoEvent, `"token":"token"`, `"token":"another"`, 1), nil), []string{"ForgedZoho"}},
		{"Meta with another secret", atTheDoor(t, map[string]string{settings.WhatsAppAppSecret: "another"}, whatsapp.Path, "{}", signedByMeta("{}")), []string{"ForgedWhatsapp"}},
		{"a stranger instead of Zoho", atTheDoor(t, both, zoho.Path, `{"channel_id":"7","token":"canary"}`, nil), nil},
		{"a stranger who knows the channel and no token", atTheDoor(t, both, zoho.Path, `{"channel_id":"`+channel+`"}`, nil), nil},
		{"a stranger", atTheDoor(t, both, hubspot.Path, event, map[string]string{hubspot.HeaderV3: "AAAA", hubspot.HeaderTimestamp: "1"}), nil},
		{"HubSpot's token is missing", drained(t, atHubSpot(t)), waits("MissingHubspotAccessToken", "SetupUnfinished")},
		{"the key is missing", drained(t, keyless), waits("MissingPairKey", "SetupUnfinished")},
		{"the key is missing, and the function fails", []string{`{"errorMessage":` + strconv.Quote(keyless.Error()) + `,"errorType":"wrapError"}`}, []string{"MissingPairKey"}},
		{"Zoho's client secret is missing", []string{atZohoAccounts(t, nil).Error()}, []string{"MissingZohoClientSecret"}},
		{"Zoho's refresh token is missing", []string{atZohoAccounts(t, map[string]string{settings.ZohoClientSecret: "x"}).Error()}, []string{"MissingZohoRefreshToken"}},
		{"not set up", told(fault.Setup), waits("SetupUnfinished")},
		{"a dead token", told(fault.Denied), waits("Denied")},
		{"a bug of ours", told(fault.Ours), waits("OurFault")},
		{"a CRM that is down", told(fault.Down), waits()},
		{"a limit", told(fault.Throttled), waits()},
		{"done", drained(t, nil), nil},
		{"an error of another kind", drained(t, errors.New("odd")), waits()},
		{"the brake", braked(t), []string{"Brake"}},
		{"a change that no event told", carried(t, upkeep.Found), []string{"Untold"}},
		{"a change that was told", carried(t, "delivery-1"), nil},
		{"a change while nobody was to be told", carried(t, upkeep.Resumed), nil},
		{"Zoho gives no token", asked(t, memory.NewRows(time.Now)), []string{"NoToken"}},
		{"the table of tokens does not answer", asked(t, lost{}), []string{"NoToken"}},
		{"calls that cannot be counted", uncounted(t), []string{"BudgetLost"}},
		{"WhatsApp's secret is missing", atTheDoor(t, nil, whatsapp.Path, "{}", signedByMeta("{}")), []string{"Doubts", "MissingWhatsappAppSecret"}},
		{"the token of the handshake is missing", knock(t, nil, shake, nil), []string{"Doubts", "MissingWhatsappVerifyToken"}},
		{"a handshake", knock(t, with, shake, nil), []string{"AcceptedWhatsapp"}},
		{"signed by Meta and unreadable", atTheDoor(t, with, whatsapp.Path, "{}", signedByMeta("{}")), []string{"Quarantined"}},
		{"a stranger instead of Meta", atTheDoor(t, with, whatsapp.Path, "{}", nil), nil},
		{"the key of tokens is missing", atTheDoor(t, nil, conversions.EventsPath, "{}", bearing(jwtKey)), []string{"Doubts", "MissingConversionsJwtSecret"}},
		{"a token of another key", atTheDoor(t, with, conversions.EventsPath, "{}", bearing(jwtKey+"x")), nil},
		{"a token is refused, as the gateway sees it", accessed(t, "POST "+conversions.EventsPath, "401"), []string{"JwtFailures"}},
		{"an event that is refused for itself", accessed(t, "POST "+conversions.EventsPath, "422"), nil},
		{"a CRM that is refused", accessed(t, "POST "+hubspot.Path, "401"), nil},
		{"WhatsApp's token is missing", drained(t, atWhatsApp(t)), waits("MissingWhatsappAccessToken", "SetupUnfinished")},
		{"Slack's address is missing", []string{withoutSlack(t).Error()}, []string{"MissingSlackWebhookUrl"}},
		{"an event is counted", counted(t, bought(t)), []string{"EventsCounted", "SendersAhead", "SendersBehind"}},
		{"an event that goes again", later(t), []string{"conversion-events-age"}},
		{"an event that nobody can read", counted(t, "none"), []string{"EventsFailed"}},
		{"the daily report", clocked(t, conversionclock.Event{Action: conversionclock.ActionReport, Day: "2026-11-20"}), []string{"Reports"}},
		{"two minutes are over", clocked(t, conversionclock.Event{}), nil},
		{"the issuer's keys cannot be fetched", stale(t), []string{"StaleKeys"}},
		{"a setting of tokens is wrong", unproven(t, &conversions.Tokens{Unsound: errors.New("CONVERSIONS_JWKS_URL is no address")}), []string{"TokensUnproven"}},
		{"the secret of tokens is too short", unproven(t, &conversions.Tokens{Algorithm: "HS256", Keys: conversions.Given{Algorithm: "HS256", Secrets: tooShort}}), []string{"TokensUnproven"}},
		{"WhatsApp is not set up", outbox(t, &fault.Error{Op: "whatsapp.Send", Kind: fault.Setup}), []string{"SetupUnfinished"}},
		{"WhatsApp's token is dead", outbox(t, &fault.Error{Op: "whatsapp.Send", Kind: fault.Denied}), []string{"Denied"}},
		{"a message that WhatsApp cannot take now", outbox(t, &fault.Error{Op: "whatsapp.Send", Kind: fault.Throttled}), nil},
		{"a bug while sending", outbox(t, &fault.Error{Op: "whatsapp.Send", Kind: fault.Ours}), []string{"OurFault"}},
	}
	tpl, counted := theTemplate(t), map[string]bool{}
	for _, tt := range cases {
		metrics := map[string]bool{}
		for _, line := range tt.lines {
			if key := twice(t, line); key != "" {
				t.Errorf("%s: two fields are called %s: %s", tt.name, key, line)
			}
			for _, id := range tpl.of("AWS::Logs::MetricFilter") {
				if matches(word(tpl.get(id, "FilterPattern")), line) {
					one := list(tpl.get(id, "MetricTransformations"))[0]
					name := word(at(one, "MetricName"))
					metrics[name], counted[name] = true, true
					if value := word(at(one, "MetricValue")); !measured(line, value) {
						t.Errorf("%s: %s finds no number as %s in %s", tt.name, id, value, line)
					}
				}
			}
		}
		for _, name := range tt.want {
			if !metrics[name] {
				t.Errorf("%s: %s does not count %q", tt.name, name, tt.lines)
			}
			delete(metrics, name)
		}
		for name := range metrics {
			t.Errorf("%s: %s counts %q", tt.name, name, tt.lines)
		}
	}
	for _, id := range tpl.of("AWS::Logs::MetricFilter") {
		if name := word(at(list(tpl.get(id, "MetricTransformations"))[0], "MetricName")); !counted[name] {
			t.Errorf("%s: nothing shows that %s is ever counted", id, name)
		}
	}
}

// matches reports whether a line of the log fits a pattern, of the forms that the template uses: a phrase in quotes, or
// comparisons of fields joined by && or by ||. A * at an end of a value stands for anything.
func matches(pattern, line string) bool {
	if phrase, err := strconv.Unquote(pattern); err == nil {
		return strings.Contains(line, phrase)
	}
	fields := map[string]any{}
	if json.Unmarshal([]byte(line), &fields) != nil {
		return false
	}
	var hits []bool
	for _, c := range comparison.FindAllStringSubmatch(pattern, -1) {
		value, _ := fields[c[1]].(string)
		like := "^" + strings.ReplaceAll(regexp.QuoteMeta(c[2]), `\*`, ".*") + "$"
		hits = append(hits, regexp.MustCompile(like).MatchString(value))
	}
	if strings.Contains(pattern, "||") {
		return slices.Contains(hits, true)
	}
	return len(hits) > 0 && !slices.Contains(hits, false)
}

// measured reports whether a line has the value that its metric takes: a number of its own, or one that is the same for every line.
func measured(line, value string) bool {
	field, own := strings.CutPrefix(value, "$.")
	fields := map[string]any{}
	_ = json.Unmarshal([]byte(line), &fields) // what is no JSON has no fields
	_, number := fields[field].(float64)
	return number || !own
}

// twice returns a field that stands twice in a line of JSON, "" when none does: nobody knows which of the two is read.
func twice(t *testing.T, line string) string {
	if !strings.HasPrefix(line, "{") {
		return ""
	}
	d, seen := json.NewDecoder(strings.NewReader(line)), map[string]bool{}
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		if name, _ := key.(string); seen[name] {
			return name
		} else {
			seen[name] = true
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return ""
}
