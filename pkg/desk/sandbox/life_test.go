package sandbox_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/identity"
)

// Records that are merged, deleted, restored and erased.

// two are two pairs at rest: Rossi and Verdi.
func two(t *testing.T, change ...func(*sandbox.WorldOptions)) (s *scene, hub, zo [2]string) {
	t.Helper()
	s = stage(t, change...)
	for i, name := range []string{"Rossi", "Verdi"} {
		hub[i] = s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": name})
	}
	s.editHub(crm.Contacts, hub[1], props{"mobilephone": "+39 333 1234567"})
	s.settle()
	for i := range hub {
		zo[i] = s.twin(crm.Contacts, hub[i])
	}
	return s, hub, zo
}

func TestAMergeInHubSpotLeavesThePairOfThePrimaryAndAQuestion(t *testing.T) {
	for name, tt := range map[string]struct {
		keep    bool
		primary int
	}{
		"under a new id, into the elder": {false, 0}, "under the primary's id, the elder": {true, 0},
		"under a new id, into the younger": {false, 1}, "under the primary's id, the younger": {true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := two(t, func(o *sandbox.WorldOptions) { o.HubSpot.KeepPrimary = tt.keep })
			primary, other := tt.primary, 1-tt.primary
			survivor, err := s.HubSpot.Merge(crm.Contacts, hub[primary], hub[other])
			s.must(err)
			if (survivor == hub[primary]) != tt.keep {
				t.Fatal("the sandbox kept another id")
			}
			s.settle()
			s.wantCount(crm.Contacts, 1, 2)
			s.wantZo(crm.Contacts, zo[primary], props{"HubSpot_Id": survivor, "Last_Name": []string{"Rossi", "Verdi"}[primary],
				"Email": fmt.Sprintf("p%d@acme.example", primary), "Mobile": "+393331234567"})
			rows := s.parked()
			if len(rows) != 1 || rows[0].Hint != "merge_twins" || rows[0].TargetID.Key != zo[primary] || rows[0].Other.Key != zo[other] {
				t.Fatalf("%+v", rows)
			}
			// The duplicate is neither read nor written; the pair goes on.
			n := s.count()
			s.editZo(crm.Contacts, zo[other], props{"Title": "Ghost"})
			s.settle()
			s.wantWrites(n, 0, 0)
			s.editHub(crm.Contacts, survivor, props{"city": "Roma"})
			s.settle()
			s.wantZo(crm.Contacts, zo[primary], props{"Mailing_City": "Roma"})
			s.wantZo(crm.Contacts, zo[other], props{"Mailing_City": "", "Title": "Ghost"})
			s.editZo(crm.Contacts, zo[primary], props{"Mailing_State": "RM"})
			s.settle()
			s.wantHub(crm.Contacts, survivor, props{"state": "RM", "jobtitle": ""})
			// A late event of an id that was merged away changes the survivor's record only.
			s.deliver(t, s.Clock.Now(), hub[other], "city", "Roma")
			s.settle()
			s.wantCount(crm.Contacts, 1, 2)
		})
	}
}

func TestAfterAMergeInHubSpotTheTwinsAreMergedInZohoToo(t *testing.T) {
	for name, first := range map[string]bool{"into the pair's": true, "into the duplicate": false} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := two(t)
			survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
			s.must(err)
			s.settle()
			head, other := zo[0], zo[1]
			if !first {
				head, other = other, head
			}
			_, err = s.Zoho.Merge(crm.Contacts, head, other)
			s.must(err)
			s.settle()
			s.wantCount(crm.Contacts, 1, 1)
			s.wantZo(crm.Contacts, head, props{"HubSpot_Id": survivor})
			s.wantRows() // what was asked for has been done
			s.editHub(crm.Contacts, survivor, props{"city": "Roma"})
			s.settle()
			s.wantZo(crm.Contacts, head, props{"Mailing_City": "Roma"})
			s.editZo(crm.Contacts, head, props{"Title": "Buyer"})
			s.settle()
			s.wantHub(crm.Contacts, survivor, props{"jobtitle": "Buyer"})
		})
	}
}

