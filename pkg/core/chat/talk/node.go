package talk

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
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
		errs = append(errs, fmt.Errorf("rules: line %d, column %d: %s", f.line, f.column, f.text))
	}
	return errors.Join(errs...)
}

// maxYAML is the largest document in bytes: a row of a table holds 400 kB.
const maxYAML = 256 << 10

// document returns the only document of the text.
func document(text []byte) (ast.Node, error) {
	if len(text) > maxYAML {
		return nil, fmt.Errorf("rules: %d bytes are too many: keep them below %d", len(text), maxYAML)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntax(err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, fmt.Errorf("rules: line 1, column 1: there must be one document; start with version: %d", SchemaVersion)
	}
	return file.Docs[0].Body, nil
}

func syntax(err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil && y.GetToken().Position != nil {
		p := y.GetToken().Position
		return fmt.Errorf("rules: line %d, column %d: %s: correct it there (indentation, quotes, a key that stands twice)", p.Line, p.Column, y.GetMessage())
	}
	return errors.New("rules: not YAML: check indentation and quotes")
}

// keys calls the reader of each key that the YAML mapping has, and returns the keys; a key without a reader, or one that
// stands there twice, is a mistake.
func (r *reader) keys(n ast.Node, what string, known map[string]func(ast.Node)) (seen []string) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		r.fail(n, "%s must be keys with values: write them as key: value", what)
		return nil
	}
	for _, v := range m.Values {
		name, ok := r.text(v.Key, "a key of "+what)
		read, has := known[name]
		switch {
		case !ok:
		case !has:
			r.fail(v.Key, "%s has no %s: use one of %s", what, name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case slices.Contains(seen, name):
			r.fail(v.Key, "%s stands here twice: remove one", name)
		default:
			seen = append(seen, name)
			read(v.Value)
		}
	}
	return seen
}

// text returns a scalar as it is written; false after a mistake.
func (r *reader) text(n ast.Node, what string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		r.fail(n, "%s is missing: write it, or remove the key", what)
		return "", false
	}
	r.fail(n, "%s must be one plain value", what)
	return "", false
}

// element is one scalar of a list.
type element struct {
	node ast.Node
	text string
}

// texts returns a scalar as a list of one, and a list of scalars as they are.
func (r *reader) texts(n ast.Node, what string) (out []element) {
	nodes := []ast.Node{n}
	if list, ok := n.(*ast.SequenceNode); ok {
		nodes = list.Values
	}
	for _, n := range nodes {
		if s, ok := r.text(n, what); ok {
			out = append(out, element{n, s})
		}
	}
	return out
}

func (r *reader) version(n ast.Node) int {
	s, ok := r.text(n, "version")
	if ok && s != fmt.Sprint(SchemaVersion) {
		r.fail(n, "version must be %d", SchemaVersion)
	}
	return SchemaVersion
}
