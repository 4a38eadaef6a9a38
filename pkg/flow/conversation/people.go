package conversation

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// People tells the connector who has written: a person who is made in HubSpot a moment after he wrote is the one whose messages
// are logged, and what he said about messages reaches the contact that he is paired with later. It reads the rows of Flow, and needs the same Hasher.
type People struct {
	Store   Store
	Hasher  pair.Hasher
	Parking Parking // asked to merge two contacts of one person
	Now     func() time.Time
}

// locked is the name under which a key of a person is locked while a contact is looked for and made.
func locked(name string) string { return "whatsapp " + name }

// Names returns what is locked while a contact is made for whoever has these numbers, one a number that can be read. A number
// without a country code is one of the region, an ISO 3166 code, or canon.NoRegion.
func (p People) Names(conn, region string, numbers ...crm.Value) []string {
	var out []string
	for _, v := range numbers {
		if n := who.Phone(v.Text(), region); !n.IsZero() {
			out = append(out, locked(hashed(p.Hasher, "number", conn, n.Line.Text())))
		}
	}
	return out
}

// Contact returns the id of the Zoho contact on which the messages of a person are logged, by one of Names; "" when nobody has
// written from that number. Errors are those of the table.
func (p People) Contact(ctx context.Context, conn, name string) (string, error) {
	var k known
	f := Flow{Store: p.Store}
	if _, err := f.load(ctx, personKey(conn, strings.TrimPrefix(name, locked(""))), &k); err != nil || k.Retired {
		return "", err
	}
	b, err := f.being(ctx, conn, k.Person)
	return b.Contact, err
}

// Records returns by which records the CRMs know the person of a contact of either: the contact in Zoho on which his messages are logged,
// the one that he had before if it was gone, a contact in HubSpot that was in no pair with them when he was met, a lead. None when nobody
// who wrote is known by that contact. Errors are those of the table.
func (p People) Records(ctx context.Context, conn, contact string) ([]crm.ID, error) {
	t := &task{f: &Flow{Store: p.Store}, ctx: ctx, conn: conn}
	b, err := t.of(contact)
	if err != nil {
		return nil, err
	}
	all := []crm.ID{contactID(crm.Zoho, b.Contact), contactID(crm.Zoho, b.Gone), contactID(crm.HubSpot, b.HubSpot),
		{System: crm.Zoho, Module: crm.Leads, Key: b.Lead}}
	return slices.DeleteFunc(all, func(id crm.ID) bool { return id.Key == "" }), nil
}

// Paired puts into the outbox that whoever one of these contacts is wants no messages, for both halves of a pair that is about to be
// saved. It is looked at no sooner than ClaimFor from now, when the pair is saved or its maker asks anew; and asked anew it waits anew.
// wrote, "" for none, is another Zoho contact of the pair's person, on which his messages are logged: people are asked to merge it, and
// he goes on with the pair when he writes next. Errors are those of the tables.
func (p People) Paired(ctx context.Context, conn, hubspot, zoho, wrote string, duplicates ...string) error {
	t := &task{f: &Flow{Store: p.Store, Book: &identity.Book{Hasher: p.Hasher}, Parking: p.Parking, Now: p.Now}, ctx: ctx, conn: conn}
	if wrote != "" {
		if err := t.belongsTo(hubspot, zoho, wrote); err != nil {
			return err
		}
	}
	var met []string
	for _, contact := range append([]string{zoho, hubspot}, duplicates...) {
		b, err := t.of(contact)
		if err != nil {
			return err
		}
		if b.id == "" || slices.Contains(met, b.id) {
			continue
		}
		met = append(met, b.id)
		contact := cmp.Or(zoho, b.Contact)
		if contact == "" {
			continue // his word is shown when he has one
		}
		if err := t.follow(b.id, contact); err != nil {
			return err
		}
	}
	return nil
}

// belongsTo notes that whoever wrote on a contact is the person of a pair, and asks people to merge the contact with the pair's.
func (t *task) belongsTo(hubspot, zoho, wrote string) error {
	b, err := t.of(wrote)
	if err != nil || b.id == "" || b.Contact != wrote || hubspot == "" {
		return err
	}
	if err := t.tellTwins(zoho, wrote); err != nil {
		return err
	}
	b.HubSpot = hubspot
	held, err := t.holdsHubSpot(b)
	if err != nil {
		return err
	}
	return t.f.save(t.ctx, append(held, write(beingKey(t.conn, b.id), b.version, b, time.Time{}))...)
}

// follow lets the word of a person who wants no messages be written onto a contact in Zoho and its twin.
func (t *task) follow(person, contact string) error {
	said, _, err := t.word(someone{id: person})
	if err != nil || !said.Out {
		return err
	}
	id := t.f.name("paired", t.conn, contact, person)
	var was outgoing
	version, err := t.f.load(t.ctx, outboxKey(t.conn, id), &was)
	if err != nil {
		return err
	}
	puts, err := t.listed(person, outboxKey(t.conn, id))
	if err != nil {
		return err
	}
	now := t.now()
	o := outgoing{Contact: contact, Person: person, At: now, Stage: stageOptOut, Until: now.Add(ClaimFor)}
	puts = append(puts, write(outboxKey(t.conn, id), version, o, now.Add(KeptFor)))
	if version == 0 {
		puts = append(puts, row.Put{Key: dueKey(t.conn, id), Value: []byte(id), Expires: now.Add(KeptFor)})
	}
	return t.f.save(t.ctx, puts...)
}
