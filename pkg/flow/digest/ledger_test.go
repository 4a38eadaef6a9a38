package digest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

func TestARowComesBackAsItWasOpened(t *testing.T) {
	b := newBench()
	full := fault.Parked{
		ID: "p1", Connection: "main", Operation: "op1", Verb: crm.Create, Kind: crm.Company,
		Record:   crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: "12"},
		Target:   crm.Zoho,
		TargetID: crm.ID{System: crm.Zoho, Module: crm.Companies, Key: "4876876000000333013"},
		Other:    crm.ID{System: crm.Zoho, Module: crm.Leads, Key: "4876876000000333014"},
		Field:    "phone", Property: "Phone", Class: fault.Conflict, Code: "DUPLICATE_DATA", Message: "duplicate data",
		Hint: fault.HintDuplicate, GoneAt: noon.Add(-25 * time.Hour), Count: 2, First: noon.Add(-time.Hour), Last: noon.Add(-time.Minute),
		RetryAt: noon.Add(time.Hour), MailAfter: noon.Add(24 * time.Hour),
	}
	bare := fault.Parked{Record: contact("7"), Class: fault.Ours}
	b.open(t, full, bare)

	bare.ID = identity(bare)
	bare.Count, bare.First, bare.Last = 1, noon, noon
	if d := cmp.Diff([]fault.Parked{bare, full}, b.list(t)); d != "" {
		t.Error(d)
	}
}

func TestARepeatCountsUpAndDoesNotOpenAnother(t *testing.T) {
	b := newBench()
	first := parked("7", "phone")
	first.TargetID = crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "9"}
	b.open(t, first)
	b.now = noon.Add(time.Hour)
	second := parked("7", "phone")
	second.Operation, second.Message, second.RetryAt = "op2", "still invalid", b.now.Add(time.Hour)
	b.open(t, second, second)

	got := b.list(t)
	if len(got) != 1 {
		t.Fatalf("%d rows, want 1", len(got))
	}
	want := second
	want.ID = identity(second)
	want.Count, want.First, want.Last, want.TargetID, want.RetryAt = 3, noon, b.now, first.TargetID, b.now.Add(6*time.Hour)
	if d := cmp.Diff(want, got[0]); d != "" {
		t.Error(d)
	}
}

func TestARowThatIsNotToBeTriedAgainIsNotHoweverOftenItRepeats(t *testing.T) {
	b := newBench()
	b.open(t, parked("7", "phone"))
	b.now = noon.Add(time.Hour)
	b.open(t, parked("7", "phone"))
	if got := b.list(t); len(got) != 1 || got[0].Count != 2 || !got[0].RetryAt.IsZero() {
		t.Errorf("%+v", got)
	}
}

func TestAnotherFieldReasonOrRecordIsAnotherRow(t *testing.T) {
	b := newBench()
	reason, record, connection := parked("7", "phone"), parked("8", "phone"), parked("7", "phone")
	reason.Hint, connection.Connection = fault.HintTooLong, "second"
	b.open(t, parked("7", "phone"), parked("7", "email"), reason, record, connection)
	if got := b.list(t); len(got) != 5 {
		t.Errorf("%d rows, want 5", len(got))
	}
}

func TestASuccessClosesTheRowsOfItsRecord(t *testing.T) {
	for _, tt := range []struct {
		name string
		open []string
		left string
	}{
		{name: "all of them", left: "[]"},
		{name: "but for those that are asked still", open: []string{identity(parked("7", "email"))}, left: "[email]"},
		{name: "an unknown id keeps nothing", open: []string{"", "x"}, left: "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench()
			b.open(t, parked("7", "phone"), parked("7", "email"), parked("7", ""), parked("77", "phone"), parked("7#x", "phone"))
			b.settle(t, "7", tt.open...)
			left := []crm.Field{}
			for _, p := range b.list(t) {
				if p.Record == contact("7") {
					left = append(left, p.Field)
				}
			}
			if got := fmt.Sprint(left); got != tt.left {
				t.Errorf("left %s, want %s", got, tt.left)
			}
			if all := b.list(t); len(all) != len(left)+2 {
				t.Errorf("rows of other records were closed: %v", all)
			}
		})
	}
}

