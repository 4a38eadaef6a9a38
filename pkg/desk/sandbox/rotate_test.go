package sandbox_test

import (
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/sandbox"
)

// A key of the hashes that was exchanged: the functions come back with another, and find the tables as they were.

// rotatable keeps the parts of a world, for the suite that is deployed with another key.
func rotatable(parts *sandbox.Parts) func(*sandbox.WorldOptions) {
	return func(o *sandbox.WorldOptions) {
		last := o.Adapt
		o.Adapt = func(p *sandbox.Parts) {
			if last != nil {
				last(p)
			}
			*parts = *p
		}
	}
}

// rotate deploys the suite with a new key, its number and the first key, over the same tables. The world has come to rest.
func (s *scene) rotate(p sandbox.Parts) {
	s.t.Helper()
	if !s.Quiet() {
		s.t.Fatal("something is under way")
	}
	tables := s.Tables
	p.Hasher = pair.Hasher{Key: crm.NewSecret("the second key"), KeyID: p.Hasher.KeyID + 1, Names: p.Hasher.Key}
	p.WrapStore = func(name string, _ sandbox.Store) sandbox.Store { return tables[name] }
	s.Suite = sandbox.New(p)
	s.Tables = tables
}

func TestAStopOfALeadHoldsUnderTheNextKey(t *testing.T) {
	for word, want := range map[string]int{"STOP": 0, "grazie": 1} {
		t.Run(word, func(t *testing.T) {
			var parts sandbox.Parts
			s, say := talks(t, func(o *sandbox.WorldOptions) { o.Conversions = true }, rotatable(&parts))
			s.lead()
			s.pass(time.Minute)
			say(word)
			s.pass(time.Minute) // it stands on nobody's contact: there is none
			s.rotate(parts)
			s.pass(48 * time.Hour)
			before := len(s.WhatsApp.SentMessages())
			s.post(`{"a":{"telefono":"+393331110001"},"tipo":"template","template":{"nome":"promo_autunno","lingua":"it","parametri":["x"]},"riferimento":"r1"}`)
			s.pass(2 * time.Hour)
			if n := len(s.WhatsApp.SentMessages()) - before; n != want {
				t.Errorf("%d messages, want %d", n, want)
			}
		})
	}
}

func TestWhoWasErasedStaysErasedUnderTheNextKey(t *testing.T) {
	var parts sandbox.Parts
	s := stage(t, rotatable(&parts))
	hub, zo := s.rossi()
	s.send(crm.Contacts, crm.HubSpot, hub, crm.Erase) // as connector erase does: both records live on
	s.settle()
	s.rotate(parts)
	s.wantForgotten([]string{hub}, []string{zo})
	s.wantErased([]string{hub, zo}, []string{zo})
}

func TestAFieldThatIsHeldIsToldOnceWhateverTheKey(t *testing.T) {
	var parts sandbox.Parts
	s := stage(t, short, rotatable(&parts))
	hub, zo := s.rossi()
	s.editZo(crm.Contacts, zo, props{"Title": "Head of all the buyers"})
	s.pass(15 * time.Minute)
	s.wantRows("zoho/contact job_title too_long")
	s.wantMails(1)
	s.rotate(parts)
	s.editZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
	s.pass(3 * time.Hour)
	s.wantHub(crm.Contacts, hub, props{"city": "Milano", "jobtitle": "Buyer"})
	s.wantZo(crm.Contacts, zo, props{"Title": "Head of all the buyers"})
	s.wantRows("zoho/contact job_title too_long")
	s.wantMails(0) // of the suite with the second key
}

func TestValuesThatAreEqualStayQuietUnderTheNextKeyAndThenAnEditIsAnEdit(t *testing.T) {
	var parts sandbox.Parts
	s := stage(t, rotatable(&parts))
	hub, zo := s.rossi()
	s.rotate(parts)
	n := s.count()
	s.send(crm.Contacts, crm.HubSpot, hub, crm.Update)
	s.settle()
	s.wantWrites(n, 0, 0)
	s.editZo(crm.Contacts, zo, props{"Title": ""})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"jobtitle": ""})
}

// What docs/operate.md says of an exchange, and why it asks for a sync of everything.
func TestAFieldThatIsClearedBeforeItsRecordWasLookedAtUnderTheNextKeyIsFilledAgain(t *testing.T) {
	var parts sandbox.Parts
	s := stage(t, rotatable(&parts))
	hub, zo := s.rossi()
	s.rotate(parts)
	for _, want := range []string{"Buyer", ""} {
		s.editZo(crm.Contacts, zo, props{"Title": ""})
		s.settle()
		s.wantHub(crm.Contacts, hub, props{"jobtitle": want})
		s.wantZo(crm.Contacts, zo, props{"Title": want})
	}
}
