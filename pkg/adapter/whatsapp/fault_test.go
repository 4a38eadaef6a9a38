package whatsapp

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/fault"
)

// recorded is an answer that says no.
type recorded struct {
	Status     int             `json:"status"`
	RetryAfter string          `json:"retryAfter"`
	Sent       []string        `json:"sent"`
	Body       json.RawMessage `json:"body"`
}

func recordedErrors(t testing.TB) (all []recorded) {
	raw, err := os.ReadFile("testdata/errors.json")
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	if err != nil || len(all) < 40 {
		t.Fatalf("%d errors, %v", len(all), err)
	}
	return all
}

func TestEveryRecordedErrorMeansWhatTheGoldenFileSays(t *testing.T) {
	var b strings.Builder
	for _, r := range recordedErrors(t) {
		retry := rest.RetryAfter(http.Header{"Retry-After": {r.RetryAfter}}, time.Time{})
		err := judge("test", r.Status, retry, r.Body, r.Sent)
		fmt.Fprintf(&b, "%d %s\n", r.Status, r.Body)
		e, ok := errors.AsType[*fault.Error](err)
		if !ok {
			fmt.Fprintln(&b, "  success")
			continue
		}
		fmt.Fprintf(&b, "  %s final=%t counted=%t code=%q after=%s: %v\n", e.Kind, e.Kind.Final(), e.Kind.Counted(), e.Code, e.After, e.Err)
	}
	const golden = "testdata/faults.golden"
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || b.String() != string(want) {
		t.Errorf("%v; the table says:\n%s", err, b.String())
	}
}

func TestEveryClassOfCodeEndsInAWay(t *testing.T) {
	for class := chat.ClassToken; class <= chat.ClassContent; class++ {
		if kind, ok := kinds[class]; !ok || kind == fault.Down || kind == fault.Unknown {
			t.Errorf("class %d is %s: nobody knows whether it was carried out", class, kind)
		}
	}
}

func TestNothingThatWasSentOrIsSomebodysStaysInAMessage(t *testing.T) {
	for _, message := range []string{
		`Param text['canary'] is bad`, `"canary" is bad`, `an open "canary`, `canary@example.com is bad`, "Canary\x00 is bad", `IT.CANARY1 is bad`, `CANARY is bad`,
	} {
		if got := clean(message, []string{"canary"}); strings.Contains(strings.ToLower(got), "canary") {
			t.Errorf("clean(%q) = %q", message, got)
		}
	}
	for _, message := range []string{"number +39 347 123 4567 refused", "number 393471234567 refused"} {
		if got := clean(message, nil); got != "number … refused" {
			t.Errorf("clean(%q) = %q", message, got)
		}
	}
	if got := clean(strings.Repeat("è ", 5000), nil); len([]rune(got)) > longest+1 {
		t.Errorf("%d characters kept", len([]rune(got)))
	}
}

func TestTheCodeOfAFaultCanBeAskedFor(t *testing.T) {
	err := judge("op", 400, 0, []byte(`{"error":{"code":131047}}`), nil)
	if code, ok := CodeOf(fmt.Errorf("wrapped: %w", err)); !ok || code != chat.CodeWindowClosed {
		t.Errorf("%d, %t", code, ok)
	}
	for _, err := range []error{nil, errors.New("x"), &fault.Error{Kind: fault.Down}, &fault.Error{Code: CodeNotSent}} {
		if _, ok := CodeOf(err); ok {
			t.Errorf("%v has a code", err)
		}
	}
}

func FuzzJudge(f *testing.F) {
	for _, r := range recordedErrors(f) {
		f.Add(r.Status, []byte(r.Body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 599 {
			return
		}
		err := judge("op", status, 0, body, nil)
		if e, ok := errors.AsType[*fault.Error](err); (err == nil) != (status >= 200 && status < 300 || status == 304) || err != nil && (!ok || len(e.Error()) > 4000) {
			t.Fatalf("%d: %v", status, err)
		}
	})
}
