package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/webhook"
)

// Persons who have asked to be forgotten.

// wantErased wants nothing kept of the records but in the rows that ask a person to erase those in left.
func (s *scene) wantErased(records, left []string) {
	s.t.Helper()
	var asked []string
	for _, r := range s.parked() {
		if r.Hint == fault.HintErase {
			asked = append(asked, r.TargetID.Key)
			continue
		}
		for _, id := range []string{r.Record.Key, r.TargetID.Key, r.Other.Key} {
			if slices.Contains(records, id) {
				s.t.Errorf("a row about an erased person: %s %s names %s", r.Field, r.Hint, id)
			}
		}
	}
	slices.Sort(asked)
	left = slices.Sorted(slices.Values(left))
	if !slices.Equal(asked, left) {
		s.t.Errorf("asked to erase %v, want %v", asked, left)
	}
	for name, table := range s.Tables {
		for r := range table.All("") {
			for _, id := range records {
				if name != sandbox.Parked && strings.Contains(r.Key.Part+" "+r.Key.Sort+" "+string(r.Value), id) {
					s.t.Errorf("table %s still knows %s: %s", name, id, r.Key)
				}
			}
		}
	}
}

// wantForgotten sends an event of every record, and wants each to end without a write and nothing to be kept again.
func (s *scene) wantForgotten(hub, zo []string) {
	s.t.Helper()
	n, pairs := s.count(), s.pairs()
	for _, id := range hub {
		s.send(crm.Contacts, crm.HubSpot, id, crm.Update)
	}
	for _, id := range zo {
		s.send(crm.Contacts, crm.Zoho, id, crm.Update)
	}
	s.pass(3 * time.Hour)
	s.wantWrites(n, 0, 0)
	if got := s.pairs(); got != pairs {
		s.t.Errorf("%d pairs, want %d", got, pairs)
	}
	if !s.Quiet() {
		s.t.Errorf("the queues are not empty: %s", s.last(3))
	}
}

// mergedTwo are two pairs at rest whose HubSpot records were merged; the survivor comes last.
func mergedTwo(t *testing.T) (s *scene, hub []string, zo []string) {
	t.Helper()
	s, h, z := two(t)
	survivor, err := s.HubSpot.Merge(crm.Contacts, h[0], h[1])
	s.must(err)
	s.settle()
	s.wantRows("hubspot/contact  merge_twins")
	return s, append(h[:], survivor), z[:]
}

func TestAnErasureAfterAMergeNamesEveryZohoRecordAndForgetsEveryId(t *testing.T) {
	s, hub, zo := mergedTwo(t)
	s.must(s.HubSpot.Erase(hub[2]))
	s.settle()
	s.wantErased(append(hub, zo...), zo)
	s.pass(10 * time.Minute)
	mails := s.Outbox.Mails()
	if last := mails[len(mails)-1].Text; !strings.Contains(last, zo[0]) || !strings.Contains(last, zo[1]) {
		t.Errorf("the mail does not name both records: %s", last)
	}
	s.wantForgotten(hub, zo)
	s.wantErased(append(hub, zo...), zo)
}

func TestAnErasureThatNamesAnIdThatWasMergedAwayErasesThePerson(t *testing.T) {
	for name, tt := range map[string]struct {
		which int
		gone  bool
	}{
		"the primary, while the survivor lives": {0, false}, "the other, while the survivor lives": {1, false},
		"the primary, after the survivor went": {0, true}, "the other, after the survivor went": {1, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := mergedTwo(t)
			if tt.gone {
				lost := true
				s.mute(crm.HubSpot, &lost)
				s.must(s.HubSpot.Erase(hub[2]))
				s.settle()
			}
			s.send(crm.Contacts, crm.HubSpot, hub[tt.which], crm.Erase)
			s.settle()
			s.wantErased(append(hub, zo...), zo)
			s.wantForgotten(hub, zo)
		})
	}
}

