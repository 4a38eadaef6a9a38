package connector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/flow/counting"
)

// standing is a sender's channel and how it stands to quarantine.
type standing struct {
	counter *counting.Counter
	tenant  conversion.Tenant
	channel conversion.Channel
	counting.Holding
}

func (c standing) String() string { return fmt.Sprintf("%s of %s", c.channel, c.tenant) }

// before says what becomes of what earlier quarantines held, if it is still being counted.
func (c standing) before() string {
	if !c.Releasing {
		return ""
	}
	return "; what was lifted with --release before goes on being counted"
}

// holding asks how the channel that is meant stands to quarantine, to change it.
func (a scopeArgs) holding(ctx context.Context, s *session) (c standing, err error) {
	if _, c.counter, err = s.counting(ctx, toChange); err != nil {
		return c, err
	}
	if c.tenant, c.channel, err = a.read(ctx, s); err != nil {
		return c, err
	}
	c.Holding, err = c.counter.Holding(ctx, c.tenant, c.channel)
	return c, err
}

type conversionsQuarantineCommand struct{ scopeArgs }

// Help is what --help adds.
func (conversionsQuarantineCommand) Help() string {
	return `From now on the events of that sender in that channel are accepted and kept, and counted as held back only: a peak that nobody believes does not reach the figures. connector conversions lift ends it. What an earlier lift --release has ordered to be counted goes on being counted meanwhile.

Examples:

    connector conversions quarantine shop webform --stack crm-connector --plan
    connector conversions quarantine shop webform --stack crm-connector`
}

// Run holds a channel back.
func (c conversionsQuarantineCommand) Run(ctx context.Context, s *session) error {
	h, err := c.holding(ctx, s)
	if err != nil {
		return err
	}
	if h.On {
		s.nothing(fmt.Sprintf("%s is held back since %s", h, h.Since.Format(time.RFC3339)))
		return nil
	}
	return s.change(h.String()+" is held back"+h.before(), func() error { return h.counter.Quarantine(ctx, h.tenant, h.channel) })
}

type conversionsLiftCommand struct {
	scopeArgs
	Release bool `help:"Count what was held back, once each. Without it that stays counted as held back."`
}

// Help is what --help adds.
func (conversionsLiftCommand) Help() string {
	return `Ends a quarantine: from now on events count again. With --release those that were held back since it began are counted too, at the next runs of conversionClock, also when the channel is held back again meanwhile. Without, they stay out for good.

Examples:

    connector conversions lift shop webform --release --stack crm-connector --plan
    connector conversions lift shop webform --stack crm-connector`
}

// Run lets a channel go.
func (c conversionsLiftCommand) Run(ctx context.Context, s *session) error {
	h, err := c.holding(ctx, s)
	if err != nil {
		return err
	}
	if !h.On {
		s.nothing(h.String() + " is not held back" + h.before())
		return nil
	}
	what := "stays out"
	if c.Release {
		what = "is counted from now on, 100 events a minute"
	}
	return s.change(fmt.Sprintf("%s counts again; what was held back since %s %s%s", h, h.Since.Format(time.RFC3339), what, h.before()), func() error {
		return h.counter.Lift(ctx, h.tenant, h.channel, c.Release)
	})
}

type conversionsErrorsCommand struct {
	ID           string `arg:"" optional:"" help:"Id of one of them: what came."`
	PersonalData bool   `help:"With an id: print the event although it may hold a person's data: you may see it, and nobody keeps what is printed."`
}

// Help is what --help adds.
func (conversionsErrorsCommand) Help() string {
	return `tentativi: the event could not be counted, for a fault of ours; connector conversions replay counts it once that is mended. conflitto: another event has its id, and the first stays. illeggibile: the message is none of ours. They are kept for 90 days.

Examples:

    connector conversions errors --stack crm-connector
    connector conversions errors 01HF7YAT00 --personal-data --stack crm-connector`
}

