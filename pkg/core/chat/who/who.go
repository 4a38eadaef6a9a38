// Package who says by which keys a person of WhatsApp is recognised, whom a set of hits means, and which keys are one person
// after a change of number. It reuses the numbering plans of canon, so the door does not import it.
//
// It is pure: it looks nothing up and stores nothing. What a key leads to, and in which form it is stored (a keyed hash: each
// is personal data), is the business of the table that is asked.
package who

import (
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/canon"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
)

// Number is a phone number in the forms that are needed. The zero Number is none: it matches nothing. Answers never go to
// any of these but to what WhatsApp wrote (chat.Person.Phone), which is the account's name there.
type Number struct {
	E164  crm.Value   // as it is stored in a CRM: "+39…", without an extension
	Match crm.Value   // the line as its plan writes it: "+39…"
	Line  crm.Value   // the same for every spelling in which the line comes and goes, those of Argentina too, which Match keeps apart
	Ask   []crm.Value // digits without + under which the line may be stored, the match key's first
}

// IsZero reports whether there is no number.
func (n Number) IsZero() bool { return !n.Match.Filled() }

// Phone reads a number as people type it; region is where numbers without a country code belong, canon.NoRegion for nowhere.
// What is no number of a plan is the zero Number, never a guess.
func Phone(text, region string) Number {
	full, err := canon.Phone(text, region)
	if err != nil {
		return Number{}
	}
	return number(full)
}

// WhatsApp reads a number as WhatsApp writes it: digits with the country code. The digits as they came are among those to ask
// for; where no plan knows them they are all that there is.
func WhatsApp(digits string) Number {
	if !plausible(digits) {
		return Number{}
	}
	own := crm.Text(digits)
	full, err := canon.Phone("+"+digits, canon.NoRegion)
	if err != nil {
		full := crm.Text("+" + digits)
		return Number{E164: full, Match: full, Line: full, Ask: []crm.Value{own}}
	}
	n := number(full)
	if !slices.Contains(n.Ask, own) {
		n.Ask = append(n.Ask, own)
	}
	return n
}

// number leaves the extension away, which belongs to no line of WhatsApp.
func number(full string) Number {
	e164, _, _ := strings.Cut(full, " ")
	spellings := canon.PhoneSpellings(e164)
	n := Number{E164: crm.Text(e164), Match: crm.Text(canon.PhoneKey(e164)), Line: crm.Text(slices.Min(spellings))}
	for _, s := range spellings {
		n.Ask = append(n.Ask, crm.Text(strings.TrimPrefix(s, "+")))
	}
	return n
}

// plausible reports whether the text may be a number with its country code: E.164 has 15 digits at most.
func plausible(digits string) bool {
	return len(digits) >= 7 && len(digits) <= 15 && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}

// Keys are the names by which a person is looked for, the surer first: a user id means one person within the business's
// portfolio, a number may change hands. Either may be absent.
type Keys struct {
	User  crm.Value
	Phone Number
}

// Of returns the keys of a person.
func Of(p chat.Person) Keys { return Keys{User: p.User, Phone: WhatsApp(p.Phone.Text())} }

// IsZero reports whether there is nothing to look for: the person is nobody's match.
func (k Keys) IsZero() bool { return !k.User.Filled() && k.Phone.IsZero() }

// Hit is a contact that one of the numbers of Keys.Phone.Ask led to.
type Hit struct {
	Contact string    // as the asker names contacts
	User    crm.Value // the user id by which the contact is known already, unknown when by none
	Left    bool      // the contact's person is known to have given the number up
}

// Verdict says whose message it is. Both fields empty: nobody's that is known.
type Verdict struct {
	Contact    string
	Candidates []string // it may be one of these and a person has to say which: nothing is matched
}

// Decide says whom the keys mean: the contact that the user id led to, "" for none; else the only contact that the numbers led
// to. Several contacts, or one that is known by another user id (the number has changed hands, or the change was never told) or
// whose person has given the number up, are candidates. Without a key there is no match, whatever the hits are.
func Decide(k Keys, byUser string, byPhone []Hit) Verdict {
	if k.User.Filled() && byUser != "" {
		return Verdict{Contact: byUser}
	}
	if k.Phone.IsZero() {
		return Verdict{}
	}
	var all []string
	stranger := false
	for _, h := range byPhone {
		if h.Contact == "" {
			continue
		}
		all = append(all, h.Contact)
		same := k.User.Filled() && h.User == k.User
		stranger = stranger || !same && (h.Left || k.User.Filled() && h.User.Filled())
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) == 1 && !stranger {
		return Verdict{Contact: all[0]}
	}
	return Verdict{Candidates: all}
}

// Lead is what a key is known to lead to. The zero Lead leads nowhere.
type Lead struct {
	Person string    // as the asker names persons
	User   crm.Value // of a number: the user id that it was seen with last, unknown when it never was with one
}

// Recalled says whom keys mean that somebody is known by.
type Recalled struct {
	Person string // "" for nobody
	Same   string // another one, who turns out to be the same person; "" for none
	Taken  bool   // the number is known as that of another user id: nobody is meant before it is clear whose it is now
	User   bool   // the user id has to be remembered as the person's
	Number bool   // the number has to be
}

// Recall says whom the keys of one update mean. Where it names both a user id and a number they are one person's: what only one of
// them led to holds for the other one too. A number that was never seen with a user id belongs to whoever is seen with it now; one
// that was seen with another user id has changed hands, or the change of the user id was never told.
func Recall(k Keys, byUser, byNumber Lead) Recalled {
	other := k.User.Filled() && byNumber.User.Filled() && byNumber.User != k.User
	switch {
	case byUser.Person == "" && byNumber.Person == "":
		return Recalled{}
	case byUser.Person == "" && other:
		return Recalled{Taken: true}
	case byUser.Person == "":
		return Recalled{Person: byNumber.Person, User: k.User.Filled(), Number: k.User.Filled() && !byNumber.User.Filled()}
	}
	r := Recalled{Person: byUser.Person, Number: !k.Phone.IsZero() && (byNumber.Person != byUser.Person || byNumber.User != k.User)}
	if byNumber.Person != "" && byNumber.Person != byUser.Person && !other {
		r.Same = byNumber.Person
	}
	return r
}

// Change says that what is known under one set of keys is the same person as what will be known under another.
//
// The contact that Before leads to is from now on found by Now. What Now led to already is the same person too: its history
// goes to that contact, and where both are contacts of a CRM a person has to merge them. Retired keys lead nowhere from now on
// and are kept for the past only: the number that was given up will be somebody else's.
type Change struct {
	Before  Keys
	Now     Keys
	Retired Keys
	At      time.Time
}

// Renamed returns what a system message means for the keys, false when it means nothing: no system message, nothing told of
// before or of now, nothing changed. Page: webhooks/reference/messages/system; business-scoped-user-ids.
func Renamed(m chat.Message) (Change, bool) {
	if !m.Renamed() {
		return Change{}, false
	}
	c := Change{Before: Of(m.From), Now: Of(m.Changed), At: m.At}
	if c.Before.IsZero() || c.Now.IsZero() {
		return Change{}, false
	}
	if c.Now.User.Filled() && c.Before.User != c.Now.User {
		c.Retired.User = c.Before.User
	}
	if !c.Now.Phone.IsZero() && c.Before.Phone.Line != c.Now.Phone.Line {
		c.Retired.Phone = c.Before.Phone
	}
	learns := !c.Before.User.Filled() && c.Now.User.Filled() || c.Before.Phone.IsZero() && !c.Now.Phone.IsZero()
	return c, learns || !c.Retired.IsZero()
}
