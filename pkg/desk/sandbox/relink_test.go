package sandbox_test

import (
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
)

// carriedElsewhere is a pair whose id in Zoho somebody took away and gave to another contact: Zoho takes it once only.
func carriedElsewhere(t *testing.T) (s *scene, hub, zo, other string) {
	s = stage(t)
	hub, zo = s.rossi()
	other = s.zo(crm.Contacts, props{"Email": "anna.old@acme.example", "Last_Name": "Rossi"})
	s.settle()
	s.editZo(crm.Contacts, zo, props{"HubSpot_Id": ""})
	s.editZo(crm.Contacts, other, props{"HubSpot_Id": hub})
	s.pass(2 * time.Hour)
	s.wantRows("hubspot/contact hubspot_id duplicate", "zoho/contact  duplicate")
	return s, hub, zo, other
}

func TestTheIdThatZohoRefusedIsWrittenOnceItIsFree(t *testing.T) {
	for name, free := range map[string]func(s *scene, hub, other string){
		"the other one gives it up": func(s *scene, _, other string) { s.editZo(crm.Contacts, other, props{"HubSpot_Id": ""}) },
		"the other one is deleted":  func(s *scene, _, other string) { s.must(s.Zoho.Delete(crm.Contacts, other)) },
		"nobody tells, and an operator replays": func(s *scene, hub, other string) {
			lost := true
			s.mute(crm.Zoho, &lost)
			s.editZo(crm.Contacts, other, props{"HubSpot_Id": ""})
			s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo, other := carriedElsewhere(t)
			free(s, hub, other)
			s.settle()
			s.pass(time.Minute)
			s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": hub})
			s.pass(26 * time.Hour) // what was asked about the other one is asked again
			s.wantRows()
		})
	}
}

func TestTheIdThatZohoRefusesIsNotSentWithEveryEdit(t *testing.T) {
	s, hub, zo, _ := carriedElsewhere(t)
	before := len(s.Zoho.Writes())
	s.editHub(crm.Contacts, hub, props{"city": "Bari"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Bari"})
	if n := len(s.Zoho.Writes()) - before; n != 1 {
		t.Errorf("%d writes for one edit", n)
	}
	s.wantRows("hubspot/contact hubspot_id duplicate", "zoho/contact  duplicate")
}
