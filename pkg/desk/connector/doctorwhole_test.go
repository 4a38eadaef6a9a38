package connector

import (
	"net/http"
	"strings"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
)

// mismatch is what Zoho says to a token that lacks a scope.
const mismatch = `{"code":"OAUTH_SCOPE_MISMATCH","details":{},"message":"invalid oauth scope to access this URL","status":"error"}`

// seededWhole are the faults of a stack with WhatsApp and conversions.
var seededWhole = []broken{
	{name: "WhatsApp's token is missing", on: whole, spoil: func(b *bench) { delete(b.vault, settings.WhatsAppAccessToken) },
		check: "secrets", what: "WHATSAPP_ACCESS_TOKEN is missing", mend: "connector setup whatsapp --stack shop"},
	{name: "the secret of tokens is missing", on: whole, spoil: func(b *bench) { delete(b.vault, settings.ConversionsJWTSecret) },
		check: "secrets", what: "CONVERSIONS_JWT_SECRET is missing", mend: "connector token --stack shop"},
	{name: "Slack has no address", on: whole, spoil: func(b *bench) { b.told["SLACK"] = "true" },
		check: "secrets", what: "SLACK_WEBHOOK_URL is missing", mend: "connector setup slack"},
	{name: "Slack's address is none of Slack's", on: whole, spoil: func(b *bench) {
		b.told["SLACK"], b.vault[settings.SlackWebhookURL] = "true", crm.NewSecret("https://hooks.example.com/T0/B0/canary")
	}, check: "secrets", what: "SLACK_WEBHOOK_URL does not begin with https://hooks.slack.com/", mend: "connector setup slack"},
	{name: "the number is none", on: whole, spoil: func(b *bench) { b.told[numberID] = "+39 06" },
		check: "settings", what: "WHATSAPP_PHONE_NUMBER_ID is not made of digits", mend: "sam deploy"},
	{name: "an algorithm that is none", on: whole, spoil: func(b *bench) { b.told["CONVERSIONS_JWT_ALGORITHM"] = "none" },
		check: "settings", what: "CONVERSIONS_JWT_ALGORITHM is none of", mend: "sam deploy"},
	{name: "the table of conversions does not answer", on: whole, spoil: func(b *bench) {
		b.tables = func(name string, to Table) Table {
			if name == "conversions" {
				return lost{to}
			}
			return to
		}
	}, check: "tables", what: "shop-conversions", mend: "deploy the stack again"},
	{name: "an event is dead", on: whole, spoil: func(b *bench) {
		b.must(b.whole[conversionQueue].Dead.Send(b.t.Context(), []batch.Entry{{Group: "g", Dedup: "d", Body: "{}"}}))
	}, check: "conversion-events", what: "1 message in its dead-letter queue", mend: "log of conversionAggregator"},
	{name: "a message on WhatsApp is old", on: whole, spoil: func(b *bench) { b.whole[whatsappQueue].oldest = 11 * time.Minute },
		check: "whatsapp-operations", what: "11m0s old", mend: "log of whatsappConsumer"},
	{name: "Meta does not take the token", on: whole, spoil: func(b *bench) { b.phone.SetToken("another") },
		check: "whatsapp.token", what: "Meta does not take it", mend: "make a new token"},
	{name: "the token may not send", on: whole, spoil: func(b *bench) { b.phone.SetScopes(whatsapp.ScopeManagement) },
		check: "whatsapp.token", what: "lacks the permission whatsapp_business_messaging", mend: "make a new token"},
	{name: "the token ends soon", on: whole, spoil: func(b *bench) { b.phone.SetExpiry(b.Clock.Now().Add(6 * 24 * time.Hour)) },
		check: "whatsapp.token", what: "it ends at 2026-11-29T", mend: "never expire"},
	{name: "Meta does not answer", on: whole, spoil: func(b *bench) { b.dark = "graph.facebook.com" },
		check: "whatsapp.token", what: "no answer", mend: "run connector doctor again"},
	{name: "the number is somebody else's", on: whole, spoil: func(b *bench) { b.told[numberID] = "106540352242923" },
		check: "whatsapp.number", what: "no account", mend: "correct WhatsappPhoneNumberId"},
	{name: "the account is not known", on: whole, spoil: func(b *bench) { b.phone.HideAccounts() },
		check: "whatsapp.number", what: "does not say for which account", mend: "WHATSAPP_ACCOUNT_ID"},
	{name: "the account does not send to the app", on: whole, spoil: func(b *bench) { b.phone.Unsubscribe() },
		check: "whatsapp.subscribed", what: "the account does not send to the app", mend: "connector setup whatsapp"},
	{name: "the app sends elsewhere", on: whole, spoil: func(b *bench) { b.phone.SetCallback("https://old.example.com", true, whatsapp.Fields...) },
		check: "whatsapp.subscribed", what: "the app sends to https://old.example.com", mend: "connector setup whatsapp"},
	{name: "the app is not told of messages", on: whole, spoil: func(b *bench) { b.phone.SetCallback(phoneHook, true, whatsapp.Fields[1:]...) },
		check: "whatsapp.subscribed", what: "not subscribed to messages", mend: "connector setup whatsapp"},
	{name: "the app's webhook is switched off", on: whole, spoil: func(b *bench) { b.phone.SetCallback(phoneHook, false, whatsapp.Fields...) },
		check: "whatsapp.subscribed", what: "switched off", mend: "connector setup whatsapp"},
	{name: "HubSpot has lost the opt-out", on: whole, spoil: func(b *bench) { b.must(b.HubSpot.DropProperty(crm.Contacts, "whatsapp_opt_out")) },
		check: "whatsapp.fields", what: "hubspot has no contact field whatsapp_opt_out", mend: "connector setup whatsapp"},
	{name: "HubSpot's opt-out is a text", on: whole, spoil: func(b *bench) {
		b.HubSpot.AddProperty(crm.Contacts, hubspottest.Property{Name: "whatsapp_opt_out", Type: "string"})
	}, check: "whatsapp.fields", what: "is there as string, not as bool", mend: "rename that one"},
	{name: "Zoho's token may not read notes", on: whole, spoil: func(b *bench) {
		b.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/Notes") }, Times: -1, Status: http.StatusUnauthorized, Body: mismatch})
	}, check: "whatsapp.scopes", what: "may not ZohoCRM.modules.notes.ALL", mend: "--new-token"},
	{name: "Zoho's token was made without notes, on which attachments hang", on: whole, with: without("ZohoCRM.modules.notes.ALL"),
		check: "whatsapp.scopes", what: "may not ZohoCRM.modules.notes.ALL", mend: "--new-token"},
	{name: "Zoho's token was made without attachments", on: whole, with: without("ZohoCRM.modules.attachments.ALL"),
		check: "whatsapp.scopes", what: "may not ZohoCRM.modules.attachments.ALL", mend: "--new-token"},
	{name: "Zoho's token may not read attachments", on: whole, spoil: func(b *bench) {
		b.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/Attachments") }, Times: -1, Status: http.StatusUnauthorized, Body: mismatch})
	}, check: "whatsapp.scopes", what: "may not ZohoCRM.modules.attachments.ALL", mend: "--new-token"},
	{name: "Zoho's token may not read tasks", on: whole, spoil: func(b *bench) {
		b.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/Tasks") }, Times: -1, Status: http.StatusUnauthorized, Body: mismatch})
	}, check: "whatsapp.scopes", what: "may not ZohoCRM.modules.tasks.ALL", mend: "--new-token"},
	{name: "the functions have another token of the handshake", on: whole, spoil: func(b *bench) { b.vault[settings.WhatsAppVerifyToken] = crm.NewSecret("canary-newer") },
		check: "door.whatsapp", what: "another WHATSAPP_VERIFY_TOKEN", mend: "within five minutes"},
	{name: "the functions have another app secret", on: whole, spoil: func(b *bench) { b.held[settings.WhatsAppAppSecret] = crm.NewSecret("canary-older") },
		check: "door.whatsapp", what: "another WHATSAPP_APP_SECRET", mend: "within five minutes"},
	{name: "the functions have another secret of tokens", on: whole, spoil: func(b *bench) { b.vault[settings.ConversionsJWTSecret] = crm.NewSecret(strings.Repeat("f", 64)) },
		check: "door.conversions", what: "another CONVERSIONS_JWT_SECRET, issuer or audience", mend: "within five minutes"},
	{name: "the functions have another issuer", on: whole, spoil: func(b *bench) { b.issuer = "https://old.example.com" },
		check: "door.conversions", what: "another CONVERSIONS_JWT_SECRET, issuer or audience", mend: "deploy the stack again"},
	{name: "the functions have another audience", on: whole, spoil: func(b *bench) { b.told["CONVERSIONS_JWT_AUDIENCE"] = "altro" },
		check: "door.conversions", what: "issuer or audience", mend: "deploy the stack again"},
	{name: "the secret of tokens is weak", on: whole, spoil: func(b *bench) { b.vault[settings.ConversionsJWTSecret] = crm.NewSecret("canary") },
		check: "conversions.keys", what: "has a key of less than 32 bytes: every caller is answered 503", mend: "connector token --new-key"},
	{name: "a public key where a secret is meant", on: whole, spoil: func(b *bench) { b.told["CONVERSIONS_JWT_ALGORITHM"] = "ES256" },
		check: "conversions.keys", what: "has something else in it than public keys for ES256", mend: "ConversionsJwtAlgorithm"},
	{name: "the clock of this machine is too far off for tokens", on: whole, spoil: func(b *bench) { b.skew = 45 * time.Second },
		check: "conversions.clock", what: "45s apart", mend: "NTP"},
	{name: "the function of metrics lacks something", on: whole, spoil: func(b *bench) { b.answers = map[string]int{conversions.MetricsPath: http.StatusServiceUnavailable} },
		check: "door.metrics", what: "answers 503", mend: "log of conversionApi"},
	{name: "the route of messages lets everybody in", on: whole, spoil: func(b *bench) { b.answers = map[string]int{conversions.MessagesPath: http.StatusAccepted} },
		check: "door.messages", what: "answers 202 to who brings no token", mend: "log of sendWhatsapp"},
	{name: "Zoho's conversions may not be counted", on: compared, spoil: func(b *bench) {
		b.Zoho.Clear()
		b.Zoho.Fail(zohotest.Fault{Match: asksForACount, Times: -1, Status: http.StatusUnauthorized, Body: mismatch})
	}, check: "conversions.zoho", what: "may not read Deals", mend: "READ scope"},
	{name: "Zoho's user may not see what is to be counted", on: compared, spoil: func(b *bench) {
		b.Zoho.Clear()
		b.Zoho.Fail(zohotest.Fault{Match: asksForACount, Times: -1, Status: http.StatusForbidden, Body: noRights})
	}, check: "conversions.zoho", what: "NO_PERMISSION", mend: "the profile of the user"},
	{name: "Zoho has no such field", on: compared, spoil: func(b *bench) {
		b.Zoho.Clear()
		b.Zoho.Fail(zohotest.Fault{Match: asksForACount, Times: -1, Status: http.StatusBadRequest, Body: `{"code":"INVALID_QUERY","details":{},"message":"column given seems to be invalid","status":"error"}`})
	}, check: "conversions.zoho", what: "zoho.Count", mend: "ConversionsZohoCount"},
	{name: "the door does not answer", on: whole, spoil: func(b *bench) { b.dark = "connector.example.com" },
		check: "door.hubspot", what: "https://connector.example.com/webhooks/hubspot does not answer", mend: "DNS, certificate"},
	{name: "the clock of this machine is wrong where tokens open the door", on: whole, spoil: func(b *bench) { b.skew = 90 * time.Second },
		check: "clock", what: "1m30s apart", mend: "set the clock"},
	{name: "the clock of this machine is behind where tokens open the door", on: whole, spoil: func(b *bench) { b.skew = -90 * time.Second },
		check: "clock", what: "1m30s apart", mend: "set the clock"},
	{name: "the clock of this machine is ahead by more than tokens may be", on: whole, spoil: func(b *bench) { b.skew = -45 * time.Second },
		check: "conversions.clock", what: "45s apart", mend: "NTP"},
	{name: "another token of the channel is stored by hand, where tokens open the door", on: whole, spoil: func(b *bench) { b.vault[settings.ZohoChannelToken] = crm.NewSecret("canary-of-another-hand") },
		check: "zoho.channel", what: "another token", mend: "connector setup zoho"},
	{name: "the key set does not answer", on: keySets, spoil: func(b *bench) { b.dark = "keys.example.com" },
		check: "conversions.keys", what: "does not answer", mend: "connector token --jwks"},
	{name: "the key set has no key for the algorithm", on: keySets, spoil: func(b *bench) { b.keySet = `{"keys":[]}` },
		check: "conversions.keys", what: "no key for ES256", mend: "connector token --jwks"},
}
