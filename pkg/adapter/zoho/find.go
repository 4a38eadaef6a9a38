package zoho

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// The bounds of one query (https://www.zoho.com/crm/developer/docs/api/v8/COQL-Overview.html): the older limit of values in
// an in-list, 20 of the 25 criteria that are allowed, a length that nobody documents, and the rows of one answer.
const (
	maxIn       = 50
	maxCriteria = 20
	maxQuery    = 8000
	maxRows     = 200
	maxPages    = 10
)

// Find returns the records that carry one of the HubSpot ids or keys, each once. It asks by COQL, which does not lag behind
// writes as the search does, and then reads what it found; of a lead it returns the columns that leads have for certain, and
// a converted lead is not found. A value is asked for in the ways in which people write it (see spellings), and one with a
// character that COQL's rules leave open by the rest of it: more may be found than was asked for, and the caller compares
// again. Ids and keys that get no answer through a fault of their own, as one that too many records have, are told by a
// *fault.Unanswered beside the records of the others.
func (c *Client) Find(ctx context.Context, s crm.Search) ([]crm.Record, error) {
	const op = "zoho.Find"
	module, err := moduleName(op, s.Module)
	if err != nil {
		return nil, err
	}
	s.HubSpotIDs, s.Keys = distinct(s.HubSpotIDs), distinct(s.Keys)
	s.Keys = c.onLeads(s)
	keys, odd, err := c.found(ctx, op, module, s)
	if s.Module == crm.Leads && isInvalidQuery(err) { // the columns are those of contacts
		if err := c.learnLeads(ctx); err != nil {
			return nil, err
		}
		s.Keys = c.onLeads(s)
		keys, odd, err = c.found(ctx, op, module, s)
	}
	if err != nil {
		return nil, err
	}
	q := crm.Query{Module: s.Module, Keys: keys, Columns: s.Columns}
	if s.Module == crm.Leads { // the columns are those of contacts: a lead has no company to point to
		q.Columns = leadColumns(s)
	}
	records, err := c.living(ctx, q)
	if err == nil && odd != nil {
		return records, odd
	}
	return records, err
}

// isInvalidQuery reports whether Zoho does not know a column of a query.
func isInvalidQuery(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return ok && e.Code == "INVALID_QUERY"
}

// learnLeads asks which fields leads have. It is called where a contact's field was asked of leads that do not have it, and what it
// learns holds as long as the client.
func (c *Client) learnLeads(ctx context.Context) error {
	all, err := c.Definitions(ctx, crm.Leads)
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.leads = all
	}
	return err
}

// onLeads returns the keys of a search that its module has: a lead has no second phone, nor the fields that were made for contacts.
func (c *Client) onLeads(s crm.Search) []crm.MatchKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Module != crm.Leads || c.leads == nil {
		return s.Keys
	}
	return slices.DeleteFunc(slices.Clone(s.Keys), func(k crm.MatchKey) bool { _, ok := c.leads[k.Column.Property]; return !ok })
}

