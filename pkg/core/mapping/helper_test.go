package mapping_test

import (
	"strings"
	"testing"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
)

// yamlOf returns a mapping with what Zoho needs, what records are recognised by, and the given contact fields, indented by four.
func yamlOf(contact string) string {
	return `version: 1
phone_region: IT
fields:
  contact:
    last_name: {hubspot: lastname, zoho: {property: Last_Name, max: 80, not_empty: true}}
` + contact + `
    e_mail: {type: email, hubspot: e_mail, zoho: E_Mail}
  company:
    name: {hubspot: name, zoho: Account_Name}
    host: {type: domain, hubspot: host, zoho: Host}
`
}

func parse(t testing.TB, text string) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fieldOf(t testing.TB, m *mapping.Mapping, k crm.Kind, name crm.Field) mapping.Field {
	t.Helper()
	f, ok := m.Field(k, name)
	if !ok {
		t.Fatalf("there is no field %s", name)
	}
	return f
}

// record makes a record of name and value in turn.
func record(sys crm.System, pairs ...string) crm.Record {
	r := crm.Record{ID: crm.ID{System: sys, Module: crm.Contacts, Key: "17"}, Fields: map[crm.Field]crm.Value{}}
	for i := 0; i < len(pairs); i += 2 {
		r.Fields[crm.Field(pairs[i])] = crm.Text(pairs[i+1])
	}
	return r
}

// replaced returns the built-in mapping with one piece of its text replaced.
func replaced(t testing.TB, old, with string) *mapping.Mapping {
	t.Helper()
	text := string(mapping.DefaultYAML())
	if !strings.Contains(text, old) {
		t.Fatalf("the built-in mapping has no %q", old)
	}
	return parse(t, strings.Replace(text, old, with, 1))
}
