package sandbox

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/flow/counting"
	webhookflow "crm-connector/pkg/flow/webhook"
	"crm-connector/pkg/suite/chats"
	"crm-connector/pkg/suite/consumer"
	"crm-connector/pkg/suite/conversionaggregator"
	"crm-connector/pkg/suite/conversionapi"
	"crm-connector/pkg/suite/conversionclock"
	"crm-connector/pkg/suite/sendwhatsapp"
	"crm-connector/pkg/suite/whatsappconsumer"
)

// WhatsApp says how WhatsApp is reached and how its deliveries are verified. Without a Number there is none.
type WhatsApp struct {
	URL          string
	Version      string // of the Graph API; "": the adapter's own
	Number       string // id of the number that requests are sent from
	Token        crm.Secret
	Secrets      []crm.Secret // that sign deliveries
	VerifyTokens []crm.Secret
	Own          []string // digits of the business's own numbers
	Coexistence  bool     // the number is used in the WhatsApp Business app too
	LeadSource   string   // of a new contact
	HTTP         http.RoundTripper
}

// Conversions says whose tokens are taken, signed with HS256, and what counts. Without an Issuer there are none.
type Conversions struct {
	Issuer, Audience string
	Secrets          []crm.Secret
	Subjects         []string // who may call; nil: everybody whom the issuer gives a token
	Own              string   // the subject whose denominators the connector feeds; "": none's
	Contacts         conversion.Channel
	Policy           conversion.Policy
	Rules            counting.Rules
	Retry            conversion.Schedule
	Slack            conversionclock.Slack // nil: nothing is told there
}

// The visibility of events, as the template has it.
const eventVisibility = 36 * time.Second

// depths tells what lies in a queue and its dead letters.
type depths struct{ *Lane }

// Waiting returns how many events are not counted yet.
func (d depths) Waiting(context.Context) (int64, error) {
	waiting, inFlight := d.Queue.Stats()
	dead, looked := d.Dead.Stats()
	return int64(waiting + inFlight + dead + looked), nil
}

// tokensOfCallers proves callers; nil where nobody is given a token.
func (p Parts) tokensOfCallers() *conversions.Tokens {
	c := p.Conversions
	if c.Issuer == "" {
		return nil
	}
	return &conversions.Tokens{
		Algorithm: algorithm, Issuer: c.Issuer, Audience: c.Audience, Subjects: c.Subjects, Now: p.Now,
		Keys: conversions.Given{Algorithm: algorithm, Secrets: func(context.Context) ([]crm.Secret, error) { return c.Secrets, nil }},
	}
}

// What callers of routes that are not served are told.
const (
	noWhatsApp = "this desk has no WhatsApp: set WHATSAPP_PHONE_NUMBER_ID"
	noTokens   = "this desk gives nobody a token: set CONVERSIONS_JWT_ISSUER"
)

// absent are the paths of the door that are not served, with why.
func (p Parts) absent() map[string]string {
	out := map[string]string{}
	if p.WhatsApp.Number == "" {
		out[whatsapp.Path] = noWhatsApp
	}
	if p.Conversions.Issuer == "" {
		out[conversions.EventsPath] = noTokens
	}
	return out
}

// callers are the senders beside the CRMs.
func (p Parts) callers() []webhookflow.Source {
	var out []webhookflow.Source
	if w := p.WhatsApp; w.Number != "" {
		given := func(s []crm.Secret) func(context.Context) ([]crm.Secret, error) {
			return func(context.Context) ([]crm.Secret, error) { return s, nil }
		}
		out = append(out, whatsapp.NewSource(whatsapp.SourceConfig{Secrets: given(w.Secrets), VerifyTokens: given(w.VerifyTokens), Now: p.Now}))
	}
	if tokens := p.tokensOfCallers(); tokens != nil {
		out = append(out, &conversions.Source{Tokens: tokens, Shards: submission.Shards, Now: p.Now, NewID: p.NewID})
	}
	return out
}

