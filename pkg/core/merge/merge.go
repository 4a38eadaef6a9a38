// Package merge decides, field by field, which of two versions of a record wins. It is the whole of the rule "the most
// recent data wins": a base and two versions in, one decision per field out, with its reason. It reads no clock, calls
// nobody and knows no field by name.
package merge

import (
	"time"

	"crm-connector/pkg/core/crm"
)

// Tie is how far apart two edits must be for the later one to win. Zoho's times are cut to seconds, so nearer edits cannot
// be told apart and Zoho, the main container, keeps its value.
const Tie = 2 * time.Second

// Side is one field as one system shows it now.
type Side struct {
	Value    crm.Value // canonical; an unknown value takes no part
	Changed  bool      // differs from the base, as read
	Ours     bool      // what it shows was written last by us: never an edit
	At       time.Time // when the value was written; zero: not known
	PutBack  time.Time // equal to the base, but a user wrote it back at this time; zero: no
	ReadOnly bool      // the field cannot be written here
}

func (s Side) edited() bool { return s.Changed && !s.Ours }

// Field is everything that the decision about one field rests on.
type Field struct {
	Name      crm.Field
	Policy    crm.Policy
	Equal     bool // equal in canonical form, or Zoho's is HubSpot's cut at the field's length
	BaseKnown bool
	HubSpot   Side
	Zoho      Side
	// Unseen is a user's value in HubSpot that a write of ours covered before we had read it; unknown when there is none.
	Unseen   crm.Value
	UnseenAt time.Time
	// Timed says that Zoho's field times were asked for. Without it a decision that needs them is Ask.
	Timed bool
	// ZohoNamed says that an event of Zoho named the field: a user may have put its value back.
	ZohoNamed bool
	// ZohoModified stands in for Zoho's field time when its timeline has no entry.
	ZohoModified time.Time
	// Rank orders the values of a forward or strict field: the larger wins, -1 takes no part.
	Rank func(crm.Value) int
}

// Action is what is to be done about one field.
type Action uint8

// The actions.
const (
	// Leave: nothing is written and the base stays.
	Leave Action = iota
	// Rest: nothing is written, and what both sides show is the new base.
	Rest
	// ToZoho and ToHubSpot: Value goes to that side.
	ToZoho
	ToHubSpot
	// Both: Value, which neither side shows any more, goes to both.
	Both
	// Ask: the decision needs Zoho's field times.
	Ask
)

// Rule is the reason of a decision.
type Rule string

// The rules, in the order in which they are tried.
const (
	RuleUnknown    Rule = "unknown"     // one side could not be read
	RuleEqual      Rule = "equal"       // both sides hold the same
	RuleAtCreation Rule = "at-creation" // written at creation only
	RuleStrict     Rule = "strict"      // the more restrictive value wins
	RuleForward    Rule = "forward"     // the further stage wins
	RuleOneWay     Rule = "one-way"     // the policy or a read-only side forbids the other direction
	RuleUnseen     Rule = "unseen"      // a user's edit that our write had covered wins
	RuleYields     Rule = "ours yields" // one side shows only what we wrote last
	RuleEdit       Rule = "edit"        // only one side was edited
	RuleLater      Rule = "later"       // both were edited, the later edit wins
	RuleTie        Rule = "tie"         // both were edited within two seconds, Zoho wins
	RuleFill       Rule = "fill"        // first meeting, one side is empty
	RuleAtRest     Rule = "at rest"     // neither side was edited
	RuleRetry      Rule = "retry"       // held before, sent once more because somebody asked for it
)

// Decision is what is to be done about one field, and why.
type Decision struct {
	Field     crm.Field
	Action    Action
	Value     crm.Value // canonical; what goes across
	Rule      Rule
	HubSpotAt time.Time // the times compared, for RuleLater and RuleTie
	ZohoAt    time.Time
}

// Decide applies the rules in their order.
func Decide(f Field) Decision {
	d := decide(f)
	d.Field = f.Name
	return f.permit(d)
}

func decide(f Field) Decision {
	h, z := f.HubSpot, f.Zoho
	if !h.Value.Known() || !z.Value.Known() {
		return Decision{Action: Leave, Rule: RuleUnknown}
	}
	if f.outranked() {
		f.Unseen = crm.Unknown()
	}
	// A person's own edit that our write covered comes before "equal": both sides hold our write, not hers.
	if f.Equal && !f.Unseen.Known() {
		return Decision{Action: Rest, Rule: RuleEqual}
	}
	switch f.Policy {
	case crm.AtCreation:
		return Decision{Action: Rest, Rule: RuleAtCreation}
	case crm.Strict, crm.Forward:
		if d, ok := f.ranked(); ok {
			return d
		}
	}
	if f.Unseen.Known() {
		if d, ok := f.unseen(); ok {
			return d
		}
	}
	if f.Equal {
		return Decision{Action: Rest, Rule: RuleEqual}
	}
	if h.Changed && h.Ours || z.Changed && z.Ours {
		return f.yields()
	}
	return f.edits()
}

