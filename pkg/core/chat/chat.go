// Package chat holds WhatsApp in our words: a message, a delivery status, who wrote, what the business is told besides; the
// form in which these travel whole in a queue message; how a message reads in a CRM; in which order statuses stand; what
// Meta's error codes mean; when somebody may be written to and how fast.
//
// It is pure: no vendor's wire format (adapter/whatsapp reads that), no clock, no table. It knows no phone plan and no rule of
// conversation either, so that the door may use it: by which keys a person is found is package who, what is answered to whom
// is package talk, what a caller may ask to send is package outbound.
//
// Everything that a person wrote, or is called, is a crm.Value, which no format string prints. The id of a message is one
// too: its base64 holds the phone number. A log line names an update by Update.Identity.
//
// The pages that the comments name lie below https://developers.facebook.com/documentation/business-messaging/whatsapp/.
package chat

import (
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// Language is a language in which people read what we write.
type Language string

// The languages.
const (
	Italian Language = "it"
	English Language = "en"
)

// Person is somebody on WhatsApp, as far as an update tells. Any part may be absent; which of them lead to a contact is the
// business of package who. Page: business-scoped-user-ids.
type Person struct {
	User     crm.Value // business-scoped user id, like IT.13491208655302741918; anew when the phone number changes
	Parent   crm.Value // the same across linked portfolios, like IT.ENT.11815799212886844830
	Phone    crm.Value // digits with the country code and without +, exactly as WhatsApp writes them: where answers go
	Username crm.Value // without the leading @
	Name     crm.Value // of the profile: whatever the person calls himself
}

// Known reports whether there is anything by which the person can be told from others.
func (p Person) Known() bool { return p.User.Filled() || p.Phone.Filled() }

// Update is one thing that Meta tells about one number of the business. Exactly one of Message, Status, Preference and
// Notice is set.
type Update struct {
	Account string // id of the WhatsApp Business Account
	Number  string // id of the business's phone number; "" for what concerns the whole account
	Display string // the business's own number, in digits; "" when not told

	Message    *Message
	Status     *Status
	Preference *Preference
	Notice     *Notice
}

// Person returns who wrote, or who was written to; the zero Person for a notice.
func (u Update) Person() Person {
	switch {
	case u.Message != nil:
		return u.Message.From
	case u.Status != nil:
		return u.Status.To
	case u.Preference != nil:
		return u.Preference.From
	}
	return Person{}
}

// At returns when Meta says that it happened, zero when it does not say.
func (u Update) At() time.Time {
	switch {
	case u.Message != nil:
		return u.Message.At
	case u.Status != nil:
		return u.Status.At
	case u.Preference != nil:
		return u.Preference.At
	case u.Notice != nil:
		return u.Notice.At
	}
	return time.Time{}
}

// Preference is a person's word on marketing messages. Page: webhooks/reference/user_preferences.
type Preference struct {
	From     Person
	At       time.Time
	Value    string // PreferenceStop, PreferenceResume, PreferenceSignup, or one that came later
	Category string // "marketing_messages"
	Detail   crm.Value
}

// The values of a Preference.
const (
	PreferenceStop   = "stop"
	PreferenceResume = "resume"
	PreferenceSignup = "signup"

	// CategoryMarketing is the only category of preferences that Meta documents.
	CategoryMarketing = "marketing_messages"
)

// Notice is everything else: a template's fate, a number's quality, an account's trouble, an error that belongs to no
// message, a field that nobody knows yet.
type Notice struct {
	Field   string // of the webhook: "account_update", "messages"
	Event   string // what happened, as Meta words it: "APPROVED"; "" when not told
	At      time.Time
	Details []Detail // the content, flattened and cut: at most MaxDetails of them
	Errors  []Error
}

// MaxDetails is how many details of a notice are kept.
const MaxDetails = 40

// Detail is one named value out of something that has no fixed shape.
type Detail struct {
	Name  string // "restriction_info.0.expiration"
	Value crm.Value
}

// Error is what Meta says went wrong with a message. Its code decides what is done; the words are for people.
// Page: support/error-codes.
type Error struct {
	Code    int
	Title   crm.Value
	Details crm.Value
}

// MaxUser is the length of the longest user id: two letters, ".ENT." and 128 characters.
const MaxUser = 135

// IsUser reports whether the text has the form of a business-scoped user id, of a person or across linked portfolios: the
// country in two capital letters, a point, perhaps ENT and a point, and up to 128 letters and digits.
// Page: business-scoped-user-ids.
func IsUser(s string) bool {
	if len(s) < 4 || len(s) > MaxUser || s[2] != '.' || !capital(s[0]) || !capital(s[1]) {
		return false
	}
	rest := strings.TrimPrefix(s[3:], "ENT.")
	if rest == "" || len(rest) > 128 {
		return false
	}
	for i := range len(rest) {
		if c := rest[i]; !capital(c) && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func capital(c byte) bool { return c >= 'A' && c <= 'Z' }
