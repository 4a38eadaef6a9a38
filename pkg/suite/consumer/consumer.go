// Package consumer wires what zohoConsumer and hubspotConsumer have in common: a queue's messages into the loop, the loop
// into recordsync. Which queue is drained is all that tells the two apart; both read and write both CRMs.
package consumer

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/conversation"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/identity"
	"crm-connector/pkg/flow/inbox"
	"crm-connector/pkg/flow/recordsync"
	"crm-connector/pkg/flow/rules"
	"crm-connector/pkg/flow/upkeep"
	"crm-connector/pkg/flow/webhook"
)

// Adapters is everything that a consumer touches outside itself.
type Adapters struct {
	HubSpot recordsync.CRM
	Zoho    recordsync.Zoho
	Pairs   identity.Store // names, pairs, locks
	Parked  digest.Store   // parked operations; written, never mailed here
	Counts  inbox.Store    // counted attempts
	Config  config.Store   // mode, mapping, brakes
	Waiter  inbox.Waiter   // the queue that is drained
	Queues  Queues         // where records are sent that waited for another one
	Rules   Rules
	Hasher  Hasher
	NewID   func() string
	Now     func() time.Time
	Sleep   func(ctx context.Context, d time.Duration) bool
	Rand    func(n int64) int64
	Log     *slog.Logger
	Left    func(context.Context) time.Duration // nil: until the deadline of the context
	Ended   func(batch.Message, fault.Outcome)  // told of every ending; may be nil

	Quarantine  webhook.Store      // deliveries that nobody could read; an erased person's are removed
	Chats       conversation.Store // who has written on WhatsApp; an erased person's rows are removed. Nil: nobody is listened to
	Entries     *Entries           // counts contacts that are created in HubSpot; nil: nobody counts
	Parallel    int                // requests to a CRM at a time
	Conditional bool               // this Zoho org refuses stale conditional writes
}

// Hasher gives what the hashes of a stack are made with, and may have to read its key. Without the right key nothing can be
// compared: where it cannot be had, every operation goes again with this error.
type Hasher func(context.Context) (pair.Hasher, error)

// Hash returns the hasher whose key is known.
func Hash(h pair.Hasher) Hasher { return func(context.Context) (pair.Hasher, error) { return h, nil } }

// Queues are the queues of operations by the source of what they carry.
type Queues map[crm.System]queue.API

// Send sends each operation to the queue of its source. One whose source has no queue is a fault of kind Ours, and then
// nothing was sent.
func (q Queues) Send(ctx context.Context, ops []crm.Operation) error {
	by := map[crm.System][]crm.Operation{}
	for _, op := range ops {
		if q[op.Source] == nil {
			return &fault.Error{Op: "consumer.Send", Kind: fault.Ours, Code: string(op.Source), Err: errors.New("an operation of a source without a queue")}
		}
		by[op.Source] = append(by[op.Source], op)
	}
	for _, sys := range slices.Sorted(maps.Keys(by)) {
		if err := (queue.Sender{Queue: q[sys]}).Send(ctx, by[sys]); err != nil {
			return err
		}
	}
	return nil
}

// Rules are the settings under the rows of the config table.
type Rules = rules.Settings

// New wires a consumer.
func New(a Adapters) *queue.Handler {
	book := rules.New(&config.Rows{Store: a.Config, Now: a.Now}, a.Rules, a.Now, a.Log)
	ledger := &digest.Ledger{Store: a.Parked, Now: a.Now}
	book.Parking = ledger
	syncer := recordsync.Syncer{
		HubSpot: a.HubSpot, Zoho: a.Zoho, Rules: book, Brake: book, Wake: a.Queues, Parking: ledger,
		Quarantine: &webhook.Quarantine{Store: a.Quarantine, Now: a.Now},
		Now:        a.Now, Sleep: a.Sleep, Log: a.Log, Parallel: a.Parallel, Conditional: a.Conditional,
	}
	loop := &inbox.Loop{
		Work: a.work(syncer), Parking: ledger, Store: a.Counts, Waiter: a.Waiter,
		Now: a.Now, Rand: a.Rand, Log: a.Log, Left: a.Left, Ended: a.ended,
	}
	return &queue.Handler{Work: loop.Handle}
}

// work brings operations in step by a syncer that lacks its book alone.
func (a Adapters) work(s recordsync.Syncer) func(context.Context, []crm.Operation) []fault.Outcome {
	return func(ctx context.Context, ops []crm.Operation) []fault.Outcome {
		h, err := a.Hasher(ctx)
		if err != nil {
			return slices.Repeat([]fault.Outcome{{Ending: fault.GoAgain, Err: err}}, len(ops))
		}
		now := s
		now.Book = &identity.Book{Store: a.Pairs, Hasher: h, NewID: a.NewID}
		if a.Chats != nil {
			now.Writers = conversation.People{Store: a.Chats, Hasher: h, Parking: s.Parking, Now: a.Now}
			now.Quarantine = forgetter{s.Quarantine, &conversation.Flow{Store: a.Chats, Book: now.Book, Now: a.Now}}
		}
		outs := now.Sync(ctx, ops)
		for i, op := range ops {
			if outs[i].Ending == fault.GoAgain { // who waits for a person has come in too
				continue
			}
			if err := a.Entries.Contact(ctx, op); err != nil {
				outs[i] = fault.Outcome{Ending: fault.GoAgain, Err: err}
			}
		}
		return outs
	}
}

// forgetter removes what was written on WhatsApp together with the deliveries that nobody could read.
type forgetter struct {
	quarantine recordsync.Quarantine
	chats      *conversation.Flow
}

// Forget removes all that is kept of the person of these records.
func (f forgetter) Forget(ctx context.Context, records ...crm.ID) error {
	for _, id := range records {
		if id.Module != crm.Contacts {
			continue
		}
		if err := f.chats.Erase(ctx, crm.DefaultConnection, id.Key); err != nil {
			return err
		}
	}
	return f.quarantine.Forget(ctx, records...)
}

// ended watches for subscriptions that are silent.
func (a Adapters) ended(m batch.Message, out fault.Outcome) {
	if upkeep.Silent(m.Operation, out) {
		a.Log.Warn(upkeep.SilenceLine, "source", string(m.Operation.Source), "module", string(m.Operation.Module), "record", m.Operation.RecordID)
	}
	if a.Ended != nil {
		a.Ended(m, out)
	}
}
