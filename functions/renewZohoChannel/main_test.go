package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/zoho/zohotest"
)

// sandbox are settings as the template gives them, the secret in the environment.
var sandbox = map[string]string{
	"GET_ZOHO_TOKEN_FUNCTION": "getZohoToken", "ZOHO_CHANNEL_ID": "1000000068001", "ZOHO_CHANNEL_TOKEN": "sandbox-channel-token",
	"ZOHO_WEBHOOK_URL": "https://connector.example.com/webhooks/zoho",
}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(), "ZOHO_CHANNEL_ID", "ZOHO_CHANNEL_TOKEN", "ZOHO_WEBHOOK_URL", "GET_ZOHO_TOKEN_FUNCTION")...)
}

func TestItStartsWithoutACall(t *testing.T) {
	if _, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox)); err != nil {
		t.Error(err)
	}
}

func TestItOpensTheChannelAndTheTokenComesFromTheStoreOfSecrets(t *testing.T) {
	crm := zohotest.New(zohotest.Options{Now: time.Now, AccessToken: "1000.sandbox"})
	server := httptest.NewServer(crm)
	defer server.Close()
	aws, _ := awstest.Serve(t, func(string, string) (int, string) {
		return http.StatusOK, `{"Parameters":[{"Name":"/stack/ZOHO_CHANNEL_TOKEN","Value":"the-new-one,the-old-one"}]}`
	})
	run, err := build(t.Context(), awstest.Env(aws, sandbox, map[string]string{
		"ZOHO_CHANNEL_TOKEN": "", "SECRETS_PATH": "/stack", "ZOHO_ACCESS_TOKEN": "1000.sandbox", "ZOHO_API_URL": server.URL,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context()); err != nil {
		t.Fatal(err)
	}
	ch := crm.Channels()
	if len(ch) != 1 || ch[0].ID != "1000000068001" || ch[0].URL != sandbox["ZOHO_WEBHOOK_URL"] || ch[0].Token != "the-new-one" {
		t.Errorf("%+v", ch)
	}
}

func TestAnErrorNamesTheStep(t *testing.T) {
	aws, _ := awstest.Serve(t, func(string, string) (int, string) {
		return http.StatusBadRequest, `{"__type":"AccessDeniedException"}`
	})
	run, err := build(t.Context(), awstest.Env(aws, sandbox))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "upkeep channel: read: ") {
		t.Error(err)
	}
}
