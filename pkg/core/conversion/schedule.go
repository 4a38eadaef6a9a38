package conversion

import "time"

// FirstRetry is the wait before the first retry of an event that could not be counted; Retries is how often it is retried
// before it goes to the errors.
const (
	FirstRetry = 30 * time.Second
	Retries    = 5
)

// Schedule is how long retries wait.
type Schedule uint8

// The schedules: 30, 60, 120, 240, 480 s, each up to a fifth shorter or longer; or 30 s each time (modo fisso).
const (
	Exponential Schedule = iota
	Fixed
)

// ParseSchedule reads a setting: esponenziale or "" and fisso.
func ParseSchedule(s string) (Schedule, bool) {
	switch s {
	case "", "esponenziale":
		return Exponential, true
	case "fisso":
		return Fixed, true
	}
	return Exponential, false
}

// Wait returns how long to wait before the n-th retry, from 1, and false when there is none: the event goes to the errors.
// chance is from [0, 1) and spreads the waits of an Exponential schedule.
func (s Schedule) Wait(n int, chance float64) (time.Duration, bool) {
	if n < 1 || n > Retries {
		return 0, false
	}
	if s == Fixed {
		return FirstRetry, true
	}
	wait := FirstRetry << (n - 1)
	return wait - wait/5 + time.Duration(chance*float64(wait)*2/5), true
}
