package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
)

// A day in every kind of account: what the vendors leave open must not matter.

var variants = map[string]func(*sandbox.WorldOptions){
	"as usual":                               func(*sandbox.WorldOptions) {},
	"HubSpot tells generic events":           func(o *sandbox.WorldOptions) { o.HubSpot.Generic = true },
	"HubSpot keeps the primary's id":         func(o *sandbox.WorldOptions) { o.HubSpot.KeepPrimary = true },
	"HubSpot's batches forget merges":        func(o *sandbox.WorldOptions) { o.HubSpot.BatchForgetsMerges = true },
	"HubSpot's search lags by a minute":      func(o *sandbox.WorldOptions) { o.HubSpot.SearchLag = time.Minute },
	"HubSpot repeats and reorders":           func(o *sandbox.WorldOptions) { o.HubSpot.Duplicates, o.HubSpot.Reorder = 1, 10*time.Second },
	"Zoho sends ids only":                    func(o *sandbox.WorldOptions) { o.Zoho.NoValues = true },
	"Zoho heeds no conditions":               func(o *sandbox.WorldOptions) { o.Zoho.IgnoreCondition = true },
	"Zoho answers 404 for what is missing":   func(o *sandbox.WorldOptions) { o.Zoho.Missing = 404 },
	"Zoho answers 400 for what is missing":   func(o *sandbox.WorldOptions) { o.Zoho.Missing = 400 },
	"Zoho tells duplicates in the old shape": func(o *sandbox.WorldOptions) { o.Zoho.OldDuplicate = true },
	"Zoho's COQL knows capitals":             func(o *sandbox.WorldOptions) { o.Zoho.CaseSensitive = true },
	"Zoho trims and cuts":                    func(o *sandbox.WorldOptions) { o.Zoho.Trim, o.Zoho.Cut = true, true },
	"Zoho's timeline lags":                   func(o *sandbox.WorldOptions) { o.Zoho.TimelineLag = 3 * time.Second },
	"Zoho notifies at once":                  func(o *sandbox.WorldOptions) { o.Zoho.NotifyDelay = 0 },
	"Zoho notifies late, twice, out of order": func(o *sandbox.WorldOptions) {
		o.Zoho.NotifyDelay, o.Zoho.Duplicates, o.Zoho.Reorder = 20*time.Second, 1, 20*time.Second
	},
	"Zoho loses every notification": func(o *sandbox.WorldOptions) { o.Zoho.Loss = 1 },
	"Zoho passes over unknown keys": func(o *sandbox.WorldOptions) { o.Zoho.LooseKeys = true },
	"Zoho keeps merges to itself":   func(o *sandbox.WorldOptions) { o.Zoho.MergedHidden = true },
	"Zoho shows times of New York":  func(o *sandbox.WorldOptions) { o.Zoho.Zone = time.FixedZone("", -5*3600) },
	"a rule touches every record":   func(o *sandbox.WorldOptions) { o.Zoho.Workflow = touching },
}

func touching(crm.Module, string, []string) map[string]any { return map[string]any{} }

