package hubspottest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
)

func TestAReadShowsWhatIsDefinedAndSaysNothingOfTheRest(t *testing.T) {
	d := open(t, hubspottest.Options{})
	id := d.create(crm.Contacts, "email", "Anna@Example.com", "firstname", "Anna")
	r := d.app("GET", contacts+"/"+id+"?properties=email,phone,nope&properties=city", "")
	expect(t, "answer", r.text, `{"id":"`+id+`","properties":{"city":null,"createdate":"2026-11-21T10:00:00.123Z","email":"anna@example.com","hs_object_id":"`+id+
		`","lastmodifieddate":"2026-11-21T10:00:00.123Z","phone":null},"createdAt":"2026-11-21T10:00:00.123Z","updatedAt":"2026-11-21T10:00:00.123Z","archived":false,"url":"https://app.hubspot.com/contacts/62515/record/0-1/`+id+`"}`)
	expect(t, "by type id", d.app("GET", "/crm/objects/2026-09/0-1/"+id, "").at("properties.firstname"), any("Anna"))
	expect(t, "by address", d.app("GET", contacts+"/ANNA%40example.com?idProperty=email", "").at("id"), any(id))
}

func TestAPropertyWithoutADefinitionDisappears(t *testing.T) {
	d := open(t, hubspottest.Options{})
	id := d.create(crm.Contacts, "email", "anna@example.com", "city", "Roma")
	d.must(d.DropProperty(crm.Contacts, "city"))
	r := d.app("GET", contacts+"/"+id+"?properties=city&propertiesWithHistory=city", "")
	if strings.Contains(r.text, "city") {
		t.Errorf("answer shows it: %s", r.text)
	}
	expect(t, "write", d.app("PATCH", contacts+"/"+id, write("city", "Milano")).at("errors.0.code"), any("PROPERTY_DOESNT_EXIST"))
	expect(t, "definition", d.app("GET", "/crm/properties/2026-09/contacts/city", "").status, 404)
	d.RestoreProperty(crm.Contacts, "city")
	expect(t, "value", d.app("GET", contacts+"/"+id+"?properties=city", "").at("properties.city"), any("Roma"))
}

func TestHistoryTellsWhoWroteWhatAndWhenNewestFirst(t *testing.T) {
	d := open(t, hubspottest.Options{AppID: "77"})
	id := d.create(crm.Contacts, "email", "anna@example.com", "city", "Roma")
	d.pass(time.Second)
	d.app("PATCH", contacts+"/"+id, write("city", "Milano"))
	d.pass(time.Second)
	d.app("PATCH", contacts+"/"+id, write("city", "Milano"))
	d.user("PATCH", contacts+"/"+id, `{"properties":{"city":null}}`)
	r := d.app("GET", contacts+"/"+id+"?properties=email&propertiesWithHistory=city,phone", "")
	for path, want := range map[string]any{
		"propertiesWithHistory.city.0.value":           "",
		"propertiesWithHistory.city.0.sourceType":      "CRM_UI",
		"propertiesWithHistory.city.0.sourceId":        "userId:52530071",
		"propertiesWithHistory.city.0.updatedByUserId": 52530071.0,
		"propertiesWithHistory.city.1.value":           "Milano",
		"propertiesWithHistory.city.1.timestamp":       "2026-11-21T10:00:01.123Z",
		"propertiesWithHistory.city.1.sourceType":      "INTEGRATION",
		"propertiesWithHistory.city.1.sourceId":        "77",
		"propertiesWithHistory.city.2.value":           "Roma",
		"propertiesWithHistory.city.3":                 nil,
		"properties.city":                              nil,
		"updatedAt":                                    "2026-11-21T10:00:02.123Z",
	} {
		expect(t, path, r.at(path), want)
	}
}

