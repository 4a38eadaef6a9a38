package mapping

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"crm-connector/pkg/core/document"
)

// reader reads a mapping out of its document.
type reader struct{ document.Reader }

// texts returns a scalar as a list of one, and a list of scalars as they are; one that stands there twice is a mistake.
func (r *reader) texts(n ast.Node, what string) []string {
	var out []string
	for _, e := range r.elements(n, what) {
		out = append(out, e.Text)
	}
	return out
}

// elements is texts, each with its place.
func (r *reader) elements(n ast.Node, what string) []document.Element {
	var out []document.Element
	for _, e := range r.Texts(n, what) {
		if slices.ContainsFunc(out, func(o document.Element) bool { return o.Text == e.Text }) {
			r.Fail(e.Node, "%s: %s stands here twice: remove one", what, e.Text)
			continue
		}
		out = append(out, e)
	}
	return out
}

func (r *reader) flag(n ast.Node, what string) bool {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		r.Fail(n, "%s must be true or false", what)
		return false
	}
	return b.Value
}

func list[T ~string](words []T) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return strings.Join(out, ", ")
}
