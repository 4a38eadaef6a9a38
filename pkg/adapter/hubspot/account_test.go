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

func TestAFlagOfOurOwnIsMadeOnce(t *testing.T) {
	s := hubspottest.New(hubspottest.Options{Now: time.Now})
	c := hubspot.New(hubspot.Config{Token: crm.NewSecret(hubspottest.DefaultToken), HTTP: s.Transport(), Now: time.Now})
	if err := c.CreateFlag(t.Context(), crm.Contacts, "whatsapp_opt_out", "WhatsApp opt-out"); err != nil {
		t.Fatal(err)
	}
	all, err := c.Definitions(t.Context(), crm.Contacts)
	if d := all["whatsapp_opt_out"]; err != nil || d.Type != "bool" || d.FieldType != "booleancheckbox" || d.Label != "WhatsApp opt-out" || len(d.Options) != 2 || d.Options[0] != "true" {
		t.Errorf("%+v, %v", d, err)
	}
	if err := c.CreateFlag(t.Context(), crm.Contacts, "whatsapp_opt_out", "WhatsApp opt-out"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("again: %v", err)
	}
	s.Fail(hubspottest.Fault{On: "POST /crm/properties", Status: http.StatusForbidden, Body: `{"status":"error","category":"MISSING_SCOPES"}`})
	if err := c.CreateFlag(t.Context(), crm.Contacts, "another", "Another"); fault.KindOf(err) != fault.Setup {
		t.Errorf("without the scope: %v", err)
	}
}
