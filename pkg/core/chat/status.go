package chat

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
)

// State is how far a message of the business has come. A state that is none of the constants came later: it is kept and
// changes nothing.
type State string

// The states of a message. Page: webhooks/reference/messages/status.
const (
	Sent      State = "sent"
	Failed    State = "failed"
	Delivered State = "delivered"
	Read      State = "read"
	Played    State = "played" // a voice message that was listened to
)

// states stand in the order in which they count. Failed stands below Delivered: one device may fail and another receive, and
// delivered, read and played imply what was skipped.
var states = []State{Sent, Failed, Delivered, Read, Played}

// rank returns the state's place in that order, 0 for none.
func (s State) rank() int { return 1 + slices.Index(states, s) }

// After reports whether s takes the place of before. Statuses come late, twice and out of order; of all that came the one
// that counts most stays: sent < failed < delivered < read < played. Equal states change nothing.
func (s State) After(before State) bool { return s.rank() > before.rank() }

// Status is what Meta tells of one message of the business.
type Status struct {
	ID       crm.Value // wamid of the message
	State    State
	At       time.Time
	To       Person
	Group    crm.Value // the group that it was sent to; To is then one of its members
	Callback crm.Value // the sender's own id of it: biz_opaque_callback_data
	Category string    // of the price: "service", "marketing"
	Billing  string    // type of the price: "regular", "free_customer_service"
	Errors   []Error   // Meta tells them once and never again
}

// Track is everything that was told of one message, in whatever order it came. Two tracks of the same statuses are the
// same, however often and in which order these were added. The zero Track was told nothing.
type Track struct {
	steps    []step // one for each state, in the order of their names
	errors   []Error
	category string
	billing  string
}

type step struct {
	state State
	at    time.Time // the first time that was told
}

// What a track keeps beside the five known states, so that nobody can make it grow: the first of these in their own order,
// which does not depend on the order in which they came.
const (
	maxOthers = 5
	maxErrors = 10
)

// With returns the track with one more status.
func (t Track) With(s Status) Track {
	out := Track{steps: slices.Clone(t.steps), errors: slices.Clone(t.errors), category: t.category, billing: t.billing}
	out.step(s.State, s.At)
	for _, e := range s.Errors {
		out.fault(e)
	}
	// The price comes with sent and one of delivered and read; it is the same each time, and if not the larger word stays.
	out.category, out.billing = max(out.category, s.Category), max(out.billing, s.Billing)
	return out
}

func (t *Track) step(state State, at time.Time) {
	i, known := slices.BinarySearchFunc(t.steps, state, func(s step, want State) int { return cmp.Compare(s.state, want) })
	if known {
		if !at.IsZero() && (t.steps[i].at.IsZero() || at.Before(t.steps[i].at)) {
			t.steps[i].at = at
		}
		return
	}
	t.steps = slices.Insert(t.steps, i, step{state, at})
	others, last := 0, 0
	for i, s := range t.steps {
		if s.state.rank() == 0 {
			others, last = others+1, i
		}
	}
	if others > maxOthers {
		t.steps = slices.Delete(t.steps, last, last+1)
	}
}

func (t *Track) fault(e Error) {
	order := func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Title.Text(), b.Title.Text()), cmp.Compare(a.Details.Text(), b.Details.Text()))
	}
	if i, known := slices.BinarySearchFunc(t.errors, e, order); !known {
		t.errors = slices.Insert(t.errors, i, e)
		t.errors = t.errors[:min(len(t.errors), maxErrors)]
	}
}

// State returns how far the message has come, "" when nothing that is known was told.
func (t Track) State() State {
	var out State
	for _, s := range t.steps {
		if s.state.After(out) {
			out = s.state
		}
	}
	return out
}

// At returns when the state was first told, and whether it was.
func (t Track) At(state State) (time.Time, bool) {
	for _, s := range t.steps {
		if s.state == state {
			return s.at, true
		}
	}
	return time.Time{}, false
}

// Errors returns every error that was told, by code. They stay after a later delivery.
func (t Track) Errors() []Error { return slices.Clone(t.errors) }

// Category and Billing return what the price was said to be: "service" and "regular" is what costs outside the free ones.
func (t Track) Category() string { return t.category }

// Billing returns the type of the price.
func (t Track) Billing() string { return t.billing }

// Encode returns the bytes that DecodeTrack reads.
func (t Track) Encode() []byte { return encode(&t, (*Track).fields) }

// ErrTrack says that bytes are not a track.
var ErrTrack = errors.New("the row is no track of a message")

// DecodeTrack reads what Encode wrote, or returns ErrTrack.
func DecodeTrack(text []byte) (Track, error) {
	t, err := decode(text, (*Track).fields)
	if err != nil {
		return Track{}, ErrTrack
	}
	return t, nil
}
