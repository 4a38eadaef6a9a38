package chat

import (
	"strings"
	"unicode"
)

// Plain returns text as a CRM may be sent it: line ends as LF, and in place of every other control character, of what is not
// UTF-8 and of U+FFFE and U+FFFF the sign U+FFFD, so that one sees that something was there. Some stores refuse a NUL, others
// end the text at it.
func Plain(s string) string {
	return strings.Map(printable, ends.Replace(strings.ToValidUTF8(s, "\uFFFD")))
}

var ends = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

func printable(r rune) rune {
	if r == '\n' || r == '\t' {
		return r
	}
	if unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF {
		return unicode.ReplacementChar
	}
	return r
}

// Named returns what somebody calls himself, plain and on one line, without the signs that set the direction of the text behind them
// (Unicode UAX #9, explicit ones); "" where nothing of it can be seen.
func Named(s string) string {
	s = strings.Join(strings.Fields(strings.Map(undirected, Plain(s))), " ")
	if strings.ContainsFunc(s, visible) {
		return s
	}
	return ""
}

func undirected(r rune) rune {
	if unicode.Is(unicode.Bidi_Control, r) {
		return -1
	}
	return r
}

// visible reports whether a sign shows anything. The fillers are letters and a symbol to Unicode, and blank to everybody.
func visible(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) && !strings.ContainsRune("\u115F\u1160\u3164\uFFA0\u2800", r)
}

// line returns plain text on one line: a slash stands for the end of a line, and there is one space between words.
func line(s string) string {
	var parts []string
	for part := range strings.SplitSeq(Plain(s), "\n") {
		if words := strings.Fields(part); len(words) > 0 {
			parts = append(parts, strings.Join(words, " "))
		}
	}
	return strings.Join(parts, " / ")
}
