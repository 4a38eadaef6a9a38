package connector

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/webhook"
)

const phoneHook = "https://connector.example.com/webhooks/whatsapp"

// side answers the routes of WhatsApp and of conversions as the deployed door does, false for any other path.
func (b *bench) side(r *http.Request) (door.Answer, bool) {
	paths, lanes := map[string]webhook.Source{}, map[string]string{whatsapp.Path: whatsappQueue, conversions.EventsPath: conversionQueue}
	if b.told[issuerSetting] != "" {
		var keys conversions.Keys = b.given("HS256")
		if b.told["CONVERSIONS_JWKS_URL"] != "" {
			keys = conversions.NewKeySet("https://keys.example.com/jwks.json", "ES256", &http.Client{Transport: b}, b.Clock.Now)
		}
		paths[conversions.EventsPath] = &conversions.Source{Shards: 16, Now: b.Clock.Now, NewID: func() string { return "request" },
			Tokens: &conversions.Tokens{Algorithm: b.algorithm(), Issuer: b.issuer, Audience: conversions.Audience, Keys: keys, Now: func() time.Time { return b.Clock.Now().Add(b.skew) }}}
	}
	if b.told[numberID] != "" {
		paths[whatsapp.Path] = whatsapp.NewSource(whatsapp.SourceConfig{Secrets: b.several(settings.WhatsAppAppSecret), VerifyTokens: b.several(settings.WhatsAppVerifyToken), Now: b.Clock.Now})
	}
	if method := map[string]string{conversions.MetricsPath: http.MethodGet, conversions.MessagesPath: http.MethodPost}[r.URL.Path]; method != "" {
		if b.told[issuerSetting] == "" || r.Method != method {
			return door.Answer{Status: http.StatusNotFound}, true
		}
		return door.Answer{Status: cmp.Or(b.answers[r.URL.Path], http.StatusUnauthorized)}, true
	}
	source, known := paths[r.URL.Path]
	if !known {
		return (&webhook.Door{Now: b.Clock.Now, Log: slog.New(slog.DiscardHandler)}).Handle(r.Context(), door.Request{Method: r.Method, Path: r.URL.Path}), lanes[r.URL.Path] != ""
	}
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		b.must(err)
	}
	d := &webhook.Door{Sources: []webhook.Source{source}, Carriers: map[string]webhook.Carrier{source.Name(): b.whole[lanes[source.Path()]]},
		Quarantine: &webhook.Quarantine{Store: b.Tables[sandbox.Quarantine], Now: b.Clock.Now}, Now: b.Clock.Now, Log: slog.New(slog.DiscardHandler)}
	return d.Handle(r.Context(), door.Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header, Body: body}), true
}

// several are the secrets that the functions have of a name.
func (b *bench) several(name string) func(context.Context) ([]crm.Secret, error) {
	return func(context.Context) ([]crm.Secret, error) {
		from := b.vault
		if b.held != nil {
			from = b.held
		}
		var out []crm.Secret
		for v := range strings.SplitSeq(from[name].Reveal(), ",") {
			if v != "" {
				out = append(out, crm.NewSecret(v))
			}
		}
		return out, nil
	}
}

// algorithm is how the deployed door has tokens signed.
func (b *bench) algorithm() string {
	if b.told["CONVERSIONS_JWKS_URL"] != "" {
		return "ES256"
	}
	return "HS256"
}

// meta lets there be a WhatsApp that nobody has set up, on a stack that is deployed without it.
func (b *bench) meta() {
	b.phone = whatsapptest.New(whatsapptest.Options{Now: b.Clock.Now})
	b.phone.Unsubscribe()
	b.phone.SetCallback("", false)
	b.phone.AnswerHandshakes(func(r *http.Request) (*http.Response, error) { return b.knock(r) })
}

// talks is a stack with WhatsApp, set up and running.
func talks(t *testing.T, adapt ...func(*sandbox.WorldOptions)) *bench {
	t.Helper()
	b := stage(t, adapt...)
	b.meta()
	b.told[numberID] = whatsapptest.DefaultNumber
	b.env[settings.WhatsAppAccessToken], b.env[settings.WhatsAppAppSecret] = whatsapptest.DefaultToken, whatsapptest.DefaultAppSecret
	b.want(ExitOK, "setup", "whatsapp")
	clear(b.env)
	b.held = maps.Clone(b.vault)
	return b
}

