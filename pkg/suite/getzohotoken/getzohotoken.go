// Package getzohotoken wires getZohoToken: it hands the valid token to those who may ask, and has it refreshed when it is
// missing, expired or reported bad.
package getzohotoken

import (
	"time"

	"crm-connector/pkg/flow/zohotoken"
)

// Adapters is everything that the function touches outside itself.
type Adapters struct {
	Tokens     zohotoken.Store
	Refresh    zohotoken.Invoker
	Connection string
	Now        func() time.Time
}

// New wires the function.
func New(a Adapters) *zohotoken.Reader {
	return &zohotoken.Reader{Store: a.Tokens, Invoker: a.Refresh, Connection: a.Connection, Now: a.Now}
}
