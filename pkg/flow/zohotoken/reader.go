package zohotoken

import (
	"context"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// soon is how near its end a stored token is replaced on the way; the schedule of the Refresher makes that rare.
const soon = 5 * time.Minute

// Reader hands out the stored token and has it refreshed when it is missing, near its end or bad. It is a Vendor.
type Reader struct {
	Store      Store
	Invoker    Invoker
	Connection string
	Now        func() time.Time
}

// Token returns the stored token, refreshed if need be. While a refresh fails, a token that still works is handed out. Its
// errors are those of the Invoker, or a *fault.Error when the store does not answer.
func (r *Reader) Token(ctx context.Context, bad int64) (crm.Access, error) {
	s, _, err := load(ctx, r.Store, r.Connection)
	if err != nil {
		return crm.Access{}, err
	}
	if s.good(bad, r.Now(), soon) {
		return s.access(), nil
	}
	failed := r.Invoker.Refresh(ctx, bad)
	if s, _, err = load(ctx, r.Store, r.Connection); err != nil {
		return crm.Access{}, err
	}
	switch {
	case s.good(bad, r.Now(), usable):
		return s.access(), nil
	case failed != nil:
		return crm.Access{}, failed
	}
	return crm.Access{}, fault.Again("zohotoken.Token", time.Second, "the token was refreshed and is not there")
}
