// Package metric is the shape of what is asked about conversions and of what is answered: queries and rows, costs and entries.
// It is data only: who reads the counters is the flow's business, and how it is written on the wire the adapter's.
package metric

import (
	"errors"
	"time"

	"crm-connector/pkg/core/conversion"
)

// The bounds of one answer.
const (
	MaxRows = 2016                // a week of windows
	MaxSpan = 31 * 24 * time.Hour // of one answer; the rest is in the next
	Minutes = 48 * time.Hour      // for which minutes are kept
)

// Counters know no campaigns: for one, the events themselves are read. An answer reads this much; the rest is in the next.
const (
	MaxCampaignSpan   = 24 * time.Hour
	MaxCampaignEvents = 20_000 // of whatever campaign; a single step of more cannot be answered
)

// Query asks for rows of one length. What it does not name is folded into one row.
type Query struct {
	Tenant   conversion.Tenant
	From, To time.Time // [From, To), both on edges of windows
	Step     conversion.Step
	Channel  conversion.Channel  // "": all
	Type     conversion.Type     // "": all
	Currency conversion.Currency // "": all; amounts of others are left out
	// Campaign asks for one campaign's events only, "" for all, with those that have none. How often its events were sent and who
	// came in by it nobody knows: Totals has no Duplicates and no Conflicts then, Rates no Conversion.
	Campaign string
	Zone     *time.Location // where hours and days begin
}

// Check returns a *conversion.Refusal for a query that cannot be answered at now: its paths are the names of the parameters.
func (q Query) Check(now time.Time) error {
	var problems []conversion.Problem
	if !edge(q.From) {
		problems = append(problems, conversion.Problem{Path: "da", Code: conversion.CodeFormat})
	}
	if !edge(q.To) {
		problems = append(problems, conversion.Problem{Path: "a", Code: conversion.CodeFormat})
	} else if !q.From.Before(q.To) {
		problems = append(problems, conversion.Problem{Path: "a", Code: conversion.CodeMinimum})
	}
	if _, _, ok := q.Step.Bounds(q.From, time.UTC); !ok {
		problems = append(problems, conversion.Problem{Path: "passo", Code: conversion.CodeEnum})
	} else if q.Step == conversion.ByMinute && q.From.Before(now.Add(-Minutes)) {
		problems = append(problems, conversion.Problem{Path: "da", Code: conversion.CodePast})
	}
	if q.Zone == nil {
		problems = append(problems, conversion.Problem{Path: "fuso", Code: conversion.CodeEnum})
	}
	if problems == nil {
		return nil
	}
	return &conversion.Refusal{Reason: conversion.Malformed, Problems: problems}
}

func edge(t time.Time) bool { return conversion.WindowOf(t).Start().Equal(t) }

// Row is the answer for one step, or for the part of it that lies in the query.
type Row struct {
	Start, End time.Time // [Start, End), in the query's zone
	// Final says that every window of the row is published as it stands. Minutes are not published: theirs is whether their
	// window's time and grace are over.
	Final     bool
	Version   int // grows with every publication of a window in the row
	Totals    conversion.Totals
	Rates     conversion.Rates
	Estimated bool // costs are a part of those of a day, spread over its windows
}

// Answer is a page of rows. Next is where the following one begins, zero after the last.
type Answer struct {
	Rows []Row
	Now  time.Time // when it was made
	Next time.Time
}

// Cost is what a channel, or a campaign in it, cost on one day. It replaces what was told before.
type Cost struct {
	Tenant   conversion.Tenant
	Day      conversion.Day
	Channel  conversion.Channel
	Campaign string // "": the channel's own, beside those of its campaigns
	Costs    conversion.Costs
}

// Entry is who came in by a channel during a window.
type Entry struct {
	Tenant  conversion.Tenant
	ID      string // the sender's name for it: repeated, it is counted once
	Own     bool   // the connector itself is the sender: its names and those of callers are never one
	Channel conversion.Channel
	At      time.Time
	Entries conversion.Entries
}

// ErrOtherEntry says that an entry of the same id and other content was counted before.
var ErrOtherEntry = errors.New("another entry has this id")