func TestValuesAreStoredInTheVendorsForm(t *testing.T) {
	extra := map[crm.Module][]hubspottest.Property{crm.Contacts: {
		{Name: "birthday", Type: "date"}, {Name: "seen", Type: "datetime"},
	}}
	tests := []struct{ name, property, sent, stored string }{
		{"address", "email", "Anna.ROSSI@Example.COM", "anna.rossi@example.com"},
		{"day", "birthday", "2026-11-21", "2026-11-21"},
		{"day in milliseconds", "birthday", "1795219200000", "2026-11-21"},
		{"instant", "seen", "2026-11-21T10:00:00+02:00", "2026-11-21T08:00:00Z"},
		{"instant in milliseconds", "seen", "1795219200250", "2026-11-21T00:00:00.250Z"},
		{"several options", "hs_buying_role", "CHAMPION;END_USER", "CHAMPION;END_USER"},
		{"quotes and lines", "message", "a \"b\"\n\\c\u00e0", "a \"b\"\n\\c\u00e0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := open(t, hubspottest.Options{Properties: extra})
			r := d.app("POST", contacts, write("lastname", "Rossi", tt.property, tt.sent))
			expect(t, "status", r.status, 201)
			expect(t, "answered", r.at("properties."+tt.property), any(tt.stored))
		})
	}
}

func TestADayThatIsAnInstantIsNormalisedWithAWarning(t *testing.T) {
	d := open(t, hubspottest.Options{Properties: map[crm.Module][]hubspottest.Property{crm.Contacts: {{Name: "birthday", Type: "date"}}}})
	r := d.app("POST", contacts, write("lastname", "Rossi", "birthday", "2026-11-21T10:00:00Z"))
	expect(t, "category", r.at("warnings.0.category"), any("PROPERTY_VALUE_NORMALIZED"))
	expect(t, "stored", r.at("warnings.0.context.normalizedValue"), any("2026-11-21"))
}

func TestASemicolonInFrontAddsToSeveralOptions(t *testing.T) {
	d := open(t, hubspottest.Options{})
	id := d.create(crm.Contacts, "lastname", "Rossi", "hs_buying_role", "CHAMPION")
	d.app("PATCH", contacts+"/"+id, write("hs_buying_role", ";END_USER"))
	expect(t, "roles", d.prop(crm.Contacts, id, "hs_buying_role"), "CHAMPION;END_USER")
}

func TestIdsGrowAndSayNothingOfTheKind(t *testing.T) {
	d := open(t, hubspottest.Options{})
	a, b := d.create(crm.Contacts, "lastname", "A"), d.create(crm.Contacts, "lastname", "B")
	if a >= b || len(a) < 13 {
		t.Errorf("ids %s, %s", a, b)
	}
	expect(t, "first company", d.create(crm.Companies, "name", "C"), a)
}

func TestAnArchivedRecordIsReadOnlyWhenAskedForAndARestoreBringsItBack(t *testing.T) {
	d := open(t, hubspottest.Options{})
	id := d.create(crm.Contacts, "email", "anna@example.com")
	expect(t, "delete", d.app("DELETE", contacts+"/"+id, "").status, 204)
	expect(t, "again", d.app("DELETE", contacts+"/"+id, "").status, 204)
	expect(t, "read", d.app("GET", contacts+"/"+id, "").status, 404)
	expect(t, "write", d.app("PATCH", contacts+"/"+id, write("city", "Roma")).status, 404)
	r := d.app("GET", contacts+"/"+id+"?archived=true", "")
	expect(t, "archived", r.at("archived"), any(true))
	expect(t, "since", r.at("archivedAt"), any("2026-11-21T10:00:00.123Z"))
	d.must(d.Restore(crm.Contacts, id))
	expect(t, "read", d.app("GET", contacts+"/"+id, "").status, 200)
}

func TestAnErasedContactIsGoneForGood(t *testing.T) {
	d := open(t, hubspottest.Options{})
	id := d.create(crm.Contacts, "email", "anna@example.com")
	r := d.app("POST", contacts+"/gdpr-delete", `{"objectId":"anna@example.com","idProperty":"email"}`)
	expect(t, "status", r.status, 204)
	expect(t, "read", d.app("GET", contacts+"/"+id, "").status, 404)
	expect(t, "archived", d.app("GET", contacts+"/"+id+"?archived=true", "").status, 404)
	if err := d.Restore(crm.Contacts, id); err == nil {
		t.Error("it was restored")
	}
}

