package hubspottest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
)

func TestTheBurstIsARollingWindow(t *testing.T) {
	d := open(t, hubspottest.Options{Burst: 2})
	ask := func() reply { return d.app("GET", "/account-info/2026-09/details", "") }
	expect(t, "remaining", ask().header.Get("X-HubSpot-RateLimit-Remaining"), "1")
	d.pass(6 * time.Second)
	ask()
	r := ask()
	expect(t, "status", r.status, 429)
	expect(t, "policy", r.at("policyName"), any("TEN_SECONDLY_ROLLING"))
	expect(t, "message", r.at("message"), any("You have reached your ten_secondly_rolling limit."))
	expect(t, "a person", d.user("GET", "/account-info/2026-09/details", "").status, 200)
	d.pass(4 * time.Second)
	expect(t, "the first has left", ask().status, 200)
	expect(t, "the second has not", ask().status, 429)
}

func TestTheDayEndsAtTheAccountsMidnight(t *testing.T) {
	d := open(t, hubspottest.Options{Daily: 1, TimeZone: time.FixedZone("CET", 3600)})
	ask := func() reply { return d.app("GET", "/account-info/2026-09/details", "") }
	expect(t, "status", ask().status, 200)
	expect(t, "policy", ask().at("policyName"), any("DAILY"))
	d.pass(12 * time.Hour) // 22:00 UTC, 23:00 there
	expect(t, "status", ask().status, 429)
	d.pass(time.Hour)
	expect(t, "status", ask().status, 200)
}

func TestSearchesHaveALimitOfTheirOwn(t *testing.T) {
	d := open(t, hubspottest.Options{})
	ask := func() reply { return d.app("POST", contacts+"/search", search("email", "EQ", "a@example.com")) }
	for range 5 {
		expect(t, "status", ask().status, 200)
	}
	r := ask()
	expect(t, "status", r.status, 429)
	expect(t, "message", r.at("message"), any("You have reached your secondly limit."))
	expect(t, "category", r.at("category"), any("RATE_LIMITS"))
	expect(t, "policy", r.at("policyName"), nil)
	expect(t, "burst header", r.header.Get("X-HubSpot-RateLimit-Max"), "")
	d.pass(time.Second)
	expect(t, "status", ask().status, 200)
}

func TestACallCanBeLostBeforeOrAfterItIsCarriedOut(t *testing.T) {
	d := open(t, hubspottest.Options{})
	id := d.create(crm.Contacts, "lastname", "A")
	patch := func(city string) reply { return d.app("PATCH", contacts+"/"+id, write("city", city)) }
	d.Fail(hubspottest.Fault{On: "PATCH " + contacts, Lost: hubspottest.LostBefore})
	if r := patch("Roma"); !errors.Is(r.err, hubspottest.ErrLost) {
		t.Errorf("error %v", r.err)
	}
	expect(t, "not carried out", d.prop(crm.Contacts, id, "city"), "")
	d.Fail(hubspottest.Fault{On: "PATCH", Lost: hubspottest.LostAfter})
	patch("Bari")
	expect(t, "carried out", d.prop(crm.Contacts, id, "city"), "Bari")
	d.Fail(hubspottest.Fault{On: "/crm/objects", Status: 502, Lost: hubspottest.LostAfter})
	expect(t, "status", patch("Pisa").status, 502)
	expect(t, "carried out", d.prop(crm.Contacts, id, "city"), "Pisa")
	expect(t, "once each", patch("Lodi").status, 200)
	expect(t, "calls", d.Count("PATCH /crm/objects/2026-09/contacts/{id}"), 4)
}

func TestACallCanLandLate(t *testing.T) {
	d := open(t, hubspottest.Options{})
	id := d.create(crm.Contacts, "lastname", "A")
	d.Fail(hubspottest.Fault{LandsAfter: time.Minute})
	d.app("PATCH", contacts+"/"+id, write("city", "Roma"))
	expect(t, "next", d.NextTick(), d.time.Add(time.Minute))
	d.app("PATCH", contacts+"/"+id, write("city", "Bari"))
	d.pass(59 * time.Second)
	d.Tick()
	expect(t, "not yet", d.prop(crm.Contacts, id, "city"), "Bari")
	d.pass(time.Second)
	d.Tick()
	expect(t, "landed", d.prop(crm.Contacts, id, "city"), "Roma")
	expect(t, "when", d.History(crm.Contacts, id, "city")[0].At, d.time)
	expect(t, "next", d.NextTick(), time.Time{})
}

