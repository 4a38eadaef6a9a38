package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// end carries one message to its ending. Messages are ended in their order, so that the first of a group that goes again
// takes everything behind it along.
func (s *sheet) end(ctx context.Context, n *line) {
	if s.held[n.Group] {
		s.tell(ctx, n, fault.Outcome{Ending: fault.GoAgain}, "behind")
		return
	}
	out := s.judge(ctx, n)
	if out.Ending == fault.Done || out.Ending == fault.ParkedAway {
		if err := s.write(ctx, n, &out); err != nil {
			out = stuck(err)
		}
	}
	switch out.Ending {
	case fault.Done, fault.ParkedAway:
		n.struck = true
	case fault.GoAgain:
		n.wait = s.loop.wait(out, n.Receives)
		s.held[n.Group] = true
	default:
		s.held[n.Group] = true
		s.tell(ctx, n, fault.Outcome{Ending: fault.GoAgain}, "not started")
		return
	}
	s.tell(ctx, n, out, "")
}

// judge turns the outcome of the work into an ending: what goes again for a fault that a repeat does not mend, or has gone
// again too often for one that it might, is parked.
func (s *sheet) judge(ctx context.Context, n *line) fault.Outcome {
	out := n.outcome
	switch out.Ending {
	case fault.Done, fault.ParkedAway:
		return out
	case fault.Undecided:
		if out.Err == nil {
			return out
		}
	}
	out.Ending = fault.GoAgain
	kind := kindOf(out.Err)
	switch {
	case kind.Final():
		out.Ending = fault.ParkedAway
	case kind == fault.Locked:
		if at := n.Operation.ReceivedAt; !at.IsZero() && s.loop.Now().Sub(at) >= LockedFor {
			out.Ending = fault.ParkedAway
		}
	case kind.Counted():
		count, err := s.tries.count(ctx, n, kind)
		if err != nil {
			s.loop.Log.WarnContext(ctx, "attempts", "err", text(err))
		}
		if count >= kind.Limit() {
			out.Ending = fault.ParkedAway
		}
	}
	return out
}

// kindOf is fault.KindOf for what no table of a vendor has seen. An error that went again for no fault is Busy: it was too
// early.
func kindOf(err error) fault.Kind {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return fault.KindOf(err)
	}
	switch {
	case err == nil, errors.Is(err, row.ErrConflict):
		return fault.Busy
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, batch.ErrLater):
		return fault.Down
	}
	return fault.Unknown
}

// write puts down everything that the acknowledgement would otherwise lose.
func (s *sheet) write(ctx context.Context, n *line, out *fault.Outcome) error {
	if out.Ending == fault.ParkedAway && out.Err == nil && len(out.Rows) == 0 {
		out.Err = &fault.Error{Op: "inbox.Work", Kind: fault.Ours, Code: "no reason"}
	}
	if out.Ending == fault.ParkedAway && len(out.Rows) == 0 {
		out.Rows = s.loop.parked(n, out.Err)
	}
	if len(out.Rows) > 0 {
		if err := s.loop.Parking.Open(ctx, out.Rows...); err != nil {
			return err
		}
	}
	if len(out.Settled) == 0 {
		return nil
	}
	open := slices.Clone(out.Open)
	for _, r := range slices.Concat(out.Rows, out.Told) {
		open = append(open, r.ID)
	}
	asOf := out.AsOf
	if asOf.IsZero() {
		asOf = s.loop.Now()
	}
	return s.loop.Parking.Settle(ctx, n.Operation.Connection, out.Settled, asOf, open)
}

// The first retry of a locked record that was parked, and when it is told.
const (
	lockedRetry = time.Hour
	lockedMail  = 24 * time.Hour
)

// parked makes the rows of an operation whose work has made none: one for each field that was refused, else one for the
// whole.
func (l *Loop) parked(n *line, err error) []fault.Parked {
	op, now := n.Operation, l.Now()
	whole := fault.Parked{
		Connection: op.Connection, Operation: op.ID, Source: op.Source, Verb: op.Verb, Kind: op.Kind, Record: op.Record(), Target: op.Source.Other(),
		Class: kindOf(err), Message: text(err), Count: 1, First: now, Last: now,
	}
	if n.Bad != nil {
		whole.Connection, whole.Operation, whole.Record, whole.Target = crm.DefaultConnection, n.ID, crm.ID{}, ""
	}
	switch whole.Class {
	case fault.Ours:
		whole.Hint = fault.HintUnprocessed
	case fault.Locked:
		whole.Hint, whole.RetryAt, whole.MailAfter = fault.HintLocked, now.Add(lockedRetry), now.Add(lockedMail)
	}
	e, ok := errors.AsType[*fault.Error](err)
	if ok && e.From() != "" {
		whole.Target = e.From()
	}
	if !ok || len(e.Refused) == 0 {
		if ok {
			whole.Code = e.Code
		}
		return []fault.Parked{named(whole, n)}
	}
	var rows []fault.Parked
	for _, r := range e.Refused {
		p := whole
		p.Field, p.Property, p.Code, p.Message, p.Hint = r.Field, r.Property, r.Code, r.Message, r.Hint
		if r.Record != "" {
			p.Other = crm.ID{System: p.Target, Module: op.Module, Key: r.Record}
		}
		rows = append(rows, named(p, n))
	}
	return rows
}

// named gives the row its id: the same for the same record, field and reason, whichever operation meets it.
func named(p fault.Parked, n *line) fault.Parked {
	record := p.Record.String()
	if n.Bad != nil {
		record = n.ID
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{p.Connection, record, string(p.Field), p.Property, p.Class.String(), p.Code}, "|")))
	p.ID = hex.EncodeToString(sum[:8])
	return p
}
