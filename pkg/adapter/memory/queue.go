package memory

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"crm-connector/pkg/core/batch"
)

// The refusals of a Queue. A receipt is refused with one of them; a caller that gets one no longer has the message.
var (
	// ErrReceiptExpired says that the visibility of the delivery has ended, or that the message was delivered anew. A FIFO
	// queue refuses the deletion then (SQS: InvalidParameterValue "The receipt handle has expired").
	ErrReceiptExpired = errors.New("the receipt handle has expired")
	// ErrNotInFlight says that the message is not invisible, so there is no visibility to change (SQS: MessageNotInflight).
	ErrNotInFlight = errors.New("the message is not in flight")
	// ErrReceiptInvalid says that no delivery of this queue had the receipt (SQS: ReceiptHandleIsInvalid).
	ErrReceiptInvalid = errors.New("the receipt handle is not valid")
)

// What SQS does when nothing else is set.
const (
	DefaultVisibility = 30 * time.Second
	DefaultRetention  = 4 * 24 * time.Hour
	// DedupWindow is how long a deduplication id is remembered, counted from the sending.
	DedupWindow = 5 * time.Minute
)

// Scope says within what a deduplication id is unique.
type Scope uint8

// The scopes of deduplication, as SQS calls them: messageGroup (the queues of the suite) and queue.
const (
	ScopeGroup Scope = iota
	ScopeQueue
)

// QueueConfig says how a Queue behaves. Now is required; the rest has SQS's defaults.
type QueueConfig struct {
	Name        string
	Visibility  time.Duration // how long a delivered message is invisible; 0: DefaultVisibility
	MaxReceives int           // deliveries before a message goes to DeadLetter; 0: no limit
	Retention   time.Duration // from sending to disappearance; 0: DefaultRetention
	Delay       time.Duration // from sending to the first possible delivery
	Scope       Scope
	DeadLetter  *Queue // where messages of more than MaxReceives go; nil: they stay
	Now         func() time.Time
}

// Queue is a FIFO queue that follows the rules recorded against SQS, and no others: within a group a delivery walks from the
// head and stops at the first invisible message; one delivery takes as much of a group as it can before the next; a touched
// group goes to the end of the rotation. Sending and receiving cost the same however many groups there are. It is safe for
// concurrent use.
type Queue struct {
	set QueueConfig

	mu       sync.Mutex
	now      time.Time // of the call at work
	last     int64     // sequence number of the last message taken in
	byNumber map[int64]*message
	groups   map[string]*group
	ready    chain[*group] // groups whose head is visible, in rotation
	waiting  alarms        // the other groups, by the time when that can change
	age      chain[*message]
	seen     seen
}

// message is one message in a queue. next and prev hold its place in its group.
type message struct {
	number     int64
	id         string
	group      *group
	dedup      string
	body       string
	sent       time.Time
	receives   int
	received   time.Time // the last delivery
	visible    time.Time // invisible before
	prev, next *message  // in the group
	byAge      link[*message]
}

// NewQueue returns an empty queue.
func NewQueue(set QueueConfig) *Queue {
	if set.Visibility == 0 {
		set.Visibility = DefaultVisibility
	}
	if set.Retention == 0 {
		set.Retention = DefaultRetention
	}
	return &Queue{set: set, byNumber: map[int64]*message{}, groups: map[string]*group{}, seen: newSeen(set.Scope)}
}

// Name returns the name that the queue was given.
func (q *Queue) Name() string { return q.set.Name }

// Send takes up to batch.MaxEntries messages of batch.MaxBytes in sum. Like SendMessageBatch it judges each entry alone: an
// error says that at least one was refused, while the others are in the queue. A repeat within DedupWindow is a success.
func (q *Queue) Send(ctx context.Context, entries []batch.Entry) error {
	_, err := q.Put(ctx, entries...)
	return err
}

