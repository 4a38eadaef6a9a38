package counting

import (
	"context"
	"errors"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/fault"
)

// Reason says why an event is among the errors.
type Reason string

// The reasons.
const (
	ReasonConflict   Reason = "conflitto"   // another event has its id; the first stays
	ReasonUnreadable Reason = "illeggibile" // the message is none of ours
	ReasonExhausted  Reason = "tentativi"   // it could not be counted, for a fault of its own
)

// Failed is one row of the errors.
type Failed struct {
	Ingestion string    `json:"ingestion"` // the request; the message's id when the message cannot be read
	Reason    Reason    `json:"reason"`
	Code      string    `json:"code,omitempty"` // of the fault
	Tries     int       `json:"tries"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Body      string    `json:"body"` // the message as it came: personal, not for logs
}

// fail puts a message among the errors, or notes that it failed again.
func (c *Counter) fail(ctx context.Context, f Failed) error {
	return c.retry(ctx, func() error {
		d, key := newDraft(c.Store), errorKey(f.Ingestion)
		if err := d.load(ctx, key); err != nil {
			return err
		}
		var old Failed
		if err := d.read(key, &old); err != nil {
			return err
		}
		f.First, f.Last, f.Tries = c.Now().UTC(), c.Now().UTC(), max(f.Tries, old.Tries)
		if !old.First.IsZero() {
			f.First = old.First
		}
		if err := d.write(key, f, f.Last.Add(KeptErrors)); err != nil {
			return err
		}
		return d.save(ctx)
	})
}

// Errors returns what is among the errors, in the order of the requests, after the given one.
func (c *Counter) Errors(ctx context.Context, after string, limit int) ([]Failed, error) {
	rows, err := c.Store.List(ctx, errorsPart, "", after, limit)
	if err != nil {
		return nil, err
	}
	out := make([]Failed, len(rows))
	for i, r := range rows {
		if err := decode(r, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ErrNotReplayable says that what is among the errors will never be counted: there is no such row, its message cannot be read,
// or another event has its id.
var ErrNotReplayable = errors.New("this cannot be counted: not among the errors, not readable, or in conflict with another event")

// Replay counts an event that is among the errors for ReasonExhausted and takes it off them. One that was counted meanwhile is
// not counted again, however long ago that was: errors are kept for longer than markers, so the ledger is asked too. Another
// event under its id is a conversion.Conflict for conversion.MarkerLife, as anywhere. What has been among the errors for KeptErrors
// is there no more.
func (c *Counter) Replay(ctx context.Context, ingestion string) (conversion.Verdict, error) {
	rows, err := c.Store.Get(ctx, errorKey(ingestion))
	if err != nil {
		return 0, err
	}
	var f Failed
	if rows[0].Version > 0 {
		if err := decode(rows[0], &f); err != nil {
			return 0, err
		}
	}
	if f.Reason != ReasonExhausted {
		return 0, ErrNotReplayable
	}
	sub, err := submission.Open(f.Body)
	if err != nil {
		return 0, ErrNotReplayable
	}
	verdicts, err := c.apply(ctx, c.inLedger, []submission.Submission{sub})
	if err != nil {
		return 0, err
	}
	if verdicts[0] == conversion.Conflict {
		return verdicts[0], nil // its row says so now
	}
	return verdicts[0], c.retry(ctx, func() error {
		d := newDraft(c.Store)
		if err := d.load(ctx, errorKey(ingestion), attemptsKey(ingestion)); err != nil {
			return err
		}
		d.remove(errorKey(ingestion))
		d.remove(attemptsKey(ingestion))
		return d.save(ctx)
	})
}

// inLedger finds an event in the ledger by its key. Counted from another request it stands under the same instant, in the Part of its
// client's shard, which is another one since there are more shards.
func (c *Counter) inLedger(ctx context.Context, e conversion.Event, id conversion.Identity, now time.Time) (m conversion.Marker, err error) {
	for shard := range c.Shards {
		rows, err := c.Store.List(ctx, ledgerPart(dayOf(e.At), e.Channel, shard), millis(e.At)+"#", "", 0)
		if err != nil {
			return m, err
		}
		for _, r := range rows {
			var l ledgered
			if err := decode(r, &l); err != nil {
				return m, err
			}
			if l.Key != id.Key {
				continue
			}
			_, is, err := l.open()
			return is.Mark(l.Ingestion, now), err
		}
	}
	return m, nil
}

// attempt notes a failed attempt at a message for a fault of its own, and returns how many there were.
func (c *Counter) attempt(ctx context.Context, ingestion string) (n int, err error) {
	err = c.retry(ctx, func() error {
		d, key := newDraft(c.Store), attemptsKey(ingestion)
		if err := d.load(ctx, key); err != nil {
			return err
		}
		n = 0
		if err := d.read(key, &n); err != nil {
			return err
		}
		n++
		if err := d.write(key, n, c.Now().Add(conversion.MarkerLife)); err != nil {
			return err
		}
		return d.save(ctx)
	})
	return n, err
}

// own reports whether a failure is the message's own: a repeat meets it again, whatever the tables do.
func own(err error) bool {
	kind := fault.KindOf(err)
	return errors.Is(err, conversion.ErrOverflow) || kind == fault.Ours || kind == fault.Refused
}
