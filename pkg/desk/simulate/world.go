package simulate

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/agenda"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/rules"
)

// visibility of the queues in a simulated world: longer than a function lives, shorter than a freeze.
const visibility = 60 * time.Second

// fields is a small mapping: a field of every policy and type that behaves in its own way. What is small is met often.
const fields = `version: 1
phone_region: IT
last_name: fallback
leads: ask
phone_match: never
home_currency: EUR
match: {contact: [email, secondary_email], company: [domain, name+city]}
free_hosts: [gmail.com]
fields:
  contact:
    email: {type: email, hubspot: email, zoho: {property: Email, max: 100}}
    secondary_email: {type: email, policy: to-zoho, hubspot: {property: hs_additional_emails, read_only: true}, zoho: {property: Secondary_Email, max: 100}}
    first_name: {hubspot: firstname, zoho: {property: First_Name, max: 40}}
    last_name: {hubspot: lastname, zoho: {property: Last_Name, max: 80, not_empty: true}}
    phone: {type: phone, hubspot: phone, zoho: {property: Phone, max: 30}}
    city: {hubspot: city, zoho: {property: Mailing_City, max: 100}}
    state: {hubspot: state, zoho: {property: Mailing_State, max: 100}}
    lead_status: {type: picklist, policy: forward, hubspot: hs_language, zoho: Stage_Code, options: [{hubspot: it, zoho: One}, {hubspot: en, zoho: Two}, {hubspot: fr, zoho: Three}], order: [it, en, fr]}
    email_opt_out: {type: bool, policy: strict, hubspot: {property: hs_email_optout, read_only: true}, zoho: {property: Email_Opt_Out, not_empty: true}}
    company: {type: company, hubspot: associatedcompanyid, zoho: Account_Name}
  company:
    name: {hubspot: name, zoho: {property: Account_Name, max: 200, not_empty: true}}
    domain: {type: domain, hubspot: domain, zoho: {property: Website, max: 255}}
    phone: {type: phone, hubspot: phone, zoho: {property: Phone, max: 30}}
    city: {hubspot: city, zoho: {property: Billing_City, max: 100}}
    industry: {type: picklist, hubspot: industry, zoho: Industry, options: [{hubspot: [ACCOUNTING, BANKING], zoho: Consulting}, {hubspot: EDUCATION_MANAGEMENT, zoho: Education}, {hubspot: AIRLINES_AVIATION, zoho: Airlines}]}
`

// unfitFields have values that Zoho has no word for, or does not take.
const unfitFields = `  contact:
    newsletter: {type: bool, hubspot: newsletter, zoho: {property: Newsletter, not_empty: true}}
    origin: {type: picklist, policy: at-creation, hubspot: origin, zoho: Origin, options: [{hubspot: fair, zoho: Fair}, {hubspot: radio, zoho: Radio}]}
`

var (
	theMapping   = sync.OnceValues(func() (*mapping.Mapping, error) { return mapping.Parse([]byte(fields)) })
	unfitMapping = sync.OnceValues(func() (*mapping.Mapping, error) {
		return mapping.Parse([]byte(strings.Replace(fields, "  contact:\n", unfitFields, 1)))
	})
)

// sim is one run.
type sim struct {
	opt    Options
	cfg    config
	rates  rates
	w      *sandbox.World
	m      *mapping.Mapping
	hasher pair.Hasher
	dice   *rand.Rand // of the world
	lot    *rand.PCG  // of one call, seeded anew for each
	lots   *rand.Rand

	agenda      agenda.Agenda
	processes   agenda.Processes
	current     *invocation
	invocations int
	running     int
	busy        [2]int
	calls       int
	pendingLate int
	open        bool // deliveries reach the door
	hostile     bool // calls may fail
	outage      map[crm.System]time.Time

	plan   []action
	result Result
	lines  []string
	names  map[string]string // ids by the names that the trace gives them
	facts
}

func newSim(o Options, c config) *sim {
	s := &sim{opt: o, cfg: c, outage: map[crm.System]time.Time{}, names: map[string]string{}}
	s.dice = rand.New(rand.NewPCG(o.Seed, 11))
	s.lot = rand.NewPCG(0, 0)
	s.lots = rand.New(s.lot)
	s.rates = c.rates.scaled(rand.New(rand.NewPCG(o.Seed, 12)))
	s.facts.begin()
	return s
}

func (s *sim) now() time.Time { return s.w.Clock.Now() }

