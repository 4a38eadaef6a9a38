package chat

import (
	"time"

	"crm-connector/pkg/core/crm"
)

// Type says what a message is. A type that is none of the constants came later; it is logged by its name.
type Type string

// The types of message. Pages: webhooks/reference/messages/*.
const (
	TypeText        Type = "text"
	TypeImage       Type = "image"
	TypeVideo       Type = "video"
	TypeAudio       Type = "audio"
	TypeDocument    Type = "document"
	TypeSticker     Type = "sticker"
	TypeLocation    Type = "location"
	TypeContacts    Type = "contacts"
	TypeInteractive Type = "interactive"
	TypeButton      Type = "button"
	TypeReaction    Type = "reaction"
	TypeOrder       Type = "order"
	TypeSystem      Type = "system"
	TypeUnsupported Type = "unsupported"
	TypeEdit        Type = "edit"
	TypeRevoke      Type = "revoke"

	// TypeTemplate is a message of the business: Kind is the template's name, Form its parameters.
	TypeTemplate Type = "template"
)

// The kinds of an interactive message.
const (
	KindButtonReply    = "button_reply"
	KindListReply      = "list_reply"
	KindFormReply      = "nfm_reply"
	KindCallPermission = "call_permission_reply"
)

// The kinds of a system message. The last two are older names that are still seen.
const (
	KindNumberChanged    = "user_changed_number"
	KindUserChanged      = "user_changed_user_id"
	KindCustomerNumber   = "customer_changed_number"
	KindCustomerIdentity = "customer_identity_changed"
)

// Message is what a person sent to the business.
type Message struct {
	ID    crm.Value // wamid
	At    time.Time // zero when Meta did not say
	From  Person    // of a system message: as the person was known before
	Type  Type
	Kind  string    // interactive and system: which one; unsupported: what it was; edit: the type of what it is now
	Group crm.Value // id of the group that it was written in

	Text   crm.Value // body, caption, words on the button, title of the choice, emoji of the reaction
	More   crm.Value // description of the choice
	Choice crm.Value // payload of the button, id of the choice: what rules look at before the text
	About  crm.Value // id of the message that is answered, reacted to, edited or revoked

	Forwarded Forwarded
	Product   Product // asked about, or the catalog of an order
	Ad        Ad      // that the conversation began with
	Media     Media
	Place     Place
	Cards     []Card
	Items     []Item   // of an order
	Form      []Detail // what was filled in, by name; the parts of a type or kind that nobody knows yet
	Changed   Person   // system: as the person is known now
	Errors    []Error
}

// Forwarded says how often a message was passed on before.
type Forwarded uint8

// The ways of a message.
const (
	NotForwarded Forwarded = iota
	ForwardedOnce
	ForwardedOften
)

// Product is an article of a catalog.
type Product struct {
	Catalog string
	Article string // the seller's own number of it
}

// Ad is the advertisement that somebody came from. Page: webhooks/reference/messages/text, referral.
type Ad struct {
	Source   string // "ad" or "post"
	ID       string
	URL      crm.Value
	Headline crm.Value
	Body     crm.Value
	Click    crm.Value // ctwa_clid; absent for advertisements in the status
}

// Media is a file. It is fetched by its id within 7 days. Page: business-phone-numbers/media.
type Media struct {
	ID       string
	MIME     string
	SHA256   string // base64, of the content
	Filename crm.Value
	Voice    bool // recorded in the chat
	Animated bool // a sticker that moves
}

// Attachment is the content of a file that a person sent.
type Attachment struct {
	MIME string
	Data []byte
}

// Place is a location, its coordinates as they were written.
type Place struct {
	Latitude, Longitude string
	Name, Address, URL  crm.Value
}

// Card is somebody's contact that was sent.
type Card struct {
	Name    crm.Value
	Company crm.Value
	Phones  []crm.Value // as written
	Numbers []crm.Value // digits of those that are on WhatsApp
	Emails  []crm.Value
	Origin  string // OriginRequest, or ""
}

// OriginRequest marks the card that a person sent when asked for his own number.
const OriginRequest = "contact_request"

// Item is one line of an order, numbers as they were written.
type Item struct {
	Article, Quantity, Price, Currency string
}

// OwnPhone returns the digits of the phone number that the writer gave for himself because he was asked; unknown when there
// is none, or more than one. Page: business-scoped-user-ids, "Requesting phone numbers".
func (m Message) OwnPhone() crm.Value {
	if len(m.Cards) != 1 || m.Cards[0].Origin != OriginRequest || len(m.Cards[0].Numbers) != 1 {
		return crm.Unknown()
	}
	return m.Cards[0].Numbers[0]
}

// Renamed reports whether the message tells that the writer has another number or user id now.
func (m Message) Renamed() bool { return m.Type == TypeSystem && m.Changed.Known() }
