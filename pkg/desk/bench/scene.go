package bench

import (
	"context"
	"strconv"
	"time"

	"crm-connector/pkg/core/crm"
)

// Scene is something that people do, with everything that follows from it.
type Scene struct {
	Name    string
	Changes int // how many things people do
	Play    func(context.Context) (Tally, error)
}

// Scenes returns the scenes whose requests to the CRMs are counted, each with its echoes.
func Scenes(conditional bool) []Scene {
	change := func(in crm.System, n int) func(context.Context) (Tally, error) {
		return func(ctx context.Context) (Tally, error) { return changes(ctx, conditional, in, n) }
	}
	create := func(n int) func(context.Context) (Tally, error) {
		return func(ctx context.Context) (Tally, error) { return creations(ctx, conditional, n) }
	}
	return []Scene{
		{"change in HubSpot", 1, change(crm.HubSpot, 1)},
		{"change in Zoho", 1, change(crm.Zoho, 1)},
		{"new contact", 1, create(1)},
		{"100 changes of one contact in HubSpot in 20 s", 100, change(crm.HubSpot, 100)},
		{"100 changes of one contact in Zoho in 20 s", 100, change(crm.Zoho, 100)},
		{"1000 new contacts", 1000, create(1000)},
	}
}

// every is the time between two changes of a burst: a hundred of them take 20 s.
const every = 200 * time.Millisecond

// changes changes one field of one paired contact n times and counts.
func changes(ctx context.Context, conditional bool, in crm.System, n int) (Tally, error) {
	s, err := Usual(ctx, conditional)
	if err != nil {
		return Tally{}, err
	}
	pairs, err := s.Paired(ctx, 1)
	if err != nil {
		return Tally{}, err
	}
	before := s.Count()
	for i := range n {
		if err := s.Change(in, pairs[0], i); err != nil {
			return Tally{}, err
		}
		if err := s.Run(ctx, every); err != nil {
			return Tally{}, err
		}
	}
	err = s.Settle(ctx)
	return s.Since(before), err
}

// creations creates n contacts in HubSpot at once and counts.
func creations(ctx context.Context, conditional bool, n int) (Tally, error) {
	s, err := Usual(ctx, conditional)
	if err != nil {
		return Tally{}, err
	}
	before := s.Count()
	_, err = s.Paired(ctx, n)
	return s.Since(before), err
}

// Change sets one field of one side of a pair to a value that it has not had.
func (s *Stage) Change(in crm.System, p Twins, n int) error {
	title := "Head of Purchasing " + strconv.Itoa(n)
	if in == crm.HubSpot {
		return s.World.HubSpot.Edit(crm.Contacts, p.HubSpot, Props{"jobtitle": title})
	}
	return s.World.Zoho.Edit(crm.Contacts, p.Zoho, Props{"Title": title})
}
