package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// entry is a parked row as it lies in the table.
type entry struct {
	fault.Parked
	claim   string    // id of the mail that is about to tell it, "" when none is
	closed  time.Time // zero while it is open
	key     row.Key
	version int64
}

// wire is the stored form of an entry. The names are kept: rows outlive releases.
type wire struct {
	V          int        `json:"v"`
	ID         string     `json:"id"`
	Connection string     `json:"connection"`
	Operation  string     `json:"operation"`
	Source     crm.System `json:"source,omitempty"`
	Verb       crm.Verb   `json:"verb"`
	Kind       crm.Kind   `json:"kind"`
	Record     wireID     `json:"record"`
	Target     crm.System `json:"target"`
	TargetID   wireID     `json:"targetId,omitzero"`
	Other      wireID     `json:"other,omitzero"`
	More       []wireID   `json:"more,omitempty"`
	Field      crm.Field  `json:"field,omitempty"`
	Property   string     `json:"property,omitempty"`
	Class      string     `json:"class"`
	Code       string     `json:"code,omitempty"`
	Message    string     `json:"message,omitempty"`
	Hint       fault.Hint `json:"hint,omitempty"`
	GoneAt     time.Time  `json:"goneAt,omitzero"`
	Count      int        `json:"count"`
	First      time.Time  `json:"first"`
	Last       time.Time  `json:"last"`
	RetryAt    time.Time  `json:"retryAt,omitzero"`
	MailAfter  time.Time  `json:"mailAfter,omitzero"`
	Digest     string     `json:"digest,omitempty"`
	Claim      string     `json:"claim,omitempty"`
	Closed     time.Time  `json:"closed,omitzero"`
}

type wireID struct {
	System crm.System `json:"system"`
	Module crm.Module `json:"module"`
	Key    string     `json:"key"`
}

const version = 1

var errUnreadable = errors.New("a parked row cannot be read")

func (e entry) encode() ([]byte, error) {
	var more []wireID
	for _, id := range e.More {
		more = append(more, wireID(id))
	}
	b, err := json.Marshal(wire{
		V: version, ID: e.ID, Connection: e.Connection, Operation: e.Operation, Source: e.Source, Verb: e.Verb, Kind: e.Kind,
		Record: wireID(e.Record), Target: e.Target, TargetID: wireID(e.TargetID), Other: wireID(e.Other), More: more,
		Field: e.Field, Property: e.Property, Class: e.Class.String(), Code: e.Code, Message: e.Message, Hint: e.Hint,
		GoneAt: e.GoneAt.UTC(), Count: e.Count, First: e.First.UTC(), Last: e.Last.UTC(), RetryAt: e.RetryAt.UTC(), MailAfter: e.MailAfter.UTC(),
		Digest: e.Digest, Claim: e.claim, Closed: e.closed.UTC(),
	})
	if err != nil {
		return nil, fmt.Errorf("a parked row cannot be written")
	}
	return b, nil
}

func decode(r row.Row) (entry, error) {
	var w wire
	if err := json.Unmarshal(r.Value, &w); err != nil || w.V > version {
		return entry{}, errUnreadable
	}
	var more []crm.ID
	for _, id := range w.More {
		more = append(more, crm.ID(id))
	}
	return entry{
		Parked: fault.Parked{
			ID: w.ID, Connection: w.Connection, Operation: w.Operation, Source: w.Source, Verb: w.Verb, Kind: w.Kind, Record: crm.ID(w.Record),
			Target: w.Target, TargetID: crm.ID(w.TargetID), Other: crm.ID(w.Other), More: more, Field: w.Field, Property: w.Property,
			Class: class(w.Class), Code: w.Code, Message: w.Message, Hint: w.Hint, GoneAt: w.GoneAt, Count: w.Count, First: w.First, Last: w.Last,
			RetryAt: w.RetryAt, MailAfter: w.MailAfter, Digest: w.Digest,
		},
		claim: w.Claim, closed: w.Closed, key: r.Key, version: r.Version,
	}, nil
}

// class is fault.Kind.String backwards; a name of a later release is Unknown.
func class(s string) fault.Kind {
	for k := fault.Unknown; k <= fault.Ours; k++ {
		if k.String() == s {
			return k
		}
	}
	return fault.Unknown
}

// identity is the row's id, or for one that has none a hash of what makes it the same row: record, field and reason.
func identity(p fault.Parked) string {
	if p.ID != "" {
		return p.ID
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{p.Connection, p.Record.String(), string(p.Target), string(p.Field),
		p.Class.String(), p.Code, string(p.Hint)}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// prefix is what the sort keys of all rows of a record begin with. Ids come from outside: one that holds our separator
// must not reach another record's rows.
func prefix(connection string, record crm.ID) string {
	return url.PathEscape(connection) + "#" + url.PathEscape(record.String()) + "#"
}

func openKey(p fault.Parked) row.Key {
	return row.Key{Part: partOpen, Sort: prefix(p.Connection, p.Record) + url.PathEscape(p.ID)}
}
