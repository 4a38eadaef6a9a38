package upkeep

import (
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// The traces of the operations that reconcile queues.
const (
	Found   = "reconcile"         // changed since the last look, and nobody told
	Resumed = "reconcile-resumed" // nobody was to be told: the stack did not write, or looks for the first time, or tries again
)

// SilenceLine is the log line of a change that no event told. An alarm waits for it.
const SilenceLine = "a change was brought across that no event told: the subscription may be silent"

// Silent reports whether the end of an operation shows that a subscription was silent while its CRM changed: reconcile found
// the record, and there was something to do. Events that are late come before it in the queue and leave it nothing.
func Silent(op crm.Operation, out fault.Outcome) bool { return op.Trace == Found && out.Applied }
