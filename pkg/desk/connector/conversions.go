package connector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/flow/counting"
)

type conversionsCommand struct {
	Report     conversionsReportCommand     `cmd:"" default:"withargs" help:"Compare a day's counters with its events."`
	Repair     conversionsRepairCommand     `cmd:"" help:"Count windows again from their events."`
	Quarantine conversionsQuarantineCommand `cmd:"" help:"Hold a sender's channel back."`
	Lift       conversionsLiftCommand       `cmd:"" help:"End that."`
	Errors     conversionsErrorsCommand     `cmd:"" help:"Events that were not counted."`
	Replay     conversionsReplayCommand     `cmd:"" help:"Count some of them after all."`
}

// counter is what counts, at the stack's table.
func (s *session) counter(st *Stack) (*counting.Counter, error) {
	if st.Conversions == nil {
		return nil, wrongf("%s has no table of conversions", st.Name)
	}
	return &counting.Counter{Store: st.Conversions, Shards: submission.Shards, Now: s.Now, Patience: counting.Patient(s.Sleep, s.dice)}, nil
}

// counting opens the stack and what counts there.
func (s *session) counting(ctx context.Context, n need) (*Stack, *counting.Counter, error) {
	st, err := s.stack(ctx, n)
	if err != nil {
		return nil, nil, err
	}
	c, err := s.counter(st)
	return st, c, err
}

// sender reads whose events are meant: the tenant as the report names it, or the sub of its tokens.
func (s *session) sender(ctx context.Context, name string) (conversion.Tenant, error) {
	if len(name) == 32 && strings.Trim(name, "0123456789abcdef") == "" {
		return conversion.Tenant(name), nil
	}
	issuer := s.setting(ctx, issuerSetting)
	if issuer == "" {
		return "", wrongf("%s is not set: name the sender by its tenant, as connector conversions report does", issuerSetting)
	}
	return conversion.TenantOf(issuer, name), nil
}

// scopeArgs name a channel of a sender.
type scopeArgs struct {
	Sender  string `arg:"" help:"The sub of the sender's tokens, or its tenant as the report names it."`
	Channel string `arg:"" enum:"email,social_media,webform,sms,whatsapp" help:"email, social_media, webform, sms or whatsapp."`
}

func (a scopeArgs) read(ctx context.Context, s *session) (conversion.Tenant, conversion.Channel, error) {
	t, err := s.sender(ctx, a.Sender)
	return t, conversion.Channel(a.Channel), err
}

type conversionsReportCommand struct {
	Day string `arg:"" optional:"" help:"A day like 2026-11-20; yesterday unless given." placeholder:"DAY"`
}

// Help is what --help adds.
func (conversionsReportCommand) Help() string {
	return `Compares, for a day of REPORT_ZONE (Europe/Rome), what was counted with the events themselves, channel by channel, as the daily report does, now. ok: they agree. spiegato: what Zoho has more (CONVERSIONS_ZOHO_COUNT) still waits to be counted. differenza: they do not agree; connector conversions repair mends the windows that are named; an event that was counted twice is named, and nothing takes it out again. It changes nothing, and ends with exit code 1 for a differenza.

Examples:

    connector conversions --stack crm-connector
    connector conversions report 2026-11-20 --json --stack crm-connector`
}

// zone is whose days are meant.
func (s *session) zone(ctx context.Context) (*time.Location, error) {
	set := s.reader(ctx)
	zone := set.Zone("REPORT_ZONE", "Europe/Rome")
	if err := set.Err(); err != nil {
		return nil, wrongf("%v", err)
	}
	return zone, nil
}

// day reads a day that has begun, yesterday for "".
func (s *session) day(text string, zone *time.Location) (conversion.Day, error) {
	today := conversion.DayOf(s.Now(), zone)
	if text == "" {
		return today.Plus(-1), nil
	}
	day, err := conversion.ParseDay(text)
	switch {
	case err != nil:
		return day, wrongf("%q is %v", text, err)
	case day.Start(zone).After(s.Now()):
		return day, wrongf("%s has not begun: nothing of it can be compared", text)
	}
	return day, nil
}

