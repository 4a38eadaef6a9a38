package whatsapp

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Fields are the webhook fields that the suite reads: the first is what everything is about.
var Fields = []string{"messages", "user_preferences", "account_update", "account_alerts", "message_template_status_update", "phone_number_quality_update"}

// Wiring is how deliveries are meant to come: from one account, through one app, to one address.
type Wiring struct {
	Account   string // id of the WhatsApp Business Account
	AppID     string
	AppSecret crm.Secret
	URL       string // of the door
}

// Gap is something that keeps deliveries away.
type Gap struct {
	Kind  GapKind
	Field string // for GapField: the field that is missing
	Found string // for GapURL: the address that deliveries go to instead
}

// GapKind says what is missing.
type GapKind string

// The gaps. The first is mended by Subscribe, the others by SubscribeApp.
const (
	GapAccount  GapKind = "account_not_subscribed" // the account does not send to the app: POST /{account}/subscribed_apps is missing
	GapNone     GapKind = "no_subscription"        // the app has no subscription to whatsapp_business_account
	GapInactive GapKind = "inactive"               // the app's subscription is switched off
	GapURL      GapKind = "other_url"              // it sends elsewhere
	GapField    GapKind = "field_missing"          // one of Fields is not subscribed to
)

// Gaps looks at both subscriptions, nil for none missing. The dashboard can look right while the account's is not there, and
// then nothing arrives. Pages: solution-providers/manage-webhooks;
// https://developers.facebook.com/docs/graph-api/reference/app/subscriptions.
func (c *Client) Gaps(ctx context.Context, w Wiring) ([]Gap, error) {
	subscribed, err := c.subscribed(ctx, w)
	if err != nil {
		return nil, err
	}
	var gaps []Gap
	if !subscribed {
		gaps = append(gaps, Gap{Kind: GapAccount})
	}
	app, err := c.appGaps(ctx, w)
	return append(gaps, app...), err
}

func (c *Client) subscribed(ctx context.Context, w Wiring) (bool, error) {
	var a struct {
		Data []struct {
			App struct {
				ID loose `json:"id"`
			} `json:"whatsapp_business_api_data"`
		} `json:"data"`
	}
	if err := c.get(ctx, "whatsapp.SubscribedApps", node(w.Account, "subscribed_apps"), nil, &a); err != nil {
		return false, err
	}
	for _, d := range a.Data {
		if string(d.App.ID) == w.AppID {
			return true, nil
		}
	}
	return false, nil
}

// businessAccount is the object that an app subscribes to for WhatsApp.
const businessAccount = "whatsapp_business_account"

// asApp is the client as the app itself, whose token is id and secret together: only the app may see and change its own
// subscriptions. Page: https://developers.facebook.com/docs/facebook-login/guides/access-tokens#apptokens.
func (c *Client) asApp(w Wiring) *Client {
	app := *c
	app.bearer, app.token = nil, crm.NewSecret(w.AppID+"|"+w.AppSecret.Reveal())
	app.rest.Authorize = app.authorize
	return &app
}

// subscription is one of an app's.
type subscription struct {
	Object string `json:"object"`
	URL    string `json:"callback_url"`
	Active bool   `json:"active"`
	Fields []struct {
		Name string `json:"name"`
	} `json:"fields"`
}

func (s subscription) names() []string {
	var out []string
	for _, f := range s.Fields {
		out = append(out, f.Name)
	}
	return out
}

// subscription returns the app's own subscription to WhatsApp, the zero one for none.
func (c *Client) subscription(ctx context.Context, w Wiring) (subscription, error) {
	var a struct {
		Data []subscription `json:"data"`
	}
	if err := c.get(ctx, "whatsapp.Subscriptions", node(w.AppID, "subscriptions"), nil, &a); err != nil {
		return subscription{}, err
	}
	for _, d := range a.Data {
		if d.Object == businessAccount {
			return d, nil
		}
	}
	return subscription{}, nil
}

// appGaps looks at the app's own subscription.
func (c *Client) appGaps(ctx context.Context, w Wiring) ([]Gap, error) {
	d, err := c.asApp(w).subscription(ctx, w)
	if err != nil {
		return nil, err
	}
	if d.Object == "" {
		return []Gap{{Kind: GapNone}}, nil
	}
	var gaps []Gap
	if !d.Active {
		gaps = append(gaps, Gap{Kind: GapInactive})
	}
	if d.URL != w.URL {
		gaps = append(gaps, Gap{Kind: GapURL, Found: d.URL})
	}
	names := d.names()
	for _, f := range Fields {
		if !slices.Contains(names, f) {
			gaps = append(gaps, Gap{Kind: GapField, Field: f})
		}
	}
	return gaps, nil
}

// Subscribe lets the account send its deliveries to the app whose token this is. A repeat is harmless.
// Page: solution-providers/manage-webhooks.
func (c *Client) Subscribe(ctx context.Context, account string) error {
	const op = "whatsapp.Subscribe"
	var done struct {
		Success bool `json:"success"`
	}
	_, err := c.do(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: node(account, "subscribed_apps"), Timeout: readTimeout, Repeat: true}, nil, &done)
	if err == nil && !done.Success {
		return &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer that is no success")}
	}
	return err
}
