package hubspot_test

import (
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func TestTheAccountSaysWhoseTokenItIs(t *testing.T) {
	s := hubspottest.New(hubspottest.Options{Now: time.Now})
	client := func(token string) *hubspot.Client {
		return hubspot.New(hubspot.Config{Token: crm.NewSecret(token), HTTP: s.Transport(), Now: time.Now})
	}
	a, err := client(hubspottest.DefaultToken).Account(t.Context())
	if err != nil || a != (hubspot.Account{PortalID: "62515", UI: "app.hubspot.com", TimeZone: "UTC", Currency: "EUR"}) {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := client("another").Account(t.Context()); fault.KindOf(err) != fault.Denied {
		t.Errorf("another token: %v", err)
	}
	if err := client(hubspottest.DefaultToken).Owners(t.Context()); err != nil {
		t.Error(err)
	}
	s.Fail(hubspottest.Fault{On: "GET /crm/owners", Status: http.StatusForbidden, Body: `{"status":"error","category":"MISSING_SCOPES"}`})
	if err := client(hubspottest.DefaultToken).Owners(t.Context()); fault.KindOf(err) != fault.Setup {
		t.Errorf("without the scope: %v", err)
	}
}