func TestOneListTellsThatThereIsNothingToSettle(t *testing.T) {
	b := newBench()
	b.open(t, parked("8", "phone"))
	calls := &counting{Store: b.rows}
	b.ledger.Store = calls
	b.settle(t, "7")
	if calls.lists != 1 || calls.others != 0 {
		t.Errorf("%d lists and %d other calls, want 1 and 0", calls.lists, calls.others)
	}
}

type counting struct {
	Store
	lists, others int
}

func (c *counting) List(ctx context.Context, part, prefix, after string, limit int) ([]row.Row, error) {
	c.lists++
	return c.Store.List(ctx, part, prefix, after, limit)
}

func (c *counting) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	c.others++
	return c.Store.Get(ctx, keys...)
}

func TestClosedRowsAreKeptNinetyDays(t *testing.T) {
	b := newBench()
	closed := func() int {
		t.Helper()
		rows, err := b.ledger.entries(t.Context(), "test", partClosed, "")
		if err != nil {
			t.Fatal(err)
		}
		return len(rows)
	}
	for range 3 { // the same row again and again, at the same instant
		b.open(t, parked("7", "phone"))
		b.settle(t, "7")
	}
	b.now = noon.Add(ClosedFor - time.Nanosecond)
	if got := closed(); got != 1 {
		t.Errorf("%d closed rows on the last day, want 1", got)
	}
	b.now = noon.Add(ClosedFor)
	if got := closed(); got != 0 {
		t.Errorf("%d closed rows after 90 days, want 0", got)
	}
}

func TestManyRowsAreOpenedAndSettledAtOnce(t *testing.T) {
	b := newBench()
	var rows []fault.Parked
	var ids []crm.ID
	for i := range 1234 {
		rows = append(rows, parked(fmt.Sprint(i), "phone"))
		ids = append(ids, contact(fmt.Sprint(i)))
	}
	b.open(t, rows...)
	if got := len(b.list(t)); got != len(rows) {
		t.Errorf("%d rows, want %d", got, len(rows))
	}
	if err := b.ledger.Settle(t.Context(), "main", append(ids, ids...), b.now, nil); err != nil {
		t.Fatal(err)
	}
	if got := len(b.list(t)); got != 0 {
		t.Errorf("%d rows left", got)
	}
}

