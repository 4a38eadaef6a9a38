package sandbox_test

import (
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Somebody who writes on WhatsApp has another contact in Zoho than her pair: hers was deleted for a while, or HubSpot's two were merged.

// heardAnew is Anna, whose contact was deleted in Zoho, and who has got another one there by writing.
func (s *scene) heardAnew(say func(string)) (hub, gone, now string) {
	s.t.Helper()
	hub = s.hub(crm.Contacts, anna)
	s.settle()
	gone = s.twin(crm.Contacts, hub)
	say("Buongiorno")
	s.settle()
	s.must(s.Zoho.Delete(crm.Contacts, gone))
	s.pass(time.Hour)
	say("Sono ancora io")
	s.pass(10 * time.Minute)
	all := s.Zoho.IDs(crm.Contacts)
	if len(all) != 1 || all[0] == gone {
		s.t.Fatalf("contacts %v, want a new one", all)
	}
	return hub, gone, all[0]
}

// wantTwins wants a row that asks to merge two contacts of Zoho.
func (s *scene) wantTwins(kept, other string) {
	s.t.Helper()
	for _, r := range s.about(fault.HintMergeTwins) {
		if r.TargetID.Key == kept && r.Other.Key == other {
			return
		}
	}
	s.t.Errorf("nobody is asked to merge %s into %s: %+v", other, kept, s.parked())
}

func TestWhoseContactIsRestoredInZohoGoesOnWithIt(t *testing.T) {
	s, say := talks(t)
	hub, zo, now := s.heardAnew(say)
	s.must(s.Zoho.Restore(crm.Contacts, zo))
	s.pass(time.Hour)
	before := s.notes(zo)
	say("STOP")
	s.pass(10 * time.Minute)
	s.wantWord(hub, zo, "true")
	if n := s.notes(zo) - before; n != 2 {
		t.Errorf("%d notes, want her message and its confirmation", n)
	}
	s.wantTwins(zo, now)
	_, err := s.Zoho.Merge(crm.Contacts, zo, now)
	s.must(err)
	say("RIPRENDI")
	s.pass(10 * time.Minute)
	s.wantWord(hub, zo, "false")
	s.pass(3 * time.Hour)
	s.wantRows()
}

func TestWhoseContactWasMergedInHubSpotIsHeardOnThePairsContact(t *testing.T) {
	for name, order := range map[string]bool{"into the other one": true, "and hers goes on": false} {
		t.Run(name, func(t *testing.T) {
			s, say := talks(t)
			hers := s.hub(crm.Contacts, anna)
			other := s.hub(crm.Contacts, props{"email": "ufficio@acme.example", "lastname": "Rossi"})
			s.settle()
			say("Buongiorno")
			s.settle()
			into, from := hers, other
			if order {
				into, from = other, hers
			}
			hub, err := s.HubSpot.Merge(crm.Contacts, into, from)
			s.must(err)
			s.pass(time.Hour)
			zo := s.twin(crm.Contacts, hub)
			say("STOP")
			s.pass(10 * time.Minute)
			s.wantWord(hub, zo, "true")
			if s.notes(zo) == 0 {
				t.Error("what she writes is not on the pair's contact")
			}
			say("RIPRENDI")
			s.pass(10 * time.Minute)
			s.wantWord(hub, zo, "false")
		})
	}
}

func TestAnErasureAsksAboutTheContactOnWhichItsPersonIsHeardNow(t *testing.T) {
	s, say := talks(t)
	hub, _, now := s.heardAnew(say)
	s.must(s.HubSpot.Erase(hub))
	s.pass(10 * time.Minute)
	asked := false
	for _, r := range s.parked() {
		asked = asked || r.Hint == fault.HintErase && r.TargetID.Key == now
	}
	if !asked {
		t.Errorf("nobody is asked about %s: %+v", now, s.parked())
	}
	s.must(s.Zoho.Delete(crm.Contacts, now))
	s.pass(10 * time.Minute)
	for _, r := range s.parked() {
		if r.TargetID.Key == now {
			t.Errorf("it is deleted, and still asked for: %+v", r)
		}
	}
}