func TestAnErasureBeforeItsMergeIsHeardOfErasesWhatWasMerged(t *testing.T) {
	s, hub, zo := two(t)
	lost := true
	s.mute(crm.HubSpot, &lost)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	s.must(s.HubSpot.Erase(survivor))
	s.settle()
	s.send(crm.Contacts, crm.HubSpot, survivor, crm.Erase)
	s.settle()
	s.merged(survivor, hub[:]...)
	s.settle()
	s.wantErased(append(hub[:], append(zo[:], survivor)...), zo[:])
}

func TestAMergeAndAnErasureOfOneBatchEraseWhatWasMerged(t *testing.T) {
	s, hub, zo := two(t)
	lost := true
	s.mute(crm.HubSpot, &lost)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	s.must(s.HubSpot.Erase(survivor))
	s.merged(survivor, hub[:]...)
	s.send(crm.Contacts, crm.HubSpot, survivor, crm.Erase)
	s.settle()
	s.wantErased(append(hub[:], append(zo[:], survivor)...), zo[:])
}

// merged sends the operation of a merge.
func (s *scene) merged(survivor string, others ...string) {
	s.t.Helper()
	now := s.Clock.Now()
	s.push(crm.Operation{
		V: crm.OperationVersion, ID: fmt.Sprint("test merge ", now.UnixNano()), Connection: crm.DefaultConnection, Source: crm.HubSpot,
		Kind: crm.Contact, Module: crm.Contacts, Verb: crm.Merge, RecordID: survivor, Others: others, OccurredAt: now, ReceivedAt: now,
	})
}

func TestADuplicateThatWasMergedInZohoSinceIsNotNamed(t *testing.T) {
	s, hub, zo := mergedTwo(t)
	_, err := s.Zoho.Merge(crm.Contacts, zo[0], zo[1])
	s.must(err)
	s.settle()
	s.must(s.HubSpot.Erase(hub[2]))
	s.settle()
	s.wantErased(append(hub, zo...), zo[:1])
}

func TestTheSecondDeliveryOfAnErasureLeavesWhatIsLeftToDo(t *testing.T) {
	s, hub, zo := mergedTwo(t)
	s.must(s.HubSpot.Erase(hub[2]))
	s.settle()
	for _, id := range hub {
		s.send(crm.Contacts, crm.HubSpot, id, crm.Erase)
		s.settle()
	}
	s.wantErased(append(hub, zo...), zo)
	for _, r := range s.parked() {
		if r.Count != 1 {
			t.Errorf("%s was told %d times", r.TargetID, r.Count)
		}
	}
	mails := len(s.Outbox.Mails())
	s.pass(24 * time.Hour)
	if got := len(s.Outbox.Mails()); got > mails+1 {
		t.Errorf("%d mails more", got-mails)
	}
}

func TestWhatWasErasedInZohoIsNotAskedForAnyMore(t *testing.T) {
	s, hub, zo := mergedTwo(t)
	s.must(s.HubSpot.Erase(hub[2]))
	s.settle()
	s.must(s.Zoho.Delete(crm.Contacts, zo[1]))
	s.settle()
	s.wantErased(append(hub, zo...), zo[:1])
	s.must(s.Zoho.Delete(crm.Contacts, zo[0]))
	s.settle()
	s.wantRows()
	mails := len(s.Outbox.Mails())
	s.must(s.Zoho.Restore(crm.Contacts, zo[0])) // somebody takes it out of the bin
	s.pass(3 * time.Hour)
	s.wantErased(append(hub, zo...), zo[:1])
	s.wantCount(crm.Contacts, 0, 1)
	s.editZo(crm.Contacts, zo[0], props{"Title": "Ghost"})
	s.pass(3 * time.Hour)
	s.wantMails(mails + 1)
	if r := s.parked()[0]; r.Record.System != crm.HubSpot || r.Count != 1 {
		t.Errorf("%+v", r)
	}
}

// quarantine puts a delivery that nobody could read where the door would, and returns how many lie there.
func (s *scene) quarantine(source string, bodies ...string) int {
	s.t.Helper()
	q := &webhook.Quarantine{Store: s.Tables[sandbox.Quarantine], Now: s.Clock.Now}
	for _, body := range bodies {
		s.must(q.Keep(s.t.Context(), source, "an array is not closed", []byte(body)))
	}
	all, err := q.List(s.t.Context(), source)
	s.must(err)
	return len(all)
}

