package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
)

// What one delivery may hold: texts as long as the CRMs take them, and events of another portal.

// hubEvent is an event of HubSpot about a contact, as it is now.
func (s *scene) hubEvent(portal int64, kind, contact string, more map[string]any) map[string]any {
	e := map[string]any{
		"eventId": 5, "subscriptionId": 9, "portalId": portal, "appId": 19635961, "occurredAt": s.Clock.Now().UnixMilli(),
		"subscriptionType": "contact." + kind, "attemptNumber": 0, "objectId": json.Number(contact), "changeSource": "CRM",
	}
	for name, value := range more {
		e[name] = value
	}
	return e
}

// wantTaken has the events delivered as one, and the door take them.
func (s *scene) wantTaken(events ...map[string]any) {
	s.t.Helper()
	body, err := json.Marshal(events)
	s.must(err)
	s.wantAnswer(http.StatusOK, body)
}

// wantAnswer has a body of HubSpot's delivered, signed.
func (s *scene) wantAnswer(status int, body []byte) {
	s.t.Helper()
	const hook = "https://connector.example.com/webhooks/hubspot"
	r, err := http.NewRequest(http.MethodPost, hook, bytes.NewReader(body))
	s.must(err)
	r.Header = hubspottest.Sign(hubspottest.DefaultClientSecret, http.MethodPost, hook, body, s.Clock.Now())
	r.Header.Set("Content-Type", "application/json")
	event, err := sandbox.Gateway(r, "delivery")
	s.must(err)
	if answer, err := s.Door(s.t.Context(), event); err != nil || answer.StatusCode != status {
		s.t.Fatalf("the door answers %d, %v, want %d", answer.StatusCode, err, status)
	}
}

// noted makes the portal known, as connector setup hubspot does.
func (s *scene) noted(portal int64) {
	s.t.Helper()
	rows := &config.Rows{Store: s.Tables[sandbox.Config], Now: s.Clock.Now}
	s.must(rows.Set(s.t.Context(), config.Portal, fmt.Append(nil, portal)))
	s.pass(61 * time.Second)
}

func TestALongTextTakesNobodyElsesEventsAlong(t *testing.T) {
	s := stage(t)
	var hub []string
	for _, name := range []string{"a", "b", "c", "d"} {
		hub = append(hub, s.hub(crm.Contacts, props{"email": name + "@acme.example", "lastname": name}))
	}
	s.settle()
	changed := s.twin(crm.Contacts, hub[1])
	for _, text := range []string{strings.Repeat("ж", 65_536), strings.Repeat("riga \"uno\"\r\n", 5000)} { // HubSpot counts characters
		s.editHub(crm.Contacts, hub[0], props{"message": text})
		s.editHub(crm.Contacts, hub[1], props{"jobtitle": fmt.Sprint(len(text))})
		s.pass(10 * time.Minute)
		s.wantZo(crm.Contacts, changed, props{"Title": fmt.Sprint(len(text))})
	}
	s.editHub(crm.Contacts, hub[0], props{"message": strings.Repeat("é", 65_536)})
	s.must(s.HubSpot.Delete(crm.Contacts, hub[2]))
	s.must(s.HubSpot.Erase(hub[3]))
	s.pass(10 * time.Minute)
	if n := s.quarantine("hubspot"); n != 0 {
		t.Errorf("%d deliveries could not be read", n)
	}
	if p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hub[2]}); p.State != pair.Orphan {
		t.Errorf("the pair of the contact that was deleted is %v", p.State)
	}
	if rows := strings.Join(s.rows(), "\n"); !strings.Contains(rows, "hubspot/contact  erase") {
		t.Errorf("nobody is told of the erasure:\n%s", rows)
	}
}

func TestALongTextOfZohoIsTaken(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	text := strings.Repeat("語", 32_000)
	s.editZo(crm.Contacts, zo, props{"Description": text})
	s.pass(time.Minute) // reconcile would find it within the hour
	s.wantHub(crm.Contacts, hub, props{"message": text})
}

