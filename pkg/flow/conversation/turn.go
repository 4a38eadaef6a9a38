package conversation

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"strconv"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// When a message's turn comes: what its number may send is shared by all who send at a time.

// EnoughToSend is how much time must be left for a message to be sent: one that is cut off on its way may have gone out.
const EnoughToSend = 11 * time.Second

const (
	// turnWithin is how long a message waits for its turn in place, in all: an answer is to go out within five seconds, and the schedule
	// would take it up a minute later.
	turnWithin = 4 * time.Second
	// turnIn is the longest single wait of those.
	turnIn = time.Second
	// apart is how far apart those try again who met at the same row.
	apart = 60 * time.Millisecond
)

// begin claims a message for its sending, and waits for its turn if that comes in a moment.
func (t *task) begin(s *shipment) error {
	for try, from := 0, t.now(); ; try++ {
		wait, err := t.turn(s, try)
		if err == nil || wait == 0 || wait > turnIn || t.now().Add(wait).Sub(from) > turnWithin || !t.enough(wait) || !t.f.Sleep(t.ctx, wait) {
			return err
		}
	}
}

// enough reports whether after a wait there is still time to send.
func (t *task) enough(wait time.Duration) bool {
	end, ok := t.ctx.Deadline()
	return !ok || end.Sub(t.now())-wait >= EnoughToSend
}

// turn claims a message for its sending together with its part of what its number may send, to everybody and to this person. Where it is
// not its turn it says after which wait it may be, 0 for when that is not for it to say.
func (t *task) turn(s *shipment, try int) (wait time.Duration, err error) {
	own, person := outboxKey(t.conn, s.id), rateKey(t.conn, s.Number, "#"+s.who.id)
	rows, err := t.f.Store.Get(t.ctx, append([]row.Key{own, person}, t.lanes(s)...)...)
	if err != nil {
		return 0, tables(err)
	}
	if rows[0].Version != s.version {
		return 0, tables(row.ErrConflict)
	}
	toHim, wait, err := take(chat.PairRate, rows[1], t.now())
	var lane row.Put
	if err == nil && wait == 0 {
		lane, wait, err = freeLane(t.f.Rate.Lane(), rows[2:], t.now(), chance(s.id, try))
	}
	switch {
	case err != nil:
		return 0, err
	case wait > 0:
		return wait + apartFrom(s.id, try), notYet(wait)
	case !t.enough(0):
		return 0, fault.Again("conversation.Send", time.Second, "too little time is left to wait for the answer")
	}
	next := s.outgoing
	next.Stage, next.TriedAt, next.Until = stageSending, t.now(), t.now().Add(ClaimFor)
	err = t.f.Store.Put(t.ctx, toHim, lane, write(own, s.version, next, s.At.Add(KeptFor)))
	if errors.Is(err, row.ErrConflict) {
		wait = apartFrom(s.id, try)
	}
	if err == nil {
		s.outgoing, s.version = next, s.version+1
	}
	return wait, tables(err)
}

// lanes are the rows of what a number may send. There are several, which share its rate: on one alone those who send at once would be in
// each other's way long before the rate is.
func (t *task) lanes(s *shipment) (keys []row.Key) {
	for i := range t.f.Rate.Burst {
		keys = append(keys, rateKey(t.conn, s.Number, strconv.Itoa(i)))
	}
	return keys
}

// freeLane takes one of the lanes that are free, else it says when the first one is.
func freeLane(rate chat.Rate, lanes []row.Row, now time.Time, chance uint32) (taken row.Put, soonest time.Duration, err error) {
	var free []row.Put
	for _, lane := range lanes {
		put, wait, err := take(rate, lane, now)
		switch {
		case err != nil:
			return row.Put{}, 0, err
		case wait == 0:
			free = append(free, put)
		case soonest == 0 || wait < soonest:
			soonest = wait
		}
	}
	if len(free) == 0 {
		return row.Put{}, soonest, nil
	}
	return free[chance%uint32(len(free))], 0, nil
}

// take takes one message's part of a rate, of which a row tells what is used.
func take(rate chat.Rate, used row.Row, now time.Time) (row.Put, time.Duration, error) {
	var full time.Time
	if used.Version != 0 && json.Unmarshal(used.Value, &full) != nil {
		return row.Put{}, 0, unreadable()
	}
	next, wait := rate.Take(full, now, 1)
	return write(used.Key, used.Version, next, now.Add(24*time.Hour)), wait, nil
}

// notYet is the fault of a message whose turn it is not.
func notYet(wait time.Duration) error {
	return &fault.Error{Op: "conversation.Send", Kind: fault.Throttled, After: wait, Err: errors.New("as many messages as are allowed are under way")}
}

// chance scatters those who try at the same time, each try of a message anew.
func chance(id string, try int) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id + " " + strconv.Itoa(try))) // never fails
	return h.Sum32()
}

func apartFrom(id string, try int) time.Duration {
	return time.Duration(1+chance(id, try)%uint32(apart/time.Millisecond)) * time.Millisecond
}
