package queue

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// wire is an operation as it lies in a queue. Fields may be added; one that changes its meaning raises crm.OperationVersion.
type wire struct {
	V          int        `json:"v"`
	ID         string     `json:"id"`
	Connection string     `json:"connection"`
	Source     crm.System `json:"source"`
	Kind       crm.Kind   `json:"kind"`
	Module     crm.Module `json:"module"`
	Verb       crm.Verb   `json:"verb"`
	RecordID   string     `json:"recordId"`
	Others     []string   `json:"others,omitempty"`
	Fields     []string   `json:"fields,omitempty"`
	OccurredAt time.Time  `json:"occurredAt,omitzero"`
	ReceivedAt time.Time  `json:"receivedAt,omitzero"`
	Trace      string     `json:"trace,omitempty"`
	Repeated   bool       `json:"-"` // the queue tells, not the message
}

// escaped is how the two characters begin that batch.Body escapes.
var escaped = []byte("\xEF\xBF")

// Encode writes an operation as a message, in characters that SQS carries. It refuses, as a fault of kind Ours, an operation
// that Decode would refuse.
func Encode(op crm.Operation) (string, error) {
	w := wire(op)
	w.OccurredAt, w.ReceivedAt = op.OccurredAt.UTC(), op.ReceivedAt.UTC()
	if why := w.wrong(); why != "" {
		return "", &fault.Error{Op: "queue.Encode", Kind: fault.Ours, Err: errors.New(why)}
	}
	var space [512]byte
	text := w.append(space[:0])
	if !bytes.Contains(text, escaped) {
		return string(text), nil
	}
	return batch.Body(string(text)), nil
}

// Decode reads what Encode wrote, here or in another version: fields that it does not know are ignored, a message of a later
// version gives an error that wraps batch.ErrLater, and everything else that it cannot read is a fault of kind Ours. The
// error repeats nothing of the message.
func Decode(body string) (crm.Operation, error) {
	var w wire
	text := []byte(body)
	if err := json.Unmarshal(text, &w); err != nil {
		if w.V, err = version(text, err); err != nil {
			return crm.Operation{}, err
		}
	}
	if w.V > crm.OperationVersion {
		return crm.Operation{}, fmt.Errorf("queue.Decode: version %d: %w", w.V, batch.ErrLater)
	}
	if why := w.wrong(); why != "" {
		return crm.Operation{}, unreadable(why)
	}
	w.OccurredAt, w.ReceivedAt = w.OccurredAt.UTC(), w.ReceivedAt.UTC()
	return crm.Operation(w), nil
}

// version returns the version of a message that does not read as one of ours, if it is a later one: there another field may
// have another type.
func version(text []byte, why error) (int, error) {
	var head struct{ V int }
	if err := json.Unmarshal(text, &head); err != nil {
		return 0, unreadable(reason(err))
	}
	if head.V > crm.OperationVersion {
		return head.V, nil
	}
	return 0, unreadable(reason(why))
}

func unreadable(why string) error {
	return &fault.Error{Op: "queue.Decode", Kind: fault.Ours, Code: "unreadable", Err: errors.New(why)}
}

// reason says what is wrong with a message without its text, which the errors of encoding/json quote.
func reason(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "another type than expected in " + e.Field
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return "not JSON"
	}
	return "a time is not in RFC 3339"
}

var (
	systems = []crm.System{crm.HubSpot, crm.Zoho, crm.WhatsApp}
	kinds   = []crm.Kind{crm.Contact, crm.Company}
	modules = []crm.Module{crm.Contacts, crm.Companies, crm.Leads}
	verbs   = []crm.Verb{crm.Create, crm.Update, crm.Associate, crm.Delete, crm.Restore, crm.Merge, crm.Erase, crm.Message, crm.Status, crm.Revisit, crm.Replay}
)

// wrong says what keeps w from being an operation, "" when nothing does.
func (w *wire) wrong() string {
	switch {
	case w.V < 1 || w.V > crm.OperationVersion:
		return "no version of this code"
	case w.ID == "" || w.Connection == "" || w.RecordID == "":
		return "without id, connection or record"
	case !valid(w.ID, w.Connection, w.RecordID, w.Trace) || !valid(w.Others...) || !valid(w.Fields...):
		return "not UTF-8"
	case !slices.Contains(systems, w.Source):
		return "an unknown source"
	case !slices.Contains(kinds, w.Kind):
		return "an unknown kind"
	case !slices.Contains(modules, w.Module):
		return "an unknown module"
	case !slices.Contains(verbs, w.Verb):
		return "an unknown verb"
	case !plain(w.OccurredAt) || !plain(w.ReceivedAt):
		return "a time that RFC 3339 cannot express"
	}
	return ""
}

func valid(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) })
}

// plain reports whether RFC 3339 has a form for the time in UTC: years 0 to 9999.
func plain(t time.Time) bool { return t.UTC().Year() >= 0 && t.UTC().Year() <= 9999 }

// Group returns the message group of an operation: everything about one record of one connection is carried out in order,
// and nothing else waits for it. It is a hash, because an id may hold characters that SQS refuses.
func Group(op crm.Operation) string {
	return digest(op.Connection, "|", string(op.Source), "|", string(op.Module), "|", op.RecordID)
}

// Dedup returns the deduplication id of an operation, a hash of its id: the same events sent again are the same operation.
func Dedup(op crm.Operation) string { return digest(op.ID) }

func digest(parts ...string) string {
	var space [128]byte // enough for what we are sent, so that it needs no memory
	text := space[:0]
	for _, p := range parts {
		text = append(text, p...)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
