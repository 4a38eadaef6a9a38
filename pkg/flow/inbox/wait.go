package inbox

import (
	"time"

	"crm-connector/pkg/core/fault"
)

// The waits before a message comes again.
const (
	FirstWait   = 30 * time.Second // the ceiling after the first receive; it doubles with each further one
	LongestWait = 15 * time.Minute
	BusyFrom    = time.Second // somebody else is at work on the record: 1 to 3 s
	BusyTo      = 3 * time.Second
)

// wait returns how long a message stays away: what the fault asks for, a moment when somebody else was at work on its
// record, else a random time below a ceiling that doubles with each receive (full jitter, at least a second).
func (l *Loop) wait(out fault.Outcome, receives int) time.Duration {
	after := max(out.After, fault.After(out.Err))
	if after > 0 {
		return min(after, LongestWait)
	}
	switch kindOf(out.Err) {
	case fault.Busy, fault.Stale:
		return l.between(BusyFrom, BusyTo)
	}
	ceiling := LongestWait
	if doublings := receives - 1; doublings < 5 {
		ceiling = FirstWait << max(doublings, 0)
	}
	return l.between(time.Second, ceiling)
}

// between returns a random duration, both ends included.
func (l *Loop) between(from, to time.Duration) time.Duration {
	return from + time.Duration(l.Rand(int64(to-from)+1))
}