func TestWhatsAppIsSetUpFromNothing(t *testing.T) {
	b := stage(t)
	b.meta()
	b.env[numberID] = whatsapptest.DefaultNumber
	b.unchanged("--plan", func() { golden(t, "setup-whatsapp-plan.txt", b.want(ExitOK, "setup", "whatsapp", "--plan")) })
	if b.asked != nil {
		t.Errorf("--plan asks for %q", b.asked)
	}
	b.typed = []string{whatsapptest.DefaultToken, whatsapptest.DefaultAppSecret}
	golden(t, "setup-whatsapp-first.txt", b.want(ExitOK, "setup", "whatsapp"))
	if got := strings.Join(b.asked, " "); got != settings.WhatsAppAccessToken+" "+settings.WhatsAppAppSecret {
		t.Errorf("asks for %s", got)
	}
	if b.vault[settings.WhatsAppAccessToken].Reveal() != whatsapptest.DefaultToken || b.vault[settings.WhatsAppAppSecret].Reveal() != whatsapptest.DefaultAppSecret || len(b.vault[settings.WhatsAppVerifyToken].Reveal()) != 40 {
		t.Errorf("%d secrets are stored", len(b.vault))
	}
	b.told[numberID] = whatsapptest.DefaultNumber // sam deploy
	clear(b.env)
	b.unchanged("--plan once it is deployed", func() {
		golden(t, "setup-whatsapp-deployed-plan.txt", b.want(ExitOK, "setup", "whatsapp", "--plan"))
	})
	golden(t, "setup-whatsapp-deployed.txt", b.want(ExitOK, "setup", "whatsapp"))
	b.asked = nil
	b.unchanged("the third time", func() { hasNot(t, b.want(ExitOK, "setup", "whatsapp"), "done", "plan") })
	if b.asked != nil {
		t.Errorf("asks for %q again", b.asked)
	}
}

func TestAStackThatIsNotDeployedYetIsGivenWhatWhatsAppNeeds(t *testing.T) {
	b := bareStage(t)
	b.meta()
	b.env["ZOHO_CLIENT_SECRET"], b.env["ZOHO_GRANT_CODE"] = "sandbox-secret", "1000.code"
	b.want(ExitOK, "setup", "zoho")
	b.env["HUBSPOT_ACCESS_TOKEN"] = hubspottest.DefaultToken
	b.env[numberID], b.env[settings.WhatsAppAccessToken], b.env[settings.WhatsAppAppSecret] = whatsapptest.DefaultNumber, whatsapptest.DefaultToken, whatsapptest.DefaultAppSecret
	has(t, b.want(ExitOK, "setup", "whatsapp"), "done   zoho contact WhatsApp_User is made (text)", "done   hubspot contact whatsapp_opt_out is made (bool)",
		"next   deploy with WhatsappPhoneNumberId="+whatsapptest.DefaultNumber)
	has(t, b.want(ExitOK, "setup", "whatsapp"), "as is  zoho contact WhatsApp_User is there")
}

func TestSetupOfWhatsAppSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*bench)
		code int
		want string
	}{
		{"no number", func(b *bench) { delete(b.env, numberID) }, ExitUsage, "WHATSAPP_PHONE_NUMBER_ID is needed"},
		{"a number that is none", func(b *bench) { b.env[numberID] = "+39 06 123" }, ExitUsage, "WHATSAPP_PHONE_NUMBER_ID is not made of digits"},
		{"no token", func(b *bench) { delete(b.env, settings.WhatsAppAccessToken) }, ExitUsage, "WHATSAPP_ACCESS_TOKEN is needed"},
		{"another token", func(b *bench) { b.env[settings.WhatsAppAccessToken] = "canary-token" }, ExitFinding, "make a new token for the system user"},
		{"a token that may not send", func(b *bench) { b.phone.SetScopes(whatsapp.ScopeManagement) }, ExitFinding, "lacks the permission whatsapp_business_messaging"},
		{"a number of somebody else", func(b *bench) { b.env[numberID] = "106540352242923" }, ExitFinding, "has the number 106540352242923"},
		{"a token for all accounts", func(b *bench) { b.phone.HideAccounts() }, ExitUsage, "set WHATSAPP_ACCOUNT_ID"},
		{"another app secret", func(b *bench) { b.env[settings.WhatsAppAppSecret] = "canary-secret" }, ExitFinding, "the app secret is another one"},
		{"a door that does not know the token yet", func(b *bench) { b.held = vault{} }, ExitFinding, "it takes a new token up within five minutes"},
		{"a field of another type", func(b *bench) {
			b.HubSpot.AddProperty(crm.Contacts, hubspottest.Property{Name: "whatsapp_opt_out", Type: "string"})
		}, ExitFinding, "hubspot contact whatsapp_opt_out is there as string, not as bool"},
		{"an app that may not make properties", func(b *bench) {
			b.HubSpot.Fail(hubspottest.Fault{On: "POST /crm/properties", Times: -1, Status: http.StatusForbidden, Body: `{"status":"error","category":"MISSING_SCOPES"}`})
		}, ExitFinding, "the token lacks the scope that makes fields"},
	} {
		b := stage(t)
		b.meta()
		b.env[numberID], b.env[settings.WhatsAppAccessToken], b.env[settings.WhatsAppAppSecret] = whatsapptest.DefaultNumber, whatsapptest.DefaultToken, whatsapptest.DefaultAppSecret
		tt.do(b)
		b.told[numberID] = b.env[numberID]
		r := b.run("setup", "whatsapp")
		if r.code != tt.code || !strings.Contains(r.err, tt.want) {
			t.Errorf("%s: exit %d, %s%s", tt.name, r.code, r.out, r.err)
		}
		hasNot(t, r.out+r.err, "canary")
	}
}

func TestAFieldThatTheMappingJoinsToAnotherPropertyIsNotMade(t *testing.T) {
	b := talks(t)
	b.must(b.HubSpot.DropProperty(crm.Contacts, "whatsapp_opt_out"))
	b.HubSpot.AddProperty(crm.Contacts, hubspottest.Property{Name: "no_messages", Type: "bool"})
	own := file(t, "my.yaml", strings.Replace(string(mapping.DefaultYAML()), "  contact:\n", "  contact:\n    whatsapp_opt_out:\n      type: bool\n      policy: strict\n      hubspot: no_messages\n      zoho: {property: WhatsApp_Opt_Out, not_empty: true}\n", 1))
	b.want(ExitOK, "mapping", "apply", own)
	b.unchanged("setup", func() {
		out := b.want(ExitOK, "setup", "whatsapp")
		has(t, out, "as is  zoho contact WhatsApp_Opt_Out is there")
		hasNot(t, out, "hubspot contact whatsapp_opt_out")
	})
	b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir()) // the door is told
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("%+v", all)
	}
}

func TestWhereAlarmsAreToldIsStored(t *testing.T) {
	b := stage(t)
	b.unchanged("--plan", func() { has(t, b.want(ExitOK, "setup", "slack", "--plan"), "plan   SLACK_WEBHOOK_URL is asked for") })
	has(t, b.want(ExitUsage, "setup", "slack"), "SLACK_WEBHOOK_URL is needed")
	b.typed = []string{"https://hooks.example.com/canary"}
	r := b.run("setup", "slack")
	has(t, r.err, "SLACK_WEBHOOK_URL does not begin with https://hooks.slack.com/")
	hasNot(t, r.err, "canary")
	b.typed = []string{"https://hooks.slack.com/services/T0/B0/canary"}
	r = b.run("setup", "slack")
	if r.code != ExitOK || strings.Contains(r.out+r.err, "canary") || b.vault[settings.SlackWebhookURL].Reveal() != "https://hooks.slack.com/services/T0/B0/canary" {
		t.Errorf("exit %d, %s%s", r.code, r.out, r.err)
	}
	b.unchanged("the second time", func() { has(t, b.want(ExitOK, "setup", "slack"), "as is  SLACK_WEBHOOK_URL is stored") })
}

