package conversation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// The graph says who is who. A key of WhatsApp, a user id or the line of a number, leads to a person, who has an id of ours; the
// person leads to the contact on which his messages are logged. What is his own (his word on messages, his conversations, the
// keys) lies under his id: it stays when his contact is deleted, merged away or met anew. Two who turn out to be one go on as
// one of them, to whom the other one leads from then on.

// known is a row of the graph: what a key leads to.
type known struct {
	Person  string    `json:"person"`
	User    string    `json:"user,omitempty"` // of a number: the name of the user id that it was seen with last
	At      time.Time `json:"at"`             // when the update happened that told it
	Retired bool      `json:"retired,omitempty"`
	Owed    bool      `json:"owed,omitempty"` // of a number: the person's contact could not take it yet
}

// being is a person, whatever becomes of his contacts. The zero being is nobody.
type being struct {
	Contact string `json:"contact,omitempty"` // in Zoho; "" while he has none
	HubSpot string `json:"hubspot,omitempty"` // a contact there that was in no pair when he was met, or whose half in Zoho was gone
	Lead    string `json:"lead,omitempty"`    // in Zoho, of one who has no contact there
	Gone    string `json:"gone,omitempty"`    // the contact in Zoho that he had before, if it was gone
	Into    string `json:"into,omitempty"`    // the person that he turned out to be

	Looked time.Time `json:"looked,omitzero"` // when HubSpot was asked for him last, and had him not

	id      string
	version int64
}

// names are the keys of a person as the graph knows them; "" for none.
type names struct {
	user, number string
	owed         bool // the number is still to be written onto the person's contact
}

func (t *task) names(k who.Keys) (n names) {
	if k.User.Filled() {
		n.user = t.f.name("user", t.conn, k.User.Text())
	}
	if !k.Phone.IsZero() {
		n.number = t.f.name("number", t.conn, k.Phone.Line.Text())
	}
	return n
}

// maxHops is how many persons in a row may have turned out to be each other.
const maxHops = 20

// being returns the person of an id, or whom he turned out to be; the zero being when he was erased.
func (f *Flow) being(ctx context.Context, conn, id string) (being, error) {
	for range maxHops {
		if id == "" {
			break
		}
		b := being{id: id}
		var err error
		if b.version, err = f.load(ctx, beingKey(conn, id), &b); err != nil || b.version == 0 {
			return being{}, err
		}
		if b.Into == "" {
			return b, nil
		}
		id = b.Into
	}
	return being{}, nil
}

// of returns the person whose messages are logged on a contact of Zoho.
func (t *task) of(contact string) (being, error) {
	var h holder
	if _, err := t.f.load(t.ctx, contactKey(t.conn, contact), &h); err != nil {
		return being{}, err
	}
	return t.f.being(t.ctx, t.conn, h.Person)
}

// holder is the row of a contact: whose it is.
type holder struct {
	Person string `json:"person"`
}

// someoneOf returns the person of a contact as the CRMs know him now.
func (t *task) someoneOf(contact string) (someone, error) {
	b, err := t.of(contact)
	if err != nil {
		return someone{}, err
	}
	return t.someone(b)
}

func (t *task) someone(b being) (someone, error) {
	s := someone{id: b.id, zoho: b.Contact, lead: b.Lead}
	if b.Contact != "" {
		var err error
		if s.hubspot, err = t.twin(b.Contact); err != nil {
			return someone{}, err
		}
	}
	s.paired = s.hubspot != ""
	s.hubspot = cmp.Or(s.hubspot, b.HubSpot)
	return s, nil
}

// happened is when what the task works on happened, as far as anybody says.
func (t *task) happened() time.Time { return t.bounded(t.u.At()) }

// bounded is a time that somebody else tells, never later than now; for one that is not told, when it was received.
func (t *task) bounded(at time.Time) time.Time {
	if at.IsZero() {
		at = t.received
	}
	if now := t.now(); at.IsZero() || at.After(now) {
		at = now
	}
	return at
}

// lead is a row of the graph with the person whom it leads to.
type lead struct {
	known
	being
	rowVersion int64
	past       bool // the key was given up after what the task works on happened: it meant the person still
}

