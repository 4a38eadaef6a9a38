// Package submission is a conversion event on its way from the door to where it is counted: what the queue carries, and in
// which group.
package submission

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/fault"
)

// Version is the version of a message that this code writes. One of a later version goes back to its queue.
const Version = 1

// Shards is how many groups the events are spread over unless configured otherwise.
const Shards = 16

// Submission is one event that the door has accepted.
type Submission struct {
	Ingestion string // the request by which it came in (id_ingestione), one per delivery at the door
	Tenant    conversion.Tenant
	Received  time.Time // whole milliseconds
	Event     conversion.Event
}

// wire is a submission as it lies in the queue. The event is a document of the published schema.
type wire struct {
	V         int
	Ingestion string
	Tenant    conversion.Tenant
	Received  int64 // milliseconds since 1970
	Event     json.RawMessage
}

// Entry returns the message of a submission, in characters that SQS carries. Its group is the shard of the client among n shards; its deduplication id is the
// request's, never the event's: repeats must reach whoever counts them.
func (s Submission) Entry(n int) batch.Entry {
	body, _ := json.Marshal(wire{Version, s.Ingestion, s.Tenant, s.Received.UnixMilli(), s.Event.Document()}) // a document is JSON
	return batch.Entry{
		Group: Group(conversion.Shard(s.Tenant, s.Event.Client, n)), Dedup: s.Ingestion, Body: batch.Body(string(body)),
	}
}

// Group returns the group of a shard.
func Group(shard int) string { return "c-" + strconv.Itoa(shard) }

// Open reads the body of a message that Entry made, here or in another version: fields that it does not know are ignored, a
// message of a later version gives an error that wraps batch.ErrLater, and everything else that it cannot read is a fault of
// kind Ours. The error repeats nothing of the body.
func Open(body string) (Submission, error) {
	var w wire
	if err := json.Unmarshal([]byte(body), &w); err != nil {
		return Submission{}, unreadable("not a submission")
	}
	switch {
	case w.V > Version:
		return Submission{}, fmt.Errorf("submission.Open: version %d: %w", w.V, batch.ErrLater)
	case w.V < 1 || w.Ingestion == "" || w.Tenant == "":
		return Submission{}, unreadable("without version, request or tenant")
	}
	received := time.UnixMilli(w.Received).UTC()
	e, err := conversion.Decode(w.Event, received)
	if err != nil {
		return Submission{}, unreadable("its event is none")
	}
	return Submission{w.Ingestion, w.Tenant, received, e}, nil
}

func unreadable(why string) error {
	return &fault.Error{Op: "submission.Open", Kind: fault.Ours, Code: "unreadable", Err: errors.New(why)}
}
