package zoho_test

import (
	"net/http"
	"strconv"
	"testing"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

// meter adds up what the calls say that they cost, and keeps what Zoho says is left.
type meter struct {
	inner http.RoundTripper
	cost  int
	left  string
}

func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	m.cost += rest.Cost(r.Context())
	resp, err := m.inner.RoundTrip(r)
	if err == nil {
		m.left = resp.Header.Get("X-API-CREDITS-REMAINING")
	}
	return resp, err
}

func TestCallsSayTheCreditsThatZohoTakes(t *testing.T) {
	const credits = 10
	server := zohotest.New(zohotest.Options{Now: now, Credits: credits, AccessToken: "canary-0"})
	m := &meter{inner: server.Transport()}
	c := zoho.New(zoho.Config{Tokens: &tokens{}, HTTP: m, Now: now})
	var changes []crm.Change
	for i := range 23 {
		changes = append(changes, crm.Change{ID: contact(""), Columns: columns, HubSpotID: strconv.Itoa(100 + i), Set: set("last_name", "Rossi")})
	}
	if _, err := c.Create(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Deleted(t.Context(), crm.Contacts, noon, ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Changed(t.Context(), crm.Contacts, noon, ""); err != nil {
		t.Fatal(err)
	}
	if m.cost != 6 || m.left != strconv.Itoa(credits-m.cost) {
		t.Errorf("the calls say %d; Zoho says that %s of %d are left", m.cost, m.left, credits)
	}
}
