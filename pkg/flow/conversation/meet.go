package conversation

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// birth is a contact that is being made. Its row stays when it is made: whoever looked before that must not begin another one.
type birth struct {
	Until   time.Time `json:"until,omitzero"`
	HubSpot string    `json:"hubspot,omitempty"` // whom it is made for: after a crash Zoho has somebody, and nobody asks there
}

// errUnborn is why nobody is looked for: whoever made a contact got no answer, or did not live to hear it.
var errUnborn = errors.New("the contact may be about to appear in zoho")

// meet looks for somebody who is on no contact, under the locks that the connector takes too, and makes a contact in Zoho when
// nobody is found and one is wanted.
func (t *task) meet(p chat.Person, keys who.Keys, make bool) (being, error) {
	n := t.names(keys)
	owner := n.number
	if owner == "" {
		owner = n.user
	}
	locks, err := t.f.Book.Lock(t.ctx, t.conn, "whatsapp "+owner, t.lockNames(keys, n), t.now())
	if errors.Is(err, row.ErrConflict) {
		return being{}, fault.Again("conversation.Person", t.patience(), "somebody else is at work on the same person")
	}
	if err != nil {
		return being{}, tables(err)
	}
	b, unborn, err := t.meetLocked(p, keys, n, owner, make)
	if unborn && err != nil && !final(err) {
		return being{}, err // an insert may land yet, or has landed and nothing leads to it: the locks stay
	}
	if unlocked := t.f.Book.Unlock(t.ctx, locks); unlocked != nil && !errors.Is(unlocked, row.ErrConflict) {
		return being{}, first(err, tables(unlocked))
	}
	return b, err
}

// patience is how long is waited for somebody else's lock: mostly it is free in a moment, and one that was left behind by an insert
// that may land yet is held for a quarter of an hour.
func (t *task) patience() time.Duration {
	return min(max(t.now().Sub(t.received)/4, time.Second), 30*time.Second)
}

func (t *task) lockNames(keys who.Keys, n names) []string {
	var all []string
	for _, name := range []string{n.number, n.user} {
		if name != "" {
			all = append(all, locked(name))
		}
	}
	if t.f.Keys != nil && !keys.Phone.IsZero() {
		rec := crm.Record{ID: contactID(crm.HubSpot, ""), Fields: map[crm.Field]crm.Value{}}
		for _, c := range t.f.Columns.Numbers {
			rec.Fields[c.Field] = keys.Phone.E164
		}
		for _, k := range t.f.Keys(rec) {
			all = append(all, string(crm.Contact)+" "+string(k.Column.Field)+" "+k.Value)
		}
	}
	return all
}

// meetLocked is meet under the locks. unborn says that a contact may have been made to which nothing leads yet.
func (t *task) meetLocked(p chat.Person, keys who.Keys, n names, owner string, make bool) (met being, unborn bool, err error) {
	known, err := t.recall(keys) // whoever held the locks before may have met him
	if err != nil || known.Contact != "" {
		return known, true, err
	}
	at := birthKey(t.conn, owner)
	var b birth
	version, err := t.f.load(t.ctx, at, &b)
	if err != nil {
		return being{}, true, err
	}
	unborn = !b.Until.IsZero()
	if left := b.Until.Sub(t.now()); left > 0 {
		return being{}, unborn, &fault.Error{Op: "conversation.Person", Kind: fault.Busy, After: left, Err: errUnborn}
	}
	f, err := t.search(known, keys)
	if unborn = unborn && !f.absent; err != nil {
		return being{}, unborn, err
	}
	if known, err = t.hasHubSpot(known, cmp.Or(f.hubspot, b.HubSpot)); err != nil {
		return being{}, unborn, err
	}
	if f.asked {
		known.Looked = t.now()
	}
	if f.contact == "" && known.Contact == "" && (f.lead != "" || !make) {
		met, err = t.meetWithout(known, keys, f.lead, write(at, version, birth{}, t.now().Add(KeptFor)))
		return met, unborn, err
	}
	contact := cmp.Or(f.contact, known.Contact)
	if contact == "" {
		b.Until, b.HubSpot = t.now().Add(ClaimFor), known.HubSpot
		if err := t.f.save(t.ctx, write(at, version, b, t.now().Add(KeptFor))); err != nil {
			return being{}, unborn, err
		}
		version++
		if contact, err = t.create(p, keys); err != nil {
			if !uncertain(err) {
				return being{}, false, first(t.f.save(t.ctx, write(at, version, birth{}, t.now().Add(KeptFor))), err)
			}
			return being{}, true, &fault.Error{Op: "conversation.Create", Kind: fault.Down, After: ClaimFor, Err: err}
		}
		unborn, t.applied = true, true
	}
	var born []row.Put
	if version != 0 {
		born = []row.Put{write(at, version, birth{}, t.now().Add(KeptFor))}
	}
	met, err = t.adopt(known, contact, n, born...)
	return met, unborn, err
}

