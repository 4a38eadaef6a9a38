package digest

import (
	"context"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// ClosedFor is how long a row is kept after it was closed.
const ClosedFor = 90 * 24 * time.Hour

// maxMessage is the longest message that is stored, in characters.
const maxMessage = 1000

// Ledger keeps the parked rows: one open row per record, field and reason. It may be used by several goroutines and
// processes; a write that others overtake five times gives an error that wraps row.ErrConflict.
type Ledger struct {
	Store Store
	Now   func() time.Time
}

// Open writes the rows, or counts them up where they are open already: the count rises, the latest cause, message and
// retry time stand, the first time and the mail that told it stay. A row without an ID gets one
// out of its record, field and reason, one without times is dated now. A row that may be told at a later time keeps the time that it was given first.
func (l *Ledger) Open(ctx context.Context, rows ...fault.Parked) error {
	now := l.Now()
	byKey := map[row.Key]fault.Parked{}
	var keys []row.Key
	for _, p := range rows {
		p = complete(p, now)
		k := openKey(p)
		if earlier, ok := byKey[k]; ok {
			p = repeat(earlier, p)
		} else {
			keys = append(keys, k)
		}
		byKey[k] = p
	}
	return l.change(ctx, "digest.Open", keys, func(e entry) (entry, bool) {
		if e.version == 0 {
			e.Parked = byKey[e.key]
		} else {
			e.Parked = repeat(e.Parked, byKey[e.key])
		}
		return e, true
	})
}

// complete fills in what a new row may leave out.
func complete(p fault.Parked, now time.Time) fault.Parked {
	p.ID = identity(p)
	if p.First.IsZero() {
		p.First = now
	}
	if p.Last.IsZero() {
		p.Last = now
	}
	p.Count = max(p.Count, 1)
	p.Message = cut(p.Message, maxMessage)
	return p
}

// repeat returns the row after it happened once more.
func repeat(stored, p fault.Parked) fault.Parked {
	p.Count += stored.Count
	p.First, p.Digest = stored.First, stored.Digest
	if !p.RetryAt.IsZero() {
		p.RetryAt = nextTry(p.First, p.Last)
	}
	if !stored.MailAfter.IsZero() && !p.MailAfter.IsZero() {
		p.MailAfter = stored.MailAfter
	}
	if p.TargetID.IsZero() {
		p.TargetID = stored.TargetID
	}
	if p.Other.IsZero() {
		p.Other, p.More = stored.Other, stored.More
	}
	return p
}

// triedFor is how long a row is tried again; then only an event of its record or a replay does.
const triedFor = 30 * 24 * time.Hour

// nextTry returns when a row that was opened at first, and tried at last, is tried again, zero for never: an hour after it was
// opened, six hours after that, then daily. Approvals, processes and people who merge two records take hours or days.
func nextTry(first, last time.Time) time.Time {
	switch age := last.Sub(first); {
	case age >= triedFor:
		return time.Time{}
	case age >= 6*time.Hour:
		return last.Add(24 * time.Hour)
	case age >= time.Hour:
		return last.Add(6 * time.Hour)
	}
	return last.Add(time.Hour)
}

// Settle closes the open rows of the records that were last told no later than asOf (a slow worker does not close what a
// later one told), but for those whose id is in open. A row that is closed before it was told is never told.
func (l *Ledger) Settle(ctx context.Context, connection string, records []crm.ID, asOf time.Time, open []string) error {
	const op = "digest.Settle"
	var keys []row.Key
	for _, id := range records {
		rows, err := l.entries(ctx, op, partOpen, prefix(connection, id))
		if err != nil {
			return err
		}
		for _, e := range rows {
			if !e.Last.After(asOf) && !slices.Contains(open, e.ID) {
				keys = append(keys, e.key)
			}
		}
	}
	slices.SortFunc(keys, func(a, b row.Key) int { return strings.Compare(a.Sort, b.Sort) })
	return l.change(ctx, op, slices.Compact(keys), func(e entry) (entry, bool) {
		e.closed = l.Now()
		return e, e.version > 0 && !e.Last.After(asOf)
	})
}

// Close closes these rows, those that are open still and were not told again since they were read: somebody has done what they ask for.
func (l *Ledger) Close(ctx context.Context, rows ...fault.Parked) error {
	var keys []row.Key
	read := map[row.Key]time.Time{}
	for _, p := range rows {
		keys = append(keys, openKey(p))
		read[openKey(p)] = p.Last
	}
	return l.change(ctx, "digest.Close", keys, func(e entry) (entry, bool) {
		e.closed = l.Now()
		return e, e.version > 0 && !e.Last.After(read[e.key])
	})
}

// List returns all open rows, by connection, record and id.
func (l *Ledger) List(ctx context.Context) ([]fault.Parked, error) {
	return l.Select(ctx, func(fault.Parked) bool { return true })
}

// Select returns the open rows that are wanted: by WithID or OfClass for a replay.
func (l *Ledger) Select(ctx context.Context, want func(fault.Parked) bool) ([]fault.Parked, error) {
	all, err := l.entries(ctx, "digest.Select", partOpen, "")
	if err != nil {
		return nil, err
	}
	var out []fault.Parked
	for _, e := range all {
		if want(e.Parked) {
			out = append(out, e.Parked)
		}
	}
	return out, nil
}

// WithID wants the rows of these ids.
func WithID(ids ...string) func(fault.Parked) bool {
	return func(p fault.Parked) bool { return slices.Contains(ids, p.ID) }
}

// OfClass wants the rows that failed for a reason of this kind.
func OfClass(k fault.Kind) func(fault.Parked) bool {
	return func(p fault.Parked) bool { return p.Class == k }
}

// OfBrake wants the rows that tell of a pull of the brake.
func OfBrake(p fault.Parked) bool { return p.Hint == fault.HintBrake }

// Due returns the open rows whose retry time has come.
func (l *Ledger) Due(ctx context.Context, now time.Time) ([]fault.Parked, error) {
	return l.Select(ctx, func(p fault.Parked) bool { return !p.RetryAt.IsZero() && !p.RetryAt.After(now) })
}

// Asked notes that rows which were due are being tried now: whatever becomes of it, the next try is later than this one, and
// after triedFor there is none.
func (l *Ledger) Asked(ctx context.Context, rows ...fault.Parked) error {
	now := l.Now()
	keys := make([]row.Key, len(rows))
	for i, p := range rows {
		keys[i] = openKey(p)
	}
	return l.change(ctx, "digest.Asked", keys, func(e entry) (entry, bool) {
		due := e.version > 0 && !e.RetryAt.IsZero() && !e.RetryAt.After(now)
		e.RetryAt = nextTry(e.First, now)
		return e, due
	})
}

// Counts says how many rows are open.
type Counts struct {
	Open    int
	Untold  int // of these, not yet in a mail that was sent
	ByClass map[fault.Kind]int
}

// Counts counts the open rows.
func (l *Ledger) Counts(ctx context.Context) (Counts, error) {
	rows, err := l.List(ctx)
	c := Counts{Open: len(rows), ByClass: map[fault.Kind]int{}}
	for _, p := range rows {
		if p.Digest == "" {
			c.Untold++
		}
		c.ByClass[p.Class]++
	}
	return c, err
}
