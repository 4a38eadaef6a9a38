package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the days of Europe/Rome do not depend on the machine

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
	webhookflow "crm-connector/pkg/flow/webhook"
	"crm-connector/pkg/suite/conversionaggregator"
	"crm-connector/pkg/suite/conversionapi"
	"crm-connector/pkg/suite/conversionclock"
	"crm-connector/pkg/suite/webhook"
)

// ConversionsOptions name a run of conversions. The same options give the same run.
type ConversionsOptions struct {
	Seed       uint64
	Deliveries int                           // at the door, those included that come again by themselves
	Crashes    float64                       // chance that a function dies at a call: before it, and behind it
	Faults     float64                       // chance that a call of the table fails
	Progress   func(done int, now time.Time) // may be nil

	watch *place // whose lines are kept
	until time.Time
}

// ConversionsResult is what a run came to.
type ConversionsResult struct {
	Deliveries, Accepted, Turned int // at the door; Turned were answered 503 and came again
	Repeats, Conflicts           int64
	Events                       int64 // counted ones
	Cells                        int
	Batches, Calls, Deaths       int
	Receives                     int // the most of one message
	P50, P99, Slowest            time.Duration
	ModelTime                    time.Duration
	Reports, Mails               int // of conversionClock: of clean days, and in all
	Violations                   []string
	Trace                        []string
}

// conversionsStart is when every run begins: a Monday at midnight, UTC.
var conversionsStart = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// perDay is how many deliveries a sender makes on a usual day.
const perDay = 125_000

// shop is the road of conversions from the door to the counters, with those who send and who compares.
type shop struct {
	*stage
	o      ConversionsOptions
	lane   *lane
	rows   *memory.Rows
	tables *table
	enter  func(context.Context, door.Request) door.Answer
	ask    func(context.Context, door.Request) door.Answer
	mails  memory.Outbox

	clockwork *conversionclock.Clock
	over      bool

	traffic  *traffic
	oracle   *oracle
	tokens   []string
	minted   time.Time
	at       spec                 // that is being handed in
	taken    bool                 // it lies in the queue
	accepted map[string]time.Time // requests that were answered 202 and are not counted yet
	waits    []time.Duration
	watched  map[string]bool // requests
	result   ConversionsResult
	mean     time.Duration
	due      int // deliveries that are still to come by themselves
}

// Conversions lets deliveries of conversion events through the door, the queue and conversionAggregator, while functions die at
// calls and calls fail, and compares what was counted with an oracle. Then it looks again at what lies in the tables: the
// ledger, and the daily report of every day.
func Conversions(o ConversionsOptions) (ConversionsResult, error) {
	s := newShop(o)
	defer s.end()
	s.live()
	if err := s.judge(); err != nil {
		return s.result, err
	}
	return s.result, nil
}

func newShop(o ConversionsOptions) *shop {
	s := &shop{
		stage: newStage(conversionsStart, o.Seed), o: o, oracle: newOracle(), accepted: map[string]time.Time{}, watched: map[string]bool{},
	}
	s.mean = 24 * time.Hour / time.Duration(min(perDay, o.Deliveries))
	s.rows = memory.NewRows(s.clock)
	s.tables = &table{s: s.stage, name: "conversions", rows: s.rows, wrote: s.wrote,
		weather: weather{fails: o.Faults, late: o.Faults / 20, after: 50 * time.Second}}
	s.lane = s.stage.lane("conversionAggregator", 8, 6*time.Second)
	s.traffic = &traffic{dice: rand.New(rand.NewPCG(o.Seed, 18)), clock: s.clock}
	s.wire()
	if o.watch != nil {
		s.tell = s.heard
	}
	return s
}

// rome is whose days are reported.
var rome = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic(err) // it is built in
	}
	return zone
}()

// tokens proves the tokens of a caller of the sandbox.
func tokens(now func() time.Time) *conversions.Tokens {
	return &conversions.Tokens{
		Algorithm: "HS256", Issuer: conversionstest.DefaultIssuer, Audience: conversionstest.DefaultAudience,
		Keys: conversions.One{Public: []byte(conversionstest.DefaultSecret)}, Now: now,
	}
}