// Run compares a day.
func (c conversionsReportCommand) Run(ctx context.Context, s *session) error {
	st, counter, err := s.counting(ctx, toRead)
	if err != nil {
		return err
	}
	zone, err := s.zone(ctx)
	if err != nil {
		return err
	}
	day, err := s.day(c.Day, zone)
	if err != nil {
		return err
	}
	crm, err := s.crmCount(ctx, st)
	if err != nil {
		return err
	}
	meaning := s.reader(ctx).Meaning() // what cannot be read is doctor's to name
	rep, err := (&counting.Reporter{Counter: counter, CRM: crm, Queues: waiting{st}, Policy: conversion.PolicyOf(meaning.Events, meaning.Weights), Zone: zone}).Report(ctx, day)
	if errors.Is(err, counting.ErrExpired) {
		return wrongf("%v: nothing of that day can be compared", err)
	}
	if err != nil {
		return err
	}
	s.show("report", rep)
	s.tell(rep)
	if rep.Outcome == conversion.Differs.String() {
		return errFinding
	}
	return nil
}

// tell prints a report.
func (s *session) tell(rep counting.Report) {
	s.printf("%s: %s, %s, %s waiting\n", rep.Day, rep.Outcome, many(rep.Windows, "window"), many(int(rep.Waiting), "event"))
	var lines [][]string
	for _, c := range rep.Channels {
		crm := "not asked"
		if c.CRM != nil {
			crm = fmt.Sprint(*c.CRM)
		}
		lines = append(lines, []string{string(c.Tenant), string(c.Channel), c.Outcome, fmt.Sprint(c.Ledger), fmt.Sprint(c.Counters), fmt.Sprint(c.Conversions), crm,
			fmt.Sprint(c.Errors), fmt.Sprint(c.Quarantined), strconv.Itoa(c.Differing)})
	}
	s.table([]string{"SENDER", "CHANNEL", "OUTCOME", "EVENTS", "COUNTED", "CONVERSIONS", "ZOHO", "ERRORS", "HELD", "WINDOWS THAT DIFFER"}, lines)
	for _, c := range rep.Channels {
		if c.BadMarkers > 0 {
			s.note("%s %s: of %d markers looked at, %d do not fit their events", c.Tenant, c.Channel, c.Markers, c.BadMarkers)
		}
		for _, key := range c.DoubledKeys {
			s.printf("twice  %s %s: counted twice\n", c.Channel, key)
		}
		for _, d := range c.Differences {
			s.printf("differs  %s %s, %s: %s, %d counted\n", c.Channel, d.Window, d.Type, many(int(d.Ledger), "event"), d.Counters)
			for _, key := range d.Suspects {
				s.printf("           %s\n", key)
			}
		}
		if c.Differing > 0 {
			s.next("connector conversions repair %s %s --day %s %s", c.Tenant, c.Channel, rep.Day, s.at())
		}
	}
}

// crmCount is what says how many conversions Zoho knows, where CONVERSIONS_ZOHO_COUNT names them. It makes no call.
func (s *session) crmCount(ctx context.Context, st *Stack) (counting.CRM, error) {
	set := s.reader(ctx)
	at, own := set.ZohoCount(), set.OwnEntries()
	if err := set.Err(); err != nil {
		return nil, wrongf("%v", err)
	}
	if at == (settings.ZohoCount{}) || own.Missing() {
		return unasked{}, nil
	}
	if err := notGiven(st.Unknown, settings.ZohoClientSecret, settings.ZohoRefreshToken); err != nil {
		return nil, err
	}
	c, err := s.reach(ctx, st, true)
	if err != nil {
		return nil, err
	}
	return &zoho.Count{Client: c.zoho, Module: at.Module, Time: at.Time, Channel: at.Channel, Tenant: conversion.TenantOf(own.Issuer, own.Subject)}, nil
}

// unasked is a CRM that is not asked.
type unasked struct{}

