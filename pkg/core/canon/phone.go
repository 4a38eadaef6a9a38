package canon

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"crm-connector/pkg/core/canon/numbering"
)

var (
	errPhone       = errors.New("not a phone number of the region, nor one with its country code")
	errPhoneTwice  = errors.New("more than one phone number, or one with an extension that is too long for one")
	errPhoneRegion = errors.New("not a region of two letters that has phone numbers")
)

// NoRegion is the phone region that takes only numbers with their country code.
const NoRegion = "ZZ"

// extension stands between a number and its extension; numbering reads it back.
const extension = " ext. "

// The most digits of an extension: behind a word that says so (int. 12, x12), and behind a mere sign (, ; #), where five may be
// another line of the same place.
const (
	longestExtension = 6
	longestUnsaid    = 4
)

// Phone returns the number in E.164, followed by " ext. 12" where it has an extension. The region (ISO 3166, two letters) is
// the one that numbers without a country code belong to.
//
// A number that the numbering plan does not know is taken if its length is possible and it holds no letter: plans grow, and
// WhatsApp knows Brazilian mobiles without their ninth digit. With letters it must be valid, because "(casa)" would be dialled
// as 2272. The 1 that Mexican mobiles had after +52 is dropped, as Mexico did in 2019.
//
// Two numbers in one text are an error: what stands behind the first and is too long for an extension, and the last digits of a
// second line (06 1234567/68).
func Phone(s, region string) (string, error) {
	s = strings.TrimSpace(visible(s))
	out, err := phone(s, region)
	if err != nil || out == s {
		return out, err
	}
	if again, err := phone(out, region); err != nil || again != out {
		return "", errPhone
	}
	return out, nil
}

func phone(s, region string) (string, error) {
	n, ok := numbering.Parse(s, region)
	if !ok {
		return "", errPhone
	}
	if most := extensionMost(s); len(n.Extension) > most || another(n, s, region) {
		return "", errPhoneTwice
	}
	if n.Code == mexico {
		n.National = withoutMobileOne(n.National)
	}
	if !n.Valid() && (!n.Possible() || strings.ContainsFunc(s, unicode.IsLetter)) {
		return "", errPhone
	}
	out := n.E164()
	if n.Extension != "" {
		out += extension + n.Extension
	}
	return out, nil
}

func extensionMost(s string) int {
	if strings.ContainsFunc(s, unicode.IsLetter) {
		return longestExtension
	}
	return longestUnsaid
}

// another reports whether a text that was read as the number n says two: one that is whole by itself, and behind a dash or stroke
// the last one or two digits of the other. Germans and Austrians write what is dialled on to behind a dash (DIN 5008): theirs is one.
func another(n numbering.Number, s, region string) bool {
	text := s
	if n.Extension != "" {
		text = s[:max(strings.LastIndex(s, n.Extension), 0)]
	}
	text = strings.TrimRightFunc(text, func(r rune) bool { return !unicode.IsDigit(r) })
	first := strings.TrimRightFunc(text, unicode.IsDigit)
	tail := utf8.RuneCountInString(text[len(first):])
	first = strings.TrimRightFunc(first, unicode.IsSpace)
	mark, size := utf8.DecodeLastRuneInString(first)
	dash := strings.ContainsRune("-‐‑‒–—―−－", mark)
	if tail < 1 || tail > 2 || !dash && mark != '/' && mark != '／' || dash && slices.Contains(dialledOn, n.Code) {
		return false
	}
	whole, ok := numbering.Parse(first[:len(first)-size], region)
	return ok && whole.Valid()
}

// dialledOn are the countries where a dash parts a number from the digits that are dialled on to.
var dialledOn = []string{"49", "43"}

const mexico = "52"

// withoutMobileOne drops the 1 before the ten digits of a Mexican number, the first of which is never 0.
func withoutMobileOne(national string) string {
	if len(national) == 11 && national[0] == '1' && national[1] != '0' {
		return national[1:]
	}
	return national
}

// Region checks a phone region: two capital letters of a region that has a numbering plan, or NoRegion.
func Region(s string) (string, error) {
	if s != NoRegion && !numbering.Known(s) {
		return "", errPhoneRegion
	}
	return s, nil
}

// Mobile reports whether a canonical number can only be a mobile: one person's. Where the plan does not tell mobiles from
// landlines (North America) it is false.
func Mobile(phone string) bool {
	n, ok := numbering.Parse(phone, NoRegion)
	return ok && n.Mobile()
}

// PhoneKey returns the form of a canonical number by which two are compared: without extension, Brazilian mobiles with
// their ninth digit, Mexican ones without the old 1.
func PhoneKey(phone string) string {
	number, _, _ := strings.Cut(phone, extension)
	switch d := strings.TrimPrefix(number, "+"); {
	case strings.HasPrefix(d, "521") && len(d) == 13:
		return "+52" + d[3:]
	case strings.HasPrefix(d, "55") && len(d) == 12 && d[4] >= '6':
		return "+" + d[:4] + "9" + d[4:]
	}
	return number
}

// PhoneSpellings returns the numbers under which the line of a canonical number may be stored, its key first: the ninth digit
// in Brazil, the 1 in Mexico and the 9 in Argentina come and go.
func PhoneSpellings(phone string) []string {
	key := PhoneKey(phone)
	switch d := strings.TrimPrefix(key, "+"); {
	case strings.HasPrefix(d, "52") && len(d) == 12:
		return []string{key, "+521" + d[2:]}
	case strings.HasPrefix(d, "55") && len(d) == 13 && d[4] == '9' && d[5] >= '6':
		return []string{key, "+" + d[:4] + d[5:]}
	case strings.HasPrefix(d, "549") && len(d) == 13:
		return []string{key, "+54" + d[3:]}
	case strings.HasPrefix(d, "54") && len(d) == 12:
		return []string{key, "+549" + d[2:]}
	}
	return []string{key}
}
