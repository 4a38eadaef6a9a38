package conversation

import (
	"context"
	"slices"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/row"
)

// The stages of a message in the outbox.
const (
	stageWaiting = ""
	stageSending = "sending"
	stageUnknown = "unknown"
	stageDenied  = "denied" // WhatsApp did not take it, because its person wants none; he is still to be heard
	stageSent    = "sent"
	stageLogged  = "logged"
	stageGivenUp = "given up" // its row and whoever takes over are still owed
	stageRefused = "refused"
	stageOver    = "over"    // an automatic answer that goes out no more: it is too late, or the conversation has gone on without it
	stageFile    = "file"    // no message: a file that is still to be put beside the note of one that came in
	stageOptOut  = "opt-out" // no message: a contact that does not show yet what its person said about messages
)

// outgoing is a row of the outbox.
type outgoing struct {
	Fingerprint string    `json:"fingerprint"`
	Request     []byte    `json:"request"`
	Number      string    `json:"number"`
	Rule        string    `json:"rule,omitempty"` // of an automatic answer
	Asked       time.Time `json:"asked,omitzero"` // of an automatic answer: when was written what it answers
	User        string    `json:"user,omitempty"` // and by whom, beside the address: who has no contact any more gets his own anew
	Name        string    `json:"name,omitempty"`
	Contact     string    `json:"contact,omitempty"`
	Person      string    `json:"person,omitempty"` // whose it is, if not of whoever the contact is: one who is a lead has none
	At          time.Time `json:"at"`
	Stage       string    `json:"stage,omitempty"`
	Until       time.Time `json:"until,omitzero"`
	Note        string    `json:"note,omitempty"`    // of a file: beside which note of Zoho it belongs
	TriedAt     time.Time `json:"tried_at,omitzero"` // the last time
	SentAt      time.Time `json:"sent_at,omitzero"`
	DeniedAt    time.Time `json:"denied_at,omitzero"` // when WhatsApp said that the person wants no messages
	Wamid       string    `json:"wamid,omitempty"`
	Pressed     int       `json:"pressed,omitempty"` // refusals in a row for the pair rate
	Tries       int       `json:"tries,omitempty"`   // that met a passing trouble of WhatsApp's
	Why         *cause    `json:"why,omitempty"`     // of waiting: what the last try met
	Row         []byte    `json:"row,omitempty"`     // of one that is given up: a fault.Parked
	Told        bool      `json:"told,omitempty"`    // the row is open
}

// cause is what kept a message from going out, as its row will say it.
type cause struct {
	Code  string `json:"code"`
	Words string `json:"words"`
}

// Accept puts a request of a caller into the outbox and returns the id of the message. The same request of a caller under the same
// reference is the same message, however often it comes; another one under it is outbound.ErrReference.
func (f *Flow) Accept(ctx context.Context, conn, caller string, r outbound.Request) (string, error) {
	return f.accept(ctx, conn, caller, outgoing{Number: f.Number}, r)
}

func (f *Flow) accept(ctx context.Context, conn, caller string, o outgoing, r outbound.Request) (string, error) {
	id := f.name("outbox", conn, caller, r.Reference)
	key := outboxKey(conn, id)
	var have outgoing
	version, err := f.load(ctx, key, &have)
	if err != nil {
		return "", err
	}
	if version != 0 {
		if have.Fingerprint != r.Fingerprint() {
			return "", outbound.ErrReference
		}
		return id, nil
	}
	o.Fingerprint, o.Request, o.At = r.Fingerprint(), r.JSON(), f.Now()
	expires := o.At.Add(KeptFor)
	puts := []row.Put{write(key, 0, o, expires), {Key: dueKey(conn, id), Value: made(o.At), Expires: expires}}
	for _, at := range f.addressed(conn, id, r.To) {
		puts = append(puts, row.Put{Key: at, Value: []byte{1}, Expires: expires})
	}
	return id, f.save(ctx, puts...)
}

// addressed returns under which rows a message is listed until its person is looked for: by the keys that it is addressed to.
func (f *Flow) addressed(conn, id string, to chat.Person) (at []row.Key) {
	t := task{f: f, conn: conn}
	n := t.names(who.Of(to))
	for _, name := range []string{n.user, n.number} {
		if name != "" {
			at = append(at, belongs(conn, name, outboxKey(conn, id)).Key)
		}
	}
	return at
}

// made is what a row of what is due holds: when the message was made, which its order goes by.
func made(at time.Time) []byte { return []byte(at.UTC().Format(time.RFC3339Nano)) }

// Due returns the ids of all messages that are not at their end, in the order in which they were made; before them files, opt-outs and
// messages of versions before.
func (f *Flow) Due(ctx context.Context, conn string) ([]string, error) {
	rows, err := f.Store.List(ctx, dueKey(conn, "").Part, "", "", 0)
	if err != nil {
		return nil, tables(err)
	}
	type message struct {
		id string
		at time.Time
	}
	all := make([]message, len(rows))
	for i, r := range rows {
		at, _ := time.Parse(time.RFC3339Nano, string(r.Value)) // the zero time where none stands there
		all[i] = message{r.Key.Sort, at}
	}
	slices.SortStableFunc(all, func(a, b message) int { return a.at.Compare(b.at) })
	ids := make([]string, len(all))
	for i, m := range all {
		ids[i] = m.id
	}
	return ids, nil
}
