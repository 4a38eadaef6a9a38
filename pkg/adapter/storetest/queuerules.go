package storetest

import (
	"fmt"
	"strings"
	"time"

	"crm-connector/pkg/core/batch"
)

const visibility = 4 * time.Second

// queueRules are the rules that were recorded against real SQS, one name a rule. Visibility is 4 s unless a rule says
// otherwise, so that they also run against a real clock.
var queueRules = []struct {
	name string
	set  QueueSetup
	run  func(*bench)
}{
	{name: "within a group a delivery walks from the head and stops at the first invisible message", run: func(b *bench) {
		b.send("a.1", "a.2", "a.3")
		b.receive(1, "a.1")
		b.receive(10)
		b.send("a.4")
		b.receive(10)
	}},
	{name: "one delivery packs as many of a group as it can before the next group", run: func(b *bench) {
		b.send("a.1", "b.1", "a.2", "a.3")
		b.receive(10, "a.1", "a.2", "a.3", "b.1")
	}},
	{name: "a touched group goes to the end of the rotation", run: func(b *bench) {
		b.send("a.1", "b.1", "b.2", "c.1", "a.2")
		b.receive(3, "a.1", "a.2", "b.1")
		b.hide("a.1", 0)
		b.hide("a.2", 0)
		b.hide("b.1", 0)
		b.receive(10, "c.1", "a.1", "a.2", "b.1", "b.2")
	}},
	{name: "groups whose visibility ends come back behind the untouched ones", run: func(b *bench) {
		b.send("a.1", "a.2", "a.3", "b.1", "c.1")
		b.receive(2, "a.1", "a.2")
		b.receive(1, "b.1")
		b.lab.Wait(visibility + time.Second)
		b.receiveInGroups(10, "c.1", "a.1", "a.2", "a.3", "b.1")
		if b.got[0].Body != "c.1" {
			b.broken("%s came first", b.got[0].Body)
		}
	}},
	{name: "a message set to visibility 0 is delivered again although its follower is in flight", run: func(b *bench) {
		b.send("a.1", "a.2", "b.1")
		b.receive(2, "a.1", "a.2")
		b.hide("a.1", 0)
		b.receiveInGroups(10, "a.1", "b.1")
	}},
	{name: "the middle one of three in flight is extended: only the first comes after the expiry", run: func(b *bench) {
		b.send("a.1", "a.2", "a.3")
		b.receive(10, "a.1", "a.2", "a.3")
		b.hide("a.2", time.Minute)
		b.lab.Wait(visibility + time.Second)
		b.receive(10, "a.1")
	}},
	{name: "the first one of three in flight is extended: none comes after the expiry", run: func(b *bench) {
		b.send("a.1", "a.2", "a.3")
		b.receive(10, "a.1", "a.2", "a.3")
		b.hide("a.1", time.Minute)
		b.lab.Wait(visibility + time.Second)
		b.receive(10)
	}},
	{name: "the last one of three in flight is extended: the first two come after the expiry", run: func(b *bench) {
		b.send("a.1", "a.2", "a.3")
		b.receive(10, "a.1", "a.2", "a.3")
		b.hide("a.3", time.Minute)
		b.lab.Wait(visibility + time.Second)
		b.receive(10, "a.1", "a.2")
	}},
	{name: "a group is free again once all its messages in flight are deleted, not before", run: func(b *bench) {
		b.send("a.1", "a.2", "a.3", "a.4")
		b.receive(2, "a.1", "a.2")
		b.remove("a.1")
		b.receive(10)
		b.remove("a.2")
		b.receive(10, "a.3", "a.4")
	}},
	{name: "a new message does not unlock its group", run: func(b *bench) {
		b.send("a.1", "a.2")
		b.receive(1, "a.1")
		b.send("a.3")
		b.receive(10)
		b.remove("a.1")
		b.receive(10, "a.2", "a.3")
	}},
	{name: "a deletion after the visibility has expired is refused and the message comes again", run: func(b *bench) {
		b.send("a.1")
		b.receive(1, "a.1")
		b.lab.Wait(visibility + time.Second)
		b.refused("the deletion", b.q.Delete(b.ctx, b.held["a.1"].Receipt))
		b.receive(1, "a.1")
	}},
	{name: "a deletion with the receipt of an earlier delivery is refused", run: func(b *bench) {
		b.send("a.1")
		b.receive(1, "a.1")
		old := b.held["a.1"].Receipt
		b.hide("a.1", 0)
		b.receive(1, "a.1")
		b.refused("the deletion", b.q.Delete(b.ctx, old))
		b.remove("a.1")
	}},
	{name: "a deletion after the first expiry succeeds when the visibility was extended", run: func(b *bench) {
		b.send("a.1")
		b.receive(1, "a.1")
		b.hide("a.1", time.Minute)
		b.lab.Wait(visibility + time.Second)
		b.remove("a.1")
	}},
	{name: "a message that is deleted twice is gone both times", run: func(b *bench) {
		b.send("a.1")
		b.receive(1, "a.1")
		b.remove("a.1", "a.1")
		b.receive(10)
	}},
	{name: "the visibility of a deleted message cannot be changed", run: func(b *bench) {
		b.send("a.1")
		b.receive(1, "a.1")
		b.remove("a.1")
		b.refused("the change", b.q.ChangeVisibility(b.ctx, b.held["a.1"].Receipt, time.Second))
	}},
	{name: "nothing is hidden for more than twelve hours", run: func(b *bench) {
		b.send("a.1")
		b.receive(1, "a.1")
		b.refused("12 h and 1 s", b.q.ChangeVisibility(b.ctx, b.held["a.1"].Receipt, batch.MaxHidden+time.Second))
	}},
	{name: "a duplicate succeeds, is not delivered, and answers the id and number of the original", run: func(b *bench) {
		first := b.put("a", "same", "a.1")
		again := b.put("a", "same", "a.other")
		if first.ID == "" || first.ID != again.ID || first.Sequence != again.Sequence {
			b.broken("%s %s, then %s %s", first.ID, first.Sequence, again.ID, again.Sequence)
		}
		b.receive(10, "a.1")
	}},
	{name: "a duplicate is known after its original was received and deleted", run: func(b *bench) {
		b.put("a", "same", "a.1")
		b.receive(10, "a.1")
		b.remove("a.1")
		b.put("a", "same", "a.2")
		b.receive(10)
	}},
	{name: "two of one id in one call are one message", run: func(b *bench) {
		_, err := b.q.Put(b.ctx, batch.Entry{Group: "a", Dedup: "same", Body: "a.1"}, batch.Entry{Group: "a", Dedup: "same", Body: "a.2"})
		b.must(err)
		b.receive(10, "a.1")
	}},
	{name: "a deduplication id is forgotten five minutes after the sending, not later", run: func(b *bench) {
		b.put("a", "same", "a.1")
		b.lab.Wait(3 * time.Minute)
		b.put("a", "same", "a.2") // does not prolong the memory
		b.lab.Wait(2*time.Minute + 2*time.Second)
		b.put("a", "same", "a.3")
		b.receive(10, "a.1", "a.3")
	}},
	{name: "a deduplication id counts for its group", run: func(b *bench) {
		b.put("a", "same", "a.1")
		b.put("b", "same", "b.1")
		b.receiveInGroups(10, "a.1", "b.1")
	}},
	{name: "a deduplication id counts for the queue when the queue says so", set: QueueSetup{WholeQueue: true}, run: func(b *bench) {
		b.put("a", "same", "a.1")
		b.put("b", "same", "b.1")
		b.receive(10, "a.1")
	}},
	{name: "a purge removes the messages and the memory of their ids", run: func(b *bench) {
		b.put("a", "same", "a.1")
		b.must(b.q.Purge(b.ctx))
		b.receive(10)
		b.put("a", "same", "a.2")
		b.receive(10, "a.2")
	}},
	{name: "ids have 1 to 128 letters, digits and punctuation marks", run: func(b *bench) {
		long := strings.Repeat("x", 128)
		b.put(long, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "x.1")
		for _, id := range []string{long + "x", "a b", "é", "a\n", "\x7f"} {
			_, err := b.q.Put(b.ctx, batch.Entry{Group: id, Dedup: "d", Body: "x"})
			b.refused(fmt.Sprintf("the group id %.10q of %d bytes", id, len(id)), err)
			_, err = b.q.Put(b.ctx, batch.Entry{Group: "g", Dedup: id, Body: "x"})
			b.refused(fmt.Sprintf("the deduplication id %.10q of %d bytes", id, len(id)), err)
		}
	}},
	{name: "a message without a group, without a deduplication id or without a body is refused", run: func(b *bench) {
		for _, e := range []batch.Entry{{Dedup: "d", Body: "x"}, {Group: "g", Body: "x"}, {Group: "g", Dedup: "d"}} {
			_, err := b.q.Put(b.ctx, e)
			b.refused("the message", err)
		}
		b.receive(10)
	}},
	{name: "a body with a character that SQS does not carry is refused", run: func(b *bench) {
		for i, body := range []string{"\x00", "\x0b", "\ufffe", "\uffff"} {
			_, err := b.q.Put(b.ctx, batch.Entry{Group: "g", Dedup: string(rune('a' + i)), Body: body})
			b.refused("the body", err)
		}
		b.put("g", "ok", "g.\t\n\r \uFFFD\U0001F600")
		b.receive(10, "g.\t\n\r \uFFFD\U0001F600")
	}},
	{name: "a call sends 1 to 10 messages", run: func(b *bench) {
		_, err := b.q.Put(b.ctx)
		b.refused("no message", err)
		var many []batch.Entry
		for i := range 11 {
			many = append(many, batch.Entry{Group: "a", Dedup: string(rune('a' + i)), Body: "a." + string(rune('a'+i))})
		}
		_, err = b.q.Put(b.ctx, many...)
		b.refused("eleven messages", err)
		b.receive(10)
		_, err = b.q.Put(b.ctx, many[:10]...)
		b.must(err)
		b.receive(10, "a.a", "a.b", "a.c", "a.d", "a.e", "a.f", "a.g", "a.h", "a.i", "a.j")
	}},
	{name: "a call sends at most 1 MiB in sum", run: func(b *bench) {
		half := strings.Repeat("x", batch.MaxBytes/2)
		_, err := b.q.Put(b.ctx, batch.Entry{Group: "a", Dedup: "1", Body: half}, batch.Entry{Group: "a", Dedup: "2", Body: half + "x"})
		b.refused("1 MiB and a byte", err)
		b.receive(10)
	}},
	{name: "the delay of the queue holds a message back, and its group behind it", set: QueueSetup{Delay: 3 * time.Second}, run: func(b *bench) {
		b.send("a.1", "a.2")
		b.receive(10)
		b.lab.Wait(4 * time.Second)
		b.receive(10, "a.1", "a.2")
	}},
	{name: "a message goes to the dead-letter queue at the receive that would exceed the limit, with its group", set: QueueSetup{MaxReceives: 2}, run: func(b *bench) {
		b.send("a.1", "a.2")
		for range 2 {
			b.receive(1, "a.1")
			b.hide("a.1", 0)
		}
		id := b.held["a.1"].ID
		b.receive(10, "a.2") // a dead letter breaks the order: its followers go on
		b.q = b.dead
		b.receive(10, "a.1")
		if d := b.held["a.1"]; d.Group != "a" || d.ID != id {
			b.broken("it is %q of group %q now", d.ID, d.Group)
		}
	}},
	{name: "a message goes to the dead-letter queue though another is delivered by the same receive", set: QueueSetup{MaxReceives: 1}, run: func(b *bench) {
		b.send("a.1", "b.1")
		b.receive(1, "a.1")
		b.hide("a.1", 0)
		b.receive(10, "b.1")
		b.q = b.dead
		b.receive(10, "a.1")
	}},
	{name: "a redrive brings dead letters back in order", set: QueueSetup{MaxReceives: 1}, run: func(b *bench) {
		b.send("a.1", "a.2", "b.1")
		b.receiveInGroups(10, "a.1", "a.2", "b.1")
		for _, name := range []string{"a.1", "a.2", "b.1"} {
			b.hide(name, 0)
		}
		b.receive(10)
		b.must(b.lab.Redrive(b.ctx, b.dead, b.q))
		b.receiveInGroups(10, "a.1", "a.2", "b.1")
	}},
	{name: "every receive is counted, and the id stays", run: func(b *bench) {
		b.send("a.1", "a.2")
		for want := 1; want <= 3; want++ {
			b.receive(10, "a.1", "a.2")
			for _, d := range b.got {
				if d.Receives != want || d.Group != "a" || d.Dedup == "" || d.Sequence == "" || d.Sent.IsZero() {
					b.broken("delivery %d: %+v", want, d)
				}
			}
			if id := b.got[0].ID; id == b.got[1].ID {
				b.broken("two messages called %s", id)
			}
			b.hide("a.1", 0)
			b.hide("a.2", 0)
		}
	}},
	{name: "a head in backoff holds its visible followers", run: func(b *bench) {
		b.send("a.1", "a.2", "b.1")
		b.receiveInGroups(10, "a.1", "a.2", "b.1")
		b.hide("a.1", 3*time.Second)
		b.hide("a.2", 0)
		b.hide("b.1", 0)
		b.receive(10, "b.1")
		b.lab.Wait(3*time.Second + 500*time.Millisecond)
		b.receiveInGroups(10, "a.1", "a.2")
	}},
}

func (b *bench) put(group, dedup, body string) batch.Delivery {
	out, err := b.q.Put(b.ctx, batch.Entry{Group: group, Dedup: dedup, Body: body})
	b.must(err)
	return out[0]
}
