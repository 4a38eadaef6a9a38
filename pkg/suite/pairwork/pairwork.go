// Package pairwork is what zohoConsumer, hubspotConsumer and reconcile have in common in AWS: both CRMs, the queues of
// operations, the tables of pairs and the key of their hashes. The functions of WhatsApp use it without the queues. It wires no
// handler.
package pairwork

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/budget"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/adapter/secret"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/conversation"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/consumer"
	"crm-connector/pkg/suite/zohoaccess"
)

// parallel is how many requests to a CRM one invocation has out at a time.
const parallel = 4

// Chance is what a function draws from: ids that never come twice, and numbers from 0 up to below n.
type Chance struct {
	NewID func() string
	Int64 func(n int64) int64
}

// Kit is what the three functions are made of.
type Kit struct {
	HubSpot               *hubspot.Client
	Zoho                  *zoho.Client
	Pairs, Parked, Config *dynamo.Rows
	Hasher                consumer.Hasher
	Secrets               *secret.Store

	cloud       *cloud.Cloud
	chance      Chance
	log         *slog.Logger
	conditional bool
}

// Traffic says what of the budget of calls a function draws from.
type Traffic bool

// Live traffic has all of it; what stands behind it leaves it a reserve.
const (
	Live       Traffic = true
	Background Traffic = false
)

// Open makes the parts. It makes no call: what it complains of is in c.Err.
func Open(c *cloud.Cloud, traffic Traffic, chance Chance, log *slog.Logger) *Kit {
	hub, zo, limits := c.HubSpot(), c.Zoho(), c.Budget()
	secrets := secret.New(c.Caller(awsenv.SSM), c.Reader, c.Now)
	token, key := secrets.One(settings.HubSpotAccessToken), secrets.One(settings.PairKey)
	tokens := zohoaccess.Open(c, zo, chance.Int64)
	pairs, parked, config := c.Rows(dynamo.Pairs), c.Rows(dynamo.Parked), c.Rows(dynamo.Config)
	calls := budget.Config{
		Connection: crm.DefaultConnection, Parallel: parallel, Live: bool(traffic), Caller: chance.NewID(), Store: config, HTTP: http.DefaultTransport,
		Now: c.Now, Sleep: cloud.Sleep, Log: log,
	}
	return &Kit{
		HubSpot: hubspot.New(hubspot.Config{
			BaseURL: hub.URL, Bearer: token, AppID: hub.AppID, HTTP: budget.HubSpot(calls, limits), Now: c.Now, Sleep: cloud.Sleep,
		}),
		Zoho: zoho.New(zoho.Config{
			Tokens: tokens, BaseURL: zo.URL, HTTP: budget.Zoho(calls, limits), Now: c.Now, Sleep: cloud.Sleep, Breaker: rest.NewBreaker(c.Now),
		}),
		Pairs: pairs, Parked: parked, Config: config, Hasher: hasher(key, uint8(c.Int("PAIR_KEY_ID", 1, 1, 255))), Secrets: secrets,
		cloud: c, chance: chance, log: log, conditional: zo.Conditional,
	}
}

// hasher reads the key when it is first asked, which costs a start nothing, and uses that key from then on: its number was
// given at the start, and a key is exchanged together with its number. A failure is not remembered.
func hasher(key func(context.Context) (crm.Secret, error), number uint8) consumer.Hasher {
	var known atomic.Pointer[pair.Hasher]
	return func(ctx context.Context) (pair.Hasher, error) {
		if h := known.Load(); h != nil {
			return *h, nil
		}
		const op = "pairwork.Hasher"
		k, err := key(ctx)
		if err != nil {
			return pair.Hasher{}, &fault.Error{Op: op, Kind: fault.KindOf(err), After: fault.After(err), Err: fmt.Errorf("%s: %w", settings.PairKey, err)}
		}
		h, err := pair.NewHasher(k, number)
		if err != nil {
			return pair.Hasher{}, &fault.Error{Op: op, Kind: fault.Setup, Err: fmt.Errorf("%s %w", settings.PairKey, err)}
		}
		known.CompareAndSwap(nil, &h) // of several who ask at once, all use the same
		return *known.Load(), nil
	}
}

// Chats is the table of who has written on WhatsApp, nil on a stack that has none: an erasure takes it along, and a contact who
// wrote before it was created is the one whose messages are logged.
func Chats(c *cloud.Cloud) conversation.Store {
	rows := c.Rows(dynamo.Chats)
	if c.WhatsAppNumber() == "" {
		return nil
	}
	return rows
}

// Queues are both queues of operations, by the source of what they carry.
func (k *Kit) Queues() consumer.Queues {
	fromHubSpot, fromZoho := k.queues()
	return consumer.Queues{crm.HubSpot: fromHubSpot, crm.Zoho: fromZoho}
}

func (k *Kit) queues() (fromHubSpot, fromZoho queue.SQS) {
	sqs, urls := k.cloud.Config(awsenv.SQS), k.cloud.Queues()
	return queue.Open(sqs, urls.FromHubSpot), queue.Open(sqs, urls.FromZoho)
}

// Consumer returns the adapters of the consumer that drains the queue of a source, but for its counted attempts and the rules.
func (k *Kit) Consumer(drains crm.System) consumer.Adapters {
	fromHubSpot, fromZoho := k.queues()
	own := fromHubSpot
	if drains == crm.Zoho {
		own = fromZoho
	}
	return consumer.Adapters{
		HubSpot: k.HubSpot, Zoho: k.Zoho, Pairs: k.Pairs, Parked: k.Parked, Config: k.Config, Hasher: k.Hasher,
		Waiter: own, Queues: consumer.Queues{crm.HubSpot: fromHubSpot, crm.Zoho: fromZoho},
		NewID: k.chance.NewID, Rand: k.chance.Int64, Now: k.cloud.Now, Sleep: cloud.Sleep, Log: k.log,
		Parallel: parallel, Conditional: k.conditional,
	}
}

// Rules returns what holds where the config table says nothing else. A stack that was never switched on is off.
func Rules(s settings.Rules) consumer.Rules {
	return consumer.Rules{Start: cmp.Or(s.Mode, crm.Off), Options: mapping.Options{
		PhoneRegion: s.PhoneRegion, LastName: s.LastName, Leads: s.Leads, PhoneMatch: s.PhoneMatch,
	}}
}
