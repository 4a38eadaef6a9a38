// Package budget keeps the calls to a system below its limits, over all functions and instances that make any: a Transport
// draws a block of calls from a row that all of them share, uses it up, and draws the next. One write to the table pays for
// ten calls; what was drawn and not used goes back with the next draw.
//
// When nothing is left a call is refused here and not sent: a *fault.Error of kind fault.Throttled with the time until there
// will be something again, as for a 429. A table that cannot be reached stops no call.
package budget

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

const (
	blockSize = 10                    // units of one draw, where so many are left
	longest   = 30 * time.Second      // how long a block lasts at most
	drawTime  = 2 * time.Second       // for one draw
	races     = 20                    // how many other writers may come in between
	deaf      = time.Second           // how long the row is not asked after a refusal
	blind     = 10 * time.Second      // how long it is not asked after it could not be reached
	keep      = time.Hour             // of the row, beyond its longest window
	turn      = 20 * time.Millisecond // between two looks for a place
	turns     = 150                   // looks until a call is refused
)

// Limit is how many units a system takes in any window of that length, from a second to a day. A call costs one unit, or
// what its rest.Call says.
type Limit struct {
	Units int
	Per   time.Duration
}

// Store is the table of the shared rows. It must not wait for another call of the same Transport.
type Store interface {
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	Put(ctx context.Context, puts ...row.Put) error
}

// Config says what is limited, and who calls.
type Config struct {
	System     string // names the row, errors and log lines
	Connection string
	Limits     []Limit // one without Units limits nothing
	Together   int     // calls at a time; 0 for no limit
	Parallel   int     // how many of them this caller can use; 0 for one
	Reserve    int     // percent of each limit that only live traffic draws
	Live       bool    // this caller is live traffic
	Caller     string  // an id that no other instance has
	Store      Store
	HTTP       http.RoundTripper
	Now        func() time.Time
	// Sleep waits for a place or for units. Nil waits never: a call for which there is none is refused at once.
	Sleep    func(context.Context, time.Duration) bool
	Patience time.Duration // how long a call waits for units in all before it is refused
	Log      *slog.Logger
}

// transport is a caller's end of the budget.
type transport struct {
	Config
	limits  []Limit
	life    time.Duration // of a block
	expires time.Duration // of the row

	mu      sync.Mutex
	block   block // in hand; the zero block before the first draw
	used    int   // of it
	counted bool  // it stands in the ledger
	owed    int   // units that were used uncounted
	under   int   // calls under way
	row     row.Row
	alone   bool // nobody else wrote between our last two draws: row is what the table has, most likely
	shut    time.Time
	why     string    // until shut
	opens   time.Time // when there will be something again
}

// New returns a caller's end of the budget, safe for use by several goroutines. A Config that limits nothing gives its HTTP
// back.
func New(c Config) http.RoundTripper {
	t := &transport{Config: c, life: longest, expires: keep}
	for _, l := range c.Limits {
		if l.Units > 0 {
			t.limits = append(t.limits, l)
			t.life, t.expires = min(t.life, l.Per), max(t.expires, keep+2*l.Per)
		}
	}
	if len(t.limits) == 0 && c.Together == 0 {
		return c.HTTP
	}
	t.Parallel = max(c.Parallel, 1)
	t.row.Key = row.Key{Part: "budget#" + c.Connection, Sort: c.System}
	return t
}

// RoundTrip makes a call that the budget allows. The call counts as under way until its answer begins.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.enter(r.Context(), rest.Cost(r.Context())); err != nil {
		return nil, err
	}
	defer t.leave()
	return t.HTTP.RoundTrip(r)
}

