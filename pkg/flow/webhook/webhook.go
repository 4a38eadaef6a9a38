// Package webhook is the door: it takes the deliveries of every source, and answers 2xx only when each operation and each
// message that was read from one lies in its queue, or the body lies in quarantine.
//
// It decides what is answered and nothing else. Which header proves a delivery and what its body means is the business of
// the sources, which live with the vendors; a gateway's event is translated by the adapters.
package webhook

import (
	"context"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// Source is one sender of deliveries, or one method of one: it proves that a delivery is authentic and reads it.
//
// Verify sees the raw bytes before anything was parsed. It returns an error that wraps door.ErrForged for a proven
// forgery and door.ErrMalformed for a delivery that cannot be judged; every other error is a doubt on our side. Read is
// called only after Verify agreed and may also return door.ErrUnreadable and door.ErrRefused. The texts of their errors
// hold no value out of the delivery.
type Source interface {
	Name() string      // as log lines, counts and the quarantine spell it
	Path() string      // the exact path, without a trailing slash
	Methods() []string // upper case
	Limit() int        // largest body in bytes
	Verify(ctx context.Context, req door.Request) error
	Read(ctx context.Context, req door.Request) (door.Delivery, error)
}

// Answerer is a Source with answers of its own: a challenge that is echoed, a 202 with an id, a list of what is wrong.
type Answerer interface {
	// Answer returns what the sender is told. The delivery is what Read returned, err is nil when it was accepted, and
	// usual is what the door would say. A success is only possible where usual is one.
	Answer(req door.Request, d door.Delivery, err error, usual door.Answer) door.Answer
}

// Queue takes operations; an error says that some of them may not be in it.
type Queue interface {
	Send(ctx context.Context, ops []crm.Operation) error
}

// Carrier takes whole messages, at most what batch.Fit allows in one call; an error says that at least one of them may not be
// in its queue.
type Carrier interface {
	Send(ctx context.Context, entries []batch.Entry) error
}

// Keeper keeps the body of an authentic delivery that could not be read, or was not of ours alone, for an operator.
type Keeper interface {
	Keep(ctx context.Context, source, reason string, body []byte) error
}

// Counter takes the door's counts. What is one of the Count constants.
type Counter interface {
	Add(source, what string, n int)
}

// The counts of the door. The first eight add up to the number of requests.
const (
	CountAccepted    = "accepted"    // 2xx, read in whole
	CountQuarantined = "quarantined" // 2xx, the body kept for an operator; watched by an alarm
	CountForged      = "forged"      // proven not authentic
	CountMalformed   = "malformed"   // cannot be judged
	CountRefused     = "refused"     // authentic, not acceptable
	CountTurnedAway  = "turned_away" // unknown path, method, type or size
	CountDoubts      = "doubts"      // something on our side; watched by an alarm
	CountPanics      = "panics"      // a bug of ours; watched by an alarm
	CountEvents      = "events"
	CountOperations  = "operations"
	CountMessages    = "messages" // whole ones
	CountEchoes      = "echoes"
	CountIgnored     = "ignored"
	CountUnreadable  = "unreadable" // single events of a delivery
	CountForeign     = "foreign"    // events of another account than ours
)

// Patience is how long a delivery may take before the door gives up with 503: the strictest sender waits 5 s.
const Patience = 4 * time.Second

// Door answers deliveries. Every field but Carriers, Absent and Count is needed; it may be used by several goroutines.
type Door struct {
	Sources    []Source
	Queues     map[crm.System]Queue // by the source of an operation: HubSpot's go to the queue that Zoho's consumer drains
	Carriers   map[string]Carrier   // by the name of the source, of those that hand in whole messages
	Absent     map[string]string    // paths that this stack does not serve, with what to do about it: answered 404
	Quarantine Keeper
	Now        func() time.Time
	Log        *slog.Logger
	Count      Counter // nil counts nothing

	refusals tally // 4xx answers so far by cause; of a flood of them one in a hundred is logged, and one a minute
}

// tally counts by cause. The causes are few: no text of an error holds a value out of a delivery.
type tally struct {
	mu   sync.Mutex
	n    map[string]int
	told map[string]time.Time
}

// next counts one more and returns how many there were of that cause, this one included, and whether this one is told: one in a hundred, and
// the first after a minute without.
func (t *tally) next(cause string, now time.Time) (n int, tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n, t.told = map[string]int{}, map[string]time.Time{}
	}
	t.n[cause]++
	if tell = t.n[cause]%100 == 1 || now.Sub(t.told[cause]) >= time.Minute; tell {
		t.told[cause] = now
	}
	return t.n[cause], tell
}

// Handle answers one delivery: path, method and content type → size → Verify → Read → queues → 200.
//
//	200  every operation and message is queued, nothing was to do, or the body is in quarantine
//	400  malformed                 401  forged, the same body for every cause
//	404  no such path              405  no such method, with Allow
//	413  too large                 415  not JSON in UTF-8, or compressed
//	503  any doubt on our side, a panic included: the sender comes again
//
// A source that is an Answerer may say it in other words.
func (d *Door) Handle(ctx context.Context, req door.Request) door.Answer {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	v := visit{door: d, req: req}
	v.run(ctx)
	v.count()
	v.log(ctx)
	return v.answer
}

// find returns the source that takes the request, or the answer that turns it away.
func (d *Door) find(req door.Request) (Source, door.Answer) {
	var allow []string
	for _, s := range d.Sources {
		if s.Path() != req.Path {
			continue
		}
		if slices.Contains(s.Methods(), req.Method) {
			return s, door.Answer{}
		}
		allow = append(allow, s.Methods()...)
	}
	if allow == nil {
		return nil, absent(d.Absent[req.Path])
	}
	a := say(http.StatusMethodNotAllowed)
	a.Header.Set("Allow", strings.Join(allow, ", "))
	return nil, a
}

// absent answers a path that no source is at.
func absent(why string) door.Answer {
	a := say(http.StatusNotFound)
	if why != "" {
		a.Body = []byte(`{"error":"not found","detail":` + strconv.Quote(why) + `}`)
	}
	return a
}

// readable reports whether the headers promise plain JSON in UTF-8. Methods that carry no body promise nothing.
func readable(req door.Request) bool {
	switch req.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return true
	}
	types := req.Header.Values("Content-Type")
	if len(types) != 1 {
		return false
	}
	kind, param, err := mime.ParseMediaType(types[0])
	if err != nil || kind != "application/json" {
		return false
	}
	if charset, ok := param["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	for _, coding := range req.Header.Values("Content-Encoding") {
		if !strings.EqualFold(coding, "identity") {
			return false
		}
	}
	return true
}

// say returns the door's own answer for a status. It names no cause.
func say(status int) door.Answer {
	body := "{}"
	if status >= 400 {
		body = `{"error":"` + strings.ToLower(http.StatusText(status)) + `"}`
	}
	return door.Answer{
		Status:      status,
		ContentType: "application/json",
		Header:      http.Header{"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}},
		Body:        []byte(body),
	}
}
