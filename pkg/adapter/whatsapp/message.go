package whatsapp

import (
	"encoding/json"
	"errors"
	"slices"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
)

// wireMessage is a message as Meta writes it: what is common, and one object under the name of its type.
// Pages: webhooks/reference/messages/*.
type wireMessage struct {
	ID      loose         `json:"id"`
	From    loose         `json:"from"`
	User    loose         `json:"from_user_id"`
	Parent  loose         `json:"from_parent_user_id"`
	At      loose         `json:"timestamp"`
	Type    loose         `json:"type"`
	Group   loose         `json:"group_id"`
	Context *wireContext  `json:"context"`
	Ad      *wireReferral `json:"referral"`
	Errors  wireErrors    `json:"errors"`
	wireContent

	other []chat.Detail // of a type or kind that nobody knows yet
}

// known are the types, and the kinds of an interactive message, that are read field by field.
var (
	knownTypes = []chat.Type{chat.TypeText, chat.TypeImage, chat.TypeVideo, chat.TypeAudio, chat.TypeDocument, chat.TypeSticker, chat.TypeLocation,
		chat.TypeContacts, chat.TypeInteractive, chat.TypeButton, chat.TypeReaction, chat.TypeOrder, chat.TypeSystem, chat.TypeUnsupported, chat.TypeEdit, chat.TypeRevoke}
	knownKinds = []loose{chat.KindButtonReply, chat.KindListReply, chat.KindFormReply, chat.KindCallPermission}
)

// errForeign says that the object of a known type is not what was documented.
var errForeign = errors.New("whatsapp: a message of a known type with foreign content")

