package digest

import (
	"net/url"
	"strings"
	"unicode"
)

// clean makes foreign text fit for one line of a mail: control characters and line breaks become a space, and the marks
// that turn the reading direction or hide (Unicode category Cf) go. A text that is not UTF-8 shows where it is broken.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsControl(r), unicode.IsSpace(r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}

// cut returns the first n characters of s, with an ellipsis for what is missing.
func cut(s string, n int) string {
	count := 0
	for i := range s {
		if count == n {
			return s[:i] + "…"
		}
		count++
	}
	return s
}

// web returns the address if it is one that a mail may link to, "" otherwise.
func web(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || address != clean(address) {
		return ""
	}
	return u.String()
}
