package config_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
)

var (
	noon    = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	errGone = errors.New("table gone")
)

// bench is two processes that share one table.
type bench struct {
	now   time.Time
	table *table
	one   *config.Rows
	other *config.Rows
}

// table counts its reads and can be down; it lets others overtake a number of writes.
type table struct {
	*memory.Rows
	mu        sync.Mutex
	reads     int
	noReads   bool
	noWrites  bool
	overtaken int
}

func (s *table) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.noReads {
		return nil, errGone
	}
	return s.Rows.Get(ctx, keys...)
}

func (s *table) Put(ctx context.Context, puts ...row.Put) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noWrites {
		return errGone
	}
	if s.overtaken > 0 {
		s.overtaken--
		p := puts[0]
		p.Value = []byte("somebody else's")
		if err := s.Rows.Put(ctx, p); err != nil {
			return err
		}
	}
	return s.Rows.Put(ctx, puts...)
}

func newBench() *bench {
	b := &bench{now: noon}
	clock := func() time.Time { return b.now }
	b.table = &table{Rows: memory.NewRows(clock)}
	b.one, b.other = &config.Rows{Store: b.table, Now: clock}, &config.Rows{Store: b.table, Now: clock}
	return b
}

func want(t *testing.T, when string, r *config.Rows, text string) {
	t.Helper()
	if got, err := r.Get(t.Context(), config.Mode); err != nil || string(got.Value) != text {
		t.Errorf("%s: %q, %v; want %q", when, got.Value, err, text)
	}
}

func set(t *testing.T, r *config.Rows, text string) {
	t.Helper()
	if err := r.Set(t.Context(), config.Mode, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestARowIsKeptForAMinute(t *testing.T) {
	b := newBench()
	set(t, b.one, "off")
	want(t, "at first", b.other, "off")
	set(t, b.one, "on")
	want(t, "the one who wrote, at once", b.one, "on")
	b.now = noon.Add(config.Fresh - 1)
	want(t, "the other, within the minute", b.other, "off")
	reads := b.table.reads
	want(t, "the other, once more", b.other, "off")
	if b.table.reads != reads {
		t.Error("a fresh row was read again")
	}
	b.now = noon.Add(config.Fresh)
	want(t, "the other, after a minute", b.other, "on")
}

func TestThatThereIsNoRowIsKeptTooAndIsNoError(t *testing.T) {
	b := newBench()
	for range 3 {
		if r, err := b.one.Get(t.Context(), config.Mapping); err != nil || r.Version != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if b.table.reads != 1 {
		t.Errorf("%d reads", b.table.reads)
	}
}

func TestTheLastGoodRowServesWhileTheTableIsDown(t *testing.T) {
	b := newBench()
	set(t, b.one, "observe")
	b.table.noReads = true
	b.now = noon.Add(24 * time.Hour)
	want(t, "a day later", b.one, "observe")
	if _, err := b.other.Get(t.Context(), config.Mode); !errors.Is(err, errGone) || !strings.Contains(err.Error(), "config.Get mode") {
		t.Errorf("one that never read it: %v", err)
	}
	b.table.noReads = false
	set(t, b.other, "on")
	want(t, "when the table is back", b.one, "on")
}

func TestSetWinsOverOthersAndSaysWhenItCannot(t *testing.T) {
	b := newBench()
	b.table.overtaken = 4
	set(t, b.one, "on")
	want(t, "overtaken four times", b.one, "on")
	b.table.overtaken = 5
	if err := b.one.Set(t.Context(), config.Mode, []byte("off")); !errors.Is(err, row.ErrConflict) {
		t.Errorf("overtaken five times: %v", err)
	}
	b.table.noWrites = true
	if err := b.one.Set(t.Context(), config.Mode, []byte("off")); !errors.Is(err, errGone) || !strings.Contains(err.Error(), "config.Set mode") {
		t.Errorf("no writes: %v", err)
	}
	b.table.noReads = true
	if err := b.one.Set(t.Context(), config.Mode, []byte("off")); !errors.Is(err, errGone) {
		t.Errorf("no reads: %v", err)
	}
	want(t, "what was not written is not used", b.one, "on")
}

func TestOfTwoWhoReadTheSameRowOneSwapsIt(t *testing.T) {
	b := newBench()
	for _, begin := range []string{"", "on"} {
		if begin != "" {
			set(t, b.one, begin)
		}
		mine, err := b.one.Renew(t.Context(), config.Mode)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := b.other.Renew(t.Context(), config.Mode)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := b.one.Swap(t.Context(), config.Mode, mine, []byte("observe one")); !ok || err != nil {
			t.Errorf("from %q: %v, %v", begin, ok, err)
		}
		if ok, err := b.other.Swap(t.Context(), config.Mode, theirs, []byte("observe other")); ok || err != nil {
			t.Errorf("from %q, the other: %v, %v", begin, ok, err)
		}
		want(t, "at once", b.one, "observe one")
	}
	b.table.noWrites = true
	if ok, err := b.one.Swap(t.Context(), config.Mode, row.Row{}, []byte("off")); ok || !errors.Is(err, errGone) || !strings.Contains(err.Error(), "config.Swap mode") {
		t.Errorf("no writes: %v, %v", ok, err)
	}
	want(t, "what was not written is not used", b.one, "observe one")
}

func TestTheRowsMayBeUsedByManyAtOnce(t *testing.T) {
	b := newBench()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			_ = b.one.Set(t.Context(), config.Mode, []byte(fmt.Sprint(i)))
			_, _ = b.one.Get(t.Context(), config.Mode)
		})
	}
	wg.Wait()
	kept, err := b.one.Get(t.Context(), config.Mode)
	stored, err2 := b.other.Get(t.Context(), config.Mode)
	if errors.Join(err, err2) != nil || string(kept.Value) != string(stored.Value) || kept.Version != 16 {
		t.Errorf("kept %+v, stored %+v", kept, stored)
	}
}