func TestWhatIsTriedAgainIsTriedAfterAnHourThenSixThenDailyForAMonth(t *testing.T) {
	for name, again := range map[string]func(*bench, fault.Parked){
		"and fails": func(b *bench, p fault.Parked) {
			p.First, p.Last, p.RetryAt = b.now, b.now, b.now.Add(time.Hour)
			b.open(t, p, p) // several of its operations meet the same
		},
		"and nobody says how it went": func(b *bench, _ fault.Parked) {
			due, err := b.ledger.Due(t.Context(), b.now)
			if err != nil || len(due) != 1 {
				t.Fatalf("%d due, %v", len(due), err)
			}
			if err := b.ledger.Asked(t.Context(), due...); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, class := range []fault.Kind{fault.Locked, fault.Refused} {
			t.Run(name+" "+class.String(), func(t *testing.T) {
				b := newBench()
				p := parked("8", "")
				p.Class, p.RetryAt = class, b.now.Add(time.Hour)
				b.open(t, p)
				var tries []time.Duration
				for range 100 {
					at := b.list(t)[0].RetryAt
					if at.IsZero() {
						break
					}
					tries = append(tries, at.Sub(b.now))
					b.now = at
					again(b, p)
				}
				if len(tries) != 32 || fmt.Sprint(tries[:4]) != "[1h0m0s 6h0m0s 24h0m0s 24h0m0s]" {
					t.Errorf("%d tries: %v", len(tries), tries)
				}
				if due, err := b.ledger.Due(t.Context(), b.now.Add(365*24*time.Hour)); err != nil || len(due) != 0 || len(b.list(t)) != 1 {
					t.Errorf("%d are due a year later, %v", len(due), err)
				}
			})
		}
	}
}

func TestARowThatIsNotDueIsNotPutOffByAsking(t *testing.T) {
	b := newBench()
	due, later, never, gone := parked("7", ""), parked("8", ""), parked("9", ""), parked("10", "")
	due.RetryAt, later.RetryAt, gone.RetryAt = noon, noon.Add(time.Minute), noon
	b.open(t, due, later, never)
	if err := b.ledger.Asked(t.Context(), append(b.list(t), gone)...); err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Time{"7": noon.Add(time.Hour), "8": noon.Add(time.Minute), "9": {}}
	for _, p := range b.list(t) {
		if at, ok := want[p.Record.Key]; !ok || !p.RetryAt.Equal(at) || p.Count != 1 {
			t.Errorf("%s is tried at %s, counted %d", p.Record, p.RetryAt, p.Count)
		}
	}
	if n := len(b.list(t)); n != 3 {
		t.Errorf("%d rows", n)
	}
}

func TestRowsAreFoundByIdByClassAndByTime(t *testing.T) {
	b := newBench()
	locked, later := parked("8", ""), parked("9", "")
	locked.Class, locked.RetryAt = fault.Locked, noon
	later.Class, later.RetryAt = fault.Locked, noon.Add(time.Nanosecond)
	b.open(t, parked("7", "phone"), locked, later)

	keys := func(rows []fault.Parked, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, p := range rows {
			out = append(out, p.Record.Key)
		}
		return fmt.Sprint(out)
	}
	if got := keys(b.ledger.Select(t.Context(), WithID(identity(parked("7", "phone"))))); got != "[7]" {
		t.Errorf("by id %s", got)
	}
	if got := keys(b.ledger.Select(t.Context(), OfClass(fault.Locked))); got != "[8 9]" {
		t.Errorf("by class %s", got)
	}
	if got := keys(b.ledger.Due(t.Context(), noon)); got != "[8]" {
		t.Errorf("due %s", got)
	}
	c, err := b.ledger.Counts(t.Context())
	want := Counts{Open: 3, Untold: 3, ByClass: map[fault.Kind]int{fault.Refused: 1, fault.Locked: 2}}
	if d := cmp.Diff(want, c); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestAnErasureForgetsTheRecordInEveryRowButTheOneThatAsksForIt(t *testing.T) {
	b := newBench()
	named, twin, merge, asks, elsewhere, perhaps := parked("8", ""), parked("9", ""), parked("10", ""), parked("7", ""), parked("7", ""), parked("11", "")
	named.Other, named.TargetID = contact("7"), contact("80")
	twin.TargetID, twin.Other = contact("7"), contact("90")
	merge.Hint, merge.Other = fault.HintMergeTwins, contact("7")
	asks.Hint, asks.TargetID = fault.HintErase, contact("6")
	elsewhere.Connection = "second"
	perhaps.Other, perhaps.More = contact("12"), []crm.ID{contact("7"), contact("13")}
	b.open(t, parked("7", "phone"), parked("8", "phone"))
	b.settle(t, "7")
	b.open(t, parked("7", "phone"), named, twin, merge, asks, elsewhere, perhaps, parked("77", "phone"))
	about, err := b.ledger.Naming(t.Context(), "main", contact("7"))
	if err != nil || len(about) != 6 {
		t.Errorf("%d rows name it, %v", len(about), err)
	}
	if err := b.ledger.Erase(t.Context(), "main", contact("7")); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, p := range b.list(t) {
		left = append(left, fmt.Sprint(p.Connection, " ", p.Record.Key, " ", p.TargetID.Key, " ", p.Other.Key, " ", p.More))
	}
	want := []string{"main 11  12 [hubspot/contact/13]", "main 7 6  []", "main 77   []", "main 8 80  []", "main 8   []", "main 9  90 []", "second 7   []"}
	slices.Sort(left)
	slices.Sort(want)
	if d := cmp.Diff(want, left); d != "" {
		t.Error(d)
	}
	if closed, err := b.ledger.entries(t.Context(), "test", partClosed, ""); err != nil || len(closed) != 0 {
		t.Errorf("%d closed rows left, %v", len(closed), err)
	}
}

// racing lets somebody else write first, a number of times.
type racing struct {
	Store
	first func()
	times int
}

func (r *racing) Put(ctx context.Context, puts ...row.Put) error {
	if r.times > 0 {
		r.times--
		r.first()
	}
	return r.Store.Put(ctx, puts...)
}

// frozen lets time pass before the closed rows are looked at.
type frozen struct {
	Store
	meanwhile func()
}

func (f *frozen) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	if do := f.meanwhile; do != nil && keys[0].Part == partClosed {
		f.meanwhile = nil
		do()
	}
	return f.Store.Get(ctx, keys...)
}

func TestWhatWasClosedAndOpenedAnewMeanwhileStaysOpen(t *testing.T) {
	b := newBench()
	b.open(t, parked("7", "phone"))
	seen := b.now
	b.now = b.now.Add(time.Minute)
	others := Ledger{Store: b.rows, Now: b.ledger.Now}
	b.ledger.Store = &frozen{Store: b.rows, meanwhile: func() {
		later := parked("7", "phone")
		later.First, later.Last = b.now, b.now
		if err := errors.Join(others.Settle(t.Context(), "main", []crm.ID{contact("7")}, b.now, nil), others.Open(t.Context(), later)); err != nil {
			t.Fatal(err)
		}
	}}
	if err := b.ledger.Settle(t.Context(), "main", []crm.ID{contact("7")}, seen, nil); err != nil {
		t.Fatal(err)
	}
	if open := b.list(t); len(open) != 1 || !open[0].First.Equal(b.now) {
		t.Errorf("open: %+v", open)
	}
}

func TestAWriterThatIsOvertakenLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		times int
		count int
		err   error
	}{{1, 3, nil}, {tries - 1, tries + 1, nil}, {tries, tries + 1, row.ErrConflict}} {
		b := newBench()
		b.open(t, parked("7", "phone"))
		other := Ledger{Store: b.rows, Now: b.ledger.Now}
		b.ledger.Store = &racing{Store: b.rows, times: tt.times, first: func() {
			if err := other.Open(t.Context(), parked("7", "phone")); err != nil {
				t.Fatal(err)
			}
		}}
		if err := b.ledger.Open(t.Context(), parked("7", "phone")); !errors.Is(err, tt.err) {
			t.Errorf("overtaken %d times: error %v, want %v", tt.times, err, tt.err)
		}
		if got := b.list(t)[0].Count; got != tt.count {
			t.Errorf("overtaken %d times: count %d, want %d", tt.times, got, tt.count)
		}
	}
}

