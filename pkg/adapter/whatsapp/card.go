package whatsapp

import (
	"strings"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
)

// wireCard is a contact that was sent. Page: webhooks/reference/messages/contacts.
type wireCard struct {
	Name struct {
		Formatted loose `json:"formatted_name"`
		First     loose `json:"first_name"`
		Last      loose `json:"last_name"`
	} `json:"name"`
	Org struct {
		Company loose `json:"company"`
	} `json:"org"`
	Phones []struct {
		Phone loose `json:"phone"`
		WaID  loose `json:"wa_id"`
	} `json:"phones"`
	Emails []struct {
		Email loose `json:"email"`
	} `json:"emails"`
	VCard  loose `json:"vcard"`
	Origin loose `json:"origin"`
}

// The most of a list of contacts that is kept. WhatsApp lets nobody choose more than 257 people.
const (
	maxCards = 257
	maxLines = 20
)

func cards(wire []wireCard) (out []chat.Card) {
	for _, w := range wire[:min(len(wire), maxCards)] {
		c := chat.Card{
			Name:    loose(first(w.Name.Formatted, loose(strings.TrimSpace(string(w.Name.First+" "+w.Name.Last)))).short(maxName)).value(),
			Company: loose(w.Org.Company.short(maxName)).value(), Origin: w.Origin.short(maxWord),
		}
		for _, p := range w.Phones[:min(len(w.Phones), maxLines)] {
			if p.Phone != "" {
				c.Phones = append(c.Phones, loose(p.Phone.short(maxName)).value())
			}
			if d := p.WaID.digits(); d != "" {
				c.Numbers = append(c.Numbers, loose(d).value())
			}
		}
		for _, e := range w.Emails[:min(len(w.Emails), maxLines)] {
			if e.Email != "" {
				c.Emails = append(c.Emails, loose(e.Email.short(maxName)).value())
			}
		}
		w.VCard.card(&c)
		if len(c.Numbers) == 0 && len(c.Phones) == 1 && c.Origin == chat.OriginRequest { // his own, and the only one that he has given
			c.Numbers = international(c.Phones[0])
		}
		out = append(out, c)
	}
	return out
}

// international returns the digits of a telephone that is written with its country code, none for another one.
func international(phone crm.Value) []crm.Value {
	if d := loose(phone.Text()).digits(); d != "" && strings.HasPrefix(strings.TrimSpace(phone.Text()), "+") {
		return []crm.Value{loose(d).value()}
	}
	return nil
}

// card takes out of a vCard (RFC 6350) what the lists beside it do not have: the name, the telephones, and which numbers are on
// WhatsApp, marked waid, which the list of telephones may not say.
func (l loose) card(c *chat.Card) {
	bare, unmarked := len(c.Phones) == 0, len(c.Numbers) == 0
	for line := range strings.Lines(string(l)) {
		head, content, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if !ok || content == "" {
			continue
		}
		name, params, _ := strings.Cut(head, ";")
		switch strings.ToUpper(name) {
		case "FN":
			if !c.Name.Filled() {
				c.Name = loose(loose(content).short(maxName)).value()
			}
		case "TEL":
			if bare && len(c.Phones) < maxLines {
				c.Phones = append(c.Phones, loose(loose(content).short(maxName)).value())
			}
			_, after, _ := strings.Cut(params, "waid=")
			waid, _, _ := strings.Cut(after, ";")
			if d := loose(waid).digits(); d != "" && unmarked && len(c.Numbers) < maxLines {
				c.Numbers = append(c.Numbers, loose(d).value())
			}
		}
	}
}
