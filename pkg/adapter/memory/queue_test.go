package memory_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/storetest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/fault"
)

// benchQueue is a memory.Queue with the suite's signatures.
type benchQueue struct{ *memory.Queue }

func (b benchQueue) Receive(_ context.Context, max int) ([]batch.Delivery, error) {
	return b.Queue.Receive(max), nil
}
func (b benchQueue) Delete(_ context.Context, receipt string) error { return b.Queue.Delete(receipt) }
func (b benchQueue) ChangeVisibility(_ context.Context, receipt string, d time.Duration) error {
	return b.Queue.ChangeVisibility(receipt, d)
}
func (b benchQueue) Purge(context.Context) error {
	b.Queue.Purge()
	return nil
}

func TestTheQueueKeepsTheRulesRecordedAgainstSQS(t *testing.T) {
	clock := storetest.NewClock()
	storetest.TestQueue(t, storetest.QueueLab{
		Open: func(_ *testing.T, set storetest.QueueSetup) (storetest.Queue, storetest.Queue) {
			dead := memory.NewQueue(memory.QueueConfig{Name: "dead", Now: clock.Now})
			c := memory.QueueConfig{Name: "q", Visibility: set.Visibility, Delay: set.Delay, MaxReceives: set.MaxReceives, DeadLetter: dead, Now: clock.Now}
			if set.WholeQueue {
				c.Scope = memory.ScopeQueue
			}
			return benchQueue{memory.NewQueue(c)}, benchQueue{dead}
		},
		Wait: clock.Wait,
		Redrive: func(_ context.Context, dead, q storetest.Queue) error {
			dead.(benchQueue).Move(q.(benchQueue).Queue, 100)
			return nil
		},
	})
}

func entry(group string, n int) batch.Entry {
	return batch.Entry{Group: group, Dedup: fmt.Sprint(n), Body: fmt.Sprintf("%s.%d", group, n)}
}

func send(t testing.TB, q *memory.Queue, entries ...batch.Entry) {
	t.Helper()
	if err := q.Send(context.Background(), entries); err != nil {
		t.Fatal(err)
	}
}

func TestStatsTellsWhatWaitsAndWhatIsInFlight(t *testing.T) {
	clock := storetest.NewClock()
	q := memory.NewQueue(memory.QueueConfig{Name: "q", Visibility: 10 * time.Second, Delay: time.Second, Now: clock.Now})
	want := func(when string, waiting, inFlight int) {
		t.Helper()
		if w, f := q.Stats(); w != waiting || f != inFlight {
			t.Errorf("%s: %d waiting, %d in flight, want %d and %d", when, w, f, waiting, inFlight)
		}
	}
	want("at the start", 0, 0)
	send(t, q, entry("a", 1), entry("a", 2), entry("a", 3))
	want("delayed", 3, 0)
	clock.Wait(time.Second)
	got := q.Receive(2)
	want("two received, one blocked behind them", 1, 2)
	if err := q.Hide(t.Context(), []batch.Wait{{Receipt: got[0].Receipt, For: 20 * time.Second}, {Receipt: got[1].Receipt}}); err != nil {
		t.Fatal(err)
	}
	want("the head in backoff, its followers behind it", 2, 1)
	clock.Wait(20 * time.Second)
	want("the backoff over", 3, 0)
	for _, d := range q.Receive(10) {
		if err := q.Delete(d.Receipt); err != nil {
			t.Fatal(err)
		}
	}
	want("all deleted", 0, 0)
}

func TestNextIsTheInstantAtWhichAReceiveHasSomething(t *testing.T) {
	clock := storetest.NewClock()
	start := clock.Now()
	q := memory.NewQueue(memory.QueueConfig{Visibility: 10 * time.Second, Now: clock.Now})
	want := func(when string, after time.Duration, any bool) {
		t.Helper()
		if at, ok := q.Next(); ok != any || ok && !at.Equal(start.Add(after)) {
			t.Errorf("%s: %v %v, want %v %v", when, at.Sub(start), ok, after, any)
		}
	}
	want("empty", 0, false)
	send(t, q, entry("a", 1), entry("b", 1))
	want("sent", 0, true)
	d := q.Receive(1)
	want("the other group is there", 0, true)
	clock.Wait(time.Second)
	q.Receive(1)
	want("both in flight", 10*time.Second, true)
	if err := q.Delete(d[0].Receipt); err != nil {
		t.Fatal(err)
	}
	want("the first deleted", 11*time.Second, true)
}

