package sandbox_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
)

// Somebody who has asked to be forgotten, and whose messages lie on a record that is in no pair with his.

// wantAsked wants nothing of a person in the tables of WhatsApp, and people asked to erase these records, by the causes.
func (s *scene) wantAsked(want map[string]string) {
	s.t.Helper()
	for _, prefix := range []string{"I#", "P#", "K#", "O#", "Q#"} {
		for r := range s.Tables[sandbox.Chats].All(prefix) {
			s.t.Errorf("still kept: %v", r.Key)
		}
	}
	n := 0
	for _, r := range s.parked() {
		if r.Hint != fault.HintErase {
			continue
		}
		if n++; want[r.TargetID.Key] != r.Code {
			s.t.Errorf("asked to erase %s for %s", r.TargetID, r.Code)
		}
	}
	if n != len(want) {
		s.t.Errorf("asked to erase %d records, want %v; %s", n, want, s.last(3))
	}
}

// metAnew is Anna, whose paired contact was deleted in Zoho, and the one that she has got since.
func metAnew(t *testing.T, change ...func(*sandbox.WorldOptions)) (s *scene, hub, gone, living string) {
	t.Helper()
	s, say := talks(t, change...)
	hub = s.hub(crm.Contacts, anna)
	s.settle()
	gone = s.twin(crm.Contacts, hub)
	say("prima")
	s.settle()
	s.must(s.Zoho.Delete(crm.Contacts, gone))
	s.pass(10 * time.Minute)
	say("dopo")
	s.pass(10 * time.Minute)
	on := s.notedOn("dopo")
	if len(on) != 1 || on[0] == gone {
		t.Fatalf("noted on %v", on)
	}
	return s, hub, gone, on[0]
}

func TestAnErasureNamesTheContactThatItsPersonWritesOnWhateverRecordItBeginsWith(t *testing.T) {
	s, hub, gone, living := metAnew(t)
	s.must(s.HubSpot.Erase(hub))
	s.settle()
	s.wantAsked(map[string]string{gone: fault.CauseErased, living: fault.CauseErased})
	s.wantForgotten([]string{hub}, []string{gone, living})
	s.wantAsked(map[string]string{living: fault.CauseErased}) // whoever looked has seen that the other one is gone
	s.must(s.Zoho.Delete(crm.Contacts, living))
	s.settle()
	s.wantAsked(nil)
	s.must(s.Zoho.Restore(crm.Contacts, living)) // somebody takes it out of the bin
	s.settle()
	s.wantAsked(map[string]string{living: fault.CauseErased})
}

func TestAnErasureInZohoOfTheContactThatIsGoneNamesTheOneThatItsPersonWritesOn(t *testing.T) {
	s, _, gone, living := metAnew(t)
	s.send(crm.Contacts, crm.Zoho, gone, crm.Erase)
	s.settle()
	s.wantAsked(map[string]string{gone: fault.CauseErased, living: fault.CauseErased})
}

// unclear is Anna, whose HubSpot contact waits for a person: two in Zoho have her address.
func unclear(t *testing.T, before func(*scene)) (s *scene, hub string, twins []string) {
	t.Helper()
	s, say := talks(t)
	for range 2 {
		twins = append(twins, s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi"}))
	}
	before(s)
	s.settle()
	hub = s.hub(crm.Contacts, anna)
	s.pass(25 * time.Hour)
	say("Buongiorno")
	s.settle()
	return s, hub, twins
}

func TestAnErasureOfSomebodyInNoPairNamesTheContactThatHeWritesOn(t *testing.T) {
	s, hub, twins := unclear(t, func(*scene) {})
	on := slices.Compact(s.notedOn("Buongiorno")) // its answer says so too
	if len(on) != 1 {
		t.Fatalf("noted on %v", on)
	}
	s.must(s.HubSpot.Erase(hub))
	s.settle()
	s.wantAsked(map[string]string{on[0]: fault.CauseErased, twins[0]: fault.CauseErasedTwin})
}

func TestAnErasureAsksAboutALeadThatWasKnownByItsNumberAlone(t *testing.T) {
	var lead string
	s, hub, twins := unclear(t, func(s *scene) { lead = s.zo(crm.Leads, props{"Last_Name": "Rossi", "Mobile": "+393331110001"}) })
	s.must(s.HubSpot.Erase(hub))
	s.settle()
	s.wantAsked(map[string]string{lead: fault.CauseErasedTwin, twins[0]: fault.CauseErasedTwin})
}

func TestAnErasureLeavesTheContactThatItsPersonWritesOnAloneWhereAnotherOneInHubSpotHasIt(t *testing.T) {
	s, hub, gone, living := metAnew(t)
	other := s.hub(crm.Contacts, props{"email": "bruno@acme.example", "lastname": "Bruni"})
	s.editZo(crm.Contacts, living, props{"Email": "bruno@acme.example"})
	s.pass(2 * time.Hour)
	if z := s.named("+393331110001"); !slices.Contains(z, living) {
		t.Fatalf("contacts %v", z)
	}
	s.must(s.HubSpot.Erase(hub))
	s.settle()
	s.wantAsked(map[string]string{gone: fault.CauseErased, living: fault.CauseErasedTwin})
	s.editHub(crm.Contacts, other, props{"city": "Bari"})
	s.settle()
	s.wantZo(crm.Contacts, living, props{"Mailing_City": "Bari"})
}

// graveless is a table of pairs that takes no tombstone while it is full.
type graveless struct {
	sandbox.Store
	full *bool
}

func (g graveless) Put(ctx context.Context, puts ...row.Put) error {
	if *g.full && slices.ContainsFunc(puts, func(p row.Put) bool { return strings.HasPrefix(p.Key.Part, "T#") && !p.Delete }) {
		return errors.New("the table takes nothing")
	}
	return g.Store.Put(ctx, puts...)
}

func TestAnErasureThatEndedHalfwayBuriesTheContactThatItsPersonWroteOn(t *testing.T) {
	full := true
	s, hub, gone, living := metAnew(t, func(o *sandbox.WorldOptions) {
		o.Adapt = func(p *sandbox.Parts) {
			p.WrapStore = func(name string, inner sandbox.Store) sandbox.Store {
				if name == sandbox.Pairs {
					return graveless{inner, &full}
				}
				return inner
			}
		}
	})
	s.must(s.HubSpot.Erase(hub))
	s.pass(time.Minute)
	s.wantAsked(map[string]string{gone: fault.CauseErased, living: fault.CauseErased})
	full = false
	s.pass(30 * time.Minute)
	s.must(s.Zoho.Delete(crm.Contacts, living))
	s.settle()
	s.must(s.Zoho.Restore(crm.Contacts, living))
	s.settle()
	s.wantAsked(map[string]string{gone: fault.CauseErased, living: fault.CauseErased})
}
