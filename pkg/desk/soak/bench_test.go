package soak_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/suite/conversionaggregator"
)

type patient struct{}

func (patient) Hide(context.Context, []batch.Wait) error { return nil }

// How many conversions are applied a second, by conversionAggregator's handler from whole batches of its queue on tables in
// memory, with as many invocations at a time as there are cores: `go test -run '^$' -bench Conversions -cpu 1,2 ./pkg/desk/soak`.
func BenchmarkConversionsApplied(b *testing.B) {
	const groups = submission.Shards
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var ticks atomic.Int64
	clock := func() time.Time { return now.Add(time.Duration(ticks.Load()) * 100 * time.Microsecond) }
	aggregator := conversionaggregator.New(conversionaggregator.Adapters{
		Rows: memory.NewRows(clock), Waiter: patient{}, Retry: conversion.Exponential, Now: clock, Rand: rand.Int64N,
		Sleep: func(context.Context, time.Duration) bool { return true }, Log: slog.New(slog.DiscardHandler), Left: func(context.Context) time.Duration { return time.Minute },
	})
	tenant := conversion.TenantOf("https://issuer.example", "shop")
	var busy [groups]sync.Mutex // one batch of a group at a time, as a queue gives them out
	var worker, n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		me := worker.Add(1)
		dice := rand.New(rand.NewPCG(uint64(me), 1))
		byGroup := map[int][]batch.Delivery{}
		for p.Next() {
			id := n.Add(1)
			ticks.Add(1)
			e := conversion.Event{
				Client: fmt.Sprintf("CLIENTE-ROMA-%06d", dice.IntN(20_000)), Type: conversion.Types()[dice.IntN(4)], Channel: conversion.Channels()[dice.IntN(5)],
				At: clock().Add(-time.Duration(dice.IntN(600)) * time.Second).Truncate(time.Millisecond), Value: conversion.Cents(dice.IntN(50_000)),
				Currency: conversion.EUR, State: conversion.Completed, ID: fmt.Sprintf("ordine-%09d", id),
			}
			s := submission.Submission{Ingestion: fmt.Sprintf("r-%09d", id), Tenant: tenant, Received: clock().Truncate(time.Millisecond), Event: e}
			g := conversion.Shard(tenant, e.Client, groups)
			entry := s.Entry(groups)
			byGroup[g] = append(byGroup[g], batch.Delivery{ID: s.Ingestion, Receipt: s.Ingestion, Group: entry.Group, Receives: 1, Body: entry.Body})
			if len(byGroup[g]) < batch.MaxEntries {
				continue
			}
			busy[g].Lock()
			answer, err := aggregator.Handle(b.Context(), queue.Event("arn:aws:sqs:eu-south-1:000000000000:conversion-events", byGroup[g]))
			busy[g].Unlock()
			if err != nil || len(answer.BatchItemFailures) > 0 {
				b.Errorf("%v, %v", answer, err)
				return
			}
			byGroup[g] = byGroup[g][:0]
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "conversions/s")
}
