package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// run hands the operations to the work in one call. A panic in it says nothing of which operation was to blame, so each is
// then worked on alone; what the first call has done already is harmless to repeat.
func (s *sheet) run(ctx context.Context) {
	ready := s.ready()
	if len(ready) == 0 {
		return
	}
	work, cancel := s.loop.part(ctx)
	defer cancel()
	outs, err := s.loop.call(work, ready...)
	if err == nil || len(ready) == 1 {
		for i, n := range ready {
			n.outcome = outs[i]
		}
		return
	}
	s.loop.Log.WarnContext(ctx, "batch", "err", text(err), "messages", len(ready), "note", "each alone")
	held := map[string]bool{}
	for _, n := range ready {
		if held[n.Group] || s.loop.left(ctx) < Enough {
			continue
		}
		outs, _ := s.loop.call(work, n)
		n.outcome = outs[0]
		held[n.Group] = n.outcome.Ending == fault.GoAgain || n.outcome.Ending == fault.Undecided
	}
}

// part returns the context of the work, which ends Reserve before the batch does.
func (l *Loop) part(ctx context.Context) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, end.Add(-Reserve))
	}
	return context.WithCancel(ctx)
}

// call returns an outcome for each message. After a panic, which is returned too, it is the same for all: our own fault.
func (l *Loop) call(ctx context.Context, lines ...*line) (outs []fault.Outcome, err error) {
	ops := make([]crm.Operation, len(lines))
	for i, n := range lines {
		ops[i] = n.Operation
		ops[i].Repeated = n.Receives > 1
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked("inbox.Work", p)
			outs = nil
			for range lines {
				outs = append(outs, again(err))
			}
		}
	}()
	outs = l.Work(ctx, ops)
	for len(outs) < len(ops) {
		outs = append(outs, again(&fault.Error{Op: "inbox.Work", Kind: fault.Ours, Code: "no outcome"}))
	}
	return outs, nil
}

// bad is the outcome of a message that cannot be read: a later version can, or it is our own fault.
func (n *line) bad() fault.Outcome {
	if errors.Is(n.Bad, batch.ErrLater) {
		return again(n.Bad)
	}
	return again(&fault.Error{Op: "inbox.Read", Kind: fault.Ours, Code: "unreadable", Err: n.Bad})
}

// panicked makes a fault of a panic: its type and a hash of the stack, never its text, which may hold a person's data. The
// runtime's own errors tell indexes and lengths only and are kept.
func panicked(op string, p any) *fault.Error {
	var stack [64]uintptr
	frames := runtime.CallersFrames(stack[:runtime.Callers(2, stack[:])])
	var where []string
	for seen := false; ; {
		f, more := frames.Next()
		if seen && !strings.HasPrefix(f.Function, "runtime.") {
			where = append(where, fmt.Sprintf("%s:%d", f.Function, f.Line))
		}
		seen = seen || f.Function == "runtime.gopanic"
		if !more {
			break
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(where, "\n")))
	e := &fault.Error{Op: op, Kind: fault.Ours, Code: "panic " + hex.EncodeToString(sum[:4])}
	at := ""
	if len(where) > 0 {
		at = " at " + where[0]
	}
	if r, ok := p.(runtime.Error); ok {
		e.Err = fmt.Errorf("%w%s", r, at)
	} else {
		e.Err = fmt.Errorf("panic of a %T%s", p, at)
	}
	return e
}
