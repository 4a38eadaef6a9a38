package conversation

import (
	"slices"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/crm"
)

// decided is what a message was found to ask for, kept until it is carried out.
type decided struct {
	Done     bool         `json:"done,omitempty"`
	At       time.Time    `json:"at,omitzero"`    // when the message was written
	Said     bool         `json:"said,omitempty"` // a word on messages
	Out      bool         `json:"out,omitempty"`
	HandOver talk.Reason  `json:"hand_over,omitempty"`
	Due      time.Time    `json:"due,omitzero"`
	Answer   *talk.Answer `json:"answer,omitempty"`
	Began    bool         `json:"began,omitempty"` // the message is the first of a conversation
}

// talk puts a message to the rules, once, and does what they decide.
func (t *task) talk(person someone, m chat.Message) error {
	return t.decide(person, m.From, func(s talk.State) (talk.State, talk.Decision) {
		from := who.Of(m.From).Phone
		own := !from.IsZero() && slices.ContainsFunc(t.f.Own, func(n string) bool { return who.WhatsApp(n).Line == from.Line })
		return t.f.Rules.Next(s, talk.Situation{Message: m, Now: t.now(), Language: t.f.Language, Own: own})
	})
}

// failed hands the conversation over because a message did not go out. One that is known by then to have arrived after all changes
// nothing, but for what was decided before.
func (t *task) failed(person someone, still bool) error {
	return t.decide(person, chat.Person{}, func(s talk.State) (talk.State, talk.Decision) {
		if !still {
			return s, talk.Decision{}
		}
		return s.Failed(t.now())
	})
}

// unanswered hands the conversation over because an answer did not go out in time, unless it is a person's by now.
func (t *task) unanswered(person someone) error {
	return t.decide(person, chat.Person{}, func(s talk.State) (talk.State, talk.Decision) { return s.Unanswered(t.now()) })
}

// decide asks once: the state and what was decided are written together.
func (t *task) decide(person someone, from chat.Person, next func(talk.State) (talk.State, talk.Decision)) error {
	key, at := claimKey(t.conn, t.id, "talk"), stateKey(t.conn, t.number(), person.id)
	var d decided
	version, err := t.f.load(t.ctx, key, &d)
	if err != nil || d.Done {
		return err
	}
	expires := t.now().Add(KeptFor)
	if version == 0 {
		var s talk.State
		was, err := t.f.load(t.ctx, at, &s)
		if err != nil {
			return err
		}
		said, _, err := t.word(person)
		if err != nil {
			return err
		}
		s, decision := next(s.Heard(talk.Consent{Out: said.Out}))
		d = decided{At: t.happened(), HandOver: decision.HandOver, Due: decision.Due, Answer: decision.Answer, Began: decision.Began}
		if c := decision.Consent; c != nil {
			d.Said, d.Out = true, c.Out
		}
		listed, err := t.listed(person.id, at)
		if err != nil {
			return err
		}
		if err := t.f.save(t.ctx, append(listed, write(key, 0, d, expires), write(at, was, s, time.Time{}))...); err != nil {
			return err
		}
		version = 1
	}
	if err := t.carryOut(person, from, d); err != nil {
		return err
	}
	d.Done = true
	return t.f.save(t.ctx, write(key, version, d, expires))
}

func (t *task) carryOut(person someone, from chat.Person, d decided) error {
	var failed []error
	if d.At.IsZero() { // of an earlier version
		d.At = t.happened()
	}
	if d.Said {
		failed = append(failed, t.consent(person, talk.Consent{Out: d.Out, At: d.At, Person: from}))
	}
	if d.HandOver != "" {
		failed = append(failed, t.handOver(crm.Zoho, person, d), t.handOver(crm.HubSpot, person, d))
	}
	if d.Answer != nil {
		failed = append(failed, t.answer(person, from, d.At, *d.Answer))
	}
	if d.Began && t.f.Began != nil {
		failed = append(failed, t.f.Began(t.ctx, t.id, d.At))
	}
	return first(failed...)
}

var (
	taskSubject = map[chat.Language]string{chat.Italian: "Rispondere su WhatsApp", chat.English: "Answer on WhatsApp"}
	taskReasons = map[chat.Language]map[talk.Reason]string{
		chat.Italian: {talk.ByButton: "Ha chiesto di parlare con una persona.", talk.ByWish: "Ha chiesto di parlare con una persona.",
			talk.ByComplaint: "Si lamenta.", talk.ByLength: "La conversazione dura da molti messaggi.",
			talk.ByMisses: "Le risposte automatiche non lo capiscono.", talk.ByFailure: "Un messaggio non è stato consegnato.",
			talk.ByDelay: "Non ha avuto risposta in tempo."},
		chat.English: {talk.ByButton: "Asked for a person.", talk.ByWish: "Asked for a person.",
			talk.ByComplaint: "Complains.", talk.ByLength: "The conversation has gone on for many messages.",
			talk.ByMisses: "The automatic answers do not understand.", talk.ByFailure: "A message was not delivered.",
			talk.ByDelay: "Got no answer in time."},
	}
)

// handOver makes the task of one CRM.
func (t *task) handOver(sys crm.System, person someone, d decided) error {
	contact, err := t.at(sys, person)
	if err != nil || contact == "" {
		return err
	}
	side, mark := t.f.side(sys), "["+t.id[:16]+"]"
	text := crm.Text(taskReasons[t.f.Language][d.HandOver] + "\n" + mark)
	_, err = t.once(claimKey(t.conn, t.id, "task "+string(sys)), contact,
		func(where string) (string, error) { return side.Tasked(t.ctx, where, mark) },
		func() (string, error) {
			return side.AddTask(t.ctx, contact, taskSubject[t.f.Language], text, d.Due.In(t.f.Zone))
		})
	return t.absent(sys, person, err)
}

// answer puts an automatic answer to what was written at a time into the outbox. A number or a user id that its person has given up since
// is not answered: somebody else may read there.
func (t *task) answer(person someone, from chat.Person, at time.Time, a talk.Answer) error {
	n := t.names(who.Of(from))
	for _, name := range []string{n.number, n.user} {
		if l, err := t.lead(name); err != nil || l.past {
			return err
		}
	}
	to := chat.Person{Phone: from.Phone}
	if !from.Phone.Filled() {
		to = chat.Person{User: from.User}
	}
	r := outbound.Request{Reference: "auto-" + t.id[:32], To: to, Text: crm.Text(a.Text)}
	o := outgoing{Number: t.number(), Rule: a.Rule, Contact: person.zoho, Asked: at, Until: a.At, User: from.User.Text(), Name: from.Name.Text()}
	id, err := t.f.accept(t.ctx, t.conn, "", o, r)
	if err == nil {
		t.answers = append(t.answers, id)
	}
	return err
}