// conversations wires whatsappConsumer and sendWhatsapp with their queue, and returns the route of messages to send.
func (s *Suite) conversations(p Parts, common consumer.Adapters, carriers map[string]queue.API) func(context.Context, door.Request) door.Answer {
	w := p.WhatsApp
	if w.Number == "" {
		return conversions.Absent(noWhatsApp)
	}
	lane := p.lane("whatsappOperations", string(crm.WhatsApp), "whatsappConsumer", visibility)
	s.Lanes = append(s.Lanes, lane)
	messages := p.queue(lane)
	carriers[string(crm.WhatsApp)] = messages
	talk := chats.Adapters{
		HubSpot: s.HubSpot, Zoho: s.Zoho, Pairs: common.Pairs, Chats: common.Chats, Parked: common.Parked, Config: common.Config,
		Phone: whatsapp.New(whatsapp.Config{BaseURL: w.URL, Version: w.Version, Token: w.Token, HTTP: w.HTTP, Now: p.Now, Sleep: p.Sleep}),
		Rules: p.Rules, Hasher: common.Hasher, Entries: common.Entries,
		Number: w.Number, Own: w.Own, Coexistence: w.Coexistence, LeadSource: w.LeadSource, Language: chat.Language(p.Report.Language), Zone: p.zone(),
		NewID: p.NewID, Now: p.Now, Sleep: p.Sleep, Log: p.Log,
	}
	looks := talk
	looks.Queues = common.Queues
	lane.Handle = whatsappconsumer.New(whatsappconsumer.Adapters{
		Adapters: looks, Counts: common.Counts, Waiter: messages, Rand: p.Rand, Left: p.Left, Ended: p.Ended, Parallel: p.Parallel,
	}).Handle
	sender := sendwhatsapp.New(sendwhatsapp.Adapters{Adapters: talk, Wire: p.wireMessages, Left: p.Left, Parallel: p.Parallel})
	s.Functions["sendWhatsapp"] = sender.Send
	return sender.Take
}

func (p Parts) wireMessages(accept sendwhatsapp.Accept, log *slog.Logger) func(context.Context, door.Request) door.Answer {
	tokens := p.tokensOfCallers()
	if tokens == nil {
		return conversions.Absent(noTokens)
	}
	return (&conversions.Messages{Tokens: tokens, Accept: accept, Log: log}).Handle
}

// counting wires the functions of conversion events with their queue, and returns the routes of metrics, costs and entries.
func (s *Suite) counting(p Parts, rows Store, carriers map[string]queue.API) func(context.Context, door.Request) door.Answer {
	c, tokens := p.Conversions, p.tokensOfCallers()
	if tokens == nil {
		return conversions.Absent(noTokens)
	}
	lane := p.lane("conversionEvents", conversions.Name, "conversionAggregator", eventVisibility)
	s.Lanes = append(s.Lanes, lane)
	counted := p.queue(lane)
	carriers[conversions.Name] = counted
	lane.Handle = conversionaggregator.New(conversionaggregator.Adapters{
		Rows: rows, Waiter: counted, Retry: c.Retry, Now: p.Now, Sleep: p.Sleep, Rand: p.Rand, Log: p.Log, Left: p.Left,
	}).Handle
	clock := conversionclock.New(conversionclock.Adapters{
		Rows: rows, Mailer: s.Outbox, Slack: c.Slack, From: p.Report.From, To: p.Report.To, Language: p.Report.Language,
		Queues: depths{lane}, Policy: c.Policy, Rules: c.Rules, Zone: p.zone(), Now: p.Now, Sleep: p.Sleep, Rand: p.Rand, Log: p.Log,
	})
	s.Functions["conversionClock"] = func(ctx context.Context) error { return clock.Handle(ctx, conversionclock.Event{}) }
	s.Functions["conversionReport"] = func(ctx context.Context) error {
		return clock.Handle(ctx, conversionclock.Event{Action: conversionclock.ActionReport})
	}
	return conversionapi.New(conversionapi.Adapters{
		Rows: rows, Policy: c.Policy, Zone: p.zone(), Now: p.Now, Sleep: p.Sleep, Rand: p.Rand, Log: p.Log,
		Wire: func(q *counting.Query, in *counting.Inputs, log *slog.Logger) func(context.Context, door.Request) door.Answer {
			return (&conversions.API{Tokens: tokens, Metrics: q, Inputs: in, Zone: p.zone(), Now: p.Now, Log: log}).Handle
		},
	})
}

