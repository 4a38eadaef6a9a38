package connector

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

// vendor is one that tries secrets: how a new one comes about, and how it does not answer, asks for patience, or refuses it.
type vendor struct {
	command, secret, right string
	host                   string
	throttle, refuse       func(*bench)
	refusal                string // what a person is told then
}

func vendors(t *testing.T) []vendor {
	return []vendor{
		{
			"setup hubspot --out " + t.TempDir(), settings.HubSpotAccessToken, hubspottest.DefaultToken, "api.hubapi.com",
			func(b *bench) {
				b.HubSpot.Fail(hubspottest.Fault{On: "GET /account-info/", Times: -1, Status: http.StatusTooManyRequests, RetryAfter: "3600"})
			},
			func(b *bench) { b.HubSpot.SetToken("another") }, "HubSpot does not take HUBSPOT_ACCESS_TOKEN",
		},
		{
			"setup zoho", settings.ZohoClientSecret, "sandbox-secret", "accounts.zoho.eu",
			func(b *bench) {
				b.Zoho.Fail(zohotest.Fault{On: "POST /oauth/v2/token", Times: -1, Status: http.StatusOK,
					Body: `{"error_description":"You have made too many requests continuously. Please try again after some time.","error":"Access Denied"}`})
			},
			func(b *bench) { b.env[settings.ZohoClientSecret] = "canary-wrong" }, "ZOHO_CLIENT_SECRET is not that of ZOHO_CLIENT_ID",
		},
		{
			"setup whatsapp", settings.WhatsAppAccessToken, whatsapptest.DefaultToken, "graph.facebook.com",
			func(b *bench) {
				b.phone.Fail(whatsapptest.Fault{Times: -1, Status: http.StatusTooManyRequests, Code: 4, RetryAfter: "3600"})
			},
			func(b *bench) { b.phone.SetToken("another") }, "make a new token for the system user, and run this again with WHATSAPP_ACCESS_TOKEN",
		},
		{
			"setup slack", settings.SlackWebhookURL, "https://hooks.slack.com/services/T0/B0/canary", "hooks.slack.com",
			func(b *bench) { b.slack = func(string) int { return http.StatusTooManyRequests } },
			func(b *bench) { b.slack = func(string) int { return http.StatusNotFound } }, "copy SLACK_WEBHOOK_URL from the app's page in Slack once more",
		},
	}
}

// offers is a stack of which one secret was lost, with the right one in the operator's hands.
func (v vendor) offers(t *testing.T) *bench {
	b := stage(t)
	b.meta()
	b.told[numberID] = whatsapptest.DefaultNumber
	b.vault[settings.WhatsAppAccessToken], b.vault[settings.WhatsAppAppSecret] = crm.NewSecret(whatsapptest.DefaultToken), crm.NewSecret(whatsapptest.DefaultAppSecret)
	delete(b.vault, v.secret)
	delete(b.vault, settings.PairKey) // one of the stack's own, which is made on the way
	b.env[v.secret] = v.right
	return b
}

func TestNoSecretIsStoredBeforeItsVendorTookIt(t *testing.T) {
	for _, v := range vendors(t) {
		for how, tt := range map[string]struct {
			do   func(*bench)
			says []string
		}{
			"does not answer":   {func(b *bench) { b.dark = v.host }, []string{v.secret + " not tried, and nothing stored; see whether the address is right and the system is up, then run this again"}},
			"asks for patience": {v.throttle, []string{v.secret + " not tried, and nothing stored; run this again "}},
			"does not take it":  {v.refuse, []string{v.refusal}},
			"takes it":          {func(*bench) {}, nil},
		} {
			b := v.offers(t)
			tt.do(b)
			before := maps.Clone(b.vault)
			r := b.run(strings.Fields(v.command)...)
			if tt.says == nil {
				if r.code != ExitOK || b.vault[v.secret].Reveal() != v.right {
					t.Errorf("%s, rightly handed over: exit %d, %s%s", v.command, r.code, r.out, r.err)
				}
				continue
			}
			if r.code != ExitFinding || !maps.Equal(before, b.vault) {
				t.Errorf("%s %s: exit %d, %d secrets are stored, %s%s", v.host, how, r.code, len(b.vault), r.out, r.err)
			}
			has(t, r.err, tt.says...)
			hasNot(t, r.out+r.err, "is stored as", v.right)
		}
	}
}

