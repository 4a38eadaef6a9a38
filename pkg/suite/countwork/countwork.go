// Package countwork is how a function in AWS counts whom the connector itself sees coming in. It wires no handler.
package countwork

import (
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/consumer"
)

// Entries returns what counts whom the connector itself sees coming in, nil on a stack where nobody counts. It makes no call: what
// it complains of is in c.Err.
func Entries(c *cloud.Cloud, random func(n int64) int64) *consumer.Entries {
	own, rows := c.OwnEntries(), c.Rows(dynamo.Conversions)
	if own.Missing() {
		return nil
	}
	return &consumer.Entries{
		Inputs: &counting.Inputs{Store: rows, Now: c.Now, Patience: counting.Patient(cloud.Sleep, random)},
		Tenant: conversion.TenantOf(own.Issuer, own.Subject), Contacts: conversion.Channel(own.Channel),
	}
}
