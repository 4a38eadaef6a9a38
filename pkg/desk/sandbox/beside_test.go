package sandbox_test

import (
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/desk/sandbox"
)

// beside is somebody who wrote, and so has a contact in Zoho with nothing but his number, and then came to HubSpot with a form: by its
// address he is paired with an older contact in Zoho.
func beside(t *testing.T, word string) (s *scene, say func(string), hubspot, zoho, wrote string) {
	s, say = talks(t)
	zoho = s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi"})
	s.settle()
	say(word)
	s.settle()
	for _, id := range s.Zoho.IDs(crm.Contacts) {
		if id != zoho {
			wrote = id
		}
	}
	hubspot = s.hub(crm.Contacts, anna)
	s.pass(10 * time.Minute)
	if got := s.twin(crm.Contacts, hubspot); got != zoho || wrote == "" {
		t.Fatalf("paired with %s, want %s; he wrote on %q", got, zoho, wrote)
	}
	return s, say, hubspot, zoho, wrote
}

func TestWhoWroteAndIsPairedByHisAddressWithAnotherContactIsOnePersonAndTheMailAsksToMerge(t *testing.T) {
	for _, word := range []string{"Buongiorno", "STOP"} {
		t.Run(word, func(t *testing.T) {
			s, say, hubspot, zoho, wrote := beside(t, word)
			rows := s.about(fault.HintMergeTwins)
			if len(rows) != 1 || rows[0].TargetID.Key != zoho || rows[0].Other.Key != wrote {
				t.Fatalf("rows %+v", s.parked())
			}
			if word == "STOP" {
				s.wantWord(hubspot, zoho, "true")
				s.wantWord(hubspot, wrote, "true")
			}
			say(complaint)
			s.pass(time.Minute)
			s.wantLogged("after the pairing", map[string]int{"Buongiorno": 2, "STOP": 1}[word], 1, 1)
			say("STOP")
			s.pass(26 * time.Hour)
			s.wantWord(hubspot, zoho, "true")
			if rows := s.about(fault.HintMergeTwins); len(rows) != 1 {
				t.Errorf("rows %+v", rows)
			}
		})
	}
}

func TestWhoWroteAndWasPairedWithAnotherContactIsForgottenWithBoth(t *testing.T) {
	for name, writes := range map[string]bool{"silent since": false, "heard since": true} {
		t.Run(name, func(t *testing.T) {
			s, say, hubspot, zoho, wrote := beside(t, "Buongiorno")
			if writes {
				say(complaint)
				s.settle()
			}
			s.must(s.HubSpot.Erase(hubspot))
			s.settle()
			for _, prefix := range []string{"I#", "P#", "K#", "O#", "Q#"} {
				for r := range s.Tables[sandbox.Chats].All(prefix) {
					t.Errorf("still kept: %v", r.Key)
				}
			}
			told := map[string]bool{}
			for _, r := range s.parked() {
				told[r.TargetID.Key] = r.Hint == fault.HintErase
			}
			if !told[zoho] || !told[wrote] {
				t.Errorf("asked to erase %v, want %s and %s", told, zoho, wrote)
			}
		})
	}
}

func TestWhoWritesFromANumberThatIsNotHisAloneIsNotTakenForWhomHubSpotHasWithIt(t *testing.T) {
	s, say := talks(t)
	zoho := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi"})
	spouse := s.zo(crm.Contacts, props{"Email": "marco@acme.example", "Last_Name": "Bianchi", "Mobile": "+393331110001"})
	s.settle()
	say("STOP")
	s.settle()
	h := s.hub(crm.Contacts, anna)
	s.pass(10 * time.Minute)
	if got := s.twin(crm.Contacts, h); got != zoho || len(s.about(fault.HintMergeTwins)) != 0 {
		t.Errorf("paired with %s, rows %+v", got, s.parked())
	}
	if s.hubValue(crm.Contacts, h, "whatsapp_opt_out") == "true" || s.zoValue(crm.Contacts, spouse, "WhatsApp_Opt_Out") != "true" {
		t.Error("the word of the one stands on the other")
	}
}

func TestTheRowOfALeadsMessageEndsWithHimWhenHeIsErased(t *testing.T) {
	s, say := talks(t)
	s.lead()
	h := s.hub(crm.Contacts, anna)
	s.pass(time.Minute)
	say(complaint)
	s.settle()
	if len(s.about(fault.HintLead)) != 1 {
		t.Fatalf("rows %+v", s.parked())
	}
	s.must(s.HubSpot.Erase(h))
	s.pass(3 * time.Hour)
	if rows := s.about(fault.HintLead); len(rows) != 0 {
		t.Errorf("rows %+v", rows)
	}
}
