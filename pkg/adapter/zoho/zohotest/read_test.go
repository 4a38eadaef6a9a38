package zohotest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func jsonNumber(s string) json.Number { return json.Number(s) }

func TestValuesHaveTheVendorsTypes(t *testing.T) {
	g := newOrg(t, func(o *zohotest.Options) {
		o.Fields = map[string][]zohotest.Field{"Contacts": {{Name: "Interests", Type: "multiselectpicklist", Options: []string{"Wine", "Oil"}},
			{Name: "Seen_At", Type: "datetime"}, {Name: "Score", Type: "double"}}}
	})
	company := g.create(crm.Companies, "Account_Name", "ACME", "Employees", "12", "Annual_Revenue", "1500.50")
	id := g.create(crm.Contacts, "Last_Name", "Rossi", "First_Name", "Anna", "Account_Name", company, "Interests", "Wine;Oil",
		"Seen_At", "2026-11-21T08:00:00Z", "Score", "0.1", "Owner", "integration@example.com")
	a := g.call("GET", "/Contacts/"+id+"?fields=Full_Name,Account_Name,Interests,Seen_At,Score,Owner,Email,Email_Opt_Out,Modified_Time,No_Such_Field", "")
	want := `{"Account_Name":{"id":"` + company + `","name":"ACME"},"Email":null,"Email_Opt_Out":false,"Full_Name":"Anna Rossi",` +
		`"Interests":["Wine","Oil"],"Modified_Time":"2026-11-21T10:00:00+01:00","Owner":{"email":"integration@example.com","id":"4876876000000225013","name":"Integration"},` +
		`"Score":0.1,"Seen_At":"2026-11-21T09:00:00+01:00","id":"` + id + `"}`
	expect(t, "record", jsonText(a.at("data.0")), want)
	b := g.call("GET", "/Accounts?ids="+company+"&fields=Employees,Annual_Revenue", "")
	expect(t, "account", jsonText(b.at("data.0")), `{"Annual_Revenue":1500.5,"Employees":12,"id":"`+company+`"}`)
}

func TestRecordsByIdLeaveOutWhatIsGone(t *testing.T) {
	g := newOrg(t)
	one, two := g.create(crm.Contacts, "Last_Name", "A"), g.create(crm.Contacts, "Last_Name", "B")
	if err := g.Delete(crm.Contacts, one); err != nil {
		t.Fatal(err)
	}
	a := g.call("GET", "/Contacts?ids="+one+","+two+"&fields=Last_Name", "")
	expect(t, "count", a.at("info.count"), any(jsonNumber("1")))
	expect(t, "id", a.str("data.0.id"), two)
	expect(t, "all gone", g.call("GET", "/Contacts?ids="+one+"&fields=Last_Name", "").status, http.StatusNoContent)
	expect(t, "one", g.call("GET", "/Contacts/"+one, "").status, http.StatusNoContent)
	expect(t, "no fields", g.call("GET", "/Contacts?ids="+two, "").str("code"), "REQUIRED_PARAM_MISSING")
	expect(t, "51 fields", g.call("GET", "/Contacts?ids="+two+"&fields="+strings.Repeat("Email,", 50)+"Email", "").str("code"), "LIMIT_EXCEEDED")
	expect(t, "101 ids", g.call("GET", "/Contacts?fields=Email&ids="+strings.Repeat("1,", 100)+"1", "").str("code"), "LIMIT_EXCEEDED")
	expect(t, "no module", g.call("GET", "/Contatti?fields=Email", "").str("code"), "INVALID_MODULE")
	expect(t, "no path", g.call("GET", "/Contacts/1/2/3", "").status, http.StatusNotFound)
	expect(t, "no method", g.call("PATCH", "/Contacts", "").str("code"), "INVALID_REQUEST_METHOD")
	for _, status := range []int{http.StatusNotFound, http.StatusBadRequest} {
		g := newOrg(t, func(o *zohotest.Options) { o.Missing = status })
		expect(t, "missing", g.call("GET", "/Contacts/4876876000000999999", "").status, status)
	}
}

