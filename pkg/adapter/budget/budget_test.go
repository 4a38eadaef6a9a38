package budget

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

var (
	noon    = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	errGone = errors.New("table gone")
)

// table is a table in memory that counts, breaks, and lets others come in between.
type table struct {
	*memory.Rows
	mu          sync.Mutex
	reads, puts int
	broken      bool
	conflicts   int
}

func (s *table) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.broken {
		return nil, errGone
	}
	return s.Rows.Get(ctx, keys...)
}

func (s *table) Put(ctx context.Context, puts ...row.Put) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	switch {
	case s.broken:
		return errGone
	case s.conflicts > 0:
		s.conflicts--
		return row.ErrConflict
	}
	return s.Rows.Put(ctx, puts...)
}

// system is what is called: it notes when.
type system struct {
	now   func() time.Time
	mu    sync.Mutex
	calls []time.Time
	gate  chan struct{} // a call waits for a word of it; nil: none does
	under int
	most  int
}

func (s *system) RoundTrip(*http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.calls = append(s.calls, s.now())
	s.under++
	s.most = max(s.most, s.under)
	s.mu.Unlock()
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	s.under--
	s.mu.Unlock()
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// mostIn returns the most calls of any window of that length.
func (s *system) mostIn(window time.Duration) int {
	most, from := 0, 0
	slices.SortFunc(s.calls, time.Time.Compare)
	for to := range s.calls {
		for s.calls[to].Sub(s.calls[from]) >= window {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

// world is several callers of one system.
type world struct {
	mu     sync.Mutex
	at     time.Time
	table  *table
	system *system
	lines  *bytes.Buffer
	n      int
}

func newWorld() *world {
	w := &world{at: noon, lines: &bytes.Buffer{}}
	w.table, w.system = &table{Rows: memory.NewRows(w.now)}, &system{now: w.now}
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// tenIn10 is a small limit.
var tenIn10 = []Limit{{Units: 10, Per: 10 * time.Second}}

func (w *world) caller(change ...func(*Config)) http.RoundTripper {
	w.n++
	c := Config{
		System: "hubspot", Connection: "main", Limits: []Limit{{Units: 100, Per: 10 * time.Second}, {Units: 250_000, Per: 24 * time.Hour}},
		Live: true, Caller: fmt.Sprintf("caller-%d", w.n), Store: w.table, HTTP: w.system, Now: w.now, Log: slog.New(slog.NewTextHandler(w.lines, nil)),
	}
	for _, f := range change {
		f(&c)
	}
	return New(c)
}

// ask makes a call and returns what it was refused with.
func ask(t testing.TB, from http.RoundTripper) error {
	t.Helper()
	return askFor(t, from, 1)
}

func askFor(t testing.TB, from http.RoundTripper, cost int) error {
	t.Helper()
	c := rest.Client{System: crm.HubSpot, Base: "https://api.example.com", HTTP: from, Now: func() time.Time { return noon }, Judge: rest.Judge}
	_, err := c.Do(t.Context(), rest.Call{Op: "test", Path: "/", Raw: true, Cost: cost}, nil)
	return err
}

func limits(l ...Limit) func(*Config) { return func(c *Config) { c.Limits = l } }

func background(c *Config) { c.Live, c.Reserve = false, 20 }

// allowed makes calls until one is refused, and returns how many were made and the refusal.
func allowed(t testing.TB, from http.RoundTripper) (int, error) {
	t.Helper()
	for n := 0; ; n++ {
		if err := ask(t, from); err != nil {
			return n, err
		}
		if n > 10_000 {
			t.Fatal("no end of calls")
		}
	}
}

func TestWhatIsRefusedIsThrottledNotSentAndSaysWhenToComeAgain(t *testing.T) {
	w := newWorld()
	c := w.caller(limits(tenIn10...))
	n, err := allowed(t, c)
	if n != 10 || len(w.system.calls) != 10 {
		t.Errorf("%d calls were allowed, %d sent, want 10", n, len(w.system.calls))
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Throttled || f.Code != "BUDGET_UNITS" || f.Kind.Counted() || f.Kind.Uncertain() {
		t.Fatalf("%v", err)
	}
	if f.Error() != "budget.hubspot: throttled (BUDGET_UNITS): the budget of calls to hubspot is used up, not sent" {
		t.Errorf("%q", f.Error())
	}
	if f.After < 9*time.Second || f.After > 11*time.Second {
		t.Errorf("after %s, want what is left of the window", f.After)
	}
	w.pass(f.After)
	if err := ask(t, c); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestARefusalDoesNotAskTheTableEachTime(t *testing.T) {
	w := newWorld()
	c := w.caller(limits(tenIn10...))
	_, first := allowed(t, c)
	reads, puts := w.table.reads, w.table.puts
	w.pass(500 * time.Millisecond)
	for range 100 {
		if err := ask(t, c); fault.After(err) != fault.After(first)-500*time.Millisecond {
			t.Fatalf("%v after %s, at first %s", err, fault.After(err), fault.After(first))
		}
	}
	if w.table.reads != reads || w.table.puts != puts {
		t.Errorf("%d reads, %d writes", w.table.reads-reads, w.table.puts-puts)
	}
}

func TestTenCallsCostOneWriteAndACallerThatIsAloneReadsNothing(t *testing.T) {
	w := newWorld()
	c := w.caller(limits(Limit{Units: 1_000_000, Per: 24 * time.Hour}))
	for range 1000 {
		if err := ask(t, c); err != nil {
			t.Fatal(err)
		}
	}
	if w.table.puts != 100 || w.table.reads > 2 {
		t.Errorf("%d writes, %d reads", w.table.puts, w.table.reads)
	}
}

func TestCallsNowAndThenCostOneWriteEach30Seconds(t *testing.T) {
	w := newWorld()
	c := w.caller(limits(Limit{Units: 50_000, Per: 24 * time.Hour}))
	for range 600 { // an hour
		if err := ask(t, c); err != nil {
			t.Fatal(err)
		}
		w.pass(6 * time.Second)
	}
	if w.table.puts > 121 {
		t.Errorf("%d writes", w.table.puts)
	}
}

func TestWhatWasDrawnAndNotUsedGoesBack(t *testing.T) {
	w := newWorld()
	c, day := w.caller(limits(Limit{Units: 200, Per: 24 * time.Hour})), Limit{Units: 200, Per: 24 * time.Hour}
	for range 100 { // one call of each block of ten, each block expired
		if err := ask(t, c); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
	}
	rows, err := w.table.Rows.Get(t.Context(), row.Key{Part: "budget#main", Sort: "hubspot"})
	if err != nil {
		t.Fatal(err)
	}
	g := decode(rows[0].Value, 1)
	g.prune([]Limit{day}, w.now().UnixMilli())
	if left := g.left([]Limit{day}, 0); left != 200-99-2 {
		t.Errorf("%d are left, want 200 without the 99 used and the last block", left)
	}
}

func TestACallerThatDiedCostsNoMoreThanItsBlock(t *testing.T) {
	w := newWorld()
	for range 5 {
		if err := ask(t, w.caller(limits(Limit{Units: 100, Per: 10 * time.Second}))); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := allowed(t, w.caller(limits(Limit{Units: 100, Per: 10 * time.Second}))); n != 50 {
		t.Errorf("%d are left, want 50", n)
	}
	w.pass(10*time.Second + 10*time.Second + time.Second)
	if n, _ := allowed(t, w.caller(limits(Limit{Units: 100, Per: 10 * time.Second}))); n != 100 {
		t.Errorf("%d later, want 100", n)
	}
}

func TestTheReserveIsForLiveTraffic(t *testing.T) {
	for _, order := range []string{"background first", "live first"} {
		w := newWorld()
		live, behind := w.caller(), w.caller(background)
		first, second := behind, live
		want := [2]int{80, 20}
		if order == "live first" {
			first, second, want = live, behind, [2]int{100, 0}
		}
		n, _ := allowed(t, first)
		m, err := allowed(t, second)
		if n != want[0] || m != want[1] || fault.KindOf(err) != fault.Throttled {
			t.Errorf("%s: %d and %d, %v; want %v", order, n, m, err, want)
		}
	}
}

func TestEveryLimitHolds(t *testing.T) {
	w := newWorld()
	c := w.caller(limits(Limit{Units: 100, Per: 10 * time.Second}, Limit{Units: 250, Per: 24 * time.Hour}))
	total := 0
	for range 20 {
		n, _ := allowed(t, c)
		total += n
		w.pass(11 * time.Second)
	}
	if total != 250 {
		t.Errorf("%d calls a day, want 250", total)
	}
	if most := w.system.mostIn(10 * time.Second); most > 100 {
		t.Errorf("%d in ten seconds", most)
	}
	_, err := allowed(t, c)
	if fault.After(err) != rest.MaxAfter {
		t.Errorf("the day is used up: after %s", fault.After(err))
	}
	w.pass(26 * time.Hour)
	if n, _ := allowed(t, c); n != 100 {
		t.Errorf("the next day: %d", n)
	}
}

func TestACallCostsWhatItSays(t *testing.T) {
	w := newWorld()
	c := w.caller(limits(Limit{Units: 60, Per: 24 * time.Hour}))
	for _, tt := range []struct {
		cost int
		well bool
	}{{50, true}, {11, false}, {2, true}, {8, true}, {1, false}} {
		if err := askFor(t, c, tt.cost); (err == nil) != tt.well {
			t.Errorf("%d units: %v", tt.cost, err)
		}
		w.pass(time.Second)
	}
}

func TestATableThatIsDownStopsNoCallAndWhatWentUncountedIsCountedLater(t *testing.T) {
	w := newWorld()
	c := w.caller(limits(Limit{Units: 100, Per: 24 * time.Hour}))
	if err := ask(t, c); err != nil {
		t.Fatal(err)
	}
	w.table.broken = true
	w.pass(31 * time.Second)
	for range 45 {
		if err := ask(t, c); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
	}
	if w.table.reads+w.table.puts > 2+5 {
		t.Errorf("the table was asked %d times", w.table.reads+w.table.puts)
	}
	if got := w.lines.String(); !strings.Contains(got, `level=WARN msg="the budget cannot be reached: calls go on and are counted later" system=hubspot uncounted=40 err="table gone"`) {
		t.Errorf("the log says %s", got)
	}
	w.table.broken = false
	w.pass(10 * time.Second)
	// One call of the block that was in hand was used, which nobody knows any more: it counts in whole.
	if n, _ := allowed(t, c); n != 100-10-45 {
		t.Errorf("%d are left", n)
	}
}

func TestTheRowOfAnotherVersionOrOtherLimitsBeginsAnew(t *testing.T) {
	for _, value := range []string{"", "garbage", `{"v":2,"u":[{"1":5}]}`, `{"v":1,"u":[{},{}]}`, `{"v":1,"u":[null],"b":null}`} {
		w := newWorld()
		if err := w.table.Rows.Put(t.Context(), row.Put{Key: row.Key{Part: "budget#main", Sort: "hubspot"}, Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
		if n, _ := allowed(t, w.caller(limits(tenIn10...))); n != 10 {
			t.Errorf("%q: %d calls", value, n)
		}
	}
}

func TestOthersInBetweenCostNothingButTheRace(t *testing.T) {
	w := newWorld()
	w.table.conflicts = races - 1
	if err := ask(t, w.caller()); err != nil {
		t.Error(err)
	}
	w.table.conflicts = 1000
	err := ask(t, w.caller())
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Throttled || f.Code != "BUDGET_DISPUTED" || f.After != time.Second {
		t.Errorf("%v", err)
	}
	if len(w.system.calls) != 1 {
		t.Errorf("%d calls", len(w.system.calls))
	}
}

func TestACallerThatGaveUpIsNotLetThrough(t *testing.T) {
	w := newWorld()
	w.table.broken = true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := w.caller().RoundTrip(r); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", resp, err)
	}
	if len(w.system.calls) != 0 {
		t.Error("the call was sent")
	}
}

func TestWithoutLimitsNothingStandsInBetween(t *testing.T) {
	w := newWorld()
	if c := w.caller(limits(Limit{Units: 0, Per: time.Second})); c != http.RoundTripper(w.system) {
		t.Errorf("%T", c)
	}
}

func TestTheRowExpiresWhenItsWindowsAreOver(t *testing.T) {
	w := newWorld()
	if err := ask(t, w.caller()); err != nil {
		t.Fatal(err)
	}
	w.pass(48 * time.Hour)
	n := 0
	for range w.table.All("budget") {
		n++
	}
	if n != 1 {
		t.Errorf("%d rows", n)
	}
	w.pass(time.Hour)
	for r := range w.table.All("budget") {
		t.Errorf("%v stays", r.Key)
	}
}

// Whatever callers do, and whenever they die, no window ever holds more calls than its limit, and none of the background goes
// over the reserve.
func TestNoWindowEverHoldsMoreThanItsLimit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld()
		short := rapid.IntRange(1, 60).Draw(rt, "in 10 s")
		long := rapid.IntRange(1, 200).Draw(rt, "in 10 min")
		windows := []Limit{{Units: short, Per: 10 * time.Second}, {Units: long, Per: 10 * time.Minute}}
		callers := make([]http.RoundTripper, 8)
		for i := range callers {
			callers[i] = w.caller(limits(windows...))
		}
		for range rapid.IntRange(1, 400).Draw(rt, "steps") {
			i := rapid.IntRange(0, 7).Draw(rt, "caller")
			switch rapid.IntRange(0, 9).Draw(rt, "deed") {
			case 0:
				w.pass(time.Duration(rapid.Int64Range(0, int64(12*time.Second)).Draw(rt, "pause")))
			case 1:
				w.table.conflicts = rapid.IntRange(0, 3).Draw(rt, "conflicts")
			case 2:
				callers[i] = w.caller(limits(windows...)) // the old one is gone with its block
			default:
				for range rapid.IntRange(1, 15).Draw(rt, "calls") {
					_ = askFor(t, callers[i], 1)
					w.pass(time.Duration(rapid.Int64Range(0, int64(300*time.Millisecond)).Draw(rt, "call takes")))
				}
			}
		}
		for _, l := range windows {
			if most := w.system.mostIn(l.Per); most > l.Units {
				rt.Fatalf("%d calls in %s, at most %d are allowed", most, l.Per, l.Units)
			}
		}
	})
}

func TestEightCallersAtOnceStayBelowTheLimitAndUseAllOfIt(t *testing.T) {
	w := newWorld()
	var wg sync.WaitGroup
	for range 8 {
		c := w.caller()
		for range 4 {
			wg.Go(func() {
				for range 50 {
					_ = ask(t, c)
				}
			})
		}
	}
	wg.Wait()
	if n := len(w.system.calls); n > 100 || n < 90 {
		t.Errorf("%d calls", n)
	}
}

// Eight callers share 100 calls in 10 s. Blocks that are out cost something when the limit is near.
func TestALoadBelowTheLimitIsHardlyRefusedAndWritesLittle(t *testing.T) {
	for _, tt := range []struct{ load, refused, write int }{{30, 0, 4}, {50, 1, 3}, {70, 2, 2}, {90, 8, 1}} { // percent, percent, calls
		w := newWorld()
		var callers []http.RoundTripper
		for range 8 {
			callers = append(callers, w.caller())
		}
		const calls = 4000
		refused := 0
		for i := range calls {
			if ask(t, callers[i%8]) != nil {
				refused++
			}
			w.pass(100 * time.Millisecond * 100 / time.Duration(tt.load))
		}
		if refused*100 > calls*tt.refused || w.table.puts*tt.write > calls {
			t.Errorf("at %d %% of the limit %d of %d calls were refused, with %d writes", tt.load, refused, calls, w.table.puts)
		}
	}
}

func together(n, parallel int) func(*Config) {
	return func(c *Config) { c.Limits, c.Together, c.Parallel = nil, n, parallel }
}

func TestNoMoreCallsAreUnderWayAtATimeThanAllowed(t *testing.T) {
	for _, tt := range []struct{ limit, callers int }{{10, 1}, {10, 2}, {10, 8}, {5, 8}, {1, 3}} {
		w := newWorld()
		w.system.gate = make(chan struct{})
		var all []http.RoundTripper
		for range tt.callers {
			all = append(all, w.caller(together(tt.limit, 4)))
		}
		var wg sync.WaitGroup
		answers := make(chan error, 200)
		asked := 0
		for range 20 { // rounds; in each some callers want in
			for i := range all {
				asked++
				wg.Go(func() { answers <- ask(t, all[i]) })
			}
			w.pass(100 * time.Millisecond) // all rounds together within the life of a place: one that has lapsed is another's
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
	drain:
		for {
			select {
			case w.system.gate <- struct{}{}:
			case <-done:
				break drain
			}
		}
		if w.system.most > tt.limit || w.system.most == 0 {
			t.Errorf("%d callers, %d allowed: %d at a time", tt.callers, tt.limit, w.system.most)
		}
		if len(answers) != asked {
			t.Errorf("%d of %d calls came back", len(answers), asked)
		}
	}
}

// hold makes a call that stays under way until the returned function is called.
func hold(t *testing.T, w *world, from http.RoundTripper) (release func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); _ = ask(t, from) }()
	for {
		w.system.mu.Lock()
		n := w.system.under
		w.system.mu.Unlock()
		if n > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return func() { w.system.gate <- struct{}{}; <-done }
}

func TestACallWaitsForAPlaceAndIsRefusedInTheEnd(t *testing.T) {
	w := newWorld()
	w.system.gate = make(chan struct{})
	waited := time.Duration(0)
	var release func()
	sleeps := func(c *Config) {
		c.Sleep = func(_ context.Context, d time.Duration) bool {
			if waited += d; waited == time.Second && release != nil {
				release()
				go func() { w.system.gate <- struct{}{} }() // for the second call: nobody else waits any more
			}
			return true
		}
	}
	c := w.caller(together(1, 4), sleeps)
	leave := hold(t, w, c)
	err := ask(t, c)
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Throttled || f.Code != "BUDGET_TOGETHER" || waited != 3*time.Second {
		t.Errorf("%v after %s", err, waited)
	}
	waited, release = 0, leave
	if err := ask(t, c); err != nil || waited != time.Second {
		t.Errorf("%v after %s", err, waited)
	}
}

func TestThoseWhoHaveMoreThanTheirPartGiveItUp(t *testing.T) {
	w := newWorld()
	limit := func(c *Config) {
		c.Together, c.Parallel, c.Limits = 4, 4, []Limit{{Units: 50_000, Per: 24 * time.Hour}}
	}
	first, second := w.caller(limit), w.caller(limit)
	if err := ask(t, first); err != nil { // has all four now
		t.Fatal(err)
	}
	err := ask(t, second)
	if fault.KindOf(err) != fault.Throttled || fault.After(err) != 2*time.Second {
		t.Fatalf("%v", err)
	}
	for range 10 { // the first draws again and sees that somebody waits
		if err := ask(t, first); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(2 * time.Second)
	if err := ask(t, second); err != nil {
		t.Errorf("the second after its wait: %v", err)
	}
}

func BenchmarkCall(b *testing.B) {
	w := newWorld()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "https://api.example.com/", http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	w.system.calls = make([]time.Time, 0, 1<<20)
	for _, bb := range []struct {
		name string
		t    http.RoundTripper
	}{{"alone", w.system}, {"behind a budget", w.caller(limits(Limit{Units: 1 << 40, Per: 10 * time.Second}, Limit{Units: 1 << 40, Per: 24 * time.Hour}))}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.system.calls = w.system.calls[:0]
				resp, err := bb.t.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
			}
		})
	}
}
