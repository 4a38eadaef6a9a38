package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/rules"
)

// searchLag is how far the sandboxes' searches lag behind writes: HubSpot says "a few moments".
const searchLag = 2 * time.Second

// How many batches of each lane are worked on at a time: the MaximumConcurrency of the template's mappings.
var concurrency = map[string]int{"zohoOperations": 5, "hubspotOperations": 3, "whatsappOperations": 3, "conversionEvents": 8}

// pulse is how often the desk looks for something to do.
const pulse = 20 * time.Millisecond

// Desk is the suite on sockets and the wall clock, between sandbox CRMs or real ones.
type Desk struct {
	set     Settings
	suite   *Suite
	counts  *counts
	hubspot *hubspottest.Server  // nil: the real one
	zoho    *zohotest.Server     // nil: the real one
	meta    *whatsapptest.Server // nil: the real one, or none
	people  *people              // who write to the sandbox WhatsApp
	out     io.Writer
	now     func() time.Time
	log     *slog.Logger
	newID   func() string
	mu      sync.Mutex // of out
}

// NewDesk builds a desk. Lines for people go to out, log lines to log.
func NewDesk(set Settings, out io.Writer, log *slog.Logger, now func() time.Time, newID func() string) (*Desk, error) {
	d := &Desk{set: set, out: out, now: now, log: log, newID: newID, counts: newCounts()}
	if set.HubSpot.URL == "" {
		d.set.HubSpot.URL = "http://" + set.HubSpotAddr
		d.hubspot = hubspottest.New(hubspottest.Options{
			Now: now, Sleep: Sleep, Token: set.HubSpot.Token.Reveal(), AppID: set.HubSpot.AppID, ClientSecret: set.HubSpot.Secrets[0].Reveal(),
			Webhook: set.HubSpot.WebhookURLs[0], Send: d.deliver, SearchLag: searchLag, Properties: hubspotProperties(),
		})
	}
	if set.Zoho.URL == "" {
		d.set.Zoho.URL, d.set.Zoho.AccountsURL = "http://"+set.ZohoAddr, "http://"+set.ZohoAddr
		d.zoho = zohotest.New(zohotest.Options{
			Now: now, Sleep: Sleep, APIDomain: d.set.Zoho.URL, ClientID: set.Zoho.ClientID, ClientSecret: set.Zoho.ClientSecret.Reveal(),
			RefreshToken: set.Zoho.RefreshToken.Reveal(), ChannelID: set.Zoho.ChannelID, ChannelToken: set.Zoho.ChannelToken.Reveal(),
			NotifyURL: set.Zoho.WebhookURL, Send: d.deliver, SearchLag: searchLag, Fields: zohoFields(),
		})
	}
	if set.WhatsApp.URL == "" && set.WhatsApp.Number != "" {
		d.set.WhatsApp.URL = "http://" + set.MetaAddr
		d.meta = whatsapptest.New(whatsapptest.Options{
			Now: now, Sleep: Sleep, Token: set.WhatsApp.Token.Reveal(), AppSecret: set.WhatsApp.Secrets[0].Reveal(),
			VerifyToken: set.WhatsApp.VerifyTokens[0].Reveal(), Numbers: []whatsapptest.Number{{ID: set.WhatsApp.Number, Display: whatsapptest.DefaultDisplay}},
			Webhook: "http://" + reach(set.Addr) + whatsapp.Path, Send: d.deliver, ReadAfter: 4 * time.Second,
		})
		d.people = &people{meta: d.meta, number: set.WhatsApp.Number}
	}
	d.set.HubSpot.HTTP, d.set.Zoho.HTTP, d.set.WhatsApp.HTTP = http.DefaultTransport, http.DefaultTransport, http.DefaultTransport
	d.set.Report.Links = d.link
	d.suite = New(Parts{
		HubSpot: d.set.HubSpot, Zoho: d.set.Zoho, WhatsApp: d.set.WhatsApp, Conversions: d.set.Conversions,
		Report: d.set.Report, Budget: set.Budget, Rules: set.Rules,
		Hasher: pair.Hasher{Key: crm.NewSecret(newID()), KeyID: 1}, Now: now, Sleep: Sleep, Rand: rand.Int64N, NewID: newID,
		Log: log, Count: d.counts, Ended: d.ended, WrapQueue: d.counted, Parallel: 4,
		Conditional: d.zoho != nil, // the sandbox refuses a stale write; for a real org that must be seen first
	})
	for _, l := range d.suite.Lanes {
		if l.Source == conversions.Name {
			l.Handle = d.telling(l.Handle)
		}
	}
	book := rules.New(&config.Rows{Store: d.suite.Tables[Config], Now: now}, set.Rules, now, log)
	return d, book.Publish(context.Background())
}

