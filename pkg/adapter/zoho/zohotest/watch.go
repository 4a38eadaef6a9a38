package zohotest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	longestChannel = 7 * 24 * time.Hour
	fallbackExpiry = time.Hour // a missing or longer expiry falls back to it without a word (Zoho docs: Enable Notifications)
	longestToken   = 50
	longestURL     = 255
	mostEvents     = 50
)

// channel is a subscription (Zoho docs: Enable Notifications).
type channel struct {
	id, url   string
	token     any // a string, or nil: the notification then carries null
	events    []string
	expiry    time.Time
	values    bool // return_affected_field_values
	related   bool // notify_on_related_action: as it was sent, true when it was not; nothing more is told because of it
	condition []fieldCondition
	raw       any // notification_condition as it was sent
}

// fieldCondition is one notification_condition: updates of the module count only when a selected field changed.
type fieldCondition struct {
	module string
	fields selection
}

type selection struct {
	or    bool
	field string
	group []selection
}

func (x selection) meets(changed []string) bool {
	if x.field != "" {
		return slices.Contains(changed, x.field)
	}
	hit := func(g selection) bool { return g.meets(changed) }
	if x.or {
		return slices.ContainsFunc(x.group, hit)
	}
	return !slices.ContainsFunc(x.group, func(g selection) bool { return !g.meets(changed) })
}

// Channel is a live channel as a test looks at it.
type Channel struct {
	ID, URL, Token string // Token "" when there is none
	Events         []string
	Expiry         time.Time
	Values         bool // return_affected_field_values
	Related        bool // notify_on_related_action
	Conditions     int
}

// Channels returns the channels that live now.
func (s *Server) Channels() []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Channel
	for _, ch := range s.channels {
		if ch.expiry.After(s.now()) {
			token, _ := ch.token.(string)
			out = append(out, Channel{ch.id, ch.url, token, slices.Clone(ch.events), ch.expiry, ch.values, ch.related, len(ch.condition)})
		}
	}
	return out
}

func firstChannel(o Options) *channel {
	ch := &channel{id: o.ChannelID, url: o.NotifyURL, values: !o.NoValues, expiry: o.Now().Add(o.ChannelExpiry),
		events: []string{"Contacts.create", "Contacts.edit", "Contacts.delete", "Accounts.create", "Accounts.edit", "Accounts.delete"}}
	if o.ChannelToken != "" {
		ch.token = o.ChannelToken
	}
	return ch
}

// wireChannel is a channel in a body. channel_id is a long that may come as a string or as a bare number.
type wireChannel struct {
	ID        any             `json:"channel_id"`
	Events    []string        `json:"events"`
	Expiry    *string         `json:"channel_expiry"`
	Token     *string         `json:"token"`
	URL       *string         `json:"notify_url"`
	Values    *bool           `json:"return_affected_field_values"`
	Related   *bool           `json:"notify_on_related_action"`
	Condition []wireCondition `json:"notification_condition"`
	DelEvents bool            `json:"_delete_events"`
}

type wireCondition struct {
	Type      string        `json:"type"`
	Module    wireNamed     `json:"module"`
	Selection wireSelection `json:"field_selection"`
}

type wireNamed struct {
	APIName string `json:"api_name"`
	ID      string `json:"id"`
}

type wireSelection struct {
	Operator string          `json:"group_operator,omitempty"`
	Group    []wireSelection `json:"group,omitempty"`
	Field    *wireNamed      `json:"field,omitempty"`
}

func (s *Server) openChannels(c *call) reply    { return s.watch(c, http.StatusCreated, false, false) }
func (s *Server) replaceChannels(c *call) reply { return s.watch(c, http.StatusOK, true, false) }
func (s *Server) patchChannels(c *call) reply   { return s.watch(c, http.StatusOK, true, true) }

