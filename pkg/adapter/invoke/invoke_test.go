package invoke_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/invoke"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// lambda is the other function, behind the API of Lambda.
type lambda struct {
	function func(payload []byte) (answer []byte, failed bool)
	status   int // not 0: the call itself is answered with it
	code     string
	asked    []string
}

func (l *lambda) Do(r *http.Request) (*http.Response, error) {
	payload, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/2015-03-31/functions/stack-getZohoToken/invocations" {
		return nil, fmt.Errorf("called %s: %w", r.URL.Path, err)
	}
	l.asked = append(l.asked, string(payload))
	h := http.Header{"Content-Type": {"application/json"}}
	if l.status != 0 {
		h.Set("X-Amzn-Errortype", l.code)
		return &http.Response{StatusCode: l.status, Header: h, Body: io.NopCloser(strings.NewReader(`{"Message":"x"}`))}, nil
	}
	answer, failed := l.function(payload)
	if failed {
		h.Set("X-Amz-Function-Error", "Unhandled")
	}
	return &http.Response{StatusCode: http.StatusOK, Header: h, Body: io.NopCloser(bytes.NewReader(answer))}, nil
}

func reach(l *lambda) *invoke.Function {
	return invoke.New(awsenv.NewCaller(config(l), awsenv.Lambda, time.Now), "stack-getZohoToken")
}

func config(client aws.HTTPClient) aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: client, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// run hands the payload to a handler as Lambda does.
func run(t *testing.T, handle func(context.Context, invoke.Question) (invoke.Answer, error)) func([]byte) ([]byte, bool) {
	return func(payload []byte) ([]byte, bool) {
		var q invoke.Question
		if err := json.Unmarshal(payload, &q); err != nil {
			t.Error(err)
		}
		a, err := handle(t.Context(), q)
		if err != nil {
			return []byte(`{"errorMessage":"x"}`), true
		}
		out, err := json.Marshal(a)
		if err != nil {
			t.Error(err)
		}
		return out, false
	}
}

// vendor answers as it is told and keeps the question.
type vendor struct {
	access crm.Access
	err    error
	bad    int64
	ran    bool
}

func (v *vendor) Token(_ context.Context, bad int64) (crm.Access, error) {
	v.bad = bad
	return v.access, v.err
}

func (v *vendor) Refresh(_ context.Context, bad int64) error {
	v.bad = bad
	return v.err
}

func (v *vendor) Run(context.Context) error {
	v.ran = true
	return v.err
}

func TestATokenCrossesWholeAndIsNeverPrinted(t *testing.T) {
	want := crm.Access{Token: crm.NewSecret("1000.canary"), Version: 8, Expires: time.Date(2026, 11, 21, 12, 0, 0, 5e8, time.UTC), Base: "https://www.zohoapis.eu"}
	var log bytes.Buffer
	v := &vendor{access: want}
	l := &lambda{function: run(t, invoke.Tokens(v, slog.New(slog.NewTextHandler(&log, nil))))}
	got, err := reach(l).Token(t.Context(), 7)
	if err != nil || v.bad != 7 || got.Token.Reveal() != "1000.canary" || got.Version != 8 || !got.Expires.Equal(want.Expires) || got.Base != want.Base {
		t.Errorf("%+v, %v, asked with %d", got, err, v.bad)
	}
	if len(l.asked) != 1 || l.asked[0] != `{"v":1,"bad":7}` {
		t.Errorf("asked %q", l.asked)
	}
	a := invoke.Answer{Access: want}
	if s := fmt.Sprintf("%v %+v %#v", a, a, a) + log.String(); strings.Contains(s, "canary") {
		t.Errorf("printed: %s", s)
	}
}

