package canon_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/canon"
)

// spelling is one way to write a value; a want of "" means that it has no canonical form.
type spelling struct{ name, in, want string }

func check(t *testing.T, form func(string) (string, error), tests []spelling) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := form(tt.in)
			if got != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("%q became %q, %v; want %q", tt.in, got, err, tt.want)
			}
			if err != nil && len(tt.in) > 3 && strings.Contains(err.Error(), tt.in) {
				t.Errorf("the error %q repeats the value", err)
			}
		})
	}
}

func noError(form func(string) string) func(string) (string, error) {
	return func(s string) (string, error) { return form(s), nil }
}

func TestTextIsTheSameHoweverItWasTyped(t *testing.T) {
	check(t, noError(canon.Text), []spelling{
		{"plain", "Rossi", "Rossi"},
		{"an accent in two code points", "Nicolo\u0300", "Nicolò"},
		{"line ends of three systems", "a\r\nb\rc\nd", "a\nb\nc\nd"},
		{"space around, the unbreakable one too", " \t\u00a0Rossi \n", "Rossi"},
		{"space inside stays", "De  Luca", "De  Luca"},
		{"control characters go", "a\x00b\x1fc\x7f\td", "abc\td"},
		{"a control character between letter and accent", "o\x00\u0300", "ò"},
		{"bytes that are not UTF-8", "a\xffb", "a\uFFFDb"},
		{"a family in one emoji", "👨‍👩‍👧", "👨‍👩‍👧"},
	})
	if canon.Text(" \r\n\x00 ") != "" {
		t.Error("nothing but space is not empty")
	}
}

