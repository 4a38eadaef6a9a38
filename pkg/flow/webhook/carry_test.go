package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/door"
)

// carrier keeps the calls that it got and fails in the one with the given number.
type carrier struct {
	calls  [][]batch.Entry
	failAt int
}

func (c *carrier) Send(_ context.Context, entries []batch.Entry) error {
	c.calls = append(c.calls, entries)
	if len(c.calls) == c.failAt {
		return errors.New("no queue today")
	}
	return nil
}

// handsIn is a source that reads this many messages of this size out of every delivery.
func handsIn(n, size int) source {
	s := hubspot()
	s.read = func(context.Context, door.Request) (d door.Delivery, err error) {
		for i := range n {
			d.Entries = append(d.Entries, batch.Entry{Group: "g", Dedup: fmt.Sprint(i), Body: strings.Repeat("x", size)})
		}
		d.Events = n
		return d, nil
	}
	return s
}

func TestWholeMessagesGoToTheQueueOfTheirSourceInOrderAsManyACallAsItTakes(t *testing.T) {
	for _, tt := range []struct {
		n, size int
		calls   string
	}{
		{0, 1, "[]"}, {1, 1, "[1]"}, {10, 1, "[10]"}, {32, 1, "[10 10 10 2]"}, {5, batch.MaxBytes / 2, "[2 2 1]"}, {2, batch.MaxBytes, "[1 1]"},
	} {
		b, c := newBench(handsIn(tt.n, tt.size)), &carrier{}
		b.Carriers = map[string]Carrier{"hubspot": c}
		wantStatus(t, b.Handle(t.Context(), post("{}")), 200)
		sizes, next := []int{}, 0
		for _, call := range c.calls {
			sizes = append(sizes, len(call))
			for _, e := range call {
				if e.Dedup != fmt.Sprint(next) {
					t.Errorf("%d messages: %s in the place of %d", tt.n, e.Dedup, next)
				}
				next++
			}
		}
		if fmt.Sprint(sizes) != tt.calls || b.counts["hubspot messages"] != tt.n || len(b.queue.sent) > 0 {
			t.Errorf("%d messages of %d bytes: calls %v, want %s; %d counted", tt.n, tt.size, sizes, tt.calls, b.counts["hubspot messages"])
		}
	}
}

func TestAMessageThatIsNotInItsQueueIsNotAccepted(t *testing.T) {
	b := newBench(handsIn(25, 1))
	wantStatus(t, b.Handle(t.Context(), post("{}")), 503) // no carrier at all
	c := &carrier{failAt: 2}
	b.Carriers = map[string]Carrier{"hubspot": c}
	wantStatus(t, b.Handle(t.Context(), post("{}")), 503)
	if len(c.calls) != 2 || b.counts["hubspot doubts"] != 2 || b.counts["hubspot messages"] != 0 {
		t.Errorf("%d calls, counts %v", len(c.calls), b.counts)
	}
}
