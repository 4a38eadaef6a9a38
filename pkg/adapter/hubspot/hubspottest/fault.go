package hubspottest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// Lost says what becomes of a call whose answer does not arrive.
type Lost uint8

// The ways to lose a call.
const (
	Arrives    Lost = iota
	LostBefore      // the call is not carried out, and there is no answer
	LostAfter       // the call is carried out; there is no answer, or Fault.Status in its place
)

// Fault is something that goes wrong with the calls that it matches. Which calls: those that both On and Match accept.
type Fault struct {
	On    string                   // "METHOD /path-prefix" or "METHOD" or "/path-prefix"; "" accepts every call
	Match func(*http.Request) bool // nil accepts every call; may read the body, must not call the server
	Times int                      // how often; 0: once, negative: until Clear

	Status     int           // answered instead of what the server would say; the call is not carried out unless Lost is LostAfter
	RetryAfter string        // header of that answer
	Body       string        // body of that answer; "" is the vendor's body for the status
	Cut        bool          // half of the answer's body arrives, then the connection breaks
	Lost       Lost          //
	LandsAfter time.Duration // no answer now; carried out by the Tick at or after that model time
	Delay      time.Duration // passes through Options.Sleep before anything happens
	Stale      time.Duration // reads answer the state of that long ago; writes are not matched
}

type lateRequest struct {
	at time.Time
	q  *request
}

// Fail adds a fault. Of several that match a call the first added is used.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.Times = or(f.Times, 1)
	s.faults = append(s.faults, &f)
}

// Clear takes all faults away; calls that are to land late still do.
func (s *Server) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) fault(r *http.Request, q *request) *Fault {
	for i, f := range s.faults {
		if f.Stale > 0 && !q.reads() || !f.accepts(r, q.body) {
			continue
		}
		if f.Times > 0 {
			f.Times--
			if f.Times == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		return f
	}
	return nil
}

// reads reports whether the call changes nothing.
func (q *request) reads() bool {
	return q.method == http.MethodGet || q.search || strings.HasSuffix(q.pattern, "/batch/read")
}

func (f *Fault) accepts(r *http.Request, body []byte) bool {
	method, prefix, both := strings.Cut(f.On, " ")
	if !both && strings.HasPrefix(f.On, "/") {
		method, prefix = "", f.On
	}
	if method != "" && method != r.Method || !strings.HasPrefix(r.URL.Path, prefix) {
		return false
	}
	if f.Match == nil {
		return true
	}
	seen := r.WithContext(r.Context())
	seen.Body = io.NopCloser(bytes.NewReader(body))
	return f.Match(seen)
}

// delay lets a fault's Delay pass without holding up other calls.
func (s *Server) delay(r *http.Request, f *Fault) error {
	if f.Delay <= 0 || s.opt.Sleep == nil {
		return nil
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	if s.opt.Sleep(r.Context(), f.Delay) {
		return nil
	}
	if err := r.Context().Err(); err != nil {
		return err
	}
	return ErrLost
}

// land carries out the calls whose time has come, in that order. Nobody hears the answers.
func (s *Server) land(now time.Time) {
	for {
		next := -1
		for i, l := range s.late {
			if !l.at.After(now) && (next < 0 || l.at.Before(s.late[next].at)) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		q := s.late[next].q
		s.late = append(s.late[:next], s.late[next+1:]...)
		if s.authenticate(q) == nil {
			s.perform(q)
		}
	}
}

// canned is a fault's own answer. HubSpot docs: Error handling; a gateway's 502, 503 and 504 are HTML.
func (s *Server) canned(f *Fault) answer {
	a := answer{status: f.Status, body: []byte(f.Body), header: http.Header{}}
	switch {
	case f.Body != "":
		if !json.Valid(a.body) {
			a.header.Set("Content-Type", "text/html")
		}
	case f.Status == http.StatusTooManyRequests:
		a = s.refused(burstRefusal())
	case f.Status == http.StatusUnauthorized:
		a = s.refused(s.authenticate(&request{header: http.Header{}}))
	case f.Status == http.StatusLocked: // HubSpot docs: Error handling (423: wait at least 2 seconds)
		a = s.refused(refuse(f.Status, "", "Locked"))
	case f.Status >= 502 && f.Status <= 504:
		a.body = []byte("<html><head><title>" + http.StatusText(f.Status) + "</title></head><body></body></html>")
		a.header.Set("Content-Type", "text/html")
	default:
		a = s.refused(refuse(f.Status, "", "internal error"))
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	if f.RetryAfter != "" {
		a.header.Set("Retry-After", f.RetryAfter)
	}
	return a
}
