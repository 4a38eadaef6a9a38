package main

import (
	"net/http"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/suite/conversionclock"
)

// sandbox are settings as the template gives them, secrets in the environment.
var sandbox = map[string]string{
	"CONVERSIONS_TABLE": "conversions", "CONVERSIONS_JWT_ISSUER": "https://issuer.example", "CONVERSION_EVENTS_QUEUE": "https://sqs.example/events.fifo",
	"CONVERSION_EVENTS_DLQ": "https://sqs.example/events-dlq.fifo", "REPORT_TO": "client@example.com", "REPORT_FROM": "connector@example.com",
}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(), "REPORT_TO", "REPORT_FROM", "CONVERSION_EVENTS_QUEUE", "CONVERSION_EVENTS_DLQ", "CONVERSIONS_TABLE")...)
	_, err = build(t.Context(), awstest.Env(awstest.Refused(t), sandbox, map[string]string{"SLACK": "true"}))
	awstest.Lacks(t, err, "SLACK_WEBHOOK_URL")
	_, err = build(t.Context(), awstest.Env(awstest.Refused(t), sandbox, map[string]string{
		"CONVERSIONS_OWN_SUBJECT": "shop", "CONVERSIONS_ZOHO_COUNT": "Deals.Closing_Time.Lead_Source",
	}))
	awstest.Lacks(t, err, "GET_ZOHO_TOKEN_FUNCTION")
}

func TestATickAndAReportAskTheTableAndTheQueues(t *testing.T) {
	aws, calls := awstest.Serve(t, func(call, _ string) (int, string) {
		if call == "AmazonSQS.GetQueueAttributes" {
			return http.StatusOK, `{"Attributes":{"ApproximateNumberOfMessages":"1","ApproximateNumberOfMessagesNotVisible":"0","ApproximateNumberOfMessagesDelayed":"0"}}`
		}
		return http.StatusOK, `{"Items":[],"Responses":{"conversions":[]}}`
	})
	handle, err := build(t.Context(), awstest.Env(aws, sandbox))
	if err != nil {
		t.Fatal(err)
	}
	if err := handle(t.Context(), conversionclock.Event{Action: "tick"}); err != nil || !strings.Contains(strings.Join(calls(), " "), "DynamoDB_20120810.Query") {
		t.Error(err)
	}
	if err := handle(t.Context(), conversionclock.Event{Action: "report", Day: "2026-11-21"}); err != nil || strings.Count(strings.Join(calls(), " "), "AmazonSQS.GetQueueAttributes") != 2 {
		t.Error(err)
	}
	for _, e := range []conversionclock.Event{{Action: "tock"}, {Action: "report", Day: "2026-02-30"}} {
		if err := handle(t.Context(), e); err == nil {
			t.Errorf("%+v was taken", e)
		}
	}
}

func TestAStackWithoutConversionsHasNothingToDo(t *testing.T) {
	handle, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox, map[string]string{"CONVERSIONS_JWT_ISSUER": ""}))
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"", "tick", "report"} {
		if err := handle(t.Context(), conversionclock.Event{Action: action}); err != nil {
			t.Error(err)
		}
	}
}
