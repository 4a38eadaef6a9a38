// Package countwork is how the functions that count conversions in AWS come by what counting is told from outside: whom the
// connector itself sees coming in, what events mean, which alarms there are. It wires no handler.
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

// Policy returns what events mean.
func Policy(c *cloud.Cloud) (p conversion.Policy) {
	m := c.Meaning()
	for _, t := range m.Events {
		p.Conversions = append(p.Conversions, conversion.Type(t))
	}
	for _, t := range m.Weights {
		p.Weights = append(p.Weights, conversion.Type(t))
	}
	return p
}

// Rules returns the thresholds of alarms.
func Rules(c *cloud.Cloud) counting.Rules {
	rules := counting.UsualRules
	if c.LiteralAlarms() {
		rules.Guard = conversion.Guard{}
	}
	return rules
}
