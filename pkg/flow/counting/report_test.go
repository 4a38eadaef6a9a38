package counting_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
)

// crm says what it was told to say, by channel.
type crm struct {
	n   map[conversion.Channel]int64
	err error
}

func (c crm) Conversions(_ context.Context, _ conversion.Tenant, ch conversion.Channel, _, _ time.Time) (int64, bool, error) {
	n, asked := c.n[ch]
	return n, asked, c.err
}

type queues int64

func (q queues) Waiting(context.Context) (int64, error) { return int64(q), nil }

var today = conversion.Day{Year: 2026, Month: 11, Day: 22}

// aDay is a bench on which a day's traffic was counted, and the reporter that looks at it a day later.
func aDay(t *testing.T, events int, seed uint64) (*bench, *counting.Reporter) {
	t.Helper()
	b := newBench()
	dice := rand.New(rand.NewPCG(seed, 3))
	if err := b.Quarantine(t.Context(), tenant, conversion.SMS); err != nil {
		t.Fatal(err)
	}
	for _, s := range traffic(b, events, dice) {
		s.Event.At = today.Start(rome(t)).UTC().Add(time.Duration(dice.IntN(24*3600)) * time.Second)
		s.Received, b.now = s.Event.At, s.Event.At
		b.apply(t, s)
	}
	b.now = noon.Add(14*time.Hour + 30*time.Minute)
	return b, &counting.Reporter{Counter: &b.Counter, CRM: crm{}, Queues: queues(0), Zone: rome(t)}
}

func report(t *testing.T, r *counting.Reporter) counting.Report {
	t.Helper()
	rep, err := r.Report(t.Context(), today)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestOnADayOnWhichNothingWentWrongTheReportSaysSo(t *testing.T) {
	for seed := range uint64(10) {
		_, r := aDay(t, 300, seed)
		rep := report(t, r)
		if rep.Outcome != "ok" || len(rep.Channels) != 5 || rep.Windows != 288 || rep.Age != 1 {
			t.Errorf("seed %d:\n%s", seed, rep.Text("it"))
		}
		for _, c := range rep.Channels {
			if c.Ledger == 0 || c.Ledger != c.Counters || c.BadMarkers != 0 {
				t.Errorf("seed %d: %+v", seed, c)
			}
		}
	}
}

// pick returns one of the rows whose Part has the prefix.
func (b *bench) pick(dice *rand.Rand, prefix string) row.Row {
	rows := slices.Collect(b.rows.All(prefix))
	return rows[dice.IntN(len(rows))]
}

func (b *bench) overwrite(t *testing.T, r row.Row, edit func(map[string]any)) {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(r.Value, &v); err != nil {
		t.Fatal(err)
	}
	edit(v)
	value, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.rows.Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Value: value, Expires: r.Expires}); err != nil {
		t.Fatal(err)
	}
}

// defects are the ways in which rows may be wrong.
var defects = map[string]func(*testing.T, *bench, *rand.Rand){
	"an event lost from the ledger": func(t *testing.T, b *bench, dice *rand.Rand) {
		r := b.pick(dice, "E#")
		if err := b.rows.Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Delete: true}); err != nil {
			t.Fatal(err)
		}
	},
	"an event twice in the ledger": func(t *testing.T, b *bench, dice *rand.Rand) {
		r := b.pick(dice, "E#")
		if err := b.rows.Put(t.Context(), row.Put{Key: row.Key{Part: r.Key.Part, Sort: r.Key.Sort + "x"}, Value: r.Value}); err != nil {
			t.Fatal(err)
		}
	},
	"an event in the place of another": func(t *testing.T, b *bench, dice *rand.Rand) {
		b.overwrite(t, b.pick(dice, "E#"), func(v map[string]any) { v["hash"] = strings.Repeat("0", 64) })
	},
	"counters that are gone": func(t *testing.T, b *bench, dice *rand.Rand) {
		for {
			if r := b.pick(dice, "W#"); !strings.Contains(string(r.Value), `"checksum":"0"`) { // else it held repeats only
				if err := b.rows.Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Delete: true}); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
	},
	"counted once too often": func(t *testing.T, b *bench, dice *rand.Rand) {
		b.overwrite(t, b.pick(dice, "W#"), func(v map[string]any) { n, _ := v["completed"].(float64); v["completed"] = n + 1 })
	},
	"a cent too much": func(t *testing.T, b *bench, dice *rand.Rand) {
		for {
			if r := b.pick(dice, "W#"); strings.Contains(string(r.Value), `"EUR":[`) {
				b.overwrite(t, r, func(v map[string]any) {
					eur := v["value"].(map[string]any)["EUR"].([]any)
					eur[1] = eur[1].(float64) + 1
				})
				return
			}
		}
	},
	"counters in another window": func(t *testing.T, b *bench, dice *rand.Rand) {
		for {
			r := b.pick(dice, "W#")
			if strings.Contains(string(r.Value), `"checksum":"0"`) {
				continue
			}
			_, rest, _ := strings.Cut(r.Key.Sort, "#")
			moved := row.Key{Part: r.Key.Part, Sort: fmt.Sprintf("%013d#%sx", noon.UnixMilli(), rest)}
			puts := []row.Put{{Key: r.Key, If: r.Version, Delete: true}, {Key: moved, Value: r.Value}}
			if strings.HasPrefix(r.Key.Sort, fmt.Sprint(noon.UnixMilli())) {
				continue
			}
			if err := b.rows.Put(t.Context(), puts...); err != nil {
				t.Fatal(err)
			}
			return
		}
	},
}

