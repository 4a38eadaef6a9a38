package soak

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/rules"
	webhookflow "crm-connector/pkg/flow/webhook"
	"crm-connector/pkg/flow/zohotoken"
	"crm-connector/pkg/suite/chats"
	"crm-connector/pkg/suite/consumer"
	"crm-connector/pkg/suite/hubspotconsumer"
	"crm-connector/pkg/suite/sendwhatsapp"
	"crm-connector/pkg/suite/webhook"
	"crm-connector/pkg/suite/whatsappconsumer"
	"crm-connector/pkg/suite/zohoconsumer"
)

// The URLs that deliveries are signed for and sent to. Nothing listens there.
const (
	hubspotHook  = "https://connector.example.com/webhooks/hubspot"
	zohoHook     = "https://connector.example.com/webhooks/zoho"
	whatsappHook = "https://connector.example.com/webhooks/whatsapp"
	apiDomain    = "https://www.zohoapis.eu"
	channelID    = "1000000068001"
	channelToken = "soak-channel-token"
)

// functionLives is how long a consumer or sendWhatsapp lives.
const functionLives = 45 * time.Second

// suite is what is wired of the product, between sandboxes.
type suite struct {
	*stage
	hubspot *hubspottest.Server
	zoho    *zohotest.Server
	phone   *whatsapptest.Server
	roads   []*road
	chats   *memory.Rows
	pairs   *memory.Rows
	parked  *memory.Rows
	hasher  pair.Hasher
	talk    *lane
	enter   func(context.Context, door.Request) door.Answer
	sender  *sendwhatsapp.Sender
	posts   int
	answers map[int]int
	heard   func(body []byte) // told of every delivery of WhatsApp that was answered 200
	noted   func(body []byte) // told of every note that Zoho took
	deaf    float64           // chance that a delivery gets no answer, or is answered 503
}

// newSuite wires it.
func newSuite(s *stage, o whatsapptest.Options) (*suite, error) {
	v := &suite{stage: s, answers: map[int]int{}, hasher: pair.Hasher{Key: crm.NewSecret("soak-hash-key"), KeyID: 1}}
	v.hubspot = hubspottest.New(hubspottest.Options{
		Now: s.clock, Rand: rand.New(rand.NewPCG(s.dice.Uint64(), 1)), Burst: -1, Daily: -1, SearchRate: -1, SearchLag: 5 * time.Second,
		Webhook: hubspotHook, Send: v.deliver,
		Properties: map[crm.Module][]hubspottest.Property{crm.Contacts: {{
			Name: "whatsapp_opt_out", Label: "WhatsApp opt-out", Type: "bool", FieldType: "booleancheckbox",
			Options: []hubspottest.Option{{Label: "Yes", Value: "true"}, {Label: "No", Value: "false"}},
		}}},
	})
	v.zoho = zohotest.New(zohotest.Options{
		Now: s.clock, Rand: rand.New(rand.NewPCG(s.dice.Uint64(), 2)), AccessToken: "t", APIDomain: apiDomain, OpenPicklists: true, SearchLag: 5 * time.Second,
		ChannelID: channelID, ChannelToken: channelToken, NotifyURL: zohoHook, ChannelExpiry: 365 * 24 * time.Hour, Send: v.deliver,
		NotifyDelay: 1500 * time.Millisecond, Repeat: 20, RepeatAfter: time.Minute,
		Fields: map[string][]zohotest.Field{"Contacts": {{Name: "WhatsApp_User", Type: "text", Length: 140}, {Name: "WhatsApp_Opt_Out", Type: "boolean"}}},
	})
	o.Now, o.Rand, o.Webhook, o.Send = s.clock, rand.New(rand.NewPCG(s.dice.Uint64(), 3)), whatsappHook, v.deliver
	v.phone = whatsapptest.New(o)
	s.worlds = []world{v.hubspot, v.zoho, v.phone}
	road := func(name string, inner http.RoundTripper) http.RoundTripper {
		t := &road{s: s, name: name, inner: inner}
		if name == "zoho" {
			t.taken = func(r *http.Request, body []byte) {
				if v.noted != nil && r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/Notes") {
					v.noted(body)
				}
			}
		}
		v.roads = append(v.roads, t)
		return t
	}
	hub := hubspot.New(hubspot.Config{
		Token: crm.NewSecret(hubspottest.DefaultToken), AppID: hubspottest.DefaultAppID, HTTP: road("hubspot", v.hubspot.Transport()), Now: s.clock, Sleep: s.sleep,
	})
	zo := zoho.New(zoho.Config{
		Tokens: zohotoken.Fixed{Access: crm.Access{Token: crm.NewSecret("t"), Base: apiDomain}}, HTTP: road("zoho", v.zoho.Transport()), Now: s.clock, Sleep: s.sleep,
	})
	graph := whatsapp.New(whatsapp.Config{
		BaseURL: "https://graph.example.com", Token: crm.NewSecret(whatsapptest.DefaultToken), HTTP: road("whatsapp", v.phone.Transport()), Now: s.clock, Sleep: s.sleep,
	})
	return v, v.wire(hub, zo, graph)
}

