package zohotest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/core/crm"
)

func (g *org) coql(q string) response {
	g.t.Helper()
	return g.call("POST", "/coql", `{"select_query":`+jsonText(q)+`}`)
}

func TestQueriesFindWhatTheySay(t *testing.T) {
	g := newOrg(t)
	acme := g.create(crm.Companies, "Account_Name", "ACME", "Employees", "12")
	g.create(crm.Companies, "Account_Name", "Beta", "Employees", "9", "Website", "https://www.beta.example")
	g.create(crm.Contacts, "Last_Name", "D'Angelo", "Email", "d@example.com", "Account_Name", acme)
	g.create(crm.Contacts, "Last_Name", "Rossi", "Email", "r@example.com", "HubSpot_Id", "51", "Email_Opt_Out", "true")
	g.create(crm.Contacts, "Last_Name", "Verdi")
	for _, tt := range []struct{ where, want string }{
		{"Contacts where Last_Name = 'D''Angelo'", "D'Angelo"},
		{"Contacts where Email in ('R@EXAMPLE.COM','x@example.com') or HubSpot_Id in ('52')", "Rossi"},
		{"Contacts where ((Email = 'd@example.com' or HubSpot_Id in ('51')) and Last_Name is not null) order by Last_Name desc", "Rossi D'Angelo"},
		{"Contacts where Email is null", "Verdi"},
		{"Contacts where (Email_Opt_Out = 'true') limit 0, 200", "Rossi"},
		{"Contacts where Account_Name = " + acme, "D'Angelo"},
		{"Contacts where Modified_Time >= '2026-11-21T10:00:00+01:00' and id is not null limit 1, 1", "Rossi"},
		{"Contacts where Last_Name like '%ss%'", "Rossi"},
		{"Contacts where Last_Name not in ('Rossi', 'Verdi')", "D'Angelo"},
		{"Contacts where id != '1' limit 1 offset 2", "Verdi"},
	} {
		a := g.coql("select Last_Name, Email from " + tt.where)
		var got []string
		for _, row := range asList(a.at("data")) {
			name, _ := row.(map[string]any)["Last_Name"].(string)
			got = append(got, name)
		}
		expect(t, tt.where, strings.Join(got, " "), tt.want)
	}
	expect(t, "lookup", jsonText(g.coql("select Account_Name, Account_Name.Account_Name from Contacts where Last_Name = 'D''Angelo'").at("data.0.Account_Name")), `{"id":"`+acme+`"}`)
	expect(t, "numbers", g.coql("select Account_Name from Accounts where Employees between 10 and 20").str("data.0.Account_Name"), "ACME")
	expect(t, "spellings", g.coql("select id from Accounts where Website in ('beta.example','https://www.beta.example')").status, http.StatusOK)
	expect(t, "none", g.coql("select id from Contacts where Last_Name = 'Nobody'").status, http.StatusNoContent)
	lead := g.create(crm.Leads, "Last_Name", "Neri")
	if _, _, err := g.ConvertLead(lead); err != nil {
		t.Fatal(err)
	}
	expect(t, "converted leads are hidden", g.coql("select id, Converted__s from Leads where Last_Name = 'Neri'").status, http.StatusNoContent)
	expect(t, "unless they are asked for", g.coql("select id from Leads where Converted__s = true").str("data.0.id"), lead)
	expect(t, "more", g.coql("select id from Contacts where id is not null limit 2").at("info.more_records"), any(true))
}

func TestQueriesThatZohoRefuses(t *testing.T) {
	g := newOrg(t)
	long := "'" + strings.Join(slices.Repeat([]string{"x"}, 101), "','") + "'"
	for _, tt := range []struct{ query, code string }{
		{"select id from Contacts", "SYNTAX_ERROR"},
		{"select id from Contacts where Last_Name = 'a' and Email = 'b' and Phone = 'c'", "SYNTAX_ERROR"},
		{"select id from Contacts where Last_Name = 'D'Angelo'", "SYNTAX_ERROR"},
		{"select id from Contacts where Last_Name = 'a", "SYNTAX_ERROR"},
		{"select id from Contacts where (Last_Name = 'a'", "SYNTAX_ERROR"},
		{"select id from Contacts where Last_Name = a", "SYNTAX_ERROR"},
		{"select * from Contacts where id is not null", "SYNTAX_ERROR"},
		{"select id from Contacts where Nickname = 'a'", "INVALID_QUERY"},
		{"select Nickname from Contacts where id is not null", "INVALID_QUERY"},
		{"select id from Persons where id is not null", "INVALID_QUERY"},
		{"select id from Contacts where Last_Name > 'a'", "INVALID_QUERY"},
		{"select id from Contacts where Modified_Time > '2026-11-21'", "INVALID_QUERY"},
		{"select id from Accounts where Employees = '12'", "INVALID_QUERY"},
		{"select id from Contacts where Email in (" + long + ")", "LIMIT_EXCEEDED"},
		{"select id from Contacts where id is not null limit 0, 201", "LIMIT_EXCEEDED"},
	} {
		a := g.coql(tt.query)
		expect(t, tt.query, fmt.Sprint(a.status, a.str("code")), "400"+tt.code)
	}
}

func FuzzAQueryIsAnsweredOrRefused(f *testing.F) {
	for _, q := range []string{"select id from Contacts where (a = 'x' or b in ('y','z')) and c is not null limit 1, 2", "select a.b from Leads where not in ((", "'", "limit"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		g := newOrg(t)
		if a := g.coql(q); a.status != http.StatusOK && a.status != http.StatusNoContent && a.status != http.StatusBadRequest {
			t.Errorf("status %d", a.status)
		}
	})
}
