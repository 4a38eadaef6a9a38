package simulate

import (
	"fmt"
	"time"

	"crm-connector/pkg/core/crm"
)

// contact makes a person. An empty address gives one of their own.
func (p person) contact(letter, address string) map[string]string {
	if address == "" {
		address = fmt.Sprintf("%s%d@acme.example", letter, p.n)
	}
	props := map[string]string{"email": address, "lastname": p.value("", 7)}
	if p.dice.IntN(2) == 0 {
		props["firstname"] = p.value("", 8)
	}
	if p.dice.IntN(2) == 0 {
		props["city"] = p.value("", 9)
	}
	return props
}

// soon does something within a few seconds: while the first thing is still on its way.
func (p person) soon(do func()) {
	p.s.after(time.Duration(p.dice.Int64N(int64(3*time.Second))), do)
}

// createUnfit makes a person with a value that Zoho's checkbox has no word for, and one that Zoho's list lacks.
func (p person) createUnfit() {
	c := p.contact("u", "")
	c["newsletter"] = []string{"maybe", "maybe", "true", ""}[p.dice.IntN(4)]
	c["origin"] = []string{"radio", "radio", "fair", ""}[p.dice.IntN(4)]
	p.create(crm.HubSpot, crm.Contacts, c)
}

// tick says whether somebody gets the newsletter.
func (p person) tick() {
	sys := p.side()
	words := []string{"true", "false", "maybe"}
	if sys == crm.Zoho {
		words = words[:2]
	}
	id, name, word := p.pick(sys, crm.Contacts), at(sys, [2]string{"newsletter", "Newsletter"}), words[p.dice.IntN(len(words))]
	if shows, ok := p.s.props(sys, crm.Contacts, id); ok && shows[name] != word { // nobody can set a box to what it is
		p.set(sys, crm.Contacts, id, map[string]string{name: word})
	}
}

// mendOrigin gives a record an origin that both lists have.
func (p person) mendOrigin() {
	sys := p.side()
	if id := p.pick(sys, crm.Contacts); id != "" {
		p.set(sys, crm.Contacts, id, map[string]string{at(sys, [2]string{"origin", "Origin"}): at(sys, [2]string{"fair", "Fair"})})
	}
}

// createBoth makes the same person on both sides.
func (p person) createBoth() {
	first := p.side()
	a := p.contact("b", "")
	b := p.contact("b", a["email"])
	p.create(first, crm.Contacts, a)
	p.soon(func() { p.create(first.Other(), crm.Contacts, b) })
}

// createAgain makes a person anew whose record was deleted, or is there in Zoho alone.
func (p person) createAgain() {
	var address string
	for _, w := range p.s.w.HubSpot.Writes() {
		if w.Op == "create" && w.Module == crm.Contacts && (address == "" || p.dice.IntN(2) == 0) {
			address = w.Properties["email"]
		}
	}
	p.create(crm.HubSpot, crm.Contacts, p.contact("c", address))
}

func (p person) createCompany() {
	p.create(p.side(), crm.Companies, p.company(fmt.Sprintf("f%d.example", p.n), 1))
}

func (p person) company(domain string, salt int) map[string]string {
	props := map[string]string{"name": fmt.Sprintf("Firm %d.%d", p.n, salt), "domain": domain}
	if p.dice.IntN(2) == 0 {
		props["city"] = p.value("", salt)
	}
	return props
}

// companyTwins makes two companies with one domain.
func (p person) companyTwins() {
	domain := fmt.Sprintf("t%d.example", p.n)
	if id := p.pick(crm.HubSpot, crm.Companies); id != "" && p.dice.IntN(4) == 0 {
		if props, ok := p.s.props(crm.HubSpot, crm.Companies, id); ok && props["domain"] != "" {
			domain = props["domain"]
		}
	}
	a, b := p.company(domain, 1), p.company(domain, 2)
	second := crm.HubSpot
	if p.dice.IntN(3) == 0 {
		second = crm.Zoho
	}
	p.create(crm.HubSpot, crm.Companies, a)
	p.soon(func() { p.create(second, crm.Companies, b) })
}

// move changes a contact's company.
func (p person) move() {
	sys := p.side()
	contact, company := p.pick(sys, crm.Contacts), p.pick(sys, crm.Companies)
	if contact == "" {
		return
	}
	if p.dice.IntN(5) == 0 {
		company = ""
	}
	var err error
	if sys == crm.HubSpot {
		err = p.s.w.HubSpot.SetCompany(contact, company)
	} else {
		err = p.s.w.Zoho.SetCompany(contact, company)
	}
	p.say(err, "%s contact %s moves to company %q", sys, contact, company)
}

