package crm

import "time"

// Notice is one kind of change that a channel tells: a verb of a module's records. The zero Notice stands for a change that
// the suite has no word for.
type Notice struct {
	Module Module
	Verb   Verb // Create, Update or Delete
}

// Channel is a subscription by which a CRM tells of changes, as it stands there or as it is wanted.
type Channel struct {
	ID      string // chosen by the subscriber; "" for no channel
	URL     string // where deliveries go; "" when its parts go to different places
	Token   Secret // comes with every delivery; zero when there is none, or different ones
	Notices []Notice
	Ends    time.Time // nothing is told from then on; of several parts the first
	IDsOnly bool      // deliveries do not name the fields that changed
	Related bool      // changes of related records are told too
	Partial bool      // a condition keeps some changes back
}
