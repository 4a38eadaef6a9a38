package suite_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/rules"
	"crm-connector/pkg/suite/consumer"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// bench is everything that the functions touch outside themselves, in memory.
type bench struct {
	now           time.Time
	ids           int
	hubspot, zoho *system
	fromHubSpot   *memory.Queue
	fromZoho      *memory.Queue
	pairs, parked *memory.Rows
	counts        *memory.Rows
	config        *memory.Rows
	tokens        *memory.Rows
	quarantine    *memory.Rows
	outbox        *memory.Outbox
	lines         *bytes.Buffer
	log           *slog.Logger
	ended         []fault.Outcome
}

func newBench() *bench {
	b := &bench{now: noon, outbox: &memory.Outbox{}, lines: &bytes.Buffer{}}
	b.hubspot, b.zoho = &system{name: crm.HubSpot, bench: b}, &system{name: crm.Zoho, bench: b}
	b.fromHubSpot = memory.NewQueue(memory.QueueConfig{Name: "zohoOperations", Now: b.clock})
	b.fromZoho = memory.NewQueue(memory.QueueConfig{Name: "hubspotOperations", Now: b.clock})
	for _, table := range []**memory.Rows{&b.pairs, &b.parked, &b.counts, &b.config, &b.tokens, &b.quarantine} {
		*table = memory.NewRows(b.clock)
	}
	b.log = slog.New(slog.NewJSONHandler(b.lines, nil))
	return b
}

func (b *bench) clock() time.Time { return b.now }
func (b *bench) newID() string    { b.ids++; return fmt.Sprintf("id-%06d", b.ids) }
func (b *bench) sleep(_ context.Context, d time.Duration) bool {
	b.now = b.now.Add(d)
	return true
}

func (b *bench) queues() consumer.Queues {
	return consumer.Queues{crm.HubSpot: b.fromHubSpot, crm.Zoho: b.fromZoho}
}

func (b *bench) consumer(drained *memory.Queue) consumer.Adapters {
	return consumer.Adapters{
		HubSpot: b.hubspot, Zoho: b.zoho, Pairs: b.pairs, Parked: b.parked, Counts: b.counts, Config: b.config, Quarantine: b.quarantine, Waiter: drained, Queues: b.queues(),
		Rules:  rules.Settings{Default: mapping.Default(), Start: crm.On},
		Hasher: consumer.Hash(pair.Hasher{Key: crm.NewSecret("key"), KeyID: 1}), NewID: b.newID, Now: b.clock, Sleep: b.sleep, Log: b.log,
		Rand:  func(int64) int64 { return 0 },
		Ended: func(_ batch.Message, out fault.Outcome) { b.ended = append(b.ended, out) },
	}
}

// drain hands what lies in the queue to the handler, as Lambda does, and returns how many it wants again.
func (b *bench) drain(t *testing.T, q *memory.Queue, h *queue.Handler) int {
	t.Helper()
	deliveries := q.Receive(batch.MaxEntries)
	if len(deliveries) == 0 {
		t.Fatal("nothing is in the queue")
	}
	answer, err := h.Handle(t.Context(), queue.Event("arn", deliveries))
	if err != nil {
		t.Fatal(err)
	}
	return len(answer.BatchItemFailures)
}

func rows(table *memory.Rows, prefix string) int {
	n := 0
	for range table.All(prefix) {
		n++
	}
	return n
}

func contact(sys crm.System, key string) crm.ID {
	return crm.ID{System: sys, Module: crm.Contacts, Key: key}
}

func changed(id crm.ID, at time.Time) crm.Operation {
	return crm.Operation{
		V: crm.OperationVersion, ID: "op-" + id.Key, Connection: crm.DefaultConnection, Source: id.System, Kind: crm.Contact, Module: id.Module,
		Verb: crm.Update, RecordID: id.Key, OccurredAt: at, ReceivedAt: at, Trace: "t",
	}
}

// system is a CRM that holds a few records and takes what it is told.
type system struct {
	name    crm.System
	bench   *bench
	records []crm.Record
	calls   int
	created []crm.Change
	written []crm.Change
	touched []crm.Touched
}

func (s *system) put(key string, fields map[crm.Field]crm.Value) {
	s.records = append(s.records, crm.Record{ID: contact(s.name, key), Fields: fields, Modified: noon.Add(-time.Hour)})
}

func (s *system) Read(_ context.Context, q crm.Query) ([]crm.Reading, error) {
	s.calls++
	out := make([]crm.Reading, len(q.Keys))
	for i, key := range q.Keys {
		out[i] = crm.Reading{Gone: true, ReadAt: s.bench.now}
		for _, r := range s.records {
			if r.ID.Key == key && r.ID.Module == q.Module {
				out[i].Record, out[i].Gone = s.complete(r, q.Columns), false
			}
		}
	}
	return out, nil
}

// complete shows every column asked for: what the record does not hold is empty.
func (s *system) complete(r crm.Record, columns []crm.Column) crm.Record {
	all := map[crm.Field]crm.Value{}
	for _, c := range columns {
		all[c.Field] = crm.Empty()
		if v := r.Value(c.Field); v.Known() {
			all[c.Field] = v
		}
	}
	r.Fields = all
	return r
}

func (s *system) Find(context.Context, crm.Search) ([]crm.Record, error) {
	s.calls++
	return nil, nil
}

func (s *system) Write(_ context.Context, c crm.Change) crm.Result {
	s.calls++
	s.written = append(s.written, c)
	return crm.Result{ID: c.ID, Modified: s.bench.now}
}

func (s *system) Create(_ context.Context, changes []crm.Change) ([]crm.Result, error) {
	s.calls++
	out := make([]crm.Result, len(changes))
	for i, c := range changes {
		s.created = append(s.created, c)
		out[i] = crm.Result{ID: contact(s.name, fmt.Sprint(len(s.created)+5000)), Modified: s.bench.now}
	}
	return out, nil
}

func (s *system) Times(context.Context, crm.ID, []crm.Column) (map[crm.Field][]crm.Entry, error) {
	s.calls++
	return nil, nil
}

func (s *system) Changed(_ context.Context, m crm.Module, _ time.Time, _ string) ([]crm.Touched, string, error) {
	if m == crm.Contacts {
		return s.touched, "", nil
	}
	return nil, "", nil
}

func (s *system) Deleted(context.Context, crm.Module, time.Time, string) ([]crm.Touched, string, error) {
	return nil, "", nil
}
