package zoho_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

const directory = `{"users":[
	{"id":"4876876000000225013","email":"Anna@example.com","status":"active"},
	{"id":"4876876000000225014","email":"left@example.com","status":"inactive"}],"info":{"more_records":false}}`

// same compares two JSON texts.
func same(t *testing.T, got, want string) {
	t.Helper()
	var x, y any
	if json.Unmarshal([]byte(got), &x) != nil || json.Unmarshal([]byte(want), &y) != nil {
		t.Fatalf("not JSON: %s", got)
	}
	if d := cmp.Diff(y, x); d != "" {
		t.Error(d)
	}
}

func TestAWriteSendsOnlyItsFieldsAndRunsNothing(t *testing.T) {
	all := append([]crm.Column{
		{Field: "active", Property: "Active", Type: crm.TypeBool},
		{Field: "odd", Property: "Odd", Type: crm.TypeBool},
		{Field: "revenue", Property: "Revenue", Type: crm.TypeMoney},
		{Field: "staff", Property: "Staff", Type: crm.TypeInteger},
		{Field: "wrong", Property: "Wrong", Type: crm.TypeNumber},
		{Field: "tags", Property: "Tags", Type: crm.TypeMulti},
		{Field: "no_tags", Property: "No_Tags", Type: crm.TypeMulti},
		{Field: "seen", Property: "Seen", Type: crm.TypeInstant},
		{Field: "born", Property: "Born", Type: crm.TypeDate},
	}, columns...)
	c, f := client(t, func(q request) reply {
		if q.path == "/crm/v8/users" {
			return ok(directory)
		}
		return ok(`{"data":[{"code":"SUCCESS","details":{"id":"` + idOne + `","Modified_Time":"2026-11-20T10:15:01+01:00"},"message":"record updated","status":"success"}]}`)
	})
	values := set("last_name", "Rossi", "active", "true", "odd", "maybe", "revenue", "12345678901234567890.10", "staff", "12",
		"wrong", "1.234,5", "tags", "a;b c", "seen", "2026-11-20T10:15:01.5Z", "born", "1980-02-29", "company", idTwo, "owner", "anna@EXAMPLE.com",
		"first_name", "", "no_tags", "")
	r := c.Write(t.Context(), crm.Change{ID: contact(idOne), Columns: all, Set: values, HubSpotID: "151",
		IfUnmodified: time.Date(2026, 11, 20, 10, 15, 1, 0, time.FixedZone("CET", 3600))})
	if r.Err != nil || r.ID != contact(idOne) || r.Modified.String() != "2026-11-20 09:15:01 +0000 UTC" || r.Skipped != nil || r.Answered != nil {
		t.Errorf("%+v", r)
	}
	q := f.asked[1]
	if q.method != "PUT" || q.path != "/crm/v8/Contacts/"+idOne || q.header.Get("If-Unmodified-Since") != "2026-11-20T09:15:01+00:00" {
		t.Errorf("%s %s %v", q.method, q.path, q.header)
	}
	same(t, q.body, `{"data":[{"Last_Name":"Rossi","Active":true,"Odd":"maybe","Revenue":12345678901234567890.10,"Staff":12,"Wrong":"1.234,5",
		"Tags":["a","b c"],"No_Tags":null,"Seen":"2026-11-20T10:15:01+00:00","Born":"1980-02-29","Account_Name":{"id":"`+idTwo+`"},
		"Owner":{"id":"4876876000000225013"},"First_Name":null,"HubSpot_Id":"151"}],"trigger":[],"skip_feature_execution":[{"name":"cadences"}]}`)
	if !strings.Contains(q.body, "12345678901234567890.10") {
		t.Error("digits of a number were lost")
	}
}

func TestAnOwnerWhoIsNoActiveUserIsNotSent(t *testing.T) {
	c, f := client(t, func(q request) reply {
		if q.path == "/crm/v8/users" {
			return ok(directory)
		}
		t.Errorf("sent %s", q.body)
		return reply{status: 500}
	})
	for _, email := range []string{"left@example.com", "nobody@example.com", ""} {
		r := c.Write(t.Context(), crm.Change{ID: contact(idOne), Columns: columns, Set: set("owner", email)})
		if r.Err != nil || fmt.Sprint(r.Skipped) != "[owner]" {
			t.Errorf("%s: %+v", email, r)
		}
	}
	if len(f.asked) != 1 {
		t.Errorf("the users were read %d times", len(f.asked))
	}
}

