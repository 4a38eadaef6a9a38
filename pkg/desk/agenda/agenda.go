// Package agenda lets things happen in model time, one at a time: what is due next, and the processes that wait for it. Whoever uses
// it holds the clock and the dice; nothing here is random, and nothing runs at once.
package agenda

import (
	"container/heap"
	"iter"
	"time"
)

// Agenda is what is going to happen, in the order of time, and of entry where times are the same. The zero Agenda is empty.
type Agenda struct {
	list list
	seq  int
}

// Add lets do happen at an instant.
func (a *Agenda) Add(at time.Time, do func()) {
	a.seq++
	heap.Push(&a.list, entry{at: at, seq: a.seq, do: do})
}

// Next returns when the next thing is due, the zero time for never.
func (a *Agenda) Next() time.Time {
	if len(a.list) == 0 {
		return time.Time{}
	}
	return a.list[0].at
}

// Turn takes the next thing off the list and lets it happen. There must be one.
func (a *Agenda) Turn() { heap.Pop(&a.list).(entry).do() }

type entry struct {
	at  time.Time
	seq int
	do  func()
}

// list is for container/heap.
type list []entry

func (l list) Len() int { return len(l) }

func (l list) Less(i, j int) bool {
	if l[i].at.Equal(l[j].at) {
		return l[i].seq < l[j].seq
	}
	return l[i].at.Before(l[j].at)
}

func (l list) Swap(i, j int) { l[i], l[j] = l[j], l[i] }

func (l *list) Push(x any) { *l = append(*l, x.(entry)) }

func (l *list) Pop() any {
	last := len(*l) - 1
	e := (*l)[last]
	(*l)[last] = entry{}
	*l = (*l)[:last]
	return e
}

// Processes are coroutines. One whose job is done takes the next one: its stack has grown to what jobs need. The zero Processes
// has none.
type Processes struct{ unused []*Process }

// Process carries out one job. It and whoever resumes it hand control to each other: one of them runs.
type Process struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	job   func()
}

// Start returns a process with a job that it has not begun.
func (ps *Processes) Start(job func()) *Process {
	p := ps.take()
	p.job = job
	return p
}

func (ps *Processes) take() *Process {
	if last := len(ps.unused) - 1; last >= 0 {
		p := ps.unused[last]
		ps.unused = ps.unused[:last]
		return p
	}
	p := &Process{}
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		for alive := true; alive; alive = yield(struct{}{}) {
			p.job()
			ps.unused = append(ps.unused, p)
		}
	})
	return p
}

// End lets go of the processes whose jobs are done.
func (ps *Processes) End() {
	for _, p := range ps.unused {
		p.stop()
	}
	ps.unused = nil
}

// Resume lets the process run until it waits or its job is done.
func (p *Process) Resume() { p.next() }

// Wait gives control back, from within the job, until the process is resumed.
func (p *Process) Wait() { p.yield(struct{}{}) }
