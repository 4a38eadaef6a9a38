package mapping

import (
	"crm-connector/pkg/core/canon"
	"crm-connector/pkg/core/crm"
)

// The fields whose meaning the mapping knows by their name.
const (
	fieldLastName  crm.Field = "last_name"  // contact, must be mapped: mandatory in Zoho (Contacts.Last_Name)
	fieldFirstName crm.Field = "first_name" // contact
	fieldCity      crm.Field = "city"       // company, may be mapped: a name is recognised with it
	fieldName      crm.Field = "name"       // company, must be mapped: mandatory in Zoho (Accounts.Account_Name)
)

// LastNameField returns the contact field without which Zoho creates no contact.
func (m *Mapping) LastNameField() crm.Field { return fieldLastName }

// RequiredField returns the field without which Zoho creates no record of the kind.
func (m *Mapping) RequiredField(k crm.Kind) crm.Field { return required(k) }

func required(k crm.Kind) crm.Field {
	if k == crm.Company {
		return fieldName
	}
	return fieldLastName
}

// mandatory is the property of Zoho without which it creates no record of the kind.
func mandatory(k crm.Kind) string {
	if k == crm.Company {
		return "Account_Name"
	}
	return "Last_Name"
}

// invented is a name that is made up for Zoho, as long as the field takes it there.
func (m *Mapping) invented(k crm.Kind, name string) (string, bool, bool) {
	if f, ok := m.Field(k, required(k)); ok {
		name = canon.Cut(name, f.Zoho.Max)
	}
	return name, true, true
}

// RequiredName returns the canonical value with which a record is created in RequiredField: LastName for a contact; for a company
// its name, else its domain as people write it. Invented says that it is not the field's own value: it is Zoho's base and never flows back. It is
// not ok when there is none, or LAST_NAME=require forbids to invent one: the operation is parked.
func (m *Mapping) RequiredName(k crm.Kind, rec crm.Record) (name string, invented, ok bool) {
	if k != crm.Company {
		return m.LastName(rec)
	}
	if name = m.text(k, fieldName, rec); name != "" {
		return name, false, true
	}
	name = m.first(k, crm.TypeDomain, rec)
	if name == "" || m.options.LastName == LastNameRequire {
		return "", false, false
	}
	return m.invented(k, canon.Letters(name))
}

// LastName returns the last name with which a contact is created in Zoho: its last name, else its first name, the local part of
// its e-mail, its phone, and at last "HubSpot <id>". All but the first are invented, and forbidden by LAST_NAME=require.
func (m *Mapping) LastName(rec crm.Record) (name string, invented, ok bool) {
	if name = m.text(crm.Contact, fieldLastName, rec); name != "" {
		return name, false, true
	}
	if m.options.LastName == LastNameRequire {
		return "", false, false
	}
	for _, name = range []string{
		m.text(crm.Contact, fieldFirstName, rec),
		canon.Local(m.first(crm.Contact, crm.TypeEmail, rec)),
		m.first(crm.Contact, crm.TypePhone, rec),
	} {
		if name != "" {
			return m.invented(crm.Contact, name)
		}
	}
	return m.invented(crm.Contact, "HubSpot "+rec.ID.Key)
}

// text returns the canonical value of the field, "" when there is none or it has no canonical form.
func (m *Mapping) text(k crm.Kind, name crm.Field, rec crm.Record) string {
	f, ok := m.Field(k, name)
	if !ok {
		return ""
	}
	v, err := f.Canon(rec.ID.System, rec.Value(name))
	if err != nil {
		return ""
	}
	return v.Text()
}

// first returns the first canonical value of the type that the record shows, in the order of the file, or "".
func (m *Mapping) first(k crm.Kind, t crm.Type, rec crm.Record) string {
	for _, f := range m.kinds[k].fields {
		if f.Type != t {
			continue
		}
		if s := m.text(k, f.Name, rec); s != "" {
			return s
		}
	}
	return ""
}
