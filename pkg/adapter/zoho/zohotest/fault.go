package zohotest

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Lost says what becomes of an answer.
type Lost uint8

// The ways of an answer.
const (
	NotLost    Lost = iota
	LostBefore      // no answer, not carried out
	LostAfter       // carried out, no answer; with Status: carried out, and that status answered
)

// Fault is something that goes wrong with the requests that it matches. The first fault that matches is used.
type Fault struct {
	On    string                   // "METHOD /path-prefix", "METHOD" or "/path-prefix"; "" matches every request
	Match func(*http.Request) bool // asked besides On when set; it may read the body and must not call the server
	Times int                      // for how many requests; 0 is one, negative is until Clear

	Status     int    // answered instead
	RetryAfter string // header of that answer; "" is none
	Body       string // body of that answer; "" is the vendor's for the status. One that begins with < is sent as HTML
	Cut        bool   // the answer breaks off halfway; the request was carried out
	Lost       Lost
	LandsAfter time.Duration // no answer now; carried out that much later, by Tick
	Delay      time.Duration // the request waits that long first (Options.Sleep); a wait that is broken off loses it
	Stale      time.Duration // a read answers the state of that long ago; writes are not matched
}

// Bodies for Fault.Body, as the vendor words them (Zoho docs: OpenAPI file, error codes; the exact body of a 429 is not documented).
const (
	TooManyRequests = `{"code":"TOO_MANY_REQUESTS","details":{},"message":"You have exceeded the API credit limit","status":"error"}`
	TooConcurrent   = `{"code":"TOO_MANY_REQUESTS","details":{},"message":"Exceeded the allowed concurrent calls limit","status":"error"}`
	InternalError   = `{"code":"INTERNAL_ERROR","details":{},"message":"Internal Server Error","status":"error"}`
	BadGateway      = "<html><head><title>502 Bad Gateway</title></head><body></body></html>"
)

// Throttle is a fault that answers 429 for a number of API calls; retryAfter "" sends no header (none is documented).
func Throttle(times int, retryAfter string) Fault {
	return Fault{Match: func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, apiPrefix) }, Times: times,
		Status: http.StatusTooManyRequests, RetryAfter: retryAfter, Body: TooManyRequests}
}

// Fail adds a fault.
func (s *Server) Fail(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Clear takes all faults away. Requests on their way still land.
func (s *Server) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault returns the fault that this request meets, nil for none, and counts it down.
func (s *Server) fault(r *http.Request, c *call) *Fault {
	for i, f := range s.faults {
		if !f.meets(r, c) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		if f.Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return f
	}
	return nil
}

func (f *Fault) meets(r *http.Request, c *call) bool {
	method, prefix, both := strings.Cut(f.On, " ")
	if !both && strings.HasPrefix(f.On, "/") {
		method, prefix = "", f.On
	}
	if method != "" && method != r.Method || !strings.HasPrefix(r.URL.Path, prefix) {
		return false
	}
	if f.Stale > 0 && r.Method != http.MethodGet && c.pattern != "POST /crm/v8/coql" {
		return false
	}
	if f.Match == nil {
		return true
	}
	seen := r.WithContext(r.Context())
	seen.Body = io.NopCloser(bytes.NewReader(c.body))
	return f.Match(seen)
}

// usual are the bodies of a fault that names none.
var usual = map[int]string{
	http.StatusUnauthorized:        `{"code":"INVALID_TOKEN","details":{},"message":"invalid oauth token","status":"error"}`,
	http.StatusTooManyRequests:     TooManyRequests,
	http.StatusInternalServerError: InternalError,
	http.StatusBadGateway:          BadGateway,
	http.StatusServiceUnavailable:  "<html><head><title>503 Service Unavailable</title></head><body></body></html>",
	http.StatusGatewayTimeout:      "<html><head><title>504 Gateway Timeout</title></head><body></body></html>",
}

func (f *Fault) reply() reply {
	body := cmp.Or(f.Body, usual[f.Status])
	a := reply{status: f.Status, body: []byte(body), header: http.Header{}}
	if strings.HasPrefix(body, "<") {
		a.header.Set("Content-Type", "text/html;charset=UTF-8")
	} else if body != "" {
		a.header.Set("Content-Type", "application/json;charset=UTF-8")
	}
	if f.RetryAfter != "" {
		a.header.Set("Retry-After", f.RetryAfter)
	}
	return a
}

// landing is a request that was sent and has not arrived yet.
type landing struct {
	at   time.Time
	call *call
}

// landLater keeps the request; who sent it is judged now, since the token may have died by then.
func (s *Server) landLater(c *call, after time.Duration) {
	c.r = withContext(c.r)
	if !c.accounts {
		if refused := s.admit(c); refused != nil {
			return
		}
	}
	s.late = append(s.late, landing{at: s.now().Add(after), call: c})
}

// land carries out the first late request that is due and reports whether there was one.
func (s *Server) land(now time.Time) bool {
	first := -1
	for i, l := range s.late {
		if !l.at.After(now) && (first < 0 || l.at.Before(s.late[first].at)) {
			first = i
		}
	}
	if first < 0 {
		return false
	}
	c := s.late[first].call
	s.late = slices.Delete(s.late, first, first+1)
	c.at = now
	s.carryOut(c)
	return true
}
