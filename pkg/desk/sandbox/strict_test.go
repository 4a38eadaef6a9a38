package sandbox_test

import (
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
)

// A person who wants no messages is merged with herself, in one CRM or in both: what she does not want stands on what is left of her.

// pairedTwice returns two contacts of one person, in both CRMs; the second has said no.
func (s *scene) pairedTwice() (h2, z2, h3, z3 string) {
	h2 = s.hub(crm.Contacts, props{"email": "b@acme.example", "lastname": "Bianchi"})
	h3 = s.hub(crm.Contacts, props{"email": "c@acme.example", "lastname": "Bianchi"})
	s.settle()
	z2, z3 = s.twin(crm.Contacts, h2), s.twin(crm.Contacts, h3)
	s.editZo(crm.Contacts, z3, props{"Email_Opt_Out": "true", "WhatsApp_Opt_Out": "true"})
	s.settle()
	return h2, z2, h3, z3
}

// mergedTwice merges the two in HubSpot: the mail asks to merge z3 into z2.
func (s *scene) mergedTwice() (survivor, z2, z3 string) {
	s.t.Helper()
	h2, z2, h3, z3 := s.pairedTwice()
	survivor, err := s.HubSpot.Merge(crm.Contacts, h2, h3)
	s.must(err)
	s.pass(time.Hour)
	s.wantRestricted(survivor, z2)
	return survivor, z2, z3
}

func (s *scene) wantRestricted(hub, zo string) {
	s.t.Helper()
	s.wantHub(crm.Contacts, hub, props{"whatsapp_opt_out": "true"})
	s.wantZo(crm.Contacts, zo, props{"Email_Opt_Out": "true", "WhatsApp_Opt_Out": "true"})
}

func TestWhoSaidNoHasSaidNoAfterAMergeInHubSpotAndTheOneInZohoThatIsAskedFor(t *testing.T) {
	s := stage(t, consent(t))
	survivor, z2, z3 := s.mergedTwice()
	_, err := s.Zoho.Merge(crm.Contacts, z2, z3)
	s.must(err)
	s.pass(time.Hour)
	s.wantRestricted(survivor, z2)
	s.wantRows()
}

func TestWhoSaysNoOnTheRecordThatIsStillToBeMergedHasSaidNo(t *testing.T) {
	s := stage(t, consent(t))
	h2 := s.hub(crm.Contacts, props{"email": "b@acme.example", "lastname": "Bianchi"})
	h3 := s.hub(crm.Contacts, props{"email": "c@acme.example", "lastname": "Bianchi"})
	s.settle()
	z2, z3 := s.twin(crm.Contacts, h2), s.twin(crm.Contacts, h3)
	survivor, err := s.HubSpot.Merge(crm.Contacts, h2, h3)
	s.must(err)
	s.pass(time.Hour)
	s.editZo(crm.Contacts, z3, props{"Email_Opt_Out": "true", "WhatsApp_Opt_Out": "true"})
	s.pass(time.Hour)
	s.wantRestricted(survivor, z2)
}

func TestWhoSaidNoHasSaidNoAfterAMergeInZoho(t *testing.T) {
	s := stage(t, consent(t))
	h2, z2, _, z3 := s.pairedTwice()
	s.editZo(crm.Contacts, z2, props{"Secondary_Email": "c@acme.example"})
	_, err := s.Zoho.Merge(crm.Contacts, z2, z3)
	s.must(err)
	s.pass(time.Hour)
	s.wantRestricted(h2, z2)
	s.wantRows("hubspot/contact  merge_twins")
}

func TestWhoSaidNoHasSaidNoWhereHerRecordWentIntoOneThatHubSpotDoesNotKnow(t *testing.T) {
	s := stage(t, consent(t))
	_, _, h3, z3 := s.pairedTwice()
	stranger := s.zo(crm.Contacts, props{"Last_Name": "Bianchi", "Email": "c@acme.example", "Email_Opt_Out": "false"})
	s.settle()
	_, err := s.Zoho.Merge(crm.Contacts, stranger, z3)
	s.must(err)
	s.pass(time.Hour)
	s.wantRestricted(h3, stranger)
	s.editZo(crm.Contacts, stranger, props{"Title": "Buyer"})
	s.settle()
	s.wantRestricted(h3, stranger)
}

func TestWhoWantsMessagesAgainWantsThemThoughTheRecordThatIsStillToBeMergedShowsOtherwise(t *testing.T) {
	s := stage(t, consent(t))
	survivor, z2, z3 := s.mergedTwice()
	s.must(s.HubSpot.Set(crm.Contacts, survivor, props{"whatsapp_opt_out": "false"})) // as her own word is written: on both at once
	s.editZo(crm.Contacts, z2, props{"WhatsApp_Opt_Out": "false"})
	s.settle()
	s.editZo(crm.Contacts, z3, props{"Title": "Buyer"})
	s.pass(time.Hour)
	s.wantZo(crm.Contacts, z3, props{"WhatsApp_Opt_Out": "true"})
	s.wantHub(crm.Contacts, survivor, props{"whatsapp_opt_out": "false"})
	s.wantZo(crm.Contacts, z2, props{"WhatsApp_Opt_Out": "false"})
}