// wire wires the functions.
func (v *suite) wire(hub *hubspot.Client, zo *zoho.Client, graph *whatsapp.Client) error {
	s, log := v.stage, slog.New(slog.DiscardHandler)
	over := func(name string, rows *memory.Rows) *table { return &table{s: s, name: name, rows: rows} }
	v.chats, v.pairs, v.parked = memory.NewRows(s.clock), memory.NewRows(s.clock), memory.NewRows(s.clock)
	chatRows, pairRows, parked := over("chats", v.chats), over("pairs", v.pairs), over("parked", v.parked)
	attempts, steering, quarantine := over("attempts", memory.NewRows(s.clock)), memory.NewRows(s.clock), over("quarantine", memory.NewRows(s.clock))
	settings := rules.Settings{Default: mapping.Default(), Options: mapping.Options{PhoneRegion: "IT"}, Start: crm.On,
		Limits: rules.Limits{Clearings: 1 << 40, Overwritten: 1 << 40}}
	ids := 0
	newID := func() string { ids++; return fmt.Sprintf("id-%08d", ids) }

	fromHubSpot, fromZoho := s.lane("zohoConsumer", 5, functionLives), s.lane("hubspotConsumer", 3, functionLives)
	v.talk = s.lane("whatsappConsumer", 8, functionLives)
	pairwork := consumer.Adapters{
		HubSpot: hub, Zoho: zo, Pairs: pairRows, Parked: parked, Counts: attempts, Config: steering,
		Queues: consumer.Queues{crm.HubSpot: fromHubSpot.queue, crm.Zoho: fromZoho.queue}, Rules: settings, Hasher: consumer.Hash(v.hasher),
		NewID: newID, Now: s.clock, Sleep: s.sleep, Rand: s.dice.Int64N, Log: log, Left: s.left, Ended: s.ended, Quarantine: quarantine, Chats: chatRows,
		Parallel: 1, Conditional: true,
	}
	pairwork.Waiter = waiter{s, fromHubSpot}
	fromHubSpot.handle = zohoconsumer.New(pairwork).Handle
	pairwork.Waiter = waiter{s, fromZoho}
	fromZoho.handle = hubspotconsumer.New(pairwork).Handle

	talk := chats.Adapters{
		HubSpot: hub, Zoho: zo, Phone: graph, Pairs: pairRows, Chats: chatRows, Parked: parked, Config: steering, Rules: settings,
		Hasher: consumer.Hash(v.hasher), Number: whatsapptest.DefaultNumber, Own: []string{whatsapptest.DefaultDisplay}, LeadSource: "WhatsApp",
		Language: chat.Italian, Zone: time.UTC, NewID: newID, Now: s.clock, Sleep: s.sleep, Log: log,
	}
	looks := talk
	looks.Queues = pairwork.Queues
	v.talk.handle = whatsappconsumer.New(whatsappconsumer.Adapters{
		Adapters: looks, Counts: attempts, Waiter: waiter{s, v.talk}, Rand: s.dice.Int64N, Left: s.left, Ended: s.ended,
	}).Handle
	v.sender = sendwhatsapp.New(sendwhatsapp.Adapters{
		Adapters: talk, Left: s.left,
		Wire: func(accept sendwhatsapp.Accept, log *slog.Logger) func(context.Context, door.Request) door.Answer {
			return (&conversions.Messages{Tokens: tokens(s.clock), Accept: accept, Log: log}).Handle
		},
	})
	secret := func(text string) func(context.Context) ([]crm.Secret, error) {
		return func(context.Context) ([]crm.Secret, error) { return []crm.Secret{crm.NewSecret(text)}, nil }
	}
	v.enter = webhook.New(webhook.Adapters{
		Sources: func(n webhook.Notes) []webhookflow.Source {
			return []webhookflow.Source{
				hubspot.NewSource(hubspot.SourceConfig{
					Secrets: secret(hubspottest.DefaultClientSecret), URLs: []string{hubspotHook}, AppID: hubspottest.DefaultAppID, Now: s.clock, Fields: n.Fields(crm.HubSpot), Portal: n.Portal,
				}),
				zoho.NewChannel(zoho.ChannelConfig{
					Keys: func(context.Context) ([]zoho.ChannelKey, error) {
						return []zoho.ChannelKey{{ID: channelID, Token: crm.NewSecret(channelToken)}}, nil
					},
					Now: s.clock, Fields: n.Fields(crm.Zoho),
				}),
				whatsapp.NewSource(whatsapp.SourceConfig{Secrets: secret(whatsapptest.DefaultAppSecret), VerifyTokens: secret(whatsapptest.DefaultVerifyToken), Now: s.clock}),
			}
		},
		Queues:   map[crm.System]queue.API{crm.HubSpot: fromHubSpot.queue, crm.Zoho: fromZoho.queue},
		Carriers: map[string]queue.API{string(crm.WhatsApp): v.talk.queue},
		Config:   steering, Quarantine: quarantine, Now: s.clock, Log: log,
	})
	book := rules.New(&config.Rows{Store: steering, Now: s.clock}, settings, s.clock, log)
	return book.Publish(context.Background())
}

// spoil lets calls of vendors fail, and writes land late.
func (v *suite) spoil(fails float64) {
	for _, t := range v.roads {
		t.weather = weather{fails: fails, after: 40 * time.Second}
	}
}

// deliver hands a delivery of a sandbox to the door. Now and then the sender hears nothing, or of a doubt.
func (v *suite) deliver(r *http.Request) (int, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return 0, err
		}
	}
	v.posts++
	if v.deaf > 0 && v.dice.Float64() < v.deaf {
		return http.StatusServiceUnavailable, nil
	}
	answer := v.enter(context.Background(), door.Request{
		ID: fmt.Sprintf("delivery-%d", v.posts), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header, Body: body,
	})
	v.answers[answer.Status]++
	if v.heard != nil && r.URL.Path == "/webhooks/whatsapp" && answer.Status == http.StatusOK {
		v.heard(body)
	}
	if v.deaf > 0 && v.dice.Float64() < v.deaf {
		return 0, errNoAnswer // it was taken, and the sender does not know
	}
	return answer.Status, nil
}
