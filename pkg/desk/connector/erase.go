package connector

import (
	"context"
	"fmt"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/identity"
)

type eraseCommand struct {
	System string `arg:"" help:"hubspot or zoho."`
	ID     string `arg:"" help:"Id of the contact there."`
}

// Help is what --help adds.
func (eraseCommand) Help() string {
	return `Forgets what the stack keeps of a person, as a privacy deletion in HubSpot does: the pair, its names and those of records that were merged into it, what is parked, deliveries in quarantine in which one of the ids stands. A tombstone, a keyed hash of each id, keeps the person from being created again. The records in both CRMs are yours to erase; the client is told of those in Zoho.

An id that was merged away stands for the record that it went into. An erasure is carried out whatever the mode.

Examples:

    connector erase hubspot 151 --stack crm-connector --plan
    connector erase zoho 4876876000000333013 --stack crm-connector`
}

// Run queues the erasure, under the HubSpot id where there is one: that is how a privacy deletion comes in too.
func (c eraseCommand) Run(ctx context.Context, s *session) error {
	id, err := record(c.System, c.ID, false)
	if err != nil {
		return err
	}
	st, err := s.stack(ctx, toChange)
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
