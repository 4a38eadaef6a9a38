package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/sandbox"
)

// Where two rules meet.

// short makes HubSpot refuse long job titles.
func short(o *sandbox.WorldOptions) {
	o.HubSpot.Properties = map[crm.Module][]hubspottest.Property{crm.Contacts: {{Name: "jobtitle", Max: 10}}}
}

func TestAHeldFieldThatTheOtherSideEditsTakesThatEdit(t *testing.T) {
	s := stage(t, short)
	hub, zo := s.rossi()
	s.editZo(crm.Contacts, zo, props{"Title": "Head of all the buyers"})
	s.settle()
	s.wantRows("zoho/contact job_title too_long")
	s.editHub(crm.Contacts, hub, props{"jobtitle": "Chief"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Title": "Chief"})
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Chief"})
	s.wantRows()
}

func TestASecondLookTriesAHeldFieldAgain(t *testing.T) {
	for _, verb := range []crm.Verb{crm.Revisit, crm.Replay} {
		t.Run(string(verb), func(t *testing.T) {
			s := stage(t, short)
			hub, zo := s.rossi()
			s.editZo(crm.Contacts, zo, props{"Title": "Head of all the buyers"})
			s.settle()
			s.HubSpot.AddProperty(crm.Contacts, hubspottest.Property{Name: "jobtitle", Max: 100}) // HubSpot takes it now
			s.send(crm.Contacts, crm.Zoho, zo, verb)
			s.settle()
			s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head of all the buyers"})
			s.wantRows()
		})
	}
}

func TestASideThatIsLockedDoesNotKeepTheOtherBack(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.editZo(crm.Contacts, zo, props{"Title": "Head buyer"})
	s.must(s.Zoho.Block(crm.Contacts, zo, "RECORD_LOCKED"))
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.pass(2 * time.Minute)
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Roma"})
	s.must(s.Zoho.Block(crm.Contacts, zo, ""))
	s.pass(20 * time.Minute)
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
	s.wantRows()
}

func TestAValuePutBackIsAnEditAgainstAnotherEdit(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.editZo(crm.Contacts, zo, props{"Title": "from Zoho"})
	s.Clock.Advance(10 * time.Second)
	s.editHub(crm.Contacts, hub, props{"jobtitle": "Seller"})
	s.Clock.Advance(10 * time.Second)
	s.editHub(crm.Contacts, hub, props{"jobtitle": "Buyer"}) // as it was: the latest word on the field
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Buyer"})
	s.wantZo(crm.Contacts, zo, props{"Title": "Buyer"})
}

func TestAPairedRecordMergedInZohoIntoAFreeOneTakesThePairAlong(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	free := s.zo(crm.Contacts, props{"Last_Name": "Rossi-Bianchi", "Department": "Buying"})
	s.settle()
	_, err := s.Zoho.Merge(crm.Contacts, free, zo)
	s.must(err)
	s.settle()
	s.wantCount(crm.Contacts, 1, 1)
	s.wantZo(crm.Contacts, free, props{"HubSpot_Id": hub})
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.wantZo(crm.Contacts, free, props{"Mailing_City": "Milano"})
	s.wantRows()
}

func TestAHubSpotIdThatAPersonTakesOutOfZohoIsPutBack(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.editZo(crm.Contacts, zo, props{"HubSpot_Id": "", "Title": "Head buyer"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": hub})
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
	s.wantCount(crm.Contacts, 1, 1)
}

func TestAnAccountThatIsPairedByHandIsTakenByItsId(t *testing.T) {
	s := stage(t)
	hub := s.hub(crm.Contacts, props{"lastname": "Rossi"}) // nothing to recognise it by
	lost := true
	s.mute(crm.HubSpot, &lost)
	s.pass(time.Second)
	lost = false
	zo := s.zo(crm.Contacts, props{"Last_Name": "Rossi", "HubSpot_Id": hub, "Title": "Buyer"})
	s.settle()
	s.wantCount(crm.Contacts, 1, 1)
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Buyer"})
	s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": hub})
}

func TestAWeekendWithoutZohoLosesNothing(t *testing.T) {
	s, hub, zo := crowd(t, 6)
	s.Zoho.Fail(zohotest.Fault{Times: -1, Status: 503})
	s.editAll(hub, zo, "Milano")
	s.pass(70 * time.Hour)
	s.wantMails(0)
	s.Zoho.Clear()
	s.pass(time.Hour)
	s.wantAll(hub, zo, "Milano", 1)
}

func TestAMessageThatIsDaysOldBringsNothingOldBack(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	then := s.Clock.Now()
	s.editHub(crm.Contacts, hub, props{"jobtitle": "old"})
	s.settle()
	s.pass(5 * 24 * time.Hour)
	s.editZo(crm.Contacts, zo, props{"Title": "new"})
	s.settle()
	n := s.count()
	s.deliver(t, then, hub, "jobtitle", "old")
	s.settle()
	s.wantWrites(n, 0, 0)
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "new"})
}

func TestAReplayOfARecordThatIsFineDoesNothing(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	n := s.count()
	s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
	s.send(crm.Contacts, crm.Zoho, zo, crm.Replay)
	s.settle()
	s.wantWrites(n, 0, 0)
	s.wantRows()
}

func TestRecordsMergedAndDeletedInHubSpotAtOnceLeaveTheZohoHalvesAlone(t *testing.T) {
	s, hub, zo := two(t)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	s.must(s.HubSpot.Delete(crm.Contacts, survivor))
	n := s.count()
	s.pass(3 * time.Hour)
	s.wantCount(crm.Contacts, 0, 2)
	if got := s.since(n); got.hub != 0 {
		t.Errorf("%+v", got)
	}
	if !s.Quiet() {
		t.Error("the queues are not empty")
	}
	s.must(s.HubSpot.Restore(crm.Contacts, survivor))
	s.pass(2 * time.Hour)
	s.editHub(crm.Contacts, survivor, props{"city": "Roma"})
	s.pass(2 * time.Hour)
	s.wantCount(crm.Contacts, 1, 2)
	s.wantZo(crm.Contacts, zo[0], props{"Mailing_City": "Roma", "HubSpot_Id": survivor})
}

func TestAnErasedPersonWhoIsMergedBeforeIsForgottenUnderBothIds(t *testing.T) {
	s, hub, _ := two(t)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	s.settle()
	s.must(s.HubSpot.Erase(survivor))
	s.settle()
	for _, id := range []string{hub[0], hub[1], survivor} {
		s.deliver(t, s.Clock.Now(), id, "city", "Roma")
	}
	n := s.count()
	s.pass(3 * time.Hour)
	s.wantCount(crm.Contacts, 0, 2)
	s.wantWrites(n, 0, 0)
	for _, r := range s.parked() {
		if r.Hint != "erase" {
			t.Errorf("%s %s", r.Field, r.Hint)
		}
	}
}

func TestAStaleReadBringsNothingBackThatWasDeletedAMomentAgo(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.must(s.HubSpot.Delete(crm.Contacts, hub))
	s.pass(4 * time.Second)
	s.HubSpot.Fail(hubspottest.Fault{On: "GET", Times: 1, Stale: 10 * time.Second})
	s.send(crm.Contacts, crm.Zoho, zo, crm.Update) // an event with nothing to carry across
	s.pass(3 * time.Hour)
	if p := s.pair(crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: zo}); p.State != pair.Orphan || p.Gone != crm.HubSpot {
		t.Errorf("the pair is %v without %q", p.State, p.Gone)
	}
	s.wantRows()
}

func TestAReplicaThatLacksANewRecordEndsNoPair(t *testing.T) {
	for _, source := range []crm.System{crm.HubSpot, crm.Zoho} {
		t.Run("asked after an event of "+string(source), func(t *testing.T) {
			s := stage(t)
			hub := s.hub(crm.Contacts, props{"lastname": "Rossi", "email": "anna@acme.example"})
			s.pass(4 * time.Second)
			zo := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hub}).Zoho
			s.HubSpot.Fail(hubspottest.Fault{On: "GET", Times: 1, Stale: 10 * time.Second}) // before it was created
			n := len(s.Endings)
			if source == crm.HubSpot {
				s.editHub(crm.Contacts, hub, props{"city": "Milano"})
			} else {
				s.editZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
			}
			s.pass(time.Minute)
			s.wantHub(crm.Contacts, hub, props{"city": "Milano"})
			s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
			if endings := s.last(len(s.Endings) - n); strings.Contains(endings, "gone") {
				t.Errorf("the pair was ended on the way:\n%s", endings)
			}
		})
	}
}

