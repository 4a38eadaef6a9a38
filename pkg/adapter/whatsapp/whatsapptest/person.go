package whatsapptest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Person is somebody on WhatsApp. Fields are read under no lock: change them before the person is used, or by methods.
type Person struct {
	s *Server

	Name        string
	Phone       string // digits
	User        string // business-scoped user id
	Username    string // without @; "" for none
	Hidden      bool   // the number is not told: the person goes by the username
	Unreachable bool   // messages to him fail with 131026
	NeverReads  bool   // no status read

	optedOut bool
	wrote    map[string]time.Time // last message, by number of the business
}

// ErrUnknown is the error of a method that names a number or a message that is not there.
var ErrUnknown = errors.New("whatsapptest: no such number or message")

// Meet adds a person. The user id is made up: two letters of the country and digits. Page: business-scoped-user-ids.
func (s *Server) Meet(name, phone string) *Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &Person{s: s, Name: name, Phone: phone, User: s.userID(phone), wrote: map[string]time.Time{}}
	s.people = append(s.people, p)
	return p
}

func (s *Server) userID(phone string) string {
	s.serial++
	country := map[string]string{"39": "IT", "52": "MX", "55": "BR", "54": "AR", "44": "GB"}[phone[:min(len(phone), 2)]]
	return or(country, "US") + "." + strconv.FormatUint(10_000_000_000_000_000_000+s.opt.Rand.Uint64N(8_000_000_000_000_000_000), 10)
}

func (s *Server) byUser(user string) *Person {
	return s.find(func(p *Person) bool { return p.User == user })
}
func (s *Server) byPhone(phone string) *Person {
	return s.find(func(p *Person) bool { return p.Phone == phone })
}

func (s *Server) find(is func(*Person) bool) *Person {
	if i := slices.IndexFunc(s.people, is); i >= 0 {
		return s.people[i]
	}
	return nil
}

func (p *Person) windowOpen(number string, now time.Time) bool {
	at, ok := p.wrote[number]
	return ok && now.Before(at.Add(24*time.Hour))
}

// contact is how a delivery tells of the person. The number is left out where a username stands for it.
func (p *Person) contact() map[string]any {
	profile := map[string]any{"name": p.Name}
	if p.Username != "" {
		profile["username"] = p.Username
	}
	c := map[string]any{"profile": profile, "user_id": p.User}
	if !p.Hidden {
		c["wa_id"] = p.Phone
	}
	return c
}

// Say writes a text to a number of the business and returns the message's id.
func (p *Person) Say(number, text string) (string, error) {
	return p.Write(number, "text", map[string]any{"body": text}, nil)
}

// Photograph sends an image with a caption. Page: webhooks/reference/messages/image.
func (p *Person) Photograph(number, caption string, jpeg []byte) (string, error) {
	p.s.mu.Lock()
	f := p.s.attach("image/jpeg", jpeg)
	p.s.mu.Unlock()
	image := map[string]any{"mime_type": f.mime, "sha256": f.base64(), "id": f.id, "url": "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=" + f.id}
	if caption != "" {
		image["caption"] = caption
	}
	return p.Write(number, "image", image, nil)
}

// Press presses a button below a message of the business. Page: webhooks/reference/messages/interactive.
func (p *Person) Press(number, about, id, title string) (string, error) {
	return p.Write(number, "interactive", map[string]any{"type": "button_reply", "button_reply": map[string]any{"id": id, "title": title}}, map[string]any{"id": about})
}

// QuickReply presses a button of a template. Page: webhooks/reference/messages/button.
func (p *Person) QuickReply(number, about, payload, text string) (string, error) {
	return p.Write(number, "button", map[string]any{"payload": payload, "text": text}, map[string]any{"id": about})
}

// React puts an emoji on a message, or takes it back with "". Page: webhooks/reference/messages/reaction.
func (p *Person) React(number, about, emoji string) (string, error) {
	r := map[string]any{"message_id": about}
	if emoji != "" {
		r["emoji"] = emoji
	}
	return p.Write(number, "reaction", r, nil)
}

// Write sends a message of any type; content is the object under the name of the type, nil for none. It opens the window of
// 24 hours. Pages: webhooks/reference/messages; messages/send-messages ("Customer service windows").
func (p *Person) Write(number, kind string, content, context map[string]any) (string, error) {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.number(number)
	if n == nil {
		return "", ErrUnknown
	}
	now := s.now()
	s.serial++
	id := s.wamid(p.Phone, '\x12')
	m := map[string]any{"from_user_id": p.User, "id": id, "timestamp": stamp(now), "type": kind}
	if !p.Hidden {
		m["from"] = p.Phone
	}
	if content != nil {
		m[kind] = content
	}
	if context != nil {
		m["context"] = context
	}
	s.inbound[id] = false
	p.wrote[number] = now
	s.pass(number, now)
	s.emit(&update{field: "messages", number: n, list: "messages", item: m, contact: p.contact()}, now)
	return id, nil
}

// OptOut says in WhatsApp's own settings that no marketing is wanted, Resume that it is again. Page:
// webhooks/reference/user_preferences.
func (p *Person) OptOut(number string) error { return p.prefer(number, "stop", true) }

// Resume takes OptOut back.
func (p *Person) Resume(number string) error { return p.prefer(number, "resume", false) }

func (p *Person) prefer(number, value string, out bool) error {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.number(number)
	if n == nil {
		return ErrUnknown
	}
	p.optedOut = out
	item := map[string]any{"user_id": p.User, "detail": "User requested to " + value + " marketing messages", "category": "marketing_messages",
		"value": value, "timestamp": s.now().Unix()}
	if !p.Hidden {
		item["wa_id"] = p.Phone
	}
	s.emit(&update{field: "user_preferences", number: n, list: "user_preferences", item: item, contact: p.contact()}, s.now())
	return nil
}

// ChangeNumber gives the person another number, and with it another user id. Every number of the business that he wrote to is
// told by a system message without contacts. Pages: webhooks/reference/messages/system; changelog, 2026-08-11.
func (p *Person) ChangeNumber(phone string) {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	before, user := p.Phone, p.User
	p.Phone, p.User = phone, s.userID(phone)
	kind, system := "user_changed_number", map[string]any{"user_id": p.User, "previous_user_id": user}
	system["body"] = fmt.Sprintf("User %s changed from %s to %s", p.Name, before, phone)
	if p.Hidden {
		kind = "user_changed_user_id"
		system["body"] = fmt.Sprintf("User %s changed from %s to %s", p.Name, user, p.User)
	} else {
		system["wa_id"] = phone
	}
	system["type"] = kind
	for i := range s.opt.Numbers {
		n := &s.opt.Numbers[i]
		if _, wrote := p.wrote[n.ID]; !wrote {
			continue
		}
		s.serial++
		m := map[string]any{"id": s.wamid(before, '\x12'), "timestamp": stamp(s.now()), "type": "system", "system": system}
		if !p.Hidden {
			m["from"] = before
		}
		s.emit(&update{field: "messages", number: n, list: "messages", item: m}, s.now())
	}
}

// Tell sends what concerns the account and nobody in it, like account_update. Page: webhooks/overview, "Fields".
func (s *Server) Tell(field string, value map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emit(&update{field: field, item: value}, s.now())
}