func TestAMergeMakesAThirdRecordToWhichTheOldIdsLead(t *testing.T) {
	d := open(t, hubspottest.Options{})
	acme := d.create(crm.Companies, "name", "Acme")
	a := d.create(crm.Contacts, "email", "a@example.com", "city", "Roma", "lifecyclestage", "lead")
	b := d.create(crm.Contacts, "email", "b@example.com", "city", "Milano", "phone", "02", "lifecyclestage", "customer")
	d.must(d.SetCompany(b, acme))
	d.pass(time.Second)
	r := d.app("POST", contacts+"/merge", `{"primaryObjectId":"`+a+`","objectIdToMerge":"`+b+`"}`)
	expect(t, "status", r.status, 200)
	c, _ := r.at("id").(string)
	if c == a || c == b {
		t.Fatalf("survivor %s of %s, %s", c, a, b)
	}
	for name, want := range map[string]string{"email": "a@example.com", "hs_additional_emails": "b@example.com", "city": "Roma", "phone": "02",
		"lifecyclestage": "customer", "hs_merged_object_ids": a + ";" + b, "hs_object_id": c, "associatedcompanyid": acme} {
		expect(t, name, d.prop(crm.Contacts, c, name), want)
	}
	for _, old := range []string{a, b} {
		expect(t, "read", d.app("GET", contacts+"/"+old, "").at("id"), any(c))
		expect(t, "write", d.app("PATCH", contacts+"/"+old, write("city", old)).status, 200)
		expect(t, "city", d.prop(crm.Contacts, c, "city"), old)
		r := d.app("POST", contacts+"/batch/update", `{"inputs":[{"id":"`+old+`","properties":{"city":"X"}}]}`)
		expect(t, "batch", r.text[:34], `{"status":"COMPLETE","results":[],`)
		expect(t, "city", d.prop(crm.Contacts, c, "city"), old)
	}
	expect(t, "living", len(d.IDs(crm.Contacts)), 1)
	expect(t, "by the second address", d.app("GET", contacts+"/b%40example.com?idProperty=email", "").at("id"), any(c))
}

func TestAMergeKeepsThePrimaryWhereTheAccountIsInTheBeta(t *testing.T) {
	d := open(t, hubspottest.Options{KeepPrimary: true, BatchForgetsMerges: true})
	a, b := d.create(crm.Contacts, "lastname", "A"), d.create(crm.Contacts, "lastname", "B")
	c := d.create(crm.Contacts, "lastname", "C")
	survivor, err := d.Merge(crm.Contacts, a, b, c)
	d.must(err)
	expect(t, "survivor", survivor, a)
	expect(t, "merged", d.prop(crm.Contacts, a, "hs_merged_object_ids"), b+";"+c)
	r := d.app("POST", contacts+"/batch/read", `{"properties":[],"propertiesWithHistory":[],"inputs":[{"id":"`+b+`"}]}`)
	expect(t, "forgotten", r.at("errors.0.context.ids.0"), any(b))
}

func TestMergedCompaniesTakeTheirContactsAlong(t *testing.T) {
	d := open(t, hubspottest.Options{})
	a, b := d.create(crm.Companies, "domain", "a.example.com"), d.create(crm.Companies, "domain", "b.example.com")
	x, y := d.create(crm.Contacts, "lastname", "X"), d.create(crm.Contacts, "lastname", "Y")
	d.must(d.SetCompany(x, a))
	d.must(d.SetCompany(y, b))
	c, err := d.Merge(crm.Companies, a, b)
	d.must(err)
	expect(t, "of the primary", d.prop(crm.Contacts, x, "associatedcompanyid"), c)
	expect(t, "of the other", d.prop(crm.Contacts, y, "associatedcompanyid"), c)
	expect(t, "domains", d.prop(crm.Companies, c, "hs_additional_domains"), "b.example.com")
}

