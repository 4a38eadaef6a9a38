package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/awsenv/awstest"
)

// sandbox are settings as the template gives them, secrets in the environment.
var sandbox = map[string]string{
	"PAIRS_TABLE": "pairs", "PARKED_TABLE": "parked", "ATTEMPTS_TABLE": "attempts", "CONFIG_TABLE": "config", "QUARANTINE_TABLE": "quarantine",
	"CHATS_TABLE":           "chats",
	"ZOHO_OPERATIONS_QUEUE": "https://sqs.example/zoho.fifo", "HUBSPOT_OPERATIONS_QUEUE": "https://sqs.example/hubspot.fifo",
	"HUBSPOT_ACCESS_TOKEN": "sandbox-app", "HUBSPOT_APP_ID": "19635961", "GET_ZOHO_TOKEN_FUNCTION": "getZohoToken",
	"PAIR_KEY": "00112233445566778899aabbccddeeff", "MODE": "on",
}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(),
		"ATTEMPTS_TABLE", "QUARANTINE_TABLE", "HUBSPOT_ACCESS_TOKEN", "HUBSPOT_APP_ID", "PAIR_KEY", "GET_ZOHO_TOKEN_FUNCTION",
		"PAIRS_TABLE", "PARKED_TABLE", "CONFIG_TABLE", "ZOHO_OPERATIONS_QUEUE", "HUBSPOT_OPERATIONS_QUEUE",
		"CHATS_TABLE",
	)...)
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

func TestWhatCannotBeParkedGoesBack(t *testing.T) {
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
