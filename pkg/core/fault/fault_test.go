package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func TestEveryKindHasItsNameAndItsPatience(t *testing.T) {
	for _, tt := range []struct {
		kind             fault.Kind
		name             string
		final, uncertain bool
		limit            int
	}{
		{fault.Unknown, "unknown", false, true, 3},
		{fault.Refused, "refused", true, false, 0},
		{fault.Conflict, "conflict", false, false, 3},
		{fault.Missing, "missing", false, false, 0},
		{fault.Locked, "locked", false, false, 0},
		{fault.Throttled, "throttled", false, false, 0},
		{fault.Down, "down", false, true, 0},
		{fault.Denied, "denied", false, false, 0},
		{fault.Stale, "stale", false, false, 0},
		{fault.Busy, "busy", false, false, 0},
		{fault.Setup, "setup", false, false, 0},
		{fault.Ours, "ours", false, true, 5},
		{fault.Ours + 1, "unknown", false, false, 0}, // of a later version
	} {
		k := tt.kind
		if k.String() != tt.name || k.Final() != tt.final || k.Uncertain() != tt.uncertain || k.Limit() != tt.limit || k.Counted() != (tt.limit > 0) {
			t.Errorf("%s: %s, final %v, uncertain %v, limit %d, counted %v", tt.name, k, k.Final(), k.Uncertain(), k.Limit(), k.Counted())
		}
	}
}

func TestAnErrorSaysWhatWasTriedWhatItMeansAndWhy(t *testing.T) {
	cause := errors.New("connection refused")
	for _, tt := range []struct {
		err  fault.Error
		want string
	}{
		{fault.Error{Op: "zoho.Read", Kind: fault.Down}, "zoho.Read: down"},
		{fault.Error{Op: "zoho.Read", Kind: fault.Down, Err: cause}, "zoho.Read: down: connection refused"},
		{fault.Error{Op: "zoho.Write", Kind: fault.Conflict, Code: "DUPLICATE_DATA"}, "zoho.Write: conflict (DUPLICATE_DATA)"},
		{fault.Error{Op: "zoho.Write", Kind: fault.Refused, Code: "INVALID_DATA", Refused: []fault.Refusal{
			{Field: "email", Property: "Email", Code: "INVALID_DATA", Message: "the address of Mario"}, {Property: "Phone", Code: "TOO_LONG"},
		}}, "zoho.Write: refused (INVALID_DATA): Email INVALID_DATA: Phone TOO_LONG"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	if !errors.Is(&fault.Error{Err: cause}, cause) {
		t.Error("the cause is lost")
	}
}

func TestTheKindIsReadThroughEveryWrapping(t *testing.T) {
	inner := &fault.Error{Op: "a", Kind: fault.Throttled, After: time.Minute}
	outer := &fault.Error{Op: "b", Kind: fault.Down, Err: inner}
	for _, tt := range []struct {
		name  string
		err   error
		kind  fault.Kind
		after time.Duration
	}{
		{"none", nil, fault.Unknown, 0},
		{"an error without a kind", errors.New("x"), fault.Unknown, 0},
		{"a fault", inner, fault.Throttled, time.Minute},
		{"a wrapped fault", fmt.Errorf("x: %w", inner), fault.Throttled, time.Minute},
		{"a joined fault", errors.Join(errors.New("x"), inner), fault.Throttled, time.Minute},
		{"a fault around a fault", outer, fault.Down, 0},
	} {
		if k, d := fault.KindOf(tt.err), fault.After(tt.err); k != tt.kind || d != tt.after {
			t.Errorf("%s: %s after %s", tt.name, k, d)
		}
	}
}

func TestWhatGotNoAnswerIsKnownByItsIdsAndKeysAndPrintsNone(t *testing.T) {
	email := crm.Column{Field: "email", Property: "Email", Type: crm.TypeEmail}
	key := func(v string) crm.MatchKey { return crm.MatchKey{Column: email, Value: v} }
	cause := &fault.Error{Op: "zoho.Find", Kind: fault.Conflict, Code: "TOO_MANY_ROWS"}
	one := fault.NewUnanswered(cause, crm.Search{Keys: []crm.MatchKey{key("anna@example.com")}})
	two := fault.NewUnanswered(errors.New("x"), crm.Search{HubSpotIDs: []string{"7"}})
	var none *fault.Unanswered
	both := none.And(one).And(two).And(nil)
	for _, tt := range []struct {
		u    *fault.Unanswered
		s    crm.Search
		want bool
	}{
		{one, crm.Search{Keys: []crm.MatchKey{key("ugo@example.com"), key("anna@example.com")}}, true},
		{one, crm.Search{Keys: []crm.MatchKey{key("ugo@example.com")}, HubSpotIDs: []string{"7"}}, false},
		{one, crm.Search{Keys: []crm.MatchKey{{Column: crm.Column{Property: "Secondary_Email"}, Value: "anna@example.com"}}}, false},
		{one, crm.Search{}, false},
		{both, crm.Search{HubSpotIDs: []string{"7"}}, true},
		{both, crm.Search{Keys: []crm.MatchKey{key("anna@example.com")}}, true},
		{both, crm.Search{HubSpotIDs: []string{"8"}}, false},
	} {
		if got := tt.u.About(tt.s); got != tt.want {
			t.Errorf("%+v: %v", tt.s, got)
		}
	}
	if fault.KindOf(fmt.Errorf("x: %w", both)) != fault.Conflict || !errors.Is(both, cause) {
		t.Errorf("%v", both)
	}
	if said := fmt.Sprintf("%v %+v %#v %s", both, both, both, both); strings.Contains(said, "anna") || !strings.Contains(said, "TOO_MANY_ROWS") {
		t.Errorf("printed as %s", said)
	}
}

func TestAgainIsBusyAndNeverCounted(t *testing.T) {
	err := fault.Again("recordsync.lease", 2*time.Second, "somebody else is at work")
	if err.Kind != fault.Busy || err.Kind.Counted() || fault.After(err) != 2*time.Second {
		t.Errorf("%+v", err)
	}
	if got, want := err.Error(), "recordsync.lease: busy: somebody else is at work"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEveryEndingHasItsNameAndNothingEndsByBeingForgotten(t *testing.T) {
	for e, want := range map[fault.Ending]string{fault.Undecided: "undecided", fault.Done: "done", fault.GoAgain: "again", fault.ParkedAway: "parked"} {
		if e.String() != want {
			t.Errorf("%s, want %s", e, want)
		}
	}
	if (fault.Outcome{}).Ending != fault.Undecided {
		t.Error("an outcome that nobody filled in is decided")
	}
}
