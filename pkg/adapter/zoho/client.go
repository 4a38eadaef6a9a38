// Package zoho speaks to Zoho CRM (API v8): it reads, finds, creates and changes contacts and accounts, tells when fields
// changed, lists what changed lately, fetches access tokens, and reads the notifications of a channel.
//
// It decides nothing: which property is which field comes with every question as columns, and what a failure means is said
// in one table (fault.go). Zoho's spellings do not leave this package.
package zoho

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Version is the version of the API in every path.
const Version = "v8"

// HubSpotID is the custom field that carries the HubSpot id on Contacts and Accounts: an external id of type org, so Zoho
// itself refuses a second record with the same one (https://www.zoho.com/crm/developer/docs/api/v8/external-id.html).
const HubSpotID = "HubSpot_Id"

// How long one call may take: workflows run inside a write.
const (
	readTime  = 4 * time.Second
	writeTime = 10 * time.Second
)

// Tokens hands out the access token and is told when Zoho refused it.
type Tokens interface {
	Token(ctx context.Context) (crm.Access, error)
	Bad(ctx context.Context, version int64) error
}

// Config is what a Client needs. HTTP, Tokens and Now are required.
type Config struct {
	Tokens Tokens
	// BaseURL is used instead of the address that comes with the token; "" for production.
	BaseURL string
	HTTP    http.RoundTripper
	Now     func() time.Time
	Sleep   func(context.Context, time.Duration) bool // nil: nothing is tried twice
	Breaker *rest.Breaker                             // nil: none
	// TriggersAtCreation are the automations that run when a record is created; nil means workflows alone. Changes run none.
	TriggersAtCreation []string
	// UserID is the id of the user whose token this is; "" asks Zoho once.
	UserID string
}

// Client asks one Zoho organisation. Its methods may be called from several goroutines. Their errors are *fault.Error.
type Client struct {
	cfg   Config
	users directory
	mu    sync.Mutex
	me    string
	leads map[string]Definition // nil until they were asked for
	// single are the modules of which a read was refused for asking for the currency.
	single map[crm.Module]bool
}

// New returns a Client.
func New(c Config) *Client {
	if c.TriggersAtCreation == nil {
		c.TriggersAtCreation = []string{"workflow"}
	}
	return &Client{cfg: c, me: c.UserID, single: map[crm.Module]bool{}}
}

// read makes a call that changes nothing.
func (c *Client) read(ctx context.Context, call rest.Call, out any) (rest.Answer, error) {
	call.Timeout, call.Repeat = readTime, true
	return c.do(ctx, call, judge, out)
}

// write makes a call whose answer tells about each item by itself.
func (c *Client) write(ctx context.Context, call rest.Call, out any) (rest.Answer, error) {
	call.Timeout = writeTime
	return c.do(ctx, call, judgeItems, out)
}

type judging = func(op string, status int, h http.Header, body []byte) error

func (c *Client) do(ctx context.Context, call rest.Call, judge judging, out any) (rest.Answer, error) {
	access, err := c.cfg.Tokens.Token(ctx)
	if err != nil {
		if _, ok := errors.AsType[*fault.Error](err); ok {
			return rest.Answer{}, err
		}
		return rest.Answer{}, fault.Again(call.Op, time.Second, "no access token now, not sent")
	}
	base := access.Base
	if c.cfg.BaseURL != "" {
		base = c.cfg.BaseURL
	}
	api := rest.Client{
		System: crm.Zoho, Base: trimSlash(base) + "/crm/" + Version, HTTP: c.cfg.HTTP, Now: c.cfg.Now, Sleep: c.cfg.Sleep,
		Breaker: c.cfg.Breaker, Judge: judge,
		Authorize: func(_ context.Context, req *http.Request) error {
			req.Header.Set("Authorization", "Zoho-oauthtoken "+access.Token.Reveal())
			return nil
		},
		Denied: func(ctx context.Context) bool {
			if c.cfg.Tokens.Bad(ctx, access.Version) != nil {
				return false
			}
			next, err := c.cfg.Tokens.Token(ctx)
			if err != nil || next.Version == access.Version {
				return false
			}
			access = next
			return true
		},
	}
	return api.Do(ctx, call, out)
}
