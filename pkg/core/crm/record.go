package crm

import (
	"strings"
	"time"
)

// Record is one contact or company as one system shows it: mapped fields only, raw text.
type Record struct {
	ID        ID // the id that answered; after a merge it differs from the one asked
	Fields    map[Field]Value
	Created   time.Time         // zero when the system did not say
	Modified  time.Time         // the record's own last-modified time (HubSpot: ms; Zoho: cut to seconds)
	HubSpotID string            // in Zoho: the HubSpot id that the record carries, "" when none
	Merged    []string          // in HubSpot: ids that were merged into this record
	History   map[Field][]Entry // newest first; nil when it was not asked or the system has none
	Label     string            // Zoho's $ state that blocks writes, "" when free; for messages only
}

// Value returns the field as read; a field that was not read is unknown.
func (r Record) Value(f Field) Value { return r.Fields[f] }

// Entry is one value in the history of a field. Value is unknown where the system tells when but not what.
type Entry struct {
	Value Value
	At    time.Time
	Ours  bool // written by this suite
}

// Query asks one system for records of one module by id. HubSpot takes 100 ids (50 with history), Zoho 100; clients split
// longer queries.
type Query struct {
	Module  Module
	Keys    []string
	Columns []Column
	History bool // HubSpot only: with the history of every column
}

// Reading is the answer for one id of a Query.
type Reading struct {
	Record Record
	Gone   bool      // the system knows no living record of that id
	ReadAt time.Time // our clock when the request began
}

// MatchKey is something by which a record may be recognised in the other system: an e-mail address, a domain, a tax
// number, in canonical form.
type MatchKey struct {
	Column Column // as the system that is asked calls it
	Value  string // canonical
}

// Search asks one system for the records that carry any of the keys or, in Zoho, the HubSpot id.
type Search struct {
	Module     Module
	HubSpotIDs []string
	Keys       []MatchKey
	Columns    []Column
}

// Change is one write to one record. Only the fields in Set are sent; an empty value clears.
type Change struct {
	ID           ID // Key is "" for a creation
	Set          map[Field]Value
	Columns      []Column
	HubSpotID    string    // Zoho: also write this HubSpot id
	Leaves       Value     // HubSpot: the company that the contact was read with; known when Set clears the company, which it then leaves
	IfUnmodified time.Time // Zoho: refuse (fault.Stale) if the record was modified after this instant; zero asks nothing
}

// Result is the answer to one Change. When Err is set the fault says whether anything can have been written.
type Result struct {
	ID       ID
	Modified time.Time       // the record's modified time as the system answered; zero when it did not say
	Answered map[Field]Value // the values that the system says it now holds; nil when it does not say
	Skipped  []Field         // not sent: the system has no counterpart (an owner without an account)
	Err      error           // nil, or a *fault.Error about this change alone
}

// IsKey reports whether s can be the id that HubSpot or Zoho gives a record: 1 to 20 digits. Anything else names no
// record and must not reach a path or a query.
func IsKey(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == ""
}

// Touched is one row of a listing of what changed in a system lately.
type Touched struct {
	ID       ID
	Modified time.Time
	Deleted  bool
}

// Rising reports whether the keys of a page rise by their number from the key after on, "" for the first page: a listing that
// goes on behind the last key has left nobody out then, whatever was modified or deleted between two pages.
func Rising(after string, page []Touched) bool {
	for _, t := range page {
		if key := t.ID.Key; len(key) < len(after) || len(key) == len(after) && key <= after {
			return false
		}
		after = t.ID.Key
	}
	return true
}