// distinct returns every member once.
func distinct[T comparable](in []T) (out []T) {
	for _, v := range in {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// found returns the ids of the records that a search names. Where it fails for what may be the fault of one of its ids and
// keys, each half is asked for by itself, until those at fault stand alone.
func (c *Client) found(ctx context.Context, op, module string, s crm.Search) (ids []string, odd *fault.Unanswered, err error) {
	ids, err = c.ids(ctx, op, module, s)
	first, second := halves(s)
	switch n := len(s.HubSpotIDs) + len(s.Keys); {
	case err == nil || !perhapsOfOne(err):
		return ids, nil, err
	case n < 2:
		return nil, fault.NewUnanswered(blamed(err, s), s), nil
	}
	for _, half := range []crm.Search{first, second} {
		some, bad, err := c.found(ctx, op, module, half)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range some {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		odd = odd.And(bad)
	}
	return ids, odd, nil
}

// perhapsOfOne reports whether a fault can be that of one value among many: too many records have it, or Zoho reads it otherwise than
// we wrote it.
func perhapsOfOne(err error) bool {
	k := fault.KindOf(err)
	return k == fault.Conflict || k == fault.Refused || k == fault.Ours
}

// blamed names the field of the one key that too many records have.
func blamed(err error, s crm.Search) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Code != fault.CauseCrowded || len(s.Keys) != 1 {
		return err
	}
	named, column := *e, s.Keys[0].Column
	named.Refused = []fault.Refusal{{Field: column.Field, Property: column.Property, Code: e.Code, Hint: fault.HintDuplicate, Message: e.Err.Error()}}
	return &named
}

// halves deals the ids and keys of a search out to two.
func halves(s crm.Search) (first, second crm.Search) {
	first, second = s, s
	ids, keys := len(s.HubSpotIDs), len(s.Keys)
	half := (ids + keys) / 2
	first.HubSpotIDs, second.HubSpotIDs = s.HubSpotIDs[:min(half, ids)], s.HubSpotIDs[min(half, ids):]
	first.Keys, second.Keys = s.Keys[:max(0, half-ids)], s.Keys[max(0, half-ids):]
	return first, second
}

// ids asks for the ids of the records that a search names, each once.
func (c *Client) ids(ctx context.Context, op, module string, s crm.Search) ([]string, error) {
	where, err := criteria(op, s)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, some := range packed(where) {
		rows, err := c.query(ctx, op, "select id, "+modifiedTime+" from "+module+" where "+either(some))
		if err != nil {
			return nil, err
		}
		for _, w := range rows {
			if id := w.text("id"); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// living reads the records that were found; who is gone meanwhile is left out.
func (c *Client) living(ctx context.Context, q crm.Query) ([]crm.Record, error) {
	readings, err := c.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []crm.Record
	for _, r := range readings {
		if !r.Gone {
			out = append(out, r.Record)
		}
	}
	return out, nil
}

// query asks for all rows of a select.
func (c *Client) query(ctx context.Context, op, text string) ([]wire, error) {
	var all []wire
	for page := range maxPages {
		body := map[string]string{"select_query": fmt.Sprintf("%s limit %d, %d", text, page*maxRows, maxRows)}
		var a records
		answer, err := c.read(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: "/coql", Body: body}, &a)
		if err == nil {
			err = a.complete(op, answer.Status)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, a.Data...)
		if !a.Info.More {
			return all, nil
		}
	}
	return nil, &fault.Error{Op: op, Kind: fault.Conflict, Code: fault.CauseCrowded, Err: errors.New("more records than can be told apart")}
}

// shared are the fields by which people are told apart that leads have as contacts have them
// (https://www.zoho.com/crm/developer/docs/api/v8/field-meta.html).
var shared = []string{"Last_Name", "First_Name", "Email", "Secondary_Email", "Phone", "Mobile", "Fax"}

// leadColumns returns the columns of a search that leads have: those of its keys, and what is compared besides them.
func leadColumns(s crm.Search) []crm.Column {
	var out []crm.Column
	for _, k := range s.Keys {
		out = append(out, k.Column)
	}
	for _, col := range s.Columns {
		if slices.Contains(shared, col.Property) {
			out = append(out, col)
		}
	}
	return distinct(out)
}

// wanted are the values that are asked for in one property: as they are, and as patterns.
type wanted struct{ exact, patterns []string }

// criteria returns the conditions of a search: one per property and 50 values, and one per pattern.
func criteria(op string, s crm.Search) ([]string, error) {
	values := map[string]*wanted{}
	var order []string
	add := func(property string, exact, patterns []string) {
		if values[property] == nil {
			values[property] = &wanted{}
			order = append(order, property)
		}
		w := values[property]
		w.exact, w.patterns = append(w.exact, exact...), append(w.patterns, patterns...)
	}
	for _, id := range s.HubSpotIDs {
		if s.Module != crm.Leads && id != "" {
			add(HubSpotID, []string{id}, nil)
		}
	}
	for _, k := range s.Keys {
		if word(k.Column.Property) == "" {
			return nil, ours(op, "a key without the name of a property")
		}
		if k.Value != "" {
			exact, patterns := spellings(k)
			add(k.Column.Property, exact, patterns)
		}
	}
	var out []string
	for _, property := range order {
		exact, open := parted(distinct(values[property].exact))
		for some := range slices.Chunk(exact, maxIn) {
			out = append(out, property+" in ("+quoted(some)+")")
		}
		for _, p := range values[property].patterns {
			open = append(open, opened(p))
		}
		for _, pattern := range distinct(open) {
			out = append(out, property+" like "+quoted([]string{pattern}))
		}
	}
	return out, nil
}

// parted returns the values that can be asked for as they are, and the others as patterns. A value of nothing else finds nothing.
func parted(values []string) (exact, open []string) {
	for _, v := range values {
		switch pattern := opened(v); {
		case pattern == v:
			exact = append(exact, v)
		case strings.Trim(pattern, "% ") != "":
			open = append(open, pattern)
		}
	}
	return exact, open
}

// opened leaves open what COQL's rules say nothing of: a backslash, a control character.
func opened(v string) string {
	return strings.Map(func(r rune) rune {
		if r == '\\' || unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '%'
		}
		return r
	}, v)
}

// packed deals conditions out to queries.
func packed(conditions []string) [][]string {
	var out [][]string
	size := 0
	for _, one := range conditions {
		last := len(out) - 1
		if last < 0 || len(out[last]) == maxCriteria || size+len(one) > maxQuery {
			out, last, size = append(out, nil), last+1, 0
		}
		out[last] = append(out[last], one)
		size += len(one)
	}
	return out
}

// either joins conditions with or. COQL wants them grouped in pairs: ((a or b) or c).
func either(conditions []string) string {
	text := conditions[0]
	for _, next := range conditions[1:] {
		text = "(" + text + " or " + next + ")"
	}
	return text
}

// quoted writes values as COQL's strings: a quote is doubled.
func quoted(values []string) string {
	var out []string
	for _, v := range values {
		out = append(out, "'"+strings.ReplaceAll(v, "'", "''")+"'")
	}
	return strings.Join(out, ", ")
}

// spellings returns the ways in which a canonical value is written in Zoho: exactly so, and as patterns, of which each finds what
// reads as the value and little else. COQL's % stands for any run of characters, none included.
//
// A phone and a registration number are known by their digits, whatever stands between them; a website by where its host begins; a
// name by its words. A domain needs no exact form beside its patterns.
func spellings(k crm.MatchKey) (exact, patterns []string) {
	switch k.Column.Type {
	case crm.TypeDomain:
		return nil, []string{k.Value + "%", "%//" + k.Value + "%", "%www." + k.Value + "%"}
	case crm.TypePhone:
		bare := strings.TrimPrefix(k.Value, "+")
		exact = []string{k.Value, bare, "00" + bare}
		if d := figures(bare); len(d) >= fewestFigures {
			// The last ones alone: country codes, trunk prefixes and the 9 or 15 of mobiles come and go before them.
			patterns = []string{scattered(d[len(d)-fewestFigures:])}
		}
		return exact, patterns
	case crm.TypeText:
		if d := figures(k.Value); len(d) >= fewestFigures {
			return []string{k.Value}, []string{scattered(d)}
		}
		if words := strings.Fields(k.Value); len(words) > 1 && utf8.RuneCountInString(k.Value) >= fewestLetters {
			return []string{k.Value}, []string{strings.Join(words, "%")}
		}
	}
	return []string{k.Value}, nil
}

// Shorter values are asked for as they are only: a pattern of less would find half of the module.
const (
	fewestFigures = 7 // of a million phones a hundred have seven given digits in their order by chance
	fewestLetters = 6
)

// figures returns the digits of a value.
func figures(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// scattered is the pattern of digits that stand in this order, with anything between them.
func scattered(digits string) string {
	return "%" + strings.Join(strings.Split(digits, ""), "%") + "%"
}
