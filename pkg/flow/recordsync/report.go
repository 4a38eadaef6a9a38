package recordsync

import (
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/merge"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// report gathers what the outcome tells: rows to park, rows to close, and the one readable line.
type report struct {
	wrote   bool
	joined  bool // with another record
	told    []fault.Parked
	relinks []fault.Parked // HubSpot ids that Zoho refused to take
	settled []crm.ID
	open    map[string][]string // ids of the rows that what is settled asks still, by the pair as it came to rest last
	notes   []string
}

func (r *report) note(words ...string) { r.notes = append(r.notes, strings.Join(words, " ")) }

// destinations are the words for where a value goes.
var destinations = map[merge.Action]string{merge.ToZoho: string(crm.Zoho), merge.ToHubSpot: string(crm.HubSpot), merge.Both: "both"}

// decided remembers in the pair what goes across and why.
func (t *task) decided(p *pair.Pair, plan *plan) {
	var all []pair.Decision
	for _, it := range plan.items {
		d := it.decision
		if to, ok := destinations[d.Action]; ok {
			all = append(all, pair.Decision{
				At: t.now(), Field: d.Field, To: to, Rule: string(d.Rule), HubSpotAt: d.HubSpotAt, ZohoAt: d.ZohoAt, Observed: t.mode == crm.Observe,
			})
		}
	}
	p.Decide(all...)
}

// decision adds "field→system rule" to the line; values are a person's data and stay out.
func (r *report) decision(d merge.Decision) {
	to, ok := destinations[d.Action]
	if !ok {
		return
	}
	line := string(d.Field) + "→" + to + " (" + string(d.Rule)
	if !d.HubSpotAt.IsZero() {
		line += " hubspot " + d.HubSpotAt.UTC().Format(time.TimeOnly) + " zoho " + d.ZohoAt.UTC().Format(time.TimeOnly)
	}
	r.note(line + ")")
}

// close gives the outcome what the task has gathered.
func (t *task) close(o fault.Outcome) fault.Outcome {
	o.Applied = t.wrote && o.Ending == fault.Done
	o.Told = append(t.told, o.Told...)
	o.Settled, o.Open, o.AsOf = t.settled, t.stands(), t.asOf
	if o.AsOf.IsZero() {
		o.AsOf = t.began
	}
	if o.Note == "" {
		o.Note = strings.Join(t.notes, ", ")
	}
	return o
}

func done(note string) fault.Outcome { return fault.Outcome{Ending: fault.Done, Note: note} }

func again(after time.Duration, why string) fault.Outcome {
	return fault.Outcome{Ending: fault.GoAgain, After: after, Err: fault.Again("recordsync", after, why)}
}

// fail ends the task with an error. What no table knows came from a store and is nobody's fault: it goes again uncounted.
func (t *task) fail(err error) fault.Outcome {
	switch _, known := errors.AsType[*fault.Error](err); {
	case errors.Is(err, row.ErrConflict):
		return again(t.later(), "somebody else is at work on the record")
	case !known:
		err = &fault.Error{Op: "recordsync", Kind: fault.Down, Err: err}
	case isFault(err, fault.Missing):
		return again(t.later(), "the record went away meanwhile")
	case fault.KindOf(err).Final():
		return t.park(t.final(err))
	}
	return fault.Outcome{Ending: fault.GoAgain, After: fault.After(err), Err: err}
}

// final makes the row of an answer that names no field of ours.
func (t *task) final(err error) fault.Parked {
	target := t.id.System.Other()
	if e, ok := errors.AsType[*fault.Error](err); ok && e.From() != "" {
		target = e.From()
	}
	for _, r := range refusalsOf(err) {
		return t.refused(t.id, crm.ID{System: target, Module: t.kind().Home()}, r.Field, r.Property, r)
	}
	code := ""
	if e, ok := errors.AsType[*fault.Error](err); ok {
		code = e.Code
	}
	return t.row(target, fault.HintNone, code, err.Error())
}

// tell opens rows. It comes before the save of the pair that makes them true: after a crash in between they are told once
// more, never not at all.
func (t *task) tell(rows ...fault.Parked) error {
	if len(rows) == 0 {
		return nil
	}
	if err := t.s.Parking.Open(t.ctx, rows...); err != nil {
		return err
	}
	t.told = append(t.told, rows...)
	return nil
}

// tellPlan opens the rows of the fields that are held. What could not be told is tried again, so that the next try tells it.
func (t *task) tellPlan(p *identity.Loaded, plan *plan) error {
	if t.mode == crm.Observe {
		return nil // nothing is held: it is told when the stack is on
	}
	rows := t.relinks
	for _, it := range plan.items {
		if it.row != nil {
			rows = append(rows, *it.row)
		}
	}
	err := t.tell(rows...)
	for _, it := range plan.items {
		if it.row == nil {
			continue
		}
		if err != nil {
			p.Retry(it.slot)
		}
		it.row = nil
	}
	if err != nil && len(t.relinks) > 0 {
		p.Retry(relink)
	}
	t.relinks = nil
	return err
}

// park ends the task: the record itself is at fault, or a person must decide.
func (t *task) park(rows ...fault.Parked) fault.Outcome {
	words := make([]string, len(rows))
	for i, r := range rows {
		words[i] = string(r.Hint)
	}
	return fault.Outcome{
		Ending: fault.ParkedAway, Rows: rows,
		Err:  &fault.Error{Op: "recordsync", Kind: fault.Refused, Err: errors.New("parked: " + strings.Join(words, ", "))},
		Note: strings.Join(words, ", "),
	}
}

// answered closes the rows with this advice that are about what has become of the record: there is nothing left to do.
func (t *task) answered(h fault.Hint, id crm.ID) error {
	return t.closeRows(func(r fault.Parked) bool {
		return r.Hint == h && (r.TargetID == id || r.Other == id) && r.Target == id.System
	}, id)
}

// united closes the rows that ask for a merge of two of these records, which are one now.
func (t *task) united(ids ...crm.ID) error {
	return t.closeRows(func(r fault.Parked) bool {
		return r.Hint == fault.HintMergeTwins && slices.Contains(ids, r.TargetID) && slices.Contains(ids, r.Other)
	}, ids...)
}

// redirect lets what is to be merged with a record be merged with the one that has taken its place; where that is the same one, there is
// nothing left to merge.
func (t *task) redirect(from, to crm.ID) error {
	if err := t.united(from, to); err != nil {
		return err
	}
	rows, err := t.s.Parking.Naming(t.ctx, t.conn, from)
	if err != nil {
		return err
	}
	var moved []fault.Parked
	for _, r := range rows {
		if r.Hint != fault.HintMergeTwins || r.TargetID != from && r.Other != from {
			continue
		}
		if r.TargetID == from {
			r.TargetID = to
		} else {
			r.Other = to
		}
		r.Last = t.now()
		moved = append(moved, r)
	}
	return t.tell(moved...)
}

// over closes the rows about records that were no more at asOf, but for those just told and those that ask for what the others need too.
// What was told later may be about one that has come back.
func (t *task) over(past []crm.ID, told []fault.Parked, asOf time.Time) error {
	return t.closeRows(func(r fault.Parked) bool {
		return slices.Contains(past, r.Record) && !r.Last.After(asOf) && r.Hint != fault.HintErase && r.Hint != fault.HintMergeTwins && !slices.ContainsFunc(told, func(n fault.Parked) bool { return n.ID == r.ID })
	}, past...)
}

// closeRows closes the open rows that name one of the records and are asked for. A worker that has outlived its time closes none: what
// others told since is not its to end.
func (t *task) closeRows(which func(fault.Parked) bool, ids ...crm.ID) error {
	rows, err := t.s.Parking.Naming(t.ctx, t.conn, ids...)
	if err == nil {
		err = t.overdue()
	}
	if err != nil {
		return err
	}
	return t.s.Parking.Close(t.ctx, slices.DeleteFunc(rows, func(r fault.Parked) bool { return !which(r) })...)
}

// row makes a parked row about the task's record.
func (t *task) row(target crm.System, hint fault.Hint, code, message string) fault.Parked {
	now := t.now()
	op := t.ops[len(t.ops)-1]
	r := fault.Parked{
		Connection: t.conn, Operation: op.ID, Source: t.ops[0].Source, Verb: op.Verb, Kind: t.kind(), Record: t.id, Target: target,
		Class: fault.Refused, Code: code, Message: message, Hint: hint, Count: 1, First: now, Last: now,
	}
	return t.named(r)
}

// named gives a row its id: the same record, field, reason and system where it is seen to give the same one. A property that a system
// lacks has one row for all records.
func (t *task) named(r fault.Parked) fault.Parked {
	words := []string{"parked", t.conn, r.Record.String(), string(r.Field), string(r.Hint), string(r.Target)}
	if r.Hint == fault.HintProperty {
		r.Record, r.TargetID = t.record(r.Target, ""), crm.ID{}
		words = []string{"drift", t.conn, r.Record.String(), r.Property}
	}
	sum := t.s.Book.Hasher.Sum(words...)
	r.ID = hex.EncodeToString(sum[:])
	return r
}

// refused makes the row of a field that a system did not take. It is about the record that has the value, whichever record
// the event was about.
func (t *task) refused(from, target crm.ID, f crm.Field, property string, r fault.Refusal) fault.Parked {
	out := t.row(target.System, r.Hint, r.Code, r.Message)
	out.Record = from
	out.TargetID, out.Field, out.Property = target, f, property
	if r.Record != "" {
		out.Other = crm.ID{System: target.System, Module: target.Module, Key: r.Record}
	}
	return t.named(out)
}

// rests closes the rows about a pair's records, but for those that tell what it holds.
func (t *task) rests(p pair.Pair) {
	t.settled = append(t.settled, p.Record(crm.HubSpot), p.Record(crm.Zoho))
	t.standing(p.ID, t.asks(p))
}

// stands returns the ids of the rows that stay open.
func (t *task) stands() []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(t.open)) {
		out = append(out, t.open[id]...)
	}
	return out
}

// standing keeps the rows open that a pair asks now, in place of those that it asked before.
func (t *task) standing(id string, rows []string) {
	if t.open == nil {
		t.open = map[string][]string{}
	}
	t.open[id] = rows
}

// asks returns the ids of the rows that tell what a pair holds.
func (t *task) asks(p pair.Pair) []string {
	var ids []string
	ask := func(h pair.Held, f crm.Field, property string) {
		if h.Hint != fault.HintNone {
			r := fault.Parked{Record: p.Record(h.System.Other()), Target: h.System, Field: f, Property: property, Hint: h.Hint}
			ids = append(ids, t.named(r).ID)
		}
	}
	ask(p.Held[relink], relinkField, externalID)
	for _, f := range t.fieldsOf(p) {
		h := p.Held[slotOf(f)]
		ask(h, f.Name, f.Side(h.System).Property)
	}
	return ids
}

func joined(words []string) string { return strings.Join(words, ", ") }
