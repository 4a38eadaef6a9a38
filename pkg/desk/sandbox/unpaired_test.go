package sandbox_test

import (
	"slices"
	"testing"
	"time"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/desk/sandbox"
)

// A person who is a contact in HubSpot that is in no pair: a lead in Zoho, one whose twin is not clear, one who was deleted there.

const complaint = "Il prodotto è arrivato rotto, voglio un rimborso"

// lead is Anna as a lead in Zoho.
func (s *scene) lead() string {
	s.t.Helper()
	return s.zo(crm.Leads, props{"Email": "anna@acme.example", "Last_Name": "Rossi", "Mobile": "+393331110001"})
}

// about returns the open rows of a hint about messages.
func (s *scene) about(h fault.Hint) (out []fault.Parked) {
	s.t.Helper()
	for _, r := range s.parked() {
		if r.Record.System == crm.WhatsApp && r.Hint == h {
			out = append(out, r)
		}
	}
	return out
}

// replay carries out once more what a row about a message is about, as connector parked replay does.
func (s *scene) replay(r fault.Parked) {
	s.t.Helper()
	now := s.Clock.Now()
	lane := s.Lanes[slices.IndexFunc(s.Lanes, func(l *sandbox.Lane) bool { return l.Name == "whatsappOperations" })]
	s.must(queue.Sender{Queue: lane.Queue}.Send(s.t.Context(), []crm.Operation{{
		V: crm.OperationVersion, ID: "replay " + r.ID, Connection: crm.DefaultConnection, Source: crm.WhatsApp,
		Kind: crm.Contact, Module: crm.Contacts, Verb: crm.Replay, RecordID: r.Record.Key, OccurredAt: now, ReceivedAt: now,
	}}))
}

// wantLogged wants how many messages stand in HubSpot, and tasks in Zoho and HubSpot.
func (s *scene) wantLogged(when string, communications, zoho, hubspot int) {
	s.t.Helper()
	if c, z, h := len(s.HubSpot.Communications()), len(s.Zoho.Tasks()), len(s.HubSpot.Tasks()); c != communications || z != zoho || h != hubspot {
		s.t.Errorf("%s: %d communications, %d tasks in Zoho, %d in HubSpot, want %d, %d, %d; %s", when, c, z, h, communications, zoho, hubspot, s.last(3))
	}
}

func TestWhoIsALeadIsLoggedInHubSpotAtOnceAndGetsNoContactBesideTheLead(t *testing.T) {
	s, say := talks(t)
	lead, h := s.lead(), s.hub(crm.Contacts, anna)
	s.pass(time.Minute)
	say(complaint)
	s.pass(20 * time.Second)
	s.wantLogged("at once", 2, 0, 1) // the complaint and its answer
	s.pass(3 * time.Hour)
	rows := s.about(fault.HintLead)
	if all := s.Zoho.IDs(crm.Contacts); len(all) != 0 || len(rows) == 0 || rows[0].Other != (crm.ID{System: crm.Zoho, Module: crm.Leads, Key: lead}) {
		t.Fatalf("contacts %v, rows %+v", all, rows)
	}
	contact, _, err := s.Zoho.ConvertLead(lead)
	s.must(err)
	s.pass(time.Hour)
	for _, r := range rows {
		s.replay(r)
	}
	s.pass(time.Hour)
	s.wantLogged("replayed", 2, 1, 1)
	if all := s.Zoho.IDs(crm.Contacts); len(all) != 1 || s.twin(crm.Contacts, h) != contact || s.notes(contact) != 1 || len(s.about(fault.HintLead)) != 0 {
		t.Errorf("contacts %v, %d notes, rows %+v", all, s.notes(contact), s.about(fault.HintLead))
	}
	say("Ci siete?")
	s.pass(time.Minute)
	if s.notes(contact) < 2 || len(s.Zoho.IDs(crm.Contacts)) != 1 {
		t.Errorf("after the conversion: %d notes, contacts %v", s.notes(contact), s.Zoho.IDs(crm.Contacts))
	}
}

func TestWhatALeadSaysAboutMessagesHoldsInHubSpotAndOnTheContactThatTheLeadBecomes(t *testing.T) {
	s, say := talks(t)
	lead, h := s.lead(), s.hub(crm.Contacts, anna)
	s.pass(time.Minute)
	say("STOP")
	s.pass(20 * time.Second)
	if said := s.hubValue(crm.Contacts, h, "whatsapp_opt_out"); said != "true" {
		t.Errorf("HubSpot says %q", said)
	}
	contact, _, err := s.Zoho.ConvertLead(lead)
	s.must(err)
	s.pass(10 * time.Minute)
	s.wantWord(h, contact, "true")
}

