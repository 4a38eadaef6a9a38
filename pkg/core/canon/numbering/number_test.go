package numbering_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/nyaruka/phonenumbers/v2"
	"github.com/nyaruka/phonenumbers/v2/metadata"

	"crm-connector/pkg/core/canon/numbering"
)

// answer is all that is asked of a number.
type answer struct {
	numbering.Number
	e164                    string
	valid, possible, mobile bool
}

func ours(s, region string) (answer, bool) {
	n, ok := numbering.Parse(s, region)
	if !ok {
		return answer{}, false
	}
	return answer{n, n.E164(), n.Valid(), n.Possible(), n.Mobile()}, true
}

func theirs(s, region string) (answer, bool) {
	n, err := phonenumbers.Parse(s, region)
	if err != nil {
		return answer{}, false
	}
	return answer{
		numbering.Number{Code: fmt.Sprint(n.GetCountryCode()), National: phonenumbers.GetNationalSignificantNumber(n), Extension: n.GetExtension()},
		phonenumbers.Format(n, phonenumbers.E164),
		phonenumbers.IsValidNumber(n),
		phonenumbers.IsPossibleNumberWithReason(n) == phonenumbers.IS_POSSIBLE,
		phonenumbers.GetNumberType(n) == phonenumbers.MOBILE,
	}, true
}

// agree fails when the library reads a text otherwise than we do, and reports whether it is a number.
func agree(t *testing.T, s, region string) bool {
	t.Helper()
	got, ok := ours(s, region)
	want, number := theirs(s, region)
	if ok != number || got != want {
		t.Errorf("%q dialled from %s: %+v, %t, and the library reads %+v, %t", s, region, got, ok, want, number)
	}
	return number
}

// places are the plans of the world: a region, or world, and its country calling code.
func places() map[string]int {
	out := map[string]int{}
	for code, regions := range metadata.CountryCodeToRegion() {
		for _, region := range regions {
			if region == world {
				region = fmt.Sprintf("%s %d", world, code)
			}
			out[region] = code
		}
	}
	return out
}

// spellings returns a national number as people write it: with and without trunk prefix, country calling code, prefix for
// calls abroad, punctuation, letters and extension.
func spellings(p *phonenumbers.PhoneMetadata, national string) []string {
	code, last := fmt.Sprint(p.GetCountryCode()), len(national)-1
	spaced := national[:last/2] + " " + national[last/2:]
	out := []string{
		national, p.GetNationalPrefix() + national, "(" + p.GetNationalPrefix() + national[:last/2] + ") " + national[last/2:],
		code + national, code + p.GetNationalPrefix() + national, "+" + code + national, "++" + code + " (0) " + spaced,
		"＋" + code + "-" + spaced, "+" + code + p.GetNationalPrefix() + national, "tel:" + national + ";phone-context=+" + code,
		"tel:+" + code + "-" + national + ";ext=12", spaced + " ext. 123", p.GetNationalPrefix() + spaced + "x9", "+" + code + spaced + " int. 4#",
		"+" + code + letters(national), p.GetNationalPrefix() + letters(national), fullWidth("+" + code + national),
		national[:last], national + "5", "+" + code + national[1:], "+" + code + "0" + national, "+" + code + national + "77",
		"9" + national[1:], "+" + code + national[:last-1] + "0" + national[last:],
	}
	for _, abroad := range []string{p.GetPreferredInternationalPrefix(), p.GetInternationalPrefix(), "00", "011", "0011", "810"} {
		out = append(out, abroad+code+national, abroad+" "+code+" "+spaced+",,7", "+"+abroad+code+national)
	}
	return out
}

// letters writes the last seven digits as the letters on their keys.
func letters(number string) string {
	at := max(0, len(number)-7)
	return number[:at] + strings.Map(func(r rune) rune { return []rune("01ADGJMPTW")[r-'0'] }, number[at:])
}

func fullWidth(s string) string { return strings.Map(func(r rune) rune { return r - '!' + '！' }, s) }

// Mobiles and landlines are spelled in every way, the other kinds of number in some.
func TestEveryKindOfNumberOfEveryRegionIsReadAsTheLibraryReadsIt(t *testing.T) {
	for place, code := range places() {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			region, _, _ := strings.Cut(place, " ")
			p, numbers := planIn(t, code, region), 0
			for k, kind := range kindsOf(p) {
				if kind.GetExampleNumber() == "" {
					continue
				}
				for i, s := range spellings(p, kind.GetExampleNumber()) {
					if k > 1 && i > 0 && i%6 != k%6 {
						continue
					}
					if agree(t, s, region) {
						numbers++
					}
					if i%8 == 0 {
						agree(t, s, []string{"US", "ZZ", "IT"}[i/8%3])
					}
				}
			}
			if numbers == 0 {
				t.Error("no number of the region was read")
			}
		})
	}
}

