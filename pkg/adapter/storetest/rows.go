// Package storetest holds one suite per store interface: what a use case relies on, as tests that every implementation
// passes, the one in memory as well as the one in AWS. What an implementation is known to do otherwise is data of its test,
// and a difference that has gone is a failure, so that the list stays true.
//
// It tests no adapter's own extras and measures no speed.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// Rows is the row store as the use cases declare it.
type Rows interface {
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	Put(ctx context.Context, puts ...row.Put) error
	List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error)
}

// Clock is a clock that tests move. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at a fixed instant.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)} }

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Wait moves the clock on.
func (c *Clock) Wait(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// TestRows holds a row store to its rules. The function returns an empty store, or one in which nobody else uses parts
// that begin with "storetest", and which takes the time from now.
func TestRows(t *testing.T, open func(t *testing.T, now func() time.Time) Rows) {
	for _, rule := range rowRules {
		t.Run(rule.name, func(t *testing.T) {
			clock := NewClock()
			rule.run(t, rowLab{Rows: open(t, clock.Now), clock: clock, ctx: t.Context()})
		})
	}
}

type rowLab struct {
	Rows
	clock *Clock
	ctx   context.Context
}

func key(sort string) row.Key { return row.Key{Part: "storetest", Sort: sort} }

// put writes one row and fails the test when it is refused.
func (l rowLab) put(t testing.TB, p row.Put) {
	t.Helper()
	if err := l.Put(l.ctx, p); err != nil {
		t.Fatalf("put %v: %v", p.Key, err)
	}
}

func (l rowLab) get(t testing.TB, k row.Key) row.Row {
	t.Helper()
	rows, err := l.Get(l.ctx, k)
	if err != nil || len(rows) != 1 {
		t.Fatalf("get %v: %d rows, %v", k, len(rows), err)
	}
	return rows[0]
}

// refused asks that the writes end in ErrConflict.
func (l rowLab) refused(t testing.TB, puts ...row.Put) {
	t.Helper()
	if err := l.Put(l.ctx, puts...); !errors.Is(err, row.ErrConflict) {
		t.Fatalf("the write ended with %v, want ErrConflict", err)
	}
}

func sorts(rows []row.Row) string {
	var s []string
	for _, r := range rows {
		s = append(s, r.Key.Sort)
	}
	return strings.Join(s, " ")
}

var rowRules = []struct {
	name string
	run  func(*testing.T, rowLab)
}{
	{"a row that was never written has version 0", func(t *testing.T, l rowLab) {
		if got := l.get(t, key("a")); got.Version != 0 || len(got.Value) != 0 || got.Key != key("a") {
			t.Errorf("got %+v", got)
		}
	}},
	{"a row comes back as it was written, and each write raises its version by one", func(t *testing.T, l rowLab) {
		until := l.clock.Now().Add(time.Hour)
		l.put(t, row.Put{Key: key("a"), Value: []byte("one")})
		l.put(t, row.Put{Key: key("a"), If: 1, Value: []byte{0, 0xFF, 2}, Expires: until})
		got := l.get(t, key("a"))
		if got.Version != 2 || !bytes.Equal(got.Value, []byte{0, 0xFF, 2}) || !got.Expires.Equal(until) {
			t.Errorf("got %+v", got)
		}
	}},
	{"rows are answered in the order of the keys, absent and repeated ones too", func(t *testing.T, l rowLab) {
		l.put(t, row.Put{Key: key("b"), Value: []byte("B")})
		l.put(t, row.Put{Key: key("a"), Value: []byte("A")})
		rows, err := l.Get(l.ctx, key("b"), key("none"), key("a"), key("b"))
		if err != nil || sorts(rows) != "b none a b" || rows[1].Version != 0 || string(rows[3].Value) != "B" {
			t.Errorf("got %q, %v", sorts(rows), err)
		}
	}},
	{"two hundred and fifty rows are answered in one call", func(t *testing.T, l rowLab) {
		var keys []row.Key
		for i := range 250 {
			k := key(fmt.Sprintf("%03d", i))
			keys = append(keys, k)
			l.put(t, row.Put{Key: k, Value: []byte(k.Sort)})
		}
		rows, err := l.Get(l.ctx, keys...)
		if err != nil || len(rows) != 250 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for i, r := range rows {
			if string(r.Value) != keys[i].Sort {
				t.Fatalf("row %d holds %q", i, r.Value)
			}
		}
	}},
	{"no keys and no writes are a success", func(t *testing.T, l rowLab) {
		rows, err := l.Get(l.ctx)
		if err != nil || len(rows) != 0 {
			t.Errorf("get: %d rows, %v", len(rows), err)
		}
		if err := l.Put(l.ctx); err != nil {
			t.Errorf("put: %v", err)
		}
	}},
	{"an empty sort is a sort like any other", func(t *testing.T, l rowLab) {
		l.put(t, row.Put{Key: key(""), Value: []byte("x")})
		if got := l.get(t, key("")); got.Version != 1 || got.Key != key("") {
			t.Errorf("got %+v", got)
		}
		rows, err := l.List(l.ctx, "storetest", "", "", 0)
		if err != nil || len(rows) != 1 || rows[0].Key != key("") {
			t.Errorf("list: %+v, %v", rows, err)
		}
	}},
	{"a write that names another version than the stored one is refused", func(t *testing.T, l rowLab) {
		l.refused(t, row.Put{Key: key("a"), If: 1})
		l.put(t, row.Put{Key: key("a"), Value: []byte("one")})
		l.refused(t, row.Put{Key: key("a"), If: 0})
		l.refused(t, row.Put{Key: key("a"), If: 2})
		l.refused(t, row.Put{Key: key("a"), If: 2, Delete: true})
		if got := l.get(t, key("a")); got.Version != 1 || string(got.Value) != "one" {
			t.Errorf("got %+v", got)
		}
	}},
	{"one condition that does not hold undoes the whole transaction", func(t *testing.T, l rowLab) {
		l.put(t, row.Put{Key: key("c"), Value: []byte("old")})
		l.refused(t, row.Put{Key: key("a")}, row.Put{Key: key("c"), If: 1, Delete: true}, row.Put{Key: key("b"), If: 7})
		if l.get(t, key("a")).Version != 0 || l.get(t, key("b")).Version != 0 || string(l.get(t, key("c")).Value) != "old" {
			t.Error("part of a refused transaction was carried out")
		}
	}},
	{"a hundred writes are one transaction, and a hundred and one are our own fault", func(t *testing.T, l rowLab) {
		var puts []row.Put
		for i := range row.MaxPuts {
			puts = append(puts, row.Put{Key: key(fmt.Sprintf("%03d", i))})
		}
		if err := l.Put(l.ctx, puts...); err != nil {
			t.Fatal(err)
		}
		err := l.Put(l.ctx, append(puts, row.Put{Key: key("more")})...)
		if fault.KindOf(err) != fault.Ours || errors.Is(err, row.ErrConflict) {
			t.Errorf("got %v", err)
		}
	}},
	{"two writes to one row in one transaction are our own fault", func(t *testing.T, l rowLab) {
		err := l.Put(l.ctx, row.Put{Key: key("a")}, row.Put{Key: key("a"), If: 1})
		if fault.KindOf(err) != fault.Ours || l.get(t, key("a")).Version != 0 {
			t.Errorf("got %v", err)
		}
	}},
	{"a row above 400 KB is our own fault", func(t *testing.T, l rowLab) {
		err := l.Put(l.ctx, row.Put{Key: key("a"), Value: make([]byte, 400<<10)})
		if fault.KindOf(err) != fault.Ours || l.get(t, key("a")).Version != 0 {
			t.Errorf("got %v", err)
		}
	}},
	{"a deleted row is gone and begins anew at version 1", func(t *testing.T, l rowLab) {
		l.put(t, row.Put{Key: key("a"), Value: []byte("one")})
		l.put(t, row.Put{Key: key("a"), If: 1, Delete: true})
		if got := l.get(t, key("a")); got.Version != 0 {
			t.Errorf("got %+v", got)
		}
		l.put(t, row.Put{Key: key("a"), Value: []byte("two")})
		if got := l.get(t, key("a")); got.Version != 1 {
			t.Errorf("got %+v", got)
		}
	}},
	{"a row that begins with a version of its own is not taken for the one before it", func(t *testing.T, l rowLab) {
		for first := range int64(3) {
			l.put(t, row.Put{Key: key("a"), Value: []byte("x"), First: 1000 + first})
			for _, known := range []int64{1, 999 + first, 1001 + first} {
				l.refused(t, row.Put{Key: key("a"), If: known, Delete: true})
			}
			if got := l.get(t, key("a")); got.Version != 1000+first {
				t.Errorf("got %+v", got)
			}
			l.put(t, row.Put{Key: key("a"), If: 1000 + first, Delete: true})
		}
		l.put(t, row.Put{Key: key("b")})
		l.put(t, row.Put{Key: key("b"), If: 1, First: 1000}) // it is there already
		if got := l.get(t, key("b")); got.Version != 2 {
			t.Errorf("got %+v", got)
		}
	}},
	{"the deletion of a row that is not there is a success under version 0", func(t *testing.T, l rowLab) {
		l.put(t, row.Put{Key: key("a"), Delete: true})
		if got := l.get(t, key("a")); got.Version != 0 {
			t.Errorf("got %+v", got)
		}
	}},
	{"a row lives until the instant of its expiry and is gone from then on", func(t *testing.T, l rowLab) {
		l.put(t, row.Put{Key: key("a"), Value: []byte("x"), Expires: l.clock.Now().Add(2 * time.Second)})
		l.clock.Wait(time.Second)
		if l.get(t, key("a")).Version != 1 {
			t.Error("gone a second early")
		}
		l.clock.Wait(time.Second)
		if got := l.get(t, key("a")); got.Version != 0 || len(got.Value) != 0 {
			t.Errorf("still there: %+v", got)
		}
		if rows, err := l.List(l.ctx, "storetest", "", "", 0); err != nil || len(rows) != 0 {
			t.Errorf("still listed: %q, %v", sorts(rows), err)
		}
	}},
	{"an expired row is to a write as if it were not there", func(t *testing.T, l rowLab) {
		l.put(t, row.Put{Key: key("a"), Expires: l.clock.Now().Add(time.Second)})
		l.put(t, row.Put{Key: key("b"), Expires: l.clock.Now().Add(time.Second)})
		l.clock.Wait(time.Minute)
		l.refused(t, row.Put{Key: key("a"), If: 1})
		l.put(t, row.Put{Key: key("a"), Value: []byte("new")})
		l.put(t, row.Put{Key: key("b"), Delete: true})
		if got := l.get(t, key("a")); got.Version != 1 || string(got.Value) != "new" || !got.Expires.IsZero() {
			t.Errorf("got %+v", got)
		}
	}},
	{"a row that expires in the year 9999 lives", func(t *testing.T, l rowLab) {
		l.put(t, row.Put{Key: key("a"), Expires: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)})
		if l.get(t, key("a")).Version != 1 {
			t.Error("gone")
		}
	}},
	{"a list has the rows of one part in the order of the bytes of their sort", func(t *testing.T, l rowLab) {
		for _, s := range []string{"b", "a", "é", "B", "a#2", "a#10", "z"} {
			l.put(t, row.Put{Key: key(s)})
		}
		l.put(t, row.Put{Key: row.Key{Part: "storetest2", Sort: "a"}})
		l.put(t, row.Put{Key: row.Key{Part: "storetes", Sort: "a"}})
		rows, err := l.List(l.ctx, "storetest", "", "", 0)
		if want := "B a a#10 a#2 b z é"; err != nil || sorts(rows) != want {
			t.Errorf("got %q, %v, want %q", sorts(rows), err, want)
		}
	}},
	{"a list keeps to its prefix, its start and its limit", func(t *testing.T, l rowLab) {
		for _, s := range []string{"", "a", "a#1", "a#2", "a#3", "a$", "b"} {
			l.put(t, row.Put{Key: key(s), Value: []byte(s)})
		}
		for _, tt := range []struct {
			prefix, after string
			limit         int
			want          string
		}{
			{"a#", "", 0, "a#1 a#2 a#3"},
			{"a#", "a#1", 0, "a#2 a#3"},
			{"a#", "a#1", 1, "a#2"},
			{"a#", "a#11", 2, "a#2 a#3"},
			{"a#", "a#3", 0, ""},
			{"a#", "b", 0, ""},
			{"a#", "A", 0, "a#1 a#2 a#3"},
			{"a#2", "a", 0, "a#2"},
			{"", "a#3", 0, "a$ b"},
			{"c", "", 0, ""},
		} {
			rows, err := l.List(l.ctx, "storetest", tt.prefix, tt.after, tt.limit)
			if err != nil || sorts(rows) != tt.want {
				t.Errorf("prefix %q after %q limit %d: got %q, %v, want %q", tt.prefix, tt.after, tt.limit, sorts(rows), err, tt.want)
			}
			for _, r := range rows {
				if r.Version != 1 || string(r.Value) != r.Key.Sort {
					t.Errorf("listed as %+v", r)
				}
			}
		}
	}},
	{"a list passes over expired rows and still fills its limit", func(t *testing.T, l rowLab) {
		for i := range 40 {
			p := row.Put{Key: key(fmt.Sprintf("%02d", i))}
			if i < 30 {
				p.Expires = l.clock.Now().Add(time.Second)
			}
			l.put(t, p)
		}
		l.clock.Wait(time.Second)
		rows, err := l.List(l.ctx, "storetest", "", "", 3)
		if err != nil || sorts(rows) != "30 31 32" {
			t.Errorf("got %q, %v", sorts(rows), err)
		}
	}},
	{"values are copied in and out", func(t *testing.T, l rowLab) {
		value := []byte("one")
		l.put(t, row.Put{Key: key("a"), Value: value})
		value[0] = 'X'
		l.get(t, key("a")).Value[1] = 'X'
		if got := l.get(t, key("a")); string(got.Value) != "one" {
			t.Errorf("got %q", got.Value)
		}
	}},
	{"a call under a context that has ended fails and writes nothing", func(t *testing.T, l rowLab) {
		ended, end := context.WithCancel(l.ctx)
		end()
		if err := l.Put(ended, row.Put{Key: key("a")}); err == nil || errors.Is(err, row.ErrConflict) {
			t.Errorf("put: %v", err)
		}
		if _, err := l.Get(ended, key("a")); err == nil {
			t.Error("get: no error")
		}
		if _, err := l.List(ended, "storetest", "", "", 0); err == nil {
			t.Error("list: no error")
		}
		if l.get(t, key("a")).Version != 0 {
			t.Error("written")
		}
	}},
	{"of writers who name the same version one succeeds and the others are refused", func(t *testing.T, l rowLab) {
		const writers, rounds = 8, 25
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				for done := 0; done < rounds; {
					rows, err := l.Get(l.ctx, key("a"), key("b"))
					if err != nil {
						t.Error(err)
						return
					}
					err = l.Put(l.ctx, row.Put{Key: key("a"), If: rows[0].Version}, row.Put{Key: key("b"), If: rows[1].Version})
					if err == nil {
						done++
					} else if !errors.Is(err, row.ErrConflict) {
						t.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
		a, b := l.get(t, key("a")), l.get(t, key("b"))
		if a.Version != writers*rounds || b.Version != a.Version {
			t.Errorf("versions %d and %d, want %d", a.Version, b.Version, writers*rounds)
		}
	}},
	{"any sequence of writes leaves what a plain map would hold", rowModel},
}

// rowModel compares the store with a map under writes of all sorts. Each check has a part of its own.
func rowModel(t *testing.T, l rowLab) {
	checks := 0
	rapid.Check(t, func(t *rapid.T) {
		checks++
		part := fmt.Sprintf("storetest-%d", checks)
		type entry struct {
			version int64
			value   string
			until   time.Time
		}
		model := map[string]entry{}
		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		for range steps {
			var puts []row.Put
			legal := true
			for _, s := range rapid.SliceOfNDistinct(rapid.StringMatching(`[ab]{0,4}`), 1, 4, rapid.ID[string]).Draw(t, "keys") {
				p := row.Put{Key: row.Key{Part: part, Sort: s}, If: model[s].version, Value: []byte(rapid.String().Draw(t, "value"))}
				switch rapid.IntRange(0, 9).Draw(t, "how") {
				case 0:
					p.If++
					legal = false
				case 1, 2:
					p.Delete = true
				case 3:
					p.First = int64(rapid.IntRange(0, 9).Draw(t, "first"))
				case 4:
					p.Expires = l.clock.Now().Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "life")) * time.Second)
				}
				puts = append(puts, p)
			}
			err := l.Put(l.ctx, puts...)
			if legal != (err == nil) || !legal && !errors.Is(err, row.ErrConflict) {
				t.Fatalf("legal %v, but %v", legal, err)
			}
			if err == nil {
				for _, p := range puts {
					model[p.Key.Sort] = entry{p.Next(), string(p.Value), p.Expires}
					if p.Delete {
						delete(model, p.Key.Sort)
					}
				}
			}
			l.clock.Wait(time.Duration(rapid.IntRange(0, 1).Draw(t, "pause")) * time.Second)
			for s, e := range model {
				if !e.until.IsZero() && !l.clock.Now().Before(e.until) {
					delete(model, s)
				}
			}
			rows, err := l.List(l.ctx, part, "", "", 0)
			if err != nil || len(rows) != len(model) {
				t.Fatalf("%d rows (%v), want %d", len(rows), err, len(model))
			}
			for _, r := range rows {
				if e := model[r.Key.Sort]; e.version != r.Version || e.value != string(r.Value) {
					t.Fatalf("row %q: version %d, want %d", r.Key.Sort, r.Version, e.version)
				}
			}
		}
	})
}
