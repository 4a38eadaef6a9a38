package zoho

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// What a channel may be (https://www.zoho.com/crm/developer/docs/api/v8/notifications/enable.html).
const (
	// MaxChannelLife is the longest life of a channel. One that is asked to live longer gets an hour, without a word.
	MaxChannelLife = 7 * 24 * time.Hour

	maxChannelToken = 50
	maxChannelURL   = 255
)

const watchPath = "/actions/watch"

// noticeWords are the verbs of Zoho's subscriptions. Its notifications have others (channel.go).
var noticeWords = map[crm.Verb]string{crm.Create: "create", crm.Update: "edit", crm.Delete: "delete"}

// subscription is a channel as it is sent. Nothing is left out when empty: notify_on_related_action is true unless it says
// false.
type subscription struct {
	ID      string   `json:"channel_id"`
	Events  []string `json:"events"`
	Ends    string   `json:"channel_expiry"`
	Token   string   `json:"token"`
	URL     string   `json:"notify_url"`
	Values  bool     `json:"return_affected_field_values"`
	Related bool     `json:"notify_on_related_action"`
}

// watched is the answer to every call about channels: what became of each one sent, or a row for each module of a channel.
type watched struct {
	Watch []struct {
		envelope
		ID        loose           `json:"channel_id"`
		Events    []string        `json:"events"`
		Ends      string          `json:"channel_expiry"`
		Token     string          `json:"token"`
		URL       string          `json:"notify_url"`
		Values    bool            `json:"return_affected_field_values"`
		Related   bool            `json:"notify_on_related_action"`
		Condition json.RawMessage `json:"notification_condition"`
	} `json:"watch"`
}

// Channel returns the channel of that id as it lives now, and the zero Channel when there is none. Only channels of the user
// whose token this is are seen (https://www.zoho.com/crm/developer/docs/api/v8/notifications/get-details.html).
func (c *Client) Channel(ctx context.Context, id string) (crm.Channel, error) {
	var a watched
	if _, err := c.read(ctx, rest.Call{Op: "zoho.Channel", Path: watchPath, Query: url.Values{"channel_id": {id}}}, &a); err != nil {
		return crm.Channel{}, err
	}
	return a.channel(id), nil
}

// channel puts the rows of one channel together.
func (a watched) channel(id string) crm.Channel {
	var ch crm.Channel
	for _, w := range a.Watch {
		if string(w.ID) != id {
			continue
		}
		ends, token := instant(w.Ends), crm.Secret{}
		if w.Token != "" {
			token = crm.NewSecret(w.Token)
		}
		if ch.ID == "" {
			ch.ID, ch.URL, ch.Token, ch.Ends = id, w.URL, token, ends
		}
		if ch.URL != w.URL {
			ch.URL = ""
		}
		if ch.Token.IsZero() || w.Token != ch.Token.Reveal() {
			ch.Token = crm.Secret{}
		}
		if ends.Before(ch.Ends) {
			ch.Ends = ends
		}
		ch.IDsOnly, ch.Related = ch.IDsOnly || !w.Values, ch.Related || w.Related
		ch.Partial = ch.Partial || len(w.Condition) > 0 && string(w.Condition) != "null" && string(w.Condition) != "[]"
		for _, e := range w.Events {
			for _, n := range notices(e) {
				if !slices.Contains(ch.Notices, n) {
					ch.Notices = append(ch.Notices, n)
				}
			}
		}
	}
	return ch
}

// notices reads one event of a subscription, like Contacts.edit.
func notices(event string) []crm.Notice {
	name, word, _ := strings.Cut(event, ".")
	module, known := channelModules[name]
	var out []crm.Notice
	for _, verb := range []crm.Verb{crm.Create, crm.Update, crm.Delete} {
		if known && (word == "all" || word == noticeWords[verb]) {
			out = append(out, crm.Notice{Module: module, Verb: verb})
		}
	}
	if out == nil {
		return []crm.Notice{{}}
	}
	return out
}

// OpenChannel opens a channel, and returns until when Zoho lets it live.
func (c *Client) OpenChannel(ctx context.Context, ch crm.Channel) (time.Time, error) {
	return c.subscribe(ctx, "zoho.OpenChannel", http.MethodPost, ch)
}

// ReplaceChannel puts the channel in place of the one of the same id, conditions and all, and returns until when Zoho lets it
// live. A channel that does not live is fault.Missing
// (https://www.zoho.com/crm/developer/docs/api/v8/notifications/update-details.html).
func (c *Client) ReplaceChannel(ctx context.Context, ch crm.Channel) (time.Time, error) {
	return c.subscribe(ctx, "zoho.ReplaceChannel", http.MethodPut, ch)
}

func (c *Client) subscribe(ctx context.Context, op, method string, ch crm.Channel) (time.Time, error) {
	sub, err := subscriptionOf(op, ch)
	if err != nil {
		return time.Time{}, err
	}
	var a watched
	call := rest.Call{Op: op, Method: method, Path: watchPath, Body: map[string]any{"watch": []subscription{sub}}, Timeout: writeTime}
	answer, err := c.do(ctx, call, judgeWatch, &a)
	if err != nil {
		return time.Time{}, err
	}
	if len(a.Watch) != 1 {
		return time.Time{}, &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without the channel")}
	}
	if w := a.Watch[0]; w.Code != "SUCCESS" {
		return time.Time{}, w.fault(op, answer.Status, false)
	}
	var ends time.Time
	for _, e := range a.Watch[0].Details.Events {
		if at := instant(e.Ends); ends.IsZero() || at.Before(ends) {
			ends = at
		}
	}
	return ends, nil
}

// subscriptionOf refuses what Zoho would refuse, in words that name the setting.
func subscriptionOf(op string, ch crm.Channel) (subscription, error) {
	wrong := func(setting, what string) (subscription, error) {
		return subscription{}, &fault.Error{Op: op, Kind: fault.Setup, Err: errors.New(setting + " " + what)}
	}
	s := subscription{
		ID: ch.ID, URL: ch.URL, Ends: stamp(ch.Ends), Values: !ch.IDsOnly, Related: ch.Related,
	}
	if _, err := strconv.ParseInt(ch.ID, 10, 64); err != nil {
		return wrong(SettingChannel, "is not a whole number of 64 bits")
	}
	if ch.Token.IsZero() {
		return wrong(SettingToken, "is empty: without it nobody could tell a delivery from a forgery")
	}
	if s.Token = ch.Token.Reveal(); len(s.Token) > maxChannelToken {
		return wrong(SettingToken, fmt.Sprintf("is longer than %d characters", maxChannelToken))
	}
	if len(ch.URL) > maxChannelURL {
		return wrong(SettingURL, fmt.Sprintf("is longer than %d characters", maxChannelURL))
	}
	for _, n := range ch.Notices {
		name, err := moduleName(op, n.Module)
		if err != nil {
			return subscription{}, err
		}
		s.Events = append(s.Events, name+"."+noticeWords[n.Verb])
	}
	return s, nil
}

// judgeWatch is judge for answers that tell about each channel by itself, with whatever status below 500.
func judgeWatch(op string, status int, h http.Header, body []byte) error {
	var a watched
	if status < http.StatusInternalServerError && json.Unmarshal(body, &a) == nil && len(a.Watch) > 0 && a.Watch[0].Code != "" {
		return nil
	}
	return judge(op, status, h, body)
}
