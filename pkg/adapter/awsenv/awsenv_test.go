package awsenv

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"crm-connector/pkg/adapter/settings"
)

func read(env map[string]string) (Env, error) {
	set := &settings.Reader{Getenv: func(name string) string { return env[name] }}
	return Read(set), set.Err()
}

func with(more ...string) map[string]string {
	env := map[string]string{"AWS_REGION": "eu-south-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "canary-key", "AWS_SESSION_TOKEN": "canary-session"}
	for i := 0; i < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return env
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	_, err := read(map[string]string{"SECRETS_PATH": "/stack"}) // AWS's own key never lies in the store that it opens
	want := "AWS_REGION is not set\nAWS_ACCESS_KEY_ID is not set\nAWS_SECRET_ACCESS_KEY is not set"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestRegionAndCredentialsAreThoseOfTheEnvironment(t *testing.T) {
	e, err := read(with())
	if err != nil {
		t.Fatal(err)
	}
	cfg := e.Config(SQS)
	who, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil || cfg.Region != "eu-south-1" || who.AccessKeyID != "AKIA" || who.SecretAccessKey != "canary-key" || who.SessionToken != "canary-session" {
		t.Errorf("%s, %v", cfg.Region, err)
	}
	if cfg.BaseEndpoint != nil {
		t.Errorf("endpoint %s", *cfg.BaseEndpoint)
	}
	if s := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(s, "canary") {
		t.Errorf("printed as %s", s)
	}
}

func TestAServicesOwnEndpointGoesBeforeTheOneForAll(t *testing.T) {
	e, err := read(with("AWS_ENDPOINT_URL", "http://172.17.0.1:4566", "AWS_ENDPOINT_URL_SES", "http://host.docker.internal:4567", "AWS_ENDPOINT_URL_SQS", " "))
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[Service]string{DynamoDB: "http://172.17.0.1:4566", SQS: "http://172.17.0.1:4566", SES: "http://host.docker.internal:4567"} {
		if got := aws.ToString(e.Config(s).BaseEndpoint); got != want {
			t.Errorf("%s: %s", s, got)
		}
	}
}

func TestACallIsTriedThreeTimesAndNoTryLastsForEver(t *testing.T) {
	e, err := read(with())
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[Service]time.Duration{DynamoDB: 3 * time.Second, SSM: 3 * time.Second, SES: 15 * time.Second, Lambda: 30 * time.Second} {
		cfg := e.Config(s)
		c, ok := cfg.HTTPClient.(client).HTTPClient.(*awshttp.BuildableClient)
		if !ok || c.GetTimeout() != want || cfg.Retryer().MaxAttempts() != 3 {
			t.Errorf("%s: %v", s, c.GetTimeout())
		}
		for attempt := range 3 {
			if d, err := cfg.Retryer().RetryDelay(attempt, nil); err != nil || d > 300*time.Millisecond {
				t.Errorf("%s: pause of %s, %v", s, d, err)
			}
		}
	}
}

// keeper is a transport that still holds a request when the SDK is done with it.
type keeper struct{ kept *http.Request }

func (k *keeper) Do(r *http.Request) (*http.Response, error) {
	k.kept = r
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// ending is a body that cannot be read after it was closed.
type ending struct {
	io.Reader
	closed bool
}

func (b *ending) Read(p []byte) (int, error) {
	if b.closed {
		return 0, errors.New("read after it was closed")
	}
	return b.Reader.Read(p)
}

func (b *ending) Close() error {
	b.closed = true
	return nil
}

func TestABodyThatTheSDKClosesEarlyCanStillBeSent(t *testing.T) {
	const text = "{\"TableName\":\"pairs\"}"
	body := &ending{Reader: strings.NewReader(text)}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1", body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(text))
	k := &keeper{}
	if _, err := (client{k}).Do(req); err != nil {
		t.Fatal(err)
	}
	_ = body.Close()
	got, err := io.ReadAll(k.kept.Body)
	if err != nil || string(got) != text || k.kept.ContentLength != req.ContentLength {
		t.Errorf("%q, %v", got, err)
	}
}