func TestThePrimaryCompanyIsAPropertyWithHistory(t *testing.T) {
	d := open(t, hubspottest.Options{})
	anna := d.create(crm.Contacts, "lastname", "Rossi")
	acme, beta := d.create(crm.Companies, "name", "Acme"), d.create(crm.Companies, "name", "Beta")
	base := contacts + "/" + anna + "/associations/companies/"
	expect(t, "put", d.app("PUT", base+acme, `[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":1}]`).status, 201)
	d.pass(time.Second)
	expect(t, "plain", d.app("PUT", base+beta, `[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":279}]`).status, 201)
	expect(t, "still", d.prop(crm.Contacts, anna, "associatedcompanyid"), acme)
	expect(t, "default", d.app("PUT", contacts+"/"+anna+"/associations/default/companies/"+beta, "").status, 200)
	d.app("PUT", base+beta, `[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":1}]`)
	r := d.app("GET", contacts+"/"+anna+"?properties=associatedcompanyid&propertiesWithHistory=associatedcompanyid&associations=companies", "")
	expect(t, "now", r.at("properties.associatedcompanyid"), any(beta))
	expect(t, "newest", r.at("propertiesWithHistory.associatedcompanyid.0.value"), any(beta))
	expect(t, "older", r.at("propertiesWithHistory.associatedcompanyid.1.value"), any(acme))
	expect(t, "listed", r.at("associations.companies.results.0.id"), any(acme))
	list := d.app("GET", contacts+"/"+anna+"/associations/companies", "")
	expect(t, "primary label", list.at("results.1.associationTypes.0.label"), any("Primary"))
	expect(t, "delete", d.app("DELETE", base+beta, "").status, 204)
	expect(t, "none", d.prop(crm.Contacts, anna, "associatedcompanyid"), "")
	batch := d.app("POST", "/crm/associations/2026-09/contacts/companies/batch/read", `{"inputs":[{"id":"`+anna+`"},{"id":"1"}]}`)
	expect(t, "multi-status", batch.status, 207)
	expect(t, "found", batch.at("results.0.from.id"), any(anna))
	expect(t, "none", batch.at("errors.0.subCategory"), any("crm.associations.NO_ASSOCIATIONS_FOUND"))
	d.must(d.SetCompany(anna, acme))
	d.must(d.Delete(crm.Companies, acme))
	expect(t, "company gone", d.prop(crm.Contacts, anna, "associatedcompanyid"), "")
}

func TestABatchAnswersById(t *testing.T) {
	d := open(t, hubspottest.Options{})
	a, b := d.create(crm.Contacts, "email", "a@example.com"), d.create(crm.Contacts, "email", "b@example.com")
	r := d.app("POST", contacts+"/batch/read", `{"properties":["email"],"propertiesWithHistory":["email"],"inputs":[{"id":"`+b+`"},{"id":"1"},{"id":"`+a+`"},{"id":"`+a+`"}]}`)
	expect(t, "status", r.status, 207)
	expect(t, "first", r.at("results.0.id"), any(a))
	expect(t, "second", r.at("results.1.id"), any(b))
	expect(t, "third", r.at("results.2"), nil)
	expect(t, "missing", r.at("errors.0.context.ids.0"), any("1"))
	expect(t, "history", r.at("results.0.propertiesWithHistory.email.0.value"), any("a@example.com"))
	r = d.app("POST", contacts+"/batch/read", `{"idProperty":"email","properties":[],"propertiesWithHistory":[],"inputs":[{"id":"A@example.com"}]}`)
	expect(t, "by address", r.at("results.0.id"), any(a))
}