func TestAReadCanBeStale(t *testing.T) {
	d := open(t, hubspottest.Options{})
	a, b := d.create(crm.Contacts, "email", "a@example.com", "city", "Roma"), d.create(crm.Contacts, "email", "b@example.com")
	d.pass(10 * time.Second)
	d.app("PATCH", contacts+"/"+a, write("city", "Bari"))
	c, err := d.Merge(crm.Contacts, a, b)
	d.must(err)
	d.Fail(hubspottest.Fault{Stale: time.Second, Times: -1})
	r := d.app("GET", contacts+"/"+a+"?properties=city&propertiesWithHistory=city", "")
	expect(t, "id", r.at("id"), any(a))
	expect(t, "city", r.at("properties.city"), any("Roma"))
	expect(t, "history", r.at("propertiesWithHistory.city.1"), nil)
	expect(t, "modified", r.at("updatedAt"), any("2026-11-21T10:00:00.123Z"))
	expect(t, "not yet there", d.app("GET", contacts+"/"+c, "").status, 404)
	d.app("PATCH", contacts+"/"+c, write("phone", "02"))
	expect(t, "writes are not stale", d.prop(crm.Contacts, c, "phone"), "02")
	d.Clear()
	expect(t, "now", d.app("GET", contacts+"/"+a, "").at("id"), any(c))
}

func TestAFaultAnswersInTheVendorsWords(t *testing.T) {
	d := open(t, hubspottest.Options{})
	ask := func(f hubspottest.Fault) reply {
		d.Fail(f)
		return d.app("GET", "/account-info/2026-09/details", "")
	}
	r := ask(hubspottest.Fault{Status: 429, RetryAfter: "7"})
	expect(t, "policy", r.at("policyName"), any("TEN_SECONDLY_ROLLING"))
	expect(t, "wait", r.header.Get("Retry-After"), "7")
	expect(t, "denied", ask(hubspottest.Fault{Status: 401}).at("category"), any("INVALID_AUTHENTICATION"))
	expect(t, "gateway", ask(hubspottest.Fault{Status: 503}).header.Get("Content-Type"), "text/html")
	expect(t, "own words", ask(hubspottest.Fault{Status: 477, Body: `{"x":"y"}`}).at("x"), any("y"))
	expect(t, "internal", ask(hubspottest.Fault{Status: 500}).at("message"), any("internal error"))
	if r := ask(hubspottest.Fault{Cut: true}); !errors.Is(r.err, io.ErrUnexpectedEOF) {
		t.Errorf("cut: %v", r.err)
	}
	match := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "details") }
	expect(t, "matched", ask(hubspottest.Fault{Match: match, Status: 423}).status, 423)
}

func TestADelayPassesThroughTheCallersPatience(t *testing.T) {
	var slept time.Duration
	d := open(t, hubspottest.Options{Sleep: func(_ context.Context, d time.Duration) bool { slept = d; return d < time.Minute }})
	d.Fail(hubspottest.Fault{Delay: time.Second})
	expect(t, "patient", d.app("GET", "/account-info/2026-09/details", "").status, 200)
	expect(t, "slept", slept, time.Second)
	d.Fail(hubspottest.Fault{Delay: time.Hour})
	if r := d.app("GET", "/account-info/2026-09/details", ""); !errors.Is(r.err, hubspottest.ErrLost) {
		t.Errorf("impatient: %v", r.err)
	}
}

func TestTheSameIsServedOverHTTP(t *testing.T) {
	d := open(t, hubspottest.Options{})
	id := d.create(crm.Contacts, "lastname", "A")
	w := &recorder{header: http.Header{}}
	req, _ := http.NewRequest("GET", "http://127.0.0.1:8181"+contacts+"/"+id, nil)
	req.Header.Set("Authorization", "Bearer "+hubspottest.DefaultUserToken)
	d.ServeHTTP(w, req)
	expect(t, "status", w.status, 200)
	if !strings.Contains(w.body.String(), `"id":"`+id+`"`) {
		t.Errorf("body %s", w.body.String())
	}
	d.Fail(hubspottest.Fault{Lost: hubspottest.LostBefore})
	defer func() { expect(t, "the connection is cut", recover(), any(http.ErrAbortHandler)) }()
	d.ServeHTTP(w, req)
}

type recorder struct {
	status int
	header http.Header
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(s int)           { r.status = s }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

func TestWritesAreOnRecord(t *testing.T) {
	d := open(t, hubspottest.Options{})
	id := d.create(crm.Contacts, "lastname", "A")
	d.app("PATCH", contacts+"/"+id, write("city", "Roma", "lastname", "A"))
	d.app("PATCH", contacts+"/"+id, write("city", "Roma"))
	w := d.Writes()
	expect(t, "writes", len(w), 2)
	expect(t, "ours", w[1].Ours, true)
	expect(t, "only what changed", len(w[1].Properties), 1)
	expect(t, "city", w[1].Properties["city"], "Roma")
	d.ResetCalls()
	expect(t, "calls", len(d.Calls()), 0)
}
