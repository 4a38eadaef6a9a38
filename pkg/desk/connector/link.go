package connector

import (
	"context"
	"fmt"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

type linkCommand struct {
	HubSpot string `arg:"" optional:"" name:"hubspot-id" help:"Id of the record in HubSpot."`
	Zoho    string `arg:"" optional:"" name:"zoho-id" help:"Id of its twin in Zoho."`
	Company bool   `help:"They are companies."`
	DryRun  bool   `help:"Instead: how all records of HubSpot would be matched."`
	CSV     string `help:"With --dry-run: a file for one line a record, ids only." name:"csv" placeholder:"FILE" type:"path"`
}

// Help is what --help adds.
func (linkCommand) Help() string {
	return `Decides a duplicate that was parked: writes the HubSpot id into the Zoho record, by which the two are then paired and brought in step. It refuses to take a record out of a living pair: merge its twins in that CRM instead. It refuses a record whose person was erased. It writes the id itself, in observe too; the functions carry out what follows once the stack is on.

With --dry-run it reads both CRMs and counts: matched (one free twin), ambiguous (several), taken (its twin has another twin), missing (would be created in Zoho), incomplete (would be, and lacks the name that Zoho demands), lead (the person is a Lead), duplicate (several HubSpot records have the same twin, or are taken for one another: of the latter the first is created, or paired with a twin of its own), erased (the person was, and is created no more), paired (already), orphan (it was, and its twin in Zoho is gone). It writes nothing, but for the file of --csv, and keeps nothing.

Examples:

    connector link 151 4876876000000333013 --stack crm-connector --plan
    connector link --dry-run --csv matches.csv --stack crm-connector
    connector link --dry-run --desk http://127.0.0.1:8080`
}

// Run links two records, or shows how all would be.
func (c linkCommand) Run(ctx context.Context, s *session) error {
	switch {
	case c.DryRun && (c.HubSpot != "" || c.Company):
		return wrongf("--dry-run looks at all records: leave ids and --company out")
	case c.DryRun:
		return s.dryRun(ctx, c.CSV)
	case c.HubSpot == "" || c.Zoho == "" || c.CSV != "":
		return wrongf("give a HubSpot id and a Zoho id, or --dry-run")
	}
	hub, err := record(string(crm.HubSpot), c.HubSpot, c.Company)
	if err != nil {
		return err
	}
	zo, err := record(string(crm.Zoho), c.Zoho, c.Company)
	if err != nil {
		return err
	}
	st, err := s.stack(ctx, toChange)
	if err != nil {
		return err
	}
	m, err := s.notOff(ctx, st)
	if err != nil {
		return err
	}
	if m.Mode == crm.Observe {
		s.note("the stack only observes: this command itself writes the HubSpot id into the Zoho record; what would follow stands in the stack's log")
	}
	l, err := s.twosome(ctx, st, hub, zo)
	if err != nil {
		return err
	}
	return l.join(ctx)
}

// twosome is two records that are to be linked.
type twosome struct {
	*session
	st        *Stack
	c         *clients
	m         *mapping.Mapping
	book      *people
	named     []crm.ID // by the operator, who may name a record that was merged into another
	hub, zo   crm.Record
	hubP, zoP identity.Loaded // their pairs, Version 0 where there is none
}

// twosome reads both records and their pairs.
func (s *session) twosome(ctx context.Context, st *Stack, hub, zo crm.ID) (*twosome, error) {
	l := &twosome{session: s, st: st, named: []crm.ID{hub, zo}}
	var err error
	if l.book, err = s.people(ctx, st); err != nil {
		return nil, err
	}
	if l.c, err = s.both(ctx, st, true); err != nil {
		return nil, err
	}
	if l.m, err = s.inForce(ctx, st); err != nil {
		return nil, err
	}
	if l.hub, err = l.read(ctx, hub); err != nil {
		return nil, err
	}
	if l.zo, err = l.read(ctx, zo); err != nil {
		return nil, err
	}
	if l.hubP, err = l.pair(ctx, l.hub.ID); err != nil {
		return nil, err
	}
	l.zoP, err = l.pair(ctx, l.zo.ID)
	return l, err
}

// read returns a living record, by the id under which it lives now.
func (l *twosome) read(ctx context.Context, id crm.ID) (crm.Record, error) {
	r, err := l.reading(ctx, id)
	if err == nil && r.Gone {
		err = fmt.Errorf("%s has no %s %s", id.System, id.Module, id.Key)
	}
	return r.Record, err
}

func (l *twosome) reading(ctx context.Context, id crm.ID) (crm.Reading, error) {
	q := crm.Query{Module: id.Module, Keys: []string{id.Key}, Columns: l.m.Columns(id.Module.Kind(), id.System)[:1]}
	read := l.c.hubspot.Read
	if id.System == crm.Zoho {
		read = l.c.zoho.Read
	}
	all, err := read(ctx, q)
	if err != nil {
		return crm.Reading{}, err
	}
	return all[0], nil
}

func (l *twosome) pair(ctx context.Context, id crm.ID) (identity.Loaded, error) {
	p, err := l.book.Find(ctx, l.flags.Connection, id)
	if err != nil || p.Version == 0 {
		return p, err
	}
	return l.book.Follow(ctx, p)
}

// join writes the HubSpot id into the Zoho record and queues the HubSpot record, unless something stands against it.
func (l *twosome) join(ctx context.Context) error {
	if l.hubP.Version != 0 && l.hubP.ID == l.zoP.ID && l.hubP.State == pair.Living && l.hubP.Zoho == l.zo.ID.Key {
		l.nothing(fmt.Sprintf("hubspot %s and zoho %s are a pair", l.hub.ID.Key, l.zo.ID.Key))
		return nil
	}
	if err := l.against(ctx); err != nil {
		return err
	}
	if l.zo.HubSpotID != l.hub.ID.Key {
		err := l.change(fmt.Sprintf("zoho %s carries the HubSpot id %s", l.zo.ID.Key, l.hub.ID.Key), func() error {
			err := l.c.zoho.Write(ctx, crm.Change{ID: l.zo.ID, HubSpotID: l.hub.ID.Key, IfUnmodified: l.zo.Modified}).Err
			if fault.KindOf(err) == fault.Stale {
				return fmt.Errorf("it was changed a moment ago: run this again")
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return l.change("hubspot "+l.hub.ID.Key+" is queued to be paired with it", func() error {
		return l.send(ctx, l.st, []crm.Operation{l.operation(l.hub.ID, crm.Revisit)})
	})
}

// against returns what keeps the two from being linked.
func (l *twosome) against(ctx context.Context) error {
	if err := l.erased(ctx); err != nil {
		return err
	}
	for _, side := range []struct {
		p    identity.Loaded
		mine crm.ID
	}{{l.hubP, l.hub.ID}, {l.zoP, l.zo.ID}} {
		if side.p.Version == 0 {
			continue
		}
		if side.p.State == pair.Creating {
			return fmt.Errorf("%s is being created in Zoho at this moment: run this again in a minute", side.mine)
		}
		twin := side.p.Record(side.mine.System.Other())
		if twin == l.hub.ID || twin == l.zo.ID {
			continue
		}
		r, err := l.reading(ctx, twin)
		if err != nil {
			return err
		}
		if !r.Gone {
			other := map[crm.System]crm.ID{crm.HubSpot: l.hub.ID, crm.Zoho: l.zo.ID}[twin.System]
			return fmt.Errorf("%s is the twin of %s, which lives: merge %s and %s in %s, and they are paired by that", side.mine, twin, twin, other, twin.System)
		}
	}
	if carried := l.zo.HubSpotID; carried != "" && carried != l.hub.ID.Key {
		r, err := l.reading(ctx, crm.ID{System: crm.HubSpot, Module: l.hub.ID.Module, Key: carried})
		if err != nil {
			return err
		}
		if !r.Gone && r.Record.ID != l.hub.ID {
			return fmt.Errorf("%s carries the HubSpot id %s, which lives: clear its HubSpot_Id in Zoho if that is wrong, or merge the two in HubSpot", l.zo.ID, carried)
		}
	}
	found, err := l.c.zoho.Find(ctx, crm.Search{Module: l.zo.ID.Module, HubSpotIDs: []string{l.hub.ID.Key}})
	if err != nil {
		return err
	}
	for _, z := range found {
		if z.ID != l.zo.ID {
			return fmt.Errorf("%s carries the HubSpot id %s already: clear its HubSpot_Id in Zoho, or merge it with %s", z.ID, l.hub.ID.Key, l.zo.ID)
		}
	}
	return nil
}

// erased refuses what an erasure keeps apart for good: a link to it would write the id of one person onto the record of another.
func (l *twosome) erased(ctx context.Context) error {
	ids := append([]crm.ID{l.hub.ID, l.zo.ID}, l.named...)
	if carried := l.zo.HubSpotID; carried != "" {
		ids = append(ids, crm.ID{System: crm.HubSpot, Module: l.hub.ID.Module, Key: carried})
	}
	erased, err := l.book.erased(ctx, l.flags.Connection, ids...)
	if err != nil {
		return err
	}
	for i, id := range ids {
		switch {
		case !erased[i]:
		case i >= 2+len(l.named):
			return fmt.Errorf("%s carries the HubSpot id %s, and its person was erased: what is left of it is yours to erase", l.zo.ID, id.Key)
		default:
			return fmt.Errorf("%s is nobody's twin any more: its person was erased", id)
		}
	}
	if !l.book.knows {
		l.note("a process of make run does not tell whom it has erased: see to it that neither is such a person's")
	}
	return nil
}
