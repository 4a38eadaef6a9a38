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
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, id := range h.Work(ctx, messages) {
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
	}
	return answer, nil
}

// message reads one record. A record without a group (emulators leave it out) belongs to the group that its operation was
// sent in.
func message(r events.SQSMessage) batch.Message {
	m := batch.Message{ID: r.MessageId, Receipt: r.ReceiptHandle, Group: r.Attributes[attributeGroup], Receives: 1}
	if n, err := strconv.Atoi(r.Attributes[attributeReceives]); err == nil {
		m.Receives = max(n, 1)
	}
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