func TestAMessageDisappearsAtTheEndOfItsRetentionAndFreesItsGroup(t *testing.T) {
	clock := storetest.NewClock()
	q := memory.NewQueue(memory.QueueConfig{Retention: time.Hour, Visibility: 2 * time.Hour, Now: clock.Now})
	send(t, q, entry("a", 1))
	got := q.Receive(1)
	clock.Wait(30 * time.Minute)
	send(t, q, entry("a", 2))
	clock.Wait(30 * time.Minute)
	if next := q.Receive(10); len(next) != 1 || next[0].Body != "a.2" {
		t.Errorf("received %v", next)
	}
	if err := q.Delete(got[0].Receipt); err != nil {
		t.Errorf("the deletion of what is gone: %v", err)
	}
}

func TestAReceiptIsRefusedWithItsReason(t *testing.T) {
	clock := storetest.NewClock()
	q := memory.NewQueue(memory.QueueConfig{Now: clock.Now})
	send(t, q, entry("a", 1))
	old := q.Receive(1)[0].Receipt
	for _, bad := range []string{"", "x", "1", "1.x", "0.1", "2.1", "-1.1", "99999999999999999999.1"} {
		if err := q.Delete(bad); !errors.Is(err, memory.ErrReceiptInvalid) {
			t.Errorf("delete %q: %v", bad, err)
		}
	}
	if err := q.ChangeVisibility(old, -time.Second); fault.KindOf(err) != fault.Ours {
		t.Errorf("a negative visibility: %v", err)
	}
	clock.Wait(memory.DefaultVisibility)
	if err := q.ChangeVisibility(old, time.Second); !errors.Is(err, memory.ErrNotInFlight) {
		t.Errorf("after the visibility: %v", err)
	}
	if err := q.Delete(old); !errors.Is(err, memory.ErrReceiptExpired) {
		t.Errorf("after the visibility: %v", err)
	}
	q.Receive(1)
	if err := q.Hide(t.Context(), []batch.Wait{{Receipt: old}}); !errors.Is(err, memory.ErrReceiptExpired) {
		t.Errorf("delivered anew: %v", err)
	}
}

func TestTwelveHoursAreCountedFromTheDelivery(t *testing.T) {
	clock := storetest.NewClock()
	q := memory.NewQueue(memory.QueueConfig{Visibility: time.Hour, Now: clock.Now})
	send(t, q, entry("a", 1))
	d := q.Receive(1)[0]
	clock.Wait(30 * time.Minute)
	const left = batch.MaxHidden - 30*time.Minute
	for _, tt := range []struct {
		d    time.Duration
		kind fault.Kind
	}{{batch.MaxHidden, fault.Ours}, {left + time.Second, fault.Ours}, {left, 0}} {
		if err := q.ChangeVisibility(d.Receipt, tt.d); (err == nil) != (tt.kind == 0) || err != nil && fault.KindOf(err) != tt.kind {
			t.Errorf("%s, half an hour after the delivery: %v", tt.d, err)
		}
	}
	clock.Wait(left - time.Second)
	if got := q.Receive(1); len(got) != 0 {
		t.Error("a message came before its twelve hours were over")
	}
	clock.Wait(time.Second)
	if got := q.Receive(1); len(got) != 1 || got[0].Receives != 2 {
		t.Errorf("received %+v", got)
	}
}

func TestARefusedEntryDoesNotKeepTheOthersOfItsCallOut(t *testing.T) {
	q := memory.NewQueue(memory.QueueConfig{Now: storetest.NewClock().Now})
	err := q.Send(t.Context(), []batch.Entry{entry("a", 1), {Group: "a b", Dedup: "x", Body: "x"}, entry("a", 2)})
	if got := q.Receive(10); err == nil || len(got) != 2 {
		t.Errorf("%d messages, %v", len(got), err)
	}
}

