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

// Clock does what is due every two minutes. Every field but the rules and the language is required.
type Clock struct {
	Counter  *Counter
	Teller   Teller
	Queues   Queues
	Zone     *time.Location // whose hours volumes are compared by
	Rules    Rules
	Language string // of what is told: en, else Italian
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
	scopes, unread := k.Counter.scopes(ctx)
	errs = append(errs, unread)
	for _, s := range slices.SortedFunc(maps.Keys(scopes), func(a, b scope) int { return strings.Compare(a.String(), b.String()) }) {
		n, err := k.Counter.Release(ctx, s.tenant, s.channel, maxReleased)
		t.Released += n
		errs = append(errs, err)
	}
	if unread == nil { // an alarm of what cannot be read would end
		t.Raised, err = k.judge(ctx, scopes, t.Closed)
		errs = append(errs, err)
	}
	t.Told, err = k.Tell(ctx)
	return t, errors.Join(append(errs, err)...)
}

// judge evaluates the rules and carries the alarms on. What arrived is judged since the last judgement, or for as long as it counts
// together: a clock that stood still makes up for it.
func (k *Clock) judge(ctx context.Context, scopes map[scope]pulse, closed []Closed) (changes int, err error) {
	d, now := newDraft(k.Counter.Store), k.Counter.Now()
	if err := d.load(ctx, judgedKey); err != nil {
		return 0, err
	}
	last := int64(0) // never: whatever is known is judged
	if err := d.read(judgedKey, &last); err != nil {
		return 0, err
	}
	since := now.Add(-conversion.RepeatSpan)
	if t := time.UnixMilli(last); t.Before(since) {
		since = t
	}
	found, err := k.evaluate(ctx, scopes, closed, since, now)
	if err != nil { // half an evaluation would end alarms that go on
		return 0, err
	}
	if changes, err = k.settle(ctx, found); err != nil {
		return changes, err
	}
	if len(scopes) == 0 {
		return changes, nil
	}
	if err := d.write(judgedKey, now.UnixMilli(), time.Time{}); err != nil {
		return changes, err
	}
	if err := d.save(ctx); !errors.Is(err, row.ErrConflict) { // else somebody else has judged
		return changes, err
	}
	return changes, nil
}

// judgedKey is the row that says when the rules were evaluated last.
var judgedKey = row.Key{Part: "A", Sort: only}

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

// rules are those that Tick evaluates anew each time.
var rules = []Rule{RuleClient, RuleChannel, RuleConflicts, RuleVolume, RuleLedger}

// finding is a rule that fires for a key, and what a reader needs to know.
type finding struct {
	rule    Rule
	key     string // a scope, and a client's hash behind it
	text    string
	windows []conversion.Window // of RuleLedger
}

