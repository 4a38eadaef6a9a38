package recordsync

import (
	"context"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
)

// CRM is what both systems can do.
type CRM interface {
	// Read returns one reading a key, in order.
	Read(ctx context.Context, q crm.Query) ([]crm.Reading, error)
	// Find returns the records that carry any of the search's keys. A *fault.Unanswered is about some of them; what the
	// others name is returned beside it.
	Find(ctx context.Context, s crm.Search) ([]crm.Record, error)
	// Write carries out one update.
	Write(ctx context.Context, c crm.Change) crm.Result
}

// Zoho is what the main container can do besides.
type Zoho interface {
	CRM
	// Create inserts records, one result each, in order. Never an upsert.
	Create(ctx context.Context, c []crm.Change) ([]crm.Result, error)
	// Times returns when each field was written and by whom, newest first; under the empty field, when the record was.
	Times(ctx context.Context, id crm.ID, columns []crm.Column) (map[crm.Field][]crm.Entry, error)
}

// Queue takes operations that are to be looked at again: contacts whose company was paired.
type Queue interface {
	Send(ctx context.Context, ops []crm.Operation) error
}

// Rules are the settings in force, read anew for every batch.
type Rules interface {
	// Mapping returns the mapping in force.
	Mapping(ctx context.Context) (*mapping.Mapping, error)
	// Mode returns off, observe or on.
	Mode(ctx context.Context) (crm.Mode, error)
}

// Brake counts what is dangerous in bulk and puts the stack into crm.Observe when a limit is passed.
type Brake interface {
	// Count notes that a record was overwritten and which of its fields were cleared. It returns false when the stack
	// must not write: the limit is passed.
	Count(ctx context.Context, connection string, overwritten int, cleared []crm.Field) (bool, error)
}

// Parking keeps what a person must look at.
type Parking interface {
	// Open opens rows, or counts them up.
	Open(ctx context.Context, rows ...fault.Parked) error
	// Naming returns the open rows that are about one of the records or name one.
	Naming(ctx context.Context, connection string, records ...crm.ID) ([]fault.Parked, error)
	// Erase forgets what was parked about records, but for the rows that ask a person to erase them.
	Erase(ctx context.Context, connection string, records ...crm.ID) error
	// Close closes rows, those that are open still.
	Close(ctx context.Context, rows ...fault.Parked) error
}

// Quarantine keeps deliveries that nobody could read.
type Quarantine interface {
	// Forget removes those that name one of the records.
	Forget(ctx context.Context, records ...crm.ID) error
}

func isFault(err error, k fault.Kind) bool { return err != nil && fault.KindOf(err) == k }
