package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// Zoho's notification of a deletion never arrives: who writes waits for the hourly look, and so do those behind him, and nobody's message
// goes to the dead letters meanwhile.
func TestAMessageOfSomebodyWhoseContactIsGoneUnheardIsLoggedOnceReconcileHasLooked(t *testing.T) {
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
	}
	s.pass(2 * time.Hour)
	var all strings.Builder
	for _, n := range s.Zoho.Notes() {
		all.WriteString(n.Values["Note_Content"] + "\n")
	}
	for _, text := range texts {
		if strings.Count(all.String(), text) != 1 {
			t.Errorf("%q is in %d notes", text, strings.Count(all.String(), text))
		}
	}
	for _, l := range s.Lanes {
		if dead, _ := l.Dead.Stats(); dead != 0 {
			t.Errorf("%s: %d dead letters", l.Name, dead)
		}
	}
}