func (k *Clock) evaluate(ctx context.Context, scopes map[scope]pulse, closed []Closed, since, now time.Time) (out []finding, err error) {
	for s, p := range scopes {
		out = append(out, k.repeats(s, p, since, now)...)
		f, err := k.volume(ctx, s, p, now)
		if err != nil {
			return nil, err
		}
		out = append(out, f...)
	}
	clients, err := k.clients(ctx, since)
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

// repeats judges a channel by what arrived since an instant, at least RepeatSpan ago, and by what a queue held up until then.
func (k *Clock) repeats(s scope, p pulse, since, now time.Time) (out []finding) {
	words := wordsOf(k.Language)
	conflict := time.UnixMilli(p.Conflict).After(since)
	since = p.Late.unseen(since)
	span := within(p.Minutes, now, time.Minute, conversion.RepeatSpan)
	day := within(p.Hours, now, time.Hour, daySpan) // which the span is a part of
	add := func(r Rule, format string, of ...any) {
		out = append(out, finding{rule: r, key: s.String(), text: fmt.Sprintf(format, of...)})
	}
	// A channel is judged when the last repeat arrived, whenever the clock looks; it is over once nothing more came for as long.
	if r := recentOf(p.Recent); r.Newest().After(since) {
		if r.TooMany() && now.Sub(r.Newest()) < conversion.RepeatSpan && k.lets(span, day) {
			add(RuleChannel, words.Repeats, span.Duplicates, span.Arrivals)
		} else if b, ok := k.missed(p, r.TooMany(), since, now, day); ok {
			add(RuleChannel, words.Unseen, b.Duplicates, b.Arrivals)
		}
	}
	if conflict {
		n := max(span.Conflicts, 1)
		if since.Before(now.Add(-conversion.RepeatSpan)) {
			n = max(n, within(p.Hours, now, time.Hour, now.Sub(since)).Conflicts)
		}
		add(RuleConflicts, words.Conflicts, n)
	}
	return out
}

// missed returns the hour with the most repeats of those that a clock that stood still has missed a part of, if they are too many for an
// hour or were when the last one arrived: what arrived in each minute nobody knows any more.
func (k *Clock) missed(p pulse, tooMany bool, since, now time.Time, day beat) (worst beat, ok bool) {
	if !since.Before(now.Add(-conversion.RepeatSpan)) {
		return worst, false
	}
	sums := map[int64]beat{}
	for _, b := range p.Hours {
		if time.Unix(b.At, 0).Add(time.Hour).After(since) {
			sums[b.At] = beat{At: b.At, Arrivals: sums[b.At].Arrivals + b.Arrivals, Duplicates: sums[b.At].Duplicates + b.Duplicates}
		}
	}
	for _, b := range sums {
		if (tooMany || b.Duplicates > conversion.MaxRepeats) && b.Duplicates > worst.Duplicates && k.lets(b, day) {
			worst, ok = b, true
		}
	}
	return worst, ok
}

// lets asks the guard about a part of a day.
func (k *Clock) lets(part, day beat) bool {
	return k.Rules.Guard.Lets(conversion.Share{Duplicates: part.Duplicates, Arrivals: part.Arrivals},
		conversion.Share{Duplicates: day.Duplicates - part.Duplicates, Arrivals: day.Arrivals - part.Arrivals})
}

// clients returns those that repeated too often since an instant.
func (k *Clock) clients(ctx context.Context, since time.Time) (out []finding, err error) {
	for shard := range k.Counter.Shards {
		err := all(ctx, k.Counter.Store, firedPart(shard), func(r row.Row) error {
			var f fired
			if err := decode(r, &f); err != nil {
				return err
			}
			if time.UnixMilli(f.At).After(since) {
				out = append(out, finding{rule: RuleClient, key: r.Key.Sort, text: fmt.Sprintf(wordsOf(k.Language).Last, f.Ingestion)})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// maxWatched is how many windows of a channel are looked at again in each tick: the daily report names all.
const maxWatched = 10

// spot compares one of the windows that were published a moment ago with its ledger, and again those that did not agree before.
func (k *Clock) spot(ctx context.Context, closed []Closed) (out []finding, err error) {
	watched, err := k.watched(ctx)
	if err != nil {
		return nil, err
	}
	if len(closed) > 0 {
		one := closed[k.Counter.Rand(int64(len(closed)))]
		s := scope{one.Tenant, one.Channel}
		if w := watched[s]; len(w) < maxWatched && !slices.Contains(w, one.Window) {
			watched[s] = append(w, one.Window)
		}
	}
	for s, windows := range watched {
		var wrong []conversion.Window
		for _, w := range windows {
			differences, err := k.Counter.compare(ctx, s, w, w+1)
			if err != nil {
				return nil, err
			}
			if len(differences) > 0 {
				wrong = append(wrong, w)
			}
		}
		if len(wrong) > 0 {
			out = append(out, finding{RuleLedger, s.String(), fmt.Sprintf(wordsOf(k.Language).Ledger, wrong[0]), wrong})
		}
	}
	return out, nil
}

// watched returns the windows that did not agree with their ledger when they were looked at last.
func (k *Clock) watched(ctx context.Context) (map[scope][]conversion.Window, error) {
	out := map[scope][]conversion.Window{}
	return out, all(ctx, k.Counter.Store, "A#"+string(RuleLedger), func(r row.Row) error {
		var a alarm
		if err := decode(r, &a); err != nil {
			return err
		}
		s, _ := scopeOf(r.Key.Sort)
		out[s] = a.Windows
		return nil
	})
}

// compare returns where the counters of a channel and its ledger disagree.
func (c *Counter) compare(ctx context.Context, s scope, first, end conversion.Window) ([]conversion.Difference, error) {
	ledger, counters, err := c.look(ctx, s, first, end)
	return conversion.Compare(ledger, counters), err
}

// look reads what the ledger and the counters have of a channel. What was counted between the two reads looks like a difference, so a
// difference is looked at twice more.
func (c *Counter) look(ctx context.Context, s scope, first, end conversion.Window) (ledger, counters conversion.Book, err error) {
	for range 3 {
		ledger, counters = conversion.Book{}, conversion.Book{}
		if err := counted(ctx, c.Store, s, first, end, counters); err != nil {
			return nil, nil, err
		}
		err := c.events(ctx, s, first, end, func(l ledgered, e conversion.Event, id conversion.Identity) error {
			cell, n := conversion.Recount(e, id, l.Quarantined)
			return ledger.Add(cell, n)
		})
		if err != nil {
			return nil, nil, err
		}
		if len(conversion.Compare(ledger, counters)) == 0 {
			break
		}
	}
	return ledger, counters, nil
}
