package conversion

import (
	"errors"
	"fmt"
	"time"
)

// Width is the length of a window; Lateness is how long after its end a window waits for events before its counts are
// published: longer than all retries of a delivery together (Schedule). OutOfOrder is by how much events of one shard may
// overtake each other.
const (
	Width      = 5 * time.Minute
	Lateness   = 20 * time.Minute
	OutOfOrder = 15 * time.Second
)

// Window is five minutes of event time, aligned to the Unix epoch: [Start, End). It is the number of the window since the
// epoch, so windows can be compared and counted.
type Window int64

// WindowOf returns the window that an instant lies in. An instant on an edge belongs to the window that begins there.
func WindowOf(t time.Time) Window { return Window(floorDiv(t.UnixMilli(), Width.Milliseconds())) }

// Start returns the first instant of the window, in UTC.
func (w Window) Start() time.Time { return time.UnixMilli(int64(w) * Width.Milliseconds()).UTC() }

// End returns the first instant after the window, in UTC.
func (w Window) End() time.Time { return (w + 1).Start() }

// String returns the window's start in RFC 3339.
func (w Window) String() string { return w.Start().Format(time.RFC3339) }

// MinuteOf returns the first instant of the minute that t lies in, in UTC: the start of its minute row.
func MinuteOf(t time.Time) time.Time {
	return time.UnixMilli(floorDiv(t.UnixMilli(), time.Minute.Milliseconds()) * time.Minute.Milliseconds()).UTC()
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Phase is how far a window has come.
type Phase uint8

// The phases of a window.
const (
	Open     Phase = iota // its time is not over
	Settling              // its time is over, late events are waited for
	Final                 // its counts are published; what comes later makes a new version
)

// String returns the published name: what is settling is still open to a reader.
func (p Phase) String() string {
	if p == Final {
		return "definitiva"
	}
	return "aperta"
}

// Phase returns how far the window has come at now.
func (w Window) Phase(now time.Time) Phase {
	switch {
	case now.Before(w.End()):
		return Open
	case now.Before(w.End().Add(Lateness)):
		return Settling
	}
	return Final
}

// Watermark returns the instant up to which a shard whose newest event is of that time has probably seen everything. It is
// shown, and decides nothing: a channel without events holds no other one up.
func Watermark(newest time.Time) time.Time { return newest.Add(-OutOfOrder) }

// Snapshot is a published version of a window's counts. The zero Snapshot is none. A version that was published never
// changes.
type Snapshot struct {
	Version int // from 1
	Counts  Counts
}

// Close returns the next version of a window's snapshot and true, if one is due: the first when the window is final, a
// further one when its counts differ from the last version's. current are its counts as they stand at now.
func (w Window) Close(now time.Time, last Snapshot, current Counts) (Snapshot, bool) {
	if w.Phase(now) != Final || last.Version > 0 && last.Counts.Equal(current) {
		return last, false
	}
	return Snapshot{Version: last.Version + 1, Counts: current}, true
}

// Day is a calendar day. Which instants it has depends on the place.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

// DayOf returns the day at an instant in a place.
func DayOf(t time.Time, loc *time.Location) Day {
	y, m, d := t.In(loc).Date()
	return Day{y, m, d}
}

// ErrDay says that a text is not a day that exists, written 2006-01-02.
var ErrDay = errors.New("not a day of the form 2006-01-02")

// ParseDay reads a day of the form 2006-01-02.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Day{}, ErrDay // time's own error repeats the text
	}
	return DayOf(t, time.UTC), nil
}

// String writes the day as 2006-01-02.
func (d Day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Plus returns the day n days later.
func (d Day) Plus(n int) Day {
	return DayOf(time.Date(d.Year, d.Month, d.Day+n, 12, 0, 0, 0, time.UTC), time.UTC)
}

// Start returns the first instant of the day in a place. Where clocks go forward at midnight that is not 00:00.
func (d Day) Start(loc *time.Location) time.Time {
	t := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, loc)
	if DayOf(t, loc) != d {
		_, t = t.ZoneBounds()
	}
	return t
}

// Windows returns the first window of the day in a place and how many it has: in Europe/Rome 288, 276 when clocks go
// forward, 300 when they go back. A window that midnight cuts belongs to the day in which it starts.
func (d Day) Windows(loc *time.Location) (first Window, n int) {
	first, end := ceil(d.Start(loc)), ceil(d.Plus(1).Start(loc))
	return first, int(end - first)
}

// ceil returns the first window that starts at t or later.
func ceil(t time.Time) Window {
	w := WindowOf(t)
	if w.Start().Before(t) {
		w++
	}
	return w
}

// Step is the length of one row of an answer.
type Step string

// The steps of an answer (passo).
const (
	ByMinute Step = "1m"
	ByWindow Step = "5m"
	ByHour   Step = "1h"
	ByDay    Step = "1g"
)

// Bounds returns the step's row that an instant lies in: [start, end), both in the place's time. Minutes and windows are
// aligned to the epoch, hours to the place's clock, days to its calendar. A step that is not one of the four has none, and
// ok is false.
func (s Step) Bounds(t time.Time, loc *time.Location) (start, end time.Time, ok bool) {
	switch s {
	case ByMinute:
		start = MinuteOf(t).In(loc)
		return start, start.Add(time.Minute), true
	case ByWindow:
		start = WindowOf(t).Start().In(loc)
		return start, start.Add(Width), true
	case ByHour:
		_, offset := t.In(loc).Zone()
		shift := time.Duration(offset) * time.Second % time.Hour
		start = t.Add(shift).Truncate(time.Hour).Add(-shift).In(loc)
		return start, start.Add(time.Hour), true
	case ByDay:
		d := DayOf(t, loc)
		return d.Start(loc), d.Plus(1).Start(loc), true
	}
	return start, end, false
}
