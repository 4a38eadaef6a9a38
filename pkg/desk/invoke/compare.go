package invoke

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// anything, as an expected text, accepts every text that says something.
const anything = "*"

// Compare returns what differs between what was expected and what was seen, a line each, nil when nothing does.
func Compare(want Expected, seen Outcome) []string {
	out := differ("answer", tree(want.Answer), tree(seen.Answer))
	return append(out, differ("effect", tree(want.Effect), tree(seen.Effect))...)
}

// tree returns a value as JSON has it, numbers with all their digits. What is no JSON is its own text.
func tree(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return string(text)
	}
	return out
}

func differ(at string, want, seen any) []string {
	switch w := want.(type) {
	case map[string]any:
		if s, ok := seen.(map[string]any); ok {
			return differMaps(at, w, s)
		}
	case []any:
		if s, ok := seen.([]any); ok && len(s) == len(w) {
			var out []string
			for i := range w {
				out = append(out, differ(fmt.Sprintf("%s[%d]", at, i), w[i], s[i])...)
			}
			return out
		}
	default:
		text, isText := seen.(string)
		if want == seen || want == anything && isText && text != "" {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: expected %s, saw %s", at, words(want), words(seen))}
}

func differMaps(at string, want, seen map[string]any) []string {
	keys := map[string]bool{}
	for k := range want {
		keys[k] = true
	}
	for k := range seen {
		keys[k] = true
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		w, expected := want[k]
		s, there := seen[k]
		switch place := at + "." + k; {
		case !expected:
			out = append(out, fmt.Sprintf("%s: nothing expected, saw %s", place, words(s)))
		case !there:
			out = append(out, fmt.Sprintf("%s: expected %s, saw nothing", place, words(w)))
		default:
			out = append(out, differ(place, w, s)...)
		}
	}
	return out
}

func words(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(string(text))
}
