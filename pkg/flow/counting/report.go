package counting

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/row"
)

// CRM says how many conversions of a tenant's channel the CRM itself knows, in [from, to). asked is false where it is not set up
// to tell.
type CRM interface {
	Conversions(ctx context.Context, t conversion.Tenant, c conversion.Channel, from, to time.Time) (n int64, asked bool, err error)
}

// Queues says how many events wait in the queue and in its dead letters. Whose they are nobody knows before they are read, so
// they count as waiting for every channel.
type Queues interface {
	Waiting(ctx context.Context) (int64, error)
}

// Sample is the percentage of events whose markers a report looks at.
const Sample = 1

// Reporter makes the daily report. Every field but Policy and Language is required.
type Reporter struct {
	Counter  *Counter
	CRM      CRM
	Queues   Queues
	Policy   conversion.Policy
	Zone     *time.Location
	Language string // of what is mailed: en, else Italian
}

// Report is what a day's comparison has found.
type Report struct {
	Day      string    `json:"giorno"`
	Age      int       `json:"eta_giorni"`
	Windows  int       `json:"finestre"`
	Outcome  string    `json:"esito"` // the worst of the channels'
	Waiting  int64     `json:"in_coda"`
	Channels []Audited `json:"canali"`
}

// Audited is one channel of a tenant in a report.
type Audited struct {
	Tenant      conversion.Tenant  `json:"mittente"`
	Channel     conversion.Channel `json:"canale"`
	Outcome     string             `json:"esito"`
	Ledger      int64              `json:"registro"` // unique events
	Counters    int64              `json:"contatori"`
	Conversions int64              `json:"conversioni"`
	CRM         *int64             `json:"crm"` // null: not asked, or it did not answer
	Unanswered  bool               `json:"crm_non_risponde,omitempty"`
	Errors      int64              `json:"errori"`
	Quarantined int64              `json:"in_quarantena"`
	Markers     int64              `json:"marcatori"` // looked at
	BadMarkers  int64              `json:"marcatori_errati"`
	Doubled     int64              `json:"doppi"`                   // events of the ledger whose key stands there before them
	DoubledKeys []string           `json:"chiavi_doppie,omitempty"` // theirs, at most conversion.MaxSuspects
	Differing   int                `json:"finestre_diverse"`
	Differences []Differing        `json:"differenze,omitempty"` // at most MaxDiffering of them
}

// MaxDiffering is how many windows a report lists of one channel: it must fit into a row and be read by a person.
const MaxDiffering = 100

// Differing is a window of a type in which ledger and counters disagree.
type Differing struct {
	Window   string          `json:"finestra"`
	Type     conversion.Type `json:"evento"`
	Ledger   int64           `json:"registro"`
	Counters int64           `json:"contatori"`
	Suspects []string        `json:"chiavi"` // of all windows of the channel together at most conversion.MaxSuspects
}

// ErrUnanswered says that a report lacks what the CRM knows, and nothing else: it did not answer.
var ErrUnanswered = errors.New("the CRM does not answer")

// Report compares a day of the zone: the ledger with the counters, a sample of markers with the ledger, the ledger's keys with each
// other, and the CRM with what was counted. It changes nothing; a failing CRM or queue is an error, never a guess. With ErrUnanswered the
// report says all that it can without the CRM; with ErrExpired the ledger no longer has the day, and nothing is said.
func (r *Reporter) Report(ctx context.Context, day conversion.Day) (Report, error) {
	first, n := day.Windows(r.Zone)
	if err := kept(first, r.Counter.Now()); err != nil {
		return Report{}, err
	}
	out := Report{Day: day.String(), Windows: n, Age: r.age(day), Outcome: conversion.OK.String(), Channels: []Audited{}}
	scopes, err := r.Counter.scopes(ctx)
	if err != nil {
		return out, err
	}
	if out.Waiting, err = r.Queues.Waiting(ctx); err != nil {
		return out, fmt.Errorf("counting.Report: the queues: %w", err)
	}
	failed, err := r.failed(ctx, first, first+conversion.Window(n))
	if err != nil {
		return out, err
	}
	worst, keys := conversion.OK, seen{}
	var unanswered error
	for _, s := range slices.SortedFunc(maps.Keys(scopes), func(a, b scope) int { return strings.Compare(a.String(), b.String()) }) {
		one, verdict, err := r.audit(ctx, s, day, out.Waiting, failed[s], keys)
		if errors.Is(err, ErrUnanswered) {
			unanswered = err
		} else if err != nil {
			return out, err
		}
		out.Channels = append(out.Channels, one)
		worst = max(worst, verdict)
	}
	out.Outcome = worst.String()
	return out, unanswered
}

func (r *Reporter) age(day conversion.Day) (n int) {
	for today := conversion.DayOf(r.Counter.Now(), r.Zone); n < 1000 && day.Plus(n) != today; {
		n++
	}
	return n
}