func TestTheListPagesAndKnowsWhatIsNew(t *testing.T) {
	g := newOrg(t)
	for i := range 5 {
		g.create(crm.Contacts, "Last_Name", fmt.Sprint("R", i))
		g.wait(time.Second)
	}
	since := "If-Modified-Since: 2026-11-21T10:00:02+01:00"
	a := g.call("GET", "/Contacts?fields=Last_Name&sort_by=Modified_Time&sort_order=asc&per_page=1", "", since)
	expect(t, "first", a.str("data.0.Last_Name"), "R3")
	next := a.str("info.next_page_token")
	a = g.call("GET", "/Contacts?fields=Last_Name&sort_by=Modified_Time&sort_order=asc&per_page=1&page_token="+next, "", since)
	expect(t, "second", a.str("data.0.Last_Name"), "R4")
	expect(t, "no more", a.at("info.more_records"), any(false))
	expect(t, "another question", g.call("GET", "/Contacts?fields=Email&per_page=1&page_token="+next, "").str("code"), "TOKEN_BOUND_DATA_MISMATCH")
	expect(t, "far page", g.call("GET", "/Contacts?fields=Email&page=11", "").str("code"), "DISCRETE_PAGINATION_LIMIT_EXCEEDED")
	g.wait(24 * time.Hour)
	g.token = g.NewToken()
	expect(t, "old token", g.call("GET", "/Contacts?fields=Last_Name&sort_by=Modified_Time&sort_order=asc&per_page=1&page_token="+next, "").str("code"), "EXPIRED_VALUE")
	expect(t, "nothing new", g.call("GET", "/Contacts?fields=Email", "", "If-Modified-Since: 2026-11-22T10:00:00+01:00").status, http.StatusNotModified)
	expect(t, "none", g.call("GET", "/Accounts?fields=Phone", "").status, http.StatusNoContent)
}

// searching has the scope of the search too, which the connector does not ask for: it looks for records by COQL.
func searching(o *zohotest.Options) {
	o.Scopes = zohotest.DefaultScopes + ",ZohoSearch.securesearch.READ"
}

func TestSearchLagsAndCOQLDoesNot(t *testing.T) {
	g := newOrg(t, searching, func(o *zohotest.Options) { o.SearchLag = 10 * time.Second })
	id := g.create(crm.Contacts, "Last_Name", "Rossi (B)", "Secondary_Email", "r@example.com")
	expect(t, "at once", g.call("GET", "/Contacts/search?email=r@example.com", "").status, http.StatusNoContent)
	q := `{"select_query":"select id from Contacts where Secondary_Email = 'r@example.com'"}`
	expect(t, "coql", g.call("POST", "/coql", q).str("data.0.id"), id)
	g.wait(10 * time.Second)
	expect(t, "later", g.call("GET", "/Contacts/search?email=R@example.com", "").str("data.0.id"), id)
	criteria := "/Contacts/search?criteria=((Last_Name:equals:rossi%20%5C(B%5C))and(Secondary_Email:starts_with:r))"
	expect(t, "criteria", g.call("GET", criteria, "").str("data.0.id"), id)
	expect(t, "equals contains", g.call("GET", "/Contacts/search?criteria=(Last_Name:equals:ross)", "").str("data.0.id"), id)
	expect(t, "bad criteria", g.call("GET", "/Contacts/search?criteria=(Nobody:equals:ross)", "").str("code"), "INVALID_QUERY")
	expect(t, "nothing asked", g.call("GET", "/Contacts/search", "").str("code"), "REQUIRED_PARAM_MISSING")
}

