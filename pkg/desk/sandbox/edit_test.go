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

// The most recent data wins, field by field.

func TestDifferentFieldsChangedOnBothSidesAtOnceBothSurvive(t *testing.T) {
	for _, gap := range []time.Duration{-700 * time.Millisecond, 0, 300 * time.Millisecond, 2 * time.Second, 5 * time.Second} {
		t.Run(gap.String(), func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi()
			edits := []func(){
				func() { s.editHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"}) },
				func() { s.editZo(crm.Contacts, zo, props{"Mailing_City": "Milano"}) },
			}
			if gap < 0 {
				edits[0], edits[1] = edits[1], edits[0]
			}
			edits[0]()
			s.pass(gap.Abs())
			edits[1]()
			s.settle()
			want := props{"jobtitle": "Head buyer", "city": "Milano"}
			s.wantHub(crm.Contacts, hub, want)
			s.wantZo(crm.Contacts, zo, props{"Title": "Head buyer", "Mailing_City": "Milano"})
		})
	}
}

func TestOfTwoEditsOfOneFieldTheLaterOneByTheFieldsOwnTimeWins(t *testing.T) {
	for name, tt := range map[string]struct {
		hubspotAt, zohoAt time.Duration
		want              string
	}{
		"HubSpot 10 s later":           {10 * time.Second, 0, "from HubSpot"},
		"Zoho 10 s later":              {0, 10 * time.Second, "from Zoho"},
		"HubSpot 3.1 s later":          {3100 * time.Millisecond, 0, "from HubSpot"},
		"HubSpot 1.5 s later: a tie":   {1500 * time.Millisecond, 0, "from Zoho"},
		"the same moment: a tie":       {0, 0, "from Zoho"},
		"Zoho half a second later":     {0, 500 * time.Millisecond, "from Zoho"},
		"HubSpot exactly 2 s later":    {2 * time.Second, 0, "from Zoho"},
		"HubSpot later by an hour":     {time.Hour, 0, "from HubSpot"},
		"Zoho later by twenty minutes": {0, 20 * time.Minute, "from Zoho"},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi()
			// Nothing is delivered between the edits: both are news when the suite first looks.
			edit := func(first bool) {
				if first == (tt.hubspotAt < tt.zohoAt) {
					s.editHub(crm.Contacts, hub, props{"jobtitle": "from HubSpot"})
				} else {
					s.editZo(crm.Contacts, zo, props{"Title": "from Zoho"})
				}
			}
			edit(true)
			s.Clock.Advance((tt.hubspotAt - tt.zohoAt).Abs())
			edit(false)
			s.settle()
			s.wantHub(crm.Contacts, hub, props{"jobtitle": tt.want})
			s.wantZo(crm.Contacts, zo, props{"Title": tt.want})
			s.wantRows()
		})
	}
}

func TestAWorkflowThatTouchesARecordMakesNoneOfItsFieldsYounger(t *testing.T) {
	for name, touch := range map[string]map[string]any{"the record only": {}, "another field": {"Description": "seen"}} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi()
			s.editZo(crm.Contacts, zo, props{"Title": "from Zoho"})
			s.Clock.Advance(30 * time.Second)
			s.editHub(crm.Contacts, hub, props{"jobtitle": "from HubSpot"})
			s.Clock.Advance(30 * time.Second)
			s.Zoho.SetWorkflow(func(m crm.Module, id string, changed []string) map[string]any { return touch })
			s.editZo(crm.Contacts, zo, props{"Fax": "+39 06 1234 9999"})
			s.settle()
			s.wantHub(crm.Contacts, hub, props{"jobtitle": "from HubSpot", "fax": "+39061234999" + "9"})
			s.wantZo(crm.Contacts, zo, props{"Title": "from HubSpot"})
		})
	}
}

func TestAnotherFieldOfHubSpotEditedLaterMakesTheConflictedOneNoYounger(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.editHub(crm.Contacts, hub, props{"jobtitle": "from HubSpot"})
	s.Clock.Advance(30 * time.Second)
	s.editZo(crm.Contacts, zo, props{"Title": "from Zoho"})
	s.Clock.Advance(30 * time.Second)
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "from Zoho", "city": "Milano"})
	s.wantZo(crm.Contacts, zo, props{"Title": "from Zoho", "Mailing_City": "Milano"})
}

func TestAClearedFieldIsAnEditLikeAnyOther(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.editHub(crm.Contacts, hub, props{"jobtitle": ""})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Title": ""})
	s.editZo(crm.Contacts, zo, props{"Mailing_City": ""})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"city": ""})
	s.editHub(crm.Contacts, hub, props{"firstname": ""}) // cleared here, changed there, later
	s.Clock.Advance(10 * time.Second)
	s.editZo(crm.Contacts, zo, props{"First_Name": "Annina"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"firstname": "Annina"})
	s.wantZo(crm.Contacts, zo, props{"First_Name": "Annina"})
}

