package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// Who is one person stays one record, and one change is one write, however often it is told.

func TestAContactWhoseEventsComeTwiceAndAtOnceIsOneRecordInZoho(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) {
		o.HubSpot.Duplicates, o.HubSpot.Reorder = 1, 3*time.Second
		o.HubSpot.SearchLag, o.Zoho.SearchLag = 20*time.Second, 20*time.Second
	})
	id := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	s.editHub(crm.Contacts, id, props{"firstname": "Anna"})
	s.pass(time.Second)
	s.editHub(crm.Contacts, id, props{"jobtitle": "Buyer"})
	s.pass(3 * time.Minute)
	s.wantCount(crm.Contacts, 1, 1)
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, id), props{"First_Name": "Anna", "Last_Name": "Rossi", "Title": "Buyer", "Email": "anna@acme.example"})
	s.wantRows()
}

func TestAContactCreatedOnBothSidesAtOnceIsOnePair(t *testing.T) {
	for _, delay := range []time.Duration{0, 200 * time.Millisecond, 2 * time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			s := stage(t, func(o *sandbox.WorldOptions) { o.Zoho.NotifyDelay = delay })
			hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "jobtitle": "Buyer"})
			zo := s.zo(crm.Contacts, props{"Email": "Anna@Acme.example", "Last_Name": "Rossi", "Phone": "+39 06 1234 5678"})
			s.settle()
			s.wantCount(crm.Contacts, 1, 1)
			s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": hub, "Title": "Buyer"})
			s.wantHub(crm.Contacts, hub, props{"phone": "+390612345678"})
			s.wantRows()
		})
	}
}

func TestTwoCompaniesOfOneDomainCreatedAtOnceAreOneAccountAndAQuestion(t *testing.T) {
	s := stage(t)
	s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	s.hub(crm.Companies, props{"name": "Acme S.p.A.", "domain": "acme.example"})
	s.settle()
	s.wantCount(crm.Companies, 2, 1)
	s.wantRows("hubspot/company  duplicate")
}

func TestAHundredDeliveriesOfOneEventAreOneWrite(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	n := s.count()
	s.must(s.HubSpot.Edit(crm.Contacts, hub, props{"jobtitle": "Head buyer"}))
	occurred := s.Clock.Now()
	s.settle()
	s.wantWrites(n, 0, 1)
	for range 100 {
		s.deliver(t, occurred, hub, "jobtitle", "Head buyer")
		s.pass(7 * time.Second) // past the five minutes in which a queue drops repeats
	}
	s.settle()
	s.wantWrites(n, 0, 1)
	s.wantZo(crm.Contacts, zo, props{"Title": "Head buyer"})
}

// deliver sends the event of a changed property to the door, signed anew as HubSpot does at each repeat.
func (s *scene) deliver(t *testing.T, occurred time.Time, id, property, value string) {
	t.Helper()
	body, err := json.Marshal([]map[string]any{{
		"eventId": 77, "subscriptionId": 4_578_000, "portalId": hubspottest.DefaultPortalID, "appId": 19635961, "occurredAt": occurred.UnixMilli(),
		"subscriptionType": "contact.propertyChange", "attemptNumber": 0, "objectId": json.Number(id), "propertyName": property,
		"propertyValue": value, "changeSource": "CRM_UI",
	}})
	s.must(err)
	const hook = "https://connector.example.com/webhooks/hubspot"
	r, err := http.NewRequest(http.MethodPost, hook, bytes.NewReader(body))
	s.must(err)
	r.Header = hubspottest.Sign(hubspottest.DefaultClientSecret, http.MethodPost, hook, body, s.Clock.Now())
	r.Header.Set("Content-Type", "application/json")
	event, err := sandbox.Gateway(r, "delivery")
	s.must(err)
	answer, err := s.Door(t.Context(), event)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("the door answers %d, %v", answer.StatusCode, err)
	}
}

func TestAHundredNotificationsOfOneChangeAreOneWrite(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	n := s.count()
	s.editZo(crm.Contacts, zo, props{"Title": "Head buyer"})
	s.settle()
	for range 100 {
		s.Zoho.Renotify("Contacts", []string{"Title"}, zo)
		s.pass(7 * time.Second)
	}
	s.settle()
	s.wantWrites(n, 1, 0)
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
}

func TestAnEchoCostsNoWrite(t *testing.T) {
	s := stage(t)
	n := s.count()
	hub, zo := s.rossi()
	s.wantWrites(n, 0, 1)
	n = s.count()
	s.editHub(crm.Contacts, hub, props{"firstname": "Annalisa", "phone": "06 1234 5678"}) // Zoho gets another spelling
	s.settle()
	s.wantWrites(n, 0, 1)
	s.wantZo(crm.Contacts, zo, props{"First_Name": "Annalisa", "Phone": "+390612345678"})
	n = s.count()
	s.editZo(crm.Contacts, zo, props{"Mailing_City": "Milano", "Email": "Anna@ACME.example"}) // HubSpot writes addresses in lower case
	s.settle()
	s.wantWrites(n, 1, 0)
	s.wantHub(crm.Contacts, hub, props{"city": "Milano", "phone": "06 1234 5678"})
	s.pass(3 * time.Hour) // and no reconciliation takes it up again
	s.wantWrites(n, 1, 0)
}

func TestAnEchoThatACRMRewritesIsNoEdit(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) { o.Zoho.Trim, o.Zoho.Cut = true, true })
	hub, zo := s.rossi()
	n := s.count()
	s.editHub(crm.Contacts, hub, props{"firstname": "  Anna Maria Elisabetta Lucrezia Benedetta Sofia  ", "jobtitle": " Buyer  "})
	s.settle()
	s.pass(3 * time.Hour)
	if got := s.since(n); got.hub != 0 || got.zo > 1 {
		t.Errorf("%+v, want no write to HubSpot and one to Zoho", got)
	}
	s.wantHub(crm.Contacts, hub, props{"firstname": "  Anna Maria Elisabetta Lucrezia Benedetta Sofia  "})
	s.wantZo(crm.Contacts, zo, props{"First_Name": "Anna Maria Elisabetta Lucrezia Benedetta"})
	s.wantRows()
}

func TestAThousandNewRecordsAreEachCreatedOnce(t *testing.T) {
	s := stage(t)
	const all = 1000
	n := s.count()
	for i := range all {
		s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": fmt.Sprint("Rossi ", i)})
	}
	s.pass(10 * time.Minute)
	s.wantCount(crm.Contacts, all, all)
	got := s.since(n)
	if got.zo != all || got.hub != 0 {
		t.Errorf("%+v", got)
	}
	if got.calls > all {
		t.Errorf("%d calls for %d new records, want one each at most", got.calls, all)
	}
	s.wantRows()
}
