package zohotest_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

func TestANotificationHasTheVendorsBody(t *testing.T) {
	g := newOrg(t, live)
	id := g.create(crm.Contacts, "Last_Name", "Rossi")
	g.wait(1500 * time.Millisecond)
	g.edit(crm.Contacts, id, "Mobile", "123456789")
	if err := g.Delete(crm.Contacts, id); err != nil {
		t.Fatal(err)
	}
	expect(t, "before the tick", len(g.sent), 0)
	g.Tick()
	common := `"query_params":{"stage":"test"},"module":"Contacts","resource_uri":"https://www.zohoapis.eu/crm/v2/Contacts","ids":["` + id + `"],`
	tail := `"channel_id":"1000000068001","token":"sandbox-channel"}`
	for i, want := range []string{
		`{"server_time":1795251600000,` + common + `"affected_fields":[],"operation":"insert",` + tail,
		`{"server_time":1795251601500,"affected_values":[{"record_id":"` + id + `","values":{"Mobile":"123456789"}}],` + common +
			`"affected_fields":[{"` + id + `":["Mobile"]}],"operation":"update",` + tail,
		`{"server_time":1795251601500,"affected_values":[{"record_id":"` + id + `","values":{"Modified_By":{"email":"anna.verdi@example.com","id":"4876876000000225021","name":"Anna Verdi"},"Record_Status__s":0}}],` +
			common + `"affected_fields":[{"` + id + `":["Modified_By","Record_Status__s"]}],"operation":"delete",` + tail,
	} {
		if i >= len(g.sent) {
			t.Fatalf("only %d notifications", len(g.sent))
		}
		expect(t, "body", g.sent[i], want)
	}
}

func TestOurOwnWritesAreNotifiedTooManyAtOnce(t *testing.T) {
	g := newOrg(t, live)
	a := g.call("POST", "/Contacts", `{"data":[{"Last_Name":"A"},{"Last_Name":"B"}],"trigger":[]}`)
	g.Tick()
	expect(t, "posts", len(g.sent), 1)
	expect(t, "ids", strings.Contains(g.sent[0], `"ids":["`+a.str("data.0.details.id")+`","`+a.str("data.1.details.id")+`"]`), true)
	g.call("PUT", "/Contacts/"+a.str("data.0.details.id"), `{"data":[{"Last_Name":"A"}],"trigger":[]}`)
	g.Tick()
	expect(t, "a write that changes nothing", len(g.sent), 1)
	g.create(crm.Leads, "Last_Name", "Neri")
	g.Tick()
	expect(t, "not subscribed", len(g.sent), 1)
	if err := g.Delete(crm.Contacts, a.str("data.1.details.id")); err != nil {
		t.Fatal(err)
	}
	if err := g.Restore(crm.Contacts, a.str("data.1.details.id")); err != nil {
		t.Fatal(err)
	}
	g.Tick()
	expect(t, "restored", strings.Contains(g.sent[2], `"operation":"undo"`), true)
}

func TestAChannelLivesAWeekAtMost(t *testing.T) {
	const url = `"notify_url":"https://door.example.com/zoho","return_affected_field_values":true,"notify_on_related_action":false`
	g := newOrg(t)
	expect(t, "none", g.call("GET", "/actions/watch", "").status, http.StatusNoContent)
	open := func(method, extra string) response {
		return g.call(method, "/actions/watch", `{"watch":[{"channel_id":"7","events":["Contacts.create","Contacts.edit"],`+url+extra+`}]}`)
	}
	for extra, want := range map[string]string{
		``: "2026-11-21T11:00:00+01:00",
		`,"channel_expiry":"2026-11-28T10:00:00+01:00"`: "2026-11-28T10:00:00+01:00",
		`,"channel_expiry":"2026-11-28T10:00:01+01:00"`: "2026-11-21T11:00:00+01:00",
	} {
		a := open("POST", extra)
		expect(t, "status", a.status, http.StatusCreated)
		expect(t, "expiry"+extra, a.str("watch.0.details.events.0.channel_expiry"), want)
	}
	open("POST", "")
	a := g.call("GET", "/actions/watch?channel_id=7", "")
	expect(t, "one row", len(asList(a.at("watch"))), 1)
	expect(t, "long token", open("POST", `,"token":"`+strings.Repeat("x", 51)+`"`).str("watch.0.details.api_name"), "token")
	expect(t, "no token", a.at("watch.0.token"), nil)
	g.wait(time.Hour - time.Second)
	id := g.create(crm.Contacts, "Last_Name", "Rossi")
	g.Tick()
	expect(t, "told", len(g.sent), 1)
	expect(t, "token null", strings.Contains(g.sent[0], `"token":null`), true)
	expect(t, "renewed", open("PUT", "").status, http.StatusOK)
	g.wait(time.Hour)
	g.token = g.NewToken()
	g.edit(crm.Contacts, id, "Phone", "1")
	g.Tick()
	expect(t, "expired", len(g.sent), 1)
	for _, method := range []string{"PUT", "PATCH"} {
		expect(t, method, open(method, "").str("watch.0.code"), "NOT_SUBSCRIBED")
	}
	open("POST", "")
	expect(t, "closed", g.call("DELETE", "/actions/watch?channel_ids=7", "").status, http.StatusOK)
	expect(t, "gone", g.call("GET", "/actions/watch", "").status, http.StatusNoContent)
	expect(t, "plain http", g.call("POST", "/actions/watch", `{"watch":[{"channel_id":"7","events":["Contacts.edit"],"notify_url":"http://door.example.com"}]}`).str("watch.0.details.api_name"), "notify_url")
	expect(t, "no channel", g.call("POST", "/actions/watch", `{"watch":[{"events":["Contacts.edit"],`+url+`}]}`).str("watch.0.code"), "MANDATORY_NOT_FOUND")
}

