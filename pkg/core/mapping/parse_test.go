package mapping_test

import (
	"fmt"
	"strings"
	"testing"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
)

func TestAMistakeIsToldWithItsPlaceAndWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		name string
		yaml string
		want string // of the error, the whole of a line or its beginning
	}{
		{"no YAML", "version: [1", "mapping: line 1, column 10: "},
		{"nothing", "", "mapping: line 1, column 1: there must be one document; start with version: 1"},
		{"two documents", "version: 1\n---\nversion: 1\n", "mapping: line 1, column 1: there must be one document"},
		{"a list", "- version\n", "mapping: line 1, column 1: the mapping must be keys with values: write them as key: value"},
		{"no version", strings.Replace(yamlOf(""), "version: 1\n", "", 1), "version is missing: add version: 1"},
		{"a later version", strings.Replace(yamlOf(""), "version: 1", "version: 2", 1), "mapping: line 1, column 10: version must be 1"},
		{"an unknown key", "colour: red\n" + yamlOf(""),
			"mapping: line 1, column 1: the mapping has no colour: use one of fields, free_hosts, home_currency, last_name, leads, match, phone_match, phone_region, version"},
		{"a key twice", "version: 1\n" + yamlOf(""), "mapping: line 2, column 1: "},
		{"an alias", "version: &v 1\nleads: *v\n", "mapping: line 2, column 8: leads must be one plain value"},
		{"an option that does not exist", "leads: never\n" + yamlOf(""), "mapping: line 1, column 8: leads: use one of ask, ignore"},
		{"an option without a value", "leads:\n" + yamlOf(""), "leads is missing: write it, or remove the key"},
		{"a region in small letters", "phone_match: mobile\n" + strings.Replace(yamlOf(""), "IT", "it", 1),
			"mapping: line 3, column 15: phone_region: not a region of two letters that has phone numbers"},
		{"a currency in words", "home_currency: Euro\n" + yamlOf(""), "mapping: line 1, column 16: home_currency must be the code of a currency"},
		{"a free host that is none", "free_hosts: [gmail]\n" + yamlOf(""), "mapping: line 1, column 13: free_hosts: gmail is not a host name"},
		{"an unknown kind", strings.Replace(yamlOf(""), "  company:", "  deal:", 1), "mapping: line 8, column 3: fields has no deal: use one of company, contact"},
		{"no last name", strings.Replace(yamlOf(""), "    last_name", "    surname", 1), "fields: contact has no last_name of type text"},
		{"no company name", strings.Replace(yamlOf(""), "    name:", "    label:", 1), "fields: company has no name of type text"},
		{"a field twice", yamlOf("    city: {hubspot: city, zoho: City}\n    city: {hubspot: a, zoho: b}"), "mapping: line 7, column 5: "},
		{"a name with capitals", yamlOf("    City: {hubspot: city, zoho: City}"), "mapping: line 6, column 5: City: a field's name has small letters"},
		{"an unknown type", yamlOf("    city: {type: txt, hubspot: city, zoho: City}"), "mapping: line 6, column 18: city: type: there is no txt: use one of text, email"},
		{"an unknown policy", yamlOf("    city: {policy: oldest, hubspot: city, zoho: City}"), "mapping: line 6, column 20: city: policy: there is no oldest: use one of newest"},
		{"a property on one side only", yamlOf("    city: {hubspot: city}"), "mapping: line 6, column 5: city names no property of zoho: add zoho: <its API name>"},
		{"a label for a name", yamlOf("    city: {hubspot: city, zoho: Mailing City}"), "city: the zoho property must be its API name, not its label"},
		{"a property twice", yamlOf("    a: {hubspot: city, zoho: A}\n    b: {hubspot: city, zoho: B}"), "mapping: line 7, column 5: b: the field a has the hubspot property city already: map a property once"},
		{"the link itself", yamlOf("    ref: {hubspot: fax, zoho: HubSpot_Id}"),
			"mapping: line 6, column 5: ref: the zoho property HubSpot_Id is how the connector itself knows a record: map another property, or remove the field"},
		{"the link in a list of what limits it", yamlOf("    ref: {policy: to-hubspot, hubspot: fax, zoho: {property: hubspot_id, read_only: true}}"),
			"mapping: line 6, column 5: ref: the zoho property hubspot_id is how the connector itself knows a record"},
		{"the link of a company", yamlOf("") + "    ref: {hubspot: fax, zoho: HubSpot_Id}\n", "mapping: line 11, column 5: ref: the zoho property HubSpot_Id is how"},
		{"the id in HubSpot", yamlOf("    ref: {policy: to-zoho, hubspot: {property: hs_object_id, read_only: true}, zoho: Fax}"),
			"mapping: line 6, column 5: ref: the hubspot property hs_object_id is how the connector itself knows a record"},
		{"the ids of a merge", yamlOf("    ref: {hubspot: hs_merged_object_ids, zoho: Fax}"), "ref: the hubspot property hs_merged_object_ids is how"},
		{"a mark of Zoho's", yamlOf("    ref: {hubspot: fax, zoho: $approval_state}"), "ref: the zoho property $approval_state is how"},
		{"the id in Zoho", yamlOf("    ref: {hubspot: fax, zoho: id}"), "ref: the zoho property id is how"},
		{"an unknown key of a side", yamlOf("    a: {hubspot: a, zoho: {property: A, length: 5}}"), "mapping: line 6, column 41: a: zoho has no length: use one of decimals, ignore_unlisted, max,"},
		{"a limit of nothing", yamlOf("    a: {hubspot: a, zoho: {property: A, max: 0}}"), "mapping: line 6, column 46: a: zoho: max must be a whole number from 1 to 1000000"},
		{"yes for true", yamlOf("    a: {hubspot: a, zoho: {property: A, not_empty: yes}}"), "a: zoho: not_empty must be true or false"},
		{"a policy that cannot hold", yamlOf("    a: {hubspot: {property: a, read_only: true}, zoho: A}"), "a: HubSpot does not write it, so newest cannot hold: use policy to-zoho"},
		{"the same in Zoho", yamlOf("    a: {policy: at-creation, hubspot: a, zoho: {property: A, read_only: true}}"), "a: Zoho does not write it, so at-creation cannot hold: use policy to-hubspot"},
		{"nobody may write", yamlOf("    a: {policy: strict, hubspot: {property: a, read_only: true}, zoho: {property: A, read_only: true}}"), "a is read_only on both sides: remove it"},
		{"consent in words", yamlOf("    a: {policy: strict, hubspot: a, zoho: A}"), "a: strict is for consent: use type bool"},
		{"decimals of a text", yamlOf("    a: {hubspot: a, zoho: {property: A, decimals: 2}}"), "a: decimals are for type number and money: remove it"},
		{"a value that is passed over where it is written", yamlOf("    a: {type: picklist, hubspot: {property: a, ignore_unlisted: true}, zoho: A}"), "a: ignore_unlisted would keep back edits of the other side"},
		{"the company of a company", yamlOf("") + "    parent: {type: company, hubspot: parent, zoho: Parent_Account}\n", "parent: only a contact has a company: remove it"},
		{"another property for the company", yamlOf("    partner: {type: company, hubspot: partner_company, zoho: Partner}"),
			"mapping: line 6, column 5: partner: a company is written as the contact's primary one: its HubSpot property is associatedcompanyid"},
		{"a second company", yamlOf("    company: {type: company, hubspot: associatedcompanyid, zoho: Account_Name}\n    partner: {type: company, hubspot: associatedcompanyid2, zoho: Partner}"),
			"mapping: line 7, column 5: partner: a company is written as the contact's primary one"},
		{"a last name that never reaches Zoho", strings.Replace(yamlOf(""), "{hubspot: lastname,", "{policy: to-hubspot, hubspot: lastname,", 1),
			"mapping: line 5, column 5: last_name: Zoho creates no contact without it, so it must be written there"},
		{"a last name that Zoho does not write", strings.Replace(yamlOf(""), "{hubspot: lastname, zoho: {property: Last_Name, max: 80, not_empty: true}}",
			"{policy: forward, order: [a, b], hubspot: lastname, zoho: {property: Last_Name, read_only: true}}", 1), "last_name: Zoho creates no contact without it"},
		{"a company's name that never reaches Zoho", strings.Replace(yamlOf(""), "{hubspot: name,", "{policy: to-hubspot, hubspot: name,", 1),
			"mapping: line 9, column 5: name: Zoho creates no company without it, so it must be written there"},
		{"options of a text", yamlOf("    a: {hubspot: a, zoho: A, options: [{hubspot: x, zoho: X}]}"), "a: options are for type picklist and multi: remove them"},
		{"options as keys", yamlOf("    a: {type: picklist, hubspot: a, zoho: A, options: {x: X}}"), "a: options must be a list: write each as - {hubspot: VALUE, zoho: Value}"},
		{"an empty option", yamlOf("    a: {type: picklist, hubspot: a, zoho: A, options: [{}]}"), "a: options: an option needs a value on one side at least"},
		{"a semicolon in an option", yamlOf("    a: {type: multi, hubspot: a, zoho: A, options: [{hubspot: 'x;y', zoho: X}]}"), "a: a value of an option has text, no space around it and no semicolon"},
		{"a value in two options", yamlOf("    a: {type: picklist, hubspot: a, zoho: A, options: [{hubspot: x, zoho: X}, {hubspot: y, zoho: x}]}"),
			"a: the options x and y both have the zoho value x: keep it in one"},
		{"two options of one name", yamlOf("    a: {type: picklist, hubspot: a, zoho: A, options: [{hubspot: x, zoho: X}, {zoho: x}]}"), "a: two options are called x: make them one"},
		{"forward without stages", yamlOf("    a: {policy: forward, hubspot: a, zoho: A}"), "a: forward needs an order: list its stages, the first one first"},
		{"stages without forward", yamlOf("    a: {hubspot: a, zoho: A, order: [x, y]}"), "a: order is for policy forward: remove it"},
		{"a stage that is no option", yamlOf("    a: {type: picklist, policy: forward, hubspot: a, zoho: A, options: [{hubspot: x, zoho: X}], order: [x, X]}"),
			"a: order names X, which no option is called: use the option's first HubSpot value"},
		{"a match of an unknown field", yamlOf("") + "match: {contact: [mail]}\n", "match: contact has no field mail: use a name that stands under fields"},
		{"a match by a phone", yamlOf("    phone: {type: phone, hubspot: p, zoho: P}") + "match: {contact: [phone]}\n", "match: phone recognises nobody"},
		{"a match by a name alone", yamlOf("") + "match: {company: [name]}\n", "match: name: many have the same: join it with another field"},
		{"a match by a job title alone", yamlOf("    job_title: {hubspot: jobtitle, zoho: Title}") + "match: {contact: [job_title]}\n", "match: job_title: many have the same: join it with another field"},
		{"a longest date", yamlOf("    born: {type: date, hubspot: born, zoho: {property: Born, max: 10}}"), "born: max is for texts and numbers, and a date has no length: remove it"},
		{"Zoho's word for no choice", yamlOf("    a: {type: picklist, hubspot: a, zoho: A, options: [{hubspot: x, zoho: -None-}]}"), "a: the Zoho value -None- of x stands for no choice"},
		{"a match by a name and itself", yamlOf("") + "match:\n  company:\n    - host\n    - name+name\n", "line 14, column 7: match: name+name: name stands there twice: join it with another field, as in name+city"},
		{"a match by a domain and itself", yamlOf("") + "match: {company: [host+host]}\n", "match: host+host: host stands there twice"},
		{"a match of an e-mail and more", yamlOf("    e: {type: email, hubspot: e, zoho: E}") + "match: {contact: [e+last_name]}\n", "match: e+last_name: an e-mail address stands alone"},
		{"a match by nothing", yamlOf("") + "match: {contact: []}\n", "match: contact is empty, and nobody would be recognised: name what does"},
		{"nothing to be recognised by", strings.Replace(yamlOf(""), "    host: {type: domain, hubspot: host, zoho: Host}\n", "", 1),
			"match: nothing recognises a company, so that each would have a second record: map a domain, or a city"},
		{"too much of it", strings.Repeat("#", 300_000), "mapping: 300000 bytes are too many: keep it below 262144"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := mapping.Parse([]byte(tt.yaml))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestAllMistakesAreToldAtOnceInTheOrderOfTheFile(t *testing.T) {
	_, err := mapping.Parse([]byte("leads: never\n" + yamlOf("    a: {type: txt, hubspot: a, zoho: A}\n    b: {hubspot: b}\n    c: {policy: strict, hubspot: c, zoho: C}")))
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{"line 1, column 8: leads", "line 7, column 15: a: type", "line 8, column 5: b names", "line 9, column 5: c: strict"}
	if len(lines) != len(want) {
		t.Fatalf("%d mistakes, want %d:\n%v", len(lines), len(want), err)
	}
	for i, w := range want {
		if !strings.Contains(lines[i], w) {
			t.Errorf("mistake %d is %q, want %q", i+1, lines[i], w)
		}
	}
}

func TestWhatIsLeftOutHasADefault(t *testing.T) {
	m := parse(t, strings.Replace(yamlOf("    owner: {type: owner, hubspot: o, zoho: O}"), "phone_region: IT\n", "", 1))
	want := mapping.Options{PhoneRegion: "ZZ", LastName: "fallback", Leads: "ask", PhoneMatch: "never"}
	if m.Options() != want || m.HomeCurrency() != "EUR" {
		t.Errorf("options %+v, currency %s", m.Options(), m.HomeCurrency())
	}
	if f := fieldOf(t, m, crm.Contact, "last_name"); f.Type != crm.TypeText || f.Policy != crm.Newest {
		t.Errorf("a field is %s, %s; want text, newest", f.Type, f.Policy)
	}
	if f := fieldOf(t, m, crm.Contact, "owner"); f.Policy != crm.AtCreation {
		t.Errorf("an owner is %s, want at-creation", f.Policy)
	}
	keys := m.Keys(crm.Contact, record(crm.HubSpot, "last_name", "Rossi", "e_mail", "anna@acme.example"), crm.Zoho)
	if got := fmt.Sprint(keys); !strings.Contains(got, "anna@acme.example") || strings.Contains(got, "Rossi") {
		t.Errorf("a contact is recognised by %s, want the e-mail address alone", got)
	}
	if keys := m.Keys(crm.Company, record(crm.HubSpot, "host", "gmail.com"), crm.Zoho); len(keys) > 0 {
		t.Errorf("a company is recognised by %v, the host of everybody's mail", keys)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(mapping.DefaultYAML())
	for _, s := range []string{yamlOf(""), yamlOf("    a: {type: picklist, policy: forward, hubspot: a, zoho: A, options: [{hubspot: [x, z], zoho: X}], order: [x, X]}"),
		"version: 1\nfields: {contact: {last_name: {hubspot: a, zoho: {property: B, max: 3}}}}\nmatch: {contact: [last_name+a]}\n",
		"? a\n: b\n", "<<: *a\n", "!!map {}\n", "fields: {contact: null}\n", "version: 0x1\n", "- - - -\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := mapping.Parse(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "mapping: ") {
				t.Errorf("the error %q does not say that it is the mapping's", err)
			}
			return
		}
		if again, err := mapping.Parse(text); err != nil || again.Version() != m.Version() {
			t.Errorf("read twice it has two versions, %v", err)
		}
		rec := record(crm.HubSpot, "last_name", "Rossi")
		_, _, _ = m.RequiredName(crm.Contact, rec)
		_ = m.Keys(crm.Contact, rec, crm.Zoho)
		_ = m.Table()
	})
}