// unseen weighs a covered edit in HubSpot against what Zoho holds: one of two edits.
func (f Field) unseen() (Decision, bool) {
	if f.Unseen == f.Zoho.Value { // it has reached Zoho already; our way back to HubSpot was cut short
		return Decision{Action: ToHubSpot, Value: f.Unseen, Rule: RuleUnseen, HubSpotAt: f.UnseenAt}, true
	}
	if !f.Timed {
		return Decision{Action: Ask, Rule: RuleUnseen}, true
	}
	at := f.zohoAt()
	// What we wrote to Zoho ourselves came from HubSpot, and was read there before this edit. What Zoho shows since the last
	// sync, without an entry in its timeline, nobody has edited since: that the record was touched says nothing.
	z := f.Zoho
	older := z.Ours || f.BaseKnown && !z.Changed && z.At.IsZero() && z.PutBack.IsZero()
	if !older && f.UnseenAt.Sub(at) <= Tie {
		return Decision{}, false
	}
	return Decision{Action: Both, Value: f.Unseen, Rule: RuleUnseen, HubSpotAt: f.UnseenAt, ZohoAt: at}, true
}

// yields lets the other side's value go over a value that only we wrote: its write was begun and never saved, or landed
// late.
func (f Field) yields() Decision {
	// Who wrote Zoho's value is known only from its timeline: a user may have typed what we had written.
	if !f.Timed {
		return Decision{Action: Ask, Rule: RuleYields}
	}
	if f.HubSpot.Changed && f.HubSpot.Ours {
		return Decision{Action: ToHubSpot, Value: f.Zoho.Value, Rule: RuleYields}
	}
	return Decision{Action: ToZoho, Value: f.HubSpot.Value, Rule: RuleYields}
}

func (f Field) edits() Decision {
	h, z := f.HubSpot, f.Zoho
	if !f.BaseKnown {
		switch {
		case h.Value.IsEmpty():
			return Decision{Action: ToHubSpot, Value: z.Value, Rule: RuleFill}
		case z.Value.IsEmpty():
			return Decision{Action: ToZoho, Value: h.Value, Rule: RuleFill}
		}
		return f.later(h.At)
	}
	switch {
	case h.edited() && z.edited():
		return f.later(h.At)
	case h.edited() && !z.PutBack.IsZero():
		return f.later(h.At)
	case z.edited() && !h.PutBack.IsZero():
		return f.later(h.PutBack)
	case h.edited() && f.ZohoNamed && !f.Timed:
		return Decision{Action: Ask, Rule: RuleLater}
	case h.edited():
		return Decision{Action: ToZoho, Value: h.Value, Rule: RuleEdit}
	case z.edited():
		return Decision{Action: ToHubSpot, Value: z.Value, Rule: RuleEdit}
	}
	return Decision{Action: Leave, Rule: RuleAtRest}
}

// later compares the fields' own times, never the records'.
func (f Field) later(hubspotAt time.Time) Decision {
	// A policy that lets only one side speak needs no times.
	switch f.Policy {
	case crm.ToZoho:
		return Decision{Action: ToZoho, Value: f.HubSpot.Value, Rule: RuleOneWay}
	case crm.ToHubSpot:
		return Decision{Action: ToHubSpot, Value: f.Zoho.Value, Rule: RuleOneWay}
	}
	if !f.Timed {
		return Decision{Action: Ask, Rule: RuleLater}
	}
	at := f.zohoAt()
	d := Decision{Action: ToHubSpot, Value: f.Zoho.Value, Rule: RuleLater, HubSpotAt: hubspotAt, ZohoAt: at}
	switch apart := hubspotAt.Sub(at); {
	case apart > Tie:
		d.Action, d.Value = ToZoho, f.HubSpot.Value
	case apart >= -Tie:
		d.Rule = RuleTie
	}
	return d
}

func (f Field) zohoAt() time.Time {
	switch {
	case !f.Zoho.PutBack.IsZero():
		return f.Zoho.PutBack
	case !f.Zoho.At.IsZero():
		return f.Zoho.At
	}
	return f.ZohoModified
}

// ranked decides a forward or strict field by what the values mean. Values outside the order leave it to the times.
func (f Field) ranked() (Decision, bool) {
	rule := RuleForward
	if f.Policy == crm.Strict {
		rule = RuleStrict
	}
	h, z := f.Rank(f.HubSpot.Value), f.Rank(f.Zoho.Value)
	u := -1
	if f.Unseen.Known() {
		u = f.Rank(f.Unseen)
	}
	switch {
	case u > h && u > z:
		return Decision{Action: Both, Value: f.Unseen, Rule: rule}, true
	case h < 0 || z < 0 || h == z:
		return Decision{}, false
	case h > z:
		return Decision{Action: ToZoho, Value: f.HubSpot.Value, Rule: rule}, true
	}
	return Decision{Action: ToHubSpot, Value: f.Zoho.Value, Rule: rule}, true
}

// outranked reports whether a covered edit of a forward or strict field means less than what a side shows: it has lost,
// whatever its time.
func (f Field) outranked() bool {
	if !f.Unseen.Known() || f.Policy != crm.Forward && f.Policy != crm.Strict {
		return false
	}
	u := f.Rank(f.Unseen)
	return u >= 0 && u < max(f.Rank(f.HubSpot.Value), f.Rank(f.Zoho.Value))
}

// permit takes back what the policy or a read-only side forbids. A forbidden edit comes to rest where it is.
func (f Field) permit(d Decision) Decision {
	toHubSpot := !f.HubSpot.ReadOnly && f.Policy != crm.ToZoho
	toZoho := !f.Zoho.ReadOnly && f.Policy != crm.ToHubSpot
	switch {
	case d.Action == ToHubSpot && !toHubSpot, d.Action == ToZoho && !toZoho, d.Action == Both && !toHubSpot && !toZoho:
		return Decision{Field: d.Field, Action: Rest, Rule: RuleOneWay}
	case d.Action == Both && !toZoho:
		d.Action = ToHubSpot
	case d.Action == Both && !toHubSpot:
		d.Action = ToZoho
	}
	return d
}
