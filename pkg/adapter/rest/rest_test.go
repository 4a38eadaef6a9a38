package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// script answers one call after the other; the last answer stays.
type script struct {
	answers []func(*http.Request) (*http.Response, error)
	seen    []*http.Request
	bodies  []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		raw, _ := io.ReadAll(r.Body)
		body = string(raw)
	}
	s.seen, s.bodies = append(s.seen, r), append(s.bodies, body)
	at := min(len(s.seen), len(s.answers)) - 1
	return s.answers[at](r)
}

func says(status int, kind, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		if kind != "" {
			h.Set("Content-Type", kind)
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// asks adds how long the answer asks to wait.
func asks(after string, answer func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := answer(r)
		resp.Header.Set("Retry-After", after)
		return resp, err
	}
}

func breaks(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func client(answers ...func(*http.Request) (*http.Response, error)) (*rest.Client, *script) {
	s := &script{answers: answers}
	return &rest.Client{System: crm.HubSpot, Base: "https://crm.example/base", HTTP: s, Now: func() time.Time { return noon }}, s
}

func TestAnAnswerMeansWhatItsStatusAndBodySay(t *testing.T) {
	tests := []struct {
		name   string
		answer func(*http.Request) (*http.Response, error)
		want   string
	}{
		{"JSON", says(200, "application/json", `{"id":"7"}`), ""},
		{"no content", says(204, "", ""), ""},
		{"not modified", says(304, "", ""), ""},
		{"a page instead of JSON", says(200, "text/html; charset=utf-8", "<html>"), "down"},
		{"a page that says it is JSON", says(200, "application/json", " <!doctype html>"), "down"},
		{"a page with a 404", says(404, "text/html", "<html>"), "down"},
		{"a page of a few words with a 404", says(404, "text/html", "Not found"), "down"},
		{"a page with a 429", says(429, "text/html", "<html>"), "throttled"},
		{"a page with a 401", says(401, "text/html", "<html>"), "denied"},
		{"cut JSON", says(200, "application/json", `{"id":`), "down"},
		{"an empty answer", says(200, "application/json", ``), "down"},
		{"two values", says(200, "application/json", `{}{}`), "down"},
		{"a value and a letter", says(200, "application/json", `{}x`), "down"},
		{"another shape", says(200, "application/json", `[1]`), "down"},
		{"invalid UTF-8", says(200, "application/json", "{\"id\":\"\xff\"}"), "down"},
		{"a redirect", says(302, "", ""), "down"},
		{"several to choose from", says(300, "", "{}"), "down"},
		{"too many requests", says(429, "", `{}`), "throttled"},
		{"locked", says(423, "", `{}`), "locked"},
		{"forbidden", says(403, "", `{}`), "setup"},
		{"missing", says(404, "", `{}`), "missing"},
		{"conflict", says(409, "", `{}`), "conflict"},
		{"precondition", says(412, "", `{}`), "stale"},
		{"another 4xx", says(418, "", `{}`), "unknown"},
		{"5xx", says(503, "", `{}`), "down"},
		{"as large as the bound", says(200, "", `{"id":"`+strings.Repeat("a", 55)+`"}`), ""},
		{"larger than the bound", says(200, "", `{"id":"`+strings.Repeat("a", 56)+`"}`), "down"},
		{"reset", breaks(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), "down"},
		{"no such host", breaks(&net.DNSError{Name: "crm.example"}), "down"},
		{"timeout", breaks(context.DeadlineExceeded), "down"},
		{"a budget that is used up", breaks(&fault.Error{Op: "budget", Kind: fault.Throttled, After: time.Second}), "throttled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := client(tt.answer)
			c.MaxBody = 64
			var out struct{ ID string }
			_, err := c.Do(t.Context(), rest.Call{Op: "test.Read", Path: "/x"}, &out)
			if got := kind(err); got != tt.want {
				t.Errorf("fault %q (%v), want %q", got, err, tt.want)
			}
			if err == nil {
				return
			}
			if _, ok := errors.AsType[*fault.Error](err); !ok {
				t.Errorf("%T is no fault", err)
			}
		})
	}
}

func kind(err error) string {
	if err == nil {
		return ""
	}
	return fault.KindOf(err).String()
}

func TestTheCallArrivesAsItWasMeant(t *testing.T) {
	c, s := client(says(200, "", `{}`))
	c.Authorize = func(_ context.Context, r *http.Request) error { r.Header.Set("Authorization", "Bearer t"); return nil }
	calls := []struct {
		call rest.Call
		want string
	}{
		{rest.Call{Path: "/a%2Fb", Query: url.Values{"q": {"è&"}}}, "GET https://crm.example/base/a%2Fb?q=%C3%A8%26  "},
		{rest.Call{Method: "POST", Path: "/a", Body: map[string]string{"k": "v"}}, `POST https://crm.example/base/a application/json {"k":"v"}`},
		{rest.Call{Method: "POST", Path: "/a", Body: url.Values{"k": {"v w"}}}, `POST https://crm.example/base/a application/x-www-form-urlencoded k=v+w`},
		{rest.Call{Method: "PUT", Path: "/a", Body: rest.File{ContentType: "image/png", Data: []byte("x")}}, `PUT https://crm.example/base/a image/png x`},
	}
	for i, tt := range calls {
		if _, err := c.Do(t.Context(), tt.call, nil); err != nil {
			t.Fatal(err)
		}
		r := s.seen[i]
		got := fmt.Sprintf("%s %s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"), s.bodies[i])
		if _, typed := r.Header["Content-Type"]; typed != (tt.call.Body != nil) {
			t.Errorf("a body %v has a content type: %t", tt.call.Body, typed)
		}
		if got != tt.want || r.Header.Get("Authorization") != "Bearer t" || r.Header.Get("Accept") != "application/json" {
			t.Errorf("sent %q, want %q", got, tt.want)
		}
	}
}

