// Package recordsync carries records across: it reads what an operation points at, finds or makes its twin, decides field
// by field, writes the differences, and notes what both sides hold now. It is the reason the product exists.
//
// One writer at a time works on a pair; an edit is a value that differs from what both sides held at the last sync and was
// not written by us; an only edit goes across, of two the later one wins by the fields' own times. Which value wins is
// merge's business, which pair a record is in is identity's, what becomes of the message is inbox's.
package recordsync

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/flow/identity"
)

// The times of the algorithm. Each is long enough for what it waits for and short enough to be waited for in a queue.
const (
	// leaseFor is how long one worker has a pair: longer than the longest of its calls, shorter than the function's life.
	leaseFor = 40 * time.Second
	// lifetime is how long a function lives: what is older was frozen meanwhile.
	lifetime = 45 * time.Second
	// writeNeeds is how much of the lease must be left when a write starts.
	writeNeeds = 5 * time.Second
	// covers is how long after an event a read is sure to have taken it in, and how often one pair is looked at in a burst.
	covers = 2 * time.Second
	// skew is how far Zoho's clock may be from ours.
	skew = 5 * time.Second
	// settles is how long a system may show less than it told us.
	settles = 10 * time.Second
	// young is how long a new record may not be readable yet.
	young = 60 * time.Second
	// appears is how long we wait for a young record to become readable.
	appears = 15 * time.Second
	// crossing is how long to stay away from a pair that somebody else is at work on; the queue adds its own spread.
	crossing = 2 * time.Second
)

// Syncer brings records in step. All fields but Parallel, Log and Writers are needed.
type Syncer struct {
	HubSpot CRM
	Zoho    Zoho
	Book    *identity.Book
	Rules   Rules
	Wake    Queue // takes operations about HubSpot's or Zoho's records, by their Source
	Parking Parking
	Brake   Brake
	Now     func() time.Time
	Sleep   func(ctx context.Context, d time.Duration) bool // false when it did not wait to the end
	Log     *slog.Logger
	// Quarantine is where deliveries lie that nobody could read.
	Quarantine Quarantine
	// Writers knows who has written on WhatsApp; nil when nobody is listened to.
	Writers Writers
	// Parallel is how many requests are out at a time; 0 and 1 mean one after the other.
	Parallel int
	// Conditional says that this Zoho org was seen to refuse a stale conditional write, so that an unchanged record need
	// not be read before it is written.
	Conditional bool
}

// Sync brings the records of the operations in step and returns one outcome each, in order. Operations about one record
// are one piece of work. It never panics.
func (s *Syncer) Sync(ctx context.Context, ops []crm.Operation) []fault.Outcome {
	m, mode, err := s.rules(ctx)
	switch {
	case err != nil:
		return slices.Repeat([]fault.Outcome{{Ending: fault.GoAgain, Err: err}}, len(ops))
	case mode == crm.Off:
		return s.off(ctx, ops, m)
	}
	return s.sync(ctx, ops, m, mode)
}

// off acknowledges operations without a look, but for erasures: a person is forgotten whatever the mode.
func (s *Syncer) off(ctx context.Context, ops []crm.Operation, m *mapping.Mapping) []fault.Outcome {
	out := slices.Repeat([]fault.Outcome{{Ending: fault.Done, Note: "the stack is off"}}, len(ops))
	for i, op := range ops {
		if op.Verb == crm.Erase {
			out[i] = s.sync(ctx, ops[i:i+1], m, crm.Off)[0]
		}
	}
	return out
}

func (s *Syncer) sync(ctx context.Context, ops []crm.Operation, m *mapping.Mapping, mode crm.Mode) []fault.Outcome {
	out := make([]fault.Outcome, len(ops))
	tasks, of := s.tasks(ctx, ops, m, mode)
	busy := map[crm.ID]bool{}
	runs := make([]iter.Seq[*call], len(tasks))
	for i, t := range tasks {
		t.busy, busy[t.id] = busy, true
		runs[i] = t.run
	}
	s.drive(ctx, runs)
	for i := range ops {
		t := tasks[of[i]]
		out[i] = t.outcome
		if t.covered[ops[i].ID] && t.outcome.Ending != fault.Done {
			out[i] = fault.Outcome{Ending: fault.Done, Covered: true, Note: "covered"}
		}
	}
	return out
}

func (s *Syncer) rules(ctx context.Context) (*mapping.Mapping, crm.Mode, error) {
	m, err := s.Rules.Mapping(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("recordsync: the mapping cannot be read: %w", err)
	}
	mode, err := s.Rules.Mode(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("recordsync: the mode cannot be read: %w", err)
	}
	return m, mode, nil
}

