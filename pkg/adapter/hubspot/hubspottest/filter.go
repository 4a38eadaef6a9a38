package hubspottest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// operators tells what each needs: one value, a second one, or a list. HubSpot docs: Search, "Filter operators".
var operators = map[string]string{
	"EQ": "value", "NEQ": "value", "LT": "value", "LTE": "value", "GT": "value", "GTE": "value", "BETWEEN": "highValue",
	"IN": "values", "NOT_IN": "values", "HAS_PROPERTY": "", "NOT_HAS_PROPERTY": "", "CONTAINS_TOKEN": "value", "NOT_CONTAINS_TOKEN": "value",
}

// filters checks the filter groups.
func (t *table) filters(groups *[]filterGroup) ([]filterGroup, *refusal) {
	if groups == nil {
		return nil, nil
	}
	if n := len(*groups); n > maxGroups {
		return nil, badJSON("too many filterGroups (count: " + strconv.Itoa(n) + ", max allowed: 5)")
	}
	all := 0
	for _, g := range *groups {
		if n := len(g.Filters); n > maxFilters {
			return nil, badJSON("too many filters per filterGroup (count: " + strconv.Itoa(n) + ", max allowed: 6)")
		}
		all += len(g.Filters)
		for i := range g.Filters {
			if r := t.filter(&g.Filters[i]); r != nil {
				return nil, r
			}
		}
	}
	if all > maxAllFilters {
		return nil, badJSON("too many filters (count: " + strconv.Itoa(all) + ", max allowed: 18)")
	}
	return *groups, nil
}

func (t *table) filter(f *filter) *refusal {
	f.def = t.property(f.Property)
	if of := calculated[f.Property]; f.def == nil && of != "" && t.module == crm.Contacts {
		f.def = &Property{Name: f.Property, Type: "string", ReadOnly: true}
	}
	if f.def == nil {
		return invalid("There was a problem with the request: property " + f.Property + " does not exist") // assembled
	}
	needs, known := operators[f.Operator]
	switch {
	case !known:
		return badJSON("unknown operator " + f.Operator)
	case needs == "values" && len(f.Values) == 0, needs == "highValue" && (f.Value == "" || f.High == ""), needs == "value" && f.Value == "":
		return badJSON("operator " + f.Operator + " needs " + needs)
	}
	return nil
}

// matching returns the records that any of the groups accepts, in order of creation. A search whose every
// group names e-mail addresses or domains is answered from the index.
func (t *table) matching(groups []filterGroup, query string, at time.Time) []*record {
	candidates := t.candidates(groups)
	var hits []*record
	for _, r := range candidates {
		if r.is(living, at) && accepted(groups, r, at) && (query == "" || t.mentions(r, query, at)) {
			hits = append(hits, r)
		}
	}
	return hits
}

// candidates are the records that can match at all.
func (t *table) candidates(groups []filterGroup) []*record {
	var few []*record
	for _, g := range groups {
		i := slices.IndexFunc(g.Filters, func(f filter) bool {
			return (f.Operator == "EQ" || f.Operator == "IN") && (f.Property == "email" || f.Property == "domain")
		})
		if i < 0 {
			return t.all
		}
		for _, v := range append(g.Filters[i].Values, string(g.Filters[i].Value)) {
			few = append(few, t.index[g.Filters[i].Property+"\x00"+strings.ToLower(v)]...)
		}
	}
	if len(groups) == 0 {
		return t.all
	}
	slices.SortFunc(few, func(a, b *record) int { return int(number(a.id) - number(b.id)) })
	return slices.Compact(few)
}

// calculated are the properties by which a phone number is searched, and what they are made of: digits, the area code and the
// local number, no country code. HubSpot docs: Search, "Search by phone number". Of which country a number is, is known here of
// Italian ones only; of others all digits stand.
var calculated = map[string]string{"hs_searchable_calculated_phone_number": "phone", "hs_searchable_calculated_mobile_number": "mobilephone"}

