package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// store is a Parameter Store behind SSM's JSON protocol.
type store struct {
	parameters map[string]string
	asked      [][]string
	status     int    // not 0: every call is answered with it
	body       string // and with this
	hang       bool   // no call is answered
}

func (s *store) Do(r *http.Request) (*http.Response, error) {
	if s.hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("X-Amz-Target") != "AmazonSSM.GetParameters" {
		return nil, fmt.Errorf("not a call of SSM: %w", err)
	}
	var in struct {
		Names          []string
		WithDecryption bool
	}
	if err := json.Unmarshal(body, &in); err != nil || !in.WithDecryption || len(in.Names) > 10 {
		return nil, fmt.Errorf("a call that SSM does not take: %w", err)
	}
	s.asked = append(s.asked, in.Names)
	if s.status != 0 {
		return reply(s.status, s.body), nil
	}
	type parameter struct{ Name, Value string }
	var out struct {
		Parameters        []parameter
		InvalidParameters []string
	}
	for _, name := range in.Names {
		if v, ok := s.parameters[name]; ok {
			out.Parameters = append(out.Parameters, parameter{name, v})
		} else {
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	said, err := json.Marshal(out)
	return reply(http.StatusOK, string(said)), err
}

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(strings.NewReader(body))}
}

func open(s *store, now func() time.Time, env ...string) (*Store, *settings.Reader) {
	set := reader(env...)
	return New(awsenv.NewCaller(config(s), awsenv.SSM, now), set, now), set
}

// reader reads an environment of names and values.
func reader(env ...string) *settings.Reader {
	return &settings.Reader{Getenv: func(name string) string {
		for i := 0; i < len(env); i += 2 {
			if env[i] == name {
				return env[i+1]
			}
		}
		return ""
	}}
}

func config(client aws.HTTPClient) aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: client, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// says returns the secret in clear, or the kind of the fault.
func says(s crm.Secret, err error) string {
	if err != nil {
		return fault.KindOf(err).String()
	}
	return s.Reveal()
}

func TestASecretInTheEnvironmentIsUsedAsItStandsThere(t *testing.T) {
	ssm := &store{}
	for _, env := range [][]string{{"A", "here"}, {"A", "here", "SECRETS_PATH", "/stack"}} {
		s, set := open(ssm, noon, env...)
		if got := says(s.One("A")(t.Context())); got != "here" || set.Err() != nil || ssm.asked != nil {
			t.Errorf("%v: %q, %v, asked %v", env, got, set.Err(), ssm.asked)
		}
	}
}

func TestWithoutAStoreAMissingSecretIsAMissingSetting(t *testing.T) {
	s, set := open(&store{}, noon)
	s.One("A")
	if set.Err() == nil || set.Err().Error() != "A is not set" {
		t.Errorf("%v", set.Err())
	}
}

func TestTheFunctionsOwnSecretsAreReadInOneCallAndKeptForFiveMinutes(t *testing.T) {
	ssm, now := &store{parameters: map[string]string{"/stack/A": "a1", "/stack/B": " b1, b2 ,\n", "/stack/C": "c"}}, noon()
	s, _ := open(ssm, func() time.Time { return now }, "SECRETS_PATH", "/stack/")
	one, several := s.One("A"), s.Several("B")
	for range 3 {
		if got := says(one(t.Context())); got != "a1" {
			t.Errorf("A: %q", got)
		}
	}
	all, err := several(t.Context())
	if err != nil || len(all) != 2 || all[0].Reveal() != "b1" || all[1].Reveal() != "b2" {
		t.Errorf("B: %d, %v", len(all), err)
	}
	if len(ssm.asked) != 1 || !slices.Equal(ssm.asked[0], []string{"/stack/A", "/stack/B"}) {
		t.Errorf("asked %v", ssm.asked)
	}
	ssm.parameters["/stack/A"] = "a2"
	now = now.Add(5*time.Minute - 1)
	if got := says(one(t.Context())); got != "a1" {
		t.Errorf("read again too early: %q", got)
	}
	now = now.Add(1)
	if got := says(one(t.Context())); got != "a2" {
		t.Errorf("not taken up after five minutes: %q", got)
	}
}

func TestMoreThanTenSecretsAreReadTenAtATime(t *testing.T) {
	ssm := &store{parameters: map[string]string{}}
	s, _ := open(ssm, noon, "SECRETS_PATH", "/stack")
	var last func(context.Context) (crm.Secret, error)
	for i := range 23 {
		name := fmt.Sprintf("S%02d", i)
		ssm.parameters["/stack/"+name] = name
		last = s.One(name)
	}
	if got := says(last(t.Context())); got != "S22" || len(ssm.asked) != 3 || len(ssm.asked[2]) != 3 {
		t.Errorf("%q after %v", got, ssm.asked)
	}
}

