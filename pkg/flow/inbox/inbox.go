// Package inbox is the loop around every consumer: it hands the operations of a batch to the work and sees to it that each
// message ends in one of three ways. Done and parked messages are acknowledged, and only after everything about them is
// written down; everything else goes back to its queue. A message is given back until it is struck off, so nothing ends by
// being forgotten.
//
// It knows no queue, no table and no CRM, and it does not decide what an operation comes to: that is the work's outcome. What
// it adds is order within a group, patience, counting, and a recover.
package inbox

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// Parking keeps what was given up on. Both methods are repeated with the same arguments when a message comes again.
type Parking interface {
	// Open opens the rows, or counts them up where they are open already.
	Open(ctx context.Context, rows ...fault.Parked) error
	// Settle closes the open rows of the records that were last told no later than asOf, but for the rows with the ids in open.
	Settle(ctx context.Context, connection string, records []crm.ID, asOf time.Time, open []string) error
}

// Store keeps the counted attempts.
type Store interface {
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	Put(ctx context.Context, puts ...row.Put) error
}

// Waiter changes how long delivered messages stay invisible.
type Waiter interface {
	Hide(ctx context.Context, waits []batch.Wait) error
}

const (
	// Enough is how much time must be left for anything to be started.
	Enough = 2500 * time.Millisecond
	// Reserve is the part of the remaining time that the work does not get: endings are written in it.
	Reserve = 1500 * time.Millisecond
	// Suspect is the receive from which on a message is marked as started before it is worked on.
	Suspect = 3
	// MaxStarts is how many starts without any outcome a message has before it is parked unrun.
	MaxStarts = 5
	// LockedFor is how long an operation on a locked record is tried again in its queue, counted from its arrival.
	LockedFor = 15 * time.Minute
)

// Loop is the loop of one consumer. All fields but Left and Ended are required. It is safe for concurrent use if they are.
type Loop struct {
	// Work carries out operations, several groups at once and those of one group in order, and returns an outcome for each.
	// The zero outcome says that the operation was not started. What it says of an operation behind one of the same group
	// that goes again is void: it is repeated.
	Work    func(ctx context.Context, ops []crm.Operation) []fault.Outcome
	Parking Parking
	Store   Store
	Waiter  Waiter
	Now     func() time.Time
	Rand    func(n int64) int64 // uniform in [0, n)
	Log     *slog.Logger
	Left    func(context.Context) time.Duration      // time left for the batch; nil: until the deadline of the context
	Ended   func(m batch.Message, out fault.Outcome) // told of the ending of every message; may be nil
}

// Handle works on one batch and returns the ids of the messages that it wants again, in their order and never nil. Of each
// group these are the first that goes again and everything behind it.
func (l *Loop) Handle(ctx context.Context, messages []batch.Message) (back []string) {
	s := &sheet{loop: l, tries: tries{store: l.Store, now: l.Now}, held: map[string]bool{}}
	for _, m := range messages {
		s.lines = append(s.lines, &line{Message: m})
	}
	defer func() {
		if p := recover(); p != nil { // in the loop itself or in what it writes with
			l.Log.ErrorContext(ctx, "batch", "err", panicked("inbox.Handle", p).Error(), "messages", len(messages))
			back = s.open()
		}
	}()
	if l.left(ctx) >= Enough {
		s.fix(ctx)
		s.mark(ctx)
		s.run(ctx)
		s.survived()
	}
	for _, n := range s.lines {
		s.end(ctx, n)
	}
	s.finish(ctx)
	return s.open()
}

func (l *Loop) left(ctx context.Context) time.Duration {
	if l.Left != nil {
		return l.Left(ctx)
	}
	if end, ok := ctx.Deadline(); ok {
		return end.Sub(l.Now())
	}
	return LockedFor // no function lives longer
}

// sheet is one batch at work.
type sheet struct {
	loop  *Loop
	lines []*line
	tries tries
	held  map[string]bool // groups in which a message goes again
}

// line is one message of the batch. It goes again unless it is struck.
type line struct {
	batch.Message
	outcome fault.Outcome // the zero outcome: not started
	fixed   bool          // the outcome is known without the work
	try     *try          // nil: not loaded
	struck  bool
	wait    time.Duration
}

func (s *sheet) open() []string {
	ids := []string{}
	for _, n := range s.lines {
		if !n.struck {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// fix finds the messages whose outcome is known before the work: those that cannot be read, those that were started too
// often, and those whose attempts cannot be looked up.
func (s *sheet) fix(ctx context.Context) {
	var ask []*line
	for _, n := range s.lines {
		if n.Receives >= Suspect && n.Bad == nil {
			ask = append(ask, n)
		}
	}
	err := s.tries.load(ctx, ask...)
	for _, n := range s.lines {
		switch {
		case n.Bad != nil:
			n.fix(n.bad())
		case n.Receives < Suspect:
		case err != nil:
			n.fix(stuck(err))
		case n.try.Starts >= MaxStarts:
			n.fix(fault.Outcome{Ending: fault.ParkedAway, Err: &fault.Error{Op: "inbox.Start", Kind: fault.Ours, Code: "unrun"}})
		}
	}
}

func (n *line) fix(out fault.Outcome) { n.outcome, n.fixed = out, true }

func again(err error) fault.Outcome { return fault.Outcome{Ending: fault.GoAgain, Err: err} }

// stuck is again for what one of our own tables has refused: never the operation's fault, so never counted against it.
func stuck(err error) fault.Outcome {
	kind := kindOf(err)
	if kind.Counted() || kind.Final() {
		kind = fault.Down
	}
	return again(&fault.Error{Op: "inbox.Tables", Kind: kind, After: fault.After(err), Err: errors.New(text(err))})
}

// mark writes down which messages are about to be started. Without that a message that kills the process would do so for
// ever, so one that cannot be marked is not started.
func (s *sheet) mark(ctx context.Context) {
	var marked []*line
	for _, n := range s.ready() {
		if n.Receives >= Suspect {
			n.try.start()
			marked = append(marked, n)
		}
	}
	failed := s.tries.save(ctx)
	for _, n := range marked {
		if err := failed[n.try]; err != nil {
			n.fix(stuck(err))
		}
	}
}

// survived notes that the process has outlived everything that was started.
func (s *sheet) survived() {
	for _, n := range s.lines {
		if n.try != nil {
			n.try.survived()
		}
	}
}

// ready returns the messages that are to be worked on: those without an outcome that stand behind none that goes again.
func (s *sheet) ready() []*line {
	var out []*line
	held := map[string]bool{}
	for _, n := range s.lines {
		switch {
		case held[n.Group]:
		case !n.fixed:
			out = append(out, n)
		case n.outcome.Ending != fault.ParkedAway:
			held[n.Group] = true
		}
	}
	return out
}

// finish writes the attempts down and hides what goes again: the head of each group for its wait, everything else not at
// all, because it stays behind its head, or because it was not started. Left alone it would wait out the visibility.
func (s *sheet) finish(ctx context.Context) {
	for _, err := range s.tries.save(ctx) {
		s.loop.Log.WarnContext(ctx, "attempts", "err", text(err))
	}
	var waits []batch.Wait
	for _, n := range s.lines {
		if !n.struck {
			waits = append(waits, batch.Wait{Receipt: n.Receipt, For: n.wait})
		}
	}
	if len(waits) == 0 {
		return
	}
	if err := s.loop.Waiter.Hide(ctx, waits); err != nil {
		s.loop.Log.WarnContext(ctx, "visibility", "err", text(err), "messages", len(waits))
	}
}
