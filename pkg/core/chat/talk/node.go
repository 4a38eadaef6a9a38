package talk

import (
	"github.com/goccy/go-yaml/ast"

	"crm-connector/pkg/core/document"
)

// reader reads rules out of their document.
type reader struct{ document.Reader }

// prose returns a scalar, which may be a block of several lines; false after a mistake.
func (r *reader) prose(n ast.Node, what string) (string, bool) {
	if block, ok := n.(*ast.LiteralNode); ok {
		return block.Value.Value, true
	}
	return r.Text(n, what)
}
