package hubspottest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
)

const hook = "https://hooks.example.com/webhooks/hubspot"

// ear takes deliveries.
type ear struct {
	posts  [][]map[string]any
	heads  []http.Header
	bodies []string
	status int
}

func (e *ear) take(req *http.Request) (int, error) {
	text, _ := io.ReadAll(req.Body)
	var events []map[string]any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&events); err != nil {
		return 400, nil //nolint:nilerr // the status says it
	}
	e.posts, e.heads, e.bodies = append(e.posts, events), append(e.heads, req.Header), append(e.bodies, string(text))
	return e.status, nil
}

func (e *ear) events() (all []map[string]any) {
	for _, p := range e.posts {
		all = append(all, p...)
	}
	return all
}

func (e *ear) types() (all []string) {
	for _, ev := range e.events() {
		name, _ := ev["propertyName"].(string)
		all = append(all, strings.TrimSuffix(ev["subscriptionType"].(string)+":"+name, ":"))
	}
	return all
}

func listen(t *testing.T, o hubspottest.Options) (*desk, *ear) {
	e := &ear{status: 200}
	o.Webhook, o.Send = hook, e.take
	return open(t, o), e
}

func TestACreationComesWithOneChangeForEachSubscribedProperty(t *testing.T) {
	d, e := listen(t, hubspottest.Options{Subscribed: map[crm.Module][]string{crm.Contacts: {"email", "city"}}})
	id := d.create(crm.Contacts, "email", "A@example.com", "city", "Roma", "phone", "02")
	d.pass(time.Second)
	d.app("PATCH", contacts+"/"+id, write("city", ""))
	d.Tick()
	expect(t, "posts", len(e.posts), 1)
	got := e.types()
	want := []string{"contact.creation", "contact.propertyChange:city", "contact.propertyChange:email", "contact.propertyChange:city"}
	if !slices.Equal(got, want) {
		t.Fatalf("events %v, want %v", got, want)
	}
	ev := e.events()
	expect(t, "flag", ev[0]["changeFlag"], any("CREATED"))
	expect(t, "object", ev[0]["objectId"], any(json.Number(id)))
	expect(t, "when", ev[0]["occurredAt"], any(json.Number("1795255200123")))
	expect(t, "source", ev[0]["changeSource"], any("CRM_UI"))
	expect(t, "who", ev[0]["sourceId"], any("userId:52530071"))
	expect(t, "value", ev[2]["propertyValue"], any("a@example.com"))
	expect(t, "ours", ev[3]["changeSource"], any("INTEGRATION"))
	expect(t, "our app", ev[3]["sourceId"], any(hubspottest.DefaultAppID))
	expect(t, "cleared", ev[3]["propertyValue"], any(""))
	expect(t, "attempt", ev[3]["attemptNumber"], any(json.Number("0")))
	if ev[1]["subscriptionId"] != ev[3]["subscriptionId"] || ev[1]["subscriptionId"] == ev[2]["subscriptionId"] {
		t.Error("a subscription stands for one property")
	}
}

func TestGenericEventsNameTheKindByItsTypeId(t *testing.T) {
	d, e := listen(t, hubspottest.Options{Generic: true, Subscribed: map[crm.Module][]string{crm.Companies: {"name"}}})
	d.create(crm.Companies, "name", "Acme")
	d.Tick()
	for _, ev := range e.events() {
		expect(t, "type id", ev["objectTypeId"], any("0-2"))
	}
	if want := []string{"object.creation", "object.propertyChange:name"}; !slices.Equal(e.types(), want) {
		t.Errorf("events %v", e.types())
	}
}

func TestDeletionMergeAndRestoreAreEvents(t *testing.T) {
	d, e := listen(t, hubspottest.Options{Subscribed: map[crm.Module][]string{}})
	a, b := d.create(crm.Contacts, "lastname", "A"), d.create(crm.Contacts, "lastname", "B")
	d.must(d.Delete(crm.Contacts, a))
	d.must(d.Restore(crm.Contacts, a))
	c, err := d.Merge(crm.Contacts, a, b)
	d.must(err)
	d.Tick()
	if want := []string{"contact.creation", "contact.creation", "contact.deletion", "contact.restore", "contact.merge"}; !slices.Equal(e.types(), want) {
		t.Fatalf("events %v", e.types())
	}
	merge := e.events()[4]
	expect(t, "primary", merge["primaryObjectId"], any(json.Number(a)))
	expect(t, "merged", merge["mergedObjectIds"].([]any)[0], any(json.Number(b)))
	expect(t, "new", merge["newObjectId"], any(json.Number(c)))
	expect(t, "source", merge["changeSource"], any("CRM_UI"))
}

