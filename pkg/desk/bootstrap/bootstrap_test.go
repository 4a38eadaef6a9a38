package bootstrap

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
)

// role names the variable that makes a function of this very test.
const role = "BOOTSTRAP_FUNCTION"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "greets":
		lambda.Start(func(_ context.Context, in struct{ Name string }) (string, error) {
			_, _ = os.Stderr.WriteString("greeting\n")
			return "ciao " + in.Name + " " + os.Getenv("FROM"), nil
		})
	case "fails":
		lambda.Start(func(context.Context) error { return errors.New("no luck") })
	case "panics":
		lambda.Start(func(context.Context) error { panic("very bad") })
	default:
		os.Exit(m.Run())
	}
}

func open(t *testing.T) *API {
	a, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func self(t *testing.T) string {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFunctionIsTimedAndGivenItsEvent(t *testing.T) {
	a := open(t)
	for range 2 {
		s, err := a.Start(t.Context(), self(t), []string{role + "=greets", "FROM=qui"}, `{"Name":"Anna"}`)
		if err != nil || string(s.Answer) != `"ciao Anna qui"` || s.Failed || s.Next <= 0 || s.Answered <= s.Next || !strings.Contains(s.Log, "greeting") {
			t.Errorf("%+v, %v", s, err)
		}
	}
	s, err := a.Start(t.Context(), self(t), []string{role + "=greets"}, "")
	if err != nil || s.Next <= 0 || s.Answered != 0 || s.Answer != nil {
		t.Errorf("without an event: %+v, %v", s, err)
	}
}

func TestAFunctionThatFailsSaysWhy(t *testing.T) {
	a := open(t)
	for name, want := range map[string]string{"fails": `"errorMessage":"no luck"`, "panics": `"errorMessage":"very bad"`} {
		s, err := a.Start(t.Context(), self(t), []string{role + "=" + name}, "{}")
		if err != nil || !s.Failed || !strings.Contains(string(s.Answer), want) {
			t.Errorf("%s: %s, %v", name, s.Answer, err)
		}
	}
}

func TestAProgramThatDoesNotStartIsAnErrorWithItsLog(t *testing.T) {
	script := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho AWS_REGION is not set >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t).Start(t.Context(), script, nil, "{}"); !errors.Is(err, ErrEnded) || !strings.Contains(err.Error(), "AWS_REGION is not set") {
		t.Errorf("%v", err)
	}
}

func TestWhoseTimeIsOverIsToldSo(t *testing.T) {
	a := open(t)
	_, old := a.next()
	a.next()
	resp, err := http.Get("http://" + old + prefix + "invocation/next")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusGone {
		t.Errorf("%s, %v", resp.Status, err)
	}
}
