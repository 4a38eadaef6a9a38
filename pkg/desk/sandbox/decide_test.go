package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/digest"
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

// halves are two pairs: the HubSpot record of the first is deleted, and the Zoho record of the second.
func halves(t *testing.T) (s *scene, hub, zo [2]string) {
	s, hub, zo = two(t)
	s.must(s.HubSpot.Delete(crm.Contacts, hub[0]))
	s.settle()
	s.editHub(crm.Contacts, hub[1], props{"email": "p0@acme.example"})
	s.settle()
	return s, hub, zo
}

func TestTwoHalvesOfOnePersonBecomeOnePair(t *testing.T) {
	t.Run("when the other half is deleted", func(t *testing.T) {
		s, hub, zo := halves(t)
		s.must(s.Zoho.Delete(crm.Contacts, zo[1]))
		s.settle()
		s.wantCount(crm.Contacts, 1, 1)
		s.wantZo(crm.Contacts, zo[0], props{"HubSpot_Id": hub[1]})
		s.editHub(crm.Contacts, hub[1], props{"city": "Milano"})
		s.settle()
		s.wantZo(crm.Contacts, zo[0], props{"Mailing_City": "Milano"})
		s.wantRows()
	})
	t.Run("when a replay asks for a new one", func(t *testing.T) {
		s, hub, zo := two(t)
		s.must(s.HubSpot.Delete(crm.Contacts, hub[0]))
		s.must(s.Zoho.Delete(crm.Contacts, zo[1]))
		s.settle()
		s.editHub(crm.Contacts, hub[1], props{"email": "p0@acme.example"})
		s.settle()
		s.wantRows("hubspot/contact  deleted")
		s.send(crm.Contacts, crm.HubSpot, hub[1], crm.Replay)
		s.settle()
		s.wantCount(crm.Contacts, 1, 1)
		s.wantZo(crm.Contacts, zo[0], props{"HubSpot_Id": hub[1], "Email": "p0@acme.example"})
		s.wantRows()
	})
}

func TestAZohoRecordThatComesBackIsItsPersonsAgainWhenTheOneAfterItIsGone(t *testing.T) {
	for name, edit := range map[string]func(s *scene, hub, zo string){
		"and is edited": func(s *scene, _, zo string) { s.editZo(crm.Contacts, zo, props{"Title": "Boss"}) },
		"and is linked by hand": func(s *scene, hub, zo string) {
			s.editZo(crm.Contacts, zo, props{"Title": "Boss"})
			s.send(crm.Contacts, crm.HubSpot, hub, crm.Revisit)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := bereft(t, props{"city": "Milano"})
			s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
			s.settle()
			s.must(s.Zoho.Delete(crm.Contacts, s.twin(crm.Contacts, hub)))
			s.settle()
			s.must(s.Zoho.Restore(crm.Contacts, zo))
			s.settle()
			edit(s, hub, zo)
			s.pass(time.Hour)
			s.wantHub(crm.Contacts, hub, props{"jobtitle": "Boss"})
			s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": hub})
			s.wantRows()
		})
	}
}

func TestSomebodyMergedIntoAnotherRecordEveryDayIsOnePersonForAll(t *testing.T) {
	s, zo := stage(t), ""
	survivor := s.hub(crm.Contacts, props{"email": "p@acme.example", "lastname": "Rossi"})
	s.settle()
	for i := range 30 {
		next := s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": "Rossi"})
		s.settle()
		zo = s.twin(crm.Contacts, next)
		var err error
		survivor, err = s.HubSpot.Merge(crm.Contacts, next, survivor) // the newer one is the primary
		s.must(err)
		s.settle()
	}
	s.editHub(crm.Contacts, survivor, props{"city": "Roma"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": survivor, "Mailing_City": "Roma"})
	s.must(s.HubSpot.Erase(survivor))
	s.settle()
	if s.pairs() != 0 {
		t.Error("a pair is left of somebody who was erased")
	}
}

func TestFiftyMergedAtOnceAreOnePair(t *testing.T) {
	s := stage(t)
	all := make([]string, 50)
	for i := range all {
		all[i] = s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": "Rossi"})
	}
	s.settle()
	survivor := all[0]
	for _, other := range all[1:] {
		var err error
		survivor, err = s.HubSpot.Merge(crm.Contacts, survivor, other)
		s.must(err)
	}
	s.pass(time.Hour)
	s.editHub(crm.Contacts, survivor, props{"city": "Roma"})
	s.settle()
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, survivor), props{"Mailing_City": "Roma"})
	if rows := s.parked(); len(rows) != len(all)-1 {
		t.Errorf("%d questions about %d records in Zoho", len(rows), len(all))
	}
}

