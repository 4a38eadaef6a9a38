package conversation

import (
	"errors"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
)

// someone is a person as the CRMs know him.
type someone struct {
	id      string // what is his own lies under it, whatever becomes of his contacts
	zoho    string // "" while he has no contact there
	hubspot string // "" when HubSpot has him not
	paired  bool   // the two are a pair
	lead    string // in Zoho, of one whom it has as a lead only
	unasked error  // why nobody knows whether HubSpot has him: what is to be written there waits, and nothing else does
}

// in returns the contact of a system, "" where it has him not.
func (s someone) in(sys crm.System) (string, error) {
	if sys == crm.HubSpot {
		return s.hubspot, s.unasked
	}
	return s.zoho, nil
}

// person finds the contact of a person, and makes one in Zoho for somebody whom neither CRM knows.
func (t *task) person(p chat.Person) (someone, error) { return t.find(p, true) }

// addressee finds whom a message is to go to. Somebody whom neither CRM knows is known by himself until it has gone out: one that is
// never sent makes nobody a contact.
func (t *task) addressee(p chat.Person) (someone, error) { return t.find(p, false) }

// find looks for a person by all that is known; make says whether one whom nobody knows gets a contact.
func (t *task) find(p chat.Person, make bool) (someone, error) {
	keys := who.Of(p)
	if keys.IsZero() {
		return someone{}, parked(fault.CauseNobody, "nothing tells whose message it is")
	}
	b, err := t.recall(keys)
	if err == nil {
		b, err = t.reunited(b)
	}
	if err == nil && b.Contact == "" {
		b, err = t.meet(p, keys, make)
	}
	if err != nil {
		return someone{}, err
	}
	if t.whom, err = t.someone(b); err == nil {
		t.whom, err = t.alsoInHubSpot(b, t.whom, keys)
	}
	return t.whom, err
}

// twin returns the HubSpot contact that a Zoho contact is paired with, "" for none.
func (t *task) twin(contact string) (string, error) {
	p, err := t.pair(crm.Zoho, contact)
	if err != nil || p.Version == 0 || p.State != pair.Living {
		return "", err
	}
	return p.HubSpot, nil
}

// asLead is what keeps from Zoho what is written by somebody whom it has as a lead only: notes and tasks hang on contacts, and a contact
// beside the lead would double him. The update is kept until a person has converted the lead.
func asLead(lead string) error {
	e := parked(fault.CauseLead, "the person exists as a lead in Zoho")
	e.Refused = []fault.Refusal{{Code: fault.CauseLead, Hint: fault.HintLead, Message: e.Err.Error(), Record: lead}}
	return e
}

// at returns the contact of a system on which something is to be written for a person, "" where it has him not. What the business
// writes to a lead is in no mail: what he wrote himself is.
func (t *task) at(sys crm.System, who someone) (string, error) {
	if sys == crm.Zoho && who.zoho == "" && who.lead != "" && t.u.Message != nil {
		return "", asLead(who.lead)
	}
	return who.in(sys)
}

// renamed is the step under which it is kept how far a change of keys was carried out.
const renamed = "renamed"

// How far a change of keys is: the graph knows it and Zoho has yet to get the user id, or all of it is done.
const (
	renamedKeys = "keys"
	renamedAll  = "done"
)

// rename moves the keys of somebody who has another number or user id now, once: what is told again a week later may be about a
// number that is another one's by then. Whoever the new keys led to already is the same person: the system message and the first
// ones from the new number come in any order. The graph is ours and does not wait for a contact that cannot be written. owed: the
// user id is still to be moved in Zoho.
func (t *task) rename(change who.Change) (owed bool, err error) {
	done := claimKey(t.conn, t.id, renamed)
	rows, err := t.f.Store.Get(t.ctx, done)
	if err != nil || rows[0].Version != 0 {
		return string(rows[0].Value) == renamedKeys, tables(err)
	}
	b, err := t.changed(change)
	if err != nil || b.id == "" {
		return false, err
	}
	far := renamedAll
	if owed = change.Now.User.Filled() && t.f.Columns.User.Property != "" && b.Contact != ""; owed {
		far = renamedKeys
	}
	puts := []row.Put{{Key: done, Value: []byte(far), Expires: t.now().Add(KeptFor)}}
	now, retired := t.names(change.Now), t.names(change.Retired)
	for _, name := range []string{now.user, now.number, retired.user, retired.number} {
		if name == "" {
			continue
		}
		put, err := t.renamedKey(b, name, known{Person: b.id, At: t.happened(), Retired: name == retired.user || name == retired.number}, name == now.number, now.user)
		if err != nil {
			return false, err
		}
		puts = append(puts, put...)
	}
	return owed, t.f.save(t.ctx, puts...)
}

// moveUser writes the user id of somebody who has another one now onto his contact in Zoho: it is ours, while the number is a person's
// to change.
func (t *task) moveUser(to someone, user crm.Value) error {
	if c := t.f.Columns.User; to.zoho != "" {
		ch := crm.Change{ID: contactID(crm.Zoho, to.zoho), Set: map[crm.Field]crm.Value{c.Field: user}, Columns: []crm.Column{c}}
		if err := t.absent(crm.Zoho, to, t.f.Zoho.Write(t.ctx, ch).Err); err != nil {
			return err
		}
	}
	done := claimKey(t.conn, t.id, renamed)
	rows, err := t.f.Store.Get(t.ctx, done)
	if err != nil {
		return tables(err)
	}
	return t.f.save(t.ctx, row.Put{Key: done, If: rows[0].Version, Value: []byte(renamedAll), Expires: t.now().Add(KeptFor)})
}

