// Package hubspot speaks with HubSpot: a client for contacts and companies (read, find, write, list what changed), the
// table that says what HubSpot's errors mean, and a webhook Source that verifies and reads its deliveries.
//
// It decides nothing about records: what is written, and when, is recordsync's business. HubSpot's property names come in
// with the columns; the few that the API itself is built on are named here. Nothing is ever created in HubSpot.
package hubspot

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Version is the dated version of the API, supported until March 2028 (developers.hubspot.com: versioning). It enforces
// the account's own rules for mandatory properties on writes.
const Version = "2026-09"

// DefaultBaseURL is HubSpot's API for accounts of every region.
const DefaultBaseURL = "https://api.hubapi.com"

// The longest that one try of a call may take. Workflows run inside a write.
const (
	readTimeout  = 4 * time.Second
	writeTimeout = 10 * time.Second
)

// Config is what a Client needs.
type Config struct {
	BaseURL string // "" for DefaultBaseURL
	Token   crm.Secret
	// Bearer is asked for the token before every call instead, so that a new one is taken up without a restart; nil: Token.
	// Without a token nothing is sent.
	Bearer func(context.Context) (crm.Secret, error)
	AppID  string // our app's id, to tell our own entries in a history; "" tells none
	HTTP   http.RoundTripper
	Now    func() time.Time
	Sleep  func(context.Context, time.Duration) bool
}

// Client calls HubSpot's API. It is safe for use by several goroutines. Every error that it returns is a *fault.Error.
type Client struct {
	rest   rest.Client
	app    string
	token  crm.Secret
	bearer func(context.Context) (crm.Secret, error) // instead of token, when not nil
	now    func() time.Time

	mu          sync.Mutex // guards what follows, also while it is fetched
	definitions map[crm.Module]*definitions
	owners      directory
}

// New returns a Client with a breaker of its own.
func New(c Config) *Client {
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	h := &Client{app: c.AppID, token: c.Token, bearer: c.Bearer, now: c.Now, definitions: map[crm.Module]*definitions{}}
	h.rest = rest.Client{System: crm.HubSpot, Base: c.BaseURL, HTTP: c.HTTP, Now: c.Now, Sleep: c.Sleep,
		Authorize: h.authorize, Breaker: rest.NewBreaker(c.Now)}
	return h
}

func (c *Client) authorize(ctx context.Context, r *http.Request) error {
	token := c.token
	if c.bearer != nil {
		var err error
		if token, err = c.bearer(ctx); err != nil {
			return err
		}
	}
	r.Header.Set("Authorization", "Bearer "+token.Reveal())
	return nil
}

// do makes one call. The values in sent are cut out of whatever HubSpot says about them.
func (c *Client) do(ctx context.Context, call rest.Call, sent []string, out any) (rest.Answer, error) {
	client := c.rest
	client.Judge = func(op string, status int, h http.Header, body []byte) error {
		return judge(op, status, rest.RetryAfter(h, c.now()), body, sent)
	}
	return client.Do(ctx, call, out)
}

// get reads; a repeat is harmless.
func (c *Client) get(ctx context.Context, op, path string, query url.Values, out any) error {
	_, err := c.do(ctx, rest.Call{Op: op, Path: path, Query: query, Timeout: readTimeout, Repeat: true}, nil, out)
	return err
}

// ask reads by POST; a repeat is harmless.
func (c *Client) ask(ctx context.Context, op, path string, body, out any) error {
	_, err := c.do(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: path, Body: body, Timeout: readTimeout, Repeat: true}, nil, out)
	return err
}

// plural names the module in the API's paths.
func plural(m crm.Module) string {
	if m == crm.Companies {
		return "companies"
	}
	return "contacts"
}

func objects(m crm.Module) string { return "/crm/objects/" + Version + "/" + plural(m) }

func object(m crm.Module, key string) string { return objects(m) + "/" + url.PathEscape(key) }

// modifiedProperty is the property that holds when a record was last modified.
func modifiedProperty(m crm.Module) string {
	if m == crm.Companies {
		return "hs_lastmodifieddate"
	}
	return "lastmodifieddate"
}

// ours reports a fault of our own making.
func ours(op, why string) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Ours, Err: errors.New(why)}
}