// UnmarshalJSON keeps the content of a type or kind that nobody knows yet under the names of its parts: it travels only once. Of a known
// type the object under its name must be read whole, else a part of the message would be lost; anything beside it may be missing.
func (w *wireMessage) UnmarshalJSON(raw []byte) error {
	type plain wireMessage
	whole, err := lenient(raw, (*plain)(w))
	if err != nil {
		return err
	}
	known := slices.Contains(knownTypes, chat.Type(w.Type))
	if chat.Type(w.Type) == chat.TypeInteractive && w.Interactive != nil {
		known = slices.Contains(knownKinds, w.Interactive.Type)
	}
	if known && whole {
		return nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	own := all[string(w.Type)]
	if !known {
		w.other = flatten(own, chat.MaxDetails)
		return nil
	}
	alone := slices.Concat([]byte(`{"`+string(w.Type)+`":`), own, []byte("}"))
	if own != nil && json.Unmarshal(alone, new(wireContent)) != nil {
		return errForeign
	}
	return nil
}

// wireContent is what differs by type; an edit holds one more of them.
type wireContent struct {
	Text        *wireText        `json:"text"`
	Image       *wireMedia       `json:"image"`
	Video       *wireMedia       `json:"video"`
	Audio       *wireMedia       `json:"audio"`
	Document    *wireMedia       `json:"document"`
	Sticker     *wireMedia       `json:"sticker"`
	Location    *wireLocation    `json:"location"`
	Contacts    []wireCard       `json:"contacts"`
	Interactive *wireInteractive `json:"interactive"`
	Button      *wireButton      `json:"button"`
	Reaction    *wireReaction    `json:"reaction"`
	Order       *wireOrder       `json:"order"`
	System      *wireSystem      `json:"system"`
	Unsupported *wireKind        `json:"unsupported"`
	Edit        *wireEdit        `json:"edit"`
	Revoke      *wireEdit        `json:"revoke"`
}

type wireContext struct {
	ID        loose `json:"id"`
	Forwarded loose `json:"forwarded"`
	Often     loose `json:"frequently_forwarded"`
	Product   struct {
		Catalog loose `json:"catalog_id"`
		Article loose `json:"product_retailer_id"`
	} `json:"referred_product"`
}

type wireReferral struct {
	Source   loose `json:"source_type"`
	ID       loose `json:"source_id"`
	URL      loose `json:"source_url"`
	Headline loose `json:"headline"`
	Body     loose `json:"body"`
	Click    loose `json:"ctwa_clid"`
}

type wireText struct {
	Body loose `json:"body"`
}

type wireKind struct {
	Type loose `json:"type"`
}

type wireMedia struct {
	ID       loose `json:"id"`
	MIME     loose `json:"mime_type"`
	SHA256   loose `json:"sha256"`
	Caption  loose `json:"caption"`
	Filename loose `json:"filename"`
	Voice    loose `json:"voice"`
	Animated loose `json:"animated"`
}

type wireLocation struct {
	Latitude  loose `json:"latitude"`
	Longitude loose `json:"longitude"`
	Name      loose `json:"name"`
	Address   loose `json:"address"`
	URL       loose `json:"url"`
}

type wireInteractive struct {
	Type   loose      `json:"type"`
	Button wireReply  `json:"button_reply"`
	List   wireReply  `json:"list_reply"`
	Form   wireForm   `json:"nfm_reply"`
	Call   wireAnswer `json:"call_permission_reply"`
}

type wireReply struct {
	ID          loose `json:"id"`
	Title       loose `json:"title"`
	Description loose `json:"description"`
}

type wireForm struct {
	Body     loose `json:"body"`
	Response loose `json:"response_json"`
}

type wireAnswer struct {
	Response loose `json:"response"`
}

type wireButton struct {
	Payload loose `json:"payload"`
	Text    loose `json:"text"`
}

type wireReaction struct {
	ID    loose `json:"message_id"`
	Emoji loose `json:"emoji"`
}

type wireOrder struct {
	Catalog loose `json:"catalog_id"`
	Text    loose `json:"text"`
	Items   []struct {
		Article  loose `json:"product_retailer_id"`
		Quantity loose `json:"quantity"`
		Price    loose `json:"item_price"`
		Currency loose `json:"currency"`
	} `json:"product_items"`
}

type wireSystem struct {
	Type      loose `json:"type"`
	Body      loose `json:"body"`
	WaID      loose `json:"wa_id"`
	NewWaID   loose `json:"new_wa_id"` // before it was called wa_id
	Customer  loose `json:"customer"`
	User      loose `json:"user_id"`
	Parent    loose `json:"parent_user_id"`
	WasUser   loose `json:"previous_user_id"`
	WasParent loose `json:"previous_parent_user_id"`
}

type wireEdit struct {
	Original loose        `json:"original_message_id"`
	Message  *wireMessage `json:"message"`
}

// empty reports whether the object under the name of the type is missing: then what went wrong stands beside the message.
func (w *wireMessage) empty() bool {
	switch chat.Type(w.Type) {
	case chat.TypeText:
		return w.Text == nil
	case chat.TypeImage:
		return w.Image == nil
	case chat.TypeVideo:
		return w.Video == nil
	case chat.TypeAudio:
		return w.Audio == nil
	case chat.TypeDocument:
		return w.Document == nil
	case chat.TypeSticker:
		return w.Sticker == nil
	case chat.TypeLocation:
		return w.Location == nil
	case chat.TypeContacts:
		return len(w.Contacts) == 0
	case chat.TypeInteractive:
		return w.Interactive == nil
	case chat.TypeButton:
		return w.Button == nil
	case chat.TypeReaction:
		return w.Reaction == nil
	case chat.TypeOrder:
		return w.Order == nil
	case chat.TypeSystem:
		return w.System == nil
	case chat.TypeEdit:
		return w.Edit == nil
	case chat.TypeRevoke:
		return w.Revoke == nil
	}
	return true // unsupported, and what nobody knows yet
}

// message returns the message in our words, false for one without the id or the type that none can be without.
func (w *wireMessage) message(contacts *people) (chat.Message, bool) {
	m := chat.Message{
		ID: loose(w.ID.short(maxName)).value(), At: w.At.time(), Type: chat.Type(w.Type.short(maxWord)), Group: loose(w.Group.short(maxName)).value(),
		Errors: faults(w.Errors),
	}
	m.From = address{w.From, w.User, w.Parent}.person(contacts)
	w.context(&m)
	w.content(&m, m.Type)
	if len(w.other) > 0 {
		m.Form = w.other
	}
	return m, m.ID.Filled() && m.Type != ""
}

func (w *wireMessage) context(m *chat.Message) {
	if c := w.Context; c != nil {
		m.About = loose(c.ID.short(maxName)).value()
		m.Product = chat.Product{Catalog: c.Product.Catalog.short(maxWord), Article: c.Product.Article.short(maxName)}
		switch {
		case c.Often == "true":
			m.Forwarded = chat.ForwardedOften
		case c.Forwarded == "true":
			m.Forwarded = chat.ForwardedOnce
		}
	}
	if a := w.Ad; a != nil {
		m.Ad = chat.Ad{Source: a.Source.short(maxWord), ID: a.ID.short(maxWord), URL: a.URL.value(), Headline: a.Headline.value(), Body: a.Body.value(),
			Click: loose(a.Click.short(maxName)).value()}
	}
}

// content reads the object of the type. A type that nobody knows yet has none that could be read.
func (w *wireContent) content(m *chat.Message, as chat.Type) {
	switch {
	case as == chat.TypeText && w.Text != nil:
		m.Text = w.Text.Body.value()
	case as == chat.TypeImage && w.Image != nil:
		w.Image.media(m)
	case as == chat.TypeVideo && w.Video != nil:
		w.Video.media(m)
	case as == chat.TypeAudio && w.Audio != nil:
		w.Audio.media(m)
	case as == chat.TypeDocument && w.Document != nil:
		w.Document.media(m)
	case as == chat.TypeSticker && w.Sticker != nil:
		w.Sticker.media(m)
	case as == chat.TypeLocation && w.Location != nil:
		l := w.Location
		m.Place = chat.Place{Latitude: l.Latitude.short(maxWord), Longitude: l.Longitude.short(maxWord), Name: l.Name.value(), Address: l.Address.value(), URL: l.URL.value()}
	case as == chat.TypeContacts:
		m.Cards = cards(w.Contacts)
	case as == chat.TypeInteractive && w.Interactive != nil:
		w.Interactive.reply(m)
	case as == chat.TypeButton && w.Button != nil:
		m.Choice, m.Text = w.Button.Payload.value(), w.Button.Text.value()
	case as == chat.TypeReaction && w.Reaction != nil:
		m.About, m.Text = loose(w.Reaction.ID.short(maxName)).value(), loose(w.Reaction.Emoji.short(maxName)).value()
	case as == chat.TypeOrder && w.Order != nil:
		w.Order.order(m)
	case as == chat.TypeSystem && w.System != nil:
		w.System.system(m)
	case as == chat.TypeUnsupported && w.Unsupported != nil:
		m.Kind = w.Unsupported.Type.short(maxWord)
	case as == chat.TypeEdit && w.Edit != nil:
		w.Edit.edit(m)
	case as == chat.TypeRevoke && w.Revoke != nil:
		m.About = loose(w.Revoke.Original.short(maxName)).value()
	}
}

func (w *wireMedia) media(m *chat.Message) {
	m.Text = w.Caption.value()
	m.Media = chat.Media{ID: w.ID.short(maxWord), MIME: w.MIME.short(maxName), SHA256: w.SHA256.short(maxName),
		Filename: loose(w.Filename.short(maxName)).value(), Voice: w.Voice == "true", Animated: w.Animated == "true"}
}

func (w *wireInteractive) reply(m *chat.Message) {
	m.Kind = w.Type.short(maxWord)
	switch m.Kind {
	case chat.KindButtonReply:
		m.Choice, m.Text = w.Button.ID.value(), w.Button.Title.value()
	case chat.KindListReply:
		m.Choice, m.Text, m.More = w.List.ID.value(), w.List.Title.value(), w.List.Description.value()
	case chat.KindCallPermission:
		m.Choice = loose(w.Call.Response.short(maxWord)).value()
	case chat.KindFormReply:
		m.Text = w.Form.Body.value()
		for _, d := range flatten([]byte(w.Form.Response), chat.MaxDetails) {
			if d.Name != "flow_token" { // the sender's own mark
				m.Form = append(m.Form, d)
			}
		}
	}
}

// maxItems is how many lines of an order are kept.
const maxItems = 500

func (w *wireOrder) order(m *chat.Message) {
	m.Product.Catalog, m.Text = w.Catalog.short(maxWord), w.Text.value()
	for _, i := range w.Items[:min(len(w.Items), maxItems)] {
		m.Items = append(m.Items, chat.Item{Article: i.Article.short(maxName), Quantity: i.Quantity.short(maxWord), Price: i.Price.short(maxWord), Currency: i.Currency.short(maxWord)})
	}
}

func (w *wireSystem) system(m *chat.Message) {
	m.Kind, m.Text = w.Type.short(maxWord), w.Body.value()
	if chat.IsUser(string(w.WasUser)) { // what the message itself calls the writer may be the new one already
		m.From.User, m.From.Parent = crm.Unknown(), crm.Unknown()
	}
	address{w.Customer, w.WasUser, w.WasParent}.fill(&m.From)
	if m.Kind == chat.KindCustomerIdentity { // another phone, the same number and person
		return
	}
	address{first(w.WaID, w.NewWaID), w.User, w.Parent}.fill(&m.Changed)
}

func (w *wireEdit) edit(m *chat.Message) {
	m.About = loose(w.Original.short(maxName)).value()
	if inner := w.Message; inner != nil && chat.Type(inner.Type) != chat.TypeEdit {
		m.Kind = inner.Type.short(maxWord)
		about := m.About
		inner.content(m, chat.Type(m.Kind))
		m.About, m.Kind = about, inner.Type.short(maxWord)
	}
}
