package connector

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

type explainCommand struct {
	System  string `arg:"" help:"hubspot or zoho."`
	ID      string `arg:"" help:"Id of the record there."`
	Company bool   `help:"The record is a company."`
}

// Help is what --help adds.
func (explainCommand) Help() string {
	return `Which pair the record is in, when it was last in step, which fields are held and why, what is parked, and what waits. The last eight decisions are shown with their reason; older ones stand in the log, under the record's id. No value of a record is kept, so none is shown.

Examples:

    connector explain hubspot 151 --stack crm-connector
    connector explain zoho 4876876000000333013 --company --json`
}

// heldField is a field that a side refused, in the answer of --json.
type heldField struct {
	Field   crm.Field  `json:"field"`
	By      crm.System `json:"by"`
	Hint    fault.Hint `json:"hint"`
	Code    string     `json:"code,omitempty"`
	Other   string     `json:"other,omitempty"`
	Mapping string     `json:"mapping,omitempty"`
	Pending bool       `json:"pending,omitempty"`
}

// unanswered is a write that was begun and not answered.
type unanswered struct {
	Field  crm.Field  `json:"field"`
	System crm.System `json:"system"`
	At     time.Time  `json:"at"`
}

// pairNow is a pair in the answer of --json.
type pairNow struct {
	ID         string       `json:"id"`
	State      string       `json:"state"`
	Kind       crm.Kind     `json:"kind"`
	HubSpot    string       `json:"hubspot"`
	Zoho       string       `json:"zoho,omitempty"`
	Duplicates []string     `json:"duplicates,omitempty"`
	Successor  string       `json:"successor,omitempty"`
	Gone       crm.System   `json:"gone,omitempty"`
	GoneAt     time.Time    `json:"goneAt,omitzero"`
	Fields     int          `json:"fields"` // that came to rest
	InStep     time.Time    `json:"inStep,omitzero"`
	Worked     time.Time    `json:"worked,omitzero"`
	HubSpotAt  time.Time    `json:"hubspotModified,omitzero"`
	ZohoAt     time.Time    `json:"zohoModified,omitzero"`
	Held       []heldField  `json:"held"`
	Unfinished []unanswered `json:"unfinished"`
	Decided    []decision   `json:"decided"`
	Leased     time.Time    `json:"leasedUntil,omitzero"`
}

// decision is one value that went across, newest first.
type decision struct {
	At        time.Time `json:"at"`
	Field     crm.Field `json:"field"`
	To        string    `json:"to"`
	Rule      string    `json:"rule"`
	HubSpotAt time.Time `json:"hubspotAt,omitzero"`
	ZohoAt    time.Time `json:"zohoAt,omitzero"`
	Observed  bool      `json:"observed,omitempty"`
}

var states = map[pair.State]string{pair.Living: "living", pair.Creating: "creating", pair.Orphan: "orphan", pair.Superseded: "superseded"}

// Run prints what is known of a record.
func (c explainCommand) Run(ctx context.Context, s *session) error {
	id, err := record(c.System, c.ID, c.Company)
	if err != nil {
		return err
	}
	st, err := s.stack(ctx, toRead)
	if err != nil {
		return err
	}
	book := &identity.Book{Store: st.Pairs}
	p, err := book.Find(ctx, s.flags.Connection, id)
	if err != nil {
		return err
	}
	s.show("record", id.String())
	about := []crm.ID{id}
	if p.Version == 0 {
		why, err := s.unpaired(ctx, st, id)
		if err != nil {
			return err
		}
		s.show("unpaired", why)
		s.printf("%s is in no pair; %s\n", id, why)
	} else {
		m, err := s.inForce(ctx, st)
		if err != nil {
			return err
		}
		now := describe(p.Pair, m, s.Now())
		s.show("pair", now)
		s.explain(now)
		about = append(about, p.Record(crm.HubSpot), p.Record(crm.Zoho))
	}
	return s.explainRest(ctx, st, book, id, about)
}

// unpaired says what is known of a record that is in no pair, which depends on how far the stack goes.
func (s *session) unpaired(ctx context.Context, st *Stack, id crm.ID) (string, error) {
	m, err := s.mode(ctx, st)
	switch {
	case err != nil:
		return "", err
	case m.Mode == crm.Off:
		return "the stack is off: it looks at no record and creates nothing, so this may be one that it has not met yet", nil
	case id.System == crm.Zoho:
		return "it was never met, or it has no twin in hubspot, where nothing is ever created", nil
	case m.Mode == crm.Observe:
		return "the stack only observes and creates nothing, so this may be one that would be created in zoho. connector link --dry-run counts those as missing; " +
			"if it was met, the log of " + consumerOf(id.System) + " has a line under its id", nil
	}
	return "it was never met, or it waits, is parked or was erased", nil
}

