package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/invoke"
)

// sandbox are settings as the template gives them, secrets in the environment.
var sandbox = map[string]string{
	"TOKENS_TABLE": "tokens", "ZOHO_ACCOUNTS_URL": "https://accounts.zoho.eu", "ZOHO_CLIENT_ID": "sandbox-client",
	"ZOHO_CLIENT_SECRET": "sandbox-secret", "ZOHO_REFRESH_TOKEN": "sandbox-refresh",
}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(), "ZOHO_ACCOUNTS_URL", "ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "TOKENS_TABLE")...)
}

func TestItStartsWithoutACall(t *testing.T) {
	if _, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox)); err != nil {
		t.Error(err)
	}
}

func TestTheScheduleFetchesATokenWithTheSecretsOfTheStoreAndKeepsIt(t *testing.T) {
	var saved []string
	aws, calls := awstest.Serve(t, func(call, body string) (int, string) {
		switch call {
		case "AmazonSSM.GetParameters":
			return http.StatusOK, `{"Parameters":[{"Name":"/stack/ZOHO_CLIENT_SECRET","Value":"s"},{"Name":"/stack/ZOHO_REFRESH_TOKEN","Value":"r"}]}`
		case "DynamoDB_20120810.PutItem":
			saved = append(saved, body)
		}
		return http.StatusOK, `{}`
	})
	accounts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("client_secret") != "s" || r.FormValue("refresh_token") != "r" {
			t.Errorf("asked with %v", r.Form)
		}
		_, _ = w.Write([]byte(`{"access_token":"1000.new","expires_in":3600,"api_domain":"https://www.zohoapis.eu"}`))
	}))
	defer accounts.Close()
	handle, err := build(t.Context(), awstest.Env(aws, sandbox, map[string]string{
		"ZOHO_ACCOUNTS_URL": accounts.URL, "ZOHO_CLIENT_SECRET": "", "ZOHO_REFRESH_TOKEN": "", "SECRETS_PATH": "/stack",
	}))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := handle(t.Context(), invoke.Question{})
	if out, _ := json.Marshal(answer); err != nil || string(out) != `{"v":1}` {
		t.Errorf("%s, %v", out, err)
	}
	want := []string{"DynamoDB_20120810.GetItem", "DynamoDB_20120810.PutItem", "AmazonSSM.GetParameters", "DynamoDB_20120810.PutItem"}
	if d := cmp.Diff(want, calls()); d != "" {
		t.Error(d)
	}
	if len(saved) != 2 || !strings.Contains(saved[1], `"ver":{"N":"2"}`) {
		t.Errorf("saved %v", saved)
	}
}
