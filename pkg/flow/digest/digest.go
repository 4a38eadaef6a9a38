// Package digest keeps the operations that were given up on and tells people about them in one e-mail.
//
// Ledger holds one open row per record, field and reason; Reporter puts the rows that were not told yet into a mail. The
// package decides nothing about retries and knows no mail server: whose fault a failure is says core/fault, and a mail
// leaves through the Mailer.
package digest

import (
	"context"

	"crm-connector/pkg/core/letter"
	"crm-connector/pkg/core/row"
)

// Store is the table of the parked rows, in memory or in DynamoDB. Get and List read what was last written.
type Store interface {
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	Put(ctx context.Context, puts ...row.Put) error
	List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error)
}

// Mailer sends one mail. An error whose fault.Kind is Uncertain leaves open whether it was sent.
type Mailer interface {
	Send(ctx context.Context, m letter.Mail) error
}

// The parts of the table. A row is open or closed; a mail is a row until it is known to be sent.
//
//	open    <connection>#<record>#<id>   one row per record, field and reason
//	closed  <connection>#<record>#<id>   its latest closing, for ClosedFor
//	mails   <id>                         a mail that claimed rows and may not have been sent
const (
	partOpen   = "open"
	partClosed = "closed"
	partMails  = "mails"
)

const (
	page  = 500 // rows of one List
	chunk = 50  // rows of one transaction: closing one takes two writes, and row.MaxPuts are 100
	tries = 5   // of a write that others overtake, before it is given back as row.ErrConflict
)

// list returns all rows of a part whose sort key has the prefix.
func list(ctx context.Context, s Store, part, prefix string) ([]row.Row, error) {
	var all []row.Row
	for after := ""; ; {
		rows, err := s.List(ctx, part, prefix, after, page)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
		if len(rows) < page {
			return all, nil
		}
		after = rows[len(rows)-1].Key.Sort
	}
}
