package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// portal is a server that answers what a test tells it, and remembers what it was asked.
type portal struct {
	t  *testing.T
	mu sync.Mutex
	// answers maps "METHOD /path" to bodies, told one after the other; the last stays. A body may begin with a status.
	answers map[string][]string
	calls   []string
	bodies  []string
	now     time.Time
}

func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	raw, _ := io.ReadAll(r.Body)
	name := r.Method + " " + r.URL.EscapedPath()
	call := name
	if r.URL.RawQuery != "" {
		call += "?" + r.URL.Query().Encode()
	}
	p.calls, p.bodies = append(p.calls, call), append(p.bodies, string(raw))
	if r.Header.Get("Authorization") != "Bearer token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	list := p.answers[name]
	if len(list) == 0 {
		p.t.Errorf("unexpected call %s %s", call, raw)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	if len(list) > 1 {
		p.answers[name] = list[1:]
	}
	status, body := http.StatusOK, list[0]
	if n, _ := fmt.Sscanf(body, "%3d ", &status); n == 1 {
		body = body[4:]
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func dial(t *testing.T, answers map[string][]string) (*Client, *portal) {
	p := &portal{t: t, answers: answers, now: now}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	c := New(Config{BaseURL: server.URL, Token: crm.NewSecret("token"), AppID: appID, HTTP: http.DefaultTransport,
		Now: func() time.Time { return p.now }, Sleep: func(context.Context, time.Duration) bool { return false }})
	return c, p
}

const (
	contacts  = "/crm/objects/2026-09/contacts"
	companies = "/crm/objects/2026-09/companies"
	props     = "GET /crm/properties/2026-09/contacts"
	owners    = "GET /crm/owners/2026-09"
)

var (
	email   = crm.Column{Field: "email", Property: "email", Type: crm.TypeEmail}
	phone   = crm.Column{Field: "phone", Property: "mobilephone", Type: crm.TypePhone}
	owner   = crm.Column{Field: "owner", Property: "hubspot_owner_id", Type: crm.TypeOwner}
	employs = crm.Column{Field: "company", Property: companyProperty, Type: crm.TypeCompany}
	tags    = crm.Column{Field: "tags", Property: "tags", Type: crm.TypeMulti}
	born    = crm.Column{Field: "born", Property: "born", Type: crm.TypeDate}
	seen    = crm.Column{Field: "seen", Property: "seen", Type: crm.TypeInstant}
	domain  = crm.Column{Field: "domain", Property: "domain", Type: crm.TypeDomain}
)

func hub(m crm.Module, key string) crm.ID { return crm.ID{System: crm.HubSpot, Module: m, Key: key} }

// shows makes values comparable and readable.
var shows = cmp.Transformer("show", func(v crm.Value) string {
	if !v.Known() {
		return "unknown"
	}
	return "[" + v.Text() + "]"
})

func TestOneRecordIsReadWithItsHistory(t *testing.T) {
	c, p := dial(t, map[string][]string{
		"GET " + contacts + "/7": {`{"id":"9","createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-11-21T10:00:00.250Z","archived":false,"other":1,
			"properties":{"email":"a@example.com","mobilephone":null,"associatedcompanyid":55,"hubspot_owner_id":"41","tags":";a;b","born":"1577836800000",
				"seen":"1577836800123","lastmodifieddate":"2026-11-21T10:00:00.251Z","hs_merged_object_ids":"7;8;9"},
			"propertiesWithHistory":{"email":[{"value":"old@example.com","timestamp":"2026-11-20T10:00:00Z","sourceType":"CRM_UI","sourceId":"userId:1"},
				{"value":"a@example.com","timestamp":"2026-11-21T10:00:00.251Z","sourceType":"INTEGRATION","sourceId":"19635961"}],
				"mobilephone":[{"value":"","timestamp":1790000000000,"sourceType":"INTEGRATION","sourceId":"5"},{"value":"x","timestamp":"?"}]}}`},
		owners: {`{"results":[]}`, `{"results":[{"id":"41","email":"Anna@example.com"}]}`},
	})
	cols := []crm.Column{email, phone, employs, owner, tags, born, seen}
	got, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{"7"}, Columns: cols, History: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []crm.Reading{{ReadAt: now, Record: crm.Record{
		ID: hub(crm.Contacts, "9"),
		Fields: map[crm.Field]crm.Value{"email": crm.Text("a@example.com"), "phone": crm.Empty(), "company": crm.Text("55"), "owner": crm.Text("Anna@example.com"),
			"tags": crm.Text("a;b"), "born": crm.Text("2020-01-01"), "seen": crm.Text("2020-01-01T00:00:00.123Z")},
		Created: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Modified: time.Date(2026, 11, 21, 10, 0, 0, 251e6, time.UTC), Merged: []string{"7", "8"},
		History: map[crm.Field][]crm.Entry{
			"email": {{Value: crm.Text("a@example.com"), At: time.Date(2026, 11, 21, 10, 0, 0, 251e6, time.UTC), Ours: true},
				{Value: crm.Text("old@example.com"), At: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)}},
			"phone":   {{Value: crm.Empty(), At: time.UnixMilli(1790000000000).UTC()}},
			"company": nil, "owner": nil, "tags": nil, "born": nil, "seen": nil,
		}}}}
	if diff := cmp.Diff(want, got, shows); diff != "" {
		t.Error(diff)
	}
	const names = "email%2Cmobilephone%2Cassociatedcompanyid%2Chubspot_owner_id%2Ctags%2Cborn%2Cseen"
	if want := "GET " + contacts + "/7?archived=false&properties=" + names + "%2Clastmodifieddate%2Chs_merged_object_ids&propertiesWithHistory=" + names; p.calls[0] != want {
		t.Errorf("asked %s\nwant  %s", p.calls[0], want)
	}
}

func TestARecordThatIsNotThereIsGoneAndAPathThatIsNotThereIsNot(t *testing.T) {
	for body, gone := range map[string]bool{
		`404 {"status":"error","message":"resource not found","correlationId":"0"}`: true,
		`404 {"category":"OBJECT_NOT_FOUND"}`:                                       true,
		`{"id":"7","archived":true,"properties":{}}`:                                true,
		`404 {"message":"no route"}`:                                                false,
		`503 {}`:                                                                    false,
		`{"properties":{}}`:                                                         false,
	} {
		c, _ := dial(t, map[string][]string{"GET " + contacts + "/7": {body}})
		got, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{"7"}})
		if gone && (err != nil || !got[0].Gone) || !gone && err == nil {
			t.Errorf("%s: %v, %v", body, got, err)
		}
	}
}

