package whatsapp

import (
	"strings"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
)

// wireContact is somebody whom a delivery is about. Page: business-scoped-user-ids, "Webhooks".
type wireContact struct {
	WaID    loose `json:"wa_id"`
	User    loose `json:"user_id"`
	Parent  loose `json:"parent_user_id"`
	Profile struct {
		Name     loose `json:"name"`
		Username loose `json:"username"`
	} `json:"profile"`
}

// address is how a message, a status or a preference names a person: any part may be absent.
type address struct{ phone, user, parent loose }

// person puts an address together with what contacts tell of the same person. Some deliveries have the user id where the
// number belongs.
func (a address) person(contacts *people) chat.Person {
	p := chat.Person{}
	a.fill(&p)
	c, ok := contacts.find(p)
	if !ok {
		return p
	}
	address{c.WaID, c.User, c.Parent}.fill(&p)
	p.Name = loose(c.Profile.Name.short(maxName)).value()
	p.Username = loose(strings.TrimPrefix(c.Profile.Username.short(maxName), "@")).value()
	return p
}

// fill sets what p does not know yet.
func (a address) fill(p *chat.Person) {
	if chat.IsUser(string(a.phone)) {
		if a.user == "" {
			a.user = a.phone
		}
		a.phone = ""
	}
	set := func(to *crm.Value, text string) {
		if !to.Filled() && text != "" {
			*to = crm.Text(text)
		}
	}
	set(&p.Phone, a.phone.digits())
	if chat.IsUser(string(a.user)) {
		set(&p.User, string(a.user))
	}
	if chat.IsUser(string(a.parent)) {
		set(&p.Parent, string(a.parent))
	}
}

// people are the contacts of a delivery, found without looking through all of them: there may be a thousand, and as many messages.
type people struct {
	all    []someone
	users  map[crm.Value]int
	phones map[crm.Value][]int
}

// someone is a contact with what tells who it is.
type someone struct {
	is  *wireContact
	own chat.Person
}

func peopleOf(contacts []item[wireContact]) *people {
	p := &people{users: map[crm.Value]int{}, phones: map[crm.Value][]int{}}
	for i := range contacts {
		if contacts[i].bad != nil {
			continue
		}
		s := someone{is: &contacts[i].is}
		address{s.is.WaID, s.is.User, s.is.Parent}.fill(&s.own)
		if _, known := p.users[s.own.User]; s.own.User.Filled() && !known {
			p.users[s.own.User] = len(p.all)
		}
		if s.own.Phone.Filled() {
			p.phones[s.own.Phone] = append(p.phones[s.own.Phone], len(p.all))
		}
		p.all = append(p.all, s)
	}
	return p
}

// find returns the contact of a person: by user id, else by number, else, where there is one contact only, that one unless it is
// told to be somebody else.
func (p *people) find(who chat.Person) (wireContact, bool) {
	if i, ok := p.users[who.User]; ok && who.User.Filled() {
		return *p.all[i].is, true
	}
	other := func(s someone) bool { return who.User.Filled() && s.own.User.Filled() }
	if who.Phone.Filled() {
		for _, i := range p.phones[who.Phone] {
			if !other(p.all[i]) {
				return *p.all[i].is, true
			}
		}
	}
	if len(p.all) == 1 && !other(p.all[0]) && (!who.Phone.Filled() || !p.all[0].own.Phone.Filled()) {
		return *p.all[0].is, true
	}
	return wireContact{}, false
}

// wirePreference is a person's word on marketing messages. Page: webhooks/reference/user_preferences.
type wirePreference struct {
	WaID     loose `json:"wa_id"`
	User     loose `json:"user_id"`
	Parent   loose `json:"parent_user_id"`
	Detail   loose `json:"detail"`
	Category loose `json:"category"`
	Value    loose `json:"value"`
	At       loose `json:"timestamp"`
}

func (w wirePreference) preference(contacts *people) (chat.Preference, bool) {
	p := chat.Preference{
		From: address{w.WaID, w.User, w.Parent}.person(contacts), At: w.At.time(), Value: w.Value.short(maxWord), Category: w.Category.short(maxWord),
		Detail: loose(w.Detail.short(maxName)).value(),
	}
	return p, p.Value != "" && p.From.Known()
}

// wireRenamed tells of a new user id. It was documented as a field of its own, later taken back; what came so is read as the
// system message that took its place. Page: changelog, 2026-08-11.
type wireRenamed struct {
	WaID loose `json:"wa_id"`
	User struct {
		Previous loose `json:"previous"`
		Current  loose `json:"current"`
	} `json:"user_id"`
	Parent struct {
		Previous loose `json:"previous"`
		Current  loose `json:"current"`
	} `json:"parent_user_id"`
	Detail loose `json:"detail"`
	At     loose `json:"timestamp"`
}

func (w wireRenamed) message(contacts *people) (chat.Message, bool) {
	m := chat.Message{
		ID: crm.Text("user_id_update." + w.User.Previous.short(maxName) + "." + w.User.Current.short(maxName)), At: w.At.time(),
		Type: chat.TypeSystem, Kind: chat.KindUserChanged, Text: loose(w.Detail.short(maxName)).value(),
	}
	address{w.WaID, w.User.Previous, w.Parent.Previous}.fill(&m.From)
	m.Changed = address{w.WaID, w.User.Current, w.Parent.Current}.person(contacts)
	return m, m.From.Known() && m.Changed.User.Filled()
}

// wireStatus is what became of a message of the business. Page: webhooks/reference/messages/status.
type wireStatus struct {
	ID       loose `json:"id"`
	Status   loose `json:"status"`
	At       loose `json:"timestamp"`
	To       loose `json:"recipient_id"`
	User     loose `json:"recipient_user_id"`
	Parent   loose `json:"recipient_parent_user_id"`
	Parent2  loose `json:"parent_recipient_user_id"` // as the page spelled it in February 2026
	ToType   loose `json:"recipient_type"`
	Member   loose `json:"recipient_participant_id"`
	Member2  loose `json:"participant_recipient_id"` // in some examples
	MemberID loose `json:"recipient_participant_user_id"`
	Callback loose `json:"biz_opaque_callback_data"`
	Pricing  struct {
		Type     loose `json:"type"`
		Category loose `json:"category"`
	} `json:"pricing"`
	Errors wireErrors `json:"errors"`
}

func (w wireStatus) status(contacts *people) (chat.Status, bool) {
	s := chat.Status{
		ID: loose(w.ID.short(maxName)).value(), State: chat.State(w.Status.short(maxWord)), At: w.At.time(), Callback: loose(w.Callback.short(maxName)).value(),
		Category: w.Pricing.Category.short(maxWord), Billing: w.Pricing.Type.short(maxWord), Errors: faults(w.Errors),
	}
	to := address{w.To, w.User, first(w.Parent, w.Parent2)}
	if w.ToType == "group" {
		s.Group = loose(w.To.short(maxName)).value()
		to = address{first(w.Member, w.Member2), first(w.MemberID, w.User), to.parent}
	}
	s.To = to.person(contacts)
	return s, s.ID.Filled() && s.State != ""
}

func first(all ...loose) loose {
	for _, l := range all {
		if l != "" {
			return l
		}
	}
	return ""
}
