package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/invoke"
)

// sandbox are settings as the template gives them.
var sandbox = map[string]string{"TOKENS_TABLE": "tokens", "REFRESH_ZOHO_TOKEN_FUNCTION": "refreshZohoToken"}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(), "TOKENS_TABLE", "REFRESH_ZOHO_TOKEN_FUNCTION")...)
}

func TestItStartsWithoutACall(t *testing.T) {
	if _, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox)); err != nil {
		t.Error(err)
	}
}

func TestTheStoredTokenIsHandedOut(t *testing.T) {
	state := `{"v":1,"token":"1000.a","version":3,"expires":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `","base":"https://www.zohoapis.eu"}`
	aws, calls := awstest.Serve(t, func(string, string) (int, string) {
		return http.StatusOK, `{"Item":{"pk":{"S":"token#main"},"sk":{"S":"#zoho"},"ver":{"N":"5"},"val":{"B":"` + base64.StdEncoding.EncodeToString([]byte(state)) + `"}}}`
	})
	handle, err := build(t.Context(), awstest.Env(aws, sandbox))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := handle(t.Context(), invoke.Question{V: 1})
	out, _ := json.Marshal(answer)
	if err != nil || !strings.HasPrefix(string(out), `{"v":1,"token":"1000.a","version":3,"expires":"`) {
		t.Errorf("%s, %v", out, err)
	}
	if d := cmp.Diff([]string{"DynamoDB_20120810.GetItem"}, calls()); d != "" {
		t.Error(d)
	}
}

func TestAMissingTokenIsRefreshedByTheOtherFunctionWhoseFaultIsPassedOn(t *testing.T) {
	aws, calls := awstest.Serve(t, func(call, _ string) (int, string) {
		if call == "lambda.refreshZohoToken" {
			return http.StatusOK, `{"v":1,"fault":{"op":"zoho.Refresh","kind":"denied","code":"invalid_code"}}`
		}
		return http.StatusOK, `{}`
	})
	handle, err := build(t.Context(), awstest.Env(aws, sandbox))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := handle(t.Context(), invoke.Question{V: 1})
	if out, _ := json.Marshal(answer); err != nil || string(out) != `{"v":1,"fault":{"op":"zoho.Refresh","kind":"denied","code":"invalid_code"}}` {
		t.Errorf("%s, %v", out, err)
	}
	if d := cmp.Diff([]string{"DynamoDB_20120810.GetItem", "lambda.refreshZohoToken", "DynamoDB_20120810.GetItem"}, calls()); d != "" {
		t.Error(d)
	}
}