func TestACallCannotLeaveItsHost(t *testing.T) {
	for _, path := range []string{"", "x", "@evil.example/x", ".evil.example/", "/x?a=b", "/%zz"} {
		c, s := client(says(200, "", `{}`))
		c.Base = "https://crm.example"
		if _, err := c.Do(t.Context(), rest.Call{Path: path}, nil); fault.KindOf(err) != fault.Ours || len(s.seen) != 0 {
			t.Errorf("path %q: %v after %d calls", path, err, len(s.seen))
		}
	}
	c, _ := client(says(200, "", `{}`))
	c.Base = "not a URL"
	if _, err := c.Do(t.Context(), rest.Call{Path: "/x"}, nil); fault.KindOf(err) != fault.Setup {
		t.Errorf("a base that is no URL: %v", err)
	}
}

func TestACallThatIsNoneIsOurOwnMistake(t *testing.T) {
	c, s := client(says(200, "", `{}`))
	if _, err := c.Do(t.Context(), rest.Call{Method: "NO METHOD", Path: "/x"}, nil); fault.KindOf(err) != fault.Ours || len(s.seen) != 0 {
		t.Errorf("%v after %d calls", err, len(s.seen))
	}
}

func TestAnAnswerWithoutABodyIsEnoughWhereNothingIsAskedOfIt(t *testing.T) {
	c, _ := client(says(200, "", ""))
	if _, err := c.Do(t.Context(), rest.Call{Method: "POST", Path: "/x"}, nil); err != nil {
		t.Error(err)
	}
}

