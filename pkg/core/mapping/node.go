package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// reader walks a YAML document and collects what is wrong with it, each with its place.
type reader struct{ faults []faultAt }

type faultAt struct {
	line, column int
	text         string
}

// fail notes that the node is wrong and goes on, so that one look shows all mistakes.
func (r *reader) fail(n ast.Node, format string, args ...any) {
	at := faultAt{text: fmt.Sprintf(format, args...)}
	if t := n.GetToken(); t != nil && t.Position != nil {
		at.line, at.column = t.Position.Line, t.Position.Column
	}
	r.faults = append(r.faults, at)
}

// err returns all mistakes in the order of the file, one a line.
func (r *reader) err() error {
	slices.SortStableFunc(r.faults, func(a, b faultAt) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var errs []error
	for _, f := range r.faults {
		errs = append(errs, fmt.Errorf("mapping: line %d, column %d: %s", f.line, f.column, f.text))
	}
	return errors.Join(errs...)
}

// maxYAML is the largest mapping in bytes: a row of a table holds 400 kB.
const maxYAML = 256 << 10

// document returns the only document of the text.
func document(text []byte) (ast.Node, error) {
	if len(text) > maxYAML {
		return nil, fmt.Errorf("mapping: %d bytes are too many: keep it below %d", len(text), maxYAML)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntax(err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, fmt.Errorf("mapping: line 1, column 1: there must be one document; start with version: %d", SchemaVersion)
	}
	return file.Docs[0].Body, nil
}

func syntax(err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil && y.GetToken().Position != nil {
		p := y.GetToken().Position
		return fmt.Errorf("mapping: line %d, column %d: %s: correct it there (indentation, quotes, a key that stands twice)", p.Line, p.Column, y.GetMessage())
	}
	return errors.New("mapping: not YAML: check indentation and quotes")
}

// entry is one key of a YAML mapping with what stands under it.
type entry struct {
	key  ast.Node
	name string
	node ast.Node
}

// entries returns the keys of a YAML mapping in order, nil after a mistake.
func (r *reader) entries(n ast.Node, what string) []entry {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		r.fail(n, "%s must be keys with values: write them as key: value", what)
		return nil
	}
	var out []entry
	for _, v := range m.Values {
		name, ok := r.text(v.Key, "a key of "+what)
		switch {
		case !ok:
		case slices.ContainsFunc(out, func(e entry) bool { return e.name == name }):
			r.fail(v.Key, "%s stands here twice: remove one", name)
		default:
			out = append(out, entry{v.Key, name, v.Value})
		}
	}
	return out
}

// keys calls the reader of each key that the YAML mapping has; a key without one is a mistake.
func (r *reader) keys(n ast.Node, what string, known map[string]func(ast.Node)) {
	for _, e := range r.entries(n, what) {
		read, ok := known[e.name]
		if !ok {
			r.fail(e.key, "%s has no %s: use one of %s", what, e.name, names(known))
			continue
		}
		read(e.node)
	}
}

// text returns a scalar as it is written; false after a mistake.
func (r *reader) text(n ast.Node, what string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		r.fail(n, "%s is missing: write it, or remove the key", what)
		return "", false
	}
	r.fail(n, "%s must be one plain value", what)
	return "", false
}

// texts returns a scalar as a list of one, and a list of scalars as they are.
func (r *reader) texts(n ast.Node, what string) []string {
	nodes := []ast.Node{n}
	if list, ok := n.(*ast.SequenceNode); ok {
		nodes = list.Values
	}
	var out []string
	for _, n := range nodes {
		s, ok := r.text(n, what)
		switch {
		case !ok:
		case slices.Contains(out, s):
			r.fail(n, "%s: %s stands here twice: remove one", what, s)
		default:
			out = append(out, s)
		}
	}
	return out
}

func (r *reader) number(n ast.Node, what string, low, high int) int {
	s, ok := r.text(n, what)
	if !ok {
		return low
	}
	v, err := strconv.Atoi(s)
	switch {
	case err == nil && low <= v && v <= high:
		return v
	case low == high:
		r.fail(n, "%s must be %d", what, low)
	default:
		r.fail(n, "%s must be a whole number from %d to %d", what, low, high)
	}
	return low
}

func (r *reader) flag(n ast.Node, what string) bool {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		r.fail(n, "%s must be true or false", what)
		return false
	}
	return b.Value
}

func names[V any](m map[string]V) string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return list(out)
}

func list[T ~string](words []T) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return strings.Join(out, ", ")
}