// enter waits for a place and takes what the call costs.
func (t *transport) enter(ctx context.Context, cost int) error {
	patience := t.Patience
	for range turns {
		in, err := t.take(ctx, cost)
		if after := fault.After(err); err != nil && after <= patience && t.Sleep != nil && t.Sleep(ctx, after) {
			patience -= after
			continue
		}
		if in || err != nil {
			return err
		}
		if t.Sleep == nil || !t.Sleep(ctx, turn) {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.refusal(noSlots, deaf)
}

func (t *transport) leave() {
	t.mu.Lock()
	t.under--
	t.mu.Unlock()
}

func (t *transport) refusal(why string, after time.Duration) error {
	return &fault.Error{
		Op: "budget." + t.System, Kind: fault.Throttled, Code: "BUDGET_" + why, After: min(max(after, time.Millisecond), rest.MaxAfter),
		Err: errors.New("the budget of calls to " + t.System + " is used up, not sent"),
	}
}

// take takes the units of a call and a place for it. It reports false when this caller's places are all taken.
func (t *transport) take(ctx context.Context, cost int) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	if !t.holds(cost, now) {
		if err := t.draw(ctx, cost, now); err != nil {
			return false, err
		}
	}
	if t.Together > 0 && t.under >= t.block.Slots {
		return false, nil
	}
	t.used += cost
	t.under++
	return true, nil
}

// holds reports whether the block in hand is enough.
func (t *transport) holds(cost int, now time.Time) bool {
	switch {
	case now.UnixMilli() >= t.block.End, t.Together > 0 && t.block.Slots == 0:
		return false
	case !t.counted || len(t.limits) == 0:
		return true
	}
	return t.used+cost <= t.block.Units
}

// draw settles the block in hand and draws another one.
func (t *transport) draw(ctx context.Context, cost int, now time.Time) error {
	if now.Before(t.shut) {
		return t.refusal(t.why, t.opens.Sub(now))
	}
	within, cancel := context.WithTimeout(ctx, drawTime)
	defer cancel()
	for range races {
		g, err := t.look(within)
		if err != nil {
			return t.without(ctx, now, err)
		}
		b, why, opens := g.draw(t.demand(cost), now.UnixMilli())
		if why != noUnits {
			err := t.save(within, g, now)
			if errors.Is(err, row.ErrConflict) {
				t.alone = false
				continue
			}
			if err != nil {
				return t.without(ctx, now, err)
			}
			t.block, t.used, t.counted, t.owed = b, 0, true, 0
		}
		if why == "" {
			return nil
		}
		t.why, t.opens = why, time.UnixMilli(opens)
		if t.shut = now.Add(deaf); t.opens.Before(t.shut) {
			t.shut = t.opens
		}
		return t.refusal(why, t.opens.Sub(now))
	}
	return t.refusal("DISPUTED", deaf)
}

func (t *transport) demand(cost int) demand {
	d := demand{
		caller: t.Caller, limits: t.limits, kept: t.Reserve, together: t.Together, parallel: t.Parallel, under: t.under, cost: cost, life: t.life,
		owed: t.owed,
	}
	if t.Live {
		d.kept = 0
	}
	if t.counted {
		d.last, d.used = t.block, t.used
	} else {
		d.owed += t.used
	}
	d.want = blockSize
	if t.counted && t.block.Units > 0 && t.used+cost <= t.block.Units { // it expired
		d.want = min(t.used+t.used/4+1, blockSize)
	}
	return d
}

// look returns the ledger. A caller that is alone knows it.
func (t *transport) look(ctx context.Context) (*ledger, error) {
	if !t.alone {
		rows, err := t.Store.Get(ctx, t.row.Key)
		if err != nil {
			return nil, err
		}
		t.alone = rows[0].Version == t.row.Version && t.row.Version != 0
		t.row = rows[0]
	}
	return decode(t.row.Value, len(t.limits)), nil
}

func (t *transport) save(ctx context.Context, g *ledger, now time.Time) error {
	value, err := g.encode()
	if err != nil {
		return err
	}
	if err := t.Store.Put(ctx, row.Put{Key: t.row.Key, If: t.row.Version, Value: value, Expires: now.Add(t.expires)}); err != nil {
		return err
	}
	t.row.Version, t.row.Value = t.row.Version+1, value
	return nil
}

// without lets calls through that the ledger does not know of, and tells it later. What is left of the block in hand stays
// counted.
func (t *transport) without(ctx context.Context, now time.Time, why error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !t.counted {
		t.owed += t.used
	}
	t.used, t.counted, t.alone = 0, false, false
	t.block = block{End: now.Add(blind).UnixMilli(), Slots: t.Parallel}
	t.Log.Warn("the budget cannot be reached: calls go on and are counted later", "system", t.System, "uncounted", t.owed, "err", why)
	return nil
}