func TestAnAssociationIsToldFromBothSides(t *testing.T) {
	d, e := listen(t, hubspottest.Options{Subscribed: map[crm.Module][]string{crm.Contacts: {"associatedcompanyid"}}})
	x, acme := d.create(crm.Contacts, "lastname", "A"), d.create(crm.Companies, "name", "Acme")
	d.Tick()
	e.posts = nil
	d.must(d.SetCompany(x, acme))
	d.Tick()
	want := []string{"contact.associationChange", "company.associationChange", "contact.propertyChange:associatedcompanyid", "contact.associationChange", "company.associationChange"}
	if !slices.Equal(e.types(), want) {
		t.Fatalf("events %v", e.types())
	}
	ev := e.events()
	expect(t, "type", ev[0]["associationType"], any("CONTACT_TO_COMPANY"))
	expect(t, "from", ev[0]["fromObjectId"], any(json.Number(x)))
	expect(t, "to", ev[0]["toObjectId"], any(json.Number(acme)))
	expect(t, "removed", ev[0]["associationRemoved"], any(false))
	expect(t, "plain", ev[0]["isPrimaryAssociation"], any(false))
	expect(t, "primary", ev[3]["isPrimaryAssociation"], any(true))
}

func TestAnErasureIsADeletionTooInAnotherDelivery(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(20) {
		d, e := listen(t, hubspottest.Options{Generic: true, Rand: rand.New(rand.NewPCG(seed, 1))})
		id := d.create(crm.Contacts, "lastname", "A")
		d.Tick()
		e.posts = nil
		d.must(d.Erase(id))
		d.Tick()
		expect(t, "posts", len(e.posts), 2)
		orders[strings.Join(e.types(), " ")] = true
	}
	for _, order := range []string{"contact.privacyDeletion object.deletion", "object.deletion contact.privacyDeletion"} {
		if !orders[order] {
			t.Errorf("never %q", order)
		}
	}
}

func TestAnUnsubscriptionIsHubSpotsOwnChange(t *testing.T) {
	for name, subscribed := range map[string]map[crm.Module][]string{
		"what can be subscribed to":     nil,
		"the opt-out, and what cannot":  {crm.Contacts: {"lastname", "hs_email_optout", "lastmodifieddate", "num_unique_conversion_events"}},
		"an app that has not the event": {crm.Contacts: {"lastname"}},
	} {
		d, e := listen(t, hubspottest.Options{Subscribed: subscribed})
		id := d.create(crm.Contacts, "lastname", "A")
		d.must(d.Set(crm.Contacts, id, map[string]string{"hs_email_optout": "true", "num_unique_conversion_events": "1", "hs_email_domain": "a.example"}))
		d.Tick()
		want := "contact.creation contact.propertyChange:lastname contact.propertyChange:hs_email_optout"
		if name == "an app that has not the event" {
			want = "contact.creation contact.propertyChange:lastname"
		}
		expect(t, name, strings.Join(e.types(), " "), want)
		for _, event := range e.events() {
			if event["propertyName"] == "hs_email_optout" {
				expect(t, "source", event["changeSource"], any("HUBSPOT_INTERNAL"))
			}
		}
	}
}

func TestUpToAHundredEventsGoInOnePost(t *testing.T) {
	d, e := listen(t, hubspottest.Options{Subscribed: map[crm.Module][]string{}})
	for range 101 {
		d.create(crm.Contacts, "lastname", "A")
	}
	d.Tick()
	expect(t, "posts", len(e.posts), 2)
	expect(t, "first", len(e.posts[0]), 100)
}

func TestADeliveryIsRepeatedTenTimesInADay(t *testing.T) {
	d, e := listen(t, hubspottest.Options{Subscribed: map[crm.Module][]string{}})
	e.status = 404
	start := d.time
	d.create(crm.Contacts, "lastname", "A")
	for !d.NextTick().IsZero() {
		d.time = d.NextTick()
		d.Tick()
	}
	expect(t, "posts", len(e.posts), 11)
	expect(t, "abandoned", d.Abandoned(), 1)
	if took := d.time.Sub(start); took > 24*time.Hour || took < 6*time.Hour {
		t.Errorf("repeats took %v", took)
	}
	first, last := e.events()[0], e.events()[10]
	expect(t, "attempt", last["attemptNumber"], any(json.Number("10")))
	expect(t, "the same event", last["eventId"], first["eventId"])
	if e.heads[0].Get("X-HubSpot-Request-Timestamp") == e.heads[10].Get("X-HubSpot-Request-Timestamp") {
		t.Error("a repeat is not signed anew")
	}
}