func (p person) merge(sys crm.System, m crm.Module) {
	p.s.silent = p.s.silent || m == crm.Companies
	a, b := p.pick(sys, m), p.pick(sys, m)
	if a == "" || a == b {
		if ids := p.s.ids(sys, m); len(ids) > 1 {
			a, b = ids[0], ids[len(ids)-1]
		} else {
			return
		}
	}
	var to string
	var err error
	if sys == crm.HubSpot {
		to, err = p.s.w.HubSpot.Merge(m, a, b)
	} else {
		to, err = p.s.w.Zoho.Merge(m, a, b)
	}
	p.say(err, "%s %s %s and %s are merged into %s", sys, m, a, b, to)
}

func (p person) remove(sys crm.System, m crm.Module) {
	id := p.pick(sys, m)
	if id == "" {
		return
	}
	var err error
	if sys == crm.HubSpot {
		err = p.s.w.HubSpot.Delete(m, id)
	} else {
		err = p.s.w.Zoho.Delete(m, id)
	}
	if err == nil {
		p.s.deleted = append(p.s.deleted, crm.ID{System: sys, Module: m, Key: id})
	}
	p.say(err, "%s %s %s is deleted", sys, m, id)
}

func (p person) restore(sys crm.System, m crm.Module) {
	var list []string
	for _, id := range p.s.deleted {
		if id.System == sys && id.Module == m {
			list = append(list, id.Key)
		}
	}
	if len(list) == 0 {
		return
	}
	id := list[p.dice.IntN(len(list))]
	var err error
	if sys == crm.HubSpot {
		err = p.s.w.HubSpot.Restore(m, id)
	} else {
		err = p.s.w.Zoho.Restore(m, id)
	}
	p.say(err, "%s %s %s is restored", sys, m, id)
}

func (p person) erase() {
	id := p.pick(crm.HubSpot, crm.Contacts)
	if id == "" {
		return
	}
	err := p.s.w.HubSpot.Erase(id)
	if err == nil {
		p.s.erasures[id] = time.Time{}
	}
	p.say(err, "hubspot contact %s is erased", id)
}

// lead makes a person who is a lead in Zoho, and then a contact in HubSpot.
func (p person) lead() {
	c := p.contact("l", "")
	_, err := p.s.w.Zoho.Create(crm.Leads, map[string]string{"Last_Name": c["lastname"], "Email": c["email"]})
	p.say(err, "zoho has the lead %s", c["email"])
	p.create(crm.HubSpot, crm.Contacts, c)
}

// install makes what was there before the connector was: records on both sides that have not met.
func (s *sim) install() {
	if !s.cfg.met {
		return
	}
	p := person{s: s, n: 900, dice: s.dice}
	for i := range s.cfg.companies {
		p.n = 900 + i
		c := p.company(fmt.Sprintf("f%d.example", i), i)
		p.pass()
		p.create(crm.HubSpot, crm.Companies, c)
		if s.dice.IntN(3) > 0 {
			p.pass()
			p.create(crm.Zoho, crm.Companies, p.company(c["domain"], i+5))
		}
	}
	for i := range s.cfg.contacts {
		p.n = 910 + i
		c := p.contact("p", "")
		sides := []crm.System{crm.HubSpot, crm.Zoho}
		if s.dice.IntN(2) == 0 {
			sides[0], sides[1] = sides[1], sides[0]
		}
		if s.dice.IntN(5) == 0 {
			sides = sides[:1]
		}
		for j, sys := range sides {
			p.pass()
			p.n = 910 + i + 20*j
			p.create(sys, crm.Contacts, p.contact("p", c["email"]))
		}
		if s.dice.IntN(10) == 0 {
			p.n += 40
			p.create(crm.Zoho, crm.Contacts, p.contact("p", c["email"]))
		}
		for s.dice.IntN(2) == 0 {
			p.pass()
			p.n++
			p.edit(crm.Contacts)
		}
	}
	s.w.HubSpot.Tick()
	s.w.Clock.Advance(20 * time.Second)
	s.w.HubSpot.Tick()
	s.w.Zoho.Tick()
	s.result.Edits = 0
}

func (p person) pass() { p.s.w.Clock.Advance(time.Duration(p.dice.Int64N(int64(90 * time.Second)))) }

// warm lets the first records meet before anything else happens.
func (s *sim) warm() {
	if s.cfg.met {
		return
	}
	p := person{s: s, n: 900, dice: s.dice}
	for i := range s.cfg.companies {
		p.n = 900 + i
		p.create(crm.HubSpot, crm.Companies, p.company(fmt.Sprintf("f%d.example", i), i))
	}
	for i := range s.cfg.contacts {
		p.n = 910 + i
		id := p.create(crm.HubSpot, crm.Contacts, p.contact("p", ""))
		if company := p.pick(crm.HubSpot, crm.Companies); company != "" && s.dice.IntN(2) == 0 {
			if err := s.w.HubSpot.SetCompany(id, company); err != nil {
				p.say(err, "a contact joins a company")
			}
		}
	}
	s.drain()
	s.run(s.now().Add(10 * time.Second))
	s.tracef("-- the records have met")
}
