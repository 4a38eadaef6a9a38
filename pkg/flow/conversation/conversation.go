// Package conversation logs what is written on WhatsApp on the right contact of both CRMs, keeps what became of the messages
// of the business beside them, heeds who wants no messages, hands over to people, and sends.
//
// It takes the updates of a parcel one by one; each is carried out or parked by itself. What must not happen twice is claimed
// before it is done: a claim that was left without an end is looked up in the CRM before anything is done again. So every
// step may be repeated, by whoever, after any crash.
//
// All rows lie in one table. A person is found by keyed hashes; no row holds a name, a number or a text but those of the
// outbox and of parked updates, which Erase finds. Which words mean what is the business of chat/talk, which keys mean whom
// that of chat/who.
package conversation

import (
	"cmp"
	"context"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

const (
	// KeptFor is how long it is remembered that a message was logged: Meta repeats for 7 days, queues keep for 14, people replay.
	KeptFor = 60 * 24 * time.Hour
	// ParkedFor is how long a parked update can be replayed.
	ParkedFor = 30 * 24 * time.Hour
	// ClaimFor is how long a claim without an end is left to whoever made it: longer than a write and its landing take.
	ClaimFor = time.Minute
	// SendFor is how long a message waits for what keeps it from going out and is nobody's fault of it: a token that is dead, a rate, a
	// system that does not answer, a stack that does not write. Then it is given up. Free words have an earlier end, their window.
	SendFor = 3 * 24 * time.Hour
	// UnknownFor is how long a message of unknown fate waits for its status before a person is told.
	UnknownFor = 24 * time.Hour
	// BirthFor is how old a HubSpot contact without a pair is when nobody is taken to be bringing it to Zoho any more, and its person gets
	// a Zoho contact from here.
	BirthFor = 10 * time.Minute
	// LookAfter is how soon HubSpot is asked again for somebody whom it had not, who is in Zoho.
	LookAfter = 6 * time.Hour
	// FileFor is how long a file that cannot be fetched or kept is tried again before a person is told; Meta keeps it for 7 days.
	FileFor = 3 * 24 * time.Hour
	// MaxFile is the largest file that is attached to a note, in bytes.
	MaxFile = 20 << 20
)

// The lengths that a CRM takes of a logged message, in characters; what is longer is cut and says so.
const longest = 30000

// CRM is what both CRMs are asked for. What is logged and made is found again by a mark in its text.
type CRM interface {
	Find(ctx context.Context, s crm.Search) ([]crm.Record, error)
	Read(ctx context.Context, q crm.Query) ([]crm.Reading, error)
	Write(ctx context.Context, ch crm.Change) crm.Result
	Log(ctx context.Context, contact string, text crm.Value, at time.Time) (id string, err error)
	Logged(ctx context.Context, contact, mark string) (id string, err error)
	Amend(ctx context.Context, id string, a chat.Amendment) error
	AddTask(ctx context.Context, contact, subject string, text crm.Value, due time.Time) (id string, err error)
	Tasked(ctx context.Context, contact, mark string) (id string, err error)
}

// Zoho is the main container: persons are created in it, and files kept.
type Zoho interface {
	CRM
	Create(ctx context.Context, changes []crm.Change) ([]crm.Result, error)
	Attach(ctx context.Context, note, name, contentType string, data []byte) error
	Attached(ctx context.Context, note, mark string) (id string, err error)
}

// Phone sends messages and fetches files.
type Phone interface {
	// Send sends one message, once. An error that wraps outbound.ErrUnknownOutcome leaves open whether it went out; with every
	// other fault it did not. Fault.Code is Meta's code, if it named one.
	Send(ctx context.Context, number string, m outbound.Outgoing) (outbound.Receipt, error)
	// Media fetches what a person attached: fault.Refused when it has more than most bytes, fault.Missing when it is gone.
	Media(ctx context.Context, id string, most int64) (chat.Attachment, error)
}

// Parking opens rows of what was given up on, or counts them up.
type Parking interface {
	Open(ctx context.Context, rows ...fault.Parked) error
}

// Store is the table of conversations.
type Store interface {
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	Put(ctx context.Context, puts ...row.Put) error
	List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error)
}