func TestARowThatWasToldAgainSinceItWasReadIsNotClosed(t *testing.T) {
	b := newBench()
	b.open(t, parked("7", "phone"))
	read := b.list(t)
	b.now = noon.Add(time.Minute)
	b.open(t, parked("7", "phone"))
	if err := b.ledger.Close(t.Context(), read...); err != nil || len(b.list(t)) != 1 {
		t.Errorf("%d rows are open, %v; want the one that was told again", len(b.list(t)), err)
	}
	if err := b.ledger.Close(t.Context(), b.list(t)...); err != nil || len(b.list(t)) != 0 {
		t.Errorf("%d rows are open, %v", len(b.list(t)), err)
	}
}

func TestAnErasureIsNotOutrun(t *testing.T) {
	b := newBench()
	b.open(t, parked("7", "phone"))
	other := Ledger{Store: b.rows, Now: b.ledger.Now}
	b.ledger.Store = &racing{Store: b.rows, times: 2, first: func() {
		if err := other.Open(t.Context(), parked("7", "phone")); err != nil {
			t.Fatal(err)
		}
	}}
	if err := b.ledger.Erase(t.Context(), "main", contact("7")); err != nil || len(b.list(t)) != 0 {
		t.Errorf("%d rows left, %v", len(b.list(t)), err)
	}
}

