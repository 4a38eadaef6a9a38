package zohotest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

func TestAnInsertIsRefusedTheWayZohoRefusesIt(t *testing.T) {
	long := strings.Repeat("x", 81)
	for _, tt := range []struct{ name, module, item, code, detail, want string }{
		{"no last name", "Contacts", `{"First_Name":"Anna"}`, "MANDATORY_NOT_FOUND", "api_name", "Last_Name"},
		{"an empty last name", "Contacts", `{"Last_Name":""}`, "MANDATORY_NOT_FOUND", "json_path", "$.data[0].Last_Name"},
		{"no account name", "Accounts", `{"Phone":"1"}`, "MANDATORY_NOT_FOUND", "api_name", "Account_Name"},
		{"too long", "Contacts", `{"Last_Name":"` + long + `"}`, "INVALID_DATA", "maximum_length", "80"},
		{"a number for text", "Contacts", `{"Last_Name":7}`, "INVALID_DATA", "expected_data_type", "text"},
		{"text for a boolean", "Contacts", `{"Last_Name":"R","Email_Opt_Out":"true"}`, "INVALID_DATA", "expected_data_type", "boolean"},
		{"an empty boolean", "Contacts", `{"Last_Name":"R","Email_Opt_Out":null}`, "INVALID_DATA", "expected_data_type", "boolean"},
		{"no e-mail", "Contacts", `{"Last_Name":"R","Email":"anna at example"}`, "INVALID_DATA", "expected_data_type", "email"},
		{"no phone", "Contacts", `{"Last_Name":"R","Phone":"+39/02"}`, "INVALID_DATA", "expected_data_type", "phone"},
		{"not on the list", "Contacts", `{"Last_Name":"R","Salutation":"Sir"}`, "INVALID_DATA", "api_name", "Salutation"},
		{"no date", "Contacts", `{"Last_Name":"R","Date_of_Birth":"1980-02-30"}`, "INVALID_DATA", "expected_data_type", "date"},
		{"text for a number", "Accounts", `{"Account_Name":"A","Employees":"12"}`, "INVALID_DATA", "expected_data_type", "integer"},
		{"ten digits", "Accounts", `{"Account_Name":"A","Employees":1234567890}`, "INVALID_DATA", "maximum_length", "9"},
		{"a fraction", "Accounts", `{"Account_Name":"A","Employees":1.5}`, "INVALID_DATA", "expected_data_type", "integer"},
		{"a company by name", "Contacts", `{"Last_Name":"R","Account_Name":"ACME"}`, "INVALID_DATA", "expected_data_type", "lookup"},
		{"a company that is not there", "Contacts", `{"Last_Name":"R","Account_Name":{"id":"4876876000000999999"}}`, "INVALID_DATA", "id", "4876876000000999999"},
		{"an owner that is not there", "Contacts", `{"Last_Name":"R","Owner":{"id":"1"}}`, "INVALID_DATA", "id", "1"},
		{"an unknown field", "Contacts", `{"Last_Name":"R","Nickname":"x"}`, "INVALID_DATA", "api_name", "Nickname"},
		{"a read-only field", "Contacts", `{"Last_Name":"R","Modified_Time":"2026-11-21T10:00:00+01:00"}`, "INVALID_DATA", "api_name", "Modified_Time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newOrg(t)
			a := g.call("POST", "/"+tt.module, `{"data":[`+tt.item+`],"trigger":[]}`)
			expect(t, "status", a.status, http.StatusBadRequest)
			expect(t, "code", a.str("data.0.code"), tt.code)
			expect(t, "detail", strings.Trim(jsonText(a.at("data.0.details."+tt.detail)), `"`), tt.want)
		})
	}
}

func TestAPicklistNamesWhatItTakes(t *testing.T) {
	g := newOrg(t)
	a := g.call("POST", "/Contacts", `{"data":[{"Last_Name":"R","Salutation":"Sir"}]}`)
	expect(t, "supported", a.str("data.0.details.supported_values.1"), "Mr.")
	g = newOrg(t, func(o *zohotest.Options) { o.OpenPicklists = true })
	expect(t, "open", g.call("POST", "/Contacts", `{"data":[{"Last_Name":"R","Salutation":"Sir"}]}`).status, http.StatusCreated)
}

