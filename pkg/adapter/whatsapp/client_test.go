package whatsapp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

const number = whatsapptest.DefaultNumber

// phone is a sandbox with a client on it and a clock that a test moves.
type phone struct {
	*whatsapptest.Server
	client *whatsapp.Client
	now    time.Time
	seen   []*http.Request
	bodies []string
}

func (p *phone) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		p.bodies = append(p.bodies, string(body))
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	p.seen = append(p.seen, r)
	return p.Transport().RoundTrip(r)
}

func open(o whatsapptest.Options) *phone {
	p := &phone{now: noon}
	o.Now = func() time.Time { return p.now }
	p.Server = whatsapptest.New(o)
	p.client = p.dial(whatsapptest.DefaultToken)
	return p
}

func (p *phone) dial(token string) *whatsapp.Client {
	return whatsapp.New(whatsapp.Config{BaseURL: "https://graph.sandbox", Token: crm.NewSecret(token), HTTP: p, Now: func() time.Time { return p.now },
		Sleep: func(context.Context, time.Duration) bool { return true }})
}

func to(p *whatsapptest.Person) chat.Person { return chat.Person{Phone: crm.Text(p.Phone)} }

func template(name string, parameters ...string) *outbound.Template {
	t := &outbound.Template{Name: name, Language: "it"}
	for _, s := range parameters {
		t.Parameters = append(t.Parameters, crm.Text(s))
	}
	return t
}

// anna has written just now.
func anna(t *testing.T, p *phone) *whatsapptest.Person {
	t.Helper()
	a := p.Meet("Anna Neri", "393471234567")
	if _, err := a.Say(number, "ciao"); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAMessageIsSentAsMetaDocumentsIt(t *testing.T) {
	p := open(whatsapptest.Options{})
	a := anna(t, p)
	r, err := p.client.Send(t.Context(), number, outbound.Outgoing{To: to(a), Text: crm.Text("Buongiorno"), Reply: crm.Text("wamid.X"), Callback: "outbox-1"})
	if err != nil || !strings.HasPrefix(r.ID.Text(), "wamid.") || r.To.Phone != crm.Text(a.Phone) {
		t.Fatalf("%+v, %v", r, err)
	}
	req := p.seen[0]
	if req.Method != "POST" || req.URL.Path != "/v25.0/"+number+"/messages" || req.Header.Get("Authorization") != "Bearer "+whatsapptest.DefaultToken ||
		!strings.HasPrefix(req.Header.Get("Content-Type"), "application/json") {
		t.Errorf("%s %s %v", req.Method, req.URL, req.Header)
	}
	const want = `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+393471234567","type":"text","context":{"message_id":"wamid.X"},` +
		`"text":{"preview_url":false,"body":"Buongiorno"},"biz_opaque_callback_data":"outbox-1"}`
	if p.bodies[0] != want {
		t.Errorf("sent %s\nwant %s", p.bodies[0], want)
	}
	if sent := p.SentMessages()[0]; sent.Text != "Buongiorno" || sent.Callback != "outbox-1" || sent.Reply != "wamid.X" || sent.To != a {
		t.Errorf("taken: %+v", sent)
	}
}

func TestTheDocumentedRequestsAreWrittenAndTheDocumentedAnswersRead(t *testing.T) {
	user := crm.Text("US.20837465019283746501")
	for _, tt := range []struct {
		request, answer string
		m               outbound.Outgoing
		id              string
		to              chat.Person
	}{
		{"s3_send_template_request", "s5_send_response_ok", outbound.Outgoing{To: chat.Person{Phone: crm.Text("393471234567"), User: user},
			Template: template("order_confirmation", "Giulia", "2026-114")}, "041AA==", chat.Person{Phone: crm.Text("393471234567")}},
		{"s2_send_text_bsuid_request", "s6_send_response_bsuid_ok", outbound.Outgoing{To: chat.Person{User: user}, Text: crm.Text("Hello! An agent will follow up.")},
			"045AA==", chat.Person{User: user}},
	} {
		var got map[string]any
		c := answering(func(r *http.Request) (*http.Response, error) {
			if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
				t.Error(err)
			}
			return says(200, file(t, tt.answer)), nil
		})
		r, err := c.Send(t.Context(), number, tt.m)
		if err != nil || !strings.HasSuffix(r.ID.Text(), tt.id) || r.To != tt.to {
			t.Errorf("%s: %+v, %v", tt.answer, r, err)
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(file(t, tt.request)), &want); err != nil {
			t.Fatal(err)
		}
		if text, ok := got["text"].(map[string]any); ok {
			delete(text, "preview_url") // false is what it is anyway
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", tt.request, diff)
		}
	}
	c := answering(func(*http.Request) (*http.Response, error) {
		return says(401, file(t, "s8_send_response_error_190")), nil
	})
	if _, err := c.Send(t.Context(), number, outbound.Outgoing{To: chat.Person{User: user}, Text: crm.Text("x")}); fault.KindOf(err) != fault.Denied || errors.Is(err, outbound.ErrUnknownOutcome) {
		t.Errorf("an expired token: %v", err)
	}
}