func TestGroupsOfTheSameInstantComeBackInTheOrderInWhichTheyWereTouched(t *testing.T) {
	clock := storetest.NewClock()
	q := memory.NewQueue(memory.QueueConfig{Now: clock.Now})
	for n, g := range []string{"e", "b", "d", "a", "c"} {
		send(t, q, entry(g, n))
	}
	for range 3 {
		q.Receive(1)
	}
	clock.Wait(memory.DefaultVisibility)
	var got []string
	for _, d := range q.Receive(10) {
		got = append(got, d.Group)
	}
	if want := []string{"a", "c", "e", "b", "d"}; !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
}

func TestARedriveLeavesWhatIsInFlightAndKeepsToItsLimit(t *testing.T) {
	clock := storetest.NewClock()
	dead, q := memory.NewQueue(memory.QueueConfig{Name: "dead", Now: clock.Now}), memory.NewQueue(memory.QueueConfig{Name: "q", Now: clock.Now})
	send(t, dead, entry("a", 1), entry("b", 1), entry("b", 2), entry("b", 3))
	dead.Receive(1)
	if moved := dead.Move(q, 2); moved != 2 {
		t.Errorf("%d moved", moved)
	}
	if got := q.Receive(10); len(got) != 2 || got[0].Body != "b.1" || got[1].Body != "b.2" || got[0].Receives != 1 {
		t.Errorf("received %+v", got)
	}
	if waiting, inFlight := dead.Stats(); waiting != 1 || inFlight != 1 {
		t.Errorf("%d waiting and %d in flight left", waiting, inFlight)
	}
	if dead.Move(dead, 10) != 0 {
		t.Error("a queue was moved into itself")
	}
}

func TestSecondsAreRoundedUp(t *testing.T) {
	clock := storetest.NewClock()
	q := memory.NewQueue(memory.QueueConfig{Now: clock.Now})
	send(t, q, entry("a", 1))
	if err := q.ChangeVisibility(q.Receive(1)[0].Receipt, 1100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	clock.Wait(1999 * time.Millisecond)
	if got := q.Receive(1); len(got) != 0 {
		t.Error("a message came before its two seconds were over")
	}
	clock.Wait(time.Millisecond)
	if got := q.Receive(1); len(got) != 1 {
		t.Error("a message did not come after two seconds")
	}
}

// slow is the first rule as it is written down, walked from the start at every receive.
type slow map[string][]*slowMessage

type slowMessage struct {
	body, receipt     string
	received, visible time.Time
}

func (s slow) receivable(now time.Time) map[string][]*slowMessage {
	out := map[string][]*slowMessage{}
	for g, ms := range s {
		for _, m := range ms {
			if m.visible.After(now) {
				break
			}
			out[g] = append(out[g], m)
		}
	}
	return out
}

func TestTheQueueAgreesWithTheFirstRuleWalkedByHand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := storetest.NewClock()
		q := memory.NewQueue(memory.QueueConfig{Visibility: 5 * time.Second, Now: clock.Now})
		model, held, n := slow{}, map[string]*slowMessage{}, 0
		forget := func(m *slowMessage) {
			for g, ms := range model {
				model[g] = slices.DeleteFunc(ms, func(x *slowMessage) bool { return x == m })
			}
		}
		any := func(t *rapid.T) *slowMessage {
			if len(held) == 0 {
				t.Skip("nothing held")
			}
			return held[rapid.SampledFrom(slices.Sorted(maps.Keys(held))).Draw(t, "message")]
		}
		t.Repeat(map[string]func(*rapid.T){
			"send": func(t *rapid.T) {
				n++
				e := entry(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "group"), n)
				if err := q.Send(context.Background(), []batch.Entry{e}); err != nil {
					t.Fatal(err)
				}
				model[e.Group] = append(model[e.Group], &slowMessage{body: e.Body, visible: clock.Now()})
			},
			"receive": func(t *rapid.T) {
				max := rapid.IntRange(1, 10).Draw(t, "max")
				want, total := model.receivable(clock.Now()), 0
				for _, ms := range want {
					total += len(ms)
				}
				got := q.Receive(max)
				if len(got) != min(max, total) {
					t.Fatalf("%d messages, want %d of %d", len(got), max, total)
				}
				for _, d := range got {
					m := want[d.Group][0]
					want[d.Group] = want[d.Group][1:]
					if d.Body != m.body {
						t.Fatalf("received %s, want %s", d.Body, m.body)
					}
					m.receipt, m.received, m.visible = d.Receipt, clock.Now(), clock.Now().Add(5*time.Second)
					held[m.body] = m
				}
			},
			"delete": func(t *rapid.T) {
				m := any(t)
				err := q.Delete(m.receipt)
				if wasHeld := m.visible.After(clock.Now()); wasHeld != (err == nil) {
					t.Fatalf("held %v, but %v", wasHeld, err)
				}
				if err == nil {
					forget(m)
					delete(held, m.body)
				}
			},
			"hide": func(t *rapid.T) {
				m, d := any(t), time.Duration(rapid.IntRange(0, 9).Draw(t, "seconds"))*time.Second
				err := q.ChangeVisibility(m.receipt, d)
				if wasHeld := m.visible.After(clock.Now()); wasHeld != (err == nil) {
					t.Fatalf("held %v, but %v", wasHeld, err)
				}
				if err == nil {
					m.visible = clock.Now().Add(d)
				}
			},
			"wait": func(t *rapid.T) {
				clock.Wait(time.Duration(rapid.IntRange(1, 3).Draw(t, "seconds")) * time.Second)
			},
			"": func(t *rapid.T) {
				at, ok := q.Next()
				if now := len(model.receivable(clock.Now())) > 0; now != (ok && !at.After(clock.Now())) {
					t.Fatalf("something to receive: %v, next says %v %v", now, at, ok)
				}
			},
		})
	})
}

