package counting_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
)

func (b *bench) total(t *testing.T) (sum conversion.Counts) {
	t.Helper()
	for _, c := range book(t, &b.Counter, noon.Add(-8*24*time.Hour), noon.Add(40*24*time.Hour)) {
		sum, _ = sum.Plus(c)
	}
	return sum
}

func TestWhatIsOneEventAndWhatAreTwo(t *testing.T) {
	hour := func(e *conversion.Event) { e.At = noon }
	for name, tt := range map[string]struct {
		subs func(b *bench) []submission.Submission
		want string
	}{
		"the same event twice": {func(b *bench) []submission.Submission {
			return []submission.Submission{b.purchase(hour), b.purchase(hour)}
		}, "[unico duplicato]"},
		"three times in one batch": {func(b *bench) []submission.Submission {
			return []submission.Submission{b.purchase(hour), b.purchase(hour), b.purchase(hour)}
		}, "[unico duplicato duplicato]"},
		"the same message again": {func(b *bench) []submission.Submission { s := b.purchase(hour); return []submission.Submission{s, s} }, "[unico ripetizione]"},
		"a repeat whose message comes again": {func(b *bench) []submission.Submission {
			a, s := b.purchase(hour), b.purchase(hour)
			return []submission.Submission{a, s, s}
		}, "[unico duplicato ripetizione]"},
		"the same id for another event": {func(b *bench) []submission.Submission {
			return []submission.Submission{b.purchase(named("order-0001")), b.purchase(func(e *conversion.Event) { e.ID, e.Value = "order-0001", 1 })}
		}, "[unico conflitto]"},
		"two types in the same millisecond": {func(b *bench) []submission.Submission {
			return []submission.Submission{b.purchase(hour), b.purchase(func(e *conversion.Event) { e.At, e.Type = noon, conversion.DemoRequest })}
		}, "[unico unico]"},
		"the same id of two tenants": {func(b *bench) []submission.Submission {
			a, s := b.purchase(named("order-0001")), b.purchase(named("order-0001"))
			s.Tenant = "other"
			return []submission.Submission{a, s}
		}, "[unico unico]"},
		"two purchases of a client, 3 min apart": {func(b *bench) []submission.Submission {
			return []submission.Submission{b.purchase(hour), b.purchase(func(e *conversion.Event) { e.At = noon.Add(-3 * time.Minute) })}
		}, "[unico unico]"},
	} {
		b := newBench()
		if got := fmt.Sprint(b.apply(t, tt.subs(b)...)); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestARepeatIsOneMinutesHoursAndDaysLaterUntilTheMarkerEnds(t *testing.T) {
	b := newBench()
	b.apply(t, b.purchase(named("order-0001")))
	for _, later := range []time.Duration{5 * time.Second, 6 * time.Minute, 2 * time.Hour, 6 * 24 * time.Hour} {
		b.now = noon.Add(later)
		if got := b.apply(t, b.purchase(func(e *conversion.Event) { e.ID, e.At = "order-0001", noon })); got[0] != "duplicato" {
			t.Errorf("after %v: %s", later, got)
		}
	}
	if sum := b.total(t); sum.Completed != 1 || sum.Duplicates != 4 {
		t.Errorf("%+v", sum)
	}
	b.now = noon.Add(conversion.MarkerLife)
	if got := b.apply(t, b.purchase(named("order-0001"))); got[0] != "unico" {
		t.Errorf("after the marker's end: %s", got)
	}
}

func TestAConflictLiesAmongTheErrorsAndCannotBeReplayed(t *testing.T) {
	b := newBench()
	b.apply(t, b.purchase(named("order-0001")))
	second := b.purchase(func(e *conversion.Event) { e.ID, e.Value = "order-0001", 1 })
	b.apply(t, second)
	errs, err := b.Errors(t.Context(), "", 10)
	if err != nil || len(errs) != 1 || errs[0].Ingestion != second.Ingestion || errs[0].Reason != counting.ReasonConflict {
		t.Fatalf("%v, %v", errs, err)
	}
	if got, err := submission.Open(errs[0].Body); err != nil || got != second {
		t.Errorf("kept %+v, %v", got, err)
	}
	if _, err := b.Replay(t.Context(), second.Ingestion); !errors.Is(err, counting.ErrNotReplayable) {
		t.Errorf("replayed: %v", err)
	}
	if sum := b.total(t); sum.Completed != 1 || sum.Conflicts != 1 || sum.Value["EUR"].Cents != 1999 {
		t.Errorf("%+v", sum)
	}
}

func TestSomebodyElseInTheWayIsWaitedForThreeTimes(t *testing.T) {
	for _, tt := range []struct {
		failures, waits int
		ok              bool
	}{{0, 0, true}, {1, 1, true}, {2, 2, true}, {3, 2, false}} {
		for _, why := range []error{row.ErrConflict, throttled} {
			b := newBench()
			left := tt.failures
			b.Store = &faulty{Store: b.rows, before: func() error {
				if left--; left >= 0 {
					return why
				}
				return nil
			}}
			var waits []time.Duration
			sleep := b.Sleep
			b.Sleep = func(ctx context.Context, d time.Duration) error { waits = append(waits, d); return sleep(ctx, d) }
			_, err := b.Apply(t.Context(), b.purchase(nil))
			if (err == nil) != tt.ok || len(waits) != tt.waits || !tt.ok && !errors.Is(err, why) {
				t.Errorf("%d failures: %v after %v", tt.failures, err, waits)
			}
			for _, w := range waits {
				if w < 50*time.Millisecond || w > 400*time.Millisecond {
					t.Errorf("waited %v", w)
				}
			}
		}
	}
}

func TestAConnectionThatBreaksIsTriedAgainOnTheSpotAndOneThatHangsIsNot(t *testing.T) {
	for hangs, want := range map[time.Duration]int{0: counting.QuickTries, 200 * time.Millisecond: counting.QuickTries, time.Second: 1, 3 * time.Second: 1} {
		b, calls := newBench(), 0
		b.Store = &faulty{Store: b.rows, before: func() error {
			calls++
			b.now = b.now.Add(hangs)
			return errLost
		}}
		if _, err := b.Apply(t.Context(), b.purchase(nil)); !errors.Is(err, errLost) || calls != want {
			t.Errorf("%v after %d calls of %v, want %d", err, calls, hangs, want)
		}
	}
}

func TestAChannelInQuarantineIsKeptAndCountedAsSuchUntilItIsReleasedOnce(t *testing.T) {
	for _, release := range []bool{true, false} {
		b := newBench()
		if err := b.Quarantine(t.Context(), tenant, conversion.Webform); err != nil {
			t.Fatal(err)
		}
		for range 25 {
			b.now = b.now.Add(time.Second)
			b.apply(t, b.purchase(nil))
		}
		b.apply(t, b.purchase(func(e *conversion.Event) { e.Channel = conversion.Email }))
		if sum := b.total(t); sum.Quarantined != 25 || sum.Completed != 1 || sum.Value["EUR"].Cents != 1999 {
			t.Fatalf("held: %+v", sum)
		}
		before := b.total(t).Checksum
		if err := b.Lift(t.Context(), tenant, conversion.Webform, release); err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(time.Second)
		b.apply(t, b.purchase(func(e *conversion.Event) { e.Channel = conversion.Email }))
		lost := true
		b.Store = &faulty{Store: b.rows, after: func() error { // the answer of every other write is lost
			if lost = !lost; lost {
				return errLost
			}
			return nil
		}}
		for range 10 {
			_, _ = b.Release(t.Context(), tenant, conversion.Webform, 7) // what failed is done by the next one
		}
		b.Store = b.rows
		want := int64(0)
		if release {
			want = 25
		}
		sum := b.total(t)
		if sum.Completed != 2+want || sum.Quarantined != 25-want || sum.Value["EUR"].N != 2+want {
			t.Errorf("released %t: %+v", release, sum)
		}
		ledger, err := b.Ledger(t.Context(), tenant, conversion.WindowOf(noon), conversion.WindowOf(noon)+10)
		if d := conversion.Compare(ledger, book(t, &b.Counter, noon, noon.Add(time.Hour))); err != nil || len(d) > 0 {
			t.Errorf("ledger and counters: %v, %v", d, err)
		}
		if before == (conversion.Checksum{}) || strings.HasPrefix(sum.Checksum.String(), "-") {
			t.Errorf("checksum %s", sum.Checksum)
		}
	}
}

func TestAnEventThatWasJudgedInQuarantineAndWrittenBehindItsEndIsReleasedToo(t *testing.T) {
	b := newBench()
	_ = b.Quarantine(t.Context(), tenant, conversion.Webform)
	z := &frozen{Store: b.rows}
	b.Store = z
	_, _ = b.Apply(t.Context(), b.purchase(nil)) // judged, and frozen before it is written
	b.Store = b.rows
	if err := b.Lift(t.Context(), tenant, conversion.Webform, true); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if n, err := b.Release(t.Context(), tenant, conversion.Webform, 100); n != 0 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if err := b.rows.Put(t.Context(), z.puts...); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Release(t.Context(), tenant, conversion.Webform, 100); n != 1 || err != nil {
		t.Errorf("released %d, %v", n, err)
	}
	if sum := b.total(t); sum.Completed != 1 || sum.Quarantined != 0 {
		t.Errorf("%+v", sum)
	}
	b.now = b.now.Add(counting.Settling)
	_, _ = b.Release(t.Context(), tenant, conversion.Webform, 100)
	if n, err := b.Release(t.Context(), tenant, conversion.Webform, 100); n != 0 || err != nil {
		t.Errorf("after the end: %d, %v", n, err)
	}
}

// The keys of the counters do not tell the number of shards: it may be raised while events come.
func TestMoreShardsCountTheSame(t *testing.T) {
	b := newBench()
	for i := range 40 {
		b.Shards = 4 + i/20*12
		b.now = b.now.Add(time.Second)
		b.apply(t, b.purchase(func(e *conversion.Event) { e.Client = fmt.Sprintf("CLIENTE-ROMA-%06d", i%10) }))
	}
	if sum := b.total(t); sum.Completed != 40 || sum.Value["EUR"].Cents != 40*1999 {
		t.Errorf("%+v", sum)
	}
}