// Put is Send that tells the id and the sequence number of each message; those of a repeat are the original's.
func (q *Queue) Put(ctx context.Context, entries ...batch.Entry) ([]batch.Delivery, error) {
	const op = "memory.Send"
	if err := alive(ctx, op); err != nil {
		return nil, err
	}
	size := 0
	for _, e := range entries {
		size += len(e.Body)
	}
	switch {
	case len(entries) == 0 || len(entries) > batch.MaxEntries:
		return nil, misuse(op, "a call sends 1 to 10 messages")
	case size > batch.MaxBytes:
		return nil, misuse(op, "a call sends at most 1 MiB")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tick()
	out := make([]batch.Delivery, len(entries))
	var errs []error
	for i, e := range entries {
		if why := badEntry(e); why != "" {
			errs = append(errs, misuse(op, why))
			continue
		}
		first := q.seen.first(e, q.last+1, q.now)
		id := q.id(first)
		if first == q.last+1 {
			q.add(&message{id: id, dedup: e.Dedup, body: e.Body}, e.Group)
		}
		out[i] = batch.Delivery{ID: id, Sequence: id[len(id)-digits:], Group: e.Group, Dedup: e.Dedup}
	}
	return out, errors.Join(errs...)
}

// add numbers the message and puts it behind the last one of its group.
func (q *Queue) add(m *message, name string) {
	q.last++
	m.number, m.sent, m.visible = q.last, q.now, q.now.Add(q.set.Delay)
	g := q.groups[name]
	if g == nil {
		g = &group{name: name}
		g.inReady.value = g
		q.groups[name] = g
	}
	m.group, m.byAge.value = g, m
	g.push(m)
	q.byNumber[m.number] = m
	q.age.push(&m.byAge)
	if g.head == m {
		q.place(g)
	}
}

// drop takes the message out of the queue for good.
func (q *Queue) drop(m *message) {
	g := m.group
	wasHead := g.head == m
	g.remove(m)
	q.age.remove(&m.byAge)
	delete(q.byNumber, m.number)
	switch {
	case g.head == nil:
		q.unplace(g)
		delete(q.groups, g.name)
	case wasHead:
		q.place(g)
	}
}

// Receive hands out up to max messages (1 to batch.MaxEntries; more is cut) and makes them invisible. A message that was
// delivered MaxReceives times goes to the dead-letter queue instead, and its group goes on.
func (q *Queue) Receive(max int) []batch.Delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tick()
	max = min(max, batch.MaxEntries)
	var out []batch.Delivery
	for turns := q.ready.len; turns > 0 && len(out) < max; turns-- {
		g := q.ready.first().value
		var next *message
		for m := g.head; m != nil && len(out) < max && !m.visible.After(q.now); m = next {
			next = m.next
			if q.exhausted(m) {
				q.drop(m)
				q.set.DeadLetter.adopt(m, g.name)
				continue
			}
			m.receives++
			m.received, m.visible = q.now, q.now.Add(q.set.Visibility)
			out = append(out, m.delivery())
		}
		if g.head != nil {
			q.place(g) // its head was handed out
		}
	}
	return out
}

func (q *Queue) exhausted(m *message) bool {
	return q.set.DeadLetter != nil && q.set.MaxReceives > 0 && m.receives >= q.set.MaxReceives
}

func (m *message) delivery() batch.Delivery {
	return batch.Delivery{
		ID: m.id, Group: m.group.name, Dedup: m.dedup, Sequence: sequence(m.number),
		Receipt: strconv.FormatInt(m.number, 10) + "." + strconv.Itoa(m.receives), Receives: m.receives, Body: m.body, Sent: m.sent,
	}
}

func (q *Queue) id(number int64) string { return q.set.Name + "-" + sequence(number) }

// digits is how many digits a sequence number has.
const digits = 20

func sequence(number int64) string {
	text := [digits]byte{}
	for i := digits - 1; i >= 0; i-- {
		text[i], number = byte('0'+number%10), number/10
	}
	return string(text[:])
}

// Delete removes the message of a delivery. A message that is gone already is a success; an expired receipt is
// ErrReceiptExpired, and the message comes again.
func (q *Queue) Delete(receipt string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tick()
	m, err := q.of(receipt)
	switch {
	case err != nil || m == nil:
		return err
	case !m.visible.After(q.now):
		return ErrReceiptExpired
	}
	q.drop(m)
	return nil
}

// ChangeVisibility makes a delivered message visible after d from now, at once for 0. It rounds d up to whole seconds and
// refuses a d that is negative or ends more than batch.MaxHidden after the delivery.
func (q *Queue) ChangeVisibility(receipt string, d time.Duration) error {
	const op = "memory.ChangeVisibility"
	if d < 0 || d > batch.MaxHidden {
		return misuse(op, "a message is kept back 0 s to 12 h after its delivery")
	}
	d = (d + time.Second - 1).Truncate(time.Second)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tick()
	m, err := q.of(receipt)
	switch {
	case err != nil:
		return err
	case m == nil || !m.visible.After(q.now):
		return ErrNotInFlight
	case q.now.Add(d).After(m.received.Add(batch.MaxHidden)):
		return misuse(op, "a message is kept back 0 s to 12 h after its delivery")
	}
	m.visible = q.now.Add(d)
	if m == m.group.head {
		q.place(m.group)
	}
	return nil
}

// Hide changes the visibility of up to batch.MaxEntries deliveries, each judged alone: an error says that at least one was
// refused.
func (q *Queue) Hide(ctx context.Context, waits []batch.Wait) error {
	const op = "memory.Hide"
	if err := alive(ctx, op); err != nil {
		return err
	}
	if len(waits) == 0 || len(waits) > batch.MaxEntries {
		return misuse(op, "a call changes 1 to 10 messages")
	}
	var errs []error
	for _, w := range waits {
		errs = append(errs, q.ChangeVisibility(w.Receipt, w.For))
	}
	return errors.Join(errs...)
}

// of finds the message of a receipt: nil when it is gone, ErrReceiptExpired when it was delivered anew.
func (q *Queue) of(receipt string) (*message, error) {
	left, right, ok := strings.Cut(receipt, ".")
	number, err1 := strconv.ParseInt(left, 10, 64)
	receives, err2 := strconv.Atoi(right)
	if !ok || err1 != nil || err2 != nil || number < 1 || number > q.last {
		return nil, ErrReceiptInvalid
	}
	m := q.byNumber[number]
	if m != nil && m.receives != receives {
		return nil, ErrReceiptExpired
	}
	return m, nil
}
