package counting

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crm-connector/pkg/core/conversion"
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

// Close publishes the windows that are final and were counted in since they were last published, at most limit of them, and
// returns how many it looked at and which were published. A late event makes a further version; one that was published stays.
func (c *Counter) Close(ctx context.Context, limit int) (looked int, done []Closed, err error) {
	until := c.Now().Add(-conversion.Width - conversion.Lateness + time.Millisecond)
	for shard := range c.Shards {
		err = each(ctx, c.Store, duePart(shard), time.UnixMilli(1), until, func(r row.Row) error {
			if looked == limit {
				return errEnough
			}
			looked++
			one, err := c.close(ctx, r)
			if one.Version > 0 {
				done = append(done, one)
			}
			if errors.Is(err, row.ErrConflict) {
				return nil // counted in meanwhile: it stays due
			}
			return err
		})
		if errors.Is(err, errEnough) {
			return looked, done, nil
		}
		if err != nil {
			return looked, done, err
		}
	}
	return looked, done, nil
}

var errEnough = errors.New("enough")

// Closed is a window that was published.
type Closed struct {
	Tenant  conversion.Tenant
	Channel conversion.Channel
	Window  conversion.Window
	Version int
}

// close publishes the window of a due row if it differs from its last version, and takes the row away, on condition that
// nothing was counted in its shard since it was read.
func (c *Counter) close(ctx context.Context, due row.Row) (Closed, error) {
	_, name, _ := strings.Cut(due.Key.Sort, "#")
	s, _ := scopeOf(name)
	w := conversion.WindowOf(instant(due.Key.Sort))
	last, err := c.last(ctx, s, w)
	if err != nil {
		return Closed{}, err
	}
	types, sum, err := c.window(ctx, s, w)
	if err != nil {
		return Closed{}, err
	}
	puts := []row.Put{{Key: due.Key, If: due.Version, Delete: true}}
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