// lead reads what a key leads to; the person is not read again if it is one of those met already.
func (t *task) lead(name string, met ...being) (l lead, err error) {
	if name == "" {
		return l, nil
	}
	if l.rowVersion, err = t.f.load(t.ctx, personKey(t.conn, name), &l.known); err != nil {
		return lead{}, err
	}
	if i := slices.IndexFunc(met, func(b being) bool { return b.id != "" && b.id == l.Person }); i >= 0 {
		l.being = met[i]
	} else {
		l.being, err = t.f.being(t.ctx, t.conn, l.Person)
	}
	l.past = l.Retired && t.happened().Before(l.At)
	return l, err
}

// means returns whom the key means; it means nobody once it was given up.
func (l lead) means() who.Lead {
	if l.id == "" || l.Retired && !l.past {
		return who.Lead{}
	}
	out := who.Lead{Person: l.id}
	if l.User != "" {
		out.User = crm.Text(l.User)
	}
	return out
}

// recall asks the graph whom the keys mean, and notes what they tell anew: a key that was not known, two who are one person. The
// zero being: nobody that is known, or nobody can say.
func (t *task) recall(keys who.Keys) (being, error) {
	n := t.names(keys)
	user, err := t.lead(n.user)
	if err != nil {
		return being{}, err
	}
	number, err := t.lead(n.number, user.being)
	if err != nil {
		return being{}, err
	}
	named := t.named(keys)
	r := who.Recall(named, user.means(), number.means())
	b := user.being
	if user.means().Person == "" {
		b = number.being
	}
	switch {
	case r.Person == "":
		return being{}, nil
	case user.past || number.past:
		return b, nil // what was true once is not learnt
	case r.Same != "":
		b, err = t.join(b, number.being)
	case r.Number && number.means().Person == "":
		b, n.owed, err = t.shows(b, keys)
	case number.Owed && b.id == number.id && keys.User.Filled():
		r.Number = true
		n.owed, err = t.note(b, keys.Phone)
	}
	if err != nil {
		return being{}, err
	}
	if !r.User {
		n.user = ""
	}
	return b, t.remember(b, n, r.Number, named.User)
}

// remember lets the keys lead to the person, the number together with the user id that it was seen with. A key that is known to have
// gone to somebody else later than this update happened stays where it is.
func (t *task) remember(b being, n names, number bool, user crm.Value, more ...row.Put) error {
	puts := more
	if !number {
		n.number = ""
	}
	for _, name := range []string{n.user, n.number} {
		if name == "" {
			continue
		}
		key := personKey(t.conn, name)
		var k known
		version, err := t.f.load(t.ctx, key, &k)
		if err != nil {
			return err
		}
		next := known{Person: b.id, At: t.happened()}
		if name == n.number {
			next.User, next.Owed = user.Text(), n.owed
			if next.User == "" && k.Person == b.id { // told without one, it is still known with which it was seen
				next.User = k.User
			}
		}
		if version != 0 && (k == next || k.At.After(next.At) && k.Person != b.id) {
			continue
		}
		listed, err := t.listed(b.id, key)
		if err != nil {
			return err
		}
		puts = append(append(puts, write(key, version, next, time.Time{})), listed...)
	}
	if len(puts) == 0 {
		return nil
	}
	return t.f.save(t.ctx, puts...)
}

// listed returns the write that lists a row under a person, none when it is listed.
func (t *task) listed(person string, of row.Key) ([]row.Put, error) {
	put := belongs(t.conn, person, of)
	rows, err := t.f.Store.Get(t.ctx, put.Key)
	if err != nil {
		return nil, tables(err)
	}
	if rows[0].Version != 0 {
		return nil, nil
	}
	return []row.Put{put}, nil
}

// adopt lets a person's messages be logged on a contact from now on, and the keys lead to him. Nobody is a new person, or the one whom
// the contact has already. What he has said about messages is written onto the contact first.
func (t *task) adopt(b being, contact string, n names, more ...row.Put) (being, error) {
	holds, err := t.of(contact)
	if err != nil {
		return being{}, err
	}
	if b.id == "" {
		holds.HubSpot, holds.Looked = cmp.Or(holds.HubSpot, b.HubSpot), b.Looked
		b = holds
	}
	if holds.id != "" && holds.id != b.id {
		if b, err = t.join(b, holds); err != nil {
			return being{}, err
		}
	}
	puts := more
	if b.id == "" {
		b.id = t.f.Book.NewID()
	}
	if b.Contact == "" {
		var said word
		if _, err := t.f.load(t.ctx, consentKey(t.conn, b.id), &said); err != nil {
			return being{}, err
		}
		if said.Out {
			if err := t.stop(b.id, contact); err != nil {
				return being{}, err
			}
		}
		b.Contact, b.Lead = contact, ""
		held, err := t.holds(b.id, contact)
		if err != nil {
			return being{}, err
		}
		there, err := t.holdsHubSpot(b)
		if err != nil {
			return being{}, err
		}
		held = append(held, there...)
		puts = append(append(puts, write(beingKey(t.conn, b.id), b.version, b, time.Time{})), held...)
		b.version++
	}
	return b, t.remember(b, n, true, crm.Text(n.user), puts...)
}

