package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// Companies, and the company of a contact.

func TestACompanyAndItsLaterChangesGoAcrossInBothDirections(t *testing.T) {
	s := stage(t)
	hub := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example", "city": "Roma", "type": "PROSPECT", "numberofemployees": "12",
		"annualrevenue": "1250000.5", "phone": "06 1234 5678", "industry": "INTERNET"})
	s.settle()
	zo := s.twin(crm.Companies, hub)
	s.wantZo(crm.Companies, zo, props{"Account_Name": "Acme", "Website": "acme.example", "Billing_City": "Roma", "Account_Type": "Prospect",
		"Employees": "12", "Annual_Revenue": "1250000.5", "Phone": "+390612345678", "Industry": "Technology"})
	s.editHub(crm.Companies, hub, props{"annualrevenue": "1300000.00", "type": "PARTNER", "industry": "COMPUTER_SOFTWARE"})
	s.settle()
	s.wantZo(crm.Companies, zo, props{"Annual_Revenue": "1300000", "Account_Type": "Partner", "Industry": "Technology"})
	s.editZo(crm.Companies, zo, props{"Employees": "15", "Account_Type": "Customer", "Industry": "Real Estate", "Description": "A good one."})
	s.settle()
	s.wantHub(crm.Companies, hub, props{"numberofemployees": "15", "type": "OTHER", "industry": "REAL_ESTATE", "description": "A good one.",
		"annualrevenue": "1300000.00"})
	s.wantZo(crm.Companies, zo, props{"Account_Type": "Customer"})
	s.wantCount(crm.Companies, 1, 1)
	s.wantRows()
}

func TestACompanyWithoutANameIsCalledByItsDomain(t *testing.T) {
	s := stage(t)
	hub := s.hub(crm.Companies, props{"domain": "acme.example"})
	s.settle()
	zo := s.twin(crm.Companies, hub)
	s.wantZo(crm.Companies, zo, props{"Account_Name": "acme.example"})
	s.editZo(crm.Companies, zo, props{"Phone": "+39 06 1234 5678"})
	s.settle()
	s.wantHub(crm.Companies, hub, props{"name": "", "phone": "+390612345678"})
}

func TestAContactThatComesBeforeItsCompanyPointsToItInZoho(t *testing.T) {
	s := stage(t)
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	anna := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "associatedcompanyid": acme})
	lost := true
	s.mute(crm.HubSpot, &lost) // nobody tells of the company
	s.pass(time.Second)
	lost = false
	s.deliver(t, s.Clock.Now(), anna, "lastname", "Rossi")
	s.settle()
	s.wantCount(crm.Companies, 1, 1)
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, anna), props{"Account_Name": s.twin(crm.Companies, acme)})
	s.wantRows()
}

func TestAContactAndItsCompanyCreatedAtOnceAreOneOfEachAndPointToEachOther(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.Reorder = 2 * time.Second })
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	var people []string
	for _, name := range []string{"Rossi", "Verdi", "Neri", "Bianchi"} {
		people = append(people, s.hub(crm.Contacts, props{"email": name + "@acme.example", "lastname": name, "associatedcompanyid": acme}))
	}
	s.settle()
	s.wantCount(crm.Companies, 1, 1)
	s.wantCount(crm.Contacts, 4, 4)
	for _, id := range people {
		s.wantZo(crm.Contacts, s.twin(crm.Contacts, id), props{"Account_Name": s.twin(crm.Companies, acme)})
	}
	s.wantRows()
}

func TestACompanyAssociatedMovedAndTakenAwayInHubSpotFollowsInZoho(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	s.settle()
	s.must(s.HubSpot.SetCompany(hub, acme))
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Account_Name": s.twin(crm.Companies, acme)})
	other := s.hub(crm.Companies, props{"name": "Other", "domain": "other.example"})
	s.must(s.HubSpot.SetCompany(hub, other)) // at once: the company is not in Zoho yet
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Account_Name": s.twin(crm.Companies, other)})
	s.must(s.HubSpot.SetCompany(hub, ""))
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Account_Name": ""})
	s.wantRows()
}

