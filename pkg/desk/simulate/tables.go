package simulate

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
)

// table stands before a table of the suite.
type table struct {
	s     *sim
	name  string
	inner sandbox.Store
}

// waiting begins the keys of the rows that list who waits for a record.
const waiting = "W#"

// Get reads rows.
func (t *table) Get(ctx context.Context, keys ...row.Key) (rows []row.Row, err error) {
	err = t.s.touch(ctx, tableCall, t.name+".Get", func() error { rows, err = t.inner.Get(ctx, keys...); return err })
	if err != nil {
		return nil, err
	}
	t.s.misread(t.name, rows)
	return rows, nil
}

// Put writes rows.
func (t *table) Put(ctx context.Context, puts ...row.Put) error {
	if t.name == sandbox.Tokens && t.s.opt.Break == Forgetful && t.s.hostile {
		return nil
	}
	if t.name == sandbox.Parked && t.s.opt.Break == Unclosed && slices.ContainsFunc(puts, func(p row.Put) bool { return p.Delete }) {
		return nil
	}
	c := tableCall
	if strings.HasPrefix(puts[0].Key.Part, waiting) {
		c = seldomCall
	}
	return t.s.touch(ctx, c, t.name+".Put"+t.s.keys(puts), func() error {
		err := t.inner.Put(ctx, puts...)
		switch {
		case err != nil:
		case t.name == sandbox.Pairs:
			t.s.notePairs(of(ctx), puts)
		case t.name == sandbox.Config:
			t.s.noteMode(puts)
		case t.name == sandbox.Parked:
			t.s.noteBelated(of(ctx), puts)
		}
		return err
	})
}

// List reads the rows of a part.
func (t *table) List(ctx context.Context, part, sortPrefix, after string, limit int) (rows []row.Row, err error) {
	if t.s.opt.Break == Unwoken && strings.HasPrefix(part, waiting) {
		return nil, nil
	}
	err = t.s.touch(ctx, tableCall, t.name+".List", func() error {
		rows, err = t.inner.List(ctx, part, sortPrefix, after, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// keys tells a transaction in the trace.
func (s *sim) keys(puts []row.Put) string {
	if !s.opt.Trace {
		return ""
	}
	var words []string
	for _, p := range puts {
		word := p.Key.Part
		if p.Delete {
			word = "-" + word
		}
		words = append(words, word)
	}
	sort.Strings(words)
	return " " + strings.Join(words, " ")
}

// touch carries out one call to a table or a queue.
func (s *sim) touch(ctx context.Context, c class, what string, do func() error) error {
	inv := of(ctx)
	if inv == nil || strings.HasPrefix(what, sandbox.Config+".") || strings.HasPrefix(what, sandbox.Tokens+".") {
		if inv != nil && inv.dead {
			return errDead
		}
		return do()
	}
	if err := inv.barred(false); err != nil {
		return err
	}
	d := s.doom(c)
	s.wait(inv, d.latency)
	switch d.fate {
	case crashBefore:
		return inv.die(fmt.Sprintf("before %s (#%d)", what, d.n))
	case refused:
		s.tracef("%s %s: refused (#%d)", inv, what, d.n)
		inv.miscounts(what)
		return &fault.Error{Op: "dynamo." + what, Kind: fault.Throttled}
	case freeze:
		inv.freeze(d, what)
	}
	err := do()
	s.tracef("%s %s%s", inv, what, because(err))
	switch {
	case d.fate == crashAfter:
		return inv.die(fmt.Sprintf("after %s (#%d)", what, d.n))
	case d.fate == lostAfter && err == nil:
		s.tracef("%s %s: its answer is lost (#%d)", inv, what, d.n)
		inv.miscounts(what)
		return &fault.Error{Op: "dynamo." + what, Kind: fault.Down}
	}
	return err
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// freeze stops the process, and lets it go on when everybody else has given it up.
func (inv *invocation) freeze(d doom, what string) {
	inv.s.tracef("%s freezes for %s before %s (#%d)", inv, d.span.Round(time.Millisecond), what, d.n)
	inv.stops()
	inv.frozen = true
	inv.s.wait(inv, d.span)
	inv.s.tracef("%s goes on", inv)
}

// barred tells why a call is not carried out: the process is gone, or its time is over. crm says that the call belongs to
// the work, which ends a little before.
func (inv *invocation) barred(crm bool) error {
	age := inv.s.now().Sub(inv.began)
	switch {
	case inv.dead:
		return errDead
	case inv.frozen:
		return nil
	case age >= functionLives:
		return inv.die("its time is over")
	case crm && age >= worksFor:
		return context.DeadlineExceeded
	}
	return nil
}

// line stands before a queue of the suite.
type line struct {
	s     *sim
	name  string
	inner sandbox.Queue
}

// Send takes messages.
func (q *line) Send(ctx context.Context, entries []batch.Entry) error {
	do := func() error {
		err := q.inner.Send(ctx, entries)
		if err == nil {
			q.s.accepted(entries)
		}
		return err
	}
	if of(ctx) == nil {
		return q.s.atDoor(q.name, do)
	}
	return q.s.touch(ctx, queueCall, q.name+".Send", do)
}

// Hide changes visibilities.
func (q *line) Hide(ctx context.Context, waits []batch.Wait) error {
	what := q.name + ".Hide"
	if q.s.opt.Trace {
		for _, w := range waits {
			what += " " + w.For.Round(time.Millisecond).String()
		}
	}
	return q.s.touch(ctx, queueCall, what, func() error { return q.inner.Hide(ctx, waits) })
}

// atDoor is a call of the webhook function, which is as short as an instant: its queue may fail.
func (s *sim) atDoor(name string, do func() error) error {
	d := s.doom(queueCall)
	if d.fate == refused || d.fate == crashBefore {
		s.tracef("the door cannot reach %s (#%d)", name, d.n)
		return &fault.Error{Op: "sqs.Send", Kind: fault.Down}
	}
	err := do()
	if err == nil && (d.fate == lostAfter || d.fate == crashAfter) {
		s.tracef("the door does not hear from %s (#%d)", name, d.n)
		return &fault.Error{Op: "sqs.Send", Kind: fault.Down}
	}
	return err
}
