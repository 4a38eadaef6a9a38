package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/awsenv/awstest"
)

// sandbox are settings as the template gives them.
var sandbox = map[string]string{"CONVERSIONS_TABLE": "conversions", "CONVERSION_EVENTS_QUEUE": "https://sqs.example/events.fifo"}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(), "CONVERSIONS_TABLE", "CONVERSION_EVENTS_QUEUE")...)
}

func TestItStartsWithoutACallAndHasNothingToSayToAnEmptyBatch(t *testing.T) {
	handle, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := handle(t.Context(), events.SQSEvent{})
	if out, _ := json.Marshal(answer); err != nil || string(out) != `{"batchItemFailures":[]}` {
		t.Errorf("%s, %v", out, err)
	}
}

func TestWhatCannotBePutAmongTheErrorsGoesBack(t *testing.T) {
	aws, calls := awstest.Serve(t, func(string, string) (int, string) {
		return http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`
	})
	handle, err := build(t.Context(), awstest.Env(aws, sandbox))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: "m1", ReceiptHandle: "r1", Body: "garbage", Attributes: map[string]string{"MessageGroupId": "g", "ApproximateReceiveCount": "1"},
	}}})
	out, _ := json.Marshal(answer)
	if err != nil || string(out) != `{"batchItemFailures":[{"itemIdentifier":"m1"}]}` || len(calls()) == 0 {
		t.Errorf("%s, %v", out, err)
	}
}
