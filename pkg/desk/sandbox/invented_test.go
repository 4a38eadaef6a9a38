package sandbox_test

import (
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
)

// forgetting are the ways in which a stack comes to know nothing of what it has written.
var forgetting = map[string]func(*scene){
	"lost pairs": func(s *scene) {
		for r := range s.Tables[sandbox.Pairs].All("") {
			s.must(s.Tables[sandbox.Pairs].Put(s.t.Context(), row.Put{Key: r.Key, If: r.Version, Delete: true}))
		}
	},
	"an exchanged key": func(s *scene) {
		for r := range s.Tables[sandbox.Pairs].All("P#") {
			p, err := pair.Decode(r.Value)
			s.must(err)
			p.KeyID++
			s.must(s.Tables[sandbox.Pairs].Put(s.t.Context(), row.Put{Key: r.Key, If: r.Version, Value: p.Encode()}))
		}
	},
}

func TestANameThatWasMadeUpDoesNotFlowBackWhenNobodyKnowsThatItWas(t *testing.T) {
	for how, forget := range forgetting {
		t.Run(how, func(t *testing.T) {
			s := stage(t)
			anna := s.hub(crm.Contacts, props{"email": "info.ordini@example.com"})
			giulia := s.hub(crm.Contacts, props{"email": "giulia@example.com", "firstname": "Giulia"})
			acme := s.hub(crm.Companies, props{"domain": "acme.example", "city": "Roma"})
			s.settle()
			forget(s)
			s.pass(10 * time.Minute)
			s.editHub(crm.Contacts, anna, props{"jobtitle": "CEO"})
			s.editHub(crm.Contacts, giulia, props{"jobtitle": "CTO"})
			s.editHub(crm.Companies, acme, props{"city": "Milano"})
			s.settle()
			s.wantHub(crm.Contacts, anna, props{"lastname": ""})
			s.wantHub(crm.Contacts, giulia, props{"lastname": ""})
			s.wantHub(crm.Companies, acme, props{"name": ""})
			s.wantZo(crm.Contacts, s.twin(crm.Contacts, anna), props{"Last_Name": "info.ordini", "Title": "CEO"})
			s.editHub(crm.Contacts, giulia, props{"lastname": "Verdi"})
			s.pass(time.Hour)
			s.wantZo(crm.Contacts, s.twin(crm.Contacts, giulia), props{"Last_Name": "Verdi"})
			s.editZo(crm.Contacts, s.twin(crm.Contacts, anna), props{"Last_Name": "Ordini"})
			s.pass(time.Hour)
			s.wantHub(crm.Contacts, anna, props{"lastname": "Ordini"})
		})
	}
}
