package conversion_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the days of Europe/Rome do not depend on the machine

	"pgregory.net/rapid"

	"crm-connector/pkg/core/conversion"
)

// noon is the instant at which the documents of testdata are received.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

var tenant = conversion.TenantOf("https://issuer.example", "shop")

// documents returns the documents of a folder of testdata by name.
func documents(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents in testdata/%s: %v", folder, err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".json")] = body
	}
	return out
}

func rome(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// anyEvent draws an event that Decode takes at noon.
func anyEvent() *rapid.Generator[conversion.Event] {
	return rapid.Custom(func(t *rapid.T) conversion.Event {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aè e\u0301\"\\<\x00\U0001F389")), 0, 200, -1)
		return conversion.Event{
			ID:       rapid.SampledFrom([]string{"", "order-0001", "order-0002"}).Draw(t, "id"),
			Client:   rapid.StringMatching(`CLIENTE-[A-Z]{2,10}-[0-9]{6}`).Draw(t, "client"),
			Type:     rapid.SampledFrom(conversion.Types()).Draw(t, "type"),
			At:       noon.Add(-time.Duration(rapid.Int64Range(-300_000, 7*24*3_600_000).Draw(t, "ago")) * time.Millisecond),
			Value:    conversion.Cents(rapid.Int64Range(0, int64(conversion.MaxValue)).Draw(t, "cents")),
			Currency: rapid.SampledFrom([]conversion.Currency{"EUR", "USD"}).Draw(t, "currency"),
			Channel:  rapid.SampledFrom(conversion.Channels()).Draw(t, "channel"),
			State:    rapid.SampledFrom([]conversion.State{conversion.Completed, conversion.Declared, conversion.Failed}).Draw(t, "state"),
			Metadata: conversion.Metadata{
				Campaign: text.Draw(t, "campaign"), Device: text.Draw(t, "device"), Place: text.Draw(t, "place"),
			},
		}
	})
}