func TestAMergeInHubSpotOfSomebodyWhoIsNotInZohoYet(t *testing.T) {
	s := stage(t)
	a := s.hub(crm.Contacts, props{"email": "a@acme.example", "lastname": "Rossi"})
	s.settle()
	zo := s.twin(crm.Contacts, a)
	b := s.hub(crm.Contacts, props{"email": "b@acme.example", "lastname": "Rossi", "city": "Roma"})
	survivor, err := s.HubSpot.Merge(crm.Contacts, a, b) // before the suite has heard of b
	s.must(err)
	s.settle()
	s.wantCount(crm.Contacts, 1, 1)
	s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": survivor, "Mailing_City": "Roma"})
	s.wantRows()
}

func TestAMergeWhoseEventIsLostIsFoundByTheNextReadOrByReconcile(t *testing.T) {
	s, hub, zo := two(t)
	lost := true
	s.mute(crm.HubSpot, &lost)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	s.pass(2 * time.Hour)
	s.wantZo(crm.Contacts, zo[0], props{"HubSpot_Id": survivor})
	s.wantCount(crm.Contacts, 1, 2)
}

func TestAMergeInZohoLeavesOnePairAndCreatesNobodyAnew(t *testing.T) {
	s, hub, zo := two(t)
	_, err := s.Zoho.Merge(crm.Contacts, zo[0], zo[1])
	s.must(err)
	s.settle()
	s.wantCount(crm.Contacts, 2, 1)
	s.wantZo(crm.Contacts, zo[0], props{"HubSpot_Id": hub[0], "Last_Name": "Rossi", "Mobile": "+393331234567"})
	s.editZo(crm.Contacts, zo[0], props{"Title": "Buyer"})
	s.settle()
	s.wantHub(crm.Contacts, hub[0], props{"jobtitle": "Buyer", "mobilephone": "+393331234567"})
	s.wantHub(crm.Contacts, hub[1], props{"lastname": "Verdi", "jobtitle": ""})
	s.editHub(crm.Contacts, hub[1], props{"city": "Roma"}) // nothing is created anew for it
	s.settle()
	s.wantCount(crm.Contacts, 2, 1)
}

// mergedInZoho are two whose Zoho records became one, as both their addresses on it show, while HubSpot has both.
func mergedInZoho(t *testing.T, change ...func(*sandbox.WorldOptions)) (s *scene, hub, zo [2]string) {
	s, hub, zo = two(t, change...)
	s.editZo(crm.Contacts, zo[0], props{"Secondary_Email": "p1@acme.example"})
	_, err := s.Zoho.Merge(crm.Contacts, zo[0], zo[1])
	s.must(err)
	s.settle()
	s.wantRows("hubspot/contact  merge_twins")
	return s, hub, zo
}

func TestAfterAMergeInZohoTheTwinsAreMergedInHubSpotToo(t *testing.T) {
	for name, keep := range map[string]bool{"under a new id": false, "under the primary's id": true} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := mergedInZoho(t, func(o *sandbox.WorldOptions) { o.HubSpot.KeepPrimary = keep })
			survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
			s.must(err)
			s.settle()
			s.wantCount(crm.Contacts, 1, 1)
			s.wantZo(crm.Contacts, zo[0], props{"HubSpot_Id": survivor})
			s.wantRows() // what was asked for has been done
		})
	}
}

func TestOfTwoMergedInZohoTheOneThatIsLeftInHubSpotGoesOnWhenTheOtherIsDeletedThere(t *testing.T) {
	for name, left := range map[string]int{"the primary": 0, "the other": 1} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := mergedInZoho(t)
			s.must(s.HubSpot.Delete(crm.Contacts, hub[1-left]))
			s.pass(time.Minute)
			s.wantRows() // deleting one of the two is an answer too
			s.wantZo(crm.Contacts, zo[0], props{"HubSpot_Id": hub[left]})
			s.editZo(crm.Contacts, zo[0], props{"Title": "Buyer"})
			s.settle()
			s.wantHub(crm.Contacts, hub[left], props{"jobtitle": "Buyer"})
		})
	}
}

func TestWhoIsEditedBesideTheRecordThatItsPairGoesOnWithIsAskedAboutUnderItsPresentId(t *testing.T) {
	s, hub, _ := mergedInZoho(t)
	third := s.hub(crm.Contacts, props{"email": "p3@acme.example", "lastname": "Neri"})
	s.settle()
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], third)
	s.must(err)
	s.settle()
	s.editHub(crm.Contacts, hub[1], props{"city": "Roma"})
	s.settle()
	var others []string
	for _, r := range s.parked() {
		if r.Record.Key == hub[1] && r.Hint == fault.HintMergeTwins {
			others = append(others, r.Other.Key)
		}
	}
	if !slices.Equal(others, []string{survivor}) {
		t.Errorf("%s is asked to be merged with %v, want %s", hub[1], others, survivor)
	}
}