func TestSeveralRecordsAreReadInOneCallAndMissingOnesAreAskedAgainAlone(t *testing.T) {
	c, p := dial(t, map[string][]string{
		"POST " + contacts + "/batch/read": {`207 {"results":[{"id":"12","properties":{"email":"b@example.com","hs_merged_object_ids":"3;4"}},{"id":"1","properties":{"email":"a@example.com"}}],
			"errors":[{"category":"OBJECT_NOT_FOUND","context":{"ids":["5","6"]}}],"numErrors":1}`},
		"GET " + contacts + "/5": {`404 {"message":"resource not found"}`},
		"GET " + contacts + "/6": {`{"id":"60","properties":{"email":null}}`},
	})
	got, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{"6", "1", "3", "5", "1"}, Columns: []crm.Column{email}})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range got {
		ids = append(ids, fmt.Sprint(r.Record.ID.Key, r.Gone))
	}
	if diff := cmp.Diff([]string{"60false", "1false", "12false", "true", "1false"}, ids); diff != "" {
		t.Error(diff)
	}
	want := `{"properties":["email","lastmodifieddate","hs_merged_object_ids"],"propertiesWithHistory":[],"inputs":[{"id":"1"},{"id":"3"},{"id":"5"},{"id":"6"}]}`
	if p.bodies[0] != want || len(p.calls) != 3 {
		t.Errorf("%d calls, the first with %s", len(p.calls), p.bodies[0])
	}
}