func TestTheListOfUsersIsReadAnewWhenItIsOldOrDoesNotKnow(t *testing.T) {
	at := noon
	f := &fake{t: t, answer: always(ok(directory))}
	c := zoho.New(zoho.Config{Tokens: &tokens{}, HTTP: f, Now: func() time.Time { return at }})
	for _, step := range []struct {
		after time.Duration
		email string
		calls int
	}{
		{0, "nobody@example.com", 1}, {59 * time.Second, "nobody@example.com", 1}, {time.Second, "nobody@example.com", 2},
		{10*time.Minute - time.Second, "anna@example.com", 2}, {time.Second, "anna@example.com", 3},
	} {
		at = at.Add(step.after)
		c.Write(t.Context(), crm.Change{ID: contact(idOne), Columns: columns, Set: set("owner", step.email)})
		users := 0
		for _, q := range f.asked {
			if q.path == "/crm/v8/users" {
				users++
			}
		}
		if users != step.calls {
			t.Errorf("%s after %v: read %d times, want %d", step.email, at.Sub(noon), users, step.calls)
		}
	}
}

func TestWhatCannotBeWrittenIsNotSent(t *testing.T) {
	for name, tt := range map[string]struct {
		change crm.Change
		kind   fault.Kind
	}{
		"a lead":                 {crm.Change{ID: crm.ID{System: crm.Zoho, Module: crm.Leads, Key: idOne}, HubSpotID: "1"}, fault.Ours},
		"a field without column": {crm.Change{ID: contact(idOne), Columns: columns, Set: set("shoe", "43")}, fault.Ours},
		"an unknown value":       {crm.Change{ID: contact(idOne), Columns: columns, Set: map[crm.Field]crm.Value{"email": crm.Unknown()}}, fault.Ours},
		"an id with a slash":     {crm.Change{ID: contact("1/actions"), HubSpotID: "1"}, fault.Missing},
		"no id":                  {crm.Change{ID: contact(""), HubSpotID: "1"}, fault.Missing},
	} {
		c, f := client(t, always(reply{status: 500}))
		if r := c.Write(t.Context(), tt.change); fault.KindOf(r.Err) != tt.kind || len(f.asked) != 0 {
			t.Errorf("%s: %v, %d calls", name, r.Err, len(f.asked))
		}
	}
	c, f := client(t, always(reply{status: 500}))
	if r := c.Write(t.Context(), crm.Change{ID: contact(idOne), Columns: columns}); r.Err != nil || len(f.asked) != 0 {
		t.Errorf("nothing to write: %v, %d calls", r.Err, len(f.asked))
	}
}

func TestAnAnswerAboutAnotherRecordIsNoSuccess(t *testing.T) {
	for _, body := range []string{
		`{"data":[{"code":"SUCCESS","details":{"id":"` + idTwo + `"},"status":"success"}]}`,
		`{"data":[{"code":"SUCCESS","details":{},"status":"success"}]}`,
		`{"data":[]}`,
	} {
		c, _ := client(t, always(ok(body)))
		if r := c.Write(t.Context(), crm.Change{ID: contact(idOne), HubSpotID: "1"}); fault.KindOf(r.Err) != fault.Down {
			t.Errorf("%s: %v", body, r.Err)
		}
	}
}

func TestWhatZohoSaysOfAValueDoesNotRepeatIt(t *testing.T) {
	one := `{"code":"INVALID_DATA","details":{"api_name":"Last_Name"},"message":"the value Canarino Giallo does not fit","status":"error"}`
	for name, body := range map[string]string{
		"of one field":   `{"data":[` + one + `]}`,
		"of several":     `{"data":[{"code":"MULTIPLE_OR_MULTI_ERRORS","details":{"errors":[` + one + `]},"message":"canarino giallo","status":"error"}]}`,
		"of the request": one,
	} {
		c, _ := client(t, func(request) reply { return reply{status: 400, body: body} })
		r := c.Write(t.Context(), crm.Change{ID: contact(idOne), Columns: columns, Set: set("last_name", "Canarino Giallo")})
		f, ok := errors.AsType[*fault.Error](r.Err)
		if !ok || len(f.Refused) != 1 || f.Refused[0].Message != "the value … does not fit" || strings.Contains(strings.ToLower(r.Err.Error()), "canarino") {
			t.Errorf("%s: %v %+v", name, r.Err, f)
		}
	}
}

