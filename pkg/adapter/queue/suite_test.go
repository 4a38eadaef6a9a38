package queue_test

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/storetest"
	"crm-connector/pkg/core/batch"
)

func TestTheSuiteHolds(t *testing.T) {
	t.Run("in process", func(t *testing.T) {
		clock := storetest.NewClock()
		l := lab{sqs.NewFromConfig(config(&server{now: clock.Now})), clock.Wait}
		storetest.TestQueue(t, storetest.QueueLab{Open: l.open, Wait: l.wait, Redrive: l.redrive})
	})
	for _, o := range storetest.Oracles(t, os.Getenv(storetest.OraclesSetting), storetest.MiniStack, storetest.ElasticMQ) {
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			l := lab{sqs.NewFromConfig(awsenv.Read(&settings.Reader{Getenv: awstest.Env(awstest.Settings(o.Endpoint))}).Config(awsenv.SQS)), time.Sleep}
			storetest.TestQueue(t, storetest.QueueLab{
				Open: l.open, Wait: l.wait, Redrive: l.redrive, Parallel: true, Known: o.Known(storetest.QueueSuite),
			})
		})
	}
}

func config(client aws.HTTPClient) aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: client, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// lab opens queues of an SQS.
type lab struct {
	client *sqs.Client
	wait   func(time.Duration)
}

func (l lab) open(t *testing.T, set storetest.QueueSetup) (q, dead storetest.Queue) {
	name := "storetest-" + uuid.NewString()
	scope := "messageGroup"
	if set.WholeQueue {
		scope = "queue"
	}
	attributes := map[string]string{
		"VisibilityTimeout": strconv.Itoa(int(set.Visibility.Seconds())), "DelaySeconds": strconv.Itoa(int(set.Delay.Seconds())),
		"DeduplicationScope": scope, "FifoThroughputLimit": "perQueue",
	}
	if set.MaxReceives > 0 {
		d := l.create(t, name+"-dlq.fifo", map[string]string{"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perQueue"})
		dead = d
		attributes["RedrivePolicy"] = `{"deadLetterTargetArn":"` + d.arn + `","maxReceiveCount":` + strconv.Itoa(set.MaxReceives) + `}`
	}
	return l.create(t, name+".fifo", attributes), dead
}

func (l lab) create(t *testing.T, name string, attributes map[string]string) ends {
	attributes["FifoQueue"] = "true"
	made, err := l.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := l.client.DeleteQueue(context.Background(), &sqs.DeleteQueueInput{QueueUrl: made.QueueUrl}); err != nil {
			t.Error(err)
		}
	})
	has, err := l.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: made.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		t.Fatal(err)
	}
	return ends{l.client, *made.QueueUrl, has.Attributes["QueueArn"]}
}

// redrive starts a redrive and gives it time, because SQS answers before it is done.
func (l lab) redrive(ctx context.Context, dead, _ storetest.Queue) error {
	_, err := l.client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(dead.(ends).arn)})
	l.wait(2 * time.Second)
	return err
}

// ends is one queue from both ends: what the suite sends and hides goes through the adapter, and the rest is what Lambda does.
type ends struct {
	client   *sqs.Client
	url, arn string
}

// listener is a client that keeps the answers.
type listener struct {
	*sqs.Client
	sent *sqs.SendMessageBatchOutput
}

func (l *listener) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, o ...func(*sqs.Options)) (out *sqs.SendMessageBatchOutput, err error) {
	l.sent, err = l.Client.SendMessageBatch(ctx, in, o...)
	return l.sent, err
}

func (e ends) Put(ctx context.Context, entries ...batch.Entry) ([]batch.Delivery, error) {
	l := &listener{Client: e.client}
	if err := (queue.SQS{Client: l, URL: e.url}).Send(ctx, entries); err != nil {
		return nil, err
	}
	out := make([]batch.Delivery, len(entries))
	for _, s := range l.sent.Successful {
		i, err := strconv.Atoi(aws.ToString(s.Id))
		if err != nil || i >= len(out) {
			return nil, errors.New("an answer for an entry that was not sent")
		}
		out[i] = batch.Delivery{ID: aws.ToString(s.MessageId), Sequence: aws.ToString(s.SequenceNumber)}
	}
	return out, nil
}

func (e ends) Receive(ctx context.Context, max int) ([]batch.Delivery, error) {
	out, err := e.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &e.url, MaxNumberOfMessages: int32(max), MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return nil, err
	}
	var got []batch.Delivery
	for _, m := range out.Messages {
		receives, err1 := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		sent, err2 := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
		if err := cmp.Or(err1, err2); err != nil {
			return nil, err
		}
		got = append(got, batch.Delivery{
			ID: aws.ToString(m.MessageId), Receipt: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body), Receives: receives, Sent: time.UnixMilli(sent),
			Group: m.Attributes["MessageGroupId"], Dedup: m.Attributes["MessageDeduplicationId"], Sequence: m.Attributes["SequenceNumber"],
		})
	}
	return got, nil
}

func (e ends) Delete(ctx context.Context, receipt string) error {
	_, err := e.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &e.url, ReceiptHandle: &receipt})
	return err
}

// ChangeVisibility goes through the adapter, which never asks for more than SQS gives.
func (e ends) ChangeVisibility(ctx context.Context, receipt string, d time.Duration) error {
	if d <= batch.MaxHidden {
		return queue.SQS{Client: e.client, URL: e.url}.Hide(ctx, []batch.Wait{{Receipt: receipt, For: d}})
	}
	_, err := e.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &e.url, ReceiptHandle: &receipt, VisibilityTimeout: int32(d.Seconds()),
	})
	return err
}

func (e ends) Purge(ctx context.Context) error {
	_, err := e.client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &e.url})
	return err
}
