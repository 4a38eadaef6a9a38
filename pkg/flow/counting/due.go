package counting

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
)

// reportAges are how many days before today the daily reports look at: yesterday, and the day about which nothing more can come in.
var reportAges = []int{1, 8}

// catchUp is for how many days without a run their reports are made up for. What stood still for longer was switched off, and begins anew.
const catchUp = 7

// agenda is which days' reports are owed.
type agenda struct {
	Planned string          `json:"planned"` // the last day whose reports were put on it
	Owed    map[string]bool `json:"owed"`    // by day and age, as in look: whether one was published that lacks what the CRM knows
}

// look names a day at one of the reportAges. Those of an earlier version have no age: any report is theirs.
func look(day string, age int) string { return fmt.Sprintf("%s#%d", day, age) }

func readLook(text string) (day string, age int) {
	day, of, _ := strings.Cut(text, "#")
	age, _ = strconv.Atoi(of)
	return day, age
}

var agendaKey = row.Key{Part: "U", Sort: only}

// Due is a day whose report is owed.
type Due struct {
	Day  conversion.Day
	Told bool // one that lacks what the CRM knows was published
}

// Due returns the days whose reports are to be made today, and those of before that were not made, or lack what the CRM knows; the latest
// one first. A day is owed for as long as its markers are kept.
func (r *Reporter) Due(ctx context.Context) (due []Due, err error) {
	err = r.Counter.retry(ctx, func() error {
		d := newDraft(r.Counter.Store)
		if err := d.load(ctx, agendaKey); err != nil {
			return err
		}
		var a agenda
		if err := d.read(agendaKey, &a); err != nil {
			return err
		}
		if err := a.plan(conversion.DayOf(r.Counter.Now(), r.Zone)); err != nil {
			return err
		}
		due = nil
		for text, told := range a.Owed {
			of, _ := readLook(text)
			day, err := conversion.ParseDay(of)
			if err != nil {
				return err
			}
			due = append(due, Due{day, told})
		}
		if err := d.write(agendaKey, a, time.Time{}); err != nil {
			return err
		}
		return d.save(ctx)
	})
	slices.SortFunc(due, func(a, b Due) int { return cmpDay(b.Day, a.Day) })
	return due, err
}

// plan puts the reports of each day since the last plan on the agenda, and takes off what is older than markers are. A later look at a
// day takes the place of the earlier one, which can be made no more; it is owed in full, whatever was told of the earlier one.
func (a *agenda) plan(today conversion.Day) error {
	if a.Owed == nil {
		a.Owed = map[string]bool{}
	}
	next := today
	if a.Planned != "" {
		last, err := conversion.ParseDay(a.Planned)
		if err != nil {
			return err
		}
		if cmpDay(last, today.Plus(-catchUp)) >= 0 {
			next = last.Plus(1)
		}
	}
	for ; cmpDay(next, today) <= 0; next = next.Plus(1) {
		for _, age := range reportAges {
			day := next.Plus(-age).String()
			maps.DeleteFunc(a.Owed, func(text string, _ bool) bool { return strings.HasPrefix(text, day) })
			a.Owed[look(day, age)] = false
		}
		a.Planned = next.String()
	}
	oldest := today.Plus(-int(conversion.MarkerLife / (24 * time.Hour))).String()
	maps.DeleteFunc(a.Owed, func(text string, _ bool) bool { return text < oldest })
	return nil
}

// made takes what a report answers off the agenda: the looks at its day that were due when it was made. If it lacks what the CRM knows, they
// stay. told is whether such a one was published before.
func (a *agenda) made(rep Report) (told, owed bool) {
	for text, before := range a.Owed {
		if day, age := readLook(text); day != rep.Day || age > rep.Age {
			continue
		}
		told, owed = told || before, true
		if rep.lacks() {
			a.Owed[text] = true
		} else {
			delete(a.Owed, text)
		}
	}
	return told, owed
}

func cmpDay(a, b conversion.Day) int {
	return a.Start(time.UTC).Compare(b.Start(time.UTC))
}

const reportsPart = "G"

// Publish keeps a report for two years, puts it into the outbox, and takes it off those that are owed. The same day again at the same
// age changes nothing. One that lacks what the CRM knows stays owed, is told once at each of the reportAges, and gives way to one that has
// it.
func (r *Reporter) Publish(ctx context.Context, rep Report) error {
	return r.Counter.retry(ctx, func() error {
		d, now := newDraft(r.Counter.Store), r.Counter.Now().UTC()
		key := row.Key{Part: reportsPart, Sort: fmt.Sprintf("%s#%04d", rep.Day, rep.Age)}
		if err := d.load(ctx, key, agendaKey); err != nil {
			return err
		}
		var old Report
		var a agenda
		if err := d.read(key, &old); err != nil {
			return err
		}
		if err := d.read(agendaKey, &a); err != nil {
			return err
		}
		told, owed := a.made(rep)
		if owed {
			if err := d.write(agendaKey, a, time.Time{}); err != nil {
				return err
			}
		}
		if rep.lacks() && told || d.has(key) && (rep.lacks() || !old.lacks()) {
			return d.save(ctx)
		}
		rep := rep.fit(r.Language)
		if err := d.write(key, rep, now.Add(KeptEvents)); err != nil {
			return err
		}
		if err := d.post(Notice{Kind: KindReport, Key: rep.Day, Text: rep.Text(r.Language), At: now}); err != nil {
			return err
		}
		return d.save(ctx)
	})
}

// lacks reports whether the CRM was asked for some channel and did not answer.
func (r Report) lacks() bool {
	return slices.ContainsFunc(r.Channels, func(c Audited) bool { return c.Unanswered })
}
