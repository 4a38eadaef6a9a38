package conversation

import (
	"cmp"
	"encoding/hex"
	"time"

	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
)

// join makes one person of two who turn out to be the same. Of what they said about messages the more restrictive holds, of their
// conversations all that was heard last; a contact that HubSpot has too goes before one that it has not, and people are told to
// merge the two. b may be nobody but the owner of a contact.
func (t *task) join(a, b being) (being, error) {
	if a.id == b.id {
		return a, nil
	}
	kept, other, out, err := t.bothContacts(a.Contact, b.Contact)
	if err != nil {
		return being{}, err
	}
	puts, said, err := t.bothWords(a, b)
	if err != nil {
		return being{}, err
	}
	for _, contact := range []string{kept, other} {
		if contact == "" || !out && !said {
			continue
		}
		if err := t.stop(a.id, contact); err != nil {
			return being{}, err
		}
	}
	if other != "" {
		if err := t.askToMerge(kept, other); err != nil {
			return being{}, err
		}
		held, err := t.holds(a.id, other)
		if err != nil {
			return being{}, err
		}
		puts = append(puts, held...)
	}
	if kept != "" && kept != a.Contact {
		held, err := t.holds(a.id, kept)
		if err != nil {
			return being{}, err
		}
		puts = append(puts, held...)
	}
	a.Contact, a.HubSpot, a.Lead = kept, cmp.Or(a.HubSpot, b.HubSpot), cmp.Or(a.Lead, b.Lead)
	if kept != "" {
		a.Lead = ""
	}
	puts = append(puts, write(beingKey(t.conn, a.id), a.version, a, time.Time{}))
	if b.id != "" {
		puts = append(puts, write(beingKey(t.conn, b.id), b.version, being{Into: a.id}, time.Time{}), belongs(t.conn, a.id, beingKey(t.conn, b.id)))
	}
	a.version++
	return a, t.f.save(t.ctx, puts...)
}

// bothContacts says which of two contacts a person goes on with, and which other one there is beside it: "" when it is gone, or
// there is none. out: one of them says that its person wants no messages.
func (t *task) bothContacts(a, b string) (kept, other string, out bool, err error) {
	if a == "" || b == "" || a == b {
		return max(a, b), "", false, nil
	}
	q := crm.Query{Module: crm.Contacts, Keys: []string{a, b}, Columns: []crm.Column{t.f.Columns.Name}}
	box := t.f.Columns.OptOut
	if box.Property != "" {
		q.Columns = append(q.Columns, box)
	}
	readings, err := t.f.Zoho.Read(t.ctx, q)
	if err != nil {
		return "", "", false, err
	}
	for _, r := range readings {
		out = out || !r.Gone && r.Record.Value(box.Field).Text() == "true"
	}
	switch {
	case readings[0].Gone && readings[1].Gone:
		return "", "", out, nil
	case readings[0].Gone:
		return b, "", out, nil
	case readings[1].Gone:
		return a, "", out, nil
	}
	var paired [2]bool
	for i, contact := range []string{a, b} {
		p, err := t.pair(crm.Zoho, contact)
		if err != nil {
			return "", "", false, err
		}
		paired[i] = ahead(p) == contact
	}
	if paired[1] && !paired[0] {
		return b, a, out, nil
	}
	return a, b, out, nil
}

// bothWords returns the writes by which all that lies under b lies under a: the more restrictive word, the conversations. out: the
// one who they are now wants no messages.
func (t *task) bothWords(a, b being) (puts []row.Put, out bool, err error) {
	if b.id == "" {
		var said word
		_, err := t.f.load(t.ctx, consentKey(t.conn, a.id), &said)
		return nil, said.Out, err
	}
	var his, hers word
	to, from := consentKey(t.conn, a.id), consentKey(t.conn, b.id)
	toVersion, err := t.f.load(t.ctx, to, &his)
	if err != nil {
		return nil, false, err
	}
	fromVersion, err := t.f.load(t.ctx, from, &hers)
	if err != nil {
		return nil, false, err
	}
	if hers.Out && !his.Out || hers.Out == his.Out && hers.At.After(his.At) {
		listed, err := t.listed(a.id, to)
		if err != nil {
			return nil, false, err
		}
		puts = append(append(puts, write(to, toVersion, hers, time.Time{})), listed...)
	}
	if fromVersion != 0 {
		puts = append(puts, row.Put{Key: from, If: fromVersion, Delete: true})
	}
	err = t.f.each(t.ctx, t.conn, b.id, func(of row.Key) (bool, error) {
		number, ok := stateOf(t.conn, b.id, of)
		if !ok {
			return false, nil
		}
		moved, err := t.moveState(of, stateKey(t.conn, number, a.id), a.id)
		puts = append(puts, moved...)
		return false, err
	})
	return puts, his.Out || hers.Out, err
}

func (t *task) moveState(from, to row.Key, person string) ([]row.Put, error) {
	var was, is talk.State
	fromVersion, err := t.f.load(t.ctx, from, &was)
	if err != nil || fromVersion == 0 {
		return nil, err
	}
	toVersion, err := t.f.load(t.ctx, to, &is)
	if err != nil {
		return nil, err
	}
	listed, err := t.listed(person, to)
	if err != nil {
		return nil, err
	}
	return append(listed, write(to, toVersion, is.With(was), time.Time{}), row.Put{Key: from, If: fromVersion, Delete: true}), nil
}

// stop writes into both CRMs that the person of a contact wants no messages.
func (t *task) stop(person, contact string) error {
	hubspot, err := t.twin(contact)
	if err != nil {
		return err
	}
	_, err = t.show(someone{id: person, zoho: contact, hubspot: hubspot}, true)
	return err
}

// askToMerge is tellTwins, but for a contact whose pair ended by a merge in HubSpot: then the connector has asked.
func (t *task) askToMerge(kept, other string) error {
	p, err := t.f.Book.Find(t.ctx, t.conn, contactID(crm.Zoho, other))
	if err != nil || p.Version != 0 && p.State == pair.Superseded {
		return tables(err)
	}
	return t.tellTwins(kept, other)
}

// tellTwins opens the row that asks to merge two contacts of one person. It is a row of WhatsApp's: the next time that one of the
// contacts is brought in step closes nothing of it.
func (t *task) tellTwins(kept, other string) error {
	sum := t.f.Book.Hasher.Sum("twins", t.conn, min(kept, other), max(kept, other)) // one row, whoever finds out, from whichever side
	id := hex.EncodeToString(sum[:])
	r := fault.Parked{ID: id, Connection: t.conn, Operation: t.id, Verb: verbOf(t.u), Kind: crm.Contact,
		Record: crm.ID{System: crm.WhatsApp, Module: crm.Contacts, Key: id}, Target: crm.Zoho, TargetID: contactID(crm.Zoho, kept), Other: contactID(crm.Zoho, other),
		Class: fault.Refused, Code: fault.CauseTwin, Hint: fault.HintMergeTwins, Message: "both are one person on WhatsApp; merge these two in Zoho",
		Count: 1, First: t.now(), Last: t.now()}
	if err := t.f.Parking.Open(t.ctx, r); err != nil {
		return tables(err)
	}
	t.told = append(t.told, r)
	return nil
}