func TestABatchWithoutTraceIdsIsAllOrNothing(t *testing.T) {
	d := open(t, hubspottest.Options{})
	a := d.create(crm.Contacts, "email", "a@example.com")
	good, bad := `{"properties":{"email":"c@example.com"},"associations":[]`, `{"properties":{"email":"a@example.com"},"associations":[]`
	r := d.app("POST", contacts+"/batch/create", `{"inputs":[`+good+`},`+bad+`}]}`)
	expect(t, "status", r.status, 409)
	expect(t, "written", len(d.IDs(crm.Contacts)), 1)
	r = d.app("POST", contacts+"/batch/create", `{"inputs":[`+bad+`},`+bad+`}]}`)
	expect(t, "several clashes name no id", r.at("message"), any("Contact already exists"))
	r = d.app("POST", contacts+"/batch/create", `{"inputs":[`+good+`,"objectWriteTraceId":"0"},`+bad+`,"objectWriteTraceId":"1"}]}`)
	expect(t, "status", r.status, 207)
	expect(t, "written", r.at("results.0.objectWriteTraceId"), any("0"))
	expect(t, "refused", r.at("errors.0.context.objectWriteTraceId.0"), any("1"))
	expect(t, "existing", r.at("errors.0.context.existingId.0"), any(a))
	r = d.app("POST", contacts+"/batch/update", `{"inputs":[{"id":"`+a+`","properties":{"city":"Roma"}},{"id":"1","properties":{"city":"Roma"}}]}`)
	expect(t, "update", r.status, 207)
	expect(t, "city", d.prop(crm.Contacts, a, "city"), "Roma")
	r = d.app("POST", contacts+"/batch/update", `{"inputs":[{"id":"`+a+`","properties":{"city":"Bari"}},{"id":"`+d.IDs(crm.Contacts)[1]+`","properties":{"nope":"x"}}]}`)
	expect(t, "update", r.status, 400)
	expect(t, "city", d.prop(crm.Contacts, a, "city"), "Roma")
	expect(t, "archive", d.app("POST", contacts+"/batch/archive", `{"inputs":[{"id":"`+a+`"}]}`).status, 204)
	expect(t, "living", len(d.IDs(crm.Contacts)), 1)
}

func TestSearchLagsBehindWritesAndReadsDoNot(t *testing.T) {
	d := open(t, hubspottest.Options{SearchLag: 5 * time.Second})
	id := d.create(crm.Companies, "domain", "old.example.com")
	hits := func(domain string) any {
		return d.app("POST", companies+"/search", search("domain", "EQ", domain)).at("total")
	}
	expect(t, "too early", hits("old.example.com"), any(0.0))
	d.pass(5 * time.Second)
	expect(t, "in time", hits("OLD.example.com"), any(1.0))
	d.app("PATCH", companies+"/"+id, write("domain", "new.example.com"))
	expect(t, "read", d.app("GET", companies+"/"+id, "").at("properties.domain"), any("new.example.com"))
	d.pass(time.Second)
	expect(t, "the old value", hits("old.example.com"), any(1.0))
	expect(t, "the new value", hits("new.example.com"), any(0.0))
	d.pass(4 * time.Second)
	expect(t, "the old value", hits("old.example.com"), any(0.0))
	expect(t, "the new value", hits("new.example.com"), any(1.0))
}

func TestSearchPagesByLastModified(t *testing.T) {
	d := open(t, hubspottest.Options{})
	start := d.time
	var ids []string
	for range 3 {
		d.pass(time.Second)
		ids = append(ids, d.create(crm.Contacts, "lastname", "R"))
	}
	page := func(after string) reply {
		return d.app("POST", contacts+"/search", `{"filterGroups":[{"filters":[{"propertyName":"lastmodifieddate","operator":"GT","value":"`+
			start.Add(time.Second).Format(time.RFC3339Nano)+`"}]}],"properties":["email"],"sorts":[{"propertyName":"lastmodifieddate","direction":"DESCENDING"}],"limit":1,"after":"`+after+`"}`)
	}
	first := page("0")
	expect(t, "total", first.at("total"), any(2.0))
	expect(t, "first", first.at("results.0.id"), any(ids[2]))
	second := page(first.at("paging.next.after").(string))
	expect(t, "second", second.at("results.0.id"), any(ids[1]))
	expect(t, "end", second.at("paging"), nil)
}

