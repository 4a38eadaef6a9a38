package connector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

type syncCommand struct {
	System  string   `arg:"" help:"hubspot or zoho."`
	ID      []string `arg:"" optional:"" help:"Ids of records there."`
	Company bool     `help:"The records are companies."`
	All     bool     `help:"Every contact and company there."`
	Since   moment   `help:"With --all: only what was modified since (2026-11-22T08:00:00Z, or a day from its midnight in UTC: 2026-11-22)." placeholder:"TIME"`
}

// moment is a time that a person types.
type moment struct{ time.Time }

// UnmarshalText takes a time with its zone, or a day for the midnight in UTC with which it begins.
func (m *moment) UnmarshalText(text []byte) (err error) {
	if m.Time, err = time.Parse(time.DateOnly, string(text)); err == nil {
		return nil
	}
	if m.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is no time: write a day, 2026-11-22 (from midnight, UTC), or 2026-11-22T08:00:00Z", text)
	}
	return nil
}

// Help is what --help adds.
func (syncCommand) Help() string {
	return `Queues operations; the functions carry them out. A record that is named is looked at afresh, held fields included.

Examples:

    connector sync hubspot 151 152 --stack crm-connector
    connector sync zoho 4876876000000333013 --company --stack crm-connector
    connector sync hubspot --all --since 2026-11-22T08:00:00Z --stack crm-connector --plan
    connector sync zoho --all --since 2026-11-22 --stack crm-connector`
}

