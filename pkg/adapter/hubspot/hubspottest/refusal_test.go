package hubspottest_test

import (
	"net/http"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
)

func TestARefusalHasTheVendorsBody(t *testing.T) {
	tests := []struct {
		name, method, path, body string
		status                   int
		category, code, property string
		message                  string // contained in the message
	}{
		{"unknown property", "POST", contacts, write("email", "a@example.com", "testproperty", "x"), 400, "VALIDATION_ERROR", "PROPERTY_DOESNT_EXIST", "testproperty", `Property values were not valid: [{"isValid":false,"message":"Property \"testproperty\" does not exist"`},
		{"read-only property", "POST", contacts, write("email", "a@example.com", "hs_object_id", "5"), 400, "VALIDATION_ERROR", "READ_ONLY_VALUE", "hs_object_id", ""},
		{"option that is not offered", "POST", companies, write("name", "Acme", "type", "FRIEND"), 400, "VALIDATION_ERROR", "INVALID_OPTION", "type", "FRIEND was not one of the allowed options: [PROSPECT, PARTNER, RESELLER, VENDOR, OTHER]"},
		{"option in another case", "POST", companies, write("name", "Acme", "type", "prospect"), 400, "VALIDATION_ERROR", "INVALID_OPTION", "type", ""},
		{"owner that does not exist", "POST", contacts, write("email", "a@example.com", "hubspot_owner_id", "7"), 400, "VALIDATION_ERROR", "INVALID_OWNER_ID", "hubspot_owner_id", ""},
		{"too long", "POST", contacts, write("email", "a@example.com", "city", strings.Repeat("à", 65_537)), 400, "VALIDATION_ERROR", "VALUE_TOO_LONG", "city", "65536"},
		{"e-mail without a host", "POST", contacts, write("email", "test222"), 400, "VALIDATION_ERROR", "INVALID_EMAIL", "email", "Email address test222 is invalid"},
		{"number that is none", "POST", companies, write("name", "Acme", "numberofemployees", "1e3"), 400, "VALIDATION_ERROR", "INVALID_INTEGER", "numberofemployees", "1e3 was not a valid number."},
		{"whitespace around a number", "POST", companies, write("name", "Acme", "annualrevenue", " 5"), 400, "VALIDATION_ERROR", "LEADING_TRAILING_WHITESPACE", "annualrevenue", ""},
		{"contact without a name", "POST", contacts, write("city", "Milano"), 400, "VALIDATION_ERROR", "MISSING_REQUIRED_PROPERTY", "email", ""},
		{"company without a name", "POST", companies, write("city", "Milano"), 400, "VALIDATION_ERROR", "MISSING_REQUIRED_PROPERTY", "name", ""},
		{"missing key in the body", "POST", contacts, `{"properties":{"email":"a@example.com"}}`, 400, "VALIDATION_ERROR", "", "", "some of required attributes are not set [associations]"},
		{"value that is no string", "POST", contacts, `{"properties":{"email":"a@example.com","city":5},"associations":[]}`, 400, "VALIDATION_ERROR", "", "", "Invalid input JSON"},
		{"broken body", "POST", contacts, `{"properties":{`, 400, "VALIDATION_ERROR", "", "", "Invalid input JSON"},
		{"association with nobody", "POST", contacts, `{"properties":{"email":"a@example.com"},"associations":[{"to":{"id":"424242"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":279}]}]}`, 400, "VALIDATION_ERROR", "", "", "One or more associations are invalid"},
		{"association the wrong way round", "POST", contacts, `{"properties":{"email":"a@example.com"},"associations":[{"to":{"id":"COMPANY"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":280}]}]}`, 400, "VALIDATION_ERROR", "", "", "invalid association type 280"},
		{"number that nobody has", "GET", contacts + "/999", "", 404, "<nil>", "", "", "resource not found"},
		{"id that is no number", "GET", contacts + "/anna", "", 404, "OBJECT_NOT_FOUND", "", "", "Object not found.  objectId are usually numeric."},
		{"another version", "GET", "/crm/objects/2026-03/contacts/1", "", 404, "<nil>", "", "", ""},
		{"version 3", "GET", "/crm/v3/objects/contacts/1", "", 404, "<nil>", "", "", ""},
		{"owners of version 3", "GET", "/crm/v3/owners", "", 404, "<nil>", "", "", ""},
		{"wrong method", "PUT", contacts, "", 405, "<nil>", "", "", ""},
		{"search without its keys", "POST", contacts + "/search", `{"filterGroups":[]}`, 400, "VALIDATION_ERROR", "", "", "not set [after, limit, properties, sorts]"},
		{"search for too much", "POST", contacts + "/search", `{"filterGroups":[],"properties":[],"sorts":[],"limit":201,"after":"0"}`, 400, "VALIDATION_ERROR", "", "", "200"},
		{"search for an unknown property", "POST", contacts + "/search", search("nope", "EQ", "x"), 400, "VALIDATION_ERROR", "", "", "nope"},
		{"search with an unknown operator", "POST", contacts + "/search", search("email", "LIKE", "x"), 400, "VALIDATION_ERROR", "", "", "LIKE"},
		{"batch that is too large", "POST", contacts + "/batch/read", batchRead(101, 0), 400, "VALIDATION_ERROR", "", "", "100"},
		{"batch with too many histories", "POST", contacts + "/batch/read", batchRead(51, 1), 400, "VALIDATION_ERROR", "", "", "The maximum number of inputs supported in a batch request for property histories is 50."},
		{"the same id twice", "POST", contacts + "/batch/update", `{"inputs":[{"id":"5","properties":{}},{"id":"5","properties":{}}]}`, 400, "VALIDATION_ERROR", "", "", "Duplicate IDs found in batch input: [5]. IDs must be unique"},
		{"update by an address", "POST", contacts + "/batch/update", `{"inputs":[{"id":"a@example.com","idProperty":"email","properties":{}}]}`, 400, "VALIDATION_ERROR", "", "", "Unable to perform update/upsert by non-unique 0-1 property"},
		{"a property's name is taken", "POST", "/crm/properties/2026-09/contacts", `{"name":"city","label":"x","type":"string","fieldType":"text","groupName":"contactinformation"}`, 409, "OBJECT_ALREADY_EXISTS", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := open(t, hubspottest.Options{})
			company := d.create(crm.Companies, "name", "Acme")
			r := d.app(tt.method, tt.path, strings.ReplaceAll(tt.body, "COMPANY", company))
			expect(t, "status", r.status, tt.status)
			if tt.category != "<nil>" || r.at("category") != nil {
				expect(t, "category", r.at("category"), any(tt.category))
			}
			if tt.code != "" {
				expect(t, "code", r.at("errors.0.code"), any(tt.code))
				expect(t, "property", r.at("errors.0.context.propertyName.0"), any(tt.property))
			}
			if m, _ := r.at("message").(string); !strings.Contains(m, tt.message) {
				t.Errorf("message %q lacks %q", m, tt.message)
			}
			if len(d.IDs(crm.Contacts)) != 0 {
				t.Error("something was written")
			}
		})
	}
}

