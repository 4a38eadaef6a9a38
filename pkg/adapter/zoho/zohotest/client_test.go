package zohotest_test

import (
	"context"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// tokens hands out one token and never another.
type tokens struct{ access crm.Access }

func (t tokens) Token(context.Context) (crm.Access, error) { return t.access, nil }
func (t tokens) Bad(context.Context, int64) error          { return nil }

func TestTheConnectorsOwnClientAndTheSandboxUnderstandEachOther(t *testing.T) {
	g := newOrg(t)
	accounts := zoho.NewAccounts(zoho.AccountsConfig{BaseURL: "https://accounts.zoho.eu", ClientID: zohotest.DefaultClientID,
		ClientSecret: crm.NewSecret(zohotest.DefaultClientSecret), RefreshToken: crm.NewSecret(zohotest.DefaultRefreshToken),
		HTTP: g.Transport(), Now: func() time.Time { return g.clock }})
	access, err := accounts.Refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := zoho.New(zoho.Config{Tokens: tokens{access}, HTTP: g.Transport(), Now: func() time.Time { return g.clock }})
	columns := []crm.Column{{Field: "last", Property: "Last_Name", Type: crm.TypeText}, {Field: "mail", Property: "Email", Type: crm.TypeEmail},
		{Field: "company", Property: "Account_Name", Type: crm.TypeCompany}, {Field: "owner", Property: "Owner", Type: crm.TypeOwner},
		{Field: "out", Property: "Email_Opt_Out", Type: crm.TypeBool}, {Field: "none", Property: "No_Such_Field", Type: crm.TypeText}}
	company := g.create(crm.Companies, "Account_Name", "ACME")
	made, err := c.Create(t.Context(), []crm.Change{{ID: crm.ID{System: crm.Zoho, Module: crm.Contacts}, Columns: columns, HubSpotID: "51",
		Set: map[crm.Field]crm.Value{"last": crm.Text("D'Angelo"), "mail": crm.Text("d@example.com"), "company": crm.Text(company),
			"owner": crm.Text("anna.verdi@example.com"), "out": crm.Text("true")}}})
	if err != nil || made[0].Err != nil {
		t.Fatal(err, made)
	}
	id := made[0].ID
	found, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, HubSpotIDs: []string{"51"}, Columns: columns})
	if err != nil || len(found) != 1 {
		t.Fatal(err, len(found))
	}
	for field, want := range map[crm.Field]crm.Value{"last": crm.Text("D'Angelo"), "company": crm.Text(company), "out": crm.Text("true"),
		"owner": crm.Text("anna.verdi@example.com"), "none": crm.Unknown()} {
		expect(t, string(field), found[0].Value(field), want)
	}
	expect(t, "HubSpot id", found[0].HubSpotID, "51")
	leads, err := c.Find(t.Context(), crm.Search{Module: crm.Leads, Keys: []crm.MatchKey{{Column: columns[1], Value: "d@example.com"}}})
	if err != nil || len(leads) != 0 {
		t.Error("leads", err, len(leads))
	}
	again, err := c.Create(t.Context(), []crm.Change{{ID: crm.ID{System: crm.Zoho, Module: crm.Contacts}, Columns: columns, HubSpotID: "51",
		Set: map[crm.Field]crm.Value{"last": crm.Text("D'Angelo")}}})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "a second one", fault.KindOf(again[0].Err), fault.Conflict)
	g.wait(2 * time.Second)
	change := crm.Change{ID: id, Columns: columns, Set: map[crm.Field]crm.Value{"last": crm.Text("Angeli")}, IfUnmodified: made[0].Modified}
	written := c.Write(t.Context(), change)
	expect(t, "write", written.Err, nil)
	expect(t, "stale", fault.KindOf(c.Write(t.Context(), change).Err), fault.Stale)
	g.edit(crm.Contacts, id.Key, "Email", "a@example.com")
	times, err := c.Times(t.Context(), id, columns)
	if err != nil || len(times["last"]) != 1 || len(times["mail"]) != 1 {
		t.Fatal(err, times)
	}
	expect(t, "ours", times["last"][0].Ours, true)
	expect(t, "a person's", times["mail"][0].Ours, false)
	changed, _, err := c.Changed(t.Context(), crm.Contacts, g.clock.Add(-time.Second), "")
	if err != nil || len(changed) != 1 {
		t.Error("changed", err, len(changed))
	}
	if err := g.Delete(crm.Contacts, id.Key); err != nil {
		t.Fatal(err)
	}
	deleted, _, err := c.Deleted(t.Context(), crm.Contacts, g.clock.Add(-time.Minute), "")
	if err != nil || len(deleted) != 1 {
		t.Error("deleted", err, len(deleted))
	}
	read, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{id.Key}, Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "gone", read[0].Gone, true)
}
