// Package sandbox is the whole suite in one process: the handlers of every function, wired by suite, over queues and
// tables in memory. The desk gives it sockets and the wall clock, the simulator gives it model time and faults. It holds no
// rule of its own.
package sandbox

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/apigw"
	"crm-connector/pkg/adapter/budget"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	webhookflow "crm-connector/pkg/flow/webhook"
	"crm-connector/pkg/flow/zohotoken"
	"crm-connector/pkg/suite/consumer"
	"crm-connector/pkg/suite/failurereporter"
	"crm-connector/pkg/suite/getzohotoken"
	"crm-connector/pkg/suite/hubspotconsumer"
	"crm-connector/pkg/suite/reconcile"
	"crm-connector/pkg/suite/refreshzohotoken"
	"crm-connector/pkg/suite/renewzohochannel"
	"crm-connector/pkg/suite/webhook"
	"crm-connector/pkg/suite/zohoconsumer"
)

// Timings of the queues, as the template has them.
const (
	visibility  = 270 * time.Second
	maxReceives = 1000
	retention   = 14 * 24 * time.Hour
)

// callers is how many calls the consumers of one process may have under way: eight invocations with four each.
const callers = 32

// Ample is a budget for a CRM that has no limits of its own, like a sandbox.
var Ample = settings.Budget{HubSpotIn10s: 10_000_000, HubSpotDaily: 100_000_000, ZohoCredits: 100_000_000, ZohoConcurrent: 1000, Reserve: 20}

// Store is a table of rows.
type Store interface {
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	Put(ctx context.Context, puts ...row.Put) error
	List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error)
}

// Queue is a queue as senders and consumers use it.
type Queue interface {
	queue.API
	Hide(ctx context.Context, waits []batch.Wait) error
}

// HubSpot says how HubSpot is reached and how its deliveries are verified.
type HubSpot struct {
	URL         string
	Token       crm.Secret
	AppID       string
	Secrets     []crm.Secret // that sign deliveries
	WebhookURLs []string     // that deliveries are signed for
	AllowV1     bool
	HTTP        http.RoundTripper
}

// Zoho says how Zoho is reached and which channel it notifies.
type Zoho struct {
	URL          string // of the API; also the only api_domain that is accepted beside Zoho's own
	AccountsURL  string
	ClientID     string
	ClientSecret crm.Secret
	RefreshToken crm.Secret
	AccessToken  crm.Secret // used as it is when set; nothing is refreshed then
	ChannelID    string
	ChannelToken crm.Secret
	WebhookURL   string // where the channel sends; "": the channel is somebody else's business and never renewed
	HTTP         http.RoundTripper
}

// Report says who is told of parked operations.
type Report struct {
	From, To string
	Language string // it or en
	Zone     *time.Location
	Links    func(crm.ID) string
}

// Parts is everything that the suite touches outside itself.
type Parts struct {
	HubSpot     HubSpot
	Zoho        Zoho
	WhatsApp    WhatsApp
	Conversions Conversions
	Report      Report
	Budget      settings.Budget
	Rules       consumer.Rules
	Hasher      pair.Hasher
	Now         func() time.Time
	Sleep       func(ctx context.Context, d time.Duration) bool
	Rand        func(n int64) int64
	NewID       func() string
	Log         *slog.Logger
	Count       webhookflow.Counter
	Ended       func(batch.Message, fault.Outcome)

	WrapStore   func(name string, s Store) Store    // puts faults before a table; may be nil
	WrapQueue   func(name string, q Queue) Queue    // puts faults before a queue; may be nil
	Left        func(context.Context) time.Duration // what is left of an invocation; nil: until its deadline
	Parallel    int                                 // requests to a CRM at a time in one invocation
	Conditional bool                                // the Zoho org refuses stale conditional writes
	Visibility  time.Duration                       // of a delivered message; 0: as the template has it
}

// Suite is the running whole.
type Suite struct {
	// Door answers one event of API Gateway.
	Door func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)
	// Enter answers one request.
	Enter func(context.Context, door.Request) door.Answer
	// Lanes are the queues with the consumer of each.
	Lanes []*Lane
	// Functions are the scheduled ones, by name.
	Functions map[string]func(context.Context) error
	Outbox    *memory.Outbox
	Tables    map[string]*memory.Rows
	HubSpot   *hubspot.Client
	Zoho      *zoho.Client
}

// Lane is a queue and the function that drains it.
type Lane struct {
	Name     string // as /desk/state spells it
	Source   string // of what is in it
	Function string
	Queue    *memory.Queue
	Dead     *memory.Queue
	Handle   Handler
}

// The names of the tables.
const (
	Pairs      = "pairs"
	Parked     = "parked"
	Attempts   = "attempts"
	Config     = "config"
	Tokens     = "tokens"
	Quarantine = "quarantine"
	Chats      = "chats"
	Counts     = "conversions"
)