func TestADayEndsWithBothSidesEqualInEveryKindOfAccount(t *testing.T) {
	for name, variant := range variants {
		t.Run(name, func(t *testing.T) {
			s := stage(t, variant)
			pause := 70 * time.Minute // what is lost is made up for within the hour
			acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example", "city": "Roma"})
			anna := s.hub(crm.Contacts, props{"email": "anna@acme.example", "firstname": "Anna", "lastname": "Rossi", "associatedcompanyid": acme})
			ugo := s.hub(crm.Contacts, props{"email": "ugo@acme.example", "lastname": "Verdi"})
			cold := s.zo(crm.Contacts, props{"Email": "cold@acme.example", "Last_Name": "Freddi"})
			s.pass(pause)
			s.wantCount(crm.Contacts, 2, 3)
			s.wantCount(crm.Companies, 1, 1)
			annaZo, ugoZo, account := s.twin(crm.Contacts, anna), s.twin(crm.Contacts, ugo), s.twin(crm.Companies, acme)
			s.wantZo(crm.Contacts, annaZo, props{"Account_Name": account, "First_Name": "Anna"})

			s.editHub(crm.Contacts, anna, props{"city": "Milano", "phone": "06 1234 5678"})
			s.editZo(crm.Contacts, annaZo, props{"Title": "Buyer"})
			s.editZo(crm.Companies, account, props{"Employees": "12"})
			s.pass(pause)
			s.editZo(crm.Contacts, annaZo, props{"Title": "from Zoho"})
			s.Clock.Advance(30 * time.Second)
			s.editHub(crm.Contacts, anna, props{"jobtitle": "from HubSpot"})
			s.must(s.Zoho.SetCompany(ugoZo, account))
			s.pass(pause)
			s.wantZo(crm.Contacts, annaZo, props{"Title": "from HubSpot", "Mailing_City": "Milano", "Phone": "+390612345678"})
			s.wantHub(crm.Contacts, anna, props{"jobtitle": "from HubSpot", "city": "Milano", "phone": "06 1234 5678"})
			s.wantHub(crm.Contacts, ugo, props{"associatedcompanyid": acme})
			s.wantHub(crm.Companies, acme, props{"numberofemployees": "12"})
			s.wantRows()

			warm := s.hub(crm.Contacts, props{"email": "cold@acme.example", "lastname": "Freddi", "jobtitle": "Warm"})
			s.pass(pause)
			s.wantZo(crm.Contacts, cold, props{"HubSpot_Id": warm, "Title": "Warm"})
			s.must(s.HubSpot.Delete(crm.Contacts, warm))
			s.pass(pause)
			s.must(s.HubSpot.Restore(crm.Contacts, warm))
			s.pass(pause)
			s.editHub(crm.Contacts, warm, props{"city": "Aosta"})
			survivor, err := s.HubSpot.Merge(crm.Contacts, anna, ugo)
			s.must(err)
			s.pass(pause)
			s.wantZo(crm.Contacts, cold, props{"Mailing_City": "Aosta"})
			s.wantZo(crm.Contacts, annaZo, props{"HubSpot_Id": survivor, "Account_Name": account})
			_, err = s.Zoho.Merge(crm.Contacts, annaZo, ugoZo)
			s.must(err)
			s.pass(pause)
			s.editHub(crm.Contacts, survivor, props{"state": "RM"})
			s.pass(pause)
			s.wantZo(crm.Contacts, annaZo, props{"Mailing_State": "RM", "HubSpot_Id": survivor})
			s.wantCount(crm.Contacts, 2, 2)
			n := s.count()
			s.pass(5 * time.Hour)
			s.wantWrites(n, 0, 0)
			if !s.Quiet() {
				t.Errorf("the queues are not empty: %s", s.last(3))
			}
		})
	}
}

func TestWithoutTheFieldForTheHubSpotIdNothingIsCreatedAndNothingLost(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) { o.Zoho.NoHubSpotID = true })
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	s.pass(6 * time.Hour)
	s.wantCount(crm.Contacts, 1, 0)
	s.wantMails(0)
	s.wantRows()
	if s.Quiet() {
		t.Error("the message is gone")
	}
	_ = hub
}

func TestAMappingThatIsChangedTriesHeldFieldsAgain(t *testing.T) {
	s := stage(t)
	hub := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example", "industry": "WINE_AND_SPIRITS"})
	s.settle()
	zo := s.twin(crm.Companies, hub)
	s.wantRows("hubspot/company industry picklist")
	yaml := strings.Replace(string(mapping.DefaultYAML()), "zoho: Wine and Spirits", "zoho: Large Enterprise", 1)
	rows := &config.Rows{Store: s.Tables[sandbox.Config], Now: s.Clock.Now}
	s.must(rows.Set(t.Context(), config.Mapping, []byte(yaml)))
	s.pass(61 * time.Second)
	n := s.count()
	s.editHub(crm.Companies, hub, props{"city": "Roma"})
	s.settle()
	s.wantZo(crm.Companies, zo, props{"Industry": "Large Enterprise", "Billing_City": "Roma"})
	s.wantWrites(n, 0, 1)
	s.wantRows()
}

