package whatsapptest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// maxBatch is the most that one delivery carries. Page: webhooks/create-webhook-endpoint.
const maxBatch = 1000

// waits are the waits before each repeat of a delivery that was not answered 200: "immediately, then a few more times with
// decreasing frequency", 7 days in sum. Page: webhooks/overview; the schedule itself is not published.
var waits = []time.Duration{
	0, 10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour,
}

// delivery is one POST to come; a repeat has the same bytes.
type delivery struct {
	body    []byte
	updates int
	attempt int
	again   bool // taken before: nobody minds what becomes of it
	due     time.Time
}

// Tick lets what is due by now happen: calls that land late, then deliveries through Options.Send.
func (s *Server) Tick() {
	s.mu.Lock()
	now := s.now()
	s.land(now)
	due := s.due(now)
	s.mu.Unlock()
	for _, d := range due {
		s.post(d)
	}
}

// NextTick returns when Tick will have something to do, the zero time when nothing is under way.
func (s *Server) NextTick() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	var next time.Time
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, l := range s.late {
		sooner(l.at)
	}
	for _, u := range s.outbox {
		sooner(u.due)
	}
	for _, d := range s.repeats {
		sooner(d.due)
	}
	return next
}

// Outstanding returns how many updates wait for their first delivery or for a repeat.
func (s *Server) Outstanding() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.outbox)
	for _, d := range s.repeats {
		n += d.updates
	}
	return n
}

// Abandoned returns how many updates were given up after the last repeat.
func (s *Server) Abandoned() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.abandoned
}

func (s *Server) due(now time.Time) []*delivery {
	var all, later []*delivery
	for _, d := range s.repeats {
		if d.due.After(now) {
			later = append(later, d)
		} else {
			all = append(all, d)
		}
	}
	s.repeats = later
	var ready, waiting []*update
	for _, u := range s.outbox {
		if u.due.After(now) {
			waiting = append(waiting, u)
		} else {
			ready = append(ready, u)
		}
	}
	s.outbox = waiting
	slices.SortStableFunc(ready, func(a, b *update) int { return a.due.Compare(b.due) })
	for len(ready) > 0 {
		n := min(s.opt.Batch, len(ready))
		all = append(all, &delivery{body: s.body(ready[:n]), updates: n})
		ready = ready[n:]
	}
	return all
}

// post carries one delivery.
func (s *Server) post(d *delivery) {
	status, err := s.carry(d.body)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil && status == http.StatusOK: // "if status other than 200": page webhooks/overview
		if s.opt.Duplicates > 0 && s.opt.Rand.Float64() < s.opt.Duplicates {
			s.repeats = append(s.repeats, &delivery{body: d.body, updates: d.updates, again: true, due: s.now()})
		}
	case d.again:
	case d.attempt >= len(waits):
		s.abandoned += d.updates
	default:
		d.due = s.now().Add(waits[d.attempt])
		d.attempt++
		s.repeats = append(s.repeats, d)
	}
}

// carry sends one signed body.
func (s *Server) carry(body []byte) (int, error) {
	req, err := http.NewRequest(http.MethodPost, s.opt.Webhook, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "facebookexternalua")
	req.Header.Set("X-Hub-Signature-256", Sign(s.opt.AppSecret, body))
	return s.opt.Send(req)
}

// ErrHandshake says that a callback did not answer a handshake as it must.
var ErrHandshake = errors.New("whatsapptest: the callback did not answer with the challenge")

// Handshake asks the callback to answer a challenge, as Meta does when the address or the token is saved. Page:
// webhooks/create-webhook-endpoint, "Verification requests".
func (s *Server) Handshake(do func(*http.Request) (*http.Response, error)) error {
	q := url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {"1158201444"}, "hub.verify_token": {s.opt.VerifyToken}}
	req, err := http.NewRequest(http.MethodGet, s.opt.Webhook+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRequest))
	if err != nil || resp.StatusCode != http.StatusOK || string(body) != q.Get("hub.challenge") {
		return ErrHandshake
	}
	return nil
}
