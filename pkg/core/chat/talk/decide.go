package talk

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/chat"
)

// The figures of a conversation. WhatsApp's policy asks for a way to a person in everything automatic; the limits keep the
// cost of answers down, each of which is billed.
const (
	// MaxMessages is how many messages of a person are answered by rules; at the next one somebody takes over.
	MaxMessages = 6
	// MaxMisses is how many messages in a row no rule understood before somebody takes over.
	MaxMisses = 2
	// Silence is how long nobody writes before a conversation is over and the next message begins a new one.
	Silence = 24 * time.Hour
	// Fresh is how old a message is at most that is still answered, and that its answer still goes out to: what comes again after an
	// outage can be days old. A word's confirmation is held to it too: hours later it is one more message to somebody who wants none.
	Fresh = 120 * time.Second
	// HandOverWithin is how soon after the message the task of a hand-over stands in the CRMs.
	HandOverWithin = 20 * time.Second
	// AnswerEvery and AnswersAnHour bound the answers to one person. What opts out or in and what hands over is told at once, and
	// counts with the others.
	AnswerEvery   = 6 * time.Second
	AnswersAnHour = 5
)

// Phase says who leads a conversation.
type Phase string

// The phases. The zero Phase is Bot.
const (
	Bot     Phase = ""
	Pending Phase = "pending" // a task asks a person to take over
	Human   Phase = "human"   // a person has taken over; only the flow sets it
	Closed  Phase = "closed"  // ended by an opt-out
)

// State is what is kept of the conversation of one number with one person. The zero State is one that has not begun.
type State struct {
	Phase    Phase
	Count    int         // messages of the person in this conversation
	Misses   int         // in a row
	LastIn   time.Time   // when the person last did anything: the window is counted from it
	Answers  []time.Time // when answers were or will be given, of the last hour on, the earliest first
	OptedOut bool
	Asked    time.Time // when somebody was asked last to take over
}

// Reason says why a person takes over.
type Reason string

// The reasons of a hand-over.
const (
	ByButton    Reason = "button"    // pressed to talk to a person
	ByWish      Reason = "wish"      // asked for one
	ByComplaint Reason = "complaint" //
	ByLength    Reason = "length"    // more than MaxMessages, or more to answer than AnswersAnHour
	ByMisses    Reason = "misses"    // not understood MaxMisses times in a row
	ByFailure   Reason = "not_sent"  // a message could not be sent
	ByDelay     Reason = "late"      // no answer went out in time, or none could any more
)

// The names under which the fixed answers go. No rule is called like one of them.
const (
	RuleOptOut   = "opt_out"
	RuleOptIn    = "opt_in"
	RuleHandOver = "hand_over"
	RuleMiss     = "miss"
)

// Answer is an automatic answer to send as free text.
type Answer struct {
	Text     string
	Language chat.Language
	Rule     string    // which rule, or which of the fixed ones
	At       time.Time // not sooner
}

// Decision is what is to be done about a message. The zero Decision is nothing.
type Decision struct {
	Consent  *Consent
	HandOver Reason    // "" for none; else a task in both CRMs
	Due      time.Time // when the task has to stand
	Rule     string    // the rule that understood the message, "" for none
	Answer   *Answer
	Began    bool // the message is the first of a conversation
}

// Situation is a message with what is known around it.
type Situation struct {
	Message  chat.Message
	Now      time.Time
	Language chat.Language // of the stack: where the words of the message do not tell
	Own      bool          // the writer is a number of the business: two robots never talk to each other
}

// Next says what a message means for its conversation: the state after it and what is to be done. Each message is put once.
func (r *Rules) Next(s State, in Situation) (State, Decision) {
	m := in.Message
	if in.Own || m.Group.Filled() {
		return s, Decision{}
	}
	at := m.At
	if at.IsZero() || at.After(in.Now) {
		at = in.Now
	}
	if m.Type != chat.TypeSystem { // which WhatsApp writes: it opens no window
		s = s.begin(at)
	}
	if !counts(m) { // an edited message may have become an opt-out
		c, said := r.Consent(chat.Update{Message: &m})
		if !said {
			return s, Decision{}
		}
		return s.Heard(c), Decision{Consent: &c}
	}
	s.Count++
	next, d := r.counted(s, in, at)
	d.Began = s.Count == 1
	return next, d
}

