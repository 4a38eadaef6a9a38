package simulate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

// errNoAnswer is what the transport says when no answer came.
var errNoAnswer = errors.New("simulate: connection lost")

// road is the way of requests to one CRM.
type road struct {
	s      *sim
	system crm.System
	inner  http.RoundTripper
}

// RoundTrip carries one request of an invocation to the sandbox and back, as far as its lot lets it.
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
	r = s.rewrite(t.system, r, body)
	q := newRequest(t.system, r, body, inv, s.now())
	if inv == nil || q.quiet() {
		if inv != nil && inv.dead {
			return nil, errDead
		}
		if strings.HasPrefix(r.URL.Path, "/oauth/") {
			s.grants = append(s.grants, s.now())
		}
		return t.send(q)
	}
	if err := inv.barred(true); err != nil {
		return nil, err
	}
	c := readCall
	if q.writes {
		c = writeCall
		s.result.Writes++
		s.note(q)
		s.heeded(q)
	}
	d := s.doom(c)
	if until := s.outage[t.system]; s.now().Before(until) {
		return t.outage(q, d)
	}
	s.wait(inv, d.latency/2)
	return t.fated(q, d)
}

// fated lets the request meet its lot.
func (t *road) fated(q *request, d doom) (*http.Response, error) {
	s, inv := t.s, q.inv
	switch d.fate {
	case crashBefore:
		return nil, inv.die("before " + q.String() + " (#" + strconv.Itoa(d.n) + ")")
	case refused:
		return t.refuse(q, d)
	case lostBefore:
		return t.silence(q, d, false)
	case landsLate:
		s.tracef("%s %s is sent and does not arrive yet (#%d)", inv, q, d.n)
		s.late(t, q, d.span)
		return t.silence(q, d, false)
	case freeze:
		switch d.coin {
		case 0:
			s.late(t, q, 0)
		case 1:
			if q.writes {
				s.late(t, q, d.span/2)
			}
		}
		inv.freeze(d, q.String())
		q.unknown()
		return nil, context.DeadlineExceeded
	case stale:
		t.stale(q, d.span)
	}
	answer, err := t.send(q)
	s.tell(q, answer, err, d)
	switch d.fate {
	case crashAfter:
		q.unknown()
		return nil, inv.die("after " + q.String() + " (#" + strconv.Itoa(d.n) + ")")
	case lostAfter:
		return t.silence(q, d, true)
	case broken:
		s.wait(inv, d.latency/2)
		q.unknown()
		return canned(http.StatusBadGateway, "text/html", "<html><body>502</body></html>", q.http), nil
	}
	s.wait(inv, d.latency-d.latency/2)
	return answer, err
}

// silence is a request without an answer: the client waits to the end of its patience, or hears of a reset sooner.
func (t *road) silence(q *request, d doom, carriedOut bool) (*http.Response, error) {
	t.s.tracef("%s %s: no answer (#%d)", q.inv, q, d.n)
	patience := 4 * time.Second
	if q.writes {
		patience = 10 * time.Second
	}
	if d.coin == 0 || carriedOut && d.coin == 1 {
		patience = d.latency
	}
	t.s.wait(q.inv, patience)
	q.unknown()
	return nil, errNoAnswer
}

// refuse answers that the CRM has no time now.
func (t *road) refuse(q *request, d doom) (*http.Response, error) {
	t.s.tracef("%s %s: refused (#%d)", q.inv, q, d.n)
	t.s.wait(q.inv, d.latency/2)
	if d.coin == 0 {
		return canned(http.StatusServiceUnavailable, "text/html", "<html><body>503</body></html>", q.http), nil
	}
	if t.system == crm.HubSpot {
		return canned(http.StatusTooManyRequests, "application/json", `{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING"}`, q.http), nil
	}
	return canned(http.StatusTooManyRequests, "application/json", zohotest.TooManyRequests, q.http), nil
}

// outage is a CRM that is down: it answers with a page, or not at all; now and then a request gets through to it.
func (t *road) outage(q *request, d doom) (*http.Response, error) {
	switch d.coin {
	case 0:
		return t.refuse(q, doom{n: d.n, latency: d.latency})
	case 1:
		return t.silence(q, doom{n: d.n, latency: d.latency, coin: 1}, false)
	}
	t.s.wait(q.inv, d.latency/2)
	_, err := t.send(q)
	t.s.tell(q, nil, err, d)
	return t.silence(q, doom{n: d.n, latency: d.latency, coin: 1}, true)
}

// late lets a request arrive when nobody waits for it any more.
func (s *sim) late(t *road, q *request, d time.Duration) {
	s.pendingLate++
	s.after(d, func() {
		s.pendingLate--
		answer, err := t.send(q)
		s.tracef("%s %s of %s lands%s", q.system, q, q.inv, s.outcome(answer, err))
	})
}

// send carries the request out and notes what an onlooker sees of it.
func (t *road) send(q *request) (*http.Response, error) {
	r := q.http.WithContext(context.WithoutCancel(q.http.Context()))
	r.Body = io.NopCloser(bytes.NewReader(q.body))
	answer, err := t.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	q.at = t.s.now()
	if q.shows.IsZero() {
		q.shows = q.at
	}
	return t.s.seen(q, answer)
}

// stale lets the request show an earlier state; what Zoho reads by id does not lag.
func (t *road) stale(q *request, d time.Duration) {
	if t.system == crm.HubSpot {
		q.shows = t.s.now().Add(-d)
		t.s.w.HubSpot.Fail(hubspottest.Fault{Stale: d})
	}
}

func canned(status int, kind, body string, r *http.Request) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// tell writes a request into the trace.
func (s *sim) tell(q *request, answer *http.Response, err error, d doom) {
	if !s.opt.Trace {
		return
	}
	how := ""
	if d.fate != well {
		how = " [" + fateNames[d.fate] + " #" + strconv.Itoa(d.n) + "]"
	}
	s.tracef("%s %s%s%s", q.inv, q, s.outcome(answer, err), how)
}

func (s *sim) outcome(answer *http.Response, err error) string {
	switch {
	case err != nil:
		return ": " + err.Error()
	case answer == nil:
		return ""
	case answer.StatusCode < 300:
		return ": " + strconv.Itoa(answer.StatusCode)
	}
	body, readErr := io.ReadAll(answer.Body)
	if readErr != nil {
		return ": " + readErr.Error()
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return ": " + strconv.Itoa(answer.StatusCode) + " " + s.words(string(body[:min(len(body), 240)]))
}