func TestOfTwoMergedOnBothSidesNobodyIsAskedToMergeThemThoughZohoIsHeardFirst(t *testing.T) {
	s, hub, zo := two(t)
	lost := true
	s.mute(crm.HubSpot, &lost)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	_, err = s.Zoho.Merge(crm.Contacts, zo[0], zo[1])
	s.must(err)
	s.settle()
	s.wantCount(crm.Contacts, 1, 1)
	s.wantRows()
	s.wantZo(crm.Contacts, zo[0], props{"HubSpot_Id": survivor})
	lost = false
	s.editHub(crm.Contacts, survivor, props{"city": "Roma"})
	s.settle()
	s.wantZo(crm.Contacts, zo[0], props{"Mailing_City": "Roma"})
}

func TestAContactDeletedInHubSpotStaysInZohoAndIsNotCreatedAgain(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	n := s.count()
	s.must(s.HubSpot.Delete(crm.Contacts, hub))
	s.settle()
	s.deliver(t, s.Clock.Now(), hub, "city", "Roma") // a late update
	s.editZo(crm.Contacts, zo, props{"Title": "Head buyer"})
	s.pass(3 * time.Hour)
	s.wantCount(crm.Contacts, 0, 1)
	s.wantWrites(n, 0, 0)
	s.wantRows()
	s.must(s.HubSpot.Restore(crm.Contacts, hub))
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"}) // edited while it was gone
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
	s.wantCount(crm.Contacts, 1, 1)
}

func TestAContactDeletedInZohoIsParkedOnceAndLivesAgainWhenItIsRestored(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.settle()
	s.wantCount(crm.Contacts, 1, 0)
	s.wantRows()
	for i := range 3 {
		s.editHub(crm.Contacts, hub, props{"city": fmt.Sprint("Roma ", i)})
		s.pass(20 * time.Minute)
	}
	s.wantCount(crm.Contacts, 1, 0)
	s.wantRows("hubspot/contact  deleted")
	s.wantMails(1)
	s.must(s.Zoho.Restore(crm.Contacts, zo))
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Roma 2"})
	s.wantCount(crm.Contacts, 1, 1)
	s.wantRows()
	s.wantMails(1)
}

func TestAReplayCreatesAnewWhatWasDeletedInZoho(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.settle()
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.wantRows("hubspot/contact  deleted")
	s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
	s.settle()
	s.wantCount(crm.Contacts, 1, 1)
	fresh := s.twin(crm.Contacts, hub)
	s.wantZo(crm.Contacts, fresh, props{"Mailing_City": "Milano", "Title": "Buyer"})
	s.wantRows()
	s.editZo(crm.Contacts, fresh, props{"Title": "Head buyer"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
}

func TestBothHalvesDeletedAreLeftAlone(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	n := s.count()
	s.must(s.HubSpot.Delete(crm.Contacts, hub))
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.pass(3 * time.Hour)
	s.wantCount(crm.Contacts, 0, 0)
	s.wantWrites(n, 0, 0)
	s.wantRows()
	if !s.Quiet() {
		t.Error("the queues are not empty")
	}
}

func TestARecordCreatedAgainWithTheAddressOfADeletedOneMeetsTheLivingHalf(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.must(s.HubSpot.Delete(crm.Contacts, hub))
	s.settle()
	again := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "city": "Milano"})
	s.settle()
	s.wantCount(crm.Contacts, 1, 1)
	s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": again, "Title": "Buyer"})
	s.wantHub(crm.Contacts, again, props{"jobtitle": "Buyer"})

	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.settle()
	other := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi", "Department": "Buying"})
	s.settle()
	s.wantZo(crm.Contacts, other, props{"HubSpot_Id": again, "Title": "Buyer"})
	s.wantRows()
}

