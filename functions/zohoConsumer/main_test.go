package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/awsenv/awstest"
)

// sandbox are settings as the template gives them, secrets in the environment.
var sandbox = map[string]string{
	"PAIRS_TABLE": "pairs", "PARKED_TABLE": "parked", "ATTEMPTS_TABLE": "attempts", "CONFIG_TABLE": "config", "QUARANTINE_TABLE": "quarantine",
	"CHATS_TABLE": "chats", "CONVERSIONS_TABLE": "conversions",
	"ZOHO_OPERATIONS_QUEUE": "https://sqs.example/zoho.fifo", "HUBSPOT_OPERATIONS_QUEUE": "https://sqs.example/hubspot.fifo",
	"HUBSPOT_ACCESS_TOKEN": "sandbox-app", "HUBSPOT_APP_ID": "19635961", "GET_ZOHO_TOKEN_FUNCTION": "getZohoToken",
	"PAIR_KEY": "00112233445566778899aabbccddeeff", "MODE": "on",
}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(),
		"ATTEMPTS_TABLE", "QUARANTINE_TABLE", "HUBSPOT_ACCESS_TOKEN", "HUBSPOT_APP_ID", "PAIR_KEY", "GET_ZOHO_TOKEN_FUNCTION",
		"PAIRS_TABLE", "PARKED_TABLE", "CONFIG_TABLE", "ZOHO_OPERATIONS_QUEUE", "HUBSPOT_OPERATIONS_QUEUE",
		"CHATS_TABLE", "CONVERSIONS_TABLE",
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

func TestWithoutTheKeyOfTheHashesEverythingGoesAgain(t *testing.T) {
	stored := map[string]string{"PAIR_KEY": "", "SECRETS_PATH": "/stack"}
	batch := events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: "m1", ReceiptHandle: "r1", Attributes: map[string]string{"MessageGroupId": "g", "ApproximateReceiveCount": "1"},
		Body: `{"v":1,"id":"o","connection":"main","source":"hubspot","kind":"contact","module":"contact","verb":"update","recordId":"1"}`,
	}}}
	for _, tt := range []struct {
		name, parameters string
		status           int
		log              string // what the operation's line says, "" for an operation that does not go again
	}{
		{"the store does not answer", "", http.StatusBadRequest, "PAIR_KEY: secret.Get: "},
		{"there is none", "", http.StatusOK, "/stack/PAIR_KEY is not in the Parameter Store"},
		{"a short one", `{"Name":"/stack/PAIR_KEY","Value":"short"}`, http.StatusOK, "PAIR_KEY has less than 32 characters"},
		{"a good one", `{"Name":"/stack/PAIR_KEY","Value":"00112233445566778899aabbccddeeff"}`, http.StatusOK, ""},
	} {
		aws, _ := awstest.Serve(t, func(call, _ string) (int, string) {
			if call == "AmazonSSM.GetParameters" {
				return tt.status, `{"Parameters":[` + tt.parameters + `]}`
			}
			return http.StatusOK, "{}"
		})
		log := logged(t)
		handle, err := build(t.Context(), awstest.Env(aws, sandbox, stored, map[string]string{"MODE": "off"}))
		if err != nil {
			t.Fatal(tt.name, err)
		}
		answer, err := handle(t.Context(), batch)
		if said := log(); err != nil || len(answer.BatchItemFailures) != min(len(tt.log), 1) || !strings.Contains(said, tt.log) {
			t.Errorf("%s: %v, %v, %s", tt.name, answer, err, said)
		}
	}
}

// logged returns what functions that are built from now on have logged.
func logged(t *testing.T) func() string {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	out := os.Stdout
	os.Stdout = file
	t.Cleanup(func() { os.Stdout = out; _ = file.Close() })
	return func() string {
		said, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(said)
	}
}

func TestATokenThatWasGivenNeedsAnAddress(t *testing.T) {
	env := awstest.Env(awstest.Refused(t), sandbox, map[string]string{"GET_ZOHO_TOKEN_FUNCTION": "", "ZOHO_ACCESS_TOKEN": "1000.a"})
	_, err := build(t.Context(), env)
	awstest.Lacks(t, err, "ZOHO_API_URL")
}
