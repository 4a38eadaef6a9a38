package queue_test

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
)

func operation() crm.Operation {
	return crm.Operation{
		V: 1, ID: "f00d", Connection: "main", Source: crm.HubSpot, Kind: crm.Contact, Module: crm.Contacts, Verb: crm.Update, RecordID: "123",
		Fields: []string{"email", "firstname"}, OccurredAt: time.Date(2026, 11, 21, 9, 59, 58, 123_000_000, time.UTC),
		ReceivedAt: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), Trace: "1-abc",
	}
}

// api keeps what was sent, call by call, and fails in the call with the given number.
type api struct {
	calls  [][]batch.Entry
	failAt int
	err    error
}

func (a *api) Send(_ context.Context, entries []batch.Entry) error {
	a.calls = append(a.calls, entries)
	if a.err != nil && len(a.calls) == a.failAt {
		return a.err
	}
	return nil
}

// client is an SQS that keeps the requests and answers as it is told: it refuses the entries named in fail and says nothing
// of those in silent.
type client struct {
	sends  []*sqs.SendMessageBatchInput
	hides  []*sqs.ChangeMessageVisibilityBatchInput
	err    error
	fail   map[string]types.BatchResultErrorEntry
	silent map[string]bool
}

func (c *client) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	c.sends = append(c.sends, in)
	if c.err != nil {
		return nil, c.err
	}
	out := &sqs.SendMessageBatchOutput{}
	for _, e := range in.Entries {
		if f, ok := c.fail[*e.Id]; ok {
			f.Id = e.Id
			out.Failed = append(out.Failed, f)
		} else if !c.silent[*e.Id] {
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id, MessageId: aws.String("m" + *e.Id)})
		}
	}
	return out, nil
}

func (c *client) ChangeMessageVisibilityBatch(_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	c.hides = append(c.hides, in)
	if c.err != nil {
		return nil, c.err
	}
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for _, e := range in.Entries {
		if f, ok := c.fail[*e.Id]; ok {
			f.Id = e.Id
			out.Failed = append(out.Failed, f)
		} else {
			out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
		}
	}
	return out, nil
}
