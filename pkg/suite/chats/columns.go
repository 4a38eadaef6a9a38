package chats

import (
	"slices"
	"strings"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/flow/conversation"
)

// The fields of ours that a person on WhatsApp has, unless the mapping has them under these names with properties of its own. The
// properties are made by connector setup.
const (
	FieldUser   crm.Field = "whatsapp_user"    // WhatsApp_User in Zoho, a text
	FieldOptOut crm.Field = "whatsapp_opt_out" // WhatsApp_Opt_Out in Zoho, whatsapp_opt_out in HubSpot, a checkbox
)

const (
	userProperty   = "WhatsApp_User"
	optOutProperty = "WhatsApp_Opt_Out"
	optOutHubSpot  = "whatsapp_opt_out"
	sourceProperty = "Lead_Source"
)

// columns says where the keys of a person stand by a mapping: every number of a contact but those of fax machines, a new
// contact's in its mobile number if there is one.
func columns(m *mapping.Mapping, source string) conversation.Columns {
	zoho, hubspot := m.Columns(crm.Contact, crm.Zoho), m.Columns(crm.Contact, crm.HubSpot)
	c := conversation.Columns{
		Name:           named(zoho, m.LastNameField(), crm.Column{}),
		User:           named(zoho, FieldUser, crm.Column{Field: FieldUser, Property: userProperty, Type: crm.TypeText}),
		OptOut:         named(zoho, FieldOptOut, crm.Column{Field: FieldOptOut, Property: optOutProperty, Type: crm.TypeBool}),
		HubSpotOptOut:  named(hubspot, FieldOptOut, crm.Column{Field: FieldOptOut, Property: optOutHubSpot, Type: crm.TypeBool}),
		Source:         crm.Column{Field: "lead_source", Property: sourceProperty, Type: crm.TypePicklist},
		SourceValue:    source,
		Leads:          m.Options().Leads != mapping.LeadsIgnore,
		Numbers:        numbers(zoho),
		HubSpotNumbers: numbers(hubspot),
		Region:         m.Options().PhoneRegion,
	}
	if i := slices.IndexFunc(zoho, func(col crm.Column) bool { return col.Property == sourceProperty }); i >= 0 {
		c.Source = zoho[i]
	}
	if len(c.Numbers) > 0 {
		c.Number = c.Numbers[max(0, slices.IndexFunc(c.Numbers, mobile))]
	}
	return c
}

// named returns the column of a field, or another one where the mapping has none.
func named(all []crm.Column, f crm.Field, other crm.Column) crm.Column {
	if i := slices.IndexFunc(all, func(c crm.Column) bool { return c.Field == f && c.Property != "" }); i >= 0 {
		return all[i]
	}
	return other
}

func numbers(all []crm.Column) (out []crm.Column) {
	for _, c := range all {
		if c.Type == crm.TypePhone && c.Property != "" && !strings.EqualFold(c.Property, "fax") {
			out = append(out, c)
		}
	}
	return out
}

func mobile(c crm.Column) bool { return strings.Contains(strings.ToLower(c.Property), "mobile") }