// build makes the world and what was there before it began.
func (s *sim) build() error {
	parse := theMapping
	if s.cfg.unfit {
		parse = unfitMapping
	}
	m, err := parse()
	if err != nil {
		return err
	}
	s.m = m
	kind := rand.New(rand.NewPCG(s.opt.Seed, 13))
	o := sandbox.WorldOptions{
		Start: start.Add(-40 * time.Minute), Seed: s.opt.Seed, Log: s.logger(), Adapt: s.adapt,
		HubSpot: hubspottest.Options{
			Rand: rand.New(rand.NewPCG(s.opt.Seed, 14)), SearchLag: time.Duration(kind.IntN(2)) * 8 * time.Second, KeepPrimary: kind.IntN(3) == 0,
			Properties: map[crm.Module][]hubspottest.Property{crm.Contacts: {
				list("newsletter", "true", "false", "maybe"), // Zoho's checkbox has no word for the last
				list("origin", "fair", "radio"),              // Zoho's list has no Radio
			}},
			BatchForgetsMerges: kind.IntN(2) == 0, Generic: kind.IntN(2) == 0, Reorder: s.cfg.reorder * time.Duration(kind.IntN(3)), Duplicates: 0.1 * float64(kind.IntN(3)),
		},
		Zoho: zohotest.Options{
			Rand: rand.New(rand.NewPCG(s.opt.Seed, 15)), Reorder: s.cfg.reorder * time.Duration(kind.IntN(3)), Duplicates: 0.1 * float64(kind.IntN(3)),
			Repeat: 20, RepeatAfter: time.Minute, NotifyDelay: time.Duration(kind.IntN(3)) * 400 * time.Millisecond, Cut: true, OldDuplicate: kind.IntN(2) == 0,
			SearchLag: 10 * time.Second, MergeTime: time.Duration(kind.IntN(2)) * 20 * time.Second, MergedHidden: kind.IntN(2) == 0, Workflow: s.workflow,
			Fields: map[string][]zohotest.Field{"Contacts": {
				{Name: "Mailing_State", Type: "text", Length: 12},
				{Name: "Stage_Code", Type: "picklist", Options: []string{"One", "Two", "Three"}},
				{Name: "Newsletter", Type: "boolean"},
				{Name: "Origin", Type: "picklist", Options: []string{"Fair"}},
			}},
		},
	}
	if s.w, err = sandbox.NewWorld(o); err != nil {
		return err
	}
	door := s.w.Door
	s.w.Door = func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		if !s.open {
			return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
		}
		if s.rates.unheard > 0 {
			if d := s.doom(doorCall); d.fate == unheard {
				s.tracef("a delivery to %s never arrives (#%d)", e.RawPath, d.n)
				return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
			}
		}
		answer, err := door(ctx, e)
		s.tracef("the door answers %d to %s", answer.StatusCode, e.RawPath)
		return answer, err
	}
	s.install()
	return nil
}

// list is a property of HubSpot with these options.
func list(name string, options ...string) hubspottest.Property {
	p := hubspottest.Property{Name: name, Label: name, Type: "enumeration", FieldType: "select"}
	for _, o := range options {
		p.Options = append(p.Options, hubspottest.Option{Label: o, Value: o})
	}
	return p
}

// adapt puts the simulator between the suite and everything outside.
func (s *sim) adapt(p *sandbox.Parts) {
	s.hasher = p.Hasher
	p.Visibility = visibility
	p.Rules.Default = s.m
	if p.Rules.Limits = s.cfg.limits; s.opt.Break == Brakeless {
		p.Rules.Limits = rules.DefaultLimits
	}
	p.HubSpot.HTTP = &road{s: s, system: crm.HubSpot, inner: p.HubSpot.HTTP}
	p.Zoho.HTTP = &road{s: s, system: crm.Zoho, inner: p.Zoho.HTTP}
	p.WrapStore = func(name string, inner sandbox.Store) sandbox.Store { return &table{s, name, inner} }
	p.WrapQueue = func(name string, inner sandbox.Queue) sandbox.Queue { return &line{s, name, inner} }
	p.Sleep = func(ctx context.Context, d time.Duration) bool {
		inv := of(ctx)
		if inv == nil || inv.dead {
			return false
		}
		s.wait(inv, d)
		return true
	}
	p.Left = func(ctx context.Context) time.Duration {
		if inv := of(ctx); inv != nil {
			return functionLives - s.now().Sub(inv.began)
		}
		return functionLives
	}
	p.Ended = func(m batch.Message, out fault.Outcome) { s.ended(m, out) }
	p.Conditional = s.cfg.conditional && s.opt.Seed%2 == 0
}

// workflow is a rule of the org: it touches records, and now and then sets a field.
func (s *sim) workflow(m crm.Module, id string, changed []string) map[string]any {
	if !s.open || s.cfg.workflow == 0 {
		return nil
	}
	switch n := s.dice.IntN(100); {
	case n < s.cfg.workflow/4 && s.current == nil && m == crm.Contacts:
		s.serial++
		return map[string]any{"Mailing_City": fmt.Sprintf("Rule %d", s.serial)}
	case n < s.cfg.workflow:
		return map[string]any{}
	}
	return nil
}

