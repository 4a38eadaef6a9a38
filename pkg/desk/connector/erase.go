package connector

import (
	"cmp"
	"context"
	"fmt"
	"regexp"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/flow/identity"
)

type eraseCommand struct {
	System string `arg:"" help:"hubspot or zoho; conversions for a client of conversion events."`
	ID     string `arg:"" help:"Id of the contact there, or of the client."`
}

// Help is what --help adds.
func (eraseCommand) Help() string {
	return `Forgets what the stack keeps of a person, as a privacy deletion in HubSpot does: the pair, its names and those of records that were merged into it, what is parked, deliveries in quarantine in which one of the ids stands, what leads from WhatsApp to the contact, the conversation and what was to be sent. A tombstone, a keyed hash of each id, keeps the person from being created again. The records in both CRMs are yours to erase; the client is told of those in Zoho.

An id that was merged away stands for the record that it went into. An erasure is carried out whatever the mode. What waits in a queue is not reached: run it again once it is empty.

With conversions and a client's id every event of that client becomes nobody's, whoever sent it: the ids, the device and the place go, figures and reports stay as they are. It looks through two years of events.

Examples:

    connector erase hubspot 151 --stack crm-connector --plan
    connector erase zoho 4876876000000333013 --stack crm-connector
    connector erase conversions CLIENTE-ITALIA-789456 --stack crm-connector --plan`
}

// Run queues the erasure, under the HubSpot id where there is one: that is how a privacy deletion comes in too.
func (c eraseCommand) Run(ctx context.Context, s *session) error {
	if c.System == "conversions" {
		return c.client(ctx, s)
	}
	id, err := record(c.System, c.ID, false)
	if err != nil {
		return err
	}
	st, err := s.ofVersion(ctx, toChange)
	if err != nil {
		return err
	}
	book := &identity.Book{Store: st.Pairs}
	p, err := book.Find(ctx, s.flags.Connection, id)
	if err == nil && p.Version != 0 {
		p, err = book.Follow(ctx, p)
	}
	if err != nil {
		return err
	}
	named := []crm.ID{id}
	if p.Version != 0 {
		_, kin, err := book.Kin(ctx, p)
		if err != nil {
			return err
		}
		named = append(named, kin...)
	}
	unread, err := s.quarantine(st).Naming(ctx, named...)
	if err != nil {
		return err
	}
	if id.System == crm.Zoho && p.Version != 0 {
		id = p.Record(crm.HubSpot)
	}
	what := "queued the erasure of " + id.String()
	if len(unread) > 0 {
		what += fmt.Sprintf(", deliveries in quarantine that go with it: %d", len(unread))
	}
	return s.change(what+"; the client is told what to erase in Zoho", func() error {
		return s.send(ctx, st, []crm.Operation{s.operation(id, crm.Erase)})
	})
}

// clientID is what a client's id looks like, as the published schema says.
var clientID = regexp.MustCompile(`^CLIENTE-[A-Z]{2,10}-[0-9]{6}\z`)

// client makes the events of a client nobody's.
func (c eraseCommand) client(ctx context.Context, s *session) error {
	if !clientID.MatchString(c.ID) || c.ID == counting.Nobody {
		return wrongf("an id of a client is like CLIENTE-ITALIA-789456")
	}
	_, counter, err := s.counting(ctx, toChange)
	if err != nil {
		return err
	}
	f, err := counter.Forget(ctx, c.ID, s.flags.Plan, func(day string) { s.progress("looked through %s", day) })
	if f == (counting.Forgotten{}) && err == nil {
		s.nothing("no event of the client is kept")
		return nil
	}
	done := s.change(fmt.Sprintf("made %s of the client nobody's, erased %s not counted", many(f.Events, "event"), many(f.Errors, "message")), func() error { return nil })
	return cmp.Or(err, done)
}
