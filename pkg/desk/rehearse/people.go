package rehearse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

type props = map[string]string

// soon is how long a change may take to the other CRM, on a machine that is busy.
const soon = 90 * time.Second

// remember keeps what was typed, for the search in the logs. Words that anybody may write are no one's data.
func (s *stage) remember(typed props) props {
	for name, v := range typed {
		if name != "city" && name != "salutation" && name != "Salutation" && len(v) >= 5 {
			s.people = append(s.people, v)
		}
	}
	return typed
}

// person makes a contact in HubSpot.
func (s *stage) person(first, last string) (string, error) {
	return s.hubspot.Create(crm.Contacts, s.remember(props{
		"firstname": first, "lastname": last, "email": strings.ToLower(first + "." + last + "@example.com"), "mobilephone": s.number(),
	}))
}

// number is a mobile number that nobody has had yet.
func (s *stage) number() string { return fmt.Sprintf("+3933312%05d", 40000+len(s.people)) }

// met makes a contact in HubSpot and waits until Zoho has it and all is quiet.
func (s *stage) met(ctx context.Context, first, last string) (hubspot, zoho string, err error) {
	if hubspot, err = s.person(first, last); err != nil {
		return "", "", err
	}
	err = until(ctx, soon, func(context.Context) error {
		zoho, err = s.twin(crm.Contacts, hubspot)
		return err
	})
	if err != nil {
		return "", "", err
	}
	return hubspot, zoho, s.quiet(ctx)
}

func (s *stage) hubspotEdit(id string, p props) error {
	return s.hubspot.Edit(crm.Contacts, id, s.remember(p))
}
func (s *stage) zohoEdit(id string, p props) error {
	return s.zoho.Edit(crm.Contacts, id, s.remember(p))
}

// twin finds the Zoho record that carries a HubSpot id.
func (s *stage) twin(m crm.Module, hubspot string) (string, error) {
	var found []string
	for _, id := range s.zoho.IDs(m) {
		if z, _ := s.zoho.Props(m, id); z["HubSpot_Id"] == hubspot {
			found = append(found, id)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("hubspot/%s/%s is %d times in Zoho, want once", m, hubspot, len(found))
	}
	return found[0], nil
}

func (s *stage) zohoShows(id string, want props) error {
	have, _ := s.zoho.Props(crm.Contacts, id)
	return differ("zoho/contact/"+id, have, want)
}

func (s *stage) hubspotShows(id string, want props) error {
	have, _ := s.hubspot.Props(crm.Contacts, id)
	return differ("hubspot/contact/"+id, have, want)
}

func differ(record string, have, want props) error {
	var errs []error
	for name, v := range want {
		if have[name] != v {
			errs = append(errs, fmt.Errorf("%s has %s=%q, want %q", record, name, have[name], v))
		}
	}
	return errors.Join(errs...)
}

// writes counts what the suite has written into each CRM.
func (s *stage) writes() (n struct{ hubspot, zoho int }) {
	for _, w := range s.hubspot.Writes() {
		if w.Ours {
			n.hubspot++
		}
	}
	for _, w := range s.zoho.Writes() {
		if w.Ours {
			n.zoho++
		}
	}
	return n
}

// wrote says that the suite has written something else than that since.
func (s *stage) wrote(since struct{ hubspot, zoho int }, hubspot, zoho int) error {
	now := s.writes()
	if h, z := now.hubspot-since.hubspot, now.zoho-since.zoho; h != hubspot || z != zoho {
		return fmt.Errorf("%d writes to HubSpot and %d to Zoho, want %d and %d", h, z, hubspot, zoho)
	}
	return nil
}

// quiet waits until no notification is on its way and no operation is waiting or being worked on, twice in a row.
func (s *stage) quiet(ctx context.Context) error {
	calm := 0
	return until(ctx, 3*time.Minute, func(ctx context.Context) error {
		if err := s.busy(ctx); err != nil {
			calm = 0
			return err
		}
		if calm++; calm < 2 || !sandbox.Sleep(ctx, 200*time.Millisecond) {
			return errors.New("quiet for a moment only")
		}
		return nil
	})
}

func (s *stage) busy(ctx context.Context) error {
	if n := s.hubspot.Outstanding(); n > 0 {
		return fmt.Errorf("%d events of HubSpot on their way", n)
	}
	if !s.zoho.NextTick().IsZero() {
		return errors.New("notifications of Zoho on their way")
	}
	if n := s.whatsapp.Outstanding(); n > 0 {
		return fmt.Errorf("%d updates of WhatsApp on their way", n)
	}
	for _, q := range lanes {
		waiting, inFlight, err := s.cloud.depth(ctx, q)
		if err != nil {
			return err
		}
		if waiting+inFlight > 0 {
			return fmt.Errorf("%s: %d waiting, %d in flight", q, waiting, inFlight)
		}
	}
	return nil
}

// parked are the open rows of the stack.
type parked struct {
	ID, Class, Record, Field, Code, Message string
}

func (s *stage) parked(ctx context.Context) ([]parked, error) {
	a, err := s.does(ctx, nil, "parked", "list")
	if err != nil {
		return nil, err
	}
	var rows []parked
	return rows, a.read("parked", &rows)
}

// about returns the only open row about a record.
func (s *stage) about(ctx context.Context, record string) (parked, error) {
	rows, err := s.parked(ctx)
	if err != nil {
		return parked{}, err
	}
	var found []parked
	for _, r := range rows {
		if r.Record == record {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		return parked{}, fmt.Errorf("%d open rows about %s, want 1", len(found), record)
	}
	return found[0], nil
}
