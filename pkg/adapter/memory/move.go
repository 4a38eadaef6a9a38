package memory

import "time"

// Stats returns how many messages wait, delayed and blocked ones included, and how many are in flight: delivered and still
// invisible, a message in backoff included. Nothing is left to do in a queue when both are 0.
func (q *Queue) Stats() (waiting, inFlight int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tick()
	for l := q.age.first(); l != nil; l = l.next {
		if l.value.flies(q.now) {
			inFlight++
		}
	}
	return q.age.len - inFlight, inFlight
}

func (m *message) flies(now time.Time) bool { return m.receives > 0 && m.visible.After(now) }

// Next returns when Receive has something to hand out: now, or a later instant unless something is sent or deleted before.
// It reports false for an empty queue.
func (q *Queue) Next() (time.Time, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tick()
	switch {
	case q.ready.len > 0:
		return q.now, true
	case len(q.waiting.groups) > 0:
		return q.waiting.groups[0].due, true
	}
	return time.Time{}, false
}

// Purge removes every message and forgets the deduplication ids.
func (q *Queue) Purge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tick()
	for q.age.len > 0 {
		q.drop(q.age.first().value)
	}
	q.seen = newSeen(q.set.Scope)
}

// Move hands up to max messages that are not in flight over to another queue, oldest first, and returns how many: the
// redrive of a dead-letter queue. Call it on the dead-letter queue only; messages go back to the queue that they came from.
func (q *Queue) Move(to *Queue, max int) int {
	if to == q {
		return 0
	}
	to.mu.Lock() // a queue before its dead-letter queue, as in Receive
	defer to.mu.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	to.tick()
	q.tick()
	moved := 0
	for l := q.age.first(); l != nil && moved < max; {
		m, g := l.value, l.value.group
		l = l.next
		if m.flies(q.now) {
			continue
		}
		q.drop(m)
		to.take(m, g.name)
		moved++
	}
	return moved
}

// adopt is take for a caller that does not hold the queue.
func (q *Queue) adopt(m *message, group string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tick()
	q.take(m, group)
}

// take lets a message of another queue in: it keeps its ids and its group, its age and its deliveries are counted anew, and
// deduplication has no say.
func (q *Queue) take(m *message, group string) {
	q.add(&message{id: m.id, dedup: m.dedup, body: m.body}, group)
}