// tasks makes one task a record, and tells which operation is in which.
func (s *Syncer) tasks(ctx context.Context, ops []crm.Operation, m *mapping.Mapping, mode crm.Mode) ([]*task, []int) {
	type about struct {
		conn string
		id   crm.ID
	}
	var tasks []*task
	at := map[about]int{}
	of := make([]int, len(ops))
	for i, op := range ops {
		key := about{op.Connection, op.Record()}
		n, ok := at[key]
		if !ok {
			n = len(tasks)
			at[key] = n
			tasks = append(tasks, &task{s: s, ctx: ctx, m: m, mode: mode, conn: op.Connection, id: op.Record(), owner: s.Book.NewID(), covered: map[string]bool{}})
		}
		tasks[n].ops = append(tasks[n].ops, op)
		of[i] = n
	}
	return tasks, of
}

// task is the work on one record.
type task struct {
	s        *Syncer
	ctx      context.Context
	m        *mapping.Mapping
	fields   []mapping.Field // that are kept in step; made when first asked for
	mode     crm.Mode
	conn     string
	id       crm.ID
	ops      []crm.Operation
	owner    string // of leases
	depth    int    // how many records brought this one along
	yield    func(*call) bool
	began    time.Time
	asLead   time.Time // since when the person is known as a lead whose conversion made the Zoho contact that is met; zero: none
	waits    time.Time // since when the record waits that brings this one along; zero: it comes by itself
	asOf     time.Time // rows told later are not this task's to close; zero: when it began
	inserts  time.Time // when this task began an insert
	covered  map[string]bool
	busy     map[crm.ID]bool // records that a task of this batch is at work on
	locks    identity.Locks
	kept     map[crm.ID]crm.Reading // what this task has read
	asked    map[crm.ID]bool        // companies that it has asked for: whether they are gone
	insisted []crm.ID               // companies that it has sent again after a refusal
	floor    time.Time              // the modified time of the HubSpot record as a look-up showed it
	derives  bool                   // HubSpot was given an e-mail address: what it derives from it must be read again
	outcome  fault.Outcome
	report
}

// run is the coroutine. A panic is ours, and this record's alone.
func (t *task) run(yield func(*call) bool) {
	t.yield, t.began = yield, t.now()
	mine := t.id
	defer func() {
		delete(t.busy, mine)
		if p := recover(); p != nil {
			t.s.log().Error("recordsync panics", "record", t.id.String(), "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			t.outcome = fault.Outcome{Ending: fault.GoAgain, Err: &fault.Error{Op: "recordsync.Sync", Kind: fault.Ours, Err: fmt.Errorf("panic of type %T", p)}}
		}
	}()
	t.outcome = t.close(t.work())
}

func (s *Syncer) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

// stopped says that the batch was given up while a coroutine was waiting for an answer.
type stopped struct{}

// put stops the coroutine until its question is answered.
func (t *task) put(c *call) *call {
	if c.ctx == nil {
		c.ctx = t.ctx
	}
	if err := t.overdue(); err != nil {
		c.err, c.result.Err = err, err
		return c
	}
	if !t.yield(c) {
		panic(stopped{})
	}
	return c
}

// await lets the other tasks of the batch go on until none is at work on the record, or the time is over.
func (t *task) await(id crm.ID) error {
	for t.busy[id] {
		if c := t.put(&call{kind: callNothing}); c.err != nil {
			return c.err
		}
	}
	return nil
}

func (t *task) now() time.Time { return t.s.Now() }

func (t *task) kind() crm.Kind { return t.id.Module.Kind() }

func (t *task) has(v crm.Verb) bool {
	for _, op := range t.ops {
		if op.Verb == v {
			return true
		}
	}
	return false
}

// repeated reports whether an operation was received before: an earlier try may have ended after the pair was saved, and before all
// that follows from it was done.
func (t *task) repeated() bool {
	return slices.ContainsFunc(t.ops, func(op crm.Operation) bool { return op.Repeated })
}

// afresh reports whether held fields are to be tried again.
func (t *task) afresh() bool { return t.has(crm.Revisit) || t.has(crm.Replay) }

func (t *task) record(sys crm.System, key string) crm.ID {
	return crm.ID{System: sys, Module: t.kind().Home(), Key: key}
}

// read asks one system for one record.
func (t *task) read(sys crm.System, key string, columns []crm.Column) (crm.Reading, error) {
	c := t.put(&call{kind: callRead, system: sys, query: crm.Query{
		Module: t.kind().Home(), Keys: []string{key}, Columns: columns, History: sys == crm.HubSpot,
	}})
	if c.err == nil && !c.reading.Gone {
		if t.kept == nil {
			t.kept = map[crm.ID]crm.Reading{}
		}
		t.kept[t.record(sys, key)] = c.reading
	}
	return c.reading, c.err
}

func (t *task) find(sys crm.System, s crm.Search) ([]crm.Record, error) {
	c := t.put(&call{kind: callFind, system: sys, search: s})
	return c.records, c.err
}

// columns returns what a sync asks of a system: all that is mapped, since a record may turn out to have to be created.
func (t *task) columns(sys crm.System) []crm.Column { return t.m.Columns(t.kind(), sys) }
