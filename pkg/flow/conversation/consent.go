package conversation

import (
	"errors"
	"strconv"
	"time"

	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
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
	case same && !last.Owed, // told again: somebody may have set the field by hand since
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
	owed, err := t.show(who, said.Out)
	if err == nil && !owed {
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
// stricter of two values is never between. On a HubSpot contact whose pair goes on with another Zoho contact than the person's own it is
// only ticked, by an edit like any other: who of the two wants messages again does not say so for the other one.
func (t *task) setOptOut(who someone, out bool) error {
	c := t.f.Columns
	var p identity.Loaded
	if who.zoho != "" {
		var err error
		if p, err = t.pair(crm.Zoho, who.zoho); err != nil {
			return err
		}
	}
	paired := p.Version != 0 && p.State == pair.Living && who.hubspot != ""
	beside := paired && p.Zoho != who.zoho
	if beside && !out {
		return t.setField(crm.Zoho, who, c.OptOut, boxed(out))
	}
	paired = paired && !beside
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
	value := boxed(out)
	err := first(t.setField(crm.Zoho, who, c.OptOut, value), t.setField(crm.HubSpot, who, c.HubSpotOptOut, value))
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

// boxed is what the box of somebody who wants no messages says, or of one who does.
func boxed(out bool) crm.Value { return crm.Text(strconv.FormatBool(out)) }

// show writes a person's word into both CRMs. A contact that is locked, by an approval that may take days, keeps nothing of its person
// back: his word holds whatever it shows, and the field follows from the outbox. owed: it has yet to.
func (t *task) show(who someone, out bool) (owed bool, err error) {
	err = t.setOptOut(who, out)
	if fault.KindOf(err) != fault.Locked || t.f.Number == "" {
		return false, err
	}
	id := t.f.name("opt-out", t.conn, who.zoho)
	rows, err := t.f.Store.Get(t.ctx, outboxKey(t.conn, id))
	if err != nil || rows[0].Version != 0 {
		return true, tables(err)
	}
	listed, err := t.listed(who.id, outboxKey(t.conn, id))
	if err != nil {
		return true, err
	}
	expires := t.now().Add(KeptFor)
	o := outgoing{Number: t.number(), Contact: who.zoho, At: t.now(), Stage: stageOptOut, Until: t.now().Add(ClaimFor)}
	return true, t.f.save(t.ctx, append(listed, write(outboxKey(t.conn, id), 0, o, expires),
		row.Put{Key: dueKey(t.conn, id), Value: []byte(id), Expires: expires})...)
}

var unshown = map[bool]string{
	true:  "the person wants no messages, which could not be written onto the contact for days",
	false: "the person wants messages again, which could not be written onto the contact for days",
}

var unshownAs = map[bool]string{true: fault.CauseUnwrittenOut, false: fault.CauseUnwrittenIn}

// shown tries again to show on a contact what its person has said: that he wants no messages, or his own contact's field that he wants
// them again. After FileFor it is given up with a row; a contact that is gone owes nothing.
func (t *task) shown(s *shipment) error {
	if left := s.Until.Sub(t.now()); left > 0 {
		return fault.Again("conversation.Consent", left, "the word is written again later")
	}
	who, err := t.whose(s)
	if err != nil {
		return err
	}
	said, version, err := t.word(who)
	if err != nil {
		return err
	}
	if owed := said.Owed && who.zoho == s.Contact; said.Out || owed {
		hubspot, err := t.twin(s.Contact)
		both := someone{id: who.id, zoho: s.Contact, hubspot: hubspot}
		if err == nil {
			err = t.setOptOut(both, said.Out)
		}
		if errors.Is(err, errGone) { // of the two there is the other one alone
			err = t.setField(crm.HubSpot, both, t.f.Columns.HubSpotOptOut, boxed(said.Out))
		}
		if err != nil && !final(err) && t.now().Before(s.At.Add(FileFor)) {
			return t.putBack(s, "conversation.Consent", "the contact cannot be written yet")
		}
		if err != nil && !final(err) {
			err = parked(unshownAs[said.Out], unshown[said.Out])
		}
		t.applied = t.applied || err == nil
		if err := t.tell(s.id, contactID(crm.Zoho, s.Contact), err); err != nil {
			return err
		}
		if err := t.stillSaid(who, said, version, owed); err != nil {
			return err
		}
	}
	return t.ended(s)
}

// ended takes something that is no message out of the outbox, unless it was asked for again meanwhile: then it waits for a later look.
func (t *task) ended(s *shipment) error {
	rows, err := t.f.Store.Get(t.ctx, dueKey(t.conn, s.id))
	if err != nil {
		return tables(err)
	}
	puts := []row.Put{{Key: outboxKey(t.conn, s.id), If: s.version, Delete: true}}
	if rows[0].Version != 0 {
		puts = append(puts, row.Put{Key: rows[0].Key, If: rows[0].Version, Delete: true})
	}
	return t.f.save(t.ctx, puts...)
}

// stillSaid holds that a word that was shown, or told with a row, is still the last one; settled: nothing is owed for it any more. Over a
// later word that was shown meanwhile the earlier one stands now: that one is owed again.
func (t *task) stillSaid(who someone, said word, version int64, settled bool) error {
	key := consentKey(t.conn, who.id)
	last, now, err := t.word(who)
	switch {
	case err != nil:
		return err
	case now == version && settled:
		said.Owed = false
		return t.f.save(t.ctx, write(key, version, said, time.Time{}))
	case now == version:
		return nil
	case !last.Owed && last.Out != said.Out:
		last.Owed = true
		err = t.f.save(t.ctx, write(key, now, last, time.Time{}))
	}
	return first(err, fault.Again("conversation.Consent", time.Second, "the person has said another word meanwhile"))
}

func (t *task) setField(sys crm.System, who someone, col crm.Column, v crm.Value) error {
	contact, err := who.in(sys)
	if err != nil || contact == "" || col.Property == "" {
		return err
	}
	ch := crm.Change{ID: contactID(sys, contact), Set: map[crm.Field]crm.Value{col.Field: v}, Columns: []crm.Column{col}}
	return t.absent(sys, who, t.f.side(sys).Write(t.ctx, ch).Err)
}

// refuses reports whether the person wants no messages: his own word, or a box that somebody ticked in a CRM. Of a pair Zoho's tells for
// both, which are kept in step where the mapping has the field. A box that is still to be cleared for his word tells nothing.
func (t *task) refuses(who someone) (bool, error) {
	last, _, err := t.word(who)
	if err != nil || last.Out || last.Owed {
		return last.Out, err
	}
	out, err := t.ticked(crm.Zoho, who.zoho, t.f.Columns.OptOut)
	switch {
	case err != nil:
		return false, t.absent(crm.Zoho, who, err)
	case out || who.paired:
		return out, nil
	}
	out, err = t.ticked(crm.HubSpot, who.hubspot, t.f.Columns.HubSpotOptOut)
	return out, t.absent(crm.HubSpot, who, err)
}

// ticked reports whether the box of a contact is; one that is "" has none.
func (t *task) ticked(sys crm.System, contact string, box crm.Column) (bool, error) {
	if contact == "" || box.Property == "" {
		return false, nil
	}
	readings, err := t.f.side(sys).Read(t.ctx, crm.Query{Module: crm.Contacts, Keys: []string{contact}, Columns: []crm.Column{box}})
	switch {
	case err != nil:
		return false, err
	case readings[0].Gone:
		return false, &fault.Error{Op: "conversation.Consent", Kind: fault.Missing, Err: errors.New("the contact is gone")}
	}
	return readings[0].Record.Value(box.Field).Text() == "true", nil
}
