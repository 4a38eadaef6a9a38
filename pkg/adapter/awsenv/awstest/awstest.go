// Package awstest is an AWS of a few lines for tests: it answers the calls of the SDK's clients as it is told. It keeps no
// state and checks no signature; what a service does is shown where the adapter of that service is tested.
package awstest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Answer says what a call is answered: "DynamoDB_20120810.GetItem", "AmazonSQS.SendMessageBatch", "AmazonSSM.GetParameters",
// "ses.SendRawEmail", "lambda.<function>", with the body of the request.
type Answer func(call, body string) (status int, answer string)

// Serve starts a server and returns the settings by which a function finds it. Every call that it gets is added to calls.
func Serve(t testing.TB, answer Answer) (set map[string]string, calls func() []string) {
	seen := make(chan string, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		call := name(r, string(body))
		seen <- call
		status, text := answer(call, string(body))
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return Settings(server.URL), func() (all []string) {
		for len(seen) > 0 {
			all = append(all, <-seen)
		}
		return all
	}
}

// Settings returns those that lead a function to an AWS at that address.
func Settings(address string) map[string]string {
	return map[string]string{
		"AWS_REGION": "eu-south-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": address,
	}
}

// Refused is a server to be used where no call may be made: one that a function makes all the same fails the test.
func Refused(t testing.TB) map[string]string {
	set, _ := Serve(t, func(call, _ string) (int, string) {
		t.Errorf("called %s", call)
		return http.StatusBadRequest, `{"__type":"ValidationException"}`
	})
	return set
}

// Env returns an environment of these settings, the later ones over the earlier.
func Env(sets ...map[string]string) func(string) string {
	all := map[string]string{}
	for _, set := range sets {
		for name, value := range set {
			all[name] = value
		}
	}
	return func(name string) string { return all[name] }
}

func name(r *http.Request, body string) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target
	}
	if path, ok := strings.CutPrefix(r.URL.Path, "/2015-03-31/functions/"); ok {
		return "lambda." + strings.TrimSuffix(path, "/invocations")
	}
	form, err := url.ParseQuery(body)
	if err != nil {
		return r.Method + " " + r.URL.Path
	}
	return "ses." + form.Get("Action")
}

// Own returns the settings that Lambda itself gives every function.
func Own() []string { return []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} }

// Lacks holds that an error names these missing settings, one a line in this order, and says nothing else.
func Lacks(t testing.TB, err error, want ...string) {
	t.Helper()
	if said, all := fmt.Sprint(err), strings.Join(want, " is not set\n")+" is not set"; said != all {
		t.Errorf("says\n%s\nwant\n%s", said, all)
	}
}
