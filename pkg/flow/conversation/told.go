package conversation

import (
	"encoding/hex"
	"errors"
	"slices"
	"strconv"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// What is said of what was given up on: the row that a person reads. The mail words it by its verb, code and hint.

// about is what a row is about: an update or a message, what was to become of it, whom it concerns as far as anybody knows, and the
// advice where its fault has none of its own.
type about struct {
	id        string
	verb      crm.Verb
	whom      someone
	otherwise fault.Hint
}

// sending is what a row about a message of the outbox is about.
func sending(s *shipment) about {
	a := about{s.id, crm.Send, someone{zoho: s.Contact, hubspot: s.who.hubspot}, fault.HintSend}
	if s.Stage == stageFile {
		a.verb, a.otherwise = crm.Message, fault.HintByHand
	}
	return a
}

// recordOf names what a row is about: an update, or a message of the outbox.
func recordOf(id string) crm.ID {
	return crm.ID{System: crm.WhatsApp, Module: crm.Contacts, Key: id}
}

// rowOf is the row that a person reads. It names the update by its identity and the contacts by their ids.
func (t *task) rowOf(a about, why error) fault.Parked {
	now := t.now()
	r := fault.Parked{Connection: t.conn, Operation: a.id, Verb: a.verb, Kind: crm.Contact, Record: recordOf(a.id), Target: crm.Zoho,
		Class: fault.KindOf(why), Hint: a.otherwise, Count: 1, First: now, Last: now, Message: "the message was not carried out"}
	if e, ok := errors.AsType[*fault.Error](why); ok {
		because(&r, e)
	}
	switch {
	case r.Target == crm.HubSpot && a.whom.hubspot != "":
		r.TargetID = contactID(crm.HubSpot, a.whom.hubspot)
	case a.whom.zoho != "":
		r.TargetID = contactID(crm.Zoho, a.whom.zoho)
	case a.whom.hubspot != "":
		r.TargetID = contactID(crm.HubSpot, a.whom.hubspot)
	}
	sum := t.f.Book.Hasher.Sum("parked", t.conn, r.Record.String(), r.Code, string(r.Hint))
	r.ID = hex.EncodeToString(sum[:])
	return r
}

// because says in a row what a fault tells of.
func because(r *fault.Parked, e *fault.Error) {
	r.Code, r.Target, r.Hint = e.Code, refuser(r.Verb, e), advice(r.Verb, r.Hint, e)
	if e.Err != nil {
		r.Message = e.Err.Error()
	}
	if len(e.Refused) == 0 {
		return
	}
	r.Message, r.Property = e.Refused[0].Message, e.Refused[0].Property
	var named []crm.ID
	for _, no := range e.Refused {
		id := contactID(r.Target, no.Record)
		if no.Hint == fault.HintLead {
			id.Module = crm.Leads
		}
		if no.Record != "" && !slices.Contains(named, id) {
			named = append(named, id)
		}
	}
	if len(named) > 0 {
		r.Other, r.More = named[0], named[1:]
	}
}

// refuser is the system that a fault comes from: of a message to be sent it is WhatsApp, unless a CRM did not tell whose it is.
func refuser(verb crm.Verb, e *fault.Error) crm.System {
	switch from := e.From(); {
	case from == crm.HubSpot:
		return crm.HubSpot
	case verb != crm.Send, from == crm.Zoho, e.Code == fault.CauseNoNumber:
		return crm.Zoho
	}
	return crm.WhatsApp
}

// advice is what a person can do about a fault.
func advice(verb crm.Verb, otherwise fault.Hint, e *fault.Error) fault.Hint {
	switch {
	case e.Code == fault.CauseUnknownOutcome:
		return fault.HintLook
	case e.Code == fault.CauseTwin && otherwise != fault.HintByHand:
		return fault.HintWhose
	case verb == crm.Send && (e.Code == fault.Denied.String() || e.Code == fault.Setup.String()):
		return fault.HintAccount
	case otherwise == fault.HintReplay && e.Kind == fault.Ours:
		return fault.HintUnprocessed
	}
	if code, err := strconv.Atoi(e.Code); err == nil && verb == crm.Send {
		return adviceOf(code)
	}
	if len(e.Refused) > 0 {
		switch hint := e.Refused[0].Hint; hint {
		case fault.HintDuplicate, fault.HintProperty, fault.HintReadOnly, fault.HintPermission, fault.HintLead:
			return hint
		}
	}
	return otherwise
}

// templates is where Meta's codes about templates begin.
const templates = 132000

// adviceOf is what a person can do about a message that WhatsApp refused.
func adviceOf(code int) fault.Hint {
	switch chat.ClassOf(code) {
	case chat.ClassWindow:
		return fault.HintWindow
	case chat.ClassRequest:
		if code >= templates {
			return fault.HintTemplate
		}
		return fault.HintRequest
	case chat.ClassRecipient, chat.ClassIdentity:
		return fault.HintNumber
	case chat.ClassOptOut:
		return fault.HintOptedOut
	case chat.ClassThrottle, chat.ClassPassing, chat.ClassHeld:
		return fault.HintLater
	case chat.ClassToken, chat.ClassSetup, chat.ClassAccount:
		return fault.HintAccount
	}
	return fault.HintSend
}

// tell opens a row about a part of an update that a CRM refuses, while the rest of it goes on, and returns every other fault. target
// is the record that refuses, zero for the one of the update.
func (t *task) tell(id string, target crm.ID, why error) error {
	if !final(why) {
		return why
	}
	r := t.rowOf(about{id, verbOf(t.u), t.whom, fault.HintByHand}, why)
	if !target.IsZero() {
		r.TargetID = target
	}
	if err := t.f.Parking.Open(t.ctx, r); err != nil {
		return tables(err)
	}
	t.told = append(t.told, r)
	return nil
}
