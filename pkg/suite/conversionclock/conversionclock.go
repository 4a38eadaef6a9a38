// Package conversionclock wires conversionClock: every two minutes windows are closed, rules evaluated and alerts told; daily the
// counters are compared with the events, the queues and the CRM.
package conversionclock

import (
	"context"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/letter"
	"crm-connector/pkg/flow/counting"
)

// Adapters is everything that the function touches outside itself.
type Adapters struct {
	Absent   bool           // this stack has no conversions: there is nothing to do
	Rows     counting.Store // the table of conversions
	Mailer   Mailer
	Slack    Slack // nil: nothing is told there
	From     string
	To       string
	Language string // of mails and of Slack: en, else Italian
	Queues   counting.Queues
	CRM      counting.CRM // nil: it is not asked
	Policy   conversion.Policy
	Rules    counting.Rules
	Zone     *time.Location // whose days and hours are compared
	Now      func() time.Time
	Sleep    func(ctx context.Context, d time.Duration) bool
	Rand     func(n int64) int64
	Log      *slog.Logger
}

// Mailer sends a mail, once a call.
type Mailer interface {
	Send(ctx context.Context, m letter.Mail) error
}

// Slack posts a text, once a call.
type Slack interface {
	Post(ctx context.Context, text string) error
}

// Event says what is due. The zero Event is a tick.
type Event struct {
	Action string `json:"action"`        // ActionTick or ActionReport
	Day    string `json:"day,omitempty"` // of a report on one day, like 2026-11-21; "": on those that are due
}

// The actions.
const (
	ActionTick   = "tick"
	ActionReport = "report"
)

// Clock is the function.
type Clock struct {
	a        Adapters
	clock    counting.Clock
	reporter counting.Reporter
}

// New wires the function.
func New(a Adapters) *Clock {
	a.Log = a.Log.With("function", "conversionClock")
	counter := &counting.Counter{Store: a.Rows, Shards: submission.Shards, Now: a.Now, Patience: counting.Patient(a.Sleep, a.Rand)}
	c := &Clock{a: a}
	ways := &counting.Ways{Store: a.Rows, Now: a.Now, Log: a.Log, All: []counting.Way{{Name: "mail", Send: c.mail}}}
	if a.Slack != nil {
		ways.All = append(ways.All, counting.Way{Name: "slack", Send: c.slack})
	}
	if c.a.CRM == nil {
		c.a.CRM = notAsked{}
	}
	c.clock = counting.Clock{Counter: counter, Teller: ways, Queues: a.Queues, Zone: a.Zone, Rules: a.Rules, Language: a.Language}
	c.reporter = counting.Reporter{Counter: counter, CRM: c.a.CRM, Queues: a.Queues, Policy: a.Policy, Zone: a.Zone, Language: a.Language}
	return c
}

// Handle does what an event says. What fails is done by the next one.
func (c *Clock) Handle(ctx context.Context, e Event) error {
	switch {
	case c.a.Absent:
		return nil
	case e.Action == "" || e.Action == ActionTick:
		return c.tick(ctx)
	case e.Action == ActionReport:
		return c.report(ctx, e.Day)
	}
	return errors.New(`conversionClock: an action is "tick" or "report"`)
}

func (c *Clock) tick(ctx context.Context) error {
	t, err := c.clock.Tick(ctx)
	c.a.Log.InfoContext(ctx, "tick", "closed", len(t.Closed), "released", t.Released, "raised", t.Raised, "told", t.Told, "failed", err != nil)
	return err
}

func (c *Clock) report(ctx context.Context, day string) error {
	if day != "" {
		d, err := conversion.ParseDay(day)
		if err != nil {
			return fmt.Errorf("conversionClock: %w", err)
		}
		return c.one(ctx, d)
	}
	due, err := c.reporter.Due(ctx)
	if err != nil {
		return fmt.Errorf("conversionClock: which reports are due: %w", err)
	}
	var failed []error
	unanswered := false
	for _, d := range due {
		if d.Told && unanswered { // it lacks the CRM alone
			continue
		}
		err := c.one(ctx, d.Day)
		unanswered = unanswered || errors.Is(err, counting.ErrUnanswered)
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// one makes the report of a day and puts it into the outbox. The next tick tells it. An alarm waits for its line, so a report that could
// not be made has another one.
func (c *Clock) one(ctx context.Context, day conversion.Day) error {
	r, lacks := c.reporter.Report(ctx, day)
	err := lacks
	if lacks == nil || errors.Is(lacks, counting.ErrUnanswered) {
		err = c.reporter.Publish(ctx, r)
	}
	if err != nil {
		c.a.Log.ErrorContext(ctx, "no report", "day", day.String(), "fault", fault.KindOf(err).String())
		return fmt.Errorf("the report of %s: %w", day, err)
	}
	c.a.Log.InfoContext(ctx, "report", "day", day.String(), "outcome", r.Outcome, "channels", len(r.Channels), "waiting", r.Waiting)
	if lacks != nil {
		return fmt.Errorf("the report of %s: %w", day, lacks)
	}
	return nil
}

func (c *Clock) mail(ctx context.Context, m counting.Message) error {
	return c.a.Mailer.Send(ctx, letter.Mail{
		ID: m.ID, From: c.a.From, To: c.a.To, Subject: m.Subject, Text: m.Text, HTML: "<pre>" + html.EscapeString(m.Text) + "</pre>",
	})
}

func (c *Clock) slack(ctx context.Context, m counting.Message) error {
	return c.a.Slack.Post(ctx, m.Slack)
}

// notAsked is a CRM that is not set up to tell.
type notAsked struct{}

func (notAsked) Conversions(context.Context, conversion.Tenant, conversion.Channel, time.Time, time.Time) (int64, bool, error) {
	return 0, false, nil
}
