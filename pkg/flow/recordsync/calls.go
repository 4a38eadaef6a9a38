package recordsync

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// A record is brought in step by straight code, a coroutine that stops at every question to a CRM. The questions of all
// the records of a batch that stop at the same time are asked together: ten new contacts cost one read, one search and one
// insert, not ten of each.

type callKind uint8

const (
	callRead callKind = iota
	callFind
	callCreate
	callWrite
	callTimes
	callNothing // lets the others go on
)

// call is one question and its answer.
type call struct {
	kind   callKind
	ctx    context.Context
	system crm.System
	query  crm.Query
	search crm.Search
	change crm.Change
	id     crm.ID

	reading crm.Reading
	records []crm.Record
	result  crm.Result
	times   map[crm.Field][]crm.Entry
	err     error
	at      time.Time // when a creation was answered: other calls of the batch may come before the coroutine goes on
}

// together reports whether two questions can be asked as one.
func (c *call) together(d *call) bool {
	if c.kind != d.kind || c.system != d.system {
		return false
	}
	switch c.kind {
	case callRead:
		return c.query.Module == d.query.Module && c.query.History == d.query.History && slices.Equal(c.query.Columns, d.query.Columns)
	case callFind:
		return c.system == crm.Zoho && c.search.Module == d.search.Module
	case callCreate:
		return c.change.ID.Module == d.change.ID.Module
	}
	return false
}

// maxTogether is how many questions one request may hold: what the smallest of the vendors' limits allows (HubSpot reads
// 50 records with their history).
const maxTogether = 50

// drive runs the coroutines to their ends and answers what they ask.
func (s *Syncer) drive(ctx context.Context, tasks []iter.Seq[*call]) {
	type live struct {
		next func() (*call, bool)
		stop func()
	}
	var all []live
	for _, t := range tasks {
		next, stop := iter.Pull(t)
		all = append(all, live{next, stop})
	}
	defer func() {
		for _, l := range all {
			l.stop()
		}
	}()
	for len(all) > 0 {
		var asked []*call
		all = slices.DeleteFunc(all, func(l live) bool {
			c, ok := l.next()
			if ok {
				asked = append(asked, c)
			} else {
				l.stop()
			}
			return !ok
		})
		s.answer(ctx, group(asked))
	}
}

func group(asked []*call) [][]*call {
	var groups [][]*call
next:
	for _, c := range asked {
		for i, g := range groups {
			if len(g) < maxTogether && g[0].together(c) {
				groups[i] = append(g, c)
				continue next
			}
		}
		groups = append(groups, []*call{c})
	}
	return groups
}

func (s *Syncer) answer(ctx context.Context, groups [][]*call) {
	if s.Parallel <= 1 {
		for _, g := range groups {
			s.ask(ctx, g)
		}
		return
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, s.Parallel)
	for _, g := range groups {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			s.ask(ctx, g)
		})
	}
	wg.Wait()
}

// ask puts one request to a CRM and deals the answer out. A panic is ours, and the fault of these questions alone.
func (s *Syncer) ask(ctx context.Context, g []*call) {
	defer func() {
		if p := recover(); p != nil {
			s.log().Error("a call to a CRM panics", "system", g[0].system, "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			for _, c := range g {
				c.err = &fault.Error{Op: "recordsync.ask", Kind: fault.Ours, Err: fmt.Errorf("panic of type %T", p)}
				c.result.Err = c.err
			}
		}
	}()
	first := g[0]
	system := s.crm(first.system)
	switch first.kind {
	case callRead:
		q := first.query
		q.Keys = nil
		for _, c := range g {
			if !slices.Contains(q.Keys, c.query.Keys[0]) {
				q.Keys = append(q.Keys, c.query.Keys[0])
			}
		}
		readings, err := system.Read(ctx, q)
		for _, c := range g {
			if c.err = err; err == nil {
				c.reading = readings[slices.Index(q.Keys, c.query.Keys[0])]
			}
		}
	case callFind:
		search := first.search
		for _, c := range g[1:] {
			search.HubSpotIDs = append(slices.Clip(search.HubSpotIDs), c.search.HubSpotIDs...)
			search.Keys = append(slices.Clip(search.Keys), c.search.Keys...)
		}
		records, err := system.Find(ctx, search)
		odd, partly := errors.AsType[*fault.Unanswered](err)
		for _, c := range g {
			if c.records, c.err = records, err; partly && !odd.About(c.search) {
				c.err = nil // its neighbour's
			}
		}
	case callCreate:
		changes := make([]crm.Change, len(g))
		for i, c := range g {
			changes[i] = c.change
		}
		results, err := s.Zoho.Create(ctx, changes)
		for i, c := range g {
			c.at = s.Now()
			if c.err = err; err == nil {
				c.result = results[i]
			}
		}
	case callWrite:
		first.result = system.Write(first.ctx, first.change)
	case callTimes:
		first.times, first.err = s.Zoho.Times(first.ctx, first.id, first.query.Columns)
	}
}

func (s *Syncer) crm(sys crm.System) CRM {
	if sys == crm.HubSpot {
		return s.HubSpot
	}
	return s.Zoho
}
