package mapping_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestTheBuiltInMappingReadsAsAgreed(t *testing.T) {
	const golden = "testdata/default.table.txt"
	got := mapping.Default().Table()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the mapping changed (-want +got); if that is meant: go test ./pkg/core/mapping -update\n%s", diff)
	}
}

func TestTheBuiltInMappingCoversWhatWasOrdered(t *testing.T) {
	m := mapping.Default()
	if n := len(m.Fields(crm.Contact)); n < 20 {
		t.Errorf("%d fields of contacts, want 20 or more", n)
	}
	if n := len(m.Fields(crm.Company)); n < 15 {
		t.Errorf("%d fields of companies, want 15 or more", n)
	}
	// GET /{Module} takes at most 50 fields.
	for _, k := range []crm.Kind{crm.Contact, crm.Company} {
		if n := len(m.Properties(k, crm.Zoho)); n > 45 {
			t.Errorf("%d properties of a %s asked of Zoho, which takes 50 with its own", n, k)
		}
	}
}

// The example at the end of default.yaml is what people copy, so it must work.
func TestTheFieldsToCopyFromWork(t *testing.T) {
	_, example, ok := strings.Cut(string(mapping.DefaultYAML()), "to copy from:\n")
	if !ok {
		t.Fatal("default.yaml has no example at its end")
	}
	example = regexp.MustCompile(`(?m)^# ?`).ReplaceAllString(example, "")
	contact, company, _ := strings.Cut(example, "  company:\n")
	contact = contact[strings.Index(contact, "  contact:\n")+len("  contact:\n"):]
	m := parse(t, strings.NewReplacer("  contact:\n    email", "  contact:\n"+contact+"    email",
		"  company:\n    name", "  company:\n"+company+"    name").Replace(string(mapping.DefaultYAML())))
	stage := fieldOf(t, m, crm.Contact, "lifecycle_stage")
	if stage.Policy != crm.Forward || stage.Rank(crm.Text("customer")) <= stage.Rank(crm.Text("lead")) {
		t.Errorf("the stage does not move on: %v", stage)
	}
	fieldOf(t, m, crm.Contact, "whatsapp_opt_out")
	fieldOf(t, m, crm.Company, "tax_number")
}

func TestEveryOptionOfTheBuiltInMappingComesBackFromBothSides(t *testing.T) {
	m := mapping.Default()
	for _, k := range []crm.Kind{crm.Contact, crm.Company} {
		for _, f := range m.Fields(k) {
			for _, o := range f.Options {
				for _, v := range o.HubSpot {
					same(t, f, crm.HubSpot, v, o.Name())
				}
				for _, v := range o.Zoho {
					same(t, f, crm.Zoho, v, o.Name())
				}
			}
		}
	}
}

func same(t *testing.T, f mapping.Field, sys crm.System, value, name string) {
	t.Helper()
	got, err := f.Canon(sys, crm.Text(value))
	if err != nil || got.Text() != name {
		t.Errorf("%s: %s of %s became %q, %v; want %s", f.Name, value, sys, got.Text(), err, name)
	}
}

func TestTheVersionChangesWithWhatIsSaidAndNotWithHowItIsSpaced(t *testing.T) {
	version := mapping.Default().Version()
	if !regexp.MustCompile(`^[0-9a-f]{8}$`).MatchString(version) {
		t.Errorf("version %q, want 8 hex digits", version)
	}
	text := string(mapping.DefaultYAML())
	if got := parse(t, "# a comment\n"+strings.ReplaceAll(text, "  # ", " #")).Version(); got != version {
		t.Error("a comment changed the version")
	}
	for old, with := range map[string]string{
		"phone_region: IT": "phone_region: FR", "home_currency: EUR": "home_currency: USD", "max: 40}": "max: 41}",
		"[gmail.com, ": "[", "company: [domain, name+city]": "company: [domain]", "zoho: Mr.}": "zoho: Mr}",
	} {
		if replaced(t, old, with).Version() == version {
			t.Errorf("%s for %s did not change the version", with, old)
		}
	}
	m, err := mapping.Default().With(mapping.Options{Leads: mapping.LeadsIgnore})
	if err != nil || m.Version() == version {
		t.Errorf("an option did not change the version: %v", err)
	}
	if mapping.Default().Version() != version || mapping.Default().Options().Leads != mapping.LeadsAsk {
		t.Error("With changed the mapping that it was asked of")
	}
}

func TestOptionsThatDoNotExistAreNamed(t *testing.T) {
	for _, tt := range []struct {
		options mapping.Options
		want    string
	}{
		{mapping.Options{PhoneRegion: "Italy"}, "phone_region"},
		{mapping.Options{LastName: "invent"}, "last_name"},
		{mapping.Options{Leads: "never"}, "leads"},
		{mapping.Options{PhoneMatch: "always"}, "phone_match"},
	} {
		_, err := mapping.Default().With(tt.options)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want an error that names %s", tt.options, err, tt.want)
		}
	}
}

func TestColumnsNameThePropertyOfTheSystemAsked(t *testing.T) {
	m := mapping.Default()
	want := map[crm.System]crm.Column{
		crm.HubSpot: {Field: "company", Property: "associatedcompanyid", Type: crm.TypeCompany},
		crm.Zoho:    {Field: "company", Property: "Account_Name", Type: crm.TypeCompany},
	}
	for sys, column := range want {
		found := false
		for i, c := range m.Columns(crm.Contact, sys) {
			found = found || c == column
			if m.Properties(crm.Contact, sys)[i] != c.Property {
				t.Errorf("%s: the properties are not those of the columns", sys)
			}
		}
		if !found {
			t.Errorf("%s has no column %v", sys, column)
		}
	}
	if _, ok := m.Field(crm.Company, "email"); ok {
		t.Error("a company has an e-mail field")
	}
}
