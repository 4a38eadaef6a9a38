package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/fault"
)

// Client is what SQS needs of *sqs.Client.
type Client interface {
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// SQS is one FIFO queue of Amazon SQS.
type SQS struct {
	Client Client
	URL    string
}

// Open returns the queue of that address. It makes no call.
func Open(cfg aws.Config, url string) SQS {
	c := sqs.NewFromConfig(cfg)
	return SQS{Client: calls{c.SendMessageBatch, c.ChangeMessageVisibilityBatch}, URL: url}
}

// calls are the two calls without the client, so that the linker may drop the others.
type calls struct {
	send func(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	hide func(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

func (c calls) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, o ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	return c.send(ctx, in, o...)
}

func (c calls) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, o ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	return c.hide(ctx, in, o...)
}

// Send takes 1 to batch.MaxEntries messages in one SendMessageBatch. SQS judges each entry alone; any that is not reported
// as accepted makes the whole call an error, a *fault.Error.
func (q SQS) Send(ctx context.Context, entries []batch.Entry) error {
	const op = "sqs.SendMessageBatch"
	in := &sqs.SendMessageBatchInput{QueueUrl: &q.URL}
	for i, e := range entries {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), MessageBody: &e.Body, MessageGroupId: &e.Group, MessageDeduplicationId: &e.Dedup,
		})
	}
	out, err := q.Client.SendMessageBatch(ctx, in)
	if err != nil {
		return translate(op, err)
	}
	return whole(op, len(entries), len(out.Successful), out.Failed)
}

// Hide changes how long delivered messages stay invisible, batch.MaxEntries a call. A message whose visibility has ended
// meanwhile is reported as an error, a *fault.Error; the others are changed all the same.
func (q SQS) Hide(ctx context.Context, waits []batch.Wait) error {
	const op = "sqs.ChangeMessageVisibilityBatch"
	var errs []error
	for len(waits) > 0 {
		n := min(len(waits), batch.MaxEntries)
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.URL}
		for i, w := range waits[:n] {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &w.Receipt, VisibilityTimeout: seconds(w.For),
			})
		}
		waits = waits[n:]
		out, err := q.Client.ChangeMessageVisibilityBatch(ctx, in)
		if err != nil {
			errs = append(errs, translate(op, err))
			continue
		}
		errs = append(errs, whole(op, n, len(out.Successful), out.Failed))
	}
	return errors.Join(errs...)
}

// seconds rounds up, so that nothing comes early, and stays within what SQS takes.
func seconds(d time.Duration) int32 {
	d = min(max(d, 0), batch.MaxHidden)
	return int32((d + time.Second - 1) / time.Second)
}

// whole is nil when every entry of a call was accepted. SQS answers 200 for a call whose entries all failed.
func whole(op string, sent, accepted int, failed []types.BatchResultErrorEntry) error {
	if len(failed) == 0 && accepted == sent {
		return nil
	}
	e := &fault.Error{Op: op, Kind: fault.Down, Err: fmt.Errorf("%d of %d entries accepted", accepted, sent)}
	for _, f := range failed {
		e.Code = aws.ToString(f.Code)
		if f.SenderFault {
			e.Kind = fault.Ours
			break
		}
	}
	return e
}

// throttles and settings are the codes by which SQS refuses a whole call for a reason that is not its own trouble.
var (
	throttles = map[string]bool{"RequestThrottled": true, "ThrottlingException": true, "OverLimit": true, "KmsThrottled": true}
	settings  = map[string]bool{"QueueDoesNotExist": true, "AccessDenied": true, "AccessDeniedException": true, "KmsAccessDenied": true,
		"InvalidAddress": true, "InvalidSecurity": true, "UnrecognizedClientException": true, "ExpiredTokenException": true}
	bugs = map[string]bool{"BatchRequestTooLong": true, "TooManyEntriesInBatchRequest": true, "EmptyBatchRequest": true,
		"BatchEntryIdsNotDistinct": true, "InvalidBatchEntryId": true, "InvalidMessageContents": true}
)

func translate(op string, err error) error {
	e := &fault.Error{Op: op, Kind: fault.Down, Err: err}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return e
	}
	e.Code = api.ErrorCode()
	switch {
	case throttles[e.Code]:
		e.Kind = fault.Throttled
	case settings[e.Code]:
		e.Kind = fault.Setup
	case bugs[e.Code]:
		e.Kind = fault.Ours
	}
	return e
}
