package rest

import (
	"sync"
	"time"
)

// The breaker's figures.
const (
	breakerWindow = 60 // seconds
	breakerCalls  = 20 // fewer calls in the window never open it
	breakerProbe  = 30 * time.Second
)

// Breaker keeps calls from a system that does not answer: it opens when at least half of 20 or more calls of the last 60
// seconds ended with fault.Down, then lets one call through every 30 seconds, and closes at the first of these that the
// system answers. A nil Breaker never opens. Make one with NewBreaker.
type Breaker struct {
	now func() time.Time

	mu      sync.Mutex
	buckets [breakerWindow]bucket
	open    bool
	probe   time.Time // when the next call may go through, while open
}

// bucket counts the calls of one second.
type bucket struct {
	second      int64
	calls, fell int
}

// NewBreaker returns a closed breaker that goes by the clock now.
func NewBreaker(now func() time.Time) *Breaker { return &Breaker{now: now} }

// Open reports whether calls are being kept back.
func (b *Breaker) Open() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

// verdict is what a call says about the system.
type verdict uint8

const (
	silent verdict = iota // nothing: it was not sent, or given up by the caller
	stood                 // the system answered, whatever it said
	fell                  // it did not answer properly
)

// pass is leave to make one call; its done must be called once.
type pass struct {
	b     *Breaker
	probe bool
}

// begin gives leave for a call, or says how long to wait for the next chance.
func (b *Breaker) begin() (pass, time.Duration) {
	if b == nil {
		return pass{}, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return pass{b: b}, 0
	}
	now := b.now()
	if wait := b.probe.Sub(now); wait > 0 {
		return pass{}, wait
	}
	b.probe = now.Add(breakerProbe)
	return pass{b: b, probe: true}, 0
}

// done tells what the call has shown. While the breaker is open only a probe counts: the others began before.
func (p pass) done(v verdict) {
	if p.b == nil || v == silent {
		return
	}
	b := p.b
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case p.probe && v == stood:
		b.open, b.buckets = false, [breakerWindow]bucket{}
	case !b.open:
		b.count(v)
	}
}

func (b *Breaker) count(v verdict) {
	now := b.now()
	second := now.Unix()
	at := &b.buckets[uint64(second)%breakerWindow]
	if at.second != second {
		*at = bucket{second: second}
	}
	at.calls++
	if v == fell {
		at.fell++
	}
	calls, fallen := 0, 0
	for _, k := range b.buckets {
		if k.second > second-breakerWindow {
			calls += k.calls
			fallen += k.fell
		}
	}
	if calls >= breakerCalls && 2*fallen >= calls {
		b.open, b.probe = true, now.Add(breakerProbe)
	}
}