func TestACompanyAssociatedMovedAndTakenAwayInZohoFollowsInHubSpot(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	other := s.hub(crm.Companies, props{"name": "Other", "domain": "other.example"})
	s.settle()
	n := s.count()
	s.must(s.Zoho.SetCompany(zo, s.twin(crm.Companies, acme)))
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": acme})
	s.must(s.Zoho.SetCompany(zo, s.twin(crm.Companies, other)))
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": other})
	s.must(s.Zoho.SetCompany(zo, ""))
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": ""})
	s.wantWrites(n, 3, 0)
	s.wantRows()
}

func TestACompanyOfZohoThatIsNotInHubSpotWaitsUntilItIs(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	account := s.zo(crm.Companies, props{"Account_Name": "Acme", "Website": "www.acme.example"})
	s.must(s.Zoho.SetCompany(zo, account))
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": ""})
	s.wantCount(crm.Companies, 0, 1) // nothing is created in HubSpot
	s.wantRows()
	s.pass(2 * time.Hour)
	s.wantMails(0)
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	s.settle()
	s.wantCount(crm.Companies, 1, 1)
	s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": acme})
	s.wantZo(crm.Contacts, zo, props{"Account_Name": account})
	s.wantRows()
}

func TestTheCompanyOfAContactEditedOnBothSidesIsTheLaterOne(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	other := s.hub(crm.Companies, props{"name": "Other", "domain": "other.example"})
	s.settle()
	s.must(s.HubSpot.SetCompany(hub, acme))
	s.Clock.Advance(20 * time.Second)
	s.must(s.Zoho.SetCompany(zo, s.twin(crm.Companies, other)))
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": other})
	s.wantZo(crm.Contacts, zo, props{"Account_Name": s.twin(crm.Companies, other)})
}

func TestACompanyThatIsParkedDoesNotKeepItsContactsBack(t *testing.T) {
	s := stage(t)
	for range 2 { // several accounts of one domain: the company is asked about
		s.zo(crm.Companies, props{"Account_Name": "Acme", "Website": "acme.example"})
	}
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	anna := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "associatedcompanyid": acme})
	s.settle()
	zo := s.twin(crm.Contacts, anna)
	s.wantZo(crm.Contacts, zo, props{"Account_Name": ""})
	s.wantRows("hubspot/company  duplicate")
	accounts := s.Zoho.IDs(crm.Companies)
	s.must(s.Zoho.Delete(crm.Companies, accounts[0])) // cleared up by hand; reconcile asks again
	s.pass(3 * time.Hour)
	s.wantZo(crm.Contacts, zo, props{"Account_Name": accounts[1]})
	s.wantZo(crm.Companies, accounts[1], props{"HubSpot_Id": acme})
	s.wantRows()
}

func TestCompaniesMergedInHubSpotLeaveTheContactsInTheSurvivor(t *testing.T) {
	s := stage(t)
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	other := s.hub(crm.Companies, props{"name": "Other", "domain": "other.example"})
	anna := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "associatedcompanyid": other})
	s.settle()
	account := s.twin(crm.Companies, acme)
	survivor, err := s.HubSpot.Merge(crm.Companies, acme, other)
	s.must(err)
	s.settle()
	s.wantZo(crm.Companies, account, props{"HubSpot_Id": survivor})
	s.wantHub(crm.Contacts, anna, props{"associatedcompanyid": survivor})
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, anna), props{"Account_Name": account})
	s.wantRows("hubspot/company  merge_twins")
}

