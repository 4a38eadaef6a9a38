package dynamo

import "strings"

// Table is one table of the suite. The template declares each with the key and the expiry that stand below, and no index.
type Table string

// The tables.
const (
	Pairs       Table = "pairs"       // which record is which, names, locks
	Parked      Table = "parked"      // operations given up on, and the mails about them
	Attempts    Table = "attempts"    // counted tries of operations
	Config      Table = "config"      // mode, mapping, brakes, cursors
	Tokens      Table = "tokens"      // access tokens; two functions may read it
	Quarantine  Table = "quarantine"  // signed bodies that nobody could read
	Chats       Table = "chats"       // who is who on WhatsApp, what was logged, the outbox
	Conversions Table = "conversions" // events, counters, costs, alarms
)

// Tables returns all of them.
func Tables() []Table {
	return []Table{Pairs, Parked, Attempts, Config, Tokens, Quarantine, Chats, Conversions}
}

// Setting is the name of the setting that holds the physical name of the table: PAIRS_TABLE.
func (t Table) Setting() string { return strings.ToUpper(string(t)) + "_TABLE" }

// The attributes of a row that a table is declared with: the hash key and the range key, both strings, and the expiry,
// a number of seconds since 1970 (Time to Live). DynamoDB sweeps days late, so that nobody relies on it.
const (
	AttributePart    = "pk"
	AttributeSort    = "sk"
	AttributeExpires = "expires_at"
)
