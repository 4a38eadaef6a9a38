package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

// What becomes of records that come back, are made anew, or go on with another half.

func TestAReplayMakesARecordWithoutWhatACheckboxCannotShowAndKeepsItInHubSpot(t *testing.T) {
	s := ticked(t, hubspottest.Property{Name: "vip", Type: "string"})
	hub, zo := s.rossi(props{"vip": "Sì"})
	s.pass(time.Hour)
	s.wantHub(crm.Contacts, hub, props{"vip": "Sì"})
	s.wantRows("hubspot/contact vip format")
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.settle()
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
	s.pass(time.Hour)
	s.wantHub(crm.Contacts, hub, props{"vip": "Sì"})
	s.wantRows("hubspot/contact vip format")
}

func TestWhatAReplayedRecordIsCreatedWithoutGoesAcrossOnceItCan(t *testing.T) {
	s := fields(t, "    origin:\n      type: picklist\n      hubspot: origin\n      zoho: Origin\n      policy: at-creation\n      options:\n        - {hubspot: Web, zoho: Web}\n        - {hubspot: Chat, zoho: Chat}\n",
		[]hubspottest.Property{{Name: "origin", Type: "enumeration", Options: options("Web", "Chat")}},
		[]zohotest.Field{{Name: "Origin", Type: "picklist", Options: []string{"-None-", "Web"}}})
	hub, zo := s.rossi(props{"origin": "Chat"})
	s.wantRows("hubspot/contact origin picklist")
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.settle()
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
	s.settle()
	s.editHub(crm.Contacts, hub, props{"city": "Bari"})
	s.settle()
	s.wantRows("hubspot/contact origin picklist")
	s.editHub(crm.Contacts, hub, props{"origin": "Web"})
	s.pass(time.Hour)
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, hub), props{"Origin": "Web"})
}

func TestThePeopleOfACompanyThatIsMadeAnewByAReplayStayInIt(t *testing.T) {
	for _, seen := range []bool{false, true} {
		for _, side := range []string{"hubspot", "zoho"} {
			t.Run(map[bool]string{false: "not looked at ", true: "looked at "}[seen]+side, func(t *testing.T) {
				s := stage(t)
				acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
				hub, zo := s.rossi(props{"associatedcompanyid": acme})
				old := s.twin(crm.Companies, acme)
				s.wantZo(crm.Contacts, zo, props{"Account_Name": old})
				s.must(s.Zoho.Delete(crm.Companies, old))
				s.pass(30 * time.Minute)
				if seen {
					s.editHub(crm.Contacts, hub, props{"city": "Milano"})
					s.pass(30 * time.Minute)
				}
				s.editHub(crm.Companies, acme, props{"city": "Milano"})
				s.settle()
				s.wantRows("hubspot/company  deleted")
				s.send(crm.Companies, crm.HubSpot, acme, crm.Replay)
				s.pass(3 * time.Hour)
				fresh := s.twin(crm.Companies, acme)
				if side == "hubspot" {
					s.editHub(crm.Contacts, hub, props{"city": "Bari"})
				} else {
					s.editZo(crm.Contacts, zo, props{"Title": "Head"})
				}
				s.pass(3 * time.Hour)
				s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": acme})
				s.wantZo(crm.Contacts, zo, props{"Account_Name": fresh})
				s.wantRows()
			})
		}
	}
}

// A company is deleted in HubSpot, a contact of it is edited, and the company is made there again.
func TestThePeopleOfACompanyThatIsMadeAnewInHubSpotAreInIt(t *testing.T) {
	for _, seen := range []bool{false, true} {
		t.Run(map[bool]string{false: "not looked at", true: "looked at"}[seen], func(t *testing.T) {
			s := stage(t)
			acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
			hub, zo := s.rossi(props{"associatedcompanyid": acme})
			account := s.twin(crm.Companies, acme)
			s.must(s.HubSpot.Delete(crm.Companies, acme))
			s.pass(30 * time.Minute)
			if seen {
				s.editHub(crm.Contacts, hub, props{"city": "Milano"})
				s.pass(30 * time.Minute)
			}
			fresh := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
			s.pass(3 * time.Hour)
			s.wantZo(crm.Companies, account, props{"HubSpot_Id": fresh})
			s.editHub(crm.Contacts, hub, props{"city": "Bari"})
			s.pass(3 * time.Hour)
			s.wantZo(crm.Contacts, zo, props{"Account_Name": account, "Mailing_City": "Bari"})
			s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": fresh})
			s.wantRows()
		})
	}
}

