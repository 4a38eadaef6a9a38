package zohotoken_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/zohotoken"
)

// table is a store that keeps its promises: versions, conditions, copies.
type table struct {
	mu   sync.Mutex
	rows map[row.Key]row.Row
	down error // answered by every call while set
}

func (t *table) Get(_ context.Context, keys ...row.Key) ([]row.Row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.down != nil {
		return nil, t.down
	}
	var out []row.Row
	for _, k := range keys {
		r := t.rows[k]
		r.Key, r.Value = k, append([]byte(nil), r.Value...)
		out = append(out, r)
	}
	return out, nil
}

func (t *table) Put(_ context.Context, puts ...row.Put) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.down != nil {
		return t.down
	}
	for _, p := range puts {
		if t.rows[p.Key].Version != p.If {
			return row.ErrConflict
		}
	}
	if t.rows == nil {
		t.rows = map[row.Key]row.Row{}
	}
	for _, p := range puts {
		t.rows[p.Key] = row.Row{Key: p.Key, Version: p.Next(), Value: append([]byte(nil), p.Value...)}
	}
	return nil
}

// accountsDouble gives a new token at each call, after a while, unless it is told to fail or to die.
type accountsDouble struct {
	mu    sync.Mutex
	calls int
	takes time.Duration
	fail  error
	hang  bool // the caller dies in the middle: the call never comes back
	life  time.Duration
}

func (a *accountsDouble) Refresh(ctx context.Context) (crm.Access, error) {
	a.mu.Lock()
	a.calls++
	n, fail, hang, life := a.calls, a.fail, a.hang, a.life
	a.mu.Unlock()
	if hang {
		panic("the process dies")
	}
	time.Sleep(a.takes)
	if ctx.Err() != nil {
		return crm.Access{}, &fault.Error{Op: "accounts", Kind: fault.Down, Err: ctx.Err()}
	}
	if fail != nil {
		return crm.Access{}, fail
	}
	if life == 0 {
		life = time.Hour
	}
	return crm.Access{
		Token:   crm.NewSecret(fmt.Sprintf("1000.canary.%d", n)),
		Expires: time.Now().Add(life),
		Base:    "https://www.zohoapis.eu",
	}, nil
}

func (a *accountsDouble) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls
}

func (a *accountsDouble) set(change func(*accountsDouble)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

// sleep waits in the bubble's time.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

var ids struct {
	sync.Mutex
	n int
}

func newID() string {
	ids.Lock()
	defer ids.Unlock()
	ids.n++
	return fmt.Sprint("owner-", ids.n)
}

func refresher(t *table, a *accountsDouble) *zohotoken.Refresher {
	return &zohotoken.Refresher{Accounts: a, Store: t, Connection: "main", Now: time.Now, Sleep: sleep, NewID: newID}
}

// source is a process of its own: its memory, its reader, its refresher, over the shared table.
func source(t *table, a *accountsDouble) *zohotoken.Source {
	return &zohotoken.Source{Now: time.Now, Vendor: reader(t, a)}
}

func reader(t *table, a *accountsDouble) *zohotoken.Reader {
	return &zohotoken.Reader{Store: t, Invoker: refresher(t, a), Connection: "main", Now: time.Now}
}

var (
	errDenied    = &fault.Error{Op: "accounts", Kind: fault.Denied, Code: "invalid_code", Err: errors.New("refresh token not known")}
	errDown      = &fault.Error{Op: "accounts", Kind: fault.Down, Err: errors.New("connection reset")}
	errThrottled = &fault.Error{Op: "accounts", Kind: fault.Throttled, Code: "Access Denied"}
)

// zombie is an accounts server so slow that its caller loses the lease: meanwhile another one takes over and ends.
type zombie struct {
	table *table
	other *accountsDouble
}

func (z *zombie) fast() *accountsDouble { return z.other }

func (z *zombie) Refresh(ctx context.Context) (crm.Access, error) {
	time.Sleep(21 * time.Second)
	z.other = &accountsDouble{}
	if err := refresher(z.table, z.other).Refresh(context.WithoutCancel(ctx), 0); err != nil {
		return crm.Access{}, err
	}
	return crm.Access{Token: crm.NewSecret("1000.late"), Expires: time.Now().Add(time.Hour)}, nil
}