// Run queues records.
func (c syncCommand) Run(ctx context.Context, s *session) error {
	if (len(c.ID) > 0) == c.All {
		return wrongf("say which: ids, or --all")
	}
	if !c.Since.IsZero() && !c.All {
		return wrongf("--since goes with --all")
	}
	if now := s.Now(); c.Since.After(now) {
		return wrongf("--since %s lies ahead: it is %s", c.Since.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	var ops []crm.Operation
	for _, key := range c.ID {
		id, err := record(c.System, key, c.Company)
		if err != nil {
			return err
		}
		ops = append(ops, s.operation(id, crm.Revisit))
	}
	sys := crm.System(c.System)
	if sys != crm.HubSpot && sys != crm.Zoho {
		return wrongf("%q is no system: hubspot or zoho", c.System)
	}
	st, err := s.stack(ctx, toChange)
	if err != nil {
		return err
	}
	if c.All {
		now, err := s.writes(ctx, st)
		if err != nil {
			return err
		}
		return s.sweep(ctx, st, sweep{systems: []crm.System{sys}, since: c.Since.Time, mode: now.Version})
	}
	if err := s.works(ctx, st); err != nil {
		return err
	}
	return s.change(fmt.Sprintf("queued %s of %s", many(len(ops), "record"), sys), func() error { return s.send(ctx, st, ops) })
}

// sweep is a walk through everything that a system lists.
type sweep struct {
	systems []crm.System
	since   time.Time
	mode    int64                                                 // the version of the mode's row when it began
	most    int                                                   // messages in a queue above which it waits; 0: no limit
	begin   func(listing string) string                           // the page to begin with; nil: the first
	page    func(ctx context.Context, listing, next string) error // told of every page that was queued; may be nil
}

// listing is the name of one walk.
func listing(sys crm.System, m crm.Module) string { return string(sys) + "#" + string(m) }

// sweep queues an operation for every record that was modified since, companies before their people. It says how many.
func (s *session) sweep(ctx context.Context, st *Stack, w sweep) error {
	s.heavy = true
	c, err := s.both(ctx, st, true)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, sys := range w.systems {
		for _, m := range []crm.Module{crm.Companies, crm.Contacts} {
			n, err := s.walk(ctx, st, c, w, sys, m)
			counts[listing(sys, m)] = n
			if err != nil {
				return fmt.Errorf("%s of %s, after %d: %w", plural(m), sys, n, err)
			}
			if err := s.change(fmt.Sprintf("queued %s of %s", counted(n, m), sys), func() error { return nil }); err != nil {
				return err
			}
		}
	}
	s.show("queued", counts)
	return nil
}

// counted says how many records of a module: 1 contact, 2 companies.
func counted(n int, m crm.Module) string {
	if n == 1 {
		return "1 " + string(m)
	}
	return fmt.Sprintf("%d %s", n, plural(m))
}

func plural(m crm.Module) string {
	if m == crm.Companies {
		return "companies"
	}
	return "contacts"
}

// end is the page of a walk that is over.
const end = "end"

// walk goes through one listing. With --plan it counts.
func (s *session) walk(ctx context.Context, st *Stack, c *clients, w sweep, sys crm.System, m crm.Module) (int, error) {
	name := listing(sys, m)
	at, n := "", 0
	if w.begin != nil {
		at = w.begin(name)
	}
	for at != end {
		p, err := s.list(ctx, c, sys, m, w.since, at)
		if err != nil {
			return n, err
		}
		var ops []crm.Operation
		for _, t := range p.touched {
			ops = append(ops, s.operation(t.ID, crm.Update))
		}
		if n += len(ops); !s.flags.Plan && len(ops) > 0 {
			if err := s.room(ctx, st, w.most, sys); err != nil {
				return n - len(ops), err
			}
			if err := s.still(ctx, st, w.mode); err != nil {
				return n - len(ops), err
			}
			if err := s.send(ctx, st, ops); err != nil {
				return n - len(ops), err
			}
		}
		if at = p.next; at == "" {
			at = end
		}
		if w.page != nil && !s.flags.Plan {
			if err := w.page(ctx, name, at); err != nil {
				return n, err
			}
		}
		s.progress("%s: %d", name, n)
		if err := ctx.Err(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// still stops a walk before a page that the stack would not carry out, and one under which the stack was switched.
func (s *session) still(ctx context.Context, st *Stack, began int64) error {
	m, err := s.writes(ctx, st)
	if err == nil && m.Version != began {
		err = errors.New("the stack was switched off and on meanwhile, and what was queued before may be lost: run this again, which begins anew")
	}
	return err
}

// room waits until a queue has room, so that live traffic does not stand behind a whole base. Messages that were delivered and go again,
// since a CRM is down, lie in it too.
func (s *session) room(ctx context.Context, st *Stack, most int, source crm.System) error {
	for most > 0 {
		d, err := st.Lanes[source].Depth(ctx)
		if err != nil {
			return err
		}
		queued := d.Waiting + d.InFlight
		if queued < most {
			return nil
		}
		s.progress("%d lie in %s", queued, queueOf(source))
		if !s.Sleep(ctx, 5*time.Second) {
			return ctx.Err()
		}
	}
	return nil
}

type redriveCommand struct{}

// Help is what --help adds.
func (redriveCommand) Help() string {
	return `A message lands in a dead-letter queue after 1,000 deliveries. Look into the reason first (connector doctor), or it comes back. It goes on until as many were moved as lay there when it began; where the queue does not show the rest, it says how many are left, and ends with 1.

Examples:

    connector redrive --stack crm-connector --plan
    connector redrive --stack crm-connector`
}

// Run empties the dead-letter queues into their queues.
func (redriveCommand) Run(ctx context.Context, s *session) error {
	st, err := s.ofVersion(ctx, toChange)
	if err != nil {
		return err
	}
	moved := map[string]int{}
	var left []string
	for _, l := range st.lines() {
		d, err := l.Depth(ctx)
		if err != nil {
			return err
		}
		if d.Dead == 0 {
			s.nothing("the dead-letter queue of " + l.name + " is empty")
			continue
		}
		n := d.Dead
		if !s.flags.Plan {
			if n, err = s.redrive(ctx, l, d.Dead); err != nil {
				return fmt.Errorf("%s, after %s: %w", l.name, many(n, "message"), err)
			}
		}
		moved[l.name] = n
		if n < d.Dead {
			left = append(left, many(d.Dead-n, "message")+" in the dead-letter queue of "+l.name)
		}
		if n == 0 {
			continue
		}
		if err := s.change(fmt.Sprintf("put %s back into %s", many(n, "message"), l.name), func() error { return nil }); err != nil {
			return err
		}
	}
	s.show("moved", moved)
	if left != nil {
		return fmt.Errorf("left: %s. Somebody else has received them, or they were counted and are gone: run this again in a minute", strings.Join(left, ", "))
	}
	return nil
}

// vain is how often in a row a dead-letter queue may show no message before it is left.
const vain = 5

// redrive moves what lay in the dead-letter queue when it began, as far as the queue shows it.
func (s *session) redrive(ctx context.Context, l Lane, dead int) (int, error) {
	moved := 0
	for empty := 0; moved < dead && empty < vain && ctx.Err() == nil; empty++ {
		n, err := l.Redrive(ctx, dead-moved)
		moved += n
		if err != nil {
			return moved, err
		}
		if n > 0 {
			empty = -1
		}
		s.progress("%d of %d moved", moved, dead)
	}
	return moved, ctx.Err()
}
