package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/suite/conversionclock"
)

// ReportOptions name a run of the daily report over spoiled tables. The same options give the same run.
type ReportOptions struct {
	Seed     uint64
	Defects  int
	Events   int                           // deliveries on the day that is reported
	Progress func(done int, now time.Time) // may be nil
}

// Command returns the command line that repeats the run.
func (o ReportOptions) Command() string {
	return fmt.Sprintf("go run ./pkg/desk/cmd/soak report --defects %d --events %d --seed %d", o.Defects, o.Events, o.Seed)
}

// ReportResult is what a run came to.
type ReportResult struct {
	Found      map[string]int // defects by their kind
	Clean      int            // reports of days on which nothing was wrong
	Days       int            // that were spoiled, again and again
	Violations []string
}

// String says in a few lines what a run came to.
func (r ReportResult) String() string {
	var b strings.Builder
	all := 0
	for _, d := range defects {
		all += r.Found[d.name]
		fmt.Fprintf(&b, "\n  %3d  %s", r.Found[d.name], d.name)
	}
	return fmt.Sprintf("%d defects found, on %d days; %d reports of days on which nothing was wrong%s", all, r.Days, r.Clean, b.String())
}

// perTable is how many defects the tables of one run are used for.
const perTable = 50

// Report counts days of conversion events through the door and conversionAggregator, spoils one row of the tables after the other,
// and asks whether conversionClock finds each defect, tells it, and finds nothing where nothing is wrong.
func Report(o ReportOptions) (ReportResult, error) {
	r := ReportResult{Found: map[string]int{}}
	for done := 0; done < o.Defects; {
		s := newShop(ConversionsOptions{Seed: o.Seed + uint64(r.Days), Deliveries: o.Events, Crashes: 0.01, Faults: 0.05})
		s.live()
		err := s.judge()
		s.end()
		if err != nil {
			return r, err
		}
		r.Days++
		r.Clean += s.result.Reports
		r.Violations = append(r.Violations, s.result.Violations...)
		v := &vandal{shop: s, dice: rand.New(rand.NewPCG(o.Seed, uint64(r.Days)))}
		for range min(perTable, o.Defects-done) {
			d := defects[done%len(defects)]
			if err := v.spoils(d); err != nil {
				r.Violations = append(r.Violations, fmt.Sprintf("%s, defect %d: %v", d.name, done+1, err))
			} else {
				r.Found[d.name]++
			}
			done++
		}
		if o.Progress != nil {
			o.Progress(done, s.now)
		}
	}
	return r, nil
}

// vandal spoils rows of the day that is reported, and puts them right again.
type vandal struct {
	*shop
	dice  *rand.Rand
	were  []row.Row // that were changed or taken away
	added []row.Key
}

// day is the one that is spoiled.
var day = conversion.DayOf(conversionsStart.Add(12*time.Hour), rome)

// spoils spoils something and asks for the report: nil when it is found and told.
func (v *vandal) spoils(d defect) error {
	v.were, v.added = nil, nil
	d.spoil(v)
	outcome, mail, err := v.asks()
	if err != nil {
		return err
	}
	v.mend()
	switch {
	case outcome != conversion.Differs.String():
		return fmt.Errorf("the report says %s", outcome)
	case !strings.Contains(mail, outcome):
		return fmt.Errorf("the mail does not tell it: %s", mail)
	}
	if outcome, _, err = v.asks(); err != nil || outcome != conversion.OK.String() {
		return fmt.Errorf("the report of the mended day says %s, %w", outcome, err)
	}
	return nil
}

// asks lets conversionClock report the day and tell it, as its schedules do.
func (v *vandal) asks() (outcome, mail string, err error) {
	for _, part := range []string{"G", "O"} { // a report is published once
		for r := range v.rows.All(part) {
			if err := v.put(row.Put{Key: r.Key, If: r.Version, Delete: true}); err != nil {
				return "", "", err
			}
		}
	}
	before := len(v.mails.Mails())
	for _, e := range []conversionclock.Event{{Action: conversionclock.ActionReport, Day: day.String()}, {Action: conversionclock.ActionTick}} {
		if err := v.clockwork.Handle(context.Background(), e); err != nil {
			return "", "", err
		}
		v.now = v.now.Add(6 * time.Minute) // not everything is told at once
	}
	for r := range v.rows.All("G") {
		var rep counting.Report
		if err := json.Unmarshal(r.Value, &rep); err != nil {
			return "", "", err
		}
		outcome = rep.Outcome
	}
	for _, m := range v.mails.Mails()[before:] {
		mail += m.Text
	}
	return outcome, mail, nil
}

func (v *vandal) put(p row.Put) error { return v.rows.Put(context.Background(), p) }

// must is for rows of our own table.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (v *vandal) drop(r row.Row) {
	v.were = append(v.were, r)
	must(v.put(row.Put{Key: r.Key, If: r.Version, Delete: true}))
}

func (v *vandal) add(k row.Key, value []byte) {
	v.added = append(v.added, k)
	must(v.put(row.Put{Key: k, Value: value}))
}

func (v *vandal) change(r row.Row, edit func(map[string]any)) {
	v.were = append(v.were, r)
	var is map[string]any
	must(json.Unmarshal(r.Value, &is))
	edit(is)
	value, err := json.Marshal(is)
	must(err)
	must(v.put(row.Put{Key: r.Key, If: r.Version, Value: value, Expires: r.Expires}))
}