func TestACutKeepsWholeRunesAndLeavesNoSpaceAtItsEnd(t *testing.T) {
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"abc", 0, "abc"}, {"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"àèìò", 3, "àèì"}, {"àèì", 3, "àèì"},
		{"ab cd", 3, "ab"}, {"", 3, ""}, {"👍👍👍", 2, "👍👍"},
	} {
		if got := canon.Cut(tt.in, tt.limit); got != tt.want {
			t.Errorf("%q cut at %d became %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
}

func TestNamesAreComparedWithoutCaseAndSpacing(t *testing.T) {
	check(t, noError(canon.Fold), []spelling{
		{"case", "ROSSI Mario", "rossi mario"},
		{"spacing", " De \n Luca ", "de luca"},
		{"accents stay", "Nicolò", "nicolò"},
		{"a letter whose lower case composes with the mark after it", "\u0130\u0308", "ï"},
	})
	check(t, noError(canon.Code), []spelling{
		{"a tax number with spaces and points", "it 012.345-67890 ", "IT01234567890"},
		{"without", "IT01234567890", "IT01234567890"},
	})
}

func TestAnEmailIsOnePlainAddressInLowerCase(t *testing.T) {
	check(t, canon.Email, []spelling{
		{"plain", "mario.rossi@example.com", "mario.rossi@example.com"},
		{"case and space", " Mario.ROSSI@Example.COM\n", "mario.rossi@example.com"},
		{"plus and apostrophe", "o'brien+crm@example.co.uk", "o'brien+crm@example.co.uk"},
		{"an invisible mark from a copied page", "\u200bmario@example.com\u202c", "mario@example.com"},
		{"letters beyond ASCII", "Jürgen@müller.example", "jürgen@müller.example"},
		{"a punycode top level", "a@b.xn--p1ai", "a@b.xn--p1ai"},
		{"nothing", "", ""},
		{"no at", "example.com", ""},
		{"two ats", "a@b@example.com", ""},
		{"a display name", "Mario <mario@example.com>", ""},
		{"two addresses", "a@example.com, b@example.com", ""},
		{"a quoted part", `"a b"@example.com`, ""},
		{"a space inside", "a b@example.com", ""},
		{"no dot in the host", "mario@localhost", ""},
		{"a number as host", "mario@127.0.0.1", ""},
		{"a top level of one letter", "mario@example.c", ""},
		{"a dot at the start", ".mario@example.com", ""},
		{"a dot before the at", "mario.@example.com", ""},
		{"two dots", "mario..rossi@example.com", ""},
		{"an empty label", "mario@example..com", ""},
		{"a hyphen at the end of a label", "mario@example-.com", ""},
		{"an underscore in the host", "mario@ex_ample.com", ""},
		{"64 bytes before the at", strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 64) + "@example.com"},
		{"65 bytes before the at", strings.Repeat("a", 65) + "@example.com", ""},
		{"a host that is too long", "a@" + strings.Repeat("abc.", 64) + "com", ""},
	})
}

func TestADomainIsTheHostOfWhateverStandsInAWebsiteField(t *testing.T) {
	check(t, canon.Domain, []spelling{
		{"bare", "acme.it", "acme.it"},
		{"with everything", "HTTPS://user:pass@www.ACME.it:8443/shop?q=1#top", ""},
		{"scheme, www, port, path", "HTTPS://www.ACME.it:8443/shop?q=1#top", "acme.it"},
		{"a sub-domain stays", "shop.acme.it", "shop.acme.it"},
		{"a point at the end", "www.acme.it./", "acme.it"},
		{"www twice", "www.www.acme.it", "acme.it"},
		{"a host that is called www", "www.it", "www.it"},
		{"letters beyond ASCII", "https://www.Müller.example/", "xn--mller-kva.example"},
		{"the same, decomposed", "mu\u0308ller.example", "xn--mller-kva.example"},
		{"the same in Punycode", "http://XN--MLLER-KVA.example", "xn--mller-kva.example"},
		{"Punycode of nothing", "xn--99999999.example", "xn--99999999.example"},
		{"an address", "info@acme.it", ""},
		{"words", "no website", ""},
		{"a number", "http://10.0.0.1/", ""},
		{"one label", "http://intranet/", ""},
		{"nothing", "", ""},
	})
}

func TestAHostIsToldInLettersWhereTheyReadBackAsTheSame(t *testing.T) {
	for host, want := range map[string]string{
		"xn--mller-kva.example": "müller.example", "acme.it": "acme.it", "xn--99999999.example": "xn--99999999.example", "": "",
		"xn--MLLER-KVA.example": "xn--MLLER-KVA.example", // not canonical
	} {
		if got := canon.Letters(host); got != want {
			t.Errorf("%s is told as %s, want %s", host, got, want)
		}
	}
}

func TestWithinTakesTheDomainAndWhatLiesBelow(t *testing.T) {
	for host, want := range map[string]bool{"gmail.com": true, "it.gmail.com": true, "notgmail.com": false, "com": false} {
		if canon.Within(host, "gmail.com") != want {
			t.Errorf("%s within gmail.com: want %t", host, want)
		}
	}
}

func TestANumberHasOneSpellingAtTheCoarserScale(t *testing.T) {
	for _, tt := range []struct {
		in    string
		scale int
		want  string
	}{
		{"1000", 2, "1000"}, {"1000.50", 2, "1000.5"}, {"+007.10", 2, "7.1"}, {".5", 2, "0.5"}, {"5.", 2, "5"},
		{"-0", 2, "0"}, {"-0.004", 2, "0"}, {"0.005", 2, "0.01"}, {"-0.005", 2, "-0.01"}, {"9.995", 2, "10"}, {"0.5", 0, "1"},
		{"1.5E7", 2, "15000000"}, {"15e-1", 2, "1.5"}, {"1e-40", 9, "0"}, {"1e40", 0, "1" + strings.Repeat("0", 40)},
		{"12345678901234567890.12", 2, "12345678901234567890.12"}, {" 7 ", 0, "7"}, {"000", 0, "0"},
		{"", 2, ""}, {".", 2, ""}, {"-", 2, ""}, {"1,000", 2, ""}, {"1.000,50", 2, ""}, {"1e41", 2, ""}, {"1e", 2, ""}, {"0x10", 2, ""},
		{"NaN", 2, ""}, {"Inf", 2, ""}, {"1 000", 2, ""}, {"--1", 2, ""}, {"€5", 2, ""}, {"٣", 2, ""}, {strings.Repeat("1", 65), 2, ""},
	} {
		got, err := canon.Number(tt.in, tt.scale)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%q at %d became %q, %v; want %q", tt.in, tt.scale, got, err, tt.want)
		}
	}
}

func TestADateIsCivilAndNeverGuessed(t *testing.T) {
	check(t, canon.Date, []spelling{
		{"plain", "1980-05-12", "1980-05-12"},
		{"a leap day", "2024-02-29", "2024-02-29"},
		{"midnight in UTC", "1980-05-12T00:00:00Z", "1980-05-12"},
		{"midnight in UTC as milliseconds", "326937600000", "1980-05-12"},
		{"before 1970", "-86400000", "1969-12-31"},
		{"not midnight", "1980-05-12T10:00:00Z", ""},
		{"midnight elsewhere", "1980-05-12T00:00:00+02:00", ""},
		{"no such day", "2023-02-29", ""},
		{"in the order of a country", "12/05/1980", ""},
		{"a year", "1980", ""},
		{"without dashes", "19800512", ""},
		{"year nought", "0000-01-01", ""},
		{"nothing", "", ""},
	})
}

