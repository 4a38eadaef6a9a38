package zoho_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// granting fetches a token from the sandbox once, and again when it is bad.
type granting struct {
	accounts *zoho.Accounts
	access   crm.Access
}

func (g *granting) Token(ctx context.Context) (crm.Access, error) {
	if !g.access.Token.IsZero() {
		return g.access, nil
	}
	next, err := g.accounts.Refresh(ctx)
	next.Version = g.access.Version + 1
	g.access = next
	return next, err
}

func (g *granting) Bad(context.Context, int64) error {
	g.access.Token = crm.Secret{}
	return nil
}

// sandbox returns a client of a stateful, strict Zoho whose clock the test moves.
func sandbox() (*zoho.Client, *zohotest.Server, *time.Time) {
	at := noon
	clock := func() time.Time { return at }
	server := zohotest.New(zohotest.Options{Now: clock})
	transport := server.Transport()
	accounts := zoho.NewAccounts(zoho.AccountsConfig{BaseURL: "https://accounts.zoho.eu", ClientID: "sandbox-client",
		ClientSecret: crm.NewSecret("sandbox-secret"), RefreshToken: crm.NewSecret("sandbox-refresh"), HTTP: transport, Now: clock})
	return zoho.New(zoho.Config{Tokens: &granting{accounts: accounts}, HTTP: transport, Now: clock}), server, &at
}

func TestAgainstAStrictZoho(t *testing.T) {
	c, server, at := sandbox()
	company, err := server.Create(crm.Companies, map[string]string{"Account_Name": "Prova S.r.l.", "Website": "https://www.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	results, err := c.Create(t.Context(), []crm.Change{
		{ID: contact(""), Columns: columns, HubSpotID: "151", Set: set("last_name", "O'Neil", "email", "o'neil@example.com", "company", company)},
		{ID: contact(""), Columns: columns, HubSpotID: "151", Set: set("last_name", "Twice")},
		{ID: contact(""), Columns: columns, HubSpotID: "152", Set: set("last_name", "", "email", "not an address")},
	})
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	mine := results[0].ID
	if got := told(results[1].Err); got != "conflict DUPLICATE_DATA /HubSpot_Id:duplicate:"+mine.Key {
		t.Errorf("a second record with our id: %s", got)
	}
	if fault.KindOf(results[2].Err) != fault.Refused {
		t.Errorf("a record without a name: %v", results[2].Err)
	}
	find := func(s crm.Search) []crm.Record {
		t.Helper()
		s.Columns = columns
		found, err := c.Find(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	found := find(crm.Search{Module: crm.Contacts, HubSpotIDs: []string{"151"}, Keys: []crm.MatchKey{{Column: emailColumn, Value: "o'neil@example.com"}}})
	if len(found) != 1 || found[0].ID != mine || found[0].HubSpotID != "151" || found[0].Fields["company"] != crm.Text(company) || found[0].Fields["phone"] != crm.Empty() {
		t.Errorf("found %v", found)
	}
	domain := crm.MatchKey{Column: crm.Column{Field: "domain", Property: "Website", Type: crm.TypeDomain}, Value: "example.com"}
	if accounts, err := c.Find(t.Context(), crm.Search{Module: crm.Companies, Keys: []crm.MatchKey{domain}, Columns: []crm.Column{domain.Column}}); err != nil || len(accounts) != 1 {
		t.Errorf("by domain: %v, %v", accounts, err)
	}
	*at = at.Add(time.Minute)
	if err := server.Edit(crm.Contacts, mine.Key, map[string]string{"Phone": "+39 06 1234"}); err != nil {
		t.Fatal(err)
	}
	r := c.Write(t.Context(), crm.Change{ID: mine, Columns: columns, Set: set("first_name", "Ann"), IfUnmodified: found[0].Modified})
	if fault.KindOf(r.Err) != fault.Stale {
		t.Errorf("over a later edit: %v", r.Err)
	}
	*at = at.Add(time.Minute)
	if r = c.Write(t.Context(), crm.Change{ID: mine, Columns: columns, Set: set("first_name", "Ann"), IfUnmodified: at.Add(-time.Minute)}); r.Err != nil || !r.Modified.Equal(*at) {
		t.Errorf("%+v", r)
	}
	times, err := c.Times(t.Context(), mine, columns)
	if err != nil || len(times["phone"]) != 1 || times["phone"][0].Ours || len(times["first_name"]) != 1 || !times["first_name"][0].Ours {
		t.Errorf("%v, %v", times, err)
	}
	rows, next, err := c.Changed(t.Context(), crm.Contacts, at.Add(-time.Second), "")
	if err != nil || next != "" || len(rows) != 1 || rows[0].ID != mine {
		t.Errorf("changed: %v, %v", rows, err)
	}
	server.KillTokens()
	if err := server.Delete(crm.Contacts, mine.Key); err != nil {
		t.Fatal(err)
	}
	readings, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{mine.Key}, Columns: columns})
	if err != nil || !readings[0].Gone {
		t.Errorf("%v, %v", readings, err)
	}
	if r = c.Write(t.Context(), crm.Change{ID: mine, HubSpotID: "1"}); fault.KindOf(r.Err) != fault.Missing {
		t.Errorf("a write to a deleted record: %v", r.Err)
	}
	if rows, _, err = c.Deleted(t.Context(), crm.Contacts, noon, ""); err != nil || len(rows) != 1 || rows[0].ID != mine {
		t.Errorf("deleted: %v, %v", rows, err)
	}
}

