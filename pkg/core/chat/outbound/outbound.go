// Package outbound is what a caller may ask to have sent: the body of POST /api/v1/messaggi, read strictly. It says whether a
// request is one and never whether it is sent: window, opt-out and rates are looked at by the sender, later.
package outbound

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
)

// The bounds of a request, in characters unless said otherwise. Pages: messages/text-messages, templates/overview.
const (
	MaxBody       = 64 << 10 // bytes
	MaxReference  = 64
	MaxText       = 4096
	MaxName       = 512 // of a template
	MaxParameters = 50
	MaxParameter  = 1024
)

// ErrReference says that a request bears the reference of another one.
var ErrReference = errors.New("the reference belongs to another message")

// Request is one message to send. Exactly one of Text and Template is there, and To has either a phone number or a user id.
type Request struct {
	Reference string      // the caller's own id of it (riferimento): the same one is sent once
	To        chat.Person // Phone in digits, or User; nothing else
	Text      crm.Value
	Template  *Template
}

// Template is a message that Meta has approved before.
type Template struct {
	Name       string
	Language   string      // "it", "en_US"
	Parameters []crm.Value // of the body, in order
}

// JSON returns the request as Decode reads it: the form in which an outbox keeps it.
func (r Request) JSON() []byte {
	var b bytes.Buffer
	if r.To.User.Filled() {
		field(&b, `{"a":{"utente":`, r.To.User.Text())
	} else {
		field(&b, `{"a":{"telefono":`, "+"+r.To.Phone.Text())
	}
	if t := r.Template; t != nil {
		field(&b, `},"tipo":"template","template":{"nome":`, t.Name)
		field(&b, `,"lingua":`, t.Language)
		if len(t.Parameters) > 0 {
			b.WriteString(`,"parametri":`)
			for i, p := range t.Parameters {
				field(&b, [...]string{"[", ","}[min(i, 1)], p.Text())
			}
			b.WriteByte(']')
		}
		b.WriteByte('}')
	} else {
		field(&b, `},"tipo":"testo","testo":`, r.Text.Text())
	}
	field(&b, `,"riferimento":`, r.Reference)
	b.WriteByte('}')
	return b.Bytes()
}

// Render returns the request as people read it in a CRM: one line, in the language of the stack. The words of a template are
// Meta's to keep; its name and what was put into it stand for them.
func (r Request) Render(lang chat.Language) string {
	m := chat.Message{Type: chat.TypeText, Text: r.Text}
	if t := r.Template; t != nil {
		m = chat.Message{Type: chat.TypeTemplate, Kind: t.Name}
		for i, p := range t.Parameters {
			m.Form = append(m.Form, chat.Detail{Name: strconv.Itoa(i + 1), Value: p})
		}
	}
	return chat.Render(m, lang)
}

func field(b *bytes.Buffer, name, value string) {
	text, _ := json.Marshal(value) // a string always marshals
	b.WriteString(name)
	b.Write(text)
}

// Fingerprint returns a hash of the whole request: a second request with the same reference and another fingerprint is not
// the same message and must be refused, not swallowed.
func (r Request) Fingerprint() string {
	sum := sha256.Sum256(r.JSON())
	return hex.EncodeToString(sum[:16])
}

// phone reports whether the text is a number as it must be written: E.164 with its +, without anything between the digits.
// WhatsApp would put its own country code before a number without one.
func phone(s string) bool {
	digits, plus := strings.CutPrefix(s, "+")
	return plus && len(digits) >= 7 && len(digits) <= 15 && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}

// reference reports whether the text is made of visible ASCII characters.
func reference(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// templateName reports whether the text can be the name of a template: small letters, digits and underscores.
func templateName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// language reports whether the text is a language code of WhatsApp: two or three small letters, perhaps a region.
func language(s string) bool {
	lang, region, has := strings.Cut(s, "_")
	if len(lang) < 2 || len(lang) > 3 || strings.Trim(lang, "abcdefghijklmnopqrstuvwxyz") != "" {
		return false
	}
	return !has || len(region) >= 2 && len(region) <= 3 && strings.Trim(region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// parameter reports whether Meta takes the text as a parameter: it refuses ends of lines, tabs and more than four spaces on end.
func parameter(s string) bool {
	return strings.TrimSpace(s) != "" && !strings.ContainsAny(s, "\r\n\t") && !strings.Contains(s, "     ")
}
