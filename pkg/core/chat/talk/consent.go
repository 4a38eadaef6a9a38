package talk

import (
	"time"

	"crm-connector/pkg/core/chat"
)

// Source says by what a person made his will known.
type Source string

// The sources of a Consent.
const (
	FromPreference Source = "preference" // in WhatsApp's own settings: user_preferences
	FromDelivery   Source = "delivery"   // a message came back with 131050
	FromButton     Source = "button"
	FromWord       Source = "word"
)

// Consent is a person's word on messages: stop them, or have them again. It is set in each CRM by the policy strict; only the
// person's own word clears it.
type Consent struct {
	Out    bool // set the opt-out; false clears it
	Source Source
	At     time.Time // when the person said so; zero when Meta did not say
	Person chat.Person
}

// Consent returns what an update means for a person's opt-out, false when it means nothing. Where words and wishes are in
// doubt the more restrictive holds: a preference of a category to come sets an opt-out and never clears one.
// Pages: webhooks/reference/user_preferences; support/error-codes, 131050.
func (r *Rules) Consent(u chat.Update) (Consent, bool) {
	c := Consent{At: u.At(), Person: u.Person()}
	said := false
	switch {
	case u.Preference != nil:
		c.Source = FromPreference
		c.Out, said = preference(u.Preference)
	case u.Status != nil:
		c.Out, c.Source, said = true, FromDelivery, optedOut(u.Status)
	case u.Message != nil && !u.Message.Group.Filled():
		if c.Source, said = r.optOut.said(*u.Message); said {
			c.Out = true
		} else {
			c.Source, said = r.optIn.said(*u.Message)
		}
	}
	if !said {
		return Consent{}, false
	}
	return c, true
}

func preference(p *chat.Preference) (out, said bool) {
	switch p.Value {
	case chat.PreferenceStop:
		return true, true
	case chat.PreferenceResume, chat.PreferenceSignup:
		return false, p.Category == "" || p.Category == chat.CategoryMarketing
	}
	return false, false
}

func optedOut(s *chat.Status) bool {
	if s.State != chat.Failed {
		return false
	}
	for _, e := range s.Errors {
		if chat.ClassOf(e.Code) == chat.ClassOptOut {
			return true
		}
	}
	return false
}
