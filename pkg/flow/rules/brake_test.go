package rules

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
)

// count counts n times and returns how often writing was allowed before it was not.
func (b *bench) count(t *testing.T, n, overwritten int, cleared ...crm.Field) int {
	t.Helper()
	for i := range n {
		ok, err := b.Count(t.Context(), "main", overwritten, cleared)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return i
		}
	}
	return n
}

func (b *bench) wantMode(t *testing.T, want crm.Mode) {
	t.Helper()
	if got, err := b.Mode(t.Context()); err != nil || got != want {
		t.Errorf("the mode is %q, %v; want %q", got, err, want)
	}
}

func TestTheTwentyFirstClearingOfAFieldPullsTheBrake(t *testing.T) {
	b := newBench(Settings{Start: crm.On})
	if n := b.count(t, 20, 1, "phone"); n != 20 {
		t.Fatalf("pulled after %d", n)
	}
	b.wantMode(t, crm.On)
	if n := b.count(t, 1, 1, "phone"); n != 0 {
		t.Fatal("the 21st clearing was let through")
	}
	b.wantMode(t, crm.Observe)
	if got := b.lines.String(); !strings.Contains(got, `"level":"ERROR"`) || !strings.Contains(got, "field phone was cleared 21 times in 10m0s") {
		t.Errorf("the log says %s", got)
	}
	r, err := b.rows.Get(t.Context(), "mode")
	if err != nil || string(r.Value) != "observe field phone was cleared 21 times in 10m0s" {
		t.Errorf("the row says %q, %v", r.Value, err)
	}
}

func TestEveryFieldAndConnectionIsCountedByItself(t *testing.T) {
	b := newBench(Settings{Start: crm.On})
	for _, f := range []crm.Field{"phone", "city", "email"} {
		if n := b.count(t, 20, 1, f); n != 20 {
			t.Errorf("%s: pulled after %d", f, n)
		}
	}
	if ok, err := b.Count(t.Context(), "second", 1, []crm.Field{"phone"}); !ok || err != nil {
		t.Errorf("another connection: %v, %v", ok, err)
	}
	if ok, err := b.Count(t.Context(), "main", 1, []crm.Field{"other", "phone"}); ok || err != nil {
		t.Errorf("one of two fields is over: %v, %v", ok, err)
	}
}

func TestTheRecordAfterTheLimitOfAnHourPullsTheBrake(t *testing.T) {
	b := newBench(Settings{Start: crm.On})
	if n := b.count(t, 4, 500); n != 4 {
		t.Fatalf("pulled after %d", n)
	}
	if n := b.count(t, 1, 0); n != 1 {
		t.Error("a record that was not overwritten counts")
	}
	b.wantMode(t, crm.On)
	if n := b.count(t, 1, 1); n != 0 {
		t.Error("record 2001 was let through")
	}
	b.wantMode(t, crm.Observe)
}

func TestTheLimitsAreSettings(t *testing.T) {
	b := newBench(Settings{Start: crm.On, Limits: Limits{Clearings: 1, Overwritten: 3}})
	if n := b.count(t, 9, 1); n != 3 {
		t.Errorf("records: pulled after %d", n)
	}
	if n := b.count(t, 9, 0, "phone"); n != 1 {
		t.Errorf("clearings: pulled after %d", n)
	}
}

func TestAnImportOverwritesAsMuchAsItLikesAndClearsNoMore(t *testing.T) {
	b := newBench(Settings{Start: crm.On})
	for _, row := range []string{noon.Add(time.Hour).Format(time.RFC3339), "rubbish"} {
		if err := b.rows.Set(t.Context(), "import", []byte(row)); err != nil {
			t.Fatal(err)
		}
		if n := b.count(t, 10, 1000); (n == 10) != (row != "rubbish") {
			t.Errorf("import until %s: pulled after %d", row, n)
		}
	}
	b = newBench(Settings{Start: crm.On})
	if err := b.rows.Set(t.Context(), "import", []byte(noon.Add(time.Hour).Format(time.RFC3339))); err != nil {
		t.Fatal(err)
	}
	if n := b.count(t, 30, 1, "phone"); n != 20 {
		t.Errorf("clearings: pulled after %d", n)
	}
	b = newBench(Settings{Start: crm.On})
	if err := b.rows.Set(t.Context(), "import", []byte(noon.Add(time.Hour).Format(time.RFC3339))); err != nil {
		t.Fatal(err)
	}
	b.now = noon.Add(time.Hour)
	if n := b.count(t, 10, 1000); n != 2 {
		t.Errorf("an import that is over: pulled after %d", n)
	}
}