func TestOneThatIsStoredIsNotTriedAgain(t *testing.T) {
	for _, v := range vendors(t) {
		b := v.offers(t)
		b.want(ExitOK, strings.Fields(v.command)...)
		delete(b.env, v.secret)
		v.throttle(b)
		r := b.run(strings.Fields(v.command)...)
		hasNot(t, r.out+r.err, "not tried", "done")
		if v.secret == settings.HubSpotAccessToken || v.secret == settings.SlackWebhookURL {
			has(t, r.out, "as is  "+v.secret+" is stored")
		}
	}
}

func TestSlackShowsTheLineByWhichItsAddressWasTried(t *testing.T) {
	b := stage(t)
	var posts []string
	b.slack = func(text string) int { posts = append(posts, text); return http.StatusOK }
	b.env[settings.SlackWebhookURL] = "https://hooks.slack.com/services/T0/B0/canary"
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "setup", "slack", "--plan"), "plan   a line is posted to the channel", "plan   SLACK_WEBHOOK_URL is stored")
	})
	if posts != nil {
		t.Errorf("--plan posts %q", posts)
	}
	has(t, b.want(ExitOK, "setup", "slack"), "done   a line is posted to the channel", "done   SLACK_WEBHOOK_URL is stored")
	b.want(ExitOK, "setup", "slack")
	if len(posts) != 1 || posts[0] != "CRM Connector (shop) tells alarms and reports of conversions here." {
		t.Errorf("posts %q", posts)
	}
}

func TestAMalformedSecretIsNamedBeforeAnythingIsTriedOrStored(t *testing.T) {
	long, right := strings.Repeat("c", 51), "canary-channel-token"
	for _, tt := range []struct{ command, name, value, what string }{
		{"setup zoho", settings.ZohoChannelToken, ",,", "has a comma with nothing before or behind it"},
		{"setup zoho", settings.ZohoChannelToken, right + ",", "has a comma with nothing before or behind it"},
		{"setup zoho", settings.ZohoChannelToken, right + ", " + right, "has a blank"},
		{"setup zoho", settings.ZohoChannelToken, "x", "has a token of less than 16 characters"},
		{"setup zoho", settings.ZohoChannelToken, right + ",canary-of-15-ch", "has a token of less than 16 characters"},
		{"setup zoho", settings.ZohoChannelToken, long, "has a token of more than 50 characters"},
		{"setup zoho", settings.ZohoChannelToken, right + "," + long, "has a token of more than 50 characters"},
		{"setup zoho", settings.ZohoRefreshToken, "canary\x01", "has a blank or a control character"},
		{"setup zoho", settings.PairKey, "canary", "has less than 32 characters"},
		{"setup hubspot", settings.HubSpotClientSecret, ",canary", "has a comma with nothing before or behind it"},
		{"setup hubspot", settings.HubSpotClientSecret, "pat-eu1-canary", "is an access token: the client secret stands on the app's page"},
		{"setup hubspot", settings.HubSpotClientSecret, "0123-canary,pat-eu1-canary", "is an access token: the client secret stands on the app's page"},
		{"setup hubspot", settings.HubSpotClientSecret, "https://canary.example.com/0123", "has something else in it than letters, digits and hyphens"},
		{"setup hubspot", settings.HubSpotClientSecret, `"0123-canary","4567-canary"`, "begins or ends with a quotation mark"},
		{"setup hubspot", settings.HubSpotClientSecret, `"0123-canary`, "begins or ends with a quotation mark"},
		{"setup hubspot", settings.HubSpotAccessToken, `canary'`, "begins or ends with a quotation mark"},
		{"setup whatsapp", settings.WhatsAppAppSecret, `"canary","canary"`, "begins or ends with a quotation mark"},
		{"setup whatsapp", settings.WhatsAppVerifyToken, ",", "has a comma with nothing before or behind it"},
		{"setup whatsapp", settings.WhatsAppAppSecret, "canary,,canary", "has a comma with nothing before or behind it"},
		{"setup slack", settings.SlackWebhookURL, "https://canary.example.com", "does not begin with https://hooks.slack.com/"},
		{"token", settings.ConversionsJWTSecret, "canary,", "has a comma with nothing before or behind it"},
	} {
		b := bareStage(t)
		b.meta()
		b.env[numberID] = whatsapptest.DefaultNumber
		right := map[string]string{
			settings.ZohoClientSecret: "sandbox-secret", grantCode: "1000.code", settings.HubSpotAccessToken: hubspottest.DefaultToken,
			settings.WhatsAppAccessToken: whatsapptest.DefaultToken, settings.WhatsAppAppSecret: whatsapptest.DefaultAppSecret,
		}
		right[tt.name] = tt.value
		var lines strings.Builder
		for name, value := range right {
			lines.WriteString(name + "=" + value + "\n")
		}
		calls := len(b.HubSpot.Calls()) + len(b.Zoho.Calls())
		r := b.run(append(strings.Fields(tt.command), "--secret-file", file(t, "secrets.env", lines.String()))...)
		if want := "connector: " + tt.name + " " + tt.what; r.code != ExitUsage || !strings.HasPrefix(r.err, want) || r.out != "" {
			t.Errorf("%s with a bad %s: exit %d, %s%s", tt.command, tt.name, r.code, r.out, r.err)
		}
		if len(b.vault) != 0 || len(b.HubSpot.Calls())+len(b.Zoho.Calls()) != calls {
			t.Errorf("%s with a bad %s: %d secrets are stored, or somebody was asked", tt.command, tt.name, len(b.vault))
		}
		hasNot(t, r.err, "canary", long)
	}
}

