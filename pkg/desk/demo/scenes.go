package demo

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// soon is long enough for a change and its echo.
const soon = 10 * time.Second

type props = map[string]string

var scenes = []scene{
	{"a contact is created in HubSpot and appears in Zoho", creation},
	{"both sides change different fields at once: both survive", bothSides},
	{"both sides change the same field: the later edit wins", conflict},
	{"a company with its contacts", company},
	{"every delivery arrives a hundred times", duplicates},
	{"a change in Zoho comes back as an echo and costs no write", echo},
	{"both CRMs answer 429 for a while", storm},
	{"Zoho's token expires in the middle of the work", expiredToken},
	{"a value that HubSpot refuses is held, mailed, and repaired", broken},
	{"two contacts are merged in HubSpot", merge},
	{"Zoho is down for six hours", outage},
	{"somebody writes on WhatsApp, and is created in HubSpot a moment later", writer},
	{"a question on WhatsApp is answered, a complaint is handed to a person", question},
	{"a message of ours is sent, delivered and read", sending},
	{"somebody wants no more messages", refusal},
	{"conversion events arrive twice, late and wrong", events},
}

func (s *stage) person(first, last string) (hubspot, zoho string, err error) {
	hubspot, err = s.HubSpot.Create(crm.Contacts, props{"email": first + "." + last + "@example.com", "firstname": first, "lastname": last})
	if err == nil {
		err = s.pass(soon)
	}
	if err != nil {
		return "", "", err
	}
	zoho, err = s.twin(crm.Contacts, hubspot)
	return hubspot, zoho, err
}

// twin finds the Zoho record that carries a HubSpot id.
func (s *stage) twin(m crm.Module, hubspot string) (string, error) {
	for _, id := range s.Zoho.IDs(m) {
		if z, _ := s.Zoho.Props(m, id); z["HubSpot_Id"] == hubspot {
			return id, nil
		}
	}
	return "", fmt.Errorf("hubspot/%s/%s is not in Zoho", m, hubspot)
}

// shows checks what the two contacts of a pair hold.
func (s *stage) shows(hubspot, zoho string, h, z props) error {
	var errs []error
	have, _ := s.HubSpot.Props(crm.Contacts, hubspot)
	for name, want := range h {
		if have[name] != want {
			errs = append(errs, fmt.Errorf("%s in HubSpot is not as it must be", name))
		}
	}
	have, _ = s.Zoho.Props(crm.Contacts, zoho)
	for name, want := range z {
		if have[name] != want {
			errs = append(errs, fmt.Errorf("%s in Zoho is not as it must be", name))
		}
	}
	return errors.Join(errs...)
}

func (s *stage) writes() int { return len(s.HubSpot.Writes()) + len(s.Zoho.Writes()) }

func creation(s *stage) error {
	h, z, err := s.person("Anna", "Rossi")
	if err != nil {
		return err
	}
	return s.shows(h, z, nil, props{"First_Name": "Anna", "Last_Name": "Rossi", "Email": "anna.rossi@example.com"})
}

func bothSides(s *stage) error {
	h, z, err := s.person("Bruno", "Bianchi")
	if err != nil {
		return err
	}
	err = errors.Join(
		s.HubSpot.Edit(crm.Contacts, h, props{"jobtitle": "CEO"}),
		s.Zoho.Edit(crm.Contacts, z, props{"Mobile": "+393331234567"}),
		s.pass(soon),
	)
	if err != nil {
		return err
	}
	return s.shows(h, z, props{"jobtitle": "CEO", "mobilephone": "+393331234567"}, props{"Title": "CEO", "Mobile": "+393331234567"})
}

func conflict(s *stage) error {
	h, z, err := s.person("Carla", "Conti")
	if err != nil {
		return err
	}
	// A workflow touches Zoho's record after the edit in HubSpot: the record looks newer, the field is not.
	err = s.Zoho.Edit(crm.Contacts, z, props{"Title": "Buyer"})
	s.Clock.Advance(5 * time.Second)
	err = errors.Join(err, s.HubSpot.Edit(crm.Contacts, h, props{"jobtitle": "Head of Purchasing"}))
	s.Clock.Advance(time.Second)
	err = errors.Join(err, s.Zoho.Edit(crm.Contacts, z, props{"Assistant": "Dora"}), s.pass(soon))
	if err != nil {
		return err
	}
	return s.shows(h, z, props{"jobtitle": "Head of Purchasing"}, props{"Title": "Head of Purchasing"})
}

