package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	queuewire "crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/desk/connector"
)

// The name of the queue of zohoConsumer and of its dead-letter queue, without the stack's.
const (
	lane     = "zoho-operations"
	deadLane = "zoho-operations-dlq"
)

// lanes are the queues of the stack; each has a dead-letter queue.
var lanes = []string{lane, "hubspot-operations", "whatsapp-operations", "conversion-events"}

// poison puts a message that nobody can read into the queue. It goes again until it was received as often as the queue allows,
// which takes days: once the others have passed, the queue is made to allow one time.
func poison(ctx context.Context, s *stage) (string, error) {
	at, err := s.cloud.queue(ctx, lane)
	if err != nil {
		return "", err
	}
	send := sqs.SendMessageInput{QueueUrl: &at, MessageBody: aws.String("not an operation"), MessageGroupId: aws.String("poison"), MessageDeduplicationId: aws.String("poison-1")}
	if _, err := s.cloud.sqs.SendMessage(ctx, &send); err != nil {
		return "", err
	}
	if err := s.hubspotEdit(s.hubspotID, props{"jobtitle": "Tesoriera"}); err != nil {
		return "", err
	}
	if err := until(ctx, soon, func(context.Context) error { return s.zohoShows(s.zohoID, props{"Title": "Tesoriera"}) }); err != nil {
		return "", err
	}
	if err := until(ctx, soon, func(ctx context.Context) error { return s.only(ctx, lane, 1) }); err != nil {
		return "", err
	}
	was, err := s.allow(ctx, at, 1)
	if err != nil {
		return "", err
	}
	err = until(ctx, 3*time.Minute, func(ctx context.Context) error { return s.only(ctx, deadLane, 1) })
	if err := errors.Join(err, s.redriven(ctx, at, was)); err != nil {
		return "", err
	}
	return "others passed; doctor names the DLQ; redriven", s.quiet(ctx)
}

// only looks whether a queue holds that many messages.
func (s *stage) only(ctx context.Context, queue string, want int) error {
	waiting, inFlight, err := s.cloud.depth(ctx, queue)
	if err == nil && waiting+inFlight != want {
		err = fmt.Errorf("%s holds %d messages, want %d", queue, waiting+inFlight, want)
	}
	return err
}

// allow sets how often a message may be received before it goes to the dead-letter queue, and returns the policy of before.
func (s *stage) allow(ctx context.Context, at string, times int) (was string, err error) {
	out, err := s.cloud.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &at, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameRedrivePolicy}})
	if err != nil {
		return "", err
	}
	was = out.Attributes[string(sqstypes.QueueAttributeNameRedrivePolicy)]
	var policy map[string]any
	if err := json.Unmarshal([]byte(was), &policy); err != nil {
		return "", fmt.Errorf("the queue's redrive policy: %w", err)
	}
	policy["maxReceiveCount"] = times
	now, err := json.Marshal(policy)
	if err != nil {
		return "", err
	}
	return was, s.redrivePolicy(ctx, at, string(now))
}

func (s *stage) redrivePolicy(ctx context.Context, at, policy string) error {
	_, err := s.cloud.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &at, Attributes: map[string]string{string(sqstypes.QueueAttributeNameRedrivePolicy): policy}})
	return err
}

// redriven puts the queue's policy back, sees doctor name the dead message and connector put it back, and takes it out.
func (s *stage) redriven(ctx context.Context, at, policy string) error {
	if err := s.redrivePolicy(ctx, at, policy); err != nil {
		return err
	}
	a, err := s.connector(ctx, nil, "doctor")
	if err != nil {
		return err
	}
	var found []struct{ Check, Level, What string }
	if err := a.read("findings", &found); err != nil {
		return err
	}
	var faults []string
	for _, f := range found {
		if f.Level == "fault" {
			faults = append(faults, f.Check+": "+f.What)
		}
	}
	if a.code != connector.ExitFinding || len(faults) != 1 || !strings.Contains(faults[0], "dead-letter") {
		return fmt.Errorf("doctor ends with %d and finds %q; want the dead-letter queue alone", a.code, faults)
	}
	if _, err := s.does(ctx, nil, "redrive"); err != nil {
		return err
	}
	if err := errors.Join(s.only(ctx, deadLane, 0), until(ctx, soon, func(ctx context.Context) error { return s.only(ctx, lane, 1) })); err != nil {
		return err
	}
	_, err = s.cloud.sqs.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &at})
	return err
}

// unreadable hands one message five times to zohoConsumer, as the queue would in a quarter of an hour.
func unreadable(ctx context.Context, s *stage) (string, error) {
	const id = "5b0c7c7e-2c6e-4d5e-9c1f-0a6f7d1c9b11"
	for n := 1; n <= 5; n++ {
		event := queuewire.Event("arn:aws:sqs:us-east-1:000000000000:"+s.Stack+"-"+lane+".fifo", []batch.Delivery{{
			ID: id, Receipt: "none", Group: "poison", Dedup: "poison-2", Sequence: "1", Body: "not an operation", Receives: n, Sent: s.Now(),
		}})
		out, err := s.cloud.invoke(ctx, "zohoConsumer", event)
		if err != nil {
			return "", err
		}
		var answer events.SQSEventResponse
		if err := json.Unmarshal(out, &answer); err != nil {
			return "", err
		}
		if back := len(answer.BatchItemFailures); back != 1 && n < 5 || back != 0 && n == 5 {
			return "", fmt.Errorf("after %d tries %d messages go back", n, back)
		}
	}
	rows, err := s.parked(ctx)
	if err != nil {
		return "", err
	}
	if n := len(rows); n != 1 || rows[0].Class != "ours" {
		return "", fmt.Errorf("%d rows are parked, want one of class ours", n)
	}
	return "again, four times; then parked as ours", nil
}
