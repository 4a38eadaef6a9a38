package conversion

import (
	_ "embed"
	"log/slog"
	"slices"
	"time"
)

// Version is the version of the event's schema that this code reads; it is in the schema's $id.
const Version = 1

//go:embed schema/evento-conversione.schema.json
var schema string

// Schema returns the published JSON Schema (draft 2020-12) of an event, as it is handed to senders. What Decode asks
// beyond it is in Codes.
func Schema() string { return schema }

// Type is what somebody did (evento).
type Type string

// The types of an event. An abandonment is no conversion; its name is the published one, for a cart left behind.
const (
	DemoRequest  Type = "richiesta_demo"
	Purchase     Type = "acquisto_concluso"
	Registration Type = "iscrizione_evento"
	Abandonment  Type = "cancello_abbandono"
)

// Channel is the way by which it came about (canale).
type Channel string

// The channels of an event.
const (
	Email    Channel = "email"
	Social   Channel = "social_media"
	Webform  Channel = "webform"
	SMS      Channel = "sms"
	WhatsApp Channel = "whatsapp"
)

// State is how it ended, as the sender says (stato).
type State string

// The states of an event. A sender cannot know that its event is a duplicate: what it declares as one is counted apart and
// never as a conversion; the verdict on repeats is Marker.Judge's.
const (
	Completed State = "completato"
	Declared  State = "duplicato"
	Failed    State = "fallito"
)

var (
	types    = []Type{DemoRequest, Purchase, Registration, Abandonment}
	channels = []Channel{Email, Social, Webform, SMS, WhatsApp}
	states   = []State{Completed, Declared, Failed}
)

// Types returns all types, in the order of the schema.
func Types() []Type { return slices.Clone(types) }

// Channels returns all channels, in the order of the schema.
func Channels() []Channel { return slices.Clone(channels) }

// Event is one conversion event that Decode took. It is comparable: two events are equal if every field is.
type Event struct {
	ID       string    // the sender's name for it (id_evento), "" when it gave none
	Client   string    // CLIENTE-…: personal, not for logs
	Type     Type      // what was done
	At       time.Time // when, in UTC and whole milliseconds
	Value    Cents     // 0 to MaxValue; money or a weight, as Policy says of the type
	Currency Currency  // EUR unless the sender says otherwise
	Channel  Channel
	State    State
	Metadata Metadata
}

// Metadata is what the sender adds (metadati): at most 200 characters each, "" when absent or empty.
type Metadata struct {
	Campaign string
	Device   string
	Place    string
}

// String names the kind of event and hides whose it is.
func (e Event) String() string {
	return "[event " + string(e.Type) + " " + string(e.Channel) + " " + string(e.State) + "]"
}

// GoString hides whose event it is from %#v.
func (e Event) GoString() string { return e.String() }

// LogValue hides whose event it is from slog.
func (e Event) LogValue() slog.Value { return slog.StringValue(e.String()) }

// WithIdempotencyKey returns the event with the key of the request's Idempotency-Key header as its id. "" changes nothing.
// A key that is not of id_evento's form, or another one than the event has, is a *Refusal at /id_evento.
func (e Event) WithIdempotencyKey(key string) (Event, error) {
	switch {
	case key == "" || key == e.ID:
		return e, nil
	case e.ID != "":
		return Event{}, refuse(Invalid, Problem{"/id_evento", CodeOtherKey})
	case !eventID([]byte(key)):
		return Event{}, refuse(Invalid, Problem{"/id_evento", CodeFormat})
	}
	e.ID = key
	return e, nil
}
