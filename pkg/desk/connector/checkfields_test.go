package connector

import (
	"strings"
	"testing"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/desk/sandbox"
)

func TestAMappingThatACRMCannotHoldIsRefusedWithWhatToDo(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) {
		o.HubSpot.Properties = map[crm.Module][]hubspottest.Property{crm.Contacts: {
			{Name: "points", Type: "number"}, {Name: "card", Type: "string"}, {Name: "partner", Type: "string"},
		}}
		o.Zoho.Fields = map[string][]zohotest.Field{"Contacts": {{Name: "Card", Type: "bigint"}, {Name: "Partner", Type: "lookup", Lookup: "Accounts"}}}
	})
	own := func(field string) string {
		return file(t, "my.yaml", strings.Replace(string(mapping.DefaultYAML()), "    company: # the primary", field+"    company: # the primary", 1))
	}
	for _, tt := range []struct {
		name, path string
		want       []string
	}{
		{"a bigint for an integer", own("    card: {type: integer, hubspot: points, zoho: Card}\n"),
			[]string{"contact card: Card is of type bigint there, which takes no integer", "say type: text"}},
		{"a bigint for a number", own("    card: {type: number, hubspot: points, zoho: Card}\n"), []string{"Card is of type bigint there, which takes no number"}},
		{"a lookup for a text", own("    partner: {hubspot: partner, zoho: Partner}\n"), []string{"contact partner: Partner is of type lookup there, which does not hold a text"}},
		{"a lookup of people for the company", file(t, "my.yaml", strings.Replace(string(mapping.DefaultYAML()), "zoho: Account_Name\n    owner", "zoho: Reporting_To\n    owner", 1)),
			[]string{"contact company: Reporting_To is a lookup of Contacts there, not of Accounts", "map the lookup that leads to the company"}},
	} {
		t.Run(tt.name, func(t *testing.T) { has(t, b.want(ExitFinding, "mapping", "check", tt.path, "--live"), tt.want...) })
	}
	b.want(ExitOK, "mapping", "check", own("    card: {hubspot: card, zoho: Card}\n"), "--live")
}
