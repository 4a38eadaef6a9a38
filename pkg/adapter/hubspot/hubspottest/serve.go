package hubspottest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxRequest bounds what is read of a request.
const maxRequest = 10 << 20

// ErrLost is the transport's error for an answer that never came.
var ErrLost = errors.New("hubspottest: connection lost")

// request is a call with everything that a handler needs.
type request struct {
	method  string
	path    string // escaped, as it came
	pattern string // "GET /crm/objects/2026-09/contacts/{id}"
	query   url.Values
	header  http.Header
	body    []byte
	by      actor
	t, to   *table
	act     *activityKind
	id, oid string
	asOf    time.Time // zero: the present
	search  bool
	handle  func(*Server, *request) (answer, *refusal)
}

// ServeHTTP serves one call. An answer that a fault loses ends the connection (http.ErrAbortHandler).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, cut, err := s.serve(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if cut {
		w.Write(a.body[:len(a.body)/2])
		panic(http.ErrAbortHandler)
	}
	w.Write(a.body)
}

// Transport returns a RoundTripper that serves the same without sockets, whatever the host of the URL; an answer that a
// fault loses is ErrLost.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	a, cut, err := t.s.serve(r)
	if err != nil {
		return nil, err
	}
	var body io.Reader = bytes.NewReader(a.body)
	if cut {
		body = io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), broken{})
	}
	return &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(body), ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// serve runs one call through faults, and through answer unless a fault keeps it from being carried out.
func (s *Server) serve(r *http.Request) (answer, bool, error) {
	q := &request{method: r.Method, path: r.URL.EscapedPath(), query: r.URL.Query(), header: r.Header}
	if r.Body != nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
		if err != nil {
			return answer{}, false, err
		}
		q.body = body
	}
	s.route(q)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[q.pattern]++
	f := s.fault(r, q)
	if f == nil {
		return s.finish(s.answer(q), q), false, nil
	}
	if err := s.delay(r, f); err != nil {
		return answer{}, false, err
	}
	if f.Stale > 0 {
		q.asOf = s.now().Add(-f.Stale)
	}
	switch {
	case f.LandsAfter > 0:
		s.late = append(s.late, lateRequest{at: s.now().Add(f.LandsAfter), q: q})
		return answer{}, false, ErrLost
	case f.Lost == LostBefore:
		return answer{}, false, ErrLost
	case f.Status != 0 && f.Lost != LostAfter:
		return s.finish(s.canned(f), q), f.Cut, nil
	}
	a := s.answer(q)
	switch {
	case f.Status != 0:
		a = s.canned(f)
	case f.Lost == LostAfter:
		return answer{}, false, ErrLost
	}
	return s.finish(a, q), f.Cut, nil
}

// answer authenticates, meters and carries out a call.
func (s *Server) answer(q *request) answer {
	if r := s.authenticate(q); r != nil {
		return s.refused(r)
	}
	if r := s.meter.take(s.now(), q); r != nil {
		return s.refused(r)
	}
	return s.perform(q)
}

func (s *Server) perform(q *request) answer {
	if q.handle == nil {
		return s.refused(notFound())
	}
	if len(q.body) > 0 && !strings.HasPrefix(strings.ToLower(q.header.Get("Content-Type")), "application/json") {
		return s.refused(refuse(http.StatusUnsupportedMediaType, "", "HTTP 415 Unsupported Media Type"))
	}
	a, r := q.handle(s, q)
	if r != nil {
		return s.refused(r)
	}
	return a
}

// authenticate tells who asks. HubSpot docs: Error handling (401); a missing and a wrong token get the same words.
func (s *Server) authenticate(q *request) *refusal {
	token, bearer := strings.CutPrefix(q.header.Get("Authorization"), "Bearer ")
	switch {
	case bearer && token == s.opt.Token:
		q.by = s.app()
	case bearer && token == s.opt.UserToken:
		q.by = s.person()
	default:
		return refuse(http.StatusUnauthorized, "INVALID_AUTHENTICATION", "Authentication credentials not found. This API supports "+
			"OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview")
	}
	return nil
}

// finish adds the headers that every answer has. HubSpot docs: Usage guidelines, "Rate limit headers"; searches carry the
// daily pair only.
func (s *Server) finish(a answer, q *request) answer {
	if a.header == nil {
		a.header = make(http.Header, 8)
	}
	if a.header.Get("Content-Type") == "" && len(a.body) > 0 {
		a.header.Set("Content-Type", "application/json;charset=utf-8")
	}
	a.header.Set("X-Hubspot-Correlation-Id", s.correlation())
	if q.by.ours {
		s.meter.headers(a.header, q.search)
	}
	return a
}

// SetToken replaces the app's token; the old one is answered 401 from now on.
func (s *Server) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Token = token
}

// Calls returns how many calls came in, by "METHOD path" with {id} for ids. Calls that a fault swallowed count too.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := make(map[string]int, len(s.calls))
	for k, n := range s.calls {
		calls[k] = n
	}
	return calls
}

// Count returns how many calls came in under one key of Calls.
func (s *Server) Count(pattern string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[pattern]
}

// ResetCalls starts the count anew.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
}