func TestOneMissingSecretDoesNotKeepTheOthersBackAndIsLookedForSoon(t *testing.T) {
	ssm, now := &store{parameters: map[string]string{"/stack/A": "a", "/stack/B": " "}}, noon()
	s, _ := open(ssm, func() time.Time { return now }, "SECRETS_PATH", "/stack")
	both := s.Both("A", "B")
	if _, _, err := both(t.Context()); fault.KindOf(err) != fault.Setup || !strings.Contains(err.Error(), "/stack/B") {
		t.Errorf("an empty one: %v", err)
	}
	if got := says(s.One("A")(t.Context())); got != "a" {
		t.Errorf("A: %q", got)
	}
	ssm.parameters["/stack/B"] = "b"
	now = now.Add(15 * time.Second)
	if a, b, err := both(t.Context()); err != nil || a.Reveal() != "a" || b.Reveal() != "b" {
		t.Errorf("%v", err)
	}
}

func TestTheLastGoodSecretServesWhileTheStoreDoesNotAnswer(t *testing.T) {
	ssm, now := &store{parameters: map[string]string{"/stack/A": "good"}}, noon()
	s, _ := open(ssm, func() time.Time { return now }, "SECRETS_PATH", "/stack")
	one := s.One("A")
	if got := says(one(t.Context())); got != "good" {
		t.Fatal(got)
	}
	ssm.status, ssm.body = http.StatusInternalServerError, `{"__type":"InternalServerError"}`
	now = now.Add(time.Hour)
	for range 5 {
		if got := says(one(t.Context())); got != "good" {
			t.Errorf("%q", got)
		}
	}
	if len(ssm.asked) != 2 {
		t.Errorf("asked %d times", len(ssm.asked))
	}
	ssm.status, ssm.parameters["/stack/A"] = 0, "better"
	now = now.Add(15 * time.Second)
	if got := says(one(t.Context())); got != "better" {
		t.Errorf("%q", got)
	}
}

func TestAStoreThatNeverAnsweredIsAFaultAndIsNotFlooded(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   fault.Kind
	}{
		{500, `{"__type":"InternalServerError","message":"canary"}`, fault.Down},
		{400, `{"__type":"ThrottlingException"}`, fault.Throttled},
		{400, `{"__type":"AccessDeniedException","message":"canary"}`, fault.Setup},
		{200, `{"Parameters`, fault.Down},
	} {
		ssm, now := &store{status: tt.status, body: tt.body}, noon()
		s, _ := open(ssm, func() time.Time { return now }, "SECRETS_PATH", "/stack")
		one := s.One("A")
		for range 3 {
			if _, err := one(t.Context()); fault.KindOf(err) != tt.want || strings.Contains(err.Error(), "canary") {
				t.Errorf("%d: %v", tt.status, err)
			}
		}
		if len(ssm.asked) != 1 {
			t.Errorf("%d: asked %d times in a second", tt.status, len(ssm.asked))
		}
		ssm.status, ssm.parameters = 0, map[string]string{"/stack/A": "late"}
		now = now.Add(time.Second)
		if got := says(one(t.Context())); got != "late" {
			t.Errorf("%d: %q", tt.status, got)
		}
	}
}

func TestAStoreThatHangsLeavesTheDoorItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ssm := &store{parameters: map[string]string{"/stack/A": "good"}}
		s, _ := open(ssm, time.Now, "SECRETS_PATH", "/stack")
		one := s.One("A")
		if got := says(one(t.Context())); got != "good" {
			t.Fatal(got)
		}
		time.Sleep(time.Hour)
		ssm.hang = true
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		if got := says(one(ctx)); got != "good" || time.Since(began) > 2*time.Second {
			t.Errorf("%q after %s", got, time.Since(began))
		}
	})
}

func TestManyWhoAskAtOnceCauseOneReadingAndNobodyWaitsLongerThanHeWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ssm := &store{hang: true}
		s, _ := open(ssm, time.Now, "SECRETS_PATH", "/stack")
		one := s.One("A")
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { _, _ = one(t.Context()) }()
		synctest.Wait()
		if _, err := one(impatient); fault.KindOf(err) != fault.Down || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.Sleep(3 * time.Second)
		ssm.hang, ssm.parameters = false, map[string]string{"/stack/A": "a"}
		for range 20 {
			go func() {
				if got := says(one(t.Context())); got != "a" {
					t.Errorf("%q", got)
				}
			}()
		}
		synctest.Wait()
		if len(ssm.asked) != 1 {
			t.Errorf("asked %d times", len(ssm.asked))
		}
	})
}

func TestACallerWhoGoesAwayLeavesNoFaultBehind(t *testing.T) {
	ssm := &store{parameters: map[string]string{"/stack/A": "a"}}
	s, _ := open(ssm, noon, "SECRETS_PATH", "/stack")
	one := s.One("A")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = one(gone)
	if got := says(one(t.Context())); got != "a" {
		t.Errorf("%q", got)
	}
}
