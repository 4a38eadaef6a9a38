// Package webhook wires the door: sources that verify, queues that take what they read, a quarantine for what nobody could
// read.
package webhook

import (
	"context"
	"log/slog"
	"time"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/webhook"
)

// Adapters is everything that the door touches outside itself.
type Adapters struct {
	Sources    func(Notes) []webhook.Source // makes the senders of the door
	Queues     map[crm.System]queue.API     // by the source of an operation
	Carriers   map[string]queue.API         // by the name of the source, of those whose messages travel whole
	Absent     map[string]string            // paths that this stack does not serve, with what to do about it
	Config     config.Store
	Quarantine webhook.Store
	Now        func() time.Time
	Log        *slog.Logger
	Count      webhook.Counter // nil counts nothing
}

// Notes is what senders look up in the table of settings. Each row is read once a minute, as every function does.
type Notes struct {
	// Fields gives the names of the mapped properties of one system by module; nil where none are known.
	Fields func(crm.System) func(context.Context) (map[crm.Module][]string, error)
	// Portal gives the HubSpot account whose records the pairs have; "" where none is noted.
	Portal func(context.Context) (string, error)
}

// patience is how long a note is waited for. A delivery that names its records can do without; one that is not answered in time
// comes again, and is given up on in the end.
const patience = time.Second

// New wires the function.
func New(a Adapters) func(context.Context, door.Request) door.Answer {
	rows := &config.Rows{Store: a.Config, Now: a.Now}
	queues := map[crm.System]webhook.Queue{}
	for sys, q := range a.Queues {
		queues[sys] = queue.Sender{Queue: q}
	}
	carriers := map[string]webhook.Carrier{}
	for name, q := range a.Carriers {
		carriers[name] = q
	}
	d := &webhook.Door{
		Sources: a.Sources(Notes{
			Fields: func(sys crm.System) func(context.Context) (map[crm.Module][]string, error) {
				return func(ctx context.Context) (map[crm.Module][]string, error) {
					ctx, cancel := context.WithTimeout(ctx, patience)
					defer cancel()
					return rows.Properties(ctx, sys)
				}
			},
			Portal: func(ctx context.Context) (string, error) {
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				return rows.PortalID(ctx)
			},
		}),
		Queues:     queues,
		Carriers:   carriers,
		Absent:     a.Absent,
		Quarantine: &webhook.Quarantine{Store: a.Quarantine, Now: a.Now},
		Now:        a.Now, Log: a.Log.With("function", "webhook"), Count: a.Count,
	}
	return d.Handle
}
