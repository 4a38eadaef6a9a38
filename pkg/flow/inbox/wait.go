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
	AsAsked     = 20 // receives after which a wait that a fault asks for is too short to go by: a queue delivers a message 1,000 times
	CrowdedStep = 10 // receives after which the ceiling doubles for who finds no room in a limit
)

// wait returns how long a message stays away: what the fault asks for, a moment when somebody else was at work on its
// record, else a random time below a ceiling that doubles with each receive (full jitter, at least a second). What a system that is away
// asks for is no less than that once it has asked AsAsked times: it would use up the deliveries of a message in hours. What only finds no
// room in a limit waits longer by and by: it is a crowd's turn-taking, over in minutes, or a limit of the day, which asks for long waits.
func (l *Loop) wait(out fault.Outcome, receives int) time.Duration {
	after := min(max(out.After, fault.After(out.Err)), LongestWait)
	kind := kindOf(out.Err)
	busy := kind == fault.Busy || kind == fault.Stale
	switch {
	case after > 0 && (busy || receives <= AsAsked):
		return after
	case busy:
		return l.between(BusyFrom, BusyTo)
	case after > 0 && kind == fault.Throttled:
		return max(after, l.crowded(receives))
	}
	return max(after, l.grown(receives))
}

// grown is a wait that nobody asked for.
func (l *Loop) grown(receives int) time.Duration {
	ceiling := LongestWait
	if doublings := receives - 1; doublings < 5 {
		ceiling = FirstWait << max(doublings, 0)
	}
	return l.between(time.Second, ceiling)
}

// crowded is a wait in a crowd, after the first AsAsked ones: its ceiling begins at two seconds and is LongestWait from the 110th on.
func (l *Loop) crowded(receives int) time.Duration {
	doublings := min(1+(receives-AsAsked)/CrowdedStep, 10)
	return l.between(time.Second, min(time.Second<<doublings, LongestWait))
}

// between returns a random duration, both ends included.
func (l *Loop) between(from, to time.Duration) time.Duration {
	return from + time.Duration(l.Rand(int64(to-from)+1))
}
