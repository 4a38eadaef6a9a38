package settings

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAStackHasNoWhatsAppAndNoConversionsUnlessTheyAreSetUp(t *testing.T) {
	r := from()
	w, b, o := r.WhatsApp(), r.Bearer(), r.OwnEntries()
	if !w.Missing() || !b.Missing() || !o.Missing() || r.Slack() || r.LiteralAlarms() || r.Retries() != "esponenziale" || r.ZohoCount() != (ZohoCount{}) || r.Err() != nil {
		t.Errorf("%+v %+v %+v %v", w, b, o, r.Err())
	}
	if w.LeadSource != "WhatsApp" || w.Coexistence || b.Audience != "conversioni" || b.Algorithm != "HS256" || o.Channel != "webform" {
		t.Errorf("%+v %+v %+v", w, b, o)
	}
	if m := r.Meaning(); m.Events != nil || m.Weights != nil {
		t.Errorf("%+v", m)
	}
}

func TestWhatsAppAndConversionsAreReadAsTheyAreSet(t *testing.T) {
	r := from("WHATSAPP_PHONE_NUMBER_ID=106540352242922", "WHATSAPP_API_URL=http://127.0.0.1:8183/", "WHATSAPP_API_VERSION=v26.0",
		"WHATSAPP_OWN_NUMBERS=+390612340000, 390612340001", "WHATSAPP_COEXISTENCE=true", "WHATSAPP_LEAD_SOURCE=Chat",
		"CONVERSIONS_JWT_ISSUER=https://issuer.example", "CONVERSIONS_JWT_AUDIENCE=a", "CONVERSIONS_JWKS_URL=https://issuer.example/keys",
		"CONVERSIONS_JWT_SUBJECTS=shop,site", "CONVERSIONS_OWN_SUBJECT=shop", "CONVERSIONS_CONTACT_CHANNEL=email", "CONVERSIONS_RETRIES=fisso",
		"CONVERSIONS_ALARMS=literal", "CONVERSIONS_EVENTS=richiesta_demo", "CONVERSIONS_WEIGHTS=iscrizione_evento,richiesta_demo",
		"CONVERSIONS_ZOHO_COUNT=Deals.Closing_Time.Lead_Source", "SLACK=true")
	w, b, o, m := r.WhatsApp(), r.Bearer(), r.OwnEntries(), r.Meaning()
	want := WhatsApp{Number: "106540352242922", URL: "http://127.0.0.1:8183", Version: "v26.0", Own: []string{"390612340000", "390612340001"}, Coexistence: true, LeadSource: "Chat"}
	if d := cmp.Diff(want, w); d != "" || w.Missing() {
		t.Error(d)
	}
	if d := cmp.Diff(Bearer{"https://issuer.example", "a", "ES256", "https://issuer.example/keys", []string{"shop", "site"}}, b); d != "" || b.Missing() {
		t.Error(d)
	}
	if o != (OwnEntries{"https://issuer.example", "shop", "email"}) || o.Missing() {
		t.Errorf("%+v", o)
	}
	if !slices.Equal(m.Events, []string{"richiesta_demo"}) || !slices.Equal(m.Weights, []string{"iscrizione_evento", "richiesta_demo"}) {
		t.Errorf("%+v", m)
	}
	if r.Retries() != "fisso" || !r.LiteralAlarms() || r.ZohoCount() != (ZohoCount{"Deals", "Closing_Time", "Lead_Source"}) || !r.Slack() || r.Err() != nil {
		t.Error(r.Err())
	}
	if r := from("SLACK_WEBHOOK_URL=https://hooks.slack.com/services/T/B/x"); !r.Slack() {
		t.Error("an address in the environment is not enough")
	}
}

func TestAWrongSettingOfWhatsAppOrConversionsIsNamedAndNotRepeated(t *testing.T) {
	for set, name := range map[string]string{
		"WHATSAPP_PHONE_NUMBER_ID=canary":                   "WHATSAPP_PHONE_NUMBER_ID",
		"WHATSAPP_PHONE_NUMBER_ID=0123":                     "WHATSAPP_PHONE_NUMBER_ID",
		"WHATSAPP_PHONE_NUMBER_ID=123456789012345678901":    "WHATSAPP_PHONE_NUMBER_ID",
		"WHATSAPP_API_VERSION=canary":                       "WHATSAPP_API_VERSION",
		"WHATSAPP_API_VERSION=v25":                          "WHATSAPP_API_VERSION",
		"WHATSAPP_API_VERSION=25.0":                         "WHATSAPP_API_VERSION",
		"WHATSAPP_API_VERSION=v25.":                         "WHATSAPP_API_VERSION",
		"WHATSAPP_OWN_NUMBERS=390612340000,canary":          "WHATSAPP_OWN_NUMBERS",
		"WHATSAPP_OWN_NUMBERS=22395":                        "WHATSAPP_OWN_NUMBERS",
		"WHATSAPP_OWN_NUMBERS=3906123400001234":             "WHATSAPP_OWN_NUMBERS",
		"CONVERSIONS_JWT_ALGORITHM=none":                    "CONVERSIONS_JWT_ALGORITHM",
		"CONVERSIONS_RETRIES=canary":                        "CONVERSIONS_RETRIES",
		"CONVERSIONS_ALARMS=canary":                         "CONVERSIONS_ALARMS",
		"CONVERSIONS_EVENTS=richiesta_demo,canary":          "CONVERSIONS_EVENTS",
		"CONVERSIONS_CONTACT_CHANNEL=canary":                "CONVERSIONS_CONTACT_CHANNEL",
		"CONVERSIONS_ZOHO_COUNT=Deals.canary":               "CONVERSIONS_ZOHO_COUNT",
		"CONVERSIONS_ZOHO_COUNT=Deals.canary'.Lead_Source":  "CONVERSIONS_ZOHO_COUNT",
		"CONVERSIONS_JWKS_URL=http://canary.example/keys":   "CONVERSIONS_JWKS_URL",
		"CONVERSIONS_JWKS_URL=https://a.example CONVERSION": "CONVERSIONS_JWKS_URL",
	} {
		r := from(set)
		r.WhatsApp()
		r.Bearer()
		r.OwnEntries()
		r.Meaning()
		r.Retries()
		r.LiteralAlarms()
		r.ZohoCount()
		if all := said(r); len(all) != 1 || !strings.HasPrefix(all[0], name+" ") || strings.Contains(all[0], "canary") {
			t.Errorf("%s: %q", set, all)
		}
	}
	r := from("CONVERSIONS_JWKS_URL=https://a.example", "CONVERSIONS_JWT_ALGORITHM=HS256")
	if r.Bearer(); r.Err() == nil {
		t.Error("a shared secret in a public key set was taken")
	}
}