func TestARecordThatStaysAwayIsGoneThoughNobodyTold(t *testing.T) {
	s := stage(t)
	lost := false
	s.mute(crm.HubSpot, &lost)
	hub, zo := s.rossi()
	lost = true
	s.must(s.HubSpot.Delete(crm.Contacts, hub))
	s.editZo(crm.Contacts, zo, props{"Title": "Seller"})
	s.pass(time.Minute)
	if p := s.pair(crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: zo}); p.State != pair.Orphan || p.Gone != crm.HubSpot {
		t.Errorf("the pair is %v without %q", p.State, p.Gone)
	}
}

func TestAZohoRecordThatFitsASurvivorWaitsUntilWhatWasMergedIsOnePair(t *testing.T) {
	s, hub, zo := two(t)
	lost := true
	s.mute(crm.HubSpot, &lost)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[0], hub[1])
	s.must(err)
	free := s.zo(crm.Contacts, props{"Email": "p1@acme.example", "Last_Name": "Verdi"}) // the survivor's second address
	s.pass(3 * time.Hour)
	p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: survivor})
	if p.Zoho != zo[0] || len(p.Duplicates) != 1 || p.Duplicates[0] != zo[1] {
		t.Errorf("the survivor goes on with %s, duplicates %v", p.Zoho, p.Duplicates)
	}
	if q := s.pair(crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: free}); q.ID != "" {
		t.Errorf("a second record is in pair %s", q.ID)
	}
}

