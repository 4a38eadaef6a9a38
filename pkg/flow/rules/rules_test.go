package rules

import (
	"errors"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/flow/config"
)

func (b *bench) set(t *testing.T, name, value string) {
	t.Helper()
	if err := b.rows.Set(t.Context(), name, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

// own is the built-in mapping with another phone region.
func own(region string) string {
	return strings.Replace(string(mapping.DefaultYAML()), "phone_region: IT", "phone_region: "+region, 1)
}

func TestTheBuiltInMappingHoldsUntilARowSaysOtherwise(t *testing.T) {
	b := newBench(Settings{})
	m, err := b.Mapping(t.Context())
	if err != nil || m.Version() != mapping.Default().Version() {
		t.Fatalf("%v", err)
	}
	b.set(t, config.Mapping, own("DE"))
	changed, err := b.Mapping(t.Context())
	if err != nil || changed.Options().PhoneRegion != "DE" || changed.Version() == m.Version() {
		t.Errorf("%v, %v", changed, err)
	}
	if again, _ := b.Mapping(t.Context()); again != changed {
		t.Error("a row that did not change was parsed again")
	}
	b.set(t, config.Mapping, own("FR"))
	if m, err := b.Mapping(t.Context()); err != nil || m.Options().PhoneRegion != "FR" {
		t.Errorf("after the next change: %v", err)
	}
}

func TestARowThatIsNoMappingIsAnErrorThatNamesTheLine(t *testing.T) {
	b := newBench(Settings{})
	if _, err := b.Mapping(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.set(t, config.Mapping, "version: 1\nleads: perhaps\n")
	for range 2 {
		m, err := b.Mapping(t.Context())
		if m != nil || err == nil || !strings.Contains(err.Error(), "the stored mapping: mapping: line 2, column 8: leads") {
			t.Fatalf("%v, %v", m, err)
		}
	}
	b.set(t, config.Mapping, own("DE"))
	if m, err := b.Mapping(t.Context()); err != nil || m.Options().PhoneRegion != "DE" {
		t.Errorf("once mended: %v", err)
	}
}

func TestOptionsGoOverTheMapping(t *testing.T) {
	b := newBench(Settings{Options: mapping.Options{PhoneRegion: "CH", Leads: mapping.LeadsIgnore}})
	for _, stored := range []string{"", own("DE")} {
		if stored != "" {
			b.set(t, config.Mapping, stored)
		}
		m, err := b.Mapping(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := mapping.Default().Options()
		want.PhoneRegion, want.Leads = "CH", mapping.LeadsIgnore
		if got := m.Options(); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	bad := newBench(Settings{Options: mapping.Options{Leads: "perhaps"}})
	if m, err := bad.Mapping(t.Context()); err == nil || m != nil || !strings.HasPrefix(err.Error(), "rules.Mapping: ") {
		t.Errorf("an option that does not exist: %v", err)
	}
}

func TestAStackThatIsSwitchedOnIsOnAtOnceAndOneThatIsSwitchedOffWithinAMinute(t *testing.T) {
	b := newBench(Settings{})
	operator := &config.Rows{Store: b.table, Now: func() time.Time { return b.now }}
	for _, tt := range []struct {
		set   crm.Mode
		after time.Duration
		want  crm.Mode
	}{
		{crm.Off, 0, crm.Off},
		{crm.On, 0, crm.On}, // what came until then would have ended unwritten
		{crm.Observe, 0, crm.On},
		{crm.Observe, config.Fresh, crm.Observe},
		{crm.On, 0, crm.On},
	} {
		if err := operator.Set(t.Context(), config.Mode, []byte(tt.set)); err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(tt.after)
		if got, err := b.Mode(t.Context()); got != tt.want || err != nil {
			t.Errorf("set to %s, %s later: %q, %v, want %q", tt.set, tt.after, got, err, tt.want)
		}
	}
	b.table.noReads = true
	b.now = b.now.Add(config.Fresh)
	if got, err := b.Mode(t.Context()); got != crm.On || err != nil {
		t.Errorf("%q, %v: the last good row goes on being used", got, err)
	}
}

func TestTheModeIsTheRowsOrElseTheStart(t *testing.T) {
	for _, tt := range []struct {
		row  string
		none bool
		from crm.Mode
		want crm.Mode // "": an error
	}{
		{none: true, from: "", want: crm.Off},
		{none: true, from: crm.On, want: crm.On},
		{none: true, from: "maybe", want: ""},
		{row: "on", from: crm.Off, want: crm.On},
		{row: "off", from: crm.On, want: crm.Off},
		{row: "observe 21 records were overwritten", from: crm.On, want: crm.Observe},
		{row: "observe\n", from: crm.On, want: crm.Observe},
		{row: " on ", want: crm.On},
		// A slip of the pen must not switch writing on.
		{row: "Observe", from: crm.On, want: ""},
		{row: "obsrve", from: crm.On, want: ""},
		{row: "on!", from: crm.On, want: ""},
		{row: "", from: crm.On, want: ""},
	} {
		b := newBench(Settings{Start: tt.from})
		if !tt.none {
			b.set(t, config.Mode, tt.row)
		}
		got, err := b.Mode(t.Context())
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%q from %q: %q, %v; want %q", tt.row, tt.from, got, err, tt.want)
		}
	}
}

func TestATableThatIsDownIsAnErrorAndTheLastGoodRulesGoOn(t *testing.T) {
	b := newBench(Settings{Start: crm.On})
	b.table.noReads = true
	if _, err := b.Mapping(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("the mapping: %v", err)
	}
	if _, err := b.Mode(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("the mode: %v", err)
	}
	if err := b.Publish(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("publishing: %v", err)
	}
	b.table.noReads = false
	if _, err := b.Mapping(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.set(t, config.Mode, "observe")
	b.now, b.table.noReads = noon.Add(time.Hour), true
	if m, err := b.Mapping(t.Context()); err != nil || m == nil {
		t.Errorf("the mapping an hour later: %v", err)
	}
	if mode, err := b.Mode(t.Context()); err != nil || mode != crm.Observe {
		t.Errorf("the mode an hour later: %q, %v", mode, err)
	}
}

func TestTheDoorGetsTheNamesOfTheMappingInForce(t *testing.T) {
	b := newBench(Settings{})
	if err := b.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		names, err := b.rows.Properties(t.Context(), sys)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []crm.Module{crm.Contacts, crm.Companies} {
			want := map[string]bool{}
			for _, p := range mapping.Default().Properties(m.Kind(), sys) {
				want[p] = true
			}
			for _, p := range names[m] {
				delete(want, p)
			}
			if len(want) != 0 || len(names[m]) == 0 {
				t.Errorf("%s %s lacks %v", sys, m, want)
			}
		}
	}
}
