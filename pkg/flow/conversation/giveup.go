package conversation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/fault"
)

// What becomes of a message that did not go out: it waits, or is given up with a row and somebody who takes over.

// triesAfter is how long a message waits after each try that met a passing trouble of WhatsApp's; after the last one it is given up.
var triesAfter = []time.Duration{time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}

// ourPause is how long a message waits at least for a token or a right that nobody but us can mend.
const ourPause = time.Minute

// notSent decides what becomes of a message that was refused, or may have gone out. Which code is which is chat.ClassOf's to say; an
// answer without one is judged by its kind.
func (t *task) notSent(s *shipment, err error) error {
	if errors.Is(err, outbound.ErrUnknownOutcome) {
		s.Stage = stageUnknown
		return first(t.keepShipment(s), t.await(s))
	}
	why, after, kind, coded := t.whyNot(err), fault.After(err), fault.KindOf(err), false
	if code, wrong := strconv.Atoi(why.Code); wrong == nil {
		coded = true
		switch class := chat.ClassOf(code); {
		case class == chat.ClassOptOut:
			s.Stage, s.DeniedAt = stageDenied, t.now()
			return first(t.keepShipment(s), t.denied(s))
		case class == chat.ClassPassing && s.Tries == len(triesAfter):
			return t.refuse(s, why)
		case class == chat.ClassPassing:
			s.Tries++
			return t.wait(s, max(after, triesAfter[s.Tries-1]), why, err)
		case code == chat.CodePairRate:
			s.Pressed++
			return t.wait(s, max(after, chat.PairBackoff(s.Pressed-1)), why, err)
		}
	}
	switch {
	case kind == fault.Denied, kind == fault.Setup && !coded:
		return t.wait(s, max(after, ourPause), why, err)
	case kind == fault.Throttled, kind == fault.Down, kind == fault.Busy:
		return t.wait(s, max(after, time.Second), why, err)
	case kind == fault.Ours:
		t.ours = err
	}
	return t.refuse(s, why)
}

// whyNot says what WhatsApp did not take a message for: by its code and words, or by the kind of the fault.
func (t *task) whyNot(err error) *fault.Error {
	code, words := fault.KindOf(err).String(), "WhatsApp did not take the message"
	if e, ok := errors.AsType[*fault.Error](err); ok {
		code = cmp.Or(e.Code, code)
		if _, other := strconv.Atoi(code); e.Err != nil && other == nil {
			words = e.Err.Error()
		} else if e.Err != nil {
			words += ": " + e.Err.Error()
		}
	}
	return parked(code, words)
}

// wait puts a message back that did not go out. A dead token or a missing right is told as such: an alarm waits for it.
func (t *task) wait(s *shipment, after time.Duration, why *fault.Error, err error) error {
	s.Stage, s.Until, s.Why = stageWaiting, t.now().Add(after), &cause{Code: why.Code, Words: why.Err.Error()}
	if err := t.keepShipment(s); err != nil {
		return err
	}
	return &fault.Error{Op: "conversation.Send", Kind: fault.KindOf(err), After: after, Err: err}
}

// denied sets the opt-out of somebody who has told WhatsApp that he wants no messages, and gives the message up.
func (t *task) denied(s *shipment) error {
	var err error
	if s.who, err = t.whose(s); err != nil {
		return err
	}
	if s.DeniedAt.IsZero() { // of an earlier version
		s.DeniedAt = t.now()
	}
	// As old as the answer, however late it is written: what he says meanwhile is later.
	word := talk.Consent{Out: true, Source: talk.FromDelivery, At: s.DeniedAt, Person: s.request.To}
	if s.who.id != "" { // who was erased meanwhile is nobody
		err = t.orTell(s, t.consent(s.who, word))
	}
	if err != nil && t.now().Before(s.At.Add(SendFor)) {
		return err
	}
	return t.refuse(s, parked(strconv.Itoa(chat.CodeOptedOut), "the person wants no messages"))
}

