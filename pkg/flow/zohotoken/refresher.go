package zohotoken

import (
	"context"
	"errors"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// Zoho gives ten new access tokens per refresh token in ten minutes and then blocks for the rest of them
// (https://zohohelp.com/crm/developer/docs/api/v8/token-validity.html); we stop short of that, with room for a person who
// tries something by hand.
const (
	budget       = 8
	budgetWindow = 10 * time.Minute
)

const (
	lease    = 20 * time.Second       // after this a refresh that did not end is taken over
	callTime = 15 * time.Second       // for the call of the accounts server: it ends inside the lease
	patience = 8 * time.Second        // how long a caller without a token waits for another's refresh
	poll     = 200 * time.Millisecond // how often it looks
	ahead    = 20 * time.Minute       // the schedule refreshes when less than this is left
)

// Pauses after failures: 5 s, doubled each time, at most 5 minutes, so that an outage of the accounts server does not eat the
// budget. Zoho's own throttle is at least 3 minutes long, and grows when it is knocked at.
const (
	firstPause    = 5 * time.Second
	longestPause  = 5 * time.Minute
	throttlePause = 3 * time.Minute
)

// maxLife bounds what the accounts server says of a token's life: Zoho's live one hour.
const maxLife = time.Hour

// Accounts fetches a new access token for the refresh token that it holds. Version of the answer is not used. Its errors are
// *fault.Error: Denied when the refresh token or the client is not known (any more), Throttled, Down.
type Accounts interface {
	Refresh(ctx context.Context) (crm.Access, error)
}

// Refresher puts new tokens into the row: one refresh at a time for all processes, held by a lease, and at most eight in ten
// minutes. It is an Invoker.
type Refresher struct {
	Accounts   Accounts
	Store      Store
	Connection string
	Now        func() time.Time
	Sleep      func(context.Context, time.Duration) bool // false: it did not wait to the end
	NewID      func() string                             // a new owner of a lease, never the same twice
	// Mended says that a person may just have mended what failed: the pause after a failure is then not waited out, but for one
	// that Zoho asked for. The limit of eight holds all the same.
	Mended bool
}

// Refresh makes sure that a token is stored whose version is not bad and which has five minutes left, and returns nil when it
// is; a caller whose token still works does not wait for another's refresh. Errors: those of Accounts; Throttled with a wait
// when the budget is spent; during the pause after a failure, that failure again (unless Mended); Busy when another's refresh takes too long.
func (r *Refresher) Refresh(ctx context.Context, bad int64) error { return r.refresh(ctx, bad, soon) }

// Run is the schedule's call: it refreshes when less than 20 minutes are left.
func (r *Refresher) Run(ctx context.Context) error { return r.refresh(ctx, 0, ahead) }

func (r *Refresher) refresh(ctx context.Context, bad int64, left time.Duration) error {
	owner := r.NewID()
	giveUp := r.Now().Add(patience)
	for {
		s, version, err := load(ctx, r.Store, r.Connection)
		if err != nil {
			return err
		}
		now := r.Now()
		if s.good(bad, now, left) {
			return nil
		}
		if s.Owner == "" || s.Owner == owner || !now.Before(s.Until) {
			done, err := r.try(ctx, owner, s, version)
			if done {
				return err
			}
			continue
		}
		if s.good(bad, now, usable) {
			return nil
		}
		if !now.Before(giveUp) || !r.Sleep(ctx, poll) {
			return fault.Again("zohotoken.Refresh", 2*time.Second, "another refresh is under way")
		}
	}
}

// try takes the lease and refreshes. It is not done when somebody else was faster: the caller looks again.
func (r *Refresher) try(ctx context.Context, owner string, s state, version int64) (done bool, err error) {
	now := r.Now()
	if err := s.barred(now, r.Mended); err != nil {
		return true, err
	}
	s.Owner, s.Until = owner, now.Add(lease)
	s.Tries = append(s.recent(now), now)
	if err := save(ctx, r.Store, r.Connection, s, version); err != nil {
		return !errors.Is(err, row.ErrConflict), err
	}
	access, failed := r.call(ctx)
	s.Owner, s.Until = "", time.Time{}
	if failed == nil {
		s = s.renewed(access, r.Now())
	} else {
		s = s.failed(failed, r.Now())
	}
	// A caller that went away must not leave the lease, or lose the token that was paid for.
	err = save(context.WithoutCancel(ctx), r.Store, r.Connection, s, version+1)
	if errors.Is(err, row.ErrConflict) {
		return false, nil // overtaken: ours is thrown away
	}
	return true, errors.Join(failed, err)
}

func (r *Refresher) call(ctx context.Context) (crm.Access, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	access, err := r.Accounts.Refresh(ctx)
	if err == nil && access.Token.IsZero() {
		err = &fault.Error{Op: "zohotoken.Refresh", Kind: fault.Down, Err: errors.New("an answer without a token")}
	}
	return access, err
}

// recent returns the refreshes that began in the last ten minutes, in a slice of its own.
func (s state) recent(now time.Time) []time.Time {
	var out []time.Time
	for _, t := range s.Tries {
		if t.After(now.Add(-budgetWindow)) {
			out = append(out, t)
		}
	}
	return out
}

// barred returns why no refresh may begin now, nil when one may.
func (s state) barred(now time.Time, mended bool) error {
	if wait := s.Retry.Sub(now); wait > 0 && (!mended || s.Kind == fault.Throttled) {
		return &fault.Error{Op: "zohotoken.Refresh", Kind: s.Kind, Code: s.Code, After: wait,
			Err: errors.New("the last refresh failed")}
	}
	tries := s.recent(now)
	if len(tries) < budget {
		return nil
	}
	wait := tries[len(tries)-budget].Add(budgetWindow).Sub(now)
	return &fault.Error{Op: "zohotoken.Refresh", Kind: fault.Throttled, Code: "BUDGET", After: wait,
		Err: errors.New("eight refreshes in ten minutes: our own limit")}
}

func (s state) renewed(a crm.Access, now time.Time) state {
	s.Token, s.Base, s.Version = a.Token.Reveal(), a.Base, s.Version+1
	s.Expires = a.Expires
	if life := a.Expires.Sub(now); life <= 0 || life > maxLife {
		s.Expires = now.Add(maxLife)
	}
	s.Failures, s.Kind, s.Code, s.Retry = 0, 0, "", time.Time{}
	return s
}

func (s state) failed(err error, now time.Time) state {
	wait := longestPause
	if s.Failures < 6 {
		wait = firstPause << s.Failures
	}
	s.Kind, s.Code = fault.KindOf(err), ""
	if e, ok := errors.AsType[*fault.Error](err); ok {
		s.Code = e.Code
	}
	if s.Kind == fault.Throttled {
		wait = max(wait, throttlePause, fault.After(err))
	}
	s.Failures, s.Retry = s.Failures+1, now.Add(wait)
	return s
}
