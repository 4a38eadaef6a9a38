// Package document walks a YAML document that a user wrote and says everything that is wrong with it at once, each mistake with
// its line and column. It knows no key: which ones there are and what they mean is the business of the packages that read with it.
package document

import (
	"bytes"
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

// MaxBytes is the size of the largest document: a row of a table holds 400 kB.
const MaxBytes = 256 << 10

// Reader collects what is wrong with one document. Name is what the document is called in errors; the zero Reader is ready but
// for that.
type Reader struct {
	Name   string
	faults []faultAt
}

type faultAt struct {
	line, column int
	text         string
}

// Root returns the root of the only document of the text. The error names the place; version is what an empty text is told to
// start with.
func (r *Reader) Root(text []byte, version int) (ast.Node, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%s: %d bytes are too many: keep it below %d", r.Name, len(text), MaxBytes)
	}
	file, err := parser.ParseBytes(bytes.TrimPrefix(text, []byte("\ufeff")), 0) // editors of Windows put the mark before it
	if err != nil {
		return nil, r.syntax(err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, fmt.Errorf("%s: line 1, column 1: there must be one document; start with version: %d", r.Name, version)
	}
	return file.Docs[0].Body, nil
}

func (r *Reader) syntax(err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil && y.GetToken().Position != nil {
		p := y.GetToken().Position
		return fmt.Errorf("%s: line %d, column %d: %s: correct it there (indentation, quotes, a key that stands twice)", r.Name, p.Line, p.Column, y.GetMessage())
	}
	return fmt.Errorf("%s: not YAML: check indentation and quotes", r.Name)
}

// Fail notes that the node is wrong and goes on, so that one look shows all mistakes.
func (r *Reader) Fail(n ast.Node, format string, args ...any) {
	at := faultAt{text: fmt.Sprintf(format, args...)}
	if t := n.GetToken(); t != nil && t.Position != nil {
		at.line, at.column = t.Position.Line, t.Position.Column
	}
	r.faults = append(r.faults, at)
}

// Faults returns how many mistakes there are so far: what is checked only where the rest is right asks before and after.
func (r *Reader) Faults() int { return len(r.faults) }

// Err returns all mistakes in the order of the document, one a line; nil when there is none.
func (r *Reader) Err() error {
	slices.SortStableFunc(r.faults, func(a, b faultAt) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var errs []error
	for _, f := range r.faults {
		errs = append(errs, fmt.Errorf("%s: line %d, column %d: %s", r.Name, f.line, f.column, f.text))
	}
	return errors.Join(errs...)
}

// Entry is one key of a YAML mapping with what stands under it.
type Entry struct {
	Key  ast.Node
	Name string
	Node ast.Node
}

// Entries returns the keys of a YAML mapping in order, nil after a mistake. A key that stands there twice is a mistake.
func (r *Reader) Entries(n ast.Node, what string) []Entry {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		r.Fail(n, "%s must be keys with values: write them as key: value", what)
		return nil
	}
	var out []Entry
	for _, v := range m.Values {
		name, ok := r.Text(v.Key, "a key of "+what)
		switch {
		case !ok:
		case slices.ContainsFunc(out, func(e Entry) bool { return e.Name == name }):
			r.Fail(v.Key, "%s stands here twice: remove one", name)
		default:
			out = append(out, Entry{v.Key, name, v.Value})
		}
	}
	return out
}

// Keys calls the reader of each key that the YAML mapping has, and returns the names of those; a key without a reader is a
// mistake.
func (r *Reader) Keys(n ast.Node, what string, known map[string]func(ast.Node)) (seen []string) {
	for _, e := range r.Entries(n, what) {
		read, ok := known[e.Name]
		if !ok {
			r.Fail(e.Key, "%s has no %s: use one of %s", what, e.Name, Names(known))
			continue
		}
		seen = append(seen, e.Name)
		read(e.Node)
	}
	return seen
}

// Text returns a scalar as it is written; false after a mistake.
func (r *Reader) Text(n ast.Node, what string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		r.Fail(n, "%s is missing: write it, or remove the key", what)
		return "", false
	}
	r.Fail(n, "%s must be one plain value", what)
	return "", false
}

// Element is one scalar of a list.
type Element struct {
	Node ast.Node
	Text string
}

// Texts returns a scalar as a list of one, and a list of scalars as they are.
func (r *Reader) Texts(n ast.Node, what string) (out []Element) {
	nodes := []ast.Node{n}
	if list, ok := n.(*ast.SequenceNode); ok {
		nodes = list.Values
	}
	for _, n := range nodes {
		if s, ok := r.Text(n, what); ok {
			out = append(out, Element{n, s})
		}
	}
	return out
}

// Number returns a whole number from low to high, low after a mistake.
func (r *Reader) Number(n ast.Node, what string, low, high int) int {
	s, ok := r.Text(n, what)
	if !ok {
		return low
	}
	v, err := strconv.Atoi(s)
	switch {
	case err == nil && low <= v && v <= high:
		return v
	case low == high:
		r.Fail(n, "%s must be %d", what, low)
	default:
		r.Fail(n, "%s must be a whole number from %d to %d", what, low, high)
	}
	return low
}

// Names lists the keys of a map in order, with commas.
func Names[V any](m map[string]V) string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
