package whatsapp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/scan"
)

// envelope is the body of a delivery. Page: webhooks/create-webhook-endpoint, "Webhooks".
type envelope struct {
	Object string  `json:"object"`
	Entry  []entry `json:"entry"`
}

type entry struct {
	ID      loose    `json:"id"`
	Time    loose    `json:"time"`
	Changes []change `json:"changes"`
}

type change struct {
	Field string          `json:"field"`
	Value json.RawMessage `json:"value"`
}

// value is the content of a change that concerns people.
type value struct {
	Metadata struct {
		Display loose `json:"display_phone_number"`
		ID      loose `json:"phone_number_id"`
	} `json:"metadata"`
	Contacts    []item[wireContact]    `json:"contacts"`
	Messages    []item[wireMessage]    `json:"messages"`
	Statuses    []item[wireStatus]     `json:"statuses"`
	Errors      wireErrors             `json:"errors"`
	Preferences []item[wirePreference] `json:"user_preferences"`
	Renamed     []item[wireRenamed]    `json:"user_id_update"`
}

// lost counts what stands in the place of a list of updates and is none.
func lost(raw []byte) (n int) {
	var all map[string]json.RawMessage
	_ = json.Unmarshal(raw, &all) // it was read before
	for _, name := range []string{"messages", "statuses", "user_preferences", "user_id_update"} {
		if list := all[name]; list != nil && list[0] != '[' && list[0] != 'n' {
			n++
		}
	}
	return n
}

// loose is a text, a number or a truth value, as text; "" for anything else.
type loose string

// UnmarshalJSON never fails.
func (l *loose) UnmarshalJSON(raw []byte) error {
	*l = ""
	switch c := raw[0]; {
	case c == '"' && bytes.IndexByte(raw, '\\') < 0:
		*l = loose(raw[1 : len(raw)-1]) // scanned before: there is nothing to mend
	case c == '"':
		return json.Unmarshal(raw, (*string)(l))
	case c == '-' || c >= '0' && c <= '9' || c == 't' || c == 'f':
		*l = loose(raw)
	}
	return nil
}

// value is what somebody wrote, cut where it is longer than any CRM shows: an update must fit into a message of the queue.
func (l loose) value() crm.Value {
	if l == "" {
		return crm.Unknown()
	}
	return crm.Text(l.short(maxText))
}

// short cuts what is a name and no text: foreign words in fields of our own are bounded.
func (l loose) short(most int) string {
	s := string(l)
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

const (
	maxWord = 64  // bytes of a type, a state, an id of Meta's
	maxName = 512 // bytes of what somebody is called

	maxText = 128 << 10 // bytes of what somebody wrote
)

// The times that a delivery can name: WhatsApp is younger than the first.
const (
	earliest = 1_230_768_000 // 2009
	latest   = 4_102_444_800 // 2100
)

// time reads seconds or milliseconds since 1970, zero for what is neither. Page: webhooks/reference/messages ("timestamp").
func (l loose) time() time.Time {
	n, err := strconv.ParseInt(string(l), 10, 64)
	switch {
	case err != nil:
	case n >= earliest && n < latest:
		return time.Unix(n, 0).UTC()
	case n >= earliest*1000 && n < latest*1000:
		return time.UnixMilli(n).UTC()
	}
	return time.Time{}
}

// digits returns the digits of a phone number, "" for what is no number.
func (l loose) digits() string {
	s := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" +-().\u00a0", r) {
			return -1
		}
		return r
	}, string(l))
	if strings.Trim(s, "0123456789") != "" || len(s) > 20 {
		return ""
	}
	return s
}

// unlogged are the fields that are counted and acknowledged: past conversations, what the business does in its own app, and
// what another handler of the same number sees.
func unlogged(field string) bool {
	return field == "history" || field == "standby" || strings.HasPrefix(field, "smb_")
}

// maxElements is how many elements all lists of a delivery may have, but those of what is not logged. WhatsApp sends 1000 updates at most, of some elements each; to read as many
// as fit into a body would take longer than whoever waits at the door has time for.
const maxElements = 20_000

// elements counts the elements of all lists in a value, at whatever depth. It was scanned before.
func elements(raw []byte) (n int) {
	var lists [64]bool // by depth: whether it is a list's
	depth, quoted, first := 0, false, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			if !quoted && first {
				n++
			}
			quoted, first = !quoted, false
		case quoted, c == ' ', c == '\t', c == '\r', c == '\n':
		case c == ']', c == '}':
			depth, first = depth-1, false
		case c == ',':
			if lists[depth] {
				n++
			}
		default:
			if first {
				n++
			}
			if first = c == '['; first || c == '{' {
				depth++
				lists[depth] = first
			}
		}
	}
	return n
}

// parsed is what a body holds.
type parsed struct {
	updates             []chat.Update
	ignored, unreadable int
}