func TestACompanyDeletedInZohoIsTakenFromNoContactInHubSpotByItself(t *testing.T) {
	s := stage(t)
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	hub, zo := s.rossi(props{"associatedcompanyid": acme})
	s.must(s.Zoho.Delete(crm.Companies, s.twin(crm.Companies, acme)))
	s.settle()
	s.editZo(crm.Contacts, zo, props{"Title": "Head buyer"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
	s.wantCount(crm.Companies, 1, 0)
}

func TestEveryContactThatWaitsForACompanyIsWoken(t *testing.T) {
	s, hub, zo := crowd(t, 60)
	company := s.zo(crm.Companies, props{"Account_Name": "Acme", "Website": "acme-group.example"})
	for _, id := range zo {
		s.editZo(crm.Contacts, id, props{"Account_Name": company})
	}
	s.pass(10 * time.Minute)
	twin := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme-group.example"})
	s.pass(time.Hour)
	for _, id := range hub {
		s.wantHub(crm.Contacts, id, props{"associatedcompanyid": twin})
	}
}

func TestADeletedCompanyTakesNobodyOutOfItInTheOtherCRMAndComesBackWithItsPeople(t *testing.T) {
	const people = 30
	for _, tt := range []struct {
		name            string
		delete, restore func(*scene, string, string)
	}{
		{"hubspot", func(s *scene, hub, _ string) { s.must(s.HubSpot.Delete(crm.Companies, hub)) },
			func(s *scene, hub, _ string) { s.must(s.HubSpot.Restore(crm.Companies, hub)) }},
		{"zoho", func(s *scene, _, zo string) { s.must(s.Zoho.Delete(crm.Companies, zo)) },
			func(s *scene, _, zo string) { s.must(s.Zoho.Restore(crm.Companies, zo)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := stage(t)
			acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
			s.settle()
			zacme := s.twin(crm.Companies, acme)
			var hubs []string
			for i := range people {
				hubs = append(hubs, s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@x.example", i), "lastname": fmt.Sprint("L", i), "associatedcompanyid": acme}))
			}
			s.pass(5 * time.Minute)
			tt.delete(s, acme, zacme)
			s.pass(30 * time.Minute)
			for i, h := range hubs { // everybody is looked at anew
				s.editHub(crm.Contacts, h, props{"city": "Bari"})
				if tt.name == "hubspot" && s.zoValue(crm.Contacts, s.twin(crm.Contacts, h), "Account_Name") != zacme {
					t.Fatalf("contact %d was taken out of the company that zoho still has", i)
				}
			}
			s.pass(2 * time.Hour)
			for i, h := range hubs {
				s.wantZo(crm.Contacts, s.twin(crm.Contacts, h), props{"Mailing_City": "Bari"}) // the brake did not stop us
				if tt.name == "zoho" && s.hubValue(crm.Contacts, h, "associatedcompanyid") != acme {
					t.Fatalf("contact %d was taken out of the company that hubspot still has", i)
				}
			}
			tt.restore(s, acme, zacme)
			s.pass(3 * time.Hour)
			for _, h := range hubs {
				s.wantHub(crm.Contacts, h, props{"associatedcompanyid": acme})
				s.wantZo(crm.Contacts, s.twin(crm.Contacts, h), props{"Account_Name": zacme})
			}
			s.wantRows()
		})
	}
}

func TestAContactOfADeletedCompanyGoesToTheNextOneThatSomebodyChooses(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	beta := s.hub(crm.Companies, props{"name": "Beta", "domain": "beta.example"})
	s.must(s.HubSpot.SetCompany(hub, acme))
	s.settle()
	s.must(s.HubSpot.Delete(crm.Companies, acme))
	s.pass(30 * time.Minute)
	s.must(s.HubSpot.SetCompany(hub, beta))
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Account_Name": s.twin(crm.Companies, beta)})
	s.must(s.HubSpot.SetCompany(hub, ""))
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Account_Name": ""})
	s.wantRows()
}

func TestACompanyThatComesBackAfterAnotherTookItsPlaceIsADuplicateThatSomebodyIsToldOf(t *testing.T) {
	s := stage(t)
	first := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	s.settle()
	zo := s.twin(crm.Companies, first)
	s.must(s.HubSpot.Delete(crm.Companies, first))
	s.pass(time.Minute)
	second := s.hub(crm.Companies, props{"name": "Acme SpA", "domain": "acme.example"})
	s.pass(time.Minute)
	s.wantZo(crm.Companies, zo, props{"HubSpot_Id": second, "Account_Name": "Acme SpA"})
	s.must(s.HubSpot.Restore(crm.Companies, first))
	s.pass(5 * time.Minute)
	s.wantRows("hubspot/company  duplicate")
	s.editHub(crm.Companies, second, props{"city": "Milano"})
	s.pass(5 * time.Minute)
	s.editHub(crm.Companies, first, props{"city": "Roma"})
	s.pass(5 * time.Minute)
	s.wantZo(crm.Companies, zo, props{"HubSpot_Id": second, "Billing_City": "Milano"})
	s.must(s.HubSpot.Delete(crm.Companies, second))
	s.pass(3 * time.Hour)
	s.wantZo(crm.Companies, zo, props{"HubSpot_Id": first, "Billing_City": "Roma"})
	s.wantRows()
}
