package crm

import "time"

// Verb is what a source says has happened to a record.
type Verb string

// The verbs of an operation.
const (
	Create    Verb = "create"
	Update    Verb = "update"
	Associate Verb = "associate"
	Delete    Verb = "delete"
	Restore   Verb = "restore"
	Merge     Verb = "merge"
	Erase     Verb = "erase"
	Message   Verb = "message"
	Status    Verb = "status"
	Send      Verb = "send" // of a row alone: no queue carries it
	// Revisit asks for a second look at a record, held fields included: what it waited for has happened. The suite sends it
	// to itself.
	Revisit Verb = "revisit"
	// Replay is an operator's Revisit: it also creates anew what was deleted in the other system.
	Replay Verb = "replay"
)

// OperationVersion is the version of Operation that this code writes. A message of a later version goes back to its queue.
const OperationVersion = 1

// DefaultConnection names the only pair of accounts of most stacks.
const DefaultConnection = "main"

// Operation is one thing to carry out: which record of which system is said to have changed. It is thin: it holds ids and
// names of properties, never a value, and the consumer reads the record anew.
type Operation struct {
	V          int
	ID         string // hash of the sender's identity of the event, or of the sorted identities of several
	Connection string
	Source     System
	Kind       Kind
	Module     Module
	Verb       Verb
	RecordID   string
	Others     []string  // Merge: the ids that went into RecordID, the primary one first; empty for every other verb
	Fields     []string  // names of the changed properties as the source calls them: hints only
	OccurredAt time.Time // when the source says that it happened; zero when it does not say
	ReceivedAt time.Time // when the door, or reconcile, took it in
	Trace      string
	// Repeated says that the message was received before: an earlier try may have ended halfway. It is no part of the message.
	Repeated bool
}

// Record returns the id of the record that the operation is about.
func (o Operation) Record() ID { return ID{System: o.Source, Module: o.Module, Key: o.RecordID} }
