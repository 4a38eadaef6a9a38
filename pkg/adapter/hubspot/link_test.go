package hubspot

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func TestALinkLeadsToTheRecordInTheAccount(t *testing.T) {
	const account = "https://app-eu1.hubspot.com/contacts/62515"
	for _, tt := range []struct {
		account string
		id      crm.ID
		want    string
	}{
		{account, crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: "101"}, account + "/record/0-1/101"},
		{account, crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: "7"}, account + "/record/0-2/7"},
		{account, crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "7"}, ""},
		{"", crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: "101"}, ""},
	} {
		if got := Link(tt.account, tt.id); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.id, got, tt.want)
		}
	}
}

type sent func(*http.Request) (*http.Response, error)

func (s sent) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

func TestTheTokenIsAskedForBeforeEveryCallAndNothingIsSentWithoutOne(t *testing.T) {
	var seen []string
	token, failure := "old", error(nil)
	c := New(Config{
		Token: crm.NewSecret("unused"), Now: func() time.Time { return time.Time{} },
		Bearer: func(context.Context) (crm.Secret, error) { return crm.NewSecret(token), failure },
		HTTP: sent(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r.Header.Get("Authorization"))
			return nil, errors.New("cut")
		}),
	})
	ask := func() error { return c.get(t.Context(), "hubspot.Read", "/x", nil, nil) }
	_ = ask()
	token = "new"
	_ = ask()
	failure = &fault.Error{Op: "secret.Get", Kind: fault.Setup}
	if err := ask(); fault.KindOf(err) != fault.Setup {
		t.Errorf("without a token: %v", err)
	}
	if len(seen) != 2 || seen[0] != "Bearer old" || seen[1] != "Bearer new" {
		t.Errorf("sent with %q", seen)
	}
}
