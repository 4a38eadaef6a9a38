package crm

// Mode says how far a stack goes. It starts in Off: nobody switches a two-way writer on blindly.
type Mode string

// The modes.
const (
	// Off: operations end without a look.
	Off Mode = "off"
	// Observe: everything but writing; the decisions are kept with the pair and in the log.
	Observe Mode = "observe"
	// On: writes.
	On Mode = "on"
)
