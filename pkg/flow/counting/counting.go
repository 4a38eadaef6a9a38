// Package counting applies conversion events exactly once, closes windows, watches over repeats and volume, answers queries
// and compares what was counted with the events themselves.
//
// What an event is, what it counts for and when something is too much is decided by core/conversion; how a token is proven and
// what a route answers by the adapters. This package keeps the rows, all in one table:
//
//	M#<key> -                                     marker of an event that was counted, 30 days
//	X#<request> -                                 a repeat that was counted, 30 days
//	E#<day>#<channel>#<shard> <ms>#<request>      the ledger: every counted event, with its identity
//	W#<tenant>#<day>#<channel> <ms>#<type>#<shard>    counters of a window
//	N#<tenant>#<day>#<channel> <ms>#<type>#<shard>    counters of a minute, 48 hours
//	D#<shard> <ms>#<tenant>#<channel>             a window that was counted in since it was last published
//	S#<tenant>#<day>#<channel> <ms>#<version>     a published version of a window
//	P#<shard> <tenant>#<channel>                  arrivals and repeats by time of arrival
//	L#<tenant>#<channel> -                        arrivals of each hour, eight days
//	R#<tenant>#<channel>#<client's hash> -        the newest repeats of a client
//	F#<shard> <tenant>#<channel>#<client's hash>  a client that repeated too often
//	Q#<tenant>#<channel> -, H#<tenant>#<channel> <number>#<shard>#<ms>#<request>     quarantine, and the events held in it
//	B <request>, Y#<request> -                    the errors, and the counted attempts at a message
//	A#<rule> <key>, A -                           alarms, and when they were judged last
//	O <ms>#<id>, O#told -                         the outbox, and what of it is being told
//	G <day>#<age>, U -                            the daily reports, two years; the days of which one is owed
//	C#<tenant>#<day> <channel>#<campaign>, I#<tenant>#<day>#<channel> <ms>#<shard>, V#<tenant>#<id> -    costs, entries; #<id> are our own
//
// Days are UTC, ms is the start of the row in milliseconds since 1970, 13 digits. Every change of an event is one transaction
// on condition of the versions that were read: it happens once or not at all, and a writer that was overtaken changes nothing.
package counting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// Store is the table of conversions.
type Store interface {
	// Get returns the rows of the keys in their order, consistently; Version 0 where there is none.
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	// Put carries out all the writes or none; row.ErrConflict when a condition did not hold.
	Put(ctx context.Context, puts ...row.Put) error
	// List returns rows of one Part after a Sort, in order; a limit of 0 asks for all.
	List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error)
}

// Rows are kept so long.
const (
	KeptEvents  = 2 * 366 * 24 * time.Hour // the ledger, and the daily reports
	KeptErrors  = 90 * 24 * time.Hour
	KeptMinutes = 48 * time.Hour
)

// ErrExpired says that the ledger no longer has every event of the time that is meant: nothing can be compared with it or counted again.
var ErrExpired = fmt.Errorf("events are kept for %d days", KeptEvents/(24*time.Hour))

// kept returns ErrExpired where events of a window may be gone from the ledger. Each is kept from when it was counted, which is at most
// MaxAhead before its own time.
func kept(w conversion.Window, now time.Time) error {
	if w.Start().Add(KeptEvents - conversion.MaxAhead).After(now) {
		return nil
	}
	return fmt.Errorf("%s: %w", w, ErrExpired)
}

// draft is what one transaction has read and is going to write.
type draft struct {
	store Store
	rows  map[row.Key]row.Row // as read, or as they are going to be
	puts  map[row.Key]row.Put
	order []row.Key // of puts
}

func newDraft(s Store) *draft {
	return &draft{store: s, rows: map[row.Key]row.Row{}, puts: map[row.Key]row.Put{}}
}

