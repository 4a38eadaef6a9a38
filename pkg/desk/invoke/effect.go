package invoke

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/letter"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/webhook"
)

// Effect is everything that an event changed, in words that hold no time and no random id. What is not in it did not change.
// A record that came into being in Zoho is called "new:" and the HubSpot id that it carries, or its name: ids are given out in the
// order of the calls, and calls go out side by side.
type Effect struct {
	HubSpot    map[string]map[string]string `json:"hubspot,omitempty"`    // module/id → property → value after; "" where it was cleared
	Zoho       map[string]map[string]string `json:"zoho,omitempty"`       // likewise
	Pairs      map[string]string            `json:"pairs,omitempty"`      // both records → state, and what is held
	Parked     map[string]string            `json:"parked,omitempty"`     // record, system and property → reason, or closed
	Queues     map[string][]string          `json:"queues,omitempty"`     // queue → operations by record, those about one in order
	Quarantine map[string][]string          `json:"quarantine,omitempty"` // source → reasons
	Channels   map[string]string            `json:"channels,omitempty"`   // notification channel of Zoho → what it tells and for how long
	Logged     map[string][]string          `json:"logged,omitempty"`     // contact of a CRM → what stands on it of conversations, file names too
	Tasks      map[string][]string          `json:"tasks,omitempty"`      // contact of a CRM → what people are asked to do
	Sent       []string                     `json:"sent,omitempty"`       // messages on WhatsApp, with whom they went to
	Mails      []Mail                       `json:"mails,omitempty"`
	// Rows are of any other table: keys of the rows that were written or removed. Keys of conversations and conversions are hashes and
	// times, so that of these tables the kinds of rows are told, and how many of each.
	Rows map[string][]string `json:"rows,omitempty"`
}

// Mail is one mail that was sent.
type Mail struct {
	To      string   `json:"to"`
	Subject string   `json:"subject"`
	Names   []string `json:"names,omitempty"` // the records of the world that its text names
}

// Outcome is what a function answered and did.
type Outcome struct {
	Answer json.RawMessage
	Effect Effect
}

// Store is a table as a Snapshot reads it.
type Store interface {
	digest.Store
	All(partPrefix string) iter.Seq[row.Row]
}

// Places are where a Snapshot looks besides the CRMs: in memory, or in an emulator.
type Places struct {
	Tables map[string]Store    // by the names of sandbox
	Queues map[string][]string // queue → bodies of the messages in it, in order
	Mails  []letter.Mail
}

// Snapshot is the state of everything that an event may change.
type Snapshot struct {
	records    map[crm.System]map[string]map[string]string
	pairs      map[string]string
	parked     map[string]string
	queues     map[string][]string
	quarantine map[string][]string
	channels   map[string]string
	logged     map[string][]string
	tasks      map[string][]string
	sent       []string
	mails      []letter.Mail
	rows       map[string]map[string]string // table → key → version and value
}

// recorded says which modules a CRM is looked at for.
var recorded = []crm.Module{crm.Contacts, crm.Companies, crm.Leads}

// Look takes a snapshot of the world in this process.
func (w *World) Look(ctx context.Context) (Snapshot, error) {
	p := Places{Tables: map[string]Store{}, Queues: map[string][]string{}, Mails: w.Outbox.Mails()}
	for name, rows := range w.Tables {
		p.Tables[name] = rows
	}
	for _, l := range w.Lanes {
		for more := true; more; {
			deliveries := l.Queue.Receive(10)
			for _, d := range deliveries {
				p.Queues[l.Name] = append(p.Queues[l.Name], d.Body)
			}
			more = len(deliveries) > 0
		}
	}
	return w.LookAt(ctx, p)
}

// LookAt takes a snapshot of the world's CRMs and of the places.
func (w *World) LookAt(ctx context.Context, p Places) (Snapshot, error) {
	s := Snapshot{records: w.records(), pairs: map[string]string{}, parked: map[string]string{}, quarantine: map[string][]string{}, channels: w.channels(),
		queues: map[string][]string{}, mails: p.Mails, rows: map[string]map[string]string{}, logged: w.logged(), tasks: w.tasks(), sent: w.sent()}
	for r := range p.Tables[sandbox.Pairs].All("P#") {
		one, err := pair.Decode(r.Value)
		if err != nil {
			return s, err
		}
		s.pairs[one.Record(crm.HubSpot).String()+" = "+one.Record(crm.Zoho).String()] = stateOf(one)
	}
	ledger := &digest.Ledger{Store: p.Tables[sandbox.Parked], Now: w.Clock.Now}
	open, err := ledger.List(ctx)
	if err != nil {
		return s, err
	}
	for _, one := range open {
		s.parked[placeOf(one)] = reasonOf(one)
	}
	kept := &webhook.Quarantine{Store: p.Tables[sandbox.Quarantine], Now: w.Clock.Now}
	for _, source := range []string{"hubspot", "zoho", "whatsapp", "conversions"} {
		all, err := kept.List(ctx, source)
		if err != nil {
			return s, err
		}
		for _, k := range all {
			s.quarantine[source] = append(s.quarantine[source], k.Reason)
		}
	}
	for name, bodies := range p.Queues {
		for _, b := range bodies {
			words, err := wordsOf(b)
			if err != nil {
				return s, fmt.Errorf("a message in %s: %w", name, err)
			}
			s.queues[name] = append(s.queues[name], words)
		}
		slices.SortStableFunc(s.queues[name], func(a, b string) int { return strings.Compare(subject(a), subject(b)) })
	}
	for _, name := range append(slices.Clone(counted), sandbox.Config, sandbox.Tokens, sandbox.Attempts) {
		s.rows[name] = map[string]string{}
		for r := range p.Tables[name].All("") {
			if strings.HasPrefix(r.Key.Part, budgets) {
				continue
			}
			s.rows[name][r.Key.Part+" "+r.Key.Sort] = string(r.Value)
		}
	}
	return s, nil
}

