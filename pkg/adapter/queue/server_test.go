package queue_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/batch"
)

// server is an SQS behind its JSON protocol, over queues in memory: what passes it shows that the adapter says what the
// queue is asked.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
type server struct {
	now    func() time.Time
	queues map[string]*memory.Queue // by URL, which is the ARN too
	origin map[string]string        // of a dead-letter queue: the queue that it belongs to
}

// call is a request. Each operation has some of the members.
type call struct {
	QueueName, QueueUrl, ReceiptHandle, SourceArn string
	Attributes                                    map[string]string
	MaxNumberOfMessages, VisibilityTimeout        int
	Entries                                       []struct {
		Id, MessageBody, MessageGroupId, MessageDeduplicationId, ReceiptHandle string
		VisibilityTimeout                                                      int
	}
}

type answer = map[string]any

// code is an error as SQS names it.
type code string

func (c code) Error() string { return string(c) }

func (s *server) Do(r *http.Request) (*http.Response, error) {
	_, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	var in call
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !ok {
		return nil, fmt.Errorf("not a call of SQS: %w", err)
	}
	out, err := s.call(r.Context(), op, in)
	status := http.StatusOK
	if err != nil {
		status, out = http.StatusBadRequest, answer{"__type": "com.amazonaws.sqs#" + name(err)}
	}
	body, err := json.Marshal(out)
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(bytes.NewReader(body)),
	}, err
}

func name(err error) string {
	var c code
	switch {
	case errors.As(err, &c):
		return string(c)
	case errors.Is(err, memory.ErrReceiptInvalid):
		return "ReceiptHandleIsInvalid"
	case errors.Is(err, memory.ErrNotInFlight):
		return "MessageNotInflight"
	}
	return "InvalidParameterValue"
}

func (s *server) call(ctx context.Context, op string, in call) (answer, error) {
	if op == "CreateQueue" {
		return s.create(in)
	}
	if op == "StartMessageMoveTask" {
		s.queues[in.SourceArn].Move(s.queues[s.origin[in.SourceArn]], 1000)
		return answer{"TaskHandle": "1"}, nil
	}
	q := s.queues[in.QueueUrl]
	if q == nil {
		return nil, code("QueueDoesNotExist")
	}
	switch op {
	case "DeleteQueue":
		delete(s.queues, in.QueueUrl)
		return answer{}, nil
	case "GetQueueAttributes":
		return answer{"Attributes": answer{"QueueArn": in.QueueUrl}}, nil
	case "PurgeQueue":
		q.Purge()
		return answer{}, nil
	case "SendMessageBatch":
		return send(ctx, q, in)
	case "ReceiveMessage":
		return receive(q, in), nil
	case "DeleteMessage":
		return answer{}, q.Delete(in.ReceiptHandle)
	case "ChangeMessageVisibility":
		return answer{}, q.ChangeVisibility(in.ReceiptHandle, time.Duration(in.VisibilityTimeout)*time.Second)
	case "ChangeMessageVisibilityBatch":
		return hide(q, in), nil
	}
	return nil, code("UnsupportedOperation")
}

func (s *server) create(in call) (answer, error) {
	seconds := func(name string) time.Duration {
		n, _ := strconv.Atoi(in.Attributes[name])
		return time.Duration(n) * time.Second
	}
	url := "https://sqs/" + in.QueueName
	c := memory.QueueConfig{Name: in.QueueName, Visibility: seconds("VisibilityTimeout"), Delay: seconds("DelaySeconds"), Now: s.now}
	if in.Attributes["DeduplicationScope"] == "queue" {
		c.Scope = memory.ScopeQueue
	}
	if s.queues == nil {
		s.queues, s.origin = map[string]*memory.Queue{}, map[string]string{}
	}
	if text := in.Attributes["RedrivePolicy"]; text != "" {
		var policy struct {
			Target string `json:"deadLetterTargetArn"`
			Max    int    `json:"maxReceiveCount"`
		}
		if err := json.Unmarshal([]byte(text), &policy); err != nil {
			return nil, code("InvalidAttributeValue")
		}
		c.DeadLetter, c.MaxReceives = s.queues[policy.Target], policy.Max
		s.origin[policy.Target] = url
	}
	s.queues[url] = memory.NewQueue(c)
	return answer{"QueueUrl": url}, nil
}

func send(ctx context.Context, q *memory.Queue, in call) (answer, error) {
	size := 0
	for _, e := range in.Entries {
		size += len(e.MessageBody)
	}
	switch {
	case len(in.Entries) == 0:
		return nil, code("EmptyBatchRequest")
	case len(in.Entries) > batch.MaxEntries:
		return nil, code("TooManyEntriesInBatchRequest")
	case size > batch.MaxBytes:
		return nil, code("BatchRequestTooLong")
	}
	good, bad := []answer{}, []answer{}
	for _, e := range in.Entries {
		got, err := q.Put(ctx, batch.Entry{Group: e.MessageGroupId, Dedup: e.MessageDeduplicationId, Body: e.MessageBody})
		if err != nil {
			bad = append(bad, answer{"Id": e.Id, "SenderFault": true, "Code": name(err)})
			continue
		}
		good = append(good, answer{"Id": e.Id, "MessageId": got[0].ID, "SequenceNumber": got[0].Sequence, "MD5OfMessageBody": sum(e.MessageBody)})
	}
	return answer{"Successful": good, "Failed": bad}, nil
}

func sum(body string) string { return fmt.Sprintf("%x", md5.Sum([]byte(body))) }

func receive(q *memory.Queue, in call) answer {
	all := []answer{}
	for _, d := range q.Receive(in.MaxNumberOfMessages) {
		all = append(all, answer{
			"MessageId": d.ID, "ReceiptHandle": d.Receipt, "Body": d.Body, "MD5OfBody": sum(d.Body),
			"Attributes": answer{
				"ApproximateReceiveCount": strconv.Itoa(d.Receives), "SentTimestamp": strconv.FormatInt(d.Sent.UnixMilli(), 10),
				"MessageGroupId": d.Group, "MessageDeduplicationId": d.Dedup, "SequenceNumber": d.Sequence,
			},
		})
	}
	return answer{"Messages": all}
}

func hide(q *memory.Queue, in call) answer {
	good, bad := []answer{}, []answer{}
	for _, e := range in.Entries {
		if err := q.ChangeVisibility(e.ReceiptHandle, time.Duration(e.VisibilityTimeout)*time.Second); err != nil {
			bad = append(bad, answer{"Id": e.Id, "SenderFault": true, "Code": name(err)})
			continue
		}
		good = append(good, answer{"Id": e.Id})
	}
	return answer{"Successful": good, "Failed": bad}
}
