package queue_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/fault"
)

func depth(t *testing.T, answer awstest.Answer, urls ...string) queue.Depth {
	set, _ := awstest.Serve(t, answer)
	env := awsenv.Read(&settings.Reader{Getenv: awstest.Env(set)})
	return queue.Depth{SQS: awsenv.NewCaller(env.Config(awsenv.SQS), awsenv.SQS, time.Now), URLs: urls}
}

func TestWhatLiesInSeveralQueuesIsAddedUp(t *testing.T) {
	d := depth(t, func(call, body string) (int, string) {
		var in struct {
			QueueUrl       string
			AttributeNames []string
		}
		if err := json.Unmarshal([]byte(body), &in); err != nil || call != "AmazonSQS.GetQueueAttributes" || len(in.AttributeNames) != 3 {
			t.Errorf("%s: %s", call, body)
		}
		n := "20"
		if strings.HasSuffix(in.QueueUrl, "dead.fifo") {
			n = "300"
		}
		return http.StatusOK, `{"Attributes":{"ApproximateNumberOfMessages":"` + n + `","ApproximateNumberOfMessagesNotVisible":"4","ApproximateNumberOfMessagesDelayed":"1"}}`
	}, "https://sqs.example/live.fifo", "https://sqs.example/dead.fifo")
	if n, err := d.Waiting(t.Context()); n != 330 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestAQueueThatDoesNotTellIsNotAnEmptyOne(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   fault.Kind
	}{
		"it is not there":      {http.StatusBadRequest, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}`, fault.Setup},
		"no right to ask":      {http.StatusForbidden, `{"__type":"AccessDeniedException"}`, fault.Setup},
		"down":                 {http.StatusServiceUnavailable, `<html>`, fault.Down},
		"half an answer":       {http.StatusOK, `{"Attributes":{"ApproximateNumberOfMessages":"3"}}`, fault.Down},
		"no number":            {http.StatusOK, `{"Attributes":{"ApproximateNumberOfMessages":"-1"}}`, fault.Down},
		"no answer at all":     {http.StatusOK, `{}`, fault.Down},
		"something unreadable": {http.StatusOK, `[`, fault.Down},
	} {
		d := depth(t, func(string, string) (int, string) { return tt.status, tt.body }, "https://sqs.example/live.fifo")
		if n, err := d.Waiting(t.Context()); n != 0 || err == nil || fault.KindOf(err) != tt.want {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}
