package memory

import (
	"container/heap"
	"time"
)

// group is the messages of one group in the order in which they were sent. It is either in the rotation (its head is
// visible) or among the alarms (its head becomes visible at a known time), never in both.
type group struct {
	name       string
	head, tail *message
	inReady    link[*group]
	due        time.Time
	turn       int64 // order of arrival among alarms of the same time
	index      int   // among the alarms, plus 1; 0: not there
}

func (g *group) push(m *message) {
	m.prev = g.tail
	if g.tail == nil {
		g.head = m
	} else {
		g.tail.next = m
	}
	g.tail = m
}

func (g *group) remove(m *message) {
	if m.prev == nil {
		g.head = m.next
	} else {
		m.prev.next = m.next
	}
	if m.next == nil {
		g.tail = m.prev
	} else {
		m.next.prev = m.prev
	}
	m.prev, m.next = nil, nil
}

// place puts the group where its head belongs. A group that is in the rotation and stays in it keeps its turn.
func (q *Queue) place(g *group) {
	if !g.head.visible.After(q.now) {
		q.waiting.remove(g)
		q.ready.push(&g.inReady)
		return
	}
	q.ready.remove(&g.inReady)
	q.waiting.set(g, g.head.visible)
}

func (q *Queue) unplace(g *group) {
	q.ready.remove(&g.inReady)
	q.waiting.remove(g)
}

// tick lets time pass: messages past their retention disappear, and groups whose head has become visible join the rotation
// in the order of those instants.
func (q *Queue) tick() {
	q.now = q.set.Now()
	for l := q.age.first(); l != nil && !l.value.sent.Add(q.set.Retention).After(q.now); l = q.age.first() {
		q.drop(l.value)
	}
	for len(q.waiting.groups) > 0 && !q.waiting.groups[0].due.After(q.now) {
		g := q.waiting.groups[0]
		q.waiting.remove(g)
		q.ready.push(&g.inReady)
	}
}

// alarms is a heap of groups by the time when their head becomes visible.
type alarms struct {
	groups []*group
	turn   int64
}

func (a *alarms) set(g *group, due time.Time) {
	g.due = due
	if g.index != 0 {
		heap.Fix(a, g.index-1)
		return
	}
	a.turn++
	g.turn = a.turn
	heap.Push(a, g)
}

func (a *alarms) remove(g *group) {
	if g.index != 0 {
		heap.Remove(a, g.index-1)
	}
}

// Len, Less, Swap, Push and Pop are for container/heap.
func (a *alarms) Len() int { return len(a.groups) }

func (a *alarms) Less(i, j int) bool {
	x, y := a.groups[i], a.groups[j]
	if x.due.Equal(y.due) {
		return x.turn < y.turn
	}
	return x.due.Before(y.due)
}

func (a *alarms) Swap(i, j int) {
	a.groups[i], a.groups[j] = a.groups[j], a.groups[i]
	a.groups[i].index, a.groups[j].index = i+1, j+1
}

func (a *alarms) Push(x any) {
	g := x.(*group)
	a.groups = append(a.groups, g)
	g.index = len(a.groups)
}

func (a *alarms) Pop() any {
	last := len(a.groups) - 1
	g := a.groups[last]
	a.groups[last] = nil
	a.groups = a.groups[:last]
	g.index = 0
	return g
}

// link is a place in a chain; chain is a list whose links lie inside what it lists, so that nothing is allocated for it.
type (
	link[T any] struct {
		value      T
		prev, next *link[T]
		linked     bool
	}
	chain[T any] struct {
		head, tail *link[T]
		len        int
	}
)

func (c *chain[T]) first() *link[T] { return c.head }

// push puts l at the end, unless it is in the chain already.
func (c *chain[T]) push(l *link[T]) {
	if l.linked {
		return
	}
	l.linked, l.prev = true, c.tail
	if c.tail == nil {
		c.head = l
	} else {
		c.tail.next = l
	}
	c.tail = l
	c.len++
}

// remove takes l out, if it is in the chain.
func (c *chain[T]) remove(l *link[T]) {
	if !l.linked {
		return
	}
	if l.prev == nil {
		c.head = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next == nil {
		c.tail = l.prev
	} else {
		l.next.prev = l.prev
	}
	l.prev, l.next, l.linked = nil, nil, false
	c.len--
}