func TestBatchesKeepToTheirSize(t *testing.T) {
	for history, sizes := range map[bool][]int{false: {100, 20}, true: {50, 50, 20}} {
		var asked []int
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var in struct{ Inputs []struct{ ID string } }
			_ = json.NewDecoder(r.Body).Decode(&in)
			asked = append(asked, len(in.Inputs))
			var out []string
			for _, one := range in.Inputs {
				out = append(out, `{"id":"`+one.ID+`","properties":{}}`)
			}
			_, _ = io.WriteString(w, `{"results":[`+strings.Join(out, ",")+`]}`)
		}))
		defer server.Close()
		var keys []string
		for i := range 120 {
			keys = append(keys, fmt.Sprint(1000+i))
		}
		c := New(Config{BaseURL: server.URL, HTTP: http.DefaultTransport, Now: func() time.Time { return now }})
		got, err := c.Read(t.Context(), crm.Query{Module: crm.Companies, Keys: keys, History: history})
		if err != nil || len(got) != 120 || got[119].Record.ID.Key != "1119" || !cmp.Equal(sizes, asked) {
			t.Errorf("history %t: %d readings in batches of %v, %v", history, len(got), asked, err)
		}
	}
}

func TestAnItemThatFailsOtherwiseFailsTheBatch(t *testing.T) {
	c, _ := dial(t, map[string][]string{"POST " + contacts + "/batch/read": {`207 {"results":[],"errors":[{"category":"RATE_LIMITS","message":"You have reached your secondly limit."}]}`}})
	_, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{"1", "2"}})
	if fault.KindOf(err) != fault.Throttled || fault.After(err) != time.Second {
		t.Errorf("err %v", err)
	}
}

func TestAnAbsentValueIsEmptyOnlyWhileItsPropertyIsDefined(t *testing.T) {
	c, p := dial(t, map[string][]string{
		"GET " + contacts + "/7": {`{"id":"7","properties":{"email":{"odd":1}}}`},
		props:                    {`{"results":[{"name":"mobilephone"},{"name":"tags","archived":true}]}`, `503 {}`, `{"results":[{"name":"tags"}]}`},
	})
	read := func() map[crm.Field]crm.Value {
		t.Helper()
		got, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{"7"}, Columns: []crm.Column{email, phone, tags}})
		if err != nil {
			t.Fatal(err)
		}
		return got[0].Record.Fields
	}
	steps := []struct {
		after      time.Duration
		phone, tag crm.Value
	}{
		{0, crm.Empty(), crm.Unknown()},
		{59 * time.Second, crm.Empty(), crm.Unknown()},
		{time.Second, crm.Unknown(), crm.Unknown()}, // the definitions cannot be read
		{time.Minute, crm.Unknown(), crm.Empty()},
	}
	for i, step := range steps {
		p.now = p.now.Add(step.after)
		want := map[crm.Field]crm.Value{"email": crm.Unknown(), "phone": step.phone, "tags": step.tag}
		if diff := cmp.Diff(want, read(), shows); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
	}
	asked := 0
	for _, call := range p.calls {
		if call == props {
			asked++
		}
	}
	if asked != 3 {
		t.Errorf("definitions were asked %d times", asked)
	}
}

func TestOwnersAreAddressesAndTheirListIsKept(t *testing.T) {
	c, p := dial(t, map[string][]string{
		"GET " + contacts + "/7": {`{"id":"7","properties":{"hubspot_owner_id":"41"}}`, `{"id":"7","properties":{"hubspot_owner_id":"40"}}`, `{"id":"7","properties":{"hubspot_owner_id":"99"}}`,
			`{"id":"7","properties":{"hubspot_owner_id":""}}`},
		owners: {`{"results":[{"id":"40","email":"gone@example.com"}]}`, `{"results":[{"id":"41","email":"a@example.com"}],"paging":{"next":{"after":"500"}}}`, `{"results":[{"id":42,"email":"b@example.com"}]}`},
	})
	var got []crm.Value
	for range 4 {
		r, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{"7"}, Columns: []crm.Column{owner}})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r[0].Record.Fields["owner"])
	}
	if diff := cmp.Diff([]crm.Value{crm.Text("a@example.com"), crm.Text("gone@example.com"), crm.Unknown(), crm.Empty()}, got, shows); diff != "" {
		t.Error(diff)
	}
	if len(p.calls) != 4+3 {
		t.Errorf("calls: %s", strings.Join(p.calls, "\n"))
	}
}

