package main

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/core/crm"
)

const signedURL = "https://door.example/webhooks/hubspot"

// sandbox are settings as the template gives them, secrets in the environment.
var sandbox = map[string]string{
	"CONFIG_TABLE": "config", "QUARANTINE_TABLE": "quarantine", "ZOHO_OPERATIONS_QUEUE": "https://sqs.example/zoho.fifo",
	"HUBSPOT_OPERATIONS_QUEUE": "https://sqs.example/hubspot.fifo", "HUBSPOT_CLIENT_SECRET": "sandbox-client-secret",
	"HUBSPOT_WEBHOOK_URL": signedURL, "HUBSPOT_APP_ID": "19635961", "ZOHO_CHANNEL_ID": "1000000068001", "ZOHO_CHANNEL_TOKEN": "sandbox-channel-token",
	"WHATSAPP_OPERATIONS_QUEUE": "https://sqs.example/whatsapp.fifo", "CONVERSION_EVENTS_QUEUE": "https://sqs.example/events.fifo",
}

// both are those of a stack with WhatsApp and conversions.
var both = map[string]string{
	"WHATSAPP_PHONE_NUMBER_ID": "106540352242922", "WHATSAPP_APP_SECRET": "sandbox-app-secret", "WHATSAPP_VERIFY_TOKEN": "sandbox-verify",
	"CONVERSIONS_JWT_ISSUER": conversionstest.DefaultIssuer, "CONVERSIONS_JWT_SECRET": conversionstest.DefaultSecret,
}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(),
		"HUBSPOT_CLIENT_SECRET", "HUBSPOT_WEBHOOK_URL", "HUBSPOT_APP_ID", "ZOHO_CHANNEL_ID", "ZOHO_CHANNEL_TOKEN",
		"WHATSAPP_OPERATIONS_QUEUE", "CONVERSION_EVENTS_QUEUE",
		"ZOHO_OPERATIONS_QUEUE", "HUBSPOT_OPERATIONS_QUEUE", "CONFIG_TABLE", "QUARANTINE_TABLE",
	)...)
}

func post(path, body string, header map[string]string) events.APIGatewayV2HTTPRequest {
	e := events.APIGatewayV2HTTPRequest{RawPath: path, Headers: map[string]string{"content-type": "application/json"}, Body: body}
	e.RequestContext.HTTP.Method = http.MethodPost
	for name, value := range header {
		e.Headers[name] = value
	}
	return e
}

// signed is a creation in HubSpot as HubSpot delivers it.
func signed(secret string) events.APIGatewayV2HTTPRequest {
	const body = `[{"eventId":1,"subscriptionId":1,"portalId":62515,"appId":19635961,"occurredAt":1763722800000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":101,"changeFlag":"NEW","changeSource":"CRM_UI"}]`
	signature, at := hubspot.Sign(crm.NewSecret(secret), http.MethodPost, signedURL, []byte(body), time.Now())
	return post(hubspot.Path, body, map[string]string{hubspot.HeaderV3: signature, hubspot.HeaderTimestamp: at})
}

// accepted is SQS's answer to the one entry of a batch.
func accepted(t *testing.T, body string) string {
	var in struct {
		QueueUrl string
		Entries  []struct{ MessageBody string }
	}
	if err := json.Unmarshal([]byte(body), &in); err != nil || len(in.Entries) != 1 || in.QueueUrl != sandbox["ZOHO_OPERATIONS_QUEUE"] {
		t.Errorf("sent %s", body)
		return "{}"
	}
	sum := md5.Sum([]byte(in.Entries[0].MessageBody))
	return `{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"` + hex.EncodeToString(sum[:]) + `"}]}`
}

func TestAForgedDeliveryIsTurnedAwayWithoutACall(t *testing.T) {
	handle, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []events.APIGatewayV2HTTPRequest{
		signed("another secret"),
		post("/webhooks/zoho", `{"channel_id":"1000000068001","token":"another","module":"Contacts","operation":"insert","ids":["1"]}`, nil),
	} {
		if answer, err := handle(t.Context(), e); err != nil || answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d, %v", e.RawPath, answer.StatusCode, err)
		}
	}
}

