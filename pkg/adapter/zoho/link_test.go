package zoho

import (
	"context"
	"errors"
	"testing"

	"crm-connector/pkg/core/crm"
)

func TestALinkLeadsToTheRecordInTheOrganisation(t *testing.T) {
	const org = "https://crm.zoho.eu/crm/org20801"
	for _, tt := range []struct {
		org  string
		id   crm.ID
		want string
	}{
		{org, crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "42"}, org + "/tab/Contacts/42"},
		{org, crm.ID{System: crm.Zoho, Module: crm.Companies, Key: "42"}, org + "/tab/Accounts/42"},
		{org, crm.ID{System: crm.Zoho, Module: crm.Leads, Key: "42"}, org + "/tab/Leads/42"},
		{org, crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: "42"}, ""},
		{"", crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "42"}, ""},
	} {
		if got := Link(tt.org, tt.id); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.id, got, tt.want)
		}
	}
}

func TestAChannelHasAKeyForEachOfItsTokens(t *testing.T) {
	keys := ChannelKeys("7", func(context.Context) ([]crm.Secret, error) {
		return []crm.Secret{crm.NewSecret("old"), crm.NewSecret("new")}, nil
	})
	got, err := keys(t.Context())
	if err != nil || len(got) != 2 || got[0].ID != "7" || got[1].Token.Reveal() != "new" {
		t.Errorf("%v, %v", got, err)
	}
	cut := errors.New("cut")
	if _, err := ChannelKeys("7", func(context.Context) ([]crm.Secret, error) { return nil, cut })(t.Context()); !errors.Is(err, cut) {
		t.Errorf("%v", err)
	}
}
