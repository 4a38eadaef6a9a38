package consumer_test

import (
	"context"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/suite/consumer"
)

func TestAContactIsCountedThoughACallerHasUsedItsName(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return noon }
	rows, tenant := memory.NewRows(clock), conversion.TenantOf("https://issuer.example", "shop")
	wait := func(context.Context, time.Duration) bool { return true }
	in := &counting.Inputs{Store: rows, Now: clock, Patience: counting.Patient(wait, func(int64) int64 { return 0 })}
	for _, id := range []string{"contact-151", "conversation-wamid.1"} {
		if _, err := in.Enter(t.Context(), metric.Entry{Tenant: tenant, ID: id, Channel: conversion.Email, At: noon, Entries: conversion.Entries{Visits: 9}}); err != nil {
			t.Fatal(err)
		}
	}
	e := &consumer.Entries{Inputs: in, Tenant: tenant, Contacts: conversion.Webform}
	created := crm.Operation{Verb: crm.Create, Source: crm.HubSpot, Kind: crm.Contact, RecordID: "151", OccurredAt: noon}
	for range 2 {
		if err := e.Contact(t.Context(), created); err != nil {
			t.Fatal(err)
		}
		if err := e.Conversation(t.Context(), "wamid.1", noon); err != nil {
			t.Fatal(err)
		}
	}
	query := counting.Query{Store: rows, Shards: 1, Zone: time.UTC, Now: clock}
	for _, ch := range []conversion.Channel{conversion.Webform, conversion.WhatsApp} {
		a, err := query.Rows(t.Context(), metric.Query{Tenant: tenant, From: noon, To: noon.Add(conversion.Width), Step: conversion.ByWindow, Channel: ch, Zone: time.UTC})
		if err != nil || a.Rows[0].Rates.Denominator != "contatti_creati+conversazioni" {
			t.Errorf("%s: %+v, %v", ch, a.Rows, err)
		}
	}
}
