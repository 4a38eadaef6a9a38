package conversation

import (
	"time"

	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/fault"
)

// What becomes of an automatic answer that waits: it goes out soon, and while it still belongs to its conversation, or not at all.

// late reports whether a message is an automatic answer to something that was written too long ago. A word's confirmation is held to the
// same: the word holds without it.
func (s *shipment) late(now time.Time) bool {
	asked := s.Asked
	if asked.IsZero() { // of an earlier version
		asked = s.At
	}
	return s.Rule != "" && now.Sub(asked) > talk.Fresh
}

// tooLate ends an automatic answer that could not go out in time. A person is asked to answer what it would have; of a wish for one, and
// of a word, all is done that was to be done.
func (t *task) tooLate(s *shipment) error {
	if talk.Fixed(s.Rule) {
		return t.end(s)
	}
	who, err := t.whose(s)
	if err == nil && who.id != "" {
		err = t.orTell(s, t.unanswered(who))
	}
	if err != nil {
		return err
	}
	return t.end(s)
}

// end ends an automatic answer that goes out no more: nobody has to do anything about it, so there is no row.
func (t *task) end(s *shipment) error {
	s.Stage = stageOver
	if err := t.keepShipment(s); err != nil {
		return err
	}
	return t.f.drop(t.ctx, dueKey(t.conn, s.id))
}

// awaited reports whether an automatic answer still belongs to its conversation.
func (t *task) awaited(s *shipment) (bool, error) {
	var state talk.State
	if _, err := t.f.load(t.ctx, stateKey(t.conn, s.Number, s.who.id), &state); err != nil || !state.Awaits(s.Rule) {
		return false, err
	}
	if s.Rule == talk.RuleOptOut || s.Rule == talk.RuleOptIn {
		return t.confirms(s)
	}
	out, err := t.refuses(s.who)
	return !out, err
}

// confirms reports whether the word that a message confirms is the last one. One that is not kept yet is waited for.
func (t *task) confirms(s *shipment) (bool, error) {
	last, _, err := t.word(s.who)
	out := s.Rule == talk.RuleOptOut
	switch {
	case err != nil || last.At.After(s.Asked):
		return false, err
	case last.Out != out && last.At.Before(s.Asked):
		return false, fault.Again("conversation.Send", time.Second, "the word is confirmed once it is kept")
	}
	return last.Out == out, nil
}
