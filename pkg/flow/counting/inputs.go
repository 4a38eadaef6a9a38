package counting

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"strconv"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/row"
)

// Inputs takes what rates need beside events: costs, and who came in. Every field is required.
type Inputs struct {
	Store Store
	Now   func() time.Time
	Patience
}

// cost is a row of costs.
type cost struct {
	Costs   conversion.Costs `json:"costs"` // cents
	Version int              `json:"version"`
}

func costsPart(t conversion.Tenant, day conversion.Day) string {
	return "C#" + string(t) + "#" + day.String()
}

// Cost puts costs in the place of those told before, and returns their version, from 1. The same costs again change nothing.
func (in *Inputs) Cost(ctx context.Context, c metric.Cost) (version int, err error) {
	key := row.Key{Part: costsPart(c.Tenant, c.Day), Sort: costsSort(c.Channel, conversion.CampaignOf(c.Campaign))}
	asTold := row.Key{Part: key.Part, Sort: costsSort(c.Channel, c.Campaign)} // where versions before kept it
	err = in.retry(ctx, func() error {
		d := newDraft(in.Store)
		if err := d.load(ctx, key, asTold); err != nil {
			return err
		}
		var old, before cost
		if err := errors.Join(d.read(key, &old), d.read(asTold, &before)); err != nil {
			return err
		}
		if asTold != key && before.Version > 0 {
			d.remove(asTold)
			old.Version = max(old.Version, before.Version)
		} else if old.Version > 0 && maps.Equal(old.Costs, c.Costs) {
			version = old.Version
			return nil
		}
		version = old.Version + 1
		if err := d.write(key, cost{c.Costs, version}, time.Time{}); err != nil {
			return err
		}
		return d.save(ctx)
	})
	return version, err
}

func costsSort(ch conversion.Channel, campaign string) string { return string(ch) + "#" + campaign }

// costsOf returns what a channel and its campaigns cost on a day, or one of them by CampaignOf; none is nil.
func costsOf(ctx context.Context, s Store, sc scope, day conversion.Day, campaign string) (sum conversion.Costs, err error) {
	rows, err := s.List(ctx, costsPart(sc.tenant, day), string(sc.channel)+"#", "", 0)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if campaign != "" && conversion.CampaignOf(r.Key.Sort) != costsSort(sc.channel, campaign) {
			continue
		}
		var c cost
		if err := decode(r, &c); err != nil {
			return nil, err
		}
		if sum, err = sum.Plus(c.Costs); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

func entryKey(t conversion.Tenant, id string) row.Key {
	return row.Key{Part: "V#" + string(t) + "#" + id, Sort: only}
}

// Enter adds entries to their window, and reports whether they were added now: the same id again adds nothing. Another content
// under the same id is metric.ErrOtherEntry. This is how a caller's visits come in, and what the connector itself sees: a
// contact created, a conversation begun.
func (in *Inputs) Enter(ctx context.Context, e metric.Entry) (added bool, err error) {
	w := conversion.WindowOf(e.At).Start()
	guard, older := entryKey(e.Tenant, e.ID), row.Key{}
	keys := []row.Key{guard}
	if e.Own { // under a name that no caller's id can be
		guard, older = entryKey(e.Tenant, "#"+e.ID), guard
		keys = append(keys, guard)
	}
	at := scope{e.Tenant, e.Channel}.entriesKey(w, e.ID)
	says := digest(e)
	err = in.retry(ctx, func() error {
		added = false // whatever a try has found that was overtaken
		d := newDraft(in.Store)
		if err := d.load(ctx, append(keys, at)...); err != nil {
			return err
		}
		var before, earlier string
		if err := errors.Join(d.read(guard, &before), d.read(older, &earlier)); err != nil {
			return err
		}
		switch {
		case before == says, earlier == says: // versions before had one name for both; no caller tells what the connector does
			return nil
		case before != "":
			return metric.ErrOtherEntry
		}
		var sum conversion.Entries
		if err := d.read(at, &sum); err != nil {
			return err
		}
		if err := d.write(at, sum.Plus(e.Entries), time.Time{}); err != nil {
			return err
		}
		if err := d.write(guard, says, in.Now().Add(conversion.MarkerLife)); err != nil {
			return err
		}
		added = true
		return d.save(ctx)
	})
	return added && err == nil, err
}

func digest(e metric.Entry) string {
	text := string(e.Channel) + "|" + e.At.UTC().Format(time.RFC3339Nano)
	for _, n := range []int64{e.Entries.Contacts, e.Entries.Conversations, e.Entries.Visits} {
		text += "|" + strconv.FormatInt(n, 10)
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}