func TestEachOfTwoHundredDefectsIsFound(t *testing.T) {
	found := 0
	for seed := uint64(0); found < 200; seed++ {
		for name, spoil := range defects {
			b, r := aDay(t, 60, seed)
			spoil(t, b, rand.New(rand.NewPCG(seed, 9)))
			rep := report(t, r)
			if rep.Outcome != "differenza" {
				t.Fatalf("%s, seed %d:\n%s", name, seed, rep.Text("it"))
			}
			found++
		}
	}
}

func TestAWrongMarkerIsFoundIfItIsInTheSample(t *testing.T) {
	b, r := aDay(t, 1000, 1)
	for m := range b.rows.All("M#") {
		b.overwrite(t, m, func(v map[string]any) { v["hash"] = strings.Repeat("0", 64) })
	}
	rep := report(t, r)
	looked, bad := int64(0), int64(0)
	for _, c := range rep.Channels {
		looked, bad = looked+c.Markers, bad+c.BadMarkers
	}
	if rep.Outcome != "differenza" || bad == 0 || bad != looked || looked > 40 {
		t.Errorf("%d of %d markers, %s", bad, looked, rep.Outcome)
	}
}

// An event that was counted twice makes ledger and counters agree.
func TestAnEventThatWasCountedTwiceIsFoundByItsKey(t *testing.T) {
	b := newBench()
	one := b.purchase(named("order-0001"))
	b.apply(t, one, b.purchase(named("order-0002")))
	for r := range b.rows.All("M#") {
		if err := b.rows.Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Delete: true}); err != nil {
			t.Fatal(err)
		}
	}
	other := b.purchase(func(e *conversion.Event) { e.ID, e.Channel = "order-0002", conversion.WhatsApp })
	one.Ingestion = "r-again"
	b.apply(t, one, other)
	b.now = noon.Add(14*time.Hour + 30*time.Minute)
	rep := report(t, &counting.Reporter{Counter: &b.Counter, CRM: crm{}, Queues: queues(0), Zone: rome(t)})
	found := []string{}
	for _, c := range rep.Channels {
		if c.Doubled != 1 || c.Outcome != "differenza" || c.Differing > 0 {
			t.Errorf("%+v", c)
		}
		found = append(found, c.DoubledKeys...)
	}
	if want := []string{"E#" + string(tenant) + "#order-0001", "E#" + string(tenant) + "#order-0002"}; !slices.Equal(slices.Sorted(slices.Values(found)), want) {
		t.Errorf("%q", found)
	}
	if !strings.Contains(rep.Text("it"), "1 eventi contati due volte:\n    E#") {
		t.Error(rep.Text("it"))
	}
}

func TestWhatTheCRMSaysIsExplainedByWhatWaitsOrDiffers(t *testing.T) {
	_, r := aDay(t, 300, 1)
	var n int64
	for _, c := range report(t, r).Channels {
		if c.Channel == conversion.Email {
			n = c.Conversions
		}
	}
	for _, tt := range []struct {
		says    int64
		waiting int64
		want    string
	}{{n, 0, "ok"}, {n + 5, 5, "spiegato"}, {n + 5, 0, "differenza"}, {n - 5, 5, "differenza"}} {
		r.CRM, r.Queues = crm{n: map[conversion.Channel]int64{conversion.Email: tt.says}}, queues(tt.waiting)
		if rep := report(t, r); rep.Outcome != tt.want {
			t.Errorf("the CRM says %d of %d, %d wait: %s", tt.says, n, tt.waiting, rep.Outcome)
		}
	}
	r.CRM = crm{err: errors.New("no CRM today")}
	if rep, err := r.Report(t.Context(), today); !errors.Is(err, counting.ErrUnanswered) || rep.Outcome != "incompleto" || len(rep.Channels) != 5 {
		t.Errorf("a CRM that does not answer is taken for one that agrees: %v\n%s", err, rep.Text("it"))
	}
}