func TestOwnersThatCannotBeReadFailTheRead(t *testing.T) {
	c, _ := dial(t, map[string][]string{"GET " + contacts + "/7": {`{"id":"7","properties":{"hubspot_owner_id":"41"}}`}, owners: {`403 {"category":"MISSING_SCOPES"}`}})
	if _, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{"7"}, Columns: []crm.Column{owner}}); fault.KindOf(err) != fault.Setup {
		t.Errorf("err %v", err)
	}
}

func TestContactsAreFoundByAddressWithoutASearch(t *testing.T) {
	key := func(s string) crm.MatchKey { return crm.MatchKey{Column: email, Value: s} }
	c, p := dial(t, map[string][]string{
		"GET " + contacts + "/a+b@example.com": {`{"id":"1","properties":{"email":"main@example.com"}}`},
		"POST " + contacts + "/batch/read":     {`207 {"results":[{"id":"2","properties":{"email":"c@example.com","hs_additional_emails":"x@example.com;D@example.com"}}],"errors":[{"category":"OBJECT_NOT_FOUND"}]}`},
		"GET " + contacts + "/e@example.com":   {`404 {"message":"resource not found"}`},
	})
	got, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, Keys: []crm.MatchKey{key("a+b@example.com"), key("a+b@example.com")}, Columns: []crm.Column{email}})
	if err != nil || len(got) != 1 || got[0].ID.Key != "1" || got[0].Fields["email"].Text() != "main@example.com" {
		t.Fatalf("%v, %v", got, err)
	}
	if !strings.Contains(p.calls[0], "idProperty=email") {
		t.Errorf("asked %s", p.calls[0])
	}
	got, err = c.Find(t.Context(), crm.Search{Module: crm.Contacts, Keys: []crm.MatchKey{key("c@example.com"), key("d@example.com"), key("e@example.com")}, Columns: []crm.Column{email}})
	if err != nil || len(got) != 1 || got[0].ID.Key != "2" {
		t.Fatalf("%v, %v", got, err)
	}
	if want := `{"properties":["email","hs_additional_emails","lastmodifieddate","hs_merged_object_ids"],"propertiesWithHistory":[],"idProperty":"email","inputs":[{"id":"c@example.com"},{"id":"d@example.com"},{"id":"e@example.com"}]}`; p.bodies[1] != want {
		t.Errorf("batch %s", p.bodies[1])
	}
}

func TestOtherKeysAreSearchedAndTheHitsReadAnew(t *testing.T) {
	c, p := dial(t, map[string][]string{
		"POST " + companies + "/search":     {`{"total":3,"results":[{"id":"1"},{"id":"2"}],"paging":{"next":{"after":"200"}}}`, `{"total":3,"results":[{"id":"2"}]}`},
		"POST " + contacts + "/search":      {`{"results":[]}`},
		"GET " + companies + "/2":           {`404 {"message":"resource not found"}`},
		"POST " + companies + "/batch/read": {`207 {"results":[{"id":"1","properties":{"domain":"acme.it"}}],"errors":[{"category":"OBJECT_NOT_FOUND"}]}`},
	})
	got, err := c.Find(t.Context(), crm.Search{Module: crm.Companies, Keys: []crm.MatchKey{{Column: domain, Value: "Acme.it"}}, Columns: []crm.Column{domain}})
	if err != nil || len(got) != 1 || got[0].ID.Key != "1" {
		t.Fatalf("%v, %v", got, err)
	}
	if want := `{"filterGroups":[{"filters":[{"propertyName":"domain","operator":"IN","values":["acme.it","www.acme.it"]}]}],"properties":["hs_object_id"],"sorts":[],"limit":200,"after":"0"}`; p.bodies[0] != want {
		t.Errorf("searched %s", p.bodies[0])
	}
	home := crm.Column{Property: "phone", Type: crm.TypePhone}
	if got, err = c.Find(t.Context(), crm.Search{Module: crm.Contacts, Keys: []crm.MatchKey{
		{Column: phone, Value: "+5511987654321"}, {Column: phone, Value: "+551187654321"}, {Column: home, Value: "+5511987654321"},
	}}); err != nil || len(got) != 0 {
		t.Fatalf("%v, %v", got, err)
	}
	if want := `{"filterGroups":[{"filters":[{"propertyName":"hs_searchable_calculated_mobile_number","operator":"CONTAINS_TOKEN","value":"*87654321"}]},` +
		`{"filters":[{"propertyName":"hs_searchable_calculated_phone_number","operator":"CONTAINS_TOKEN","value":"*87654321"}]}],` +
		`"properties":["hs_object_id"],"sorts":[],"limit":200,"after":"0"}`; p.bodies[len(p.bodies)-1] != want || len(p.bodies) != 5 {
		t.Errorf("searched %d times, %s", len(p.bodies), p.bodies[len(p.bodies)-1])
	}
}

