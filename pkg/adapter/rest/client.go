// Package rest makes one JSON call over HTTP, properly: it builds, sends, bounds, checks, decodes and, where that is
// harmless, tries again. It follows no redirect and keeps no state but the breaker's.
//
// It knows no vendor: how a request is authorised and what an answer means are functions that the vendor's package gives.
package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// The bounds that hold where a Client or a Call names none.
const (
	DefaultMaxBody = 10 << 20         // bytes of an answer, after decompression
	DefaultTimeout = 10 * time.Second // one try, from the first byte out to the last byte in
	MaxAfter       = 15 * time.Minute // the longest wait that an answer can ask for
)

// quick are the waits before the second and the third try of a harmless call, together one second.
var quick = [...]time.Duration{200 * time.Millisecond, 800 * time.Millisecond}

// Client calls one system. It is safe for use by several goroutines if its functions are.
type Client struct {
	System crm.System // names the system in error texts
	Base   string     // scheme, host and an optional path prefix, without a trailing slash
	HTTP   http.RoundTripper
	Now    func() time.Time
	// Sleep waits and reports whether it waited to the end; it does not start a wait that ctx cannot outlast. Nil waits never,
	// so nothing is tried again.
	Sleep func(context.Context, time.Duration) bool
	// Authorize adds the credentials. A *fault.Error that it returns is passed on; any other error becomes fault.Busy: nothing
	// was sent. Nil adds none.
	Authorize func(context.Context, *http.Request) error
	// Judge says what an answer means: nil for success, else a *fault.Error, whose Op and After may be left empty. Nil stands
	// for Judge, the judgement by status alone.
	Judge func(op string, status int, h http.Header, body []byte) error
	// MaxBody is the largest answer in bytes, 0 for DefaultMaxBody. A larger one is fault.Down.
	MaxBody int64
	// Breaker, when set, keeps calls from a system that does not answer. Several clients may share one.
	Breaker *Breaker
	// Denied is told that the system did not take the token, and reports whether there is another one; then the call is made
	// once more. A refused token means that nothing was carried out, so this holds for writes too. Nil never has another.
	Denied func(context.Context) bool
}

// Call is one request.
type Call struct {
	Op      string     // for errors: "hubspot.Read"
	Method  string     // GET when empty
	Path    string     // escaped, begins with a slash, without a query
	Query   url.Values //
	Header  http.Header
	Body    any           // nil, url.Values (sent as a form), File (sent as it is), anything else as JSON
	Timeout time.Duration // of each try, 0 for DefaultTimeout; the context's deadline holds besides
	Repeat  bool          // harmless to repeat: two quick tries more (0.2 s, 0.8 s) on fault.Down that asks for no longer wait
	Raw     bool          // the answer is a file: it is bounded but neither checked nor decoded
	Cost    int           // units of the system's allowance, 0 for one; a round tripper reads it with Cost
}

// File is a request body that is not JSON.
type File struct {
	ContentType string
	Data        []byte
}

// Answer is what came back. Body may hold a person's data: never log it.
type Answer struct {
	Status int // 0 when nothing came back
	Header http.Header
	Body   []byte
}

// Do makes the call and decodes the answer's JSON into out, with numbers as json.Number where out leaves the choice; a
// nil out decodes nothing, and 204, 205 and 304 leave out as it is. Every error is a *fault.Error. The Answer is filled as
// far as one came, in error cases too.
//
// What stays with fault.Down may have been carried out: timeouts, resets, cut or unreadable answers. A breaker that is
// open and a context without time left send nothing and say so with fault.Throttled (code BREAKER_OPEN) and fault.Busy.
func (c *Client) Do(ctx context.Context, call Call, out any) (Answer, error) {
	body, err := encode(call.Body)
	if err != nil {
		return Answer{}, &fault.Error{Op: call.Op, Kind: fault.Ours, Err: errors.New("the body cannot be encoded")}
	}
	denied := c.Denied == nil
	for try := 0; ; {
		answer, err := c.guarded(ctx, call, body, out)
		switch kind := fault.KindOf(err); {
		case err == nil:
			return answer, nil
		case kind == fault.Denied && answer.Status != 0 && !denied:
			denied = true
			if !c.Denied(ctx) {
				return answer, err
			}
		case kind == fault.Down && call.Repeat && try < len(quick) && fault.After(err) <= quick[try] && c.Sleep != nil && c.Sleep(ctx, quick[try]):
			try++
		default:
			return answer, err
		}
	}
}

// guarded is one try that the breaker is asked for and told about.
func (c *Client) guarded(ctx context.Context, call Call, body payload, out any) (Answer, error) {
	if ctx.Err() != nil {
		return Answer{}, &fault.Error{Op: call.Op, Kind: fault.Busy, Err: errors.New("no time left, not sent")}
	}
	pass, wait := c.Breaker.begin()
	if wait > 0 {
		return Answer{}, &fault.Error{Op: call.Op, Kind: fault.Throttled, Code: "BREAKER_OPEN", After: wait,
			Err: errors.New(string(c.System) + " does not answer, not sent")}
	}
	answer, err := c.once(ctx, call, body, out)
	down := fault.KindOf(err) == fault.Down
	switch {
	case err != nil && down && errors.Is(context.Cause(ctx), context.Canceled): // the caller gave up; says nothing about the system
		pass.done(silent)
	case err != nil && down:
		pass.done(fell)
	case answer.Status == 0:
		pass.done(silent)
	default:
		pass.done(stood)
	}
	return answer, err
}