func TestRecordsOfAWriteAreJudgedOneByOneAndInOrder(t *testing.T) {
	g := newOrg(t)
	a := g.call("POST", "/Contacts", `{"data":[{"Last_Name":"Rossi"},{"First_Name":"Anna"},{"Last_Name":"Verdi"}],"trigger":[],"skip_feature_execution":[{"name":"cadences"}]}`)
	expect(t, "status", a.status, http.StatusMultiStatus)
	for i, want := range []string{"SUCCESS", "MANDATORY_NOT_FOUND", "SUCCESS"} {
		expect(t, "code", a.str("data."+string(rune('0'+i))+".code"), want)
	}
	id := a.str("data.0.details.id")
	expect(t, "length of an id", len(id), 19)
	expect(t, "time", a.str("data.0.details.Modified_Time"), "2026-11-21T10:00:00+01:00")
	many := strings.Repeat(`{"Last_Name":"R"},`, 100) + `{"Last_Name":"R"}`
	expect(t, "101 records", g.call("POST", "/Contacts", `{"data":[`+many+`]}`).at("details.maximum_length"), any(jsonNumber("100")))
	expect(t, "none", g.call("POST", "/Contacts", `{"data":[]}`).str("code"), "MANDATORY_NOT_FOUND")
	expect(t, "unknown trigger", g.call("POST", "/Contacts", `{"data":[{"Last_Name":"R"}],"trigger":["workflows"]}`).str("code"), "INVALID_DATA")
}

func TestTheHubSpotIDIsUniqueOnInsertAndOnUpdate(t *testing.T) {
	g := newOrg(t)
	first := g.call("POST", "/Contacts", `{"data":[{"Last_Name":"R","HubSpot_Id":"51"}]}`).str("data.0.details.id")
	second := g.call("POST", "/Contacts", `{"data":[{"Last_Name":"R","Email":"a@example.com"},{"Last_Name":"R","Email":"a@example.com"}]}`)
	expect(t, "e-mail is not unique", second.status, http.StatusCreated)
	for name, a := range map[string]response{
		"insert": g.call("POST", "/Contacts", `{"data":[{"Last_Name":"S","HubSpot_Id":"51"}]}`),
		"update": g.call("PUT", "/Contacts", `{"data":[{"id":"`+second.str("data.0.details.id")+`","HubSpot_Id":"51"}]}`),
	} {
		expect(t, name+" status", a.status, http.StatusBadRequest)
		expect(t, name, a.str("data.0.code"), "DUPLICATE_DATA")
		expect(t, name+" field", a.str("data.0.details.api_name"), "HubSpot_Id")
		expect(t, name+" record", a.str("data.0.details.duplicate_record.id"), first)
		expect(t, name+" module", a.str("data.0.details.duplicate_record.module.api_name"), "Contacts")
	}
	expect(t, "its own value", g.call("PUT", "/Contacts/"+first, `{"data":[{"HubSpot_Id":"51","Phone":"1"}]}`).status, http.StatusOK)
	expect(t, "the other module", g.call("POST", "/Accounts", `{"data":[{"Account_Name":"A","HubSpot_Id":"51"}]}`).status, http.StatusCreated)
	if err := g.Delete(crm.Contacts, first); err != nil {
		t.Fatal(err)
	}
	expect(t, "free again", g.call("POST", "/Contacts", `{"data":[{"Last_Name":"S","HubSpot_Id":"51"}]}`).status, http.StatusCreated)
	if err := g.Restore(crm.Contacts, first); err == nil {
		t.Error("a record came back whose unique value was taken")
	}
}

func TestAConditionalUpdateIsRefusedInWholeSeconds(t *testing.T) {
	g := newOrg(t)
	g.wait(300 * time.Millisecond)
	id := g.create(crm.Contacts, "Last_Name", "Rossi")
	put := func(since string) response {
		return g.call("PUT", "/Contacts", `{"data":[{"id":"`+id+`","Phone":"1"}],"trigger":[]}`, "If-Unmodified-Since: "+since)
	}
	g.wait(400 * time.Millisecond)
	expect(t, "the same second", put("2026-11-21T10:00:00+01:00").status, http.StatusOK)
	g.wait(time.Second)
	g.edit(crm.Contacts, id, "Phone", "2")
	a := put("2026-11-21T10:00:00+01:00")
	expect(t, "modified since", a.status, http.StatusPreconditionFailed)
	expect(t, "code", a.str("data.0.code"), "ALREADY_MODIFIED")
	props, _ := g.Props(crm.Contacts, id)
	expect(t, "the edit stands", props["Phone"], "2")
	g = newOrg(t, func(o *zohotest.Options) { o.IgnoreCondition = true })
	id = g.create(crm.Contacts, "Last_Name", "Rossi")
	expect(t, "not heeded", put("2020-01-01T00:00:00+01:00").status, http.StatusOK)
}