// entries counts whom the connector itself sees coming in; nil where nobody wants to know.
func (p Parts) entries(rows Store) *consumer.Entries {
	c := p.Conversions
	if c.Issuer == "" || c.Own == "" {
		return nil
	}
	return &consumer.Entries{
		Inputs: &counting.Inputs{Store: rows, Now: p.Now, Patience: counting.Patient(p.Sleep, p.Rand)},
		Tenant: conversion.TenantOf(c.Issuer, c.Own), Contacts: c.Contacts,
	}
}

// zone is where days begin: the report's, else UTC.
func (p Parts) zone() *time.Location {
	if p.Report.Zone != nil {
		return p.Report.Zone
	}
	return time.UTC
}

// routed leads a request to the function that API Gateway would: most belong to the door.
func routed(enter, messages, metrics func(context.Context, door.Request) door.Answer) func(context.Context, door.Request) door.Answer {
	return func(ctx context.Context, r door.Request) door.Answer {
		switch {
		case r.Path == conversions.MessagesPath:
			return messages(ctx, r)
		case r.Path == conversions.MetricsPath || r.Path == conversions.EntriesPath || strings.HasPrefix(r.Path, conversions.CostsPath):
			return metrics(ctx, r)
		}
		return enter(ctx, r)
	}
}

// Handler is what Lambda runs of a lane.
type Handler = func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

// sandboxWhatsApp is the account of the sandbox WhatsApp.
func sandboxWhatsApp(url string, http http.RoundTripper) WhatsApp {
	return WhatsApp{
		URL: url, Number: whatsapptest.DefaultNumber, Token: crm.NewSecret(whatsapptest.DefaultToken), Secrets: []crm.Secret{crm.NewSecret(whatsapptest.DefaultAppSecret)},
		VerifyTokens: []crm.Secret{crm.NewSecret(whatsapptest.DefaultVerifyToken)}, Own: []string{whatsapptest.DefaultDisplay}, LeadSource: "WhatsApp", HTTP: http,
	}
}

// sandboxConversions are callers with the tokens of the sandbox, who want to know whom the connector sees coming in.
func sandboxConversions() Conversions {
	return Conversions{
		Issuer: conversionstest.DefaultIssuer, Audience: conversionstest.DefaultAudience, Secrets: []crm.Secret{crm.NewSecret(conversionstest.DefaultSecret)},
		Own: conversionstest.DefaultSubject, Contacts: conversion.Webform, Rules: counting.UsualRules,
	}
}

// zohoFields are what setup whatsapp makes in Zoho, by module.
func zohoFields() map[string][]zohotest.Field {
	return map[string][]zohotest.Field{"Contacts": {{Name: "WhatsApp_User", Type: "text", Length: 140}, {Name: "WhatsApp_Opt_Out", Type: "boolean"}}}
}

// hubspotProperties are what setup whatsapp makes in HubSpot.
func hubspotProperties() map[crm.Module][]hubspottest.Property {
	return map[crm.Module][]hubspottest.Property{crm.Contacts: {{
		Name: "whatsapp_opt_out", Label: "WhatsApp opt-out", Type: "bool", FieldType: "booleancheckbox",
		Options: []hubspottest.Option{{Label: "Yes", Value: "true"}, {Label: "No", Value: "false"}},
	}}}
}
