package hubspottest

import (
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
)

// The association types between contacts and companies. HubSpot docs: Associations, "Association type IDs".
const (
	contactToPrimary = 1
	companyToPrimary = 2
	contactToCompany = 279
	companyToContact = 280
)

// link associates a contact with a company. The first company of a contact is its primary one; a primary association
// brings the plain one with it. `associatedcompanyid` follows the primary, with history. HubSpot docs: Associations,
// "Set and manage primary companies".
func (s *Server) link(contact, company *record, primary bool, by actor) {
	at := s.now()
	fresh := !slices.Contains(contact.links, company.id)
	if fresh {
		contact.links = append(contact.links, company.id)
		company.links = append(company.links, contact.id)
		s.emitAssociation(contact, company, false, false, by)
	}
	before := contact.value("associatedcompanyid", time.Time{})
	point := before != company.id && (primary || before == "")
	if point {
		if old := s.companies().byID[before]; old != nil {
			s.emitAssociation(contact, old, true, true, by)
		}
		s.point(contact, company.id, at, by)
		s.emitAssociation(contact, company, true, false, by)
	}
	if fresh || point {
		s.linked(contact, company, "associate", at, by)
	}
}

// unlink removes every association between the two. HubSpot docs: Associations, "Remove record associations".
func (s *Server) unlink(contact, company *record, by actor) {
	if !slices.Contains(contact.links, company.id) {
		return
	}
	at := s.now()
	drop(&contact.links, company.id)
	drop(&company.links, contact.id)
	if contact.value("associatedcompanyid", time.Time{}) == company.id {
		s.point(contact, "", at, by)
		s.emitAssociation(contact, company, true, true, by)
	}
	s.emitAssociation(contact, company, false, true, by)
	s.linked(contact, company, "dissociate", at, by)
}

func drop(list *[]string, id string) {
	*list = slices.DeleteFunc(*list, func(s string) bool { return s == id })
}

// point sets the property that shows the primary company.
func (s *Server) point(contact *record, company string, at time.Time, by actor) {
	p := pair{"associatedcompanyid", company}
	s.contacts().put(contact, p.name, entry{p.value, at, by})
	s.emitProperty(s.contacts(), contact, p, by)
}

func (s *Server) linked(contact, company *record, op string, at time.Time, by actor) {
	now := contact.value("associatedcompanyid", time.Time{})
	s.record(Write{At: at, Op: op, Module: crm.Contacts, ID: contact.id}, by, []pair{{"associatedcompanyid", now}})
	s.touch(s.contacts(), contact, at, by)
	if company.is(living, time.Time{}) {
		s.touch(s.companies(), company, at, by)
	}
}

// setPrimary makes a company the contact's primary one; nil takes the primary one away.
func (s *Server) setPrimary(contact, company *record, by actor) {
	if company != nil {
		s.link(contact, company, true, by)
		return
	}
	if old := s.companies().byID[contact.value("associatedcompanyid", time.Time{})]; old != nil {
		s.unlink(contact, old, by)
	}
}

// relink moves the associations of a record that was merged away to the survivor.
func (s *Server) relink(t *table, from, to *record, by actor) {
	for _, id := range slices.Clone(from.links) {
		if t == s.contacts() {
			company := s.companies().byID[id]
			primary := from.value("associatedcompanyid", time.Time{}) == id && to.value("associatedcompanyid", time.Time{}) == ""
			drop(&company.links, from.id)
			s.link(to, company, primary, by)
			continue
		}
		contact := s.contacts().byID[id]
		primary := contact.value("associatedcompanyid", time.Time{}) == from.id
		drop(&contact.links, from.id)
		s.link(contact, to, primary, by)
	}
	from.links = nil
}
