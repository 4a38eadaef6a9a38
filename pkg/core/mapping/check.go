package mapping

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"crm-connector/pkg/core/canon"
	"crm-connector/pkg/core/crm"
)

// own are the properties by which the suite itself knows a record: its id, the link that it writes to Zoho, the ids that HubSpot
// lists after a merge, the marks of a converted and of a locked record.
var own = map[crm.System][]string{
	crm.HubSpot: {"hs_object_id", "hs_merged_object_ids"},
	crm.Zoho:    {"id", "HubSpot_Id", "Converted__s", "Locked__s"},
}

// primaryCompany is the HubSpot property that shows a contact's primary company.
const primaryCompany = "associatedcompanyid"

// reserved reports whether a property is no field to map: one that wrote it would turn a record into another, and one that read it
// would carry our own work across. Zoho's names with a $ are the system's marks of a record.
func reserved(sys crm.System, property string) bool {
	return sys == crm.Zoho && strings.HasPrefix(property, "$") ||
		slices.ContainsFunc(own[sys], func(p string) bool { return strings.EqualFold(p, property) })
}

// boundless are the types of which no value is longer than another one.
var boundless = []crm.Type{crm.TypeDate, crm.TypeInstant, crm.TypeBool, crm.TypeOwner, crm.TypeCompany}

// checkField checks what must hold between the type, the policy and the sides of a field.
func (r *reader) checkField(at ast.Node, k crm.Kind, f Field, decimals bool) {
	for _, sys := range systems {
		s := f.Side(sys)
		switch {
		case s.Property == "":
			r.Fail(at, "%s names no property of %s: add %s: <its API name>", f.Name, sys, sys)
		case strings.ContainsAny(s.Property, " ,;") || s.Property != canon.Text(s.Property):
			r.Fail(at, "%s: the %s property must be its API name, not its label", f.Name, sys)
		case reserved(sys, s.Property):
			r.Fail(at, "%s: the %s property %s is how the connector itself knows a record: map another property, or remove the field", f.Name, sys, s.Property)
		case s.Max > 0 && slices.Contains(boundless, f.Type):
			r.Fail(at, "%s: max is for texts and numbers, and a %s has no length: remove it", f.Name, f.Type)
		case s.IgnoreUnlisted && !s.ReadOnly && f.Policy != crm.AtCreation:
			r.Fail(at, "%s: ignore_unlisted would keep back edits of the other side: it is for a read_only side, or policy at-creation", f.Name)
		}
	}
	numbers := f.Type == crm.TypeNumber || f.Type == crm.TypeMoney
	switch {
	case f.HubSpot.ReadOnly && f.Zoho.ReadOnly:
		r.Fail(at, "%s is read_only on both sides: remove it", f.Name)
	case f.HubSpot.ReadOnly && (f.Policy == crm.Newest || f.Policy == crm.ToHubSpot):
		r.Fail(at, "%s: HubSpot does not write it, so %s cannot hold: use policy to-zoho", f.Name, f.Policy)
	case f.Zoho.ReadOnly && (f.Policy == crm.Newest || f.Policy == crm.ToZoho || f.Policy == crm.AtCreation):
		r.Fail(at, "%s: Zoho does not write it, so %s cannot hold: use policy to-hubspot", f.Name, f.Policy)
	case f.Policy == crm.Strict && f.Type != crm.TypeBool:
		r.Fail(at, "%s: strict is for consent: use type bool, where true is the restrictive value", f.Name)
	case f.Type == crm.TypeCompany && k != crm.Contact:
		r.Fail(at, "%s: only a contact has a company: remove it", f.Name)
	case f.Type == crm.TypeCompany && f.HubSpot.Property != primaryCompany:
		r.Fail(at, "%s: a company is written as the contact's primary one: its HubSpot property is %s, so map that, or use another type", f.Name, primaryCompany)
	case f.Name == required(k) && f.Zoho.Property != mandatory(k):
		r.Fail(at, "%s: Zoho creates no %s without %s: map this field to it", f.Name, k, mandatory(k))
	case f.Type == crm.TypeCompany && f.Policy == crm.AtCreation:
		r.Fail(at, "%s: a company may be in Zoho later than its contact, and at-creation would not wait for it: use policy newest or to-zoho", f.Name)
	case f.Name == required(k) && (f.Policy == crm.ToHubSpot || f.Zoho.ReadOnly):
		r.Fail(at, "%s: Zoho creates no %s without it, so it must be written there: use policy newest or to-zoho, without read_only on Zoho's side", f.Name, k)
	case decimals && !numbers:
		r.Fail(at, "%s: decimals are for type number and money: remove it", f.Name)
	}
}

