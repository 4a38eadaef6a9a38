// Package crm holds the words that every other package speaks: systems, kinds, ids, values, records, operations, and the
// questions and answers that pass between a use case and a CRM.
//
// It is data only. It knows no vendor's property names, no wire format, no clock, and it decides nothing: field names are
// opaque strings that come from the mapping.
package crm

import (
	"fmt"
	"strings"
	"unique"
)

// System is one of the places where records live.
type System string

// The systems of the suite.
const (
	HubSpot  System = "hubspot"
	Zoho     System = "zoho"
	WhatsApp System = "whatsapp"
)

// Other returns the CRM across from s: Zoho for HubSpot, and HubSpot for everything else.
func (s System) Other() System {
	if s == HubSpot {
		return Zoho
	}
	return HubSpot
}

// Kind says what a record stands for: a person or a firm.
type Kind string

// The kinds of record that are brought in step.
const (
	Contact Kind = "contact"
	Company Kind = "company"
)

// Module is the part of a CRM that keeps a record. Contacts and companies have one each in both CRMs; a person may also be
// a lead in Zoho, which is never written to.
type Module string

// The modules that the suite asks.
const (
	Contacts  Module = "contact"
	Companies Module = "company"
	Leads     Module = "lead"
)

// Kind returns what the records of the module stand for.
func (m Module) Kind() Kind {
	if m == Companies {
		return Company
	}
	return Contact
}

// Home returns the module in which records of the kind are kept in step.
func (k Kind) Home() Module {
	if k == Company {
		return Companies
	}
	return Contacts
}

// ID says whose it is: a Zoho id never stands where a HubSpot id is meant. Key holds the exact digits as the vendor sent
// them (Zoho's have 18 or more and do not fit a float64).
type ID struct {
	System System
	Module Module
	Key    string
}

// IsZero reports whether the id names nothing.
func (id ID) IsZero() bool { return id.Key == "" }

// String returns system/module/key, the form that ParseID reads.
func (id ID) String() string {
	return string(id.System) + "/" + string(id.Module) + "/" + id.Key
}

// ParseID reads what ID.String wrote. It returns an error that does not repeat the text when the form is another.
func ParseID(s string) (ID, error) {
	part := strings.SplitN(s, "/", 3)
	if len(part) != 3 || part[0] == "" || part[1] == "" || part[2] == "" {
		return ID{}, fmt.Errorf("an id has the form system/module/key")
	}
	return ID{System: System(part[0]), Module: Module(part[1]), Key: part[2]}, nil
}

// Field is the mapping's name for one piece of a record, the same for both systems. It is opaque to everything but the
// mapping.
type Field string

// Type says how the text of a field is to be read and compared.
type Type string

// The types of field.
const (
	TypeText     Type = "text"
	TypeEmail    Type = "email"
	TypePhone    Type = "phone"
	TypeDomain   Type = "domain"
	TypeNumber   Type = "number"   // a decimal
	TypeInteger  Type = "integer"  // a whole number
	TypeMoney    Type = "money"    // a decimal in the home currency; raw text in another one has its code after a space, " USD" where the amount is empty
	TypeDate     Type = "date"     // a civil date
	TypeInstant  Type = "instant"  // a moment, cut to seconds
	TypeBool     Type = "bool"     //
	TypePicklist Type = "picklist" // one of a list, translated by the mapping
	TypeMulti    Type = "multi"    // a set out of a list; raw text joins the members with ";"
	TypeOwner    Type = "owner"    // a user of the CRM; raw text is the user's e-mail address
	TypeCompany  Type = "company"  // a contact's company; raw text is the company's key in that system
)

// Column is one field as one system is asked for it: the mapping's name, the system's own property name, and the type.
type Column struct {
	Field    Field
	Property string
	Type     Type
	Home     string // money: ISO 4217 code of the amounts that stand alone; one in another currency comes with its code
}

// Value is the content of a field as one system shows it, or in canonical form. It knows empty from unknown: an unknown
// value takes no part in anything, an empty one says that there is nothing. The zero Value is unknown. Values are
// comparable with ==.
//
// The text lies behind a handle, so that fmt cannot reach it even inside somebody else's unexported field, where it calls
// no methods.
type Value struct{ text unique.Handle[string] }

// Text returns a value that holds s; an empty s gives the empty value.
func Text(s string) Value { return Value{unique.Make(s)} }

// Empty returns the value that says: nothing is there.
func Empty() Value { return Text("") }

// Unknown returns the value of a field that could not be read.
func Unknown() Value { return Value{} }

// Unreadable returns the value of a field that is there and holds what no type of field can be read from. Raw is how the system
// shows it, so that a change of it is noticed.
func Unreadable(raw string) Value { return Text(unreadable + raw) }

// unreadable begins no text of a CRM.
const unreadable = "\x00"

// Unreadable reports whether the field is there and no text could be made of it. Such a value is known.
func (v Value) Unreadable() bool { return strings.HasPrefix(v.Text(), unreadable) }

// Known reports whether the field could be read, empty or not.
func (v Value) Known() bool { return v != Value{} }

// IsEmpty reports whether the field was read and holds nothing.
func (v Value) IsEmpty() bool { return v.Known() && !v.Filled() }

// Filled reports whether the field was read and holds something.
func (v Value) Filled() bool { return v.Text() != "" }

// Text returns the content, "" for an empty or unknown value. It is a person's data: never log it.
func (v Value) Text() string {
	if !v.Known() {
		return ""
	}
	return v.text.Value()
}

// String keeps a person's data out of format strings: it tells the state, never the content.
func (v Value) String() string {
	switch {
	case !v.Known():
		return "[unknown]"
	case !v.Filled():
		return "[empty]"
	}
	return "[filled]"
}

// GoString is String, so that %#v tells no more than %v.
func (v Value) GoString() string { return v.String() }