// Sleep waits for d or until the context ends, and reports whether it waited to the end.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// counted puts a queue behind the count of operations that were received, repeats left out.
func (d *Desk) counted(_ string, q Queue) Queue {
	lane, ok := q.(*memory.Queue)
	if !ok {
		return q
	}
	return &countedQueue{Queue: q, lane: lane, counts: d.counts}
}

type countedQueue struct {
	Queue
	lane   *memory.Queue
	counts *counts
}

func (q *countedQueue) Send(ctx context.Context, entries []batch.Entry) error {
	sent, err := q.lane.Put(ctx, entries...)
	if err != nil {
		return err
	}
	for _, d := range sent {
		if q.counts.first(q.lane.Name() + d.Sequence) {
			q.counts.add("received", 1)
		} else {
			q.counts.add("duplicates", 1)
		}
	}
	return nil
}

// Run serves until the context ends.
func (d *Desk) Run(ctx context.Context) error {
	servers := []struct {
		name, addr string
		handler    http.Handler
	}{{"the door", d.set.Addr, d.routes()}}
	if d.hubspot != nil {
		servers = append(servers, struct {
			name, addr string
			handler    http.Handler
		}{"the sandbox HubSpot", d.set.HubSpotAddr, d.hubspot})
	}
	if d.zoho != nil {
		servers = append(servers, struct {
			name, addr string
			handler    http.Handler
		}{"the sandbox Zoho", d.set.ZohoAddr, d.zoho})
	}
	if d.meta != nil {
		servers = append(servers, struct {
			name, addr string
			handler    http.Handler
		}{"the sandbox WhatsApp", d.set.MetaAddr, d.people.routes(d.meta)})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	failed := make(chan error, len(servers))
	for _, s := range servers {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
		if err != nil {
			cancel()
			return fmt.Errorf("%s cannot listen on %s (free that port; SUITE_ADDR moves the door, HUBSPOT_API_URL, ZOHO_API_URL and WHATSAPP_API_URL replace the sandboxes): %w", s.name, s.addr, err)
		}
		server := &http.Server{Handler: s.handler, ReadHeaderTimeout: 5 * time.Second}
		wg.Go(func() { failed <- server.Serve(listener) })
		wg.Go(func() {
			<-ctx.Done()
			stop, done := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer done()
			_ = server.Shutdown(stop) // what is still open after two seconds is cut by the end of the process
		})
	}
	d.welcome()
	d.loops(ctx, &wg)
	if d.set.OpenChannel {
		wg.Go(func() { d.openChannel(ctx) })
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	}
}

// loops starts everything that happens by itself: batches, deliveries, schedules.
func (d *Desk) loops(ctx context.Context, wg *sync.WaitGroup) {
	for _, l := range d.suite.Lanes {
		for range concurrency[l.Name] {
			wg.Go(func() { d.every(ctx, pulse, func() { d.drain(ctx, l) }) })
		}
	}
	if d.hubspot != nil {
		wg.Go(func() { d.every(ctx, pulse, d.hubspot.Tick) })
	}
	if d.zoho != nil {
		wg.Go(func() { d.every(ctx, pulse, d.zoho.Tick) })
	}
	if d.meta != nil {
		wg.Go(func() { d.every(ctx, pulse, d.meta.Tick) })
	}
	for name, run := range d.suite.Functions {
		period := schedules[name]
		if name == "failureReporter" {
			period = d.set.ReportEvery
		}
		wg.Go(func() { d.every(ctx, period, func() { d.scheduled(ctx, name, run) }) })
	}
}

// openChannel has Zoho tell this desk of its changes from now on, and says whether it does.
func (d *Desk) openChannel(ctx context.Context) {
	err := d.suite.Functions["renewZohoChannel"](ctx)
	if ctx.Err() != nil {
		return
	}
	line := "Zoho's notification channel " + d.set.Zoho.ChannelID + " sends to " + d.set.Zoho.WebhookURL
	if err != nil {
		line = fmt.Sprintf("Zoho's notification channel is not open, and tells this desk nothing: %v (POST /desk/run/renewZohoChannel tries again)", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintln(d.out, line)
}

func (d *Desk) every(ctx context.Context, period time.Duration, do func()) {
	for Sleep(ctx, period) {
		do()
	}
}

// drain works a lane until nothing of it can be delivered. An invocation has the 45 s of the template.
func (d *Desk) drain(ctx context.Context, l *Lane) {
	for ctx.Err() == nil {
		invocation, cancel := context.WithTimeout(ctx, 45*time.Second)
		n, err := l.Poll(invocation)
		cancel()
		if err != nil {
			d.log.Error("a batch failed", "function", l.Function, "err", err)
		}
		if n == 0 {
			return
		}
	}
}

func (d *Desk) scheduled(ctx context.Context, name string, run func(context.Context) error) {
	if err := run(ctx); err != nil && ctx.Err() == nil {
		d.log.Warn("a scheduled function failed and runs again at its next time", "function", name, "err", err)
	}
}

// deliver sends a sandbox's webhook to the door. HubSpot waits five seconds for an answer.
func (d *Desk) deliver(r *http.Request) (int, error) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	resp, err := http.DefaultTransport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode, err
}

// ended prints one readable line an operation.
func (d *Desk) ended(m batch.Message, o fault.Outcome) {
	word := "nothing to do"
	switch {
	case o.Ending == fault.Done && o.Applied:
		word = "applied"
		d.counts.add("applied", 1)
	case o.Ending == fault.Done:
		d.counts.add("nothing", 1)
		if o.Covered {
			d.counts.add("covered", 1)
		}
	case o.Ending == fault.ParkedAway:
		word = "parked"
		d.counts.add("parked", 1)
	default:
		word = "again"
		d.counts.add("again", 1)
	}
	if len(o.Told) > 0 {
		d.counts.add("told", len(o.Told))
		word += ", " + toldWords(o.Told)
	}
	note := o.Note
	if note == "" {
		note = reason(o)
	}
	if note != "" && note != "nothing to do" && note != word {
		note = ": " + note
	} else {
		note = ""
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.out, "%s  %-7s %-40s → %s%s\n", d.now().Format(time.TimeOnly), m.Operation.Verb, m.Operation.Record(), word, note)
}

// telling prints one readable line an event that was counted, or was known already. Who it is about stays out of it.
func (d *Desk) telling(handle Handler) Handler {
	return func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		answer, err := handle(ctx, e)
		for _, r := range e.Records {
			s, unreadable := submission.Open(r.Body)
			word, what := "applied", string(s.Event.Channel)+"/"+string(s.Event.Type)
			back := slices.ContainsFunc(answer.BatchItemFailures, func(f events.SQSBatchItemFailure) bool { return f.ItemIdentifier == r.MessageId })
			switch {
			case back || err != nil:
				word = "again"
			case unreadable != nil:
				word, what = "parked", "unreadable"
			}
			d.counts.add(word, 1)
			d.mu.Lock()
			fmt.Fprintf(d.out, "%s  %-7s %-40s → %s\n", d.now().Format(time.TimeOnly), "event", conversions.Name+"/"+what, word)
			d.mu.Unlock()
		}
		return answer, err
	}
}

// reason says why an operation waits or was given up on, in as few words as it was told.
func reason(o fault.Outcome) string {
	e, ok := errors.AsType[*fault.Error](o.Err)
	switch {
	case o.Err == nil && o.Ending == fault.GoAgain:
		return "behind the one before it"
	case o.Err == nil:
		return ""
	case ok && e.Kind == fault.Busy && e.Err != nil:
		return e.Err.Error()
	}
	return o.Err.Error()
}

func toldWords(rows []fault.Parked) string {
	words := make([]string, len(rows))
	for i, r := range rows {
		if words[i] = "told the client (" + string(r.Hint) + ")"; r.Field != "" {
			words[i] = fmt.Sprintf("%s held (%s)", r.Field, r.Hint)
		}
	}
	return strings.Join(words, ", ")
}

// link is where a record is seen: in a sandbox, its own JSON.
func (d *Desk) link(id crm.ID) string {
	plural := map[crm.Module]string{crm.Contacts: "contacts", crm.Companies: "companies", crm.Leads: "leads"}[id.Module]
	if id.System == crm.HubSpot {
		return d.set.HubSpot.URL + "/crm/objects/" + hubspottest.Version + "/" + plural + "/" + id.Key
	}
	tab := map[crm.Module]string{crm.Contacts: "Contacts", crm.Companies: "Accounts", crm.Leads: "Leads"}[id.Module]
	return d.set.Zoho.URL + "/crm/v8/" + tab + "/" + id.Key
}