// subject is the record that an operation is about, "" where it names none. A FIFO queue keeps the order of its groups alone, and two
// records may be in two.
func subject(operation string) string {
	_, what, _ := strings.Cut(operation, " ")
	id, _, _ := strings.Cut(what, " ")
	if !strings.Contains(id, "/") {
		return ""
	}
	return id
}

// counted are the tables of which only the kinds of rows are told.
var counted = []string{sandbox.Chats, sandbox.Counts}

// budgets are the rows that count calls to a CRM: drawn in blocks that end with the clock, so that they say little of an event.
const budgets = "budget#"

// ofTheClock are properties that follow from the time of a write and say nothing more.
var ofTheClock = []string{"lastmodifieddate", "hs_lastmodifieddate", "createdate", "Modified_Time", "Created_Time", "Last_Activity_Time"}

func (w *World) records() map[crm.System]map[string]map[string]string {
	out := map[crm.System]map[string]map[string]string{crm.HubSpot: {}, crm.Zoho: {}}
	keep := func(sys crm.System, m crm.Module, ids []string, props func(crm.Module, string) (map[string]string, bool)) {
		for _, id := range ids {
			if p, ok := props(m, id); ok {
				maps.DeleteFunc(p, func(name, _ string) bool { return slices.Contains(ofTheClock, name) })
				out[sys][string(m)+"/"+id] = p
			}
		}
	}
	for _, m := range recorded {
		if m != crm.Leads {
			keep(crm.HubSpot, m, w.HubSpot.IDs(m), w.HubSpot.Props)
		}
		keep(crm.Zoho, m, w.Zoho.IDs(m), w.Zoho.Props)
	}
	return out
}

// channels says what the channels tell and how many days they last.
func (w *World) channels() map[string]string {
	out := map[string]string{}
	for _, c := range w.Zoho.Channels() {
		out[c.ID] = fmt.Sprintf("%s to %s for %.0f days", strings.Join(c.Events, " "), c.URL, c.Expiry.Sub(w.now).Hours()/24)
	}
	return out
}

// stateOf says the state of a pair and which properties are held.
func stateOf(p pair.Pair) string {
	state := map[pair.State]string{pair.Living: "living", pair.Creating: "creating", pair.Orphan: "orphan", pair.Superseded: "superseded"}[p.State]
	var held []string
	for _, f := range mapping.Default().Fields(p.Kind) {
		if h, ok := p.Held[pair.SlotOf(f.Name, f.HubSpot.Property, f.Zoho.Property)]; ok {
			why := string(h.Hint)
			if h.Pending {
				why = "pending"
			}
			held = append(held, string(f.Name)+" ("+why+")")
		}
	}
	if len(held) > 0 {
		state += "; held: " + strings.Join(held, ", ")
	}
	return state
}

func placeOf(p fault.Parked) string {
	s := p.Record.String() + " → " + string(p.Target)
	if p.Property != "" {
		s += " " + p.Property
	}
	return s
}

func reasonOf(p fault.Parked) string {
	s := strings.Join(slices.DeleteFunc([]string{string(p.Hint), p.Code}, func(s string) bool { return s == "" }), " ")
	if p.Digest != "" {
		s += ", told"
	}
	return s
}

// wordsOf says what a message in a queue is about: an operation, updates of WhatsApp or a conversion event.
func wordsOf(body string) (string, error) {
	if p, err := chat.Open(body); err == nil && len(p.Updates) > 0 {
		var all []string
		for _, u := range p.Updates {
			all = append(all, updateOf(u))
		}
		return strings.Join(all, ", "), nil
	}
	if s, err := submission.Open(body); err == nil {
		return fmt.Sprintf("%s %s %s", s.Event.Type, s.Event.State, s.Event.Channel), nil
	}
	op, err := queue.Decode(body)
	return operation(op), err
}