func (unasked) Conversions(context.Context, conversion.Tenant, conversion.Channel, time.Time, time.Time) (int64, bool, error) {
	return 0, false, nil
}

// waiting is the stack's queue of events.
type waiting struct{ st *Stack }

func (w waiting) Waiting(ctx context.Context) (int64, error) {
	l := w.st.Whole[conversionQueue]
	if l == nil {
		return 0, nil
	}
	d, err := l.Depth(ctx)
	return int64(d.Waiting + d.InFlight + d.Dead), err
}

type conversionsRepairCommand struct {
	scopeArgs
	Window []string `arg:"" optional:"" help:"Starts of windows, like 2026-11-20T10:05:00Z."`
	Day    string   `help:"Instead: every window of that day that differs." placeholder:"DAY"`
}

// Help is what --help adds.
func (conversionsRepairCommand) Help() string {
	return `Puts what the events come to in the place of the counters, and publishes the window as a further version. The version before it stays. How often events were sent and how many came late the events do not tell: those counts stay, and so do minutes. Nothing is ever repaired but by this command.

Examples:

    connector conversions repair shop webform 2026-11-20T10:05:00Z --stack crm-connector --plan
    connector conversions repair 6f1d7a84db00d2fce00b31a7fc73224f sms --day 2026-11-20 --stack crm-connector`
}

// Run repairs windows.
func (c conversionsRepairCommand) Run(ctx context.Context, s *session) error {
	if (len(c.Window) > 0) == (c.Day != "") {
		return wrongf("say which: windows, or --day")
	}
	_, counter, err := s.counting(ctx, toChange)
	if err != nil {
		return err
	}
	tenant, channel, err := c.read(ctx, s)
	if err != nil {
		return err
	}
	spans, err := c.spans(ctx, s)
	if err != nil {
		return err
	}
	done := 0
	for _, span := range spans {
		n, err := s.repair(ctx, counter, tenant, channel, span)
		if done += n; err != nil {
			return err
		}
		if n == 0 && c.Day == "" {
			s.nothing("window " + span[0].String() + " agrees with its events")
		}
	}
	if c.Day != "" && done == 0 {
		s.nothing("every window of " + c.Day + " agrees with its events")
	}
	return nil
}

// repair repairs the windows of a channel from one to before another that differ, and returns how many they were.
func (s *session) repair(ctx context.Context, c *counting.Counter, t conversion.Tenant, ch conversion.Channel, span [2]conversion.Window) (done int, err error) {
	differences, err := c.Differences(ctx, t, ch, span[0], span[1])
	if errors.Is(err, counting.ErrExpired) {
		return 0, wrongf("%v: nothing tells what its counters should be", err)
	}
	if err != nil {
		return 0, err
	}
	types := map[conversion.Window]int{}
	for _, d := range differences {
		types[d.Window]++
	}
	for _, w := range slices.Sorted(maps.Keys(types)) {
		err := s.change(fmt.Sprintf("counted the window %s of %s again: %s of event differed", w, ch, many(types[w], "type")), func() error {
			_, err := c.Repair(ctx, t, ch, w)
			return err
		})
		if err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

// spans are the windows that are meant, each from one to before another.
func (c conversionsRepairCommand) spans(ctx context.Context, s *session) (out [][2]conversion.Window, err error) {
	for _, text := range c.Window {
		at, err := time.Parse(time.RFC3339, text)
		w := conversion.WindowOf(at)
		if err != nil || !w.Start().Equal(at) {
			return nil, wrongf("%q is no start of a window, like 2026-11-20T10:05:00Z", text)
		}
		out = append(out, [2]conversion.Window{w, w + 1})
	}
	if c.Day == "" {
		return out, nil
	}
	zone, err := s.zone(ctx)
	if err != nil {
		return nil, err
	}
	day, err := s.day(c.Day, zone)
	if err != nil {
		return nil, err
	}
	first, n := day.Windows(zone)
	return [][2]conversion.Window{{first, first + conversion.Window(n)}}, nil
}