func TestAFaultKeepsItsKindItsCodeAndItsWait(t *testing.T) {
	for k := fault.Unknown; k <= fault.Ours; k++ {
		want := &fault.Error{Op: "zoho.Refresh", Kind: k, Code: "invalid_code", After: 90 * time.Second, Err: errors.New("why")}
		v := &vendor{err: fmt.Errorf("wrapped: %w", want)}
		_, err := reach(&lambda{function: run(t, invoke.Tokens(v, slog.New(slog.DiscardHandler)))}).Token(t.Context(), 0)
		var got *fault.Error
		if !errors.As(err, &got) || got.Error() != want.Error() || got.Kind != k || got.After != want.After {
			t.Errorf("%s: %v", k, err)
		}
		err = reach(&lambda{function: run(t, invoke.Refreshes(v, slog.New(slog.DiscardHandler)))}).Refresh(t.Context(), 0)
		if !errors.As(err, &got) || got.Error() != want.Error() {
			t.Errorf("%s: %v", k, err)
		}
	}
}

func TestAnErrorOfNoKindIsAFunctionThatIsDown(t *testing.T) {
	v := &vendor{err: errors.New("odd")}
	_, err := reach(&lambda{function: run(t, invoke.Tokens(v, slog.New(slog.DiscardHandler)))}).Token(t.Context(), 0)
	if fault.KindOf(err) != fault.Down {
		t.Errorf("%v", err)
	}
}

func TestAFunctionIsAnsweredAndTheScheduleFails(t *testing.T) {
	v := &vendor{}
	handle := invoke.Refreshes(v, slog.New(slog.DiscardHandler))
	for _, event := range []string{`{}`, `{"version":"0","source":"aws.scheduler","detail-type":"Scheduled Event","detail":"{}"}`} {
		v.ran, v.err = false, nil
		if out, failed := run(t, handle)([]byte(event)); failed || !v.ran || string(out) != `{"v":1}` {
			t.Errorf("%s: %s", event, out)
		}
		v.err = errors.New("down")
		if _, failed := run(t, handle)([]byte(event)); !failed {
			t.Errorf("%s: the failure is not seen", event)
		}
	}
	v.ran, v.err = false, nil
	if err := reach(&lambda{function: run(t, handle)}).Refresh(t.Context(), 3); err != nil || v.ran || v.bad != 3 {
		t.Errorf("%v", err)
	}
}

func TestAFunctionThatWasNotReachedOrFailedIsTheWorldsFault(t *testing.T) {
	say := func(answer string, failed bool) func([]byte) ([]byte, bool) {
		return func([]byte) ([]byte, bool) { return []byte(answer), failed }
	}
	for _, tt := range []struct {
		name string
		l    lambda
		want fault.Kind
	}{
		{"throttled", lambda{status: 429, code: "TooManyRequestsException"}, fault.Throttled},
		{"no such function", lambda{status: 404, code: "ResourceNotFoundException"}, fault.Setup},
		{"no right", lambda{status: 403, code: "AccessDeniedException"}, fault.Setup},
		{"Lambda is down", lambda{status: 500, code: "ServiceException"}, fault.Down},
		{"it panicked or timed out", lambda{function: say(`{"errorMessage":"canary"}`, true)}, fault.Down},
		{"no token", lambda{function: say(`{"v":1}`, false)}, fault.Down},
		{"another version", lambda{function: say(`{"v":2,"token":"canary"}`, false)}, fault.Ours},
		{"no answer", lambda{function: say(`null`, false)}, fault.Ours},
		{"not JSON", lambda{function: say(`canary`, false)}, fault.Ours},
		{"a kind that nobody knows", lambda{function: say(`{"v":1,"fault":{"op":"x","kind":"odd"}}`, false)}, fault.Unknown},
	} {
		_, err := reach(&tt.l).Token(t.Context(), 0)
		if _, ok := errors.AsType[*fault.Error](err); !ok || fault.KindOf(err) != tt.want || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(`{"v":1,"token":"t","version":3,"expires":"2026-11-21T12:00:00Z","base":"https://www.zohoapis.eu"}`)
	f.Add(`{"v":1,"fault":{"op":"zoho.Refresh","kind":"denied","code":"invalid_code","afterMs":1000,"cause":"why"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var a, b invoke.Answer
		if json.Unmarshal([]byte(text), &a) != nil {
			return
		}
		data, err := json.Marshal(a)
		if err != nil {
			return // an expiry beyond the year 9999
		}
		if err := json.Unmarshal(data, &b); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(b)
		if d := cmp.Diff(string(data), string(again)); d != "" || err != nil {
			t.Error(d, err)
		}
	})
}
