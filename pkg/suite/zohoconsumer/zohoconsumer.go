// Package zohoconsumer wires zohoConsumer: it drains the changes that HubSpot told and brings Zoho in line with them.
package zohoconsumer

import (
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/suite/consumer"
)

// New wires the function; Adapters.Waiter is the queue of HubSpot's operations.
func New(a consumer.Adapters) *queue.Handler {
	a.Log = a.Log.With("function", "zohoConsumer")
	return consumer.New(a)
}
