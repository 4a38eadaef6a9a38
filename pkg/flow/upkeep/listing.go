package upkeep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// What the CRMs list, page by page. All listings go on at the same time, a page each in turn, so that a long one keeps none back; one that
// does not come to its end in a run goes on where it stood in the next.

// reserve is how much time of a run must be left for a page to be begun.
const reserve = time.Minute

// listing is one way in which a CRM tells what happened.
type listing struct {
	name string
	list func(ctx context.Context, since time.Time, page string) ([]crm.Touched, string, error)
	// keeps says that a page lies behind an id: an hour later it still means the same.
	keeps bool
}

func (r *Reconciler) listings() []listing {
	var out []listing
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		for _, m := range []crm.Module{crm.Companies, crm.Contacts} {
			out = append(out, listing{"changed#" + string(sys) + "#" + string(m), func(ctx context.Context, since time.Time, page string) ([]crm.Touched, string, error) {
				return r.Sources[sys].Changed(ctx, m, since, page)
			}, true})
		}
	}
	for _, m := range []crm.Module{crm.Companies, crm.Contacts} {
		out = append(out, listing{"deleted#zoho#" + string(m), func(ctx context.Context, since time.Time, page string) ([]crm.Touched, string, error) {
			return r.Deleted.Deleted(ctx, m, since, page)
		}, false})
	}
	return out
}

// cursor is how far a listing has come.
type cursor struct {
	Since    time.Time `json:"since"`              // when the last look that came to its end was begun; before the first one, as far back as that goes
	Switches *int64    `json:"switches,omitempty"` // how often the mode had been set by then; nil before the first one
	Walk     *walk     `json:"walk,omitempty"`     // a look that goes on
}

// walk is a look that has not come to its end.
type walk struct {
	From     time.Time `json:"from"` // what was modified since is listed
	Began    time.Time `json:"began"`
	Page     string    `json:"page,omitempty"` // that comes next
	Switches int64     `json:"switches"`       // how often the mode had been set when it was begun
	Resumed  bool      `json:"resumed"`        // what it finds tells nothing of silence
}

// parse reads a stored cursor. Old ones hold the instant alone.
func parse(value []byte) (c cursor, old bool, err error) {
	if at, err := time.Parse(time.RFC3339, string(value)); err == nil {
		return cursor{Since: at.UTC()}, true, nil
	}
	if json.Unmarshal(value, &c) != nil || c.Since.IsZero() {
		return cursor{}, false, errors.New("the cursor cannot be read")
	}
	return c, false, nil
}

// Looked tells from the stored cursor of a listing when its last look was begun that came to an end, and when one was begun that is under
// way; zero for none.
func Looked(cursor []byte) (ended, underWay time.Time, err error) {
	c, old, err := parse(cursor)
	if err != nil {
		return time.Time{}, time.Time{}, fmt.Errorf("upkeep.Looked: %w", err)
	}
	if c.Switches != nil || old {
		ended = c.Since
	}
	if c.Walk != nil {
		underWay = c.Walk.Began
	}
	return ended, underWay, nil
}

// begin returns the look that is under way, else a new one. After the mode was set it goes much further back, and begins anew: what was
// queued before may have ended without a write.
func (c cursor) begin(now time.Time, switches int64) walk {
	if c.Walk != nil && c.Walk.Switches == switches {
		return *c.Walk
	}
	w := walk{From: c.Since.Add(-overlap), Began: now, Switches: switches, Resumed: c.Switches == nil}
	if c.Switches != nil && *c.Switches != switches {
		w.From, w.Resumed = w.From.Add(-backlog), true
	}
	return w
}

