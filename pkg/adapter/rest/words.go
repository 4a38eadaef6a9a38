package rest

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// folded is the longest value that is looked for in any mixture of upper and lower case, in bytes: a pattern of a whole essay
// takes seconds.
const folded = 1000

// Without cuts values out of a vendor's words, longest first, in any case of letters: what we sent is a person's data. Values
// of one or two characters stay: cut out, they would leave no word whole.
func Without(message string, sent []string) string {
	values := slices.DeleteFunc(slices.Clone(sent), func(s string) bool { return utf8.RuneCountInString(s) < 3 })
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	for _, v := range values {
		if len(v) > folded || !utf8.ValidString(v) { // of bytes that are no text there is no pattern
			message = strings.NewReplacer(v, "…", strings.ToLower(v), "…", strings.ToUpper(v), "…").Replace(message)
			continue
		}
		if re, err := regexp.Compile("(?i)" + regexp.QuoteMeta(v)); err == nil {
			message = re.ReplaceAllString(message, "…")
		}
	}
	return message
}