// found is who has a number: "" for nobody.
type found struct {
	contact string // in Zoho
	lead    string // in Zoho, of one who has no contact there
	hubspot string // of one whom Zoho has not, or as a lead only
	asked   bool   // HubSpot was, and has him not
	absent  bool   // no contact in Zoho has the number; known also where an error says that the search went no further
}

// search looks for somebody in Zoho and, when it has nobody, among the leads and in HubSpot, whose contacts the connector brings to Zoho.
// b is what is known of him.
func (t *task) search(b being, keys who.Keys) (found, error) {
	byUser, byNumber, err := t.hits(crm.Zoho, keys)
	if err != nil {
		return found{}, err
	}
	switch verdict := who.Decide(t.named(keys), byUser, byNumber); {
	case len(verdict.Candidates) > 0:
		return found{}, t.ambiguous(verdict.Candidates)
	case verdict.Contact != "":
		erased, err := t.f.Book.Erased(t.ctx, t.conn, contactID(crm.Zoho, verdict.Contact))
		if err == nil && erased[0] {
			return found{}, t.ambiguous([]string{verdict.Contact})
		}
		return found{contact: verdict.Contact}, tables(err)
	}
	f := found{hubspot: b.HubSpot, absent: true}
	if f.lead, err = t.asksLeads(b, keys); err != nil {
		return found{absent: true}, err
	}
	if f.hubspot == "" && (f.lead == "" || t.u.Message != nil || t.now().Sub(b.Looked) >= LookAfter) { // a lead whom we write to is asked for now and then
		if f.hubspot, err = t.inHubSpot(keys); err != nil {
			return found{absent: true}, err
		}
		f.asked = f.hubspot == ""
	}
	p, err := t.onward(being{HubSpot: f.hubspot, Gone: b.Gone})
	if err != nil {
		return found{absent: true}, err
	}
	switch contact, err := t.goesOnAs(p, b, f.hubspot); {
	case err != nil:
		return found{absent: true}, err
	case contact != "":
		contact, err = t.unlessTaken(keys, contact)
		if err == nil && keys.Phone.IsZero() {
			err = t.unlessOthers(b, contact)
		}
		return found{contact: contact, absent: true}, err
	case f.hubspot == "":
		return f, nil
	}
	if _, err = t.unlessTaken(keys, f.hubspot); err != nil || f.lead != "" {
		return f, err
	}
	return f, t.unlessComing(p, f.hubspot)
}

// unlessTaken returns the contact that a number led to, unless it was seen there with another user id.
func (t *task) unlessTaken(keys who.Keys, contact string) (string, error) {
	number, err := t.lead(t.names(keys).number)
	if err != nil {
		return "", err
	}
	hit, err := t.seen(number, contact)
	if err != nil {
		return "", err
	}
	if len(who.Decide(t.named(keys), "", []who.Hit{hit}).Candidates) > 0 {
		return "", t.ambiguous([]string{contact})
	}
	return contact, nil
}

// unlessOthers holds that a contact that somebody who shows no number was led to is no other person's.
func (t *task) unlessOthers(b being, contact string) error {
	other, err := t.of(contact)
	if err == nil && other.id != "" && other.id != b.id {
		err = t.ambiguous([]string{contact})
	}
	return err
}

// seen returns a contact as the graph has seen a number on it: with which user id, and whether its person has given the number up, or
// another one was seen with it since.
func (t *task) seen(number lead, contact string) (who.Hit, error) {
	h := who.Hit{Contact: contact, User: crm.Unknown()}
	if number.id == "" {
		return h, nil
	}
	b, err := t.of(contact)
	if err != nil || b.id != number.id {
		h.Left = err == nil && b.id != "" && number.User != ""
		return h, err
	}
	h.Left = number.Retired && !number.past
	if number.User != "" {
		h.User = crm.Text(number.User)
	}
	return h, nil
}

// named returns the keys with the user id as the graph knows it.
func (t *task) named(keys who.Keys) who.Keys {
	if n := t.names(keys); n.user != "" {
		keys.User = crm.Text(n.user)
	}
	return keys
}