func TestAnInstantIsCutToTheSecondAndToldInUTC(t *testing.T) {
	check(t, canon.Instant, []spelling{
		{"UTC", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"},
		{"an offset", "2026-11-21T11:00:00+01:00", "2026-11-21T10:00:00Z"},
		{"a fraction", "2026-11-21T10:00:00.999Z", "2026-11-21T10:00:00Z"},
		{"milliseconds", "1795255200999", "2026-11-21T10:00:00Z"},
		{"no offset", "2026-11-21T10:00:00", ""},
		{"a date", "2026-11-21", ""},
		{"too far", "99999999999999999", ""},
		{"before year 1 in UTC", "0001-01-01T00:30:00+01:00", ""},
	})
}

func TestABooleanIsTrueOrFalse(t *testing.T) {
	check(t, canon.Bool, []spelling{
		{"true", "true", "true"}, {"case", " TRUE ", "true"}, {"false", "False", "false"},
		{"yes", "yes", ""}, {"one", "1", ""}, {"nothing", "", ""},
	})
}

func TestAMultiSelectIsASet(t *testing.T) {
	check(t, noError(canon.Multi), []spelling{
		{"order and repeats", "b; a;b", "a;b"},
		{"the sign to append, and empty members", ";a;;b;", "a;b"},
		{"one", "a", "a"},
		{"a Greek question mark, which is a semicolon in the normal form", "a\u037eb", "a;b"},
	})
}

func TestEveryFormIsAFixedPoint(t *testing.T) {
	forms := map[string]func(string) (string, error){
		"text": noError(canon.Text), "fold": noError(canon.Fold), "code": noError(canon.Code), "multi": noError(canon.Multi),
		"email": canon.Email, "domain": canon.Domain, "date": canon.Date, "instant": canon.Instant, "bool": canon.Bool,
		"number": func(s string) (string, error) { return canon.Number(s, 2) },
		"phone":  func(s string) (string, error) { return canon.Phone(s, "IT") },
		"cut":    noError(func(s string) string { return canon.Text(canon.Cut(canon.Text(s), 5)) }),
	}
	likely := map[string]*rapid.Generator[string]{
		"email":   rapid.StringMatching(`[ \x{200b}]?[A-Za-z0-9.+'İß-]{1,9}@([A-Za-z0-9ü-]{1,5}\.){1,3}[A-Za-zİ]{1,4} ?`),
		"domain":  rapid.StringMatching(`(https?://)?(www\.){0,2}([A-Za-zü-]{1,4}\.){1,3}[a-z]{2,3}\.?(:80)?(/.*)?`),
		"number":  rapid.StringMatching(`[+-]?[0-9]{0,20}\.?[0-9]{0,20}([eE]-?[0-9]{1,2})?`),
		"date":    rapid.StringMatching(`[0-9]{4}-[01][0-9]-[0-3][0-9]|-?[0-9]{1,9}00000`),
		"instant": rapid.StringMatching(`[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:00:00(\.[0-9]{1,9})?(Z|[+-][01][0-9]:00)|[0-9]{9,15}`),
		"phone":   rapid.StringMatching(`(\+|00)?[0-9]{1,3}[ /-]?[0-9]{2,4}[ -]?[0-9]{3,8}( ?(ext\.?|x|int\.?|#|;ext=) ?[0-9]{1,8})?`),
	}
	for name, form := range forms {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			gen := rapid.String()
			if g, ok := likely[name]; ok {
				gen = rapid.OneOf(g, gen)
			}
			once, err := form(gen.Draw(t, "value"))
			if err != nil {
				return
			}
			if twice, err := form(once); err != nil || twice != once {
				t.Fatalf("the form %q became %q, %v", once, twice, err)
			}
		}))
	}
}

func TestACutNeverGrowsAndIsAPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := canon.Text(rapid.String().Draw(t, "text"))
		limit := rapid.IntRange(1, 20).Draw(t, "limit")
		got := canon.Cut(s, limit)
		if utf8.RuneCountInString(got) > limit || !strings.HasPrefix(s, got) {
			t.Fatalf("%q cut at %d became %q", s, limit, got)
		}
	})
}

func ExamplePhone() {
	phone, err := canon.Phone("347 123 4567", "IT")
	fmt.Println(phone, err)
	_, err = canon.Phone("+39 347 123 4567 (casa)", "IT")
	fmt.Println(err)
	// Output:
	// +393471234567 <nil>
	// not a phone number of the region, nor one with its country code
}
