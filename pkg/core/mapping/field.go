package mapping

import (
	"slices"
	"unicode/utf8"

	"crm-connector/pkg/core/canon"
	"crm-connector/pkg/core/crm"
)

var policies = []crm.Policy{crm.Newest, crm.ToZoho, crm.ToHubSpot, crm.Forward, crm.Strict, crm.AtCreation}

// types are the types of field that a mapping may name.
var types = []crm.Type{
	crm.TypeText, crm.TypeEmail, crm.TypePhone, crm.TypeDomain, crm.TypeNumber, crm.TypeInteger, crm.TypeMoney, crm.TypeDate,
	crm.TypeInstant, crm.TypeBool, crm.TypePicklist, crm.TypeMulti, crm.TypeOwner, crm.TypeCompany,
}

// Field is one field of contacts or companies: what it is called on either side, how its values are read, and whose edit wins.
type Field struct {
	Name    crm.Field
	Type    crm.Type
	Policy  crm.Policy
	HubSpot Side
	Zoho    Side
	Scale   int      // digits after the point at which numbers are compared: what the coarser side keeps
	Options []Option // picklist, multi: the translation; none means that both sides use the same values
	Order   []string // forward: canonical values, the first stage first

	region string                           // of phone numbers
	home   string                           // currency
	read   map[crm.System]map[string]string // an option's value, as written and folded, to its name
}

// Side is a field as one system has it.
type Side struct {
	Property string
	Max      int  // longest value in runes, 0 when no limit is known; of a number in digits before the point
	ReadOnly bool // the API does not write it
	NotEmpty bool // it cannot hold nothing: a mandatory text, a checkbox
	// IgnoreUnlisted passes over a value that no option names, instead of holding the field: nothing is written for it. Only for a
	// side that is read only, or a field that is written at creation only: elsewhere it would keep back the other side's edits.
	IgnoreUnlisted bool
}

// Option is one choice of a picklist or multi-select. Its name is the canonical value. The first value of a side is written,
// the others are only read: two values of one option are the same to the other system.
type Option struct {
	HubSpot []string
	Zoho    []string
}

// Name returns the option's canonical value: the first value in HubSpot, or in Zoho where HubSpot has none.
func (o Option) Name() string {
	if len(o.HubSpot) > 0 {
		return o.HubSpot[0]
	}
	return o.Zoho[0]
}

// Rewords reports whether what is written to the system for a value may hang on what the system shows: a multi-select with several
// values of an option there.
func (f Field) Rewords(sys crm.System) bool {
	return f.Type == crm.TypeMulti && slices.ContainsFunc(f.Options, func(o Option) bool { return len(o.side(sys)) > 1 })
}

func (o Option) side(sys crm.System) []string {
	if sys == crm.HubSpot {
		return o.HubSpot
	}
	return o.Zoho
}

// Side returns the field as the system has it.
func (f Field) Side(sys crm.System) Side {
	if sys == crm.HubSpot {
		return f.HubSpot
	}
	return f.Zoho
}

// Equal reports whether two canonical values are the same to both systems: equal, or Zoho's is HubSpot's text cut at the length
// of Zoho's property. An unknown value equals nothing.
func (f Field) Equal(hubspot, zoho crm.Value) bool {
	if !hubspot.Known() || !zoho.Known() {
		return false
	}
	if hubspot == zoho {
		return true
	}
	limit := f.Zoho.Max
	return f.Type == crm.TypeText && limit > 0 && utf8.RuneCountInString(hubspot.Text()) > limit &&
		zoho.Text() == canon.Cut(hubspot.Text(), limit)
}

// Rank orders canonical values under two policies. Forward: 0 for none, then the position in Order from 1, -1 for a value that is
// not there: a stage that only moves on is not cleared either.
// Strict: 1 when restrictive ("true"), else 0. Under any other policy it is -1.
func (f Field) Rank(v crm.Value) int {
	switch f.Policy {
	case crm.Forward:
		if v.IsEmpty() {
			return 0
		}
		if at := slices.Index(f.Order, v.Text()); at >= 0 {
			return at + 1
		}
		return -1
	case crm.Strict:
		if v.Text() == "true" {
			return 1
		}
		return 0
	}
	return -1
}