func file(t *testing.T, name string) string {
	raw, err := os.ReadFile("testdata/send/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func says(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func answering(f roundTrip) *whatsapp.Client {
	return whatsapp.New(whatsapp.Config{Token: crm.NewSecret("token"), HTTP: f, Now: func() time.Time { return noon }, Sleep: func(context.Context, time.Duration) bool { return true }})
}

func TestWhatMetaRefusesIsRefusedForWhatItIs(t *testing.T) {
	p := open(whatsapptest.Options{AtOnce: true})
	a := anna(t, p)
	ugo, away, out := p.Meet("Ugo", "393331112223"), p.Meet("Lia", "393339998887"), p.Meet("Ida", "393481231231")
	away.Unreachable = true
	if err := out.OptOut(number); err != nil {
		t.Fatal(err)
	}
	long := crm.Text(strings.Repeat("x", 4097))
	for _, tt := range []struct {
		name string
		m    outbound.Outgoing
		kind fault.Kind
		code int
	}{
		{"a window that is closed", outbound.Outgoing{To: to(ugo), Text: crm.Text("x")}, fault.Refused, 131047},
		{"marketing to somebody who wants none", outbound.Outgoing{To: to(out), Template: template("promo_autunno", "x")}, fault.Refused, 131050},
		{"somebody who cannot be reached", outbound.Outgoing{To: to(away), Template: template("hello_world")}, fault.Refused, 131026},
		{"a number without WhatsApp", outbound.Outgoing{To: chat.Person{Phone: crm.Text("390000000000")}, Template: template("hello_world")}, fault.Refused, 131026},
		{"a number that is none", outbound.Outgoing{To: chat.Person{Phone: crm.Text("12")}, Template: template("hello_world")}, fault.Refused, 131009},
		{"ourselves", outbound.Outgoing{To: chat.Person{Phone: crm.Text(whatsapptest.DefaultDisplay)}, Template: template("hello_world")}, fault.Refused, 131021},
		{"an unknown user id", outbound.Outgoing{To: chat.Person{User: crm.Text("IT.1")}, Template: template("hello_world")}, fault.Refused, 131009},
		{"a template that is not there", outbound.Outgoing{To: to(a), Template: template("nothing")}, fault.Refused, 132001},
		{"parameters that do not fit", outbound.Outgoing{To: to(a), Template: template("order_confirmation", "x")}, fault.Refused, 132000},
		{"a parameter of two lines", outbound.Outgoing{To: to(a), Template: template("promo_autunno", "x\ny")}, fault.Refused, 100},
		{"a template that is paused", outbound.Outgoing{To: to(a), Template: template("promo_ferma")}, fault.Refused, 132015},
		{"a template that is disabled", outbound.Outgoing{To: to(a), Template: template("promo_chiusa")}, fault.Refused, 132016},
		{"a long text", outbound.Outgoing{To: to(a), Text: long}, fault.Refused, 100},
	} {
		_, err := p.client.Send(t.Context(), number, tt.m)
		code, _ := whatsapp.CodeOf(err)
		if fault.KindOf(err) != tt.kind || code != tt.code || errors.Is(err, outbound.ErrUnknownOutcome) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if len(p.SentMessages()) != 0 {
		t.Errorf("%d were taken", len(p.SentMessages()))
	}
	if _, err := p.client.Send(t.Context(), "7", outbound.Outgoing{To: to(a), Text: crm.Text("x")}); fault.KindOf(err) != fault.Missing {
		t.Errorf("a number that is not ours: %v", err)
	}
	if _, err := p.client.Send(t.Context(), number, outbound.Outgoing{To: to(out), Template: template("order_confirmation", "a", "b")}); err != nil {
		t.Errorf("what is no marketing: %v", err)
	}
}

func TestWhatCannotBeAMessageIsNotSent(t *testing.T) {
	p := open(whatsapptest.Options{})
	for name, m := range map[string]outbound.Outgoing{
		"to nobody": {Text: crm.Text("x")}, "neither": {To: chat.Person{Phone: crm.Text("39347")}}, "both": {To: chat.Person{Phone: crm.Text("39347")}, Text: crm.Text("x"), Template: template("x")},
	} {
		if _, err := p.client.Send(t.Context(), number, m); fault.KindOf(err) != fault.Ours || len(p.seen) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBothRatesAreThrottlesThatWereNotSent(t *testing.T) {
	p := open(whatsapptest.Options{})
	a := anna(t, p)
	p.now = p.now.Add(2 * time.Second)
	send := func(to chat.Person) error {
		_, err := p.client.Send(t.Context(), number, outbound.Outgoing{To: to, Template: template("hello_world")})
		return err
	}
	for i := range 45 {
		if err := send(to(a)); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	err := send(to(a))
	if code, _ := whatsapp.CodeOf(err); code != chat.CodePairRate || fault.KindOf(err) != fault.Throttled || fault.After(err) != 4*time.Second {
		t.Errorf("the 46th: %v after %s", err, fault.After(err))
	}
	for i := range 35 {
		if err := send(to(p.Meet("x", fmt.Sprint(393470000000+i)))); err != nil {
			t.Fatalf("message %d of the second: %v", 46+i, err)
		}
	}
	err = send(to(p.Meet("y", "393470000099")))
	if code, _ := whatsapp.CodeOf(err); code != chat.CodeNumberRate || fault.KindOf(err) != fault.Throttled || fault.After(err) != time.Second {
		t.Errorf("the 81st of a second: %v", err)
	}
	if p.now = p.now.Add(6 * time.Second); send(to(a)) != nil {
		t.Error("six seconds later one more may go")
	}
}

func TestASenderThatKeepsToOurRatesIsNeverThrottled(t *testing.T) {
	p := open(whatsapptest.Options{})
	var people []*whatsapptest.Person
	for i := range 30 {
		people = append(people, p.Meet("x", fmt.Sprint(393470000000+i)))
	}
	var all time.Time
	pairs := map[*whatsapptest.Person]time.Time{}
	for i := range 2000 {
		person := people[(i*i)%len(people)]
		for {
			full, wait := chat.NumberRate.Take(all, p.now, 1)
			pair, pairWait := chat.PairRate.Take(pairs[person], p.now, 1)
			if wait = max(wait, pairWait); wait == 0 {
				all, pairs[person] = full, pair
				break
			}
			p.now = p.now.Add(wait)
		}
		if _, err := p.client.Send(t.Context(), number, outbound.Outgoing{To: to(person), Template: template("hello_world")}); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

func TestATokenIsAskedForBeforeEveryCallAndNothingGoesWithoutOne(t *testing.T) {
	p := open(whatsapptest.Options{})
	a := anna(t, p)
	token := crm.NewSecret("old")
	c := whatsapp.New(whatsapp.Config{Bearer: func(context.Context) (crm.Secret, error) { return token, nil }, HTTP: p, Now: func() time.Time { return p.now }})
	send := func() error {
		_, err := c.Send(t.Context(), number, outbound.Outgoing{To: to(a), Text: crm.Text("x")})
		return err
	}
	if err := send(); fault.KindOf(err) != fault.Denied {
		t.Errorf("an old token: %v", err)
	}
	token = crm.NewSecret(whatsapptest.DefaultToken)
	if err := send(); err != nil || p.seen[len(p.seen)-1].URL.Host != "graph.facebook.com" {
		t.Errorf("a new token: %v", err)
	}
	token = crm.Secret{}
	calls := len(p.seen)
	if err := send(); fault.KindOf(err) != fault.Setup || len(p.seen) != calls {
		t.Errorf("no token: %v", err)
	}
}

func TestAMessageIsMarkedReadAgainAndAgain(t *testing.T) {
	p := open(whatsapptest.Options{})
	a := p.Meet("Anna", "393471234567")
	id, err := a.Say(number, "ciao")
	if err != nil {
		t.Fatal(err)
	}
	p.Fail(whatsapptest.Fault{Lost: whatsapptest.LostAfter})
	if err := p.client.MarkRead(t.Context(), number, crm.Text(id), true); err != nil || !p.MarkedRead(id) || p.Count(whatsapptest.CallMessages) != 2 {
		t.Errorf("%v, read %t after %d calls", err, p.MarkedRead(id), p.Count(whatsapptest.CallMessages))
	}
	if want := `{"messaging_product":"whatsapp","status":"read","message_id":"` + id + `","typing_indicator":{"type":"text"}}`; p.bodies[0] != want {
		t.Errorf("sent %s", p.bodies[0])
	}
	if err := p.client.MarkRead(t.Context(), number, crm.Text("wamid.none"), false); fault.KindOf(err) != fault.Refused {
		t.Errorf("a message that is not there: %v", err)
	}
	p.Fail(whatsapptest.Fault{Status: 200, Body: `{"success":false}`})
	if err := p.client.MarkRead(t.Context(), number, crm.Text(id), false); fault.KindOf(err) != fault.Down {
		t.Errorf("no success: %v", err)
	}
}

func TestBothSubscriptionsAreLookedAt(t *testing.T) {
	const url = "https://hooks.example.com/webhooks/whatsapp"
	p := open(whatsapptest.Options{Webhook: url, Send: func(*http.Request) (int, error) { return 200, nil }})
	w := whatsapp.Wiring{Account: whatsapptest.DefaultAccount, AppID: whatsapptest.DefaultAppID, AppSecret: crm.NewSecret(whatsapptest.DefaultAppSecret), URL: url}
	gaps := func(want ...whatsapp.Gap) {
		t.Helper()
		got, err := p.client.Gaps(t.Context(), w)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v: %s", err, diff)
		}
	}
	gaps()
	p.Unsubscribe()
	gaps(whatsapp.Gap{Kind: whatsapp.GapAccount})
	if err := p.client.Subscribe(t.Context(), w.Account); err != nil {
		t.Fatal(err)
	}
	gaps()
	p.SetCallback("https://old.example.com", false, "user_preferences", "account_update", "account_alerts", "message_template_status_update", "phone_number_quality_update")
	gaps(whatsapp.Gap{Kind: whatsapp.GapInactive}, whatsapp.Gap{Kind: whatsapp.GapURL, Found: "https://old.example.com"}, whatsapp.Gap{Kind: whatsapp.GapField, Field: "messages"})
	p.SetCallback("", false)
	gaps(whatsapp.Gap{Kind: whatsapp.GapNone})
	w.AppSecret = crm.NewSecret("another")
	if _, err := p.client.Gaps(t.Context(), w); fault.KindOf(err) != fault.Denied || strings.Contains(err.Error(), "another") {
		t.Errorf("another app secret: %v", err)
	}
	w.Account = "7"
	if _, err := p.client.Gaps(t.Context(), w); fault.KindOf(err) != fault.Missing {
		t.Errorf("another account: %v", err)
	}
}

func ExampleClient_Send() {
	c := answering(func(*http.Request) (*http.Response, error) {
		return says(200, `{"messaging_product":"whatsapp","contacts":[{"input":"+393471234567","wa_id":"393471234567"}],"messages":[{"id":"wamid.A"}]}`), nil
	})
	r, err := c.Send(context.Background(), "106540352242922", outbound.Outgoing{To: chat.Person{Phone: crm.Text("393471234567")}, Text: crm.Text("Buongiorno")})
	fmt.Println(r.ID.Text(), r.To.Phone.Text(), errors.Is(err, outbound.ErrUnknownOutcome))
	// Output: wamid.A 393471234567 false
}
