package sandbox_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// What a CRM refuses is told once, holds nothing else back, and heals by itself when the value is mended.

func TestARefusedValueHoldsItsFieldAloneUntilItIsMended(t *testing.T) {
	s := stage(t)
	hub := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	s.settle()
	zo := s.twin(crm.Companies, hub)
	s.editHub(crm.Companies, hub, props{"industry": "WINE_AND_SPIRITS", "city": "Roma"}) // Zoho's list has nothing like it
	s.settle()
	s.wantZo(crm.Companies, zo, props{"Industry": "", "Billing_City": "Roma"})
	s.wantRows("hubspot/company industry picklist")
	n := s.count()
	s.editHub(crm.Companies, hub, props{"city": "Milano"})
	s.settle()
	s.editZo(crm.Companies, zo, props{"Billing_State": "MI"})
	s.pass(3 * time.Hour)
	s.wantWrites(n, 1, 1)
	s.wantHub(crm.Companies, hub, props{"state": "MI", "industry": "WINE_AND_SPIRITS"})
	s.wantRows("hubspot/company industry picklist")
	s.wantMails(1)
	if rows := s.parked(); rows[0].TargetID.Key != zo || rows[0].Property != "Industry" || rows[0].Code == "" {
		t.Errorf("%+v", rows[0])
	}
	s.editHub(crm.Companies, hub, props{"industry": "REAL_ESTATE"})
	s.settle()
	s.wantZo(crm.Companies, zo, props{"Industry": "Real Estate"})
	s.wantRows()
	s.pass(time.Hour)
	s.wantMails(1)
}

func TestAValueRefusedAtCreationHoldsItsFieldAndTheRecordIsCreated(t *testing.T) {
	s := stage(t)
	hub := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example", "industry": "WINE_AND_SPIRITS", "city": "Roma"})
	s.settle()
	zo := s.twin(crm.Companies, hub)
	s.wantZo(crm.Companies, zo, props{"Account_Name": "Acme", "Billing_City": "Roma", "Industry": ""})
	s.pass(time.Hour)
	s.wantRows("hubspot/company industry picklist")
	s.wantMails(1)
	s.editZo(crm.Companies, zo, props{"Industry": "Technology"}) // mended from the other side
	s.settle()
	if got := s.hubValue(crm.Companies, hub, "industry"); got == "WINE_AND_SPIRITS" || got == "" {
		t.Errorf("hubspot industry is %q", got)
	}
	s.wantRows()
}

func TestAValueWithoutACounterpartIsReportedAndTheRestGoesOn(t *testing.T) {
	for name, tt := range map[string]struct {
		bad, good props
		row       string
		want      props
	}{
		"a date":       {props{"date_of_birth": "yesterday"}, props{"date_of_birth": "1990-02-28"}, "date_of_birth format", props{"Date_of_Birth": "1990-02-28"}},
		"a phone":      {props{"phone": "call me"}, props{"phone": "+39 06 1234 5678"}, "phone format", props{"Phone": "+390612345678"}},
		"a salutation": {props{"salutation": "Commendatore"}, props{"salutation": "Dott.ssa"}, "salutation unmapped", props{"Salutation": "Dr."}},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi()
			s.editHub(crm.Contacts, hub, tt.bad)
			s.editHub(crm.Contacts, hub, props{"city": "Milano"})
			s.pass(time.Hour)
			s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
			s.wantRows("hubspot/contact " + tt.row)
			s.wantMails(1)
			s.editHub(crm.Contacts, hub, tt.good)
			s.settle()
			s.wantZo(crm.Contacts, zo, tt.want)
			s.wantRows()
		})
	}
}

func TestAMailTellsKindIdAndMessageAndNoValue(t *testing.T) {
	s := stage(t)
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Canarini", "date_of_birth": "canarino"})
	s.pass(10 * time.Minute)
	mails := s.Outbox.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	for _, body := range []string{mails[0].Text, mails[0].HTML} {
		if !strings.Contains(body, hub) || strings.Contains(strings.ToLower(body), "canarin") {
			t.Errorf("the mail does not name the record, or tells a value:\n%s", body)
		}
	}
}