func TestTheTimelineSaysWhoChangedWhatAndWhen(t *testing.T) {
	g := newOrg(t, func(o *zohotest.Options) { o.TimelineLag = time.Second })
	company := g.create(crm.Companies, "Account_Name", "ACME")
	id := g.create(crm.Contacts, "Last_Name", "Rossi")
	g.wait(time.Minute)
	g.edit(crm.Contacts, id, "Phone", "1", "Account_Name", company)
	g.wait(time.Minute)
	g.call("PUT", "/Contacts/"+id, `{"data":[{"Phone":null}],"trigger":[]}`)
	expect(t, "not yet", len(asList(g.call("GET", "/Contacts/"+id+"/__timeline", "").at("__timeline"))), 2)
	g.wait(time.Second)
	a := g.call("GET", "/Contacts/"+id+"/__timeline?per_page=2", "")
	expect(t, "newest", a.str("__timeline.0.source"), "crm_api")
	expect(t, "by", a.str("__timeline.0.done_by.id"), "4876876000000225013")
	expect(t, "when", a.str("__timeline.0.audited_time"), "2026-11-21T10:02:00+01:00")
	expect(t, "field", jsonText(a.at("__timeline.0.field_history.0._value")), `{"new":null,"old":"1"}`)
	expect(t, "by a person", a.str("__timeline.1.source"), "crm_ui")
	expect(t, "a company's name", jsonText(a.at("__timeline.1.field_history.0._value")), `{"new":"ACME","old":null}`)
	b := g.call("GET", "/Contacts/"+id+"/__timeline?page_token="+a.str("info.next_page_token"), "")
	expect(t, "next page", b.str("__timeline.0.action"), "added")
	both := g.call("GET", "/Contacts/"+id+"/__timeline?per_page=2&page_token="+a.str("info.next_page_token"), "")
	expect(t, "both", both.str("code"), "AMBIGUITY_DURING_PROCESSING")
	c := g.call("GET", "/Contacts/"+id+"/__timeline?sort_order=asc", "")
	expect(t, "creation", c.str("__timeline.0.action"), "added")
	expect(t, "no history", c.at("__timeline.0.field_history"), nil)
	expect(t, "gone", g.call("GET", "/Contacts/1/__timeline", "").str("message"), "the related id given seems to be invalid")
}

func asList(v any) []any { l, _ := v.([]any); return l }

func TestTheDeletedListHoldsGraves(t *testing.T) {
	g := newOrg(t)
	one, two, three := g.create(crm.Contacts, "Last_Name", "A"), g.create(crm.Contacts, "Last_Name", "B", "Email", "b@example.com"), g.create(crm.Contacts, "Last_Name", "C")
	expect(t, "none", g.call("GET", "/Contacts/deleted", "").status, http.StatusNoContent)
	if err := g.Delete(crm.Contacts, one); err != nil {
		t.Fatal(err)
	}
	g.wait(time.Minute)
	a := g.call("POST", "/Contacts/"+three+"/actions/merge", `{"merge":[{"data":[{"id":"`+two+`"}]}]}`)
	expect(t, "merge", a.str("merge.0.code"), "SUCCESS")
	props, _ := g.Props(crm.Contacts, three)
	expect(t, "what the master lacked", props["Email"], "b@example.com")
	a = g.call("GET", "/Contacts/deleted?type=all", "")
	expect(t, "newest", a.str("data.0.id")+a.str("data.0.type"), two+"permanent")
	expect(t, "older", a.str("data.1.id")+a.str("data.1.type"), one+"recycle")
	a = g.call("GET", "/Contacts/deleted", "", "If-Modified-Since: 2026-11-21T10:00:30+01:00")
	expect(t, "since", len(asList(a.at("data"))), 1)
	expect(t, "three children", g.call("POST", "/Contacts/"+three+"/actions/merge", `{"merge":[{"data":[{"id":"1"},{"id":"2"},{"id":"3"}]}]}`).str("merge.0.message"), " More than 2 child record ids cannot be merged.")
	if err := g.Restore(crm.Contacts, one); err != nil {
		t.Fatal(err)
	}
	expect(t, "restored", len(g.IDs(crm.Contacts)), 2)
}