func TestAPrivacyDeletionReachesTheQuarantine(t *testing.T) {
	s, hub, zo := mergedTwo(t)
	other := s.hub(crm.Contacts, props{"email": "ugo@acme.example", "lastname": "Bianchi"})
	s.settle()
	for _, id := range hub {
		s.quarantine("hubspot", `[{"objectId":`+id+`,"propertyValue":"Anna`)
	}
	s.quarantine("hubspot", `[{"objectId":`+other+`,`, "9"+hub[0])
	s.quarantine("zoho", `{"ids":["`+zo[1]+`"`, `{"ids":["`+zo[1]+`0"`)
	s.must(s.HubSpot.Erase(hub[2]))
	s.settle()
	if h, z := s.quarantine("hubspot"), s.quarantine("zoho"); h != 2 || z != 1 {
		t.Errorf("%d and %d deliveries are left, want 2 and 1", h, z)
	}
}

func TestAPersonWhoWasNeverPairedIsErasedToo(t *testing.T) {
	twins := func(s *scene) []string {
		p := props{"Email": "anna@acme.example", "Last_Name": "Rossi"}
		return []string{s.zo(crm.Contacts, p), s.zo(crm.Contacts, p)}
	}
	for name, tt := range map[string]struct {
		there func(*scene) []string
		row   string
		gone  bool
	}{
		"a lead in Zoho": {func(s *scene) []string {
			return []string{s.zo(crm.Leads, props{"Email": "anna@acme.example", "Last_Name": "Rossi"})}
		}, "lead", false},
		"a twin that cannot be told":                        {twins, "duplicate", false},
		"a twin that cannot be told, and was deleted since": {twins, "duplicate", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			there := tt.there(s)
			s.settle()
			hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
			s.settle()
			s.wantRows("hubspot/contact  " + tt.row)
			left := there[:1]
			if tt.gone {
				s.must(s.Zoho.Delete(crm.Contacts, there[0]))
				left = nil
			}
			s.must(s.HubSpot.Erase(hub))
			s.settle()
			s.wantErased([]string{hub}, left)
			s.wantForgotten([]string{hub}, nil)
			for _, r := range s.parked() {
				if r.Code != fault.CauseErasedTwin {
					t.Errorf("told as %s", r.Code)
				}
			}
		})
	}
}

func TestAnErasureOvertakesItsCreation(t *testing.T) {
	for name, tt := range map[string]struct {
		lands time.Duration
		lost  bool // Zoho's event of it
	}{
		"carried out at once": {lands: time.Millisecond}, "landing in minutes": {lands: 5 * time.Minute}, "landing in hours": {lands: 2 * time.Hour},
		"carried out at once, unheard": {time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			s.Zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", LandsAfter: tt.lands})
			s.mute(crm.Zoho, &tt.lost)
			hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
			s.pass(3 * time.Second)
			s.must(s.HubSpot.Erase(hub))
			s.settle()
			if s.pairs() != 0 {
				t.Error("the pair waits for the insert")
			}
			s.pass(4 * time.Hour)
			all := s.Zoho.IDs(crm.Contacts)
			if len(all) != 1 {
				t.Fatalf("%d records in Zoho; %s", len(all), s.last(5))
			}
			s.wantErased(append(all, hub), all)
			s.wantForgotten([]string{hub}, all)
		})
	}
}

func TestAPersonWhoComesBackIsMetAnew(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.must(s.HubSpot.Erase(hub))
	s.settle()
	again := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	s.pass(3 * time.Hour)
	if p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: again}); p.ID != "" {
		t.Error("paired with a record that is to be erased")
	}
	s.wantRows("hubspot/contact  duplicate", "hubspot/contact  erase")
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.pass(25 * time.Hour)
	s.wantRows()
	s.wantCount(crm.Contacts, 1, 1)
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, again), props{"Email": "anna@acme.example"})
}

