package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/conversions/conversionstest"
)

// sandbox are settings as the template gives them, secrets in the environment.
var sandbox = map[string]string{
	"PAIRS_TABLE": "pairs", "PARKED_TABLE": "parked", "ATTEMPTS_TABLE": "attempts", "CONFIG_TABLE": "config", "CHATS_TABLE": "chats",
	"WHATSAPP_PHONE_NUMBER_ID": "106540352242922", "WHATSAPP_ACCESS_TOKEN": "sandbox-token",
	"HUBSPOT_ACCESS_TOKEN": "sandbox-app", "HUBSPOT_APP_ID": "19635961", "GET_ZOHO_TOKEN_FUNCTION": "getZohoToken",
	"PAIR_KEY": "00112233445566778899aabbccddeeff", "MODE": "on",
	"CONVERSIONS_JWT_ISSUER": conversionstest.DefaultIssuer, "CONVERSIONS_JWT_SECRET": conversionstest.DefaultSecret,
}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(),
		"HUBSPOT_ACCESS_TOKEN", "HUBSPOT_APP_ID", "PAIR_KEY", "GET_ZOHO_TOKEN_FUNCTION",
		"PAIRS_TABLE", "PARKED_TABLE", "CONFIG_TABLE", "CHATS_TABLE",
	)...)
	_, err = build(t.Context(), awstest.Env(awstest.Refused(t), sandbox, map[string]string{"WHATSAPP_ACCESS_TOKEN": "", "CONVERSIONS_JWT_SECRET": ""}))
	awstest.Lacks(t, err, "WHATSAPP_ACCESS_TOKEN", "CONVERSIONS_JWT_SECRET")
}

// request is a message to send as the gateway hands it over.
func request(token string) json.RawMessage {
	body := `{"a":{"telefono":"+393471234567"},"tipo":"testo","testo":"buongiorno","riferimento":"ordine-1"}`
	out, err := json.Marshal(map[string]any{
		"version": "2.0", "rawPath": "/api/v1/messaggi", "body": body, "headers": map[string]string{"content-type": "application/json", "authorization": "Bearer " + token},
		"requestContext": map[string]any{"requestId": "r", "stage": "$default", "http": map[string]string{"method": "POST"}},
	})
	if err != nil {
		panic(err)
	}
	return out
}

func ask(t *testing.T, event json.RawMessage, sets ...map[string]string) string {
	t.Helper()
	handle, err := build(t.Context(), awstest.Env(sets...))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := handle(t.Context(), event)
	out, _ := json.Marshal(answer)
	if err != nil {
		return "error: " + err.Error()
	}
	return string(out)
}

func TestARequestIsAnsweredAndAScheduleIsNot(t *testing.T) {
	token := conversionstest.Caller{}.Token(time.Now(), "messaggi:invia")
	other := conversionstest.Caller{}.Token(time.Now(), "conversioni:scrivi")
	down, _ := awstest.Serve(t, func(string, string) (int, string) {
		return http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`
	})
	wrong := map[string]string{"CONVERSIONS_JWT_ALGORITHM": "none"}
	none := map[string]string{"WHATSAPP_PHONE_NUMBER_ID": "", "WHATSAPP_ACCESS_TOKEN": ""}
	for _, tt := range []struct {
		name string
		got  string
		want string
	}{
		{"another scope", ask(t, request(other), awstest.Refused(t), sandbox), `"statusCode":403`},
		{"no token", ask(t, request(""), awstest.Refused(t), sandbox), `"statusCode":401`},
		{"the tables are gone", ask(t, request(token), down, sandbox), `"statusCode":503`},
		{"a wrong setting of tokens", ask(t, request(token), awstest.Refused(t), sandbox, wrong), `"statusCode":503`},
		{"the schedule beside a wrong setting of tokens, and the tables are gone", ask(t, json.RawMessage(`{"action":"send"}`), down, sandbox, wrong), "dynamodb."},
		{"no WhatsApp", ask(t, request(token), awstest.Refused(t), sandbox, none), "WHATSAPP_PHONE_NUMBER_ID"},
		{"no tokens", ask(t, request(token), awstest.Refused(t), sandbox, map[string]string{"CONVERSIONS_JWT_ISSUER": "", "CONVERSIONS_JWT_SECRET": ""}), "CONVERSIONS_JWT_ISSUER"},
		{"the schedule of a stack without WhatsApp", ask(t, json.RawMessage(`{"action":"send"}`), awstest.Refused(t), sandbox, none), "null"},
		{"the schedule, and the tables are gone", ask(t, json.RawMessage(`{"action":"send"}`), down, sandbox), "error: "},
	} {
		if !strings.Contains(tt.got, tt.want) {
			t.Errorf("%s: %s", tt.name, tt.got)
		}
	}
}
