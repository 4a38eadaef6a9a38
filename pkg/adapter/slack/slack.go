// Package slack posts a text to an incoming webhook of Slack, once a call. It decides nothing, and it knows one host: an address
// of any other is refused before a connection is made. The address is a secret and stands in no error.
//
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Host is where the webhooks of Slack are.
const Host = "hooks.slack.com"

// Timeout is how long one post may take.
const Timeout = 5 * time.Second

// MaxText is how many characters a post has at most; what is longer is cut
// (https://docs.slack.dev/changelog/2018-truncating-really-long-messages).
const MaxText = 40_000

// Client posts texts. It may be used by several goroutines.
type Client struct {
	URL  func(context.Context) (crm.Secret, error) // https://hooks.slack.com/services/…
	HTTP http.RoundTripper
}

const op = "slack.Post"

// Post posts a text, which is Slack's markup: <, > and & in it are escaped by who wrote it. Every error is a *fault.Error: Setup
// for an address that is none of Slack's or that Slack does not know any more, Refused for a text that it does not take, Throttled,
// and Down for everything that leaves open whether it was posted.
func (c *Client) Post(ctx context.Context, text string) error {
	secret, err := c.URL(ctx)
	if err != nil {
		return err
	}
	address, ok := hook(secret.Reveal())
	if !ok {
		return &fault.Error{Op: op, Kind: fault.Setup, Err: errors.New("the address is none of https://" + Host)}
	}
	body, err := json.Marshal(struct {
		Text string `json:"text"`
	}{cut(text)})
	if err != nil {
		return &fault.Error{Op: op, Kind: fault.Ours, Err: errors.New("a text that is no JSON")}
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(body))
	if err != nil {
		return &fault.Error{Op: op, Kind: fault.Setup, Err: errors.New("the address cannot be called")}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.HTTP.RoundTrip(req) // it follows no redirect
	if err != nil {
		return &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("no answer from Slack")} // its own words hold the address
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	return judge(resp)
}

// hook returns the address if it is a webhook of Slack's.
func hook(s string) (*url.URL, bool) {
	u, err := url.Parse(strings.TrimSpace(s))
	return u, err == nil && u.Scheme == "https" && u.Host == Host && u.User == nil && len(u.Path) > 1
}

func cut(s string) string {
	if r := []rune(s); len(r) > MaxText {
		return string(r[:MaxText-1]) + "…"
	}
	return s
}

// judge says what an answer means.
func judge(resp *http.Response) error {
	e := &fault.Error{Op: op, Code: strconv.Itoa(resp.StatusCode)}
	switch status := resp.StatusCode; {
	case status/100 == 2:
		return nil
	case status == http.StatusTooManyRequests:
		e.Kind = fault.Throttled
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
			e.After = min(time.Duration(s)*time.Second, 15*time.Minute)
		}
	case status == http.StatusBadRequest:
		e.Kind = fault.Refused
	case status >= http.StatusInternalServerError:
		e.Kind = fault.Down
	default: // 403 action_prohibited, 404 no_service, 410 channel_is_archived, a redirect
		e.Kind, e.Err = fault.Setup, errors.New("the address takes no posts any more; set up another webhook")
	}
	return e
}
