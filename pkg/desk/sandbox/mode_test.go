package sandbox_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/rules"
)

// Modes, brake, and what the log may say.

// mode switches the stack, as connector does; the functions notice within a minute.
func (s *scene) mode(m crm.Mode) {
	s.t.Helper()
	rows := &config.Rows{Store: s.Tables[sandbox.Config], Now: s.Clock.Now}
	s.must(rows.Set(s.t.Context(), config.Mode, []byte(m)))
	s.pass(61 * time.Second)
}

// starting puts the parts' mode at the start and a brake in force.
func starting(m crm.Mode, limits rules.Limits) func(*sandbox.WorldOptions) {
	return func(o *sandbox.WorldOptions) {
		o.Adapt = func(p *sandbox.Parts) { p.Rules.Start, p.Rules.Limits = m, limits }
	}
}

func TestAStackThatIsOffOrObservesWritesNothing(t *testing.T) {
	for _, m := range []crm.Mode{crm.Off, crm.Observe} {
		t.Run(string(m), func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi()
			s.mode(m)
			n := s.count()
			s.editHub(crm.Contacts, hub, props{"city": "Milano"})
			s.editZo(crm.Contacts, zo, props{"Title": "Head buyer"})
			s.hub(crm.Contacts, props{"email": "ugo@acme.example", "lastname": "Verdi"})
			met := s.hub(crm.Contacts, props{"email": "elsa@acme.example", "lastname": "Neri"})
			s.zo(crm.Contacts, props{"Email": "elsa@acme.example", "Last_Name": "Neri", "Title": "Buyer"})
			s.pass(3 * time.Hour)
			s.wantWrites(n, 0, 0)
			s.wantMails(0)
			s.wantCount(crm.Contacts, 3, 2)
			s.mode(crm.On)
			s.pass(2 * time.Hour) // reconcile finds what changed meanwhile
			s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
			s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
			s.wantHub(crm.Contacts, met, props{"jobtitle": "Buyer"})
			s.wantCount(crm.Contacts, 3, 3)
		})
	}
}

func TestWhatIsOnlyObservedIsKeptWithThePair(t *testing.T) {
	s := stage(t)
	hub, _ := s.rossi()
	s.mode(crm.Observe)
	s.editHub(crm.Contacts, hub, props{"city": "Milano", "salutation": "Contessa"}) // one value that Zoho would refuse
	s.pass(2 * time.Hour)
	s.wantRows()
	s.wantMails(0)
	p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hub})
	if len(p.Decided) == 0 || p.Decided[0].Field != "city" || p.Decided[0].To != "zoho" || p.Decided[0].Rule != "edit" || !p.Decided[0].Observed {
		t.Errorf("%+v", p.Decided)
	}
	s.mode(crm.On)
	s.pass(2 * time.Hour)
	s.wantRows("hubspot/contact salutation unmapped")
	if p := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hub}); p.Decided[0].Field != "city" || p.Decided[0].Observed {
		t.Errorf("%+v", p.Decided)
	}
}

func TestAStackStartsInTheModeOfItsSettings(t *testing.T) {
	s := stage(t, starting(crm.Off, rules.Limits{}))
	s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	s.pass(2 * time.Hour)
	s.wantCount(crm.Contacts, 1, 0)
	for _, e := range s.Endings {
		if e.Outcome.Applied {
			t.Errorf("%+v", e)
		}
	}
}

func TestTheBrakeStopsAFieldFromBeingClearedEverywhere(t *testing.T) {
	for name, careless := range map[string]bool{"where Zoho is written on condition": false, "where Zoho is read": true} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := crowd(t, 40, func(o *sandbox.WorldOptions) { o.Zoho.IgnoreCondition = careless })
			for _, id := range hub {
				s.editHub(crm.Contacts, id, props{"city": "Roma"})
			}
			s.settle()
			for _, id := range hub {
				s.editHub(crm.Contacts, id, props{"city": ""})
			}
			s.pass(5 * time.Minute)
			cleared := 0
			for _, id := range zo {
				if s.zoValue(crm.Contacts, id, "Mailing_City") == "" {
					cleared++
				}
			}
			if cleared != 20 {
				t.Errorf("%d records were cleared, want the 20 that are let through", cleared)
			}
			n := s.count()
			s.editHub(crm.Contacts, hub[0], props{"jobtitle": "Buyer"})
			s.pass(time.Hour)
			s.wantWrites(n, 0, 0) // the stack observes until it is resumed
			s.wantRows("/ city brake")
			if m := s.Outbox.Mails(); len(m) != 1 || !strings.Contains(m[0].Text, "Questo campo è stato svuotato 21 volte in dieci minuti") {
				t.Errorf("%d mails, %v", len(m), m)
			}
			s.mode(crm.On)
			s.editHub(crm.Contacts, hub[0], props{"state": "RM"})
			s.pass(3 * time.Hour)
			s.wantZo(crm.Contacts, zo[0], props{"Title": "Buyer", "Mailing_State": "RM"})
			s.wantRows("/ city brake") // until connector resume closes it
			s.wantMails(1)
		})
	}
}

