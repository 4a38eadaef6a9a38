package zohotest

import (
	"cmp"
	"math/big"
	"slices"
	"strings"
)

// query is a parsed COQL query.
type query struct {
	columns       []string
	module        string
	where         *condition
	order         []ordering
	offset, limit int
}

type ordering struct {
	column     string
	descending bool
}

// condition is a criterion, or two joined by and/or: more than two must be grouped in pairs (Zoho docs: COQL).
type condition struct {
	left, right *condition
	or          bool

	column   string
	operator string
	literals []literal
	field    *Field
}

type literal struct {
	text   string
	quoted bool
}

// names reports whether a criterion is about the column.
func (e *condition) names(column string) bool {
	if e.left != nil {
		return e.left.names(column) || e.right.names(column)
	}
	return e.column == column
}

func (e *condition) holds(s *Server, r *record, v *version) bool {
	if e.left != nil {
		if e.or {
			return e.left.holds(s, r, v) || e.right.holds(s, r, v)
		}
		return e.left.holds(s, r, v) && e.right.holds(s, r, v)
	}
	have := s.operand(r, v, e.field)
	switch e.operator {
	case "is null":
		return have == ""
	case "is not null":
		return have != ""
	}
	is := func(l literal) bool { return s.compareAs(e.field, have, l.text) == 0 }
	switch e.operator {
	case "=", "in":
		return have != "" && slices.ContainsFunc(e.literals, is)
	case "!=", "not in":
		return !slices.ContainsFunc(e.literals, is)
	case "like":
		return like(s.cased(have), s.cased(e.literals[0].text))
	case "not like":
		return !like(s.cased(have), s.cased(e.literals[0].text))
	}
	if have == "" {
		return false
	}
	n := s.compareAs(e.field, have, e.literals[0].text)
	switch e.operator {
	case "<":
		return n < 0
	case ">":
		return n > 0
	case "<=":
		return n <= 0
	case ">=":
		return n >= 0
	}
	return n >= 0 && s.compareAs(e.field, have, e.literals[1].text) <= 0 // between
}

func (s *Server) compareAs(f *Field, a, b string) int {
	switch f.Type {
	case "integer", "double", "currency":
		x, okx := new(big.Rat).SetString(a)
		y, oky := new(big.Rat).SetString(b)
		if okx && oky {
			return x.Cmp(y)
		}
	case "bigint", "lookup", "ownerlookup": // digits
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	case "date", "datetime":
		return cmp.Compare(a, b)
	}
	return cmp.Compare(s.cased(a), s.cased(b))
}

// cased is how COQL compares a text.
func (s *Server) cased(text string) string {
	if s.opt.CaseSensitive {
		return text
	}
	return fold(text)
}

// like matches % as any run of characters.
func like(text, pattern string) bool {
	parts := strings.Split(pattern, "%")
	if len(parts) == 1 {
		return text == pattern
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, last)
}