// wire wires the functions around the queue.
func (s *shop) wire() {
	log := slog.New(slog.DiscardHandler)
	s.lane.handle = conversionaggregator.New(conversionaggregator.Adapters{
		Rows: s.tables, Waiter: waiter{s.stage, s.lane}, Retry: conversion.Exponential, Now: s.clock, Sleep: s.sleep, Rand: s.dice.Int64N, Log: log, Left: s.left,
	}).Handle
	ids := 0
	s.enter = webhook.New(webhook.Adapters{
		Sources: func(webhook.Notes) []webhookflow.Source {
			return []webhookflow.Source{&conversions.Source{Tokens: tokens(s.clock), Shards: submission.Shards, Now: s.clock, NewID: func() string {
				ids++
				return fmt.Sprintf("id-%d", ids)
			}}}
		},
		Carriers: map[string]queue.API{conversions.Name: intake{s}}, Config: memory.NewRows(s.clock), Quarantine: memory.NewRows(s.clock), Now: s.clock, Log: log,
	})
	s.clockwork = conversionclock.New(conversionclock.Adapters{
		Rows:   &table{s: s.stage, name: "conversions", rows: s.rows}, // it makes thousands of calls, which the SDK tries again by itself
		Mailer: &s.mails, From: "connector@example.com", To: "client@example.com", Queues: waiting{s.lane}, Rules: counting.Rules{Guard: conversion.Guarded},
		Zone: rome, Now: s.clock, Sleep: s.sleep, Rand: s.dice.Int64N, Log: log,
	})
	s.ask = conversionapi.New(conversionapi.Adapters{
		Rows: s.rows, Zone: rome, Now: s.clock, Sleep: s.sleep, Rand: s.dice.Int64N, Log: log,
		Wire: func(q *counting.Query, in *counting.Inputs, log *slog.Logger) func(context.Context, door.Request) door.Answer {
			return (&conversions.API{Tokens: tokens(s.clock), Metrics: q, Inputs: in, Zone: rome, Now: s.clock, Log: log}).Handle
		},
	})
}

// waiting tells how much lies in a queue and in its dead letters.
type waiting struct{ *lane }

// Waiting counts messages.
func (w waiting) Waiting(context.Context) (int64, error) {
	a, b := w.queue.Stats()
	c, d := w.dead.Stats()
	return int64(a + b + c + d), nil
}

func (s *shop) tenant(n int) conversion.Tenant {
	return conversion.TenantOf(conversionstest.DefaultIssuer, subjects[n])
}

// intake is the queue as the door reaches it: now and then it refuses, or takes what it is given and the answer is lost.
type intake struct{ *shop }

// Send takes messages.
func (q intake) Send(ctx context.Context, entries []batch.Entry) error {
	how := q.dice.IntN(1000)
	if how == 0 {
		return errReset
	}
	err := q.lane.queue.Send(ctx, entries)
	q.taken = err == nil
	if how == 1 {
		return errReset
	}
	return err
}

// live lets everything happen.
func (s *shop) live() {
	s.lane.risk = s.o.Crashes
	var next func()
	next = func() {
		if s.result.Deliveries+s.due >= s.o.Deliveries {
			return
		}
		s.happens()
		s.after(s.traffic.gap(s.mean), next)
	}
	next()
	s.ticks()
	for s.goesOn() {
	}
	s.lane.risk, s.tables.weather = 0, weather{}
	for until := s.now.Add(24 * time.Hour); !s.quiet() && s.now.Before(until); {
		s.run(s.now.Add(time.Minute))
	}
	s.run(conversion.DayOf(s.now, rome).Plus(1).Start(rome).Add(4 * time.Hour)) // the last day has its report too
	s.over = true
	s.run(s.now.Add(30 * time.Minute))
}

// goesOn goes on until nobody sends any more; it reports whether somebody does.
func (s *shop) goesOn() bool {
	if !s.o.until.IsZero() && s.now.After(s.o.until) {
		return false
	}
	s.run(s.now.Add(10 * time.Minute))
	if s.o.Progress != nil {
		s.o.Progress(s.result.Deliveries, s.now)
	}
	return s.due > 0 || s.result.Deliveries+s.due < s.o.Deliveries
}

// happens is one event that comes about, and what its sender makes of it.
func (s *shop) happens() {
	e := s.traffic.event()
	if in := s.traffic.repeated(e); in > 0 {
		s.later(in, e)
	}
	if o, ok := s.traffic.other(e); ok {
		s.later(time.Duration(s.traffic.dice.Int64N(int64(time.Hour)))+time.Second, o)
	}
	s.handIn(e, 0)
}

func (s *shop) later(in time.Duration, e spec) {
	s.due++
	s.after(in, func() {
		s.due--
		s.handIn(e, 0)
	})
}

// handIn hands one event to the door, and again as senders do when the door has no answer.
func (s *shop) handIn(e spec, tries int) {
	if s.now.Sub(s.minted) > conversionstest.Lifetime-time.Minute || s.tokens == nil {
		s.tokens, s.minted = nil, s.now
		for _, sub := range subjects {
			s.tokens = append(s.tokens, "Bearer "+conversionstest.Caller{Subject: sub}.Token(s.now, string(conversions.ScopeEvents)))
		}
	}
	s.result.Deliveries++
	id := fmt.Sprintf(request+"%08d", s.result.Deliveries)
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": {s.tokens[e.tenant]}}
	if e.header {
		header.Set(conversions.HeaderIdempotencyKey, e.id)
	}
	s.at, s.taken = e, false
	if s.o.watch != nil && e.place() == *s.o.watch {
		s.watched[id] = true
	}
	answer := s.enter(context.Background(), door.Request{
		ID: id, Method: http.MethodPost, Path: conversions.EventsPath, Header: header, Body: e.body(s.traffic.dice),
	})
	if s.taken {
		s.oracle.add(e)
	}
	if s.watched[id] {
		s.tracef("%s: %s of %s, %s %s %d cents: answered %d, in the queue: %t", id, e.kind, e.identity(), e.state, e.money(), e.cents, answer.Status, s.taken)
	}
	switch {
	case answer.Status == http.StatusAccepted:
		s.result.Accepted++
		s.accepted[id] = s.now
	case answer.Status == http.StatusServiceUnavailable && tries < 5:
		s.result.Turned++
		s.due++
		s.after(30*time.Second<<tries, func() {
			s.due--
			if s.now.Sub(time.UnixMilli(e.at)) < conversion.MaxAge {
				s.handIn(e, tries+1)
			}
		})
	default:
		s.violate("the door answers %d to a right event: %s", answer.Status, answer.Body)
	}
}