func TestManyConsumersAtOnceGetEveryMessageOnceAndInTheOrderOfItsGroup(t *testing.T) {
	q := memory.NewQueue(memory.QueueConfig{Now: storetest.NewClock().Now})
	const groups, each = 20, 30
	var mu sync.Mutex
	seen := map[string][]string{}
	var all sync.WaitGroup
	all.Go(func() {
		for n := range each {
			for g := range groups {
				send(t, q, entry(fmt.Sprintf("g%d", g), n))
			}
		}
	})
	for range 4 {
		all.Go(func() {
			for {
				got := q.Receive(10)
				mu.Lock()
				done := 0
				for _, d := range got {
					seen[d.Group] = append(seen[d.Group], d.Body)
				}
				for _, s := range seen {
					done += len(s)
				}
				mu.Unlock()
				for _, d := range got {
					if err := q.Delete(d.Receipt); err != nil {
						t.Error(err)
					}
				}
				if done == groups*each {
					return
				}
			}
		})
	}
	all.Wait()
	for g := range groups {
		name := fmt.Sprintf("g%d", g)
		var want []string
		for n := range each {
			want = append(want, entry(name, n).Body)
		}
		if got := seen[name]; !slices.Equal(got, want) {
			t.Errorf("group %s: %s", name, strings.Join(got, " "))
		}
	}
}

// The cost of a message is the same beside ten waiting groups and beside a hundred thousand of which half are in backoff.
func BenchmarkQueue(b *testing.B) {
	for _, groups := range []int{10, 100_000} {
		b.Run(fmt.Sprintf("beside %d groups", groups), func(b *testing.B) {
			clock := storetest.NewClock()
			q := memory.NewQueue(memory.QueueConfig{Now: clock.Now, Visibility: time.Hour})
			for g := range groups {
				send(b, q, entry(fmt.Sprintf("g%d", g), 0))
			}
			for range groups / 20 {
				q.Receive(10)
			}
			n := 1
			for b.Loop() {
				send(b, q, entry(fmt.Sprintf("h%d", n%groups), n))
				if err := q.Delete(q.Receive(1)[0].Receipt); err != nil {
					b.Fatal(err)
				}
				n++
				clock.Wait(time.Second)
			}
		})
	}
}
