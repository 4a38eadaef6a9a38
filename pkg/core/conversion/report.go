package conversion

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Cell is one place in a book: a window of a channel and a type.
type Cell struct {
	Window  Window
	Channel Channel
	Type    Type
}

// Book is what one source says was counted, cell by cell: the ledger (the events themselves, counted again) or the
// counters.
type Book map[Cell]Counts

// Add adds counts to a cell.
func (b Book) Add(at Cell, c Counts) error {
	sum, err := b[at].Plus(c)
	if err == nil {
		b[at] = sum
	}
	return err
}

// Recount returns what an event of the ledger adds to its cell. quarantined says that it has not been released.
func Recount(e Event, id Identity, quarantined bool) (Cell, Counts) {
	return Cell{WindowOf(e.At), e.Channel, e.Type}, Arrival{Event: e, Identity: id, Quarantined: quarantined}.Counts()
}

// recountable returns the part of the counts that the events alone tell: not how often they were sent, nor when they came.
func (c Counts) recountable() Counts {
	c.Duplicates, c.Conflicts, c.Late, c.Newest = 0, 0, 0, time.Time{}
	return c
}

// Difference is a cell in which two books disagree.
type Difference struct {
	Cell
	Ledger, Counters Counts // without what events alone do not tell
}

// Compare returns where the books disagree, by channel, time and type. It compares windows and no sums of them: an event
// that was counted in the wrong window vanishes in the sums of its hour and its day.
func Compare(ledger, counters Book) []Difference {
	cells := slices.Collect(maps.Keys(ledger))
	for c := range counters {
		if _, ok := ledger[c]; !ok {
			cells = append(cells, c)
		}
	}
	var out []Difference
	for _, c := range cells {
		l, k := ledger[c].recountable(), counters[c].recountable()
		if !l.Equal(k) {
			out = append(out, Difference{c, l, k})
		}
	}
	slices.SortFunc(out, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Window, b.Window), cmp.Compare(a.Type, b.Type))
	})
	return out
}

// Hours groups differences by the hour in which their windows start, in order: where to look first.
func Hours(differences []Difference) []Hour {
	byHour := map[time.Time][]Difference{}
	for _, d := range differences {
		h := d.Window.Start().Truncate(time.Hour)
		byHour[h] = append(byHour[h], d)
	}
	var out []Hour
	for _, h := range slices.SortedFunc(maps.Keys(byHour), time.Time.Compare) {
		out = append(out, Hour{h, byHour[h]})
	}
	return out
}

// Hour is the differences of one hour, from Start in UTC.
type Hour struct {
	Start       time.Time
	Differences []Difference
}

// Entry is one event of a cell's ledger.
type Entry struct {
	Identity Identity
	Marker   Marker // the one found under its key; zero: none
}

// MaxSuspects is how many keys a report lists of one cell.
const MaxSuspects = 100

// Suspects returns the keys of the events that may be why a cell differs, sorted, at most MaxSuspects. entries are all
// events that the ledger has in the cell. If the checksums differ by exactly one event's term, lost or doubled, it is that
// one. Else it is those whose marker is missing or of another content; if there are none of these either, all.
func Suspects(d Difference, entries []Entry) []string {
	lost := d.Ledger.Checksum.minus(d.Counters.Checksum)
	doubled := d.Counters.Checksum.minus(d.Ledger.Checksum)
	tests := []func(Entry) bool{
		func(e Entry) bool { t := SumOf(e.Identity.Term()); return t == lost || t == doubled },
		func(e Entry) bool { return e.Marker.Hash != e.Identity.Hash },
		func(Entry) bool { return true },
	}
	var keys []string
	for _, suspect := range tests {
		for _, e := range entries {
			if suspect(e) {
				keys = append(keys, e.Identity.Key)
			}
		}
		if len(keys) > 0 {
			break
		}
	}
	slices.Sort(keys)
	return keys[:min(len(keys), MaxSuspects)]
}

// Outcome is what a daily report says of a channel.
type Outcome uint8

// The outcomes of a report.
const (
	OK         Outcome = iota // everything agrees
	Explained                 // what the CRM has and we do not is waiting to be counted
	Incomplete                // nothing differs, and the CRM did not answer
	Differs                   // an alarm
)

// String returns the published name of the outcome.
func (o Outcome) String() string { return [...]string{"ok", "spiegato", "incompleto", "differenza"}[o] }

// SettledAge is after how many days the CRM must agree to the last conversion; before, FreshTolerance per thousand may
// differ.
const (
	SettledAge     = 7
	FreshTolerance = 5
)

// Audit is what is known of one channel and one day in a place.
type Audit struct {
	Differences []Difference // between ledger and counters
	BadMarkers  int64        // of the markers that were looked at: missing, or of another content than the event
	Doubled     int64        // events of the ledger whose key stood there before
	Conversions int64        // as counted
	Waiting     int64        // accepted and not counted yet: in a queue, in its dead letters, in the errors, in quarantine
	CRM         int64        // conversions that the CRM itself says
	Asked       bool         // the CRM was asked and answered; else CRM means nothing
	Unanswered  bool         // it was asked and did not answer
	Age         int          // days between the day and the report
}

// Outcome returns what the report says. Ledger and counters are written together, so nothing explains a difference between
// them.
func (a Audit) Outcome() Outcome {
	switch {
	case len(a.Differences) > 0 || a.BadMarkers > 0 || a.Doubled > 0:
		return Differs
	case a.Unanswered:
		return Incomplete
	case !a.Asked || a.agrees(a.Conversions):
		return OK
	case a.agrees(a.Conversions + a.Waiting):
		return Explained
	}
	return Differs
}

// agrees reports whether the CRM's number is n, but for what a young day may differ by.
func (a Audit) agrees(n int64) bool {
	d := max(n-a.CRM, a.CRM-n)
	return d == 0 || a.Age < SettledAge && d*1000 <= FreshTolerance*max(n, a.CRM)
}
