package sandbox_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/digest"
)

// What keeps two workers, two records or two moments apart when something takes its time.

// frozen stops the worker for a while at its first write to Zoho of that method, once it is armed, and notes when each write went out.
type frozen struct {
	s      *scene
	method string
	armed  bool
	sent   []time.Time
}

func (f *frozen) world(o *sandbox.WorldOptions) {
	meddling(crm.Zoho, func(r *http.Request) {
		if f.s == nil || r.Method != f.method || !strings.HasPrefix(r.URL.Path, "/crm/v8/Contacts") {
			return
		}
		f.sent = append(f.sent, f.s.Clock.Now())
		if f.armed {
			f.armed = false
			f.s.Clock.Advance(leaseLeftover)
		}
	})(o)
	o.Zoho.Fields = map[string][]zohotest.Field{"Contacts": {{Name: "Title", Type: "text", Length: 10}}}
}

// leaseLeftover leaves four seconds of the forty for which a worker has a pair.
const leaseLeftover = 36 * time.Second

func TestARecordIsNotInsertedAgainWithTooLittleOfTheLeaseLeft(t *testing.T) {
	f := &frozen{method: http.MethodPost}
	s := stage(t, f.world)
	f.s, f.armed = s, true
	// Zoho refuses the title, after a long while; without it the record is inserted.
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "jobtitle": "Head of all the buyers"})
	s.pass(2 * time.Minute)
	s.wantCount(crm.Contacts, 1, 1)
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, hub), props{"Last_Name": "Rossi", "Title": ""})
	if len(f.sent) < 2 || f.sent[1].Sub(f.sent[0]) < leaseLeftover+time.Second {
		t.Errorf("inserts went out at %v: the second with four seconds of the lease left", f.sent)
	}
}

func TestARecordIsNotUpdatedAgainWithTooLittleOfTheLeaseLeft(t *testing.T) {
	f := &frozen{method: http.MethodPut}
	s := stage(t, f.world)
	hub, zo := s.rossi()
	f.s, f.armed = s, true
	s.editHub(crm.Contacts, hub, props{"jobtitle": "Head of all the buyers", "city": "Milano"})
	s.pass(2 * time.Minute)
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano", "Title": "Buyer"})
	if len(f.sent) < 2 || f.sent[1].Sub(f.sent[0]) < leaseLeftover+time.Second {
		t.Errorf("updates went out at %v: the second with four seconds of the lease left", f.sent)
	}
}

func TestHubSpotIsNotWrittenWithTooLittleOfTheLeaseLeft(t *testing.T) {
	f := &frozen{method: http.MethodPut}
	s := stage(t, f.world)
	hub, zo := s.rossi()
	s.pass(time.Minute)
	f.s, f.armed = s, true
	n := s.count()
	s.editZo(crm.Contacts, zo, props{"Department": "unmapped", "Mailing_City": "Milano"}) // to HubSpot
	s.editHub(crm.Contacts, hub, props{"firstname": "Annalisa"})                          // to Zoho, first
	for range 400 {                                                                       // until Zoho has been written
		s.pass(250 * time.Millisecond)
		if len(f.sent) > 0 {
			break
		}
	}
	written := s.Clock.Now()
	if len(f.sent) != 1 || s.since(n).hub != 0 {
		t.Errorf("%d updates of Zoho and %d of HubSpot, want the one of Zoho only, since four seconds of the lease were left at %s", len(f.sent), s.since(n).hub, written)
	}
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"First_Name": "Annalisa"})
	s.wantHub(crm.Contacts, hub, props{"city": "Milano", "firstname": "Annalisa"})
	s.wantRows()
}

func TestAWorkerThatIsLateClosesNoRowThatWasOpenedMeanwhile(t *testing.T) {
	var s *scene
	var told fault.Parked
	s = stage(t, meddling(crm.Zoho, func(r *http.Request) {
		if told.ID == "" || r.Method != http.MethodPut {
			return
		}
		s.Clock.Advance(10 * time.Second) // the worker stands still, and another one tells of the record
		told.Last = s.Clock.Now().Add(time.Hour)
		s.must((&digest.Ledger{Store: s.Tables[sandbox.Parked], Now: s.Clock.Now}).Open(s.t.Context(), told))
		told = fault.Parked{}
	}))
	hub, zo := s.rossi()
	told = fault.Parked{
		ID: "merge", Connection: crm.DefaultConnection, Record: crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hub},
		Class: fault.Refused, Hint: fault.HintMergeTwins, First: s.Clock.Now(), Count: 1,
	}
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
	s.wantRows("hubspot/contact  merge_twins")
	s.pass(2 * time.Hour)
	s.editHub(crm.Contacts, hub, props{"city": "Bari"}) // whoever begins later has seen what it was told of
	s.settle()
	s.wantRows()
}

