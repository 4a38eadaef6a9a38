package canon

import (
	"slices"
	"strings"
)

// Bool returns "true" or "false".
func Bool(s string) (string, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true":
		return "true", nil
	case "false":
		return "false", nil
	}
	return "", errBool
}

// Members returns the members of a multi-select, whose raw text joins them with ";": each as canonical text, none empty,
// none twice, sorted.
func Members(s string) []string {
	var out []string
	for m := range strings.SplitSeq(Text(s), ";") {
		if m = Text(m); m != "" {
			out = append(out, m)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Multi returns a set of members as one text, "" for the empty set.
func Multi(s string) string { return strings.Join(Members(s), ";") }