func TestADeliveryThatHubSpotSignedWithTheSecretOfTheStoreIsQueued(t *testing.T) {
	aws, calls := awstest.Serve(t, func(call, body string) (int, string) {
		switch call {
		case "AmazonSSM.GetParameters":
			return http.StatusOK, `{"Parameters":[{"Name":"/stack/HUBSPOT_CLIENT_SECRET","Value":"old, stored"}]}`
		case "AmazonSQS.SendMessageBatch":
			return http.StatusOK, accepted(t, body)
		}
		return http.StatusOK, "{}"
	})
	handle, err := build(t.Context(), awstest.Env(aws, sandbox, map[string]string{
		"HUBSPOT_CLIENT_SECRET": "", "ZOHO_CHANNEL_TOKEN": "", "SECRETS_PATH": "/stack",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := handle(t.Context(), signed("stored")); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("%d, %v", answer.StatusCode, err)
	}
	if all := strings.Join(calls(), " "); !strings.HasPrefix(all, "AmazonSSM.GetParameters ") || !strings.HasSuffix(all, " AmazonSQS.SendMessageBatch") {
		t.Errorf("called %s", all)
	}
}

func TestWithoutItsSecretsTheDoorIsInDoubtAndCallsNobodyAForger(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"the store does not answer": {http.StatusBadRequest, `{"__type":"AccessDeniedException"}`},
		"nothing is stored":         {http.StatusOK, `{"Parameters":[]}`},
	} {
		aws, _ := awstest.Serve(t, func(string, string) (int, string) { return answer.status, answer.body })
		handle, err := build(t.Context(), awstest.Env(aws, sandbox, map[string]string{
			"HUBSPOT_CLIENT_SECRET": "", "ZOHO_CHANNEL_TOKEN": "", "SECRETS_PATH": "/stack",
		}))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []events.APIGatewayV2HTTPRequest{
			signed("any"),
			post("/webhooks/zoho", `{"channel_id":"1000000068001","token":"any","module":"Contacts","operation":"insert","ids":["1"]}`, nil),
		} {
			if answer, err := handle(t.Context(), e); err != nil || answer.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%s, %s: %d, %v", name, e.RawPath, answer.StatusCode, err)
			}
		}
	}
}

func TestAStackWithoutWhatsAppAndConversionsStartsAndSaysWhatToSet(t *testing.T) {
	handle, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox))
	if err != nil {
		t.Fatal(err)
	}
	for path, setting := range map[string]string{whatsapp.Path: "WHATSAPP_PHONE_NUMBER_ID", conversions.EventsPath: "CONVERSIONS_JWT_ISSUER"} {
		answer, err := handle(t.Context(), post(path, "{}", nil))
		if err != nil || answer.StatusCode != http.StatusNotFound || !strings.Contains(answer.Body, setting) {
			t.Errorf("%s: %d %s, %v", path, answer.StatusCode, answer.Body, err)
		}
	}
}

func TestAWrongSettingOfTokensIsADoubtOnItsOwnRouteAndStopsNobodyElse(t *testing.T) {
	for name, wrong := range map[string]map[string]string{
		"an address that is none":           {"CONVERSIONS_JWKS_URL": "http://issuer.example/keys"},
		"an algorithm that is none":         {"CONVERSIONS_JWT_ALGORITHM": "none"},
		"a shared secret and a key set":     {"CONVERSIONS_JWT_ALGORITHM": "HS256", "CONVERSIONS_JWKS_URL": "https://issuer.example/keys"},
		"several, of which each is a doubt": {"CONVERSIONS_JWT_ALGORITHM": "none", "CONVERSIONS_JWKS_URL": "keys"},
	} {
		handle, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox, both, wrong))
		if err != nil {
			t.Errorf("%s: the door does not start: %v", name, err)
			continue
		}
		token := map[string]string{"authorization": "Bearer " + conversionstest.Caller{}.Token(time.Now(), "conversioni:scrivi")}
		for _, tt := range []struct {
			event  events.APIGatewayV2HTTPRequest
			status int
		}{
			{post(conversions.EventsPath, "{}", token), http.StatusServiceUnavailable},
			{post(conversions.EventsPath, "{}", nil), http.StatusServiceUnavailable},
			{signed("another secret"), http.StatusUnauthorized},
			{post("/webhooks/zoho", `{"channel_id":"1000000068001","token":"another","module":"Contacts","operation":"insert","ids":["1"]}`, nil), http.StatusUnauthorized},
			{asked("sandbox-verify"), http.StatusOK},
		} {
			if answer, err := handle(t.Context(), tt.event); err != nil || answer.StatusCode != tt.status {
				t.Errorf("%s, %s: %d %s, %v", name, tt.event.RawPath, answer.StatusCode, answer.Body, err)
			}
		}
	}
}

