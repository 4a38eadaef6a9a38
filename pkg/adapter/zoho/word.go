package zoho

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

func trimSlash(s string) string { return strings.TrimRight(s, "/") }

// word returns s if it can be an API name, else "": names come back from Zoho and go into errors.
func word(s string) string {
	if len(s) > 100 {
		return ""
	}
	for _, r := range s {
		if r != '_' && r != '$' && (r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r)) {
			return ""
		}
	}
	return s
}

// code returns an error code fit for a log line, "OTHER" for what cannot be one.
func code(s string) string {
	if s == "" || word(s) != s {
		return "OTHER"
	}
	return s
}

// longestMessage is what is kept of a message, in runes.
const longestMessage = 200

// cut returns Zoho's words without what may be a record's value: quoted text, words with @ or / or four digits in a row.
func cut(message string) string {
	var out []string
	quoted := false
	for _, w := range strings.Fields(strings.ToValidUTF8(message, "")) {
		opens := strings.Count(w, `"`)%2 == 1
		switch {
		case quoted || opens || strings.Contains(w, `"`) || strings.HasPrefix(w, "'") || private(w):
			if len(out) == 0 || out[len(out)-1] != "…" {
				out = append(out, "…")
			}
		default:
			out = append(out, w)
		}
		if opens {
			quoted = !quoted
		}
	}
	text := []rune(strings.Join(out, " "))
	return string(text[:min(len(text), longestMessage)])
}

func private(w string) bool {
	if strings.ContainsAny(w, "@/\\") {
		return true
	}
	run := 0
	for _, r := range w {
		if !unicode.IsPrint(r) {
			return true
		}
		if run++; !unicode.IsDigit(r) {
			run = 0
		}
		if run == 4 {
			return true
		}
	}
	return false
}
