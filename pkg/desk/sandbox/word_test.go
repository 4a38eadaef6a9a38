package sandbox_test

import (
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// talks is a scene with somebody who writes, who is a contact in neither CRM.
func talks(t *testing.T, change ...func(*sandbox.WorldOptions)) (s *scene, say func(string)) {
	s = stage(t, append(change, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion = "IT" })...)
	p := s.WhatsApp.Meet("Anna", "393331110001")
	return s, func(text string) { _, err := p.Say(whatsapptest.DefaultNumber, text); s.must(err) }
}

// wantWord wants what the boxes of both halves of a pair say.
func (s *scene) wantWord(hubspot, zoho, want string) {
	s.t.Helper()
	if h, z := s.hubValue(crm.Contacts, hubspot, "whatsapp_opt_out"), s.zoValue(crm.Contacts, zoho, "WhatsApp_Opt_Out"); h != want || z != want {
		s.t.Errorf("HubSpot says %q, Zoho %q, want %q; %s", h, z, want, s.last(3))
	}
}

var anna = props{"email": "anna@acme.example", "lastname": "Rossi", "mobilephone": "+393331110001"}

// HubSpot holds the warm contacts: mostly a contact comes there after its person has written.
func TestWhoSaidStopWantsNoMessagesFromHubSpotEitherWhenHeComesThereLater(t *testing.T) {
	s, say := talks(t)
	say("STOP")
	s.settle()
	h := s.hub(crm.Contacts, anna)
	s.pass(5 * time.Minute)
	s.wantWord(h, s.twin(crm.Contacts, h), "true")
	say("RIPRENDI")
	s.pass(5 * time.Minute)
	s.wantWord(h, s.twin(crm.Contacts, h), "false")
	say("STOP")
	s.pass(5 * time.Minute)
	s.wantWord(h, s.twin(crm.Contacts, h), "true")
}

func TestWhoWantsMessagesAgainBeforeHeComesToHubSpotGetsThemThere(t *testing.T) {
	s, say := talks(t)
	say("STOP")
	s.settle()
	h := s.hub(crm.Contacts, anna)
	s.pass(20 * time.Second)
	say("RIPRENDI")
	s.pass(5 * time.Minute)
	s.wantWord(h, s.twin(crm.Contacts, h), "false")
}

func TestTheWordOfAContactThatIsRecognisedByItsAddressFollowsItToo(t *testing.T) {
	s, say := talks(t)
	z := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi", "Mobile": "+393331110001"})
	s.settle()
	say("STOP")
	s.settle()
	h := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"}) // without a number
	s.pass(5 * time.Minute)
	s.wantWord(h, z, "true")
}

func TestTheWordFollowsToTheHubSpotContactThatOthersWereMergedInto(t *testing.T) {
	s, say := talks(t)
	first := s.hub(crm.Contacts, anna)
	s.settle()
	say("STOP")
	s.settle()
	other := s.hub(crm.Contacts, props{"email": "a.rossi@acme.example", "lastname": "Rossi"})
	s.settle()
	s.must(s.HubSpot.Edit(crm.Contacts, other, props{"whatsapp_opt_out": "false"}))
	survivor, err := s.HubSpot.Merge(crm.Contacts, other, first)
	s.must(err)
	s.pass(5 * time.Minute)
	if said := s.hubValue(crm.Contacts, survivor, "whatsapp_opt_out"); said != "true" {
		t.Errorf("the survivor says %q; %s", said, s.last(3))
	}
}

func TestAContactThatIsMadeAnewInZohoSaysWhatItsPersonSaid(t *testing.T) {
	s, say := talks(t)
	h := s.hub(crm.Contacts, anna)
	s.settle()
	say("STOP")
	s.settle()
	gone := s.twin(crm.Contacts, h)
	s.must(s.Zoho.Delete(crm.Contacts, gone))
	s.pass(5 * time.Minute)
	z := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi"})
	s.pass(10 * time.Minute)
	s.wantWord(h, z, "true")
}

// What docs/mapping.md says of the boxes: Zoho's stops what is sent, HubSpot's by being mapped to it.
func TestABoxTickedByHandInHubSpotStopsMessagesOnlyWhereItIsMapped(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*testing.T) func(*sandbox.WorldOptions)
		sys    crm.System
		sent   int
	}{
		"HubSpot's, mapped":     {boxes, crm.HubSpot, 0},
		"HubSpot's, not mapped": {func(*testing.T) func(*sandbox.WorldOptions) { return func(*sandbox.WorldOptions) {} }, crm.HubSpot, 1},
		"Zoho's, not mapped":    {func(*testing.T) func(*sandbox.WorldOptions) { return func(*sandbox.WorldOptions) {} }, crm.Zoho, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, say := talks(t, c.change(t), func(o *sandbox.WorldOptions) { o.Conversions = true })
			h := s.hub(crm.Contacts, anna)
			s.pass(time.Minute)
			say("grazie")
			s.settle()
			if c.sys == crm.HubSpot {
				s.editHub(crm.Contacts, h, props{"whatsapp_opt_out": "true"})
			} else {
				s.editZo(crm.Contacts, s.twin(crm.Contacts, h), props{"WhatsApp_Opt_Out": "true"})
			}
			s.pass(10 * time.Minute)
			before := len(s.WhatsApp.SentMessages())
			s.post(`{"a":{"telefono":"+393331110001"},"tipo":"template","template":{"nome":"promo_autunno","lingua":"it","parametri":["x"]},"riferimento":"r9"}`)
			s.pass(2 * time.Minute)
			if sent := len(s.WhatsApp.SentMessages()) - before; sent != c.sent {
				t.Errorf("%d were sent, want %d", sent, c.sent)
			}
		})
	}
}
