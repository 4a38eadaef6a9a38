package awsenv

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	gocmp "github.com/google/go-cmp/cmp"
)

// wire answers in turn, the last answer for ever, and keeps what it was sent.
type wire struct {
	answers []answer
	sent    []sent
}

type answer struct {
	status int
	head   http.Header
	body   string
	err    error
}

type sent struct{ Method, URL, Body, Target, Type, Scope string }

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "/") // behind the id of the key
	scope, _, _ = strings.Cut(scope, ",")
	w.sent = append(w.sent, sent{r.Method, r.URL.String(), string(body), r.Header.Get("X-Amz-Target"), r.Header.Get("Content-Type"), scope})
	a := w.answers[0]
	if len(w.answers) > 1 {
		w.answers = w.answers[1:]
	}
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Header: a.head, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

func configured(t *testing.T, w *wire, more ...string) aws.Config {
	e, err := read(with(more...))
	if err != nil {
		t.Fatal(err)
	}
	cfg := e.Config(SSM)
	cfg.HTTPClient = w
	return cfg
}

func TestACallIsTheOneThatTheClientOfTheSDKMakes(t *testing.T) {
	ok := []answer{{status: http.StatusOK, body: "{}"}}
	for _, env := range [][]string{
		{}, {"AWS_REGION", "cn-north-1"}, {"AWS_REGION", "eusc-de-east-1"}, {"AWS_REGION", "us-gov-west-1"},
		{"AWS_ENDPOINT_URL", "http://172.17.0.1:4566"}, {"AWS_ENDPOINT_URL", "http://172.17.0.1:4566/below/"},
	} {
		ours, theirs := &wire{answers: ok}, &wire{answers: ok}
		cfg := configured(t, ours, env...)
		question := []byte(`{"Names":["/stack/A"],"WithDecryption":true}`)
		header := http.Header{"content-type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AmazonSSM.GetParameters"}}
		if _, _, err := NewCaller(cfg, SSM, time.Now).Post(t.Context(), "/", header, question); err != nil {
			t.Fatal(err)
		}
		path := "/2015-03-31/functions/" + url.PathEscape("stack-getZohoToken") + "/invocations"
		if _, _, err := NewCaller(cfg, Lambda, time.Now).Post(t.Context(), path, http.Header{"Content-Type": {"application/octet-stream"}}, []byte(`{"v":1}`)); err != nil {
			t.Fatal(err)
		}
		cfg.HTTPClient = theirs
		if _, err := ssm.NewFromConfig(cfg).GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{"/stack/A"}, WithDecryption: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
		if _, err := lambda.NewFromConfig(cfg).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("stack-getZohoToken"), Payload: []byte(`{"v":1}`)}); err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(theirs.sent, ours.sent); d != "" {
			t.Errorf("%v: %s", env, d)
		}
	}
}

func TestWhatPassesByItselfIsTriedAgain(t *testing.T) {
	down, refused := answer{status: http.StatusBadGateway, body: "<html>"}, answer{status: http.StatusBadRequest, body: `{"__type":"com.amazonaws.ssm#InvalidKeyId","message":"of canary"}`}
	throttled := answer{status: http.StatusBadRequest, body: `{"__type":"ThrottlingException"}`}
	denied := answer{status: http.StatusForbidden, head: http.Header{"X-Amzn-Errortype": {"AccessDeniedException:http://internal.amazon.com/"}}, body: "{}"}
	cut := answer{err: io.ErrUnexpectedEOF}
	fine := answer{status: http.StatusOK, body: "{}"}
	for _, tt := range []struct {
		name    string
		answers []answer
		calls   int
		code    string // of the error, "" for none
	}{
		{"at once", []answer{fine}, 1, ""},
		{"down, then up", []answer{down, cut, fine}, 3, ""},
		{"throttled, then not", []answer{throttled, fine}, 2, ""},
		{"down", []answer{down}, 3, "-"},
		{"throttled", []answer{throttled}, 3, "ThrottlingException"},
		{"refused", []answer{refused}, 1, "InvalidKeyId"},
		{"denied", []answer{denied}, 1, "AccessDeniedException"},
		{"cut off", []answer{cut}, 3, "no answer"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{answers: tt.answers}
			_, said, err := NewCaller(configured(t, w), SSM, time.Now).Post(t.Context(), "/", nil, []byte("{}"))
			got := ""
			if api, answered := errors.AsType[smithy.APIError](err); answered {
				got = cmp.Or(api.ErrorCode(), "-")
			} else if err != nil {
				got = "no answer"
			}
			if len(w.sent) != tt.calls || got != tt.code || (err == nil) != (string(said) == "{}") {
				t.Errorf("%s: %d calls, %q, %v", tt.name, len(w.sent), said, err)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: the error quotes the answer: %v", tt.name, err)
			}
		})
	}
}

func TestNobodyIsCalledAgainForWhoWentAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &wire{answers: []answer{{status: http.StatusServiceUnavailable}}}
	cfg := configured(t, w)
	cancel()
	if _, _, err := NewCaller(cfg, SSM, time.Now).Post(ctx, "/", nil, nil); err == nil || len(w.sent) != 1 {
		t.Errorf("%d calls, %v", len(w.sent), err)
	}
}