func TestTheDoorReadsTheNamesThatThePublisherWrote(t *testing.T) {
	b := newBench()
	if names, err := b.one.Properties(t.Context(), crm.Zoho); err != nil || names != nil {
		t.Errorf("before they were published: %v, %v", names, err)
	}
	named := map[crm.System]map[crm.Module][]string{
		crm.HubSpot: {crm.Contacts: {"email", "firstname"}, crm.Companies: {"domain"}},
		crm.Zoho:    {crm.Contacts: {"Email", "First_Name"}, crm.Companies: {}},
	}
	value := config.FieldsRow(func(s crm.System, m crm.Module) []string {
		names := slices.Clone(named[s][m])
		slices.Reverse(names)
		return names
	})
	if got, want := string(value), "hubspot contact email firstname\nhubspot company domain\nzoho contact Email First_Name\nzoho company \n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := b.one.Set(t.Context(), config.Fields, value); err != nil {
		t.Fatal(err)
	}
	for sys, want := range named {
		maps := map[crm.Module][]string{}
		for m, names := range want {
			if len(names) > 0 {
				maps[m] = names
			}
		}
		if got, err := b.one.Properties(t.Context(), sys); err != nil || cmp.Diff(maps, got) != "" {
			t.Errorf("%s: %v, %v", sys, got, err)
		}
	}
	b.table.noReads = true
	if _, err := b.other.Properties(t.Context(), crm.Zoho); !errors.Is(err, errGone) {
		t.Errorf("the table is down: %v", err)
	}
}

func TestTheNamesAreReadOnceUntilTheRowChanges(t *testing.T) {
	b := newBench()
	publish := func(text string) {
		t.Helper()
		if err := b.one.Set(t.Context(), config.Fields, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	publish("zoho contact Email Phone\n")
	ask := func() { _, _ = b.one.Properties(t.Context(), crm.Zoho) }
	ask()
	if n := testing.AllocsPerRun(100, ask); n > 0 {
		t.Errorf("%v allocations for a row that was read before", n)
	}
	publish("zoho contact Email\n")
	names, err := b.one.Properties(t.Context(), crm.Zoho)
	if want := []string{"Email"}; err != nil || !slices.Equal(names[crm.Contacts], want) {
		t.Errorf("after a change: %v, %v", names, err)
	}
}

func FuzzProperties(f *testing.F) {
	f.Add("hubspot contact email\n")
	f.Add("zoho company\n\n x\n")
	f.Fuzz(func(t *testing.T, text string) {
		b := newBench()
		if err := b.one.Set(t.Context(), config.Fields, []byte(text)); err != nil {
			t.Skip() // a row that no table takes
		}
		got, err := b.one.Properties(t.Context(), crm.HubSpot)
		if err != nil {
			t.Fatal(err)
		}
		for m, names := range got {
			for _, n := range names {
				if n == "" || strings.ContainsAny(n, " \n") {
					t.Fatalf("%s has a property %q", m, n)
				}
			}
		}
	})
}

func BenchmarkProperties(b *testing.B) {
	bench := newBench()
	value := config.FieldsRow(func(crm.System, crm.Module) []string {
		return strings.Fields("Email Secondary_Email First_Name Last_Name Phone Mobile Fax Title Department Mailing_Street Mailing_City Mailing_Zip")
	})
	if err := bench.one.Set(b.Context(), config.Fields, value); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bench.one.Properties(b.Context(), crm.Zoho); err != nil {
			b.Fatal(err)
		}
	}
}