func TestSeveralChannelTokensAreTakenWhileOneIsExchanged(t *testing.T) {
	b := stage(t)
	both := strings.Repeat("n", 16) + "," + strings.Repeat("o", 50)
	b.env[settings.ZohoChannelToken] = both
	has(t, b.want(ExitOK, "setup", "zoho"), "done   ZOHO_CHANNEL_TOKEN is stored", "(found: another token)")
	if b.vault[settings.ZohoChannelToken].Reveal() != both || b.Zoho.Channels()[0].Token != strings.Repeat("n", 16) {
		t.Error("the channel does not carry the first of both")
	}
}

// A file of secrets is read as the other programs read it that take such a file.
func TestAValueInASecretFileMayStandInQuotationMarks(t *testing.T) {
	for _, name := range handedOver {
		s := &session{flags: Flags{SecretFile: file(t, "secrets.env", name+`="canary-1"`+"\n")}}
		if err := s.readSecrets(); err != nil || s.given[name] != "canary-1" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, want := range map[string]string{`"0123-abcd"`: "0123-abcd", ` '0123-abcd' `: "0123-abcd", `0123-abcd,4567-efab`: "0123-abcd,4567-efab", `"0123-abcd,4567-efab"`: "0123-abcd,4567-efab"} {
		b := bareStage(t)
		path := file(t, "secrets.env", "HUBSPOT_ACCESS_TOKEN="+hubspottest.DefaultToken+"\nHUBSPOT_CLIENT_SECRET="+text+"\n")
		out := b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir(), "--secret-file", path)
		has(t, out, "done   HUBSPOT_CLIENT_SECRET is stored as /shop/HUBSPOT_CLIENT_SECRET (judged by its shape alone: the first delivery shows whether it is right)\n",
			"done   HUBSPOT_ACCESS_TOKEN is stored as /shop/HUBSPOT_ACCESS_TOKEN (portal 62515)\n")
		if got := b.vault[settings.HubSpotClientSecret].Reveal(); got != want {
			t.Errorf("%s is stored as %s", text, got)
		}
	}
	b := bareStage(t)
	b.env[settings.ZohoClientSecret], b.env[grantCode], b.env[settings.ZohoChannelToken] = "sandbox-secret", "1000.code", "canary-channel-token"
	has(t, b.want(ExitOK, "setup", "zoho"), "done   ZOHO_CHANNEL_TOKEN is stored as /shop/ZOHO_CHANNEL_TOKEN (judged by its shape alone", "done   ZOHO_CLIENT_SECRET is stored as /shop/ZOHO_CLIENT_SECRET\n")
}

