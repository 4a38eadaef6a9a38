package counting

import (
	"encoding/json"
	"errors"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// counters is how counts lie in the table.
type counters struct {
	Completed   int64                            `json:"completed,omitempty"`
	Failed      int64                            `json:"failed,omitempty"`
	Declared    int64                            `json:"declared,omitempty"`
	Quarantined int64                            `json:"quarantined,omitempty"`
	Duplicates  int64                            `json:"duplicates,omitempty"`
	Conflicts   int64                            `json:"conflicts,omitempty"`
	Late        int64                            `json:"late,omitempty"`
	Value       map[conversion.Currency][2]int64 `json:"value,omitempty"` // how many, cents
	Checksum    string                           `json:"checksum"`
	Newest      int64                            `json:"newest,omitempty"` // ms
}

func countersOf(c conversion.Counts) counters {
	w := counters{
		Completed: c.Completed, Failed: c.Failed, Declared: c.Declared, Quarantined: c.Quarantined, Duplicates: c.Duplicates,
		Conflicts: c.Conflicts, Late: c.Late, Checksum: c.Checksum.String(),
	}
	if !c.Newest.IsZero() {
		w.Newest = c.Newest.UnixMilli()
	}
	if len(c.Value) > 0 {
		w.Value = map[conversion.Currency][2]int64{}
		for currency, s := range c.Value {
			w.Value[currency] = [2]int64{s.N, int64(s.Cents)}
		}
	}
	return w
}

func (w counters) counts() (conversion.Counts, error) {
	sum, ok := conversion.ParseChecksum(w.Checksum)
	if !ok && w.Checksum != "" {
		return conversion.Counts{}, &fault.Error{Op: "counting.read", Kind: fault.Ours, Code: "unreadable row", Err: errors.New("no checksum")}
	}
	c := conversion.Counts{
		Completed: w.Completed, Failed: w.Failed, Declared: w.Declared, Quarantined: w.Quarantined, Duplicates: w.Duplicates,
		Conflicts: w.Conflicts, Late: w.Late, Checksum: sum,
	}
	if w.Newest != 0 {
		c.Newest = time.UnixMilli(w.Newest).UTC()
	}
	if len(w.Value) > 0 {
		c.Value = conversion.Money{}
		for currency, s := range w.Value {
			c.Value[currency] = conversion.Sum{N: s[0], Cents: conversion.Cents(s[1])}
		}
	}
	return c, nil
}

func readCounts(r row.Row) (conversion.Counts, error) {
	var w counters
	if err := decode(r, &w); err != nil {
		return conversion.Counts{}, err
	}
	return w.counts()
}

// marker is how a marker lies in the table; when it ends is the row's.
type marker struct {
	Ingestion string `json:"ingestion"`
	Hash      string `json:"hash"`
}

func readMarker(r row.Row) (conversion.Marker, error) {
	if len(r.Value) == 0 {
		return conversion.Marker{}, nil
	}
	var w marker
	if err := decode(r, &w); err != nil {
		return conversion.Marker{}, err
	}
	h, ok := conversion.ParseHash(w.Hash)
	if !ok {
		return conversion.Marker{}, &fault.Error{Op: "counting.read", Kind: fault.Ours, Code: "unreadable row", Err: errors.New("no hash")}
	}
	return conversion.Marker{Ingestion: w.Ingestion, Hash: h, Expires: r.Expires}, nil
}

// ledgered is one event of the ledger. Its identity is kept beside it: once the event is pseudonymised, nothing gives it back.
type ledgered struct {
	Ingestion   string            `json:"ingestion"`
	Tenant      conversion.Tenant `json:"tenant"`
	Received    int64             `json:"received"` // ms
	Applied     int64             `json:"applied"`  // ms
	Key         string            `json:"key"`
	Hash        string            `json:"hash"`
	Event       json.RawMessage   `json:"event"`
	Quarantined bool              `json:"quarantined,omitempty"`
}

// open returns the event and its identity.
func (l ledgered) open() (conversion.Event, conversion.Identity, error) {
	h, ok := conversion.ParseHash(l.Hash)
	e, err := conversion.Decode(l.Event, time.UnixMilli(l.Received))
	if err != nil || !ok {
		return e, conversion.Identity{}, &fault.Error{
			Op: "counting.read", Kind: fault.Ours, Code: "unreadable row", Err: errors.New("the ledger's event of request " + l.Ingestion + " is none"),
		}
	}
	return e, conversion.Identity{Key: l.Key, Hash: h}, nil
}