// renamedKey returns the writes of one key of a change. A key that is known to be somebody else's since later stays his.
func (t *task) renamedKey(b being, name string, next known, number bool, user string) ([]row.Put, error) {
	l, err := t.lead(name)
	if err != nil {
		return nil, err
	}
	if l.id != "" && l.id != b.id && l.At.After(next.At) {
		return nil, nil
	}
	next.User = l.User
	if number {
		next.User = user
	}
	listed, err := t.listed(b.id, personKey(t.conn, name))
	if err != nil {
		return nil, err
	}
	return append(listed, write(personKey(t.conn, name), l.rowVersion, next, time.Time{})), nil
}

// changed returns the person of a change, the zero being for somebody whom neither the graph nor Zoho knows.
func (t *task) changed(c who.Change) (being, error) {
	before, err := t.recallBefore(c)
	if err != nil {
		return being{}, err
	}
	now, err := t.recall(c.Now)
	if err != nil {
		return being{}, err
	}
	switch {
	case before.id != "" && now.id != "":
		return t.join(before, now)
	case before.id != "":
		return before, nil
	case now.id != "":
		return now, nil
	}
	byUser, hits, err := t.hits(crm.Zoho, c.Before)
	if err != nil {
		return being{}, err
	}
	verdict := who.Decide(t.named(c.Before), byUser, hits)
	switch {
	case len(verdict.Candidates) > 0:
		return being{}, t.ambiguous(verdict.Candidates)
	case verdict.Contact == "":
		return being{}, nil
	}
	return t.adopt(being{}, verdict.Contact, names{})
}

// recallBefore asks the graph for the person of before. A number that somebody has got since the change is not his.
func (t *task) recallBefore(c who.Change) (being, error) {
	n := t.names(c.Before)
	user, err := t.lead(n.user)
	if err != nil || user.id != "" {
		return user.being, err
	}
	number, err := t.lead(n.number)
	if err != nil || number.means().Person == "" || number.At.After(c.At) && !c.At.IsZero() {
		return being{}, err
	}
	if n.user != "" && number.User != "" && number.User != n.user {
		return being{}, nil
	}
	return number.being, nil
}

// unheardAfter is how long a message waits for the connector to hear that a contact is gone before it is asked to look.
const unheardAfter = 15 * time.Second

// askedFor is how long nobody else asks the connector for the same look.
const askedFor = 15 * time.Minute

// absentFor is how soon somebody whose contact is gone is looked for anew; the longer nobody tells the connector of it, the later.
const absentFor = 2 * time.Second

// errGone is why there is another look: whatever was to be written onto a contact of Zoho has no place there.
var errGone = errors.New("the contact is gone; its person is looked for anew")

// forget notes that a person's contact is gone; the next update looks for another one.
func (t *task) forget(contact string) error {
	b, err := t.of(contact)
	if err != nil {
		return err
	}
	p, err := t.pair(crm.Zoho, contact)
	if err != nil {
		return err
	}
	if b.Contact == contact {
		if err := t.leave(b, p.Pair); err != nil {
			return err
		}
	}
	if ahead(p) == contact {
		if err := t.unheard(contact); err != nil {
			return err
		}
	}
	return &fault.Error{Op: "conversation.Person", Kind: fault.Busy, After: max(absentFor, t.patience()), Err: errGone}
}

// leave takes a person off a Zoho contact that is gone, of a pair or of none. He stays whoever its other half is: where the pair goes on with
// another record of Zoho, one that the contact was merged into, by now or later, he does too.
func (t *task) leave(b being, p pair.Pair) error {
	b.Contact, b.Gone = "", b.Contact
	if p.HubSpot != "" && (p.State != pair.Orphan || p.Gone != crm.HubSpot) {
		b.HubSpot = p.HubSpot
	}
	held, err := t.holdsHubSpot(b)
	if err != nil {
		return err
	}
	return t.f.save(t.ctx, append(held, write(beingKey(t.conn, b.id), b.version, b, time.Time{}))...)
}

// unheard asks the connector to look at a contact whose pair does not know that it is gone: what should have told of it was lost, and until
// somebody looks nothing can be logged on whatever the pair goes on with. It is asked once for all who wait, and anew when nobody has
// looked for long.
func (t *task) unheard(contact string) error {
	now := t.now()
	if t.f.Wake == nil || now.Sub(t.received) < unheardAfter {
		return nil
	}
	var asked struct{ At time.Time }
	key := claimKey(t.conn, contact, "unheard")
	version, err := t.f.load(t.ctx, key, &asked)
	if err != nil || version != 0 && now.Sub(asked.At) < askedFor {
		return err
	}
	id := contactID(crm.Zoho, contact)
	err = t.f.Wake.Send(t.ctx, []crm.Operation{{
		V: crm.OperationVersion, ID: t.f.Book.NewID(), Connection: t.conn, Source: id.System, Kind: id.Module.Kind(), Module: id.Module,
		Verb: crm.Revisit, RecordID: id.Key, OccurredAt: now, ReceivedAt: now, Trace: t.id,
	}})
	if err != nil {
		return err
	}
	asked.At = now
	return t.f.save(t.ctx, write(key, version, asked, now.Add(KeptFor)))
}

// forgetHubSpot notes that the HubSpot contact of a person who is in no pair is gone; the next update looks for another one.
func (t *task) forgetHubSpot(who someone) error {
	b, err := t.f.being(t.ctx, t.conn, who.id)
	if err != nil || b.HubSpot == "" || b.HubSpot != who.hubspot {
		return err
	}
	b.HubSpot, b.Looked = "", time.Time{}
	if err := t.f.save(t.ctx, write(beingKey(t.conn, b.id), b.version, b, time.Time{})); err != nil {
		return err
	}
	return fault.Again("conversation.Person", absentFor, "the contact in hubspot is gone; its person is looked for anew")
}
