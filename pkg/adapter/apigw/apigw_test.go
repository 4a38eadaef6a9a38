package apigw

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm-connector/pkg/core/door"
)

// recorded is an event as the HTTP API sends it (payload format 2.0), cut to the parts that matter and their neighbours.
const recorded = `{
  "version": "2.0", "routeKey": "POST /webhooks/hubspot", "rawPath": "/webhooks/hubspot", "rawQueryString": "a=%2F&a=b+c",
  "headers": {"content-type": "application/json", "x-hubspot-signature-v3": "one,two", "host": "evil.example"},
  "queryStringParameters": {"a": "/,b c"},
  "requestContext": {"accountId": "123456789012", "apiId": "abc", "domainName": "abc.execute-api.eu-south-1.amazonaws.com",
    "http": {"method": "POST", "path": "/webhooks/hubspot", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
    "requestId": "JKJaXmPLvHcESHA=", "routeKey": "POST /webhooks/hubspot", "stage": "$default", "timeEpoch": 1583348638390},
  "body": "[{\"objectId\":1}]", "isBase64Encoded": false
}`

func event(t *testing.T, change func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
	t.Helper()
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal([]byte(recorded), &e); err != nil {
		t.Fatal(err)
	}
	change(&e)
	return e
}

func TestARequestArrivesAsItWasSent(t *testing.T) {
	got, err := Request(event(t, func(*events.APIGatewayV2HTTPRequest) {}))
	if err != nil {
		t.Fatal(err)
	}
	want := door.Request{
		ID: "JKJaXmPLvHcESHA=", Method: "POST", Path: "/webhooks/hubspot", Query: "a=%2F&a=b+c", Body: []byte(`[{"objectId":1}]`),
		Header: http.Header{"Content-Type": {"application/json"}, "X-Hubspot-Signature-V3": {"one,two"}, "Host": {"evil.example"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheStageIsNoPartOfThePath(t *testing.T) {
	for _, tt := range []struct{ stage, raw, want string }{
		{"$default", "/webhooks/zoho", "/webhooks/zoho"},
		{"", "/webhooks/zoho", "/webhooks/zoho"},
		{"$default", "/$default/webhooks/zoho", "/$default/webhooks/zoho"},
		{"$default", "/$default", "/$default"},
		{"$default", "/$defaultwebhooks/zoho", "/$defaultwebhooks/zoho"},
		{"", "/prod/webhooks/zoho", "/prod/webhooks/zoho"},
		{"", "//webhooks/zoho", "//webhooks/zoho"},
		{"prod", "/prod/webhooks/zoho", "/webhooks/zoho"},
		{"prod", "/webhooks/zoho", "/webhooks/zoho"},
		{"prod", "/production/webhooks/zoho", "/production/webhooks/zoho"},
		{"prod", "/prod", ""},
		{"prod", "/prod/prod/x", "/prod/x"},
	} {
		got, err := Request(event(t, func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.Stage, e.RawPath = tt.stage, tt.raw }))
		if err != nil || got.Path != tt.want {
			t.Errorf("stage %q, path %q: %q, want %q; %v", tt.stage, tt.raw, got.Path, tt.want, err)
		}
	}
}

func TestEveryBodySurvivesBase64(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body := rapid.SliceOf(rapid.Byte()).Draw(rt, "body")
		got, err := Request(event(t, func(e *events.APIGatewayV2HTTPRequest) {
			e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
		}))
		if err != nil || string(got.Body) != string(body) {
			rt.Fatalf("body %x became %x, %v", body, got.Body, err)
		}
		r := Response(door.Answer{Status: 200, Body: body})
		back := []byte(r.Body)
		if r.IsBase64Encoded {
			back, err = base64.StdEncoding.DecodeString(r.Body)
		}
		if err != nil || string(back) != string(body) {
			rt.Fatalf("answer %x became %x, %v", body, back, err)
		}
	})
}

func TestWhatIsCalledBase64AndIsNotIsAnswered400(t *testing.T) {
	for _, body := range []string{"[]", "A", "AAA", "A===", "AA=A", "\x00", "-_-_"} {
		e := event(t, func(e *events.APIGatewayV2HTTPRequest) { e.Body, e.IsBase64Encoded = body, true })
		if _, err := Request(e); !errors.Is(err, door.ErrMalformed) {
			t.Errorf("%q: error %v, want %v", body, err, door.ErrMalformed)
		}
		handle := Handler(func(context.Context, door.Request) door.Answer {
			t.Error("the door was asked")
			return door.Answer{}
		})
		r, err := handle(t.Context(), e)
		if err != nil || r.StatusCode != 400 {
			t.Errorf("%q: answered %d, %v", body, r.StatusCode, err)
		}
	}
}

func TestTheAnswerIsWhatTheGatewayReads(t *testing.T) {
	handle := Handler(func(_ context.Context, r door.Request) door.Answer {
		return door.Answer{Status: 202, ContentType: "text/plain", Body: r.Body, Header: http.Header{"Allow": {"GET", "POST"}}}
	})
	r, err := handle(t.Context(), event(t, func(*events.APIGatewayV2HTTPRequest) {}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"statusCode":202,"headers":{"Allow":"GET, POST","Content-Type":"text/plain"},"multiValueHeaders":null,` +
		`"body":"[{\"objectId\":1}]","cookies":null}`
	if string(got) != want {
		t.Errorf("answer %s\nwant   %s", got, want)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("/a", "prod", "eA==", true, "k", "v")
	f.Add("", "$default", "\xff", false, "", "\n")
	f.Fuzz(func(t *testing.T, raw, stage, body string, coded bool, name, value string) {
		e := events.APIGatewayV2HTTPRequest{RawPath: raw, Body: body, IsBase64Encoded: coded, Headers: map[string]string{name: value}}
		e.RequestContext.Stage = stage
		r, err := Request(e)
		if err != nil {
			return
		}
		if !coded && string(r.Body) != body {
			t.Errorf("body %q became %q", body, r.Body)
		}
		if got := r.Header.Values(name); len(got) != 1 || got[0] != value {
			t.Errorf("header %q: %q", name, got)
		}
	})
}

func TestWhatIsNoRequestIsASchedulesAndIsAnsweredNullOrItsError(t *testing.T) {
	var others []string
	f := Or(func(_ context.Context, r door.Request) door.Answer {
		return door.Answer{Status: http.StatusAccepted, Body: []byte(r.Path)}
	}, func(_ context.Context, event json.RawMessage) error {
		others = append(others, string(event))
		if string(event) == `{"action":"fail"}` {
			return errors.New("no")
		}
		return nil
	})
	for _, tt := range []struct{ event, want string }{
		{recorded, `{"statusCode":202,"headers":{},"multiValueHeaders":null,"body":"/webhooks/hubspot","cookies":null}`},
		{`{"action":"send"}`, "null"},
		{`{"action":"fail"}`, "error: no"},
		{`[]`, "null"},
		{`{"requestContext":7}`, "null"},
	} {
		answer, err := f(t.Context(), json.RawMessage(tt.event))
		out, _ := json.Marshal(answer)
		if err != nil {
			out = []byte("error: " + err.Error())
		}
		if string(out) != tt.want {
			t.Errorf("%.30s: %s", tt.event, out)
		}
	}
	if len(others) != 4 {
		t.Errorf("%q", others)
	}
}
