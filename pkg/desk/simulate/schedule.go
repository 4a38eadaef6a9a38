package simulate

import (
	"container/heap"
	"context"
	"iter"
	"time"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/desk/sandbox"
)

// functionLives is how long an invocation lives, as the template has it; worksFor is when its own deadline cuts its work.
const (
	functionLives = 45 * time.Second
	worksFor      = functionLives - 1500*time.Millisecond
)

// together is how many invocations of one lane are at work at a time.
const together = 2

// entry is something that is going to happen.
type entry struct {
	at  time.Time
	seq int
	do  func()
}

type agenda []entry

// Len, Less, Swap, Push and Pop are for container/heap.
func (a agenda) Len() int { return len(a) }

func (a agenda) Less(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].seq < a[j].seq
	}
	return a[i].at.Before(a[j].at)
}

func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

func (a *agenda) Push(x any) { *a = append(*a, x.(entry)) }

func (a *agenda) Pop() any {
	last := len(*a) - 1
	e := (*a)[last]
	(*a)[last] = entry{}
	*a = (*a)[:last]
	return e
}

func (s *sim) after(d time.Duration, do func()) {
	s.seq++
	heap.Push(&s.agenda, entry{at: s.now().Add(d), seq: s.seq, do: do})
}

// process is a coroutine that carries out invocations one after the other: its stack has grown to what they need.
type process struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	job   func()
}

// process returns one that does nothing yet.
func (s *sim) process() *process {
	if last := len(s.unused) - 1; last >= 0 {
		p := s.unused[last]
		s.unused = s.unused[:last]
		return p
	}
	p := &process{}
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		for alive := true; alive; alive = yield(struct{}{}) {
			p.job()
			s.unused = append(s.unused, p)
		}
	})
	return p
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
	on     *process

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
	inv := &invocation{s: s, id: s.invocations, name: name, began: s.now(), on: s.process(), reads: map[string]time.Time{}}
	s.running++
	s.tracef("%s starts", inv)
	inv.on.job = func() {
		done := body(context.WithValue(context.Background(), invocationKey{}, inv))
		s.running--
		switch {
		case inv.dead:
			s.tracef("%s is gone", inv)
		default:
			s.tracef("%s ends", inv)
			done()
		}
	}
	s.step(inv)
}

// step lets the invocation run until it waits or ends.
func (s *sim) step(inv *invocation) {
	s.current = inv
	inv.on.next()
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
	inv.on.yield(struct{}{})
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
	if len(s.agenda) > 0 {
		earlier(s.agenda[0].at)
	}
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
	e := heap.Pop(&s.agenda).(entry)
	e.do()
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
