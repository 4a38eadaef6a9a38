package whatsapptest

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
	LostAfter       // the call is carried out; there is no answer, or the fault's own in its place
)

// Fault is something that goes wrong with the calls that it matches. Which calls: those that both On and Match accept.
type Fault struct {
	On    string                   // "METHOD /path-prefix" or "METHOD" or "/path-prefix"; "" accepts every call
	Match func(*http.Request) bool // nil accepts every call; may read the body, must not call the server
	Times int                      // how often; 0: once, negative: until Clear

	Code       int           // answered in Meta's envelope instead; the call is not carried out unless Lost is LostAfter
	Status     int           // answered instead; with Code the status of that answer
	RetryAfter string        // header of that answer
	Body       string        // body of that answer; "" with a Status and no Code is a gateway's page
	Cut        bool          // half of the answer's body arrives, then the connection breaks
	Lost       Lost          //
	LandsAfter time.Duration // no answer now; carried out by the Tick at or after that model time
	Delay      time.Duration // passes through Options.Sleep before anything happens
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
		if !f.accepts(r, q.body) {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		return f
	}
	return nil
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
		s.answer(q)
	}
}

// canned reports whether the fault has an answer of its own.
func (f *Fault) canned() bool { return f.Code != 0 || f.Status != 0 || f.Body != "" }

func (f *Fault) answer() answer {
	a := answer{status: or(f.Status, http.StatusOK), body: []byte(f.Body)}
	switch {
	case f.Code != 0 && f.Body == "":
		r := refuse(f.Code, "")
		if f.Status != 0 {
			r.http = f.Status
		}
		a = r.answer()
	case f.Body == "":
		a.body = []byte("<html><head><title>" + http.StatusText(f.Status) + "</title></head><body></body></html>")
	}
	if !json.Valid(a.body) {
		a.kind = "text/html; charset=utf-8"
	}
	a.header = http.Header{}
	if f.RetryAfter != "" {
		a.header.Set("Retry-After", f.RetryAfter)
	}
	return a
}
