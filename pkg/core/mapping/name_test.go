package mapping_test

import (
	"testing"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
)

func TestARecordIsCreatedUnderTheBestNameThereIs(t *testing.T) {
	fallback := mapping.Default()
	require, err := fallback.With(mapping.Options{LastName: mapping.LastNameRequire})
	if err != nil {
		t.Fatal(err)
	}
	type named struct {
		name         string
		invented, ok bool
	}
	for _, tt := range []struct {
		name     string
		kind     crm.Kind
		rec      []string
		fallback named
		require  named
	}{
		{"its own", crm.Contact, []string{"last_name", " Rossi ", "first_name", "Mario"}, named{"Rossi", false, true}, named{"Rossi", false, true}},
		{"the first name", crm.Contact, []string{"last_name", " ", "first_name", "Mario", "email", "m@example.com"}, named{"Mario", true, true}, named{}},
		{"the e-mail before the at", crm.Contact, []string{"email", "Mario.Rossi@example.com", "phone", "0612345678"}, named{"mario.rossi", true, true}, named{}},
		{"the phone", crm.Contact, []string{"email", "bad", "mobile", "347 1234567"}, named{"+393471234567", true, true}, named{}},
		{"the id", crm.Contact, []string{"phone", "bad"}, named{"HubSpot 17", true, true}, named{}},
		{"a company's own", crm.Company, []string{"name", "Acme", "domain", "acme.it"}, named{"Acme", false, true}, named{"Acme", false, true}},
		{"a company's domain", crm.Company, []string{"domain", "https://acme.it"}, named{"acme.it", true, true}, named{}},
		{"a company without either", crm.Company, nil, named{}, named{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for m, want := range map[*mapping.Mapping]named{fallback: tt.fallback, require: tt.require} {
				name, invented, ok := m.RequiredName(tt.kind, record(crm.HubSpot, tt.rec...))
				if got := (named{name, invented, ok}); got != want {
					t.Errorf("%s: %+v, want %+v", m.Options().LastName, got, want)
				}
			}
		})
	}
	if fallback.RequiredField(crm.Contact) != fallback.LastNameField() || fallback.RequiredField(crm.Company) != "name" {
		t.Error("the required fields are others")
	}
}
