package connector

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"crm-connector/pkg/adapter/budget"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/flow/rules"
	"crm-connector/pkg/flow/zohotoken"
	"crm-connector/pkg/suite/getzohotoken"
	"crm-connector/pkg/suite/refreshzohotoken"
)

// clients are the ways to both CRMs.
type clients struct {
	hubspot  *hubspot.Client
	zoho     *zoho.Client
	accounts *zoho.Accounts
	tokens   *tokens
	shared   *shared // nil before there is a stack
	clocks   *clocks
}

// shared is the stack's own way to a token of Zoho: its row, under the lease and the limit of the functions' refreshes, but not
// under their pause after a failure: whoever runs this may just have mended it.
type shared struct {
	grants  *grants
	renewal *zohotoken.Refresher
	stored  *zohotoken.Reader
}

// nobody renews tokens for a look that changes nothing.
type nobody struct{}

var errStill = errors.New("no token is stored that works, and with --plan none is asked for")

// Refresh does not.
func (nobody) Refresh(context.Context, int64) error { return errStill }

// grants is the accounts server, and what it last answered.
type grants struct {
	*zoho.Accounts
	asked bool
	err   error
}

// Refresh asks for a new token.
func (g *grants) Refresh(ctx context.Context) (crm.Access, error) {
	a, err := g.Accounts.Refresh(ctx)
	g.asked, g.err = true, err
	return a, err
}

// renew has a new token made, which shows that client and refresh token work. With an error it returns the one that still works, if
// there is one. An error that is Throttled with an After was not asked for now: the limit is reached.
func (c *clients) renew(ctx context.Context) (crm.Access, error) {
	if c.shared == nil {
		a, err := c.accounts.Refresh(ctx)
		if err == nil {
			c.tokens.use(a)
		}
		return a, err
	}
	c.shared.grants.asked, c.shared.grants.err = false, nil
	there, err := c.shared.stored.Token(ctx, 0)
	if err != nil || c.shared.grants.asked {
		return there, cmp.Or(err, c.shared.grants.err)
	}
	if err := c.shared.renewal.Refresh(ctx, there.Version); err != nil {
		return there, err
	}
	return c.shared.stored.Token(ctx, 0)
}

// tokens are where Zoho's access token comes from, which may change on the way.
type tokens struct{ zoho.Tokens }

// use takes a token that is at hand from now on.
func (t *tokens) use(a crm.Access) { t.Tokens = zohotoken.Fixed{Access: a} }

// both is reach for a command that goes on to call both CRMs.
func (s *session) both(ctx context.Context, st *Stack, deployed bool) (*clients, error) {
	if err := notGiven(st.Unknown, settings.HubSpotAccessToken, settings.ZohoClientSecret, settings.ZohoRefreshToken); err != nil {
		return nil, err
	}
	return s.reach(ctx, st, deployed)
}

// reach makes the clients, once. It makes no call.
func (s *session) reach(ctx context.Context, st *Stack, deployed bool) (*clients, error) {
	if s.clients != nil {
		return s.clients, nil
	}
	set := s.reader(ctx)
	zohoURL, accountsURL := set.URL("ZOHO_API_URL", ""), set.URL("ZOHO_ACCOUNTS_URL", "")
	fixed := set.Optional(zohoAccessToken, "")
	if err := notGiven(st.Unknown, zohoAccessToken); err != nil {
		return nil, err
	}
	if fixed == "" {
		accountsURL = set.NeedURL("ZOHO_ACCOUNTS_URL")
	} else {
		zohoURL = set.NeedURL("ZOHO_API_URL")
	}
	set.URL("HUBSPOT_API_URL", "")
	if err := set.Err(); err != nil {
		return nil, wrongf("%v", err)
	}
	c := &clients{clocks: s.timed()}
	hubHTTP, zohoHTTP := http.RoundTripper(c.clocks), http.RoundTripper(c.clocks)
	if s.heavy {
		limits := set.Budget()
		b := budget.Config{
			Connection: s.flags.Connection, Caller: s.NewID(), Store: st.Config, HTTP: c.clocks, Now: s.Now, Sleep: s.Sleep, Log: slog.New(slog.DiscardHandler),
		}
		hubHTTP, zohoHTTP = budget.HubSpot(b, limits), budget.Zoho(b, limits)
		if err := set.Err(); err != nil {
			return nil, wrongf("%v", err)
		}
	}
	c.hubspot = s.hubspot(set, st, hubHTTP)
	c.accounts = zoho.NewAccounts(zoho.AccountsConfig{
		BaseURL: accountsURL, ClientID: set.Optional("ZOHO_CLIENT_ID", ""), APIURL: zohoURL, HTTP: c.clocks, Now: s.Now,
		Secrets: func(ctx context.Context) (client, refresh crm.Secret, err error) {
			if client, err = s.held(ctx, st, settings.ZohoClientSecret); err == nil {
				refresh, err = s.held(ctx, st, settings.ZohoRefreshToken)
			}
			return client, refresh, err
		},
	})
	if deployed {
		g := &grants{Accounts: c.accounts}
		renewal := refreshzohotoken.New(refreshzohotoken.Adapters{Accounts: g, Tokens: st.Tokens, Connection: s.flags.Connection, Now: s.Now, Sleep: s.Sleep, NewID: s.NewID})
		renewal.Mended = true
		var invoker zohotoken.Invoker = renewal
		if s.looks {
			invoker = nobody{}
		}
		c.shared = &shared{g, renewal, getzohotoken.New(getzohotoken.Adapters{Tokens: st.Tokens, Refresh: invoker, Connection: s.flags.Connection, Now: s.Now})}
	}
	c.tokens = &tokens{s.tokens(c, fixed, zohoURL)}
	c.zoho = zoho.New(zoho.Config{Tokens: c.tokens, BaseURL: zohoURL, HTTP: zohoHTTP, Now: s.Now, Sleep: s.Sleep})
	s.clients = c
	return c, nil
}

