// Package canon holds the canonical forms of values: two spellings of one thing have one form, so that two systems can be
// compared and a look-up key is the same whoever typed it.
//
// It is pure functions over text. It knows no field, no system, no picklist (mapping does), and it never guesses: what has
// no canonical form is an error, which names the rule that was broken and never the value. Every form is a fixed point: the
// form of a form is itself.
package canon

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

var (
	errEmail   = errors.New("not an e-mail address of the form name@host.tld")
	errDomain  = errors.New("not a web address or host name")
	errNumber  = errors.New("not a decimal number with digits and at most one point")
	errDate    = errors.New("not a date of the form YYYY-MM-DD")
	errInstant = errors.New("not a date and time with its offset from UTC")
	errBool    = errors.New("neither true nor false")
)

// Text returns s in NFC with line ends as LF, without control characters other than tab and LF, and without space around
// it. Bytes that are not UTF-8 become U+FFFD.
func Text(s string) string {
	if strings.IndexFunc(s, needsWork) >= 0 {
		s = strings.ToValidUTF8(s, "\uFFFD")
		s = strings.ReplaceAll(s, "\r\n", "\n")
		s = strings.Map(keep, s)
	}
	return strings.TrimSpace(norm.NFC.String(s))
}

func needsWork(r rune) bool { return keep(r) != r || r == unicode.ReplacementChar }

// keep drops the control characters that a CRM drops too, or chokes on.
func keep(r rune) rune {
	switch {
	case r == '\r':
		return '\n'
	case r == '\n' || r == '\t':
		return r
	case r < ' ' || r == 0x7f:
		return -1
	}
	return r
}

// Cut returns the first limit runes of canonical text, without the space that the cut may leave at the end. A limit of 0
// cuts nothing.
func Cut(s string, limit int) string {
	if limit <= 0 || len(s) <= limit {
		return s
	}
	n := 0
	for at := range s {
		if n == limit {
			return strings.TrimSpace(s[:at])
		}
		n++
	}
	return s
}

// Fold returns the form by which two names are compared: text, lower case, one space between words.
func Fold(s string) string {
	return lower(strings.Join(strings.Fields(Text(s)), " "))
}

// Code returns the form by which two registration numbers are compared: letters and digits only, upper case, in NFC: what
// stood between two letters may have kept them from composing.
func Code(s string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, Text(s)))
}

// lower returns s in lower case and NFC: the lower case of a character may compose with the mark after it.
func lower(s string) string { return norm.NFC.String(strings.ToLower(s)) }

// visible drops characters that cannot be seen (zero-width space, direction marks), which come with copied addresses and
// numbers.
func visible(s string) string {
	for _, r := range s {
		if unicode.Is(unicode.Cf, r) {
			return strings.Map(func(r rune) rune {
				if unicode.Is(unicode.Cf, r) {
					return -1
				}
				return r
			}, s)
		}
	}
	return s
}