// failedRow is one of the errors in the answer of --json.
type failedRow struct {
	ID     string          `json:"id"`
	Reason counting.Reason `json:"reason"`
	Code   string          `json:"code,omitempty"`
	Tries  int             `json:"tries"`
	First  time.Time       `json:"first"`
	Last   time.Time       `json:"last"`
	Body   string          `json:"body,omitempty"`
}

// Run prints what was not counted.
func (c conversionsErrorsCommand) Run(ctx context.Context, s *session) error {
	if c.PersonalData && c.ID == "" {
		return wrongf("--personal-data: say with an id whose")
	}
	_, counter, err := s.counting(ctx, toRead)
	if err != nil {
		return err
	}
	all, err := failures(ctx, counter)
	if err != nil {
		return err
	}
	if c.ID != "" {
		i := slices.IndexFunc(all, func(f counting.Failed) bool { return f.Ingestion == c.ID })
		if i < 0 {
			return fmt.Errorf("nothing among the errors has the id %s: it was counted meanwhile, or connector conversions errors has another", c.ID)
		}
		all = all[i : i+1]
	}
	out := []failedRow{}
	var lines [][]string
	for _, f := range all {
		r := failedRow{f.Ingestion, f.Reason, f.Code, f.Tries, f.First, f.Last, ""}
		if c.PersonalData {
			r.Body = f.Body
		}
		out = append(out, r)
		lines = append(lines, []string{r.ID, string(r.Reason), r.Code, strconv.Itoa(r.Tries), r.First.UTC().Format(time.RFC3339), r.Last.UTC().Format(time.RFC3339)})
	}
	s.show("errors", out)
	s.table([]string{"ID", "REASON", "CODE", "TIMES", "FIRST", "LAST"}, lines)
	switch {
	case len(out) == 0:
		s.printf("every event was counted\n")
	case c.PersonalData:
		s.printf("%s\n", all[0].Body)
	case c.ID != "":
		s.printf("it may hold a person's data: --personal-data prints it\n")
	}
	return nil
}

// failures are all that is among the errors.
func failures(ctx context.Context, c *counting.Counter) (all []counting.Failed, err error) {
	for after := ""; ; {
		some, err := c.Errors(ctx, after, failurePage)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) < failurePage {
			return all, nil
		}
		after = some[len(some)-1].Ingestion
	}
}

const failurePage = 500

type conversionsReplayCommand struct {
	ID  []string `arg:"" optional:"" help:"Ids, of connector conversions errors."`
	All bool     `help:"All whose reason is tentativi."`
}

// Help is what --help adds.
func (conversionsReplayCommand) Help() string {
	return `Counts events that could not be counted for a fault of ours, once that is mended. One that was counted meanwhile is not counted again.

Examples:

    connector conversions replay 01HF7YAT00 --stack crm-connector
    connector conversions replay --all --stack crm-connector --plan`
}

// Run counts events.
func (c conversionsReplayCommand) Run(ctx context.Context, s *session) error {
	if (len(c.ID) > 0) == c.All {
		return wrongf("say which: ids, or --all")
	}
	_, counter, err := s.counting(ctx, toChange)
	if err != nil {
		return err
	}
	all, err := failures(ctx, counter)
	if err != nil {
		return err
	}
	for _, id := range c.ID {
		if !slices.ContainsFunc(all, func(f counting.Failed) bool { return f.Ingestion == id && f.Reason == counting.ReasonExhausted }) {
			return fmt.Errorf("%s cannot be counted: it is not among the errors, or not for tentativi", id)
		}
	}
	n := 0
	for _, f := range all {
		if f.Reason != counting.ReasonExhausted || !c.All && !slices.Contains(c.ID, f.Ingestion) {
			continue
		}
		n++
		verdict := ""
		if !s.flags.Plan {
			v, err := counter.Replay(ctx, f.Ingestion)
			if errors.Is(err, counting.ErrNotReplayable) {
				s.note("%s cannot be counted any more", f.Ingestion)
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", f.Ingestion, err)
			}
			verdict = ": " + v.String()
		}
		if err := s.change("counted "+f.Ingestion+verdict, func() error { return nil }); err != nil {
			return err
		}
	}
	if n == 0 {
		s.nothing("nothing to count")
	}
	return nil
}
