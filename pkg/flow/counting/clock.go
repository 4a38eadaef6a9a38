package counting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
)

// Clock does what is due every two minutes. Every field but the rules is required.
type Clock struct {
	Counter *Counter
	Teller  Teller
	Zone    *time.Location // whose hours volumes are compared by
	Rules   Rules
}

// Rules are the thresholds of alarms. The zero Rules are the literal rule of repeats, and no rule of volume.
type Rules struct {
	Guard  conversion.Guard
	Volume conversion.Volume
}

// UsualRules are those that a stack has unless configured otherwise.
var UsualRules = Rules{Guard: conversion.Guarded, Volume: conversion.UsualVolume}

// RulesOf returns the usual rules, that of repeats by its words alone if literal.
func RulesOf(literal bool) Rules {
	r := UsualRules
	if literal {
		r.Guard = conversion.Guard{}
	}
	return r
}

// The most that one tick does of each.
const (
	maxClosed   = 500
	maxReleased = 200
)

// Ticked is what a tick did.
type Ticked struct {
	Closed   []Closed
	Released int
	Raised   int // alarms and their ends
	Told     int
}

// Tick publishes windows, goes on releasing what was in quarantine, compares one published window with its ledger, evaluates
// the rules, and tells what is to be told. What fails is done by the next tick; the rest is done all the same.
func (k *Clock) Tick(ctx context.Context) (t Ticked, err error) {
	var errs []error
	_, t.Closed, err = k.Counter.Close(ctx, maxClosed)
	errs = append(errs, err)
	scopes, err := k.Counter.scopes(ctx)
	errs = append(errs, err)
	for _, s := range slices.SortedFunc(maps.Keys(scopes), func(a, b scope) int { return strings.Compare(a.String(), b.String()) }) {
		n, err := k.Counter.Release(ctx, s.tenant, s.channel, maxReleased)
		t.Released += n
		errs = append(errs, err)
	}
	found, err := k.evaluate(ctx, scopes, t.Closed)
	errs = append(errs, err)
	if err == nil { // half an evaluation would end alarms that go on
		t.Raised, err = k.settle(ctx, found)
		errs = append(errs, err)
	}
	t.Told, err = k.Tell(ctx)
	return t, errors.Join(append(errs, err)...)
}

// Rule names a rule of alarms.
type Rule string

// The rules.
const (
	RuleClient    Rule = "duplicati_cliente" // one client's events came again more than MaxRepeats times within RepeatSpan
	RuleChannel   Rule = "duplicati_canale"  // a channel's, and the guard lets it through
	RuleConflicts Rule = "conflitti"         // an id was used for two events
	RuleVolume    Rule = "volume"            // what arrived in the last whole hour differs from the same hour of the days before
	RuleLedger    Rule = "controllo"         // a published window does not agree with the ledger
)

// rules are those that Tick evaluates anew each time; RuleLedger is raised by what was found and ends by itself.
var rules = []Rule{RuleClient, RuleChannel, RuleConflicts, RuleVolume, RuleLedger}

// finding is a rule that fires for a key, and what a reader needs to know.
type finding struct {
	rule Rule
	key  string // a scope, and a client's hash behind it
	text string
}

func (k *Clock) evaluate(ctx context.Context, scopes map[scope]pulse, closed []Closed) (out []finding, err error) {
	now := k.Counter.Now()
	for s, p := range scopes {
		out = append(out, k.repeats(s, p, now)...)
		f, err := k.volume(ctx, s, p, now)
		if err != nil {
			return nil, err
		}
		out = append(out, f...)
	}
	clients, err := k.clients(ctx, now)
	if err != nil {
		return nil, err
	}
	spot, err := k.spot(ctx, closed)
	if err != nil {
		return nil, err
	}
	out = append(append(out, clients...), spot...)
	slices.SortFunc(out, func(a, b finding) int { return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.key, b.key)) })
	return out, nil
}

// repeats judges a channel by what arrived lately.
func (k *Clock) repeats(s scope, p pulse, now time.Time) (out []finding) {
	span := within(p.Minutes, now, time.Minute, conversion.RepeatSpan)
	day := within(p.Hours, now, time.Hour, daySpan) // which the span is a part of
	before := conversion.Share{Duplicates: day.Duplicates - span.Duplicates, Arrivals: day.Arrivals - span.Arrivals}
	r := recentOf(p.Recent) // judged when the last one arrived, whenever the clock looks; over once nothing more came for as long
	if r.TooMany() && now.Sub(r.Newest()) < conversion.RepeatSpan && k.Rules.Guard.Lets(conversion.Share{Duplicates: span.Duplicates, Arrivals: span.Arrivals}, before) {
		out = append(out, finding{RuleChannel, s.String(), fmt.Sprintf("%d duplicati su %d arrivi in 10 minuti", span.Duplicates, span.Arrivals)})
	}
	if span.Conflicts > 0 {
		out = append(out, finding{RuleConflicts, s.String(), fmt.Sprintf("%d eventi con un id già usato per un altro evento", span.Conflicts)})
	}
	return out
}

// clients returns those that repeated too often in the last RepeatSpan.
func (k *Clock) clients(ctx context.Context, now time.Time) (out []finding, err error) {
	for shard := range k.Counter.Shards {
		err := all(ctx, k.Counter.Store, firedPart(shard), func(r row.Row) error {
			var f fired
			if err := decode(r, &f); err != nil {
				return err
			}
			if now.Sub(time.UnixMilli(f.At)) < conversion.RepeatSpan {
				out = append(out, finding{RuleClient, r.Key.Sort, "ultima richiesta " + f.Ingestion})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// spot compares one of the windows that were published a moment ago with its ledger.
func (k *Clock) spot(ctx context.Context, closed []Closed) ([]finding, error) {
	if len(closed) == 0 {
		return nil, nil
	}
	one := closed[k.Counter.Rand(int64(len(closed)))]
	s := scope{one.Tenant, one.Channel}
	differences, err := k.Counter.compare(ctx, s, one.Window, one.Window+1)
	if err != nil || len(differences) == 0 {
		return nil, err
	}
	return []finding{{RuleLedger, s.String(), fmt.Sprintf("la finestra delle %s non corrisponde agli eventi", one.Window)}}, nil
}

// compare returns where the counters of a channel and its ledger disagree. What was counted between the two reads looks like a
// difference, so a difference is looked at twice.
func (c *Counter) compare(ctx context.Context, s scope, first, end conversion.Window) (d []conversion.Difference, err error) {
	for range 2 {
		counters, ledger := conversion.Book{}, conversion.Book{}
		if err := counted(ctx, c.Store, s, first, end, counters); err != nil {
			return nil, err
		}
		err := c.events(ctx, s, first, end, func(l ledgered, e conversion.Event, id conversion.Identity) error {
			cell, n := conversion.Recount(e, id, l.Quarantined)
			return ledger.Add(cell, n)
		})
		if err != nil {
			return nil, err
		}
		if d = conversion.Compare(ledger, counters); len(d) == 0 {
			return nil, nil
		}
	}
	return d, nil
}
