package whatsapptest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// update is one element of a delivery to come.
type update struct {
	field   string
	number  *Number // nil for what concerns the account
	list    string  // under which name item stands in value; "" when item is the value itself
	item    map[string]any
	contact map[string]any // nil for none
	due     time.Time
}

func stamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// emit puts an update into the outbox, unless nobody is subscribed to its field: nothing is kept for later. Page:
// webhooks/create-webhook-endpoint ("we do not offer APIs to fetch historical webhook data").
func (s *Server) emit(u *update, due time.Time) {
	if !s.delivers(u.field) {
		return
	}
	u.due = due
	if s.opt.Reorder > 0 {
		u.due = due.Add(time.Duration(s.opt.Rand.Int64N(int64(s.opt.Reorder) + 1)))
	}
	s.outbox = append(s.outbox, u)
}

// fate emits the statuses of a message that was taken: sent, delivered, read, each where the options say so, or failed. Where
// delivered and read would come at once only read is told. Page: webhooks/reference/messages/status.
func (s *Server) fate(n *Number, m *Sent, hindered *refusal) {
	now := s.now()
	if hindered != nil {
		s.status(n, m, "failed", now.Add(s.opt.SentAfter), hindered)
		return
	}
	s.status(n, m, "sent", now.Add(s.opt.SentAfter), nil)
	reads := s.opt.ReadAfter > 0 && !m.To.NeverReads
	if s.opt.DeliveredAfter > 0 && !(reads && s.opt.ReadAfter == s.opt.DeliveredAfter) {
		s.status(n, m, "delivered", now.Add(s.opt.DeliveredAfter), nil)
	}
	if reads {
		s.status(n, m, "read", now.Add(s.opt.ReadAfter), nil)
	}
}

// status emits one status. Contacts come with all but failed, the price with sent and delivered.
func (s *Server) status(n *Number, m *Sent, state string, at time.Time, failed *refusal) {
	item := map[string]any{"id": m.ID, "status": state, "timestamp": stamp(at)}
	u := &update{field: "messages", number: n, list: "statuses", item: item}
	if m.Callback != "" {
		item["biz_opaque_callback_data"] = m.Callback
	}
	if m.To != nil {
		item["recipient_user_id"] = m.To.User
		if !m.To.Hidden {
			item["recipient_id"] = m.To.Phone
		}
		u.contact = m.To.contact()
	} else {
		item["recipient_id"] = digits(m.input)
	}
	switch {
	case failed != nil:
		u.contact = nil
		title := or(titles[failed.code], failed.message)
		item["errors"] = []any{map[string]any{"code": failed.code, "title": title, "message": title, "error_data": map[string]any{"details": failed.details},
			"href": "/documentation/business-messaging/whatsapp/support/error-codes"}}
	case state != "read":
		category := "service"
		if m.Template != "" {
			category = map[string]string{"MARKETING": "marketing", "UTILITY": "utility", "AUTHENTICATION": "authentication"}[s.template(m).Category]
		}
		item["pricing"] = map[string]any{"billable": true, "pricing_model": "PMP", "type": "regular", "category": category}
	}
	s.emit(u, at)
}

// body makes the JSON of a delivery. Updates of one number and field share a change, messages and statuses do not. Page:
// webhooks/create-webhook-endpoint, "Batching".
func (s *Server) body(updates []*update) []byte {
	type group struct {
		u     *update
		items []any
		seen  map[string]bool
		with  []any
	}
	var groups []*group
	last := map[string]*group{}
	for _, u := range updates {
		name := u.field + "|" + u.list
		if u.number != nil {
			name += "|" + u.number.ID
		}
		g := last[name]
		if g == nil || u.list == "" {
			g = &group{u: u, seen: map[string]bool{}}
			groups = append(groups, g)
			last[name] = g
		}
		g.items = append(g.items, u.item)
		if u.contact != nil {
			if id := fmt.Sprint(u.contact["user_id"]); !g.seen[id] {
				g.seen[id] = true
				g.with = append(g.with, u.contact)
			}
		}
	}
	var changes []any
	for _, g := range groups {
		value := g.u.item
		if g.u.list != "" {
			value = map[string]any{"messaging_product": "whatsapp", g.u.list: g.items,
				"metadata": map[string]any{"display_phone_number": g.u.number.Display, "phone_number_id": g.u.number.ID}}
			if g.with != nil {
				value["contacts"] = g.with
			}
		}
		changes = append(changes, map[string]any{"field": g.u.field, "value": value})
	}
	raw, _ := json.Marshal(map[string]any{"object": "whatsapp_business_account", "entry": []any{map[string]any{"id": s.opt.Account, "changes": changes}}})
	if s.opt.Unescaped {
		return raw
	}
	return escape(raw)
}

// escape writes JSON as Meta sends and signs it: everything beyond ASCII as \u and four lower-case digits, and a backslash
// before each slash. Page: https://developers.facebook.com/docs/graph-api/webhooks/getting-started, "Validating payloads".
func escape(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+len(raw)/8)
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		switch {
		case r == '/':
			out = append(out, '\\', '/')
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		raw = raw[size:]
	}
	return out
}

// Sign returns the header X-Hub-Signature-256 of a body. Page: webhooks/create-webhook-endpoint, "Validating payloads".
func Sign(appSecret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
