// Package reconcile wires reconcile: hourly, what changed in a CRM and was never heard of becomes an operation.
package reconcile

import (
	"context"
	"log/slog"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/identity"
	"crm-connector/pkg/flow/rules"
	"crm-connector/pkg/flow/upkeep"
	"crm-connector/pkg/suite/consumer"
)

// Zoho lists what changed and what was deleted.
type Zoho interface {
	upkeep.Source
	upkeep.Deleter
}

// Adapters is everything that the function touches outside itself.
type Adapters struct {
	HubSpot    upkeep.Source
	Zoho       Zoho
	Pairs      identity.Store
	Parked     digest.Store
	Config     upkeep.Store // the mode, and the cursors
	Rules      consumer.Rules
	Queues     consumer.Queues // WhatsApp's too: what is parked of it is tried again
	Hasher     consumer.Hasher
	Connection string
	NewID      func() string
	Now        func() time.Time
	Log        *slog.Logger
}

// New wires the function.
func New(a Adapters) func(context.Context) error {
	log, rows := a.Log.With("function", "reconcile"), &config.Rows{Store: a.Config, Now: a.Now}
	reconciler := upkeep.Reconciler{
		Modes:      rules.New(rows, a.Rules, a.Now, log),
		Switches:   func(ctx context.Context) (int64, error) { r, err := rows.Get(ctx, config.Mode); return r.Version, err },
		Connection: a.Connection, Sources: map[crm.System]upkeep.Source{crm.HubSpot: a.HubSpot, crm.Zoho: a.Zoho}, Deleted: a.Zoho,
		Parked: &digest.Ledger{Store: a.Parked, Now: a.Now}, Queue: a.Queues, Store: a.Config, NewID: a.NewID, Now: a.Now,
		Log: log,
	}
	return func(ctx context.Context) error {
		h, err := a.Hasher(ctx)
		if err != nil {
			return err
		}
		now := reconciler
		now.Book = &identity.Book{Store: a.Pairs, Hasher: h, NewID: a.NewID}
		return now.Run(ctx)
	}
}
