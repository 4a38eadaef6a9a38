package dynamo_test

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// token is a word, a placeholder, an operator or a bracket of an expression.
var token = regexp.MustCompile(`\s*([A-Za-z_]\w*|:\w+|<=|>=|<>|[=<>(),])`)

// reserved are those of DynamoDB's reserved words that come near to what the suite would call an attribute.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html
var reserved = []string{"KEY", "KEYS", "VALUE", "VALUES", "UNTIL", "TTL", "DATA", "SORT", "PART", "PARTITION", "RANGE", "HASH", "VERSION", "EXPIRES", "TIME", "TIMESTAMP"}

// evaluate tells whether an item (nil: none) meets a condition. It reads the part of the grammar that is in use: AND and OR
// with AND first, brackets, comparisons of an attribute with a placeholder, attribute_exists, attribute_not_exists and
// begins_with. A placeholder that is missing or not used is an error, as is a reserved word.
func evaluate(expression string, values, it attributes) (bool, error) {
	e := &expr{values: values, item: it, used: map[string]bool{}}
	rest := expression
	for strings.TrimSpace(rest) != "" {
		m := token.FindStringSubmatchIndex(rest)
		if m == nil || m[0] != 0 {
			return false, invalid("Invalid ConditionExpression: Syntax error near %q", rest)
		}
		e.tokens = append(e.tokens, rest[m[2]:m[3]])
		rest = rest[m[1]:]
	}
	holds := e.or()
	if e.err == nil && len(e.tokens) > 0 {
		e.err = invalid("Invalid ConditionExpression: Syntax error near %q", e.tokens[0])
	}
	for name := range values {
		if e.err == nil && !e.used[name] {
			e.err = invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", name)
		}
	}
	return holds, e.err
}

type expr struct {
	tokens []string
	values attributes
	item   attributes
	used   map[string]bool
	err    error
}

func (e *expr) next() string {
	if len(e.tokens) == 0 {
		e.wrong("the end")
		return ""
	}
	t := e.tokens[0]
	e.tokens = e.tokens[1:]
	return t
}

func (e *expr) wrong(near string) {
	if e.err == nil {
		e.err = invalid("Invalid ConditionExpression: Syntax error near %q", near)
	}
}

func (e *expr) want(t string) {
	if got := e.next(); got != t {
		e.wrong(got)
	}
}

func (e *expr) at(word string) bool { return len(e.tokens) > 0 && strings.EqualFold(e.tokens[0], word) }

func (e *expr) or() bool {
	holds := e.and()
	for e.at("OR") {
		e.next()
		right := e.and()
		holds = holds || right
	}
	return holds
}

func (e *expr) and() bool {
	holds := e.term()
	for e.at("AND") {
		e.next()
		right := e.term()
		holds = holds && right
	}
	return holds
}

func (e *expr) term() bool {
	switch t := e.next(); t {
	case "(":
		holds := e.or()
		e.want(")")
		return holds
	case "attribute_exists", "attribute_not_exists":
		e.want("(")
		v := e.attribute(e.next())
		e.want(")")
		return (v != nil) == (t == "attribute_exists")
	case "begins_with":
		e.want("(")
		v := e.attribute(e.next())
		e.want(",")
		prefix := e.placeholder(e.next())
		e.want(")")
		return v != nil && strings.HasPrefix(v["S"], prefix["S"])
	default:
		v := e.attribute(t)
		op := e.next()
		return compare(v, op, e.placeholder(e.next()))
	}
}

func (e *expr) attribute(name string) value {
	if strings.HasPrefix(name, ":") || slices.Contains(reserved, strings.ToUpper(name)) {
		e.wrong(name)
	}
	return e.item[name]
}

func (e *expr) placeholder(name string) value {
	v, ok := e.values[name]
	if !ok {
		e.wrong(name)
	}
	e.used[name] = true
	return v
}

// compare is false where the attribute is missing or of another type.
func compare(v value, op string, with value) bool {
	var c int
	switch {
	case v["N"] != "" && with["N"] != "":
		a, errA := strconv.ParseInt(v["N"], 10, 64)
		b, errB := strconv.ParseInt(with["N"], 10, 64)
		if errA != nil || errB != nil {
			return false
		}
		c = cmp.Compare(a, b)
	case v["S"] != "" && with["S"] != "":
		c = strings.Compare(v["S"], with["S"])
	default:
		return false
	}
	switch op {
	case "=":
		return c == 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	}
	return op == "<>" && c != 0
}

func TestTheFakeReadsExpressionsAsDynamoDBDoes(t *testing.T) {
	it := attributes{"a": {"N": "1"}, "s": {"S": "xy"}}
	values := attributes{":one": {"N": "1"}, ":x": {"S": "x"}}
	for _, tt := range []struct {
		expression string
		holds, ok  bool
	}{
		{"a = :one OR begins_with(s, :x)", true, true},
		{"a < :one OR s > :x", true, true},
		{"a <> :one OR s = :x", false, true},
		{"(a = :one OR a = :one) AND s = :x", false, true},
		{"a = :one OR a = :one AND s = :x", true, true}, // AND binds more tightly
		{"attribute_not_exists(b) AND (a = :one OR s = :x)", true, true},
		{"b = :one OR s = :x", false, true}, // what is missing compares with nothing
		{"s = :one OR a = :x", false, true}, // nor does another type
		{"a = :one", false, false},          // :x is not used
		{"a = :two AND s = :x", false, false},
		{"a = :one s = :x", false, false},
		{"value = :one OR s = :x", false, false},
	} {
		if holds, err := evaluate(tt.expression, values, it); (err == nil) != tt.ok || tt.ok && holds != tt.holds {
			t.Errorf("%s: %v, %v", tt.expression, holds, err)
		}
	}
}