func TestOfTwoZohoRecordsWhosePersonsWereMergedNobodyIsChosenByBeingTouched(t *testing.T) {
	s := stage(t)
	s.mode(crm.Off)
	var hub, zo []string
	for i, name := range []string{"Rossi", "Verdi", "Neri"} {
		hub = append(hub, s.hub(crm.Contacts, props{"lastname": name, "city": "Roma"}))
		if i > 0 {
			zo = append(zo, s.zo(crm.Contacts, props{"Last_Name": name, "HubSpot_Id": hub[i], "Mailing_City": "Milano"}))
		}
	}
	survivor := hub[0]
	for _, other := range hub[1:] {
		var err error
		survivor, err = s.HubSpot.Merge(crm.Contacts, survivor, other)
		s.must(err)
	}
	s.settle()
	s.mode(crm.On)
	s.editZo(crm.Contacts, zo[0], props{"Title": "Buyer"})
	s.settle()
	s.wantHub(crm.Contacts, survivor, props{"jobtitle": "", "city": "Roma"})
	s.wantZo(crm.Contacts, zo[0], props{"HubSpot_Id": hub[1], "Mailing_City": "Milano"})
	s.wantRows("zoho/contact  duplicate")

	_, err := s.Zoho.Merge(crm.Contacts, zo[0], zo[1])
	s.must(err)
	s.pass(3 * time.Hour)
	s.wantZo(crm.Contacts, zo[0], props{"HubSpot_Id": survivor})
	s.wantHub(crm.Contacts, survivor, props{"jobtitle": "Buyer"})
	s.wantRows()
}

func TestAMergeThatIsLookedAtAfterTheSurvivorWasDeletedOrphansEveryHalf(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.KeepPrimary = true })
	hub := [2]string{
		s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"}),
		s.hub(crm.Companies, props{"name": "Nido", "domain": "nido.example"}),
	}
	s.settle()
	s.HubSpot.Fail(hubspottest.Fault{On: "GET", Times: 3, Status: 500})
	survivor, err := s.HubSpot.Merge(crm.Companies, hub[0], hub[1])
	s.must(err)
	s.pass(5 * time.Second)
	s.must(s.HubSpot.Delete(crm.Companies, survivor))
	s.pass(3 * time.Hour)
	for _, id := range hub {
		if p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: id}); p.State != pair.Orphan || p.Gone != crm.HubSpot {
			t.Errorf("%s is %v without %q", id, p.State, p.Gone)
		}
	}
}