func (s *shop) violate(format string, args ...any) {
	if len(s.result.Violations) < 20 {
		s.result.Violations = append(s.result.Violations, fmt.Sprintf(format, args...))
	}
}

// wrote notes which requests a transaction made visible: whoever asks from now on is told of them.
func (s *shop) wrote(puts []row.Put) {
	for _, p := range puts {
		id, ok := strings.CutPrefix(p.Key.Part, "X#")
		if strings.HasPrefix(p.Key.Part, "M#") {
			var m struct{ Ingestion string }
			ok = json.Unmarshal(p.Value, &m) == nil
			id = m.Ingestion
		}
		if !ok {
			continue
		}
		if s.watched[id] {
			s.tracef("%s is counted", id)
		}
		if at, ok := s.accepted[id]; ok {
			delete(s.accepted, id)
			s.waits = append(s.waits, s.now.Sub(at))
		}
	}
}

// request is what the id of every request begins with.
const request = "richiesta-"

// heard keeps the lines about what is watched.
func (s *shop) heard(line string) {
	if strings.Contains(line, request) && len(s.result.Trace) < 400 {
		s.result.Trace = append(s.result.Trace, line)
	}
}

// judge compares.
func (s *shop) judge() error {
	s.sum()
	if !s.quiet() {
		s.violate("messages are left in the queue")
	}
	if waiting, inFlight := s.lane.dead.Stats(); waiting+inFlight > 0 {
		s.violate("%d messages lie in the dead letters", waiting+inFlight)
	}
	if n := len(s.accepted); n > 0 {
		s.violate("%d deliveries were answered 202 and never counted", n)
	}
	if got := s.lane.worst; got > 40 {
		s.violate("a message was delivered %d times", got)
	}
	counter := &counting.Counter{Store: s.rows, Shards: submission.Shards, Now: s.clock}
	first, end := conversion.WindowOf(conversionsStart.Add(-8*24*time.Hour)), conversion.WindowOf(s.now)+1
	counted := map[place]*tally{}
	for n := range subjects {
		book, err := counter.Counters(context.Background(), s.tenant(n), first, end)
		if err != nil {
			return err
		}
		read(n, book, counted)
		ledger, err := counter.Ledger(context.Background(), s.tenant(n), first, end)
		if err != nil {
			return err
		}
		if d := conversion.Compare(ledger, book); len(d) > 0 {
			s.violate("%d cells of the ledger differ from the counters, the first %v", len(d), d[0].Cell)
		}
		for _, c := range book {
			s.result.Events += c.Unique()
			s.result.Repeats += c.Duplicates
			s.result.Conflicts += c.Conflicts
		}
	}
	if err := s.reported(); err != nil {
		return err
	}
	s.asked()
	s.result.Cells = len(s.oracle.book)
	wrong := s.oracle.differ(counted)
	for i, p := range wrong {
		if i == 10 {
			break
		}
		s.violate("%s %s of %s, window %s: counted %v, true is %v", p.channel, p.kind, subjects[p.tenant],
			time.Unix(p.window, 0).UTC().Format("2006-01-02 15:04"), counted[p], s.oracle.book[p])
	}
	if len(wrong) > 0 && s.o.watch == nil {
		s.result.Trace = s.again(wrong[0])
	}
	return nil
}

// again plays the run once more and keeps the lines about one place.
func (s *shop) again(p place) []string {
	o := s.o
	o.watch, o.Progress = &p, nil
	r, err := Conversions(o)
	if err != nil {
		return nil
	}
	return r.Trace
}

func (s *shop) sum() {
	r := &s.result
	r.Batches, r.Calls, r.Deaths, r.Receives, r.ModelTime = s.lane.batches, s.calls, s.deaths, s.lane.worst, s.now.Sub(conversionsStart)
	r.P50, r.P99, r.Slowest = spread(s.waits)
}

// spread sorts waits and returns the one that half of them, 99 of 100 and all of them do not exceed; zero for none.
func spread(waits []time.Duration) (p50, p99, slowest time.Duration) {
	if len(waits) == 0 {
		return 0, 0, 0
	}
	slices.Sort(waits)
	at := func(share float64) time.Duration { return waits[int(share*float64(len(waits)-1))] }
	return at(0.5), at(0.99), at(1)
}