// watch opens, replaces (PUT: everything not sent is gone) or changes (PATCH) channels. Opening a live one overwrites it,
// as Kaizen #170 implies; PUT and PATCH of one that does not live answer NOT_SUBSCRIBED (measured for PATCH).
func (s *Server) watch(c *call, well int, must, patch bool) reply {
	var body struct {
		Watch []json.RawMessage `json:"watch"`
	}
	if err := decodeStrict(c.body, &body); err != nil || len(body.Watch) == 0 {
		return (&refusal{code: "MANDATORY_NOT_FOUND", message: "required field not found", details: map[string]any{"api_name": "watch", "json_path": "$.watch"}}).reply()
	}
	out, failed := make([]any, len(body.Watch)), 0
	for i, raw := range body.Watch {
		item, refused := s.watchOne(raw, fmt.Sprintf("$.watch[%d]", i), must, patch)
		if out[i] = item; refused != nil {
			failed++
			out[i] = refused.item()
		}
	}
	return asJSON(statusOf(len(out), failed, 0, well), map[string]any{"watch": out})
}

func (s *Server) watchOne(raw json.RawMessage, path string, must, patch bool) (map[string]any, *refusal) {
	var w wireChannel
	if err := decodeStrict(raw, &w); err != nil {
		return nil, invalidData("invalid data", map[string]any{"json_path": path})
	}
	id, refused := channelID(w.ID, path)
	if refused != nil {
		return nil, refused
	}
	old := s.channel(id)
	if must && old == nil {
		return nil, &refusal{code: "NOT_SUBSCRIBED", message: "Not subscribed for actions-watch of the given channel"}
	}
	if refused := s.checkChannel(w, path); refused != nil {
		return nil, refused
	}
	if w.DelEvents && patch {
		old.events = slices.DeleteFunc(old.events, func(e string) bool { return slices.Contains(w.Events, e) })
		return s.subscribed(old, "Successfully un-subscribed from actions-watch of the given module"), nil
	}
	ch := &channel{id: id}
	if patch {
		*ch = *old
	}
	s.applyChannel(ch, w)
	s.channels = slices.DeleteFunc(s.channels, func(x *channel) bool { return x.id == id })
	s.channels = append(s.channels, ch)
	return s.subscribed(ch, "Successfully subscribed for actions-watch of the given module"), nil
}

func channelID(raw any, path string) (string, *refusal) {
	id := ""
	switch x := raw.(type) {
	case string:
		id = x
	case json.Number:
		id = x.String()
	case nil:
		return "", missing("channel_id", path)
	}
	if !digits(strings.TrimPrefix(id, "-")) || len(id) > 20 {
		return "", invalidData("invalid data", map[string]any{"api_name": "channel_id", "json_path": path + ".channel_id", "expected_data_type": "long"})
	}
	return id, nil
}

func missing(name, path string) *refusal {
	return &refusal{code: "MANDATORY_NOT_FOUND", message: "required field not found", details: map[string]any{"api_name": name, "json_path": path + "." + name}}
}

func (s *Server) checkChannel(w wireChannel, path string) *refusal {
	wrong := func(name string, details map[string]any) *refusal {
		details["api_name"], details["json_path"] = name, path+"."+name
		return invalidData("invalid data", details)
	}
	if len(w.Events) == 0 {
		return missing("events", path)
	}
	if len(w.Events) > mostEvents {
		return wrong("events", map[string]any{"maximum_length": mostEvents})
	}
	for _, e := range w.Events {
		name, verb, _ := strings.Cut(e, ".")
		if s.modules[name] == nil || !slices.Contains([]string{"create", "edit", "delete", "all"}, verb) {
			return wrong("events", map[string]any{})
		}
	}
	if w.DelEvents {
		return nil
	}
	if w.URL == nil {
		return missing("notify_url", path)
	}
	if !isNotifyURL(*w.URL) {
		return wrong("notify_url", map[string]any{"maximum_length": longestURL})
	}
	if w.Token != nil && len(*w.Token) > longestToken {
		return wrong("token", map[string]any{"maximum_length": longestToken})
	}
	if w.Expiry != nil {
		if _, err := time.Parse(time.RFC3339, *w.Expiry); err != nil {
			return wrong("channel_expiry", map[string]any{"expected_data_type": "datetime"})
		}
	}
	return s.checkConditions(w.Condition, path)
}

