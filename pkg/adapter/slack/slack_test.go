package slack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

const good = "https://hooks.slack.com/services/T0/B0/canary"

// wire answers with a status, and keeps what it was sent.
type wire struct {
	status int
	header http.Header
	err    error
	calls  int
	url    string
	body   string
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w.calls, w.url, w.body = w.calls+1, r.URL.String(), string(body)
	if w.err != nil {
		return nil, w.err
	}
	return &http.Response{StatusCode: w.status, Header: w.header, Body: io.NopCloser(strings.NewReader("no_service"))}, nil
}

func client(w *wire, address string) *Client {
	return &Client{HTTP: w, URL: func(context.Context) (crm.Secret, error) { return crm.NewSecret(address), nil }}
}

func TestATextIsPostedOnceAsItIs(t *testing.T) {
	w := &wire{status: http.StatusOK}
	if err := client(w, good+"\n").Post(t.Context(), "3 &lt; 4 \"è\"\n"); err != nil {
		t.Fatal(err)
	}
	var in struct{ Text string }
	if err := json.Unmarshal([]byte(w.body), &in); err != nil || in.Text != "3 &lt; 4 \"è\"\n" || w.calls != 1 || w.url != good {
		t.Errorf("%d calls, %s", w.calls, w.body)
	}
	if err := client(w, good).Post(t.Context(), strings.Repeat("è", MaxText+5)); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(w.body), &in); err != nil || len([]rune(in.Text)) != MaxText || !strings.HasSuffix(in.Text, "è…") {
		t.Errorf("%d characters", len([]rune(in.Text)))
	}
}

func TestNoHostButSlacksIsCalled(t *testing.T) {
	for _, address := range []string{
		"", "canary", "http://hooks.slack.com/services/canary", "https://hooks.slack.com", "https://hooks.slack.com/", "https://hooks.slack.com:444/canary",
		"https://hooks.slack.com.evil.example/canary", "https://canary@hooks.slack.com/services/x", "https://evil.example/https://hooks.slack.com/canary",
		"https://169.254.169.254/canary", "//hooks.slack.com/canary", "https://hooks.slack.com/%zz",
	} {
		w := &wire{status: http.StatusOK}
		err := client(w, address).Post(t.Context(), "x")
		if fault.KindOf(err) != fault.Setup || w.calls != 0 || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %d calls, %v", address, w.calls, err)
		}
	}
}

func TestWhatSlackAnswersIsAFaultThatHoldsNoAddress(t *testing.T) {
	for name, tt := range map[string]struct {
		wire  wire
		want  fault.Kind
		after time.Duration
	}{
		"too fast":              {wire{status: 429, header: http.Header{"Retry-After": {"7"}}}, fault.Throttled, 7 * time.Second},
		"too fast for a year":   {wire{status: 429, header: http.Header{"Retry-After": {"31536000"}}}, fault.Throttled, 15 * time.Minute},
		"down":                  {wire{status: 503}, fault.Down, 0},
		"no answer":             {wire{err: errors.New("dial " + good)}, fault.Down, 0},
		"a bad text":            {wire{status: 400}, fault.Refused, 0},
		"taken away":            {wire{status: 404}, fault.Setup, 0},
		"forbidden":             {wire{status: 403}, fault.Setup, 0},
		"the channel is gone":   {wire{status: 410}, fault.Setup, 0},
		"somewhere else":        {wire{status: 302, header: http.Header{"Location": {"https://evil.example"}}}, fault.Setup, 0},
		"the store is away too": {wire{}, fault.Down, 0},
	} {
		c := client(&tt.wire, good)
		if name == "the store is away too" {
			c.URL = func(context.Context) (crm.Secret, error) {
				return crm.Secret{}, &fault.Error{Op: "secret.Get", Kind: fault.Down, Err: errors.New("no answer")}
			}
		}
		err := c.Post(t.Context(), "x")
		if fault.KindOf(err) != tt.want || fault.After(err) != tt.after || err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
