package outbound

import (
	"errors"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
)

// ErrUnknownOutcome says that a message may have been sent: no answer came, or none that could be read. There is no key by which
// Meta would recognise a second attempt, so the message must not simply be sent again: its status, which carries the Callback,
// tells that it went out. Every fault of a sending without this error means that nothing was sent.
var ErrUnknownOutcome = errors.New("the message may have been sent; it must not be sent again before its status was waited for")

// Outgoing is one message to send: Text or Template, to one person. Page: messages/send-messages.
type Outgoing struct {
	// To is where it goes: to the number exactly as WhatsApp wrote it where there is one, else to the user id. A user id in the
	// place of the number would be accepted and silently dropped.
	To       chat.Person
	Text     crm.Value // at most MaxText characters
	Template *Template
	Reply    crm.Value // the message that is answered; unknown for none
	Callback string    // the sender's own id of it, which every status brings back
}

// Receipt is the answer to a message that Meta has taken. Taken is not delivered: that a status tells.
type Receipt struct {
	ID     crm.Value   // wamid
	To     chat.Person // number and user id of the account that it went to, as far as told: what WhatsApp calls the person
	Status string      // "accepted", "held_for_quality_assessment", "paused"; "" when not told
}
