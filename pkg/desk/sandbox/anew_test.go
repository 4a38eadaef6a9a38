package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
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
	s := lacking(t)
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

func TestAReplayMakesARecordThatIsOptedOutAsTheOneBeforeWasThoughHubSpotShowsNothingOfIt(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.editZo(crm.Contacts, zo, props{"Email_Opt_Out": "true"})
	s.settle()
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.settle()
	s.editHub(crm.Contacts, hub, props{"city": "Bari"})
	s.settle()
	s.wantRows("hubspot/contact  deleted")
	s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
	s.pass(time.Hour)
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, hub), props{"Email_Opt_Out": "true", "Mailing_City": "Bari"})
	s.wantRows()
}

// anew are the ways in which a company's place is taken by another record; each returns the ids of the company on both sides then.
var anew = map[string]func(s *scene, acme, account string) (hub, zo string){
	"in HubSpot": func(s *scene, acme, account string) (string, string) {
		return s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"}), account
	},
	"in Zoho": func(s *scene, acme, _ string) (string, string) {
		return acme, s.zo(crm.Companies, props{"Account_Name": "Acme", "Website": "acme.example"})
	},
	"by a replay": func(s *scene, acme, _ string) (string, string) {
		s.editHub(crm.Companies, acme, props{"city": "Milano"})
		s.settle()
		s.wantRows("hubspot/company  deleted")
		s.send(crm.Companies, crm.HubSpot, acme, crm.Replay)
		s.settle()
		return acme, s.twin(crm.Companies, acme)
	},
}

func TestThePeopleOfACompanyThatIsMadeAnewAreInIt(t *testing.T) {
	for how, make := range anew {
		for when, look := range map[string]bool{"their contact looked at before": true, "not looked at": false} {
			for _, side := range []crm.System{crm.HubSpot, crm.Zoho} {
				t.Run(how+", "+when+", then edited in "+string(side), func(t *testing.T) {
					s := stage(t)
					acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
					hub, zo := s.rossi(props{"associatedcompanyid": acme})
					account := s.twin(crm.Companies, acme)
					if how == "in HubSpot" {
						s.must(s.HubSpot.Delete(crm.Companies, acme))
					} else {
						s.must(s.Zoho.Delete(crm.Companies, account))
					}
					s.pass(30 * time.Minute)
					if look {
						s.editHub(crm.Contacts, hub, props{"city": "Milano"})
						s.pass(30 * time.Minute)
					}
					acme, account = make(s, acme, account)
					s.pass(3 * time.Hour)
					if side == crm.HubSpot {
						s.editHub(crm.Contacts, hub, props{"state": "BA"})
					} else {
						s.editZo(crm.Contacts, zo, props{"Title": "Head"})
					}
					s.pass(3 * time.Hour)
					s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": acme})
					s.wantZo(crm.Contacts, zo, props{"Account_Name": account})
					s.wantRows()
				})
			}
		}
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
			s := lacking(t)
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

func TestWhoWaitsForAnAccountThatGoesIntoAnotherOneIsInThatOne(t *testing.T) {
	s := stage(t)
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	hub, zo := s.rossi(nil)
	account := s.twin(crm.Companies, acme)
	other := s.zo(crm.Companies, props{"Account_Name": "Acme Milano", "Website": "milano.example"})
	s.pass(10 * time.Minute)
	s.must(s.Zoho.SetCompany(zo, other))
	s.pass(10 * time.Minute)
	s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": ""})
	_, err := s.Zoho.Merge(crm.Companies, account, other)
	s.must(err)
	s.pass(10 * time.Minute)
	s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": acme})
}
