package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
)

// definition is a property as either CRM defines it.
type definition struct {
	kind     string
	length   int // the longest text, 0 where it is not told
	readOnly bool
	options  []string
	lookup   string // the module of Zoho that a lookup leads to, "" where it is none or not told
}

// The types of property in which a type of field can live. Zoho takes a bigint as text, and a number of JSON it refuses.
var homes = map[crm.System]map[crm.Type]string{
	crm.HubSpot: {
		crm.TypeText: "string phone_number", crm.TypeEmail: "string", crm.TypePhone: "string phone_number", crm.TypeDomain: "string",
		crm.TypeNumber: "number string", crm.TypeInteger: "number string", crm.TypeMoney: "number string", crm.TypeDate: "date string",
		crm.TypeInstant: "datetime", crm.TypeBool: "bool enumeration", crm.TypePicklist: "enumeration string", crm.TypeMulti: "enumeration",
		crm.TypeOwner: "enumeration", crm.TypeCompany: "number",
	},
	crm.Zoho: {
		crm.TypeText: "text textarea phone email website bigint", crm.TypeEmail: "email text", crm.TypePhone: "phone text", crm.TypeDomain: "website text",
		crm.TypeNumber: "double currency integer percent", crm.TypeInteger: "integer", crm.TypeMoney: "currency double",
		crm.TypeDate: "date", crm.TypeInstant: "datetime", crm.TypeBool: "boolean", crm.TypePicklist: "picklist text",
		crm.TypeMulti: "multiselectpicklist", crm.TypeOwner: "ownerlookup", crm.TypeCompany: "lookup",
	},
}

// properties compares a mapping with what both CRMs define.
func properties(ctx context.Context, c *clients, m *mapping.Mapping) ([]finding, error) {
	var out []finding
	for _, k := range kinds {
		hub, err := c.hubspot.Definitions(ctx, k.Home())
		if err != nil {
			return nil, err
		}
		zo, err := c.zoho.Definitions(ctx, k.Home())
		if err != nil {
			return nil, err
		}
		for _, f := range m.Fields(k) {
			out = append(out, compare(k, f, crm.HubSpot, hubspotDefinition(hub, f.HubSpot.Property))...)
			out = append(out, compare(k, f, crm.Zoho, zohoDefinition(zo, f.Zoho.Property))...)
		}
		out = append(out, mandatory(k, m, zo)...)
	}
	return out, nil
}

func hubspotDefinition(all map[string]hubspot.Definition, name string) *definition {
	d, ok := all[name]
	if !ok {
		return nil
	}
	return &definition{kind: d.Type, readOnly: d.ReadOnly, options: d.Options}
}

func zohoDefinition(all map[string]zoho.Definition, name string) *definition {
	d, ok := all[name]
	if !ok {
		return nil
	}
	return &definition{kind: d.Type, length: d.Length, readOnly: d.ReadOnly, options: d.Options, lookup: d.Lookup}
}

// written reports whether the policy ever writes that side.
func written(f mapping.Field, sys crm.System) bool {
	switch {
	case f.Side(sys).ReadOnly:
		return false
	case sys == crm.HubSpot:
		return f.Policy != crm.ToZoho && f.Policy != crm.AtCreation
	}
	return f.Policy != crm.ToHubSpot
}

// accounts is what Zoho calls the module of companies.
const accounts = "Accounts"

var texts = []crm.Type{crm.TypeText, crm.TypeEmail, crm.TypePhone, crm.TypeDomain}

// compare says what keeps one side of a field from working.
func compare(k crm.Kind, f mapping.Field, sys crm.System, d *definition) []finding {
	check := string(sys) + ".properties"
	side := f.Side(sys)
	name := fmt.Sprintf("%s %s: %s", k, f.Name, side.Property)
	fault := func(what, mend string) []finding { return []finding{{check, levelFault, name + " " + what, mend}} }
	switch {
	case d == nil:
		return fault("does not exist in "+string(sys), "create it there, or correct the mapping: connector mapping apply")
	case sys == crm.Zoho && d.kind == "bigint" && f.Type != crm.TypeText:
		return fault(fmt.Sprintf("is of type bigint there, which takes no %s", f.Type), "say type: text, with a text property in HubSpot, or map it to another property: connector mapping apply")
	case !slices.Contains(strings.Fields(homes[sys][f.Type]), d.kind):
		return fault(fmt.Sprintf("is of type %s there, which does not hold a %s", d.kind, f.Type), "map it with another type, or to another property: connector mapping apply")
	case f.Type == crm.TypeCompany && d.lookup != "" && d.lookup != accounts:
		return fault(fmt.Sprintf("is a lookup of %s there, not of %s", d.lookup, accounts), "map the lookup that leads to the company: connector mapping apply")
	case d.readOnly && written(f, sys):
		return fault("is read only there", "say read_only: true with a policy that does not write it: connector mapping apply")
	case d.length > 0 && side.Max > d.length && slices.Contains(texts, f.Type):
		return fault(fmt.Sprintf("holds %d characters there, not %d", d.length, side.Max), fmt.Sprintf("say max: %d, or make it longer there: connector mapping apply", d.length))
	}
	missing := unoffered(f, sys, d)
	if len(missing) == 0 || !written(f, sys) {
		return nil
	}
	what := fmt.Sprintf("%s does not offer %s", name, listed(missing))
	if sys == crm.HubSpot {
		return []finding{{check, levelFault, what, "add it there, or correct the option in the mapping: connector mapping apply"}}
	}
	return []finding{{check, levelNote, what, "Zoho may refuse such a value: then that field is held. Add it there, or map it to another option"}}
}

// unoffered are the values that the mapping would write and a list does not have.
func unoffered(f mapping.Field, sys crm.System, d *definition) []string {
	if len(d.options) == 0 || f.Type != crm.TypePicklist && f.Type != crm.TypeMulti {
		return nil
	}
	var out []string
	for _, o := range f.Options {
		values := o.HubSpot
		if sys == crm.Zoho {
			values = o.Zoho
		}
		if len(values) > 0 && !slices.Contains(d.options, values[0]) {
			out = append(out, values[0])
		}
	}
	return out
}

// listed names three of many.
func listed(all []string) string {
	if len(all) <= 3 {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:3], ", "), len(all)-3)
}

// mandatory are the fields that Zoho demands of everybody and that the mapping does not fill.
func mandatory(k crm.Kind, m *mapping.Mapping, all map[string]zoho.Definition) []finding {
	var names []string
	for name, d := range all {
		filled := slices.ContainsFunc(m.Fields(k), func(f mapping.Field) bool { return f.Zoho.Property == name && written(f, crm.Zoho) })
		if d.Mandatory && !d.ReadOnly && !filled {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []finding
	for _, name := range names {
		out = append(out, finding{"zoho.properties", levelFault, fmt.Sprintf("%s: Zoho demands %s, which the mapping does not fill: nothing is created", k, name),
			"map it, or make it optional in Zoho's layout"})
	}
	return out
}
