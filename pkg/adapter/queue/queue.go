// Package queue carries operations through a FIFO queue: it writes an operation as a message and reads it back, sends
// messages all or not at all, and translates Lambda's SQS events for a consumer and back.
//
// It decides nothing: how a message ends is inbox's business, and it neither polls nor deletes, which Lambda does. The queue
// behind Sender is SQS in Lambda and the one in memory on the desk; both are reached through API.
package queue

import (
	"context"
	"errors"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// API is a queue from the sender's end. One call takes 1 to batch.MaxEntries messages of batch.MaxBytes in sum, and an error
// says that at least one of them may not be in the queue.
type API interface {
	Send(ctx context.Context, entries []batch.Entry) error
}

// Sender puts operations into one queue.
type Sender struct{ Queue API }

// Send puts all operations into the queue, in order. On an error some may be in it and the caller sends all of them again:
// those are dropped as duplicates within five minutes, and are harmless after. An operation that cannot be written as a
// message is a fault of kind Ours, and then nothing was sent.
func (s Sender) Send(ctx context.Context, ops []crm.Operation) error {
	entries := make([]batch.Entry, len(ops))
	for i, op := range ops {
		body, err := Encode(op)
		if err != nil {
			return err
		}
		if len(body) > batch.MaxBytes {
			return &fault.Error{Op: "queue.Send", Kind: fault.Ours, Err: errors.New("an operation of more than 1 MiB")}
		}
		entries[i] = batch.Entry{Group: Group(op), Dedup: Dedup(op), Body: body}
	}
	for len(entries) > 0 {
		n := batch.Fit(entries)
		if err := s.Queue.Send(ctx, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}