// failed counts the events of the windows that lie among the errors and may still be counted, by channel.
func (r *Reporter) failed(ctx context.Context, first, end conversion.Window) (map[scope]int64, error) {
	out := map[scope]int64{}
	return out, all(ctx, r.Counter.Store, errorsPart, func(w row.Row) error {
		var f Failed
		if err := decode(w, &f); err != nil {
			return err
		}
		sub, err := submission.Open(f.Body)
		if err != nil || f.Reason != ReasonExhausted {
			return nil //nolint:nilerr // what cannot be read is no conversion that the CRM could know
		}
		if at := conversion.WindowOf(sub.Event.At); first <= at && at < end {
			out[scope{sub.Tenant, sub.Event.Channel}]++
		}
		return nil
	})
}

func (r *Reporter) audit(ctx context.Context, s scope, day conversion.Day, waiting, failed int64, keys seen) (Audited, conversion.Outcome, error) {
	first, n := day.Windows(r.Zone)
	end := first + conversion.Window(n)
	out := Audited{Tenant: s.tenant, Channel: s.channel, Errors: failed}
	counters, ledger := conversion.Book{}, conversion.Book{}
	if err := counted(ctx, r.Counter.Store, s, first, end, counters); err != nil {
		return out, 0, err
	}
	some, err := r.ledger(ctx, s, first, end, ledger, keys, &out)
	if err != nil {
		return out, 0, err
	}
	differences, err := r.again(ctx, s, ledger, counters)
	if err != nil {
		return out, 0, err
	}
	for _, c := range ledger {
		out.Ledger += c.Unique()
	}
	var totals conversion.Totals
	for cell, c := range counters {
		if err := totals.Add(r.Policy, cell.Type, c); err != nil {
			return out, 0, err
		}
	}
	out.Counters, out.Conversions, out.Quarantined = totals.Counts.Unique(), totals.Conversions, totals.Counts.Quarantined
	more, err := r.suspects(ctx, s, first, end, differences)
	if err != nil {
		return out, 0, err
	}
	entries, err := r.markers(ctx, append(some, more...), &out)
	if err != nil {
		return out, 0, err
	}
	out.Differing, out.Differences = len(differences), list(differences, entries)
	crm, asked, err := r.CRM.Conversions(ctx, s.tenant, s.channel, first.Start(), end.Start())
	if err != nil {
		asked, out.Unanswered, err = false, true, fmt.Errorf("counting.Report: %w: %w", ErrUnanswered, err)
	}
	if asked {
		out.CRM = &crm
	}
	verdict := conversion.Audit{
		Differences: differences, BadMarkers: out.BadMarkers, Doubled: out.Doubled, Conversions: out.Conversions,
		Waiting: waiting + failed + out.Quarantined,
		CRM:     crm, Asked: asked, Unanswered: out.Unanswered, Age: r.age(day),
	}.Outcome()
	out.Outcome = verdict.String()
	return out, verdict, err
}

// again returns where the books of a day disagree. What was counted between the two reads looks like a difference, and on a long day
// something always is: each window that differs is looked at again by itself, and has in both books what stood there then. More than
// MaxDiffering windows are no coincidence.
func (r *Reporter) again(ctx context.Context, s scope, ledger, counters conversion.Book) ([]conversion.Difference, error) {
	differences := conversion.Compare(ledger, counters)
	windows := map[conversion.Window]bool{}
	for _, d := range differences {
		windows[d.Window] = true
	}
	if len(windows) == 0 || len(windows) > MaxDiffering {
		return differences, nil
	}
	outdated := func(c conversion.Cell, _ conversion.Counts) bool { return windows[c.Window] }
	maps.DeleteFunc(ledger, outdated)
	maps.DeleteFunc(counters, outdated)
	for w := range windows {
		l, c, err := r.Counter.look(ctx, s, w, w+1)
		if err != nil {
			return nil, err
		}
		maps.Copy(ledger, l)
		maps.Copy(counters, c)
	}
	return conversion.Compare(ledger, counters), nil
}

// list words the first differences.
func list(differences []conversion.Difference, entries map[conversion.Cell][]conversion.Entry) (out []Differing) {
	room := conversion.MaxSuspects
	for _, d := range differences[:min(len(differences), MaxDiffering)] {
		keys := conversion.Suspects(d, entries[d.Cell])
		keys = keys[:min(len(keys), room)]
		room -= len(keys)
		out = append(out, Differing{d.Window.String(), d.Type, d.Ledger.Unique(), d.Counters.Unique(), keys})
	}
	return out
}

// seen are the keys of events that a report has come by, hashed: a day has many.
type seen map[[sha256.Size]byte]bool

// before notes a key, and reports whether it was there.
func (s seen) before(key string) bool {
	sum := sha256.Sum256([]byte(key))
	was := s[sum]
	s[sum] = true
	return was
}

// placed is an event of the ledger, and where it counts.
type placed struct {
	conversion.Identity
	cell conversion.Cell
}

