package zoho_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// told writes a fault as one line: kind, code, and field/property:hint:record of each refusal.
func told(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return fmt.Sprint(err)
	}
	s := f.Kind.String() + " " + f.Code
	for _, r := range f.Refused {
		s += fmt.Sprintf(" %s/%s:%s:%s", r.Field, r.Property, r.Hint, r.Record)
	}
	return s
}

// faults is the table: the recorded answer, and what it means to a write and to a read.
var faults = []struct{ file, write, read string }{
	{"write.400.mandatory.json", "refused MANDATORY_NOT_FOUND last_name/Last_Name:missing:", ""},
	{"write.400.too_long.json", "refused INVALID_DATA first_name/First_Name:too_long:", ""},
	{"write.400.format.json", "refused INVALID_DATA email/Email:format:", ""},
	{"write.202.picklist.json", "refused INVALID_DATA source/Lead_Source:picklist:", ""},
	{"write.400.lookup.json", "refused INVALID_DATA company/Account_Name:format:", ""},
	{"write.400.duplicate_old.json", "conflict DUPLICATE_DATA email/Email:duplicate:" + idTwo, ""},
	{"write.400.several.json", "conflict MULTIPLE_OR_MULTI_ERRORS email/Email:duplicate:" + idTwo + " /HubSpot_Id:duplicate:4876876000007654399", ""},
	{"write.400.several_mixed.json", "refused MULTIPLE_OR_MULTI_ERRORS phone/Phone:too_long: last_name/Last_Name:missing:", ""},
	{"write.400.expected_fields.json", "refused EXPECTED_FIELD_MISSING first_name/First_Name:missing: email/Email:missing:", ""},
	{"write.400.gone.json", "missing INVALID_DATA", ""},
	{"write.400.gone_old.json", "missing INVALID_DATA", ""},
	{"write.412.modified.json", "stale ALREADY_MODIFIED", ""},
	{"write.412.modified_bare.json", "stale ALREADY_MODIFIED", ""},
	{"write.400.locked.json", "locked RECORD_LOCKED /:locked:", ""},
	{"write.400.not_approved.json", "locked NOT_APPROVED /:locked:", ""},
	{"write.400.blueprint.json", "locked RECORD_IN_BLUEPRINT /:locked:", ""},
	{"write.400.blueprint_field.json", "refused RECORD_IN_BLUEPRINT source/Lead_Source:locked:", ""},
	{"write.403.permission_record.json", "refused NO_PERMISSION /:permission:", ""},
	{"write.400.not_allowed.json", "refused NOT_ALLOWED /Full_Name:read_only:", ""},
	{"write.400.dependent.json", "refused DEPENDENT_FIELD_MISSING /Currency:missing:", ""},
	{"write.400.mismatch.json", "refused DEPENDENT_MISMATCH /Mailing_State:format:", ""},
	{"write.400.ambiguity.json", "refused AMBIGUITY_DURING_PROCESSING /::", ""},
	{"write.400.converted.json", "refused CONVERTED_RECORD /::", ""},
	{"write.400.cannot_process.json", "conflict CANNOT_PROCESS /::", ""},
	{"write.400.new_code.json", "unknown SOMETHING_NEW", ""},
	{"any.401.invalid_token.json", "denied INVALID_TOKEN", "denied INVALID_TOKEN"},
	{"any.200.invalid_token.json", "denied INVALID_TOKEN", "denied INVALID_TOKEN"},
	{"any.401.authentication.json", "denied AUTHENTICATION_FAILURE", "denied AUTHENTICATION_FAILURE"},
	{"any.401.scope.json", "setup OAUTH_SCOPE_MISMATCH", "setup OAUTH_SCOPE_MISMATCH"},
	{"any.403.permission.json", "setup NO_PERMISSION", "setup NO_PERMISSION"},
	{"any.400.authorization.json", "setup AUTHORIZATION_FAILED", "setup AUTHORIZATION_FAILED"},
	{"any.400.host.json", "setup INVALID_HOST", "setup INVALID_HOST"},
	{"any.400.module.json", "setup INVALID_MODULE", "setup INVALID_MODULE"},
	{"any.400.edition.json", "setup API_NOT_SUPPORTED", "setup API_NOT_SUPPORTED"},
	{"any.400.storage.json", "setup STORAGE_SPACE_EXCEEDED", "setup STORAGE_SPACE_EXCEEDED"},
	{"any.429.requests.json", "throttled TOO_MANY_REQUESTS", "throttled TOO_MANY_REQUESTS"},
	{"any.429.limit.json", "throttled LIMIT_EXCEEDED", "throttled LIMIT_EXCEEDED"},
	{"any.400.limit.json", "ours LIMIT_EXCEEDED", "ours LIMIT_EXCEEDED"},
	{"any.500.internal.json", "down INTERNAL_ERROR", "down INTERNAL_ERROR"},
	{"any.404.pattern.json", "ours INVALID_URL_PATTERN", "ours INVALID_URL_PATTERN"},
	{"any.400.method.json", "ours INVALID_REQUEST_METHOD", "ours INVALID_REQUEST_METHOD"},
	{"any.400.param.json", "ours REQUIRED_PARAM_MISSING", "ours REQUIRED_PARAM_MISSING"},
	{"any.404.not_found.json", "missing NOT_FOUND", "gone"},
	{"any.400.id.json", "missing INVALID_DATA", "gone"},
	{"any.400.related_id.json", "missing INVALID_DATA", "gone"},
	{"any.400.data.json", "refused INVALID_DATA /:format:", "refused INVALID_DATA /:format:"},
	{"any.400.odd_details.json", "refused INVALID_DATA /:format:", "refused INVALID_DATA /:format:"},
	{"coql.400.syntax.json", "", "ours SYNTAX_ERROR"},
	{"coql.400.query.json", "", "setup INVALID_QUERY"},
}