func TestAnErasedPersonLeavesATombstoneAndIsNotCreatedAgain(t *testing.T) {
	for seed := range uint64(4) { // HubSpot sends deletion and erasure in any order
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := stage(t, func(o *sandbox.WorldOptions) { o.Seed, o.HubSpot.Reorder = seed, time.Duration(seed)*time.Second })
			s.hub(crm.Contacts, props{"email": "ugo@acme.example", "lastname": "Verdi"})
			hub, zo := s.rossi(props{"date_of_birth": "yesterday"}) // something is held
			pairs := s.pairs()
			s.must(s.HubSpot.Erase(hub))
			s.settle()
			if got := s.pairs(); got != pairs-1 {
				t.Errorf("%d pairs, want %d", got, pairs-1)
			}
			for _, r := range s.parked() {
				if r.Hint != "erase" {
					t.Errorf("a row about an erased person: %s %s", r.Field, r.Hint)
				}
			}
			s.wantRows("hubspot/contact  erase")
			n := s.count()
			s.deliver(t, s.Clock.Now(), hub, "city", "Roma")
			s.editZo(crm.Contacts, zo, props{"Title": "Head buyer"})
			s.pass(3 * time.Hour)
			s.wantCount(crm.Contacts, 1, 2) // a person erases in Zoho too; until then its record stays as it is
			s.wantWrites(n, 0, 0)
			if got := s.pairs(); got != pairs-1 {
				t.Errorf("%d pairs later, want %d", got, pairs-1)
			}
			for name, table := range s.Tables {
				for r := range table.All("") {
					if name != sandbox.Parked && bytes.Contains(r.Value, []byte("anna")) {
						t.Errorf("table %s still knows the person", name)
					}
				}
			}
			s.wantMails(1)
		})
	}
}

// pair returns the pair of a record as it lies in the table.
func (s *scene) pair(id crm.ID) pair.Pair {
	s.t.Helper()
	book := &identity.Book{Store: s.Tables[sandbox.Pairs]}
	p, err := book.Find(s.t.Context(), crm.DefaultConnection, id)
	s.must(err)
	return p.Pair
}

// pairs counts the pairs.
func (s *scene) pairs() int {
	n := 0
	for range s.Tables[sandbox.Pairs].All("P#") {
		n++
	}
	return n
}

func TestAnOperationOfAnErasedPersonsOtherIdComesToAnEnd(t *testing.T) {
	s, hub, _ := two(t)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	s.settle()
	s.must(s.HubSpot.Erase(survivor))
	s.pass(2 * time.Minute)
	for _, id := range hub {
		s.send(crm.Contacts, crm.HubSpot, id, crm.Update)
	}
	s.pass(10 * time.Minute)
	if !s.Quiet() {
		t.Errorf("an operation goes round for ever: %s", s.last(2))
	}
}

func TestARecordThatIsGoneUnheardIsNotWrittenToForEver(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.pass(10 * time.Minute)
	lost := true
	s.mute(crm.Zoho, &lost)
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	n := len(s.Endings)
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	if p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hub}); p.State != pair.Orphan || p.Gone != crm.Zoho {
		t.Errorf("the pair is %v without %q", p.State, p.Gone)
	}
	if tries := len(s.Endings) - n; tries > 8 {
		t.Errorf("%d tries", tries)
	}
}

func TestAHalfThatTurnsOutToBeTheRecordsOwnKeepsItsName(t *testing.T) {
	// While HubSpot's creation looks for its twin, Zoho's event pairs the two, and a stale look at HubSpot ends that pair again.
	var meanwhile func()
	s := stage(t, meddling(crm.Zoho, func(r *http.Request) {
		if do := meanwhile; do != nil && strings.HasSuffix(r.URL.Path, "/coql") {
			meanwhile = nil
			do()
		}
	}))
	lost := true
	s.mute(crm.Zoho, &lost)
	zo := s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Email": "anna@acme.example"})
	s.pass(time.Minute)
	hub := s.hub(crm.Contacts, props{"lastname": "Rossi", "email": "anna@acme.example"})
	meanwhile = func() {
		p := identity.Loaded{Pair: pair.Pair{
			ID: "other-pair", Connection: crm.DefaultConnection, Kind: crm.Contact, State: pair.Orphan, HubSpot: hub, Zoho: zo,
			Gone: crm.HubSpot, GoneAt: s.Clock.Now().Add(-time.Minute), KeyID: 1,
		}}
		book := &identity.Book{Store: s.Tables[sandbox.Pairs]}
		s.must(book.Save(t.Context(), &p, identity.NamePut(crm.DefaultConnection, p.Record(crm.HubSpot), p.ID),
			identity.NamePut(crm.DefaultConnection, p.Record(crm.Zoho), p.ID)))
	}
	s.settle()
	if meanwhile != nil {
		t.Fatal("nobody looked in Zoho")
	}
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano", "HubSpot_Id": hub})
}

