package fault

import (
	"time"

	"crm-connector/pkg/core/crm"
)

// Ending is how a message ends. There are three and no fourth.
type Ending uint8

// The endings of a message. The zero value is Undecided, which counts as Again: nothing ends by being forgotten.
const (
	Undecided  Ending = iota
	Done              // carried out, or nothing to do
	GoAgain           // the world's fault, or too early: back to the queue
	ParkedAway        // the record's fault: a row, a mail, acknowledged
)

// String returns the ending as the log line spells it.
func (e Ending) String() string { return [...]string{"undecided", "done", "again", "parked"}[e] }

// Outcome is what became of one operation.
type Outcome struct {
	Ending  Ending
	Applied bool          // Done: at least one CRM was written to
	Covered bool          // Done: an earlier read had already taken it in
	After   time.Duration // GoAgain: how long to wait
	Err     error         // why, for GoAgain and ParkedAway
	Rows    []Parked      // rows to open or to count up: for ParkedAway the reason, for Done the fields that are held
	Told    []Parked      // rows that were opened already: fields that are held, records to merge; for the log
	Settled []crm.ID      // records whose open rows are closed by this outcome, but for those in Rows, Told and Open
	Open    []string      // ids of rows that stay open: they ask what was asked before and is not answered
	AsOf    time.Time     // rows told later stay open: others may have told them since. Zero: now
	Note    string        // one readable line: the decision per field, no values
}
