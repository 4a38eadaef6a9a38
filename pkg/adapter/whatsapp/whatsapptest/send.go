package whatsapptest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Sent is a message of the business that was taken.
type Sent struct {
	ID         string
	Number     string
	To         *Person // nil when it went to nobody that WhatsApp knows
	Text       string
	Template   string
	Language   string
	Parameters []string
	Reply      string
	Callback   string
	At         time.Time
	Dropped    bool // taken, and never delivered: a user id stood where the number belongs

	input string // the address as it was given
}

// outgoing is a request to send, or to mark as read. Pages: messages/send-messages; messages/mark-message-as-read.
type outgoing struct {
	Product   string `json:"messaging_product"`
	Type      string `json:"recipient_type"`
	To        string `json:"to"`
	Recipient string `json:"recipient"`
	Kind      string `json:"type"`
	Callback  string `json:"biz_opaque_callback_data"`
	Status    string `json:"status"`
	ID        string `json:"message_id"`
	Context   struct {
		ID string `json:"message_id"`
	} `json:"context"`
	Text *struct {
		Body string `json:"body"`
	} `json:"text"`
	Template *struct {
		Name     string `json:"name"`
		Language struct {
			Code string `json:"code"`
		} `json:"language"`
		Components []struct {
			Type       string `json:"type"`
			Parameters []struct {
				Type string `json:"type"`
				Text string `json:"text"`
			} `json:"parameters"`
		} `json:"components"`
	} `json:"template"`
}

func (s *Server) messages(q *request) (answer, *refusal) {
	n := s.number(q.id)
	if n == nil {
		return answer{}, unsupported(q.method, q.id)
	}
	var o outgoing
	switch {
	case !strings.HasPrefix(q.header.Get("Content-Type"), "application/json"), json.Unmarshal(q.body, &o) != nil:
		return answer{}, refuse(100, "The request body is not valid JSON.") // assembled
	case o.Product != "whatsapp":
		return answer{}, refuse(100, "The parameter messaging_product is required.")
	case o.Status != "":
		return s.markRead(o)
	}
	return s.send(n, o)
}

// send takes a message or refuses it. Pages: messages/send-messages; support/error-codes; about-the-platform ("Pair rate limits").
func (s *Server) send(n *Number, o outgoing) (answer, *refusal) {
	m, bad := s.message(n, o)
	if bad != nil {
		return answer{}, bad
	}
	input, to, dropped, bad := s.recipient(n, o)
	if bad != nil {
		return answer{}, bad
	}
	m.To, m.Dropped, m.input = to, dropped, input
	if bad := s.take(n, m.To); bad != nil {
		return answer{}, bad
	}
	later := s.hindrance(n, m)
	if later != nil && s.opt.AtOnce {
		return answer{}, later
	}
	s.serial++
	m.ID, m.Number, m.Callback, m.Reply, m.At = s.wamid(digits(input), '\x11'), n.ID, o.Callback, o.Context.ID, s.now()
	s.sent = append(s.sent, m)
	if !m.Dropped {
		s.fate(n, m, later)
	}
	contact := map[string]any{"input": input}
	if to != nil && o.To != "" {
		contact["wa_id"] = to.Phone
	} else if to != nil {
		contact["user_id"] = to.User
	} else if o.To != "" {
		contact["wa_id"] = digits(input)
	}
	told := map[string]any{"id": m.ID}
	if m.Template != "" {
		told["message_status"] = "accepted"
	}
	return ok(map[string]any{"messaging_product": "whatsapp", "contacts": []any{contact}, "messages": []any{told}})
}

