package soak

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
)

// errNoAnswer is what the transport says when no answer came.
var errNoAnswer = errors.New("soak: connection lost")

// road is the way of requests to one vendor.
type road struct {
	s       *stage
	name    string // hubspot, zoho, whatsapp
	inner   http.RoundTripper
	weather weather
	taken   func(r *http.Request, body []byte) // told of every request that was carried out; may be nil
	count   int
}

// The fates of a request that the weather spoils.
const (
	refused    = iota // 503 or 429, not carried out
	lostBefore        // no answer, not carried out
	lostAfter         // no answer, carried out
	broken            // a page instead of the answer, carried out
	landsLate         // no answer, carried out when nobody waits for it any more: a write
	fates
)

var fateNames = [...]string{"refused", "lost before it arrived", "the answer was lost", "a page was answered", "sent, and did not arrive yet"}

// RoundTrip carries one request of an invocation to the sandbox and back.
func (t *road) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	s, inv := t.s, of(r.Context())
	what := t.name + " " + r.Method + " " + r.URL.Path
	if inv == nil || t.quiet(r) {
		if inv != nil && inv.gone() {
			return nil, errDead
		}
		return t.send(r, body)
	}
	if s.lost(r.Context(), what, false) {
		return nil, errDead
	}
	t.count++
	takes := t.takes()
	if t.weather.fails > 0 && s.dice.Float64() < t.weather.fails {
		return t.spoiled(inv, r, body, what)
	}
	s.wait(inv, takes/2)
	answer, err := t.send(r, body)
	t.tell(inv, what, body, answer)
	if s.lost(r.Context(), what, true) {
		return nil, errDead
	}
	s.wait(inv, takes-takes/2)
	return answer, err
}

// spoiled lets a request meet bad weather.
func (t *road) spoiled(inv *invocation, r *http.Request, body []byte, what string) (*http.Response, error) {
	s := t.s
	fate := s.dice.IntN(fates)
	writes := r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/search") && !strings.HasSuffix(r.URL.Path, "/read")
	if fate == landsLate && !writes {
		fate = lostBefore
	}
	if t.s.looks != nil && t.s.looks(r.URL.String()+string(body)) {
		s.tracef("%s: %s %s: %s", inv.name, what, fateNames[fate], body)
	}
	patience := 4 * time.Second
	if writes {
		patience = 10 * time.Second
	}
	if s.dice.IntN(2) == 0 { // a reset instead of silence
		patience = t.takes()
	}
	switch fate {
	case refused:
		s.wait(inv, t.takes())
		return t.refusal(r), nil
	case lostBefore:
		s.wait(inv, patience)
		return nil, errNoAnswer
	case landsLate:
		s.after(time.Second+time.Duration(s.dice.Int64N(int64(t.weather.after))), func() {
			if answer, err := t.send(r, body); err == nil { // nobody waits for it
				t.tell(inv, "late: "+what, body, answer)
				answer.Body.Close()
			}
		})
		s.wait(inv, patience)
		return nil, errNoAnswer
	}
	s.wait(inv, t.takes()/2)
	answer, err := t.send(r, body)
	t.tell(inv, what, body, answer)
	switch {
	case err != nil:
		return nil, err
	case fate == broken:
		return canned(http.StatusBadGateway, "text/html", "<html><body>502</body></html>", r), nil
	}
	s.wait(inv, patience)
	return nil, errNoAnswer
}

// refusal answers that the vendor has no time now.
func (t *road) refusal(r *http.Request) *http.Response {
	if t.name == "whatsapp" || t.s.dice.IntN(2) == 0 {
		return canned(http.StatusServiceUnavailable, "text/html", "<html><body>503</body></html>", r)
	}
	if t.name == "hubspot" {
		return canned(http.StatusTooManyRequests, "application/json", `{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING"}`, r)
	}
	return canned(http.StatusTooManyRequests, "application/json", zohotest.TooManyRequests, r)
}

func canned(status int, kind, body string, r *http.Request) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// takes is how long a vendor usually needs.
func (t *road) takes() time.Duration {
	return 60*time.Millisecond + time.Duration(t.s.dice.Int64N(int64(240*time.Millisecond)))
}

// quiet tells the calls that a client makes under a lock of its own: whoever waits for that lock cannot be kept waiting here.
func (t *road) quiet(r *http.Request) bool {
	path := r.URL.Path
	switch t.name {
	case "hubspot":
		return strings.HasPrefix(path, "/crm/properties/") || strings.HasPrefix(path, "/crm/owners/")
	case "zoho":
		return strings.HasPrefix(path, "/oauth/") || strings.HasSuffix(path, "/users")
	}
	return false
}

// send hands the request to the sandbox.
func (t *road) send(r *http.Request, body []byte) (*http.Response, error) {
	r = r.WithContext(context.WithoutCancel(r.Context()))
	if r.Body != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	answer, err := t.inner.RoundTrip(r)
	if err == nil && answer.StatusCode/100 == 2 && t.taken != nil {
		t.taken(r, body)
	}
	return answer, err
}

// tell writes a line about a request that somebody asks for.
func (t *road) tell(inv *invocation, what string, body []byte, answer *http.Response) {
	if t.s.looks == nil || answer == nil {
		return
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	if t.s.looks(string(body) + string(text)) {
		cut := func(b []byte) string { return string(b[:min(len(b), 300)]) }
		t.s.tracef("%s: %s %s → %s %s", inv.name, what, cut(body), strconv.Itoa(answer.StatusCode), cut(text))
	}
}