func TestARepeatThatIsAcceptedIsTheLast(t *testing.T) {
	d, e := listen(t, hubspottest.Options{Subscribed: map[crm.Module][]string{}})
	e.status = 503
	d.create(crm.Contacts, "lastname", "A")
	d.Tick()
	expect(t, "outstanding", d.Outstanding(), 1)
	e.status = 200
	d.time = d.NextTick()
	d.Tick()
	expect(t, "outstanding", d.Outstanding(), 0)
	expect(t, "posts", len(e.posts), 2)
}

func TestAcceptedDeliveriesMayComeAgain(t *testing.T) {
	d, e := listen(t, hubspottest.Options{Subscribed: map[crm.Module][]string{}, Duplicates: 1})
	d.create(crm.Contacts, "lastname", "A")
	d.Tick()
	d.time = d.NextTick()
	d.Tick()
	expect(t, "the same event", e.events()[1]["eventId"], e.events()[0]["eventId"])
}

func TestEventsMayComeInAnotherOrder(t *testing.T) {
	d, e := listen(t, hubspottest.Options{Subscribed: map[crm.Module][]string{}, Reorder: 10 * time.Second})
	for range 20 {
		d.create(crm.Contacts, "lastname", "A")
	}
	for !d.NextTick().IsZero() {
		d.time = d.NextTick()
		d.Tick()
	}
	var ids []string
	for _, ev := range e.events() {
		ids = append(ids, string(ev["eventId"].(json.Number)))
	}
	expect(t, "events", len(ids), 20)
	if slices.IsSorted(ids) {
		t.Error("the order was kept")
	}
}

// The vectors are HubSpot's published ones and some made by its official Node client.
func TestSignaturesAreThePublishedOnes(t *testing.T) {
	text, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name, Version, Method, URI, Body, Timestamp, ClientSecret, Signature string
			ExpectValid                                                          *bool
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			at := time.Time{}
			if v.Timestamp != "" {
				at = time.UnixMilli(milliseconds(v.Timestamp))
			}
			h := hubspottest.Sign(v.ClientSecret, v.Method, v.URI, []byte(v.Body), at)
			got := h.Get("X-HubSpot-Signature-v3")
			if v.Version == "v1" {
				got = h.Get("X-HubSpot-Signature")
			}
			valid := v.ExpectValid == nil || *v.ExpectValid
			if (got == v.Signature) != valid {
				t.Errorf("signature %s, vector %s", got, v.Signature)
			}
		})
	}
}

func TestADeliveryIsSignedAsTheAlgorithmSays(t *testing.T) {
	d, e := listen(t, hubspottest.Options{ClientSecret: "s3cret"})
	d.create(crm.Contacts, "lastname", "Müller")
	d.Tick()
	h, body := e.heads[0], e.bodies[0]
	stamp := h.Get("X-HubSpot-Request-Timestamp")
	expect(t, "timestamp", stamp, "1795255200123")
	mac := hmac.New(sha256.New, []byte("s3cret"))
	io.WriteString(mac, "POST"+hook+body+stamp)
	expect(t, "v3", h.Get("X-HubSpot-Signature-v3"), base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	sum := sha256.Sum256([]byte("s3cret" + body))
	expect(t, "v1", h.Get("X-HubSpot-Signature"), hex.EncodeToString(sum[:]))
	expect(t, "version", h.Get("X-HubSpot-Signature-Version"), "v1")
}

func milliseconds(s string) (n int64) {
	for _, c := range s {
		n = n*10 + int64(c-'0')
	}
	return n
}

func BenchmarkADayOfASeed(b *testing.B) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for b.Loop() {
		s := hubspottest.New(hubspottest.Options{Now: func() time.Time { return now }, Burst: -1, Send: func(*http.Request) (int, error) { return 200, nil }})
		rt := s.Transport()
		for i := range 20 {
			id, _ := s.Create(crm.Contacts, map[string]string{"email": "a" + string(rune('a'+i)) + "@example.com", "city": "Roma", "phone": "02"})
			for range 5 {
				req, _ := http.NewRequest("GET", "https://api.hubapi.com"+contacts+"/"+id+"?properties=email,city,phone&propertiesWithHistory=email,city,phone", nil)
				req.Header.Set("Authorization", "Bearer "+hubspottest.DefaultToken)
				resp, _ := rt.RoundTrip(req)
				resp.Body.Close()
			}
		}
		s.Tick()
	}
}