func TestSomebodyMadeByHandWhileACreationIsUnansweredIsMetAsAnybody(t *testing.T) {
	s := stage(t)
	s.Zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", Times: 8, Lost: zohotest.LostBefore})
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "firstname": "Anna", "lastname": "Rossi", "city": "Roma"})
	s.pass(70 * time.Second)
	zo := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Bianchi", "Title": "Buyer"})
	s.pass(time.Hour)
	s.wantCount(crm.Contacts, 1, 1)
	s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": hub, "First_Name": "Anna", "Mailing_City": "Roma", "Title": "Buyer", "Last_Name": "Bianchi"})
	s.wantHub(crm.Contacts, hub, props{"lastname": "Bianchi", "jobtitle": "Buyer"})
	s.wantRows()
}

func TestALeadMadeWhileACreationIsUnansweredIsPairedOnceConverted(t *testing.T) {
	s := stage(t)
	s.Zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", Times: 8, Lost: zohotest.LostBefore})
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	s.pass(70 * time.Second)
	lead := s.zo(crm.Leads, props{"Email": "anna@acme.example", "Last_Name": "Rossi"})
	s.pass(time.Hour)
	s.wantRows("hubspot/contact  lead")
	zo, _, err := s.Zoho.ConvertLead(lead)
	s.must(err)
	s.pass(time.Hour)
	s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": hub})
	s.wantRows()
}

func TestWhatALeadShowedBeforeIsOlderThanWhatSomebodyEditedInHubSpotUntilItsConversion(t *testing.T) {
	for name, fail := range map[string]func(*scene){
		"all well":                       func(*scene) {},
		"Zoho's times are not to be had": func(s *scene) { s.Zoho.Fail(zohotest.Fault{Match: inTimeline, Times: 3, Status: 503}) },
		"Zoho takes nothing for a while": func(s *scene) { s.Zoho.Fail(zohotest.Fault{On: "PUT /crm/v8/Contacts", Times: 3, Status: 503}) },
		"what is written to Zoho gets lost": func(s *scene) {
			s.Zoho.Fail(zohotest.Fault{On: "PUT /crm/v8/Contacts", Times: 3, Lost: zohotest.LostBefore})
		},
		"HubSpot takes nothing for a while":   func(s *scene) { s.HubSpot.Fail(hubspottest.Fault{On: "PATCH", Times: 3, Status: 503}) },
		"Zoho's times are asked for too fast": func(s *scene) { s.Zoho.Fail(zohotest.Fault{Match: inTimeline, Times: 1, Status: 429}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			lead := s.zo(crm.Leads, props{"Last_Name": "Rossi", "Email": "anna@acme.example", "Phone": "06 1111 1111", "City": "Roma"})
			s.pass(30 * 24 * time.Hour)
			hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
			s.settle()
			s.wantRows("hubspot/contact  lead")
			s.pass(24 * time.Hour)
			s.editHub(crm.Contacts, hub, props{"phone": "06 2222 2222"})
			s.pass(time.Hour)
			fail(s)
			zo, _, err := s.Zoho.ConvertLead(lead)
			s.must(err)
			s.editZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
			s.pass(time.Hour)
			s.wantHub(crm.Contacts, hub, props{"phone": "06 2222 2222", "city": "Milano"})
			s.wantZo(crm.Contacts, zo, props{"Phone": "+390622222222", "Mailing_City": "Milano"})
			s.wantRows()
		})
	}
}