// seeds are texts at the edges of what a number is.
var seeds = []string{
	"", "1", "12", "1２", "123", "1 2", "+", "++", "+12", "+39", "+393471234567", "+ 39 347", "*123", "1*2*3", "12a34", "123a45", "+999123456",
	"+0039347123456", "+ 00 39 347 1234567", "00 0 39 347 1234567", "0039", "003934", "39347123456", "393471234567", "39 06 12345678",
	"1 800 FLOWERS", "1-800-35٣-9377", "1 800 FLOWERſ", "1 800 KKKKKKK", "800 ſſſKKK1", "34７1234567", "٣٤٧١٢٣٤٥٦٧", "𝟑𝟒𝟕1234567", "𞥐347123456",
	"(530) 583-6985 x302/x2303", "(530) 583-6985 x302 \\  x2303", "347 123 4567 / 347 7654321", "3471234567/x",
	"3471234567;ext=12", "3471234567;ext=12#", "3471234567;EXT=123456789012345678901", "3471234567 extensio\u0301n 5", "3471234567 EXTENſION: 5",
	"3471234567 доб. 55", "3471234567 ДОБ 55", "3471234567 anexo 5", "3471234567anex0", "3471234567 ｅｘｔｎ．5", "3471234567 ｉｎｔ 5", "3471234567～5#",
	"3471234567 - 503#", "3471234567 -5031234#", "3471234567,,5", "3471234567, ,:5", "3471234567,:5", "3471234567 ;5", "3471234567;1234567890123456",
	"3471234567,1234567890", "3471234567 , , ext , - 5 #", "34 ext 5", "3 4 7 x 5", "347xx5", "347x5x6", "347;ext=1;ext=2", "347 x x x x 5", "12 x 345",
	"1234567890 12345678 x 123456789", "3471234567 #", "3471234567x", "3471234567 xt 5", "3471234567 e 5", "3471234567 int", "347 int12 #",
	"tel:347-1234567;phone-context=+39", "tel:1234567;phone-context=example.com", "tel:1234567;phone-context=example.com.", "1234567;phone-context=",
	";phone-context=+39", ";phone-context=a.b347-1234567.c", ";phone-context=+393471234567", "tel:347;phone-context=+39;x=tel:5", "347;phone-context=+", "347123;phone-context=+(39)-.0",
	"347123;phone-context=-a", "347123;phone-context=a-", "347123;phone-context=1", "347123;phone-context=a1.1", "347123;phone-context=1.a1", "347123;phone-context=..",
	"347123;phone-context=a..b", "347123;phone-context=a--b", "347123;phone-context=+39;phone-context=+1", "347123;phone-context=è.it", "347123;phone-context=٣a.it",
	"tel:+39347;phone-context=+1", "347123;isub=5", ";isub=347123", "tel:347123;isub=5;phone-context=+39", "347\xff1234567", "3471234567\xff", "\xff3471234567",
	"347\n1234567", "347\u200b1234567", "347\u00ad123", "a347123", "347123è", "347123½", "347123²", "０３４７１２３４５６７", "0111234567", "0119991234567",
	"00390612345678", "0011 39 0612345678", "+1 (0) 415 555 0829", "0343 15 123456", "011 15 2345 6789", "+52 1 55 1234 5678", "044 55 1234 5678",
	"0 15 41 98765432", "+55 0 21 11 98765-4321", "8 10 39 06 12345678", "+7 8 495 1234567", "84951234567", "+80012345678", "+979123456789", "+8831234567890",
	"+390", "+39000000", "+3900", "+39 0000 0000 0000 0000 0", "00000000", strings.Repeat("1", 250), strings.Repeat("1", 251), "+49" + strings.Repeat("1", 15),
	"+49" + strings.Repeat("1", 16), "0" + strings.Repeat("1", 17), "+44 7911 123456", "+44 1481 123456", "7911123456", "+247 12345",
}

// Some regions are given all of them, and each of the world some.
func TestTextsAtTheEdgesAreReadAsTheLibraryReadsThem(t *testing.T) {
	for _, region := range []string{"IT", "US", "CA", "GB", "MX", "AR", "BR", "RU", "KZ", "ZZ", "", "it", world, "XX"} {
		for _, s := range seeds {
			agree(t, s, region)
		}
	}
	for i, region := range slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions())) {
		for at := i % 6; at < len(seeds); at += 6 {
			agree(t, seeds[at], region)
		}
	}
}