// of is the value that a filter compares.
func (f *filter) of(r *record, at time.Time) string {
	source := calculated[f.Property]
	if source == "" {
		return r.value(f.Property, at)
	}
	digits := strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, r.value(source, at))
	return strings.TrimPrefix(digits, "39")
}

func accepted(groups []filterGroup, r *record, at time.Time) bool {
	for _, g := range groups {
		if !slices.ContainsFunc(g.Filters, func(f filter) bool { return !f.accepts(f.of(r, at)) }) {
			return true
		}
	}
	return len(groups) == 0
}

// accepts compares one value. Text is compared without case, but for IN and NOT_IN, whose values must be lower case already;
// enumerations are compared in their case. HubSpot docs: Search, "Filter search results".
func (f *filter) accepts(v string) bool {
	switch f.Operator {
	case "HAS_PROPERTY":
		return v != ""
	case "NOT_HAS_PROPERTY":
		return v == ""
	case "IN":
		return v != "" && slices.Contains(f.Values, f.fold(v))
	case "NOT_IN":
		return !slices.Contains(f.Values, f.fold(v))
	case "NEQ":
		return f.compare(v, string(f.Value)) != 0
	case "CONTAINS_TOKEN":
		return containsToken(v, string(f.Value))
	case "NOT_CONTAINS_TOKEN":
		return !containsToken(v, string(f.Value))
	}
	if v == "" {
		return false
	}
	c := f.compare(v, string(f.Value))
	switch f.Operator {
	case "EQ":
		return c == 0
	case "LT":
		return c < 0
	case "LTE":
		return c <= 0
	case "GT":
		return c > 0
	case "GTE":
		return c >= 0
	}
	return c >= 0 && f.compare(v, string(f.High)) <= 0 // BETWEEN
}

func (f *filter) fold(v string) string {
	if f.def.Type == "enumeration" {
		return v
	}
	return strings.ToLower(v)
}

func (f *filter) compare(a, b string) int { return compare(f.def, a, b) }

// compare orders two values of a property: instants, dates and numbers by what they mean.
func compare(p *Property, a, b string) int {
	switch p.Type {
	case "date", "datetime":
		x, _ := parseInstant(a)
		y, _ := parseInstant(b)
		return x.Compare(y)
	case "number":
		x, _ := strconv.ParseFloat(a, 64)
		y, _ := strconv.ParseFloat(b, 64)
		return cmp.Compare(x, y)
	case "enumeration":
		return strings.Compare(a, b)
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

// containsToken matches a word of the text; "*" stands for any letters at an end.
func containsToken(v, token string) bool {
	word := strings.Trim(strings.ToLower(token), "*")
	open, shut := strings.HasPrefix(token, "*"), strings.HasSuffix(token, "*")
	for _, w := range strings.FieldsFunc(strings.ToLower(v), func(r rune) bool { return strings.ContainsRune(" ,;.@/-", r) }) {
		if w == word || open && strings.HasSuffix(w, word) || shut && strings.HasPrefix(w, word) || open && shut && strings.Contains(w, word) {
			return true
		}
	}
	return strings.EqualFold(v, word)
}

// searched are the properties that "query" looks into. HubSpot docs: Search, "Search default searchable properties".
var searched = []string{"firstname", "lastname", "email", "phone", "mobilephone", "company", "hs_additional_emails", "name", "domain", "website"}

func (t *table) mentions(r *record, query string, at time.Time) bool {
	return slices.ContainsFunc(searched, func(name string) bool {
		return t.property(name) != nil && strings.Contains(strings.ToLower(r.value(name, at)), strings.ToLower(query))
	})
}

func (t *table) sort(hits []*record, by searchSort, at time.Time) *refusal {
	p := t.property(by.Property)
	if p == nil {
		return invalid("There was a problem with the request: property " + by.Property + " does not exist") // assembled
	}
	down := by.Direction == "DESCENDING"
	slices.SortStableFunc(hits, func(a, b *record) int {
		c := compare(p, a.value(p.Name, at), b.value(p.Name, at))
		if down {
			return -c
		}
		return c
	})
	return nil
}