// Queue takes operations for the connector.
type Queue interface {
	Send(ctx context.Context, ops []crm.Operation) error
}

// Columns says where in the CRMs a person's keys stand. A column without a property is not used, but for Name and Number of
// Zoho, which are.
type Columns struct {
	Name    crm.Column // Zoho: the mandatory name
	Number  crm.Column // Zoho: where a new contact's number goes; one of Numbers
	User    crm.Column // Zoho: the business-scoped user id; a text of our own, without which a person without a number is parked
	Source  crm.Column // Zoho: gets SourceValue at creation
	OptOut  crm.Column // Zoho: boolean
	Numbers []crm.Column

	SourceValue string

	// Leads says that nobody who is a lead in Zoho gets a contact beside it.
	Leads bool

	HubSpotNumbers []crm.Column
	HubSpotOptOut  crm.Column
	Region         string // of numbers without a country code; canon.NoRegion for none
}

// Flow is the flow of one connection's conversations. All fields but Keys, Own, Files, Wake and Began are required. It is safe for concurrent use if
// they are.
type Flow struct {
	Zoho     Zoho
	HubSpot  CRM
	Phone    Phone
	Book     *identity.Book // the connector's, so that a person is locked and paired once
	Store    Store
	Parking  Parking
	Rules    *talk.Rules
	Columns  Columns
	Keys     func(crm.Record) []crm.MatchKey // the mapping's keys of a contact in Zoho: what the connector locks before it creates
	Number   string                          // id of the number that requests are sent from
	Own      []string                        // digits of the business's own numbers: two robots never talk to each other
	Rate     chat.Rate                       // of a number
	Files    chan struct{}                   // has a place for each file that may lie in memory at a time, each as large as MaxFile twice or more; nil: any number
	Language chat.Language
	Zone     *time.Location
	Now      func() time.Time
	Sleep    func(ctx context.Context, d time.Duration) bool // false when it did not wait to the end
	// Wake is where the connector is asked to look at a contact that is gone and still in its pair. Nil: it hears of that in its own time.
	Wake Queue
	// Began is told of the first message of every conversation, by the identity of its update, at least once; while it fails, the
	// message comes again.
	Began func(ctx context.Context, update string, at time.Time) error
}

// Carry carries out the updates of a parcel, and sends at once what they are answered: an answer that does not go out now stays in
// the outbox. It ends as done when every update was carried out or parked; the rows of what was
// parked are open by then. Else the parcel has to come again, and what was carried out is not done twice. Behind an update that goes again,
// later ones of the same person wait.
func (f *Flow) Carry(ctx context.Context, p chat.Parcel) fault.Outcome { return f.carry(ctx, p, false) }

// carry is Carry. A replay waits for no lock: it is tried again by its row.
func (f *Flow) carry(ctx context.Context, p chat.Parcel, replay bool) fault.Outcome {
	out := fault.Outcome{Ending: fault.Done}
	held := map[string]bool{}
	for _, u := range p.Updates {
		t := &task{f: f, ctx: ctx, conn: p.Connection, u: u, id: u.Identity(), received: p.ReceivedAt, replay: replay}
		line := t.line()
		if line != "" && held[line] {
			continue
		}
		err := t.carry()
		t.sendAnswers()
		out.Applied = out.Applied || t.applied
		out.Told = append(out.Told, t.told...)
		out.Settled = append(out.Settled, t.settled...)
		if err == nil {
			continue
		}
		held[line] = true
		if out.Ending == fault.Done || fault.After(err) < out.After {
			out.Ending, out.After, out.Err = fault.GoAgain, fault.After(err), err
		}
	}
	return out
}

