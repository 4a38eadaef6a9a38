// Package row is the shape of a stored row and of a conditional write: what a use case needs of a table, in memory or in
// DynamoDB. It is data only; the tables are adapters.
//
// Every row has a version that the table raises by one at each write. A write names the version that it replaces, so two
// writers of one row never both succeed, and a writer that was overtaken is refused.
package row

import (
	"errors"
	"time"
)

// Key names a row. Rows of one Part can be listed in the order of Sort.
type Key struct {
	Part string
	Sort string
}

// Row is one row of a table.
type Row struct {
	Key     Key
	Version int64 // 0: there is no such row
	Value   []byte
	Expires time.Time // zero: never. A row is gone from that instant on, whether or not it was swept.
}

// Put is one conditional write. It is carried out if the stored row still has version If; 0 means that there is none, or
// an expired one. The new version is Next.
type Put struct {
	Key     Key
	If      int64
	Value   []byte
	Expires time.Time
	Delete  bool // remove the row instead; a row that is not there (If 0) is a success

	// First is the version that a row begins with, 0 for 1. Whoever deletes rows by the version that he has read, and makes them
	// anew under the same key, gives a number that rises (an instant does): else he would take a new row for the one that he knew.
	First int64
}

// Next is the version that the row has once it was written.
func (p Put) Next() int64 {
	if p.If == 0 && p.First > 0 {
		return p.First
	}
	return p.If + 1
}

// MaxPuts is the largest number of writes in one transaction (TransactWriteItems takes 100).
const MaxPuts = 100

// ErrConflict says that a condition did not hold and nothing was written. The caller reads again, or goes again later.
var ErrConflict = errors.New("the row was changed by somebody else")
