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

// Name returns what somebody calls himself, on one line and with one space between words; "" where nothing of it is seen. The signs
// that turn the reading direction go: around it stand the words of others.
func Name(s string) string {
	if !seen(s) {
		return ""
	}
	return strings.Join(strings.Fields(unturned(Plain(s))), " ")
}

// line returns plain text on one line: a slash stands for the end of a line, and there is one space between words. What is not seen is
// no text, and what turns the reading direction goes, as in a name.
func line(s string) string {
	s = unturned(Plain(s))
	if !seen(s) {
		return ""
	}
	var parts []string
	for part := range strings.SplitSeq(s, "\n") {
		if words := strings.Fields(part); len(words) > 0 {
			parts = append(parts, strings.Join(words, " "))
		}
	}
	return strings.Join(parts, " / ")
}

// unturned returns the text without the signs that turn the reading direction.
func unturned(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s)
}

// unseen are the characters of which nothing is seen, but for controls and spaces: those that format, join, tag or vary others, fillers,
// and two that are drawn as a space.
var unseen = []*unicode.RangeTable{
	unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
	{R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}}, R32: []unicode.Range32{{Lo: 0x1D159, Hi: 0x1D159, Stride: 1}}},
}

// seen reports whether there is anything to see of a text.
func seen(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsControl(r) && !unicode.IsSpace(r) && !unicode.In(r, unseen...)
	})
}
