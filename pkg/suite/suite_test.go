// Package suite_test holds every function of the suite to one thing: what New returns works, wired to nothing but memory.
package suite_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/digest"
	webhookflow "crm-connector/pkg/flow/webhook"
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

func send(t *testing.T, q consumer.Queues, ops ...crm.Operation) {
	t.Helper()
	if err := q.Send(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
}

func TestZohoConsumerCreatesWhatHubSpotTells(t *testing.T) {
	b := newBench()
	b.hubspot.put("7", map[crm.Field]crm.Value{"last_name": crm.Text("Rossi"), "email": crm.Text("m.rossi@example.com")})
	send(t, b.queues(), changed(contact(crm.HubSpot, "7"), noon.Add(-time.Minute)))
	if n := b.drain(t, b.fromHubSpot, zohoconsumer.New(b.consumer(b.fromHubSpot))); n != 0 {
		t.Fatalf("%d go again: %+v", n, b.ended)
	}
	if len(b.zoho.created) != 1 || b.zoho.created[0].HubSpotID != "7" || b.zoho.created[0].Set["last_name"] != crm.Text("Rossi") {
		t.Errorf("created: %+v", b.zoho.created)
	}
	if rows(b.pairs, "P#") != 1 || rows(b.pairs, "N#") != 2 || rows(b.pairs, "L#") != 0 {
		t.Errorf("%d pairs, %d names, %d locks", rows(b.pairs, "P#"), rows(b.pairs, "N#"), rows(b.pairs, "L#"))
	}
	if !strings.Contains(b.lines.String(), `"function":"zohoConsumer"`) || strings.Contains(b.lines.String(), "ossi") {
		t.Errorf("the log says %s", b.lines)
	}
}

func TestHubspotConsumerNeverCreatesInHubSpot(t *testing.T) {
	b := newBench()
	b.zoho.put("9", map[crm.Field]crm.Value{"last_name": crm.Text("Rossi"), "email": crm.Text("m.rossi@example.com")})
	send(t, b.queues(), changed(contact(crm.Zoho, "9"), noon.Add(-time.Minute)))
	if n := b.drain(t, b.fromZoho, hubspotconsumer.New(b.consumer(b.fromZoho))); n != 0 {
		t.Fatalf("%d go again: %+v", n, b.ended)
	}
	if len(b.ended) != 1 || b.ended[0].Ending != fault.Done || len(b.hubspot.created)+len(b.hubspot.written) != 0 || rows(b.parked, "") != 0 {
		t.Errorf("%+v; written to hubspot: %+v", b.ended, b.hubspot.written)
	}
	if !strings.Contains(b.lines.String(), `"function":"hubspotConsumer"`) {
		t.Errorf("the log says %s", b.lines)
	}
}

func TestAStackThatIsOffAcknowledgesWithoutALook(t *testing.T) {
	b := newBench()
	b.hubspot.put("7", map[crm.Field]crm.Value{"last_name": crm.Text("Rossi")})
	send(t, b.queues(), changed(contact(crm.HubSpot, "7"), noon.Add(-time.Minute)))
	a := b.consumer(b.fromHubSpot)
	a.Rules.Start = ""
	if n := b.drain(t, b.fromHubSpot, consumer.New(a)); n != 0 || b.hubspot.calls+b.zoho.calls != 0 {
		t.Errorf("%d again, %d and %d calls", n, b.hubspot.calls, b.zoho.calls)
	}
}

func TestWhatARecordLacksIsParkedAndMailedOnce(t *testing.T) {
	b := newBench()
	b.hubspot.put("7", map[crm.Field]crm.Value{"email": crm.Text("m.rossi@example.com")})
	send(t, b.queues(), changed(contact(crm.HubSpot, "7"), noon.Add(-time.Minute)))
	a := b.consumer(b.fromHubSpot)
	a.Rules.Options.LastName = "require"
	if n := b.drain(t, b.fromHubSpot, zohoconsumer.New(a)); n != 0 || len(b.zoho.created) != 0 {
		t.Fatalf("%d again, created %+v", n, b.zoho.created)
	}
	reporter := failurereporter.New(failurereporter.Adapters{
		Parked: b.parked, Mailer: b.outbox, Links: func(id crm.ID) string { return "https://crm.example.com/" + id.Key },
		Language: "en", From: "connector@example.com", To: "client@example.com", Zone: time.UTC, Now: b.clock, NewID: b.newID,
	})
	for range 2 {
		if _, err := reporter.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(time.Hour)
	}
	mails := b.outbox.Mails()
	if len(mails) != 1 || mails[0].To != "client@example.com" || !strings.Contains(mails[0].Text, "https://crm.example.com/7") || strings.Contains(mails[0].Text, "ossi") {
		t.Errorf("%+v", mails)
	}
}

func TestEveryOperationGoesToTheQueueOfItsSourceOrNoneIsSent(t *testing.T) {
	b := newBench()
	q := b.queues()
	send(t, q)
	send(t, q, changed(contact(crm.Zoho, "1"), noon), changed(contact(crm.HubSpot, "2"), noon), changed(contact(crm.Zoho, "3"), noon))
	waiting := func() [2]int {
		h, _ := b.fromHubSpot.Stats()
		z, _ := b.fromZoho.Stats()
		return [2]int{h, z}
	}
	if got := waiting(); got != [2]int{1, 2} {
		t.Errorf("%v", got)
	}
	stray := changed(contact(crm.WhatsApp, "4"), noon)
	if err := q.Send(t.Context(), []crm.Operation{changed(contact(crm.Zoho, "5"), noon), stray}); fault.KindOf(err) != fault.Ours {
		t.Errorf("a source without a queue: %v", err)
	}
	if got := waiting(); got != [2]int{1, 2} {
		t.Errorf("half of it was sent: %v", got)
	}
	q[crm.Zoho] = brokenQueue{}
	if err := q.Send(t.Context(), []crm.Operation{changed(contact(crm.Zoho, "6"), noon)}); !errors.Is(err, errGone) {
		t.Errorf("a queue that fails: %v", err)
	}
}

var errGone = errors.New("gone")

type brokenQueue struct{}

func (brokenQueue) Send(context.Context, []batch.Entry) error { return errGone }

// source reads one operation out of every delivery, and nothing out of "?".
type source struct {
	fields func(context.Context) (map[crm.Module][]string, error)
	seen   *[]string
}

func (source) Name() string                               { return "hubspot" }
func (source) Path() string                               { return "/webhooks/hubspot" }
func (source) Methods() []string                          { return []string{"POST"} }
func (source) Limit() int                                 { return 1000 }
func (source) Verify(context.Context, door.Request) error { return nil }
func (s source) Read(ctx context.Context, r door.Request) (door.Delivery, error) {
	if string(r.Body) == "?" {
		return door.Delivery{}, door.ErrUnreadable
	}
	names, err := s.fields(ctx)
	if err != nil {
		return door.Delivery{}, err
	}
	*s.seen = names[crm.Contacts]
	return door.Delivery{Operations: []crm.Operation{changed(contact(crm.HubSpot, string(r.Body)), noon)}, Events: 1}, nil
}

func TestTheDoorQueuesWhatItReadsAndKeepsWhatItCannot(t *testing.T) {
	b := newBench()
	settings := &config.Rows{Store: b.config, Now: b.clock}
	if err := settings.Set(t.Context(), config.Fields, []byte("hubspot contact email\nzoho contact Email\n")); err != nil {
		t.Fatal(err)
	}
	var seen []string
	handle := webhook.New(webhook.Adapters{
		Sources: func(n webhook.Notes) []webhookflow.Source {
			return []webhookflow.Source{source{n.Fields(crm.HubSpot), &seen}}
		},
		Queues: map[crm.System]queue.API{crm.HubSpot: b.fromHubSpot, crm.Zoho: b.fromZoho}, Config: b.config, Quarantine: b.quarantine, Now: b.clock, Log: b.log,
	})
	post := func(body string) int {
		return handle(t.Context(), door.Request{
			Method: "POST", Path: "/webhooks/hubspot", Body: []byte(body), Header: http.Header{"Content-Type": {"application/json"}},
		}).Status
	}
	if got := post("7"); got != 200 {
		t.Errorf("a good delivery: %d", got)
	}
	if n, _ := b.fromHubSpot.Stats(); n != 1 || !slices.Equal(seen, []string{"email"}) {
		t.Errorf("%d in the queue; the source saw %q", n, seen)
	}
	if got := post("?"); got != 200 || rows(b.quarantine, "") == 0 {
		t.Errorf("an unreadable one: %d, %d rows in quarantine", got, rows(b.quarantine, ""))
	}
	if !strings.Contains(b.lines.String(), `"function":"webhook"`) {
		t.Errorf("the log says %s", b.lines)
	}
}

// accounts hands out tokens.
type accounts struct{ given int }

func (a *accounts) Refresh(context.Context) (crm.Access, error) {
	a.given++
	return crm.Access{Token: crm.NewSecret("token"), Expires: noon.Add(time.Hour), Base: "https://www.zohoapis.eu"}, nil
}

func TestTheDoorKnowsThePortalThatIsNotedAndAsksForItOnceAMinute(t *testing.T) {
	b := newBench()
	var portal func(context.Context) (string, error)
	webhook.New(webhook.Adapters{
		Sources: func(n webhook.Notes) []webhookflow.Source { portal = n.Portal; return nil }, Config: b.config, Quarantine: b.quarantine, Now: b.clock, Log: b.log,
	})
	settings := &config.Rows{Store: b.config, Now: b.clock}
	want := func(want string) {
		t.Helper()
		if got, err := portal(t.Context()); got != want || err != nil {
			t.Errorf("portal %q, %v, want %q", got, err, want)
		}
	}
	want("")
	if err := settings.Set(t.Context(), config.Portal, []byte("62515")); err != nil {
		t.Fatal(err)
	}
	want("")
	b.now = b.now.Add(config.Fresh)
	want("62515")
}

// hung is a table that does not answer.
type hung struct{ config.Store }

func (hung) Get(ctx context.Context, _ ...row.Key) ([]row.Row, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestATableOfSettingsThatHangsLeavesTheDoorTheTimeForItsQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		webhook.New(webhook.Adapters{
			Sources: func(n webhook.Notes) []webhookflow.Source {
				start := time.Now()
				_, one := n.Fields(crm.HubSpot)(t.Context())
				_, two := n.Portal(t.Context())
				if took := time.Since(start); one == nil || two == nil || took > webhookflow.Patience/2 {
					t.Errorf("%v and %v after %s", one, two, took)
				}
				return nil
			}, Config: hung{b.config}, Quarantine: b.quarantine, Now: b.clock, Log: b.log,
		})
	})
}