func TestTheBrakeStopsTooManyRecordsFromBeingOverwritten(t *testing.T) {
	s, hub, zo := crowd(t, 40, starting(crm.On, rules.Limits{Clearings: 20, Overwritten: 15}))
	for _, id := range hub {
		s.editHub(crm.Contacts, id, props{"lastname": "Everybody"})
	}
	s.pass(10 * time.Minute)
	over := 0
	for _, id := range zo {
		if s.zoValue(crm.Contacts, id, "Last_Name") == "Everybody" {
			over++
		}
	}
	if over != 15 {
		t.Errorf("%d records were overwritten, want 15", over)
	}
	s.wantRows("/  brake")
	if m := s.Outbox.Mails(); len(m) != 1 || !strings.Contains(m[0].Text, "16 schede sono state sovrascritte in un'ora") || strings.Contains(m[0].Text, "Everybody") {
		t.Errorf("%d mails, %v", len(m), m)
	}
	s.mode(crm.On)
	s.pass(3 * time.Hour)
	if got := s.zoValue(crm.Contacts, zo[0], "Last_Name"); got != "Everybody" {
		t.Errorf("zoho shows %q", got)
	}
}

func TestNewRecordsPullNoBrake(t *testing.T) {
	s, _, _ := crowd(t, 60, starting(crm.On, rules.Limits{Clearings: 2, Overwritten: 2}))
	s.wantCount(crm.Contacts, 60, 60)
}

func faultOf(status int, body string) zohotest.Fault {
	return zohotest.Fault{Match: inAPI, Times: 3, Status: status, Body: body}
}

func TestNoLogLineTellsAPersonsDataOrASecret(t *testing.T) {
	var log bytes.Buffer
	s, hub, zo := crowd(t, 4, func(o *sandbox.WorldOptions) {
		o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
	})
	canary := func(i int) props {
		return props{"email": fmt.Sprintf("canarino%d@nido.example", i), "firstname": "Canarina", "lastname": "Canarini", "phone": "+39 333 5550199",
			"address": "Via Canarino 1", "message": "canarino in gabbia", "jobtitle": "Canarinaia"}
	}
	var all []string
	for i := range 3 {
		all = append(all, s.hub(crm.Contacts, canary(i)))
	}
	for _, bad := range []props{{"date_of_birth": "canarino"}, {"phone": "canarino 3335550199"}, {"salutation": "Canarino"}, {"city": strings.Repeat("canarino ", 40)}} {
		s.editHub(crm.Contacts, hub[0], bad)
	}
	s.zo(crm.Leads, props{"Email": "canarino9@nido.example", "Last_Name": "Canarini"})
	s.hub(crm.Contacts, canary(9))
	s.zo(crm.Contacts, props{"Email": "canarino0@nido.example", "Last_Name": "Canarini"})
	s.settle()
	s.editZo(crm.Contacts, zo[1], props{"Email": "canarino1@nido.example"}) // somebody else's
	s.hub(crm.Companies, props{"name": "Canarino S.r.l.", "domain": "canarino.example", "industry": "WINE_AND_SPIRITS"})
	s.Zoho.KillTokens()
	s.Zoho.Fail(faultOf(500, `{"code":"INTERNAL_ERROR","details":{"value":"canarino"},"message":"no luck with 'canarino' of canarino0@nido.example","status":"error"}`))
	s.settle()
	s.Zoho.Fail(faultOf(400, `{"code":"INVALID_DATA","details":{"api_name":"Last_Name"},"message":"\"canarino\" is invalid","status":"error"}`))
	s.editHub(crm.Contacts, all[0], props{"city": "Canarinia"})
	s.pass(time.Hour)
	s.must(s.HubSpot.Erase(all[2]))
	s.pass(3 * time.Hour)
	if log.Len() == 0 {
		t.Fatal("nothing was logged")
	}
	words := []string{"canarin", "nido.example", "5550199", "sandbox-secret", "sandbox-refresh", "sandbox-app", "sandbox-client-secret",
		"sandbox-channel-token", "sandbox-hash-key", "1000.0000", "bearer", "oauthtoken"}
	for line := range strings.Lines(log.String()) {
		for _, w := range words {
			if strings.Contains(strings.ToLower(line), w) {
				t.Errorf("a log line tells %q: %s", w, line)
			}
		}
	}
	for _, p := range s.parked() {
		if strings.Contains(strings.ToLower(fmt.Sprintf("%+v", p)), "canarin") {
			t.Errorf("a parked row tells a value: %s %s", p.Field, p.Hint)
		}
	}
	for _, m := range s.Outbox.Mails() {
		if text := strings.ToLower(m.Text + m.HTML + m.Subject); strings.Contains(text, "canarin") || strings.Contains(text, "5550199") {
			t.Errorf("a mail tells a value:\n%s", m.Text)
		}
	}
}