func TestAnImportWithDescriptionsComesIn(t *testing.T) {
	s := stage(t)
	gone := s.hub(crm.Companies, props{"name": "Gone", "domain": "gone.example"})
	s.settle()
	for i := range 120 {
		s.hub(crm.Companies, props{"name": fmt.Sprint("C", i), "domain": fmt.Sprintf("c%d.example", i), "description": strings.Repeat("Azienda leader nel settore. ", 350)})
	}
	s.must(s.HubSpot.Delete(crm.Companies, gone))
	s.pass(20 * time.Minute)
	s.wantCount(crm.Companies, 120, 121)
	if p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: gone}); p.State != pair.Orphan || s.Doors[http.StatusRequestEntityTooLarge] != 0 {
		t.Errorf("the pair of the company that was deleted is %v; answers %v", p.State, s.Doors)
	}
}

func TestTheLargestDeliveryThatCanComeInIsTaken(t *testing.T) {
	s := stage(t)
	body := func(size int) []byte {
		const head, foot = `[{"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"message","propertyValue":"`, `"}]`
		return []byte(head + strings.Repeat("x", size-len(head)-len(foot)) + foot)
	}
	s.wantAnswer(http.StatusOK, body(door.Payload))
	s.wantAnswer(http.StatusRequestEntityTooLarge, body(door.Payload+1))
	if n := s.quarantine("hubspot"); n != 0 {
		t.Errorf("%d deliveries could not be read", n)
	}
}

const otherPortal = 99999

func TestAnErasureOfAnotherPortalTouchesNobodyHere(t *testing.T) {
	s, hub, zo := two(t)
	s.noted(hubspottest.DefaultPortalID)
	s.wantTaken(s.hubEvent(otherPortal, "privacyDeletion", hub[0], nil),
		s.hubEvent(otherPortal, "deletion", hub[0], nil), s.hubEvent(hubspottest.DefaultPortalID, "deletion", hub[1], nil))
	s.must(s.HubSpot.Delete(crm.Contacts, hub[1]))
	s.pass(10 * time.Minute)
	if p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hub[0]}); p.State != pair.Living {
		t.Errorf("the pair is %v", p.State)
	}
	if p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hub[1]}); p.State != pair.Orphan {
		t.Errorf("the pair of our own contact, deleted in the same delivery, is %v", p.State)
	}
	s.wantMails(0)
	if n := s.quarantine("hubspot"); n != 1 {
		t.Errorf("%d deliveries in quarantine, want the one", n)
	}
	s.editHub(crm.Contacts, hub[0], props{"city": "Milano"})
	s.settle()
	s.wantZo(crm.Contacts, zo[0], props{"Mailing_City": "Milano"})
}

func TestAMergeOfAnotherPortalUnitesNobodyHere(t *testing.T) {
	s, hub, zo := two(t)
	s.noted(hubspottest.DefaultPortalID)
	s.wantTaken(s.hubEvent(otherPortal, "merge", hub[0], map[string]any{"primaryObjectId": json.Number(hub[0]), "mergedObjectIds": []any{json.Number(hub[1])}}))
	s.pass(20 * time.Minute)
	s.wantRows()
	for i, city := range []string{"Milano", "Torino"} {
		s.editHub(crm.Contacts, hub[i], props{"city": city})
		s.settle()
		s.wantZo(crm.Contacts, zo[i], props{"Mailing_City": city})
	}
}

func TestAStackThatMovesTakesTheEventsOfTheNewPortalOnceItIsNoted(t *testing.T) {
	s := stage(t)
	s.noted(otherPortal)
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	s.pass(time.Minute)
	s.wantCount(crm.Contacts, 1, 0)
	s.noted(hubspottest.DefaultPortalID)
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.pass(time.Minute)
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, hub), props{"Mailing_City": "Milano"})
}
