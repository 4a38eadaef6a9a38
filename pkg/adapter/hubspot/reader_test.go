package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// line tells an operation in one line.
func line(o crm.Operation) string {
	s := fmt.Sprintf("%s %s/%s", o.Verb, o.Module, o.RecordID)
	if len(o.Others) > 0 {
		s += " from " + strings.Join(o.Others, ",")
	}
	if len(o.Fields) > 0 {
		s += " " + strings.Join(o.Fields, ",")
	}
	return s
}

func lines(d door.Delivery) []string {
	var all []string
	for _, o := range d.Operations {
		all = append(all, line(o))
	}
	return all
}

// failer is a test, or a property's run.
type failer interface {
	Helper()
	Fatal(...any)
}

func read(t failer, s *Source, body string) door.Delivery {
	t.Helper()
	d, err := s.Read(context.Background(), door.Request{Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEverySampleBodyIsRead(t *testing.T) {
	var samples struct {
		WebhookBodies []struct {
			Provenance string
			Body       json.RawMessage
		}
	}
	load(t, "testdata/hubspot-samples.json", &samples)
	want := [][]string{
		{"create contact/123"},
		nil, // a deal
		{"create contact/106500991877"},
		nil, // a deal
		{"update contact/847297356 passport_number"},
		nil, // a deal
		nil, // the test button
		{"update contact/1246965 lifecyclestage"},
		{"merge contact/300 from 100,200"},
		{"associate contact/1246965 associatedcompanyid"},
	}
	if len(samples.WebhookBodies) != len(want) {
		t.Fatalf("%d samples, want %d", len(samples.WebhookBodies), len(want))
	}
	for i, sample := range samples.WebhookBodies {
		d := read(t, source(), string(sample.Body))
		if diff := cmp.Diff(want[i], lines(d)); diff != "" {
			t.Errorf("%s:\n%s", sample.Provenance, diff)
		}
		if d.Unreadable != 0 || d.Events != d.Ignored+len(d.Operations) {
			t.Errorf("%s: %+v", sample.Provenance, d)
		}
	}
}

func TestEventsBecomeOperations(t *testing.T) {
	const ours = `,"changeSource":"INTEGRATION","sourceId":"19635961"`
	tests := []struct {
		name, body string
		want       []string
		echoes     int
		ignored    int
		unreadable int
	}{
		{name: "no events", body: `[]`},
		{name: "one record, many events", body: `[{"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"phone"},
			{"subscriptionType":"contact.creation","objectId":7},{"subscriptionType":"object.propertyChange","objectTypeId":"0-1","objectId":7,"propertyName":"email"},
			{"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"phone"}]`, want: []string{"create contact/7 email,phone"}},
		{name: "a contact and a company of one number", body: `[{"subscriptionType":"contact.creation","objectId":7},{"subscriptionType":"object.creation","objectTypeId":"0-2","objectId":7}]`,
			want: []string{"create contact/7", "create company/7"}},
		{name: "what stands alone", body: `[{"subscriptionType":"contact.creation","objectId":7},{"subscriptionType":"contact.deletion","objectId":7},
			{"subscriptionType":"contact.privacyDeletion","objectId":7},{"subscriptionType":"contact.restore","objectId":7}]`,
			want: []string{"restore contact/7", "delete contact/7", "erase contact/7"}},
		{name: "the same deletion twice", body: `[{"subscriptionType":"contact.deletion","objectId":7,"eventId":1},{"subscriptionType":"contact.deletion","objectId":7,"eventId":1,"attemptNumber":1}]`,
			want: []string{"delete contact/7"}},
		{name: "a merge that makes a new id", body: `[{"subscriptionType":"company.merge","objectId":1,"primaryObjectId":1,"mergedObjectIds":[2,3],"newObjectId":9}]`,
			want: []string{"merge company/9 from 1,2,3"}},
		{name: "a merge into the youngest", body: `[{"subscriptionType":"contact.merge","objectId":3,"primaryObjectId":3,"mergedObjectIds":[2,1],"newObjectId":9}]`,
			want: []string{"merge contact/9 from 3,1,2"}},
		{name: "a merge that keeps the primary id", body: `[{"subscriptionType":"contact.merge","primaryObjectId":1,"mergedObjectIds":[2],"newObjectId":0},
			{"subscriptionType":"contact.merge","primaryObjectId":1,"mergedObjectIds":[3]}]`, want: []string{"merge contact/1 from 2", "merge contact/1 from 3"}},
		{name: "a merge without a survivor", body: `[{"subscriptionType":"contact.merge","mergedObjectIds":[2]}]`, unreadable: 1},
		{name: "both sides of an association", body: `[{"subscriptionType":"contact.associationChange","associationType":"CONTACT_TO_COMPANY","fromObjectId":7,"toObjectId":8},
			{"subscriptionType":"company.associationChange","associationType":"COMPANY_TO_CONTACT","fromObjectId":8,"toObjectId":7},
			{"subscriptionType":"object.associationChange","fromObjectTypeId":"0-2","toObjectTypeId":"0-1","fromObjectId":8,"toObjectId":7}]`,
			want: []string{"associate contact/7 associatedcompanyid"}},
		{name: "an association with a deal", body: `[{"subscriptionType":"contact.associationChange","associationType":"CONTACT_TO_DEAL","fromObjectId":7,"toObjectId":8},
			{"subscriptionType":"contact.associationChange"}]`, ignored: 2},
		{name: "an association without its contact", body: `[{"subscriptionType":"contact.associationChange","associationType":"CONTACT_TO_COMPANY","toObjectId":8}]`, unreadable: 1},
		{name: "an edit beside an association", body: `[{"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"email"},
			{"subscriptionType":"contact.associationChange","associationType":"CONTACT_TO_COMPANY","fromObjectId":7,"toObjectId":8}]`, want: []string{"associate contact/7 associatedcompanyid,email"}},
		{name: "echoes", body: `[{"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"email"` + ours + `},{"subscriptionType":"contact.creation","objectId":7` + ours + `},
			{"subscriptionType":"contact.associationChange","associationType":"CONTACT_TO_COMPANY","fromObjectId":7,"toObjectId":8` + ours + `}]`, echoes: 3},
		{name: "the app id as a number", body: `[{"subscriptionType":"contact.creation","objectId":7,"changeSource":"INTEGRATION","sourceId":19635961}]`, echoes: 1},
		{name: "another app's change", body: `[{"subscriptionType":"contact.creation","objectId":7,"changeSource":"INTEGRATION","sourceId":"1"}]`, want: []string{"create contact/7"}},
		{name: "a person's change under our app's number", body: `[{"subscriptionType":"contact.creation","objectId":7,"changeSource":"CRM_UI","sourceId":"19635961"}]`, want: []string{"create contact/7"}},
		{name: "a deletion is no echo", body: `[{"subscriptionType":"contact.deletion","objectId":7` + ours + `}]`, want: []string{"delete contact/7"}},
		{name: "the test button", body: `[{"subscriptionType":"contact.creation","eventId":100,"objectId":123}]`, ignored: 1},
		{name: "event 100 of another record", body: `[{"subscriptionType":"contact.creation","eventId":100,"objectId":124}]`, want: []string{"create contact/124"}},
		{name: "unknown kinds", body: `[{"subscriptionType":"contact.somethingNew","objectId":7},{"subscriptionType":"conversation.newMessage","objectId":7},
			{"subscriptionType":"object.creation","objectTypeId":"0-3","objectId":7},{"subscriptionType":"object.creation","objectId":7},{"subscriptionType":"deal.creation","objectId":7}]`, ignored: 5},
		{name: "ids in quotes and of 20 digits", body: `[{"subscriptionType":"contact.creation","objectId":"48768760000003330130"}]`, want: []string{"create contact/48768760000003330130"}},
		{name: "single events that cannot be read", body: `[{"subscriptionType":"contact.creation"},{"subscriptionType":"contact.creation","objectId":1.5},{"subscriptionType":"contact.creation","objectId":-7},
			{"subscriptionType":7,"objectId":7},{"subscriptionType":"contact.propertyChange","objectId":7},{},null,"x",{"subscriptionType":"contact.creation","objectId":7}]`,
			want: []string{"create contact/7"}, unreadable: 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := read(t, source(), tt.body)
			if diff := cmp.Diff(tt.want, lines(d)); diff != "" {
				t.Error(diff)
			}
			if d.Echoes != tt.echoes || d.Ignored != tt.ignored || d.Unreadable != tt.unreadable {
				t.Errorf("echoes %d, ignored %d, unreadable %d", d.Echoes, d.Ignored, d.Unreadable)
			}
		})
	}
}

func TestAnOperationIsComplete(t *testing.T) {
	s := source()
	s.Connection = "second"
	d := read(t, s, `[{"portalId":1,"subscriptionType":"contact.creation","objectId":7,"occurredAt":1790000001000},
		{"portalId":1,"subscriptionType":"contact.propertyChange","propertyName":"email","objectId":7,"occurredAt":1790000002000}]`)
	got := d.Operations[0]
	want := crm.Operation{V: 1, ID: got.ID, Connection: "second", Source: crm.HubSpot, Kind: crm.Contact, Module: crm.Contacts, Verb: crm.Create, RecordID: "7",
		Fields: []string{"email"}, OccurredAt: time.UnixMilli(1790000002000).UTC(), ReceivedAt: now}
	if diff := cmp.Diff(want, got); diff != "" || len(got.ID) != 32 {
		t.Errorf("id %q:\n%s", got.ID, diff)
	}
	if source().Connection != crm.DefaultConnection {
		t.Error("the connection has no default")
	}
}

func TestChangesOfUnmappedPropertiesEndHereIfTheMappedAreKnown(t *testing.T) {
	const body = `[{"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"email"},{"subscriptionType":"contact.propertyChange","objectId":8,"propertyName":"shoe_size"},
		{"subscriptionType":"company.propertyChange","objectId":9,"propertyName":"shoe_size"},
		{"subscriptionType":"contact.associationChange","associationType":"CONTACT_TO_COMPANY","fromObjectId":6,"toObjectId":9}]`
	s := source()
	s.Fields = func(context.Context) (map[crm.Module][]string, error) {
		return map[crm.Module][]string{crm.Contacts: {"email"}}, nil
	}
	d := read(t, s, body)
	if diff := cmp.Diff([]string{"update contact/7 email", "update company/9 shoe_size"}, lines(d)); diff != "" || d.Ignored != 2 {
		t.Errorf("ignored %d:\n%s", d.Ignored, diff)
	}
	s.Fields = func(context.Context) (map[crm.Module][]string, error) { return nil, errors.New("table gone") }
	if d = read(t, s, body); len(d.Operations) != 4 {
		t.Errorf("without the names %d operations, want all 4", len(d.Operations))
	}
}

func TestALongValueKeepsNoEventBackAndGoesNowhere(t *testing.T) {
	const events = `[{"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"message","propertyValue":"%s"},
		{"subscriptionType":"contact.deletion","objectId":8},{"subscriptionType":"contact.privacyDeletion","objectId":8}]`
	for name, value := range map[string]string{
		"65,536 characters of two bytes": strings.Repeat("ж", 65_536), "every one escaped": strings.Repeat(`\u0436`, 65_536), "half of one body": strings.Repeat("x", door.Payload/2),
	} {
		d := read(t, source(), fmt.Sprintf(events, value))
		if diff := cmp.Diff([]string{"update contact/7 message", "delete contact/8", "erase contact/8"}, lines(d)); diff != "" || d.Unreadable != 0 {
			t.Errorf("%s: %d unreadable:\n%s", name, d.Unreadable, diff)
		}
		if text := fmt.Sprintf("%+v", d); len(text) > 3000 {
			t.Errorf("%s: %d characters came out", name, len(text))
		}
	}
}

func TestTheNameOfAPropertyIsNoTextOfAnyLength(t *testing.T) {
	d := read(t, source(), `[{"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"`+strings.Repeat("x", 501)+`"},
		{"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"`+strings.Repeat("x", 500)+`"}]`)
	if len(d.Operations) != 1 || len(d.Operations[0].Fields) != 1 || d.Unreadable != 1 {
		t.Errorf("%d operations, %d unreadable", len(d.Operations), d.Unreadable)
	}
}

func TestEventsOfAnotherPortalAreNotOurs(t *testing.T) {
	const body = `[{"portalId":62515,"subscriptionType":"contact.creation","objectId":7},{"portalId":99999,"subscriptionType":"contact.privacyDeletion","objectId":7},
		{"portalId":99999,"subscriptionType":"contact.merge","newObjectId":8,"primaryObjectId":7},{"portalId":"625150","subscriptionType":"contact.deletion","objectId":7},
		{"portalId":99999,"subscriptionType":"ticket.creation","objectId":7},{"portalId":99999,"subscriptionType":"contact.deletion"},
		{"portalId":99999,"eventId":100,"subscriptionType":"contact.creation","objectId":123},{"subscriptionType":"contact.creation","objectId":9}]`
	ours := func(id string, err error) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return id, err }
	}
	s := source()
	s.Portal = ours("62515", nil)
	d := read(t, s, body)
	if diff := cmp.Diff([]string{"create contact/7", "create contact/9"}, lines(d)); diff != "" || d.Foreign != 5 || d.Ignored != 1 || d.Unreadable != 0 {
		t.Errorf("%d of another portal, %d ignored, %d unreadable:\n%s", d.Foreign, d.Ignored, d.Unreadable, diff)
	}
	for name, portal := range map[string]func(context.Context) (string, error){
		"nobody says": nil, "none is noted": ours("", nil), "the table is gone": ours("", errors.New("table gone")),
	} {
		s.Portal = portal
		if d := read(t, s, body); d.Foreign != 0 || len(d.Operations) != 5 {
			t.Errorf("%s: %d of another portal, %d operations", name, d.Foreign, len(d.Operations))
		}
	}
}

