// Package hubspotconsumer wires hubspotConsumer: it drains the changes that Zoho told and brings HubSpot in line with them.
package hubspotconsumer

import (
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/suite/consumer"
)

// New wires the function; Adapters.Waiter is the queue of Zoho's operations.
func New(a consumer.Adapters) *queue.Handler {
	a.Log = a.Log.With("function", "hubspotConsumer")
	return consumer.New(a)
}