func TestAChangedMappingMovesNothingByItself(t *testing.T) {
	s, hub, zo := crowd(t, 5)
	yaml := strings.Replace(string(mapping.DefaultYAML()), "    job_title:\n      hubspot: jobtitle\n      zoho: {property: Title, max: 100}",
		"    job_title:\n      hubspot: jobtitle\n      zoho: {property: Department, max: 50}", 1)
	s.editHub(crm.Contacts, hub[0], props{"jobtitle": "Buyer"})
	s.settle()
	rows := &config.Rows{Store: s.Tables[sandbox.Config], Now: s.Clock.Now}
	s.must(rows.Set(t.Context(), config.Mapping, []byte(yaml)))
	n := s.count()
	s.pass(3 * time.Hour)
	s.wantWrites(n, 0, 0)
	s.editHub(crm.Contacts, hub[0], props{"city": "Roma"})
	s.settle()
	s.wantZo(crm.Contacts, zo[0], props{"Department": "Buyer", "Title": "Buyer", "Mailing_City": "Roma"})
}

func TestAMandatoryValueClearedInHubSpotIsReportedAndStaysInZoho(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.editHub(crm.Contacts, hub, props{"lastname": "", "city": "Milano"})
	s.pass(time.Hour)
	s.wantZo(crm.Contacts, zo, props{"Last_Name": "Rossi", "Mailing_City": "Milano"})
	s.wantHub(crm.Contacts, hub, props{"lastname": ""})
	s.wantRows("hubspot/contact last_name missing")
	s.wantMails(1)
}

func TestAContactCreatedAndDeletedAtOnceIsNotCreatedInZoho(t *testing.T) {
	s := stage(t)
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	s.must(s.HubSpot.Delete(crm.Contacts, hub))
	s.pass(time.Hour)
	s.wantCount(crm.Contacts, 0, 0)
	s.wantRows()
	if !s.Quiet() {
		t.Error("the queues are not empty")
	}
}

func TestARecordThatVanishesBetweenReadAndWriteIsLeftAlone(t *testing.T) {
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		t.Run(string(sys), func(t *testing.T) {
			var s *scene
			var hub, zo string
			armed := false
			s = stage(t, meddling(sys, func(r *http.Request) {
				if !armed || r.Method != "PUT" && r.Method != "PATCH" {
					return
				}
				armed = false
				if sys == crm.HubSpot {
					s.must(s.HubSpot.Delete(crm.Contacts, hub))
				} else {
					s.must(s.Zoho.Delete(crm.Contacts, zo))
				}
			}))
			hub, zo = s.rossi()
			armed = true
			if sys == crm.HubSpot {
				s.editZo(crm.Contacts, zo, props{"Title": "Head buyer"})
			} else {
				s.editHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
			}
			s.pass(3 * time.Hour)
			if armed {
				t.Fatal("nothing vanished")
			}
			if n := len(s.HubSpot.IDs(crm.Contacts)) + len(s.Zoho.IDs(crm.Contacts)); n != 1 {
				t.Errorf("%d records, want the other half alone", n)
			}
			s.wantMails(map[crm.System]int{crm.HubSpot: 0, crm.Zoho: 1}[sys])
			if !s.Quiet() {
				t.Error("the queues are not empty")
			}
		})
	}
}

func TestAllowancesOfADayAreWaitedFor(t *testing.T) {
	for name, o := range map[string]func(*sandbox.WorldOptions){
		"HubSpot's calls": func(o *sandbox.WorldOptions) { o.HubSpot.Daily = 60 },
		"Zoho's credits":  func(o *sandbox.WorldOptions) { o.Zoho.Credits = 150 },
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, o)
			for i := range 40 {
				s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": "Rossi"})
				s.pass(time.Minute)
			}
			s.pass(60 * time.Hour)
			s.wantCount(crm.Contacts, 40, 40)
			s.wantRows()
			s.wantMails(0)
		})
	}
}