func TestAZohoRecordThatThePairWentOnWithoutTakesItBack(t *testing.T) {
	var meanwhile func()
	s, hub, zo := two(t, meddling(crm.Zoho, func(r *http.Request) {
		if do := meanwhile; do != nil && strings.HasSuffix(r.URL.Path, "/coql") {
			meanwhile = nil
			do()
		}
	}))
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	s.settle()
	s.must(s.Zoho.Delete(crm.Contacts, zo[0]))
	meanwhile = func() { s.must(s.Zoho.Restore(crm.Contacts, zo[0])) } // too late: the duplicate goes on
	s.settle()
	p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: survivor})
	if meanwhile != nil || p.Zoho != zo[1] {
		t.Fatalf("the pair goes on with %s", p.Zoho)
	}
	_, err = s.Zoho.Merge(crm.Contacts, zo[0], zo[1])
	s.must(err)
	s.settle()
	s.editHub(crm.Contacts, survivor, props{"city": "Milano"})
	s.settle()
	s.wantZo(crm.Contacts, zo[0], props{"Mailing_City": "Milano", "HubSpot_Id": survivor})
}

func TestWhoIsDeletedInZohoRightAfterBeingCarriedAcrossIsNoQuestion(t *testing.T) {
	for name, edit := range map[string]func(*scene, string, string){
		"created":           func(*scene, string, string) {},
		"edited in Zoho":    func(s *scene, _, zo string) { s.editZo(crm.Contacts, zo, props{"Mailing_City": "Milano"}) },
		"edited in HubSpot": func(s *scene, hub, _ string) { s.editHub(crm.Contacts, hub, props{"city": "Milano"}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi()
			edit(s, hub, zo)
			s.pass(5 * time.Minute)
			s.must(s.Zoho.Delete(crm.Contacts, zo))
			s.pass(5 * time.Hour)
			s.wantRows()
			s.wantMails(0)
			s.editHub(crm.Contacts, hub, props{"city": "Torino"})
			s.settle()
			s.wantRows("hubspot/contact  deleted") // this one has nowhere to go
		})
	}
}

func TestAnEditThatCrossesADeletionInZohoIsAskedAboutWithinTheHour(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.pass(26 * time.Hour)
	s.editHub(crm.Contacts, hub, props{"city": "Torino"})
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.pass(90 * time.Minute)
	s.wantRows("hubspot/contact  deleted")
}

func TestAnEditInHubSpotOfSomebodyWhoIsDeletedInZohoBeforeAnybodyLookedIsAskedAbout(t *testing.T) {
	for name, tt := range map[string]struct {
		down          bool // Zoho answers 500 for three hours
		unheardEdit   bool
		unheardDelete bool
		deletedFirst  bool
	}{
		"an outage":                              {down: true},
		"an outage, deleted first":               {down: true, deletedFirst: true},
		"an outage, the deletion unheard":        {down: true, unheardDelete: true},
		"both unheard":                           {unheardEdit: true, unheardDelete: true},
		"the edit unheard":                       {unheardEdit: true},
		"the deletion unheard and first":         {unheardDelete: true, deletedFirst: true},
		"an outage, both unheard, deleted first": {down: true, unheardEdit: true, unheardDelete: true, deletedFirst: true},
	} {
		for _, m := range []crm.Module{crm.Contacts, crm.Companies} {
			t.Run(fmt.Sprintf("%s, %s", name, m), func(t *testing.T) {
				s := stage(t)
				hub := s.hub(m, map[crm.Module]props{crm.Contacts: {"email": "anna@acme.example", "lastname": "Rossi"}, crm.Companies: {"name": "Acme", "domain": "acme.example"}}[m])
				s.settle()
				zo := s.twin(m, hub)
				s.pass(2 * time.Hour)
				unheardEdit, unheardDelete := tt.unheardEdit, tt.unheardDelete
				s.mute(crm.HubSpot, &unheardEdit)
				s.mute(crm.Zoho, &unheardDelete)
				if tt.down {
					s.Zoho.Fail(zohotest.Fault{Match: inAPI, Times: -1, Status: 500})
				}
				edit := func() { s.editHub(m, hub, props{"city": "Lecce"}) }
				remove := func() { s.must(s.Zoho.Delete(m, zo)) }
				if tt.deletedFirst {
					remove()
					edit()
				} else {
					edit()
					remove()
				}
				s.pass(3*time.Hour + 10*time.Minute)
				unheardEdit, unheardDelete = false, false
				s.Zoho.Clear()
				s.pass(30 * time.Hour)
				s.wantRows(fmt.Sprintf("hubspot/%s  deleted", m))
				s.wantMails(1)
			})
		}
	}
}

