package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/suite/conversionclock"
)

// The schedules of conversionClock. Ticks come less often than in a stack, where they have the volume of seven days to look at.
const (
	tickEvery = time.Hour
	clockLife = 300 * time.Second
)

// ticks lets conversionClock run: its ticks, and the report of every day at half past two in the morning.
func (s *shop) ticks() {
	var tick, report func()
	tick = func() {
		s.invoke("conversionClock", clockLife, func(ctx context.Context) {
			if err := s.clockwork.Handle(ctx, conversionclock.Event{Action: conversionclock.ActionTick}); err != nil {
				s.tracef("conversionClock: %v", err)
			}
		})
		if !s.over {
			s.after(tickEvery, tick)
		}
	}
	report = func() {
		if s.over {
			return
		}
		s.report(conversionclock.Event{Action: conversionclock.ActionReport})
		tomorrow := conversion.DayOf(s.now, rome).Plus(1).Start(rome)
		s.after(tomorrow.Add(150*time.Minute).Sub(s.now), report)
	}
	s.after(tickEvery, tick)
	s.after(conversionsStart.Add(25*time.Hour+30*time.Minute).Sub(s.now), report)
}

// report asks for a report until there is one: an asynchronous invocation that fails is tried twice more.
func (s *shop) report(e conversionclock.Event) {
	s.invoke("conversionClock", clockLife, func(ctx context.Context) {
		if err := s.clockwork.Handle(ctx, e); err != nil || of(ctx).gone() {
			s.tracef("conversionClock: %v", err)
			s.after(2*time.Minute, func() { s.report(e) })
		}
	})
}

// reported asks what the reports say: of clean days that they are right, of every age.
func (s *shop) reported() error {
	days := map[string]bool{}
	for r := range s.rows.All("G") {
		var rep counting.Report
		if err := json.Unmarshal(r.Value, &rep); err != nil {
			return err
		}
		days[rep.Day] = true
		if s.result.Reports++; rep.Outcome != conversion.OK.String() {
			s.violate("the report of %s, %d days later, says %s although nothing is wrong:\n%s", rep.Day, rep.Age, rep.Outcome, rep.Text("en"))
		}
	}
	for day := conversion.DayOf(conversionsStart, rome); day.Plus(1).Start(rome).Before(s.now.Add(-3 * time.Hour)); day = day.Plus(1) {
		if !days[day.String()] {
			s.violate("there is no report of %s", day)
		}
	}
	for _, m := range s.mails.Mails() {
		if s.result.Mails++; strings.Contains(m.Text, string(counting.RuleLedger)) {
			s.violate("somebody is told that the counters are wrong:\n%s", m.Text)
		}
	}
	return nil
}

// asked asks conversionApi, as callers do, for each day of a channel, and compares with what is true.
func (s *shop) asked() {
	truth := map[string]*tally{}
	for p, t := range s.oracle.book {
		key := fmt.Sprint(p.tenant, p.channel, conversion.DayOf(time.Unix(p.window, 0), rome))
		sum := truth[key]
		if sum == nil {
			sum = &tally{}
			truth[key] = sum
		}
		sum.completed, sum.failed, sum.declared = sum.completed+t.completed, sum.failed+t.failed, sum.declared+t.declared
		sum.duplicates, sum.conflicts = sum.duplicates+t.duplicates, sum.conflicts+t.conflicts
		if p.kind == conversion.Abandonment {
			continue // which is no conversion
		}
		for c, m := range t.money {
			if sum.money == nil {
				sum.money = map[string][2]int64{}
			}
			sum.money[c] = [2]int64{0, sum.money[c][1] + m[1]}
		}
	}
	told := map[string]*tally{}
	for n, subject := range subjects {
		for _, ch := range conversion.Channels() {
			s.metrics(subject, ch, func(day string, t *tally) { told[fmt.Sprint(n, ch, day)] = t })
		}
	}
	for _, key := range slices.Sorted(maps.Keys(truth)) {
		if says := told[key]; says == nil || says.String() != truth[key].String() {
			s.violate("conversionApi says of %s: %v, true is %v", key, says, truth[key])
		}
	}
}

// metrics asks for the days of a channel, page by page.
func (s *shop) metrics(subject string, ch conversion.Channel, each func(day string, t *tally)) {
	bearer := "Bearer " + conversionstest.Caller{Subject: subject}.Token(s.now, string(conversions.ScopeMetrics))
	from, to := conversion.DayOf(conversionsStart, rome).Plus(-8).Start(rome), conversion.DayOf(s.now, rome).Plus(1).Start(rome)
	for from.Before(to) {
		until := conversion.DayOf(from, rome).Plus(7).Start(rome)
		q := url.Values{"da": {from.Format(time.RFC3339)}, "a": {until.Format(time.RFC3339)}, "passo": {"1g"}, "canale": {string(ch)}, "fuso": {"Europe/Rome"}}
		answer := s.ask(context.Background(), door.Request{
			ID: "metriche", Method: http.MethodGet, Path: conversions.MetricsPath, Query: q.Encode(), Header: http.Header{"Authorization": {bearer}},
		})
		var is struct {
			Rows []struct {
				Start                                                 string `json:"inizio"`
				Completati, Falliti, Dichiarati, Duplicati, Conflitti int64
				Value                                                 map[string]string `json:"valore_totale"`
			} `json:"righe"`
			Next *string `json:"next"`
		}
		if err := json.Unmarshal(answer.Body, &is); err != nil || answer.Status != http.StatusOK || is.Next != nil {
			s.violate("conversionApi answers %d: %.300s", answer.Status, answer.Body)
			return
		}
		for _, r := range is.Rows {
			t := &tally{completed: r.Completati, failed: r.Falliti, declared: r.Dichiarati, duplicates: r.Duplicati, conflicts: r.Conflitti}
			for c, text := range r.Value {
				cents, err := conversion.ParseCents(text)
				if err != nil {
					s.violate("conversionApi says %q of money: %v", text, err)
				}
				if t.money == nil {
					t.money = map[string][2]int64{}
				}
				t.money[c] = [2]int64{0, int64(cents)}
			}
			each(r.Start[:len(time.DateOnly)], t)
		}
		from = until
	}
}
