// Package conversionaggregator wires conversionAggregator: it counts the conversion events of its queue, each once.
package conversionaggregator

import (
	"context"
	"log/slog"
	"time"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/flow/counting"
)

// Adapters is everything that the function touches outside itself.
type Adapters struct {
	Rows   counting.Store  // the table of conversions
	Waiter counting.Waiter // the queue that is drained
	Retry  conversion.Schedule
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) bool
	Rand   func(n int64) int64
	Log    *slog.Logger
	Left   func(context.Context) time.Duration // nil: until the deadline of the context
}

// New wires the function.
func New(a Adapters) *queue.Whole {
	c := &counting.Consumer{
		Counter: &counting.Counter{Store: a.Rows, Shards: submission.Shards, Now: a.Now, Patience: counting.Patient(a.Sleep, a.Rand)},
		Waiter:  a.Waiter, Schedule: a.Retry, Log: a.Log.With("function", "conversionAggregator"), Left: a.Left,
	}
	return &queue.Whole{Work: c.Handle}
}