// hubspot makes the client of HubSpot. It makes no call; what it complains of is in set.Err.
func (s *session) hubspot(set *settings.Reader, st *Stack, to http.RoundTripper) *hubspot.Client {
	return hubspot.New(hubspot.Config{
		BaseURL: set.URL("HUBSPOT_API_URL", ""), Bearer: func(ctx context.Context) (crm.Secret, error) { return s.held(ctx, st, settings.HubSpotAccessToken) },
		AppID: set.Optional("HUBSPOT_APP_ID", ""), HTTP: to, Now: s.Now, Sleep: s.Sleep,
	})
}

// tokens returns where Zoho's access token comes from: a given one, else the stack's own, else, before there is a stack, the refresh
// token itself.
func (s *session) tokens(c *clients, fixed, base string) zoho.Tokens {
	switch {
	case fixed != "":
		return zohotoken.Fixed{Access: crm.Access{Token: crm.NewSecret(fixed), Base: base}}
	case c.shared == nil:
		return &zohotoken.Source{Vendor: straight{c.accounts}, Now: s.Now}
	}
	return &zohotoken.Source{Vendor: c.shared.stored, Now: s.Now}
}

// goOn says when a token may be asked for again, after an error that tells it; "" after another.
func (s *session) goOn(err error) string {
	if fault.After(err) <= 0 {
		return ""
	}
	return s.Now().Add(fault.After(err) + time.Second).UTC().Format(time.RFC3339) // the second is cut
}

// waiting says, behind "again", from when on.
func (s *session) waiting(err error) string {
	if at := s.goOn(err); at != "" {
		return " from " + at + " on"
	}
	return " in ten minutes"
}

// straight asks the accounts server every time.
type straight struct{ accounts *zoho.Accounts }

// Token returns a new token.
func (t straight) Token(ctx context.Context, bad int64) (crm.Access, error) {
	a, err := t.accounts.Refresh(ctx)
	a.Version = bad + 1
	return a, err
}

// held returns a secret: the stack's, or where it is set up the one that is handed over before that. One that is nowhere is
// fault.Setup.
func (s *session) held(ctx context.Context, st *Stack, name string) (crm.Secret, error) {
	if s.setsUp {
		if v, err := s.secret(name, false); err != nil || !v.IsZero() {
			return v, err
		}
	}
	there, err := s.there(ctx, st, name)
	if err == nil && !s.setsUp {
		err = s.unlike(name, there)
	}
	if err == nil && there.IsZero() {
		err = &fault.Error{Op: "connector", Kind: fault.Setup, Err: errors.New(name + " is not among the secrets of the stack: connector " + setupOf(name) + " " + s.at() + " stores it")}
	}
	return there, err
}

// reader reads settings as setting finds them.
func (s *session) reader(ctx context.Context) *settings.Reader {
	return &settings.Reader{Getenv: func(name string) string { return s.setting(ctx, name) }}
}

// rules are the settings under the rows of the config table, as the functions have them.
func (s *session) rules(ctx context.Context, st *Stack) (rules.Settings, error) {
	set := s.reader(ctx)
	r := set.Rules()
	if err := set.Err(); err != nil {
		return rules.Settings{}, wrongf("%v", err)
	}
	return rules.Settings{Default: st.Default, Start: cmp.Or(r.Mode, crm.Off), Options: mapping.Options{
		PhoneRegion: r.PhoneRegion, LastName: r.LastName, Leads: r.Leads, PhoneMatch: r.PhoneMatch,
	}}, nil
}

// timed is the way to everybody, on which is noted how far their clocks are from ours.
func (s *session) timed() *clocks {
	if s.clocks == nil {
		s.clocks = &clocks{to: s.HTTP, now: s.Now}
	}
	return s.clocks
}

// clocks notes, of every answer, how far its Date is from our own clock.
type clocks struct {
	to  http.RoundTripper
	now func() time.Time

	mu   sync.Mutex
	skew map[string]time.Duration // by host; ours minus theirs
}

// RoundTrip passes the request on.
func (c *clocks) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.to.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if at, bad := http.ParseTime(resp.Header.Get("Date")); bad == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.skew == nil {
			c.skew = map[string]time.Duration{}
		}
		c.skew[r.URL.Host] = c.now().Sub(at)
	}
	return resp, nil
}

// patient makes a call that a CRM may throttle: it waits as long as it is asked to, three times.
func patient[T any](ctx context.Context, s *session, call func() (T, error)) (T, error) {
	for try := 0; ; try++ {
		out, err := call()
		if fault.KindOf(err) != fault.Throttled || try == 3 {
			return out, err
		}
		wait := max(fault.After(err), time.Second)
		s.progress("waiting %s, as asked", wait)
		if !s.Sleep(ctx, wait) {
			return out, err
		}
	}
}

// page is a page of a listing.
type page struct {
	touched []crm.Touched
	next    string
}

// list asks for a page of what changed in a system since.
func (s *session) list(ctx context.Context, c *clients, sys crm.System, m crm.Module, since time.Time, at string) (page, error) {
	changed := c.hubspot.Changed
	if sys == crm.Zoho {
		changed = c.zoho.Changed
	}
	return patient(ctx, s, func() (p page, err error) {
		p.touched, p.next, err = changed(ctx, m, since, at)
		return p, err
	})
}
