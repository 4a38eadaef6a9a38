package counting_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
)

// frozen takes one transaction and does not carry it out.
type frozen struct {
	counting.Store
	puts []row.Put
}

func (f *frozen) Put(_ context.Context, puts ...row.Put) error {
	f.puts = slices.Clone(puts)
	return errLost
}

func TestMessagesAreCountedAndAcknowledged(t *testing.T) {
	b := newBench()
	c, h := b.consumer()
	ds := deliver(b.purchase(nil), b.purchase(func(e *conversion.Event) { e.Channel = conversion.Email }))
	if back := c.Handle(t.Context(), ds); back == nil || len(back) > 0 || len(h.waits) > 0 {
		t.Errorf("%v, %v", back, h.waits)
	}
	if sum := b.total(t); sum.Completed != 2 {
		t.Errorf("%+v", sum)
	}
}

func TestAMessageThatCannotBeReadGoesToTheErrorsAndStopsNobody(t *testing.T) {
	b := newBench()
	c, h := b.consumer()
	ds := deliver(b.purchase(nil), b.purchase(nil), b.purchase(named("order-0001")))
	ds[1].Body = `{"V":1}`
	if back := c.Handle(t.Context(), ds); len(back) > 0 || len(h.waits) > 0 {
		t.Errorf("%v, %v", back, h.waits)
	}
	errs, err := b.Errors(t.Context(), "", 0)
	if err != nil || len(errs) != 1 || errs[0].Reason != counting.ReasonUnreadable || errs[0].Ingestion != ds[1].ID || errs[0].Body != ds[1].Body {
		t.Errorf("%+v, %v", errs, err)
	}
	if sum := b.total(t); sum.Completed != 2 {
		t.Errorf("%+v", sum)
	}
}

func TestAMessageOfALaterVersionHoldsItsGroupAndNoOther(t *testing.T) {
	b := newBench()
	c, h := b.consumer()
	ds := deliver(b.purchase(nil), b.purchase(nil), b.purchase(named("order-0001")), b.purchase(named("order-0002")))
	ds[1].Body = strings.Replace(ds[1].Body, `"V":1`, `"V":9`, 1)
	ds[3].Group = "c-1"
	back := c.Handle(t.Context(), ds)
	if fmt.Sprint(back) != fmt.Sprint([]string{ds[1].ID, ds[2].ID}) {
		t.Errorf("%v", back)
	}
	if len(h.waits) != 2 || h.waits[0].For < 24*time.Second || h.waits[0].For > 36*time.Second || h.waits[1].For != 0 {
		t.Errorf("%v", h.waits)
	}
}

func TestAnOutageIsCountedAgainstNobodyAndTheWaitsGrow(t *testing.T) {
	b := newBench()
	c, h := b.consumer()
	c.Schedule = conversion.Fixed
	b.Store = &faulty{Store: b.rows, before: func() error { return errLost }}
	ds := deliver(b.purchase(nil))
	for receives := range 40 {
		ds[0].Receives = receives + 1
		if back := c.Handle(t.Context(), ds); len(back) != 1 {
			t.Fatal("an outage ended a message")
		}
	}
	c.Schedule, h.waits = conversion.Exponential, nil
	for receives := range 7 {
		ds[0].Receives = receives + 1
		c.Handle(t.Context(), ds)
	}
	for i, w := range h.waits {
		middle := 30 * time.Second << min(i, 4)
		if w.For < middle*4/5 || w.For > middle*6/5 {
			t.Errorf("receive %d waits %v", i+1, w.For)
		}
	}
	b.Store = b.rows
	if back := c.Handle(t.Context(), ds); len(back) > 0 || b.total(t).Completed != 1 {
		t.Errorf("%v", back)
	}
}

// spiteful refuses every transaction with the row of one request in it.
type spiteful struct {
	counting.Store
	request string
	panics  bool
}

