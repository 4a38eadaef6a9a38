package sandbox_test

import (
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
)

// lines is a number that HubSpot does not take.
const lines = "061234567,067654321"

// rossis are two people of one name in both systems.
func rossis(t *testing.T) (s *scene, hub, zo [2]string) {
	s = stage(t)
	hub = [2]string{
		s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"}),
		s.hub(crm.Contacts, props{"email": "a.rossi@acme.example", "lastname": "Rossi"}),
	}
	s.settle()
	return s, hub, [2]string{s.twin(crm.Contacts, hub[0]), s.twin(crm.Contacts, hub[1])}
}

func TestWhatWasToldOfAZohoRecordEndsWhenItIsMergedAsTheMailAsks(t *testing.T) {
	s, hub, zo := rossis(t)
	s.editZo(crm.Contacts, zo[1], props{"Phone": lines})
	s.pass(10 * time.Minute)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[1], hub[0])
	s.must(err)
	s.pass(10 * time.Minute)
	s.wantRows("hubspot/contact  merge_twins", "zoho/contact phone format")
	_, err = s.Zoho.Merge(crm.Contacts, zo[0], zo[1])
	s.must(err)
	s.editZo(crm.Contacts, zo[0], props{"Phone": "061234567"})
	s.pass(2 * time.Hour)
	s.wantHub(crm.Contacts, survivor, props{"phone": "+39061234567"})
	s.wantCount(crm.Contacts, 1, 1)
	s.wantRows()
}

func TestWhatWasToldOfAZohoRecordEndsWhenItsPairGoesOnWithAnotherOne(t *testing.T) {
	for name, replace := range map[string]func(s *scene, zo, free string) error{
		"merged":  func(s *scene, zo, free string) error { _, err := s.Zoho.Merge(crm.Contacts, free, zo); return err },
		"deleted": func(s *scene, zo, _ string) error { return s.Zoho.Delete(crm.Contacts, zo) },
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi()
			s.editZo(crm.Contacts, zo, props{"Phone": lines})
			s.pass(6 * time.Minute)
			s.wantRows("zoho/contact phone format")
			lost := true
			s.mute(crm.Zoho, &lost)
			free := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi", "Phone": "06 1234567"})
			s.pass(5 * time.Second)
			lost = false
			s.must(replace(s, zo, free))
			s.pass(2 * time.Hour)
			s.wantHub(crm.Contacts, hub, props{"phone": "+39061234567"})
			s.wantZo(crm.Contacts, free, props{"HubSpot_Id": hub})
			s.wantRows()
		})
	}
}

func TestAPairGoesOnWithTheRecordThatItsOwnWasMergedIntoThoughAnotherOneIsLikeIt(t *testing.T) {
	s, hub, zo := rossis(t)
	third := s.zo(crm.Contacts, props{"Email": "old@acme.example", "Last_Name": "Rossi"})
	s.settle()
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[1], hub[0])
	s.must(err)
	s.pass(6 * time.Minute)
	_, err = s.Zoho.Merge(crm.Contacts, third, zo[1])
	s.must(err)
	s.pass(10 * time.Minute)
	s.wantRows("hubspot/contact  merge_twins")
	s.editHub(crm.Contacts, survivor, props{"city": "Lecce"})
	s.settle()
	s.wantZo(crm.Contacts, third, props{"Mailing_City": "Lecce"})
	_, err = s.Zoho.Merge(crm.Contacts, third, zo[0])
	s.must(err)
	s.pass(2 * time.Hour)
	s.wantCount(crm.Contacts, 1, 1)
	s.wantRows()
}

func TestOfTheReasonsWhyAZohoRecordCannotBePairedTheLastOneStands(t *testing.T) {
	s := stage(t)
	first := s.hub(crm.Contacts, props{"email": "info@acme.example", "lastname": "Rossi"})
	s.settle()
	s.zo(crm.Contacts, props{"Email": "info@acme.example", "Last_Name": "Bianchi"}) // somebody has its twin
	s.settle()
	s.editHub(crm.Contacts, first, props{"email": "rossi@acme.example"})
	s.zo(crm.Contacts, props{"Email": "info@acme.example", "Last_Name": "Verdi"})
	s.settle()
	s.hub(crm.Contacts, props{"email": "info@acme.example", "lastname": "Bianchi"}) // it is one of two
	s.pass(30 * time.Hour)
	seen := map[crm.ID]bool{}
	for _, r := range s.parked() {
		if seen[r.Record] {
			t.Errorf("two rows tell of %s", r.Record)
		}
		seen[r.Record] = true
	}
	if len(seen) == 0 {
		t.Error("nobody is asked whose twin it is")
	}
}

func TestWhoIsToBeMergedInZohoIsNotAskedAboutOnceItIsGoneThoughTheirPersonLeftHubSpot(t *testing.T) {
	for name, end := range map[string]func(s *scene, zo [2]string) error{
		"merged":                func(s *scene, zo [2]string) error { _, err := s.Zoho.Merge(crm.Contacts, zo[0], zo[1]); return err },
		"merged, the other way": func(s *scene, zo [2]string) error { _, err := s.Zoho.Merge(crm.Contacts, zo[1], zo[0]); return err },
		"deleted":               func(s *scene, zo [2]string) error { return s.Zoho.Delete(crm.Contacts, zo[1]) },
	} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := rossis(t)
			survivor, err := s.HubSpot.Merge(crm.Contacts, hub[1], hub[0])
			s.must(err)
			s.pass(6 * time.Minute)
			s.must(s.HubSpot.Delete(crm.Contacts, survivor))
			s.pass(6 * time.Minute)
			s.must(end(s, zo))
			s.pass(2 * time.Hour)
			s.wantRows()
		})
	}
}
