package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"crm-connector/pkg/core/fault"
)

// payload is an encoded request body; the zero payload is none.
type payload struct {
	kind string
	data []byte
}

func encode(body any) (payload, error) {
	switch b := body.(type) {
	case nil:
		return payload{}, nil
	case File:
		return payload{kind: b.ContentType, data: b.Data}, nil
	case url.Values:
		return payload{kind: "application/x-www-form-urlencoded", data: []byte(b.Encode())}, nil
	}
	data, err := json.Marshal(body)
	return payload{kind: "application/json", data: data}, err
}

// request builds one request. The path cannot lead to another host than the base's.
func (c *Client) request(ctx context.Context, call Call, body payload) (*http.Request, error) {
	base, err := url.Parse(c.Base)
	if err != nil || base.Host == "" {
		return nil, &fault.Error{Op: call.Op, Kind: fault.Setup, Err: errors.New("the address of " + string(c.System) + " is not a URL")}
	}
	target, err := url.Parse(c.Base + call.Path)
	if err != nil || target.Host != base.Host || target.RawQuery != "" || !strings.HasPrefix(call.Path, "/") {
		return nil, &fault.Error{Op: call.Op, Kind: fault.Ours, Err: errors.New("the path of the call is malformed")}
	}
	target.RawQuery = call.Query.Encode()
	var reader io.Reader
	if body.kind != "" {
		reader = bytes.NewReader(body.data)
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, target.String(), reader)
	if err != nil {
		return nil, &fault.Error{Op: call.Op, Kind: fault.Ours, Err: errors.New("the request cannot be built")}
	}
	for name, values := range call.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if body.kind != "" {
		req.Header.Set("Content-Type", body.kind)
	}
	if !call.Raw {
		req.Header.Set("Accept", "application/json")
	}
	req.Header.Set("User-Agent", "crm-connector")
	return req, c.authorize(ctx, call.Op, req)
}

func (c *Client) authorize(ctx context.Context, op string, req *http.Request) error {
	if c.Authorize == nil {
		return nil
	}
	err := c.Authorize(ctx, req)
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return &fault.Error{Op: op, Kind: fault.Busy, Err: errors.New("no credentials for " + string(c.System) + " now, not sent")}
}

type costKey struct{}

// Cost returns what the call that a request belongs to costs of its system's allowance: its Call.Cost, at least 1.
func Cost(ctx context.Context) int {
	if n, ok := ctx.Value(costKey{}).(int); ok {
		return n
	}
	return 1
}

// once sends the call one time and reads the answer to its end.
func (c *Client) once(ctx context.Context, call Call, body payload, out any) (Answer, error) {
	timeout := call.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if call.Cost > 1 {
		ctx = context.WithValue(ctx, costKey{}, call.Cost)
	}
	req, err := c.request(ctx, call, body)
	if err != nil {
		return Answer{}, err
	}
	resp, err := c.HTTP.RoundTrip(req)
	if err != nil {
		return Answer{}, transport(call.Op, err)
	}
	defer resp.Body.Close()
	answer := Answer{Status: resp.StatusCode, Header: resp.Header}
	limit := c.MaxBody
	if limit <= 0 {
		limit = DefaultMaxBody
	}
	answer.Body, err = readAll(io.LimitReader(resp.Body, limit+1), resp.ContentLength)
	if err != nil {
		return answer, down(call.Op, "the answer was cut short")
	}
	if int64(len(answer.Body)) > limit {
		answer.Body = nil
		return answer, down(call.Op, fmt.Sprintf("the answer is larger than %d bytes", limit))
	}
	return answer, c.told(call.Op, answer, c.check(call, answer, out))
}

// readAll is io.ReadAll with room for an answer that says how long it is, which may be a lie.
func readAll(r io.Reader, size int64) ([]byte, error) {
	const most = 64 << 10
	room := min(max(size, 0), most) + bytes.MinRead
	b := bytes.NewBuffer(make([]byte, 0, room))
	_, err := b.ReadFrom(r)
	return b.Bytes(), err
}

// check judges the answer and decodes it.
func (c *Client) check(call Call, a Answer, out any) error {
	switch {
	case a.Status >= 300 && a.Status < 400 && a.Status != http.StatusNotModified:
		return down(call.Op, fmt.Sprintf("status %d: redirects are not followed", a.Status))
	case !call.Raw && isHTML(a) && a.Status != http.StatusTooManyRequests && a.Status != http.StatusUnauthorized:
		return down(call.Op, fmt.Sprintf("status %d: a page instead of JSON", a.Status))
	}
	judge := c.Judge
	if judge == nil {
		judge = Judge
	}
	if err := judge(call.Op, a.Status, a.Header, a.Body); err != nil {
		return err
	}
	if call.Raw || a.Status == http.StatusNoContent || a.Status == http.StatusResetContent || a.Status == http.StatusNotModified {
		return nil
	}
	return decode(call.Op, a, out)
}

// told completes the fault that an answer means by the call's name and by how long the answer asks to wait.
func (c *Client) told(op string, a Answer, err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	told := *e
	if told.Op == "" {
		told.Op = op
	}
	if told.After == 0 {
		told.After = RetryAfter(a.Header, c.Now())
	}
	told.After = min(told.After, MaxAfter)
	return &told
}

// decode reads one JSON value into out. An answer that Go's decoder would repair (invalid UTF-8) is refused instead: what
// is read here may be written to another system.
func decode(op string, a Answer, out any) error {
	if len(a.Body) == 0 && out == nil {
		return nil
	}
	if !utf8.Valid(a.Body) || out == nil && !json.Valid(a.Body) {
		return notJSON(op, a)
	}
	if out == nil {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(a.Body))
	dec.UseNumber()
	err := dec.Decode(out)
	switch rest := a.Body[dec.InputOffset():]; {
	case err != nil && json.Valid(a.Body):
		return down(op, fmt.Sprintf("status %d: the answer has another shape than documented", a.Status))
	case err != nil, len(bytes.Trim(rest, " \t\r\n")) > 0:
		return notJSON(op, a)
	}
	return nil
}

func notJSON(op string, a Answer) error {
	return down(op, fmt.Sprintf("status %d: the answer is not JSON, or was cut short", a.Status))
}

func isHTML(a Answer) bool {
	if kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type")); err == nil && kind == "text/html" {
		return true
	}
	return bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("<"))
}