func TestEveryWrongPropertyOfARequestIsNamedAndNothingIsWritten(t *testing.T) {
	d := open(t, hubspottest.Options{})
	id := d.create(crm.Contacts, "email", "anna@example.com")
	r := d.app("PATCH", contacts+"/"+id, write("city", "Roma", "nope", "1", "hs_lead_status", "LATER"))
	expect(t, "status", r.status, 400)
	expect(t, "first", r.at("errors.0.code"), any("INVALID_OPTION"))
	expect(t, "second", r.at("errors.1.code"), any("PROPERTY_DOESNT_EXIST"))
	expect(t, "city", d.prop(crm.Contacts, id, "city"), "")
}

func TestATokenThatIsWrongOrMissingIsDenied(t *testing.T) {
	d := open(t, hubspottest.Options{})
	for _, token := range []string{"", "pat-na1-other"} {
		r := d.send(token, "GET", "/account-info/2026-09/details", "")
		expect(t, "status", r.status, 401)
		expect(t, "category", r.at("category"), any("INVALID_AUTHENTICATION"))
	}
	expect(t, "status", d.app("GET", "/account-info/2026-09/details", "").status, 200)
	d.SetToken("next")
	expect(t, "status of the old token", d.app("GET", "/account-info/2026-09/details", "").status, 401)
}

func TestABodyThatIsNotJSONIsOfTheWrongType(t *testing.T) {
	d := open(t, hubspottest.Options{})
	req, _ := http.NewRequest("POST", "https://api.hubapi.com"+contacts, strings.NewReader("email=a"))
	req.Header.Set("Authorization", "Bearer "+hubspottest.DefaultToken)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	expect(t, "status", d.do(req).status, 415)
}

func TestAnAddressBelongsToOneContact(t *testing.T) {
	d := open(t, hubspottest.Options{})
	anna := d.create(crm.Contacts, "email", "Anna@Example.com")
	d.must(d.AddEmail(anna, "anna.r@example.com"))
	bruno := d.create(crm.Contacts, "email", "bruno@example.com")
	for _, address := range []string{"ANNA@example.com", "anna.r@example.com"} {
		for _, r := range []reply{d.app("POST", contacts, write("email", address)), d.app("PATCH", contacts+"/"+bruno, write("email", address))} {
			expect(t, "status", r.status, 409)
			expect(t, "category", r.at("category"), any("CONFLICT"))
			expect(t, "message", r.at("message"), any("Contact already exists. Existing ID: "+anna))
		}
	}
	r := d.app("GET", contacts+"/anna.r%40example.com?idProperty=email", "")
	expect(t, "found by a secondary address", r.at("id"), any(anna))
	expect(t, "own secondary address", d.app("PATCH", contacts+"/"+anna, write("email", "anna.r@example.com")).status, 200)
	expect(t, "the former one is kept", d.prop(crm.Contacts, anna, "hs_additional_emails"), "anna@example.com")
	d.must(d.Delete(crm.Contacts, anna))
	expect(t, "free again", d.app("POST", contacts, write("email", "anna@example.com")).status, 201)
}

func TestTwoCompaniesMayShareADomain(t *testing.T) {
	d := open(t, hubspottest.Options{})
	d.create(crm.Companies, "domain", "example.com")
	expect(t, "status", d.app("POST", companies, write("domain", "Example.com")).status, 201)
}

func TestAStageMovesOnlyForwardUnlessClearedFirst(t *testing.T) {
	d := open(t, hubspottest.Options{})
	id := d.create(crm.Contacts, "email", "anna@example.com", "lifecyclestage", "customer")
	r := d.app("PATCH", contacts+"/"+id, write("lifecyclestage", "lead"))
	expect(t, "status", r.status, 200)
	expect(t, "answered", r.at("properties.lifecyclestage"), any("customer"))
	d.app("PATCH", contacts+"/"+id, write("lifecyclestage", ""))
	d.app("PATCH", contacts+"/"+id, write("lifecyclestage", "lead"))
	expect(t, "stage", d.prop(crm.Contacts, id, "lifecyclestage"), "lead")
}

func batchRead(n, histories int) string {
	var ids []string
	for range n {
		ids = append(ids, `{"id":"1"}`)
	}
	history := strings.Repeat(`"email"`, histories)
	return `{"properties":["email"],"propertiesWithHistory":[` + history + `],"inputs":[` + strings.Join(ids, ",") + `]}`
}