// checkOptions checks the options and, when they are sound, makes the table by which values are read.
func (r *reader) checkOptions(at ast.Node, f *Field) {
	if len(f.Options) == 0 {
		return
	}
	if f.Type != crm.TypePicklist && f.Type != crm.TypeMulti {
		r.Fail(at, "%s: options are for type picklist and multi: remove them", f.Name)
		return
	}
	f.read = map[crm.System]map[string]string{crm.HubSpot: {}, crm.Zoho: {}}
	named := map[string]bool{}
	for _, o := range f.Options {
		name := o.Name()
		if named[name] {
			r.Fail(at, "%s: two options are called %s: make them one, with several values on a side", f.Name, name)
		}
		named[name] = true
		for _, sys := range systems {
			for _, v := range o.side(sys) {
				r.option(at, f, sys, v, name)
			}
		}
	}
}

// zohoNone is what a picklist of Zoho shows where nothing is chosen.
const zohoNone = "-None-"

// option adds a value of an option to the field's table.
func (r *reader) option(at ast.Node, f *Field, sys crm.System, value, name string) {
	if value == "" || value != canon.Text(value) || strings.Contains(value, ";") {
		r.Fail(at, "%s: a value of an option has text, no space around it and no semicolon: correct the one of %s", f.Name, name)
		return
	}
	if sys == crm.Zoho && value == zohoNone {
		r.Fail(at, "%s: the Zoho value %s of %s stands for no choice, and is read as nothing: remove the option", f.Name, value, name)
		return
	}
	folded := canon.Fold(value)
	if other, ok := f.read[sys][folded]; ok {
		r.Fail(at, "%s: the options %s and %s both have the %s value %s: keep it in one", f.Name, other, name, sys, value)
	}
	f.read[sys][value], f.read[sys][folded] = name, name
}

// checkOrder checks the stages of a field that only moves on.
func (r *reader) checkOrder(at ast.Node, f Field) {
	switch {
	case f.Policy == crm.Forward && len(f.Order) < 2:
		r.Fail(at, "%s: forward needs an order: list its stages, the first one first", f.Name)
	case f.Policy != crm.Forward && len(f.Order) > 0:
		r.Fail(at, "%s: order is for policy forward: remove it", f.Name)
	}
	if len(f.Options) == 0 {
		return
	}
	for _, stage := range f.Order {
		if _, ok := f.option(stage); !ok {
			r.Fail(at, "%s: order names %s, which no option is called: use the option's first HubSpot value", f.Name, stage)
		}
	}
}

// match reads by what records are recognised.
func (r *reader) match(n ast.Node, m *Mapping) {
	set := func(name crm.Kind) func(ast.Node) {
		return func(n ast.Node) {
			k := m.kinds[name]
			before := r.Faults()
			if k.match = r.matchKeys(n, name, k.fields); len(k.match) == 0 && r.Faults() == before {
				r.Fail(n, "match: %s is empty, and nobody would be recognised: name what does, or leave it out for the usual keys", name)
			}
			m.kinds[name] = k
		}
	}
	r.Keys(n, "match", map[string]func(ast.Node){
		string(crm.Contact): set(crm.Contact),
		string(crm.Company): set(crm.Company),
	})
}

// matchKeys reads the keys of one kind: a field, or several joined by + that must all be equal. E-mail fields are one key: any
// address may be equal to any.
func (r *reader) matchKeys(n ast.Node, k crm.Kind, fields []Field) []key {
	var out []key
	emails := -1
	for _, e := range r.elements(n, "match: "+string(k)) {
		var names []crm.Field
		var kinds []crm.Type
		for part := range strings.SplitSeq(e.Text, "+") {
			at := slices.IndexFunc(fields, func(f Field) bool { return string(f.Name) == part })
			if at < 0 {
				r.Fail(e.Node, "match: %s has no field %s: use a name that stands under fields", k, part)
				return nil
			}
			names, kinds = append(names, fields[at].Name), append(kinds, fields[at].Type)
		}
		r.checkKey(e.Node, e.Text, names, kinds)
		if kinds[0] == crm.TypeEmail && emails >= 0 {
			out[emails].Fields = append(out[emails].Fields, names[0])
			continue
		}
		if kinds[0] == crm.TypeEmail {
			emails = len(out)
		}
		out = append(out, key{Fields: names[:1:1], With: names[1:]})
	}
	return out
}

// ordinary are fields of the usual mapping in which many people or companies are equal.
var ordinary = []crm.Field{
	fieldName, fieldFirstName, fieldLastName, "job_title", "street", "city", "state", "zip", "country", "description",
}

func (r *reader) checkKey(at ast.Node, s string, names []crm.Field, kinds []crm.Type) {
	human := slices.Contains(ordinary, names[0])
	switch {
	case !slices.Contains([]crm.Type{crm.TypeEmail, crm.TypeDomain, crm.TypeText}, kinds[0]):
		r.Fail(at, "match: %s recognises nobody: use a field of type email, domain or text (phones: phone_match)", s)
	case kinds[0] == crm.TypeEmail && len(names) > 1:
		r.Fail(at, "match: %s: an e-mail address stands alone: remove what follows it", s)
	case human && len(names) == 1:
		r.Fail(at, "match: %s: many have the same: join it with another field, as in name+city", s)
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			r.Fail(at, "match: %s: %s stands there twice: join it with another field, as in name+city", s, name)
			return
		}
	}
}