func TestBothSidesSetToTheSameValueCostNoWrite(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	n := s.count()
	s.editHub(crm.Contacts, hub, props{"jobtitle": "Head buyer", "phone": "06 1234 5678"})
	s.editZo(crm.Contacts, zo, props{"Title": "Head buyer", "Phone": "+39 06 12345678"})
	s.settle()
	s.wantWrites(n, 0, 0)
	s.wantRows()
}

func TestAPropertyThatDisappearsFromHubSpotClearsNothingInZoho(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.must(s.HubSpot.DropProperty(crm.Contacts, "jobtitle"))
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.editHub(crm.Contacts, hub, props{"city": "Torino"})
	s.pass(2 * time.Hour)
	s.wantZo(crm.Contacts, zo, props{"Title": "Buyer", "Mailing_City": "Torino"})
	s.wantRows("hubspot/contact job_title property")
	s.editZo(crm.Contacts, zo, props{"Mailing_City": "Aosta"})
	s.pass(2 * time.Hour)
	s.wantHub(crm.Contacts, hub, props{"city": "Aosta"})
	s.wantMails(1)
	s.HubSpot.RestoreProperty(crm.Contacts, "jobtitle")
	s.editHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Title": "Head buyer"})
	s.wantRows()
}

func TestAPropertyThatDisappearsIsToldOnceForAllRecords(t *testing.T) {
	s := stage(t)
	var hubs []string
	for i := range 5 {
		hubs = append(hubs, s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": "Rossi", "jobtitle": "Buyer"}))
	}
	s.settle()
	s.must(s.HubSpot.DropProperty(crm.Contacts, "jobtitle"))
	for round := range 3 {
		for _, hub := range hubs {
			s.editHub(crm.Contacts, hub, props{"city": fmt.Sprint("Milano ", round)})
		}
		s.pass(time.Hour)
	}
	s.wantRows("hubspot/contact job_title property")
	s.wantMails(1)
	if row := s.parked()[0]; row.Record != (crm.ID{System: crm.HubSpot, Module: crm.Contacts}) || row.Property != "jobtitle" || row.Count < len(hubs) {
		t.Errorf("%+v", row)
	}
	if text := s.Outbox.Mails()[0].Text; !strings.Contains(text, "Campo dei contatti in HubSpot, per tutte le schede\nCampo: job_title (HubSpot: jobtitle)\n") {
		t.Error(text)
	}
	s.HubSpot.RestoreProperty(crm.Contacts, "jobtitle")
	s.editHub(crm.Contacts, hubs[3], props{"city": "Torino"})
	s.settle()
	s.wantRows()
	s.pass(24 * time.Hour)
	s.wantMails(1)
}

func TestTwoPropertiesThatDisappearWithinAMinuteClearNothingInZoho(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.must(s.HubSpot.DropProperty(crm.Contacts, "jobtitle"))
	s.editHub(crm.Contacts, hub, props{"firstname": "Annina"})
	s.pass(20 * time.Second)
	s.must(s.HubSpot.DropProperty(crm.Contacts, "city"))
	s.editHub(crm.Contacts, hub, props{"firstname": "Annetta"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"First_Name": "Annetta", "Title": "Buyer", "Mailing_City": "Roma"})
}

func TestAFieldThatDisappearsFromZohoClearsNothingInHubSpot(t *testing.T) {
	s := stage(t, mapped(t, func(y string) string {
		return strings.Replace(y, "      zoho: {property: Title, max: 100}", "      zoho: {property: Job, max: 100}", 1)
	}))
	hub, zo := s.rossi()
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Buyer"})
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
	if rows := s.rows(); len(rows) != 1 || !strings.HasSuffix(rows[0], " job_title property") {
		t.Errorf("open rows %q", rows)
	}
}

// boxes maps the field of a person who wants no messages, as the guide shows it.
func boxes(t *testing.T) func(*sandbox.WorldOptions) {
	return mapped(t, func(y string) string {
		return strings.Replace(y, "    company: # the primary", `    whatsapp_opt_out:
      type: bool
      policy: strict
      hubspot: whatsapp_opt_out
      zoho: {property: WhatsApp_Opt_Out, not_empty: true}
    company: # the primary`, 1)
	})
}

// consent adds a consent field that both systems can write.
func consent(t *testing.T) func(*sandbox.WorldOptions) {
	with := boxes(t)
	return func(o *sandbox.WorldOptions) {
		with(o)
		o.HubSpot.Properties = map[crm.Module][]hubspottest.Property{crm.Contacts: {{Name: "whatsapp_opt_out", Type: "bool"}}}
		o.Zoho.Fields = map[string][]zohotest.Field{"Contacts": {{Name: "WhatsApp_Opt_Out", Type: "boolean"}}}
	}
}

func TestAnOptOutIsNeverUndone(t *testing.T) {
	s := stage(t, consent(t))
	hub, zo := s.rossi()
	s.editZo(crm.Contacts, zo, props{"Email_Opt_Out": "true", "WhatsApp_Opt_Out": "true"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"whatsapp_opt_out": "true"})
	for _, v := range []string{"false", ""} {
		s.editHub(crm.Contacts, hub, props{"whatsapp_opt_out": v, "jobtitle": "try <" + v + ">"}) // later, and all the same
		s.settle()
		s.wantHub(crm.Contacts, hub, props{"whatsapp_opt_out": "true"})
		s.wantZo(crm.Contacts, zo, props{"WhatsApp_Opt_Out": "true", "Email_Opt_Out": "true", "Title": "try <" + v + ">"})
	}
	s.editZo(crm.Contacts, zo, props{"WhatsApp_Opt_Out": "false"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"whatsapp_opt_out": "true"})
	s.wantZo(crm.Contacts, zo, props{"WhatsApp_Opt_Out": "true"})
}

func TestAnOptOutGoesAcrossAtCreationAndAtTheFirstMeeting(t *testing.T) {
	s := stage(t, consent(t))
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "whatsapp_opt_out": "true"})
	s.settle()
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, hub), props{"WhatsApp_Opt_Out": "true"})
	zo := s.zo(crm.Contacts, props{"Email": "ugo@acme.example", "Last_Name": "Verdi", "WhatsApp_Opt_Out": "true"})
	met := s.hub(crm.Contacts, props{"email": "ugo@acme.example", "lastname": "Verdi", "whatsapp_opt_out": "false"})
	s.settle()
	s.wantHub(crm.Contacts, met, props{"whatsapp_opt_out": "true"})
	s.wantZo(crm.Contacts, zo, props{"WhatsApp_Opt_Out": "true", "HubSpot_Id": met})
}

