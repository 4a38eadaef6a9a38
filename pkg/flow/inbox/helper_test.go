package inbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/storetest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/inbox"
)

var (
	_ inbox.Store  = (*memory.Rows)(nil)
	_ inbox.Waiter = (*memory.Queue)(nil)
	_ inbox.Waiter = queue.SQS{}
)

// parking keeps the rows that were opened and what was settled.
type parking struct {
	open               []fault.Parked
	settled            []string
	asOf               []time.Time // of each settling
	openErr, settleErr error
	panics             bool
}

func (p *parking) Open(_ context.Context, rows ...fault.Parked) error {
	if p.panics {
		panic("mario.canary")
	}
	if p.openErr == nil {
		p.open = append(p.open, rows...)
	}
	return p.openErr
}

func (p *parking) Settle(_ context.Context, connection string, records []crm.ID, asOf time.Time, open []string) error {
	if p.settleErr == nil {
		p.settled = append(p.settled, fmt.Sprint(connection, " ", records, " open ", open))
		p.asOf = append(p.asOf, asOf)
	}
	return p.settleErr
}

// store is a table that can be told to fail.
type store struct {
	*memory.Rows
	getErr, putErr error
	gets, puts     int
}

func (s *store) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	s.gets++
	if s.getErr != nil {
		return nil, s.getErr
	}
	return s.Rows.Get(ctx, keys...)
}

func (s *store) Put(ctx context.Context, puts ...row.Put) error {
	s.puts++
	if s.putErr != nil {
		return s.putErr
	}
	return s.Rows.Put(ctx, puts...)
}

// waiter keeps what was hidden, call by call.
type waiter struct {
	calls [][]batch.Wait
	err   error
}

func (w *waiter) Hide(_ context.Context, waits []batch.Wait) error {
	w.calls = append(w.calls, waits)
	return w.err
}

// desk is a loop with everything around it in memory.
type desk struct {
	inbox.Loop
	t       *testing.T
	clock   *storetest.Clock
	parking *parking
	store   *store
	waiter  *waiter
	log     *bytes.Buffer
	calls   [][]string // operations of each call of the work
	endings map[string][]fault.Ending
}

// works returns a desk whose work gives each operation the outcome that the function says for it.
func works(t *testing.T, outcome func(op crm.Operation) fault.Outcome) *desk {
	clock := storetest.NewClock()
	d := &desk{t: t, clock: clock, parking: &parking{}, store: &store{Rows: memory.NewRows(clock.Now)}, waiter: &waiter{}, log: &bytes.Buffer{},
		endings: map[string][]fault.Ending{}}
	d.Loop = inbox.Loop{
		Work: func(_ context.Context, ops []crm.Operation) []fault.Outcome {
			var ids []string
			for _, op := range ops {
				ids = append(ids, op.ID)
			}
			d.calls = append(d.calls, ids)
			var outs []fault.Outcome
			for _, op := range ops {
				outs = append(outs, outcome(op))
			}
			return outs
		},
		Parking: d.parking, Store: d.store, Waiter: d.waiter, Now: clock.Now, Rand: func(n int64) int64 { return n - 1 },
		Log:  slog.New(slog.NewJSONHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Left: func(context.Context) time.Duration { return 40 * time.Second },
		Ended: func(m batch.Message, out fault.Outcome) {
			d.endings[m.ID] = append(d.endings[m.ID], out.Ending)
		},
	}
	return d
}

func done(crm.Operation) fault.Outcome { return fault.Outcome{Ending: fault.Done, Applied: true} }

func failing(k fault.Kind) func(crm.Operation) fault.Outcome {
	return func(crm.Operation) fault.Outcome {
		return fault.Outcome{Ending: fault.GoAgain, Err: &fault.Error{Op: "test.Work", Kind: k}}
	}
}

// by gives each operation the outcome listed under its id, and done to all others.
func by(outcomes map[string]fault.Outcome) func(crm.Operation) fault.Outcome {
	return func(op crm.Operation) fault.Outcome {
		if out, ok := outcomes[op.ID]; ok {
			return out
		}
		return done(op)
	}
}

func operation(id, record string) crm.Operation {
	return crm.Operation{
		V: 1, ID: id, Connection: "main", Source: crm.HubSpot, Kind: crm.Contact, Module: crm.Contacts, Verb: crm.Update, RecordID: record,
		Fields: []string{"email", "phone"}, ReceivedAt: storetest.NewClock().Now(), Trace: "t1",
	}
}

// messages makes deliveries of operations named "group.number", which are also the ids of the messages.
func messages(receives int, names ...string) []batch.Delivery {
	var out []batch.Delivery
	for _, name := range names {
		group, _, _ := strings.Cut(name, ".")
		body, err := queue.Encode(operation(name, group))
		if err != nil {
			panic(err)
		}
		out = append(out, batch.Delivery{ID: name, Receipt: "receipt of " + name, Group: group, Receives: receives, Body: body})
	}
	return out
}

// handle puts a batch through the loop as Lambda does, bytes in and bytes out, and returns the answer.
func (d *desk) handle(ds ...batch.Delivery) string { return d.handleIn(d.t.Context(), ds...) }

func (d *desk) handleIn(ctx context.Context, ds ...batch.Delivery) string {
	d.t.Helper()
	event, err := json.Marshal(queue.Event("arn:aws:sqs:::q.fifo", ds))
	if err != nil {
		d.t.Fatal(err)
	}
	h := &queue.Handler{Work: d.Handle}
	out, err := lambda.NewHandler(h.Handle).Invoke(ctx, event)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(out)
}

// answer is what Lambda reads when these messages go again.
func answer(ids ...string) string {
	items := []string{}
	for _, id := range ids {
		items = append(items, `{"itemIdentifier":"`+id+`"}`)
	}
	return `{"batchItemFailures":[` + strings.Join(items, ",") + `]}`
}

func (d *desk) want(got string, ids ...string) {
	d.t.Helper()
	if want := answer(ids...); got != want {
		d.t.Errorf("answered %s, want %s", got, want)
	}
}

// worked wants the calls of the work, each a list of operations.
func (d *desk) worked(calls ...[]string) {
	d.t.Helper()
	if !slices.EqualFunc(d.calls, calls, slices.Equal) {
		d.t.Errorf("worked on %v, want %v", d.calls, calls)
	}
	d.calls = nil
}

// hidden wants one call of the waiter, with these messages and waits.
func (d *desk) hidden(want ...any) {
	d.t.Helper()
	var got []any
	for _, call := range d.waiter.calls {
		for _, w := range call {
			got = append(got, strings.TrimPrefix(w.Receipt, "receipt of "), w.For)
		}
	}
	if len(d.waiter.calls) > 1 || !slices.Equal(got, want) {
		d.t.Errorf("hid %v in %d calls, want %v", got, len(d.waiter.calls), want)
	}
	d.waiter.calls = nil
}

// attempts returns the row that counts the attempts at an operation, "" when there is none.
func (d *desk) attempts(id string) string {
	d.t.Helper()
	rows, err := d.store.Rows.Get(d.t.Context(), inbox.AttemptsKey(id))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(rows[0].Value)
}
