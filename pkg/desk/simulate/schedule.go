package simulate

import (
	"context"
	"time"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/desk/agenda"
	"crm-connector/pkg/desk/sandbox"
)

// functionLives is how long an invocation lives, as the template has it; worksFor is when its own deadline cuts its work.
const (
	functionLives = 45 * time.Second
	worksFor      = functionLives - 1500*time.Millisecond
)

// together is how many invocations of one lane are at work at a time.
const together = 2

func (s *sim) after(d time.Duration, do func()) {
	s.agenda.Add(s.now().Add(d), do)
}

// invocation is one run of a function. Its process and the scheduler hand control to each other: one of them runs. The
// product's own coroutines give it back from within: a switch is between whoever runs and whoever waits.
type invocation struct {
	s      *sim
	id     int
	name   string
	began  time.Time
	dead   bool // its process is gone: nothing that it still does has an effect
	frozen bool // it was stopped for longer than it may live, and goes on all the same
	on     *agenda.Process

	reads  map[string]time.Time // records by id: the instant whose state the last read showed
	writes []*hubspotWrite      // that no saved row has taken in yet
	looks  []look               // its searches in Zoho
	holds  []batch.Delivery     // what it was given to work on
}

type invocationKey struct{}

func of(ctx context.Context) *invocation {
	inv, _ := ctx.Value(invocationKey{}).(*invocation)
	return inv
}

// invoke starts an invocation now. done runs at its end if it is alive then.
func (s *sim) invoke(name string, body func(context.Context) (done func())) {
	s.invocations++
	inv := &invocation{s: s, id: s.invocations, name: name, began: s.now(), reads: map[string]time.Time{}}
	s.running++
	s.tracef("%s starts", inv)
	inv.on = s.processes.Start(func() {
		done := body(context.WithValue(context.Background(), invocationKey{}, inv))
		s.running--
		switch {
		case inv.dead:
			s.tracef("%s is gone", inv)
		default:
			s.tracef("%s ends", inv)
			done()
		}
	})
	s.step(inv)
}

// step lets the invocation run until it waits or ends.
func (s *sim) step(inv *invocation) {
	s.current = inv
	inv.on.Resume()
	s.current = nil
}

// wait lets model time pass for an invocation. Whatever is due before happens meanwhile.
func (s *sim) wait(inv *invocation, d time.Duration) {
	due := s.now().Add(d)
	if next, ok := s.next(); !ok || next.After(due) {
		s.w.Clock.Advance(d)
		return
	}
	s.after(d, func() { s.step(inv) })
	inv.on.Wait()
}

// die ends the process of an invocation.
func (inv *invocation) die(why string) error {
	inv.stops()
	inv.dead = true
	inv.s.tracef("%s dies: %s", inv, why)
	return errDead
}

// next returns when something happens next.
func (s *sim) next() (time.Time, bool) {
	var at time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	earlier(s.agenda.Next())
	earlier(s.w.HubSpot.NextTick())
	earlier(s.w.Zoho.NextTick())
	for i, l := range s.lanes() {
		if s.busy[i] < together {
			if t, ok := l.Queue.Next(); ok {
				earlier(t)
			}
		}
	}
	return at, !at.IsZero()
}

// turn lets the next thing happen. It reports false when nothing does until the given instant.
func (s *sim) turn(until time.Time) bool {
	at, ok := s.next()
	if !ok || at.After(until) {
		return false
	}
	now := s.now()
	if at.After(now) {
		s.w.Clock.Advance(at.Sub(now))
		now = at
	}
	due := func(t time.Time) bool { return !t.IsZero() && !t.After(now) }
	if due(s.w.HubSpot.NextTick()) {
		s.w.HubSpot.Tick()
		return true
	}
	if due(s.w.Zoho.NextTick()) {
		s.w.Zoho.Tick()
		return true
	}
	for i, l := range s.lanes() {
		if t, ok := l.Queue.Next(); ok && s.busy[i] < together && due(t) {
			s.busy[i]++
			s.after(s.poll(), func() { s.deliver(i, l) })
			return true
		}
	}
	s.agenda.Turn()
	return true
}

// run lets everything happen until the instant.
func (s *sim) run(until time.Time) {
	for s.turn(until) {
	}
	if now := s.now(); until.After(now) {
		s.w.Clock.Advance(until.Sub(now))
	}
}

// poll is how long a message waits for a poller: seldom long.
func (s *sim) poll() time.Duration {
	d := time.Duration(s.dice.Int64N(int64(60 * time.Millisecond)))
	if s.dice.IntN(8) == 0 {
		d += time.Duration(s.dice.Int64N(int64(3 * time.Second)))
	}
	return d
}

// deliver hands a batch to the consumer of a lane.
func (s *sim) deliver(i int, l *sandbox.Lane) {
	deliveries := l.Queue.Receive(1 + s.dice.IntN(batch.MaxEntries))
	if len(deliveries) == 0 {
		s.busy[i]--
		return
	}
	s.invoke(l.Function, func(ctx context.Context) func() {
		of(ctx).holds = deliveries
		defer func() { s.busy[i]-- }()
		answer, err := l.Handle(ctx, queue.Event("arn:aws:sqs:eu-south-1:000000000000:"+l.Name, deliveries))
		return func() {
			if err != nil {
				s.violate("panic", "%s returned %v", l.Function, err)
				return
			}
			if err := l.Acknowledge(deliveries, answer); err != nil {
				s.violate("panic", "%s cannot acknowledge: %v", l.Function, err)
			}
		}
	})
}
