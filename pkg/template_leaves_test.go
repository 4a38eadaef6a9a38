package pkg_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unheld are the values that only people read, or that stand for nothing outside of where they stand. Descriptions of alarms, parameters and
// outputs must be there and say something; the names of alarms are those of the runbook.
var unheld = regexp.MustCompile(`Description$|^Metadata\.|\.AlarmName\.|\.Sid$|\.PolicyName$|\.Metrics\.#\.(Id|Label)$`)

// leaf is a scalar of the template, or a list that loses its last member: where it stands, ids and places left out, and what changes it.
type leaf struct {
	place, path string
	value       any
	set         func(any)
}

// leaves are the leaves below a value.
func leaves(v any, place, path []string, set func(any), kinds func(path []string) string) (out []leaf) {
	below := func(key, as string, v any, set func(any)) {
		inner := append(slices.Clone(path), key)
		if len(inner) == 2 {
			as = kinds(inner)
		}
		out = append(out, leaves(v, append(slices.Clone(place), as), inner, set, kinds)...)
	}
	switch v := v.(type) {
	case object:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			below(key, key, v[key], func(to any) { v[key] = to })
		}
		return out
	case []any:
		for i, m := range v {
			below(fmt.Sprint(i), "#", m, func(to any) { v[i] = to })
		}
	}
	return append(out, leaf{strings.Join(place, "."), strings.Join(path, "."), v, set})
}

// other is another value in the place of one.
func other(v any) any {
	switch v := v.(type) {
	case []any:
		return v[:max(len(v)-1, 0)]
	case string:
		switch {
		case v == "true":
			return "false"
		case v == "false":
			return "true"
		case number(v) >= 0:
			return fmt.Sprint(number(v) + 7)
		}
		return v + "X"
	}
	return "X"
}

func TestEveryValueOfTheTemplateIsHeldBySomeRule(t *testing.T) {
	tpl, c, seen := theTemplate(t), theCode(t), map[string]bool{}
	all := leaves(tpl.object, nil, nil, nil, func(path []string) string {
		switch path[0] {
		case "Resources":
			return word(at(tpl.resources()[path[1]], "Type"))
		case "Parameters", "Outputs":
			return path[0]
		}
		return path[1]
	})
	order := slices.Clone(rules) // those that found something lately first
	for _, l := range all {
		if l.set == nil || seen[l.place] || unheld.MatchString(l.place) {
			continue
		}
		seen[l.place] = true
		l.set(other(l.value))
		i := slices.IndexFunc(order, func(r rule) bool { return len(r.check(tpl, c)) > 0 })
		if l.set(l.value); i < 0 {
			t.Errorf("%s may be anything: %s", l.path, spelt(l.value))
			continue
		}
		order[0], order[i] = order[i], order[0]
	}
	if len(seen) < 200 {
		t.Errorf("only %d values were changed", len(seen))
	}
	t.Logf("%d values", len(seen))
}
