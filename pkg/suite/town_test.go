package suite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata" // the days of Europe/Rome do not depend on the machine

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/flow/rules"
	webhookflow "crm-connector/pkg/flow/webhook"
	"crm-connector/pkg/suite/chats"
	"crm-connector/pkg/suite/consumer"
	"crm-connector/pkg/suite/conversionaggregator"
	"crm-connector/pkg/suite/conversionapi"
	"crm-connector/pkg/suite/conversionclock"
	"crm-connector/pkg/suite/sendwhatsapp"
	"crm-connector/pkg/suite/webhook"
	"crm-connector/pkg/suite/whatsappconsumer"
	"crm-connector/pkg/suite/zohoconsumer"
)

const number = whatsapptest.DefaultNumber

// shop is whoever calls the routes of conversions.
var shop = conversion.TenantOf(conversionstest.DefaultIssuer, conversionstest.DefaultSubject)

// town is the whole suite of WhatsApp and conversions between sandboxes of both CRMs and of WhatsApp, in model time.
type town struct {
	t       testing.TB
	mu      sync.Mutex // guards now while several workers are at work
	now     time.Time
	ids     atomic.Int64
	lines   *bytes.Buffer
	hubspot *hubspottest.Server
	zoho    *zohotest.Server
	phone   *whatsapptest.Server
	tables  map[string]*memory.Rows
	queues  map[string]*memory.Queue
	drains  map[string]func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)
	counts  map[string]int // of the door, by what
	mails   *memory.Outbox
	slack   []string
	waiting int64 // what the queues are said to hold

	door  func(context.Context, door.Request) door.Answer
	api   func(context.Context, door.Request) door.Answer
	send  *sendwhatsapp.Sender
	clock *conversionclock.Clock
}

// variant is what a town has of its own.
type variant struct {
	mode     crm.Mode // "": on
	secrets  []string // of WhatsApp's app
	verify   string
	parallel int
	line     func(http.RoundTripper) http.RoundTripper // what lies between us and WhatsApp
	absent   bool                                      // neither WhatsApp nor conversions are set up
	costs    func(counting.Store) counting.Store       // what lies between the API of conversions and its table
}

type valid struct{}

func (valid) Token(context.Context) (crm.Access, error) {
	return crm.Access{Token: crm.NewSecret("t"), Version: 1, Base: "https://www.zohoapis.eu"}, nil
}
func (valid) Bad(context.Context, int64) error { return nil }

func (w *town) clk() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *town) newID() string { return fmt.Sprintf("id-%06d", w.ids.Add(1)) }

func (w *town) sleep(_ context.Context, d time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
	return true
}

// Add counts at the door.
func (w *town) Add(_, what string, n int) { w.counts[what] += n }

// Post takes what is told on Slack.
func (w *town) Post(_ context.Context, text string) error {
	w.slack = append(w.slack, text)
	return nil
}

// Waiting says how much the queues hold.
func (w *town) Waiting(context.Context) (int64, error) { return w.waiting, nil }

func build(t testing.TB, v variant) *town {
	t.Helper()
	w := &town{t: t, now: noon, lines: &bytes.Buffer{}, mails: &memory.Outbox{}, counts: map[string]int{}, tables: map[string]*memory.Rows{}, queues: map[string]*memory.Queue{}}
	for _, name := range []string{"pairs", "parked", "attempts", "config", "quarantine", "chats", "conversions"} {
		w.tables[name] = memory.NewRows(w.clk)
	}
	for _, name := range []string{"zohoOperations", "hubspotOperations", "whatsappOperations", "conversionEvents"} {
		w.queues[name] = memory.NewQueue(memory.QueueConfig{Name: name, Now: w.clk, Visibility: 270 * time.Second, Retention: 14 * 24 * time.Hour})
	}
	w.servers()
	w.wire(v)
	return w
}

