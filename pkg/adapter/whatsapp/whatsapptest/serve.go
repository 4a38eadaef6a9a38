package whatsapptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxRequest bounds what is read of a request.
const maxRequest = 1 << 20

// ErrLost is the transport's error for an answer that never came.
var ErrLost = errors.New("whatsapptest: connection lost")

// request is a call with everything that a handler needs.
type request struct {
	method  string
	pattern string // "POST /{version}/{number}/messages"
	base    string // scheme and host that the caller used
	query   url.Values
	header  http.Header
	body    []byte
	id      string
	app     bool // made by the app itself
	open    bool // no token needed
	handle  func(*Server, *request) (answer, *refusal)
}

type answer struct {
	status int
	body   []byte
	kind   string
	header http.Header
}

func ok(v any) (answer, *refusal) {
	body, _ := json.Marshal(v)
	return answer{status: http.StatusOK, body: body}, nil
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
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(body), ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// serve runs one call through faults, and carries it out unless a fault keeps it from that.
func (s *Server) serve(r *http.Request) (answer, bool, error) {
	q := &request{method: r.Method, base: base(r), query: r.URL.Query(), header: r.Header}
	if r.Body != nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
		if err != nil {
			return answer{}, false, err
		}
		q.body = body
	}
	s.route(q, r.URL.EscapedPath())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[q.pattern]++
	f := s.fault(r, q)
	if f == nil {
		return finish(s.answer(q)), false, nil
	}
	if err := s.delay(r, f); err != nil {
		return answer{}, false, err
	}
	switch {
	case f.LandsAfter > 0:
		s.late = append(s.late, lateRequest{at: s.now().Add(f.LandsAfter), q: q})
		return answer{}, false, ErrLost
	case f.Lost == LostBefore:
		return answer{}, false, ErrLost
	case f.canned() && f.Lost != LostAfter:
		return finish(f.answer()), f.Cut, nil
	}
	a := s.answer(q)
	switch {
	case f.canned():
		a = f.answer()
	case f.Lost == LostAfter:
		return answer{}, false, ErrLost
	}
	return finish(a), f.Cut, nil
}

// base is the address under which the caller reached the server.
func base(r *http.Request) string {
	if r.URL.Host != "" {
		return r.URL.Scheme + "://" + r.URL.Host
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// answer authenticates and carries out a call.
func (s *Server) answer(q *request) answer {
	if q.handle == nil {
		return unsupported(q.method, q.id).answer()
	}
	if !q.open {
		if r := s.authenticate(q); r != nil {
			return r.answer()
		}
	}
	a, r := q.handle(s, q)
	if r != nil {
		return r.answer()
	}
	return a
}

// authenticate tells who asks: the system user, or for the app's own edge the app, whose token is its id and its secret.
// Page: https://developers.facebook.com/docs/facebook-login/guides/access-tokens#apptokens.
func (s *Server) authenticate(q *request) *refusal {
	token, bearer := strings.CutPrefix(q.header.Get("Authorization"), "Bearer ")
	want := s.opt.Token
	if q.app {
		want = s.opt.AppID + "|" + s.opt.AppSecret
	}
	switch {
	case !bearer || token == "":
		return refuse(104, "An access token is required to request this resource.").status(http.StatusUnauthorized)
	case token != want, !q.app && !s.setup.expires.IsZero() && !s.now().Before(s.setup.expires):
		return refuse(190, "Error validating access token: Session has expired")
	}
	return nil
}

func finish(a answer) answer {
	if a.header == nil {
		a.header = http.Header{}
	}
	if a.kind == "" {
		a.kind = "application/json; charset=UTF-8"
	}
	a.header.Set("Content-Type", a.kind)
	return a
}

// SetToken replaces the system user's token; the old one is answered 190 from now on.
func (s *Server) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Token = token
}

// Count returns how many calls came in, by "METHOD path" with names in braces for what differs. Calls that a fault swallowed
// count too.
func (s *Server) Count(pattern string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[pattern]
}