// ledger counts a channel's events again into a book, looks for keys that were there before, and returns the sample whose markers are
// to be looked at.
func (r *Reporter) ledger(ctx context.Context, s scope, first, end conversion.Window, into conversion.Book, keys seen, out *Audited) (sample []placed, err error) {
	err = r.Counter.events(ctx, s, first, end, func(l ledgered, e conversion.Event, id conversion.Identity) error {
		if keys.before(id.Key) {
			if out.Doubled++; len(out.DoubledKeys) < conversion.MaxSuspects {
				out.DoubledKeys = append(out.DoubledKeys, id.Key)
			}
		}
		cell, n := conversion.Recount(e, id, l.Quarantined)
		if id.Sampled(Sample) && r.marked(l) {
			sample = append(sample, placed{id, cell})
		}
		return into.Add(cell, n)
	})
	return sample, err
}

// suspects returns the events beside the sample of cells that differ: any of their markers may say why.
func (r *Reporter) suspects(ctx context.Context, s scope, first, end conversion.Window, differences []conversion.Difference) (out []placed, err error) {
	if len(differences) == 0 {
		return nil, nil
	}
	differs := map[conversion.Cell]bool{}
	for _, d := range differences {
		differs[d.Cell] = true
	}
	err = r.Counter.events(ctx, s, first, end, func(l ledgered, e conversion.Event, id conversion.Identity) error {
		if cell, _ := conversion.Recount(e, id, l.Quarantined); differs[cell] && !id.Sampled(Sample) && r.marked(l) {
			out = append(out, placed{id, cell})
		}
		return nil
	})
	return out, err
}

// marked reports whether an event still has its marker.
func (r *Reporter) marked(l ledgered) bool {
	return r.Counter.Now().Before(time.UnixMilli(l.Applied).Add(conversion.MarkerLife))
}

// markers reads the markers of events, and counts those of the sample that are wrong.
func (r *Reporter) markers(ctx context.Context, of []placed, out *Audited) (map[conversion.Cell][]conversion.Entry, error) {
	entries := map[conversion.Cell][]conversion.Entry{}
	for some := range slices.Chunk(of, page) {
		keys := make([]row.Key, len(some))
		for i, e := range some {
			keys[i] = markerKey(e.Identity)
		}
		rows, err := r.Counter.Store.Get(ctx, keys...)
		if err != nil {
			return nil, err
		}
		for i, e := range some {
			m, err := readMarker(rows[i])
			if err != nil {
				return nil, err
			}
			entries[e.cell] = append(entries[e.cell], conversion.Entry{Identity: e.Identity, Marker: m})
			if !e.Sampled(Sample) {
				continue
			}
			if out.Markers++; m.Hash != e.Hash {
				out.BadMarkers++
			}
		}
	}
	return entries, nil
}

// maxReport is how long the texts of a report are together, in bytes: a row takes 400 KB, and the outbox holds it once more.
const maxReport = 100 << 10

// fit returns the report with as many differences of each channel as its row and its mail take. How many there are in all stays
// said.
func (r Report) fit(language string) Report {
	for most := maxReport; most > 0 && len(r.Text(language)) > maxReport; most /= 2 {
		r.Channels = slices.Clone(r.Channels)
		for i, c := range r.Channels {
			c.DoubledKeys = c.DoubledKeys[:min(len(c.DoubledKeys), most/1024)]
			c.Differing = max(c.Differing, len(c.Differences))
			c.Differences = slices.Clone(c.Differences[:min(len(c.Differences), most/1024)])
			for j, d := range c.Differences {
				c.Differences[j].Suspects = d.Suspects[:min(len(d.Suspects), most/1024)]
			}
			r.Channels[i] = c
		}
	}
	return r
}

// Text is the report as it is mailed, in English where the language is en, else in Italian.
func (r Report) Text(language string) string {
	b, w := &strings.Builder{}, wordsOf(language)
	fmt.Fprintf(b, w.Title, r.Day, named(w.Outcomes, r.Outcome), r.Windows, r.Waiting)
	for _, c := range r.Channels {
		crm := w.NotAsked
		if c.Unanswered {
			crm = w.Unanswered
		} else if c.CRM != nil {
			crm = fmt.Sprint(*c.CRM)
		}
		fmt.Fprintf(b, w.Channel, c.Channel, string(c.Tenant)[:min(8, len(c.Tenant))], named(w.Outcomes, c.Outcome))
		fmt.Fprintf(b, w.Counted, c.Ledger, c.Counters, c.Conversions, crm)
		fmt.Fprintf(b, w.Checked, c.Errors, c.Quarantined, c.Markers, c.BadMarkers)
		if c.Doubled > 0 {
			fmt.Fprintf(b, w.Doubled, c.Doubled)
		}
		for _, key := range c.DoubledKeys {
			fmt.Fprintf(b, "    %s\n", key)
		}
		if c.Differing > len(c.Differences) {
			fmt.Fprintf(b, w.FirstOf, c.Differing, len(c.Differences))
		}
		for _, d := range c.Differences {
			fmt.Fprintf(b, w.Window, d.Window, d.Type, d.Ledger, d.Counters)
			for _, key := range d.Suspects {
				fmt.Fprintf(b, "    %s\n", key)
			}
		}
	}
	return b.String()
}
