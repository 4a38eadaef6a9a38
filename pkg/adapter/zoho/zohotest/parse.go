package zohotest

import (
	"slices"
	"strconv"
	"strings"
)

// word is one token of a query: a name, a number, a quoted string or a sign.
type word struct {
	text   string
	quoted bool
}

type parser struct {
	words []word
	next  int
	bad   *refusal

	criteria int // how many were read
}

func syntaxError(near string) *refusal {
	return &refusal{code: "SYNTAX_ERROR", message: "error in the select query", details: map[string]any{"near": near}}
}

// scan splits a query. A quote inside a string is doubled (Zoho docs: COQL).
func scan(q string) ([]word, *refusal) {
	var out []word
	for i := 0; i < len(q); {
		ch := q[i]
		switch {
		case ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r':
			i++
		case ch == '\'':
			var b strings.Builder
			for i++; ; i++ {
				if i >= len(q) {
					return nil, syntaxError("'")
				}
				if q[i] == '\'' {
					if i+1 >= len(q) || q[i+1] != '\'' {
						break
					}
					i++
				}
				b.WriteByte(q[i])
			}
			i++
			out = append(out, word{text: b.String(), quoted: true})
		case strings.IndexByte("(),", ch) >= 0:
			out, i = append(out, word{text: q[i : i+1]}), i+1
		case strings.IndexByte("=<>!", ch) >= 0:
			n := 1
			if i+1 < len(q) && q[i+1] == '=' && ch != '=' {
				n = 2
			}
			out, i = append(out, word{text: q[i : i+n]}), i+n
		case isName(ch):
			j := i
			for j < len(q) && isName(q[j]) {
				j++
			}
			out, i = append(out, word{text: q[i:j]}), j
		default:
			return nil, syntaxError(q[i : i+1])
		}
	}
	return out, nil
}

func isName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' || c == '$'
}

func parseQuery(text string) (*query, *refusal) {
	words, refused := scan(text)
	if refused != nil {
		return nil, refused
	}
	p := &parser{words: words}
	q := &query{limit: mostRows}
	p.want("select")
	for {
		q.columns = append(q.columns, p.name())
		if !p.take(",") {
			break
		}
	}
	if len(q.columns) > mostColumns {
		return nil, &refusal{code: "LIMIT_EXCEEDED", message: "the limit of select columns has been exceeded", details: map[string]any{"limit": mostColumns}}
	}
	p.want("from")
	q.module = p.name()
	if !p.take("where") && p.bad == nil {
		return nil, &refusal{code: "SYNTAX_ERROR", message: "missing clause", details: map[string]any{"clause": "where"}}
	}
	q.where = p.pair()
	if p.criteria > mostCriteria && p.bad == nil {
		return nil, &refusal{code: "LIMIT_EXCEEDED", message: "the limit of criteria has been exceeded", details: map[string]any{"limit": mostCriteria}}
	}
	if p.take("order") {
		p.want("by")
		for {
			o := ordering{column: p.name()}
			if o.descending = p.take("desc"); !o.descending {
				p.take("asc")
			}
			q.order = append(q.order, o)
			if !p.take(",") {
				break
			}
		}
	}
	p.limits(q)
	if p.bad == nil && p.next < len(p.words) {
		p.fail()
	}
	if p.bad == nil && (q.limit < 1 || q.limit > mostRows || q.offset < 0 || q.offset+q.limit > mostOffset) {
		return nil, &refusal{code: "LIMIT_EXCEEDED", message: "the limit of records has been exceeded", details: map[string]any{"limit": mostRows}}
	}
	return q, p.bad
}

// limits reads "limit n", "limit offset, n" or "limit n offset o".
func (p *parser) limits(q *query) {
	if !p.take("limit") {
		return
	}
	q.limit = p.number()
	if p.take(",") {
		q.offset, q.limit = q.limit, p.number()
	} else if p.take("offset") {
		q.offset = p.number()
	}
}

// pair is a criterion, or two of them; a third must stand in parentheses with one of its neighbours.
func (p *parser) pair() *condition {
	left := p.operand()
	or := p.is("or")
	if !p.take("and") && !p.take("or") {
		return left
	}
	return &condition{left: left, right: p.operand(), or: or}
}

func (p *parser) operand() *condition {
	if p.take("(") {
		e := p.pair()
		p.want(")")
		return e
	}
	return p.criterion()
}

func (p *parser) criterion() *condition {
	e := &condition{column: p.name()}
	p.criteria++
	not := false
	switch {
	case p.take("is"):
		not = p.take("not")
		p.want("null")
		e.operator = "is null"
		if not {
			e.operator = "is not null"
		}
		return e
	case p.take("not"):
		not = true
	}
	switch {
	case p.take("in"):
		e.operator = "in"
		p.want("(")
		for {
			e.literals = append(e.literals, p.literal())
			if p.bad != nil || !p.take(",") {
				break
			}
		}
		p.want(")")
		if len(e.literals) > mostInList && p.bad == nil {
			p.bad = &refusal{code: "LIMIT_EXCEEDED", message: "the limit of values has been exceeded", details: map[string]any{"limit": mostInList, "column_name": e.column}}
		}
	case p.take("like"):
		e.operator, e.literals = "like", []literal{p.literal()}
	case not:
		p.fail()
	case p.take("between"):
		e.operator, e.literals = "between", []literal{p.literal()}
		p.want("and")
		e.literals = append(e.literals, p.literal())
	default:
		e.operator = p.sign()
		e.literals = []literal{p.literal()}
	}
	if not {
		e.operator = "not " + e.operator
	}
	return e
}

func (p *parser) is(keyword string) bool {
	return p.bad == nil && p.next < len(p.words) && !p.words[p.next].quoted && strings.EqualFold(p.words[p.next].text, keyword)
}

func (p *parser) take(keyword string) bool {
	ok := p.is(keyword)
	if ok {
		p.next++
	}
	return ok
}

func (p *parser) want(keyword string) {
	if !p.take(keyword) {
		p.fail()
	}
}

func (p *parser) fail() {
	if p.bad != nil {
		return
	}
	near := ""
	if p.next < len(p.words) {
		near = p.words[p.next].text
	}
	p.bad = syntaxError(near)
}

func (p *parser) word() word {
	if p.bad != nil || p.next >= len(p.words) {
		p.fail()
		return word{}
	}
	p.next++
	return p.words[p.next-1]
}

var keywords = []string{"select", "from", "where", "and", "or", "not", "in", "is", "null", "like", "between", "order", "by", "limit", "offset", "asc", "desc"}

func (p *parser) name() string {
	w := p.word()
	if p.bad == nil && (w.quoted || !isName(w.text[0]) || slices.Contains(keywords, strings.ToLower(w.text))) {
		p.next--
		p.fail()
	}
	return w.text
}

func (p *parser) sign() string {
	w := p.word()
	if p.bad == nil && (w.quoted || !slices.Contains([]string{"=", "!=", "<", ">", "<=", ">="}, w.text)) {
		p.next--
		p.fail()
	}
	return w.text
}

func (p *parser) number() int {
	w := p.word()
	n, err := strconv.Atoi(w.text)
	if p.bad == nil && (err != nil || w.quoted) {
		p.next--
		p.fail()
	}
	return n
}

func (p *parser) literal() literal {
	w := p.word()
	if p.bad == nil && !w.quoted && !(w.text == "true" || w.text == "false" || strings.Trim(w.text, "0123456789.-") == "" && isName(w.text[0])) {
		p.next--
		p.fail()
	}
	return literal(w)
}