func (s *spiteful) Put(ctx context.Context, puts ...row.Put) error {
	for _, p := range puts {
		if strings.HasPrefix(p.Key.Part, "E#") && strings.HasSuffix(p.Key.Sort, s.request) {
			if s.panics {
				panic("CLIENTE-ITALIA-789456")
			}
			return &fault.Error{Op: "store", Kind: fault.Ours, Code: "ValidationException"}
		}
	}
	return s.Store.Put(ctx, puts...)
}

func TestAMessageAtFaultIsTriedFiveTimesMoreThenLiesAmongTheErrorsUntilItIsReplayed(t *testing.T) {
	for _, panics := range []bool{false, true} {
		b := newBench()
		c, h := b.consumer()
		lines := &bytes.Buffer{}
		c.Log = slog.New(slog.NewTextHandler(lines, nil))
		good, bad, behind := b.purchase(named("order-0001")), b.purchase(named("order-0002")), b.purchase(named("order-0003"))
		s := &spiteful{Store: b.rows, request: bad.Ingestion, panics: panics}
		b.Store = s
		ds := deliver(good, bad, behind)
		for try := range conversion.Retries {
			if back := c.Handle(t.Context(), ds); len(back) != 2 || back[0] != ds[1].ID {
				t.Fatalf("try %d: back %v", try+1, back)
			}
		}
		if back := c.Handle(t.Context(), ds); len(back) > 0 {
			t.Fatalf("at the end: %v", back)
		}
		for i, w := range slices.DeleteFunc(h.waits, func(w batch.Wait) bool { return w.Receipt != ds[1].Receipt }) {
			if middle := 30 * time.Second << i; w.For < middle*4/5 || w.For > middle*6/5 {
				t.Errorf("retry %d waits %v", i+1, w.For)
			}
		}
		errs, err := b.Errors(t.Context(), "", 0)
		if err != nil || len(errs) != 1 || errs[0].Ingestion != bad.Ingestion || errs[0].Tries != 6 || errs[0].Reason != counting.ReasonExhausted {
			t.Errorf("%+v, %v", errs, err)
		}
		if strings.Contains(lines.String(), "789456") {
			t.Errorf("a client in the log: %s", lines)
		}
		b.Store = b.rows
		for i, want := range []conversion.Verdict{conversion.Unique} {
			if v, err := b.Replay(t.Context(), bad.Ingestion); err != nil || v != want {
				t.Errorf("replay %d: %v, %v", i, v, err)
			}
		}
		if _, err := b.Replay(t.Context(), bad.Ingestion); err == nil {
			t.Error("replayed twice")
		}
		if sum := b.total(t); sum.Completed != 3 {
			t.Errorf("%+v", sum)
		}
	}
}

// An event that lies among the errors may be sent again and counted meanwhile, or lie there twice, and be replayed for as long as
// errors are kept, which is longer than its marker.
func TestAReplayNeverCountsTwiceHoweverLateItComes(t *testing.T) {
	for _, days := range []int{20, 40, 80} {
		b := newBench()
		c, _ := b.consumer()
		first, again := b.purchase(named("order-0001")), b.purchase(named("order-0001"))
		unnamed, neighbour := b.purchase(nil), b.purchase(func(e *conversion.Event) { e.Value = 1 }) // of one client and one instant
		for _, s := range []submission.Submission{first, again, unnamed, neighbour} {
			b.Store = &spiteful{Store: b.rows, request: s.Ingestion}
			for range conversion.Retries + 1 {
				c.Handle(t.Context(), deliver(s))
			}
		}
		b.Store = b.rows
		sent := unnamed
		sent.Ingestion = "r-sent-again"
		if got := b.apply(t, sent); got[0] != "unico" {
			t.Fatalf("sent again: %s", got)
		}
		if v, err := b.Replay(t.Context(), again.Ingestion); v != conversion.Unique || err != nil {
			t.Fatalf("one of the two: %v, %v", v, err)
		}
		b.now = b.now.Add(time.Duration(days) * 24 * time.Hour)
		b.Shards *= 2
		for request, want := range map[string]conversion.Verdict{
			first.Ingestion: conversion.Duplicate, unnamed.Ingestion: conversion.Duplicate, neighbour.Ingestion: conversion.Unique,
		} {
			if v, err := b.Replay(t.Context(), request); v != want || err != nil {
				t.Errorf("%d days later %s is %v, %v; want %v", days, request, v, err, want)
			}
		}
		if sum := b.total(t); sum.Completed != 3 || sum.Duplicates != 2 {
			t.Errorf("%d days later: %+v", days, sum)
		}
		if left, err := b.Errors(t.Context(), "", 0); err != nil || len(left) > 0 {
			t.Errorf("%d days later %d are left, %v", days, len(left), err)
		}
	}
}

