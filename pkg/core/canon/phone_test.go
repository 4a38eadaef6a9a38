package canon_test

import (
	"slices"
	"testing"

	"crm-connector/pkg/core/canon"
)

func TestAPhoneIsE164WithItsExtension(t *testing.T) {
	check(t, func(s string) (string, error) { return canon.Phone(s, "IT") }, []spelling{
		{"national", "347 123 4567", "+393471234567"},
		{"with 00", "0039 347 1234567", "+393471234567"},
		{"a landline keeps its nought", "06/1234.5678", "+390612345678"},
		{"invisible marks of a copied number", "\u202a+39 347 123 4567\u202c", "+393471234567"},
		{"an extension", "06 1234 5678 int. 12", "+390612345678 ext. 12"},
		{"its own form with an extension", "+390612345678 ext. 12", "+390612345678 ext. 12"},
		{"a number of letters that is valid", "+1 800 FLOWERS", "+18003569377"},
		{"a word behind", "+39 347 123 4567 (casa)", ""},
		{"two numbers", "0612345678 / 3471234567", ""},
		{"two numbers with a semicolon", "3481234567;3487654321", ""},
		{"two numbers with a comma", "061234567,067654321", ""},
		{"two numbers with a comma and a space", "3481234567, 061234567", ""},
		{"two numbers with a hash", "3481234567#061234567", ""},
		{"two lines of one town", "0583 954321, 955432", ""},
		{"two numbers of which one is called an extension", "+390612345678 ext. 0676543210", ""},
		{"two lines with a dash", "06 1234567-8", ""},
		{"two lines with a stroke", "06 1234567/68", ""},
		{"two lines with a stroke and spaces", "+39 06 1234567 / 68", ""},
		{"three lines", "06 1234567/8/9", ""},
		{"two lines with an extension", "06 1234567/8 int. 3", ""},
		{"two lines in brackets", "(06 1234567/8)", ""},
		{"two lines of a mobile", "347 1234567–8", ""},
		{"a word for an extension", "06 1234567 int. 12", "+39061234567 ext. 12"},
		{"another word for it", "06 1234567 ext. 123456", "+39061234567 ext. 123456"},
		{"an x for it", "06 1234567 x12", "+39061234567 ext. 12"},
		{"its parameter", "+39 06 1234567;ext=12", "+39061234567 ext. 12"},
		{"a comma for it", "06 1234567,12", "+39061234567 ext. 12"},
		{"a dash after the area code", "06-1234567", "+39061234567"},
		{"pairs of digits", "347-123-45-67", "+393471234567"},
		{"what is dialled on to in Germany", "+49 30 123456-78", "+493012345678"},
		{"two lines in Germany", "+49 30 123456/78", ""},
		{"the old 1 of Mexican mobiles", "+52 1 55 1234 5678", "+525512345678"},
		{"a local number", "12", ""},
		{"words", "chiedere a Mario", ""},
		{"nothing", "", ""},
		{"an endless one", string(slices.Repeat([]byte("1"), 300)), ""},
	})
}

func TestWithoutARegionOnlyNumbersWithTheirCountryCodeAreTaken(t *testing.T) {
	check(t, func(s string) (string, error) { return canon.Phone(s, canon.NoRegion) }, []spelling{
		{"with", "+393471234567", "+393471234567"},
		{"without", "3471234567", ""},
	})
}

func TestARegionIsTwoCapitalLettersWithANumberingPlan(t *testing.T) {
	for region, ok := range map[string]bool{"IT": true, "NO": true, canon.NoRegion: true, "it": false, "XX": false, "": false, "ITA": false} {
		if _, err := canon.Region(region); (err == nil) != ok {
			t.Errorf("region %q: %v, want ok %t", region, err, ok)
		}
	}
}

func TestOnlyANumberThatCanBeNothingElseIsAMobile(t *testing.T) {
	for phone, want := range map[string]bool{
		"+393471234567": true, "+390612345678": false, "+14155550829": false, "+447911123456": true, "": false, "x": false,
	} {
		if canon.Mobile(phone) != want {
			t.Errorf("%s is a mobile: want %t", phone, want)
		}
	}
}

func TestTheKeyOfALineForgetsWhatComesAndGoes(t *testing.T) {
	for _, tt := range []struct {
		phone, key string
		spellings  []string
	}{
		{"+390612345678 ext. 12", "+390612345678", []string{"+390612345678"}},
		{"+551187654321", "+5511987654321", []string{"+5511987654321", "+551187654321"}},
		{"+551132654321", "+551132654321", []string{"+551132654321"}}, // a landline
		{"+525512345678", "+525512345678", []string{"+525512345678", "+5215512345678"}},
		{"+5215512345678", "+525512345678", []string{"+525512345678", "+5215512345678"}},
		{"+541123456789", "+541123456789", []string{"+541123456789", "+5491123456789"}},
		{"+5491123456789", "+5491123456789", []string{"+5491123456789", "+541123456789"}},
	} {
		if got := canon.PhoneKey(tt.phone); got != tt.key {
			t.Errorf("%s has the key %s, want %s", tt.phone, got, tt.key)
		}
		if got := canon.PhoneSpellings(tt.phone); !slices.Equal(got, tt.spellings) {
			t.Errorf("%s is spelled %v, want %v", tt.phone, got, tt.spellings)
		}
	}
}

func BenchmarkPhoneInItsCanonicalForm(b *testing.B) {
	for b.Loop() {
		_, _ = canon.Phone("+393471234567", "IT")
	}
}

func BenchmarkTextInItsCanonicalForm(b *testing.B) {
	for b.Loop() {
		canon.Text("Via Nicolò Machiavelli 12, interno 3")
	}
}
