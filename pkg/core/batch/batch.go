// Package batch is the shape of what passes between a queue and its consumer: what is sent, what is delivered, what a
// consumer makes of a delivery, and how long a message is kept back. It is data only: the queues are adapters, how a message
// ends is inbox's business, and what the text of a message means is the business of the adapter that wrote it.
package batch

import (
	"errors"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

var refused = strings.NewReplacer("\uFFFE", `\ufffe`, "\uFFFF", `\uffff`)

// Body returns JSON in characters that a queue carries: SQS refuses two, U+FFFE and U+FFFF, which JSON need not escape and has in strings
// alone.
func Body(json string) string { return refused.Replace(json) }

// The limits of one call to a queue (SQS: SendMessageBatch, ReceiveMessage, ChangeMessageVisibilityBatch).
const (
	// MaxEntries is the largest number of messages that one call sends, delivers or hides.
	MaxEntries = 10
	// MaxBytes is the largest sum of the bodies of one call, in bytes.
	MaxBytes = 1 << 20
	// MaxHidden is the longest time that a message can be kept invisible, counted from its delivery.
	MaxHidden = 12 * time.Hour
)

// ErrLater marks a message that a later version of this code has written. It is nobody's fault: it goes back to its queue
// until a consumer comes that can read it.
var ErrLater = errors.New("the message is of a later version")

// Entry is one message to send. Group and Dedup are 1 to 128 letters, digits and punctuation marks, no spaces. Messages of
// one group are delivered in the order in which they were sent; a second message of the same group and Dedup within five
// minutes is accepted and dropped.
type Entry struct {
	Group string
	Dedup string
	Body  string
}

// Fit returns how many of the entries one call takes, from the first: at least one of any.
func Fit(entries []Entry) int {
	n, size := 0, 0
	for n < min(len(entries), MaxEntries) && (n == 0 || size+len(entries[n].Body) <= MaxBytes) {
		size += len(entries[n].Body)
		n++
	}
	return n
}

// Delivery is one message as the queue hands it out.
type Delivery struct {
	ID       string // of the message: the same at each delivery
	Receipt  string // of this delivery: what deletes or hides the message
	Group    string
	Dedup    string
	Sequence string // 20 digits, ascending within a group
	Receives int    // how often it was delivered, this time included
	Body     string
	Sent     time.Time
}

// Message is a delivery whose text has been read, as a consumer gets it.
type Message struct {
	ID        string // what is handed back to have the message again
	Group     string
	Receipt   string
	Receives  int // how often it was delivered, this time included; neighbours and throttles raise it too
	Operation crm.Operation
	Bad       error     // the text cannot be read, and Operation is zero; wraps ErrLater when a later version can
	Sent      time.Time // when the queue took it in, zero where that is not told
}

// Wait keeps one delivered message invisible for a time from now, at most MaxHidden; 0 makes it visible at once. Queues
// count in whole seconds: the rest is rounded up.
type Wait struct {
	Receipt string
	For     time.Duration
}
