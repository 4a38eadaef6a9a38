// Package whatsappconsumer wires whatsappConsumer: what people write on WhatsApp, and what became of messages to them, is logged in
// both CRMs.
package whatsappconsumer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/conversation"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/inbox"
	"crm-connector/pkg/suite/chats"
)

// Adapters is everything that the function touches outside itself.
type Adapters struct {
	chats.Adapters
	Counts inbox.Store  // counted attempts
	Waiter inbox.Waiter // the queue that is drained
	Rand   func(n int64) int64
	Left   func(context.Context) time.Duration // nil: until the deadline of the context
	Ended  func(batch.Message, fault.Outcome)  // told of every ending; may be nil

	Parallel int // groups of a batch that are worked on at a time; 0 and 1: one after the other
}

// New wires the function. A message of its queue is a parcel of updates; an operation in it asks for a replay of the update that it
// names.
func New(a Adapters) *queue.Whole {
	a.Log = a.Log.With("function", "whatsappConsumer")
	talk := chats.New(a.Adapters)
	return &queue.Whole{Work: func(ctx context.Context, ds []batch.Delivery) []string {
		s := &sheet{talk: talk, log: a.Log, parallel: a.Parallel, parcels: map[string]chat.Parcel{}, unread: map[string]string{}, groups: map[string]string{}}
		loop := &inbox.Loop{
			Work: s.work, Parking: parking{talk.Ledger, s}, Store: a.Counts, Waiter: a.Waiter,
			Now: a.Now, Rand: a.Rand, Log: a.Log, Left: a.Left, Ended: a.Ended,
		}
		messages := make([]batch.Message, len(ds))
		for i, d := range ds {
			messages[i] = s.read(d)
		}
		return loop.Handle(ctx, messages)
	}}
}

// sheet is one batch at work.
type sheet struct {
	talk     *chats.Talk
	log      *slog.Logger
	parallel int
	parcels  map[string]chat.Parcel // by the id of the operation that stands for them
	groups   map[string]string      // the same of their groups
	unread   map[string]string      // texts that nobody can read, by the id of their message
}

// read makes the message of a delivery, with an operation that stands for its parcel.
func (s *sheet) read(d batch.Delivery) batch.Message {
	m := batch.Message{ID: d.ID, Group: d.Group, Receipt: d.Receipt, Receives: d.Receives, Sent: d.Sent}
	p, err := chat.Open(d.Body)
	if err == nil {
		m.Operation = operation(p, d.Body)
		s.parcels[m.Operation.ID] = p
	} else if again, wrong := queue.Decode(d.Body); wrong == nil && again.Source == crm.WhatsApp {
		m.Operation = again
	} else {
		m.Bad = err
		s.unread[d.ID] = d.Body
	}
	s.groups[m.Operation.ID] = m.Group
	return m
}

// operation is a parcel as log lines and rows know it: its only update, or the hash of several.
func operation(p chat.Parcel, body string) crm.Operation {
	op := p.Operation(p.Updates[0])
	if len(p.Updates) > 1 {
		sum := sha256.Sum256([]byte(body))
		op.ID = hex.EncodeToString(sum[:16])
		op.RecordID = op.ID
	}
	return op
}

// work carries out operations, those of one group in order and several groups at once.
func (s *sheet) work(ctx context.Context, ops []crm.Operation) []fault.Outcome {
	outs := make([]fault.Outcome, len(ops))
	flow, err := s.talk.Ready(ctx)
	if err != nil {
		for i := range outs {
			outs[i] = fault.Outcome{Ending: fault.GoAgain, After: fault.After(err), Err: err}
		}
		return outs
	}
	var lines [][]int // operations by group, in order
	at := map[string]int{}
	for i, op := range ops {
		group := s.groups[op.ID]
		n, ok := at[group]
		if !ok {
			n, lines = len(lines), append(lines, nil)
			at[group] = n
		}
		lines[n] = append(lines[n], i)
	}
	chats.Each(s.parallel, lines, func(line []int) {
		for _, i := range line {
			if outs[i] = s.carry(ctx, flow, ops[i]); outs[i].Ending != fault.Done {
				return // what stands behind it waits with it
			}
		}
	})
	return outs
}

// carry carries one operation out. A panic is our own fault: its type only, since its text may hold what was written.
func (s *sheet) carry(ctx context.Context, flow *conversation.Flow, op crm.Operation) (out fault.Outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = fault.Outcome{Ending: fault.GoAgain, Err: &fault.Error{Op: "whatsappconsumer", Kind: fault.Ours, Code: "panic", Err: fmt.Errorf("panic of a %T", p)}}
		}
	}()
	p, ok := s.parcels[op.ID]
	if !ok {
		return flow.Replay(ctx, op.Connection, op.RecordID)
	}
	out = flow.Carry(ctx, p)
	if out.Ending == fault.Done {
		s.notices(ctx, p)
	}
	if len(p.Updates) > 1 {
		out.Note = fmt.Sprintf("%d updates", len(p.Updates))
	}
	return out
}

// notices writes a line of everything that Meta tells the business and that is about no person: a template's fate, the account's
// trouble, an error that belongs to no message, a field that nobody knows yet. Its content is left out.
func (s *sheet) notices(ctx context.Context, p chat.Parcel) {
	for _, u := range p.Updates {
		n := u.Notice
		if n == nil {
			continue
		}
		codes := make([]int, len(n.Errors))
		for i, e := range n.Errors {
			codes[i] = e.Code
		}
		s.log.WarnContext(ctx, "notice", "operation", u.Identity(), "account", u.Account, "number", u.Number, "field", n.Field, "event", n.Event, "codes", codes)
	}
}

// parking keeps what was given up on: of a parcel, each update that cannot be carried out by itself.
type parking struct {
	*digest.Ledger
	sheet *sheet
}

// Open opens rows; those of a parcel are its updates'. The text of what nobody could read is kept under the message's id.
func (p parking) Open(ctx context.Context, rows ...fault.Parked) error {
	var own []fault.Parked
	for _, r := range rows {
		flow, err := p.sheet.talk.Flow(ctx)
		if err != nil {
			return err
		}
		if body, ok := p.sheet.unread[r.Operation]; ok {
			if err := flow.Keep(ctx, crm.DefaultConnection, r.Operation, body); err != nil {
				return err
			}
		}
		parcel, ok := p.sheet.parcels[r.Operation]
		if !ok {
			own = append(own, r)
			continue
		}
		why := &fault.Error{Op: "whatsappconsumer", Kind: r.Class, Code: r.Code, Err: errors.New("it went again too often")}
		if err := flow.GiveUp(ctx, parcel, why, r.Code == "unrun"); err != nil {
			return err
		}
	}
	if own == nil {
		return nil
	}
	return p.Ledger.Open(ctx, own...)
}
