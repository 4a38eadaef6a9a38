package memory

import (
	"time"
	"unicode/utf8"

	"crm-connector/pkg/core/batch"
)

// seen remembers the deduplication ids of the last DedupWindow, oldest first.
type seen struct {
	scope Scope
	known map[seenKey]int64 // the number of the first message
	order []seenAt
}

type seenKey struct{ group, dedup string }

type seenAt struct {
	key seenKey
	at  time.Time
}

func newSeen(scope Scope) seen { return seen{scope: scope, known: map[seenKey]int64{}} }

// first returns the number of the message that was sent first under the entry's id: number itself when it is this one.
func (s *seen) first(e batch.Entry, number int64, now time.Time) int64 {
	for len(s.order) > 0 && !s.order[0].at.Add(DedupWindow).After(now) {
		delete(s.known, s.order[0].key)
		s.order = s.order[1:]
	}
	key := seenKey{dedup: e.Dedup}
	if s.scope == ScopeGroup {
		key.group = e.Group
	}
	if n, ok := s.known[key]; ok {
		return n
	}
	s.known[key] = number
	s.order = append(s.order, seenAt{key, now})
	return number
}

// badID reports whether SQS refuses a group id or a deduplication id: it takes 1 to 128 letters, digits and punctuation marks.
func badID(s string) bool {
	if len(s) == 0 || len(s) > 128 {
		return true
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return true
		}
	}
	return false
}

// plain returns how many bytes at the start of s are printable ASCII.
func plain(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return i
		}
	}
	return len(s)
}

// badEntry says why SQS refuses an entry, "" when it does not. A body holds only #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to
// #xFFFD and #x10000 to #x10FFFF.
func badEntry(e batch.Entry) string {
	switch {
	case e.Group == "":
		return "MissingParameter: MessageGroupId"
	case e.Dedup == "":
		return "InvalidParameterValue: a FIFO queue asks for a MessageDeduplicationId"
	case badID(e.Group) || badID(e.Dedup):
		return "InvalidParameterValue: an id has 1 to 128 letters, digits and punctuation marks"
	case e.Body == "":
		return "MissingParameter: MessageBody"
	}
	rest := e.Body[plain(e.Body):]
	if !utf8.ValidString(rest) {
		return "InvalidMessageContents: not UTF-8"
	}
	for _, c := range rest {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF {
			return "InvalidMessageContents: a character that SQS does not carry"
		}
	}
	return ""
}
