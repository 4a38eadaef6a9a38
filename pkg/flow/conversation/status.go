package conversation

import (
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// track is what is known of one message of the business.
type track struct {
	Track   []byte                   `json:"track,omitempty"`
	Entries map[crm.System]string    `json:"entries,omitempty"` // what it was logged as; nil before it is
	Written map[crm.System]string    `json:"written,omitempty"` // the line that stands in the entry; versions before kept its state
	Writing map[crm.System]time.Time `json:"writing,omitempty"` // until when a write of a line may still land
	Contact string                   `json:"contact,omitempty"`
}

func (k track) read() chat.Track {
	if len(k.Track) == 0 {
		return chat.Track{}
	}
	t, err := chat.DecodeTrack(k.Track)
	if err != nil {
		return chat.Track{} // of a later version: it is told anew by what comes next
	}
	return t
}

// status notes what became of a message. What comes before the message is logged is kept for it.
func (t *task) status() error {
	s := *t.u.Status
	if err := t.confirmed(s); err != nil {
		return err
	}
	if !s.Group.Filled() {
		if err := t.learn(s.To); err != nil {
			return err
		}
	}
	key := trackKey(t.conn, t.f.name("wamid", s.ID.Text()))
	var k track
	version, err := t.f.load(t.ctx, key, &k)
	if err != nil {
		return err
	}
	next := k.read().With(s).Encode()
	if string(next) != string(k.Track) {
		k.Track = next
		if err := t.f.save(t.ctx, write(key, version, k, t.now().Add(KeptFor))); err != nil {
			return err
		}
		version++
	}
	if s.State != chat.Failed {
		return t.settle(s.ID, k, version)
	}
	return first(t.settle(s.ID, k, version), t.consequences(s, k))
}

// consequences are what a message that did not arrive means for its person. That he wants no messages holds whoever sent it and
// whatever else was told of it. Somebody takes over for a message of ours alone, once it is logged: until then nobody can say
// that it is one, and logged comes back to it.
func (t *task) consequences(s chat.Status, k track) error {
	c, said := t.f.Rules.Consent(t.u)
	if k.Entries == nil && !said {
		return nil
	}
	person, err := t.reached(s, k)
	if err == nil && person.id == "" && said && !s.Group.Filled() {
		person, err = t.acquaint(who.Of(s.To))
	}
	if err != nil || person.id == "" {
		return err
	}
	if said {
		return t.consent(person, c)
	}
	return t.failed(person, k.read().State() == chat.Failed)
}

// reached returns the person of a message: on whose contact it is logged, else whom it went to; the zero someone for nobody whom a
// CRM has. A status makes no contact.
func (t *task) reached(s chat.Status, k track) (someone, error) {
	b, err := t.of(k.Contact)
	keys := who.Of(s.To)
	if err == nil && b.id == "" && !keys.IsZero() && !s.Group.Filled() {
		b, err = t.recall(keys)
	}
	if err == nil && b.Contact == "" && !keys.IsZero() && !s.Group.Filled() {
		var f found
		if f, err = t.search(b, keys); err == nil && f.contact != "" {
			b, err = t.adopt(b, f.contact, t.names(keys))
		}
	}
	if err != nil {
		return someone{}, err
	}
	return t.someone(b)
}

// settle writes how far a message has come, and why no further, into every entry that says something else. Sent alone is not written: nothing is certain yet. A write is
// noted before it is made: while one may still land, which would put an older state over a newer one, nobody makes another.
func (t *task) settle(wamid crm.Value, k track, version int64) error {
	told := k.read()
	state := told.State()
	if state == "" || state == chat.Sent {
		return nil
	}
	save := func() error {
		key := trackKey(t.conn, t.f.name("wamid", wamid.Text()))
		err := t.f.save(t.ctx, write(key, version, k, t.now().Add(KeptFor)))
		version++
		return err
	}
	line := chat.StatusLine(told, t.f.Language, t.f.Zone)
	var failed []error
	for _, sys := range []crm.System{crm.Zoho, crm.HubSpot} {
		id := k.Entries[sys]
		if id == "" || k.Written[sys] == line {
			continue
		}
		if left := k.Writing[sys].Sub(t.now()); left > 0 {
			failed = append(failed, fault.Again("conversation.Status", left, "an earlier state may still be written"))
			continue
		}
		if k.Writing == nil {
			k.Writing = map[crm.System]time.Time{}
		}
		k.Writing[sys] = t.now().Add(ClaimFor)
		if err := save(); err != nil {
			return err
		}
		err := t.f.side(sys).Amend(t.ctx, id, chat.Delivery(line, markOf(wamid)))
		if uncertain(err) {
			failed = append(failed, &fault.Error{Op: "conversation.Status", Kind: kindAgain(err), After: ClaimFor, Err: err})
			continue
		}
		delete(k.Writing, sys)
		if err == nil || fault.KindOf(err) == fault.Missing { // an entry that was deleted needs no state
			if k.Written == nil {
				k.Written = map[crm.System]string{}
			}
			k.Written[sys] = line
			t.applied = true
			err = nil
		}
		failed = append(failed, err)
		if err := save(); err != nil {
			return err
		}
	}
	return first(failed...)
}

// logged notes what a message of the business was logged as, and carries out what is known of it already.
func (t *task) logged(wamid crm.Value, to chat.Person, who someone, entries map[crm.System]string) error {
	key := trackKey(t.conn, t.f.name("wamid", wamid.Text()))
	var k track
	version, err := t.f.load(t.ctx, key, &k)
	if err != nil {
		return err
	}
	if k.Entries == nil {
		k.Entries, k.Contact = entries, who.zoho
		listed, err := t.listed(who.id, key)
		if err != nil {
			return err
		}
		if err := t.f.save(t.ctx, append(listed, write(key, version, k, t.now().Add(KeptFor)))...); err != nil {
			return err
		}
		version++
	}
	settled := t.settle(wamid, k, version)
	told := k.read()
	at, failed := told.At(chat.Failed)
	if !failed {
		return settled
	}
	// The failure was told before it was known whose message it was: it means what it would if it came now.
	u := chat.Update{Number: t.u.Number, Status: &chat.Status{ID: wamid, State: chat.Failed, At: at, To: to, Errors: told.Errors()}}
	again := &task{f: t.f, ctx: t.ctx, conn: t.conn, u: u, id: u.Identity(), received: t.received}
	err = again.carry()
	t.applied, t.told = t.applied || again.applied, append(t.told, again.told...)
	return first(settled, err)
}
