package webhook

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// source is a Source out of two functions.
type source struct {
	name    string
	path    string
	methods []string
	limit   int
	verify  func(context.Context, door.Request) error
	read    func(context.Context, door.Request) (door.Delivery, error)
}

func (s source) Name() string      { return s.name }
func (s source) Path() string      { return s.path }
func (s source) Methods() []string { return s.methods }
func (s source) Limit() int        { return s.limit }
func (s source) Verify(ctx context.Context, r door.Request) error {
	if s.verify == nil {
		return nil
	}
	return s.verify(ctx, r)
}
func (s source) Read(ctx context.Context, r door.Request) (door.Delivery, error) {
	if s.read == nil {
		return door.Delivery{}, nil
	}
	return s.read(ctx, r)
}

// hubspot is a source that takes POST and agrees to everything.
func hubspot() source {
	return source{name: "hubspot", path: "/webhooks/hubspot", methods: []string{"POST"}, limit: 1000}
}

// queue remembers what it was sent.
type queue struct {
	err  error
	sent []crm.Operation
}

func (q *queue) Send(_ context.Context, ops []crm.Operation) error {
	if q.err != nil {
		return q.err
	}
	q.sent = append(q.sent, ops...)
	return nil
}

// keeper remembers what it was given.
type keeper struct {
	err    error
	kept   []string
	reason string
}

func (k *keeper) Keep(_ context.Context, _, reason string, body []byte) error {
	if k.err != nil {
		return k.err
	}
	k.kept, k.reason = append(k.kept, string(body)), reason
	return nil
}

type counts map[string]int

func (c counts) Add(source, what string, n int) { c[source+" "+what] += n }

// bench is a door with everything that it touches.
type bench struct {
	Door
	queue  *queue
	keeper *keeper
	counts counts
	lines  *bytes.Buffer
}

func newBench(sources ...Source) *bench {
	b := &bench{queue: &queue{}, keeper: &keeper{}, counts: counts{}, lines: &bytes.Buffer{}}
	b.Sources = sources
	b.Queues = map[crm.System]Queue{crm.HubSpot: b.queue}
	b.Quarantine = b.keeper
	b.Now = func() time.Time { return noon }
	b.Log = slog.New(slog.NewJSONHandler(b.lines, nil))
	b.Count = b.counts
	return b
}

// post is a well-formed delivery to hubspot().
func post(body string) door.Request {
	return door.Request{
		ID: "r-1", Method: "POST", Path: "/webhooks/hubspot", Body: []byte(body),
		Header: http.Header{"Content-Type": {"application/json"}},
	}
}

func operation(id string) crm.Operation {
	return crm.Operation{V: 1, ID: id, Source: crm.HubSpot, Kind: crm.Contact, Module: crm.Contacts, Verb: crm.Update, RecordID: "7"}
}

func wantStatus(t *testing.T, got door.Answer, want int) {
	t.Helper()
	if got.Status != want {
		t.Errorf("status %d, want %d", got.Status, want)
	}
}