func TestACreationIsJudgedItemByItem(t *testing.T) {
	c, f := client(t, always(recorded(t, "write.207.mixed.json")))
	var changes []crm.Change
	for i, name := range []string{"Rossi", "", "Bianchi", "Verdi"} {
		changes = append(changes, crm.Change{ID: contact(""), Columns: columns, Set: set("last_name", name), HubSpotID: fmt.Sprint(151 + i)})
	}
	results, err := c.Create(t.Context(), changes)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"<nil>", "refused MANDATORY_NOT_FOUND last_name/Last_Name:missing:", "conflict DUPLICATE_DATA /HubSpot_Id:duplicate:" + idTwo, "down "}
	for i, r := range results {
		if got := told(r.Err); got != want[i] {
			t.Errorf("item %d: %s, want %s", i, got, want[i])
		}
	}
	if results[0].ID != contact(idOne) || results[0].Modified.IsZero() {
		t.Errorf("%+v", results[0])
	}
	q := f.asked[0]
	if q.method != "POST" || q.path != "/crm/v8/Contacts" || len(f.asked) != 1 {
		t.Errorf("%s %s", q.method, q.path)
	}
	same(t, q.body, `{"data":[{"Last_Name":"Rossi","HubSpot_Id":"151"},{"Last_Name":null,"HubSpot_Id":"152"},{"Last_Name":"Bianchi","HubSpot_Id":"153"},
		{"Last_Name":"Verdi","HubSpot_Id":"154"}],"trigger":["workflow"],"skip_feature_execution":[{"name":"cadences"}]}`)
}

func TestTheTriggersAtCreationAreASetting(t *testing.T) {
	f := &fake{t: t, answer: always(recorded(t, "write.201.created.json"))}
	c := zoho.New(zoho.Config{Tokens: &tokens{}, HTTP: f, Now: now, TriggersAtCreation: []string{}})
	results, err := c.Create(t.Context(), []crm.Change{{ID: contact(""), Columns: columns, Set: set("last_name", "Rossi")}})
	if err != nil || results[0].Err != nil || !strings.Contains(f.asked[0].body, `"trigger":[]`) {
		t.Errorf("%v %v %s", err, results, f.asked[0].body)
	}
}

func TestALongCreationIsSplitAndALaterFailureSaysSoInItsResults(t *testing.T) {
	calls := 0
	c, _ := client(t, func(q request) reply {
		if calls++; calls == 2 {
			return reply{err: errReset}
		}
		items := strings.Count(q.body, "Last_Name")
		var rows []string
		for i := range items {
			rows = append(rows, fmt.Sprintf(`{"code":"SUCCESS","details":{"id":"%d"},"status":"success"}`, 4876876000001000000+i))
		}
		return reply{status: 201, body: `{"data":[` + strings.Join(rows, ",") + `]}`}
	})
	changes := make([]crm.Change, 210)
	for i := range changes {
		changes[i] = crm.Change{ID: contact(""), Columns: columns, Set: set("last_name", "Rossi")}
	}
	changes[7].Set = set("shoe", "43")
	results, err := c.Create(t.Context(), changes)
	if err != nil || calls != 2 {
		t.Fatalf("%v after %d calls", err, calls)
	}
	for i, r := range results {
		want := fault.Unknown
		switch {
		case i == 7:
			want = fault.Ours
		case i >= 100:
			want = fault.Down
		}
		if fault.KindOf(r.Err) != want || want == fault.Unknown && (r.Err != nil || r.ID.Key == "") {
			t.Fatalf("result %d: %v", i, r.Err)
		}
	}
	if results[8].ID.Key != "4876876000001000007" {
		t.Errorf("the results are shifted: %s", results[8].ID.Key)
	}
}

func TestACreationThatFailsAsAWholeIsAnError(t *testing.T) {
	c, _ := client(t, always(recorded(t, "any.429.requests.json")))
	if _, err := c.Create(t.Context(), []crm.Change{{ID: contact(""), HubSpotID: "1"}}); fault.KindOf(err) != fault.Throttled {
		t.Error(err)
	}
	if results, err := c.Create(t.Context(), nil); err != nil || len(results) != 0 {
		t.Error(err)
	}
}
