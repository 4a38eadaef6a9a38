package memory

import (
	"context"
	"errors"
	"slices"
	"sync"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/letter"
)

// Outbox takes mails and keeps them. It is safe for concurrent use.
type Outbox struct {
	mu    sync.Mutex
	mails []letter.Mail
}

// Send keeps the mail. Like SES it sends the same mail twice when it is told twice; one without sender or recipient is a
// fault of the setup.
func (o *Outbox) Send(ctx context.Context, m letter.Mail) error {
	const op = "memory.Send"
	if err := alive(ctx, op); err != nil {
		return err
	}
	if m.From == "" || m.To == "" {
		return &fault.Error{Op: op, Kind: fault.Setup, Err: errors.New("a mail without a sender or a recipient")}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mails = append(o.mails, m)
	return nil
}

// Mails returns what was sent so far, oldest first.
func (o *Outbox) Mails() []letter.Mail {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.mails)
}
