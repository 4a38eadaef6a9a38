package zohotest_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

// mismatch is the recorded answer to a call outside the scopes of a token.
func mismatch(t *testing.T) string {
	t.Helper()
	body, err := os.ReadFile("../testdata/any.401.scope.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(body[:len(body)-1]) // without the end of the line
}

func TestACallNeedsTheScopesOfItsModuleAndOfItsAPI(t *testing.T) {
	query := func(module string) string {
		return `{"select_query":"select id from ` + module + ` where id is not null"}`
	}
	for _, tt := range []struct{ scopes, method, path, body string }{
		{"ZohoCRM.modules.contacts.READ", "GET", "/Contacts?fields=id", ""},
		{"ZohoCRM.modules.contacts.ALL", "GET", "/Contacts/deleted", ""},
		{"ZohoCRM.modules.contacts.CREATE", "POST", "/Contacts", `{"data":[{"Last_Name":"Rossi"}]}`},
		{"ZohoCRM.modules.contacts.WRITE", "PUT", "/Contacts/1", `{"data":[{"Phone":"1"}]}`},
		{"ZohoCRM.modules.contacts.DELETE", "DELETE", "/Contacts/1", ""},
		{"ZohoCRM.modules.contacts.ALL", "GET", "/Contacts/1/__timeline", ""},
		{"ZohoCRM.modules.contacts.READ,ZohoSearch.securesearch.READ", "GET", "/Contacts/search?email=a@example.com", ""},
		{"ZohoCRM.modules.accounts.READ,ZohoCRM.coql.READ", "POST", "/coql", query("Accounts")},
		{"ZohoCRM.modules.READ,ZohoCRM.modules.notes.CREATE", "POST", "/Contacts/1/Notes", `{"data":[{"Note_Content":"x"}]}`},
		{"ZohoCRM.modules.tasks.CREATE", "POST", "/Tasks", `{"data":[{"Subject":"x"}]}`},
		{"ZohoCRM.settings.fields.READ", "GET", "/settings/fields?module=Contacts", ""},
		{"ZohoCRM.settings.ALL", "POST", "/settings/fields?module=Contacts", `{"fields":[{"field_label":"X","data_type":"text"}]}`},
		{"ZohoCRM.settings.modules.READ", "GET", "/settings/modules", ""},
		{"ZohoCRM.org.READ", "GET", "/org", ""},
		{"ZohoCRM.users.READ", "GET", "/users?type=CurrentUser", ""},
		{"ZohoCRM.notifications.READ", "GET", "/actions/watch", ""},
	} {
		with := newOrg(t, func(o *zohotest.Options) { o.Scopes = tt.scopes })
		if a := with.call(tt.method, tt.path, tt.body); a.status == http.StatusUnauthorized {
			t.Errorf("%s %s with %s: %s", tt.method, tt.path, tt.scopes, a.text)
		}
		for _, other := range []string{"ZohoCRM.bulk.ALL", "ZohoCRM.modules.leads.ALL,ZohoCRM.coql.READ,ZohoSearch.securesearch.READ,ZohoCRM.settings.layouts.ALL"} {
			without := newOrg(t, func(o *zohotest.Options) { o.Scopes = other })
			if a := without.call(tt.method, tt.path, tt.body); a.status != http.StatusUnauthorized || a.text != mismatch(t) {
				t.Errorf("%s %s with %s: %d %s", tt.method, tt.path, other, a.status, a.text)
			}
		}
	}
}

func TestReadingIsNotWriting(t *testing.T) {
	g := newOrg(t) // what the connector asks for
	lead := g.create(crm.Leads, "Last_Name", "Neri")
	expect(t, "a lead is read", g.call("GET", "/Leads/"+lead, "").status, http.StatusOK)
	expect(t, "a lead is written", g.call("PUT", "/Leads/"+lead, `{"data":[{"Phone":"1"}]}`).text, mismatch(t))
	expect(t, "by a person", g.call("PUT", "/Leads/"+lead, `{"data":[{"Phone":"1"}]}`, "Authorization: Zoho-oauthtoken "+zohotest.DefaultUserToken).status, http.StatusOK)
}

func TestCOQLMayTellCapitalsFromSmallLetters(t *testing.T) {
	for sensitive, want := range map[bool]int{false: http.StatusOK, true: http.StatusNoContent} {
		g := newOrg(t, func(o *zohotest.Options) { o.CaseSensitive = sensitive })
		g.create(crm.Contacts, "Last_Name", "Rossi", "Email", "Case.One@Example.COM")
		for _, where := range []string{"Email = 'case.one@example.com'", "Email in ('case.one@example.com')", "Email like 'case.one@%'"} {
			expect(t, where, g.call("POST", "/coql", `{"select_query":"select id from Contacts where `+where+`"}`).status, want)
		}
		expect(t, "as it is written", g.call("POST", "/coql", `{"select_query":"select id from Contacts where Email = 'Case.One@Example.COM'"}`).status, http.StatusOK)
	}
}

func TestTheScopesAreThoseThatSetupAsksFor(t *testing.T) {
	source, err := os.ReadFile("../../../desk/connector/setupzoho.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), `"`+zohotest.DefaultScopes+`"`) {
		t.Error("connector setup zoho asks for other scopes than the sandbox's tokens have")
	}
}
