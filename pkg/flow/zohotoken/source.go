// Package zohotoken keeps one access token of Zoho for everybody: a Refresher that fetches a new one exactly once for all
// who find the old one gone, a Reader that hands out the stored one, and a Source that keeps it in memory.
//
// The three stand in three places. The Refresher alone holds the refresh token (through Accounts); the Reader may read the
// row; the Source may do neither and asks a Vendor: the Reader itself at the desk, a call of getZohoToken in a Lambda.
// The package speaks to no vendor, and no error of it holds a token.
package zohotoken

import (
	"context"
	"sync"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// Vendor hands out a valid token whose version is not bad (0: none is known to be bad).
type Vendor interface {
	Token(ctx context.Context, bad int64) (crm.Access, error)
}

// Invoker has a token newer than version bad put into the row, or does nothing when a good one lies there: the Refresher
// itself at the desk, a call of refreshZohoToken in a Lambda.
type Invoker interface {
	Refresh(ctx context.Context, bad int64) error
}

// Store is what the package needs of the table of tokens.
type Store interface {
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	Put(ctx context.Context, puts ...row.Put) error
}

const (
	early  = 2 * time.Minute  // a Source replaces its token this long before the end
	usable = 10 * time.Second // with less left than this, a token is not handed out
	pause  = 5 * time.Second  // a Source asks no more often for a token that replaces one which still works
)

// Source hands out a token from memory and asks its Vendor when that one is missing, near its end or reported bad. Any
// number of callers at once cause one question. Its methods may be called from several goroutines.
type Source struct {
	Vendor Vendor
	Now    func() time.Time
	// Early is how long before its end a token is replaced; zero means two minutes. One that differs between processes
	// (two to five minutes) keeps those that started together from asking together.
	Early time.Duration

	mu     sync.Mutex
	access crm.Access
	bad    int64     // the version that Zoho last refused
	rest   time.Time // while the token can be used, nobody is asked before this instant
	flight *flight
}

// flight is one question to the Vendor, shared by all who wait for its answer.
type flight struct {
	done   chan struct{}
	bad    int64 // the version that was named as bad
	access crm.Access
	err    error
	left   bool // no answer that counts: whoever asked went away, or the token became bad meanwhile. It is asked again
}

// Token returns a token that Zoho takes, as far as anybody knows. Its errors are *fault.Error: Denied when the refresh token
// is dead; Throttled, Down or Busy when it is to be tried later.
func (s *Source) Token(ctx context.Context) (crm.Access, error) {
	for {
		access, f, mine := s.look()
		if f == nil {
			return access, nil
		}
		if mine {
			s.ask(ctx, f)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
		}
		if err := ctx.Err(); err != nil {
			return crm.Access{}, &fault.Error{Op: "zohotoken.Token", Kind: fault.Down, Err: err}
		}
		if !f.left {
			return f.access, f.err
		}
	}
}

// Bad reports that Zoho refused the token of this version. A later one in memory stays.
func (s *Source) Bad(_ context.Context, version int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.access.Version == version {
		s.access, s.bad = crm.Access{}, version
	}
	return nil
}

// look returns the token in memory, or the flight to wait for and whether the caller is to carry it out.
func (s *Source) look() (crm.Access, *flight, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	ahead := s.Early
	if ahead == 0 {
		ahead = early
	}
	if lasts(s.access, now, ahead) || lasts(s.access, now, usable) && now.Before(s.rest) {
		return s.access, nil, false
	}
	if s.flight != nil {
		return crm.Access{}, s.flight, false
	}
	s.flight = &flight{done: make(chan struct{}), bad: s.bad, left: true}
	return crm.Access{}, s.flight, true
}

// ask carries the flight out. The deferred part runs after a panic of the Vendor too, so that nobody waits for ever.
func (s *Source) ask(ctx context.Context, f *flight) {
	defer func() {
		s.mu.Lock()
		s.land(f)
		s.mu.Unlock()
		close(f.done)
	}()
	f.access, f.err = s.Vendor.Token(ctx, f.bad)
	f.left = f.err != nil && ctx.Err() != nil
}

// land takes the flight's answer into memory. A token that still works serves when no better one was to be had.
func (s *Source) land(f *flight) {
	s.flight = nil
	now := s.Now()
	s.rest = now.Add(pause)
	switch {
	case f.left:
	case f.err == nil && f.access.Version == s.bad && f.bad != s.bad:
		f.left = true
	case f.err == nil:
		s.access = f.access
	case lasts(s.access, now, usable):
		f.access, f.err = s.access, nil
	}
}

// lasts reports whether there is a token that ends more than d from now.
func lasts(a crm.Access, now time.Time, d time.Duration) bool {
	return !a.Token.IsZero() && (a.Expires.IsZero() || now.Add(d).Before(a.Expires))
}

// Fixed is a token that was given and is used as it is: ZOHO_ACCESS_TOKEN at the desk and under sam local.
type Fixed struct{ Access crm.Access }

// Token returns the token. It never fails.
func (f Fixed) Token(context.Context) (crm.Access, error) { return f.Access, nil }

// Bad does nothing: there is no other token.
func (Fixed) Bad(context.Context, int64) error { return nil }