func TestABodyThatCannotBeReadGoesToQuarantine(t *testing.T) {
	for _, body := range []string{``, `null`, `{}`, `7`, `[`, `[1,]`, `[{"objectId":1,"objectId":2}]`, "[\"\xff\"]",
		strings.Repeat("[", 40) + strings.Repeat("]", 40), `[{"objectId":` + strings.Repeat("9", 30) + `}]`} {
		_, err := source().Read(t.Context(), door.Request{Body: []byte(body)})
		if !errors.Is(err, door.ErrUnreadable) {
			t.Errorf("Read(%.40q) = %v", body, err)
		}
	}
}

func TestARepetitionInAnyOrderHasTheSameIdAndAnotherEventAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events []string
		for i := range rapid.IntRange(1, 6).Draw(t, "events") {
			events = append(events, fmt.Sprintf(`"portalId":1,"subscriptionId":2,"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"p%d","eventId":%d,"occurredAt":%d`,
				rapid.IntRange(0, 3).Draw(t, "property"), i, 1790000000000+i))
		}
		body := func(attempt int) string {
			return `[{"attemptNumber":` + fmt.Sprint(attempt) + `,` + strings.Join(events, fmt.Sprintf(`},{"attemptNumber":%d,`, attempt)) + `}]`
		}
		first := read(t, source(), body(0)).Operations
		shuffled := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed")))
		shuffled.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		again := read(t, source(), body(3)).Operations
		if len(first) != 1 || !cmp.Equal(first, again) {
			t.Fatalf("%v is not %v", first, again)
		}
		events = append(events, `"portalId":1,"subscriptionId":2,"subscriptionType":"contact.creation","objectId":7,"eventId":99`)
		if more := read(t, source(), body(0)).Operations; more[0].ID == first[0].ID {
			t.Fatal("one event more and the same id")
		}
	})
}

