package zoho_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func accounts(t *testing.T, apiURL string, answer reply) (*zoho.Accounts, *fake) {
	f := &fake{t: t, answer: always(answer)}
	return zoho.NewAccounts(zoho.AccountsConfig{
		BaseURL: "https://accounts.zoho.eu/", ClientID: "1000.CLIENT", ClientSecret: crm.NewSecret("canary-secret"),
		RefreshToken: crm.NewSecret("canary-refresh"), APIURL: apiURL, HTTP: f, Now: now,
	}), f
}

func TestARefreshSendsItsSecretsInTheBodyOnly(t *testing.T) {
	a, f := accounts(t, "", ok(`{"access_token":"1000.canary","expires_in":3600,"api_domain":"https://www.zohoapis.eu","token_type":"Bearer"}`))
	access, err := a.Refresh(t.Context())
	if err != nil || access.Token.Reveal() != "1000.canary" || access.Base != "https://www.zohoapis.eu" || !access.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("%v %v", access, err)
	}
	q := f.asked[0]
	form, err := url.ParseQuery(q.body)
	if err != nil || q.method != "POST" || q.path != "/oauth/v2/token" || len(q.query) != 0 {
		t.Errorf("%v %+v", err, q)
	}
	if got := form.Encode(); got != "client_id=1000.CLIENT&client_secret=canary-secret&grant_type=refresh_token&refresh_token=canary-refresh" {
		t.Errorf("sent other fields: %d", len(got))
	}
	if strings.Contains(fmt.Sprintf("%v %+v", a, access), "canary") {
		t.Error("a secret was printed")
	}
}

func TestTheBodyDecidesWhatARefreshGave(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   string
	}{
		{200, `{"error":"invalid_client"}`, "denied invalid_client"},
		{200, `{"error":"invalid_client_secret"}`, "denied invalid_client_secret"},
		{200, `{"error":"invalid_code"}`, "denied invalid_code"},
		{400, `{"error":"invalid_code"}`, "denied invalid_code"},
		{401, `{"error":"invalid_code"}`, "denied invalid_code"},
		{200, `{"error_description":"You have made too many requests continuously. Please try again after some time.","error":"Access Denied"}`, "throttled access_denied"},
		{400, `{"error_description":"You have made too many requests continuously.","error":"Access Denied"}`, "throttled access_denied"},
		{400, `{"error":"Access Denied"}`, "denied access_denied"},
		{200, `{"error":"server_error"}`, "down server_error"},
		{200, `{"error":"canary something new"}`, "unknown OTHER"},
		{503, `{"error":"canary something new"}`, "down OTHER"},
		{200, `{}`, "down "},
		{200, `{"access_token":""}`, "down "},
		{200, `{"access_token":"canary\r\nX: y","api_domain":"https://www.zohoapis.eu"}`, "down "},
		{200, ``, "down "},
		{200, `<html>`, "down "},
		{200, `{"access_token":"cana`, "down "},
		{429, `{}`, "throttled "},
		{500, `{"access_token":"canary","api_domain":"https://www.zohoapis.eu"}`, "down "},
		{302, ``, "down "},
	} {
		a, _ := accounts(t, "", reply{status: tt.status, body: tt.body})
		access, err := a.Refresh(t.Context())
		if told(err) != tt.want || !access.Token.IsZero() {
			t.Errorf("%d %s: %s, want %s", tt.status, tt.body, told(err), tt.want)
		}
		if strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("the answer is in the error: %v", err)
		}
	}
}

func TestTheLifeOfATokenIsReadInBothUnitsAndBounded(t *testing.T) {
	for body, want := range map[string]time.Duration{
		`"expires_in":1800`:                                  30 * time.Minute,
		`"expires_in_sec":1800,"expires_in":1800000`:         30 * time.Minute,
		`"expires_in":3600000`:                               time.Hour,
		`"expires_in":"1800"`:                                30 * time.Minute,
		`"expires_in":0`:                                     time.Hour,
		`"expires_in":-1`:                                    time.Hour,
		`"expires_in":1e99`:                                  time.Hour,
		`"expires_in":99999999999999999999999`:               time.Hour,
		`"expires_in":null`:                                  time.Hour,
		`"token_type":"Bearer"`:                              time.Hour,
		`"expires_in_sec":3600000000,"expires_in":1800`:      time.Hour,
		`"expires_in":{"seconds":"1800"},"scope":"anything"`: time.Hour,
	} {
		a, _ := accounts(t, "", ok(`{"access_token":"x","api_domain":"https://www.zohoapis.eu",`+body+`}`))
		access, err := a.Refresh(t.Context())
		if err != nil || access.Expires.Sub(noon) != want {
			t.Errorf("%s: %v, %v", body, access.Expires.Sub(noon), err)
		}
	}
}

func TestTheAddressInTheAnswerIsOneOfZohosOrTheOneThatIsSet(t *testing.T) {
	for _, tt := range []struct{ told, set, want string }{
		{"https://www.zohoapis.eu", "", "https://www.zohoapis.eu"},
		{"https://www.zohoapis.com.au/", "", "https://www.zohoapis.com.au"},
		{"https://sandbox.zohoapis.ca", "", "https://sandbox.zohoapis.ca"},
		{"https://www.zohoapis.uk", "", "https://www.zohoapis.uk"},
		{"", "", ""},
		{"http://www.zohoapis.eu", "", ""},
		{"https://www.zohoapis.eu.evil.example", "", ""},
		{"https://www.zohoapis.evil", "", ""},
		{"https://evil.zohoapis.eu", "", ""},
		{"https://evil.example/.zohoapis.eu", "", ""},
		{"https://www.zohoapis.eu@evil.example", "", ""},
		{"https://www.zohoapis.eu:8443", "", ""},
		{"https://www.zohoapis.eu/x", "", ""},
		{"https://www.zohoapis.eu?x", "", ""},
		{"https://www.zohoapis.eu#x", "", ""},
		{"http://169.254.169.254", "", ""},
		{"http://127.0.0.1:8182", "http://127.0.0.1:8182", "http://127.0.0.1:8182"},
		{"http://127.0.0.1:8182/", "http://127.0.0.1:8182", "http://127.0.0.1:8182"},
		{"http://LOCALHOST:80", "http://localhost/", "http://localhost"},
		{"", "http://127.0.0.1:8182", "http://127.0.0.1:8182"},
		{"https://www.zohoapis.eu", "http://127.0.0.1:8182", "http://127.0.0.1:8182"},
		{"http://127.0.0.1:8183", "http://127.0.0.1:8182", ""},
		{"http://127.0.0.1:8182/x", "http://127.0.0.1:8182", ""},
		{"http://u@127.0.0.1:8182", "http://127.0.0.1:8182", ""},
		{"https://127.0.0.1:8182", "http://127.0.0.1:8182", ""},
	} {
		a, _ := accounts(t, tt.set, ok(`{"access_token":"x","expires_in":3600,"api_domain":"`+tt.told+`"}`))
		access, err := a.Refresh(t.Context())
		if access.Base != tt.want || (err == nil) != (tt.want != "") || err != nil && fault.KindOf(err) != fault.Setup {
			t.Errorf("told %q with %q set: %q, %v", tt.told, tt.set, access.Base, err)
		}
	}
}
