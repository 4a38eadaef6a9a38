// Package refreshzohotoken wires refreshZohoToken: the only function that has the refresh token and talks to Zoho's
// accounts.
package refreshzohotoken

import (
	"context"
	"time"

	"crm-connector/pkg/flow/zohotoken"
)

// Adapters is everything that the function touches outside itself.
type Adapters struct {
	Accounts   zohotoken.Accounts
	Tokens     zohotoken.Store
	Connection string
	Now        func() time.Time
	Sleep      func(ctx context.Context, d time.Duration) bool
	NewID      func() string
}

// New wires the function: Run on its schedule, Refresh when a token is missing or bad.
func New(a Adapters) *zohotoken.Refresher {
	return &zohotoken.Refresher{Accounts: a.Accounts, Store: a.Tokens, Connection: a.Connection, Now: a.Now, Sleep: a.Sleep, NewID: a.NewID}
}
