package sandbox_test

import (
	"testing"

	"crm-connector/pkg/core/crm"
)

func TestAHostInLettersAndInPunycodeIsOneCompany(t *testing.T) {
	for name, in := range map[string]struct{ hub, zo string }{
		"Zoho has Punycode":    {"müller.example", "http://xn--mller-kva.example"},
		"HubSpot has Punycode": {"xn--mller-kva.example", "https://www.Müller.example/it"},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			zo := s.zo(crm.Companies, props{"Account_Name": "Mueller", "Website": in.zo})
			hub := s.hub(crm.Companies, props{"name": "Müller", "domain": in.hub})
			s.settle()
			s.wantCount(crm.Companies, 1, 1)
			s.wantZo(crm.Companies, zo, props{"HubSpot_Id": hub, "Website": in.zo})
			s.wantHub(crm.Companies, hub, props{"domain": in.hub})
			s.wantRows()
		})
	}
}

func TestACompanyWithoutANameIsCalledByItsDomainInLetters(t *testing.T) {
	s := stage(t)
	hub := s.hub(crm.Companies, props{"domain": "xn--mller-kva.example"})
	s.settle()
	s.wantZo(crm.Companies, s.twin(crm.Companies, hub), props{"Account_Name": "müller.example", "Website": "xn--mller-kva.example"})
}
