// Package memory holds the stores of the suite in one process: the row table, the FIFO queue and the outbox. They behave as
// DynamoDB, SQS and SES do where a consumer can tell the difference, refusals included, and storetest holds both to the same
// rules. The desk, the simulator and the tests run on them; no Lambda does.
//
// It is not durable, knows no permissions and no throttles, and it injects no faults: what fails is decided by a wrapper.
package memory

import (
	"context"
	"errors"

	"crm-connector/pkg/core/fault"
)

// misuse is the answer to a call that the real service refuses for its form: a bug on our side, never the world's fault.
func misuse(op, why string) error {
	return &fault.Error{Op: op, Kind: fault.Ours, Code: "ValidationException", Err: errors.New(why)}
}

// alive fails like a call over the network once the context has ended.
func alive(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return &fault.Error{Op: op, Kind: fault.Down, Err: err}
	}
	return nil
}
