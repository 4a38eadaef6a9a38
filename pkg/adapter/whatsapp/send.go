package whatsapp

import (
	"context"
	"errors"
	"net/http"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

type wireOut struct {
	Product   string           `json:"messaging_product"`
	Type      string           `json:"recipient_type,omitempty"`
	To        string           `json:"to,omitempty"`
	Recipient string           `json:"recipient,omitempty"`
	Kind      string           `json:"type,omitempty"`
	Context   *wireAnswered    `json:"context,omitempty"`
	Text      *wireOutText     `json:"text,omitempty"`
	Template  *wireOutTemplate `json:"template,omitempty"`
	Callback  string           `json:"biz_opaque_callback_data,omitempty"`
}

type wireAnswered struct {
	ID string `json:"message_id"`
}

type wireOutText struct {
	Preview bool   `json:"preview_url"`
	Body    string `json:"body"`
}

type wireOutTemplate struct {
	Name     string `json:"name"`
	Language struct {
		Code string `json:"code"`
	} `json:"language"`
	Components []wireComponent `json:"components,omitempty"`
}

type wireComponent struct {
	Type       string          `json:"type"`
	Parameters []wireParameter `json:"parameters"`
}

type wireParameter struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// wire returns the request of a message, and why there is none.
func wireOf(m outbound.Outgoing) (wireOut, string) {
	w := wireOut{Product: "whatsapp", Type: "individual", Callback: m.Callback}
	switch {
	case m.To.Phone.Filled():
		w.To = "+" + m.To.Phone.Text() // without + Meta puts the business's own country code before it
	case m.To.User.Filled():
		w.Recipient = m.To.User.Text()
	default:
		return w, "a message to nobody"
	}
	if m.Reply.Filled() {
		w.Context = &wireAnswered{m.Reply.Text()}
	}
	switch {
	case m.Template != nil && !m.Text.Filled():
		w.Kind, w.Template = "template", template(*m.Template)
	case m.Template == nil && m.Text.Filled():
		w.Kind, w.Text = "text", &wireOutText{Body: m.Text.Text()}
	default:
		return w, "a message of neither or both of text and template"
	}
	return w, ""
}

func template(t outbound.Template) *wireOutTemplate {
	w := &wireOutTemplate{Name: t.Name}
	w.Language.Code = t.Language
	if len(t.Parameters) == 0 {
		return w
	}
	body := wireComponent{Type: "body"}
	for _, p := range t.Parameters {
		body.Parameters = append(body.Parameters, wireParameter{"text", p.Text()})
	}
	w.Components = []wireComponent{body}
	return w
}

// values are what stands in the message of a person: cut out of what Meta says about it.
func valuesOf(m outbound.Outgoing) []string {
	out := []string{m.To.Phone.Text(), m.To.User.Text(), m.Text.Text()}
	if m.Template != nil {
		for _, p := range m.Template.Parameters {
			out = append(out, p.Text())
		}
	}
	return out
}

type wireReceipt struct {
	Contacts []struct {
		WaID loose `json:"wa_id"`
		User loose `json:"user_id"`
	} `json:"contacts"`
	Messages []struct {
		ID     loose `json:"id"`
		Status loose `json:"message_status"`
	} `json:"messages"`
}

// Send sends one message from one of the business's numbers, once: nothing is repeated here. A fault that wraps
// outbound.ErrUnknownOutcome (its kind is Down) leaves open whether it went out; with every other fault it did not.
func (c *Client) Send(ctx context.Context, number string, m outbound.Outgoing) (outbound.Receipt, error) {
	const op = "whatsapp.Send"
	body, wrong := wireOf(m)
	if wrong != "" {
		return outbound.Receipt{}, &fault.Error{Op: op, Kind: fault.Ours, Err: errors.New(wrong)}
	}
	var w wireReceipt
	_, err := c.do(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: node(number, "messages"), Body: body, Timeout: sendTimeout}, valuesOf(m), &w)
	switch {
	case fault.KindOf(err) == fault.Down:
		return outbound.Receipt{}, unknown(op, err)
	case err != nil:
		return outbound.Receipt{}, err
	case len(w.Messages) != 1 || w.Messages[0].ID == "":
		return outbound.Receipt{}, unknown(op, errors.New("the answer names no message"))
	}
	r := outbound.Receipt{ID: loose(w.Messages[0].ID.short(maxName)).value(), Status: w.Messages[0].Status.short(maxWord)}
	if len(w.Contacts) == 1 {
		address{phone: w.Contacts[0].WaID, user: w.Contacts[0].User}.fill(&r.To)
	}
	return r, nil
}

// unknown returns the fault of a message that may have been sent.
func unknown(op string, why error) *fault.Error {
	if e, ok := errors.AsType[*fault.Error](why); ok && e.Err != nil {
		why = e.Err
	}
	return &fault.Error{Op: op, Kind: fault.Down, Err: errors.Join(outbound.ErrUnknownOutcome, why)}
}

type wireRead struct {
	Product string     `json:"messaging_product"`
	Status  string     `json:"status"`
	ID      string     `json:"message_id"`
	Typing  *wireTyped `json:"typing_indicator,omitempty"`
}

type wireTyped struct {
	Type string `json:"type"`
}

// MarkRead shows a person that a message was read, and for 25 seconds or until the answer, if typing, that one is being
// written. A repeat is harmless. Pages: messages/mark-message-as-read; typing-indicators.
func (c *Client) MarkRead(ctx context.Context, number string, message crm.Value, typing bool) error {
	body := wireRead{Product: "whatsapp", Status: "read", ID: message.Text()}
	if typing {
		body.Typing = &wireTyped{"text"}
	}
	var done struct {
		Success bool `json:"success"`
	}
	const op = "whatsapp.MarkRead"
	_, err := c.do(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: node(number, "messages"), Body: body, Timeout: readTimeout, Repeat: true},
		[]string{message.Text()}, &done)
	if err == nil && !done.Success {
		return &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer that is no success")}
	}
	return err
}
