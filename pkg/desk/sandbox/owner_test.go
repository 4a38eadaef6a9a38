package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/desk/sandbox"
)

// ownersInStep lets owners be kept in step, and not only set when a contact is created.
func ownersInStep(t *testing.T) func(*sandbox.WorldOptions) {
	return mapped(t, func(y string) string {
		return strings.Replace(y, "      type: owner\n      policy: at-creation\n", "      type: owner\n      policy: newest\n", 1)
	})
}

// Anna is a user of both systems, as is Giulia; the integration's user and HubSpot's second owner are known on one side only.
func TestAnOwnerWhomTheOtherSideDoesNotKnowIsNotSentAndNobodyIsToldOfIt(t *testing.T) {
	stranger := hubspottest.DefaultOwners()[1].ID
	for name, tt := range map[string]struct{ first, then string }{
		"nobody owns the contact in HubSpot":       {"", ""},
		"somebody unknown in Zoho owns it":         {stranger, stranger},
		"somebody unknown in Zoho owns it later":   {"", stranger},
		"somebody whom both know owned it before":  {hubspottest.DefaultOwners()[0].ID, stranger},
		"somebody whom both know owns it later on": {stranger, hubspottest.DefaultOwners()[0].ID},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, ownersInStep(t))
			first := props{"email": "anna@acme.example", "lastname": "Rossi"}
			if tt.first != "" {
				first["hubspot_owner_id"] = tt.first
			}
			hub := s.hub(crm.Contacts, first)
			s.settle()
			zo := s.twin(crm.Contacts, hub)
			if tt.then != tt.first {
				s.editHub(crm.Contacts, hub, props{"hubspot_owner_id": tt.then})
			}
			s.settle()
			for _, title := range []string{"Buyer", "Head of Purchasing"} {
				s.pass(time.Hour)
				before := len(s.Endings)
				s.editZo(crm.Contacts, zo, props{"Title": title})
				s.pass(5 * time.Second)
				s.wantHub(crm.Contacts, hub, props{"jobtitle": title, "hubspot_owner_id": tt.then})
				if n := len(s.Endings) - before; n > 2 {
					t.Errorf("%d endings of one change: %s", n, s.last(n))
				}
				s.settle()
			}
			if tt.then == hubspottest.DefaultOwners()[0].ID {
				s.wantZo(crm.Contacts, zo, props{"Owner": giulia.Email})
			}
			s.wantRows()
			s.wantMails(0)
		})
	}
}

func TestAStageThatOnlyMovesOnIsNotClearedEither(t *testing.T) {
	with := mapped(t, func(y string) string {
		return strings.Replace(y, "    company: # the primary", `    stage:
      policy: forward
      hubspot: stage
      zoho: Stage
      order: [lead, customer]
    company: # the primary`, 1)
	})
	s := stage(t, func(o *sandbox.WorldOptions) {
		with(o)
		o.HubSpot.Properties = map[crm.Module][]hubspottest.Property{crm.Contacts: {{Name: "stage", Type: "string"}}}
		o.Zoho.Fields = map[string][]zohotest.Field{"Contacts": {{Name: "Stage", Type: "text", Length: 50}}}
	})
	hub, zo := s.rossi(props{"stage": "lead"})
	s.editZo(crm.Contacts, zo, props{"Stage": "customer"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"stage": "customer"})
	s.editZo(crm.Contacts, zo, props{"Stage": ""})
	s.settle()
	s.editHub(crm.Contacts, hub, props{"stage": "lead"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"stage": "customer"})
	s.wantZo(crm.Contacts, zo, props{"Stage": "customer"})
}

func TestWhoWouldBeCreatedIsObservedAsHeWouldBeTreated(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) { o.Mapping = mapping.Options{LastName: mapping.LastNameRequire} })
	s.mode(crm.Observe)
	_, err := s.Zoho.Create(crm.Leads, props{"Email": "lea@acme.example", "Last_Name": "Lead"})
	s.must(err)
	for email, want := range map[string]string{"lea@acme.example": "is a lead", "nobody@acme.example": "last_name is empty", "anna@acme.example": "salutation held (unmapped)"} {
		p := props{"email": email, "lastname": "Rossi", "salutation": "Contessa"}
		if email == "nobody@acme.example" {
			delete(p, "lastname")
		}
		s.hub(crm.Contacts, p)
		s.settle()
		if last := s.last(1); !strings.Contains(last, "observed only") || !strings.Contains(last, want) {
			t.Errorf("%s: %s", email, last)
		}
	}
	s.wantCount(crm.Contacts, 3, 0)
	s.wantRows()
}
