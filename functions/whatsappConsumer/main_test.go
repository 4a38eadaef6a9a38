package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
)

// sandbox are settings as the template gives them, secrets in the environment.
var sandbox = map[string]string{
	"PAIRS_TABLE": "pairs", "PARKED_TABLE": "parked", "ATTEMPTS_TABLE": "attempts", "CONFIG_TABLE": "config", "CHATS_TABLE": "chats", "CONVERSIONS_TABLE": "conversions",
	"WHATSAPP_OPERATIONS_QUEUE": "https://sqs.example/whatsapp.fifo", "HUBSPOT_OPERATIONS_QUEUE": "https://sqs.example/hubspot.fifo", "WHATSAPP_PHONE_NUMBER_ID": "106540352242922", "WHATSAPP_ACCESS_TOKEN": "sandbox-token",
	"HUBSPOT_ACCESS_TOKEN": "sandbox-app", "HUBSPOT_APP_ID": "19635961", "GET_ZOHO_TOKEN_FUNCTION": "getZohoToken",
	"PAIR_KEY": "00112233445566778899aabbccddeeff", "MODE": "on",
}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(),
		"HUBSPOT_ACCESS_TOKEN", "HUBSPOT_APP_ID", "PAIR_KEY", "GET_ZOHO_TOKEN_FUNCTION",
		"PAIRS_TABLE", "PARKED_TABLE", "CONFIG_TABLE", "CHATS_TABLE", "CONVERSIONS_TABLE", "HUBSPOT_OPERATIONS_QUEUE", "ATTEMPTS_TABLE", "WHATSAPP_OPERATIONS_QUEUE",
	)...)
	_, err = build(t.Context(), awstest.Env(awstest.Refused(t), sandbox, map[string]string{"WHATSAPP_ACCESS_TOKEN": ""}))
	awstest.Lacks(t, err, "WHATSAPP_ACCESS_TOKEN")
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

// parcel is a message as the door puts it into the queue.
func parcel(t *testing.T) string {
	entries, _ := chat.Pack(chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, Updates: []chat.Update{
		{Number: "106540352242922", Message: &chat.Message{ID: crm.Text("wamid.A"), Type: chat.TypeText, Text: crm.Text("ciao")}}}})
	if len(entries) != 1 {
		t.Fatal("no parcel")
	}
	return entries[0].Body
}

func TestWhatCannotBeLoggedGoesBack(t *testing.T) {
	for name, set := range map[string]map[string]string{
		"the tables are gone":       {},
		"the stack has no WhatsApp": {"WHATSAPP_PHONE_NUMBER_ID": "", "WHATSAPP_ACCESS_TOKEN": ""},
		"the stack is off":          {"MODE": "off"},
	} {
		aws, _ := awstest.Serve(t, func(string, string) (int, string) {
			return http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`
		})
		handle, err := build(t.Context(), awstest.Env(aws, sandbox, set))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{
			MessageId: "m1", ReceiptHandle: "r1", Body: parcel(t), Attributes: map[string]string{"MessageGroupId": "g", "ApproximateReceiveCount": "1"},
		}}})
		if out, _ := json.Marshal(answer); err != nil || string(out) != `{"batchItemFailures":[{"itemIdentifier":"m1"}]}` {
			t.Errorf("%s: %s, %v", name, out, err)
		}
	}
}
