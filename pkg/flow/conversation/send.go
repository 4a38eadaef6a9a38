package conversation

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// Send brings one message of the outbox on, or a file or an opt-out that waits in it: it is sent once, and what was sent is logged like
// what comes in. Done: it is at its end. Again: the rates, a failing system, or its fate is not known yet. Parked: a fault of our own,
// which an alarm waits for. A refusal opens its row by itself and is Done, and what a person was to read is handed over. What may have
// been sent is never sent again.
func (f *Flow) Send(ctx context.Context, conn, id string) fault.Outcome {
	t := &task{f: f, ctx: ctx, conn: conn, id: f.name("sending", id), received: f.Now()}
	err := t.send(id)
	out := fault.Outcome{Ending: fault.Done, Applied: t.applied, Told: t.told}
	switch {
	case err != nil:
		out.Ending, out.After, out.Err = fault.GoAgain, fault.After(err), err
	case t.ours != nil:
		out.Ending, out.Err = fault.ParkedAway, t.ours
	}
	return out
}

// shipment is one message of the outbox at work.
type shipment struct {
	outgoing
	id      string
	version int64
	request outbound.Request
	who     someone
}

func (t *task) send(id string) error {
	s := shipment{id: id}
	var err error
	if s.version, err = t.f.load(t.ctx, outboxKey(t.conn, id), &s.outgoing); err != nil {
		return err
	}
	if s.version == 0 || s.Stage == stageLogged || s.Stage == stageRefused || s.Stage == stageOver {
		return t.f.drop(t.ctx, dueKey(t.conn, id))
	}
	switch s.Stage {
	case stageFile:
		return t.file(&s)
	case stageOptOut:
		return t.shown(&s)
	}
	t.u.Number, t.received = s.Number, s.At
	if s.Stage == stageGivenUp {
		return t.giveUp(&s)
	}
	if s.request, err = outbound.Decode(s.Request); err != nil {
		return t.refuse(&s, parked(fault.CauseCorrupt, "the stored request cannot be read"))
	}
	switch s.Stage {
	case stageSending:
		if left := s.Until.Sub(t.now()); left > 0 {
			return fault.Again("conversation.Send", left, "it is being sent")
		}
		s.Stage = stageUnknown // whoever sent it did not live to tell
		return first(t.keepShipment(&s), t.await(&s))
	case stageUnknown:
		return t.await(&s)
	case stageDenied:
		return t.denied(&s)
	case stageSent:
		return t.logShipment(&s)
	}
	if s.late(t.now()) {
		return t.tooLate(&s)
	}
	if left := s.Until.Sub(t.now()); left > 0 {
		return fault.Again("conversation.Send", left, "it is tried again later")
	}
	return t.ship(&s)
}

func (t *task) keepShipment(s *shipment, more ...row.Put) error {
	err := t.f.save(t.ctx, append(more, write(outboxKey(t.conn, s.id), s.version, s.outgoing, s.At.Add(KeptFor)))...)
	if err == nil {
		s.version++
	}
	return err
}

// await waits for the status of a message of unknown fate; after UnknownFor a person is asked to look.
func (t *task) await(s *shipment) error {
	if left := s.Until.Add(UnknownFor).Sub(t.now()); left > 0 {
		return fault.Again("conversation.Send", min(left, 15*time.Minute), "whether it was sent is not known; its status tells")
	}
	return t.refuse(s, unknownOutcome())
}

// whose returns whose message it is, or whose word, as the CRMs know him now; nobody while he was never looked for, and when he was erased.
func (t *task) whose(s *shipment) (someone, error) {
	if s.Person == "" {
		return t.someoneOf(s.Contact)
	}
	b, err := t.f.being(t.ctx, t.conn, s.Person)
	if err != nil {
		return someone{}, err
	}
	return t.someone(b)
}

// person is whom a message goes to, with all that is known of him.
func (s *shipment) person() chat.Person {
	p := s.request.To
	if s.User != "" {
		p.User = crm.Text(s.User)
	}
	if s.Name != "" {
		p.Name = crm.Text(s.Name)
	}
	return p
}

// ship looks at everything that may forbid a message, and sends it.
func (t *task) ship(s *shipment) error {
	var err error
	if s.who, err = t.addressee(s.person()); err != nil {
		return t.orRefuse(s, t.inTime(s, err))
	}
	if s.Contact != s.who.zoho || s.Person != s.who.id || s.version == 1 {
		s.Contact, s.Person = s.who.zoho, s.who.id
		listed, err := t.listed(s.who.id, outboxKey(t.conn, s.id))
		if err != nil {
			return err
		}
		before, err := t.f.Store.Get(t.ctx, t.f.addressed(t.conn, s.id, s.request.To)...)
		if err != nil {
			return tables(err)
		}
		for _, r := range before {
			if r.Version != 0 {
				listed = append(listed, row.Put{Key: r.Key, If: r.Version, Delete: true})
			}
		}
		if err := t.keepShipment(s, listed...); err != nil {
			return err
		}
	}
	if s.Rule != "" {
		if awaited, err := t.awaited(s); err != nil {
			return err
		} else if !awaited {
			return t.end(s)
		}
	} else if err := t.inTime(s, t.allowed(s)); err != nil {
		return t.orRefuse(s, err)
	}
	if err := t.begin(s); err != nil {
		return err
	}
	receipt, err := t.f.Phone.Send(t.ctx, s.Number, outbound.Outgoing{To: s.request.To, Text: s.request.Text, Template: s.request.Template, Callback: s.id})
	if err != nil {
		return t.notSent(s, err)
	}
	t.applied = true
	s.Stage, s.Wamid, s.SentAt = stageSent, receipt.ID.Text(), t.now()
	if err := t.keepShipment(s); err != nil {
		return err
	}
	to := s.request.To // whatever the answer does not tell of the account is as it was asked for
	if err := t.learn(chat.Person{User: cmp.Or(receipt.To.User, to.User), Phone: cmp.Or(receipt.To.Phone, to.Phone)}); err != nil {
		return err
	}
	return t.logShipment(s)
}

