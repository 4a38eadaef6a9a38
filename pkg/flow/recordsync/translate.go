package recordsync

import (
	"errors"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/merge"
	"crm-connector/pkg/core/pair"
)

// A value that has no counterpart on the other side takes part in the decision all the same, as a word of its own that
// equals nothing there. Where it loses to a later edit it is overwritten like any other; where it wins its field is held.

// alien is a value without a counterpart.
type alien struct {
	from crm.System
	raw  crm.Value
	why  error // an *mapping.Untranslatable
}

// translate fills in the canonical values. It reports whether both sides show the field: one that a side lacks is held, one whose
// value the mapping passes over rests as it is.
func (t *task) translate(p pair.Pair, b both, it *item) (bool, error) {
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		v := b.record(sys).Value(it.field.Name)
		if !v.Known() {
			t.hold(p, it, sys, fault.Refusal{Hint: fault.HintProperty, Code: fault.CauseUnreadable, Message: "the property is missing from what the system shows"})
			return false, nil
		}
		c, err := t.word(it, sys, v)
		if err != nil {
			return false, err
		}
		if sys == crm.HubSpot {
			it.hubspot, it.hubRaw = c, v
		} else {
			it.zoho, it.zohoRaw, it.foreign = c, v, it.field.Takes(sys, v)
		}
	}
	if h := p.Held[it.slot]; h.Hint == fault.HintProperty { // it is back, for all records
		t.settled = append(t.settled, t.record(h.System, ""))
	}
	if !it.hubspot.Known() || !it.zoho.Known() {
		it.decision = merge.Decision{Field: it.field.Name, Action: merge.Rest, Rule: merge.RuleUnknown}
		return false, nil
	}
	return true, nil
}

// word returns the canonical value, or a word of its own for a value that has none. An error came from a store.
func (t *task) word(it *item, sys crm.System, v crm.Value) (crm.Value, error) {
	c, err := t.canon(sys, it.field, v)
	if _, ok := errors.AsType[*mapping.Untranslatable](err); !ok {
		return c, err
	}
	c = crm.Text("untranslatable " + string(sys) + " " + v.Text())
	if it.alien == nil {
		it.alien = map[crm.Value]alien{}
	}
	it.alien[c] = alien{sys, v, err}
	return c, nil
}

// canon translates one value; a company is known by its pair.
func (t *task) canon(sys crm.System, f mapping.Field, v crm.Value) (crm.Value, error) {
	if f.Type == crm.TypeCompany {
		return t.company(sys, v)
	}
	return f.Canon(sys, v)
}

// raw translates what goes across into the words of the side that gets it.
func (t *task) raw(p pair.Pair, it *item) (err error) {
	action := it.decision.Action
	if a, ok := it.alien[it.decision.Value]; ok {
		t.stay(p, it, a)
		return nil
	}
	if action == merge.ToZoho || action == merge.Both {
		it.toZoho, err = t.rawFor(p, it, crm.Zoho)
	}
	if err == nil && it.held == nil && (action == merge.ToHubSpot || action == merge.Both) {
		it.toHub, err = t.rawFor(p, it, crm.HubSpot)
	}
	if err != nil || it.held == nil {
		return err
	}
	it.owed = it.held.Pending && it.decision.Rule == merge.RuleUnseen
	it.anew = it.held.Pending && it.decision.Rule == merge.RuleRetry
	it.toZoho = crm.Unknown()
	if action == merge.Both && it.held.System == crm.Zoho && !it.held.Pending {
		if restored, err := t.restore(p, it); restored || err != nil {
			return err
		}
	}
	it.decision, it.toHub = merge.Decision{Field: it.field.Name}, crm.Unknown()
	return nil
}

// restore puts an edit that our write covers in HubSpot back there, though Zoho does not take it: the field is held as the person left
// it. It reports false when HubSpot does not take it either.
func (t *task) restore(p pair.Pair, it *item) (bool, error) {
	held, row := it.held, it.row
	it.held = nil
	var err error
	if it.toHub, err = t.rawFor(p, it, crm.HubSpot); err != nil {
		return false, err
	}
	if it.held != nil {
		it.held, it.row = held, row
		return false, nil
	}
	it.decision.Action, it.goesOn = merge.ToHubSpot, held
	return true, nil
}

// stay holds a field whose winner has no counterpart. One that a write of ours covers in HubSpot is put back there.
func (t *task) stay(p pair.Pair, it *item, a alien) {
	t.hold(p, it, a.from.Other(), untranslatable(a.why))
	covered := it.decision.Rule == merge.RuleUnseen
	it.decision = merge.Decision{Field: it.field.Name}
	if covered {
		it.decision = merge.Decision{Field: it.field.Name, Action: merge.ToHubSpot, Value: a.raw, Rule: merge.RuleUnseen}
		it.toHub, it.goesOn, it.held = a.raw, it.held, nil
	}
}

func (t *task) rawFor(p pair.Pair, it *item, sys crm.System) (crm.Value, error) {
	f := it.field
	if f.Type == crm.TypeCompany {
		return t.companyKey(p, it, sys)
	}
	shows := it.zohoRaw
	if sys == crm.HubSpot {
		shows = it.hubRaw
	}
	v, err := f.Raw(sys, it.decision.Value, shows)
	if err == nil && sys == crm.Zoho {
		err = it.foreign
	}
	if err != nil {
		t.hold(p, it, sys, untranslatable(err))
		return crm.Unknown(), nil
	}
	return v, nil
}

// hold leaves a field alone until a side changes, the mapping does, or an operator asks for it, and tells the client once.
func (t *task) hold(p pair.Pair, it *item, sys crm.System, r fault.Refusal) {
	it.held = &pair.Held{System: sys, Base: it.shows, Mapping: t.m.Version(), Hint: r.Hint, Code: r.Code, Other: r.Record}
	told := t.refused(p.Record(sys.Other()), p.Record(sys), it.field.Name, it.field.Side(sys).Property, r)
	it.row = &told
}

// untranslatable is the refusal of a value that has no counterpart.
func untranslatable(err error) fault.Refusal {
	hint := fault.HintFormat
	if e, ok := errors.AsType[*mapping.Untranslatable](err); ok {
		hint = e.Hint
	}
	return fault.Refusal{Hint: hint, Code: fault.CauseUntranslatable, Message: err.Error()}
}
