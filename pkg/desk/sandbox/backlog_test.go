package sandbox_test

import (
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/rules"
)

// Operations that wait for a CRM which is down may come to their end while the stack is off or observes. By then reconcile's
// looks have passed their changes.
func TestWhatWaitedForACRMWhenTheStackWasSwitchedIsDoneOnceItIsOn(t *testing.T) {
	for _, m := range []crm.Mode{crm.Off, crm.Observe} {
		for _, edited := range []crm.System{crm.HubSpot, crm.Zoho} {
			t.Run(string(m)+", edited in "+string(edited), func(t *testing.T) {
				s := stage(t)
				hub, zo := s.rossi()
				s.pass(3 * time.Hour)
				s.Zoho.Fail(zohotest.Fault{On: "/crm/v8/Contacts", Times: -1, Status: 503})
				s.HubSpot.Fail(hubspottest.Fault{On: "/crm/objects/" + hubspottest.Version + "/contacts/" + hub, Times: -1, Status: 503})
				if s.pass(10 * time.Minute); edited == crm.HubSpot {
					s.editHub(crm.Contacts, hub, props{"city": "Milano"})
				} else {
					s.editZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
				}
				s.pass(50 * time.Minute) // reconcile looks at the full hour
				s.mode(m)
				s.Zoho.Clear()
				s.HubSpot.Clear()
				s.pass(30 * time.Minute)
				if !s.Quiet() {
					t.Fatal("the operation still waits")
				}
				s.mode(crm.On)
				s.pass(2 * time.Hour)
				s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
				s.wantHub(crm.Contacts, hub, props{"city": "Milano"})
			})
		}
	}
}

func TestWhatTheBrakeStoppedIsDoneAfterItIsResumed(t *testing.T) {
	s, hub, zo := crowd(t, 30, starting(crm.On, rules.Limits{Clearings: 20, Overwritten: 10}))
	s.pass(2 * time.Hour)
	for _, id := range hub {
		s.editHub(crm.Contacts, id, props{"lastname": "Everybody"})
	}
	s.pass(5 * time.Hour)
	stopped := 0
	for _, id := range zo {
		if s.zoValue(crm.Contacts, id, "Last_Name") != "Everybody" {
			stopped++
		}
	}
	if stopped == 0 {
		t.Fatal("nothing was stopped")
	}
	for range 4 { // resumed again and again, as often as it is pulled
		s.mode(crm.On)
		s.pass(2 * time.Hour)
	}
	for _, id := range zo {
		s.wantZo(crm.Contacts, id, props{"Last_Name": "Everybody"})
	}
}