// explainRest prints what is parked about the records and who waits for the one that was asked for.
func (s *session) explainRest(ctx context.Context, st *Stack, book *identity.Book, id crm.ID, about []crm.ID) error {
	rows, err := s.ledger(st).Select(ctx, func(p fault.Parked) bool {
		for _, a := range about {
			if !a.IsZero() && p.Connection == s.flags.Connection && (p.Record == a || p.TargetID == a || p.Other == a || slices.Contains(p.More, a)) {
				return true
			}
		}
		return false
	})
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		s.printf("\nparked\n")
	}
	s.showParked(rows)
	waiting, err := book.Waiting(ctx, s.flags.Connection, id)
	if err != nil {
		return err
	}
	for _, w := range waiting {
		s.printf("%s waits for it\n", w.Record)
	}
	return nil
}

// describe names the fields of a pair by the mapping. A field that the mapping has no more goes by its number.
func describe(p pair.Pair, m *mapping.Mapping, at time.Time) pairNow {
	names := map[pair.Slot]crm.Field{}
	for _, f := range m.Fields(p.Kind) {
		names[pair.SlotOf(f.Name, f.HubSpot.Property, f.Zoho.Property)] = f.Name
	}
	name := func(s pair.Slot) crm.Field {
		if n := names[s]; n != "" {
			return n
		}
		return crm.Field("#" + strconv.FormatUint(uint64(s), 10))
	}
	now := pairNow{
		ID: p.ID, State: states[p.State], Kind: p.Kind, HubSpot: p.HubSpot, Zoho: p.Zoho, Duplicates: p.Duplicates, Successor: p.Successor,
		Gone: p.Gone, GoneAt: p.GoneAt, Fields: len(p.Base), InStep: p.ReadAt, Worked: p.SyncedAt, HubSpotAt: p.UpdatedAt, ZohoAt: p.ZohoAt,
		Held: []heldField{}, Unfinished: []unanswered{}, Decided: []decision{},
	}
	for _, d := range p.Decided {
		now.Decided = append(now.Decided, decision(d))
	}
	for _, f := range m.Fields(p.Kind) {
		slot := pair.SlotOf(f.Name, f.HubSpot.Property, f.Zoho.Property)
		if h, ok := p.Held[slot]; ok {
			now.Held = append(now.Held, heldField{f.Name, h.System, h.Hint, h.Code, h.Other, h.Mapping, h.Pending})
		}
	}
	for _, u := range p.Unfinished {
		now.Unfinished = append(now.Unfinished, unanswered{name(u.Slot), u.System, u.At})
	}
	if p.Lease.Owner != "" && at.Before(p.Lease.Until) {
		now.Leased = p.Lease.Until
	}
	return now
}

// explain prints a pair for people.
func (s *session) explain(p pairNow) {
	line := func(what, format string, args ...any) { s.printf("%-12s %s\n", what, fmt.Sprintf(format, args...)) }
	line("pair", "%s, %s, %s", p.ID, p.Kind, p.State)
	line("hubspot", "%s%s", p.HubSpot, modified(p.HubSpotAt))
	line("zoho", "%s%s", p.Zoho, modified(p.ZohoAt))
	if p.Gone != "" {
		line("gone", "the half in %s, since %s", p.Gone, p.GoneAt.UTC().Format(time.RFC3339))
	}
	if p.Successor != "" {
		line("goes on as", "pair %s: its HubSpot record was merged into another", p.Successor)
	}
	for _, d := range p.Duplicates {
		line("duplicate", "zoho %s, neither read nor written: merge it into zoho %s", d, p.Zoho)
	}
	line("in step", "%s, %d fields at rest", when(p.InStep), p.Fields)
	line("worked on", "%s", when(p.Worked))
	for _, h := range p.Held {
		why := fmt.Sprintf("%s does not take it: %s %s", h.By, h.Hint, h.Code)
		if h.Pending {
			why = "its company is not paired yet"
		}
		if h.Other != "" {
			why += ", " + string(h.By) + " " + h.Other + " has it"
		}
		line("held", "%s: %s", h.Field, why)
	}
	for _, u := range p.Unfinished {
		line("unfinished", "%s in %s, begun %s and not answered", u.Field, u.System, u.At.UTC().Format(time.RFC3339))
	}
	for _, d := range p.Decided {
		line("decided", "%s", d)
	}
	if !p.Leased.IsZero() {
		line("busy", "somebody is at work on it until %s", p.Leased.UTC().Format(time.RFC3339))
	}
}

// String says it in a line.
func (d decision) String() string {
	to := "to " + d.To
	if d.Observed {
		to = "would go " + to
	}
	text := fmt.Sprintf("%s  %s %s: %s", d.At.UTC().Format(time.RFC3339), d.Field, to, d.Rule)
	if !d.HubSpotAt.IsZero() || !d.ZohoAt.IsZero() {
		text += fmt.Sprintf(" (hubspot %s, zoho %s)", when(d.HubSpotAt), when(d.ZohoAt))
	}
	return text
}

func modified(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", modified " + t.UTC().Format(time.RFC3339)
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