func TestAPermissionThatTheUserLacksIsNamed(t *testing.T) {
	for permissions, want := range map[string]string{
		`["Crm_Implied_View_Contacts","Crm_Implied_Edit_Contacts"]`: "permission denied: Crm_Implied_View_Contacts, Crm_Implied_Edit_Contacts",
		`["anna@example.com"]`: "permission denied", `7`: "permission denied", `[7]`: "permission denied", `null`: "permission denied",
	} {
		c, _ := client(t, always(reply{status: 403, body: `{"code":"NO_PERMISSION","details":{"permissions":` + permissions + `},"message":"permission denied","status":"error"}`}))
		_, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idOne}, Columns: columns})
		if got := err.Error(); got != "zoho.Read: setup (NO_PERMISSION): "+want {
			t.Errorf("%s: %s", permissions, got)
		}
	}
}

func TestEveryRecordedAnswerMeansWhatTheTableSays(t *testing.T) {
	seen := map[string]bool{"README.md": true, "write.201.created.json": true, "write.207.mixed.json": true}
	for _, tt := range faults {
		seen[tt.file] = true
		t.Run(tt.file, func(t *testing.T) {
			c, _ := client(t, always(recorded(t, tt.file)))
			if tt.write != "" {
				r := c.Write(t.Context(), crm.Change{ID: contact(idOne), Columns: columns, Set: set("last_name", "Rossi")})
				if told(r.Err) != tt.write {
					t.Errorf("a write: %s, want %s", told(r.Err), tt.write)
				}
				if text := r.Err.Error(); strings.Contains(text, "Rossi") || !strings.HasPrefix(text, "zoho.Write: ") {
					t.Errorf("the error says %q", text)
				}
			}
			if tt.read != "" {
				readings, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idOne}, Columns: columns})
				got := told(err)
				if err == nil && readings[0].Gone {
					got = "gone"
				}
				if got != tt.read {
					t.Errorf("a read: %s, want %s", got, tt.read)
				}
			}
		})
	}
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !f.IsDir() && !seen[f.Name()] {
			t.Errorf("%s is not in the table", f.Name())
		}
	}
}

func TestAnswersThatAreNotZohosAreDown(t *testing.T) {
	for name, r := range map[string]reply{
		"a page":              {status: 200, body: "<html>login</html>"},
		"a page with 502":     {status: 502, body: "<html>bad gateway</html>"},
		"nothing":             {status: 200},
		"cut":                 {status: 200, body: `{"data":[{"id":"48768`},
		"no list":             {status: 200, body: `{}`},
		"null for the list":   {status: 200, body: `{"data":null}`},
		"another shape":       {status: 200, body: `{"data":[7]}`},
		"a redirect":          {status: 302},
		"reset":               {err: errReset},
		"overloaded, no code": {status: 503, body: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := client(t, always(r))
			if _, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idOne}}); fault.KindOf(err) != fault.Down {
				t.Errorf("a read: %v", err)
			}
			_, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, HubSpotIDs: []string{"7"}})
			if fault.KindOf(err) != fault.Down {
				t.Errorf("a look-up: %v: that nobody was found is not known", err)
			}
			w := c.Write(t.Context(), crm.Change{ID: contact(idOne), HubSpotID: "7"})
			if fault.KindOf(w.Err) != fault.Down {
				t.Errorf("a write: %v", w.Err)
			}
		})
	}
}

func TestTheWaitThatZohoAsksForIsPassedOn(t *testing.T) {
	r := recorded(t, "any.429.requests.json")
	r.header = map[string][]string{"Retry-After": {"40"}}
	c, _ := client(t, always(r))
	if _, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idOne}}); fault.After(err) != 40*time.Second {
		t.Errorf("wait %v", fault.After(err))
	}
}

func TestARefusedTokenIsReportedAndTheCallMadeOnceMore(t *testing.T) {
	source := &tokens{version: 3}
	f := &fake{t: t}
	f.answer = func(q request) reply {
		if q.header.Get("Authorization") == "Zoho-oauthtoken canary-4" {
			return reply{status: 204}
		}
		return recorded(t, "any.401.invalid_token.json")
	}
	c := zoho.New(zoho.Config{Tokens: source, HTTP: f, Now: now})
	readings, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idOne}})
	if err != nil || !readings[0].Gone || fmt.Sprint(source.bad) != "[3]" || len(f.asked) != 2 {
		t.Errorf("%v, bad %v, %d calls", err, source.bad, len(f.asked))
	}
	f.answer = always(recorded(t, "any.401.invalid_token.json"))
	if _, err = c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idOne}}); fault.KindOf(err) != fault.Denied || len(f.asked) != 4 {
		t.Errorf("%v after %d calls: want denied after one more try", err, len(f.asked)-2)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the token is in %q", err)
	}
}

func TestWithoutATokenNothingIsSent(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want fault.Kind
	}{{errReset, fault.Busy}, {&fault.Error{Op: "x", Kind: fault.Denied}, fault.Denied}} {
		f := &fake{t: t}
		c := zoho.New(zoho.Config{Tokens: &tokens{err: tt.err}, HTTP: f, Now: now})
		if _, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idOne}}); fault.KindOf(err) != tt.want || len(f.asked) != 0 {
			t.Errorf("%v with %d calls, want %v", err, len(f.asked), tt.want)
		}
	}
}
