package conversion

import "time"

// How far a timestamp may lie from the instant at which the event was received. Both ends are allowed.
const (
	MaxAhead = 5 * time.Minute
	MaxAge   = 7 * 24 * time.Hour
)

// earliest is the first instant of any event.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// ParseInstant reads an instant as an event's timestamp is read: RFC 3339 with capital T and Z, at most three decimals behind a
// point, an explicit offset. It is in UTC; ok is false for anything else.
func ParseInstant(text string) (at time.Time, ok bool) { return parseInstant([]byte(text)) }

// parseInstant reads an instant as the schema writes it: RFC 3339 with capital T and Z, at most three decimals behind a
// point, an explicit offset. Go's own parser takes a comma and a one-digit hour and knows no leap second; this one takes
// neither.
func parseInstant(s []byte) (time.Time, bool) {
	const layout = "0000-00-00T00:00:00"
	if len(s) < len(layout)+1 {
		return time.Time{}, false
	}
	for i := range len(layout) {
		if layout[i] == '0' && !digit(s[i]) || layout[i] != '0' && s[i] != layout[i] {
			return time.Time{}, false
		}
	}
	ms, rest, ok := milliseconds(s[len(layout):])
	if !ok {
		return time.Time{}, false
	}
	offset, ok := zone(rest)
	if !ok {
		return time.Time{}, false
	}
	day, hour, minute, second := pair(s[8:]), pair(s[11:]), pair(s[14:]), pair(s[17:])
	if minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(pair(s)*100+pair(s[2:]), time.Month(pair(s[5:])), day, hour, minute, second, ms*int(time.Millisecond), time.UTC)
	if t.Day() != day || int(t.Month()) != pair(s[5:]) {
		return time.Time{}, false // 30 February, 24:00
	}
	return t.Add(-offset), true
}

// milliseconds reads the decimals of a second, if there are any, and returns what is behind them.
func milliseconds(s []byte) (ms int, rest []byte, ok bool) {
	if s[0] != '.' {
		return 0, s, true
	}
	n := 0
	for s = s[1:]; n < len(s) && digit(s[n]); n++ {
		if n == 3 {
			return 0, nil, false
		}
		ms = ms*10 + int(s[n]-'0')
	}
	for i := n; i < 3; i++ {
		ms *= 10
	}
	return ms, s[n:], n > 0
}

// zone reads Z or an offset of hours and minutes, to the end.
func zone(s []byte) (time.Duration, bool) {
	if string(s) == "Z" {
		return 0, true
	}
	if len(s) != len("+00:00") || s[0] != '+' && s[0] != '-' || s[3] != ':' ||
		!digit(s[1]) || !digit(s[2]) || !digit(s[4]) || !digit(s[5]) {
		return 0, false
	}
	h, m := pair(s[1:]), pair(s[4:])
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if s[0] == '-' {
		d = -d
	}
	return d, h <= 23 && m <= 59
}

// pair returns the number of two digits.
func pair(s []byte) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

// timely returns the code of the rule that an instant breaks for an event received at now, "" for none.
func timely(at, now time.Time) Code {
	switch {
	case at.Before(earliest) || now.Sub(at) > MaxAge:
		return CodePast
	case at.Sub(now) > MaxAhead:
		return CodeFuture
	}
	return ""
}
