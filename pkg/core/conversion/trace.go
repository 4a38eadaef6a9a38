package conversion

import (
	"errors"
	"strconv"
	"strings"
	"unicode"

	"crm-connector/pkg/core/scan"
)

// unreadable says what the scan refused, and where in the body.
func unreadable(body []byte, err error) *Refusal {
	switch {
	case errors.Is(err, scan.ErrUTF8):
		return refuse(Malformed, Problem{"", CodeUTF8})
	case errors.Is(err, scan.ErrDepth):
		return refuse(Invalid, Problem{locate(body, limits.Depth, false), CodeDepth})
	case errors.Is(err, scan.ErrDuplicate):
		return refuse(Invalid, Problem{locate(body, len(body), true), CodeDuplicate})
	}
	return refuse(Malformed, Problem{"", CodeSyntax})
}

// frame is one object or array that is open.
type frame struct {
	array bool
	index int             // the element of an array
	key   []byte          // the member of an object; nil before the first
	value bool            // in an object: behind the colon
	keys  map[string]bool // of an object, as scan compares them
}

// locate returns the JSON Pointer of the first value below depth, or of the first key that its object has already, as far
// as names may be repeated. The body is known to have one, and to be well-formed up to there.
func locate(body []byte, depth int, keys bool) string {
	var open []frame
	for r := (reader{body: body}); r.at < len(body); {
		c, top := body[r.at], len(open)-1
		switch {
		case c == '"':
			raw := r.text()
			if top < 0 || open[top].array || open[top].value {
				continue
			}
			key, _ := plain(raw)
			open[top].key = key
			if keys && !open[top].add(key) {
				return path(open)
			}
			continue
		case c == '{' || c == '[':
			if len(open) == depth {
				return path(open)
			}
			open = append(open, frame{array: c == '['})
		case c == '}' || c == ']':
			open = open[:top]
		case c == ':':
			open[top].value = true
		case c == ',':
			open[top].value = false
			open[top].index++
		}
		r.at++
	}
	return ""
}

// add notes a key, and reports whether the object did not have it yet.
func (f *frame) add(key []byte) bool {
	if f.keys == nil {
		f.keys = map[string]bool{}
	}
	folded := strings.Map(fold, string(key))
	if f.keys[folded] {
		return false
	}
	f.keys[folded] = true
	return true
}

// fold returns the smallest rune that differs from r in case only.
func fold(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}

func path(open []frame) string {
	out := ""
	for _, f := range open {
		if f.array {
			out += "/" + strconv.Itoa(f.index)
			continue
		}
		if !identifier(f.key) {
			break
		}
		out += "/" + string(f.key)
	}
	return out
}