func TestADuplicateThatComesBackWhileACreationIsUnansweredDoesNotTakeItsPlace(t *testing.T) {
	s, hub, zo := two(t)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	s.settle()
	for _, id := range []string{zo[1], zo[0]} { // the duplicate first: nobody goes on for the other one
		s.must(s.Zoho.Delete(crm.Contacts, id))
		s.settle()
	}
	s.Zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", LandsAfter: 40 * time.Second})
	s.send(crm.Contacts, crm.HubSpot, survivor, crm.Replay)
	s.pass(5 * time.Second)
	s.must(s.Zoho.Restore(crm.Contacts, zo[1]))
	s.editZo(crm.Contacts, zo[1], props{"Title": "Ghost"})
	s.pass(3 * time.Hour)
	s.wantCount(crm.Contacts, 1, 2)
	s.wantHub(crm.Contacts, survivor, props{"jobtitle": ""})
	s.wantZo(crm.Contacts, zo[1], props{"HubSpot_Id": hub[1], "Last_Name": "Verdi"})
	s.editHub(crm.Contacts, survivor, props{"city": "Roma"})
	s.settle()
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, survivor), props{"Last_Name": "Rossi", "Mailing_City": "Roma"})
	s.wantZo(crm.Contacts, zo[1], props{"Mailing_City": ""})
	s.wantRows("zoho/contact  merge_twins")
}

func TestARowAboutSomebodyMergedAwayEndsThoughZohoIsDownJustThen(t *testing.T) {
	s := stage(t)
	anna, _ := s.rossi()
	other := s.hub(crm.Contacts, props{"email": "bruno@acme.example", "lastname": "Bruni", "salutation": "Contessa"})
	s.settle()
	s.wantRows("hubspot/contact salutation unmapped")
	s.Zoho.Fail(zohotest.Fault{Times: 6, Status: 500})
	survivor, err := s.HubSpot.Merge(crm.Contacts, anna, other)
	s.must(err)
	s.pass(time.Hour)
	s.editHub(crm.Contacts, survivor, props{"salutation": ""})
	s.pass(time.Hour)
	s.wantRows("hubspot/contact  merge_twins")
}

func TestAReplayWhileTheStackOnlyObservesAnswersNoQuestion(t *testing.T) {
	s, hub, _ := bereft(t, props{"city": "Milano"})
	s.mode(crm.Observe)
	s.pass(2 * time.Minute)
	s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
	s.settle()
	s.wantCount(crm.Contacts, 1, 0)
	s.wantRows("hubspot/contact  deleted")
}

func TestAQuestionAboutTwoWhomHubSpotDoesNotKnowEndsWhenTheyAreMerged(t *testing.T) {
	s := stage(t)
	a := s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Mobile": "+39 333 1234567"})
	b := s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Mobile": "+39 333 7654321"})
	s.settle()
	inZoho := func(key string) crm.ID { return crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: key} }
	ledger := digest.Ledger{Store: s.Tables[sandbox.Parked], Now: s.Clock.Now}
	s.must(ledger.Open(t.Context(), fault.Parked{
		Connection: crm.DefaultConnection, Kind: crm.Contact, Record: crm.ID{System: crm.WhatsApp, Module: crm.Contacts, Key: "a-person"},
		Target: crm.Zoho, TargetID: inZoho(a), Other: inZoho(b), Class: fault.Refused, Code: fault.CauseTwin, Hint: fault.HintMergeTwins,
	}))
	s.editZo(crm.Contacts, a, props{"Title": "Buyer"})
	s.settle()
	s.wantRows("whatsapp/contact  merge_twins")
	_, err := s.Zoho.Merge(crm.Contacts, a, b)
	s.must(err)
	s.settle()
	s.wantRows()
}