// asked is Meta's handshake.
func asked(token string) events.APIGatewayV2HTTPRequest {
	e := events.APIGatewayV2HTTPRequest{RawPath: whatsapp.Path, RawQueryString: "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=" + token}
	e.RequestContext.HTTP.Method = http.MethodGet
	return e
}

func TestMetaIsAnsweredItsChallengeAndAStrangerIsNot(t *testing.T) {
	handle, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox, both))
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := handle(t.Context(), asked("sandbox-verify")); err != nil || answer.StatusCode != http.StatusOK || answer.Body != "1158201444" {
		t.Errorf("%d %s, %v", answer.StatusCode, answer.Body, err)
	}
	if answer, err := handle(t.Context(), asked("another")); err != nil || answer.StatusCode/100 != 4 || strings.Contains(answer.Body, "1158201444") {
		t.Errorf("%d %s, %v", answer.StatusCode, answer.Body, err)
	}
}

const (
	written = `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"messaging_product":"whatsapp",` +
		`"metadata":{"display_phone_number":"390612340000","phone_number_id":"106540352242922"},"contacts":[{"profile":{"name":"P"},"wa_id":"393471234567"}],` +
		`"messages":[{"from":"393471234567","id":"wamid.A","timestamp":"1763722800","type":"text","text":{"body":"ciao"}}]}}]}]}`
	bought = `{"id_evento":"ordine-0001","id_cliente":"CLIENTE-ITALIA-789456","evento":"acquisto_concluso","timestamp":"%s","valore":19.99,"canale":"webform","stato":"completato"}`
)

func TestWhatIsSignedOrHasATokenIsPutIntoItsOwnQueue(t *testing.T) {
	var queues []string
	aws, _ := awstest.Serve(t, func(call, body string) (int, string) {
		if call != "AmazonSQS.SendMessageBatch" {
			return http.StatusOK, "{}"
		}
		var in struct {
			QueueUrl string
			Entries  []struct{ MessageBody string }
		}
		if err := json.Unmarshal([]byte(body), &in); err != nil || len(in.Entries) != 1 {
			t.Errorf("sent %s", body)
			return http.StatusOK, "{}"
		}
		queues = append(queues, in.QueueUrl)
		sum := md5.Sum([]byte(in.Entries[0].MessageBody))
		return http.StatusOK, `{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"` + hex.EncodeToString(sum[:]) + `"}]}`
	})
	handle, err := build(t.Context(), awstest.Env(aws, sandbox, both))
	if err != nil {
		t.Fatal(err)
	}
	token := func(scope string) map[string]string {
		return map[string]string{"authorization": "Bearer " + conversionstest.Caller{}.Token(time.Now(), scope)}
	}
	event := strings.Replace(bought, "%s", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), 1)
	signature := func(secret string) map[string]string {
		return map[string]string{"x-hub-signature-256": whatsapp.Sign(crm.NewSecret(secret), []byte(written))}
	}
	for _, tt := range []struct {
		name   string
		event  events.APIGatewayV2HTTPRequest
		status int
	}{
		{"a message that Meta signed", post(whatsapp.Path, written, signature("sandbox-app-secret")), http.StatusOK},
		{"a message that somebody else signed", post(whatsapp.Path, written, signature("another")), http.StatusUnauthorized},
		{"an event with a token", post(conversions.EventsPath, event, token("conversioni:scrivi")), http.StatusAccepted},
		{"an event with a token for something else", post(conversions.EventsPath, event, token("metriche:leggi")), http.StatusForbidden},
		{"an event without a token", post(conversions.EventsPath, event, nil), http.StatusUnauthorized},
	} {
		if answer, err := handle(t.Context(), tt.event); err != nil || answer.StatusCode != tt.status {
			t.Errorf("%s: %d %s, %v", tt.name, answer.StatusCode, answer.Body, err)
		}
	}
	if got := strings.Join(queues, " "); got != sandbox["WHATSAPP_OPERATIONS_QUEUE"]+" "+sandbox["CONVERSION_EVENTS_QUEUE"] {
		t.Errorf("sent to %s", got)
	}
}