func TestAnExternalIdIsAddressedByHeader(t *testing.T) {
	g := newOrg(t)
	id := g.create(crm.Contacts, "Last_Name", "A", "HubSpot_Id", "51")
	a := g.call("GET", "/Contacts/51?fields=Last_Name", "", "X-EXTERNAL: Contacts.HubSpot_Id")
	expect(t, "id", a.str("data.0.id"), id)
	expect(t, "unknown", g.call("GET", "/Contacts/52", "", "X-EXTERNAL: Contacts.HubSpot_Id").status, http.StatusNoContent)
	expect(t, "write", g.call("PUT", "/Contacts/51", `{"data":[{"Phone":"1"}]}`, "X-EXTERNAL: Contacts.HubSpot_Id").status, http.StatusOK)
}

func TestTheOrgDescribesItself(t *testing.T) {
	g := newOrg(t, func(o *zohotest.Options) {
		o.NoHubSpotID = true
		o.Users = []zohotest.User{{ID: "4876876000000225033", Name: "Old Boy", Email: "old@example.com", Inactive: true}}
	})
	expect(t, "us", g.call("GET", "/users?type=CurrentUser", "").str("users.0.email"), "integration@example.com")
	expect(t, "active", len(asList(g.call("GET", "/users?type=ActiveUsers", "").at("users"))), 2)
	expect(t, "org", g.call("GET", "/org", "").str("org.0.domain_name"), "org808232144")
	if text := g.call("GET", "/settings/fields?module=Contacts", "").text; strings.Contains(text, "HubSpot_Id") {
		t.Error("the custom field is there before setup")
	}
	body := `{"fields":[{"field_label":"HubSpot Id","data_type":"text","length":50,"unique":{"case_sensitive":false},"external":{"type":"org","show":false}}]}`
	expect(t, "created", g.call("POST", "/settings/fields?module=Contacts", body).status, http.StatusCreated)
	expect(t, "twice", g.call("POST", "/settings/fields?module=Contacts", body).str("fields.0.code"), "DUPLICATE_DATA")
	expect(t, "usable", g.call("POST", "/Contacts", `{"data":[{"Last_Name":"R","HubSpot_Id":"1"},{"Last_Name":"R","HubSpot_Id":"1"}]}`).status, http.StatusMultiStatus)
	expect(t, "another org", newOrg(t, func(o *zohotest.Options) { o.NoHubSpotID = true }).call("POST", "/Contacts", `{"data":[{"Last_Name":"R","HubSpot_Id":"1"}]}`).status, http.StatusBadRequest)
}

func TestReadsCutFormattedTextAndOneTellsItInFull(t *testing.T) {
	g := newOrg(t, searching, func(o *zohotest.Options) {
		o.Fields = map[string][]zohotest.Field{"Contacts": {{Name: "Bio", Type: "textarea", Rich: true}}}
	})
	whole := strings.Repeat("à", 700)
	id := g.create(crm.Contacts, "Last_Name", "Rossi", "Bio", whole, "Description", whole)
	cut := strings.Repeat("à", 500)
	for _, path := range []string{"/Contacts?ids=" + id + "&fields=Bio,Description", "/Contacts?fields=Bio,Description", "/Contacts/" + id, "/Contacts/search?criteria=(Last_Name:equals:Rossi)&fields=Bio,Description"} {
		a := g.call("GET", path, "")
		expect(t, path+" formatted", a.str("data.0.Bio"), cut)
		expect(t, path+" plain", a.str("data.0.Description"), whole)
	}
	expect(t, "COQL", g.call("POST", "/coql", `{"select_query":"select Bio from Contacts where Last_Name = 'Rossi'"}`).str("data.0.Bio"), cut)
	full := g.call("GET", "/Contacts/"+id+"/actions/fetch_full_data", "")
	expect(t, "in full", full.str("data.0.Bio"), whole)
	expect(t, "nothing else", full.at("data.0.Description"), nil)
	expect(t, "nobody", g.call("GET", "/Contacts/1/actions/fetch_full_data", "").status, http.StatusNoContent)
}
