package queue

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/core/batch"
)

// The attributes of a record, as Lambda names them.
const (
	attributeReceives = "ApproximateReceiveCount"
	attributeGroup    = "MessageGroupId"
	attributeDedup    = "MessageDeduplicationId"
	attributeSequence = "SequenceNumber"
	attributeSent     = "SentTimestamp"
)

// Handler is the Lambda handler of a consumer. Work gets the messages of one batch in their order and returns the ids of
// those that it wants again; the others are deleted.
type Handler struct {
	Work func(context.Context, []batch.Message) []string
}

// Handle answers one SQS event. The list of failures is never null: Lambda takes null for "all done". It never returns an
// error, which would send the whole batch back.
func (h *Handler) Handle(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
	messages := make([]batch.Message, len(event.Records))
	for i, r := range event.Records {
		messages[i] = message(r)
	}
	return failures(h.Work(ctx, messages)), nil
}

// Whole is the Lambda handler of a consumer of messages that are no operations: what nobody can be asked for later travels as it
// is. Work is as Handler's.
type Whole struct {
	Work func(context.Context, []batch.Delivery) []string
}

// Handle answers one SQS event, as Handler does.
func (w *Whole) Handle(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
	all := make([]batch.Delivery, len(event.Records))
	for i, r := range event.Records {
		all[i] = delivery(r)
	}
	return failures(w.Work(ctx, all)), nil
}

func failures(ids []string) events.SQSEventResponse {
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, id := range ids {
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
	}
	return answer
}

// delivery reads one record as it came. One without a group (emulators leave it out) belongs to a group of all such.
func delivery(r events.SQSMessage) batch.Delivery {
	d := batch.Delivery{
		ID: r.MessageId, Receipt: r.ReceiptHandle, Group: r.Attributes[attributeGroup], Dedup: r.Attributes[attributeDedup],
		Sequence: r.Attributes[attributeSequence], Receives: 1, Body: r.Body,
	}
	if n, err := strconv.Atoi(r.Attributes[attributeReceives]); err == nil {
		d.Receives = max(n, 1)
	}
	if ms, err := strconv.ParseInt(r.Attributes[attributeSent], 10, 64); err == nil {
		d.Sent = time.UnixMilli(ms)
	}
	return d
}

// message reads one record. A record without a group (emulators leave it out) belongs to the group that its operation was
// sent in.
func message(r events.SQSMessage) batch.Message {
	d := delivery(r)
	m := batch.Message{ID: d.ID, Receipt: d.Receipt, Group: d.Group, Receives: d.Receives, Sent: d.Sent}
	m.Operation, m.Bad = Decode(r.Body)
	if m.Group == "" && m.Bad == nil {
		m.Group = Group(m.Operation)
	}
	return m
}

// Event returns what Lambda would hand to a consumer for these deliveries of the queue with the given ARN: the desk's way
// from a queue to a handler.
func Event(arn string, deliveries []batch.Delivery) events.SQSEvent {
	event := events.SQSEvent{Records: make([]events.SQSMessage, len(deliveries))}
	for i, d := range deliveries {
		event.Records[i] = events.SQSMessage{
			MessageId: d.ID, ReceiptHandle: d.Receipt, Body: d.Body, EventSource: "aws:sqs", EventSourceARN: arn,
			Attributes: map[string]string{
				attributeReceives: strconv.Itoa(d.Receives), attributeGroup: d.Group, attributeDedup: d.Dedup, attributeSequence: d.Sequence,
				attributeSent: millis(d.Sent),
			},
		}
	}
	return event
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