// wait gives a listing that never ran its beginning, as far back as a first look goes: whatever comes between, what changed since is found.
func (r *Reconciler) wait(ctx context.Context) error {
	var keys []row.Key
	for _, l := range r.listings() {
		keys = append(keys, r.cursor(l.name))
	}
	rows, err := r.Store.Get(ctx, keys...)
	if err != nil {
		return fmt.Errorf("upkeep: the cursors: %w", err)
	}
	var puts []row.Put
	for i, was := range rows {
		if was.Version == 0 {
			puts = append(puts, row.Put{Key: keys[i], Value: encode(cursor{Since: r.Now().Add(-firstLook).UTC().Truncate(time.Second)})})
		}
	}
	if len(puts) == 0 {
		return nil
	}
	return r.put(ctx, "cursors", puts...)
}

func encode(c cursor) []byte {
	b, _ := json.Marshal(c) // times, numbers and texts alone: it cannot fail
	return b
}

// look is a listing at work.
type look struct {
	listing
	walk
	cursor  cursor
	version int64
	queued  int
}

// looks goes through the listings, a page of each in turn, until all have come to their end or the time is over.
func (r *Reconciler) looks(ctx context.Context, switches int64) error {
	var errs []error
	var left []*look
	for _, l := range r.listings() {
		one, err := r.open(ctx, l, switches)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		left = append(left, one)
	}
	for len(left) > 0 {
		var next []*look
		for _, l := range left {
			if r.left(ctx) < reserve {
				r.Log.Info("a listing goes on in the next run", "listing", l.name, "queued", l.queued, "since", l.From)
				continue
			}
			more, err := r.page(ctx, l)
			if errors.Is(err, row.ErrConflict) {
				continue // another run is further
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("upkeep %s: %w", l.name, err))
			} else if more {
				next = append(next, l)
			}
		}
		left = next
	}
	return errors.Join(errs...)
}

func (r *Reconciler) open(ctx context.Context, l listing, switches int64) (*look, error) {
	rows, err := r.Store.Get(ctx, r.cursor(l.name))
	if err != nil {
		return nil, fmt.Errorf("upkeep %s: %w", l.name, err)
	}
	c, _, err := parse(rows[0].Value)
	if err != nil {
		return nil, fmt.Errorf("upkeep %s: %w", l.name, err)
	}
	return &look{listing: l, walk: c.begin(r.Now().UTC().Truncate(time.Second), switches), cursor: c, version: rows[0].Version}, nil
}

// page goes on by one page and notes how far the look has come. It reports whether there is more.
func (r *Reconciler) page(ctx context.Context, l *look) (more bool, err error) {
	touched, next, err := l.list(ctx, l.From, l.Page)
	if err != nil {
		if kind := fault.KindOf(err); l.Page != "" && (kind.Final() || kind == fault.Ours) { // its page means nothing any more
			l.cursor.Walk = nil
			err = errors.Join(err, r.keep(ctx, l))
		}
		return false, err
	}
	trace := Found
	if l.Resumed {
		trace = Resumed
	}
	n, err := r.queue(ctx, touched, trace)
	if err != nil {
		return false, err
	}
	l.queued += n
	if l.Page = next; next == "" {
		if l.queued > 0 {
			r.Log.Info("changes that no event told", "listing", l.name, "queued", l.queued)
		}
		l.cursor = cursor{Since: l.Began, Switches: &l.Switches}
		return false, r.keep(ctx, l)
	}
	if !l.keeps {
		return true, nil
	}
	l.cursor.Walk = &l.walk
	return true, r.keep(ctx, l)
}

// keep notes how far a look has come.
func (r *Reconciler) keep(ctx context.Context, l *look) error {
	err := r.Store.Put(ctx, row.Put{Key: r.cursor(l.name), If: l.version, Value: encode(l.cursor)})
	if err == nil {
		l.version++
	}
	return err
}

// left is how much time this run has.
func (r *Reconciler) left(ctx context.Context) time.Duration {
	if r.Left != nil {
		return r.Left(ctx)
	}
	if end, ok := ctx.Deadline(); ok {
		return end.Sub(r.Now())
	}
	return time.Hour
}

func (r *Reconciler) cursor(name string) row.Key {
	return row.Key{Part: "cursor#" + r.Connection, Sort: name}
}