// Windows are counted in twelve slots: what is a whole window old never counts, what is less than eleven twelfths old does.
func TestTheWindowSlides(t *testing.T) {
	limits := Limits{Clearings: 10, Overwritten: 10}
	for _, tt := range []struct {
		name   string
		after  time.Duration
		window time.Duration
		brakes bool
	}{
		{"clearings, at once", 0, ClearWindow, true},
		{"clearings, eleven twelfths later", ClearWindow*11/12 - time.Millisecond, ClearWindow, true},
		{"clearings, a window later", ClearWindow, ClearWindow, false},
		{"records, at once", 0, time.Hour, true},
		{"records, 54 minutes later", 54 * time.Minute, time.Hour, true},
		{"records, an hour later", time.Hour, time.Hour, false},
		{"records, a day later", 24 * time.Hour, time.Hour, false},
	} {
		for _, offset := range []time.Duration{0, 1, 17 * time.Second, 49 * time.Second, 299 * time.Second} {
			b := newBench(Settings{Start: crm.On, Limits: limits})
			b.now = noon.Add(offset)
			count := func(n int) int {
				if tt.window == ClearWindow {
					return b.count(t, n, 0, "phone")
				}
				return b.count(t, n, 1)
			}
			if n := count(10); n != 10 {
				t.Fatalf("%s: pulled after %d", tt.name, n)
			}
			b.now = b.now.Add(tt.after)
			if n := count(1); (n == 0) != tt.brakes {
				t.Errorf("%s from %s on: let through %v", tt.name, offset, n == 1)
			}
		}
	}
}

func TestAStoredCounterGoesWhenItsWindowIsOver(t *testing.T) {
	b := newBench(Settings{Start: crm.On})
	b.count(t, 1, 1, "phone")
	b.now = noon.Add(2 * time.Hour)
	for r := range b.table.All("config") {
		t.Errorf("%s stays", r.Key.Sort)
	}
}

func TestACounterThatCannotBeKeptIsAnErrorButACrowdIsNot(t *testing.T) {
	b := newBench(Settings{Start: crm.On})
	b.table.overtaken = 2
	if ok, err := b.Count(t.Context(), "main", 1, nil); !ok || err != nil {
		t.Errorf("overtaken twice: %v, %v", ok, err)
	}
	b.table.overtaken = 3
	if ok, err := b.Count(t.Context(), "main", 1, nil); !ok || err != nil {
		t.Errorf("overtaken all the time: %v, %v", ok, err)
	}
	for name, spoil := range map[string]func(){"reads": func() { b.table.noReads = true }, "writes": func() { b.table.noReads, b.table.noWrites = false, true }} {
		spoil()
		for _, cleared := range [][]crm.Field{nil, {"phone"}} {
			if ok, err := b.Count(t.Context(), "main", 1, cleared); ok || !errors.Is(err, errGone) {
				t.Errorf("no %s, %v cleared: %v, %v", name, cleared, ok, err)
			}
		}
	}
}

func TestABrakeThatCannotBeNotedStopsThisWriteAllTheSame(t *testing.T) {
	b := newBench(Settings{Start: crm.On, Limits: Limits{Clearings: 1, Overwritten: 1}})
	b.count(t, 1, 1)
	b.rows.Store = &switching{table: b.table}
	if ok, err := b.Count(t.Context(), "main", 1, nil); ok || !errors.Is(err, row.ErrConflict) {
		t.Errorf("%v, %v", ok, err)
	}
}

// desk is where rows for the mail are put.
type desk struct {
	mu   sync.Mutex
	rows []fault.Parked
	err  error
}

func (d *desk) Open(_ context.Context, rows ...fault.Parked) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rows = append(d.rows, rows...)
	return d.err
}