// parse reads a body.
func parse(body []byte) (parsed, error) {
	if err := scan.JSON(body, scan.Limits{String: len(body)}); err != nil { // one long text keeps nobody else's message back
		return parsed{}, fmt.Errorf("%w: %w", door.ErrUnreadable, err)
	}
	var env envelope
	if _, err := lenient(body, &env); err != nil {
		return parsed{}, fmt.Errorf("%w: not the envelope of a delivery", door.ErrUnreadable)
	}
	if env.Object != "whatsapp_business_account" || len(env.Entry) == 0 {
		return parsed{}, fmt.Errorf("%w: not about a WhatsApp Business Account", door.ErrUnreadable)
	}
	var p parsed
	most := maxElements
	for _, e := range env.Entry {
		if len(e.Changes) == 0 {
			p.unreadable++
		}
		for _, c := range e.Changes {
			if !unlogged(c.Field) {
				most -= 1 + elements(c.Value)
			}
			if most < 0 {
				return parsed{}, fmt.Errorf("%w: its lists are longer than any of WhatsApp's", door.ErrUnreadable)
			}
			p.change(e, c)
		}
	}
	if len(p.updates)+p.ignored == 0 {
		return parsed{}, fmt.Errorf("%w: nothing in it makes sense", door.ErrUnreadable)
	}
	return p, nil
}

func (p *parsed) change(e entry, c change) {
	if c.Field == "" || len(c.Value) == 0 {
		p.unreadable++
		return
	}
	if unlogged(c.Field) {
		p.ignored++
		return
	}
	var v value
	concerned := slices.Contains([]string{"messages", "user_preferences", "user_id_update"}, c.Field)
	before := len(p.updates) + p.unreadable
	if concerned {
		whole, err := lenient(c.Value, &v)
		if err != nil || c.Value[0] != '{' && c.Value[0] != 'n' {
			p.unreadable++
			return
		}
		if !whole {
			p.unreadable += lost(c.Value)
		}
	}
	about := chat.Update{Account: e.ID.short(maxWord), Number: v.Metadata.ID.short(maxWord), Display: v.Metadata.Display.digits()}
	p.people(about, v)
	if len(p.updates)+p.unreadable == before {
		p.notice(about, e, c, v)
	}
}

// people takes the messages, statuses and preferences out of a value.
func (p *parsed) people(about chat.Update, v value) {
	rest, contacts := faults(v.Errors), peopleOf(v.Contacts)
	each(p, about, v.Messages, func(w *wireMessage, u *chat.Update) bool {
		m, ok := w.message(contacts)
		if ok && w.empty() && len(m.Errors) == 0 {
			m.Errors, rest = rest, nil // what went wrong with it stands beside it
		}
		u.Message = &m
		return ok
	})
	each(p, about, v.Statuses, func(w *wireStatus, u *chat.Update) bool {
		s, ok := w.status(contacts)
		u.Status = &s
		return ok
	})
	each(p, about, v.Preferences, func(w *wirePreference, u *chat.Update) bool {
		pref, ok := w.preference(contacts)
		u.Preference = &pref
		return ok
	})
	each(p, about, v.Renamed, func(w *wireRenamed, u *chat.Update) bool {
		m, ok := w.message(contacts)
		u.Message = &m
		return ok
	})
	if rest != nil {
		about.Notice = &chat.Notice{Field: "messages", Event: "errors", Errors: rest}
		p.updates = append(p.updates, about)
	}
}

// each reads the elements of one list; those that make no sense are counted.
func each[T any](p *parsed, about chat.Update, all []item[T], set func(*T, *chat.Update) bool) {
	for i := range all {
		u := about
		if all[i].bad != nil || !set(&all[i].is, &u) {
			p.unreadable++
			continue
		}
		p.updates = append(p.updates, u)
	}
}

// notice keeps a change that concerns no person, and any whose field nobody knows.
func (p *parsed) notice(about chat.Update, e entry, c change, v value) {
	var head struct {
		Event loose `json:"event"`
	}
	_ = json.Unmarshal(c.Value, &head) // what is there counts
	about.Notice = &chat.Notice{
		Field: loose(c.Field).short(maxWord), Event: head.Event.short(maxWord), At: e.Time.time(), Details: flatten(c.Value, chat.MaxDetails), Errors: faults(v.Errors),
	}
	p.updates = append(p.updates, about)
}

// wireError is an error as it stands beside messages and statuses. Page: support/error-codes, "Webhooks".
type wireError struct {
	Code    loose `json:"code"`
	Title   loose `json:"title"`
	Message loose `json:"message"`
	Data    struct {
		Details loose `json:"details"`
	} `json:"error_data"`
}

// maxFaults is how many errors are kept of one message.
const maxFaults = 10

// faults returns the errors, nil for none.
func faults(wire wireErrors) []chat.Error {
	var out []chat.Error
	for _, w := range wire[:min(len(wire), maxFaults)] {
		code, _ := strconv.Atoi(string(w.Code)) // no number: the words remain
		title := w.Title
		if title == "" {
			title = w.Message
		}
		out = append(out, chat.Error{Code: code, Title: loose(title.short(maxName)).value(), Details: loose(w.Data.Details.short(maxName)).value()})
	}
	return out
}
