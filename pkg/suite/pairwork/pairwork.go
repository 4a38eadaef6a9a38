// Package pairwork is what zohoConsumer, hubspotConsumer and reconcile have in common in AWS: both CRMs, the queues of
// operations, the tables of pairs and the key of their hashes. It wires no handler.
package pairwork

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"

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
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/consumer"
	"crm-connector/pkg/suite/zohoaccess"
)

// parallel is how many requests to a CRM one invocation has out at a time.
const parallel = 4

// minKey is the fewest characters of the key: 128 bits in hexadecimal.
const minKey = 32

// Chance is what a function draws from: ids that never come twice, and numbers from 0 up to below n.
type Chance struct {
	NewID func() string
	Int64 func(n int64) int64
}

// Kit is what the three functions are made of.
type Kit struct {
	HubSpot               *hubspot.Client
	Zoho                  *zoho.Client
	FromHubSpot, FromZoho queue.SQS // the queues, by the source of what they carry
	Pairs, Parked, Config *dynamo.Rows
	Hasher                pair.Hasher

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

// Open makes the parts. It makes one call, and that only where the key of the hashes lies in the store of secrets: without
// the right key nothing can be compared, so that a function which cannot have it does not start.
func Open(ctx context.Context, c *cloud.Cloud, traffic Traffic, chance Chance, log *slog.Logger) (*Kit, error) {
	hub, zo, urls, limits := c.HubSpot(), c.Zoho(), c.Queues(), c.Budget()
	secrets := secret.New(c.Config(awsenv.SSM), c.Reader, c.Now)
	token, key := secrets.One(settings.HubSpotAccessToken), secrets.One(settings.PairKey)
	tokens := zohoaccess.Open(c, zo, chance.Int64)
	sqs, pairs, parked, config := c.Config(awsenv.SQS), c.Rows(dynamo.Pairs), c.Rows(dynamo.Parked), c.Rows(dynamo.Config)
	calls := budget.Config{
		Connection: crm.DefaultConnection, Parallel: parallel, Live: bool(traffic), Caller: chance.NewID(), Store: config, HTTP: http.DefaultTransport,
		Now: c.Now, Sleep: cloud.Sleep, Log: log,
	}
	k := &Kit{
		HubSpot: hubspot.New(hubspot.Config{
			BaseURL: hub.URL, Bearer: token, AppID: hub.AppID, HTTP: budget.HubSpot(calls, limits), Now: c.Now, Sleep: cloud.Sleep,
		}),
		Zoho: zoho.New(zoho.Config{
			Tokens: tokens, BaseURL: zo.URL, HTTP: budget.Zoho(calls, limits), Now: c.Now, Sleep: cloud.Sleep, Breaker: rest.NewBreaker(c.Now),
		}),
		FromHubSpot: queue.Open(sqs, urls.FromHubSpot), FromZoho: queue.Open(sqs, urls.FromZoho),
		Pairs: pairs, Parked: parked, Config: config,
		Hasher: pair.Hasher{KeyID: uint8(c.Int("PAIR_KEY_ID", 1, 1, 255))},
		cloud:  c, chance: chance, log: log, conditional: zo.Conditional,
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	var err error
	if k.Hasher.Key, err = key(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", settings.PairKey, err)
	}
	if len(k.Hasher.Key.Reveal()) < minKey {
		return nil, fmt.Errorf("%s has less than %d characters", settings.PairKey, minKey)
	}
	return k, nil
}

// Queues are both queues, by the source of what they carry.
func (k *Kit) Queues() consumer.Queues {
	return consumer.Queues{crm.HubSpot: k.FromHubSpot, crm.Zoho: k.FromZoho}
}

// Consumer returns the adapters of a consumer, but for the queue that it drains, its counted attempts and the rules.
func (k *Kit) Consumer() consumer.Adapters {
	return consumer.Adapters{
		HubSpot: k.HubSpot, Zoho: k.Zoho, Pairs: k.Pairs, Parked: k.Parked, Config: k.Config, Queues: k.Queues(), Hasher: k.Hasher,
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
