package main

import (
	"net/http"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/core/fault"
)

// sandbox are settings as the template gives them, secrets in the environment.
var sandbox = map[string]string{
	"PAIRS_TABLE": "pairs", "PARKED_TABLE": "parked", "CONFIG_TABLE": "config",
	"ZOHO_OPERATIONS_QUEUE": "https://sqs.example/zoho.fifo", "HUBSPOT_OPERATIONS_QUEUE": "https://sqs.example/hubspot.fifo",
	"WHATSAPP_OPERATIONS_QUEUE": "https://sqs.example/whatsapp.fifo",
	"HUBSPOT_ACCESS_TOKEN":      "sandbox-app", "HUBSPOT_APP_ID": "19635961", "GET_ZOHO_TOKEN_FUNCTION": "getZohoToken",
	"PAIR_KEY": "00112233445566778899aabbccddeeff",
}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(),
		"HUBSPOT_ACCESS_TOKEN", "HUBSPOT_APP_ID", "PAIR_KEY", "GET_ZOHO_TOKEN_FUNCTION",
		"PAIRS_TABLE", "PARKED_TABLE", "CONFIG_TABLE", "ZOHO_OPERATIONS_QUEUE", "HUBSPOT_OPERATIONS_QUEUE", "WHATSAPP_OPERATIONS_QUEUE",
	)...)
}

func TestItStartsWithoutACall(t *testing.T) {
	if _, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox)); err != nil {
		t.Error(err)
	}
}

func TestItFailsWhenItsTablesAreNotThere(t *testing.T) {
	aws, _ := awstest.Serve(t, func(string, string) (int, string) {
		return http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`
	})
	run, err := build(t.Context(), awstest.Env(aws, sandbox))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context()); fault.KindOf(err) != fault.Setup {
		t.Error(err)
	}
}

func TestWithoutTheKeyOfTheHashesItFailsAndNamesIt(t *testing.T) {
	aws, _ := awstest.Serve(t, func(string, string) (int, string) { return http.StatusOK, `{"Parameters":[]}` })
	run, err := build(t.Context(), awstest.Env(aws, sandbox, map[string]string{"PAIR_KEY": "", "SECRETS_PATH": "/stack"}))
	if err != nil {
		t.Fatal(err)
	}
	err = run(t.Context())
	if fault.KindOf(err) != fault.Setup || !strings.Contains(err.Error(), "/stack/PAIR_KEY is not in the Parameter Store") {
		t.Error(err)
	}
}
