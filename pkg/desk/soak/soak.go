// Package soak lets the real handlers work for days of model time, and holds what they come to against the truth: messages of
// WhatsApp from the door to both CRMs, conversion events from the door to the counters, and the daily report over tables that
// somebody has spoiled.
//
// A run is a function of its options alone. Functions run at the same time as they do in Lambda, but one at a time is at work:
// they hand over to each other at their calls, which take model time. What is simulated here is load and chance over long
// times; desk/simulate looks into the corners of single days.
package soak

import (
	"fmt"
	"time"
)

// Most is the longest that it may take from a 202 until whoever asks is told, for 99 of 100 events.
const Most = 90 * time.Second

// Command returns the command line that repeats the run.
func (o ConversionsOptions) Command() string {
	return fmt.Sprintf("go run ./pkg/desk/cmd/soak conversions --deliveries %d --seed %d --crashes %g --faults %g", o.Deliveries, o.Seed, o.Crashes, o.Faults)
}

// String says in a few lines what a run came to.
func (r ConversionsResult) String() string {
	return fmt.Sprintf(`%d deliveries in %s of model time: %d answered 202, %d answered 503 and sent again
  counted: %d events, %d repeats, %d conflicts in %d windows of a channel and an event
  %d batches, %d calls, %d deaths; no message was delivered more than %d times
  %d reports of clean days, %d mails
  from 202 to visible: p50 %s, p99 %s, slowest %s`, r.Deliveries, r.ModelTime.Round(time.Minute), r.Accepted, r.Turned, r.Events, r.Repeats, r.Conflicts,
		r.Cells, r.Batches, r.Calls, r.Deaths, r.Receives, r.Reports, r.Mails, r.P50.Round(time.Millisecond), r.P99.Round(100*time.Millisecond), r.Slowest.Round(time.Second))
}
