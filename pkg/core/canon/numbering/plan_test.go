package numbering_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers/v2"
	"github.com/nyaruka/phonenumbers/v2/metadata"
)

var update = flag.Bool("update", false, "write the table anew from the library's plans")

const (
	tableFile = "plans.txt"
	world     = "001"
)

func TestTheTableIsMadeFromTheLibrary(t *testing.T) {
	want := tableOf(t)
	if *update {
		if err := os.WriteFile(tableFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); got != want {
		t.Errorf("%s is not what the library that go.mod names would give; make it anew with go generate ./pkg/core/canon/numbering\n%s",
			tableFile, firstDifference(got, want))
	}
}

func firstDifference(got, want string) string {
	has, wants := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(has), len(wants)) {
		if has[i] != wants[i] {
			return fmt.Sprintf("line %d is\n%s\nwant\n%s", i+1, has[i], wants[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(has), len(wants))
}

// tableOf returns the table that the library gives.
func tableOf(t *testing.T) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Numbering plans of libphonenumber %s, © The Libphonenumber Authors, Apache License 2.0; by %s; made by go generate.\n",
		metadata.Version, libraryInGoMod(t))
	b.WriteString("# code\tregion\tlengths\tabroad\ttrunk\ttransform\tleading\tgeneral\tmobiles\tothers …\n")
	codes := metadata.CountryCodeToRegion()
	for code := range 1000 {
		for _, region := range codes[code] {
			b.WriteString(strings.Join(fieldsOf(t, code, region), "\t"))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// libraryInGoMod returns the library and the version of it that go.mod pins.
func libraryInGoMod(t *testing.T) string {
	text, err := os.ReadFile("../../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`github.com/nyaruka/phonenumbers/v2 v\S+`).FindString(string(text))
	if line == "" {
		t.Fatal("go.mod names no github.com/nyaruka/phonenumbers/v2")
	}
	return line
}

func planIn(t testing.TB, code int, region string) *phonenumbers.PhoneMetadata {
	find := func() (*phonenumbers.PhoneMetadata, bool) { return metadata.RegionMetadata(region) }
	if region == world {
		find = func() (*phonenumbers.PhoneMetadata, bool) { return metadata.NonGeoMetadata(code) }
	}
	p, ok := find()
	if !ok || int(p.GetCountryCode()) != code {
		t.Fatalf("the library has no plan of %s for +%d", region, code)
	}
	return p
}

// fieldsOf returns the line of a plan, and fails where a plan says what the table cannot.
func fieldsOf(t *testing.T, code int, region string) []string {
	p := planIn(t, code, region)
	general := p.GetGeneralDesc()
	if general.GetNationalNumberPattern() == "" || len(general.GetPossibleLength()) == 0 || slices.Max(general.GetPossibleLength()) > 31 {
		t.Errorf("%s: the plan says nothing of all its numbers", region)
	}
	for _, local := range general.GetPossibleLengthLocalOnly() {
		if slices.Contains(general.GetPossibleLength(), local) || local > slices.Max(general.GetPossibleLength()) {
			t.Errorf("%s: %d digits are dialled within a place, and not fewer than whole numbers have", region, local)
		}
	}
	if region != world && p.GetInternationalPrefix() == "" {
		t.Errorf("%s: the plan has no prefix for calls abroad", region)
	}
	mobile := kindOf(p.GetMobile())
	if p.GetSameMobileAndFixedLinePattern() {
		if mobile != kindOf(p.GetFixedLine()) {
			t.Errorf("%s: mobiles are said to be numbered as landlines are, and are not", region)
		}
		mobile = ""
	}
	fields := []string{
		fmt.Sprint(code), region, lengthsOf(general.GetPossibleLength()), p.GetInternationalPrefix(), p.GetNationalPrefixForParsing(),
		p.GetNationalPrefixTransformRule(), p.GetLeadingDigits(), general.GetNationalNumberPattern(), mobile,
	}
	for _, d := range kindsOf(p)[1:] {
		if kind := kindOf(d); kind != "" {
			fields = append(fields, kind)
		}
	}
	for _, f := range fields {
		if strings.ContainsAny(f, "\t\r\n ") {
			t.Errorf("%s: a field with a blank: %q", region, f)
		}
	}
	return fields
}

// kindsOf returns the kinds of number that make one valid, the mobiles first.
func kindsOf(p *phonenumbers.PhoneMetadata) []*phonenumbers.PhoneNumberDesc {
	return []*phonenumbers.PhoneNumberDesc{
		p.GetMobile(), p.GetFixedLine(), p.GetTollFree(), p.GetPremiumRate(), p.GetSharedCost(), p.GetVoip(), p.GetPersonalNumber(), p.GetPager(),
		p.GetUan(), p.GetVoicemail(),
	}
}

// kindOf returns the field of a kind, "" when the plan has no number of it.
func kindOf(d *phonenumbers.PhoneNumberDesc) string {
	if d.GetNationalNumberPattern() == "" || slices.Contains(d.GetPossibleLength(), -1) {
		return ""
	}
	return lengthsOf(d.GetPossibleLength()) + ":" + d.GetNationalNumberPattern()
}

func lengthsOf(all []int32) string {
	var out []string
	for _, n := range all {
		out = append(out, fmt.Sprint(n))
	}
	return strings.Join(out, ",")
}
