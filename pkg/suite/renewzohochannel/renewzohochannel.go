// Package renewzohochannel wires renewZohoChannel: every 12 hours the notification channel of Zoho is opened, renewed or
// mended.
package renewzohochannel

import (
	"context"
	"log/slog"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/upkeep"
)

// Adapters is everything that the function touches outside itself.
type Adapters struct {
	Zoho   upkeep.Channels
	ID     string // of the channel
	URL    string // of the door, as Zoho reaches it
	Tokens func(context.Context) ([]crm.Secret, error)
	Now    func() time.Time
	Log    *slog.Logger
}

// New wires the function.
func New(a Adapters) *upkeep.Renewer {
	return &upkeep.Renewer{Channels: a.Zoho, ID: a.ID, URL: a.URL, Tokens: a.Tokens, Now: a.Now, Log: a.Log.With("function", "renewZohoChannel")}
}