func company(s *stage) error {
	firm, err := s.HubSpot.Create(crm.Companies, props{"name": "Acme Srl", "domain": "acme.example", "city": "Torino"})
	if err != nil {
		return err
	}
	var people []string
	for _, name := range []string{"Dario", "Elena", "Franco"} {
		id, err := s.HubSpot.Create(crm.Contacts, props{"email": name + "@acme.example", "lastname": name})
		if err == nil {
			err = s.HubSpot.SetCompany(id, firm)
		}
		if err != nil {
			return err
		}
		people = append(people, id)
	}
	if err := s.pass(30 * time.Second); err != nil {
		return err
	}
	account, err := s.twin(crm.Companies, firm)
	if err != nil {
		return err
	}
	for _, id := range people {
		z, err := s.twin(crm.Contacts, id)
		if err == nil {
			err = s.shows(id, z, nil, props{"Account_Name": account})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func duplicates(s *stage) error {
	h, z, err := s.person("Gino", "Greco")
	if err != nil {
		return err
	}
	before := s.writes()
	s.Repeat = 99
	err = errors.Join(s.HubSpot.Edit(crm.Contacts, h, props{"jobtitle": "Tester"}), s.pass(30*time.Second))
	s.Repeat = 0
	if err != nil {
		return err
	}
	if n := s.writes() - before; n != 2 {
		return fmt.Errorf("%d writes, want 2: the person's and ours", n)
	}
	return s.shows(h, z, nil, props{"Title": "Tester"})
}

func echo(s *stage) error {
	h, z, err := s.person("Ida", "Leone")
	if err != nil {
		return err
	}
	before := s.writes()
	if err := errors.Join(s.Zoho.Edit(crm.Contacts, z, props{"Title": "Chair"}), s.pass(time.Minute)); err != nil {
		return err
	}
	if n := s.writes() - before; n != 2 {
		return fmt.Errorf("%d writes, want 2: the person's and ours", n)
	}
	return s.shows(h, z, props{"jobtitle": "Chair"}, nil)
}

func storm(s *stage) error {
	h, z, err := s.person("Lia", "Marino")
	if err != nil {
		return err
	}
	s.HubSpot.Fail(hubspottest.Fault{Times: 20, Status: http.StatusTooManyRequests, RetryAfter: "2"})
	s.Zoho.Fail(zohotest.Throttle(20, ""))
	err = errors.Join(
		s.HubSpot.Edit(crm.Contacts, h, props{"jobtitle": "Nurse"}), s.Zoho.Edit(crm.Contacts, z, props{"Phone": "+390612345678"}),
		s.pass(2*time.Hour),
	)
	if err != nil {
		return err
	}
	return s.shows(h, z, props{"phone": "+390612345678"}, props{"Title": "Nurse"})
}

func expiredToken(s *stage) error {
	h, z, err := s.person("Mara", "Neri")
	if err != nil {
		return err
	}
	before := s.Zoho.Count("POST /oauth/v2/token")
	s.Zoho.KillTokens()
	if err := errors.Join(s.HubSpot.Edit(crm.Contacts, h, props{"jobtitle": "Pilot"}), s.pass(soon)); err != nil {
		return err
	}
	if n := s.Zoho.Count("POST /oauth/v2/token") - before; n != 1 {
		return fmt.Errorf("the token was refreshed %d times, want once", n)
	}
	return s.shows(h, z, nil, props{"Title": "Pilot"})
}

func broken(s *stage) error {
	h, z, err := s.person("Nino", "Orlando")
	if err != nil {
		return err
	}
	if _, _, err := s.person("Nina", "Orlando"); err != nil {
		return err
	}
	mails := len(s.Outbox.Mails())
	told := func(open, sent int) error {
		rows, err := s.rows(z)
		if n := len(s.Outbox.Mails()) - mails; err != nil || rows != open || n != sent {
			return errors.Join(err, fmt.Errorf("%d open rows and %d mails about zoho/contact/%s, want %d and %d", rows, n, z, open, sent))
		}
		return nil
	}
	taken := props{"Email": "nina.orlando@example.com", "Title": "Broker"} // an address is one contact's only in HubSpot
	if err := errors.Join(s.Zoho.Edit(crm.Contacts, z, taken), s.pass(10*time.Minute)); err != nil {
		return err
	}
	if err := errors.Join(s.shows(h, z, props{"jobtitle": "Broker", "email": "nino.orlando@example.com"}, taken), told(1, 1)); err != nil {
		return err
	}
	if err := errors.Join(s.Zoho.Edit(crm.Contacts, z, props{"Email": "n.orlando@example.com"}), s.pass(10*time.Minute)); err != nil {
		return err
	}
	return errors.Join(s.shows(h, z, props{"email": "n.orlando@example.com"}, nil), told(0, 1))
}

func merge(s *stage) error {
	first, zoho, err := s.person("Olga", "Parisi")
	if err != nil {
		return err
	}
	second, _, err := s.person("Olga", "Parisi-Ricci")
	if err != nil {
		return err
	}
	survivor, err := s.HubSpot.Merge(crm.Contacts, first, second)
	if err != nil {
		return err
	}
	if err := s.pass(30 * time.Second); err != nil {
		return err
	}
	if err := errors.Join(s.HubSpot.Edit(crm.Contacts, survivor, props{"jobtitle": "Partner"}), s.pass(soon)); err != nil {
		return err
	}
	return s.shows(survivor, zoho, nil, props{"Title": "Partner", "HubSpot_Id": survivor})
}

func outage(s *stage) error {
	h, z, err := s.person("Piero", "Sala")
	if err != nil {
		return err
	}
	mails := len(s.Outbox.Mails())
	s.Zoho.Fail(zohotest.Fault{Times: -1, Status: http.StatusInternalServerError})
	err = errors.Join(s.HubSpot.Edit(crm.Contacts, h, props{"jobtitle": "Skipper"}), s.pass(6*time.Hour))
	if err != nil {
		return err
	}
	again := 0
	for _, e := range s.Endings {
		if e.Outcome.Ending == fault.GoAgain {
			again++
		}
	}
	if again == 0 {
		return errors.New("nothing waited while Zoho was down")
	}
	s.Zoho.Clear()
	if err := s.pass(time.Hour); err != nil {
		return err
	}
	if n := len(s.Outbox.Mails()) - mails; n != 0 {
		return fmt.Errorf("%d mails about an outage, want none", n)
	}
	return s.shows(h, z, nil, props{"Title": "Skipper"})
}
