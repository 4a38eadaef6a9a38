// Package sendwhatsapp wires sendWhatsapp: it takes messages that a caller wants to have sent, and sends what is due of the outbox.
package sendwhatsapp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/conversation"
	"crm-connector/pkg/suite/chats"
)

// Adapters is everything that the function touches outside itself.
type Adapters struct {
	chats.Adapters
	// Wire makes the route out of what keeps a request.
	Wire func(Accept, *slog.Logger) func(context.Context, door.Request) door.Answer
	Left func(context.Context) time.Duration // nil: until the deadline of the context

	Parallel int // messages that are sent at a time; 0 and 1: one after the other
}

// Accept keeps a request of a caller in the outbox and returns the id of its message.
type Accept = func(ctx context.Context, caller conversion.Tenant, r outbound.Request) (id string, err error)

const (
	// AtOnce is how long the caller waits at most for the first try: the gateway gives up after 29 s.
	AtOnce = 20 * time.Second
	// Enough is how much time must be left for another message to be begun.
	Enough = conversation.EnoughToSend
	// soon is how long a message waits at most that is tried again by the same run.
	soon = 5 * time.Second
	page = 100
)

// Sender is the function: Take for the API, Send on its schedule.
type Sender struct {
	Take func(context.Context, door.Request) door.Answer

	a    Adapters
	talk *chats.Talk
}

// New wires the function.
func New(a Adapters) *Sender {
	a.Log = a.Log.With("function", "sendWhatsapp")
	s := &Sender{a: a, talk: chats.New(a.Adapters)}
	s.Take = a.Wire(s.accept, a.Log)
	return s
}

// accept keeps the request and then tries to send it with the time that is left. What does not go out now is due.
func (s *Sender) accept(ctx context.Context, caller conversion.Tenant, r outbound.Request) (string, error) {
	kept, err := s.talk.Flow(ctx)
	if err != nil {
		return "", err
	}
	id, err := kept.Accept(ctx, crm.DefaultConnection, string(caller), r)
	if err != nil {
		return "", err
	}
	if s.left(ctx) >= Enough {
		if flow, err := s.talk.Ready(ctx); err == nil {
			now, cancel := context.WithTimeout(ctx, AtOnce)
			defer cancel()
			s.one(firstTry{now, s.a.Now().Add(min(AtOnce, s.left(ctx)))}, flow, id)
		}
	}
	return id, nil
}

// firstTry is the context of what a caller waits for. Whoever asks how long that is gets an answer by our clock.
type firstTry struct {
	context.Context
	end time.Time
}

// Deadline returns when the caller waits no longer.
func (c firstTry) Deadline() (time.Time, bool) { return c.end, true }

// Send sends what is due, as long as there is time. What has to wait longer than a moment is left to a later run.
func (s *Sender) Send(ctx context.Context) error {
	if s.a.Number == "" {
		return nil
	}
	flow, err := s.talk.Ready(ctx)
	if fault.KindOf(err) == fault.Busy { // the stack does not write: what is due waits
		return s.lapse(ctx)
	}
	if err != nil {
		return err
	}
	due, err := flow.Due(ctx, crm.DefaultConnection)
	if err != nil {
		return err
	}
	for ids := range slices.Chunk(due, page) {
		for len(ids) > 0 && s.left(ctx) >= Enough {
			again, wait := s.batch(ctx, flow, ids)
			if ids = again; len(ids) > 0 && !s.a.Sleep(ctx, wait) {
				return nil
			}
		}
	}
	return nil
}

// lapse tells of what has waited too long in the outbox of a stack that does not write.
func (s *Sender) lapse(ctx context.Context) error {
	flow, err := s.talk.Flow(ctx)
	if err != nil {
		return err
	}
	due, err := flow.Due(ctx, crm.DefaultConnection)
	if err != nil {
		return err
	}
	for _, id := range due {
		if s.left(ctx) < Enough {
			break
		}
		if err := flow.Lapse(ctx, crm.DefaultConnection, id); err != nil {
			return err
		}
	}
	return nil
}

// batch sends messages and returns those that may go out in a moment, in the same order, and how long that is.
func (s *Sender) batch(ctx context.Context, flow *conversation.Flow, ids []string) (again []string, wait time.Duration) {
	var mu sync.Mutex
	retry := map[string]bool{}
	chats.Each(s.a.Parallel, ids, func(id string) {
		if s.left(ctx) < Enough {
			return
		}
		out := s.one(ctx, flow, id)
		if out.Ending == fault.GoAgain && out.After > 0 && out.After <= soon {
			mu.Lock()
			defer mu.Unlock()
			retry[id], wait = true, max(wait, out.After)
		}
	})
	for _, id := range ids {
		if retry[id] {
			again = append(again, id)
		}
	}
	return again, wait
}

// one sends one message. A panic is our own fault: its type only, since its text may hold what was written.
func (s *Sender) one(ctx context.Context, flow *conversation.Flow, id string) (out fault.Outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = fault.Outcome{Ending: fault.GoAgain, Err: &fault.Error{Op: "sendwhatsapp", Kind: fault.Ours, Code: "panic", Err: fmt.Errorf("panic of a %T", p)}}
		}
		s.tell(ctx, id, out)
	}()
	return flow.Send(ctx, crm.DefaultConnection, id)
}

func (s *Sender) left(ctx context.Context) time.Duration {
	if s.a.Left != nil {
		return s.a.Left(ctx)
	}
	if end, ok := ctx.Deadline(); ok {
		return end.Sub(s.a.Now())
	}
	return time.Hour // no function lives longer
}

// tell writes the one line of a message that was tried.
func (s *Sender) tell(ctx context.Context, id string, out fault.Outcome) {
	level, line := slog.LevelInfo, []slog.Attr{slog.String("ending", out.Ending.String()), slog.String("record", id), slog.Bool("applied", out.Applied)}
	if n := len(out.Told); n > 0 {
		level, line = slog.LevelWarn, append(line, slog.Int("rows", n))
	}
	if kind := fault.KindOf(out.Err); out.Err != nil {
		if kind == fault.Ours {
			level = slog.LevelError
		}
		line = append(line, slog.String("fault", kind.String()), slog.Int64("wait_ms", out.After.Milliseconds()))
		if e, ok := errors.AsType[*fault.Error](out.Err); ok { // ours hold no value; of others nobody knows
			line = append(line, slog.String("err", e.Error()))
		}
	}
	s.a.Log.LogAttrs(ctx, level, "outbox", line...)
}
