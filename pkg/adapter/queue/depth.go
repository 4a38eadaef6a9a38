package queue

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"crm-connector/pkg/core/fault"
)

// Depth says how much lies in queues of Amazon SQS.
type Depth struct {
	SQS  Caller
	URLs []string
}

// Caller posts a signed call to SQS. Its errors have a smithy.APIError in their chain where SQS answered.
type Caller interface {
	Post(ctx context.Context, path string, header http.Header, body []byte) (http.Header, []byte, error)
}

// numbers are what a queue tells of its messages: those that wait, those that are out, those that are kept back. SQS says of each
// that it is approximate.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
var numbers = []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"}

// Waiting returns about how many messages lie in all the queues together. A queue that does not tell is a *fault.Error, never 0.
func (d Depth) Waiting(ctx context.Context) (n int64, err error) {
	for _, url := range d.URLs {
		one, err := d.waiting(ctx, url)
		if err != nil {
			return 0, err
		}
		n += one
	}
	return n, nil
}

func (d Depth) waiting(ctx context.Context, url string) (n int64, err error) {
	const op = "sqs.GetQueueAttributes"
	question, err := json.Marshal(struct {
		QueueUrl       string // SQS's spelling
		AttributeNames []string
	}{url, numbers})
	if err != nil {
		return 0, &fault.Error{Op: op, Kind: fault.Ours, Err: err}
	}
	_, said, err := d.SQS.Post(ctx, "/", http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"AmazonSQS.GetQueueAttributes"}}, question)
	if err != nil {
		return 0, translate(op, err)
	}
	var out struct{ Attributes map[string]string }
	if err := json.Unmarshal(said, &out); err != nil {
		return 0, &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer that cannot be read")}
	}
	for _, name := range numbers {
		one, err := strconv.ParseInt(out.Attributes[name], 10, 64)
		if err != nil || one < 0 {
			return 0, &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without " + name)}
		}
		n += one
	}
	return n, nil
}
