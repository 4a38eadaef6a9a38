// Package bench measures the suite: `make bench` runs its benchmarks, docs/benchmarks.md says how to read them. Everything
// runs in one process, in model time, between the sandbox CRMs of pkg/desk/sandbox; no socket is opened.
//
// The library part plays what people do in the two CRMs and counts what it costs: operations, and requests to the CRMs.
// Counts depend on nothing but the scene, so that tests hold them to limits; times are measured and never asserted.
package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/rules"
)

// Props are values by the vendor's own property names.
type Props = map[string]string

// Stage is a world at which people work.
type Stage struct{ *sandbox.World }

// Twins are the two records of a pair.
type Twins struct{ HubSpot, Zoho string }

// The channel that the sandbox Zoho notifies.
const (
	channelID    = "1000000068001"
	channelToken = "bench-channel-token"
)

// brakeOff lets a benchmark overwrite more records in an hour than a day of people would.
const brakeOff = 1 << 40

// Usual returns a stage whose vendors behave as theirs do: limits on calls, searches that lag, notifications that take a
// second and a half. A conditional Zoho org was seen to refuse stale writes; in any other one, records are read before they
// are written.
func Usual(ctx context.Context, conditional bool) (*Stage, error) {
	return newStage(ctx, sandbox.WorldOptions{
		HubSpot: hubspottest.Options{SearchLag: 5 * time.Second},
		Zoho:    zohotest.Options{SearchLag: 5 * time.Second, NotifyDelay: 1500 * time.Millisecond, IgnoreCondition: !conditional},
	})
}

// Instant returns a stage whose vendors answer and notify at once and limit nothing. The connector's own brake is off, and
// Zoho is read before it is written.
func Instant(ctx context.Context) (*Stage, error) {
	return newStage(ctx, sandbox.WorldOptions{
		HubSpot: hubspottest.Options{Burst: -1, Daily: -1, SearchRate: -1},
		Zoho:    zohotest.Options{IgnoreCondition: true},
		// Callers of the other routes are there too; without them nothing of theirs runs.
		WhatsApp: &whatsapptest.Options{}, Conversions: true,
		Adapt: func(p *sandbox.Parts) { p.Rules.Limits = rules.Limits{Clearings: brakeOff, Overwritten: brakeOff} },
	})
}

// newStage builds a world and lets the first token be fetched.
func newStage(ctx context.Context, o sandbox.WorldOptions) (*Stage, error) {
	o.Zoho.ChannelID, o.Zoho.ChannelToken = channelID, channelToken
	o.Mapping = mapping.Options{PhoneRegion: "IT"}
	w, err := sandbox.NewWorld(o)
	if err != nil {
		return nil, err
	}
	return &Stage{w}, w.Run(ctx, 10*time.Second)
}

// Person returns the sixteen properties of a HubSpot contact that the built-in mapping carries and a person types in.
func Person(n int) Props {
	k := strconv.Itoa(n)
	return Props{
		"email": "anna.rossi." + k + "@acme.example", "salutation": "Dr.", "firstname": "Anna Maria", "lastname": "Rossi " + k,
		"jobtitle": "Head of Purchasing", "phone": "+39 06 1234 5678", "mobilephone": "333 123 4567", "fax": "+39 06 1234 5679",
		"address": "Via dell'Università 12", "city": "Reggio nell'Emilia", "state": "RE", "zip": "42121", "country": "Italia",
		"date_of_birth": "1984-02-29", "message": "Interested in the annual contract; call back after the fair.", "twitterhandle": "annarossi",
	}
}

// Paired creates contacts in HubSpot and returns them with their twins, all at rest.
func (s *Stage) Paired(ctx context.Context, n int) ([]Twins, error) {
	first := len(s.World.HubSpot.IDs(crm.Contacts))
	for i := range n {
		if _, err := s.World.HubSpot.Create(crm.Contacts, Person(first+i)); err != nil {
			return nil, err
		}
	}
	if err := s.Settle(ctx); err != nil {
		return nil, err
	}
	var out []Twins
	pairs, err := s.Pairs()
	for _, p := range pairs {
		out = append(out, Twins{p.HubSpot, p.Zoho})
	}
	if err == nil && len(out) != first+n {
		err = fmt.Errorf("%d pairs, want %d", len(out), first+n)
	}
	return out, err
}

// Settle lets model time pass until nothing is under way.
func (s *Stage) Settle(ctx context.Context) error {
	for range 60 {
		if err := s.Run(ctx, 10*time.Second); err != nil {
			return err
		}
		if s.Quiet() && s.World.HubSpot.Outstanding() == 0 {
			return nil
		}
	}
	return errors.New("ten minutes were not enough")
}

// Tally is what something has cost.
type Tally struct {
	Operations    int // messages that came to an end
	Parked        int // how many of them were given up on
	HubSpot, Zoho int // requests to the CRMs; those for a token are left out
}

// Calls is the number of requests to both CRMs.
func (t Tally) Calls() int { return t.HubSpot + t.Zoho }

// Count returns what everything so far has cost.
func (s *Stage) Count() Tally {
	t := Tally{HubSpot: requests(s.World.HubSpot.Calls()), Zoho: requests(s.World.Zoho.Calls())}
	for _, e := range s.Endings {
		switch e.Outcome.Ending {
		case fault.Done:
			t.Operations++
		case fault.ParkedAway:
			t.Operations, t.Parked = t.Operations+1, t.Parked+1
		}
	}
	return t
}

// Since returns what everything after an earlier count has cost.
func (s *Stage) Since(t Tally) Tally {
	now := s.Count()
	return Tally{now.Operations - t.Operations, now.Parked - t.Parked, now.HubSpot - t.HubSpot, now.Zoho - t.Zoho}
}

func requests(calls map[string]int) int {
	n := 0
	for pattern, k := range calls {
		if !strings.Contains(pattern, "/oauth/") {
			n += k
		}
	}
	return n
}
