package zoho_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/zohotoken"
)

// org is a sandbox and a client of it.
func org(o zohotest.Options) (*zohotest.Server, *zoho.Client) {
	o.Now, o.AccessToken = now, "sandbox-access"
	s := zohotest.New(o)
	tokens := zohotoken.Fixed{Access: crm.Access{Token: crm.NewSecret("sandbox-access"), Base: zohotest.DefaultAPIDomain}}
	return s, zoho.New(zoho.Config{Tokens: tokens, HTTP: s.Transport(), Now: now})
}

func TestACodeIsTradedOnceForARefreshToken(t *testing.T) {
	s := zohotest.New(zohotest.Options{Now: now, GrantCode: "1000.code"})
	a := zoho.NewAccounts(zoho.AccountsConfig{BaseURL: "https://accounts.zoho.eu", ClientID: zohotest.DefaultClientID, HTTP: s.Transport(), Now: now})
	client := crm.NewSecret(zohotest.DefaultClientSecret)
	refresh, access, err := a.Trade(t.Context(), client, crm.NewSecret("1000.code"))
	if err != nil || refresh.Reveal() != zohotest.DefaultRefreshToken || access.Token.IsZero() || access.Base != zohotest.DefaultAPIDomain || !access.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("%v %v %v", refresh, access, err)
	}
	_, _, err = a.Trade(t.Context(), client, crm.NewSecret("1000.code"))
	if fault.KindOf(err) != fault.Denied || strings.Contains(fmt.Sprint(err), "1000.code") {
		t.Errorf("the second time: %v", err)
	}
	other, _ := accounts(t, "", ok(`{"access_token":"1000.canary","expires_in":3600,"api_domain":"https://www.zohoapis.eu"}`))
	if _, _, err = other.Trade(t.Context(), client, crm.NewSecret("c")); fault.KindOf(err) != fault.Setup {
		t.Errorf("an answer without a refresh token: %v", err)
	}
}

func TestFieldsAreToldAsTheOrganisationHasThem(t *testing.T) {
	_, c := org(zohotest.Options{Fields: map[string][]zohotest.Field{"Contacts": {{Name: "Region", Type: "picklist", Length: 40, Mandatory: true, Options: []string{"North", "South"}}}}})
	all, err := c.Definitions(t.Context(), crm.Contacts)
	if err != nil {
		t.Fatal(err)
	}
	id, region, last := all[zoho.HubSpotID], all["Region"], all["Modified_Time"]
	if id.External != "org" || !id.Unique || id.Type != "text" || id.ID == "" {
		t.Errorf("%+v", id)
	}
	if region.External != "" || region.Unique || !region.Mandatory || region.Length != 40 || !slices.Equal(region.Options, []string{"North", "South"}) {
		t.Errorf("%+v", region)
	}
	if !last.ReadOnly || last.Type != "datetime" {
		t.Errorf("%+v", last)
	}
	if _, err := c.Definitions(t.Context(), "elsewhere"); fault.KindOf(err) != fault.Ours {
		t.Errorf("another module: %v", err)
	}
	broken, _ := client(t, always(ok(`{}`)))
	if _, err := broken.Definitions(t.Context(), crm.Contacts); fault.KindOf(err) != fault.Down {
		t.Errorf("an answer without fields: %v", err)
	}
}

func TestTheExternalIDIsMadeAsEitherKind(t *testing.T) {
	_, c := org(zohotest.Options{NoHubSpotID: true})
	for m, plain := range map[crm.Module]bool{crm.Contacts: false, crm.Companies: true} {
		if err := c.CreateHubSpotID(t.Context(), m, plain); err != nil {
			t.Fatal(err)
		}
		all, err := c.Definitions(t.Context(), m)
		d := all[zoho.HubSpotID]
		if err != nil || !d.Unique || (d.External == "org") == plain {
			t.Errorf("%s: %+v, %v", m, d, err)
		}
		if err := c.CreateHubSpotID(t.Context(), m, plain); fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s, again: %v", m, err)
		}
	}
	denied, _ := client(t, always(reply{status: http.StatusUnauthorized, body: `{"code":"OAUTH_SCOPE_MISMATCH","details":{},"message":"invalid oauth scope","status":"error"}`}))
	if err := denied.CreateHubSpotID(t.Context(), crm.Contacts, false); fault.KindOf(err) != fault.Setup {
		t.Errorf("without the scope: %v", err)
	}
}

func TestAFieldOfOurOwnIsMadeOnce(t *testing.T) {
	_, c := org(zohotest.Options{})
	for name, d := range map[string]zoho.Definition{
		"WhatsApp_User": {Label: "WhatsApp User", Type: "text", Length: 150}, "WhatsApp_Opt_Out": {Label: "WhatsApp Opt Out", Type: "boolean"},
	} {
		if err := c.CreateField(t.Context(), crm.Contacts, d); err != nil {
			t.Fatal(err)
		}
		all, err := c.Definitions(t.Context(), crm.Contacts)
		if got := all[name]; err != nil || got.Type != d.Type || d.Length > 0 && got.Length != d.Length || got.Unique {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err := c.CreateField(t.Context(), crm.Contacts, d); fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s, again: %v", name, err)
		}
	}
	if err := c.CreateField(t.Context(), crm.Contacts, zoho.Definition{Label: "X", Type: "none"}); fault.KindOf(err) != fault.Refused {
		t.Errorf("a type that is none: %v", err)
	}
}

func TestChannelsAreFoundByWhomTheyNotify(t *testing.T) {
	_, c := org(zohotest.Options{ChannelID: "1000000068001", ChannelToken: "t", NotifyURL: "https://connector.example.com/webhooks/zoho"})
	if _, err := c.OpenChannel(t.Context(), crm.Channel{
		ID: "7", URL: "https://connector.example.com/webhooks/zoho", Token: crm.NewSecret("t"), Ends: noon.Add(time.Hour),
		Notices: []crm.Notice{{Module: crm.Contacts, Verb: crm.Update}},
	}); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string][]string{"https://connector.example.com/webhooks/zoho": {"1000000068001", "7"}, "https://elsewhere.example.com": nil} {
		if got, err := c.ChannelsAt(t.Context(), address); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
}

func TestARecordIsRemovedOnce(t *testing.T) {
	s, c := org(zohotest.Options{})
	key, err := s.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Remove(t.Context(), contact(key)); err != nil {
		t.Fatal(err)
	}
	if len(s.IDs(crm.Contacts)) != 0 {
		t.Error("it is still there")
	}
	for _, id := range []crm.ID{contact(key), contact("mario")} {
		if err := c.Remove(t.Context(), id); fault.KindOf(err) != fault.Missing {
			t.Errorf("%s: %v", id.Key, err)
		}
	}
	lost, _ := client(t, always(reply{err: errors.New("reset")}))
	if err := lost.Remove(t.Context(), contact(idOne)); fault.KindOf(err) != fault.Down {
		t.Errorf("no answer: %v", err)
	}
}