func TestALeadWhomHubSpotHasNotIsAnsweredAndToldWithARow(t *testing.T) {
	s, say := talks(t)
	lead := s.lead()
	say(complaint)
	s.pass(time.Minute)
	if len(s.Zoho.IDs(crm.Contacts)) != 0 || len(s.about(fault.HintLead)) == 0 || len(s.WhatsApp.SentMessages()) != 1 {
		t.Fatalf("contacts %v, rows %+v, %d answers", s.Zoho.IDs(crm.Contacts), s.about(fault.HintLead), len(s.WhatsApp.SentMessages()))
	}
	rows := s.about(fault.HintLead)
	contact, _, err := s.Zoho.ConvertLead(lead)
	s.must(err)
	for _, r := range rows {
		s.replay(r)
	}
	s.pass(time.Minute)
	s.wantLogged("replayed", 0, 1, 0)
	if s.notes(contact) != 1 || len(s.about(fault.HintLead)) != 0 {
		t.Errorf("%d notes, rows %+v", s.notes(contact), s.about(fault.HintLead))
	}
}

func TestWhereLeadsAreIgnoredWhoWritesGetsAContactBesideTheLead(t *testing.T) {
	s, say := talks(t, func(o *sandbox.WorldOptions) { o.Mapping.Leads = mapping.LeadsIgnore })
	s.lead()
	say(complaint)
	s.pass(time.Minute)
	s.wantLogged("at once", 0, 1, 0)
	if all := s.Zoho.IDs(crm.Contacts); len(all) != 1 {
		t.Errorf("contacts %v", all)
	}
}

func TestWhoWaitsInHubSpotForAPersonIsAnsweredAndLoggedInBothAtOnce(t *testing.T) {
	for name, prepare := range map[string]func(*scene){
		"his twin is not clear": func(s *scene) {
			for range 2 {
				s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi"})
			}
			s.settle()
			s.hub(crm.Contacts, anna)
		},
		"he was deleted in Zoho": func(s *scene) {
			h := s.hub(crm.Contacts, anna)
			s.settle()
			s.must(s.Zoho.Delete(crm.Contacts, s.twin(crm.Contacts, h)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, say := talks(t)
			prepare(s)
			s.pass(25 * time.Hour)
			say(complaint)
			s.pass(20 * time.Second)
			s.wantLogged("at once", 2, 1, 1)
			say("Allora?")
			s.pass(3 * time.Hour)
			if all := s.named("+393331110001"); len(all) != 1 || s.notes(all[0]) < 2 || len(s.HubSpot.Communications()) < 3 {
				t.Errorf("contacts %v, %d communications", all, len(s.HubSpot.Communications()))
			}
		})
	}
}

func TestWhoseTwinBecomesClearGoesOnWithItAndTheMailAsksToMerge(t *testing.T) {
	s, say := talks(t)
	a := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi"})
	b := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi"})
	s.settle()
	h := s.hub(crm.Contacts, anna)
	s.pass(time.Hour)
	say("STOP")
	s.pass(time.Minute)
	made := s.named("+393331110001")
	s.must(s.Zoho.Delete(crm.Contacts, b))
	s.pass(24 * time.Hour)
	if z := s.twin(crm.Contacts, h); z != a || len(made) != 1 {
		t.Fatalf("HubSpot's is paired with %s, want %s; made for the message: %v", z, a, made)
	}
	s.wantWord(h, a, "true")
	say("Ancora una cosa")
	s.pass(time.Minute)
	if rows := s.about(fault.HintMergeTwins); s.notes(a) == 0 || len(rows) != 1 || len(s.Zoho.IDs(crm.Contacts)) != 2 {
		t.Errorf("%d notes, rows %+v, contacts %v", s.notes(a), rows, s.Zoho.IDs(crm.Contacts))
	}
}

func TestALeadWhoIsErasedInHubSpotIsForgottenWithWhatHeWrote(t *testing.T) {
	s, say := talks(t)
	s.lead()
	h := s.hub(crm.Contacts, anna)
	s.pass(time.Minute)
	say("STOP")
	s.settle()
	s.must(s.HubSpot.Erase(h))
	s.settle()
	for _, prefix := range []string{"I#", "P#", "K#", "O#", "Q#"} {
		for r := range s.Tables[sandbox.Chats].All(prefix) {
			t.Errorf("a row is left: %s", r.Key.Part[:2])
		}
	}
}

func TestWhoWaitsInHubSpotAndIsFoundInZohoByHisNumberIsLoggedInBoth(t *testing.T) {
	s, say := talks(t)
	z := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi", "Mobile": "+393331110001"})
	s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi"})
	s.settle()
	h := s.hub(crm.Contacts, anna)
	s.pass(25 * time.Hour)
	say(complaint)
	s.pass(time.Minute)
	s.wantLogged("at once", 2, 1, 1) // the complaint and its answer
	say("STOP")
	s.pass(3 * time.Hour)
	s.wantWord(h, z, "true")
}
