package zoho_test

import (
	"fmt"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

const me = `{"users":[{"id":"4876876000000225013","email":"integration@example.com","status":"active"}]}`

func event(at, source, by, property, value string) string {
	return fmt.Sprintf(`{"audited_time":"%s","action":"updated","source":%s,"done_by":%s,"record":{"id":"`+idOne+`"},
		"field_history":[{"api_name":"%s","_value":{"old":"x","new":%s}}]}`, at, source, by, property, value)
}

func TestTimesTellWhenAFieldChangedAndWhetherByUs(t *testing.T) {
	us, anna := `{"id":"4876876000000225013"}`, `{"id":"4876876000000225099"}`
	pages := []string{
		`{"__timeline":[` +
			event("2026-11-20T10:00:00+01:00", `"crm_ui"`, anna, "Phone", `"333"`) + "," +
			event("2026-11-20T12:00:00+01:00", `"crm_api"`, us, "Phone", `"334"`) + "," +
			event("2026-11-20T11:00:00+01:00", `"crm_ui"`, us, "Phone", `null`) + "," +
			event("not a time", `"crm_ui"`, us, "Phone", `"x"`) + "," +
			`{"audited_time":"2026-11-20T13:00:00+01:00","action":"added","source":"crm_ui","done_by":` + anna + `}` +
			`],"info":{"more_records":true,"next_page_token":"next"}}`,
		`{"__timeline":[` +
			event("2026-11-19T10:00:00+01:00", `"crm_api"`, anna, "Email", `"a@example.com"`) + "," +
			event("2026-11-19T09:00:00+01:00", `null`, us, "Email", `"b@example.com"`) + "," +
			event("2026-11-19T08:00:00+01:00", `"crm_api"`, `null`, "Lead_Source", `"Partner"`) + "," +
			event("2026-11-19T07:00:00+01:00", `null`, `null`, "Lead_Source", `"Other"`) + "," +
			event("2026-11-19T07:00:00+01:00", `null`, `null`, "Unasked", `"Other"`) + "," +
			`{"audited_time":"2026-11-18T10:00:00+01:00","record":{"id":"` + idTwo + `"},"field_history":[{"api_name":"Phone"}]}` +
			`],"info":{"more_records":false}}`,
	}
	c, f := client(t, func(q request) reply {
		switch {
		case q.path == "/crm/v8/users" && q.query.Get("type") == "CurrentUser":
			return ok(me)
		case q.path != "/crm/v8/Contacts/"+idOne+"/__timeline":
			return reply{status: 500}
		case q.query.Get("page_token") == "next":
			return ok(pages[1])
		}
		return ok(pages[0])
	})
	times, err := c.Times(t.Context(), contact(idOne), columns)
	if err != nil {
		t.Fatal(err)
	}
	entry := func(v crm.Value, at string, ours bool) crm.Entry {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		return crm.Entry{Value: v, At: when.UTC(), Ours: ours}
	}
	want := map[crm.Field][]crm.Entry{
		"": {
			entry(crm.Unknown(), "2026-11-20T13:00:00+01:00", false),
			entry(crm.Unknown(), "2026-11-20T12:00:00+01:00", true),
			entry(crm.Unknown(), "2026-11-20T11:00:00+01:00", false),
			entry(crm.Unknown(), "2026-11-20T10:00:00+01:00", false),
			entry(crm.Unknown(), "2026-11-19T10:00:00+01:00", false),
			entry(crm.Unknown(), "2026-11-19T09:00:00+01:00", true),
			entry(crm.Unknown(), "2026-11-19T08:00:00+01:00", true),
			entry(crm.Unknown(), "2026-11-19T07:00:00+01:00", false),
			entry(crm.Unknown(), "2026-11-19T07:00:00+01:00", false),
		},
		"phone": {
			entry(crm.Text("334"), "2026-11-20T12:00:00+01:00", true),
			entry(crm.Empty(), "2026-11-20T11:00:00+01:00", false),
			entry(crm.Text("333"), "2026-11-20T10:00:00+01:00", false),
		},
		"email": {
			entry(crm.Text("a@example.com"), "2026-11-19T10:00:00+01:00", false),
			entry(crm.Text("b@example.com"), "2026-11-19T09:00:00+01:00", true),
		},
		"source": {
			entry(crm.Unknown(), "2026-11-19T08:00:00+01:00", true),
			entry(crm.Unknown(), "2026-11-19T07:00:00+01:00", false),
		},
	}
	if fmt.Sprint(times) != fmt.Sprint(want) || times["phone"][2].Value != want["phone"][2].Value {
		t.Errorf("got  %v\nwant %v", times, want)
	}
	if _, err := c.Times(t.Context(), contact(idOne), columns); err != nil || len(f.asked) != 5 {
		t.Errorf("%v, %d calls: our own user is asked for once", err, len(f.asked))
	}
}

func TestTimesOfARecordThatIsGoneAreMissing(t *testing.T) {
	f := &fake{t: t, answer: always(recorded(t, "any.400.related_id.json"))}
	c := zoho.New(zoho.Config{Tokens: &tokens{}, HTTP: f, Now: now, UserID: "4876876000000225013"})
	for _, key := range []string{idOne, "", "x/y"} {
		if _, err := c.Times(t.Context(), contact(key), columns); fault.KindOf(err) != fault.Missing {
			t.Errorf("%q: %v", key, err)
		}
	}
	if len(f.asked) != 1 {
		t.Errorf("%d calls", len(f.asked))
	}
}

func TestWithoutAUserOfOurOwnTimesAreNotGuessed(t *testing.T) {
	for _, body := range []string{`{"users":[]}`, `{"users":[{"id":"x"}]}`} {
		c, _ := client(t, always(ok(body)))
		if _, err := c.Times(t.Context(), contact(idOne), columns); fault.KindOf(err) != fault.Setup {
			t.Error(err)
		}
	}
}