func TestASelectionOfFieldsKeepsOtherUpdatesBack(t *testing.T) {
	g := newOrg(t)
	moduleID := g.call("GET", "/settings/modules", "").str("modules.1.id")
	var phone string
	for _, f := range asList(g.call("GET", "/settings/fields?module=Contacts", "").at("fields")) {
		if row := f.(map[string]any); row["api_name"] == "Phone" {
			phone = row["id"].(string)
		}
	}
	watch := func(id string) response {
		return g.call("POST", "/actions/watch", `{"watch":[{"channel_id":"7","events":["Contacts.edit"],"notify_url":"https://door.example.com","notification_condition":[{"type":"field_selection","module":{"api_name":"Contacts","id":"`+
			moduleID+`"},"field_selection":{"field":{"api_name":"Phone","id":"`+id+`"}}}]}]}`)
	}
	expect(t, "wrong id", watch("1").status, http.StatusBadRequest)
	expect(t, "right id", watch(phone).status, http.StatusCreated)
	id := g.create(crm.Contacts, "Last_Name", "Rossi")
	g.edit(crm.Contacts, id, "Mobile", "1")
	g.Tick()
	expect(t, "mobile", len(g.sent), 0)
	g.edit(crm.Contacts, id, "Phone", "1")
	g.Tick()
	expect(t, "phone", len(g.sent), 1)
	expect(t, "ids only", strings.Contains(g.sent[0], `"affected_fields":[]`), true)
}

func TestNotificationsAreLostDoubledAndOvertaken(t *testing.T) {
	run := func(set func(*zohotest.Options)) []string {
		g := newOrg(t, live, func(o *zohotest.Options) { o.Rand = rand.New(rand.NewPCG(1, 2)); set(o) })
		for range 40 {
			g.create(crm.Contacts, "Last_Name", "Rossi")
			g.wait(time.Second)
		}
		for !g.NextTick().IsZero() {
			g.clock = g.NextTick()
			g.Tick()
		}
		return g.sent
	}
	straight := run(func(*zohotest.Options) {})
	expect(t, "all", len(straight), 40)
	if n := len(run(func(o *zohotest.Options) { o.Loss = 0.5 })); n == 0 || n == 40 {
		t.Errorf("half lost: %d", n)
	}
	expect(t, "doubled", len(run(func(o *zohotest.Options) { o.Duplicates = 1 })), 80)
	mixed := run(func(o *zohotest.Options) { o.NotifyDelay, o.Reorder = time.Second, time.Minute })
	expect(t, "late, but all", len(mixed), 40)
	expect(t, "in another order", strings.Join(mixed, "") == strings.Join(straight, ""), false)
}

func TestARefusedNotificationIsRepeatedOnlyWhenTold(t *testing.T) {
	for repeat, want := range []int{1, 2, 3} {
		g := newOrg(t, live, func(o *zohotest.Options) { o.Repeat = repeat })
		g.fail = http.StatusServiceUnavailable
		g.create(crm.Contacts, "Last_Name", "Rossi")
		for !g.NextTick().IsZero() {
			g.clock = g.NextTick()
			g.Tick()
		}
		expect(t, "posts", len(g.sent), want)
	}
}

