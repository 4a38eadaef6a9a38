package zoho_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

var emailColumn = crm.Column{Field: "email", Property: "Email", Type: crm.TypeEmail}

func selected(t *testing.T, q request) string {
	t.Helper()
	var b struct {
		Query string `json:"select_query"`
	}
	if err := json.Unmarshal([]byte(q.body), &b); err != nil || q.method != "POST" || q.path != "/crm/v8/coql" {
		t.Errorf("%v: %s %s %s", err, q.method, q.path, q.body)
	}
	return b.Query
}

func TestALookUpAsksByCOQLAndThenReads(t *testing.T) {
	c, f := client(t, func(q request) reply {
		if q.path == "/crm/v8/coql" {
			return ok(`{"data":[{"id":"` + idOne + `"},{"id":"` + idTwo + `"},{"id":"` + idOne + `"}],"info":{"count":3,"more_records":false}}`)
		}
		return ok(`{"data":[` + rossi + `]}`)
	})
	found, err := c.Find(t.Context(), crm.Search{
		Module: crm.Contacts, HubSpotIDs: []string{"151", "", "151"}, Columns: columns,
		Keys: []crm.MatchKey{{Column: emailColumn, Value: "o'neil@example.com"}, {Column: emailColumn, Value: "rossi@example.com"}},
	})
	if err != nil || len(found) != 1 || found[0].ID.Key != idOne || found[0].Fields["last_name"] != crm.Text("Rossi") {
		t.Errorf("%v, %v", found, err)
	}
	want := "select id, Modified_Time from Contacts where (HubSpot_Id in ('151') or Email in ('o''neil@example.com', 'rossi@example.com')) limit 0, 200"
	if got := selected(t, f.asked[0]); got != want {
		t.Errorf("asked\n%s, want\n%s", got, want)
	}
}

func TestNobodyFoundIsOneCall(t *testing.T) {
	c, f := client(t, always(reply{status: 204}))
	found, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, HubSpotIDs: []string{"151"}})
	if err != nil || len(found) != 0 || len(f.asked) != 1 {
		t.Errorf("%v, %v, %d calls", found, err, len(f.asked))
	}
	if _, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts}); err != nil || len(f.asked) != 1 {
		t.Errorf("%v: a search for nothing was sent", err)
	}
}

func TestADomainIsAskedForInItsSpellings(t *testing.T) {
	c, f := client(t, always(reply{status: 204}))
	key := crm.MatchKey{Column: crm.Column{Property: "Website", Type: crm.TypeDomain}, Value: "example.com"}
	if _, err := c.Find(t.Context(), crm.Search{Module: crm.Companies, Keys: []crm.MatchKey{key}}); err != nil {
		t.Fatal(err)
	}
	asked := selected(t, f.asked[0])
	for _, s := range []string{"'example.com'", "'www.example.com'", "'https://example.com'", "'https://www.example.com/'", "'http://www.example.com'", "from Accounts"} {
		if !strings.Contains(asked, s) {
			t.Errorf("%s is not in %s", s, asked)
		}
	}
}

func TestAPhoneIsAskedForInItsSpellings(t *testing.T) {
	c, f := client(t, always(reply{status: 204}))
	mobile := crm.MatchKey{Column: crm.Column{Property: "Mobile", Type: crm.TypePhone}, Value: "+393331234567"}
	if _, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, Keys: []crm.MatchKey{mobile}}); err != nil {
		t.Fatal(err)
	}
	if asked := selected(t, f.asked[0]); !strings.Contains(asked, "Mobile in ('+393331234567', '393331234567', '00393331234567')") {
		t.Error(asked)
	}
}

func TestManyKeysAreAskedInListsOfFiftyGroupedInPairs(t *testing.T) {
	c, f := client(t, always(reply{status: 204}))
	var ids []string
	for i := range 620 {
		ids = append(ids, fmt.Sprint(1000+i))
	}
	if _, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, HubSpotIDs: ids}); err != nil {
		t.Fatal(err)
	}
	if len(f.asked) != 2 {
		t.Fatalf("%d calls", len(f.asked))
	}
	first, second := selected(t, f.asked[0]), selected(t, f.asked[1])
	if strings.Count(first, " in (") != 10 || strings.Count(second, " in (") != 3 || !strings.Contains(second, "where ((HubSpot_Id in ('1500'") {
		t.Errorf("%s\n%s", first, second)
	}
	if strings.Count(first, "(") != strings.Count(first, ")") || strings.Count(first, "((((((((((") != 0 {
		t.Error(first)
	}
	var n int
	for _, q := range []string{first, second} {
		n += strings.Count(q, "'") / 2
	}
	if n != 620 {
		t.Errorf("%d values asked", n)
	}
}

