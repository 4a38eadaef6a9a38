package counting

import (
	"context"
	"time"

	"crm-connector/pkg/core/conversion"
)

// Holding is how a channel of a tenant stands to quarantine.
type Holding struct {
	On        bool      // its events are held back
	Releasing bool      // what an earlier quarantine held is being counted, since that was lifted for release
	Since     time.Time // of the last change; zero for a channel that was never in quarantine
}

// Holding returns whether a channel is in quarantine.
func (c *Counter) Holding(ctx context.Context, t conversion.Tenant, ch conversion.Channel) (Holding, error) {
	d, s := newDraft(c.Store), scope{t, ch}
	if err := d.load(ctx, quarantineKey(s)); err != nil {
		return Holding{}, err
	}
	q, err := d.quarantine(s)
	if err != nil || q.Since == 0 {
		return Holding{}, err
	}
	return Holding{q.On, len(q.Releases) > 0, time.UnixMilli(q.Since).UTC()}, nil
}