// The row of the errors outlives its event's being counted when the function dies between the two.
func TestAReplayThatDiedBehindItsCountIsFinishedByALaterOne(t *testing.T) {
	b := newBench()
	c, _ := b.consumer()
	bad := b.purchase(named("order-0001"))
	b.Store = &spiteful{Store: b.rows, request: bad.Ingestion}
	for range conversion.Retries + 1 {
		c.Handle(t.Context(), deliver(bad))
	}
	b.Store = b.rows
	b.apply(t, bad)
	b.now = b.now.Add(conversion.MarkerLife)
	if v, err := b.Replay(t.Context(), bad.Ingestion); v != conversion.Repetition || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	if sum := b.total(t); sum.Completed != 1 || sum.Duplicates != 0 {
		t.Errorf("%+v", sum)
	}
}

func TestWithoutTimeNothingIsStarted(t *testing.T) {
	b := newBench()
	c, h := b.consumer()
	c.Left = func(context.Context) time.Duration { return counting.Enough - 1 }
	ds := deliver(b.purchase(nil), b.purchase(nil))
	if back := c.Handle(t.Context(), ds); len(back) != 2 || h.waits[0].For != 0 {
		t.Errorf("%v, %v", back, h.waits)
	}
}

func TestTheLineOfAMessageThatGoesAgainTellsHowLongItWaits(t *testing.T) {
	b := newBench()
	c, _ := b.consumer()
	lines := &bytes.Buffer{}
	c.Log = slog.New(slog.NewTextHandler(lines, nil))
	b.Store = &faulty{Store: b.rows, before: func() error { return errLost }}
	ds := deliver(b.purchase(nil))
	ds[0].Sent = b.Now().Add(-90 * time.Minute)
	c.Handle(t.Context(), ds)
	if !strings.Contains(lines.String(), "ending=again") || !strings.Contains(lines.String(), "age_ms=5400") {
		t.Errorf("%s", lines)
	}
	lines.Reset()
	c.Handle(t.Context(), deliver(b.purchase(nil)))
	if strings.Contains(lines.String(), "age_ms") {
		t.Errorf("nobody knows when it was sent: %s", lines)
	}
}

func TestTheLineOfAnEventTellsHowFarItsSendersClockIsOff(t *testing.T) {
	for _, tt := range []struct {
		off  time.Duration
		want string
	}{
		{90 * time.Second, "ahead_ms=90000 behind_ms=0"}, {-3 * time.Second, "ahead_ms=0 behind_ms=3000"}, {0, "ahead_ms=0 behind_ms=0"},
	} {
		b := newBench()
		c, _ := b.consumer()
		lines := &bytes.Buffer{}
		c.Log = slog.New(slog.NewTextHandler(lines, nil))
		c.Handle(t.Context(), deliver(b.purchase(func(e *conversion.Event) { e.At = e.At.Add(tt.off) })))
		if !strings.Contains(lines.String(), tt.want) {
			t.Errorf("%s off, want %s: %s", tt.off, tt.want, lines)
		}
	}
}
