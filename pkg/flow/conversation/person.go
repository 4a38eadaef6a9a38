package conversation

import (
	"strings"
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
	zoho    string
	hubspot string // "" when HubSpot has him not
}

func (s someone) in(sys crm.System) string {
	if sys == crm.HubSpot {
		return s.hubspot
	}
	return s.zoho
}

// known is a row of the identity graph: what a key leads to.
type known struct {
	Contact string    `json:"contact"`
	User    string    `json:"user,omitempty"` // of a number: the name of the user id by which the contact is known
	At      time.Time `json:"at"`
	Retired bool      `json:"retired,omitempty"` // leads nowhere any more
}

// names are the keys of a person as the graph knows them; "" for none.
type names struct{ user, number string }

func (t *task) names(k who.Keys) (n names) {
	if k.User.Filled() {
		n.user = t.f.name("user", t.conn, k.User.Text())
	}
	if !k.Phone.IsZero() {
		n.number = t.f.name("number", t.conn, k.Phone.Match.Text())
	}
	return n
}

// person finds the contact of a person, and makes one in Zoho for somebody whom neither CRM knows.
func (t *task) person(p chat.Person) (someone, error) {
	keys := who.Of(p)
	if keys.IsZero() {
		return someone{}, parked("NOBODY", "nothing tells whose message it is")
	}
	n := t.names(keys)
	contact, err := t.recall(keys, n)
	if err != nil {
		return someone{}, err
	}
	if contact == "" {
		if contact, err = t.meet(p, keys, n); err != nil {
			return someone{}, err
		}
	}
	hubspot, err := t.twin(contact)
	return someone{zoho: contact, hubspot: hubspot}, err
}

// recall asks the graph. What it lacks of the person's keys is added; the first writer wins.
func (t *task) recall(keys who.Keys, n names) (string, error) {
	var byUser, byNumber known
	if n.user != "" {
		if _, err := t.f.load(t.ctx, personKey(t.conn, n.user), &byUser); err != nil {
			return "", err
		}
	}
	if n.number != "" {
		if _, err := t.f.load(t.ctx, personKey(t.conn, n.number), &byNumber); err != nil {
			return "", err
		}
	}
	if byUser.Retired {
		byUser.Contact = ""
	}
	if byNumber.Retired {
		byNumber = known{}
	}
	if n.user != "" {
		keys.User = crm.Text(n.user)
	}
	verdict := who.Decide(keys, byUser.Contact, []who.Hit{{Contact: byNumber.Contact, User: crm.Text(byNumber.User)}})
	if len(verdict.Candidates) > 0 {
		return "", t.ambiguous(verdict.Candidates)
	}
	if verdict.Contact == "" {
		return "", nil
	}
	if n.user != "" && byUser.Contact == "" || n.number != "" && byNumber.Contact == "" {
		if err := t.remember(verdict.Contact, n); err != nil {
			return "", err
		}
	}
	return verdict.Contact, nil
}

// remember lets the keys lead to the contact where they lead nowhere yet.
func (t *task) remember(contact string, n names, more ...row.Put) error {
	puts := more
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
		if version != 0 && !k.Retired && k.Contact != "" {
			continue
		}
		k = known{Contact: contact, At: t.now()}
		if name == n.number {
			k.User = n.user
		}
		puts = append(puts, write(key, version, k, time.Time{}))
		listed, err := t.listed(contact, key)
		if err != nil {
			return err
		}
		puts = append(puts, listed...)
	}
	if len(puts) == 0 {
		return nil
	}
	return t.f.save(t.ctx, puts...)
}

// listed returns the write that lists a row under its contact, none when it is listed.
func (t *task) listed(contact string, of row.Key) ([]row.Put, error) {
	put := belongs(t.conn, contact, of, time.Time{})
	rows, err := t.f.Store.Get(t.ctx, put.Key)
	if err != nil {
		return nil, tables(err)
	}
	if rows[0].Version != 0 {
		return nil, nil
	}
	return []row.Put{put}, nil
}

// forget takes away what leads to a contact that is gone; the next update looks anew.
func (t *task) forget(contact string) error {
	err := t.f.each(t.ctx, t.conn, contact, func(of row.Key) (bool, error) {
		if !strings.HasPrefix(of.Part, "I#") {
			return false, nil
		}
		return true, t.f.drop(t.ctx, of)
	})
	if err != nil {
		return err
	}
	return fault.Again("conversation.Person", 2*time.Second, "the contact is gone; its person is looked for anew")
}

// twin returns the HubSpot contact that a Zoho contact is paired with, "" for none.
func (t *task) twin(contact string) (string, error) {
	p, err := t.pair(crm.Zoho, contact)
	if err != nil || p.Version == 0 || p.State != pair.Living {
		return "", err
	}
	return p.HubSpot, nil
}

// rename moves the keys of somebody who has another number or user id now. What the new keys led to is the same person. In Zoho
// the user id is moved, which is ours; the number is a person's to change.
func (t *task) rename(m chat.Message) error {
	change, ok := who.Renamed(m)
	if !ok {
		return nil
	}
	before, now := t.names(change.Before), t.names(change.Now)
	contact, err := t.recall(change.Before, before)
	if err != nil || contact == "" {
		return err
	}
	retired := t.names(change.Retired)
	for _, name := range []string{now.user, now.number, retired.user, retired.number} {
		if name == "" {
			continue
		}
		key := personKey(t.conn, name)
		var k known
		version, err := t.f.load(t.ctx, key, &k)
		if err != nil {
			return err
		}
		next := known{Contact: contact, At: change.At, Retired: name == retired.user || name == retired.number}
		if name == now.number {
			next.User = now.user
		}
		if version != 0 && (k.At.After(change.At) || k.Contact == next.Contact && k.Retired == next.Retired && k.User == next.User) {
			continue
		}
		listed, err := t.listed(contact, key)
		if err != nil {
			return err
		}
		if err := t.f.save(t.ctx, append(listed, write(key, version, next, time.Time{}))...); err != nil {
			return err
		}
	}
	if c := t.f.Columns.User; change.Now.User.Filled() && c.Property != "" {
		ch := crm.Change{ID: contactID(crm.Zoho, contact), Set: map[crm.Field]crm.Value{c.Field: change.Now.User}, Columns: []crm.Column{c}}
		return t.absent(crm.Zoho, someone{zoho: contact}, t.f.Zoho.Write(t.ctx, ch).Err)
	}
	return nil
}