// The same in Zoho: the account is deleted and made again by hand.
func TestThePeopleOfACompanyThatIsMadeAnewInZohoAreInIt(t *testing.T) {
	for _, seen := range []bool{false, true} {
		t.Run(map[bool]string{false: "not looked at", true: "looked at"}[seen], func(t *testing.T) {
			s := stage(t)
			acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
			hub, zo := s.rossi(props{"associatedcompanyid": acme})
			s.must(s.Zoho.Delete(crm.Companies, s.twin(crm.Companies, acme)))
			s.pass(30 * time.Minute)
			if seen {
				s.editHub(crm.Contacts, hub, props{"city": "Milano"})
				s.pass(30 * time.Minute)
			}
			fresh := s.zo(crm.Companies, props{"Account_Name": "Acme", "Website": "acme.example"})
			s.pass(3 * time.Hour)
			s.wantZo(crm.Companies, fresh, props{"HubSpot_Id": acme})
			s.editHub(crm.Contacts, hub, props{"city": "Bari"})
			s.pass(3 * time.Hour)
			s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": acme})
			s.wantZo(crm.Contacts, zo, props{"Account_Name": fresh, "Mailing_City": "Bari"})
			s.wantRows()
		})
	}
}

// turns are what may happen to a pair whose Zoho record was created without something; each returns the HubSpot id that goes on.
var turns = map[string]func(*scene, string, string) string{
	"restored in zoho": func(s *scene, hub, zo string) string {
		s.must(s.Zoho.Delete(crm.Contacts, zo))
		s.pass(time.Hour)
		s.must(s.Zoho.Restore(crm.Contacts, zo))
		return hub
	},
	"restored in hubspot": func(s *scene, hub, zo string) string {
		s.must(s.HubSpot.Delete(crm.Contacts, hub))
		s.pass(time.Hour)
		s.must(s.HubSpot.Restore(crm.Contacts, hub))
		return hub
	},
	"merged in hubspot": func(s *scene, hub, zo string) string {
		other := s.hub(crm.Contacts, props{"email": "bruno@acme.example", "lastname": "Bruni"})
		s.pass(10 * time.Minute)
		survivor, err := s.HubSpot.Merge(crm.Contacts, hub, other)
		s.must(err)
		return survivor
	},
}

// only returns the rows that have a word.
func only(rows []string, word string) (out []string) {
	for _, r := range rows {
		if strings.Contains(r, word) {
			out = append(out, r)
		}
	}
	return out
}

func TestWhatACheckboxCannotShowIsAskedAboutAgainWhenTheRecordGoesOn(t *testing.T) {
	for name, live := range turns {
		t.Run(name, func(t *testing.T) {
			s := ticked(t, hubspottest.Property{Name: "vip", Type: "string"})
			hub, zo := s.rossi(props{"vip": "Sì"})
			s.wantRows("hubspot/contact vip format")
			hub = live(s, hub, zo)
			s.pass(3 * time.Hour)
			s.editHub(crm.Contacts, hub, props{"city": "Bari"})
			s.pass(time.Hour)
			s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Bari"})
			if s.hubValue(crm.Contacts, hub, "vip") != "Sì" || len(only(s.rows(), "vip")) != 1 {
				t.Error("overwritten, or differs and nobody is asked")
			}
		})
	}
}

func TestAValueThatARecordWasCreatedWithoutIsNotForgottenWhenItGoesOn(t *testing.T) {
	for name, live := range turns {
		t.Run(name, func(t *testing.T) {
			s := fields(t, "    origin:\n      type: picklist\n      hubspot: origin\n      zoho: Origin\n      policy: at-creation\n      options:\n        - {hubspot: Web, zoho: Web}\n        - {hubspot: Chat, zoho: Chat}\n",
				[]hubspottest.Property{{Name: "origin", Type: "enumeration", Options: options("Web", "Chat")}},
				[]zohotest.Field{{Name: "Origin", Type: "picklist", Options: []string{"-None-", "Web"}}})
			hub, zo := s.rossi(props{"origin": "Chat"})
			s.wantRows("hubspot/contact origin picklist")
			hub = live(s, hub, zo)
			s.pass(3 * time.Hour)
			s.editHub(crm.Contacts, hub, props{"city": "Bari"})
			s.pass(time.Hour)
			if len(only(s.rows(), "origin")) != 1 {
				t.Errorf("nobody is asked any more: %q", s.rows())
			}
			s.editHub(crm.Contacts, hub, props{"origin": "Web"})
			s.pass(3 * time.Hour)
			s.wantZo(crm.Contacts, zo, props{"Origin": "Web", "Mailing_City": "Bari"})
		})
	}
}

func TestAValueThatOnlyOneMayHaveGoesAcrossOnceTheOtherIsDeleted(t *testing.T) {
	s, hub, zo := two(t)
	s.editZo(crm.Contacts, zo[1], props{"Email": "p0@acme.example"})
	s.pass(10 * time.Minute)
	s.must(s.HubSpot.Delete(crm.Contacts, hub[0]))
	s.pass(26 * time.Hour)
	s.wantHub(crm.Contacts, hub[1], props{"email": "p0@acme.example"})
	s.wantRows()
}
