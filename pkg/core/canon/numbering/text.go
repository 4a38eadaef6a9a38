package numbering

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Marks of a telephone URI (RFC 3966).
const (
	scheme     = "tel:"
	context    = ";phone-context="
	subaddress = ";isub="
)

const (
	pluses = "+＋"
	// punctuation may stand anywhere in a number; the x is what carriers' codes are left out by.
	punctuation = "-‐‑‒–—―−ー－．／ \u00a0\u00ad\u200b\u2060\u3000()（）［］.[]/~⁓∼～xX"
	// folded are the letters outside ASCII whose other case is in it: the long s and the sign of the kelvin.
	folded = "\u017f\u212a"
)

// written returns the part of s that may be a number: of a telephone URI the number, behind the plus that its context begins
// with, otherwise what stands between the first digit or plus and the last letter or digit. It is false when the context is
// none.
func written(s string) (string, bool) {
	at := strings.Index(s, context)
	var text string
	if at >= 0 {
		of, _, _ := strings.Cut(s[at+len(context):], ";")
		if !global(of) && !domain(of) {
			return "", false
		}
		text = s[:at]
		if _, number, ok := strings.Cut(text, scheme); ok {
			text = number
		}
		if of[0] == '+' {
			text = of + text
		}
	}
	if at <= 0 {
		text = trimmed(s)
	}
	text, _, _ = strings.Cut(text, subaddress)
	return text, true
}

// trimmed returns the first number of a text without what surrounds it: "(530) 583-6985 x302/x2303" has a second one.
func trimmed(s string) string {
	start := strings.IndexFunc(s, func(r rune) bool { return strings.ContainsRune(pluses, r) || unicode.IsDigit(r) })
	if start < 0 {
		return ""
	}
	s = strings.TrimRightFunc(s[start:], func(r rune) bool { return r != '#' && !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	for i, r := range s {
		if (r == '/' || r == '\\') && strings.HasPrefix(strings.TrimLeft(s[i+1:], " "), "x") {
			return s[:i]
		}
	}
	return s
}

// global reports whether the context of a telephone URI is a number: a plus and digits, with marks between them.
func global(s string) bool {
	rest, ok := strings.CutPrefix(s, "+")
	foreign := func(r rune) bool { return !unicode.IsDigit(r) && !strings.ContainsRune("-.()", r) }
	return ok && !strings.ContainsFunc(rest, foreign) && strings.ContainsFunc(rest, unicode.IsDigit)
}

// domain reports whether the context of a telephone URI is the name of a host.
func domain(s string) bool {
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	for _, label := range labels {
		foreign := func(r rune) bool { return r != '-' && !letter(r) && !unicode.IsDigit(r) }
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, foreign) {
			return false
		}
	}
	return letter(rune(labels[len(labels)-1][0]))
}

func letter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

// viable reports whether a text can be a number: two digits and nothing else, or at least three with punctuation, and letters
// behind the third; an extension may follow.
func viable(s string) bool {
	if utf8.RuneCountInString(s) == 2 && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsDigit(r) }) < 0 {
		return true
	}
	s = strings.TrimLeft(s, pluses)
	third, end, count := 0, len(s), 0
	for i, r := range s {
		if unicode.IsDigit(r) {
			if count++; count == 3 {
				third = i + utf8.RuneLen(r)
			}
		} else if r != '*' && !strings.ContainsRune(punctuation, r) && (count < 3 || !letter(r) && !strings.ContainsRune(folded, r)) {
			end = i
			break
		}
	}
	if count < 3 || end == len(s) {
		return count >= 3
	}
	at := extension(s[third:])
	return at >= 0 && third+at <= end
}

// cutExtension cuts the extension off a viable text.
func cutExtension(s string) (number, digits string) {
	at := extension(s)
	if at < 0 || !viable(s[:at]) {
		return s, ""
	}
	tail := strings.TrimSuffix(s, "#")
	return s[:at], tail[len(strings.TrimRightFunc(tail, unicode.IsDigit)):]
}

// extension returns where the extension that ends a text begins, the earliest place if there are several, and -1 if it has none.
func extension(s string) int {
	if !strings.ContainsFunc(s, labels) {
		return -1
	}
	if at := extensions().FindStringIndex(s); at != nil {
		return at[0]
	}
	return -1
}

// labels reports whether a character is of those that tell an extension from the number.
func labels(r rune) bool { return strings.ContainsRune(",;#＃~～", r) || unicode.IsLetter(r) }

// extensions are the ways to write an extension. The more a label can mean something else, the fewer digits are taken for one:
// 20 after ";ext=" and what spells extension, 15 after what a telephone dials on by, 9 after a sign, 6 between a dash and #.
var extensions = sync.OnceValue(func() *regexp.Regexp {
	const (
		blanks   = `[ \x{a0}\t]*`
		commas   = `[ \x{a0}\t,]*`
		after    = `[:.\x{ff0e}]?[ \x{a0}\t,-]*`
		spelled  = `(?:e?xt(?:ensi(?:o\x{301}?|ó))?n?|ｅ?ｘｔｎ?|доб|anexo)`
		sign     = `(?:[xｘ#＃~～]|int|ｉｎｔ)`
		digit    = `\p{Nd}`
		dialOn   = `(?:,,|;)`
		standard = `;ext=`
	)
	return regexp.MustCompile(`(?i)(?:` + strings.Join([]string{
		standard + digit + `{1,20}`,
		commas + spelled + after + digit + `{1,20}#?`,
		commas + sign + after + digit + `{1,9}#?`,
		`[- ]+` + digit + `{1,6}#`,
		blanks + dialOn + after + digit + `{1,15}#?`,
		blanks + `,+` + after + digit + `{1,9}#?`,
	}, `|`) + `)$`)
})

// keypad is the digit that each letter is dialled by (ITU-T E.161), from A.
const keypad = "22233344455566677778889999"

// digits returns the digits of a viable text in ASCII. With three letters of ASCII or more it is a word to be dialled: letters
// become digits, and digits of other scripts are dropped.
func digits(s string) string {
	letters := 0
	for _, r := range s {
		if letter(r) {
			letters++
		}
	}
	to := digit
	if letters >= 3 {
		to = key
	}
	return strings.Map(to, s)
}

func key(r rune) rune {
	switch r = unicode.ToUpper(r); {
	case '0' <= r && r <= '9':
		return r
	case 'A' <= r && r <= 'Z':
		return rune(keypad[r-'A'])
	}
	return -1
}

// digit returns the digit that a decimal digit of any script stands for. They come in runs of ten.
func digit(r rune) rune {
	if '0' <= r && r <= '9' {
		return r
	}
	for _, run := range unicode.Nd.R16 {
		if rune(run.Lo) <= r && r <= rune(run.Hi) {
			return '0' + (r-rune(run.Lo))%10
		}
	}
	for _, run := range unicode.Nd.R32 {
		if rune(run.Lo) <= r && r <= rune(run.Hi) {
			return '0' + (r-rune(run.Lo))%10
		}
	}
	return -1
}