// counted says what a message means that the person says to the business.
func (r *Rules) counted(s State, in Situation, at time.Time) (State, Decision) {
	m, d := in.Message, Decision{}
	if c, said := r.Consent(chat.Update{Message: &m}); said {
		return r.consented(s, in, at, c)
	}
	understood := r.look(m)
	d.Rule = understood.rule
	switch {
	case understood.rule != "" || understood.reason != "":
		s.Misses = 0
	case understood.spoke:
		s.Misses++
	}
	says, reason := r.reply(understood), s.over(understood.reason)
	if reason == "" && s.Phase == Bot && s.wants(in, says) {
		reason = s.beyond(in.Now, at)
	}
	if reason != "" && s.Phase != Pending && s.Phase != Human {
		s.Phase, s.Asked = Pending, at
		d.HandOver, d.Due = reason, at.Add(HandOverWithin)
		s, d.Answer = s.answer(in, at, reply{r.handOver.answer, understood.language, RuleHandOver})
		return s, d
	}
	if s.Phase == Bot {
		s, d.Answer = s.answer(in, at, says)
	}
	return s, d
}

// beyond returns why what a rule would answer is a person's to answer, "" where the rule may. That holds for what comes too late to be
// answered, as after an outage, but not for what is older than Silence: its conversation is over, WhatsApp takes no free words any more,
// and days of messages that come at once, as after a long pause or from a replay, would be a task for everybody who wrote. They are
// logged, and handed over for every other reason all the same: complaints, wishes, misses. The history of a number never comes here: what
// the webhook tells under history, standby and smb_* is counted at the door and no message.
func (s State) beyond(now, at time.Time) Reason {
	switch age := now.Sub(at); {
	case age >= Silence:
		return ""
	case age > Fresh:
		return ByDelay
	case len(s.recent(now)) >= AnswersAnHour:
		return ByLength
	}
	return ""
}

// reply is what a rule has to say; the zero reply says nothing.
type reply struct {
	text     answers
	language chat.Language // "" for the stack's
	rule     string
}

// reply returns what is answered to a message as it is understood.
func (r *Rules) reply(u understanding) reply {
	switch {
	case u.rule != "":
		return reply{u.answer, u.language, u.rule}
	case u.spoke:
		return reply{r.miss, "", RuleMiss}
	}
	return reply{}
}

// counts reports whether a message is something that a person says to the business. What WhatsApp does not pass on counts,
// although nothing can be answered to it.
func counts(m chat.Message) bool {
	return !slices.Contains([]chat.Type{chat.TypeReaction, chat.TypeSystem, chat.TypeEdit, chat.TypeRevoke}, m.Type)
}

// begin starts a conversation anew after a silence. Whatever the person does breaks it, and opens the window: a reaction as a message.
// Of edits and deletions Meta does not say so: where they open none, it is WhatsApp that refuses.
func (s State) begin(at time.Time) State {
	s = s.after(at)
	if at.After(s.LastIn) {
		s.LastIn = at
	}
	return s
}

// after returns the state at a time. What keeps a conversation going is what the person does, and that somebody is asked to write to
// him.
func (s State) after(at time.Time) State {
	last := s.LastIn
	if s.Asked.After(last) {
		last = s.Asked
	}
	if at.Sub(last) < Silence {
		return s
	}
	return State{LastIn: s.LastIn, Answers: s.Answers, OptedOut: s.OptedOut, Asked: s.Asked}
}

// over returns why a person has to take over now, "" for no reason.
func (s State) over(asked Reason) Reason {
	switch {
	case asked != "":
		return asked
	case s.Misses >= MaxMisses:
		return ByMisses
	case s.Count > MaxMessages:
		return ByLength
	}
	return ""
}

// consented notes the person's word and confirms it once.
func (r *Rules) consented(s State, in Situation, at time.Time, c Consent) (State, Decision) {
	changed := s.OptedOut != c.Out
	s.OptedOut, s.Misses = c.Out, 0
	d := Decision{Consent: &c, Rule: RuleOptIn}
	answer := r.optIn.answer
	if c.Out {
		d.Rule, answer = RuleOptOut, r.optOut.answer
	}
	if s.Phase == Bot || s.Phase == Closed {
		s.Phase = Bot
		if c.Out {
			s.Phase = Closed
		}
	}
	if changed && s.Phase != Human {
		s, d.Answer = s.confirm(in, at, reply{answer, "", d.Rule})
	}
	return s, d
}

// Heard notes a person's word that came by another way than a message to this number: by a message to another one, a preference, a
// delivery that failed for it. One that wants messages again opens a conversation that an opt-out had closed.
func (s State) Heard(c Consent) State {
	s.OptedOut = c.Out
	if !c.Out && s.Phase == Closed {
		s.Phase = Bot
	}
	return s
}

// confirm answers although the person wants no messages: this one says that there will be none.
func (s State) confirm(in Situation, at time.Time, r reply) (State, *Answer) {
	out := s.OptedOut
	s.OptedOut = false
	s, a := s.answer(in, at, r)
	s.OptedOut = out
	return s, a
}

