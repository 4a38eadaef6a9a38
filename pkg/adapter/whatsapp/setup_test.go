package whatsapp_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func TestATokenTellsItsAppItsPermissionsItsEndAndItsAccounts(t *testing.T) {
	p := open(whatsapptest.Options{})
	got, err := p.client.Grant(t.Context())
	if err != nil || got.AppID != whatsapptest.DefaultAppID || !got.Valid || !got.Expires.IsZero() || !slices.Contains(got.Scopes, whatsapp.ScopeMessaging) ||
		!slices.Equal(got.Accounts, []string{whatsapptest.DefaultAccount}) {
		t.Errorf("%+v, %v", got, err)
	}
	p.SetScopes(whatsapp.ScopeManagement)
	p.SetExpiry(noon.Add(time.Hour))
	p.HideAccounts()
	if got, err = p.client.Grant(t.Context()); err != nil || slices.Contains(got.Scopes, whatsapp.ScopeMessaging) || !got.Expires.Equal(noon.Add(time.Hour)) || got.Accounts != nil {
		t.Errorf("%+v, %v", got, err)
	}
	p.now = noon.Add(time.Hour)
	if _, err = p.client.Grant(t.Context()); fault.KindOf(err) != fault.Denied {
		t.Errorf("at its end: %v", err)
	}
	if _, err = p.dial("canary-token").Grant(t.Context()); fault.KindOf(err) != fault.Denied || strings.Contains(err.Error(), "canary") {
		t.Errorf("another token: %v", err)
	}
	if _, err = p.dial("").Grant(t.Context()); fault.KindOf(err) != fault.Setup {
		t.Errorf("no token: %v", err)
	}
}

func TestTheNumbersOfAnAccountAreListed(t *testing.T) {
	p := open(whatsapptest.Options{Numbers: []whatsapptest.Number{{ID: "11", Display: "390612340000"}, {ID: "12", Display: "390612340001"}}})
	p.SetQuality("RED")
	got, err := p.client.Numbers(t.Context(), whatsapptest.DefaultAccount)
	want := []whatsapp.BusinessNumber{{ID: "11", Display: "+390612340000", Quality: "RED"}, {ID: "12", Display: "+390612340001", Quality: "RED"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := p.client.Numbers(t.Context(), "1"); fault.KindOf(err) != fault.Missing {
		t.Errorf("another account: %v", err)
	}
}

func TestTheAppIsSubscribedOnceTheDoorHasAnsweredTheHandshake(t *testing.T) {
	p := open(whatsapptest.Options{})
	w := whatsapp.Wiring{Account: whatsapptest.DefaultAccount, AppID: whatsapptest.DefaultAppID, AppSecret: crm.NewSecret(whatsapptest.DefaultAppSecret), URL: "https://hooks.example.com/webhooks/whatsapp"}
	p.SetCallback("https://old.example.com", false, "messages", "business_capability_update")
	token := crm.NewSecret("canary-verify")
	err := p.client.SubscribeApp(t.Context(), w, token)
	if e := fault.KindOf(err); e != fault.Unknown || !strings.Contains(err.Error(), "allback") || strings.Contains(err.Error(), "canary") {
		t.Errorf("nobody answers: %v", err)
	}
	if got, _ := p.client.Gaps(t.Context(), w); len(got) == 0 || got[1].Found != "https://old.example.com" {
		t.Errorf("a refused subscription changes what was there: %+v", got)
	}
	door := "canary-verify"
	p.AnswerHandshakes(func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		status, text := http.StatusForbidden, ""
		if q.Get("hub.verify_token") == door && "https://"+r.URL.Host+r.URL.Path == w.URL {
			status, text = http.StatusOK, q.Get("hub.challenge")
		}
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(text))}, nil
	})
	for range 2 {
		if err := p.client.SubscribeApp(t.Context(), w, token); err != nil {
			t.Fatal(err)
		}
		if got, err := p.client.Gaps(t.Context(), w); err != nil || got != nil {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if last := p.bodies[len(p.bodies)-2]; !strings.Contains(last, "business_capability_update") {
		t.Errorf("a field of somebody else is lost: %s", last)
	}
	door = "another"
	if code, ok := whatsapp.CodeOf(p.client.SubscribeApp(t.Context(), w, token)); !ok || code != 2200 {
		t.Errorf("code %d", code)
	}
	w.AppSecret = crm.NewSecret("canary-secret")
	if err := p.client.SubscribeApp(t.Context(), w, token); fault.KindOf(err) != fault.Denied || strings.Contains(err.Error(), "canary") {
		t.Errorf("another app secret: %v", err)
	}
}
