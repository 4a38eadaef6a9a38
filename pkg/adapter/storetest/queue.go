package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/batch"
)

// Queue is a FIFO queue from both ends, as the suite asks it. An adapter's test wraps what it has.
type Queue interface {
	// Put sends up to batch.MaxEntries messages and tells the id and sequence number of each.
	Put(ctx context.Context, entries ...batch.Entry) ([]batch.Delivery, error)
	Receive(ctx context.Context, max int) ([]batch.Delivery, error)
	Delete(ctx context.Context, receipt string) error
	ChangeVisibility(ctx context.Context, receipt string, d time.Duration) error
	Purge(ctx context.Context) error
}

// QueueSetup is the queue that a rule wants. Times are whole seconds.
type QueueSetup struct {
	Visibility  time.Duration
	Delay       time.Duration
	MaxReceives int  // 0: no dead-letter queue
	WholeQueue  bool // a deduplication id counts for the whole queue instead of one group
}

// QueueLab opens queues of one implementation.
type QueueLab struct {
	// Open returns an empty queue, and its empty dead-letter queue when MaxReceives is set.
	Open func(t *testing.T, set QueueSetup) (q, dead Queue)
	// Wait lets time pass: it moves a fake clock, or sleeps.
	Wait func(d time.Duration)
	// Redrive sends everything in the dead-letter queue back.
	Redrive func(ctx context.Context, dead, q Queue) error
	// Parallel runs the rules side by side: for a lab whose Wait sleeps.
	Parallel bool
	// Known says which rules the implementation breaks, by name, and why.
	Known map[string]string
}

// TestQueue holds a FIFO queue to the rules that were recorded against SQS. A rule listed in Known must be broken.
func TestQueue(t *testing.T, lab QueueLab) {
	for _, rule := range queueRules {
		t.Run(rule.name, func(t *testing.T) {
			if lab.Parallel {
				t.Parallel()
			}
			rule.set.Visibility = max(rule.set.Visibility, visibility)
			b := &bench{ctx: t.Context(), lab: lab}
			b.q, b.dead = lab.Open(t, rule.set)
			why, known := lab.Known[rule.name]
			judge(t, b.try(rule.run), why, known)
		})
	}
	spelled(t, lab.Known, func(yield func(string) bool) {
		for _, rule := range queueRules {
			if !yield(rule.name) {
				return
			}
		}
	})
}

// bench is one rule at work. A step that fails ends the rule.
type bench struct {
	ctx     context.Context
	lab     QueueLab
	q, dead Queue
	sent    int
	got     []batch.Delivery // of the last receive
	held    map[string]batch.Delivery
}

type broken struct{ error }

func (b *bench) try(run func(*bench)) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case broken:
			err = p.error
		default:
			panic(p)
		}
	}()
	run(b)
	return nil
}

func (b *bench) broken(format string, args ...any) { panic(broken{fmt.Errorf(format, args...)}) }

func (b *bench) must(err error) {
	if err != nil {
		b.broken("refused: %v", err)
	}
}

// send sends messages named "group.text", each with a new deduplication id.
func (b *bench) send(names ...string) {
	for _, name := range names {
		group, _, _ := strings.Cut(name, ".")
		b.sent++
		_, err := b.q.Put(b.ctx, batch.Entry{Group: group, Dedup: fmt.Sprintf("d%d", b.sent), Body: name})
		b.must(err)
	}
}

// receive asks for at most n messages and wants exactly the given ones, in that order.
func (b *bench) receive(n int, want ...string) {
	b.take(n)
	if got := bodies(b.got); !slices.Equal(got, want) {
		b.broken("received %v, want %v", got, want)
	}
}

// receiveInGroups is receive where the order of the groups among themselves is left open.
func (b *bench) receiveInGroups(n int, want ...string) {
	b.take(n)
	group := func(x, y string) int { return strings.Compare(strings.Split(x, ".")[0], strings.Split(y, ".")[0]) }
	got := bodies(b.got)
	slices.SortStableFunc(got, group)
	slices.SortStableFunc(want, group)
	if !slices.Equal(got, want) {
		b.broken("received %v, want %v", got, want)
	}
}

func (b *bench) take(n int) {
	got, err := b.q.Receive(b.ctx, n)
	b.must(err)
	b.got = got
	if b.held == nil {
		b.held = map[string]batch.Delivery{}
	}
	for _, d := range got {
		b.held[d.Body] = d
	}
}

func bodies(ds []batch.Delivery) []string {
	var s []string
	for _, d := range ds {
		s = append(s, d.Body)
	}
	return s
}

func (b *bench) hide(name string, d time.Duration) {
	b.must(b.q.ChangeVisibility(b.ctx, b.held[name].Receipt, d))
}

func (b *bench) remove(names ...string) {
	for _, name := range names {
		b.must(b.q.Delete(b.ctx, b.held[name].Receipt))
	}
}

// refused wants an error that is not about the context.
func (b *bench) refused(what string, err error) {
	if err == nil || errors.Is(err, b.ctx.Err()) && b.ctx.Err() != nil {
		b.broken("%s was accepted (%v)", what, err)
	}
}
