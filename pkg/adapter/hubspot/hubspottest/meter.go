package hubspottest

import (
	"net/http"
	"strconv"
	"time"
)

// meter holds the limits on calls. HubSpot docs: Usage guidelines (a rolling window of 10 seconds for each app, a day that
// ends at the account's midnight) and Search (5 a second for the account, outside the burst window). Refused calls are free.
type meter struct {
	burst, daily, rate int
	zone               *time.Location
	window             []time.Time // calls of the last 10 s
	searches           []time.Time // searches of the last second
	day                string
	today              int
}

func (m *meter) options(o Options) {
	m.burst, m.daily, m.rate, m.zone = o.Burst, o.Daily, o.SearchRate, o.TimeZone
}

// take lets a call pass or refuses it. A person in HubSpot's pages is metered for searches only.
func (m *meter) take(now time.Time, q *request) *refusal {
	if q.search {
		m.searches = recent(m.searches, now.Add(-time.Second))
		if m.rate > 0 && len(m.searches) >= m.rate {
			return refuse(http.StatusTooManyRequests, "RATE_LIMITS", "You have reached your secondly limit.")
		}
	}
	if q.by.ours {
		if r := m.app(now, q.search); r != nil {
			return r
		}
	}
	if q.search {
		m.searches = append(m.searches, now)
	}
	return nil
}

func (m *meter) app(now time.Time, search bool) *refusal {
	if m.daily > 0 {
		if day := now.In(m.zone).Format(time.DateOnly); day != m.day {
			m.day, m.today = day, 0
		}
		if m.today >= m.daily {
			r := refuse(http.StatusTooManyRequests, "", "You have reached your daily limit.")
			r.ErrorType, r.Policy = "RATE_LIMIT", "DAILY"
			return r
		}
	}
	m.window = recent(m.window, now.Add(-10*time.Second))
	if m.burst > 0 && !search {
		if len(m.window) >= m.burst {
			return burstRefusal()
		}
		m.window = append(m.window, now)
	}
	m.today++
	return nil
}

func burstRefusal() *refusal {
	r := refuse(http.StatusTooManyRequests, "", "You have reached your ten_secondly_rolling limit.")
	r.ErrorType, r.Policy = "RATE_LIMIT", "TEN_SECONDLY_ROLLING"
	return r
}

// recent drops the calls at or before an instant.
func recent(calls []time.Time, from time.Time) []time.Time {
	i := 0
	for i < len(calls) && !calls[i].After(from) {
		i++
	}
	return calls[i:]
}

func (m *meter) headers(h http.Header, search bool) {
	if m.daily > 0 {
		h.Set("X-Hubspot-Ratelimit-Daily", strconv.Itoa(m.daily))
		h.Set("X-Hubspot-Ratelimit-Daily-Remaining", strconv.Itoa(m.daily-m.today))
	}
	if m.burst > 0 && !search {
		h.Set("X-Hubspot-Ratelimit-Max", strconv.Itoa(m.burst))
		h.Set("X-Hubspot-Ratelimit-Remaining", strconv.Itoa(m.burst-len(m.window)))
		h.Set("X-Hubspot-Ratelimit-Interval-Milliseconds", "10000")
	}
}
