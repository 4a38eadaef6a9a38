package sandbox_test

import (
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
)

// A word about messages is a person's: it follows her to whatever record she gets in Zoho after hers was deleted.

func TestTheWordOfSomebodyWhoseContactWasDeletedFollowsToTheOneThatSheGets(t *testing.T) {
	for name, anew := range map[string]func(s *scene, hub string){
		"made by a replay": func(s *scene, hub string) {
			s.HubSpot.Edit(crm.Contacts, hub, props{"city": "Roma"})
			s.pass(10 * time.Minute)
			if len(s.parked()) != 1 {
				s.t.Fatalf("nobody is asked: %+v", s.parked())
			}
			s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
		},
		"imported into Zoho": func(s *scene, _ string) {
			s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi", "Mobile": "+393331110001"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, say := talks(t)
			hub := s.hub(crm.Contacts, anna)
			s.settle()
			zo := s.twin(crm.Contacts, hub)
			say("STOP")
			s.pass(10 * time.Minute)
			s.wantWord(hub, zo, "true")
			s.must(s.Zoho.Delete(crm.Contacts, zo))
			s.pass(time.Hour)
			anew(s, hub)
			s.pass(3 * time.Hour)
			is := s.twin(crm.Contacts, hub)
			if is == zo || is == "" {
				t.Fatalf("she has %q; %+v", is, s.parked())
			}
			s.wantWord(hub, is, "true")
		})
	}
}