func TestAPullOfTheBrakeIsPutIntoTheMail(t *testing.T) {
	for _, tt := range []struct {
		name string
		pull func(*bench)
		want fault.Parked
	}{
		{"a field", func(b *bench) { b.count(t, 21, 1, "phone") }, fault.Parked{
			ID: "brake-1", Connection: "main", Field: "phone", Class: fault.Setup, Code: fault.CauseCleared,
			Message: "field phone was cleared 21 times in 10m0s", Hint: fault.HintBrake, Count: 21,
		}},
		{"records", func(b *bench) { b.count(t, 5, 500) }, fault.Parked{
			ID: "brake-1", Connection: "main", Class: fault.Setup, Code: fault.CauseOverwritten,
			Message: "2500 records were overwritten in an hour", Hint: fault.HintBrake, Count: 2500,
		}},
	} {
		d := &desk{}
		b := newBench(Settings{Start: crm.On})
		b.Parking = d
		tt.pull(b)
		if diff := cmp.Diff([]fault.Parked{tt.want}, d.rows); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestOfManyWhoPullAtOnceOneTellsAndTheNextPullIsToldAgain(t *testing.T) {
	d := &desk{}
	b := newBench(Settings{Start: crm.On, Limits: Limits{Clearings: 1, Overwritten: 1}})
	b.Parking = d
	b.count(t, 1, 1)
	var wg sync.WaitGroup
	for range 8 {
		other := New(&config.Rows{Store: b.table, Now: func() time.Time { return b.now }}, b.Settings, func() time.Time { return b.now }, b.log)
		other.Parking = d
		wg.Go(func() {
			if ok, err := other.Count(t.Context(), "main", 1, nil); ok && err == nil {
				return // a counter that a crowd is at is not counted
			} else if ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		})
	}
	wg.Wait()
	if n := strings.Count(b.lines.String(), "the brake was pulled"); n != 1 || len(d.rows) != 1 {
		t.Errorf("%d lines and %d rows", n, len(d.rows))
	}
	b.set(t, config.Mode, "on since 2026-11-03T12:00:00Z")
	b.now = b.now.Add(config.Fresh)
	b.count(t, 1, 1)
	if len(d.rows) != 2 || d.rows[0].ID == d.rows[1].ID {
		t.Errorf("%+v", d.rows)
	}
}

func TestWhomAPersonHasStoppedTheBrakeLeavesAlone(t *testing.T) {
	for _, row := range []string{"off paused 2026-11-03T11:59:30Z", "observe"} {
		d := &desk{}
		b := newBench(Settings{Start: crm.On, Limits: Limits{Clearings: 1, Overwritten: 1}})
		b.Parking = d
		b.count(t, 1, 1)
		operator := &config.Rows{Store: b.table, Now: func() time.Time { return b.now }}
		if err := operator.Set(t.Context(), config.Mode, []byte(row)); err != nil {
			t.Fatal(err)
		}
		if n := b.count(t, 1, 1); n != 0 {
			t.Error("the write was let through")
		}
		r, err := operator.Renew(t.Context(), config.Mode)
		if err != nil || string(r.Value) != row || len(d.rows) != 0 || b.lines.Len() != 0 {
			t.Errorf("%s became %q, %v; %d rows, %s", row, r.Value, err, len(d.rows), b.lines)
		}
	}
	b := newBench(Settings{Start: crm.On, Limits: Limits{Clearings: 1, Overwritten: 1}})
	b.count(t, 1, 1)
	b.set(t, config.Mode, "obsrve")
	if ok, err := b.Count(t.Context(), "main", 1, nil); ok || err == nil {
		t.Errorf("a mode that is none: %v, %v", ok, err)
	}
}

func TestAPullThatTheMailCannotTellStopsTheStackAllTheSame(t *testing.T) {
	b := newBench(Settings{Start: crm.On, Limits: Limits{Clearings: 1, Overwritten: 1}})
	b.Parking = &desk{err: errGone}
	b.count(t, 1, 1)
	if ok, err := b.Count(t.Context(), "main", 1, nil); ok || !errors.Is(err, errGone) || !strings.Contains(err.Error(), "the mail does not tell it") {
		t.Errorf("%v, %v", ok, err)
	}
	b.wantMode(t, crm.Observe)
}

func TestWhyTheBrakeWasPulledIsKnownUntilItIsLetGo(t *testing.T) {
	b := newBench(Settings{Start: crm.On})
	for _, tt := range []struct{ row, want string }{
		{"", ""},
		{"observe field phone was cleared 21 times in 10m0s", "field phone was cleared 21 times in 10m0s"},
		{"observe", ""},
		{"on since 2026-11-03T12:00:00Z", ""},
		{"off paused 2026-11-03T12:00:00Z", ""},
		{"off paused 2026-11-03T12:00:00Z 2,001 records in 1h0m0s", "2,001 records in 1h0m0s"},
		{"observe paused 2026-11-03T12:00:00Z", ""},
		{"observe paused 2026-11-03T12:00:00Z 2,001 records in 1h0m0s", "2,001 records in 1h0m0s"},
		{"off", ""},
	} {
		if tt.row != "" {
			b.set(t, config.Mode, tt.row)
		}
		if why, err := b.Brake(t.Context()); why != tt.want || err != nil {
			t.Errorf("%q: %q, %v", tt.row, why, err)
		}
	}
	down := newBench(Settings{})
	down.table.noReads = true
	if _, err := down.Brake(t.Context()); !errors.Is(err, errGone) {
		t.Error(err)
	}
}

func TestTheSameCountsAreStoredAsTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.MapOf(rapid.Int64(), rapid.Int()).Draw(t, "counts")
		first := encodeCounts(counts)
		if !bytes.Equal(first, encodeCounts(maps.Clone(counts))) {
			t.Fatal("two encodings")
		}
		if got := decodeCounts(first); !maps.Equal(got, counts) {
			t.Fatalf("%v comes back as %v", counts, got)
		}
	})
}

func FuzzDecodeCounts(f *testing.F) {
	f.Add([]byte{})
	f.Add(encodeCounts(map[int64]int{1: 2, math.MinInt64: math.MaxInt, 29_000_000: 20}))
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, in []byte) {
		got := decodeCounts(in)
		if len(got) > len(in)/2 {
			t.Fatalf("%d counts out of %d bytes", len(got), len(in))
		}
		if again := decodeCounts(encodeCounts(got)); !maps.Equal(again, got) {
			t.Fatalf("%v is stored as %v", got, again)
		}
	})
}