func TestFaults(t *testing.T) {
	insert := `{"data":[{"Last_Name":"R"}]}`
	g := newOrg(t)
	g.Fail(zohotest.Fault{On: "/crm/v8/Contacts", Match: func(r *http.Request) bool {
		b, err := io.ReadAll(r.Body)
		return err == nil && strings.Contains(string(b), "Bianchi")
	}, Status: http.StatusUnauthorized})
	expect(t, "another body", g.call("POST", "/Contacts", insert).status, http.StatusCreated)
	expect(t, "the body that matches", g.call("POST", "/Contacts", `{"data":[{"Last_Name":"Bianchi"}]}`).str("code"), "INVALID_TOKEN")
	g = newOrg(t)
	g.Fail(zohotest.Throttle(1, "7"))
	a := g.call("GET", "/org", "")
	expect(t, "throttled", a.status, http.StatusTooManyRequests)
	expect(t, "after", a.header.Get("Retry-After"), "7")
	g.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", Lost: zohotest.LostBefore, Times: 2})
	g.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", Lost: zohotest.LostAfter})
	for i, want := range []int{0, 0, 1} {
		_, err := g.try("POST", "/Contacts", insert)
		if !errors.Is(err, zohotest.ErrLost) {
			t.Fatalf("call %d: %v", i, err)
		}
		expect(t, "records", len(g.IDs(crm.Contacts)), want)
	}
	g.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", Status: http.StatusBadGateway, Body: zohotest.BadGateway, Lost: zohotest.LostAfter})
	expect(t, "carried out, 502", g.call("POST", "/Contacts", insert).status, http.StatusBadGateway)
	expect(t, "records", len(g.IDs(crm.Contacts)), 2)
	g.Fail(zohotest.Fault{Cut: true})
	if _, err := g.try("GET", "/org", ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut: %v", err)
	}
	g.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", LandsAfter: time.Hour})
	if _, err := g.try("POST", "/Contacts", insert); !errors.Is(err, zohotest.ErrLost) {
		t.Errorf("late: %v", err)
	}
	g.Tick()
	expect(t, "not landed", len(g.IDs(crm.Contacts)), 2)
	g.clock = g.NextTick()
	g.Tick()
	expect(t, "landed, though the token has died", len(g.IDs(crm.Contacts)), 3)
	expect(t, "counted", g.Count("POST /crm/v8/Contacts"), 5)
}

func TestAReadCanBeStale(t *testing.T) {
	g := newOrg(t)
	id := g.create(crm.Contacts, "Last_Name", "Old")
	g.wait(10 * time.Second)
	g.edit(crm.Contacts, id, "Last_Name", "New")
	young := g.create(crm.Contacts, "Last_Name", "Young")
	g.Fail(zohotest.Fault{Stale: 5 * time.Second, Times: 3})
	expect(t, "a write is not matched", g.call("PUT", "/Contacts/"+young, `{"data":[{"Phone":"1"}]}`).status, http.StatusOK)
	expect(t, "get", g.call("GET", "/Contacts/"+id, "").str("data.0.Last_Name"), "Old")
	expect(t, "coql", g.coql("select Last_Name from Contacts where id is not null").str("data.0.Last_Name"), "Old")
	expect(t, "not there yet", g.call("GET", "/Contacts/"+young, "").status, http.StatusNoContent)
	expect(t, "over", g.call("GET", "/Contacts/"+id, "").str("data.0.Last_Name"), "New")
}

func TestCreditsRunOut(t *testing.T) {
	g := newOrg(t, func(o *zohotest.Options) { o.Credits = 4 })
	expect(t, "first", g.call("GET", "/org", "").header.Get("X-API-CREDITS-REMAINING"), "")
	expect(t, "second", g.call("GET", "/org", "").header.Get("X-API-CREDITS-REMAINING"), "2")
	g.call("GET", "/Contacts/deleted", "")
	a := g.call("GET", "/org", "")
	expect(t, "spent", a.str("code"), "TOO_MANY_REQUESTS")
	g.wait(24 * time.Hour)
	g.token = g.NewToken()
	expect(t, "next day", g.call("GET", "/org", "").status, http.StatusOK)
}

func TestTheUserTokenPlaysAPerson(t *testing.T) {
	g := newOrg(t)
	g.token = "sandbox-user"
	id := g.call("POST", "/Contacts", `{"data":[{"Last_Name":"R"}]}`).str("data.0.details.id")
	g.call("PUT", "/Contacts/"+id, `{"data":[{"Phone":"1"}]}`)
	expect(t, "source", g.call("GET", "/Contacts/"+id+"/__timeline", "").str("__timeline.0.source"), "crm_ui")
	for _, w := range g.Writes() {
		expect(t, "ours", w.Ours, false)
	}
}

func TestItServesOverARealConnection(t *testing.T) {
	g := newOrg(t)
	server := httptest.NewServer(g)
	defer server.Close()
	g.Fail(zohotest.Fault{Cut: true})
	ask := func() (int, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/crm/v8/org", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Zoho-oauthtoken "+g.token)
		res, err := server.Client().Do(r)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		_, err = io.ReadAll(res.Body)
		return res.StatusCode, err
	}
	if _, err := ask(); err == nil {
		t.Error("a cut answer was read whole")
	}
	g.Fail(zohotest.Fault{Lost: zohotest.LostBefore, Times: -1})
	if _, err := ask(); err == nil {
		t.Error("a lost answer arrived")
	}
	g.Clear()
	status, err := ask()
	expect(t, "status", status, http.StatusOK)
	expect(t, "error", err, nil)
}

func BenchmarkAnOrgWithAFewWrites(b *testing.B) {
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for b.Loop() {
		s := zohotest.New(zohotest.Options{Now: func() time.Time { return at }, ChannelID: "1", NotifyURL: "https://door.example.com", Send: func(*http.Request) (int, error) { return 200, nil }})
		for range 10 {
			id, err := s.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi", "Email": "r@example.com"})
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Edit(crm.Contacts, id, map[string]string{"Phone": "1"}); err != nil {
				b.Fatal(err)
			}
		}
		s.Tick()
	}
}
