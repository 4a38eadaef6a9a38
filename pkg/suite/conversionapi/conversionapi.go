// Package conversionapi wires conversionApi: metrics out, costs and entries in.
package conversionapi

import (
	"context"
	"log/slog"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/flow/counting"
)

// Adapters is everything that the function touches outside itself.
type Adapters struct {
	Rows   counting.Store // the table of conversions
	Policy conversion.Policy
	Zone   *time.Location // whose days costs are told by, and of queries that name none
	// Wire makes the routes out of what answers and what takes in.
	Wire  func(*counting.Query, *counting.Inputs, *slog.Logger) func(context.Context, door.Request) door.Answer
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) bool
	Rand  func(n int64) int64
	Log   *slog.Logger
}

// New wires the function.
func New(a Adapters) func(context.Context, door.Request) door.Answer {
	return a.Wire(
		&counting.Query{Store: a.Rows, Shards: submission.Shards, Policy: a.Policy, Zone: a.Zone, Now: a.Now},
		&counting.Inputs{Store: a.Rows, Now: a.Now, Patience: counting.Patient(a.Sleep, a.Rand)},
		a.Log.With("function", "conversionApi"),
	)
}
