package consumer

import (
	"context"
	"errors"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/counting"
)

// Entries counts whom the connector itself sees coming in, for the denominators of conversion rates. What comes again is counted
// once. A nil Entries counts nobody.
type Entries struct {
	Inputs   *counting.Inputs
	Tenant   conversion.Tenant  // whose rates they are of
	Contacts conversion.Channel // of contacts that are created in HubSpot
}

// Contact counts the contact that an operation says was created in HubSpot, and nothing for any other operation.
func (e *Entries) Contact(ctx context.Context, op crm.Operation) error {
	if e == nil || op.Verb != crm.Create || op.Source != crm.HubSpot || op.Kind != crm.Contact || op.OccurredAt.IsZero() {
		return nil
	}
	return e.enter(ctx, "contact-"+op.RecordID, e.Contacts, op.OccurredAt, conversion.Entries{Contacts: 1})
}

// Conversation counts a conversation on WhatsApp that begins with an update.
func (e *Entries) Conversation(ctx context.Context, update string, at time.Time) error {
	if e == nil || at.IsZero() {
		return nil
	}
	return e.enter(ctx, "conversation-"+update, conversion.WhatsApp, at, conversion.Entries{Conversations: 1})
}

// enter counts once under an id, whenever it is told to have been.
func (e *Entries) enter(ctx context.Context, id string, ch conversion.Channel, at time.Time, n conversion.Entries) error {
	_, err := e.Inputs.Enter(ctx, metric.Entry{Tenant: e.Tenant, ID: id, Own: true, Channel: ch, At: at, Entries: n})
	if err == nil || errors.Is(err, metric.ErrOtherEntry) {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok && !fault.KindOf(err).Final() {
		return err
	}
	return &fault.Error{Op: "consumer.Entries", Kind: fault.Down, Err: errors.New("who came in could not be counted")}
}