func TestAnErasureLeavesWhoTookOverTheZohoRecordAndAsksAboutIt(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.must(s.HubSpot.Delete(crm.Contacts, hub))
	s.settle()
	heir := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": heir})
	s.send(crm.Contacts, crm.HubSpot, hub, crm.Erase)
	s.settle()
	s.wantErased([]string{hub}, []string{zo})
	if r := s.parked()[0]; r.Code != fault.CauseErasedTwin || r.Other.Key != heir {
		t.Errorf("%+v", r)
	}
	s.editHub(crm.Contacts, heir, props{"city": "Milano"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
	s.wantForgotten([]string{hub}, nil)
	// The other one is erased as well.
	s.must(s.HubSpot.Erase(heir))
	s.settle()
	s.wantForgotten([]string{hub, heir}, []string{zo})
	if s.pairs() != 0 {
		t.Error("a pair is left")
	}
}

func TestAnErasureAsksAboutTheRecordThatSomebodyTookOverAlsoWhileItIsDeleted(t *testing.T) {
	for _, heard := range []bool{true, false} {
		t.Run(fmt.Sprintf("the deletion heard %t", heard), func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi()
			s.must(s.HubSpot.Delete(crm.Contacts, hub))
			s.settle()
			heir := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
			s.settle()
			s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": heir})
			lost := !heard
			s.mute(crm.Zoho, &lost)
			s.must(s.Zoho.Delete(crm.Contacts, zo))
			s.pass(10 * time.Minute)
			s.send(crm.Contacts, crm.HubSpot, hub, crm.Erase)
			s.pass(10 * time.Minute)
			lost = false
			s.must(s.Zoho.Restore(crm.Contacts, zo))
			s.pass(2 * time.Hour)
			s.wantRows("hubspot/contact  erase")
			s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": heir})
		})
	}
}

func TestOfTwoWhoseZohoRecordsWereMergedTheOtherIsNamed(t *testing.T) {
	for name, which := range map[string]int{"the one whose pair went on": 0, "the one whose pair ended": 1} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := two(t)
			s.editZo(crm.Contacts, zo[0], props{"Secondary_Email": "p1@acme.example"})
			_, err := s.Zoho.Merge(crm.Contacts, zo[0], zo[1])
			s.must(err)
			s.settle()
			s.wantRows("hubspot/contact  merge_twins")
			erased, other := hub[which], hub[1-which]
			s.must(s.HubSpot.Erase(erased))
			s.settle()
			s.wantErased([]string{erased}, []string{zo[0], other})
			s.must(s.HubSpot.Erase(other))
			s.settle()
			s.wantForgotten(hub[:], zo[:])
			s.wantErased(append(hub[:], zo[1]), []string{zo[0], zo[0]}[:1+which])
			if s.pairs() != 0 {
				t.Error("a pair is left")
			}
		})
	}
}

func TestAnErasureReachesThePairThatEndedWithAMergeInZoho(t *testing.T) {
	s, hub, zo := two(t)
	s.editZo(crm.Contacts, zo[0], props{"Secondary_Email": "p1@acme.example"})
	_, err := s.Zoho.Merge(crm.Contacts, zo[0], zo[1])
	s.must(err)
	s.settle()
	lost := true
	s.mute(crm.HubSpot, &lost)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	s.must(s.HubSpot.Erase(survivor))
	s.merged(survivor, hub[:]...)
	s.send(crm.Contacts, crm.HubSpot, survivor, crm.Erase)
	s.settle()
	s.wantErased(append(hub[:], zo[0], zo[1], survivor), zo[:1])
	if s.pairs() != 0 {
		t.Error("a pair is left")
	}
}

func TestAnErasureAsksAboutTheDuplicatesOfAPairThatWasTakenOver(t *testing.T) {
	s, hub, zo := mergedTwo(t)
	s.must(s.HubSpot.Delete(crm.Contacts, hub[2]))
	s.settle()
	heir := s.hub(crm.Contacts, props{"email": "p0@acme.example", "lastname": "Rossi"})
	s.settle()
	s.wantZo(crm.Contacts, zo[0], props{"HubSpot_Id": heir})
	s.send(crm.Contacts, crm.HubSpot, hub[2], crm.Erase)
	s.settle()
	s.wantErased(hub[2:], zo)
}