func TestAnEditInHubSpotThatOurWriteCoveredComesBackIfItWasLater(t *testing.T) {
	for name, tt := range map[string]struct {
		after time.Duration // the person's edit in HubSpot after the one in Zoho
		want  string
	}{
		"ten seconds later": {10 * time.Second, "from a person"},
		"a tie":             {0, "from Zoho"},
	} {
		t.Run(name, func(t *testing.T) {
			// HubSpot has no condition: a person edits between our read and our write, and the write covers it.
			var s *scene
			var hub string
			armed := false
			s = stage(t, meddling(crm.HubSpot, func(r *http.Request) {
				if armed && r.Method == http.MethodPatch {
					armed = false
					s.Clock.Advance(tt.after)
					s.editHub(crm.Contacts, hub, props{"jobtitle": "from a person"})
					s.Clock.Advance(100 * time.Millisecond)
				}
			}), func(o *sandbox.WorldOptions) { o.Zoho.NotifyDelay = 0 })
			var zo string
			hub, zo = s.rossi()
			armed = true
			s.editZo(crm.Contacts, zo, props{"Title": "from Zoho"})
			s.settle()
			if armed {
				t.Fatal("nobody meddled")
			}
			s.wantHub(crm.Contacts, hub, props{"jobtitle": tt.want})
			s.wantZo(crm.Contacts, zo, props{"Title": tt.want})
		})
	}
}

