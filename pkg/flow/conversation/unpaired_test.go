package conversation_test

import (
	"fmt"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/conversation"
)

// unpaired is a world with a contact in HubSpot that has been in no pair for an hour, and with a lead of the same number.
func unpaired(t *testing.T, lead bool) *world {
	w := build(t, 1, whatsapptest.Options{})
	w.flow.Columns.Leads = true
	if _, err := w.hubspot.Create(crm.Contacts, map[string]string{"lastname": "Rossi", "phone": "+393471234567"}); err != nil {
		t.Fatal(err)
	}
	if lead {
		if _, err := w.zoho.Create(crm.Leads, map[string]string{"Last_Name": "Rossi", "Phone": "+393471234567"}); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(time.Hour)
	return w
}

func TestWhereverAWorkerDiesWhoIsInNoPairIsLoggedInHubSpotOnceAndDoubledNowhere(t *testing.T) {
	for lead, contacts := range map[bool]int{true: 0, false: 1} {
		for _, after := range []bool{false, true} {
			for n := 1; ; n++ {
				w := unpaired(t, lead)
				w.fuse.left, w.fuse.after, w.keeps = n, after, true
				w.say(w.phone.Meet("Persona", "393471234567"), "Voglio parlare con un operatore")
				w.pass(time.Hour)
				unburnt := w.fuse.left > 0
				w.fuse.left = 0
				name := fmt.Sprintf("lead %v, step %d, after %v", lead, n, after)
				if in, out := len(w.communications("ricevuto")), len(w.communications("inviato")); in != 1 || out != len(w.phone.SentMessages()) || len(w.hubspot.Tasks()) == 0 {
					t.Errorf("%s: %d messages and %d answers in HubSpot of %d, %d tasks", name, in, out, len(w.phone.SentMessages()), len(w.hubspot.Tasks()))
				}
				if w.contacts() != contacts || len(w.notes("ricevuto")) != contacts || len(w.hubspot.Tasks()) > 2 {
					t.Errorf("%s: %d contacts, %d notes, rows %v", name, w.contacts(), len(w.notes("ricevuto")), w.reasons())
				}
				if unburnt {
					break
				}
			}
		}
	}
}

// The number of a HubSpot contact whose person gave it up is nobody's before a person says whose.
func TestWhoGetsTheNumberOfSomebodyInNoPairIsNotTakenForHim(t *testing.T) {
	w := unpaired(t, true)
	w.finish(w.wrote("a", "STOP", anna))
	w.finish(w.wrote("b", "buongiorno a tutti", chat.Person{Phone: anna.Phone, User: crm.Text("IT.999"), Name: crm.Text("Neri")}))
	if len(w.communications("wamid.b")) != 0 || w.contacts() != 0 {
		t.Errorf("%d communications, %d contacts, rows %v", len(w.communications("wamid.b")), w.contacts(), w.reasons())
	}
}

func TestAYoungContactOfHubSpotIsWaitedForUntilItIsOldEnough(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	if _, err := w.hubspot.Create(crm.Contacts, map[string]string{"lastname": "Rossi", "phone": "+393471234567"}); err != nil {
		t.Fatal(err)
	}
	w.pass(conversation.BirthFor - time.Minute)
	w.say(w.phone.Meet("Persona", "393471234567"), "Ciao")
	w.pass(50 * time.Second)
	if w.contacts() != 0 {
		t.Error("nobody waited for the connector")
	}
	w.pass(time.Minute)
	if w.contacts() != 1 || len(w.communications("ricevuto")) != 1 {
		t.Errorf("%d contacts, %d communications", w.contacts(), len(w.communications("ricevuto")))
	}
}