// message checks what is to be sent. Pages: messages/text-messages; messages/template-messages.
func (s *Server) message(n *Number, o outgoing) (*Sent, *refusal) {
	m := &Sent{}
	switch {
	case o.Type != "" && o.Type != "individual":
		return nil, refuse(100, "Param recipient_type must be one of {individual}.") // assembled: groups are another product
	case o.Kind == "text" || o.Kind == "":
		if o.Text == nil || strings.TrimSpace(o.Text.Body) == "" {
			return nil, refuse(100, "The parameter text['body'] is required.")
		}
		if utf8.RuneCountInString(o.Text.Body) > 4096 {
			return nil, refuse(100, "Param text['body'] must be at most 4096 characters long.")
		}
		m.Text = o.Text.Body
		return m, nil
	case o.Kind != "template" || o.Template == nil:
		return nil, refuse(100, "Param type is not one that this account may send, or its object is missing.") // assembled
	}
	m.Template, m.Language = o.Template.Name, o.Template.Language.Code
	for _, c := range o.Template.Components {
		for _, p := range c.Parameters {
			if strings.ContainsAny(p.Text, "\n\t") || strings.Contains(p.Text, "     ") {
				return nil, refuse(100, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces")
			}
			m.Parameters = append(m.Parameters, p.Text)
		}
	}
	t := s.template(m)
	switch {
	case t == nil:
		return nil, refuse(132001, fmt.Sprintf("template name (%s) does not exist in %s", m.Template, m.Language))
	case t.Status == "PAUSED":
		return nil, refuse(132015, "The template is paused due to low quality")
	case t.Status == "DISABLED":
		return nil, refuse(132016, "The template is disabled due to low quality")
	case len(m.Parameters) != t.Parameters:
		return nil, refuse(132000, fmt.Sprintf("body: number of localizable_params (%d) does not match the expected number of params (%d)", len(m.Parameters), t.Parameters))
	}
	return m, nil
}

func (s *Server) template(m *Sent) *Template {
	for i, t := range s.opt.Templates {
		if t.Name == m.Template && t.Language == m.Language {
			return &s.opt.Templates[i]
		}
	}
	return nil
}

// recipient finds whom a message goes to. A number without + gets the business's own country code; a user id in the place of
// the number is taken and nothing is delivered. Pages: messages/send-messages ("Phone number formats");
// business-scoped-user-ids ("Sending messages"); https://github.com/chatwoot/chatwoot/issues/15150.
func (s *Server) recipient(n *Number, o outgoing) (input string, to *Person, dropped bool, bad *refusal) {
	switch {
	case o.To == "" && o.Recipient == "":
		return "", nil, false, refuse(100, "The parameter to is required.")
	case o.To == "":
		if to = s.byUser(o.Recipient); to == nil {
			return "", nil, false, refuse(131009, "The recipient is not a user id of this business portfolio.") // assembled
		}
		return o.Recipient, to, false, nil
	case len(o.To) > 3 && o.To[2] == '.':
		return o.To, nil, true, nil
	}
	phone := digits(o.To)
	if !strings.HasPrefix(o.To, "+") {
		phone = or(n.Country, "39") + phone
	}
	switch {
	case strings.Trim(phone, "0123456789") != "" || len(phone) < 7 || len(phone) > 15:
		return "", nil, false, refuse(131009, "The phone number is not valid.")
	case phone == n.Display:
		return "", nil, false, refuse(131021, "The sender and recipient phone number is the same.")
	}
	return o.To, s.byPhone(phone), false, nil
}

// digits takes away what may stand between the digits of a number.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -()+", r) {
			return -1
		}
		return r
	}, s)
}

// hindrance returns what keeps a message from being delivered, nil for nothing.
func (s *Server) hindrance(n *Number, m *Sent) *refusal {
	switch to := m.To; {
	case to == nil || to.Unreachable:
		return refuse(131026, "Message undeliverable.")
	case m.Template == "" && !to.windowOpen(n.ID, s.now()):
		return refuse(131047, "Message failed to send because more than 24 hours have passed since the customer last replied to this number.")
	case to.optedOut && m.Template != "" && s.template(m).Category == "MARKETING":
		return refuse(131050, "Recipient has stopped marketing messages from this business.")
	}
	return nil
}

// markRead marks a message of a person as read. Page: messages/mark-message-as-read.
func (s *Server) markRead(o outgoing) (answer, *refusal) {
	if _, known := s.inbound[o.ID]; !known || o.Status != "read" {
		return answer{}, refuse(131009, "The message to be marked as read does not exist.") // assembled
	}
	s.inbound[o.ID] = true
	return ok(map[string]any{"success": true})
}

// wamid makes the id of a message. It holds the number of the person in base64, as WhatsApp's do.
func (s *Server) wamid(who string, kind byte) string {
	raw := append([]byte{0x1c, 0x18, byte(len(who))}, who...)
	raw = append(raw, 0x15, 0x02, 0x00, kind, 0x18, 0x14)
	raw = append(raw, fmt.Sprintf("%08X%012X", s.opt.Rand.Uint32(), s.serial)...)
	return "wamid." + base64.StdEncoding.EncodeToString(append(raw, 0x00))
}

// SentMessages returns what was taken so far, in order.
func (s *Server) SentMessages() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Sent, len(s.sent))
	for i, m := range s.sent {
		out[i] = *m
	}
	return out
}

// MarkedRead reports whether a message of a person was marked as read.
func (s *Server) MarkedRead(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inbound[id]
}
