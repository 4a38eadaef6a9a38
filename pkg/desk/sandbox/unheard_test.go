package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/sandbox"
)

// Zoho's notification of a deletion never arrives: whoever finds the contact gone has the connector look, and neither he nor those behind
// him wait for the hourly look.
func TestAMessageOfSomebodyWhoseContactIsGoneUnheardIsLoggedInAMinute(t *testing.T) {
	s := stage(t, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion = "IT" })
	lost := false
	s.mute(crm.Zoho, &lost)
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "mobilephone": "+393471234567"})
	s.settle()
	zo := s.twin(crm.Contacts, hub)
	anna := s.WhatsApp.Meet("Anna", "393471234567")
	say := func(who *whatsapptest.Person, text string) {
		_, err := who.Say(whatsapptest.DefaultNumber, text)
		s.must(err)
	}
	say(anna, "uno")
	s.pass(62 * time.Minute) // reconcile has just looked
	lost = true
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	s.pass(10 * time.Second)
	lost = false
	texts := []string{"sono Anna."}
	say(anna, texts[0])
	s.pass(10 * time.Second)
	for i := range 60 {
		texts = append(texts, fmt.Sprintf("sono il vicino n%02d.", i))
		say(s.WhatsApp.Meet(fmt.Sprintf("Vicino%02d", i), fmt.Sprintf("39333222%04d", i)), texts[len(texts)-1])
		s.pass(time.Second)
	}
	s.settle()
	var all strings.Builder
	for _, n := range s.Zoho.Notes() {
		all.WriteString(n.Values["Note_Content"] + "\n")
	}
	for _, text := range texts {
		if strings.Count(all.String(), text) != 1 {
			t.Errorf("%q is in %d notes", text, strings.Count(all.String(), text))
		}
	}
	looks := map[string]bool{}
	for _, e := range s.Endings {
		if op := e.Message.Operation; op.Verb == crm.Revisit && op.Record() == (crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: zo}) {
			looks[op.ID] = true
		}
	}
	if state := s.pair(crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hub}).State; len(looks) != 1 || state != pair.Orphan {
		t.Errorf("%d looks, the pair is in state %d", len(looks), state)
	}
	for _, l := range s.Lanes {
		if dead, _ := l.Dead.Stats(); dead != 0 {
			t.Errorf("%s: %d dead letters", l.Name, dead)
		}
	}
}

// An ordinary deletion is heard of in seconds: nobody has to look.
func TestWhoWritesInTheMomentInWhichHisContactIsDeletedAsksForNoOtherLook(t *testing.T) {
	s, say := talks(t)
	hub := s.hub(crm.Contacts, anna)
	s.pass(time.Hour)
	zo := s.twin(crm.Contacts, hub)
	say("Buongiorno")
	s.settle()
	s.must(s.Zoho.Delete(crm.Contacts, zo))
	say("Ci siete?")
	s.settle()
	for _, e := range s.Endings {
		if e.Message.Operation.Verb == crm.Revisit {
			t.Errorf("a look at %s", e.Message.Operation.RecordID)
		}
	}
	s.wantCount(crm.Contacts, 1, 1)
}

// A stack that does not write keeps the message, and has the connector look when it is on again.
func TestAMessageOfSomebodyWhoseContactIsGoneUnheardWaitsForTheStackToBeOnAndLosesNothing(t *testing.T) {
	for _, mode := range []crm.Mode{crm.Off, crm.Observe} {
		t.Run(string(mode), func(t *testing.T) {
			s, say := talks(t)
			lost := false
			s.mute(crm.Zoho, &lost)
			hub := s.hub(crm.Contacts, anna)
			s.pass(62 * time.Minute)
			zo := s.twin(crm.Contacts, hub)
			say("Buongiorno")
			s.settle()
			lost = true
			s.must(s.Zoho.Delete(crm.Contacts, zo))
			s.pass(10 * time.Second)
			lost = false
			s.mode(mode)
			say("Ci siete?")
			s.pass(26 * time.Hour)
			s.mode(crm.On)
			s.pass(20 * time.Minute) // what waits for the mode looks every quarter of an hour
			s.wantCount(crm.Contacts, 1, 1)
			if all := s.Zoho.IDs(crm.Contacts); len(all) == 0 || s.notes(all[0]) == 0 || len(s.HubSpot.Communications()) != 3 { // the late answer is left out
				t.Errorf("contacts %v, %d communications; %s", all, len(s.HubSpot.Communications()), s.last(3))
			}
			for _, l := range s.Lanes {
				if dead, _ := l.Dead.Stats(); dead != 0 {
					t.Errorf("%s: %d dead letters", l.Name, dead)
				}
			}
		})
	}
}

// Nor is the deletion that a merge in Zoho is told by.
func TestAStopAfterACleanUpInZohoThatNobodyToldOfReachesTheRecordThatWasKept(t *testing.T) {
	s, say := talks(t)
	lost := false
	s.mute(crm.Zoho, &lost)
	hub, gone, kept := s.cleaned(say)
	s.pass(time.Hour)
	lost = true
	_, err := s.Zoho.Merge(crm.Contacts, kept, gone)
	s.must(err)
	s.pass(10 * time.Second)
	lost = false
	say("STOP")
	s.settle()
	s.wantWord(hub, kept, "true")
	s.wantOnly(hub, kept, 4)
}
