package hubspot

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

	"pgregory.net/rapid"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/fault"
)

var update = flag.Bool("update", false, "write golden files anew")

type recorded struct {
	HTTP       int             `json:"http"`
	RetryAfter string          `json:"retryAfter"`
	Sent       []string        `json:"sent"`
	Body       json.RawMessage `json:"body"`
	Text       string          `json:"text"`
}

func load(t testing.TB, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func recordedErrors(t testing.TB) []recorded {
	var samples struct {
		ErrorBodies []recorded `json:"errorBodies"`
	}
	var more []recorded
	load(t, "testdata/hubspot-samples.json", &samples)
	load(t, "testdata/errors.json", &more)
	return append(samples.ErrorBodies, more...)
}

// told writes a fault as the golden file shows it.
func told(b *strings.Builder, e *fault.Error) {
	fmt.Fprintf(b, "  %s code=%q after=%s: %v\n", e.Kind, e.Code, e.After, e.Err)
	for _, r := range e.Refused {
		fmt.Fprintf(b, "    %q code=%q hint=%q record=%q: %s\n", r.Property, r.Code, r.Hint, r.Record, r.Message)
	}
}

func TestEveryRecordedErrorMeansWhatTheGoldenFileSays(t *testing.T) {
	var b strings.Builder
	for _, r := range recordedErrors(t) {
		body := []byte(r.Body)
		if r.Text != "" {
			body = []byte(r.Text)
		}
		one, _ := json.Marshal(r.Body)
		fmt.Fprintf(&b, "%d %s%s\n", r.HTTP, one, r.Text)
		retry := rest.RetryAfter(http.Header{"Retry-After": {r.RetryAfter}}, time.Time{})
		if err := judge("test", r.HTTP, retry, body, r.Sent); err != nil {
			e, _ := errors.AsType[*fault.Error](err)
			told(&b, e)
			continue
		}
		b.WriteString("  success, judged item by item:\n")
		var answer batchAnswer
		_ = json.Unmarshal(body, &answer)
		for _, item := range answer.Errors {
			told(&b, item.item("test"))
		}
	}
	const golden = "testdata/faults.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || b.String() != string(want) {
		t.Errorf("%v; the table says:\n%s", err, b.String())
	}
}

func TestHintsAreReadOffTheWordsOfACode(t *testing.T) {
	for code, want := range map[string]fault.Hint{
		"PROPERTY_DOESNT_EXIST": fault.HintProperty, "READ_ONLY_VALUE": fault.HintReadOnly, "CALCULATED_PROPERTY": fault.HintReadOnly,
		"PROPERTY_VALUE_TOO_LONG": fault.HintTooLong, "INVALID_LENGTH": fault.HintTooLong, "INVALID_OPTION": fault.HintPicklist,
		"CONFLICTING_UNIQUE_VALUE": fault.HintDuplicate, "MISSING_REQUIRED_PROPERTY": fault.HintMissing,
		"MISSING_CONDITIONAL_REQUIRED_PROPERTY": fault.HintMissing, "INVALID_EMAIL": fault.HintFormat, "INVALID_DATE": fault.HintFormat,
		"": fault.HintNone, "SOMETHING_ELSE": fault.HintNone,
	} {
		if got := hint(code); got != want {
			t.Errorf("hint(%q) = %q, want %q", code, got, want)
		}
	}
}

func TestNoFormOfValueStaysInAMessage(t *testing.T) {
	for _, message := range []string{
		`Email address canary@example.com is invalid`, `"canary street" is too long`, `canary was not a valid number`, "`canary` is odd",
		`Value 'canary' not accepted`, `Property values were not valid: [{"message":"canary"}]`, `Cannot set {value=canary} on 301`,
		`an open quote "canary`, `an open list [canary`, "a\ncanary was not one of the options",
	} {
		if got := clean(message, "", nil); strings.Contains(got, "canary") {
			t.Errorf("clean(%q) = %q", message, got)
		}
	}
	for _, message := range []string{"phone +39 333 123 4567 refused", "phone 3331234567 refused"} {
		if got := clean(message, "", nil); got != "phone … refused" {
			t.Errorf("clean(%q) = %q", message, got)
		}
	}
	if got := clean(`Property "vat" does not exist`, "vat", nil); got != `Property "vat" does not exist` {
		t.Errorf("the property's name was cut out: %q", got)
	}
	if got := clean(strings.Repeat("è ", 500), "", nil); len([]rune(got)) > longest+1 {
		t.Errorf("%d characters kept", len([]rune(got)))
	}
}

func TestWhatWeSentIsCutOutWhereverItStands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[A-Za-zàèéìòù]{3,12}( [A-Za-z0-9'"]{1,8})?`).Draw(t, "value")
		frame := rapid.SampledFrom([]string{"%s is bad", "bad: %s", "x%sx", `he said "%s"`, "(%s)"}).Draw(t, "frame")
		if got := clean(fmt.Sprintf(frame, strings.ToUpper(value)), "", []string{value}); strings.Contains(strings.ToLower(got), strings.ToLower(value)) &&
			!strings.Contains(strings.ToLower(fmt.Sprintf(frame, "…")), strings.ToLower(value)) {
			t.Fatalf("%q stays in %q", value, got)
		}
	})
}

func FuzzJudge(f *testing.F) {
	for _, r := range recordedErrors(f) {
		f.Add(r.HTTP, []byte(r.Body), "reports")
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, sent string) {
		err := judge("test", status, 0, body, []string{sent})
		success := status >= 200 && status < 300
		if success != (err == nil) {
			t.Fatalf("status %d: %v", status, err)
		}
		if e, ok := errors.AsType[*fault.Error](err); err != nil && (!ok || e.Err == nil) {
			t.Fatalf("status %d: %#v", status, err)
		}
	})
}