func TestSearchComparesAsTheGuideSays(t *testing.T) {
	d := open(t, hubspottest.Options{})
	d.create(crm.Companies, "name", "Acme S.p.A.", "annualrevenue", "1000.5", "type", "VENDOR", "domain", "acme.example.com")
	tests := []struct {
		property, operator, value string
		want                      float64
	}{
		{"name", "EQ", "acme s.p.a.", 1}, {"name", "NEQ", "acme s.p.a.", 0}, {"annualrevenue", "GT", "1000", 1}, {"annualrevenue", "LT", "1000.4", 0},
		{"type", "EQ", "vendor", 0}, {"type", "EQ", "VENDOR", 1}, {"name", "CONTAINS_TOKEN", "acme", 1}, {"name", "CONTAINS_TOKEN", "acm", 0},
		{"name", "CONTAINS_TOKEN", "acm*", 1}, {"phone", "HAS_PROPERTY", "", 0}, {"phone", "NOT_HAS_PROPERTY", "", 1}, {"domain", "EQ", "beta.example.com", 0},
	}
	for _, tt := range tests {
		d.pass(time.Second)
		r := d.app("POST", companies+"/search", search(tt.property, tt.operator, tt.value))
		expect(t, tt.property+" "+tt.operator+" "+tt.value, r.at("total"), any(tt.want))
	}
}

func TestAListPagesInOrderOfCreation(t *testing.T) {
	d := open(t, hubspottest.Options{})
	a, b := d.create(crm.Contacts, "lastname", "A"), d.create(crm.Contacts, "lastname", "B")
	r := d.app("GET", contacts+"?limit=1", "")
	expect(t, "first", r.at("results.0.id"), any(a))
	r = d.app("GET", contacts+"?limit=1&after="+r.at("paging.next.after").(string), "")
	expect(t, "second", r.at("results.0.id"), any(b))
	expect(t, "end", r.at("paging"), nil)
}

func TestOwnersAreFoundByAddress(t *testing.T) {
	d := open(t, hubspottest.Options{})
	r := d.app("GET", "/crm/owners/2026-09?email="+url.QueryEscape("Paolo.Conti@example.com"), "")
	expect(t, "id", r.at("results.0.id"), any("41629780"))
	expect(t, "only", r.at("results.1"), nil)
	r = d.app("GET", "/crm/owners/2026-09?limit=1", "")
	expect(t, "next", d.app("GET", "/crm/owners/2026-09?limit=1&after="+r.at("paging.next.after").(string), "").at("results.0.id"), any("41629780"))
	expect(t, "one", d.app("GET", "/crm/owners/2026-09/41629779", "").at("email"), any("giulia.ferri@example.com"))
}

func TestAPersonMayBeLessExact(t *testing.T) {
	d := open(t, hubspottest.Options{})
	r := d.user("POST", companies, `{"properties":{"name":"Acme","numberofemployees":12}}`)
	expect(t, "status", r.status, 201)
	expect(t, "number", r.at("properties.numberofemployees"), any("12"))
	expect(t, "search", d.user("POST", companies+"/search", `{"query":"acm"}`).at("total"), any(1.0))
}

func TestAPropertyCanBeDefined(t *testing.T) {
	d := open(t, hubspottest.Options{})
	body := `{"name":"zoho_note","label":"Note","type":"string","fieldType":"text","groupName":"contactinformation","hasUniqueValue":true}`
	expect(t, "status", d.app("POST", "/crm/properties/2026-09/contacts", body).status, 201)
	id := d.create(crm.Contacts, "lastname", "A", "zoho_note", "n1")
	expect(t, "unique", d.app("POST", contacts, write("lastname", "B", "zoho_note", "n1")).status, 400)
	expect(t, "found", d.app("GET", contacts+"/n1?idProperty=zoho_note", "").at("id"), any(id))
	if r := d.app("GET", "/crm/properties/2026-09/contacts", ""); !strings.Contains(r.text, `"name":"zoho_note"`) {
		t.Error("not listed")
	}
}