// isNotifyURL wants https; a sandbox on the same machine may be told by http.
func isNotifyURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || len(text) > longestURL {
		return false
	}
	host := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && (host == "127.0.0.1" || host == "::1" || host == "localhost")
}

func (s *Server) applyChannel(ch *channel, w wireChannel) {
	ch.events, ch.url = w.Events, *w.URL
	if w.Token != nil {
		ch.token = *w.Token
	}
	if w.Values != nil {
		ch.values = *w.Values
	}
	ch.related = w.Related == nil || *w.Related
	if w.Condition != nil {
		ch.condition, ch.raw = nil, w.Condition
		for _, x := range w.Condition {
			ch.condition = append(ch.condition, fieldCondition{module: x.Module.APIName, fields: x.Selection.selection()})
		}
	}
	now := s.now()
	ch.expiry = now.Add(fallbackExpiry)
	if w.Expiry != nil {
		if at, err := time.Parse(time.RFC3339, *w.Expiry); err == nil && at.Sub(now) <= longestChannel {
			ch.expiry = at
		}
	}
}

func (s *Server) subscribed(ch *channel, message string) map[string]any {
	return map[string]any{"code": "SUCCESS", "message": message, "status": "success", "details": map[string]any{"events": s.resources(ch)}}
}

func (s *Server) resources(ch *channel) []any {
	var out []any
	for _, name := range []string{"Contacts", "Accounts", "Leads"} {
		if !slices.ContainsFunc(ch.events, func(e string) bool { return strings.HasPrefix(e, name+".") }) {
			continue
		}
		out = append(out, map[string]any{"channel_expiry": s.zoned(ch.expiry), "resource_uri": s.opt.APIDomain + "/crm/v2/" + name,
			"resource_id": s.modules[name].id, "resource_name": name, "channel_id": ch.id})
	}
	return out
}

// channel returns the live channel of that id, nil if there is none.
func (s *Server) channel(id string) *channel {
	now := s.now()
	for _, ch := range s.channels {
		if ch.id == id && ch.expiry.After(now) {
			return ch
		}
	}
	return nil
}

// getChannels lists live channels, tokens in clear; 204 when there are none (Zoho docs: Notifications).
func (s *Server) getChannels(c *call) reply {
	var out []any
	now, only := s.now(), c.query.Get("channel_id")
	for _, ch := range s.channels {
		if !ch.expiry.After(now) || only != "" && ch.id != only {
			continue
		}
		for _, resource := range s.resources(ch) {
			row, _ := resource.(map[string]any)
			row["events"], row["token"], row["notify_url"] = ch.events, ch.token, ch.url
			row["return_affected_field_values"], row["notify_on_related_action"], row["notification_condition"] = ch.values, ch.related, ch.raw
			row["fields"] = nil
			out = append(out, row)
		}
	}
	if len(out) == 0 {
		return empty(http.StatusNoContent)
	}
	return asJSON(http.StatusOK, map[string]any{"watch": out, "info": map[string]any{"per_page": mostPerPage, "count": len(out), "page": 1, "more_records": false}})
}

func (s *Server) closeChannels(c *call) reply {
	ids := strings.Split(c.query.Get("channel_ids"), ",")
	if ids[0] == "" {
		return (&refusal{code: "REQUIRED_PARAM_MISSING", message: "One of the expected parameter is missing", details: map[string]any{"param_name": "channel_ids"}}).reply()
	}
	out, failed := make([]any, len(ids)), 0
	for i, id := range ids {
		ch := s.channel(id)
		if ch == nil {
			failed++
			out[i] = (&refusal{code: "NOT_SUBSCRIBED", message: "Not subscribed for actions-watch of the given channel"}).item()
			continue
		}
		s.channels = slices.DeleteFunc(s.channels, func(x *channel) bool { return x == ch })
		out[i] = s.subscribed(ch, "Successfully un-subscribed from actions-watch")
	}
	return asJSON(statusOf(len(ids), failed, 0, http.StatusOK), map[string]any{"watch": out})
}