func TestAnAnswerOfAnotherShapeIsToldFromACutOne(t *testing.T) {
	for body, want := range map[string]string{`["Rossi"]`: "status 200: the answer has another shape than documented", `["Rossi"`: "status 200: the answer is not JSON, or was cut short"} {
		c, _ := client(says(200, "", body))
		var out struct{ ID string }
		if _, err := c.Do(t.Context(), rest.Call{Op: "op", Path: "/x"}, &out); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func TestAFaultSaysWhichCallItWasAndHowLongToWait(t *testing.T) {
	for name, tt := range map[string]struct {
		judge error
		op    string
		after time.Duration
	}{
		"nothing is known but the answer": {&fault.Error{Kind: fault.Throttled}, "call", 30 * time.Second},
		"the vendor's words know more":    {&fault.Error{Op: "judge", Kind: fault.Throttled, After: time.Minute}, "judge", time.Minute},
		"too long a wait":                 {&fault.Error{Kind: fault.Throttled, After: time.Hour}, "call", rest.MaxAfter},
	} {
		c, _ := client(asks("30", says(429, "", `{}`)))
		c.Judge = func(string, int, http.Header, []byte) error { return tt.judge }
		_, err := c.Do(t.Context(), rest.Call{Op: "call", Path: "/x"}, nil)
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Op != tt.op || fault.After(err) != tt.after {
			t.Errorf("%s: %v, wait %s", name, err, fault.After(err))
		}
	}
}

func TestWhatWeSentIsCutOutOfAVendorsWords(t *testing.T) {
	essay := strings.Repeat("Caro Rossi, ", 100)
	edge := strings.Repeat("aB", 500) // as long as is looked for in any case
	for _, tt := range []struct {
		name, message, want string
		sent                []string
	}{
		{"a name", "no such person: Rossi", "no such person: …", []string{"Rossi"}},
		{"in another case", "no such person: rOSSI", "no such person: …", []string{"Rossi"}},
		{"twice", "Rossi is not rossi", "… is not …", []string{"Rossi"}},
		{"the whole before its part", "anna.rossi@example.com is bad", "… is bad", []string{"rossi", "anna.rossi@example.com"}},
		{"what looks like a pattern", "+39 (06) 1.2 is bad, +39 (06) 1x2 is not", "… is bad, +39 (06) 1x2 is not", []string{"+39 (06) 1.2"}},
		{"three letters", "BIC is bad", "… is bad", []string{"bic"}},
		{"two letters, which are in every word", "Città is bad in IT", "Città is bad in IT", []string{"IT"}},
		{"two letters of two bytes", "èè is bad", "èè is bad", []string{"èè"}},
		{"an essay", essay + "is bad", "…is bad", []string{essay}},
		{"an essay in capitals", strings.ToUpper(essay) + "is bad", "…is bad", []string{essay}},
		{"an essay in small letters", strings.ToLower(essay) + "is bad", "…is bad", []string{essay}},
		{"what is no text", "\xffRossi is bad", "… is bad", []string{"\xffRossi"}},
		{"a long text in any case", strings.Repeat("Ab", 500) + " is bad", "… is bad", []string{edge}},
		{"nothing", "the field is bad", "the field is bad", []string{""}},
	} {
		if got := rest.Without(tt.message, tt.sent); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	visited := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visited = visited || r.URL.Path == "/secret"
		http.Redirect(w, r, "/secret", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	c := rest.Client{Base: server.URL, HTTP: http.DefaultTransport, Now: time.Now}
	if _, err := c.Do(t.Context(), rest.Call{Path: "/x"}, nil); fault.KindOf(err) != fault.Down || visited {
		t.Errorf("err %v, visited %t", err, visited)
	}
}

func TestACutBodyIsNoAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{}`))
	}))
	defer server.Close()
	c := rest.Client{Base: server.URL, HTTP: http.DefaultTransport, Now: time.Now}
	if _, err := c.Do(t.Context(), rest.Call{Path: "/x"}, nil); fault.KindOf(err) != fault.Down {
		t.Errorf("err %v, want down", err)
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	c, _ := client(says(200, "", `{"id":4876876000000333013}`))
	var out map[string]any
	if _, err := c.Do(t.Context(), rest.Call{Path: "/x"}, &out); err != nil || out["id"] != json.Number("4876876000000333013") {
		t.Errorf("%v, %v", out, err)
	}
}

func TestOnlyHarmlessCallsAreTriedAgain(t *testing.T) {
	tests := []struct {
		name   string
		call   rest.Call
		first  func(*http.Request) (*http.Response, error)
		calls  int
		waited time.Duration
	}{
		{"a read that finds the system down", rest.Call{Repeat: true}, says(503, "", ""), 3, time.Second},
		{"a write", rest.Call{Method: "POST"}, says(503, "", ""), 1, 0},
		{"a read that is throttled", rest.Call{Repeat: true}, says(429, "", ""), 1, 0},
		{"a read that is refused", rest.Call{Repeat: true}, says(400, "", ""), 1, 0},
		{"a read of a system that asks for ten minutes", rest.Call{Repeat: true}, asks("600", says(503, "application/json", `{}`)), 1, 0},
		{"a read of a system that asks for nothing", rest.Call{Repeat: true}, asks("0", says(503, "application/json", `{}`)), 3, time.Second},
		{"a read of a balancer that asks for ten minutes", rest.Call{Repeat: true}, asks("600", says(503, "text/html", "<html>busy</html>")), 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, s := client(tt.first)
			var waited time.Duration
			c.Sleep = func(_ context.Context, d time.Duration) bool { waited += d; return true }
			tt.call.Path = "/x"
			_, err := c.Do(t.Context(), tt.call, nil)
			if err == nil || len(s.seen) != tt.calls || waited != tt.waited {
				t.Errorf("%d calls, waited %s, %v", len(s.seen), waited, err)
			}
		})
	}
	c, s := client(says(503, "", ""), says(200, "", `{}`))
	c.Sleep = func(context.Context, time.Duration) bool { return false }
	if _, err := c.Do(t.Context(), rest.Call{Path: "/x", Repeat: true}, nil); err == nil || len(s.seen) != 1 {
		t.Errorf("a wait that cannot be finished was followed by call %d", len(s.seen))
	}
}

func TestAnyAnswerThatIsNoneMaySayHowLongToWait(t *testing.T) {
	for _, first := range []func(*http.Request) (*http.Response, error){
		says(503, "text/html", "<html>busy</html>"), says(502, "", "<p>"), says(503, "application/json", "{}"), says(429, "text/html", "<html>"), says(200, "application/json", "{"),
	} {
		c, _ := client(asks("600", first))
		if _, err := c.Do(t.Context(), rest.Call{Op: "call", Path: "/x"}, nil); fault.After(err) != 10*time.Minute {
			t.Errorf("%v, wait %s", err, fault.After(err))
		}
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	for _, another := range []bool{true, false} {
		c, s := client(says(401, "", `{}`))
		asked := 0
		c.Denied = func(context.Context) bool { asked++; return another }
		_, err := c.Do(t.Context(), rest.Call{Method: "POST", Path: "/x", Body: 1}, nil)
		calls := map[bool]int{true: 2, false: 1}[another]
		if fault.KindOf(err) != fault.Denied || asked != 1 || len(s.seen) != calls || s.bodies[len(s.bodies)-1] != "1" {
			t.Errorf("another token %t: asked %d times, %d calls, %v", another, asked, len(s.seen), err)
		}
	}
}

func TestWithoutCredentialsNothingIsSent(t *testing.T) {
	c, s := client(says(200, "", `{}`))
	c.Authorize = func(context.Context, *http.Request) error { return errors.New("table gone") }
	_, err := c.Do(t.Context(), rest.Call{Path: "/x"}, nil)
	if fault.KindOf(err) != fault.Busy || fault.KindOf(err).Uncertain() || len(s.seen) != 0 {
		t.Errorf("%v after %d calls", err, len(s.seen))
	}
	c.Authorize = func(context.Context, *http.Request) error { return &fault.Error{Op: "token", Kind: fault.Denied} }
	if _, err = c.Do(t.Context(), rest.Call{Path: "/x"}, nil); fault.KindOf(err) != fault.Denied || len(s.seen) != 0 {
		t.Errorf("%v after %d calls", err, len(s.seen))
	}
}

func TestRetryAfterIsReadInBothFormsAndCapped(t *testing.T) {
	tests := map[string]time.Duration{
		"": 0, "0": 0, "30": 30 * time.Second, "900": 15 * time.Minute, "901": 15 * time.Minute, "99999": 15 * time.Minute,
		"99999999999999999999": 15 * time.Minute, "-5": 0, "soon": 0, "1.5": 0,
		"Sat, 21 Nov 2026 12:00:30 GMT": 30 * time.Second, "Sat, 21 Nov 2026 11:00:00 GMT": 0, "Sun, 22 Nov 2026 12:00:00 GMT": 15 * time.Minute,
	}
	for text, want := range tests {
		if got := rest.RetryAfter(http.Header{"Retry-After": {text}}, noon); got != want {
			t.Errorf("RetryAfter(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestAnErrorRepeatsNeitherTheAddressNorTheBody(t *testing.T) {
	for _, answer := range []func(*http.Request) (*http.Response, error){
		breaks(errors.New(`Get "https://crm.example/mario.canary@example.com": broken`)), says(500, "", `mario.canary@example.com`),
		says(200, "", `mario.canary@example.com`), says(400, "", `{"message":"mario.canary@example.com"}`),
	} {
		c, _ := client(answer)
		_, err := c.Do(t.Context(), rest.Call{Path: "/mario.canary@example.com"}, nil)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("error %v", err)
		}
	}
}

func TestTheCallsTimeoutAndTheCallersDeadlineBothHold(t *testing.T) {
	hangs := func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
	synctest.Test(t, func(t *testing.T) {
		c, _ := client(hangs)
		start := time.Now()
		_, err := c.Do(t.Context(), rest.Call{Path: "/x", Timeout: 4 * time.Second}, nil)
		if fault.KindOf(err) != fault.Down || time.Since(start) != 4*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err = c.Do(ctx, rest.Call{Path: "/x"}, nil); fault.KindOf(err) != fault.Down || time.Since(start) != time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		if _, err = c.Do(ctx, rest.Call{Path: "/x"}, nil); fault.KindOf(err) != fault.Busy {
			t.Errorf("with no time left: %v, want busy: nothing was sent", err)
		}
	})
}

func TestTheBreakerOpensProbesAndCloses(t *testing.T) {
	now := noon
	clock := func() time.Time { return now }
	status := 503
	c, s := client(func(r *http.Request) (*http.Response, error) { return says(status, "", `{}`)(r) })
	c.Breaker = rest.NewBreaker(clock)
	call := func() error { _, err := c.Do(t.Context(), rest.Call{Path: "/x"}, nil); return err }
	for range 10 {
		status = 200
		_ = call()
	}
	status = 503
	for range 9 {
		_ = call()
	}
	if c.Breaker.Open() {
		t.Fatal("open after 9 failures of 19 calls")
	}
	if _ = call(); !c.Breaker.Open() {
		t.Fatal("not open after 10 failures of 20 calls")
	}
	sent := len(s.seen)
	err := call()
	if fault.KindOf(err) != fault.Throttled || fault.After(err) != 30*time.Second || len(s.seen) != sent {
		t.Fatalf("open: %v, wait %s", err, fault.After(err))
	}
	now = now.Add(30 * time.Second)
	if err = call(); fault.KindOf(err) != fault.Down {
		t.Fatalf("the probe: %v", err)
	}
	if err = call(); fault.KindOf(err) != fault.Throttled {
		t.Fatalf("after a probe that failed: %v", err)
	}
	now, status = now.Add(30*time.Second), 429
	if err = call(); fault.KindOf(err) != fault.Throttled || c.Breaker.Open() {
		t.Fatalf("a probe that was answered leaves it open: %v", err)
	}
	status = 503
	for range 19 {
		_ = call()
	}
	now = now.Add(61 * time.Second)
	if _ = call(); c.Breaker.Open() {
		t.Error("failures of more than 60 s ago still count")
	}
}

func TestACallersGivingUpSaysNothingAboutTheSystem(t *testing.T) {
	c, _ := client(func(r *http.Request) (*http.Response, error) { return nil, context.Canceled })
	c.Breaker = rest.NewBreaker(func() time.Time { return noon })
	for range 30 {
		ctx, cancel := context.WithCancel(t.Context())
		c.Authorize = func(context.Context, *http.Request) error { cancel(); return nil }
		_, _ = c.Do(ctx, rest.Call{Path: "/x"}, nil)
	}
	if c.Breaker.Open() {
		t.Error("the breaker opened")
	}
}

func TestAnyBytesAreAnAnswerOrAFault(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, _ := client(says(rapid.IntRange(200, 599).Draw(t, "status"), rapid.SampledFrom([]string{"", "text/html", "application/json", ";"}).Draw(t, "type"),
			rapid.String().Draw(t, "body")))
		var out map[string]any
		_, err := c.Do(context.Background(), rest.Call{Op: "test", Path: "/x"}, &out)
		if err == nil {
			return
		}
		if _, ok := errors.AsType[*fault.Error](err); !ok {
			t.Fatalf("%T is no fault", err)
		}
	})
}

func ExampleClient_Do() {
	c := rest.Client{
		System: crm.HubSpot, Base: "https://api.example", Now: time.Now,
		HTTP: &script{answers: []func(*http.Request) (*http.Response, error){says(429, "application/json", `{}`)}},
	}
	var out struct{ Name string }
	_, err := c.Do(context.Background(), rest.Call{Op: "hubspot.Read", Path: "/crm/objects/7"}, &out)
	fmt.Println(err)
	// Output: hubspot.Read: throttled: status 429
}

func TestARoundTripperIsToldWhatACallCosts(t *testing.T) {
	for cost, want := range map[int]int{0: 1, 1: 1, 7: 7} {
		got := 0
		c := rest.Client{Base: "https://api.example.com", Now: time.Now, HTTP: costs{&got}}
		if _, err := c.Do(t.Context(), rest.Call{Op: "op", Path: "/", Cost: cost}, nil); err != nil || got != want {
			t.Errorf("%d: told %d, %v", cost, got, err)
		}
	}
	if rest.Cost(t.Context()) != 1 {
		t.Error("any other request costs one")
	}
}

type costs struct{ got *int }

func (c costs) RoundTrip(r *http.Request) (*http.Response, error) {
	*c.got = rest.Cost(r.Context())
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
}
