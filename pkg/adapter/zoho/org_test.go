package zoho_test

import (
	"net/http"
	"testing"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/fault"
)

func TestTheOrganisationSaysInWhichCurrencyItCounts(t *testing.T) {
	for body, want := range map[string]zoho.Organisation{
		`{"org":[{"id":"1","iso_code":"EUR","currency":"Euro - EUR","mc_status":false}]}`: {Currency: "EUR"},
		`{"org":[{"id":"1","iso_code":"USD","mc_status":true}]}`:                          {Currency: "USD", Several: true},
		`{"org":[{"id":"1"}]}`: {},
	} {
		c, f := client(t, always(ok(body)))
		got, err := c.Organisation(t.Context())
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
		if len(f.asked) != 1 || f.asked[0].method != http.MethodGet || f.asked[0].path != "/crm/v8/org" {
			t.Errorf("asks %+v", f.asked)
		}
	}
	for _, r := range []reply{ok(`{"org":[]}`), {status: http.StatusUnauthorized, body: `{"code":"OAUTH_SCOPE_MISMATCH","details":{},"message":"invalid oauth scope to access this URL","status":"error"}`}} {
		c, _ := client(t, always(r))
		if got, err := c.Organisation(t.Context()); fault.KindOf(err) != fault.Setup || got != (zoho.Organisation{}) {
			t.Errorf("%s: %+v, %v", r.body, got, err)
		}
	}
}