func TestAHundredRefusedRecordsAreOneMail(t *testing.T) {
	s := stage(t)
	for i := range 100 {
		s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": "Rossi", "date_of_birth": "yesterday"})
	}
	s.pass(time.Hour)
	s.wantCount(crm.Contacts, 100, 100)
	if got := len(s.rows()); got != 100 {
		t.Errorf("%d rows", got)
	}
	if got := len(s.Outbox.Mails()); got > 2 { // the report may run while they come in
		t.Errorf("%d mails", got)
	}
}

func TestAValueThatHubSpotRefusesHoldsItsFieldAloneUntilItIsMended(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) {
		o.HubSpot.Properties = map[crm.Module][]hubspottest.Property{crm.Contacts: {{Name: "jobtitle", Max: 10}}}
	})
	hub, zo := s.rossi()
	s.editZo(crm.Contacts, zo, props{"Title": "Head of all the buyers", "Mailing_City": "Milano"})
	s.pass(time.Hour)
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Buyer", "city": "Milano"})
	s.wantRows("zoho/contact job_title too_long")
	s.wantMails(1)
	s.editHub(crm.Contacts, hub, props{"state": "MI"}) // the other side's events do not tell it anew
	s.pass(time.Hour)
	s.wantMails(1)
	s.editZo(crm.Contacts, zo, props{"Title": "Head buyer"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
	s.wantRows()
}

func TestALockedRecordIsTriedAgainInItsQueueAndTellsNobody(t *testing.T) {
	for _, code := range []string{"RECORD_LOCKED", "NOT_APPROVED", "RECORD_IN_BLUEPRINT"} {
		t.Run(code, func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi()
			s.must(s.Zoho.Block(crm.Contacts, zo, code))
			s.editHub(crm.Contacts, hub, props{"city": "Milano"})
			s.pass(5 * time.Minute)
			s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Roma"})
			s.must(s.Zoho.Block(crm.Contacts, zo, ""))
			s.pass(10 * time.Minute)
			s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
			s.wantRows()
			s.wantMails(0)
		})
	}
}

func TestARecordThatStaysLockedIsParkedToldAfterADayAndDoneWhenItIsFree(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.must(s.Zoho.Block(crm.Contacts, zo, "RECORD_LOCKED"))
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.pass(time.Hour)
	s.wantRows("hubspot/contact  locked")
	if !s.Quiet() {
		t.Error("the message still waits in its queue")
	}
	s.pass(20 * time.Hour)
	s.wantMails(0)
	s.wantRows("hubspot/contact  locked")
	s.pass(6 * time.Hour)
	s.wantMails(1)
	s.must(s.Zoho.Block(crm.Contacts, zo, ""))
	s.pass(25 * time.Hour) // by now it is tried once a day
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
	s.wantRows()
	s.pass(48 * time.Hour)
	s.wantMails(1)
}

func TestARecordUnderMergeInZohoIsWaitedFor(t *testing.T) {
	s, hub, zo := two(t, func(o *sandbox.WorldOptions) { o.Zoho.MergeTime = 3 * time.Minute })
	_, err := s.Zoho.Merge(crm.Contacts, zo[0], zo[1])
	s.must(err)
	s.editHub(crm.Contacts, hub[0], props{"city": "Milano"})
	s.pass(15 * time.Minute)
	s.wantZo(crm.Contacts, zo[0], props{"Mailing_City": "Milano", "HubSpot_Id": hub[0]})
}