func TestALookUpThatFailsIsNoAnswer(t *testing.T) {
	at := func(address string) crm.MatchKey { return crm.MatchKey{Column: email, Value: address} }
	for name, status := range map[string]string{"down": `503 {}`, "throttled": `429 {}`} {
		c, _ := dial(t, map[string][]string{
			"GET " + contacts + "/a@example.com": {status}, "POST " + contacts + "/batch/read": {status},
			"GET " + contacts + "/b@example.com": {`404 {"message":"resource not found"}`}, "GET " + contacts + "/c@example.com": {`404 {"message":"resource not found"}`}, "POST " + companies + "/search": {status},
		})
		for _, s := range []crm.Search{
			{Module: crm.Contacts, Keys: []crm.MatchKey{at("a@example.com")}}, {Module: crm.Contacts, Keys: []crm.MatchKey{at("b@example.com"), at("c@example.com")}},
			{Module: crm.Companies, Keys: []crm.MatchKey{{Column: domain, Value: "a.it"}}},
		} {
			if _, err := c.Find(t.Context(), s); err == nil || fault.KindOf(err).String() != name {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestNoQuestionIsLongerThanTheSearchReads(t *testing.T) {
	v := values{property: "domain"}
	for i := range 200 {
		v.wanted = append(v.wanted, fmt.Sprintf("%s%03d.it", strings.Repeat("d", 100), i), fmt.Sprintf("*%08d", i))
	}
	said := 0
	for _, groups := range questions([]values{v}) {
		raw, _ := json.Marshal(searchBody{Groups: groups})
		if len(raw) > 3000 || len(groups) > 5 {
			t.Errorf("%d characters in %d groups", len(raw), len(groups))
		}
		for _, g := range groups {
			said += max(len(g.Filters[0].Values), 1)
		}
	}
	if said != len(v.wanted) {
		t.Errorf("asked for %d of %d values", said, len(v.wanted))
	}
}

func TestNoQuestionHasMoreValuesThanTheSearchTakes(t *testing.T) {
	v := values{property: "domain"}
	for i := range 120 {
		v.wanted = append(v.wanted, fmt.Sprintf("%d.it", i))
	}
	var got []int
	for _, groups := range questions([]values{v}) {
		for _, g := range groups {
			got = append(got, len(g.Filters[0].Values))
		}
	}
	if !slices.Equal(got, []int{50, 50, 20}) {
		t.Errorf("120 values are asked for as %v", got)
	}
}

func TestOnlyWhatIsSetIsWritten(t *testing.T) {
	c, p := dial(t, map[string][]string{
		"PATCH " + contacts + "/7": {`{"id":"9","updatedAt":"2026-11-21T10:00:00.500Z","properties":{"email":"a@example.com","mobilephone":"","tags":"a;b","hubspot_owner_id":"41","firstname":"not asked"}}`},
		owners:                     {`{"results":[]}`, `{"results":[{"id":"41","email":"Anna@Example.com"}]}`},
		"PUT " + contacts + "/9/associations/companies/55": {`201 {"fromObjectId":9}`},
	})
	got := c.Write(t.Context(), crm.Change{ID: hub(crm.Contacts, "7"), Columns: []crm.Column{email, phone, tags, owner, employs, born},
		Set: map[crm.Field]crm.Value{"email": crm.Text("A@example.com"), "phone": crm.Empty(), "tags": crm.Text(";a;b"), "owner": crm.Text("anna@example.com"), "company": crm.Text("55")}})
	want := crm.Result{ID: hub(crm.Contacts, "9"), Modified: time.Date(2026, 11, 21, 10, 0, 0, 500e6, time.UTC), Answered: map[crm.Field]crm.Value{
		"email": crm.Text("a@example.com"), "phone": crm.Empty(), "tags": crm.Text("a;b"), "owner": crm.Text("Anna@Example.com"), "company": crm.Text("55")}}
	if diff := cmp.Diff(want, got, shows); diff != "" {
		t.Error(diff)
	}
	if body := `{"properties":{"email":"A@example.com","hubspot_owner_id":"41","mobilephone":"","tags":"a;b"}}`; p.bodies[2] != body {
		t.Errorf("patched with %s", p.bodies[2])
	}
	if body := `[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":1}]`; p.bodies[3] != body {
		t.Errorf("associated with %s", p.bodies[3])
	}
}

func TestAnOwnerWithoutAnAccountIsSkipped(t *testing.T) {
	c, p := dial(t, map[string][]string{owners: {`{"results":[{"id":"40","email":"old@example.com"}]}`, `{"results":[]}`}})
	got := c.Write(t.Context(), crm.Change{ID: hub(crm.Contacts, "7"), Columns: []crm.Column{owner}, Set: map[crm.Field]crm.Value{"owner": crm.Text("old@example.com")}})
	if got.Err != nil || !cmp.Equal(got.Skipped, []crm.Field{"owner"}) || len(p.calls) != 2 {
		t.Errorf("%+v after %d calls", got, len(p.calls))
	}
}

func TestTakingACompanyAwayDeletesTheAssociationThatWasReadAndAsksNothing(t *testing.T) {
	leave := func(company crm.Value) crm.Change {
		return crm.Change{ID: hub(crm.Contacts, "7"), Columns: []crm.Column{employs}, Set: map[crm.Field]crm.Value{"company": crm.Empty()}, Leaves: company}
	}
	for company, calls := range map[crm.Value]int{crm.Text("55"): 1, crm.Empty(): 0} {
		c, p := dial(t, map[string][]string{"DELETE " + contacts + "/7/associations/companies/55": {`204 `}})
		if got := c.Write(t.Context(), leave(company)); got.Err != nil || !got.Answered["company"].IsEmpty() || len(p.calls) != calls {
			t.Errorf("from %q: %+v after %v", company.Text(), got, p.calls)
		}
	}
	c, p := dial(t, nil)
	if got := c.Write(t.Context(), leave(crm.Unknown())); fault.KindOf(got.Err) != fault.Ours || len(p.calls) != 0 {
		t.Errorf("from a company that nobody has read: %+v after %v", got, p.calls)
	}
}

func TestAWriteThatFailsSaysWhichFieldAndNothingElse(t *testing.T) {
	change := crm.Change{ID: hub(crm.Contacts, "7"), Columns: []crm.Column{email, phone, employs},
		Set: map[crm.Field]crm.Value{"email": crm.Text("canary@example.com"), "phone": crm.Text("canary phone"), "company": crm.Text("55")}}
	patch, put := "PATCH "+contacts+"/7", "PUT "+contacts+"/7/associations/companies/55"
	const taken = `{"id":"7","properties":{"email":"canary@example.com","mobilephone":"canary phone"}}`
	tests := []struct {
		name     string
		answers  map[string][]string
		kind     fault.Kind
		field    crm.Field
		record   string
		answered int
		message  string // of the refusal, "" for any
	}{
		{"a value", map[string][]string{patch: {`400 {"category":"VALIDATION_ERROR","message":"Property values were not valid","errors":[{"message":"canary phone is no number","code":"INVALID_PHONE","context":{"propertyName":["mobilephone"]}}]}`}}, fault.Refused, "phone", "", 0, "… is no number"},
		{"an address of somebody else", map[string][]string{patch: {`409 {"category":"CONFLICT","message":"Contact already exists. Existing ID: 12"}`}}, fault.Conflict, "email", "12", 0, ""},
		{"a record that is gone", map[string][]string{patch: {`404 {"message":"resource not found"}`}}, fault.Missing, "", "", 0, ""},
		{"no answer", map[string][]string{patch: {`502 {}`}}, fault.Down, "", "", 0, ""},
		{"a company that is gone", map[string][]string{patch: {taken}, put: {`404 {"category":"OBJECT_NOT_FOUND","message":"No company canary"}`}}, fault.Refused, "company", "", 2, ""},
		{"a company, refused", map[string][]string{patch: {taken}, put: {`400 {"category":"VALIDATION_ERROR","message":"One or more associations are invalid"}`}}, fault.Refused, "company", "", 2, ""},
		{"a company, without the right", map[string][]string{patch: {taken}, put: {`400 {"category":"VALIDATION_ERROR","message":"Missing 'associate' permission"}`}}, fault.Refused, "company", "", 2, "Missing … permission"},
		{"a company, no answer", map[string][]string{patch: {taken}, put: {`502 {}`}}, fault.Down, "", "", 2, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, p := dial(t, tt.answers)
			got := c.Write(t.Context(), change)
			e, ok := errors.AsType[*fault.Error](got.Err)
			if !ok || e.Kind != tt.kind || len(got.Answered) != tt.answered || len(p.calls) != len(tt.answers) {
				t.Fatalf("%+v after %v", got, p.calls)
			}
			if tt.field != "" && (len(e.Refused) != 1 || e.Refused[0].Field != tt.field || e.Refused[0].Record != tt.record) {
				t.Errorf("refused %+v", e.Refused)
			}
			for _, r := range e.Refused {
				if tt.message != "" && r.Message != tt.message {
					t.Errorf("told %q, want %q", r.Message, tt.message)
				}
				if strings.Contains(r.Message+got.Err.Error(), "canary p") || strings.Contains(r.Message, "canary@") {
					t.Errorf("a value stays: %s, %v", r.Message, got.Err)
				}
			}
		})
	}
}

func TestNothingIsCreatedAndNothingUnknownIsSent(t *testing.T) {
	c, p := dial(t, nil)
	for name, ch := range map[string]crm.Change{
		"no id":            {Set: map[crm.Field]crm.Value{"email": crm.Text("x")}, Columns: []crm.Column{email}},
		"no column":        {ID: hub(crm.Contacts, "7"), Set: map[crm.Field]crm.Value{"email": crm.Text("x")}},
		"an unknown value": {ID: hub(crm.Contacts, "7"), Set: map[crm.Field]crm.Value{"email": crm.Unknown()}, Columns: []crm.Column{email}},
	} {
		if got := c.Write(t.Context(), ch); fault.KindOf(got.Err) != fault.Ours || len(p.calls) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAListingAsksForWhatLiesBehindTheLastIdAndTakesNoOtherOrder(t *testing.T) {
	since := time.UnixMilli(1790000000000)
	const rows = `{"results":[{"id":"9","properties":{"hs_lastmodifieddate":"2026-11-21T10:00:00.250Z"}},{"id":"10","properties":{}}],"paging":{"next":{"after":"200"}}}`
	c, p := dial(t, map[string][]string{"POST " + companies + "/search": {rows, `{"results":[]}`, rows}})
	got, next, err := c.Changed(t.Context(), crm.Companies, since, "")
	want := []crm.Touched{{ID: hub(crm.Companies, "9"), Modified: time.Date(2026, 11, 21, 10, 0, 0, 250e6, time.UTC)}, {ID: hub(crm.Companies, "10")}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" || next != "10" {
		t.Fatalf("%v, next %q: %s", err, next, diff)
	}
	if got, next, err = c.Changed(t.Context(), crm.Companies, since, next); err != nil || len(got) != 0 || next != "" {
		t.Fatalf("%v, %v, next %q", got, err, next)
	}
	const body = `{"filterGroups":[{"filters":[{"propertyName":"hs_lastmodifieddate","operator":"GTE","value":"1790000000000"},` +
		`{"propertyName":"hs_object_id","operator":"GT","value":"10"}]}],"properties":["hs_lastmodifieddate"],` +
		`"sorts":[{"propertyName":"hs_object_id","direction":"ASCENDING"}],"limit":200,"after":"0"}`
	if p.bodies[1] != body {
		t.Errorf("asked %s", p.bodies[1])
	}
	if got, _, err = c.Changed(t.Context(), crm.Companies, since, "9"); fault.KindOf(err) != fault.Down || got != nil {
		t.Errorf("a page that begins with the last id: %v, %v", got, err)
	}
}

func TestATokenThatIsNotTakenIsDenied(t *testing.T) {
	c, p := dial(t, nil)
	c.token = crm.NewSecret("old")
	_, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{"7"}})
	if fault.KindOf(err) != fault.Denied || len(p.calls) != 1 || strings.Contains(err.Error(), "old") {
		t.Errorf("%v after %v", err, p.calls)
	}
}

func TestDefinitionsTellWhatCanBeWritten(t *testing.T) {
	c, _ := dial(t, map[string][]string{props: {`{"results":[{"name":"lead","label":"Lead","type":"enumeration","fieldType":"select","hasUniqueValue":true,
		"options":[{"label":"A","value":"a"},{"label":"B","value":"b"}],"modificationMetadata":{"readOnlyValue":true}},{"name":"old","archived":true}]}`}})
	got, err := c.Definitions(t.Context(), crm.Contacts)
	want := map[string]Definition{"lead": {Name: "lead", Label: "Lead", Type: "enumeration", FieldType: "select", ReadOnly: true, Unique: true, Options: []string{"a", "b"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
}

// FuzzAnswer feeds a client any body as the answer to a read: it must give a reading or a fault, and never another.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"id":"7","properties":{"email":"a"},"propertiesWithHistory":{"email":[{"value":null,"timestamp":1}]},"archived":false}`)
	f.Add(207, `{"results":[{"id":7,"properties":{"hs_merged_object_ids":"1;2"}}],"errors":[{"category":"OBJECT_NOT_FOUND","context":{"ids":[1]}}]}`)
	f.Add(200, `<html>`)
	f.Add(404, `{"message":"resource not found"}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		c := New(Config{Now: func() time.Time { return now }, HTTP: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
		})})
		for _, keys := range [][]string{{"7"}, {"1", "7"}} {
			got, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: keys, Columns: []crm.Column{email, tags, born, seen}, History: true})
			if err != nil {
				if _, ok := errors.AsType[*fault.Error](err); !ok {
					t.Fatalf("%T is no fault", err)
				}
				continue
			}
			for _, r := range got {
				if !r.Gone && r.Record.ID.Key == "" {
					t.Fatal("a record without an id")
				}
			}
		}
		result := c.Write(t.Context(), crm.Change{ID: hub(crm.Contacts, "7"), Columns: []crm.Column{email}, Set: map[crm.Field]crm.Value{"email": crm.Text("a")}})
		if result.Err == nil && (status < 200 || status > 299) {
			t.Fatalf("status %d is taken for success", status)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func ExampleClient_Read() {
	c := New(Config{Token: crm.NewSecret("pat"), Now: func() time.Time { return now }, HTTP: roundTrip(func(*http.Request) (*http.Response, error) {
		body := `{"id":"7","properties":{"email":"anna@example.com"}}`
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	})})
	readings, err := c.Read(context.Background(), crm.Query{Module: crm.Contacts, Keys: []string{"7"}, Columns: []crm.Column{email}})
	fmt.Println(readings[0].Record.ID, readings[0].Record.Fields["email"], err)
	// Output: hubspot/contact/7 [filled] <nil>
}