func TestAZohoRecordThatCarriesTheIdOfAnotherIsNobodyElsesTwin(t *testing.T) {
	s := stage(t)
	lost := true
	s.mute(crm.HubSpot, &lost)
	s.mute(crm.Zoho, &lost)
	anna := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"}) // nobody tells of either
	zo := s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Email": "office@acme.example", "HubSpot_Id": anna})
	s.pass(10 * time.Second)
	lost = false
	other := s.hub(crm.Contacts, props{"email": "office@acme.example", "lastname": "Bianchi", "jobtitle": "Seller"})
	s.settle()
	s.wantCount(crm.Contacts, 2, 1)
	s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": anna, "Last_Name": "Rossi", "Title": ""})
	rows := s.parked()
	if len(rows) != 1 || rows[0].Hint != "duplicate" || rows[0].Record.Key != other || rows[0].Other.Key != zo {
		t.Fatalf("%+v", rows)
	}
	s.editHub(crm.Contacts, anna, props{"city": "Roma"}) // whose it is
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": anna, "Mailing_City": "Roma"})
}

func TestAValueThatZohoSaysAnotherHasAtTheCreationIsAskedAbout(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) {
		o.Zoho.Fields = map[string][]zohotest.Field{"Contacts": {{Name: "Mobile", Type: "phone", Unique: true}}}
		o.Mapping.PhoneRegion = "IT"
	})
	zo := s.zo(crm.Contacts, props{"Last_Name": "Verdi", "Email": "ugo@acme.example", "Mobile": "+393489990001"})
	s.settle()
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "mobilephone": "+39 348 999 0001"})
	s.settle()
	s.wantCount(crm.Contacts, 1, 1) // that one may be the twin: nobody is made beside it
	rows := s.parked()
	if len(rows) != 1 || rows[0].Hint != "duplicate" || rows[0].Field != "mobile" || rows[0].Record.Key != hub || rows[0].Other.Key != zo {
		t.Fatalf("%+v", rows)
	}
	if next := rows[0].RetryAt.Sub(rows[0].First); next < 30*time.Minute || next > 2*time.Hour {
		t.Errorf("it is asked again after %s", next)
	}
	s.editZo(crm.Contacts, zo, props{"Mobile": ""}) // it was not: somebody says so
	s.pass(2 * time.Hour)
	s.wantCount(crm.Contacts, 1, 2)
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, hub), props{"Mobile": "+393489990001", "Last_Name": "Rossi"})
	s.wantRows()
}

func TestWhileACreationMayStillLandNobodyMakesItsTwin(t *testing.T) {
	s := stage(t)
	s.Zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Accounts", LandsAfter: 20 * time.Second}) // sent, not answered, and on its way
	first := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	s.pass(5 * time.Second)
	s.wantCount(crm.Companies, 1, 0)
	s.hub(crm.Companies, props{"name": "Acme S.p.A.", "domain": "acme.example"})
	s.pass(30 * time.Minute) // its locks outlive it by a quarter of an hour
	s.wantCount(crm.Companies, 2, 1)
	s.wantZo(crm.Companies, s.Zoho.IDs(crm.Companies)[0], props{"HubSpot_Id": first, "Account_Name": "Acme"})
	s.wantRows("hubspot/company  duplicate")
}

func TestAReadThatDoesNotShowOurAssociationYetIsNotTakenForAnEdit(t *testing.T) {
	s := stage(t)
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	hub, zo := s.rossi()
	account := s.twin(crm.Companies, acme)
	s.pass(time.Minute)
	s.must(s.Zoho.SetCompany(zo, account))
	for range 60 {
		if s.hubValue(crm.Contacts, hub, "associatedcompanyid") == acme {
			break
		}
		s.pass(250 * time.Millisecond)
	}
	s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": acme})
	s.pass(2500 * time.Millisecond) // an event from now on is not one that the last read covers
	n := s.count()
	// A read of what was before the association: by its own time the contact is no older for it.
	s.HubSpot.Fail(hubspottest.Fault{On: "GET", Times: 1, Stale: 8 * time.Second})
	s.send(crm.Contacts, crm.HubSpot, hub, crm.Associate)
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Account_Name": account})
	s.wantHub(crm.Contacts, hub, props{"associatedcompanyid": acme})
	s.wantWrites(n, 0, 0)
	s.wantRows()
}