func TestAValueWithoutACounterpartLosesToALaterEditOnTheOtherSide(t *testing.T) {
	for name, tt := range map[string]struct{ before, bad, zo, hub props }{
		"salutation": {nil, props{"salutation": "Commendatore"}, props{"Salutation": "Mr."}, props{"salutation": "Mr."}},
		"phone":      {props{"phone": "+39 06 1234 0000"}, props{"phone": "call me"}, props{"Phone": "+39 06 1234 5678"}, props{"phone": "+390612345678"}},
		"date":       {nil, props{"date_of_birth": "28/02/1990"}, props{"Date_of_Birth": "1990-02-28"}, props{"date_of_birth": "1990-02-28"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi(tt.before)
			s.editHub(crm.Contacts, hub, tt.bad)
			s.pass(10 * time.Minute)
			if len(s.rows()) != 1 {
				t.Fatalf("nobody was told: %v", s.rows())
			}
			s.wantHub(crm.Contacts, hub, tt.bad)
			s.editZo(crm.Contacts, zo, tt.zo)
			s.pass(10 * time.Minute)
			s.wantHub(crm.Contacts, hub, tt.hub)
			s.wantRows()
			s.wantMails(1)
		})
	}
	t.Run("in zoho", func(t *testing.T) {
		s := stage(t)
		hub, zo := s.rossi(props{"phone": "+39 06 1234 5678"})
		s.editZo(crm.Contacts, zo, props{"Phone": "solo mattina"})
		s.pass(10 * time.Minute)
		s.wantRows("zoho/contact phone format")
		s.editHub(crm.Contacts, hub, props{"phone": "+39 06 8765 4321"})
		s.pass(10 * time.Minute)
		s.wantZo(crm.Contacts, zo, props{"Phone": "+390687654321"})
		s.wantRows()
	})
}

func TestAValueWithoutACounterpartStaysWhereItIsWhenItIsTheLaterOne(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi(props{"phone": "+39 06 1234 5678"})
	s.editZo(crm.Contacts, zo, props{"Phone": "+39 06 8765 4321"})
	s.pass(10 * time.Second)
	s.editHub(crm.Contacts, hub, props{"phone": "call me"})
	s.pass(3 * time.Hour)
	s.wantHub(crm.Contacts, hub, props{"phone": "call me"})
	s.wantRows("hubspot/contact phone format")
	s.editHub(crm.Contacts, hub, props{"phone": "+39 06 1111 2222"})
	s.pass(10 * time.Minute)
	s.wantZo(crm.Contacts, zo, props{"Phone": "+390611112222"})
	s.wantRows()
}

func TestARowIsAboutTheRecordThatHasTheValueWhicheverEventMetIt(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.mute(crm.HubSpot, new(true)) // only Zoho's event is heard
	s.editHub(crm.Contacts, hub, props{"salutation": "Commendatore"})
	s.pass(2 * time.Second)
	s.editZo(crm.Contacts, zo, props{"Title": "President"})
	s.pass(10 * time.Minute)
	for _, r := range s.parked() {
		if r.Record != (crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hub}) || r.TargetID != (crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: zo}) {
			t.Errorf("the row is about %s, refused by %s", r.Record, r.TargetID)
		}
	}
	if len(s.parked()) != 1 {
		t.Errorf("rows: %v", s.rows())
	}
}

func TestAnAddressThatHalfOfZohoHasStopsItsOwnContactAndNoneOfItsBatch(t *testing.T) {
	s := stage(t)
	s.Zoho.Fail(zohotest.Fault{On: "POST /crm/v8/coql", Times: -1, Status: 200,
		Match: func(r *http.Request) bool {
			body, err := io.ReadAll(r.Body)
			return err == nil && strings.Contains(string(body), "info@acme.example")
		},
		Body: `{"data":[{"id":"4876876000000990001"}],"info":{"more_records":true}}`,
	})
	for _, name := range []string{"info", "anna", "ugo", "ida"} {
		s.hub(crm.Contacts, props{"email": name + "@acme.example", "lastname": name})
	}
	s.pass(20 * time.Second)
	s.wantCount(crm.Contacts, 4, 3) // the neighbours waited for nothing
	s.pass(2 * time.Hour)
	s.wantCount(crm.Contacts, 4, 3) // and it was not created without a look
	s.wantRows("hubspot/contact email duplicate")
	if m := s.Outbox.Mails(); len(m) != 1 || !strings.Contains(m[0].Text, "Troppe schede in Zoho CRM hanno questo valore") {
		t.Errorf("%d mails, %v", len(m), m)
	}
}
