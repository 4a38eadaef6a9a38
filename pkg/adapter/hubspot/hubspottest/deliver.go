package hubspottest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxEvents is the most that one POST carries, and maxRepeats how often it is repeated over 24 hours after a failed
// connection or an answer that is not 2xx. HubSpot docs: Webhooks, "Retries" (randomised delays; any 4xx or 5xx).
const (
	maxEvents  = 100
	maxRepeats = 10
)

// waits are the longest waits before each repeat; their sum is under 24 hours. The vendor publishes the sum only.
var waits = [maxRepeats]time.Duration{
	time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour,
	2 * time.Hour, 4 * time.Hour, 5 * time.Hour, 5 * time.Hour, 6 * time.Hour,
}

// delivery is one POST to come.
type delivery struct {
	events  []*event
	attempt int
	due     time.Time
}

// Tick lets what is due by now happen: requests that land late, then webhook deliveries through Options.Send. Events are
// sent up to 100 a POST; a delivery that is not accepted is repeated up to 10 times over 24 hours of model time.
func (s *Server) Tick() {
	s.mu.Lock()
	now := s.opt.Now()
	s.land(now)
	due := s.due(now)
	s.mu.Unlock()
	for _, d := range due {
		s.send(d)
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
	for _, e := range s.outbox {
		sooner(e.due)
	}
	for _, d := range s.repeats {
		sooner(d.due)
	}
	return next
}

// Outstanding returns how many events wait for their first delivery or for a repeat.
func (s *Server) Outstanding() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.outbox)
	for _, d := range s.repeats {
		n += len(d.events)
	}
	return n
}

// Abandoned returns how many events were given up after the last repeat.
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
	var ready, waiting []*event
	for _, e := range s.outbox {
		if e.due.After(now) {
			waiting = append(waiting, e)
		} else {
			ready = append(ready, e)
		}
	}
	s.outbox = waiting
	if s.opt.Reorder > 0 {
		s.opt.Rand.Shuffle(len(ready), func(i, j int) { ready[i], ready[j] = ready[j], ready[i] })
	}
	return append(all, pack(ready)...)
}

func pack(events []*event) (all []*delivery) {
	var open *delivery
	for _, e := range events {
		switch {
		case e.alone:
			all = append(all, &delivery{events: []*event{e}})
			open = nil
		case open == nil || len(open.events) == maxEvents:
			open = &delivery{events: []*event{e}}
			all = append(all, open)
		default:
			open.events = append(open.events, e)
		}
	}
	return all
}

// send carries one delivery; a repeat is stamped and signed anew.
func (s *Server) send(d *delivery) {
	for _, e := range d.events {
		e.Attempt = d.attempt
	}
	body, _ := json.Marshal(d.events)
	req, err := http.NewRequest(http.MethodPost, s.opt.Webhook, bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header = Sign(s.opt.ClientSecret, http.MethodPost, s.opt.Webhook, body, s.opt.Now())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client) - WebhooksExecutorDaemon-executor")
	req.Header.Set("X-HubSpot-Timeout-Millis", "10000")
	status, err := s.opt.Send(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(d, err == nil && status >= 200 && status < 300)
}

func (s *Server) settle(d *delivery, accepted bool) {
	now := s.now()
	if accepted {
		if d.attempt < maxRepeats && s.opt.Rand.Float64() < s.opt.Duplicates {
			s.repeats = append(s.repeats, &delivery{events: d.events, attempt: d.attempt + 1, due: now.Add(time.Second + s.upTo(time.Minute))})
		}
		return
	}
	if d.attempt == maxRepeats {
		s.abandoned += len(d.events)
		return
	}
	longest := waits[d.attempt]
	s.repeats = append(s.repeats, &delivery{events: d.events, attempt: d.attempt + 1, due: now.Add(longest/2 + s.upTo(longest/2))})
}

func (s *Server) upTo(d time.Duration) time.Duration {
	return time.Duration(s.opt.Rand.Int64N(int64(d) + 1))
}

// Sign returns the headers of a delivery as live ones carry them: the v3 signature with its timestamp, and the v1 signature
// beside it. HubSpot docs: Request validation, "Validate the v3 request signature", "Validate the v1 request signature".
func Sign(secret, method, uri string, body []byte, at time.Time) http.Header {
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(method))
	mac.Write([]byte(unescape(uri)))
	mac.Write(body)
	mac.Write([]byte(stamp))
	plain := sha256.New()
	plain.Write([]byte(secret))
	plain.Write(body)
	h := http.Header{}
	h.Set("X-HubSpot-Request-Timestamp", stamp)
	h.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	h.Set("X-HubSpot-Signature", hex.EncodeToString(plain.Sum(nil)))
	h.Set("X-HubSpot-Signature-Version", "v1")
	return h
}

// unescaper is the table of what is decoded in a signed URI, and nothing else. HubSpot docs: Request validation, "URL decode".
var unescaper = strings.NewReplacer(
	"%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2C", ",", "%3B", ";",
	"%3a", ":", "%2f", "/", "%3f", "?", "%2a", "*", "%2c", ",", "%3b", ";",
)

func unescape(uri string) string { return unescaper.Replace(uri) }
