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
	// Sources makes the senders of the door out of the names of the mapped properties, by system.
	Sources    func(fields func(crm.System) Fields) []webhook.Source
	Queues     map[crm.System]queue.API // by the source of an operation
	Carriers   map[string]queue.API     // by the name of the source, of those whose messages travel whole
	Absent     map[string]string        // paths that this stack does not serve, with what to do about it
	Config     config.Store
	Quarantine webhook.Store
	Now        func() time.Time
	Log        *slog.Logger
	Count      webhook.Counter // nil counts nothing
}

// Fields gives the names of the mapped properties of one system by module; nil where none are known.
type Fields = func(context.Context) (map[crm.Module][]string, error)

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
		Sources: a.Sources(func(sys crm.System) Fields {
			return func(ctx context.Context) (map[crm.Module][]string, error) { return rows.Properties(ctx, sys) }
		}),
		Queues:     queues,
		Carriers:   carriers,
		Absent:     a.Absent,
		Quarantine: &webhook.Quarantine{Store: a.Quarantine, Now: a.Now},
		Now:        a.Now, Log: a.Log.With("function", "webhook"), Count: a.Count,
	}
	return d.Handle
}
