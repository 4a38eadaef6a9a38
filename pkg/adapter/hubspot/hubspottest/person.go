package hubspottest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// ErrMissing is the error of a method that names a record that is not there, or is not in the state that it needs.
var ErrMissing = errors.New("hubspottest: no such record")

// errOf keeps a nil *refusal from becoming a non-nil error.
func errOf(r *refusal) error {
	if r == nil {
		return nil
	}
	return r
}

// Create makes a record as a person in HubSpot's pages does, and returns its id. The rules of the API hold.
func (s *Server) Create(m crm.Module, props map[string]string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(m)
	p, refused := s.check(t, nil, props)
	if refused == nil {
		refused = t.nameless(p.pairs)
	}
	if refused != nil {
		return "", refused
	}
	return s.create(t, p, s.person()).id, nil
}

// Edit changes a record as a person does; an id that was merged away leads to the survivor.
func (s *Server) Edit(m crm.Module, id string, props map[string]string) error {
	return s.with(m, id, func(t *table, r *record) error {
		p, refused := s.check(t, r, props)
		if refused == nil {
			s.update(t, r, p, s.person())
		}
		return errOf(refused)
	})
}

// Set writes properties that nobody can write, as HubSpot itself does: an unsubscription sets hs_email_optout. Values are
// stored as they are.
func (s *Server) Set(m crm.Module, id string, props map[string]string) error {
	return s.with(m, id, func(t *table, r *record) error {
		var p plan
		for _, name := range sortedKeys(props) {
			if t.property(name) == nil {
				return errors.New("hubspottest: no such property")
			}
			p.pairs = append(p.pairs, pair{name, clean(props[name])})
		}
		s.update(t, r, p, actor{sourceType: "HUBSPOT_INTERNAL"})
		return nil
	})
}

// Delete archives a record.
func (s *Server) Delete(m crm.Module, id string) error {
	return s.with(m, id, func(t *table, r *record) error {
		s.remove(t, r, s.person())
		return nil
	})
}

// Restore brings an archived record back, as a person can within 90 days; the API cannot. Associations of a company that
// was archived do not come back. HubSpot knowledge base: Restore deleted records.
func (s *Server) Restore(m crm.Module, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(m)
	r := t.byID[id]
	if r == nil || !r.is(archived, time.Time{}) {
		return ErrMissing
	}
	if refused := s.taken(t, r, []pair{{"email", r.value("email", time.Time{})}}); refused != nil {
		return refused
	}
	at, by := s.now(), s.person()
	r.enter(living, at, nil)
	s.record(Write{At: at, Op: "restore", Module: m, ID: id}, by, nil)
	s.touch(t, r, at, by)
	s.emit(t, event{kind: "restore", ObjectID: number(id)}, by)
	return nil
}

// Merge merges records into a primary one, one after the other as HubSpot does, and returns the id that lives on.
func (s *Server) Merge(m crm.Module, primary string, others ...string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(m)
	for _, id := range others {
		r, other := t.lives(primary, time.Time{}), t.lives(id, time.Time{})
		if r == nil || other == nil || r == other {
			return "", ErrMissing
		}
		primary = s.merge(t, r, other, s.person()).id
	}
	return primary, nil
}

// Erase deletes a contact for good, as a person does on a request under the GDPR.
func (s *Server) Erase(id string) error {
	return s.with(crm.Contacts, id, func(_ *table, r *record) error {
		s.erase(r, s.person())
		return nil
	})
}

// SetCompany makes a company the contact's primary one; "" takes the primary one away.
func (s *Server) SetCompany(contact, company string) error {
	return s.with(crm.Contacts, contact, func(_ *table, r *record) error {
		if company == "" {
			s.setPrimary(r, nil, s.person())
			return nil
		}
		c := s.companies().lives(company, time.Time{})
		if c == nil {
			return ErrMissing
		}
		s.setPrimary(r, c, s.person())
		return nil
	})
}

// AddEmail gives a contact a secondary address.
func (s *Server) AddEmail(contact, address string) error {
	return s.with(crm.Contacts, contact, func(t *table, r *record) error {
		address = strings.ToLower(address)
		if refused := s.taken(t, r, []pair{{"email", address}}); refused != nil {
			return refused
		}
		at := s.now()
		list := joinMembers(r.value("hs_additional_emails", time.Time{}), address, r.value("email", time.Time{}))
		t.put(r, "hs_additional_emails", entry{list, at, s.person()})
		s.touch(t, r, at, s.person())
		return nil
	})
}

func (s *Server) with(m crm.Module, id string, do func(*table, *record) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(m)
	r := t.lives(id, time.Time{})
	if r == nil {
		return ErrMissing
	}
	return do(t, r)
}

// Props returns what a living record holds, dropped definitions and empty values left out. An id that was merged away
// leads to the survivor.
func (s *Server) Props(m crm.Module, id string) (map[string]string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(m)
	r := t.lives(id, time.Time{})
	if r == nil {
		return nil, false
	}
	props := make(map[string]string, len(r.props))
	for name := range r.props {
		if v := r.value(name, time.Time{}); v != "" && t.property(name) != nil {
			props[name] = v
		}
	}
	return props, true
}

// Entry is one value in a property's history.
type Entry struct {
	Value string
	At    time.Time
	Ours  bool
}

// History returns the values that a property of a record had, newest first, whatever became of the record.
func (s *Server) History(m crm.Module, id, property string) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.table(m).byID[id]
	if r == nil {
		return nil
	}
	var all []Entry
	for _, e := range r.props[property] {
		all = append(all, Entry{Value: e.value, At: e.at, Ours: e.by.ours})
	}
	slices.Reverse(all)
	return all
}

// IDs returns the ids of the living records, oldest first.
func (s *Server) IDs(m crm.Module) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, r := range s.table(m).all {
		if r.is(living, time.Time{}) {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// Writes returns everything that was done to records so far, by anyone, in order.
func (s *Server) Writes() []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}
