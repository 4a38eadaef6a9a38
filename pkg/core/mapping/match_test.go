package mapping_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
)

// asked returns the keys as property=value.
func asked(keys []crm.MatchKey) []string {
	var out []string
	for _, k := range keys {
		out = append(out, k.Column.Property+"="+k.Value)
	}
	return out
}

func TestKeysAreCanonicalAndInTheWordsOfTheSystemAsked(t *testing.T) {
	m := mapping.Default()
	mobile, err := m.With(mapping.Options{PhoneMatch: mapping.PhoneMatchMobile})
	if err != nil {
		t.Fatal(err)
	}
	tax := replaced(t, "company: [domain, name+city]\n", "company: [site, domain, name+city]\n") // site plays the tax number
	for _, tt := range []struct {
		name string
		m    *mapping.Mapping
		kind crm.Kind
		rec  crm.Record
		ask  crm.System
		want []string
	}{
		{"an e-mail may be the second one in Zoho", m, crm.Contact, record(crm.HubSpot, "email", "Mario@Example.com"), crm.Zoho,
			[]string{"Email=mario@example.com", "Secondary_Email=mario@example.com"}},
		{"HubSpot's additional addresses count, all of them", m, crm.Contact,
			record(crm.HubSpot, "email", "a@example.com", "secondary_email", "b@example.com;bad;c@example.com"), crm.Zoho,
			[]string{"Email=a@example.com", "Secondary_Email=a@example.com", "Email=b@example.com", "Secondary_Email=b@example.com",
				"Email=c@example.com", "Secondary_Email=c@example.com"}},
		{"HubSpot is asked by its e-mail, which finds additional ones too", m, crm.Contact,
			record(crm.Zoho, "email", "a@example.com", "secondary_email", "b@example.com"), crm.HubSpot,
			[]string{"email=a@example.com", "email=b@example.com"}},
		{"one address twice is one key", m, crm.Contact, record(crm.Zoho, "email", "a@example.com", "secondary_email", "A@example.com"), crm.HubSpot,
			[]string{"email=a@example.com"}},
		{"no address, an invalid one", m, crm.Contact, record(crm.HubSpot, "email", "none"), crm.Zoho, nil},
		{"a phone is no key", m, crm.Contact, record(crm.HubSpot, "mobile", "3471234567", "last_name", "Rossi"), crm.Zoho, nil},
		{"unless it is a mobile and the option is on", mobile, crm.Contact, record(crm.HubSpot, "mobile", "347 1234567", "last_name", "Rossi"), crm.Zoho,
			[]string{"Phone=+393471234567", "Mobile=+393471234567", "Fax=+393471234567"}},
		{"and there is no e-mail", mobile, crm.Contact,
			record(crm.HubSpot, "mobile", "3471234567", "last_name", "Rossi", "email", "a@example.com"), crm.HubSpot, []string{"email=a@example.com"}},
		{"and a last name", mobile, crm.Contact, record(crm.HubSpot, "mobile", "3471234567"), crm.Zoho, nil},
		{"a landline is no key", mobile, crm.Contact, record(crm.HubSpot, "phone", "0612345678", "last_name", "Rossi"), crm.Zoho, nil},
		{"a domain without its spelling", m, crm.Company, record(crm.HubSpot, "domain", "WWW.Acme.it", "name", "Acme"), crm.Zoho, []string{"Website=acme.it"}},
		{"a domain beyond ASCII both ways", m, crm.Company, record(crm.HubSpot, "domain", "Müller.example", "name", "M"), crm.Zoho,
			[]string{"Website=xn--mller-kva.example", "Website=müller.example"}},
		{"a name with a city", m, crm.Company, record(crm.Zoho, "name", "Acme  SpA", "city", "Roma"), crm.HubSpot, []string{"name=Acme  SpA"}},
		{"a host that many share", m, crm.Company, record(crm.HubSpot, "domain", "gmail.com"), crm.Zoho, nil},
		{"and what lies below it", m, crm.Company, record(crm.Zoho, "domain", "https://it.linkedin.com/company/acme"), crm.HubSpot, nil},
		{"a number of a register without its spacing", tax, crm.Company, record(crm.HubSpot, "site", "it 01234567890"), crm.Zoho,
			[]string{"Account_Site=IT01234567890"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := asked(tt.m.Keys(tt.kind, tt.rec, tt.ask)); !slices.Equal(got, tt.want) {
				t.Errorf("keys %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTwoRecordsAreOneWhenTheSurestKeyThatBothShowSaysSo(t *testing.T) {
	m := mapping.Default()
	mobile, err := m.With(mapping.Options{PhoneMatch: mapping.PhoneMatchMobile})
	if err != nil {
		t.Fatal(err)
	}
	tax := replaced(t, "company: [domain, name+city]\n", "company: [site, domain, name+city]\n")
	for _, tt := range []struct {
		name          string
		m             *mapping.Mapping
		kind          crm.Kind
		hubspot, zoho []string
		want          bool
	}{
		{"e-mail but for case", m, crm.Contact, []string{"email", "A@example.com"}, []string{"email", "a@EXAMPLE.com"}, true},
		{"e-mail against the second one", m, crm.Contact, []string{"email", "a@example.com"}, []string{"email", "b@example.com", "secondary_email", "a@example.com"}, true},
		{"an additional one in HubSpot", m, crm.Contact, []string{"email", "x@example.com", "secondary_email", "y@example.com;a@example.com"}, []string{"email", "a@example.com"}, true},
		{"e-mail that only contains it", m, crm.Contact, []string{"email", "a@example.com"}, []string{"email", "aa@example.com"}, false},
		{"nothing on both", m, crm.Contact, nil, nil, false},
		{"empty on both", m, crm.Contact, []string{"email", ""}, []string{"email", ""}, false},
		{"invalid on both", m, crm.Contact, []string{"email", "none"}, []string{"email", "none"}, false},
		{"the same mobile, not asked for", m, crm.Contact, []string{"mobile", "3471234567", "last_name", "Rossi"}, []string{"mobile", "3471234567", "last_name", "Rossi"}, false},
		{"the same mobile and name", mobile, crm.Contact, []string{"mobile", "3471234567", "last_name", "Rossi"}, []string{"phone", "+39 347 1234567", "last_name", "ROSSI"}, true},
		{"the same mobile, another name", mobile, crm.Contact, []string{"mobile", "3471234567", "last_name", "Rossi"}, []string{"mobile", "3471234567", "last_name", "Bianchi"}, false},
		{"the same mobile, one has an e-mail", mobile, crm.Contact, []string{"mobile", "3471234567", "last_name", "Rossi", "email", "a@example.com"}, []string{"mobile", "3471234567", "last_name", "Rossi"}, false},
		{"domain", m, crm.Company, []string{"domain", "acme.it"}, []string{"domain", "http://www.acme.it/contatti"}, true},
		{"a part of a domain", m, crm.Company, []string{"domain", "acme.it"}, []string{"domain", "notacme.it"}, false},
		{"a shared host", m, crm.Company, []string{"domain", "libero.it"}, []string{"domain", "libero.it"}, false},
		{"name and city", m, crm.Company, []string{"name", "Acme SpA", "city", "Roma"}, []string{"name", "ACME  spa", "city", "roma"}, true},
		{"name, another city", m, crm.Company, []string{"name", "Acme", "city", "Roma"}, []string{"name", "Acme", "city", "Milano"}, false},
		{"name without a city", m, crm.Company, []string{"name", "Acme", "city", "Roma"}, []string{"name", "Acme"}, false},
		{"name and city, another domain", m, crm.Company, []string{"name", "Acme", "city", "Roma", "domain", "acme.it"}, []string{"name", "Acme", "city", "Roma", "domain", "acme.com"}, false},
		{"tax number against the domain", tax, crm.Company, []string{"site", "IT 1", "domain", "a.it"}, []string{"site", "it1", "domain", "b.it"}, true},
		{"another tax number with the same domain", tax, crm.Company, []string{"site", "IT1", "domain", "a.it"}, []string{"site", "IT2", "domain", "a.it"}, false},
		{"no tax number on one side", tax, crm.Company, []string{"site", "IT1", "domain", "a.it"}, []string{"domain", "a.it"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.m.Matches(tt.kind, record(crm.HubSpot, tt.hubspot...), record(crm.Zoho, tt.zoho...)); got != tt.want {
				t.Errorf("matches %t, want %t", got, tt.want)
			}
		})
	}
}

// Whatever matches can be found: one of the keys of one record is a key of the other.
func TestWhatMatchesSharesAKey(t *testing.T) {
	address := rapid.SampledFrom([]string{"", "a@example.com", "B@example.com", "x;c@example.com", "c@Example.com;a@example.com", "bad"})
	rapid.Check(t, func(t *rapid.T) {
		m := mapping.Default()
		h := record(crm.HubSpot, "email", address.Draw(t, "h1"), "secondary_email", address.Draw(t, "h2"))
		z := record(crm.Zoho, "email", address.Draw(t, "z1"), "secondary_email", address.Draw(t, "z2"))
		shared := false
		for _, a := range m.Keys(crm.Contact, h, crm.Zoho) {
			for _, b := range m.Keys(crm.Contact, z, crm.Zoho) {
				shared = shared || a.Value == b.Value
			}
		}
		if got := m.Matches(crm.Contact, h, z); got != shared {
			t.Fatalf("matches %t, shares a key %t", got, shared)
		}
	})
}
