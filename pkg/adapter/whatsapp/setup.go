package whatsapp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// The permissions without which the suite does not work: to send and to be told of messages; to look at numbers and
// subscriptions. Page: https://developers.facebook.com/docs/whatsapp/permissions.
const (
	ScopeMessaging  = "whatsapp_business_messaging"
	ScopeManagement = "whatsapp_business_management"
)

// CodeCallback is the code of a fault that says that Meta asked the door for its handshake and was not answered with the
// challenge. Page: https://developers.facebook.com/docs/graph-api/webhooks/getting-started.
const CodeCallback = "2200"

// Grant is what Meta says of the token.
type Grant struct {
	AppID    string
	Valid    bool
	Expires  time.Time // zero: never, as a system user's may
	Scopes   []string
	Accounts []string // WhatsApp Business Accounts that ScopeManagement was given for, the newest first; nil where Meta names none
}

// Grant asks Meta about the client's own token. Pages: https://developers.facebook.com/docs/whatsapp/permissions, "Checking for
// granted permissions"; solution-providers/manage-accounts, "granular_scopes".
func (c *Client) Grant(ctx context.Context) (Grant, error) {
	const op = "whatsapp.Grant"
	token := c.token
	if c.bearer != nil {
		var err error
		if token, err = c.bearer(ctx); err != nil {
			return Grant{}, err
		}
	}
	var a struct {
		Data struct {
			AppID    loose    `json:"app_id"`
			Valid    bool     `json:"is_valid"`
			Expires  int64    `json:"expires_at"`
			Scopes   []string `json:"scopes"`
			Granular []struct {
				Scope   string  `json:"scope"`
				Targets []loose `json:"target_ids"`
			} `json:"granular_scopes"`
		} `json:"data"`
	}
	if err := c.get(ctx, op, "/debug_token", url.Values{"input_token": {token.Reveal()}}, &a); err != nil {
		return Grant{}, err
	}
	g := Grant{AppID: string(a.Data.AppID), Valid: a.Data.Valid, Scopes: a.Data.Scopes}
	if a.Data.Expires > 0 {
		g.Expires = time.Unix(a.Data.Expires, 0).UTC()
	}
	for _, s := range a.Data.Granular {
		if s.Scope != ScopeManagement {
			continue
		}
		for _, id := range s.Targets {
			g.Accounts = append(g.Accounts, string(id))
		}
	}
	if g.AppID == "" {
		return g, &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without an app")}
	}
	return g, nil
}

// BusinessNumber is a phone number of an account.
type BusinessNumber struct {
	ID      string
	Display string // as people read it, of the business
	Quality string // GREEN, YELLOW, RED; NA and UNKNOWN for one that sends little
}

// Numbers returns the phone numbers of an account. Page: business-phone-numbers/phone-numbers, "Get all phone numbers".
func (c *Client) Numbers(ctx context.Context, account string) ([]BusinessNumber, error) {
	var out []BusinessNumber
	for after, page := "", 0; page < maxPages; page++ {
		var a struct {
			Data []struct {
				ID      loose  `json:"id"`
				Display string `json:"display_phone_number"`
				Quality string `json:"quality_rating"`
			} `json:"data"`
			Paging struct {
				Next    string `json:"next"`
				Cursors struct {
					After string `json:"after"`
				} `json:"cursors"`
			} `json:"paging"`
		}
		query := url.Values{"fields": {"id,display_phone_number,quality_rating"}, "limit": {"100"}}
		if after != "" {
			query.Set("after", after)
		}
		if err := c.get(ctx, "whatsapp.Numbers", node(account, "phone_numbers"), query, &a); err != nil {
			return nil, err
		}
		for _, n := range a.Data {
			out = append(out, BusinessNumber{string(n.ID), n.Display, n.Quality})
		}
		if after = a.Paging.Cursors.After; after == "" || a.Paging.Next == "" {
			break
		}
	}
	return out, nil
}

// maxPages bounds a list of the Graph API, 100 a page.
const maxPages = 20

// SubscribeApp lets the app send the account's deliveries to the door: the address, the token of the handshake, Fields and
// whatever else was subscribed to. Meta asks the door for its handshake before it answers; CodeCallback says that the door did
// not answer rightly. A repeat is harmless. Page: https://developers.facebook.com/docs/graph-api/reference/app/subscriptions.
func (c *Client) SubscribeApp(ctx context.Context, w Wiring, verify crm.Secret) error {
	const op = "whatsapp.SubscribeApp"
	app := c.asApp(w)
	there, err := app.subscription(ctx, w)
	if err != nil {
		return err
	}
	names := slices.Clone(Fields)
	for _, name := range there.names() {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var done struct {
		Success bool `json:"success"`
	}
	_, err = app.do(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: node(w.AppID, "subscriptions"), Timeout: sendTimeout, Body: url.Values{
		"object": {businessAccount}, "callback_url": {w.URL}, "verify_token": {verify.Reveal()}, "fields": {strings.Join(names, ",")}, "include_values": {"true"},
	}}, []string{verify.Reveal()}, &done)
	if err == nil && !done.Success {
		return &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer that is no success")}
	}
	return err
}