func TestTheAppSecretIsExchangedWhileBothAreAccepted(t *testing.T) {
	b := talks(t)
	for _, both := range []string{"canary-old," + whatsapptest.DefaultAppSecret, whatsapptest.DefaultAppSecret + ",canary-old"} {
		b.env[settings.WhatsAppAppSecret] = both
		has(t, b.want(ExitOK, "setup", "whatsapp"), "done   WHATSAPP_APP_SECRET is stored", "as is  the app sends to "+phoneHook)
		b.held = maps.Clone(b.vault)
		clear(b.env)
		if code, all := b.examine(); code != ExitOK {
			t.Errorf("%+v", all)
		}
	}
}

func TestTheAccountCanBeNamed(t *testing.T) {
	b := talks(t)
	b.phone.HideAccounts()
	b.env[accountID] = whatsapptest.DefaultAccount
	has(t, b.want(ExitOK, "setup", "whatsapp"), "account "+whatsapptest.DefaultAccount+" has the number")
}

func TestASubscriptionThatWasLostIsMadeAgain(t *testing.T) {
	b := talks(t)
	b.phone.Unsubscribe()
	b.phone.SetCallback("https://old.example.com", true, "messages", "business_capability_update")
	out := b.want(ExitOK, "setup", "whatsapp")
	has(t, out, "done   account "+whatsapptest.DefaultAccount+" sends to the app", "found: the app sends to https://old.example.com", "the app is not subscribed to user_preferences")
	b.unchanged("the second time", func() { hasNot(t, b.want(ExitOK, "setup", "whatsapp"), "done") })
}

func TestWhatCameFromWhatsAppAndWasParkedGoesBackToItsConsumer(t *testing.T) {
	b := talks(t)
	update := strings.Repeat("ab", 16)
	ledger := &digest.Ledger{Store: b.Tables[sandbox.Parked], Now: b.Clock.Now}
	b.must(ledger.Open(t.Context(), fault.Parked{Connection: crm.DefaultConnection, Operation: update, Verb: crm.Message, Kind: crm.Contact, Target: crm.Zoho, Class: fault.Refused,
		Record: crm.ID{System: crm.WhatsApp, Module: crm.Contacts, Key: update}, Code: fault.CauseTwin, Message: "the person may be any of these contacts: 1, 2"}))
	has(t, b.want(ExitOK, "parked"), "whatsapp/contact/"+update)
	b.unchanged("--plan", func() { has(t, b.want(ExitOK, "parked", "replay", "--all", "--plan"), "plan   queued 1 record") })
	has(t, b.want(ExitOK, "parked", "replay", "--all"), "done   queued 1 record")
	got := b.whole[whatsappQueue].Queue.Receive(10)
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	op, err := queue.Decode(got[0].Body)
	if err != nil || op.Source != crm.WhatsApp || op.Verb != crm.Replay || op.RecordID != update {
		t.Errorf("%+v, %v", op, err)
	}
}

func TestTheDeadLettersOfWholeMessagesAreRedrivenToo(t *testing.T) {
	b := stage(t)
	for _, name := range []string{whatsappQueue, conversionQueue} {
		b.must(b.whole[name].Dead.Send(t.Context(), []batch.Entry{{Group: "g", Dedup: "d", Body: "{}"}}))
	}
	has(t, b.want(ExitOK, "redrive"), "done   put 1 message back into whatsapp-operations", "done   put 1 message back into conversion-events", "as is  the dead-letter queue of zoho-operations is empty")
	for _, name := range []string{whatsappQueue, conversionQueue} {
		if waiting, _ := b.whole[name].Queue.Stats(); waiting != 1 {
			t.Errorf("%d messages wait in %s", waiting, name)
		}
	}
}

func TestADeliveryOfWhatsAppThatNobodyCouldReadIsListed(t *testing.T) {
	b := talks(t)
	b.quarantine("whatsapp", "[{")
	has(t, b.want(ExitOK, "quarantine"), "whatsapp")
}
