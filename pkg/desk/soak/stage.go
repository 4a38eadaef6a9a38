package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/desk/agenda"
)

// world is somebody to whom things happen by themselves: a sandbox.
type world interface {
	NextTick() time.Time // zero: nothing is under way
	Tick()
}

// stage is model time and whoever is at work in it. One of them runs at a time, and what runs next depends on nothing but the
// seed.
type stage struct {
	now       time.Time
	dice      *rand.Rand
	agenda    agenda.Agenda
	worlds    []world
	lanes     []*lane
	processes agenda.Processes
	calls     int // external ones, of all invocations
	deaths    int
	doomed    *doom                  // of the next worker that makes a call
	tell      func(s string)         // nil: nobody listens
	looks     func(text string) bool // whether somebody asks for lines about this; nil: nobody
	asked     map[string]bool        // messages of queues that somebody asks for
}

func newStage(start time.Time, seed uint64) *stage {
	return &stage{now: start, dice: rand.New(rand.NewPCG(seed, 17)), asked: map[string]bool{}}
}

func (s *stage) clock() time.Time { return s.now }

// tracef tells a line, if somebody listens.
func (s *stage) tracef(format string, args ...any) {
	if s.tell != nil {
		s.tell(s.now.Format("02 15:04:05.000  ") + fmt.Sprintf(format, args...))
	}
}

// ended tells how a message ended that somebody asks for.
func (s *stage) ended(m batch.Message, out fault.Outcome) {
	if s.asked[m.ID] {
		s.tracef("message %s: %s, wait %s: %v", m.ID, out.Ending, out.After, out.Err)
	}
}

// after lets something happen in a while.
func (s *stage) after(d time.Duration, do func()) {
	s.agenda.Add(s.now.Add(d), do)
}

// lane is a queue with its consumer.
type lane struct {
	name    string
	queue   *memory.Queue
	dead    *memory.Queue
	handle  func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)
	most    int           // invocations at a time
	lives   time.Duration // of an invocation
	risk    float64       // of its death before each call, and behind it
	busy    int
	batches int
	taken   int
	worst   int    // the most deliveries of one message
	round   string // its body
}

// Timings of every queue, as the template has them.
const (
	retention   = 14 * 24 * time.Hour
	maxReceives = 1000
)

// lane adds a queue whose messages are invisible for six times the life of an invocation.
func (s *stage) lane(name string, most int, lives time.Duration) *lane {
	dead := memory.NewQueue(memory.QueueConfig{Name: name + "-dead", Retention: retention, Now: s.clock})
	l := &lane{name: name, dead: dead, most: most, lives: lives, queue: memory.NewQueue(memory.QueueConfig{
		Name: name, Visibility: 6 * lives, MaxReceives: maxReceives, Retention: retention, DeadLetter: dead, Now: s.clock,
	})}
	s.lanes = append(s.lanes, l)
	return l
}

// quiet reports whether nothing lies in any queue.
func (s *stage) quiet() bool {
	for _, l := range s.lanes {
		if waiting, inFlight := l.queue.Stats(); waiting+inFlight > 0 {
			return false
		}
	}
	return true
}