func (w *town) servers() {
	yes := []hubspottest.Option{{Label: "Yes", Value: "true"}, {Label: "No", Value: "false"}}
	w.hubspot = hubspottest.New(hubspottest.Options{Now: w.clk, Burst: -1, Daily: -1, SearchRate: -1, Properties: map[crm.Module][]hubspottest.Property{
		crm.Contacts: {{Name: "whatsapp_opt_out", Label: "WhatsApp opt-out", Type: "bool", FieldType: "booleancheckbox", Options: yes}}}})
	w.zoho = zohotest.New(zohotest.Options{Now: w.clk, AccessToken: "t", Fields: map[string][]zohotest.Field{"Contacts": {
		{Name: "WhatsApp_User", Type: "text", Length: 140}, {Name: "WhatsApp_Opt_Out", Type: "boolean"}}}})
	w.phone = whatsapptest.New(whatsapptest.Options{Now: w.clk, Rand: rand.New(rand.NewPCG(1, 2)), Webhook: "https://door.example.com" + whatsapp.Path,
		ReadAfter: 4 * time.Second, Send: func(r *http.Request) (int, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return 0, err
			}
			return w.door(w.t.Context(), door.Request{ID: w.newID(), Method: r.Method, Path: whatsapp.Path, Header: r.Header, Body: body}).Status, nil
		}})
}

func given(values ...string) func(context.Context) ([]crm.Secret, error) {
	return func(context.Context) (out []crm.Secret, err error) {
		for _, v := range values {
			out = append(out, crm.NewSecret(v))
		}
		return out, nil
	}
}

