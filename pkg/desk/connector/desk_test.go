package connector

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
)

func TestTheProcessOfMakeRunIsReachedWithTheSettingsItReadsItself(t *testing.T) {
	w := World{Getenv: func(string) string { return "" }, HTTP: http.DefaultTransport, Version: "0.2.0"}
	st, err := Open(w, Where{Desk: "http://127.0.0.1:9999"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"HUBSPOT_API_URL": "http://127.0.0.1:8181", "HUBSPOT_WEBHOOK_URL": "http://127.0.0.1:9999/webhooks/hubspot",
		"ZOHO_WEBHOOK_URL": "http://127.0.0.1:9999/webhooks/zoho", "ZOHO_CLIENT_ID": zohotest.DefaultClientID, "MODE": "on", "ELSE": "",
		"WHATSAPP_API_URL": "http://127.0.0.1:8183", numberID: whatsapptest.DefaultNumber, issuerSetting: conversionstest.DefaultIssuer,
	} {
		if got := st.Setting(t.Context(), name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	chat, err := st.Vault.Get(t.Context(), settings.WhatsAppAccessToken, settings.WhatsAppAppSecret, settings.WhatsAppVerifyToken, settings.ConversionsJWTSecret)
	if err != nil || len(chat) != 4 || st.Chats == nil || st.Conversions == nil || len(st.lines()) != 4 {
		t.Errorf("%d secrets of WhatsApp and conversions, %d queues, %v", len(chat), len(st.lines()), err)
	}
	got, err := st.Vault.Get(t.Context(), append(st.Needs, settings.PairKey)...)
	if err != nil || len(got) != 5 || got[settings.ZohoRefreshToken].Reveal() != zohotest.DefaultRefreshToken {
		t.Errorf("%d secrets, %v", len(got), err)
	}
	if err := st.Vault.Put(t.Context(), settings.ZohoRefreshToken, got[settings.ZohoRefreshToken]); err == nil || !strings.Contains(err.Error(), "set ZOHO_REFRESH_TOKEN in its environment") {
		t.Errorf("%v", err)
	}
	if v, err := st.Version(t.Context()); v != "0.2.0" || err != nil {
		t.Errorf("%s, %v", v, err)
	}
	w.Getenv = func(name string) string { return map[string]string{"HUBSPOT_API_URL": "https://api.hubapi.com"}[name] }
	if _, err := Open(w, Where{Desk: "http://127.0.0.1:9999"}); err == nil || !strings.Contains(err.Error(), "HUBSPOT_ACCESS_TOKEN is not set") {
		t.Errorf("a real HubSpot without its token: %v", err)
	}
}

func TestAProcessThatIsNotThereIsSaidToBe(t *testing.T) {
	b := stage(t)
	b.dark = "127.0.0.1:9999"
	var out, errs strings.Builder
	code := Run(t.Context(), World{
		Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &errs, Now: b.Clock.Now, Sleep: b.Clock.Sleep,
		NewID: func() string { return "x" }, HTTP: b, Version: "0.2.0", Open: Open,
	}, []string{"parked", "--desk", "http://127.0.0.1:9999"})
	if code != ExitFinding || !strings.Contains(errs.String(), "no process of make run answers at http://127.0.0.1:9999") {
		t.Errorf("exit %d, %s", code, errs.String())
	}
}

func TestACommandThatIsStoppedSaysSo(t *testing.T) {
	b := stage(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs strings.Builder
	code := Run(ctx, World{
		Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &errs, Now: b.Clock.Now, Sleep: b.Clock.Sleep,
		NewID: func() string { return "x" }, HTTP: b, Version: "0.2.0", Open: b.open,
	}, []string{"import", "--stack", "shop"})
	if code != ExitStopped || !strings.Contains(errs.String(), "can be run again") {
		t.Errorf("exit %d, %s", code, errs.String())
	}
}
