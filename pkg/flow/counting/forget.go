package counting

import (
	"context"
	"strings"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/row"
)

// Nobody stands in the ledger for a client who was forgotten. It is one for all, so that no two events are known to be the same
// person's.
const Nobody = "CLIENTE-ANONIMO-000000"

// Forgotten is what Forget took away, or would.
type Forgotten struct {
	Events int // of the ledger that are Nobody's now; totals stay as they are
	Errors int // messages among the errors, which are gone
}

// Forget makes every event of a client Nobody's, whoever sent it: the client's id, the sender's id of the event, the device and
// the place go; what counts stays, and so do the keys of markers and ledger, by which a repeat is known and the report adds up.
// What waits in the queue is not reached. Hashes of the client, by which repeats are watched and alarms told, end by themselves. With look
// it changes nothing. It may be repeated. Each is told the day that was looked through, newest first; nil: nobody.
func (c *Counter) Forget(ctx context.Context, client string, look bool, each func(day string)) (f Forgotten, err error) {
	channels := map[conversion.Channel]bool{}
	scopes, err := c.scopes(ctx)
	if err != nil {
		return f, err
	}
	for s := range scopes {
		channels[s.channel] = true
	}
	if f.Errors, err = c.forgetErrors(ctx, client, look); err != nil {
		return f, err
	}
	first := conversion.DayOf(c.Now().Add(conversion.MaxAhead), time.UTC)
	for n := 0; first.Plus(-n).Start(time.UTC).After(c.Now().Add(-KeptEvents - 48*time.Hour)); n++ {
		day := first.Plus(-n).String()
		for _, ch := range conversion.Channels() {
			for shard := 0; channels[ch] && shard < c.Shards; shard++ {
				hits, err := c.forgetPart(ctx, ledgerPart(day, ch, shard), client, look)
				if f.Events += hits; err != nil {
					return f, err
				}
			}
		}
		if each != nil {
			each(day)
		}
	}
	return f, nil
}

// forgetPart goes through one Part of the ledger.
func (c *Counter) forgetPart(ctx context.Context, part, client string, look bool) (n int, err error) {
	err = all(ctx, c.Store, part, func(r row.Row) error {
		if !strings.Contains(string(r.Value), client) {
			return nil
		}
		hit := false
		err := c.retry(ctx, func() (err error) {
			hit, err = c.forgetEvent(ctx, r.Key, client, look)
			return err
		})
		if hit {
			n++
		}
		return err
	})
	return n, err
}

// forgetEvent makes one event Nobody's, if it is the client's.
func (c *Counter) forgetEvent(ctx context.Context, key row.Key, client string, look bool) (bool, error) {
	d := newDraft(c.Store)
	if err := d.load(ctx, key); err != nil || !d.has(key) {
		return false, err
	}
	var l ledgered
	if err := d.read(key, &l); err != nil {
		return false, err
	}
	e, _, err := l.open()
	if err != nil || e.Client != client || look {
		return err == nil && e.Client == client, err
	}
	e.Client, e.ID, e.Metadata = Nobody, "", conversion.Metadata{Campaign: e.Metadata.Campaign}
	l.Event = e.Document()
	if err := d.write(key, l, d.rows[key].Expires); err != nil {
		return false, err
	}
	return true, d.save(ctx)
}

// forgetErrors takes the messages with a client's event off the errors: those that can be read, and those that cannot and hold
// the id.
func (c *Counter) forgetErrors(ctx context.Context, client string, look bool) (n int, err error) {
	err = all(ctx, c.Store, errorsPart, func(r row.Row) error {
		var failed Failed
		if err := decode(r, &failed); err != nil {
			return err
		}
		if sub, err := submission.Open(failed.Body); err == nil && sub.Event.Client != client || !strings.Contains(failed.Body, client) {
			return nil
		}
		n++
		if look {
			return nil
		}
		return c.retry(ctx, func() error {
			d, keys := newDraft(c.Store), []row.Key{r.Key, attemptsKey(failed.Ingestion)}
			if err := d.load(ctx, keys...); err != nil {
				return err
			}
			for _, key := range keys {
				if d.has(key) {
					d.remove(key)
				}
			}
			return d.save(ctx)
		})
	})
	return n, err
}