// live lets the world go by: first in peace, then with everything that the plan and the rates have in store, then in peace
// again until nothing moves.
func (s *sim) live() {
	s.w.Clock.Advance(start.Sub(s.now()))
	s.open = true
	s.schedule("refreshZohoToken", 0, 10*time.Minute)
	s.warm()
	s.hostile = true
	s.makePlan()
	begin := s.now()
	last := begin
	for _, a := range s.plan {
		at := begin.Add(a.at)
		if at.After(last) {
			last = at
		}
		s.after(at.Sub(s.now()), func() { s.perform(a) })
	}
	s.schedule("failureReporter", 90*time.Second, 5*time.Minute)
	s.schedule("reconcile", time.Duration(s.dice.Int64N(int64(20*time.Minute))), s.cfg.reconcile)
	s.run(last.Add(2 * time.Second))
	s.tracef("-- the people go home; what was begun goes on")
	s.run(s.now().Add(time.Duration(s.dice.Int64N(int64(time.Minute)))))
	s.hostile = false
	clear(s.outage)
	s.tracef("-- nothing fails any more")
	s.resume()
	s.settle()
	if s.cfg.replays && !s.result.Failed() {
		rows, err := s.parked()
		if err != nil {
			s.violate("unreadable", "the parked rows cannot be listed: %v", err)
			return
		}
		rows = slices.DeleteFunc(rows, func(r fault.Parked) bool { return r.Record.IsZero() })
		for _, r := range rows {
			s.replayed = append(s.replayed, r.ID)
		}
		s.again(len(s.plan), rows)
		s.settle()
	}
}

// schedule runs a function again and again.
func (s *sim) schedule(name string, first, every time.Duration) {
	s.after(first, func() {
		if s.over {
			return
		}
		s.call(name)
		s.schedule(name, every, every)
	})
}

func (s *sim) call(name string) {
	do := s.w.Functions[name]
	if do == nil || s.opt.Break == NoReconcile && name == "reconcile" {
		return
	}
	s.invoke(name, func(ctx context.Context) func() {
		err := do(ctx)
		return func() {
			if err != nil {
				s.tracef("%s fails: %v", name, err)
			}
		}
	})
}

// The bounds of the end: how long the queues may need to run empty, and after how many looks of reconcile nothing may be
// written any more.
const (
	drainsFor = 6 * time.Hour
	looks     = 6
)

// settle waits until everything is quiet.
func (s *sim) settle() {
	s.over = true
	for look := 1; ; look++ {
		if !s.drain() {
			return
		}
		writes := s.result.Writes
		s.resume()
		s.run(s.now().Add(time.Hour + time.Second))
		s.call("refreshZohoToken")
		s.drain()
		s.tracef("-- reconcile looks")
		s.call("reconcile")
		if !s.drain() {
			return
		}
		if look > 2 && s.result.Writes == writes {
			return
		}
		if look == looks {
			s.violate("looping", "after %d looks of reconcile records are still being written", look)
			return
		}
	}
}

// drain runs until nothing is under way.
func (s *sim) drain() bool {
	end := s.now().Add(drainsFor)
	for !s.idle() {
		if !s.turn(end) {
			s.violate("stuck", "%d invocations, queues %s after %s", s.running, s.queues(), drainsFor)
			return false
		}
	}
	return true
}

func (s *sim) idle() bool {
	return s.running == 0 && s.pendingLate == 0 && s.w.Quiet() && s.w.HubSpot.NextTick().IsZero() && s.w.Zoho.NextTick().IsZero() && s.busy == [2]int{}
}

func (s *sim) queues() string {
	var words []string
	for _, l := range s.lanes() {
		waiting, inFlight := l.Queue.Stats()
		words = append(words, fmt.Sprintf("%s %d+%d", l.Name, waiting, inFlight))
	}
	return strings.Join(words, ", ")
}

// watcher is a log that only listens for what must never happen.
type watcher struct {
	s *sim
}

// Enabled takes errors, and everything when the trace is kept.
func (h *watcher) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }

// Handle notes a panic of the product.
func (h *watcher) Handle(_ context.Context, r slog.Record) error {
	if h.s.w == nil || h.s.current != nil && h.s.current.dead {
		return nil
	}
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	if strings.Contains(text, "panic") {
		h.s.violate("panic", "%s", text)
	}
	return nil
}

// WithAttrs keeps nothing.
func (h *watcher) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup keeps nothing.
func (h *watcher) WithGroup(string) slog.Handler { return h }

// name gives an id a short name in the trace.
func (s *sim) name(key string) string {
	if n, ok := s.names[key]; ok {
		return n
	}
	return key
}

// christen names a record: h1, z1, Z1 for a company of Zoho. In HubSpot a company may have a contact's id, and its name.
func (s *sim) christen(sys crm.System, m crm.Module, key string) {
	if _, ok := s.names[key]; ok || !s.opt.Trace {
		return
	}
	letter := string(sys)[:1]
	if m == crm.Companies && sys == crm.Zoho {
		letter = strings.ToUpper(letter)
	}
	s.counts[letter]++
	s.names[key] = fmt.Sprintf("%s%d", letter, s.counts[letter])
}

// words puts short names for ids into a text.
func (s *sim) words(text string) string {
	for _, m := range []crm.Module{crm.Companies, crm.Contacts} {
		for _, id := range s.w.HubSpot.IDs(m) {
			s.christen(crm.HubSpot, m, id)
		}
		for _, id := range s.w.Zoho.IDs(m) {
			s.christen(crm.Zoho, m, id)
		}
	}
	keys := make([]string, 0, len(s.names))
	for k := range s.names {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		text = strings.ReplaceAll(text, k, s.names[k])
	}
	return text
}