// New builds the suite.
func New(p Parts) *Suite {
	s := &Suite{Outbox: &memory.Outbox{}, Tables: map[string]*memory.Rows{}, Functions: map[string]func(context.Context) error{}}
	table := func(name string) Store {
		s.Tables[name] = memory.NewRows(p.Now)
		if p.WrapStore == nil {
			return s.Tables[name]
		}
		return p.WrapStore(name, s.Tables[name])
	}
	pairs, parked, attempts, config, tokens, quarantine := table(Pairs), table(Parked), table(Attempts), table(Config), table(Tokens), table(Quarantine)
	counts := table(Counts)
	zohoLane, hubspotLane := p.lane("zohoOperations", string(crm.HubSpot), "zohoConsumer", visibility), p.lane("hubspotOperations", string(crm.Zoho), "hubspotConsumer", visibility)
	s.Lanes = []*Lane{zohoLane, hubspotLane}
	fromHubSpot, fromZoho := p.queue(zohoLane), p.queue(hubspotLane)
	queues := consumer.Queues{crm.HubSpot: fromHubSpot, crm.Zoho: fromZoho}

	access, breaker := s.tokens(p, tokens), rest.NewBreaker(p.Now)
	crms := func(b budget.Config) (*hubspot.Client, *zoho.Client) {
		b.Connection, b.Parallel, b.Store, b.Now, b.Sleep, b.Log = crm.DefaultConnection, callers, config, p.Now, p.Sleep, p.Log
		hub, zo := b, b
		hub.HTTP, zo.HTTP = p.HubSpot.HTTP, p.Zoho.HTTP
		return hubspot.New(hubspot.Config{
				BaseURL: p.HubSpot.URL, Token: p.HubSpot.Token, AppID: p.HubSpot.AppID, HTTP: budget.HubSpot(hub, p.Budget), Now: p.Now, Sleep: p.Sleep,
			}), zoho.New(zoho.Config{
				Tokens: access, BaseURL: p.Zoho.URL, HTTP: budget.Zoho(zo, p.Budget), Now: p.Now, Sleep: p.Sleep, Breaker: breaker,
			})
	}
	s.HubSpot, s.Zoho = crms(budget.Config{Caller: "consumers", Live: true})
	hubspotBehind, zohoBehind := crms(budget.Config{Caller: "reconcile"})

	adapters := consumer.Adapters{
		HubSpot: s.HubSpot, Zoho: s.Zoho, Pairs: pairs, Parked: parked, Counts: attempts, Config: config, Queues: queues,
		Rules: p.Rules, Hasher: consumer.Hash(p.Hasher), NewID: p.NewID, Now: p.Now, Sleep: p.Sleep, Rand: p.Rand, Log: p.Log, Left: p.Left, Ended: p.Ended,
		Quarantine: quarantine, Entries: p.entries(counts), Parallel: p.Parallel, Conditional: p.Conditional,
	}
	if p.WhatsApp.Number != "" {
		adapters.Chats = table(Chats)
	}
	adapters.Waiter = fromHubSpot
	zohoLane.Handle = zohoconsumer.New(adapters).Handle
	adapters.Waiter = fromZoho
	hubspotLane.Handle = hubspotconsumer.New(adapters).Handle
	carriers := map[string]queue.API{}
	messages, metrics := s.conversations(p, adapters, carriers), s.counting(p, counts, carriers)
	s.Enter = routed(webhook.New(webhook.Adapters{
		Sources: p.sources, Queues: queues, Carriers: carriers, Absent: p.absent(), Config: config, Quarantine: quarantine, Now: p.Now, Log: p.Log, Count: p.Count,
	}), messages, metrics)
	s.Door = apigw.Handler(s.Enter)

	reporter := failurereporter.New(failurereporter.Adapters{
		Parked: parked, Mailer: s.Outbox, Links: p.Report.Links, Language: p.Report.Language, From: p.Report.From, To: p.Report.To,
		Zone: p.Report.Zone, Now: p.Now, NewID: p.NewID,
	})
	s.Functions["failureReporter"] = func(ctx context.Context) error { _, err := reporter.Run(ctx); return err }
	s.Functions["reconcile"] = reconcile.New(reconcile.Adapters{
		HubSpot: hubspotBehind, Zoho: zohoBehind, Pairs: pairs, Parked: parked, Config: config, Rules: p.Rules, Hasher: adapters.Hasher,
		Queues:     consumer.Queues{crm.HubSpot: fromHubSpot, crm.Zoho: fromZoho, crm.WhatsApp: carriers[string(crm.WhatsApp)]},
		Connection: crm.DefaultConnection, NewID: p.NewID, Now: p.Now, Log: p.Log,
	})
	if p.Zoho.WebhookURL != "" {
		s.Functions["renewZohoChannel"] = renewzohochannel.New(renewzohochannel.Adapters{
			Zoho: s.Zoho, ID: p.Zoho.ChannelID, URL: p.Zoho.WebhookURL, Now: p.Now, Log: p.Log,
			Tokens: func(context.Context) ([]crm.Secret, error) { return []crm.Secret{p.Zoho.ChannelToken}, nil },
		}).Run
	}
	return s
}

