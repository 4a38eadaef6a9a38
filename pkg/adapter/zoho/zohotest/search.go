package zohotest

import (
	"net/http"
	"slices"
	"strings"
)

// search answers GET /{Module}/search (Zoho docs: Search Records): of criteria, email, phone and word the first counts; it shows the state
// of SearchLag ago; 204 when there is nothing. How phones are compared is not documented: as they stand.
func (s *Server) search(c *call) reply {
	m := s.modules[c.module]
	fields, refused := fieldsOf(c, false)
	if refused != nil {
		return refused.reply()
	}
	match, refused := s.searched(c, m)
	if refused != nil {
		return refused.reply()
	}
	at := c.at.Add(-s.opt.SearchLag)
	var rows []*record
	for _, r := range m.list {
		// A record that has gone meanwhile is not shown; one that is not indexed yet neither.
		if v := r.asOf(at); v != nil && r.asOf(c.at) != nil && match(r, v) {
			rows = append(rows, r)
		}
	}
	rows = rows[:min(len(rows), pageReach)]
	from, to, info, refused := s.page(c, len(rows), mostPerPage)
	if refused != nil {
		return refused.reply()
	}
	if from == to {
		return empty(http.StatusNoContent)
	}
	out := make([]any, 0, to-from)
	for _, r := range rows[from:to] {
		out = append(out, s.row(r, r.asOf(at), fields, at))
	}
	return asJSON(http.StatusOK, map[string]any{"data": out, "info": info})
}

type matcher func(r *record, v *version) bool

func (s *Server) searched(c *call, m *module) (matcher, *refusal) {
	for _, kind := range []string{"criteria", "email", "phone", "word"} {
		text := c.query.Get(kind)
		if text == "" {
			continue
		}
		if len(text) < 2 {
			return nil, invalidData("invalid data", map[string]any{"param_name": kind, "minimum_length": 2})
		}
		if kind == "criteria" {
			p := &criteria{s: s, m: m, rest: text}
			match := p.parse()
			if p.bad != nil || p.rest != "" {
				return nil, &refusal{code: "INVALID_QUERY", message: "Invalid query formed", details: map[string]any{"reason": "the given criteria is invalid", "api_name": "criteria"}}
			}
			return match, nil
		}
		var fields []*Field
		for _, f := range m.order {
			if f.Type == kind || kind == "word" && slices.Contains([]string{"text", "textarea", "email", "phone", "website"}, f.Type) {
				fields = append(fields, f)
			}
		}
		return func(r *record, v *version) bool {
			return slices.ContainsFunc(fields, func(f *Field) bool {
				have := fold(s.text(r, v, f, v.at))
				return have == fold(text) || kind == "word" && strings.Contains(have, fold(text))
			})
		}, nil
	}
	return nil, &refusal{code: "REQUIRED_PARAM_MISSING", message: "One of the expected parameter is missing", details: map[string]any{"param_names": []string{"criteria", "email", "phone", "word"}}}
}

// criteria reads ((Last_Name:equals:Burns\,B)and(First_Name:starts_with:M)): at most ten criteria; a backslash escapes
// ( ) , and itself.
type criteria struct {
	s     *Server
	m     *module
	rest  string
	count int
	bad   *refusal
}

func (p *criteria) take(prefix string) bool {
	rest, ok := strings.CutPrefix(p.rest, prefix)
	p.rest = rest
	return ok
}

func (p *criteria) fail() matcher {
	p.bad = syntaxError(p.rest)
	return nil
}

func (p *criteria) parse() matcher {
	if !p.take("(") {
		return p.fail()
	}
	if !strings.HasPrefix(p.rest, "(") {
		return p.single()
	}
	left := p.parse()
	for p.bad == nil && !p.take(")") {
		or := strings.HasPrefix(p.rest, "or")
		if !p.take("and") && !p.take("or") {
			return p.fail()
		}
		a, b := left, p.parse()
		left = func(r *record, v *version) bool {
			if or {
				return a(r, v) || b(r, v)
			}
			return a(r, v) && b(r, v)
		}
	}
	return left
}

func (p *criteria) single() matcher {
	if p.count++; p.count > 10 {
		return p.fail()
	}
	name, rest, ok1 := strings.Cut(p.rest, ":")
	operator, rest, ok2 := strings.Cut(rest, ":")
	f := p.m.fields[name]
	if f == nil && name == "id" {
		f = idField
	}
	if p.rest = rest; !ok1 || !ok2 || f == nil {
		return p.fail()
	}
	values, ok := p.values()
	if !ok || operator == "in" && len(values) > mostInList || operator != "in" && len(values) != 1 {
		return p.fail()
	}
	test, ok := map[string]func(have, want string) bool{
		"equals":      strings.Contains, // equals behaves like contains (Zoho docs: Search Records)
		"in":          strings.Contains,
		"starts_with": strings.HasPrefix,
		"not_equal":   func(have, want string) bool { return have != want },
	}[operator]
	if !ok {
		return p.fail()
	}
	return func(r *record, v *version) bool {
		have := fold(p.s.operand(r, v, f))
		return slices.ContainsFunc(values, func(want string) bool { return test(have, fold(want)) })
	}
}

// values reads up to the closing parenthesis.
func (p *criteria) values() ([]string, bool) {
	var out []string
	var b strings.Builder
	for i := 0; i < len(p.rest); i++ {
		switch ch := p.rest[i]; ch {
		case '\\':
			if i++; i >= len(p.rest) {
				return nil, false
			}
			b.WriteByte(p.rest[i])
		case ',':
			out = append(out, b.String())
			b.Reset()
		case ')':
			p.rest = p.rest[i+1:]
			return append(out, b.String()), true
		case '(':
			return nil, false
		default:
			b.WriteByte(ch)
		}
	}
	return nil, false
}