func TestDoctorNamesASecretThatWasStoredWithItsQuotationMarks(t *testing.T) {
	b := stage(t)
	b.vault[settings.HubSpotClientSecret] = crm.NewSecret(`"sandbox-client-secret"`)
	has(t, b.want(ExitFinding, "doctor"), "fault  secrets              HUBSPOT_CLIENT_SECRET begins or ends with a quotation mark", "store it again: connector setup hubspot --secret-file FILE")
}

// Who runs a setup with a file means to hand something over: "is stored" is then no answer to a file that has nothing.
func TestASecretFileThatHandsOverNothingOrTwoThingsIsNamedBeforeAnythingIsDone(t *testing.T) {
	b := stage(t)
	for text, want := range map[string]string{
		"HUBSPOT_ACCESS_TOKEN=\n":               "--secret-file: line 1 has nothing behind HUBSPOT_ACCESS_TOKEN=: write the value, or remove the line",
		"# one\nexport PAIR_KEY = ''\n":         "--secret-file: line 2 has nothing behind PAIR_KEY=: ",
		"ZOHO_CLIENT_SECRET=\"\"  ":             "--secret-file: line 1 has nothing behind ZOHO_CLIENT_SECRET=: ",
		"":                                      "--secret-file: it has no line NAME=value",
		"\ufeff# HUBSPOT_ACCESS_TOKEN=canary\n": "--secret-file: it has no line NAME=value",
		"HUBSPOT_ACCESS_TOKEN=canary-1\n\nHUBSPOT_ACCESS_TOKEN=canary-2": "--secret-file: HUBSPOT_ACCESS_TOKEN stands in it twice, in line 3 with another value: leave the one that is meant",
	} {
		path := file(t, "secrets.env", text)
		b.unchanged("a file with nothing", func() {
			for _, line := range []string{"setup zoho", "setup hubspot --out " + t.TempDir(), "doctor"} {
				r := b.run(append(strings.Fields(line), "--secret-file", path)...)
				if r.code != ExitUsage || r.out != "" || !strings.HasPrefix(r.err, "connector: "+want) {
					t.Errorf("%s: exit %d, %s%s", line, r.code, r.out, r.err)
				}
				hasNot(t, r.err, "canary")
			}
		})
	}
	same := "HUBSPOT_ACCESS_TOKEN=" + hubspottest.DefaultToken + "\n"
	b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir(), "--secret-file", file(t, "secrets.env", same+same))
}

func TestASecretFileThatIsAnotherCommandsIsNamed(t *testing.T) {
	b := stage(t)
	const zohos, both = "ZOHO_CLIENT_SECRET=sandbox-secret\n", "note   --secret-file: nothing of it is taken here, which would be PAIR_KEY, HUBSPOT_ACCESS_TOKEN or HUBSPOT_CLIENT_SECRET"
	b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir())
	has(t, b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir(), "--secret-file", file(t, "secrets.env", zohos)), both)
	for _, text := range []string{zohos, "ZOHO_GRANT_CODE=1000.code\n", zohos + "HUBSPOT_CLIENT_SECRET=sandbox-client-secret\n"} {
		hasNot(t, b.want(ExitOK, "setup", "zoho", "--secret-file", file(t, "secrets.env", text)), "nothing of it is taken")
	}
}
