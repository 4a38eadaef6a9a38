package sandbox_test

import (
	"slices"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/desk/sandbox"
)

// What is parked because its twin cannot be told is tried again, ever more rarely, and not for ever.

// revisits notes when each record was looked at again.
func revisits(at map[string][]time.Time) func(*sandbox.WorldOptions) {
	return func(o *sandbox.WorldOptions) {
		o.Adapt = func(p *sandbox.Parts) {
			ended := p.Ended
			p.Ended = func(m batch.Message, out fault.Outcome) {
				if op := m.Operation; op.Verb == crm.Revisit && out.Ending != fault.GoAgain {
					at[op.RecordID] = append(at[op.RecordID], p.Now())
				}
				if ended != nil {
					ended(m, out)
				}
			}
		}
	}
}

func TestATwinThatCannotBeToldIsAskedForAMonth(t *testing.T) {
	for name, tt := range map[string]struct {
		park  func(*scene) (sys crm.System, id string)
		row   string
		calls int // of one try
	}{
		"Zoho's second of one address": {func(s *scene) (crm.System, string) {
			s.rossi()
			return crm.Zoho, s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Email": "anna@acme.example"})
		}, "zoho/contact  duplicate", 2},
		"HubSpot's whose twin has another": {func(s *scene) (crm.System, string) {
			_, _, other := s.office()
			return crm.HubSpot, other
		}, "hubspot/contact  duplicate", 3},
	} {
		t.Run(name, func(t *testing.T) {
			tries := map[string][]time.Time{}
			s := stage(t, revisits(tries))
			sys, id := tt.park(s)
			s.settle()
			s.wantRows(tt.row)
			parkedAt := s.parked()[0].First
			n := s.count()
			s.send(crm.Contacts, sys, id, crm.Revisit)
			s.settle()
			if got := s.since(n).calls; got > tt.calls {
				t.Errorf("a try costs %d calls, want %d", got, tt.calls)
			}
			clear(tries)
			s.pass(33 * 24 * time.Hour)
			var after []time.Duration
			for _, at := range tries[id] {
				after = append(after, at.Sub(parkedAt).Truncate(time.Hour))
			}
			if len(after) < 30 || len(after) > 33 || after[0] > 2*time.Hour || after[1] > 9*time.Hour || after[2] < 24*time.Hour || after[len(after)-1] > 31*24*time.Hour {
				t.Errorf("%d tries: %v", len(after), after)
			}
			s.wantRows(tt.row)
			s.wantMails(1)
			if r := s.parked()[0]; !r.RetryAt.IsZero() || r.Digest == "" {
				t.Errorf("next try at %s, told by %q", r.RetryAt, r.Digest)
			}
		})
	}
}

// office is a pair whose Zoho record has a second address, by which another HubSpot record would be its twin.
func (s *scene) office() (hub, zo, other string) {
	s.t.Helper()
	hub, zo = s.rossi()
	s.editZo(crm.Contacts, zo, props{"Secondary_Email": "office@acme.example"})
	s.settle()
	other = s.hub(crm.Contacts, props{"email": "office@acme.example", "lastname": "Bianchi"})
	s.settle()
	return hub, zo, other
}

func TestATwinThatBecomesClearLaterIsMetByTheNextTry(t *testing.T) {
	s := stage(t)
	_, zo, other := s.office()
	s.pass(3 * 24 * time.Hour)
	s.wantRows("hubspot/contact  duplicate")
	s.editZo(crm.Contacts, zo, props{"Secondary_Email": ""})
	s.pass(25 * time.Hour)
	s.wantRows()
	s.wantCount(crm.Contacts, 2, 2)
	s.wantZo(crm.Contacts, s.twin(crm.Contacts, other), props{"Last_Name": "Bianchi"})
}

func TestADuplicateThatWentAwayIsNotAskedForNorOpen(t *testing.T) {
	for name, lost := range map[string]bool{"told by its event": false, "told by nobody": true} {
		t.Run(name, func(t *testing.T) {
			tries := map[string][]time.Time{}
			s := stage(t, revisits(tries))
			s.rossi()
			extra := s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Email": "anna@acme.example"})
			s.settle()
			s.wantRows("zoho/contact  duplicate")
			s.mute(crm.Zoho, &lost)
			s.must(s.Zoho.Delete(crm.Contacts, extra))
			s.pass(25 * time.Hour)
			s.wantRows()
			seen := slices.Clone(tries[extra])
			s.pass(3 * 24 * time.Hour)
			if got := len(tries[extra]) - len(seen); got != 0 || len(seen) > 2 {
				t.Errorf("asked %d times, and %d times after it was gone", len(seen), got)
			}
		})
	}
}

// What the mail asks for is enough: whoever merges the contacts has nothing else to do.
func TestAStopOfSomebodyWhoMayBeTwoContactsIsHeardOnceTheyAreMerged(t *testing.T) {
	s := stage(t, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion = "IT" })
	a := s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Mobile": "+393331110001"})
	b := s.zo(crm.Contacts, props{"Last_Name": "Verdi", "Mobile": "+393331110001"})
	s.settle()
	p := s.WhatsApp.Meet("Anna", "393331110001")
	for _, text := range []string{"RIPRENDI", "STOP"} {
		_, err := p.Say(whatsapptest.DefaultNumber, text)
		s.must(err)
		s.pass(10 * time.Minute)
	}
	if s.notes(a)+s.notes(b) != 0 || len(s.parked()) != 2 {
		t.Fatalf("%d notes, rows %v", s.notes(a)+s.notes(b), s.rows())
	}
	s.pass(27 * time.Hour) // looked at again and again, while nothing has changed
	if s.notes(a)+s.notes(b) != 0 || len(s.parked()) != 2 {
		t.Fatalf("%d notes, rows %v", s.notes(a)+s.notes(b), s.rows())
	}
	s.wantMails(2)
	_, err := s.Zoho.Merge(crm.Contacts, a, b)
	s.must(err)
	s.pass(26 * time.Hour)
	if s.zoValue(crm.Contacts, a, "WhatsApp_Opt_Out") != "true" || s.notes(a) < 2 {
		t.Errorf("a day later: opt-out %q, %d notes", s.zoValue(crm.Contacts, a, "WhatsApp_Opt_Out"), s.notes(a))
	}
	s.wantRows()
	s.wantMails(2)
}