// orRefuse ends a message for a fault of its own, and lets every other fault come again.
func (t *task) orRefuse(s *shipment, err error) error {
	if final(err) {
		return t.refuse(s, err)
	}
	return err
}

// refuse gives a message up. What is owed for it is kept first, so that it is never tried again and the row says what it was given up for.
func (t *task) refuse(s *shipment, why error) error {
	r := t.rowOf(sending(s), why)
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // rows are plain data
	}
	perhaps, err := t.perhaps(why, outboxKey(t.conn, s.id), s.At.Add(KeptFor))
	if err != nil {
		return err
	}
	s.Stage, s.Row = stageGivenUp, text
	if err := t.keepShipment(s, perhaps...); err != nil {
		return err
	}
	return t.giveUp(s)
}

// giveUp opens the row of a message and asks a person to take the conversation over where its person has a contact that a task can hang
// on, unless that one wants no messages: nobody has to do anything about it, and of an automatic answer there is not even a row.
func (t *task) giveUp(s *shipment) error {
	var r fault.Parked
	if json.Unmarshal(s.Row, &r) != nil {
		r = t.rowOf(sending(s), parked(fault.CauseCorrupt, "why it was given up cannot be read"))
	}
	optedOut := r.Code == strconv.Itoa(chat.CodeOptedOut)
	if !s.Told && !(optedOut && s.Rule != "") {
		if err := t.f.Parking.Open(t.ctx, r); err != nil {
			return tables(err)
		}
		t.told = append(t.told, r)
		s.Told = true
		if err := t.keepShipment(s); err != nil {
			return err
		}
	}
	if !optedOut {
		who, err := t.whose(s)
		if err == nil && (who.zoho != "" || who.hubspot != "") {
			err = t.orTell(s, t.failed(who, true))
		}
		if err != nil {
			return err
		}
	}
	s.Stage, s.Row = stageRefused, nil
	if err := t.keepShipment(s); err != nil {
		return err
	}
	return t.f.drop(t.ctx, dueKey(t.conn, s.id))
}

// Lapse opens the row of a message that waits in the outbox of a stack that does not write, once it has waited too long: SendFor, or
// UnknownFor where it may have gone out. It sends nothing and writes into no CRM: whoever has to take over is asked when Send gives
// the message up. It may be repeated.
func (f *Flow) Lapse(ctx context.Context, conn, id string) error {
	s := shipment{id: id}
	var err error
	if s.version, err = f.load(ctx, outboxKey(conn, id), &s.outgoing); err != nil || s.version == 0 || s.Told {
		return err
	}
	t := &task{f: f, ctx: ctx, conn: conn, id: f.name("sending", id), received: s.At}
	var why error
	switch s.Stage {
	case stageWaiting:
		if s.Rule == "" { // an automatic answer ends without a row
			why = t.inTime(&s, nil)
		}
	case stageSending, stageUnknown:
		if !t.now().Before(s.Until.Add(UnknownFor)) {
			why = unknownOutcome()
		}
	}
	if why == nil {
		return nil
	}
	if err := f.Parking.Open(ctx, t.rowOf(sending(&s), why)); err != nil {
		return tables(err)
	}
	s.Told = true
	return t.keepShipment(&s)
}

func unknownOutcome() error {
	return parked(fault.CauseUnknownOutcome, "whether the message was sent is not known; look at the conversation before it is sent again")
}

// inTime gives a message up that waited too long, for what its last try met. A fault of its own goes before.
func (t *task) inTime(s *shipment, err error) error {
	switch {
	case final(err) || t.now().Before(s.At.Add(SendFor)):
		return err
	case s.Why != nil:
		return parked(s.Why.Code, s.Why.Words)
	}
	return parked(fault.CauseNotSent, "the message waited too long and was not sent: the stack did not write, or a system that it needs did not answer")
}
