package zoho

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/scan"
)

// The names of the settings that an operator is told to look at.
const (
	SettingChannel = "ZOHO_CHANNEL_ID"
	SettingToken   = "ZOHO_CHANNEL_TOKEN"
	SettingURL     = "ZOHO_WEBHOOK_URL"
)

// Path is the route of Zoho's notifications below the door's address.
const Path = "/webhooks/zoho"

// ChannelKey is a channel as it was opened: its id and the token that Zoho puts into every body.
type ChannelKey struct {
	ID    string
	Token crm.Secret
}

// ChannelKeys returns the keys of one channel whose token may be one of several, during a change.
func ChannelKeys(id string, tokens func(context.Context) ([]crm.Secret, error)) func(context.Context) ([]ChannelKey, error) {
	return func(ctx context.Context) ([]ChannelKey, error) {
		all, err := tokens(ctx)
		keys := make([]ChannelKey, len(all))
		for i, token := range all {
			keys[i] = ChannelKey{ID: id, Token: token}
		}
		return keys, err
	}
}

// ChannelConfig is what a Channel needs.
type ChannelConfig struct {
	// Keys returns the channels that are ours, the old and the new one during a change. An error, or none at all, is a doubt on
	// our side and never a forgery.
	Keys func(context.Context) ([]ChannelKey, error)
	Now  func() time.Time
	// Fields returns the names of the mapped properties of each module. Nil, an error or a module that is missing means that
	// they are not known; then no property is taken for unmapped.
	Fields     func(context.Context) (map[crm.Module][]string, error)
	Connection string // "" stands for crm.DefaultConnection
}

// Channel verifies the notifications of Zoho's channels and reads operations from them. They carry no signature, only the
// token, so they are taken as hints: which record to read anew
// (https://www.zoho.com/crm/developer/docs/api/v8/notifications/overview.html).
type Channel struct{ cfg ChannelConfig }

// NewChannel returns a Channel.
func NewChannel(c ChannelConfig) *Channel {
	if c.Connection == "" {
		c.Connection = crm.DefaultConnection
	}
	return &Channel{cfg: c}
}

// Name returns "zoho".
func (*Channel) Name() string { return string(crm.Zoho) }

// Path returns Path.
func (*Channel) Path() string { return Path }

// Methods returns POST alone.
func (*Channel) Methods() []string { return []string{http.MethodPost} }

// Limit returns the largest body in bytes, which is the largest that can come in: a notification shows the new values of every
// record that it names, of up to 50,000 characters each.
func (*Channel) Limit() int { return door.Payload }

// maxValues is more than a notification of some thousand records has. It bounds what a stranger makes the door do: the token that
// tells whether a notification is authentic lies inside.
const maxValues = 50_000

// bounded looks through a body before any decoder does. New values are read over, however long they are: the record is asked for them.
func bounded(body []byte) error {
	return scan.JSON(body, scan.Limits{String: len(body), Values: maxValues})
}

// notice is the body of a notification.
type notice struct {
	Channel    loose             `json:"channel_id"`
	ServerTime loose             `json:"server_time"`
	Module     string            `json:"module"`
	Operation  string            `json:"operation"`
	IDs        []json.RawMessage `json:"ids"`
	Affected   json.RawMessage   `json:"affected_fields"`
}

// loose is a text or a number, as text; "" for anything else.
type loose string

// UnmarshalJSON never fails.
func (l *loose) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
		if strings.Trim(text, "-0123456789") != "" {
			text = ""
		}
	}
	*l = loose(text)
	return nil
}

// Verify returns nil for a body with the token of the channel that it names, compared in constant time. Another token, a
// missing one and an unknown channel are door.ErrForged, a body that is no bounded JSON object door.ErrMalformed.
func (c *Channel) Verify(ctx context.Context, r door.Request) error {
	if err := bounded(r.Body); err != nil {
		return fmt.Errorf("%w: %w", door.ErrMalformed, err)
	}
	var n struct {
		Token   loose `json:"token"`
		Channel loose `json:"channel_id"`
	}
	if json.Unmarshal(r.Body, &n) != nil {
		return fmt.Errorf("%w: not an object", door.ErrMalformed)
	}
	keys, err := c.cfg.Keys(ctx)
	if err != nil {
		return fmt.Errorf("zoho: %s and %s cannot be read: %w", SettingChannel, SettingToken, err)
	}
	right, ours, known := 0, 0, 0
	for _, k := range keys {
		if k.ID == "" || k.Token.IsZero() {
			continue
		}
		known++
		mine := same(string(n.Channel), k.ID)
		right |= same(string(n.Token), k.Token.Reveal()) & mine
		ours |= mine
	}
	switch {
	case known == 0:
		return errors.New("zoho: " + SettingChannel + " and " + SettingToken + " are not set")
	case right != 1 && ours == 1 && n.Token != "": // a stranger does not know our channel
		return fmt.Errorf("%w: another token; compare %s with the channel's", door.ErrForged, SettingToken)
	case right != 1:
		return fmt.Errorf("%w: not the token of one of our channels", door.ErrForged)
	}
	return nil
}