// task is one update at work.
type task struct {
	f        *Flow
	ctx      context.Context
	conn     string
	u        chat.Update
	id       string
	received time.Time
	replay   bool // of what was parked
	applied  bool
	whom     someone // whom the update is about, once that is known
	told     []fault.Parked
	ours     error    // our own fault, for which a message was given up
	settled  []crm.ID // what rows were opened for in vain
	answers  []string // ids of what was put into the outbox
}

func (t *task) now() time.Time { return t.f.Now() }

// number is the business's number that the update is about: one that does not say so is taken for the one that requests go out from.
func (t *task) number() string { return cmp.Or(t.u.Number, t.f.Number) }

// line names what has to stay in order.
func (t *task) line() string {
	p := t.u.Person()
	switch {
	case t.u.Status != nil:
		return t.u.Status.ID.Text()
	case p.User.Filled():
		return t.u.Number + " " + p.User.Text()
	}
	return t.u.Number + " " + p.Phone.Text()
}

// carry ends the update: nil when it is carried out or parked, else why it has to come again.
func (t *task) carry() error {
	end := claimKey(t.conn, t.id, "end")
	rows, err := t.f.Store.Get(t.ctx, end)
	if err != nil {
		return tables(err)
	}
	if rows[0].Version != 0 {
		return nil
	}
	if err = t.update(); err == nil {
		return nil
	}
	if final(err) || t.replay && fault.KindOf(err) == fault.Locked {
		return t.park(err, end)
	}
	return err
}

// final reports whether an error is the update's or the message's own: it is given up. Every other one comes again.
func final(err error) bool {
	switch fault.KindOf(err) {
	case fault.Refused, fault.Conflict, fault.Unknown, fault.Ours:
		return err != nil
	}
	return false
}

// sendAnswers sends what was put into the outbox a moment ago. Whatever becomes of it, the outbox knows.
func (t *task) sendAnswers() {
	ids := t.answers
	t.answers = nil
	for _, id := range ids {
		out := t.f.Send(t.ctx, t.conn, id)
		t.applied = t.applied || out.Applied
		t.told = append(t.told, out.Told...)
	}
}

func (t *task) update() error {
	switch {
	case t.u.Message != nil && t.u.Message.Group.Filled(), t.u.Notice != nil:
		return nil // of many, or of none: no contact's
	case t.u.Message != nil:
		return t.message()
	case t.u.Status != nil:
		return t.status()
	case t.u.Preference != nil:
		return t.preference()
	}
	return nil
}

// message logs what a person wrote, does what it asks for and keeps its file, for which nothing else waits. A CRM that fails keeps neither
// the other one back nor the answer.
func (t *task) message() error {
	m := *t.u.Message
	from := m.From
	change, means := who.Renamed(m)
	owed := false
	if means {
		var err error
		if owed, err = t.rename(change); err != nil {
			return err
		}
		from = m.Changed
	}
	if !from.Phone.Filled() {
		from.Phone = m.OwnPhone()
	}
	person, err := t.person(from)
	if err != nil {
		return err
	}
	entry := t.entryOf(m)
	zoho, errZoho := t.log(crm.Zoho, person, entry)
	_, errHubSpot := t.log(crm.HubSpot, person, entry)
	talked := t.talk(person, m)
	var moved error
	if owed {
		moved = t.moveUser(person, change.Now.User)
	}
	if errZoho == nil && m.Media.ID != "" {
		t.sendAnswers()
		errZoho = t.fileLater(person, zoho, t.attach(zoho, m))
	}
	return first(talked, errZoho, errHubSpot, moved)
}

// first returns the first error that asks to come again, or the first at all.
func first(all ...error) error {
	var found error
	for _, err := range all {
		switch {
		case err == nil:
		case !final(err):
			return err
		case found == nil:
			found = err
		}
	}
	return found
}