// acquaint makes a person of somebody whom no CRM has: his word is kept for the day on which one has him. Without keys he is nobody.
func (t *task) acquaint(keys who.Keys) (someone, error) {
	if keys.IsZero() {
		return someone{}, nil
	}
	b, n := being{id: t.f.Book.NewID()}, t.names(keys)
	return someone{id: b.id}, t.remember(b, n, true, crm.Text(n.user), write(beingKey(t.conn, b.id), 0, b, time.Time{}))
}

// holds returns the writes by which a contact leads to a person, none when it leads to somebody already.
func (t *task) holds(person, contact string) ([]row.Put, error) {
	key := contactKey(t.conn, contact)
	var h holder
	version, err := t.f.load(t.ctx, key, &h)
	if err != nil {
		return nil, err
	}
	if h.Person != "" {
		if now, err := t.f.being(t.ctx, t.conn, h.Person); err != nil || now.id != "" {
			return nil, err
		}
	}
	return []row.Put{write(key, version, holder{person}, time.Time{}), belongs(t.conn, person, key)}, nil
}

// shows looks whether another contact in Zoho has a number that a known person was never seen with: it is his as well. If nobody
// has it, it is noted on the person's contact, unless another number stands there; owed: it has to be noted later.
func (t *task) shows(b being, keys who.Keys) (is being, owed bool, err error) {
	if b.Contact == "" {
		return b, false, nil // he is about to be looked for by all that is known
	}
	_, hits, err := t.hits(crm.Zoho, keys)
	if err != nil {
		return being{}, false, err
	}
	hits = slices.DeleteFunc(hits, func(h who.Hit) bool { return h.Contact == b.Contact })
	contact := who.Decide(t.named(keys), "", hits).Contact
	if contact == "" {
		if len(hits) > 0 {
			return b, false, nil // nobody can say who
		}
		owed, err = t.note(b, keys.Phone)
		return b, owed, err
	}
	other, err := t.of(contact)
	if err != nil {
		return being{}, false, err
	}
	if other.id == "" {
		other = being{Contact: contact}
	}
	is, err = t.join(b, other)
	return is, false, err
}

// note writes a number onto the contact of a person, if no number stands there. What was written is logged whether the contact takes
// it or not: a number that it refuses is a row, one that it cannot take for now is owed.
func (t *task) note(b being, number who.Number) (owed bool, err error) {
	if b.Contact == "" {
		return false, nil
	}
	err = t.writeNumber(b.Contact, number)
	switch {
	case err == nil:
		return false, nil
	case fault.KindOf(err) == fault.Missing:
		return false, t.forget(b.Contact)
	}
	return t.tell(t.id, contactID(crm.Zoho, b.Contact), err) != nil, nil
}

func (t *task) writeNumber(contact string, number who.Number) error {
	c := t.f.Columns
	readings, err := t.f.Zoho.Read(t.ctx, crm.Query{Module: crm.Contacts, Keys: []string{contact}, Columns: c.Numbers})
	if err != nil {
		return err
	}
	if readings[0].Gone {
		return &fault.Error{Op: "conversation.Person", Kind: fault.Missing, Err: errors.New("the contact is gone")}
	}
	if slices.ContainsFunc(c.Numbers, func(col crm.Column) bool { return readings[0].Record.Value(col.Field).Filled() }) {
		return nil
	}
	return t.f.Zoho.Write(t.ctx, crm.Change{ID: contactID(crm.Zoho, contact), Set: map[crm.Field]crm.Value{c.Number.Field: number.E164}, Columns: []crm.Column{c.Number}}).Err
}

// learn notes that a user id and a number are one person's, whom the graph knows by one of them.
func (t *task) learn(p chat.Person) error {
	keys := who.Of(p)
	if !keys.User.Filled() || keys.Phone.IsZero() {
		return nil
	}
	_, err := t.recall(keys)
	return err
}