// hits returns the contact of a system that carries the user id, "" for none, and those that carry the number, each with the user
// id by which it is known, as the graph knows it. What a search names is compared again; another spelling of the line counts where
// nobody has it as it came.
func (t *task) hits(sys crm.System, keys who.Keys) (byUser string, byNumber []who.Hit, err error) {
	c, side := t.f.Columns, CRM(t.f.Zoho)
	numbers, users := c.Numbers, c.User.Property != ""
	if sys == crm.HubSpot {
		numbers, users, side = c.HubSpotNumbers, false, t.f.HubSpot
	}
	s := crm.Search{Module: crm.Contacts, Columns: slices.Clone(numbers), Keys: asks(numbers, keys)}
	if users {
		s.Columns = append(s.Columns, c.User)
	}
	if users && keys.User.Filled() {
		s.Keys = append(s.Keys, crm.MatchKey{Column: c.User, Value: keys.User.Text()})
	}
	if len(s.Keys) == 0 {
		return "", nil, nil
	}
	found, err := side.Find(t.ctx, s)
	if err != nil {
		return "", nil, err
	}
	number, err := t.lead(t.names(keys).number)
	if err != nil {
		return "", nil, err
	}
	var otherwise []who.Hit
	for _, r := range found {
		user := crm.Unknown()
		if users {
			user = r.Value(c.User.Field)
		}
		if user.Filled() && user == keys.User {
			byUser = r.ID.Key
		}
		as, twin := carries(r, numbers, c.Region, keys.Phone)
		if !as && !twin {
			continue
		}
		h := who.Hit{Contact: r.ID.Key}
		if sys == crm.Zoho {
			if h, err = t.seen(number, r.ID.Key); err != nil {
				return "", nil, err
			}
		}
		if user.Filled() {
			h.User = crm.Text(t.f.name("user", t.conn, user.Text()))
		}
		if as {
			byNumber = append(byNumber, h)
		} else {
			otherwise = append(otherwise, h)
		}
	}
	if len(byNumber) == 0 {
		byNumber = otherwise
	}
	return byUser, byNumber, nil
}

// asks returns what is asked for of a number.
func asks(numbers []crm.Column, keys who.Keys) (out []crm.MatchKey) {
	for _, col := range numbers {
		for _, digits := range keys.Phone.Ask {
			out = append(out, crm.MatchKey{Column: col, Value: "+" + digits.Text()})
		}
	}
	return out
}

// carries reports whether a record has the number, or has the same line in another spelling.
func carries(r crm.Record, numbers []crm.Column, region string, want who.Number) (as, twin bool) {
	if want.IsZero() {
		return false, false
	}
	for _, col := range numbers {
		v := r.Value(col.Field)
		if !v.Filled() {
			continue
		}
		have := who.Phone(v.Text(), region)
		as, twin = as || have.Match == want.Match, twin || have.Line == want.Line
	}
	return as, twin
}

// nameable says why somebody cannot have a contact: nothing would lead to it again.
func (t *task) nameable(keys who.Keys) error {
	if keys.Phone.IsZero() && t.f.Columns.User.Property == "" {
		return parked(fault.CauseNoNumber, "the person shows no number, and no property of Zoho is set for user ids")
	}
	return nil
}

// create makes the contact of a person whom nobody knows.
func (t *task) create(p chat.Person, keys who.Keys) (string, error) {
	if err := t.nameable(keys); err != nil {
		return "", err
	}
	c := t.f.Columns
	ch := crm.Change{ID: contactID(crm.Zoho, ""), Set: map[crm.Field]crm.Value{}}
	set := func(col crm.Column, v crm.Value) {
		if col.Property != "" && v.Filled() {
			ch.Columns, ch.Set[col.Field] = append(ch.Columns, col), v
		}
	}
	set(c.Name, crm.Text(nameOf(p, keys)))
	set(c.Number, keys.Phone.E164)
	set(c.User, keys.User)
	set(c.Source, crm.Text(c.SourceValue))
	id, err := t.insert(ch)
	if refusesOnly(err, c.Source) { // a picklist that has not the word: where somebody comes from is not worth his contact
		delete(ch.Set, c.Source.Field)
		ch.Columns = slices.DeleteFunc(ch.Columns, func(col crm.Column) bool { return col == c.Source })
		id, err = t.insert(ch)
	}
	return id, err
}

func (t *task) insert(ch crm.Change) (string, error) {
	results, err := t.f.Zoho.Create(t.ctx, []crm.Change{ch})
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		return "", err
	}
	return results[0].ID.Key, nil
}

// refusesOnly reports whether a write was refused for one column alone.
func refusesOnly(err error, col crm.Column) bool {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Refused || len(e.Refused) == 0 {
		return false
	}
	return !slices.ContainsFunc(e.Refused, func(r fault.Refusal) bool { return r.Property != col.Property })
}

// nameOf is what a new contact is called: whatever the person calls himself, else how he was reached.
func nameOf(p chat.Person, keys who.Keys) string {
	name := cmp.Or(chat.Name(p.Name.Text()), chat.Name(p.Username.Text()), keys.Phone.E164.Text(), "WhatsApp")
	if r := []rune(name); len(r) > 80 {
		name = string(r[:80])
	}
	return name
}