func (w *town) wire(v variant) {
	log := slog.New(slog.NewJSONHandler(w.lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if v.mode == "" {
		v.mode = crm.On
	}
	if v.secrets == nil {
		v.secrets, v.verify = []string{whatsapptest.DefaultAppSecret}, whatsapptest.DefaultVerifyToken
	}
	one := func(int64) int64 { return 0 }
	tokens := &conversions.Tokens{
		Algorithm: "HS256", Issuer: conversionstest.DefaultIssuer, Audience: conversionstest.DefaultAudience, Now: w.clk,
		Keys: conversions.Given{Algorithm: "HS256", Secrets: given(conversionstest.DefaultSecret)},
	}
	sources := []webhookflow.Source{
		whatsapp.NewSource(whatsapp.SourceConfig{Secrets: given(v.secrets...), VerifyTokens: given(v.verify), Now: w.clk}),
		&conversions.Source{Tokens: tokens, Shards: submission.Shards, Now: w.clk, NewID: w.newID},
	}
	absent := map[string]string{}
	chatNumber := number
	if v.absent {
		sources, absent, chatNumber = nil, map[string]string{whatsapp.Path: "set it up", conversions.EventsPath: "set it up"}, ""
	}
	w.door = webhook.New(webhook.Adapters{
		Sources: func(webhook.Notes) []webhookflow.Source { return sources }, Absent: absent,
		Queues:   map[crm.System]queue.API{crm.HubSpot: w.queues["zohoOperations"], crm.Zoho: w.queues["hubspotOperations"]},
		Carriers: map[string]queue.API{"whatsapp": w.queues["whatsappOperations"], conversions.Name: w.queues["conversionEvents"]},
		Config:   w.tables["config"], Quarantine: w.tables["quarantine"], Now: w.clk, Log: log, Count: w,
	})
	graph := w.phone.Transport()
	if v.line != nil {
		graph = v.line(graph)
	}
	hub := hubspot.New(hubspot.Config{Bearer: func(context.Context) (crm.Secret, error) { return crm.NewSecret(hubspottest.DefaultToken), nil }, AppID: "1", HTTP: w.hubspot.Transport(), Now: w.clk, Sleep: w.sleep})
	zo := zoho.New(zoho.Config{Tokens: valid{}, HTTP: w.zoho.Transport(), Now: w.clk, Sleep: w.sleep})
	set := rules.Settings{Default: mapping.Default(), Start: v.mode}
	hasher := consumer.Hash(pair.Hasher{Key: crm.NewSecret("key"), KeyID: 1})
	entries := &consumer.Entries{
		Inputs: &counting.Inputs{Store: w.tables["conversions"], Now: w.clk, Patience: counting.Patient(w.sleep, one)}, Tenant: shop, Contacts: conversion.Webform,
	}
	talk := chats.Adapters{
		HubSpot: hub, Zoho: zo, Phone: whatsapp.New(whatsapp.Config{Token: crm.NewSecret(whatsapptest.DefaultToken), HTTP: graph, Now: w.clk, Sleep: w.sleep}),
		Pairs: w.tables["pairs"], Chats: w.tables["chats"], Parked: w.tables["parked"], Config: w.tables["config"], Rules: set, Hasher: hasher, Entries: entries,
		Number: chatNumber, Own: []string{whatsapptest.DefaultDisplay}, LeadSource: "WhatsApp", Language: chat.Italian, Zone: rome(w.t), NewID: w.newID, Now: w.clk, Sleep: w.sleep, Log: log,
	}
	looks := talk
	looks.Queues = consumer.Queues{crm.Zoho: w.queues["hubspotOperations"]}
	whatsappConsumer := whatsappconsumer.New(whatsappconsumer.Adapters{
		Adapters: looks, Counts: w.tables["attempts"], Waiter: w.queues["whatsappOperations"], Rand: one, Parallel: v.parallel,
	})
	aggregator := conversionaggregator.New(conversionaggregator.Adapters{
		Rows: w.tables["conversions"], Waiter: w.queues["conversionEvents"], Now: w.clk, Sleep: w.sleep, Rand: one, Log: log,
	})
	zohoConsumer := zohoconsumer.New(consumer.Adapters{
		HubSpot: hub, Zoho: zo, Pairs: w.tables["pairs"], Parked: w.tables["parked"], Counts: w.tables["attempts"], Config: w.tables["config"], Quarantine: w.tables["quarantine"],
		Chats: w.tables["chats"], Entries: entries, Waiter: w.queues["zohoOperations"], Rules: set, Hasher: hasher, NewID: w.newID, Now: w.clk, Sleep: w.sleep, Rand: one, Log: log,
		Queues: consumer.Queues{crm.HubSpot: w.queues["zohoOperations"], crm.Zoho: w.queues["hubspotOperations"]},
	})
	w.drains = map[string]func(context.Context, events.SQSEvent) (events.SQSEventResponse, error){
		"whatsappOperations": whatsappConsumer.Handle, "conversionEvents": aggregator.Handle, "zohoOperations": zohoConsumer.Handle,
	}
	w.send = sendwhatsapp.New(sendwhatsapp.Adapters{
		Adapters: talk, Parallel: v.parallel,
		Wire: func(accept sendwhatsapp.Accept, log *slog.Logger) func(context.Context, door.Request) door.Answer {
			return (&conversions.Messages{Tokens: tokens, Accept: accept, Log: log}).Handle
		},
	})
	costs := counting.Store(w.tables["conversions"])
	if v.costs != nil {
		costs = v.costs(costs)
	}
	w.api = conversionapi.New(conversionapi.Adapters{
		Rows: costs, Zone: rome(w.t), Now: w.clk, Sleep: w.sleep, Rand: one, Log: log,
		Wire: func(q *counting.Query, in *counting.Inputs, log *slog.Logger) func(context.Context, door.Request) door.Answer {
			return (&conversions.API{Tokens: tokens, Metrics: q, Inputs: in, Zone: rome(w.t), Now: w.clk, Log: log}).Handle
		},
	})
	w.clock = conversionclock.New(conversionclock.Adapters{
		Absent: v.absent, Rows: w.tables["conversions"], Mailer: w.mails, Slack: w, From: "connector@example.com", To: "client@example.com", Queues: w,
		Rules: counting.RulesOf(true), Zone: rome(w.t), Now: w.clk, Sleep: w.sleep, Rand: one, Log: log,
	})
}

func rome(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// request is what a caller with a token sends.
func (w *town) request(method, target, body string, scopes ...string) door.Request {
	path, query, _ := strings.Cut(target, "?")
	h := http.Header{"Authorization": {"Bearer " + conversionstest.Caller{}.Token(w.now, scopes...)}}
	if body != "" {
		h.Set("Content-Type", "application/json")
	}
	return door.Request{ID: w.newID(), Method: method, Path: path, Query: query, Header: h, Body: []byte(body)}
}

// tell sends an event of a conversion to the door.
func (w *town) tell(body string) door.Answer {
	r := w.request("POST", conversions.EventsPath, body, "conversioni:scrivi")
	r.Header.Set("Content-Type", "application/json")
	return w.door(w.t.Context(), r)
}

// deliver sends a body to the door as Meta does, signed.
func (w *town) deliver(body []byte) door.Answer {
	h := http.Header{"Content-Type": {"application/json"}, whatsapp.HeaderSignature: {whatsapp.Sign(crm.NewSecret(whatsapptest.DefaultAppSecret), body)}}
	return w.door(w.t.Context(), door.Request{ID: w.newID(), Method: "POST", Path: whatsapp.Path, Header: h, Body: body})
}

// drain hands what lies in the queues to their consumers, as Lambda does, until nothing is to be had now.
func (w *town) drain() {
	w.t.Helper()
	for busy := true; busy; {
		busy = false
		for _, name := range []string{"whatsappOperations", "conversionEvents", "zohoOperations"} {
			got := w.queues[name].Receive(batch.MaxEntries)
			if len(got) == 0 {
				continue
			}
			busy = true
			answer, err := w.drains[name](w.t.Context(), queue.Event("arn", got))
			if err != nil {
				w.t.Fatal(err)
			}
			back := map[string]bool{}
			for _, f := range answer.BatchItemFailures {
				back[f.ItemIdentifier] = true
			}
			for _, d := range got {
				if back[d.ID] {
					continue
				}
				if err := w.queues[name].Delete(d.Receipt); err != nil && !errors.Is(err, memory.ErrReceiptExpired) {
					w.t.Fatal(err)
				}
			}
		}
	}
}

// pass lets time go by, second by second for a while and then minute by minute, with the schedule of sendWhatsapp.
func (w *town) pass(d time.Duration) {
	w.t.Helper()
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(time.Second)
		w.phone.Tick()
		w.zoho.Tick()
		w.hubspot.Tick()
		w.drain()
		if w.now.Second() == 0 {
			if err := w.send.Send(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// quiet reports how many messages wait or are under way.
func (w *town) left() (n int) {
	for _, q := range w.queues {
		waiting, flying := q.Stats()
		n += waiting + flying
	}
	return n
}

// notes and communications count what is logged with a text in it.
func (w *town) notes(text string) (n int) {
	for _, a := range w.zoho.Notes() {
		if strings.Contains(a.Values["Note_Content"], text) {
			n++
		}
	}
	return n
}

func (w *town) communications(text string) (n int) {
	for _, a := range w.hubspot.Communications() {
		if strings.Contains(a.Properties["hs_communication_body"], text) {
			n++
		}
	}
	return n
}

// created tells the connector that a contact was created in HubSpot.
func (w *town) created(props map[string]string) string {
	w.t.Helper()
	id, err := w.hubspot.Create(crm.Contacts, props)
	if err != nil {
		w.t.Fatal(err)
	}
	w.operation(id, crm.Create)
	return id
}

func (w *town) operation(id string, verb crm.Verb) {
	w.t.Helper()
	op := changed(contact(crm.HubSpot, id), w.now)
	op.ID, op.Verb, op.ReceivedAt = w.newID(), verb, w.now
	if err := (queue.Sender{Queue: w.queues["zohoOperations"]}).Send(w.t.Context(), []crm.Operation{op}); err != nil {
		w.t.Fatal(err)
	}
}

// discreet holds the log to tell nothing of a person.
func (w *town) discreet() {
	w.t.Helper()
	for _, secret := range []string{"393471234567", "Persona", "buongiorno", "CLIENTE-", "sandbox-token", conversionstest.DefaultSecret} {
		if strings.Contains(w.lines.String(), secret) {
			w.t.Errorf("the log holds %q", secret)
		}
	}
}