func TestALeadIsFoundInAStrictZohoUntilItIsConverted(t *testing.T) {
	c, server, _ := sandbox()
	lead, err := server.Create(crm.Leads, map[string]string{"Last_Name": "Rossi", "Email": "rossi@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	s := crm.Search{Module: crm.Leads, Columns: columns, Keys: []crm.MatchKey{{Column: emailColumn, Value: "rossi@example.com"}}}
	if found, err := c.Find(t.Context(), s); err != nil || len(found) != 1 || found[0].ID.Key != lead {
		t.Errorf("%v, %v", found, err)
	}
	if _, _, err := server.ConvertLead(lead); err != nil {
		t.Fatal(err)
	}
	if found, err := c.Find(t.Context(), s); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestEveryFaultOfTheSandboxHasItsKind(t *testing.T) {
	for name, tt := range map[string]struct {
		fault zohotest.Fault
		kind  fault.Kind
	}{
		"throttled":  {zohotest.Throttle(1, "7"), fault.Throttled},
		"a page":     {zohotest.Fault{Status: http.StatusBadGateway, Body: zohotest.BadGateway}, fault.Down},
		"internal":   {zohotest.Fault{Status: http.StatusInternalServerError, Body: zohotest.InternalError}, fault.Down},
		"cut":        {zohotest.Fault{Cut: true}, fault.Down},
		"lost":       {zohotest.Fault{Lost: zohotest.LostBefore}, fault.Down},
		"lost after": {zohotest.Fault{Lost: zohotest.LostAfter}, fault.Down},
	} {
		t.Run(name, func(t *testing.T) {
			c, server, _ := sandbox()
			id, err := server.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi"})
			if err != nil {
				t.Fatal(err)
			}
			tt.fault.On = "PUT /crm"
			server.Fail(tt.fault)
			change := crm.Change{ID: contact(id), HubSpotID: "7"}
			if r := c.Write(t.Context(), change); fault.KindOf(r.Err) != tt.kind {
				t.Errorf("%v, want %v", r.Err, tt.kind)
			}
			if r := c.Write(t.Context(), change); r.Err != nil {
				t.Errorf("after it: %v", r.Err)
			}
		})
	}
	for code, kind := range map[string]fault.Kind{"RECORD_LOCKED": fault.Locked, "NOT_APPROVED": fault.Locked, "RECORD_IN_BLUEPRINT": fault.Locked} {
		c, server, _ := sandbox()
		id, err := server.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi"})
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Block(crm.Contacts, id, code); err != nil {
			t.Fatal(err)
		}
		if r := c.Write(t.Context(), crm.Change{ID: contact(id), HubSpotID: "7"}); fault.KindOf(r.Err) != kind {
			t.Errorf("%s: %v", code, r.Err)
		}
	}
}

func TestALeadIsLookedForByTheFieldsThatLeadsHave(t *testing.T) {
	c, server, _ := sandbox()
	lead, err := server.Create(crm.Leads, map[string]string{"Last_Name": "Rossi", "Mobile": "348 999 0001"})
	if err != nil {
		t.Fatal(err)
	}
	key := func(property string) crm.MatchKey {
		return crm.MatchKey{Column: crm.Column{Field: crm.Field(property), Property: property, Type: crm.TypePhone}, Value: "+393489990001"}
	}
	for range 3 {
		found, err := c.Find(t.Context(), crm.Search{Module: crm.Leads, Columns: columns, Keys: []crm.MatchKey{key("Mobile"), key("Home_Phone"), key("Asst_Phone")}})
		if err != nil || len(found) != 1 || found[0].ID.Key != lead {
			t.Errorf("%v, %v", found, err)
		}
	}
	if queries, asked := server.Count("POST /crm/v8/coql"), server.Count("GET /crm/v8/settings/fields"); queries != 4 || asked != 1 {
		t.Errorf("%d queries, fields asked for %d times", queries, asked)
	}
	if found, err := c.Find(t.Context(), crm.Search{Module: crm.Leads, Columns: columns, Keys: []crm.MatchKey{key("Home_Phone")}}); err != nil || len(found) != 0 {
		t.Errorf("by nothing that leads have: %v, %v", found, err)
	}
	if _, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, Columns: columns, Keys: []crm.MatchKey{key("Nowhere")}}); fault.KindOf(err) != fault.Setup {
		t.Errorf("a field that contacts do not have: %v", err)
	}
}