// allowed says why a message that somebody asked for may not be sent: its person wants none, or wrote too long ago for free words.
func (t *task) allowed(s *shipment) error {
	out, err := t.refuses(s.who)
	switch {
	case err != nil:
		return err
	case out:
		return parked(strconv.Itoa(chat.CodeOptedOut), "the person wants no messages")
	case s.request.Template != nil:
		return nil
	}
	var state talk.State
	if _, err := t.f.load(t.ctx, stateKey(t.conn, s.Number, s.who.id), &state); err != nil {
		return err
	}
	switch {
	case chat.WindowOpen(state.LastIn, t.now()):
		return nil
	case s.Why != nil: // it was in time when it was tried
		return parked(s.Why.Code, s.Why.Words)
	}
	return parked(strconv.Itoa(chat.CodeWindowClosed), "the person has not written in the last 24 hours; only a template may be sent")
}

// logShipment writes what was sent onto the contact, as what comes in is written. Whoever has none gets it now.
func (t *task) logShipment(s *shipment) error {
	var err error
	if s.who, err = t.person(s.person()); final(err) {
		if err = t.orTell(s, err); err != nil { // nobody can say on whom it is to be logged
			return err
		}
		return t.logDone(s)
	}
	if err != nil {
		return err
	}
	s.Contact, s.Person = s.who.zoho, s.who.id
	e := t.f.entry(headOut[t.f.Language], s.request.Render(t.f.Language), crm.Text(s.Wamid), s.id, s.SentAt)
	entries := map[crm.System]string{}
	for _, sys := range []crm.System{crm.Zoho, crm.HubSpot} {
		entries[sys], err = t.log(sys, s.who, e)
		if err = t.orTell(s, err); err != nil {
			return err
		}
	}
	if err := t.taken(s); err != nil {
		return err
	}
	if err := t.orTell(s, t.logged(crm.Text(s.Wamid), s.request.To, s.who, entries)); err != nil {
		return err
	}
	return t.logDone(s)
}

func (t *task) logDone(s *shipment) error {
	s.Stage = stageLogged
	if err := t.keepShipment(s); err != nil {
		return err
	}
	return t.f.drop(t.ctx, dueKey(t.conn, s.id))
}

// orTell opens a row for what a CRM refuses of a message that has gone out, and returns every other fault: it comes again.
func (t *task) orTell(s *shipment, why error) error {
	return t.tell(s.id, crm.ID{}, why)
}

// taken notes that a person of the business leads a conversation that waited for one: what is asked to be sent in free words is
// an answer.
func (t *task) taken(s *shipment) error {
	key := stateKey(t.conn, s.Number, s.who.id)
	var state talk.State
	version, err := t.f.load(t.ctx, key, &state)
	if err != nil || state.Phase != talk.Pending || s.Rule != "" || !s.request.Text.Filled() {
		return err
	}
	state.Phase = talk.Human
	return t.f.save(t.ctx, write(key, version, state, time.Time{}))
}

// confirmed notes that a message went out whatever was answered: its status brought back our own id of it. One that waits for another try
// or was given up meanwhile is taken up again, and its row closed: what WhatsApp refused or was never sent has no status.
func (t *task) confirmed(st chat.Status) error {
	if !st.Callback.Filled() {
		return nil
	}
	s := shipment{id: st.Callback.Text()}
	var err error
	if s.version, err = t.f.load(t.ctx, outboxKey(t.conn, s.id), &s.outgoing); err != nil || s.version == 0 {
		return err
	}
	var due []row.Put
	switch s.Stage {
	case stageUnknown, stageSending:
	case stageWaiting, stageOver, stageRefused, stageGivenUp: // also after an answer that said that it did not
		key := dueKey(t.conn, s.id)
		rows, err := t.f.Store.Get(t.ctx, key)
		if err != nil {
			return tables(err)
		}
		due = []row.Put{{Key: key, If: rows[0].Version, Value: made(s.At), Expires: s.At.Add(KeptFor)}}
	default:
		t.reopened(s)
		return nil
	}
	s.Stage, s.Wamid, s.SentAt, s.Row = stageSent, st.ID.Text(), s.TriedAt, nil
	if err := t.keepShipment(&s, due...); err != nil {
		return err
	}
	t.reopened(s)
	return nil
}

// reopened closes the row of a message that was given up too early.
func (t *task) reopened(s shipment) {
	if s.Told {
		t.settled = append(t.settled, recordOf(s.id))
	}
}