// next returns when something happens next.
func (s *stage) next() (at time.Time, ok bool) {
	earlier := func(t time.Time) {
		if !t.IsZero() && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	earlier(s.agenda.Next())
	for _, w := range s.worlds {
		earlier(w.NextTick())
	}
	for _, l := range s.lanes {
		if l.busy < l.most {
			if t, some := l.queue.Next(); some {
				earlier(t)
			}
		}
	}
	return at, ok
}

// run lets everything happen until the instant.
func (s *stage) run(until time.Time) {
	for {
		at, ok := s.next()
		if !ok || at.After(until) {
			break
		}
		if at.After(s.now) {
			s.now = at
		}
		s.step()
	}
	if until.After(s.now) {
		s.now = until
	}
}

// step lets the first thing happen that is due.
func (s *stage) step() {
	for _, w := range s.worlds {
		if t := w.NextTick(); !t.IsZero() && !t.After(s.now) {
			w.Tick()
			return
		}
	}
	for _, l := range s.lanes {
		if t, some := l.queue.Next(); some && l.busy < l.most && !t.After(s.now) {
			l.busy++
			s.after(s.poll(), func() { s.deliver(l) })
			return
		}
	}
	s.agenda.Turn()
}

// poll is how long a message waits for a poller: seldom long.
func (s *stage) poll() time.Duration {
	d := time.Duration(s.dice.Int64N(int64(60 * time.Millisecond)))
	if s.dice.IntN(8) == 0 {
		d += time.Duration(s.dice.Int64N(int64(time.Second)))
	}
	return d
}

// deliver hands a batch to the consumer of a lane, and deletes what it does not want again.
func (s *stage) deliver(l *lane) {
	deliveries := l.queue.Receive(batch.MaxEntries)
	if len(deliveries) == 0 {
		l.busy--
		return
	}
	l.batches++
	l.taken += len(deliveries)
	for _, d := range deliveries {
		if d.Receives > l.worst {
			l.worst, l.round = d.Receives, d.Body
		}
		if s.looks != nil && s.looks(d.Body) {
			s.asked[d.ID] = true
			s.tracef("%s gets message %s for the %d. time", l.name, d.ID, d.Receives)
		}
	}
	s.invoke(l.name, l.lives, func(ctx context.Context) {
		of(ctx).risk = l.risk
		answer, err := l.handle(ctx, queue.Event("arn:aws:sqs:eu-south-1:000000000000:"+l.name, deliveries))
		l.busy--
		if err != nil || s.lost(ctx, "acknowledging", false) {
			return
		}
		back := map[string]bool{}
		for _, f := range answer.BatchItemFailures {
			back[f.ItemIdentifier] = true
		}
		for _, d := range deliveries {
			if !back[d.ID] {
				_ = l.queue.Delete(d.Receipt) // one that has expired comes again: that is no error
			}
		}
	})
}

// end lets go of the coroutines.
func (s *stage) end() { s.processes.End() }

// invocation is one run of a function.
type invocation struct {
	s    *stage
	name string
	dies time.Time // what it does later has no effect
	dead bool
	risk float64 // of a death before a call, and behind it
	on   *agenda.Process
}

type invocationKey struct{}

// of returns the invocation that makes a call, nil for the desk itself.
func of(ctx context.Context) *invocation {
	inv, _ := ctx.Value(invocationKey{}).(*invocation)
	return inv
}

// invoke starts a function now.
func (s *stage) invoke(name string, lives time.Duration, body func(context.Context)) {
	inv := &invocation{s: s, name: name, dies: s.now.Add(lives)}
	inv.on = s.processes.Start(func() { body(context.WithValue(context.Background(), invocationKey{}, inv)) })
	inv.on.Resume()
}

// left is how much of its life an invocation has left.
func (s *stage) left(ctx context.Context) time.Duration {
	if inv := of(ctx); inv != nil {
		return inv.dies.Sub(s.now)
	}
	return time.Hour
}

// wait lets model time pass for an invocation. Whatever is due before happens meanwhile.
func (s *stage) wait(inv *invocation, d time.Duration) {
	due := s.now.Add(d)
	if next, ok := s.next(); !ok || next.After(due) {
		s.now = due
		return
	}
	s.after(d, inv.on.Resume)
	inv.on.Wait()
}

// sleep is what functions wait by.
func (s *stage) sleep(ctx context.Context, d time.Duration) bool {
	inv := of(ctx)
	if inv == nil {
		s.now = s.now.Add(d)
		return true
	}
	if inv.gone() || inv.dies.Sub(s.now) < d {
		return false
	}
	s.wait(inv, d)
	return !inv.gone()
}

// errDead is the answer to the calls of an invocation that is no more.
var errDead = errors.New("soak: the function died")

// gone reports whether nothing that the invocation does has an effect any more: it died, or it outlived its time.
func (inv *invocation) gone() bool {
	return inv.dead || !inv.s.now.Before(inv.dies)
}

// die ends an invocation.
func (inv *invocation) die(why string) {
	inv.dead = true
	inv.s.deaths++
	inv.s.tracef("%s dies %s", inv.name, why)
}

// doom is a death that waits for the worker that makes the n-th call from now on.
type doom struct {
	left  int
	after bool // behind the call; else the call is not made
}

// lost counts one call of an invocation, and reports whether it was lost: it died before, or dies now, or, behind, dies with
// the call made.
func (s *stage) lost(ctx context.Context, what string, behind bool) bool {
	inv := of(ctx)
	if inv == nil {
		return false
	}
	if inv.gone() {
		return true
	}
	dies := inv.risk > 0 && s.dice.Float64() < inv.risk
	if !behind {
		s.calls++
		if s.doomed != nil {
			s.doomed.left--
		}
	}
	if d := s.doomed; d != nil && d.left <= 0 && d.after == behind {
		s.doomed, dies = nil, true
	}
	switch {
	case dies && behind:
		inv.die("behind " + what)
	case dies:
		inv.die("before " + what)
	}
	return dies
}
