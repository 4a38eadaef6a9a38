package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
)

// What a person decides stays undecided until he does, and what was asked is asked no longer once it is answered.

// bereft is a contact whose Zoho record was deleted, and who was edited since.
func bereft(t *testing.T, edit props, change ...func(*sandbox.WorldOptions)) (s *scene, hub, zo string) {
	s = stage(t, change...)
	hub, zo = s.rossi()
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.settle()
	s.editHub(crm.Contacts, hub, edit)
	s.settle()
	s.wantRows("hubspot/contact  deleted")
	return s, hub, zo
}

func TestAReplayOfSomebodyDeletedInZohoMakesNoSecondOfHim(t *testing.T) {
	for name, tt := range map[string]struct {
		byHand int
		rows   []string
	}{
		"nobody was made by hand": {0, nil},
		"one was":                 {1, nil},
		"two were":                {2, []string{"hubspot/contact  duplicate"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, hub, _ := bereft(t, props{"city": "Milano"})
			lost := true
			s.mute(crm.Zoho, &lost)
			for i := range tt.byHand {
				s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": fmt.Sprint("Rossi ", i)})
			}
			s.pass(10 * time.Second)
			lost = false
			s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
			s.settle()
			s.wantCount(crm.Contacts, 1, max(1, tt.byHand))
			s.wantRows(tt.rows...)
			if tt.byHand < 2 {
				s.wantZo(crm.Contacts, s.twin(crm.Contacts, hub), props{"Mailing_City": "Milano"})
			}
		})
	}
}

func TestARefusedReplayForgetsNothingOfWhatWasEditedMeanwhile(t *testing.T) {
	for _, replay := range []bool{false, true} {
		t.Run(fmt.Sprint("replayed ", replay), func(t *testing.T) {
			s, hub, zo := bereft(t, props{"lastname": "", "city": "Bari"}, func(o *sandbox.WorldOptions) {
				o.Mapping = mapping.Options{LastName: mapping.LastNameRequire}
			})
			if replay {
				s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
				s.settle()
				s.wantRows("hubspot/contact last_name missing")
				if p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hub}); p.State != pair.Orphan || p.Zoho != zo {
					t.Errorf("the pair is %v with zoho %q", p.State, p.Zoho)
				}
			}
			s.pass(10 * time.Minute)
			s.must(s.Zoho.Restore(crm.Contacts, zo))
			s.settle()
			s.wantHub(crm.Contacts, hub, props{"city": "Bari", "lastname": ""})
			s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Bari", "Last_Name": "Rossi"})
			s.wantRows("hubspot/contact last_name missing")
		})
	}
}

func TestOfTwoInZohoWhoMayBeTheSameNobodyIsChosenByBeingTouched(t *testing.T) {
	s := stage(t)
	a := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi", "Title": "A"})
	b := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi", "Title": "B"})
	s.settle()
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	s.settle()
	s.wantRows("hubspot/contact  duplicate")
	s.editZo(crm.Contacts, b, props{"Mailing_City": "Roma"})
	s.settle()
	s.wantRows("hubspot/contact  duplicate", "zoho/contact  duplicate")
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "", "city": ""})
	s.must(s.Zoho.Delete(crm.Contacts, a))
	s.pass(2 * time.Hour) // it is asked again by itself
	s.wantZo(crm.Contacts, b, props{"HubSpot_Id": hub})
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "B", "city": "Roma"})
	s.wantRows()
}

func TestWhatIsEqualInHubSpotsWordsIsNotWrittenOverZohosFinerOnes(t *testing.T) {
	for name, ignores := range map[string]bool{"an org that refuses stale writes": false, "one that does not": true} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, func(o *sandbox.WorldOptions) { o.Zoho.IgnoreCondition = ignores })
			hub := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example", "industry": "COMPUTER_SOFTWARE", "phone": "+39 06 123456"})
			s.settle()
			zo := s.twin(crm.Companies, hub)
			finer := props{"Industry": "ERP (Enterprise Resource Planning)", "Website": "https://www.acme.example/it/home", "Phone": "06-123456"}
			s.editZo(crm.Companies, zo, finer)
			s.pass(time.Hour)
			s.editHub(crm.Companies, hub, props{"city": "Roma"})
			s.pass(time.Hour)
			n := s.count()
			s.editHub(crm.Companies, hub, props{"industry": "INTERNET", "domain": "www.acme.example", "phone": "+3906123456"})
			s.settle()
			s.wantWrites(n, 0, 0)
			s.wantZo(crm.Companies, zo, finer)
			s.editHub(crm.Companies, hub, props{"industry": "BANKING"})
			s.settle()
			s.wantZo(crm.Companies, zo, props{"Website": finer["Website"], "Phone": finer["Phone"]})
			if s.zoValue(crm.Companies, zo, "Industry") == finer["Industry"] {
				t.Error("a change of the industry did not go across")
			}
		})
	}
}