func TestAnErasureAfterMergesOnBothSidesSparesWhoWasNeverMergedInHubSpot(t *testing.T) {
	s, hub, zo := crowd(t, 3)
	s.editZo(crm.Contacts, zo[2], props{"Secondary_Email": "p0@acme.example"})
	_, err := s.Zoho.Merge(crm.Contacts, zo[2], zo[0]) // the first pair ends in the third
	s.must(err)
	s.settle()
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[1], hub[0]) // and the third in the second
	s.must(err)
	s.settle()
	s.must(s.HubSpot.Erase(survivor))
	s.settle()
	s.wantErased([]string{hub[0], hub[1], survivor, zo[0], zo[1], zo[2]}, []string{zo[1], zo[2], hub[2]})
	s.wantForgotten([]string{hub[0], hub[1], survivor}, zo)
	s.editHub(crm.Contacts, hub[2], props{"city": "Milano"})
	s.settle()
	s.must(s.Zoho.Delete(crm.Contacts, zo[2]))
	s.pass(3 * time.Hour)
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, hub[2]), props{"Mailing_City": "Milano"})
}

func TestARowOfSomebodyElseThatNamesAnErasedRecordStays(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Email": "anna@acme.example"}) // the twin is taken
	s.settle()
	s.wantRows("zoho/contact  duplicate")
	s.must(s.HubSpot.Erase(hub))
	s.settle()
	s.wantRows("hubspot/contact  erase", "zoho/contact  duplicate")
	s.wantErased([]string{hub}, []string{zo})
	s.pass(25 * time.Hour) // it was tried again: HubSpot has nobody any more
	s.wantRows("hubspot/contact  erase")
}

func TestWhatIsMergedWithAnErasedRecordGoesOnWithoutIt(t *testing.T) {
	s, hub, zo := two(t)
	s.send(crm.Contacts, crm.HubSpot, hub[1], crm.Erase) // by the operator: it lives in HubSpot still
	s.settle()
	s.wantErased([]string{hub[1], zo[1]}, zo[1:])
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	s.settle()
	s.editHub(crm.Contacts, survivor, props{"city": "Milano"})
	s.pass(10 * time.Minute)
	s.wantZo(crm.Contacts, zo[0], props{"Mailing_City": "Milano", "HubSpot_Id": survivor})
	if !s.Quiet() {
		t.Errorf("not quiet: %s", s.last(3))
	}
}

func TestAnErasureIsCarriedOutWhileTheStackIsOff(t *testing.T) {
	s, hub, zo := two(t)
	s.must(s.Tables[sandbox.Config].Put(t.Context(), row.Put{Key: row.Key{Part: "config", Sort: string(config.Mode)}, Value: []byte("off")}))
	s.pass(2 * time.Minute)
	n := s.count()
	s.editHub(crm.Contacts, hub[0], props{"city": "Milano"})
	s.must(s.HubSpot.Erase(hub[1]))
	s.settle()
	s.wantWrites(n, 0, 0)
	s.wantZo(crm.Contacts, zo[0], props{"Mailing_City": ""})
	s.wantErased([]string{hub[1], zo[1]}, zo[1:])
}

func TestACompanyIsErasedWithoutItsPeople(t *testing.T) {
	s := stage(t)
	firm := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	s.settle()
	account := s.twin(crm.Companies, firm)
	hub, zo := s.rossi()
	s.must(s.HubSpot.SetCompany(hub, firm))
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Account_Name": account})
	s.send(crm.Companies, crm.HubSpot, firm, crm.Erase)
	s.settle()
	s.wantRows("hubspot/company  erase")
	n := s.count()
	s.editHub(crm.Companies, firm, props{"city": "Roma"})
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.wantWrites(n, 0, 1)
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano", "Account_Name": account})
	other := s.hub(crm.Contacts, props{"email": "ugo@acme.example", "lastname": "Verdi"})
	s.must(s.HubSpot.SetCompany(other, firm))
	s.settle()
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, other), props{"Account_Name": ""})
	s.wantCount(crm.Companies, 1, 1)
}
