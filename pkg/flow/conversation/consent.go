package conversation

import (
	"time"

	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
)

// word is a person's last word on messages.
type word struct {
	Out  bool      `json:"out"`
	At   time.Time `json:"at"`
	Owed bool      `json:"owed,omitempty"` // the field of the CRMs does not say it yet
}

// leaseFor is how long a pair is kept while a word is written to both of its records.
const leaseFor = 40 * time.Second

// preference heeds what a person said in WhatsApp's own settings.
func (t *task) preference() error {
	c, said := t.f.Rules.Consent(t.u)
	if !said {
		return nil
	}
	who, err := t.person(t.u.Preference.From)
	if err != nil {
		return err
	}
	return t.consent(who, c)
}

// consent keeps a person's word and writes it into both CRMs. Words come late and out of order: the later one holds, whichever came
// last. What he said holds from when it is kept, though no CRM takes it for now: the field follows. Only words come here, so nothing
// but a person's own clears the field.
func (t *task) consent(who someone, c talk.Consent) error {
	said, key := word{Out: c.Out, At: t.bounded(c.At), Owed: true}, consentKey(t.conn, who.id)
	last, version, err := t.word(who)
	if err != nil {
		return err
	}
	same := version != 0 && last.At.Equal(said.At) && last.Out == said.Out
	switch {
	case same && last.Out && !last.Owed,
		version != 0 && !same && (last.At.After(said.At) || last.At.Equal(said.At) && last.Out):
		return nil
	case !same:
		listed, err := t.listed(who.id, key)
		if err != nil {
			return err
		}
		if err := t.f.save(t.ctx, append(listed, write(key, version, said, time.Time{}))...); err != nil {
			return err
		}
		version++
	}
	t.applied = true
	err = t.setOptOut(who, said.Out)
	if err == nil {
		said.Owed = false
		err = t.f.save(t.ctx, write(key, version, said, time.Time{}))
	}
	is, unknown := t.f.being(t.ctx, t.conn, who.id)
	switch {
	case unknown != nil:
		return unknown
	case is.id != who.id:
		return fault.Again("conversation.Consent", time.Second, "the person turned out to be another one meanwhile, who has to be told")
	}
	return err
}

// word returns a person's last word, which holds for all numbers of the business, and the version of its row.
func (t *task) word(who someone) (last word, version int64, err error) {
	version, err = t.f.load(t.ctx, consentKey(t.conn, who.id), &last)
	return last, version, err
}

// setOptOut writes the field of both records under the pair's lease, and the base with them: the connector sees no edit, and the
// stricter of two values is never between.
func (t *task) setOptOut(who someone, out bool) error {
	c := t.f.Columns
	p, err := t.pair(crm.Zoho, who.zoho)
	if err != nil {
		return err
	}
	paired := p.Version != 0 && p.State == pair.Living && who.hubspot != ""
	if paired {
		owner := t.f.Book.NewID()
		if p.Leased(owner, t.now()) {
			return fault.Again("conversation.Consent", 2*time.Second, "somebody else is at work on the pair")
		}
		p.Lease = pair.Lease{Owner: owner, Until: t.now().Add(leaseFor)}
		if err := t.f.Book.Save(t.ctx, &p); err != nil {
			return tables(err)
		}
	}
	value := crm.Text("false")
	if out {
		value = crm.Text("true")
	}
	err = first(t.setField(crm.Zoho, who, c.OptOut, value), t.setField(crm.HubSpot, who, c.HubSpotOptOut, value))
	if !paired {
		return err
	}
	if err == nil {
		h := t.f.Book.Hasher
		p.Settle(pair.SlotOf(c.OptOut.Field, c.HubSpotOptOut.Property, c.OptOut.Property),
			pair.Base{HubSpot: h.Raw(crm.HubSpot, c.OptOut.Field, value), Zoho: h.Raw(crm.Zoho, c.OptOut.Field, value)})
	}
	p.Lease = pair.Lease{}
	return first(err, tables(t.f.Book.Save(t.ctx, &p)))
}

func (t *task) setField(sys crm.System, who someone, col crm.Column, v crm.Value) error {
	contact := who.in(sys)
	if contact == "" || col.Property == "" {
		return nil
	}
	ch := crm.Change{ID: contactID(sys, contact), Set: map[crm.Field]crm.Value{col.Field: v}, Columns: []crm.Column{col}}
	return t.absent(sys, who, t.f.side(sys).Write(t.ctx, ch).Err)
}

// refuses reports whether the person wants no messages: his own word, or a box that somebody ticked in the CRM.
func (t *task) refuses(who someone) (bool, error) {
	last, _, err := t.word(who)
	if err != nil || last.Out {
		return last.Out, err
	}
	col := t.f.Columns.OptOut
	if col.Property == "" {
		return false, nil
	}
	readings, err := t.f.Zoho.Read(t.ctx, crm.Query{Module: crm.Contacts, Keys: []string{who.zoho}, Columns: []crm.Column{col}})
	if err != nil {
		return false, err
	}
	if readings[0].Gone {
		return false, t.forget(who.zoho)
	}
	return readings[0].Record.Value(col.Field).Text() == "true", nil
}