func TestAnEditThatOurWriteCoversIsPutBackThoughZohoDoesNotTakeIt(t *testing.T) {
	for name, tt := range map[string]struct {
		edit, zoho props // in HubSpot, and what Zoho shows all the while
		row        string
	}{
		"a mandatory field is emptied": {props{"lastname": ""}, props{"Last_Name": "Bianchi"}, "hubspot/contact last_name missing"},
		"Zoho refuses the value":       {props{"jobtitle": "from a person"}, props{"Title": "from Zoho"}, "hubspot/contact job_title format"},
	} {
		t.Run(name, func(t *testing.T) {
			var s *scene
			var hub string
			armed := false
			s = stage(t, meddling(crm.HubSpot, func(r *http.Request) {
				if armed && r.Method == http.MethodPatch {
					armed = false
					s.Clock.Advance(10 * time.Second)
					s.editHub(crm.Contacts, hub, tt.edit)
					s.Clock.Advance(100 * time.Millisecond)
				}
			}), func(o *sandbox.WorldOptions) { o.Zoho.NotifyDelay = 0 })
			s.Zoho.Fail(zohotest.Fault{Times: -1, Status: http.StatusBadRequest, Match: func(r *http.Request) bool {
				body, err := io.ReadAll(r.Body)
				return r.Method == http.MethodPut && err == nil && strings.Contains(string(body), "from a person")
			}, Body: `{"data":[{"code":"INVALID_DATA","details":{"api_name":"Title","json_path":"$.data[0].Title"},"message":"invalid data","status":"error"}]}`})
			var zo string
			hub, zo = s.rossi()
			armed = true
			s.editZo(crm.Contacts, zo, props{"Title": "from Zoho", "Last_Name": "Bianchi"})
			s.settle()
			if armed {
				t.Fatal("nobody meddled")
			}
			s.pass(3 * time.Hour)
			s.wantHub(crm.Contacts, hub, tt.edit)
			s.wantZo(crm.Contacts, zo, tt.zoho)
			s.wantRows(tt.row)
			s.wantMails(1)

			s.editZo(crm.Contacts, zo, props{"Title": "mended", "Last_Name": "Mended"})
			s.settle()
			s.wantHub(crm.Contacts, hub, props{"jobtitle": "mended", "lastname": "Mended"})
			s.wantRows()
		})
	}
}

func TestAnEditInZohoBetweenOurReadAndOurWriteIsNotCovered(t *testing.T) {
	var s *scene
	var zo string
	armed := false
	s = stage(t, meddling(crm.Zoho, func(r *http.Request) {
		if armed && r.Method == http.MethodPut {
			armed = false
			s.Clock.Advance(5 * time.Second)
			s.editZo(crm.Contacts, zo, props{"Title": "from a person", "Mailing_City": "Milano"})
		}
	}))
	hub, twin := s.rossi()
	zo, armed = twin, true
	s.editHub(crm.Contacts, hub, props{"jobtitle": "from HubSpot"})
	s.settle()
	if armed {
		t.Fatal("nobody meddled")
	}
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "from a person", "city": "Milano"})
	s.wantZo(crm.Contacts, zo, props{"Title": "from a person", "Mailing_City": "Milano"})
}

func TestAtTheFirstMeetingEmptyFieldsAreFilledAndOfTwoValuesTheLaterOneWins(t *testing.T) {
	for name, tt := range map[string]struct {
		zohoFirst bool // the value in Zoho is the older one
		edited    bool // it was edited after the record was created: its timeline tells when
		want      string
	}{
		"HubSpot's is later than the record": {true, false, "from HubSpot"},
		"HubSpot's is later than the edit":   {true, true, "from HubSpot"},
		"Zoho's record is later":             {false, false, "from Zoho"},
		"Zoho's edit is later":               {false, true, "from Zoho"},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			hub := ""
			inHub := func() {
				hub = s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "jobtitle": "from HubSpot", "city": "Roma"})
			}
			lost := true
			s.mute(crm.HubSpot, &lost)
			if !tt.zohoFirst {
				inHub()
				s.pass(10 * time.Minute)
			}
			zo := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi", "Fax": "+39 06 1234 5678", "Title": "from Zoho"})
			if tt.edited {
				s.Clock.Advance(30 * time.Second)
				s.editZo(crm.Contacts, zo, props{"Title": "elsewhere"})
				s.editZo(crm.Contacts, zo, props{"Title": "from Zoho"})
			}
			if tt.zohoFirst {
				s.pass(10 * time.Minute)
				lost = false
				inHub()
			}
			s.settle()
			s.wantZo(crm.Contacts, zo, props{"HubSpot_Id": hub, "Title": tt.want, "Mailing_City": "Roma"})
			s.wantHub(crm.Contacts, hub, props{"jobtitle": tt.want, "fax": "+390612345678"})
		})
	}
}

func TestTwoEditsInZohoWithinTheSecondOfOurReadBothGoAcross(t *testing.T) {
	var s *scene
	var zo string
	armed, lost := false, false
	s = stage(t, meddling(crm.HubSpot, func(r *http.Request) {
		if armed { // Zoho was read; its times are cut to seconds
			armed, lost = false, true
			s.Clock.Advance(100 * time.Millisecond)
			s.editZo(crm.Contacts, zo, props{"Title": "second"})
		}
	}), func(o *sandbox.WorldOptions) { o.Zoho.NotifyDelay = 0 })
	hub, twin := s.rossi()
	zo, armed = twin, true
	s.mute(crm.Zoho, &lost) // nobody tells of the second one
	s.editZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
	s.pass(3 * time.Hour)
	s.wantHub(crm.Contacts, hub, props{"city": "Milano", "jobtitle": "second"})
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano", "Title": "second"})
}