func FuzzRead(f *testing.F) {
	var samples struct {
		WebhookBodies []struct{ Body json.RawMessage }
	}
	load(f, "testdata/hubspot-samples.json", &samples)
	for _, s := range samples.WebhookBodies {
		f.Add([]byte(s.Body))
	}
	f.Add([]byte(`[{"subscriptionType":"contact.merge","mergedObjectIds":[2]},null,{"eventType":"x."}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := source().Read(t.Context(), door.Request{Body: body})
		if err != nil {
			if !errors.Is(err, door.ErrUnreadable) || len(d.Operations) > 0 {
				t.Fatal(err)
			}
			return
		}
		if ended := d.Echoes + d.Ignored + d.Unreadable; ended > d.Events || len(d.Operations) > d.Events-ended || ended < d.Events && len(d.Operations) == 0 {
			t.Fatalf("events do not add up: %+v", d)
		}
		for _, o := range d.Operations {
			if o.RecordID == "" || strings.Trim(o.RecordID, "0123456789") != "" || o.ID == "" || !slices.IsSorted(o.Fields) || slices.Contains(o.Others, o.RecordID) {
				t.Fatalf("%+v", o)
			}
		}
	})
}

func TestAnIdentityIsWrittenAsJSONWritesItsParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := event{PortalID: "1", EventID: "2", ObjectID: "3", ObjectType: rapid.String().Draw(t, "type"), Property: rapid.String().Draw(t, "property")}
		kind := rapid.StringOf(rapid.Rune()).Draw(t, "kind")
		want, err := json.Marshal([]string{"1", "", kind, e.ObjectType, "3", "", "", "2", "", e.Property})
		if got := e.identity(kind); err != nil || got != string(want) {
			t.Fatalf("%s, want %s (%v)", got, want, err)
		}
	})
}

func TestAnEventThatCannotBeReadKeepsNoneOfItsNeighboursBack(t *testing.T) {
	good := `{"eventId":1,"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"city"}`
	for _, bad := range []string{`7`, `"x"`, `[]`, `null`, `{}`, `{"eventId":"a"}`, `{"objectId":1.5}`, `{"propertyName":1}`} {
		for _, body := range []string{good + "," + bad, bad + "," + good, good + "," + bad + "," + good} {
			d, err := source().Read(t.Context(), door.Request{Body: []byte("[" + body + "]")})
			if err != nil || len(d.Operations) != 1 || d.Unreadable != 1 || d.Events != strings.Count(body, good)+1 {
				t.Errorf("%s: %+v, %v", body, d, err)
			}
		}
	}
}