// load reads the rows that were not read yet, in one call.
func (d *draft) load(ctx context.Context, keys ...row.Key) error {
	var missing []row.Key
	for _, k := range keys {
		if _, ok := d.rows[k]; !ok {
			d.rows[k] = row.Row{Key: k}
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := d.store.Get(ctx, missing...)
	if err != nil {
		return err
	}
	for _, r := range rows {
		d.rows[r.Key] = r
	}
	return nil
}

// has reports whether a row that was loaded exists.
func (d *draft) has(k row.Key) bool { return d.rows[k].Version > 0 || len(d.rows[k].Value) > 0 }

// read decodes a row that was loaded; what does not exist leaves v as it is.
func (d *draft) read(k row.Key, v any) error {
	r := d.rows[k]
	if len(r.Value) == 0 {
		return nil
	}
	return decode(r, v)
}

// write notes what a row is going to be. Written twice, the last one stands.
func (d *draft) write(k row.Key, v any, expires time.Time) error {
	value, err := json.Marshal(v)
	if err != nil {
		return &fault.Error{Op: "counting.write", Kind: fault.Ours, Err: err}
	}
	d.put(row.Put{Key: k, Value: value, Expires: expires})
	return nil
}

func (d *draft) remove(k row.Key) { d.put(row.Put{Key: k, Delete: true}) }

func (d *draft) put(p row.Put) {
	r := d.rows[p.Key]
	p.If = r.Version
	if _, ok := d.puts[p.Key]; !ok {
		d.order = append(d.order, p.Key)
	}
	d.puts[p.Key] = p
	r.Key, r.Value, r.Expires = p.Key, p.Value, p.Expires
	d.rows[p.Key] = r
}

// save carries everything out, or nothing.
func (d *draft) save(ctx context.Context) error {
	if len(d.order) == 0 {
		return nil
	}
	puts := make([]row.Put, len(d.order))
	for i, k := range d.order {
		puts[i] = d.puts[k]
	}
	return d.store.Put(ctx, puts...)
}

// decode reads a row's value. What cannot be read is our own fault: only this package writes here.
func decode(r row.Row, v any) error {
	if err := json.Unmarshal(r.Value, v); err != nil {
		return &fault.Error{Op: "counting.read", Kind: fault.Ours, Code: "unreadable row", Err: fmt.Errorf("%T", err)}
	}
	return nil
}

// The quick tries at a transaction that somebody else got in the way of.
const (
	QuickTries = 3
	quickFrom  = 50 * time.Millisecond
	quickTo    = 400 * time.Millisecond
	// quickFor is how long a transaction whose connection breaks is tried at once: a table that hangs has had its time.
	quickFor = time.Second
)

// Patience is how this package waits and what its dice are.
type Patience struct {
	Sleep func(ctx context.Context, d time.Duration) error
	Rand  func(n int64) int64 // uniform in [0, n)
}

// Patient is the Patience of a caller whose wait reports whether it waited to the end.
func Patient(wait func(ctx context.Context, d time.Duration) bool, random func(n int64) int64) Patience {
	return Patience{Rand: random, Sleep: func(ctx context.Context, d time.Duration) error {
		if !wait(ctx, d) {
			return &fault.Error{Op: "counting.Wait", Kind: fault.Down, Err: context.Cause(ctx)}
		}
		return nil
	}}
}

// retry calls f again, up to QuickTries times in all, as long as a moment may help: the rows were changed meanwhile, or the table
// is throttled.
func (p Patience) retry(ctx context.Context, f func() error) error {
	return p.again(ctx, momentary, f)
}

// again calls f again, up to QuickTries times in all, as long as the error is one for which a moment may help.
func (p Patience) again(ctx context.Context, helps func(error) bool, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == QuickTries || !helps(err) {
			return err
		}
		if err := p.Sleep(ctx, quickFrom+time.Duration(p.Rand(int64(quickTo-quickFrom)+1))); err != nil {
			return err
		}
	}
}

func momentary(err error) bool {
	kind := fault.KindOf(err)
	return errors.Is(err, row.ErrConflict) || kind == fault.Throttled || kind == fault.Busy
}