func TestABlockedRecordRefusesWrites(t *testing.T) {
	g := newOrg(t, func(o *zohotest.Options) {
		o.MergeTime = time.Minute
		o.Scopes = "ZohoCRM.modules.ALL"
	})
	id, child := g.create(crm.Contacts, "Last_Name", "Rossi"), g.create(crm.Contacts, "Last_Name", "Rossi", "Email", "r@example.com")
	put := func() string {
		return g.call("PUT", "/Contacts/"+id, `{"data":[{"Phone":"1"}]}`).str("data.0.code")
	}
	for _, code := range []string{"RECORD_LOCKED", "NOT_APPROVED", "RECORD_IN_BLUEPRINT", ""} {
		if err := g.Block(crm.Contacts, id, code); err != nil {
			t.Fatal(err)
		}
		want := code
		if want == "" {
			want = "SUCCESS"
		}
		expect(t, "block", put(), want)
	}
	if _, err := g.Merge(crm.Contacts, id, child); err != nil {
		t.Fatal(err)
	}
	expect(t, "while merging", put(), "RECORD_LOCKED")
	g.wait(time.Minute)
	expect(t, "merged", put(), "SUCCESS")
	lead := g.create(crm.Leads, "Last_Name", "Neri", "Company", "ACME", "Email", "n@example.com")
	contact, account, err := g.ConvertLead(lead)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "converted", g.call("PUT", "/Leads/"+lead, `{"data":[{"Phone":"1"}]}`).str("data.0.code"), "CONVERTED_RECORD")
	props, _ := g.Props(crm.Contacts, contact)
	expect(t, "the contact's company", props["Account_Name"], account)
	expect(t, "the contact's e-mail", props["Email"], "n@example.com")
}

func TestUpdateOfARecordThatIsNotThere(t *testing.T) {
	g := newOrg(t)
	a := g.call("PUT", "/Contacts", `{"data":[{"id":"4876876000000999999","Phone":"1"}]}`)
	expect(t, "status", a.status, http.StatusBadRequest)
	expect(t, "code", a.str("data.0.code"), "INVALID_DATA")
	expect(t, "id", a.str("data.0.details.id"), "4876876000000999999")
	a = g.call("DELETE", "/Contacts?ids=4876876000000999999", "")
	expect(t, "delete", a.str("data.0.message"), "record not deleted")
}

func TestAnUpsertFindsByEmailOrByTheUniqueField(t *testing.T) {
	g := newOrg(t)
	id := g.create(crm.Contacts, "Last_Name", "Rossi", "Email", "r@example.com")
	a := g.call("POST", "/Contacts/upsert", `{"data":[{"Last_Name":"Rossi","Email":"R@example.com","HubSpot_Id":"7"},{"Last_Name":"Neri","Email":"n@example.com"}]}`)
	expect(t, "status", a.status, http.StatusOK)
	expect(t, "found", a.str("data.0.details.id"), id)
	expect(t, "by", a.str("data.0.duplicate_field"), "Email")
	expect(t, "second", a.str("data.1.action"), "insert")
	a = g.call("POST", "/Contacts/upsert", `{"data":[{"Last_Name":"Rossi","HubSpot_Id":"7"}],"duplicate_check_fields":["HubSpot_Id"]}`)
	expect(t, "by id", a.str("data.0.details.id"), id)
}

func TestTextIsTrimmedAndCutWhenTold(t *testing.T) {
	g := newOrg(t, func(o *zohotest.Options) { o.Trim, o.Cut = true, true })
	id := g.create(crm.Contacts, "Last_Name", "  Rossi ", "First_Name", strings.Repeat("è", 41))
	props, _ := g.Props(crm.Contacts, id)
	expect(t, "trimmed", props["Last_Name"], "Rossi")
	expect(t, "cut", props["First_Name"], strings.Repeat("è", 40))
}

func TestARuleRunsWhenTheTriggerLetsIt(t *testing.T) {
	rule := func(m crm.Module, id string, changed []string) map[string]any {
		return map[string]any{"Description": "seen " + strings.Join(changed, ","), "Email_Opt_Out": true}
	}
	g := newOrg(t, live, func(o *zohotest.Options) { o.Workflow = rule })
	for _, tt := range []struct{ trigger, want string }{
		{``, "seen Last_Name,Owner"}, {`,"trigger":[]`, ""}, {`,"trigger":["workflow"]`, "seen Last_Name,Owner"}, {`,"trigger":["approval"]`, ""},
	} {
		id := g.call("POST", "/Contacts", `{"data":[{"Last_Name":"R"}]`+tt.trigger+`}`).str("data.0.details.id")
		props, _ := g.Props(crm.Contacts, id)
		expect(t, "trigger "+tt.trigger, props["Description"], tt.want)
	}
	g.SetWorkflow(func(crm.Module, string, []string) map[string]any { return map[string]any{} })
	id := g.create(crm.Contacts, "Last_Name", "R")
	a := g.call("GET", "/Contacts/"+id+"/__timeline", "")
	expect(t, "touched by", a.str("__timeline.0.source"), "workflow")
	expect(t, "first", a.str("__timeline.1.action"), "added")
}
