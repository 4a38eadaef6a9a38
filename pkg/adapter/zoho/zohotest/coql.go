package zohotest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

const (
	mostRows    = 200   // rows of one query (v7; v8 may allow 2000; Zoho docs: COQL; the stricter one)
	mostOffset  = 10000 // rows that limit can reach
	mostColumns = 50
	mostInList  = 100

	mostCriteria = 25

	longestQuery = 20000 // characters; not documented, it keeps the parser's recursion within bounds
)

// coql answers POST /coql (Zoho docs: COQL): it does not lag, shows lookups as {id} only, 204 when there are no rows. Converted
// leads are hidden unless the criteria name Converted__s (measured by two public projects on their orgs).
func (s *Server) coql(c *call) reply {
	var body struct {
		Query string `json:"select_query"`
	}
	if err := decodeStrict(c.body, &body); err != nil || body.Query == "" {
		return (&refusal{code: "MANDATORY_NOT_FOUND", message: "required field not found", details: map[string]any{"api_name": "select_query", "json_path": "$.select_query"}}).reply()
	}
	if len(body.Query) > longestQuery {
		return (&refusal{code: "LIMIT_EXCEEDED", message: "the query is too long", details: map[string]any{"limit": longestQuery}}).reply()
	}
	q, refused := parseQuery(body.Query)
	if refused != nil {
		return refused.reply()
	}
	m := s.modules[q.module]
	if m == nil {
		return (&refusal{code: "INVALID_QUERY", message: "module name given seems to be invalid", details: map[string]any{"module_name": q.module}}).reply()
	}
	if refused := s.outside(c, moduleScope(q.module, "READ")); refused != nil {
		return refused.reply()
	}
	if refused := s.bind(m, q); refused != nil {
		return refused.reply()
	}
	var rows []*record
	hide := !q.where.names(converted)
	for _, r := range m.list {
		if v := r.asOf(c.at); v != nil && !(hide && v.values[converted] == true) && q.where.holds(s, r, v) {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b *record) int { return q.compare(s, a, b, c) })
	total := len(rows)
	from := min(q.offset, total)
	rows = rows[from:min(from+q.limit, total)]
	c.cost = 1
	if len(rows) == 0 {
		return empty(http.StatusNoContent)
	}
	out := make([]any, len(rows))
	for i, r := range rows {
		out[i] = s.columns(m, r, r.asOf(c.at), q.columns, c)
	}
	return asJSON(http.StatusOK, map[string]any{"data": out, "info": map[string]any{"count": len(out), "more_records": from+len(out) < total}})
}

func (s *Server) columns(m *module, r *record, v *version, names []string, c *call) map[string]any {
	out := map[string]any{"id": r.id}
	for _, name := range names {
		f, inner, _ := s.column(m, name)
		switch {
		case name == "id":
		case inner != nil:
			id, _ := v.values[f.Name].(string)
			to := s.modules[f.Lookup].records[id]
			if out[name] = any(nil); to != nil && to.asOf(c.at) != nil {
				out[name] = s.show(to, to.asOf(c.at), inner, c.at)
			}
		default:
			x := s.read(r, v, f, c.at)
			if o, ok := x.(map[string]any); ok {
				x = map[string]any{"id": o["id"]}
			}
			out[name] = x
		}
	}
	return out
}

// column finds a column: a field, or a field of the record that a lookup points to.
func (s *Server) column(m *module, name string) (f, inner *Field, ok bool) {
	if name == "id" {
		return idField, nil, true
	}
	head, tail, dotted := strings.Cut(name, ".")
	f = m.fields[head]
	if f == nil {
		return nil, nil, false
	}
	if !dotted {
		return f, nil, true
	}
	if f.Type != "lookup" {
		return nil, nil, false
	}
	inner = s.modules[f.Lookup].fields[tail]
	return f, inner, inner != nil
}

var idField = &Field{Name: "id", Type: "bigint", ReadOnly: true}

// bind checks the names and the literals of a query against the module.
func (s *Server) bind(m *module, q *query) *refusal {
	for _, name := range q.columns {
		if _, _, ok := s.column(m, name); !ok {
			return unknownColumn(name)
		}
	}
	for _, o := range q.order {
		if _, inner, ok := s.column(m, o.column); !ok || inner != nil {
			return unknownColumn(o.column)
		}
	}
	return s.bindCondition(m, q.where)
}

func unknownColumn(name string) *refusal {
	return &refusal{code: "INVALID_QUERY", message: "column given seems to be invalid", details: map[string]any{"column_name": name}}
}

func (s *Server) bindCondition(m *module, e *condition) *refusal {
	if e.left != nil {
		if r := s.bindCondition(m, e.left); r != nil {
			return r
		}
		return s.bindCondition(m, e.right)
	}
	f, inner, ok := s.column(m, e.column)
	if !ok || inner != nil {
		return unknownColumn(e.column)
	}
	e.field = f
	bad := func(why string) *refusal {
		return &refusal{code: "INVALID_QUERY", message: why, details: map[string]any{"column_name": e.column, "operator": e.operator}}
	}
	ordered := slices.Contains([]string{"date", "datetime", "integer", "double", "currency", "bigint"}, f.Type)
	switch e.operator {
	case "<", ">", "<=", ">=", "between":
		if !ordered {
			return bad("invalid operator found")
		}
	case "like", "not like":
		if ordered || f.Type == "boolean" {
			return bad("invalid operator found")
		}
	}
	for i, l := range e.literals {
		switch f.Type {
		case "datetime":
			at, ok := parseOffset(l.text)
			if !ok || !l.quoted {
				return bad("invalid value found")
			}
			e.literals[i].text = at.UTC().Format(sortable)
		case "integer", "double", "currency":
			if l.quoted {
				return bad("invalid value found")
			}
		case "boolean":
			if l.text != "true" && l.text != "false" {
				return bad("invalid value found")
			}
		default:
			if !l.quoted && f.Type != "bigint" && f.Type != "lookup" && f.Type != "ownerlookup" {
				return bad("invalid value found")
			}
		}
	}
	return nil
}

const sortable = "2006-01-02T15:04:05Z"

// operand is a value as a query compares it: an id for a lookup or a user, UTC for a time, "" for empty.
func (s *Server) operand(r *record, v *version, f *Field) string {
	if f == idField {
		return r.id
	}
	switch x := s.show(r, v, f, v.at).(type) {
	case string:
		if f.Type == "datetime" {
			if at, ok := parseOffset(x); ok {
				return at.UTC().Format(sortable)
			}
		}
		return x
	case bool:
		if x {
			return "true"
		}
		return "false"
	case json.Number:
		return x.String()
	case []string:
		return strings.Join(x, ";")
	case map[string]any:
		id, _ := x["id"].(string)
		return id
	}
	return ""
}

func (q *query) compare(s *Server, a, b *record, c *call) int {
	for _, o := range q.order {
		f := a.module.fields[o.column]
		if o.column == "id" {
			f = idField
		}
		n := s.compareAs(f, s.operand(a, a.asOf(c.at), f), s.operand(b, b.asOf(c.at), f))
		if o.descending {
			n = -n
		}
		if n != 0 {
			return n
		}
	}
	return cmp.Compare(a.id, b.id)
}
