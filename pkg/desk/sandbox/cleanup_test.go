package sandbox_test

import (
	"slices"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/desk/sandbox"
)

// Somebody who writes on WhatsApp is cleaned up in Zoho alone: his paired contact goes into another record, which keeps its own number.

// cleaned is Anna, who has written, and the record of another number that her contact goes into.
func (s *scene) cleaned(say func(string)) (hub, gone, kept string) {
	s.t.Helper()
	hub = s.hub(crm.Contacts, anna)
	s.settle()
	gone = s.twin(crm.Contacts, hub)
	say("Buongiorno")
	s.settle()
	return hub, gone, s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Mobile": "+390699999999"})
}

// wantOnly wants one contact in Zoho, the pair's, so many notes on it, and no rows.
func (s *scene) wantOnly(hub, zo string, notes int) {
	s.t.Helper()
	if all := s.Zoho.IDs(crm.Contacts); len(all) != 1 || all[0] != zo || s.twin(crm.Contacts, hub) != zo {
		s.t.Errorf("contacts %v, want %s alone; %s", all, zo, s.last(3))
	}
	if n := s.notes(zo); n != notes {
		s.t.Errorf("%d notes, want %d; %s", n, notes, s.last(3))
	}
	s.wantRows()
}

func TestWhoWritesAfterACleanUpInZohoStaysHisContact(t *testing.T) {
	for name, c := range map[string]struct {
		before, after time.Duration // of the clean-up until he writes
	}{
		"an hour later":                        {time.Minute, time.Hour},
		"before the connector has heard of it": {time.Minute, 0},
		"while it is at work on it":            {time.Minute, 2 * time.Second},
		"the record is as old as the clean-up": {0, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s, say := talks(t)
			hub, gone, kept := s.cleaned(say)
			s.pass(c.before)
			_, err := s.Zoho.Merge(crm.Contacts, kept, gone)
			s.must(err)
			s.pass(c.after)
			say("Sono ancora io")
			s.pass(10 * time.Minute)
			s.wantOnly(hub, kept, 4) // what she wrote and what she was answered, twice
			s.wantLogged("after the clean-up", 4, 0, 0)
			say("STOP")
			s.pass(10 * time.Minute)
			s.wantWord(hub, kept, "true")
			say("RIPRENDI")
			s.pass(10 * time.Minute)
			s.wantWord(hub, kept, "false")
			s.wantOnly(hub, kept, 8) // each with its confirmation
		})
	}
}

func TestWhoWritesFromTheOtherNumberOfAContactThatWasMergedInBothSystemsStaysThatContact(t *testing.T) {
	s, say := talks(t)
	h1 := s.hub(crm.Contacts, anna)
	h2 := s.hub(crm.Contacts, props{"email": "ufficio@acme.example", "lastname": "Rossi", "mobilephone": "+390699999999"})
	s.settle()
	gone, kept := s.twin(crm.Contacts, h1), s.twin(crm.Contacts, h2)
	say("Buongiorno")
	s.settle()
	hub, err := s.HubSpot.Merge(crm.Contacts, h2, h1)
	s.must(err)
	s.settle()
	_, err = s.Zoho.Merge(crm.Contacts, kept, gone) // as the row asks
	s.must(err)
	s.pass(time.Hour)
	say("STOP")
	s.pass(10 * time.Minute)
	s.wantWord(hub, kept, "true")
	s.wantOnly(hub, kept, 4)
}

// A user id means one person: who is known by another one is a stranger, whatever record his contact went into.
func TestWhoseContactWentIntoThatOfAnotherWhoWritesIsNotTakenForHimAndIsToldWithARow(t *testing.T) {
	for name, hidden := range map[string]bool{"by her number": false, "by her user id alone": true} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion = "IT" })
			her, office := s.WhatsApp.Meet("Anna", "393331110001"), s.WhatsApp.Meet("Ufficio", "390699999999")
			say := func(who *whatsapptest.Person, text string) {
				_, err := who.Say(whatsapptest.DefaultNumber, text)
				s.must(err)
			}
			hub, gone, kept := s.cleaned(func(text string) { say(her, text) })
			say(office, "Buongiorno dall'ufficio")
			s.settle()
			was := s.notes(kept)
			_, err := s.Zoho.Merge(crm.Contacts, kept, gone)
			s.must(err)
			s.pass(time.Hour)
			moved := s.notes(kept)
			her.Hidden = hidden
			say(her, "STOP")
			s.pass(10 * time.Minute)
			ofHers := func(r fault.Parked) bool { return r.Verb == crm.Message && r.Other.Key == kept }
			if rows := s.about(fault.HintWhose); was == 0 || len(s.Zoho.IDs(crm.Contacts)) != 1 || s.notes(kept) != moved || !slices.ContainsFunc(rows, ofHers) {
				t.Errorf("contacts %v, %d notes, were %d; rows %+v", s.Zoho.IDs(crm.Contacts), s.notes(kept), moved, rows)
			}
			if s.twin(crm.Contacts, hub) != kept || s.zoValue(crm.Contacts, kept, "WhatsApp_Opt_Out") == "true" {
				t.Error("her word is the office's")
			}
			if hidden {
				return // nothing that people enter leads to her
			}
			hers := s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Mobile": "+393331110001"}) // people say whose she is
			s.pass(3 * time.Hour)
			if s.zoValue(crm.Contacts, hers, "WhatsApp_Opt_Out") != "true" || s.notes(hers) == 0 {
				t.Errorf("her word is not on her contact: %d notes", s.notes(hers))
			}
			if slices.ContainsFunc(s.about(fault.HintWhose), ofHers) {
				t.Errorf("rows %+v", s.parked())
			}
		})
	}
}

func TestTheWordOfSomebodyWhoseRecordIsGoneAfterACleanUpTooFollowsToTheNextOne(t *testing.T) {
	s, say := talks(t)
	deaf := false
	s.mute(crm.Zoho, &deaf)
	hub, gone, kept := s.cleaned(say)
	say("STOP")
	s.pass(10 * time.Minute)
	s.wantWord(hub, gone, "true")
	_, err := s.Zoho.Merge(crm.Contacts, kept, gone)
	s.must(err)
	s.pass(time.Hour)
	s.must(s.HubSpot.Delete(crm.Contacts, hub))
	s.pass(time.Hour)
	deaf = true // nobody tells that the record is gone, too
	s.must(s.Zoho.Delete(crm.Contacts, kept))
	s.pass(10 * time.Second)
	deaf = false
	say("Sono ancora io")
	s.pass(10 * time.Minute)
	all := s.Zoho.IDs(crm.Contacts)
	if len(all) != 1 || s.zoValue(crm.Contacts, all[0], "WhatsApp_Opt_Out") != "true" || s.notes(all[0]) == 0 {
		t.Errorf("contacts %v; %s", all, s.last(3))
	}
}
