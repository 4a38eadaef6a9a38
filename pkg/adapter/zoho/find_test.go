package zoho_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	want := "from Accounts where ((Website like 'example.com%' or Website like '%//example.com%') or Website like '%www.example.com%') limit"
	if asked := selected(t, f.asked[0]); !strings.Contains(asked, want) {
		t.Error(asked)
	}
}

func TestAPhoneIsAskedForInItsSpellings(t *testing.T) {
	c, f := client(t, always(reply{status: 204}))
	mobile := crm.MatchKey{Column: crm.Column{Property: "Mobile", Type: crm.TypePhone}, Value: "+393331234567"}
	if _, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, Keys: []crm.MatchKey{mobile}}); err != nil {
		t.Fatal(err)
	}
	if asked := selected(t, f.asked[0]); !strings.Contains(asked,
		"where (Mobile in ('+393331234567', '393331234567', '00393331234567') or Mobile like '%1%2%3%4%5%6%7%') limit") {
		t.Error(asked)
	}
}

func TestManyKeysAreAskedInListsOfFiftyGroupedInPairs(t *testing.T) {
	c, f := client(t, always(reply{status: 204}))
	var ids []string
	for i := range 1120 {
		ids = append(ids, fmt.Sprint(1000+i))
	}
	if _, err := c.Find(t.Context(), crm.Search{Module: crm.Contacts, HubSpotIDs: ids}); err != nil {
		t.Fatal(err)
	}
	if len(f.asked) != 2 {
		t.Fatalf("%d calls", len(f.asked))
	}
	first, second := selected(t, f.asked[0]), selected(t, f.asked[1])
	if strings.Count(first, " in (") != 19 || strings.Count(second, " in (") != 4 || !strings.Contains(second, "where (((HubSpot_Id in ('1950'") {
		t.Errorf("%s\n%s", first, second)
	}
	if strings.Count(first, "(") != strings.Count(first, ")") || strings.Count(first, strings.Repeat("(", 20)) != 0 {
		t.Error(first)
	}
	var n int
	for _, q := range []string{first, second} {
		n += strings.Count(q, "'") / 2
	}
	if n != 1120 {
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
	if got := f.asked[1].query.Get("fields"); got != "id,Created_Time,Modified_Time,Converted__s,Email,Last_Name,First_Name,Phone" {
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

// crowded answers look-ups as an organisation in which too many contacts carry a few of the addresses, and one each any other.
func crowded(t *testing.T, guilty ...string) func(q request) reply {
	return func(q request) reply {
		if q.path != "/crm/v8/coql" {
			var rows []string
			for id := range strings.SplitSeq(q.query.Get("ids"), ",") {
				rows = append(rows, fmt.Sprintf(`{"id":%q,"Email":"p%s@example.com"}`, id, strings.TrimLeft(id[10:], "0")))
			}
			return ok(`{"data":[` + strings.Join(rows, ",") + `],"info":{"more_records":false}}`)
		}
		asked := selected(t, q)
		for _, address := range guilty {
			if strings.Contains(asked, "'"+address+"'") {
				return ok(`{"data":[{"id":"4876876000000000999"}],"info":{"more_records":true}}`)
			}
		}
		var rows []string
		for i := range 60 {
			if strings.Contains(asked, fmt.Sprintf("'p%d@example.com'", i+1)) {
				rows = append(rows, fmt.Sprintf(`{"id":"4876876000%09d"}`, i+1))
			}
		}
		return ok(`{"data":[` + strings.Join(rows, ",") + `],"info":{"more_records":false}}`)
	}
}

func TestOnlyTheKeyThatTooManyRecordsHaveGetsNoAnswer(t *testing.T) {
	search := func(addresses ...string) crm.Search {
		s := crm.Search{Module: crm.Contacts, Columns: []crm.Column{emailColumn}}
		for _, a := range addresses {
			s.Keys = append(s.Keys, crm.MatchKey{Column: emailColumn, Value: a})
		}
		return s
	}
	var all []string
	for i := range 50 {
		all = append(all, fmt.Sprintf("p%d@example.com", i+1))
	}
	for name, guilty := range map[string][]string{"the first": {"p1@example.com"}, "one in the middle": {"p25@example.com"}, "two": {"p7@example.com", "p50@example.com"}} {
		c, f := client(t, crowded(t, guilty...))
		s := search(append(all, all[:3]...)...) // two of a batch may have the same
		s.HubSpotIDs = []string{"151", "152", "151"}
		found, err := c.Find(t.Context(), s)
		odd, partly := errors.AsType[*fault.Unanswered](err)
		if !partly || fault.KindOf(err) != fault.Conflict || len(found) != len(all)-len(guilty) {
			t.Fatalf("%s: %d found, %v", name, len(found), err)
		}
		for _, a := range all {
			if odd.About(search(a)) != slices.Contains(guilty, a) {
				t.Errorf("%s: %s without an answer: %v", name, a, odd.About(search(a)))
			}
		}
		if odd.About(crm.Search{HubSpotIDs: []string{"151", "152"}}) || !odd.About(search("x@example.com", guilty[0])) {
			t.Errorf("%s: an id is blamed for a key, or a key is not", name)
		}
		if said := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(said, "@") || !strings.Contains(said, "TOO_MANY_ROWS") {
			t.Errorf("%s: %s", name, said)
		}
		if e, ok := errors.AsType[*fault.Error](err); !ok || len(e.Refused) != 1 || e.Refused[0].Field != "email" || e.Refused[0].Hint != fault.HintDuplicate {
			t.Errorf("%s: the field is not named: %v", name, err)
		}
		if n := len(f.asked); n > 90*len(guilty) {
			t.Errorf("%s: %d calls", name, n)
		}
	}
}

func TestAValueThatZohoReadsOtherwiseIsTheFaultOfItsKeyAlone(t *testing.T) {
	for body, alone := range map[string]bool{
		`{"code":"SYNTAX_ERROR","details":{},"message":"error occurred while parsing the query","status":"error"}`: true,
		`{"code":"INVALID_QUERY","details":{},"message":"column given seems to be invalid","status":"error"}`:      false, // the same for all
	} {
		calls := 0
		answer := crowded(t)
		c, _ := client(t, func(q request) reply {
			if q.path == "/crm/v8/coql" && strings.Contains(q.body, "odd@example.com") {
				calls++
				return reply{status: 400, body: body}
			}
			return answer(q)
		})
		s := crm.Search{Module: crm.Contacts, Columns: []crm.Column{emailColumn}}
		for _, a := range []string{"p1@example.com", "p2@example.com", "odd@example.com", "p3@example.com"} {
			s.Keys = append(s.Keys, crm.MatchKey{Column: emailColumn, Value: a})
		}
		found, err := c.Find(t.Context(), s)
		_, partly := errors.AsType[*fault.Unanswered](err)
		if err == nil || partly != alone || (len(found) == 3) != alone || !alone && calls != 1 {
			t.Errorf("%s: %d found, %v, %d calls", body, len(found), err, calls)
		}
	}
}

func TestAnOutageIsNoKeysFault(t *testing.T) {
	c, f := client(t, always(reply{status: 503, body: "<html>down</html>"}))
	s := crm.Search{Module: crm.Contacts, HubSpotIDs: []string{"1", "2", "3", "4"}}
	_, err := c.Find(t.Context(), s)
	if _, partly := errors.AsType[*fault.Unanswered](err); partly || fault.KindOf(err) != fault.Down || len(f.asked) > 3 {
		t.Errorf("%v after %d calls", err, len(f.asked))
	}
}
