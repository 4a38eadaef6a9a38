package canon

import (
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Date returns a civil date as YYYY-MM-DD, years 1 to 9999. It also takes what stands for a date on the wire: midnight in
// UTC as an instant or as milliseconds since 1970. A date in the order of some country is an error: 05/12 has two meanings.
func Date(s string) (string, error) {
	s = strings.TrimSpace(s)
	if t, err := time.Parse(time.DateOnly, s); err == nil && t.Year() >= 1 {
		return t.Format(time.DateOnly), nil
	}
	t, err := instant(s)
	if err != nil || !t.Equal(t.Truncate(day)) {
		return "", errDate
	}
	return t.Format(time.DateOnly), nil
}

// Instant returns a moment in UTC, cut to seconds, as RFC 3339 (2026-11-21T10:00:00Z), years 1 to 9999. It takes RFC 3339
// with any offset, and milliseconds since 1970.
func Instant(s string) (string, error) {
	t, err := instant(strings.TrimSpace(s))
	if err != nil {
		return "", errInstant
	}
	return t.Truncate(time.Second).Format(time.RFC3339), nil
}

func instant(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		// Fewer digits are rather a year or a date without its dashes.
		if ms, e := strconv.ParseInt(s, 10, 64); e == nil && len(s) >= 9 {
			t, err = time.UnixMilli(ms), nil
		}
	}
	t = t.UTC()
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, errInstant
	}
	return t, nil
}