func TestATokenIsFetchedOnceForEverybody(t *testing.T) {
	b, at := newBench(), &accounts{}
	refresher := refreshzohotoken.New(refreshzohotoken.Adapters{
		Accounts: at, Tokens: b.tokens, Connection: "main", Now: b.clock, Sleep: b.sleep, NewID: b.newID,
	})
	reader := getzohotoken.New(getzohotoken.Adapters{Tokens: b.tokens, Refresh: refresher, Connection: "main", Now: b.clock})
	for range 3 {
		access, err := reader.Token(t.Context(), 0)
		if err != nil || access.Token.Reveal() != "token" || access.Version != 1 {
			t.Fatalf("%+v, %v", access, err)
		}
	}
	if err := refresher.Run(t.Context()); err != nil || at.given != 1 {
		t.Errorf("%d tokens, %v", at.given, err)
	}
	if access, err := reader.Token(t.Context(), 1); err != nil || access.Version != 2 || at.given != 2 {
		t.Errorf("after a bad one: version %d, %d tokens, %v", access.Version, at.given, err)
	}
}

func TestReconcileQueuesWhatWasNeverHeardOfAndWhatIsDue(t *testing.T) {
	b := newBench()
	b.hubspot.touched = []crm.Touched{{ID: contact(crm.HubSpot, "1"), Modified: noon}}
	b.zoho.touched = []crm.Touched{{ID: contact(crm.Zoho, "2"), Modified: noon}}
	ledger := &digest.Ledger{Store: b.parked, Now: b.clock}
	if err := ledger.Open(t.Context(), fault.Parked{Connection: "main", Record: contact(crm.Zoho, "3"), RetryAt: noon}); err != nil {
		t.Fatal(err)
	}
	run := reconcile.New(reconcile.Adapters{
		HubSpot: b.hubspot, Zoho: b.zoho, Pairs: b.pairs, Parked: b.parked, Config: b.config, Rules: consumer.Rules{Start: crm.On}, Queues: b.queues(), Connection: "main",
		Hasher: b.consumer(nil).Hasher, NewID: b.newID, Now: b.clock, Log: b.log,
	})
	if err := run(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, _ := b.fromHubSpot.Stats()
	z, _ := b.fromZoho.Stats()
	cursor, err := b.config.Get(t.Context(), row.Key{Part: "cursor#main", Sort: "changed#zoho#contact"})
	if h != 1 || z != 2 || err != nil || !strings.Contains(string(cursor[0].Value), `"switches":0`) {
		t.Errorf("%d and %d queued; cursor %+v, %v", h, z, cursor, err)
	}
	if !strings.Contains(b.lines.String(), `"function":"reconcile"`) {
		t.Errorf("the log says %s", b.lines)
	}
}

// channels keeps the one channel that was opened.
type channels struct{ held crm.Channel }

func (c *channels) Channel(context.Context, string) (crm.Channel, error) { return c.held, nil }

func (c *channels) OpenChannel(_ context.Context, ch crm.Channel) (time.Time, error) {
	c.held = ch
	return ch.Ends, nil
}

func (c *channels) ReplaceChannel(ctx context.Context, ch crm.Channel) (time.Time, error) {
	return c.OpenChannel(ctx, ch)
}

func TestRenewZohoChannelOpensTheChannelThatItIsTold(t *testing.T) {
	b, c := newBench(), &channels{}
	r := renewzohochannel.New(renewzohochannel.Adapters{
		Zoho: c, ID: "7", URL: "https://connector.example.com/webhooks/zoho", Now: b.clock, Log: b.log,
		Tokens: func(context.Context) ([]crm.Secret, error) { return []crm.Secret{crm.NewSecret("channel-token")}, nil },
	})
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h := c.held; h.ID != "7" || h.URL != "https://connector.example.com/webhooks/zoho" || h.Token.Reveal() != "channel-token" || len(h.Notices) != 6 {
		t.Errorf("%+v", h)
	}
	if !strings.Contains(b.lines.String(), `"function":"renewZohoChannel"`) || strings.Contains(b.lines.String(), "channel-token") {
		t.Errorf("the log says %s", b.lines)
	}
}