// wants reports whether there is a reply, for somebody who wants answers.
func (s State) wants(in Situation, r reply) bool {
	return r.text.in(in.Language) != "" && !s.OptedOut && in.Message.Type != chat.TypeUnsupported
}

// answer gives an answer to a fresh message if it is wanted; one of a rule waits until the last one is AnswerEvery old.
func (s State) answer(in Situation, at time.Time, r reply) (State, *Answer) {
	if !s.wants(in, r) || in.Now.Sub(at) > Fresh {
		return s, nil
	}
	a := Answer{Language: cmp.Or(r.language, in.Language), Rule: r.rule, At: in.Now}
	a.Text = r.text.in(a.Language)
	s.Answers = s.recent(in.Now)
	if n := len(s.Answers); n > 0 && !Fixed(r.rule) && a.At.Before(s.Answers[n-1].Add(AnswerEvery)) {
		a.At = s.Answers[n-1].Add(AnswerEvery)
	}
	s.Answers = append(s.Answers, a.At)
	slices.SortFunc(s.Answers, time.Time.Compare)
	return s, &a
}

// recent returns when answers were or will be given, of the last hour on.
func (s State) recent(now time.Time) []time.Time {
	return slices.DeleteFunc(slices.Clone(s.Answers), func(t time.Time) bool { return now.Sub(t) >= time.Hour })
}

// Fixed reports whether a rule says what has been done about a word or a wish, and answers no question.
func Fixed(rule string) bool { return rule == RuleOptOut || rule == RuleOptIn || rule == RuleHandOver }

// Awaits reports whether an answer of a rule that has not gone out yet still belongs to the conversation: nobody of the business leads
// it, and it has not been handed over since. Whether a word still holds that is confirmed is not told here.
func (s State) Awaits(rule string) bool {
	switch rule {
	case RuleOptOut, RuleOptIn:
		return s.Phase != Human
	case RuleHandOver:
		return s.Phase == Pending
	}
	return s.Phase == Bot
}

// Unanswered says what it means that an answer did not go out in time: somebody takes over who is still to be answered.
func (s State) Unanswered(now time.Time) (State, Decision) {
	if s.OptedOut || s.Phase != Bot {
		return s, Decision{}
	}
	return s.ask(ByDelay, now)
}

// Failed says what it means that a message to the person could not be sent: somebody takes over, unless somebody has been asked to in
// a conversation that is still going on. There is no answer, which would fail too.
func (s State) Failed(now time.Time) (State, Decision) {
	return s.ask(ByFailure, now)
}

func (s State) ask(why Reason, now time.Time) (State, Decision) {
	s = s.after(now)
	if s.Phase == Pending || s.Phase == Human {
		return s, Decision{}
	}
	s.Phase, s.Asked = Pending, now
	return s, Decision{HandOver: why, Due: now.Add(HandOverWithin)}
}

// understanding is what the rules make of a message.
type understanding struct {
	reason   Reason // to hand over
	rule     string
	language chat.Language // of the words that fitted; "" for a button
	answer   answers
	spoke    bool // there were words, or a button: if nothing fits they are a miss
}

// look puts a message to the rules: buttons before words, a person before an answer, the first rule that fits. A rule without an answer
// is met with silence, so its words fit only where nothing else is said.
func (r *Rules) look(m chat.Message) understanding {
	choice, t := choiceOf(m), textOf(m)
	u := understanding{spoke: choice != "" || len(t) > 0}
	if choice != "" {
		if slices.Contains(r.handOver.payloads, choice) {
			u.reason = ByButton
			return u
		}
		for _, one := range r.rules {
			if slices.Contains(one.payloads, choice) {
				u.rule, u.answer = one.name, one.answer
				return u
			}
		}
	}
	for reason, of := range r.wishes() {
		if lang, ok := of.match(t); ok {
			u.reason, u.language = reason, lang
			return u
		}
	}
	for _, one := range r.rules {
		if lang, ok := one.words.match(t); ok && (one.answer != nil || r.alone(one.words, m, t)) {
			u.rule, u.answer, u.language = one.name, one.answer, lang
			return u
		}
	}
	return u
}

// alone reports whether a message holds nothing but words and fillers, and asks nothing. Rules that name no fillers have the built-in ones.
func (r *Rules) alone(w words, m chat.Message, t text) bool {
	fillers := r.fillers
	if fillers == nil {
		fillers = Default().fillers
	}
	return !strings.ContainsAny(fold(m.Text.Text()), questionMarks) && t.only(w.all(), fillers.all())
}

// wishes yields the words of a hand-over, complaints first.
func (r *Rules) wishes() func(yield func(Reason, words) bool) {
	return func(yield func(Reason, words) bool) {
		if yield(ByComplaint, r.handOver.complaints) {
			yield(ByWish, r.handOver.words)
		}
	}
}
