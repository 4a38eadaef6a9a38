package counting

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// published is a version of a window as it lies in the table. It never changes.
type published struct {
	Version int                          `json:"version"`
	At      int64                        `json:"at"` // ms
	Types   map[conversion.Type]counters `json:"types"`
}

func readSnapshot(r row.Row) (conversion.Snapshot, error) {
	var p published
	if err := decode(r, &p); err != nil {
		return conversion.Snapshot{}, err
	}
	s := conversion.Snapshot{Version: p.Version}
	for _, w := range p.Types {
		c, err := w.counts()
		if err != nil {
			return s, err
		}
		if s.Counts, err = s.Counts.Plus(c); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Close publishes the windows that are final and were counted in since they were last published, the oldest first, and returns how
// many of their rows it looked at and which windows were published: no further one is begun at the limit of rows. A late event makes
// a further version; one that was published stays. A window that cannot be published, as one that no row holds, stays due and is told with
// the others of its kind when the rest was dealt with; a table that does not answer ends the round.
func (c *Counter) Close(ctx context.Context, limit int) (looked int, done []Closed, err error) {
	due, err := c.due(ctx, limit)
	if err != nil {
		return 0, nil, err
	}
	var stuck []error
	for _, name := range slices.Sorted(maps.Keys(due)) {
		for some := range slices.Chunk(due[name], row.MaxPuts/2) {
			if looked >= limit {
				return looked, done, errors.Join(stuck...)
			}
			looked += len(some)
			one, err := c.close(ctx, some...)
			if one.Version > 0 {
				done = append(done, one)
			}
			switch kind := fault.KindOf(err); {
			case err == nil, errors.Is(err, row.ErrConflict): // counted in meanwhile: it stays due
			case ctx.Err() != nil, kind == fault.Down, kind == fault.Throttled:
				return looked, done, errors.Join(append(stuck, err)...)
			default:
				stuck = append(stuck, fmt.Errorf("the window of %s: %w", instant(name).UTC().Format(time.RFC3339), err))
			}
		}
	}
	return looked, done, errors.Join(stuck...)
}

// due returns the due rows of windows that are final, at most so many of a shard. Those of one window have one Sort, and a window is
// read whole, so they are dealt with together.
func (c *Counter) due(ctx context.Context, limit int) (map[string][]row.Row, error) {
	out := map[string][]row.Row{}
	until := c.Now().Add(-conversion.Width - conversion.Lateness + time.Millisecond)
	for shard := range c.Shards {
		n := 0
		err := each(ctx, c.Store, duePart(shard), time.UnixMilli(1), until, func(r row.Row) error {
			if n++; n > limit {
				return errEnough
			}
			out[r.Key.Sort] = append(out[r.Key.Sort], r)
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
	}
	return out, nil
}

var errEnough = errors.New("enough")

// Closed is a window that was published.
type Closed struct {
	Tenant  conversion.Tenant
	Channel conversion.Channel
	Window  conversion.Window
	Version int
}

// close publishes the window of these due rows if it differs from its last version, and takes the rows away, on condition that
// nothing was counted in their shards since they were read.
func (c *Counter) close(ctx context.Context, due ...row.Row) (Closed, error) {
	_, name, _ := strings.Cut(due[0].Key.Sort, "#")
	s, _ := scopeOf(name)
	w := conversion.WindowOf(instant(due[0].Key.Sort))
	last, err := c.last(ctx, s, w)
	if err != nil {
		return Closed{}, err
	}
	types, sum, err := c.window(ctx, s, w)
	if err != nil {
		return Closed{}, err
	}
	var puts []row.Put
	for _, r := range due {
		puts = append(puts, row.Put{Key: r.Key, If: r.Version, Delete: true})
	}
	now := c.Now()
	next, ok := w.Close(now, last, sum)
	if !ok {
		return Closed{}, c.Store.Put(ctx, puts...)
	}
	d := newDraft(c.Store)
	if err := d.write(s.snapshotKey(w, next.Version), published{next.Version, now.UnixMilli(), types}, time.Time{}); err != nil {
		return Closed{}, err
	}
	puts = append(puts, d.puts[s.snapshotKey(w, next.Version)])
	if err := c.Store.Put(ctx, puts...); err != nil {
		return Closed{}, fmt.Errorf("counting.close: %w", err)
	}
	return Closed{s.tenant, s.channel, w, next.Version}, nil
}

// last returns the last version of a window, the zero Snapshot when there is none.
func (c *Counter) last(ctx context.Context, s scope, w conversion.Window) (last conversion.Snapshot, err error) {
	rows, err := c.Store.List(ctx, s.countersPart("S", dayOf(w.Start())), millis(w.Start())+"#", "", 0)
	if err != nil || len(rows) == 0 {
		return last, err
	}
	return readSnapshot(rows[len(rows)-1])
}

// window returns what stands in the counters of a window: by type, and in all.
func (c *Counter) window(ctx context.Context, s scope, w conversion.Window) (map[conversion.Type]counters, conversion.Counts, error) {
	b := conversion.Book{}
	var sum conversion.Counts
	if err := counted(ctx, c.Store, s, w, w+1, b); err != nil {
		return nil, sum, err
	}
	types := map[conversion.Type]counters{}
	for cell, n := range b {
		var err error
		if sum, err = sum.Plus(n); err != nil {
			return nil, sum, err
		}
		types[cell.Type] = countersOf(n)
	}
	return types, sum, nil
}