func TestAReportThatIsNotMadeIsOwedForAMonthAndThatOfARunWithinAWeekToo(t *testing.T) {
	b := newBench()
	r := &counting.Reporter{Counter: &b.Counter, CRM: crm{}, Queues: queues(0), Zone: rome(t)}
	due := func(want ...string) {
		t.Helper()
		days, err := r.Due(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, d := range days {
			got = append(got, d.Day.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("on %s: %q, want %q", b.now.Format(time.DateOnly), got, want)
		}
	}
	publish := func() {
		t.Helper()
		days, err := r.Due(t.Context())
		for _, d := range days {
			var rep counting.Report
			if rep, err = r.Report(t.Context(), d.Day); err == nil {
				err = r.Publish(t.Context(), rep)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	due("2026-11-21", "2026-11-14")
	due("2026-11-21", "2026-11-14")
	publish()
	due()
	b.now = b.now.AddDate(0, 0, 3)
	due("2026-11-24", "2026-11-23", "2026-11-22", "2026-11-17", "2026-11-16", "2026-11-15")
	publish()
	due()
	b.now = b.now.AddDate(0, 0, 1)
	due("2026-11-25", "2026-11-18")
	b.now = b.now.AddDate(0, 0, 8) // conversions were switched off meanwhile
	due("2026-12-03", "2026-11-26", "2026-11-25", "2026-11-18")
	b.now = b.now.AddDate(0, 0, 20)
	due("2026-12-23", "2026-12-16", "2026-12-03", "2026-11-26", "2026-11-25")
}

func TestTheReportReadsLikeThisAndIsMailedOnce(t *testing.T) {
	b := newBench()
	k, x := b.watch(t, guarded)
	b.apply(t, b.purchase(named("order-0001")), b.purchase(named("order-0002")))
	b.apply(t, b.purchase(func(e *conversion.Event) { e.Channel = conversion.Email }))
	b.overwrite(t, b.pick(rand.New(rand.NewPCG(1, 1)), "W#"+string(tenant)+"#2026-11-22#webform"), func(v map[string]any) { v["completed"] = 3 })
	b.now = noon.Add(14*time.Hour + 30*time.Minute)
	r := &counting.Reporter{Counter: &b.Counter, CRM: crm{n: map[conversion.Channel]int64{conversion.Email: 1}}, Queues: queues(2), Zone: rome(t)}
	rep := report(t, r)
	golden(t, "report.txt", rep.Text("it"))
	golden(t, "report_en.txt", rep.Text("en"))
	text, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", string(text)+"\n")
	for range 2 {
		if err := r.Publish(t.Context(), rep); err != nil {
			t.Fatal(err)
		}
	}
	tick(t, k)
	if len(x.told) != 1 || !strings.Contains(x.told[0].Text, rep.Text("it")) {
		t.Errorf("%+v", x.told)
	}
}

func TestARepairCountsTheWindowAgainAndPublishesAFurtherVersion(t *testing.T) {
	b, r := aDay(t, 300, 2)
	if _, _, err := b.Close(t.Context(), 10_000); err != nil {
		t.Fatal(err)
	}
	before := b.total(t)
	for _, defect := range []string{"counted once too often", "a cent too much", "counters that are gone"} {
		defects[defect](t, b, rand.New(rand.NewPCG(5, uint64(len(defect)))))
	}
	rep := report(t, r)
	if rep.Outcome != "differenza" {
		t.Fatal(rep.Text("it"))
	}
	for _, c := range rep.Channels {
		for _, d := range c.Differences {
			at, err := time.Parse(time.RFC3339, d.Window)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []bool{true, false} {
				n, err := b.Repair(t.Context(), c.Tenant, c.Channel, conversion.WindowOf(at))
				if err != nil || (n > 0) != want {
					t.Errorf("repair %d of %s: %d rows, %v", i+1, d.Window, n, err)
				}
			}
		}
	}
	after := b.total(t)
	if rep := report(t, r); rep.Outcome != "ok" || after.Unique() != before.Unique() || fmt.Sprint(after.Value) != fmt.Sprint(before.Value) || after.Checksum != before.Checksum {
		t.Errorf("%s: %+v, want %+v", rep.Outcome, after, before)
	}
}

// lively is a store on which something happens with each fourth list of counters or of the ledger.
type lively struct {
	counting.Store
	lists   int
	happens func()
}

func (l *lively) List(ctx context.Context, part, prefix, after string, limit int) ([]row.Row, error) {
	rows, err := l.Store.List(ctx, part, prefix, after, limit)
	if strings.HasPrefix(part, "E#") || strings.HasPrefix(part, "W#") {
		if l.lists++; l.lists%4 == 0 {
			l.happens()
		}
	}
	return rows, err
}

func TestEventsThatComeWhileADayIsComparedAreNoDifference(t *testing.T) {
	for seed := range uint64(5) {
		b, r := aDay(t, 100, seed)
		dice, plain := rand.New(rand.NewPCG(seed, 5)), b.Counter
		late := &lively{Store: b.rows, happens: func() {
			s := b.purchase(func(e *conversion.Event) {
				e.ID, e.Client = fmt.Sprintf("late-%06d", b.n), fmt.Sprintf("CLIENTE-ABCD-%06d", b.n)
				e.At = today.Start(rome(t)).UTC().Add(time.Duration(dice.IntN(24*3600)) * time.Second)
			})
			if _, err := plain.Apply(t.Context(), s); err != nil {
				t.Error(err)
			}
		}}
		b.Store = late
		rep := report(t, r)
		if rep.Outcome != "ok" || late.lists < 40 {
			t.Errorf("seed %d, %d reads:\n%s", seed, late.lists, rep.Text("it"))
		}
		for _, c := range rep.Channels {
			if c.Ledger != c.Counters {
				t.Errorf("seed %d: %+v", seed, c)
			}
		}
	}
}

func TestWhereEventsComeMeanwhileNoWindowDiffers(t *testing.T) {
	for seed := range uint64(5) {
		b, _ := aDay(t, 100, seed)
		first, n := today.Windows(rome(t))
		end := first + conversion.Window(n)
		dice, plain := rand.New(rand.NewPCG(seed, 6)), b.Counter
		late := &lively{Store: b.rows, happens: func() {
			s := b.purchase(func(e *conversion.Event) {
				e.ID, e.Client = fmt.Sprintf("late-%06d", b.n), fmt.Sprintf("CLIENTE-ABCD-%06d", b.n)
				e.At = first.Start().Add(time.Duration(dice.IntN(24*3600)) * time.Second)
			})
			if _, err := plain.Apply(t.Context(), s); err != nil {
				t.Error(err)
			}
		}}
		b.Store = late
		differences, err := b.Differences(t.Context(), tenant, conversion.Webform, first, end)
		if err != nil || len(differences) > 0 || late.lists < 12 {
			t.Errorf("seed %d, %d reads: %v, %v", seed, late.lists, differences, err)
		}
	}
}

func TestWhatIsNoLongerKeptIsNeitherComparedNorCountedAgain(t *testing.T) {
	b, r := aDay(t, 100, 1)
	first, n := today.Windows(rome(t))
	before, err := b.Counters(t.Context(), tenant, first, first+conversion.Window(n))
	if err != nil || len(before) == 0 {
		t.Fatal(before, err)
	}
	b.now = first.Start().Add(counting.KeptEvents - conversion.MaxAhead)
	if _, err := r.Report(t.Context(), today); !errors.Is(err, counting.ErrExpired) {
		t.Errorf("the report: %v", err)
	}
	if _, err := b.Differences(t.Context(), tenant, conversion.Webform, first, first+1); !errors.Is(err, counting.ErrExpired) {
		t.Errorf("the differences: %v", err)
	}
	for cell := range before {
		if n, err := b.Repair(t.Context(), tenant, cell.Channel, first); n != 0 || !errors.Is(err, counting.ErrExpired) {
			t.Errorf("a repair of %s: %d, %v", cell.Channel, n, err)
		}
	}
	after, err := b.Counters(t.Context(), tenant, first, first+conversion.Window(n))
	if err != nil || len(conversion.Compare(before, after)) > 0 {
		t.Errorf("%d cells, then %d, %v", len(before), len(after), err)
	}
	b.now = b.now.Add(-time.Nanosecond)
	if _, err := r.Report(t.Context(), today); err != nil {
		t.Errorf("a moment before: %v", err)
	}
}

func TestAReportOfADayThatIsAllWrongStaysReadable(t *testing.T) {
	b, r := aDay(t, 1500, 4)
	for e := range b.rows.All("E#") {
		if err := b.rows.Put(t.Context(), row.Put{Key: e.Key, If: e.Version, Delete: true}); err != nil {
			t.Fatal(err)
		}
	}
	rep := report(t, r)
	for _, c := range rep.Channels {
		if c.Differing <= counting.MaxDiffering || len(c.Differences) != counting.MaxDiffering || c.Ledger != 0 {
			t.Errorf("%s: %d windows, %d listed", c.Channel, c.Differing, len(c.Differences))
		}
	}
	if err := r.Publish(t.Context(), rep); err != nil || len(rep.Text("it")) > 100_000 {
		t.Errorf("%d bytes, %v", len(rep.Text("it")), err)
	}
}

// A CRM that is silent for days holds up neither look at a day. Each is told once without it, the later one once more when it answers.
func TestTheSecondLookAtADayIsMadeAlsoWhileTheCRMIsSilent(t *testing.T) {
	for _, tt := range []struct {
		name           string
		silent, answer int // from which age to which the CRM does not answer
		want           string
	}{
		{"never silent", 0, 0, "1 8"},
		{"silent at the second look", 8, 10, "1 8- 10"},
		{"silent from the first look to the second", 1, 8, "1- 8"},
		{"silent since the first look", 1, 10, "1- 8- 10"},
		{"silent between the looks", 1, 4, "1- 4 8"},
		{"silent for good", 1, 99, "1- 8-"},
	} {
		b := newBench()
		k, x := b.watch(t, counting.Rules{})
		b.apply(t, b.purchase(named("order-0001")))
		told := []string{}
		for age := 1; age <= 12; age++ {
			b.now = noon.AddDate(0, 0, age)
			r := &counting.Reporter{Counter: &b.Counter, CRM: crm{n: map[conversion.Channel]int64{conversion.Webform: 1}}, Queues: queues(0), Zone: rome(t)}
			if age >= tt.silent && age < tt.answer {
				r.CRM = crm{err: errLost}
			}
			for range 2 { // an invocation that fails is tried again
				due, err := r.Due(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range due {
					rep, err := r.Report(t.Context(), d.Day)
					if err != nil && !errors.Is(err, counting.ErrUnanswered) {
						t.Fatal(err)
					}
					if err := r.Publish(t.Context(), rep); err != nil {
						t.Fatal(err)
					}
				}
			}
			b.now = b.now.Add(10 * time.Minute) // one mail in five minutes
			tick(t, k)
			for _, m := range x.told {
				if n := strings.Count(m.Text, "Rapporto del 2026-11-22"); n == 1 {
					lacks := ""
					if strings.Contains(m.Text, "CRM non risponde") {
						lacks = "-"
					}
					told = append(told, fmt.Sprint(age, lacks))
				} else if n > 1 {
					t.Errorf("%s: %d reports of a day in one mail at age %d", tt.name, n, age)
				}
			}
			x.told = nil
		}
		if got := strings.Join(told, " "); got != tt.want {
			t.Errorf("%s: reports at the ages %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What an earlier version owed by its day alone is made by any report of the day.
func TestWhatAnEarlierVersionOwedIsMadeOnce(t *testing.T) {
	b := newBench()
	err := b.rows.Put(t.Context(), row.Put{Key: row.Key{Part: "U", Sort: "-"}, Value: []byte(`{"planned":"2026-11-22","owed":{"2026-11-20":true}}`)})
	if err != nil {
		t.Fatal(err)
	}
	r := &counting.Reporter{Counter: &b.Counter, CRM: crm{}, Queues: queues(0), Zone: rome(t)}
	due, err := r.Due(t.Context())
	if err != nil || len(due) != 1 || due[0].Day.String() != "2026-11-20" || !due[0].Told {
		t.Fatalf("%+v, %v", due, err)
	}
	rep, err := r.Report(t.Context(), due[0].Day)
	if err == nil {
		err = r.Publish(t.Context(), rep)
	}
	if err != nil {
		t.Fatal(err)
	}
	if due, err = r.Due(t.Context()); err != nil || len(due) != 0 {
		t.Errorf("%+v, %v", due, err)
	}
}