// mend puts everything right.
func (v *vandal) mend() {
	for _, k := range v.added {
		now, err := v.rows.Get(context.Background(), k)
		must(err)
		must(v.put(row.Put{Key: k, If: now[0].Version, Delete: true}))
	}
	for _, r := range v.were {
		now, err := v.rows.Get(context.Background(), r.Key)
		must(err)
		must(v.put(row.Put{Key: r.Key, If: now[0].Version, Value: r.Value, Expires: r.Expires}))
	}
}

// one is a row of the day under a letter that is of a kind.
func (v *vandal) one(letter string, is func(row.Row) bool) row.Row {
	first, n := day.Windows(rome)
	var all []row.Row
	for r := range v.rows.All(letter) {
		text, _, _ := strings.Cut(r.Key.Sort, "#")
		ms, err := strconv.ParseInt(text, 10, 64)
		must(err)
		if w := conversion.WindowOf(time.UnixMilli(ms)); w >= first && w < first+conversion.Window(n) && is(r) {
			all = append(all, r)
		}
	}
	return all[v.dice.IntN(len(all))]
}

func any1(row.Row) bool { return true }

// holds is for counters that have unique events: others hold repeats alone, which the ledger does not know.
func holds(r row.Row) bool { return !strings.Contains(string(r.Value), `"checksum":"0"`) }

// marker returns the marker of an event of the ledger that the report looks at.
func (v *vandal) marker() row.Row {
	key := ""
	v.one("E#", func(r row.Row) bool {
		var l struct{ Key, Hash string }
		must(json.Unmarshal(r.Value, &l))
		h, ok := conversion.ParseHash(l.Hash)
		if ok && (conversion.Identity{Key: l.Key, Hash: h}).Sampled(counting.Sample) && (key == "" || v.dice.IntN(3) == 0) {
			key = l.Key
		}
		return true
	})
	rows, err := v.rows.Get(context.Background(), row.Key{Part: "M#" + key, Sort: "-"})
	must(err)
	return rows[0]
}

// defect is a way in which rows may be wrong.
type defect struct {
	name  string
	spoil func(*vandal)
}

var defects = []defect{
	{"an event lost from the ledger", func(v *vandal) { v.drop(v.one("E#", any1)) }},
	{"an event twice in the ledger", func(v *vandal) {
		r := v.one("E#", any1)
		v.add(row.Key{Part: r.Key.Part, Sort: r.Key.Sort + "x"}, r.Value)
	}},
	{"an event in the place of another", func(v *vandal) {
		v.change(v.one("E#", any1), func(l map[string]any) { l["hash"] = strings.Repeat("0", 64) })
	}},
	{"an event of the ledger with other cents", func(v *vandal) {
		r := v.one("E#", func(r row.Row) bool { return strings.Contains(string(r.Value), `"completato"`) })
		v.change(r, func(l map[string]any) {
			e := l["event"].(map[string]any)
			e["valore"] = json.Number(fmt.Sprintf("%.2f", e["valore"].(float64)+1))
		})
	}},
	{"an event of the ledger in another window", func(v *vandal) {
		r := v.one("E#", func(r row.Row) bool {
			return r.Key.Sort[:13] < fmt.Sprintf("%013d", conversionsStart.Add(20*time.Hour).UnixMilli())
		})
		ms, err := strconv.ParseInt(r.Key.Sort[:13], 10, 64)
		must(err)
		moved := time.UnixMilli(ms + conversion.Width.Milliseconds()).UTC()
		var l map[string]any
		must(json.Unmarshal(r.Value, &l))
		l["event"].(map[string]any)["timestamp"] = moved.Format("2006-01-02T15:04:05.000Z")
		value, err := json.Marshal(l)
		must(err)
		v.drop(r)
		v.add(row.Key{Part: r.Key.Part, Sort: fmt.Sprintf("%013d%s", moved.UnixMilli(), r.Key.Sort[13:])}, value)
	}},
	{"counters that are gone", func(v *vandal) { v.drop(v.one("W#", holds)) }},
	{"counted once too often", func(v *vandal) {
		v.change(v.one("W#", any1), func(c map[string]any) { n, _ := c["completed"].(float64); c["completed"] = n + 1 })
	}},
	{"counted once too seldom", func(v *vandal) {
		v.change(v.one("W#", func(r row.Row) bool { return strings.Contains(string(r.Value), `"completed"`) }), func(c map[string]any) {
			c["completed"] = c["completed"].(float64) - 1
		})
	}},
	{"a cent too much", func(v *vandal) {
		v.change(v.one("W#", func(r row.Row) bool { return strings.Contains(string(r.Value), `"EUR":[`) }), func(c map[string]any) {
			eur := c["value"].(map[string]any)["EUR"].([]any)
			eur[1] = eur[1].(float64) + 1
		})
	}},
	{"counters of another window", func(v *vandal) {
		r := v.one("W#", holds)
		to := v.one("W#", func(o row.Row) bool { return o.Key.Part == r.Key.Part && o.Key.Sort[:13] != r.Key.Sort[:13] })
		v.drop(r)
		v.add(row.Key{Part: r.Key.Part, Sort: to.Key.Sort[:13] + r.Key.Sort[13:] + "x"}, r.Value)
	}},
	{"a marker that is gone", func(v *vandal) { v.drop(v.marker()) }},
	{"a marker of another event", func(v *vandal) {
		v.change(v.marker(), func(m map[string]any) { m["hash"] = strings.Repeat("0", 64) })
	}},
}