func (p Parts) lane(name, source, function string, visibility time.Duration) *Lane {
	dead := memory.NewQueue(memory.QueueConfig{Name: name + "Dead", Retention: retention, Now: p.Now})
	return &Lane{Name: name, Source: source, Function: function, Dead: dead, Queue: memory.NewQueue(memory.QueueConfig{
		Name: name, Visibility: cmp.Or(p.Visibility, visibility), MaxReceives: maxReceives, Retention: retention, DeadLetter: dead, Now: p.Now,
	})}
}

func (p Parts) queue(l *Lane) Queue {
	if p.WrapQueue == nil {
		return l.Queue
	}
	return p.WrapQueue(l.Name, l.Queue)
}

// sources are the senders that the door knows.
func (p Parts) sources(n webhook.Notes) []webhookflow.Source {
	return append([]webhookflow.Source{
		hubspot.NewSource(hubspot.SourceConfig{
			Secrets: func(context.Context) ([]crm.Secret, error) { return p.HubSpot.Secrets, nil }, URLs: p.HubSpot.WebhookURLs,
			AllowV1: p.HubSpot.AllowV1, AppID: p.HubSpot.AppID, Now: p.Now, Fields: n.Fields(crm.HubSpot), Portal: n.Portal,
		}),
		zoho.NewChannel(zoho.ChannelConfig{
			Keys: func(context.Context) ([]zoho.ChannelKey, error) {
				return []zoho.ChannelKey{{ID: p.Zoho.ChannelID, Token: p.Zoho.ChannelToken}}, nil
			},
			Now: p.Now, Fields: n.Fields(crm.Zoho),
		}),
	}, p.callers()...)
}

// tokens wires refreshZohoToken and getZohoToken, and returns where the consumers ask.
func (s *Suite) tokens(p Parts, table Store) zoho.Tokens {
	if !p.Zoho.AccessToken.IsZero() {
		return zohotoken.Fixed{Access: crm.Access{Token: p.Zoho.AccessToken, Base: p.Zoho.URL}}
	}
	refresher := refreshzohotoken.New(refreshzohotoken.Adapters{
		Accounts: zoho.NewAccounts(zoho.AccountsConfig{
			BaseURL: p.Zoho.AccountsURL, ClientID: p.Zoho.ClientID, ClientSecret: p.Zoho.ClientSecret, RefreshToken: p.Zoho.RefreshToken,
			APIURL: p.Zoho.URL, HTTP: p.Zoho.HTTP, Now: p.Now,
		}),
		Tokens: table, Connection: crm.DefaultConnection, Now: p.Now, Sleep: p.Sleep, NewID: p.NewID,
	})
	s.Functions["refreshZohoToken"] = refresher.Run
	reader := getzohotoken.New(getzohotoken.Adapters{Tokens: table, Refresh: refresher, Connection: crm.DefaultConnection, Now: p.Now})
	return &zohotoken.Source{Vendor: reader, Now: p.Now}
}

// Poll hands one batch of a lane to its consumer, as Lambda's event source mapping does, and deletes what was not handed
// back. It reports how many messages it took; 0 when none can be delivered now.
func (l *Lane) Poll(ctx context.Context) (int, error) {
	deliveries := l.Queue.Receive(batch.MaxEntries)
	if len(deliveries) == 0 {
		return 0, nil
	}
	answer, err := l.Handle(ctx, queue.Event("arn:aws:sqs:eu-south-1:000000000000:"+l.Name, deliveries))
	if err != nil {
		return len(deliveries), err
	}
	return len(deliveries), l.Acknowledge(deliveries, answer)
}

// Acknowledge deletes the deliveries that the answer does not hand back. A receipt that has expired meanwhile belongs to a
// message that will come again: that is no error.
func (l *Lane) Acknowledge(deliveries []batch.Delivery, answer events.SQSEventResponse) error {
	back := map[string]bool{}
	for _, f := range answer.BatchItemFailures {
		back[f.ItemIdentifier] = true
	}
	for _, d := range deliveries {
		if back[d.ID] {
			continue
		}
		if err := l.Queue.Delete(d.Receipt); err != nil && !errors.Is(err, memory.ErrReceiptExpired) {
			return err
		}
	}
	return nil
}