func TestAnExtensionIsReadByItsLabelAndLengthAsTheLibraryReadsIt(t *testing.T) {
	const number, long = "347 1234567", "123456789012345678901"
	labels := []string{
		"", " ", ";ext=", ";EXT=", "ext", "Ext", "xt", "extn", "xtn", "extension", "extensió", "extensio\u0301n", "extens", "xtensio", "ｅｘｔｎ", "ｘｔ", "доб", "anexo",
		"x", "ｘ", "X", "#", "＃", "~", "～", "int", "ｉｎｔ", "INT", ",", ",,", ",,,", ";", ";;", "xx", "i", "-", "- -",
	}
	for _, label := range labels {
		for _, end := range []string{"", "#"} {
			for digits := range len(long) {
				agree(t, number+label+long[:digits+1]+end, "IT")
			}
			for _, before := range []string{"", " ", ",", " ,\t\u00a0", "-"} {
				for _, after := range []string{"", ".", ":", "．", " ", ", -", ":,"} {
					agree(t, number+before+label+after+"12"+end, "IT")
				}
			}
		}
	}
	if n, ok := numbering.Parse(number+" ext. 12", "IT"); !ok || n.Extension != "12" {
		t.Errorf("%+v, %t", n, ok)
	}
}

func TestADigitOfEveryScriptIsOne(t *testing.T) {
	digits := 0
	for r := range rune(unicode.MaxRune) {
		if unicode.IsDigit(r) {
			digits++
			agree(t, "347 123 456"+string(r)+" x"+string(r), "IT")
			agree(t, "347 ABC 456"+string(r), "IT")
		}
	}
	if digits < 100 {
		t.Errorf("only %d digits", digits)
	}
}

// Of the blocks that hold letters with a case, punctuation and full widths, every character may surround a number, stand in it
// and stand in the label of an extension.
func TestEveryCharacterMeansWhatItMeansToTheLibrary(t *testing.T) {
	for _, block := range [][2]rune{{0, 0x600}, {0x2000, 0x2300}, {0x3000, 0x3100}, {0xff00, 0xfff0}} {
		for r := block[0]; r < block[1]; r++ {
			for _, form := range []string{"34%c71234567", "347123456%c", "%c3471234567", "3471234567 e%ct 5"} {
				agree(t, fmt.Sprintf(form, r), "IT")
			}
		}
	}
}

func TestARegionIsKnownIfTheLibraryHasItsCode(t *testing.T) {
	for a := range 128 {
		for b := range 128 {
			region := string([]byte{byte(a), byte(b)})
			if got, want := numbering.Known(region), phonenumbers.GetCountryCodeForRegion(region) != 0; got != want {
				t.Errorf("%q is known: %t, want %t", region, got, want)
			}
		}
	}
	for _, region := range []string{"", "I", "ITA", world} {
		if numbering.Known(region) {
			t.Errorf("%q is known", region)
		}
	}
}

func TestNoNumberIsNeitherValidNorPossibleNorAMobile(t *testing.T) {
	for _, n := range []numbering.Number{{}, {Code: "39"}, {Code: "999", National: "123456"}} {
		if n.Valid() || n.Possible() || n.Mobile() {
			t.Errorf("%+v: valid %t, possible %t, mobile %t", n, n.Valid(), n.Possible(), n.Mobile())
		}
	}
}

func TestManyMayReadTheFirstNumbersAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, s := range []string{"+393471234567", "+14155550829 ext. 5", "+447911123456", "+80012345678"} {
				if n, ok := numbering.Parse(s, "FR"); !ok || !n.Valid() && n.Code != "1" {
					t.Errorf("%s: %+v, %t", s, n, ok)
				}
			}
		})
	}
	all.Wait()
}

func FuzzANumberIsReadAsTheLibraryReadsIt(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, []string{"IT", "US", "MX", "AR", "BR", "ZZ", "RU", "GB", ""}[i%9])
	}
	for place, code := range places() {
		if region, _, ok := strings.Cut(place, " "); !ok {
			for _, s := range spellings(planIn(f, code, region), planIn(f, code, region).GetFixedLine().GetExampleNumber())[:3] {
				f.Add(s, region)
			}
		}
	}
	f.Fuzz(func(t *testing.T, s, region string) { agree(t, s, region) })
}

func BenchmarkNumber(b *testing.B) {
	for name, s := range map[string]string{"canonical": "+393471234567", "typed": "0039 (347) 123-4567", "with an extension": "06 1234 5678 int. 12"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n, ok := numbering.Parse(s, "IT"); !ok || !n.Valid() {
					b.Fatal(n)
				}
			}
		})
	}
}
