// Package failurereporter wires failureReporter: parked operations into one e-mail.
package failurereporter

import (
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/digest"
)

// Adapters is everything that the function touches outside itself.
type Adapters struct {
	Parked   digest.Store
	Mailer   digest.Mailer
	Links    func(crm.ID) string // where a record is seen in its CRM
	Language string              // it or en
	From, To string
	Zone     *time.Location
	Now      func() time.Time
	NewID    func() string
}

// New wires the function.
func New(a Adapters) *digest.Reporter {
	return &digest.Reporter{
		Ledger: &digest.Ledger{Store: a.Parked, Now: a.Now}, Store: a.Parked, Mailer: a.Mailer, Links: a.Links,
		Language: a.Language, From: a.From, To: a.To, Zone: a.Zone, Now: a.Now, NewID: a.NewID,
	}
}
