package conversions

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/door"
)

// Name is the name of the source: of its counts, its log lines, and its queue at the door.
const Name = "conversions"

// EventsPath is the route of events.
const EventsPath = "/api/v1/eventi/conversione"

// HeaderIdempotencyKey may carry the sender's id of an event that has none in it.
const HeaderIdempotencyKey = "Idempotency-Key"

// Source reads events at the door. Every field is required.
type Source struct {
	Tokens *Tokens
	Shards int // groups of the queue
	Now    func() time.Time
	NewID  func() string // the id of a request that the gateway gave none: 1 to 128 letters, digits and -
}

// Name returns Name.
func (*Source) Name() string { return Name }

// Path returns EventsPath.
func (*Source) Path() string { return EventsPath }

// Methods returns POST.
func (*Source) Methods() []string { return []string{http.MethodPost} }

// Limit returns conversion.MaxBody.
func (*Source) Limit() int { return conversion.MaxBody }

// Verify returns nil for a genuine token that allows ScopeEvents.
func (s *Source) Verify(ctx context.Context, r door.Request) error {
	_, err := s.Tokens.Verify(ctx, r.Header, ScopeEvents)
	return err
}

// Read reads one event into one message for the queue. What is not an event wraps door.ErrRefused and the *conversion.Refusal.
func (s *Source) Read(_ context.Context, r door.Request) (door.Delivery, error) {
	tenant, err := owner(r.Header)
	if err != nil {
		return door.Delivery{}, err
	}
	now := s.Now().UTC().Truncate(time.Millisecond)
	e, err := conversion.Decode(r.Body, now)
	if err == nil {
		e, err = e.WithIdempotencyKey(strings.Join(r.Header.Values(HeaderIdempotencyKey), ","))
	}
	if err != nil {
		return door.Delivery{}, fmt.Errorf("%w: %w", door.ErrRefused, err)
	}
	sub := submission.Submission{Ingestion: s.ingestion(r.ID), Tenant: tenant, Received: now, Event: e}
	return door.Delivery{Events: 1, Entries: []batch.Entry{sub.Entry(s.Shards)}}, nil
}

// ingestion returns the id of a request: the gateway's, if a queue takes it as a deduplication id.
func (s *Source) ingestion(id string) string {
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' || c == '#' {
			return s.NewID()
		}
	}
	if id == "" || len(id) > 128 {
		return s.NewID()
	}
	return id
}

// Answer says 202 and the id of the request for an event that lies in the queue, and a problem (RFC 9457) for everything else.
func (s *Source) Answer(_ door.Request, d door.Delivery, err error, usual door.Answer) door.Answer {
	if usual.Status/100 != 2 {
		return problem(usual, ScopeEvents, err)
	}
	sub, err := submission.Open(d.Entries[0].Body)
	if err != nil {
		return usual // it was written a moment ago
	}
	return answer(http.StatusAccepted, struct {
		ID       string `json:"id_ingestione"`
		Key      string `json:"chiave"`
		Received string `json:"ricevuto"`
	}{sub.Ingestion, sub.Event.Basis(), sub.Received.Format(instantLayout)})
}
