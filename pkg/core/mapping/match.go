package mapping

import (
	"slices"
	"strings"

	"crm-connector/pkg/core/canon"
	"crm-connector/pkg/core/crm"
)

// key is one way to recognise a record: a set of e-mail fields of which any may be equal to any, or one field, alone or with
// others that must be equal too. Text alone is a registration number: it is compared by letters and digits only.
type key struct {
	Fields []crm.Field // searched for
	With   []crm.Field // compared as well, never searched for
}

// Keys returns the match keys that the record shows, as columns of the system that is asked: canonical values, the strongest key
// first, none twice; a host that is in Punycode in letters too. What has no canonical form, and a host that many share (free mail, social networks), gives none.
func (m *Mapping) Keys(k crm.Kind, rec crm.Record, ask crm.System) []crm.MatchKey {
	var out []crm.MatchKey
	add := func(fields []crm.Field, values []string) {
		for _, v := range values {
			for _, name := range fields {
				f, _ := m.Field(k, name)
				mk := crm.MatchKey{Column: m.column(k, name, ask), Value: v}
				if !f.Side(ask).ReadOnly && !slices.Contains(out, mk) {
					out = append(out, mk)
				}
			}
		}
	}
	for _, key := range m.kinds[k].match {
		if m.shown(k, key.With, rec) {
			values := m.values(k, key, rec)
			add(key.Fields, values)
			if f, _ := m.Field(k, key.Fields[0]); f.Type == crm.TypeDomain { // a system may show it in letters
				for _, host := range values {
					add(key.Fields, []string{canon.Letters(host)})
				}
			}
		}
	}
	if line := m.mobile(k, rec); line != "" {
		add(m.phones(k), canon.PhoneSpellings(line))
	}
	return out
}

// Matches reports whether a HubSpot record and a Zoho record are the same person or company, judged by their canonical values: a
// search that answers with more than was asked for finds nobody by mistake. The first key that both records show decides.
func (m *Mapping) Matches(k crm.Kind, hubspot, zoho crm.Record) bool {
	for _, key := range m.kinds[k].match {
		if !m.shown(k, key.With, hubspot) || !m.shown(k, key.With, zoho) {
			continue
		}
		a, b := m.values(k, key, hubspot), m.values(k, key, zoho)
		if len(a) == 0 || len(b) == 0 {
			continue
		}
		return slices.ContainsFunc(a, func(v string) bool {
			return slices.ContainsFunc(b, func(w string) bool { return canon.Fold(v) == canon.Fold(w) })
		}) && m.agree(k, key.With, hubspot, zoho)
	}
	a, b := m.mobile(k, hubspot), m.mobile(k, zoho)
	return a != "" && a == b && m.agree(k, []crm.Field{fieldLastName}, hubspot, zoho)
}

// values returns the canonical values by which the record can be found in the fields of a key.
func (m *Mapping) values(k crm.Kind, key key, rec crm.Record) []string {
	var out []string
	for _, name := range key.Fields {
		f, _ := m.Field(k, name)
		switch v := m.text(k, name, rec); {
		case f.Type == crm.TypeEmail:
			out = append(out, addresses(rec.Value(name))...)
		case f.Type == crm.TypeDomain && m.shared(v):
		case f.Type == crm.TypeText && len(key.With) == 0:
			out = append(out, canon.Code(v))
		default:
			out = append(out, v)
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// addresses returns every address of a value: HubSpot joins additional ones by ";".
func addresses(v crm.Value) []string {
	var out []string
	for part := range strings.SplitSeq(v.Text(), ";") {
		if a, err := canon.Email(part); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// shared reports whether many use the host, so that it tells nobody apart.
func (m *Mapping) shared(host string) bool {
	return slices.ContainsFunc(m.freeHosts, func(free string) bool { return canon.Within(host, free) })
}

// mobile returns the key of the record's mobile number where a phone may recognise a person: the option is on, the record has a
// last name and no e-mail. Otherwise it is "".
func (m *Mapping) mobile(k crm.Kind, rec crm.Record) string {
	if k != crm.Contact || m.options.PhoneMatch != PhoneMatchMobile ||
		m.first(k, crm.TypeEmail, rec) != "" || m.text(k, fieldLastName, rec) == "" {
		return ""
	}
	for _, name := range m.phones(k) {
		if s := m.text(k, name, rec); s != "" && canon.Mobile(s) {
			return canon.PhoneKey(s)
		}
	}
	return ""
}

func (m *Mapping) phones(k crm.Kind) []crm.Field {
	var out []crm.Field
	for _, f := range m.kinds[k].fields {
		if f.Type == crm.TypePhone {
			out = append(out, f.Name)
		}
	}
	return out
}

// shown reports whether the record has a value in every field.
func (m *Mapping) shown(k crm.Kind, fields []crm.Field, rec crm.Record) bool {
	return !slices.ContainsFunc(fields, func(f crm.Field) bool { return m.text(k, f, rec) == "" })
}

// agree reports whether two records have the same values in all fields, but for case and spacing.
func (m *Mapping) agree(k crm.Kind, fields []crm.Field, a, b crm.Record) bool {
	return !slices.ContainsFunc(fields, func(f crm.Field) bool {
		v := canon.Fold(m.text(k, f, a))
		return v == "" || v != canon.Fold(m.text(k, f, b))
	})
}

func (m *Mapping) column(k crm.Kind, name crm.Field, sys crm.System) crm.Column {
	f, _ := m.Field(k, name)
	return crm.Column{Field: name, Property: f.Side(sys).Property, Type: f.Type}
}