func TestAKeyThatCOQLMightReadOtherwiseIsAskedForByTheRestOfIt(t *testing.T) {
	for value, want := range map[string]string{
		`a\b's`: "where Email like 'a%b''s' limit", "a\nb": "where Email like 'a%b' limit", "a\x00": "where Email like 'a%' limit",
		"a\uFFFD": "where Email like 'a%' limit", "100%": "where Email in ('100%') limit", `\ \`: "",
	} {
		c, f := client(t, always(reply{status: 204}))
		_, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, Keys: []crm.MatchKey{{Column: emailColumn, Value: value}}})
		if err != nil || want == "" && len(f.asked) != 0 {
			t.Errorf("%q: %v", value, err)
		}
		if want != "" && !strings.Contains(selected(t, f.asked[0]), want) {
			t.Errorf("%q: %s", value, f.asked[0].body)
		}
	}
}

func TestAPropertyThatIsNoNameIsNotSent(t *testing.T) {
	c, _ := client(t, always(reply{status: 204}))
	bad := crm.MatchKey{Column: crm.Column{Property: "Email = '' or id"}, Value: "x"}
	if _, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, Keys: []crm.MatchKey{bad}}); fault.KindOf(err) != fault.Ours {
		t.Errorf("%v: a property that is no name was sent", err)
	}
}

func TestPagesAreReadToTheEnd(t *testing.T) {
	page := 0
	c, f := client(t, func(q request) reply {
		if q.path != "/crm/v8/coql" {
			return reply{status: 204}
		}
		if want := fmt.Sprintf(" limit %d, 200", 200*page); !strings.HasSuffix(selected(t, q), want) {
			t.Errorf("page %d: %s", page, q.body)
		}
		page++
		return ok(fmt.Sprintf(`{"data":[{"id":"48768760000000000%02d"}],"info":{"more_records":%v}}`, page, page < 3))
	})
	if _, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, HubSpotIDs: []string{"1"}}); err != nil || page != 3 {
		t.Errorf("%v after %d pages", err, page)
	}
	if ids := f.asked[3].query.Get("ids"); ids != "4876876000000000001,4876876000000000002,4876876000000000003" {
		t.Error(ids)
	}
}

func TestALeadIsFoundUnlessItIsConverted(t *testing.T) {
	c, f := client(t, func(q request) reply {
		if q.path == "/crm/v8/coql" {
			return ok(`{"data":[{"id":"` + idOne + `"},{"id":"` + idTwo + `"},{"id":"4876876000001234569"}],"info":{"more_records":false}}`)
		}
		return ok(`{"data":[
			{"id":"` + idOne + `","Email":"rossi@example.com","Converted__s":false,"Modified_Time":"2026-11-20T10:15:01+01:00"},
			{"id":"4876876000001234569","Email":"rossi@example.com","$converted":true},
			{"id":"` + idTwo + `","Email":"rossi@example.com","Converted__s":true}],"info":{"more_records":false}}`)
	})
	found, err := c.Find(t.Context(), crm.Search{Module: crm.Leads, HubSpotIDs: []string{"151"}, Columns: columns,
		Keys: []crm.MatchKey{{Column: emailColumn, Value: "rossi@example.com"}}})
	if err != nil || len(found) != 1 || found[0].ID != (crm.ID{System: crm.Zoho, Module: crm.Leads, Key: idOne}) || found[0].Fields["email"] != crm.Text("rossi@example.com") {
		t.Errorf("%v, %v", found, err)
	}
	if got := selected(t, f.asked[0]); got != "select id, Modified_Time from Leads where Email in ('rossi@example.com') limit 0, 200" {
		t.Error(got)
	}
	if got := f.asked[1].query.Get("fields"); got != "id,Created_Time,Modified_Time,Converted__s,Email" {
		t.Error(got)
	}
}

func TestAQueryIsNotLongerThanZohoMightTake(t *testing.T) {
	c, f := client(t, always(reply{status: 204}))
	var keys []crm.MatchKey
	for i := range 200 {
		keys = append(keys, crm.MatchKey{Column: emailColumn, Value: fmt.Sprintf("%s%d@example.com", strings.Repeat("a", 80), i)})
	}
	if _, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, Keys: keys}); err != nil {
		t.Fatal(err)
	}
	for _, q := range f.asked {
		if n := len(selected(t, q)); n > 9000 {
			t.Errorf("%d characters", n)
		}
	}
	if len(f.asked) != 4 {
		t.Errorf("%d calls", len(f.asked))
	}
}