// same compares in a time that tells neither the text nor its length.
func same(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// Read makes one operation of each record that a verified notification names. Modules that nobody asked for and changes of
// unmapped fields alone are ignored. A record id that cannot be one is counted and does not keep the others back; a body of
// another shape is door.ErrUnreadable.
func (c *Channel) Read(ctx context.Context, r door.Request) (door.Delivery, error) {
	if err := bounded(r.Body); err != nil {
		return door.Delivery{}, fmt.Errorf("%w: %w", door.ErrUnreadable, err)
	}
	var n notice
	if json.Unmarshal(r.Body, &n) != nil || n.Module == "" || len(n.IDs) == 0 {
		return door.Delivery{}, fmt.Errorf("%w: not a notification", door.ErrUnreadable)
	}
	d := door.Delivery{Events: len(n.IDs)}
	module, wanted := channelModules[n.Module]
	if !wanted {
		d.Ignored = d.Events
		return d, nil
	}
	mapped := c.mapped(ctx, module)
	fields := n.fields()
	seen := map[string]bool{}
	for _, raw := range n.IDs {
		var id digits
		_ = json.Unmarshal(raw, &id) // what is no id gives ""
		key := string(id)
		switch {
		case !crm.IsKey(key):
			d.Unreadable++
			continue
		case seen[key]:
			continue
		}
		seen[key] = true
		op := n.operation(module, key)
		names := fields[key]
		if op.Verb == crm.Update && unmapped(mapped, names) {
			d.Ignored++
			continue
		}
		op.Fields = names[:min(len(names), maxNames)]
		op.Connection, op.ReceivedAt = c.cfg.Connection, c.cfg.Now().UTC()
		d.Operations = append(d.Operations, op)
	}
	return d, nil
}

// channelModules are the modules whose records are kept in step. Leads are not: a conversion tells of its contact.
var channelModules = map[string]crm.Module{"Contacts": crm.Contacts, "Accounts": crm.Companies}

// verbs translates Zoho's operations. An unknown one means: read the record anew.
var verbs = map[string]crm.Verb{"insert": crm.Create, "update": crm.Update, "delete": crm.Delete}

func (n notice) operation(module crm.Module, key string) crm.Operation {
	verb, ok := verbs[n.Operation]
	if !ok {
		verb = crm.Update
	}
	identity := strings.Join([]string{string(n.Channel), n.Module, n.Operation, key, string(n.ServerTime)}, "\n")
	sum := sha256.Sum256([]byte(identity))
	return crm.Operation{
		V: crm.OperationVersion, ID: hex.EncodeToString(sum[:16]), Source: crm.Zoho, Kind: module.Kind(), Module: module,
		Verb: verb, RecordID: key, OccurredAt: n.at(),
	}
}

// at reads server_time, milliseconds since 1970; zero when it is not told or lies outside 2000 to 2100.
func (n notice) at() time.Time {
	ms, err := strconv.ParseInt(string(n.ServerTime), 10, 64)
	if err != nil {
		return time.Time{}
	}
	at := time.UnixMilli(ms).UTC()
	if at.Year() < 2000 || at.Year() > 2100 {
		return time.Time{}
	}
	return at
}

// maxNames bounds the hints of one operation.
const maxNames = 100

// names is a list of names, nil for anything else.
type names []string

// UnmarshalJSON never fails.
func (n *names) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, (*[]string)(n)) != nil {
		*n = nil
	}
	return nil
}

// fields returns the names of the changed properties of each record, sorted. What is no list of names is left out: they are
// hints only.
func (n notice) fields() map[string][]string {
	out := map[string][]string{}
	var affected []map[string]names
	if json.Unmarshal(n.Affected, &affected) != nil {
		return out
	}
	for _, one := range affected {
		for id, all := range one {
			for _, name := range all {
				if word(name) != "" {
					out[id] = append(out[id], name)
				}
			}
		}
	}
	for id, names := range out {
		slices.Sort(names)
		out[id] = slices.Compact(names)
	}
	return out
}

// mapped returns the properties that matter in the module besides the HubSpot id, nil when they are not known.
func (c *Channel) mapped(ctx context.Context, m crm.Module) []string {
	if c.cfg.Fields == nil {
		return nil
	}
	names, err := c.cfg.Fields(ctx)
	if err != nil {
		return nil
	}
	return names[m]
}

// unmapped reports whether a change names fields and none of them matters. The HubSpot id always matters: a person who
// writes one pairs two records; and so does the currency, in which amounts are read.
func unmapped(mapped, fields []string) bool {
	if mapped == nil || len(fields) == 0 {
		return false
	}
	return !slices.ContainsFunc(fields, func(f string) bool { return f == HubSpotID || f == recordCurrency || slices.Contains(mapped, f) })
}
