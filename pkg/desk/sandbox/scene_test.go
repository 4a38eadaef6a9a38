package sandbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/digest"
)

// props are values by the vendor's own property names.
type props = map[string]string

// scene is a world as a test sees it: from outside, in model time. Its methods end the test when the world itself fails.
type scene struct {
	*sandbox.World
	t *testing.T
}

// usual is how the vendors behave when nothing else is said: notifications take their time, searches lag.
func usual() sandbox.WorldOptions {
	return sandbox.WorldOptions{
		HubSpot: hubspottest.Options{SearchLag: 5 * time.Second},
		Zoho:    zohotest.Options{SearchLag: 5 * time.Second, NotifyDelay: 1500 * time.Millisecond, Users: []zohotest.User{giulia}},
	}
}

// giulia has an account in both systems.
var giulia = zohotest.User{ID: "4876876000000225099", Name: "Giulia Ferri", Email: "giulia.ferri@example.com"}

// stage builds a world and lets its first schedules pass. Worlds share nothing, so the test runs beside others.
func stage(t *testing.T, change ...func(*sandbox.WorldOptions)) *scene {
	t.Helper()
	t.Parallel()
	return plainStage(t, change...)
}

// plainStage is a stage of a test that runs in its turn.
func plainStage(t *testing.T, change ...func(*sandbox.WorldOptions)) *scene {
	t.Helper()
	o := usual()
	for _, c := range change {
		c(&o)
	}
	if o.Log == nil && testing.Verbose() {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	w, err := sandbox.NewWorld(o)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{World: w, t: t}
	s.pass(10 * time.Second)
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// pass lets model time go by.
func (s *scene) pass(d time.Duration) {
	s.t.Helper()
	s.must(s.Run(s.t.Context(), d))
}

// settle lets a minute go by, which is enough for anything that nothing is wrong with, and wants the queues empty after it.
func (s *scene) settle() {
	s.t.Helper()
	s.pass(time.Minute)
	if !s.Quiet() {
		s.t.Errorf("after a minute: %s", s.last(3))
	}
}

// last tells the endings of the last messages.
func (s *scene) last(n int) string {
	var out []string
	for _, e := range s.Endings[max(0, len(s.Endings)-n):] {
		out = append(out, fmt.Sprintf("%s %s %s: %s %s %v", e.Message.Operation.Verb, e.Message.Operation.Source, e.Message.Operation.RecordID,
			e.Outcome.Ending, e.Outcome.Note, e.Outcome.Err))
	}
	return strings.Join(out, " | ")
}

// hub creates a record in HubSpot as a person does.
func (s *scene) hub(m crm.Module, p props) string {
	s.t.Helper()
	id, err := s.HubSpot.Create(m, p)
	s.must(err)
	return id
}

// zo creates a record in Zoho as a person does.
func (s *scene) zo(m crm.Module, p props) string {
	s.t.Helper()
	id, err := s.Zoho.Create(m, p)
	s.must(err)
	return id
}

func (s *scene) editHub(m crm.Module, id string, p props) {
	s.t.Helper()
	s.must(s.HubSpot.Edit(m, id, p))
}

func (s *scene) editZo(m crm.Module, id string, p props) {
	s.t.Helper()
	s.must(s.Zoho.Edit(m, id, p))
}

// rossi is a contact with an address, paired and at rest; the ids are HubSpot's and Zoho's.
func (s *scene) rossi(more ...props) (hub, zo string) {
	s.t.Helper()
	p := props{"email": "anna@acme.example", "firstname": "Anna", "lastname": "Rossi", "jobtitle": "Buyer", "city": "Roma"}
	for _, m := range more {
		for k, v := range m {
			p[k] = v
		}
	}
	hub = s.hub(crm.Contacts, p)
	s.settle()
	return hub, s.twin(crm.Contacts, hub)
}

// twin returns the living Zoho record that carries the HubSpot id, and wants exactly one.
func (s *scene) twin(m crm.Module, hubspotID string) string {
	s.t.Helper()
	var all []string
	for _, id := range s.Zoho.IDs(m) {
		if p, _ := s.Zoho.Props(m, id); p["HubSpot_Id"] == hubspotID {
			all = append(all, id)
		}
	}
	if len(all) != 1 {
		s.t.Fatalf("%d records of Zoho carry the HubSpot id, want 1; %s", len(all), s.last(4))
	}
	return all[0]
}

func (s *scene) zoValue(m crm.Module, id, property string) string {
	p, _ := s.Zoho.Props(m, id)
	return p[property]
}

func (s *scene) hubValue(m crm.Module, id, property string) string {
	p, _ := s.HubSpot.Props(m, id)
	return p[property]
}

// wantZo compares values of a Zoho record; "" wants none.
func (s *scene) wantZo(m crm.Module, id string, want props) {
	s.t.Helper()
	for name, v := range want {
		if got := s.zoValue(m, id, name); got != v {
			s.t.Errorf("zoho %s %s is %q, want %q; %s", m, name, got, v, s.last(3))
		}
	}
}

func (s *scene) wantHub(m crm.Module, id string, want props) {
	s.t.Helper()
	for name, v := range want {
		if got := s.hubValue(m, id, name); got != v {
			s.t.Errorf("hubspot %s %s is %q, want %q; %s", m, name, got, v, s.last(3))
		}
	}
}

// wantCount compares how many living records there are.
func (s *scene) wantCount(m crm.Module, hub, zo int) {
	s.t.Helper()
	if h, z := len(s.HubSpot.IDs(m)), len(s.Zoho.IDs(m)); h != hub || z != zo {
		s.t.Errorf("%d and %d records of %s in HubSpot and Zoho, want %d and %d; %s", h, z, m, hub, zo, s.last(4))
	}
}

// tally is what the suite has done to the CRMs: writes to records, and requests to the records' APIs.
type tally struct{ hub, zo, calls int }

// count returns the tally so far. Requests for a token are not counted.
func (s *scene) count() tally {
	var n tally
	for _, w := range s.HubSpot.Writes() {
		if w.Ours {
			n.hub++
		}
	}
	for _, w := range s.Zoho.Writes() {
		if w.Ours && w.Source == "crm_api" {
			n.zo++
		}
	}
	for _, calls := range []map[string]int{s.HubSpot.Calls(), s.Zoho.Calls()} {
		for pattern, c := range calls {
			if strings.Contains(pattern, " /crm/") {
				n.calls += c
			}
		}
	}
	return n
}

// since returns what was done since an earlier count.
func (s *scene) since(n tally) tally {
	now := s.count()
	return tally{now.hub - n.hub, now.zo - n.zo, now.calls - n.calls}
}

// wantWrites compares the writes since an earlier count.
func (s *scene) wantWrites(n tally, hub, zo int) {
	s.t.Helper()
	if got := s.since(n); got.hub != hub || got.zo != zo {
		s.t.Errorf("%d writes to HubSpot and %d to Zoho, want %d and %d; %s", got.hub, got.zo, hub, zo, s.last(4))
	}
}

// rows returns the open parked rows as "record field hint".
func (s *scene) rows() []string {
	s.t.Helper()
	all, err := (&digest.Ledger{Store: s.Tables[sandbox.Parked], Now: s.Clock.Now}).List(s.t.Context())
	s.must(err)
	out := []string{}
	for _, p := range all {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s/%s %s %s", p.Record.System, p.Record.Module, p.Field, p.Hint)))
	}
	slices.Sort(out)
	return out
}

func (s *scene) parked() []fault.Parked {
	s.t.Helper()
	all, err := (&digest.Ledger{Store: s.Tables[sandbox.Parked], Now: s.Clock.Now}).List(s.t.Context())
	s.must(err)
	return all
}

func (s *scene) wantRows(want ...string) {
	s.t.Helper()
	got := s.rows()
	if len(got) != len(want) || !slices.Equal(got, want) && len(want) > 0 {
		s.t.Errorf("open rows %q, want %q; %s", got, want, s.last(3))
	}
}

func (s *scene) wantMails(n int) {
	s.t.Helper()
	if got := len(s.Outbox.Mails()); got != n {
		s.t.Errorf("%d mails, want %d", got, n)
	}
}

// send puts an operation of ours into its queue, as connector and reconcile do.
func (s *scene) send(m crm.Module, sys crm.System, id string, verb crm.Verb) {
	s.t.Helper()
	now := s.Clock.Now()
	s.push(crm.Operation{
		V: crm.OperationVersion, ID: fmt.Sprint("test ", verb, " ", id, " ", now.UnixNano()), Connection: crm.DefaultConnection, Source: sys,
		Kind: m.Kind(), Module: m, Verb: verb, RecordID: id, OccurredAt: now, ReceivedAt: now,
	})
}

// push puts an operation into the queue of its source.
func (s *scene) push(op crm.Operation) {
	s.t.Helper()
	lane := s.Lanes[slices.IndexFunc(s.Lanes, func(l *sandbox.Lane) bool { return l.Name == string(op.Source.Other())+"Operations" })]
	s.must(queue.Sender{Queue: lane.Queue}.Send(s.t.Context(), []crm.Operation{op}))
}

// mute loses the deliveries of a sender while lost is true: they are accepted and forgotten.
func (s *scene) mute(sender crm.System, lost *bool) {
	open := s.Door
	s.Door = func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		if *lost && strings.HasSuffix(e.RawPath, string(sender)) {
			return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
		}
		return open(ctx, e)
	}
}

// meddling lets do happen before every request of the suite to one system.
func meddling(sys crm.System, do func(*http.Request)) func(*sandbox.WorldOptions) {
	return func(o *sandbox.WorldOptions) {
		o.Adapt = func(p *sandbox.Parts) {
			if sys == crm.HubSpot {
				p.HubSpot.HTTP = meddler{p.HubSpot.HTTP, do}
			} else {
				p.Zoho.HTTP = meddler{p.Zoho.HTTP, do}
			}
		}
	}
}

type meddler struct {
	next http.RoundTripper
	do   func(*http.Request)
}

func (m meddler) RoundTrip(r *http.Request) (*http.Response, error) {
	m.do(r)
	return m.next.RoundTrip(r)
}

// mapped returns an option that puts a mapping made of the built-in one in force.
func mapped(t *testing.T, edit func(yaml string) string) func(*sandbox.WorldOptions) {
	t.Helper()
	m, err := mapping.Parse([]byte(edit(string(mapping.DefaultYAML()))))
	if err != nil {
		t.Fatal(err)
	}
	return func(o *sandbox.WorldOptions) {
		o.Adapt = func(p *sandbox.Parts) { p.Rules.Default = m }
	}
}