func TestWhatIsAskedAboutARecordEndsWithTheRecord(t *testing.T) {
	for name, tt := range map[string]struct {
		set  func(s *scene) string // of a record that is asked about in HubSpot
		rows string
	}{
		"a lead": {func(s *scene) string {
			s.zo(crm.Leads, props{"Email": "lea@acme.example", "Last_Name": "Lead"})
			return s.hub(crm.Contacts, props{"email": "lea@acme.example", "lastname": "Lead"})
		}, "hubspot/contact  lead"},
		"a value without counterpart": {func(s *scene) string {
			return s.hub(crm.Contacts, props{"email": "lea@acme.example", "lastname": "Lea", "salutation": "Contessa"})
		}, "hubspot/contact salutation unmapped"},
	} {
		t.Run(name+", deleted", func(t *testing.T) {
			s := stage(t)
			hub := tt.set(s)
			s.settle()
			s.wantRows(tt.rows)
			s.must(s.HubSpot.Delete(crm.Contacts, hub))
			s.pass(time.Hour)
			s.wantRows()
		})
		t.Run(name+", merged away", func(t *testing.T) {
			s := stage(t)
			other, _ := s.rossi()
			hub := tt.set(s)
			s.settle()
			s.wantRows(tt.rows)
			_, err := s.HubSpot.Merge(crm.Contacts, other, hub)
			s.must(err)
			s.pass(time.Hour)
			for _, r := range s.parked() {
				if r.Hint != "merge_twins" && r.Record.Key == hub {
					t.Errorf("still open: %s %s", r.Field, r.Hint)
				}
			}
		})
	}
	t.Run("deleted in Zoho, then in HubSpot", func(t *testing.T) {
		s, hub, _ := bereft(t, props{"city": "Milano"})
		s.must(s.HubSpot.Delete(crm.Contacts, hub))
		s.pass(time.Hour)
		s.wantRows()
	})
}

func TestANameThatWasMadeUpAndReplacedIsAnEditWhenSomebodyTypesIt(t *testing.T) {
	s := stage(t)
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "firstname": "Anna"})
	s.settle()
	zo := s.twin(crm.Contacts, hub)
	s.wantZo(crm.Contacts, zo, props{"Last_Name": "Anna"})
	s.editZo(crm.Contacts, zo, props{"Last_Name": "Rossi"})
	s.settle()
	s.editHub(crm.Contacts, hub, props{"lastname": ""})
	s.settle()
	s.wantRows("hubspot/contact last_name missing")
	s.editZo(crm.Contacts, zo, props{"Last_Name": "Anna"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"lastname": "Anna"})
	s.wantRows()
}

func TestAFieldThatComesBackIntoTheMappingIsToldAgain(t *testing.T) {
	s := stage(t, short)
	hub, zo := s.rossi()
	s.editZo(crm.Contacts, zo, props{"Title": "Head of all the buyers"})
	s.settle()
	s.wantRows("zoho/contact job_title too_long")
	whole := string(mapping.DefaultYAML())
	without := strings.Replace(whole, "    job_title:\n      hubspot: jobtitle\n      zoho: {property: Title, max: 100}\n", "", 1)
	if without == whole {
		t.Fatal("the default mapping has no such field")
	}
	rows := &config.Rows{Store: s.Tables[sandbox.Config], Now: s.Clock.Now}
	for i, step := range []struct{ yaml, row string }{{without, ""}, {whole, "zoho/contact job_title too_long"}} {
		s.must(rows.Set(t.Context(), config.Mapping, []byte(step.yaml)))
		s.pass(2 * time.Minute)
		s.editHub(crm.Contacts, hub, props{"city": fmt.Sprint("Roma ", i)})
		s.settle()
		if step.row == "" {
			s.wantRows()
		} else {
			s.wantRows(step.row)
		}
	}
}
