// Package whatsapp speaks with WhatsApp's Cloud API: a webhook source that verifies and reads Meta's deliveries, a client
// that sends messages, marks them read and fetches what people attach, the table that says what Meta's errors mean, and a
// check of the two subscriptions without which nothing arrives.
//
// It decides nothing: what is logged where, and who may be written to, is the business of the flow. A message that may have
// been sent is never sent again by this package; outbound.ErrUnknownOutcome says so. Meta's spellings do not leave it.
//
// The pages that the comments name lie below https://developers.facebook.com/documentation/business-messaging/whatsapp/.
package whatsapp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Version is the version of the Graph API that requests name unless the Config says otherwise (Meta's examples of 2026).
const Version = "v25.0"

// DefaultBaseURL is Meta's Graph API.
const DefaultBaseURL = "https://graph.facebook.com"

// The longest that one try of a call may take.
const (
	readTimeout  = 4 * time.Second
	sendTimeout  = 10 * time.Second
	mediaTimeout = 30 * time.Second
)

// Config is what a Client needs. HTTP and Now are required.
type Config struct {
	BaseURL string // "" for DefaultBaseURL
	Version string // "" for Version
	Token   crm.Secret
	// Bearer is asked for the token before every call instead, so that a new one is taken up without a restart; nil: Token.
	// Without a token nothing is sent.
	Bearer func(context.Context) (crm.Secret, error)
	HTTP   http.RoundTripper
	Now    func() time.Time
	Sleep  func(context.Context, time.Duration) bool // nil: nothing is tried twice
}

// Client calls the Graph API. It is safe for use by several goroutines. Every error that it returns is a *fault.Error, and
// none holds a person's data or a token.
type Client struct {
	rest   rest.Client
	base   string
	token  crm.Secret
	bearer func(context.Context) (crm.Secret, error) // instead of token, when not nil
	now    func() time.Time
}

// New returns a Client with a breaker of its own.
func New(c Config) *Client {
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	if c.Version == "" {
		c.Version = Version
	}
	w := &Client{base: strings.TrimSuffix(c.BaseURL, "/"), token: c.Token, bearer: c.Bearer, now: c.Now}
	w.rest = rest.Client{System: crm.WhatsApp, Base: w.base + "/" + c.Version, HTTP: dialler{c.HTTP}, Now: c.Now, Sleep: c.Sleep,
		Authorize: w.authorize, Breaker: rest.NewBreaker(c.Now)}
	return w
}

func (c *Client) authorize(ctx context.Context, r *http.Request) error {
	token := c.token
	if c.bearer != nil {
		var err error
		if token, err = c.bearer(ctx); fault.KindOf(err) == fault.Down { // ours does not answer; Meta was not asked
			return &fault.Error{Op: "whatsapp", Kind: fault.Throttled, Code: CodeNotSent, After: fault.After(err), Err: errors.New("no access token can be had now, not sent")}
		}
		if err != nil {
			return err
		}
	}
	if token.IsZero() {
		return &fault.Error{Op: "whatsapp", Kind: fault.Setup, Err: errors.New("no access token is set, not sent")}
	}
	r.Header.Set("Authorization", "Bearer "+token.Reveal())
	return nil
}

// do makes one call. The values in sent are cut out of whatever Meta says about them.
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

// node is the path of one object of the graph, or of what hangs on it.
func node(id string, edge ...string) string {
	path := "/" + url.PathEscape(id)
	for _, e := range edge {
		path += "/" + e
	}
	return path
}