func TestThreeRecordsMergedOneAfterTheOtherAreOne(t *testing.T) {
	s, hub, zo := crowd(t, 3)
	survivor, err := s.HubSpot.Merge(crm.Contacts, hub[2], hub[0], hub[1]) // two merges, three new ids, one moment
	s.must(err)
	s.settle()
	s.wantZo(crm.Contacts, zo[2], props{"HubSpot_Id": survivor})
	if got := len(s.rows()); got != 2 {
		t.Errorf("%q", s.rows())
	}
	s.editHub(crm.Contacts, survivor, props{"city": "Roma"})
	s.editZo(crm.Contacts, zo[0], props{"Title": "Ghost"})
	s.settle()
	s.wantZo(crm.Contacts, zo[2], props{"Mailing_City": "Roma"})
	s.wantHub(crm.Contacts, survivor, props{"jobtitle": ""})
	s.wantCount(crm.Contacts, 1, 3)
}

func TestAnAddressThatIsChangedGoesAcrossAndKeepsThePair(t *testing.T) {
	s, hub, zo := crowd(t, 2)
	s.editHub(crm.Contacts, hub[0], props{"email": "new@acme.example"})
	s.settle()
	s.wantZo(crm.Contacts, zo[0], props{"Email": "new@acme.example", "HubSpot_Id": hub[0]})
	s.editHub(crm.Contacts, hub[1], props{"email": "p0@acme.example"}) // somebody else's old one
	s.settle()
	s.wantZo(crm.Contacts, zo[1], props{"Email": "p0@acme.example", "HubSpot_Id": hub[1]})
	s.editZo(crm.Contacts, zo[0], props{"Email": "newer@acme.example"})
	s.settle()
	s.wantHub(crm.Contacts, hub[0], props{"email": "newer@acme.example"})
	s.wantCount(crm.Contacts, 2, 2)
	s.wantRows()
}

func TestAPropertyOfHubSpotThatIsNotSubscribedGoesAcrossWithTheNextReconciliation(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.Subscribed = map[crm.Module][]string{crm.Contacts: {"email"}} })
	hub, zo := s.rossi()
	s.editHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
	s.pass(70 * time.Minute)
	s.wantZo(crm.Contacts, zo, props{"Title": "Head buyer"})
}

func TestAnOptOutInHubSpotReachesZohoWhetherItsEventComesOrNot(t *testing.T) {
	for name, tt := range map[string]struct {
		subscribed map[crm.Module][]string
		within     time.Duration
	}{
		"its event comes": {nil, time.Minute},
		"an app that could not subscribe to it: with the next reconciliation": {map[crm.Module][]string{crm.Contacts: {"email"}}, 70 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.Subscribed = tt.subscribed })
			hub, zo := s.rossi()
			s.pass(5 * time.Minute)
			s.must(s.HubSpot.Set(crm.Contacts, hub, props{"hs_email_optout": "true"}))
			s.pass(tt.within)
			s.wantZo(crm.Contacts, zo, props{"Email_Opt_Out": "true"})
			s.editZo(crm.Contacts, zo, props{"Email_Opt_Out": "false"}) // not the person's own signal
			s.pass(2 * time.Minute)
			s.wantZo(crm.Contacts, zo, props{"Email_Opt_Out": "true"})
			s.wantRows()
		})
	}
}

func TestValuesOfAnyScriptComeAcrossAsTheyAre(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	for _, v := range []string{"Zoë Łukasz", "山田 太郎", "👩‍👩‍👧", `"quoted" \ <script>alert(1)</script>`, "=cmd|' /C calc'!A0", "O'Neil; DROP", "a, b & c"} {
		s.editHub(crm.Contacts, hub, props{"jobtitle": v})
		s.settle()
		s.wantZo(crm.Contacts, zo, props{"Title": v})
		s.editZo(crm.Contacts, zo, props{"Mailing_City": v})
		s.settle()
		s.wantHub(crm.Contacts, hub, props{"city": v})
	}
	n := s.count()
	s.editHub(crm.Contacts, hub, props{"city": "Cafe\u0301"})
	s.editZo(crm.Contacts, zo, props{"Mailing_City": "Café"}) // the same in another form
	s.settle()
	s.wantWrites(n, 0, 0)
	s.wantRows()
}