// updateOf says of what kind an update of WhatsApp is.
func updateOf(u chat.Update) string {
	switch {
	case u.Message != nil:
		return "message " + string(u.Message.Type)
	case u.Status != nil:
		return "status " + string(u.Status.State)
	case u.Preference != nil:
		return "preference " + u.Preference.Value
	}
	return "notice"
}

// operation says what an operation is about: its verb, record and hints.
func operation(op crm.Operation) string {
	s := string(op.Verb) + " " + op.Record().String()
	if len(op.Others) > 0 {
		s += " from " + strings.Join(op.Others, ",")
	}
	if len(op.Fields) > 0 {
		s += " [" + strings.Join(op.Fields, " ") + "]"
	}
	return s
}

// Since says what is different in b from a.
func (b Snapshot) Since(a Snapshot) (Effect, error) {
	e := b.since(a)
	var names []string
	for place, props := range e.Zoho {
		if _, id, _ := strings.Cut(place, "/"); props[itself] == "new" {
			names = append(names, id, "new:"+cmp.Or(props[zohotest.HubSpotID], props["Full_Name"]))
		}
	}
	text, err := json.Marshal(e)
	if err != nil {
		return e, err
	}
	var out Effect
	return out, json.Unmarshal([]byte(strings.NewReplacer(names...).Replace(string(text))), &out)
}

func (b Snapshot) since(a Snapshot) Effect {
	e := Effect{
		HubSpot: changes(a.records[crm.HubSpot], b.records[crm.HubSpot]), Zoho: changes(a.records[crm.Zoho], b.records[crm.Zoho]),
		Pairs: differences(a.pairs, b.pairs, "gone"), Parked: differences(a.parked, b.parked, "closed"),
		Queues: added(a.queues, b.queues), Quarantine: added(a.quarantine, b.quarantine),
		Channels: differences(a.channels, b.channels, "gone"),
		Logged:   others(a.logged, b.logged), Tasks: others(a.tasks, b.tasks), Sent: b.sent[len(a.sent):],
	}
	for _, m := range b.mails[len(a.mails):] {
		e.Mails = append(e.Mails, Mail{To: m.To, Subject: m.Subject, Names: named(m.Text, b.records)})
	}
	for table, rows := range b.rows {
		if keys := slices.Sorted(maps.Keys(differences(a.rows[table], rows, ""))); len(keys) > 0 {
			if e.Rows == nil {
				e.Rows = map[string][]string{}
			}
			e.Rows[table] = keys
			if slices.Contains(counted, table) {
				e.Rows[table] = kinds(keys)
			}
		}
	}
	return e
}

// itself stands among the properties of a record that came or went.
const itself = "record"

// changes returns the properties that differ, record by record.
func changes(a, b map[string]map[string]string) map[string]map[string]string {
	out := map[string]map[string]string{}
	for id, was := range a {
		switch is, lives := b[id]; {
		case !lives:
			out[id] = map[string]string{itself: "gone"}
		default:
			if d := differences(was, is, ""); len(d) > 0 {
				out[id] = d
			}
		}
	}
	for id, is := range b {
		if _, was := a[id]; !was {
			out[id] = maps.Clone(is)
			delete(out[id], "id")
			out[id][itself] = "new"
		}
	}
	return empty(out)
}

// differences returns what b has new or otherwise, and gone for what it lacks.
func differences(a, b map[string]string, gone string) map[string]string {
	out := map[string]string{}
	for k, v := range b {
		if was, ok := a[k]; !ok || was != v {
			out[k] = v
		}
	}
	for k := range a {
		if _, ok := b[k]; !ok {
			out[k] = gone
		}
	}
	return empty(out)
}

// added returns what the lists of b have behind those of a.
func added(a, b map[string][]string) map[string][]string {
	out := map[string][]string{}
	for k, all := range b {
		if more := all[len(a[k]):]; len(more) > 0 {
			out[k] = more
		}
	}
	return empty(out)
}

// others returns the lists of b that are not those of a.
func others(a, b map[string][]string) map[string][]string {
	out := map[string][]string{}
	for k, all := range b {
		if !slices.Equal(a[k], all) {
			out[k] = all
		}
	}
	return empty(out)
}

// kinds counts keys by what stands before their first #.
func kinds(keys []string) (out []string) {
	n := map[string]int{}
	for _, k := range keys {
		kind, _, _ := strings.Cut(k, "#")
		kind, _, _ = strings.Cut(kind, " ")
		n[kind]++
	}
	for _, kind := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("%s: %d", kind, n[kind]))
	}
	return out
}

// empty makes a map without members nil, so that both forms compare alike.
func empty[K comparable, V any](m map[K]V) map[K]V {
	if len(m) == 0 {
		return nil
	}
	return m
}

// named returns the records whose ids stand in a text.
func named(text string, records map[crm.System]map[string]map[string]string) []string {
	var out []string
	for sys, all := range records {
		for place := range all {
			if _, id, _ := strings.Cut(place, "/"); strings.Contains(text, id) {
				out = append(out, string(sys)+"/"+place)
			}
		}
	}
	slices.Sort(out)
	return out
}