func TestARowOfALaterReleaseIsAnErrorAndNotNothing(t *testing.T) {
	for _, value := range []string{`{"v":2}`, `?`} {
		b := newBench()
		put := row.Put{Key: row.Key{Part: partOpen, Sort: prefix("main", contact("7")) + "x"}, Value: []byte(value)}
		if err := b.rows.Put(t.Context(), put); err != nil {
			t.Fatal(err)
		}
		_, listed := b.ledger.List(t.Context())
		settled := b.ledger.Settle(t.Context(), "main", []crm.ID{contact("7")}, b.now, nil)
		_, ran := b.Run(t.Context())
		for _, err := range []error{listed, settled, ran} {
			if !errors.Is(err, errUnreadable) {
				t.Errorf("%s: error %v, want %v", value, err, errUnreadable)
			}
		}
	}
}

// mute is a store that stops answering at its n-th call.
type mute struct {
	Store
	n int
}

func (m *mute) call() error {
	if m.n--; m.n <= 0 {
		return errGone
	}
	return nil
}

func (m *mute) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	if err := m.call(); err != nil {
		return nil, err
	}
	return m.Store.Get(ctx, keys...)
}

func (m *mute) List(ctx context.Context, part, prefix, after string, limit int) ([]row.Row, error) {
	if err := m.call(); err != nil {
		return nil, err
	}
	return m.Store.List(ctx, part, prefix, after, limit)
}

func (m *mute) Put(ctx context.Context, puts ...row.Put) error {
	if err := m.call(); err != nil {
		return err
	}
	return m.Store.Put(ctx, puts...)
}

func TestATableThatStopsAnsweringIsAlwaysAnError(t *testing.T) {
	for name, do := range map[string]func(*bench) error{
		"open": func(b *bench) error { return b.ledger.Open(t.Context(), parked("7", "phone"), parked("8", "phone")) },
		"settle": func(b *bench) error {
			return b.ledger.Settle(t.Context(), "main", []crm.ID{contact("7")}, b.now, nil)
		},
		"list":   func(b *bench) error { _, err := b.ledger.List(t.Context()); return err },
		"counts": func(b *bench) error { _, err := b.ledger.Counts(t.Context()); return err },
		"erase":  func(b *bench) error { return b.ledger.Erase(t.Context(), "main", contact("7")) },
		"strip": func(b *bench) error {
			p := parked("8", "phone")
			p.Other = contact("7")
			return errors.Join(b.ledger.Open(t.Context(), p), b.ledger.Erase(t.Context(), "main", contact("7")))
		},
		"naming": func(b *bench) error { _, err := b.ledger.Naming(t.Context(), "main", contact("7")); return err },
		"close":  func(b *bench) error { return b.ledger.Close(t.Context(), parked("7", "phone")) },
		"asked":  func(b *bench) error { return b.ledger.Asked(t.Context(), parked("7", "phone")) },
		"run":    func(b *bench) error { _, err := b.Run(t.Context()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				b := newBench()
				b.open(t, parked("7", "phone"), parked("9", "phone"))
				m := &mute{Store: b.rows, n: n}
				b.ledger.Store, b.Store = m, m
				err := do(b)
				if m.n > 0 {
					if err != nil || n == 1 {
						t.Errorf("%v after %d calls that were answered", err, n-1)
					}
					return
				}
				if !errors.Is(err, errGone) {
					t.Errorf("call %d failed: error %v, want %v", n, err, errGone)
				}
			}
		})
	}
}
