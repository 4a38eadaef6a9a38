// Package fault says what a failure means: whose fault it is, whether a repeat can help, and after how long. Which status
// code is which kind is the business of each vendor's package; the wording of the mail is digest's.
package fault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// Kind is the meaning of a failure. The list is closed.
type Kind uint8

// The kinds of fault.
const (
	// Unknown is a fault that no table knows. It is treated like Conflict.
	Unknown Kind = iota
	// Refused is the record's fault: a value that the system does not take, or a mandatory one that is missing.
	Refused
	// Conflict is perhaps the record's fault: a duplicate, an unknown 4xx. Counted, up to three tries.
	Conflict
	// Missing says that the record is not there (any more).
	Missing
	// Locked says that the record cannot be written for now: under merge, in approval, in a blueprint.
	Locked
	// Throttled asks to come back later.
	Throttled
	// Down is a system that does not answer properly: 5xx, timeout, reset, HTML for JSON, a cut body. Whether a write was
	// carried out is not known.
	Down
	// Denied is a token that the system does not take.
	Denied
	// Stale says that the record was modified after the instant that the write named; nothing was written.
	Stale
	// Busy says that somebody else is at work on the same rows; come back in a moment.
	Busy
	// Setup says that the stack is not set up: a missing external id field, a missing scope, a missing setting.
	Setup
	// Ours is our own bug: a panic, a value that could not be marshalled.
	Ours
)

var names = [...]string{"unknown", "refused", "conflict", "missing", "locked", "throttled", "down", "denied", "stale", "busy", "setup", "ours"}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Final reports whether a repeat is useless because the record itself is at fault.
func (k Kind) Final() bool { return k == Refused }

// Counted reports whether tries are counted, so that the operation is parked after Limit of them.
func (k Kind) Counted() bool { return k.Limit() > 0 }

// Limit returns after how many tries a counted fault is parked: 3 for what is perhaps the record's fault, 5 for ours, 0
// for what is not counted.
func (k Kind) Limit() int {
	switch k {
	case Unknown, Conflict:
		return 3
	case Ours:
		return 5
	}
	return 0
}

// Uncertain reports whether a write that failed this way may have been carried out all the same, now or later.
func (k Kind) Uncertain() bool { return k == Down || k == Unknown || k == Ours }

// Refusal is one field that a system did not take.
type Refusal struct {
	Field    crm.Field // "" when the property is not one of the columns asked
	Property string    // as the system calls it
	Code     string    // the system's own code: INVALID_DATA, PROPERTY_DOESNT_EXIST
	Hint     Hint
	Message  string // the system's words, quoted values cut out
	Record   string // for a duplicate: the id of the record that has the value, "" when not told
}

// Error is a failed call, translated where the status is known and read by kind everywhere else.
type Error struct {
	Op      string // what was tried: "hubspot.Update"
	Kind    Kind
	Code    string        // the system's own code, "" when none
	After   time.Duration // how long the system asks to wait, 0 when it does not say; at most 15 minutes
	Refused []Refusal     // the fields at fault, for Refused and Conflict
	Err     error         // the cause; holds no value of a record and no secret
}

// Error says what was tried, what it means and why, without any value of a record.
func (e *Error) Error() string {
	s := e.Op + ": " + e.Kind.String()
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	for _, r := range e.Refused {
		s += fmt.Sprintf(": %s %s", r.Property, r.Code)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// From returns the system whose call failed, as Op names it; "" where it was none of a system's.
func (e *Error) From() crm.System {
	name, _, _ := strings.Cut(e.Op, ".")
	if sys := crm.System(name); sys == crm.HubSpot || sys == crm.Zoho || sys == crm.WhatsApp {
		return sys
	}
	return ""
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first fault in err's chain, Unknown for an error without one.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Unknown
}

// After returns how long the fault asks to wait, 0 when it does not say.
func After(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.After
	}
	return 0
}

// Again returns a fault that sends an operation back for d: somebody else is at work on the record, or it is too early to
// judge.
func Again(op string, d time.Duration, why string) *Error {
	return &Error{Op: op, Kind: Busy, After: d, Err: errors.New(why)}
}

// Unanswered says that some ids or keys of a search got no answer, through a fault of their own; what the others name was
// found. It wraps the first such fault.
type Unanswered struct {
	search crm.Search // values of records: not printed
	err    error
}

// NewUnanswered returns the fault of these ids and keys.
func NewUnanswered(err error, of crm.Search) *Unanswered { return &Unanswered{of, err} }

// Error says what failed, without any value of a record.
func (u *Unanswered) Error() string { return u.err.Error() }

// Unwrap returns the fault.
func (u *Unanswered) Unwrap() error { return u.err }

// GoString keeps the values out of a dump too.
func (u *Unanswered) GoString() string { return "fault.Unanswered{" + u.Error() + "}" }

// And returns the fault of both; either may be nil.
func (u *Unanswered) And(v *Unanswered) *Unanswered {
	switch {
	case u == nil:
		return v
	case v == nil:
		return u
	}
	both := *u
	both.search.HubSpotIDs = slices.Concat(u.search.HubSpotIDs, v.search.HubSpotIDs)
	both.search.Keys = slices.Concat(u.search.Keys, v.search.Keys)
	return &both
}

// About reports whether one of the ids or keys of a search is among those without an answer.
func (u *Unanswered) About(s crm.Search) bool {
	return slices.ContainsFunc(s.HubSpotIDs, func(id string) bool { return slices.Contains(u.search.HubSpotIDs, id) }) ||
		slices.ContainsFunc(s.Keys, func(k crm.MatchKey) bool { return slices.Contains(u.search.Keys, k) })
}