func TestWhoComesBackToHubSpotAndHasNoRecordInZohoIsStillAskedAboutOnceZohoHasTold(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.pass(time.Hour)
	s.must(s.HubSpot.Delete(crm.Contacts, hub))
	s.settle()
	lost := true
	s.mute(crm.Zoho, &lost)
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.must(s.HubSpot.Restore(crm.Contacts, hub))
	s.pass(10 * time.Minute)
	s.wantRows("hubspot/contact  deleted")
	lost = false
	s.pass(3 * time.Hour) // reconcile finds the deletion
	s.wantRows("hubspot/contact  deleted")
	s.must(s.HubSpot.Delete(crm.Contacts, hub))
	s.settle()
	s.wantRows()
}

func TestWhoTookTheRecordOfAnotherAndWasNeverInStepWithItIsAskedAboutWhenItIsDeleted(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.pass(time.Hour)
	s.must(s.HubSpot.Delete(crm.Contacts, hub))
	s.settle()
	s.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool { return inAPI(r) && r.Method == http.MethodPut }, Times: -1, Status: 500})
	s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "city": "Lecce"})
	s.pass(time.Minute)
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.pass(time.Minute)
	s.Zoho.Clear()
	s.pass(3 * time.Hour)
	s.wantRows("hubspot/contact  deleted")
	s.wantMails(1)
}

func TestARestoredTwinOfSomebodyMergedIsAskedAboutOnce(t *testing.T) {
	s, hub, zo := two(t)
	_, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	s.settle()
	s.wantRows("hubspot/contact  merge_twins")
	s.must(s.Zoho.Delete(crm.Contacts, zo[1]))
	s.pass(time.Hour)
	s.wantRows()
	s.must(s.Zoho.Restore(crm.Contacts, zo[1]))
	s.pass(time.Hour)
	s.wantRows("zoho/contact  merge_twins")
	asked := s.parked()[0]
	if asked.Record.Key != zo[1] || asked.Other.Key != zo[0] {
		t.Errorf("asked to merge %s and %s", asked.Record, asked.Other)
	}
	s.editZo(crm.Contacts, zo[1], props{"Title": "Buyer"})
	s.editZo(crm.Contacts, zo[0], props{"Title": "Seller"})
	s.pass(2 * time.Hour)
	if rows := s.parked(); len(rows) != 1 || rows[0].Count != asked.Count {
		t.Errorf("%q, counted %d times", s.rows(), rows[0].Count)
	}
	_, err = s.Zoho.Merge(crm.Contacts, zo[0], zo[1])
	s.must(err)
	s.pass(time.Hour)
	s.wantRows()
}

func TestThreeThatWereMergedInHubSpotAreMergedInZohoOneByOneIntoAnyOfThem(t *testing.T) {
	for _, between := range []time.Duration{0, time.Minute, 3 * time.Hour} {
		t.Run(fmt.Sprint(between), func(t *testing.T) {
			s := stage(t)
			var hub, zo [3]string
			for i := range hub {
				hub[i] = s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": "Rossi"})
			}
			s.settle()
			for i := range zo {
				zo[i] = s.twin(crm.Contacts, hub[i])
			}
			survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
			s.must(err)
			s.settle()
			survivor, err = s.HubSpot.Merge(crm.Contacts, survivor, hub[2])
			s.must(err)
			s.pass(2 * time.Hour)
			s.wantRows("hubspot/contact  merge_twins", "hubspot/contact  merge_twins")
			for _, other := range []string{zo[0], zo[2]} {
				_, err = s.Zoho.Merge(crm.Contacts, zo[1], other)
				s.must(err)
				s.pass(between)
				for _, r := range s.parked() {
					if r.Record == r.Other {
						t.Errorf("after %v a record is to be compared with itself", between)
					}
				}
			}
			s.pass(3 * time.Hour)
			s.editHub(crm.Contacts, survivor, props{"city": "Bari"})
			s.settle()
			s.wantZo(crm.Contacts, zo[1], props{"Mailing_City": "Bari", "HubSpot_Id": survivor})
			s.wantRows()
		})
	}
}
