package soak

import (
	"context"
	"log/slog"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/door"
	webhookflow "crm-connector/pkg/flow/webhook"
)

func (s *shop) door() func(context.Context, door.Request) door.Answer {
	d := &webhookflow.Door{
		Sources: []webhookflow.Source{&conversions.Source{
			Tokens: &conversions.Tokens{
				Algorithm: "HS256", Issuer: conversionstest.DefaultIssuer, Audience: conversionstest.DefaultAudience,
				Keys: conversions.One{Public: []byte(conversionstest.DefaultSecret)}, Now: s.clock,
			},
			Shards: submission.Shards, Now: s.clock, NewID: func() string { return "x" },
		}},
		Carriers:   map[string]webhookflow.Carrier{conversions.Name: intake{s}},
		Quarantine: &webhookflow.Quarantine{Store: memory.NewRows(s.clock), Now: s.clock},
		Now:        s.clock, Log: slog.New(slog.DiscardHandler),
	}
	return d.Handle
}
