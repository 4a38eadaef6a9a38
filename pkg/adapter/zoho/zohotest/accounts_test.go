package zohotest_test

import (
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
)

const (
	formType = "Content-Type: application/x-www-form-urlencoded"
	refresh  = "grant_type=refresh_token&client_id=sandbox-client&client_secret=sandbox-secret&refresh_token=sandbox-refresh"
)

func TestARefreshGrantGivesATokenForAnHour(t *testing.T) {
	g := newOrg(t, func(o *zohotest.Options) { o.APIDomain = "http://127.0.0.1:8182" })
	a := g.call("POST", "/oauth/v2/token", refresh, formType)
	expect(t, "expires_in", a.at("expires_in"), any(jsonNumber("3600")))
	expect(t, "api_domain", a.str("api_domain"), "http://127.0.0.1:8182")
	expect(t, "no refresh token", a.at("refresh_token"), nil)
	g.token = a.str("access_token")
	g.wait(time.Hour - time.Second)
	expect(t, "valid", g.call("GET", "/org", "").status, http.StatusOK)
	g.wait(time.Second)
	b := g.call("GET", "/org", "")
	expect(t, "expired", b.status, http.StatusUnauthorized)
	expect(t, "code", b.str("code"), "INVALID_TOKEN")
	expect(t, "no header", g.call("GET", "/org", "", "Authorization: ").str("code"), "AUTHENTICATION_FAILURE")
	expect(t, "in the query", g.call("POST", "/oauth/v2/token?"+refresh, "").at("token_type"), any("Bearer"))
	expect(t, "counted", g.Count("POST /oauth/v2/token"), 2)
}

func TestErrorsOfTheAccountsHostStandInA200(t *testing.T) {
	g := newOrg(t)
	for body, want := range map[string]string{
		"grant_type=refresh_token&client_id=x": "invalid_client",
		"grant_type=refresh_token&client_id=sandbox-client&client_secret=x&refresh_token=sandbox-refresh": "invalid_client",
		"grant_type=refresh_token&client_id=sandbox-client&client_secret=sandbox-secret&refresh_token=x":  "invalid_code",
		"grant_type=authorization_code&client_id=sandbox-client&client_secret=sandbox-secret&code=1000.x": "invalid_code",
	} {
		a := g.call("POST", "/oauth/v2/token", body, formType)
		expect(t, "status", a.status, http.StatusOK)
		expect(t, body, a.str("error"), want)
	}
	g.RevokeRefresh()
	expect(t, "revoked", g.call("POST", "/oauth/v2/token", refresh, formType).str("error"), "invalid_code")
}

func TestACodeOfASelfClientIsTradedOnce(t *testing.T) {
	g := newOrg(t, func(o *zohotest.Options) { o.GrantCode = "1000.code" })
	body := "grant_type=authorization_code&client_id=sandbox-client&client_secret=sandbox-secret&code=1000.code"
	expect(t, "first", g.call("POST", "/oauth/v2/token", body, formType).str("refresh_token"), "sandbox-refresh")
	expect(t, "second", g.call("POST", "/oauth/v2/token", body, formType).str("error"), "invalid_code")
}

func TestTenTokensInTenMinutesAreTheMost(t *testing.T) {
	g := newOrg(t)
	for i := range 10 {
		if a := g.call("POST", "/oauth/v2/token", refresh, formType); a.str("access_token") == "" {
			t.Fatalf("token %d: %s", i+1, a.text)
		}
		g.wait(time.Second)
	}
	a := g.call("POST", "/oauth/v2/token", refresh, formType)
	expect(t, "status", a.status, http.StatusOK)
	expect(t, "error", a.str("error"), "Access Denied")
	g.wait(10*time.Minute - 10*time.Second)
	expect(t, "later", g.call("POST", "/oauth/v2/token", refresh, formType).str("error"), "")
}

func TestTheSixteenthTokenKillsTheOldest(t *testing.T) {
	g := newOrg(t)
	first := g.token
	for range 14 {
		g.NewToken()
	}
	expect(t, "fifteen", g.call("GET", "/org", "").status, http.StatusOK)
	g.token = g.NewToken()
	expect(t, "the newest", g.call("GET", "/org", "").status, http.StatusOK)
	g.token = first
	expect(t, "the oldest", g.call("GET", "/org", "").str("code"), "INVALID_TOKEN")
}
