package zoho_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/crmtest"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// suiteColumns are Zoho's names of the suite's fields.
var suiteColumns = []crm.Column{
	{Field: crmtest.Name, Property: "Last_Name", Type: crm.TypeText}, {Field: crmtest.First, Property: "First_Name", Type: crm.TypeText},
	{Field: crmtest.Job, Property: "Title", Type: crm.TypeText}, {Field: crmtest.Email, Property: "Email", Type: crm.TypeEmail},
	{Field: crmtest.Stage, Property: "Lead_Source", Type: crm.TypePicklist}, {Field: crmtest.Born, Property: "Date_of_Birth", Type: crm.TypeDate},
	{Field: crmtest.Score, Property: "Score", Type: crm.TypeNumber}, {Field: crmtest.Wanted, Property: "Wanted", Type: crm.TypeBool},
	{Field: crmtest.Code, Property: "Code", Type: crm.TypeText}, {Field: crmtest.Company, Property: "Account_Name", Type: crm.TypeCompany},
	{Field: crmtest.Ghost, Property: "Ghost", Type: crm.TypeText},
}

func property(f crm.Field) string {
	for _, c := range suiteColumns {
		if c.Field == f {
			return c.Property
		}
	}
	return ""
}

func inZoho(v crmtest.Values) map[string]string {
	out := map[string]string{}
	for f, text := range v {
		out[property(f)] = text
	}
	return out
}

func TestZohoKeepsTheRulesOfACRM(t *testing.T) {
	crmtest.Test(t, func(t *testing.T) crmtest.Lab {
		at := noon
		clock := func() time.Time { return at }
		server := zohotest.New(zohotest.Options{Now: clock, SearchLag: time.Minute, Fields: map[string][]zohotest.Field{"Contacts": {
			{Name: "Score", Type: "double"}, {Name: "Wanted", Type: "boolean"}, {Name: "Code", Type: "text", Unique: true},
		}}})
		transport := server.Transport()
		accounts := zoho.NewAccounts(zoho.AccountsConfig{BaseURL: "https://accounts.zoho.eu", ClientID: "sandbox-client",
			ClientSecret: crm.NewSecret("sandbox-secret"), RefreshToken: crm.NewSecret("sandbox-refresh"), HTTP: transport, Now: clock})
		tokens := &granting{accounts: accounts}
		if _, err := tokens.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := zoho.New(zoho.Config{Tokens: tokens, HTTP: transport, Now: clock})
		return crmtest.Lab{
			CRM: c, System: crm.Zoho, Columns: suiteColumns, Options: [2]string{"Cold Call", "Partner"},
			Create: func(v crmtest.Values) (string, error) { return server.Create(crm.Contacts, inZoho(v)) },
			Edit:   func(key string, v crmtest.Values) error { return server.Edit(crm.Contacts, key, inZoho(v)) },
			Delete: func(key string) error { return server.Delete(crm.Contacts, key) },
			Merge:  func(p, o string) (string, error) { return server.Merge(crm.Contacts, p, o) },
			NewFirm: func(name, domain string) (string, error) {
				return server.Create(crm.Companies, map[string]string{"Account_Name": name, "Website": domain})
			},
			Shows: func(key string, f crm.Field) string {
				p, _ := server.Props(crm.Contacts, key)
				return p[property(f)]
			},
			Trouble: func(x crmtest.Trouble) {
				if x == (crmtest.Trouble{}) {
					server.Clear()
					return
				}
				f := zohotest.Fault{Status: x.Status, RetryAfter: x.RetryAfter, Cut: x.Cut}
				switch {
				case x.Applied && !x.Cut:
					f.Lost = zohotest.LostAfter
				case x.Lost:
					f.Lost = zohotest.LostBefore
				}
				server.Fail(f)
			},
			Expire:  server.KillTokens,
			Advance: func(d time.Duration) { at = at.Add(d) },
			Writes: func() (n int) {
				for _, w := range server.Writes() {
					if w.Ours {
						n++
					}
				}
				return n
			},
			Calls: func() (n int) {
				for pattern, c := range server.Calls() {
					if strings.Contains(pattern, "/crm/") {
						n += c
					}
				}
				return n
			},
			History: func(key string) ([]crm.Entry, error) {
				times, err := c.Times(context.Background(), contact(key), suiteColumns)
				return times[crmtest.Job], err
			},
			NoSuch: "4876876000009999999",
			Refusals: []crmtest.Refusal{
				{Why: "a property that is not there", Field: crmtest.Ghost, Value: "x", Hint: fault.HintFormat}, // Zoho does not tell it from a bad value
				{Why: "no address", Field: crmtest.Email, Value: "canarino at nowhere", Hint: fault.HintFormat},
				{Why: "no date", Field: crmtest.Born, Value: "canarino", Hint: fault.HintFormat},
				{Why: "a mandatory field emptied", Field: crmtest.Name, Value: "", Hint: fault.HintMissing},
				{Why: "a company that is not there", Field: crmtest.Company, Value: "4876876000009999999", Hint: fault.HintFormat},
			},
			Grain: time.Second, Digits: 19, Conditional: true, External: true, Renews: true,
		}
	})
}

var _ crmtest.CRM = (*zoho.Client)(nil)
