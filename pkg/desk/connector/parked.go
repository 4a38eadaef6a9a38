package connector

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/suite/consumer"
)

type parkedCommand struct {
	List   parkedListCommand   `cmd:"" default:"1" help:"Print the open ones."`
	Replay parkedReplayCommand `cmd:"" help:"Try them again."`
	Close  parkedCloseCommand  `cmd:"" help:"Close what is settled, or about nothing that can be tried again."`
}

type parkedListCommand struct {
	Class string `help:"Only those of this class: refused, conflict, locked, ours, ..."`
}

// Help is what --help adds.
func (parkedListCommand) Help() string {
	return `One row per record, field and reason; vendor messages with the values cut out. A row closes by itself when the record is brought in step.

Examples:

    connector parked list --stack crm-connector
    connector parked list --class ours --json
    connector parked --desk http://127.0.0.1:8080`
}

// parkedRow is one row in the answer of --json.
type parkedRow struct {
	ID       string     `json:"id"`
	Class    string     `json:"class"`
	Record   string     `json:"record,omitempty"` // without an id behind it: all of the module; left out: about no record
	Target   crm.System `json:"target"`
	TargetID string     `json:"targetId,omitempty"`
	Other    string     `json:"other,omitempty"`
	Field    crm.Field  `json:"field,omitempty"`
	Property string     `json:"property,omitempty"`
	Code     string     `json:"code,omitempty"`
	Message  string     `json:"message,omitempty"`
	Hint     fault.Hint `json:"hint,omitempty"`
	Count    int        `json:"count"`
	First    time.Time  `json:"first"`
	Last     time.Time  `json:"last"`
	RetryAt  time.Time  `json:"retryAt,omitzero"`
	Mail     string     `json:"mail,omitempty"` // the id of the mail that told it
}

func rowOf(p fault.Parked) parkedRow {
	r := parkedRow{
		ID: p.ID, Class: p.Class.String(), Target: p.Target, TargetID: p.TargetID.Key, Field: p.Field, Property: p.Property,
		Code: p.Code, Message: p.Message, Hint: p.Hint, Count: p.Count, First: p.First, Last: p.Last, RetryAt: p.RetryAt, Mail: p.Digest,
	}
	if p.Record != (crm.ID{}) {
		r.Record = p.Record.String()
	}
	if !p.Other.IsZero() {
		r.Other = p.Other.String()
	}
	return r
}

// about says which record and which field of it a row is about.
func about(p fault.Parked) (record, field string) {
	field = string(p.Field)
	switch {
	case digest.OfBrake(p):
		return "the stack", field
	case p.Record == crm.ID{}:
		return "none", "a message that nobody could read"
	case p.Record.IsZero():
		record = "every " + string(p.Record.Module) + " of " + string(p.Record.System)
	default:
		record = p.Record.String()
	}
	if field == "" {
		field = "the whole record"
	}
	return record, field
}

// Run prints the open rows.
func (c parkedListCommand) Run(ctx context.Context, s *session) error {
	st, err := s.ofVersion(ctx, toRead)
	if err != nil {
		return err
	}
	want := func(fault.Parked) bool { return true }
	if c.Class != "" {
		if want, err = ofClass(c.Class); err != nil {
			return err
		}
	}
	rows, err := s.ledger(st).Select(ctx, want)
	if err != nil {
		return err
	}
	s.showParked(rows)
	if len(rows) == 0 {
		s.printf("nothing is parked\n")
	}
	return nil
}

func (s *session) ledger(st *Stack) *digest.Ledger {
	return &digest.Ledger{Store: st.Parked, Now: s.Now}
}

func (s *session) showParked(rows []fault.Parked) {
	out := []parkedRow{}
	var lines [][]string
	for _, p := range rows {
		r := rowOf(p)
		out = append(out, r)
		record, what := about(p)
		lines = append(lines, []string{r.ID, r.Class, record, what, string(r.Target), strconv.Itoa(r.Count), r.Last.UTC().Format(time.RFC3339), r.Code + " " + r.Message})
	}
	s.show("parked", out)
	s.table([]string{"ID", "CLASS", "RECORD", "FIELD", "TARGET", "TIMES", "LAST", "WHY"}, lines)
}

// ofClass wants the rows of a class that a person typed.
func ofClass(name string) (func(fault.Parked) bool, error) {
	for k := fault.Unknown; k <= fault.Ours; k++ {
		if k.String() == name {
			return digest.OfClass(k), nil
		}
	}
	return nil, wrongf("there is no class %q: refused, conflict, missing, locked, throttled, down, denied, setup, ours, unknown", name)
}

type parkedReplayCommand struct {
	ID    []string `arg:"" optional:"" help:"Ids of rows."`
	Class string   `help:"All of this class." xor:"which"`
	All   bool     `help:"All of them." xor:"which"`
}

// Help is what --help adds.
func (parkedReplayCommand) Help() string {
	return `Queues each record once. Held fields are sent again, and a record that was deleted in the other CRM is created anew there. What came from WhatsApp is carried out as it was kept, for 30 days: what was logged meanwhile is not logged twice.

Examples:

    connector parked replay 8f14e45fceea167a --stack crm-connector
    connector parked replay --class ours --stack crm-connector --plan
    connector parked replay --all --desk http://127.0.0.1:8080`
}

// Run queues the records of rows.
func (c parkedReplayCommand) Run(ctx context.Context, s *session) error {
	var want func(fault.Parked) bool
	switch {
	case len(c.ID) > 0 && c.Class == "" && !c.All:
		want = digest.WithID(c.ID...)
	case len(c.ID) == 0 && c.Class != "":
		var err error
		if want, err = ofClass(c.Class); err != nil {
			return err
		}
	case len(c.ID) == 0 && c.All:
		want = func(fault.Parked) bool { return true }
	default:
		return wrongf("say which: ids, --class NAME or --all, one of the three")
	}
	st, err := s.stack(ctx, toChange)
	if err != nil {
		return err
	}
	if err := s.works(ctx, st); err != nil {
		return err
	}
	rows, err := s.openRows(ctx, st, want, c.ID...)
	if err != nil {
		return err
	}
	return s.replay(ctx, st, rows)
}

// openRows returns the open rows that are wanted. Each of the ids must be among them.
func (s *session) openRows(ctx context.Context, st *Stack, want func(fault.Parked) bool, ids ...string) ([]fault.Parked, error) {
	rows, err := s.ledger(st).Select(ctx, want)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(rows, func(p fault.Parked) bool { return p.ID == id }) {
			return nil, fmt.Errorf("no open row has the id %s: it closed meanwhile, or connector parked list has another", id)
		}
	}
	return rows, nil
}

// replay queues the records of rows, each once.
func (s *session) replay(ctx context.Context, st *Stack, rows []fault.Parked) error {
	var ops []crm.Operation
	seen := map[crm.ID]bool{}
	for _, p := range rows {
		switch {
		case p.Connection != s.flags.Connection || seen[p.Record]:
		case digest.OfBrake(p):
			s.ofBrake(p)
		case p.Record == crm.ID{}:
			s.note("row %s is about a message that nobody could read: reconcile finds the change that it told of, and connector parked close %s %s closes the row", p.ID, p.ID, s.at())
		case p.Record.IsZero():
			s.note("row %s is about all records of a kind: mend it (connector doctor), then connector sync %s --all %s", p.ID, p.Record.System, s.at())
		default:
			seen[p.Record] = true
			ops = append(ops, s.operation(p.Record, crm.Replay))
		}
	}
	if len(ops) == 0 {
		s.nothing("no record to replay")
		return nil
	}
	return s.change("queued "+many(len(ops), "record"), func() error { return s.send(ctx, st, ops) })
}

func (s *session) ofBrake(p fault.Parked) {
	s.note("row %s is about the brake: mend what pulled it, then connector resume %s closes it", p.ID, s.at())
}

type parkedCloseCommand struct {
	ID []string `arg:"" help:"Ids of rows, of connector parked list."`
}

// Help is what --help adds.
func (parkedCloseCommand) Help() string {
	return `For what nothing else closes: a message that nobody could read, whose change reconcile finds; a record that a person has seen to and that stays as it is. No record is touched, and a field that is held stays held until either side changes; what goes wrong once more opens a row again. A row that no mail has told yet is never told. Closed rows are kept for 90 days.

Examples:

    connector parked close 8f14e45fceea167a --stack crm-connector
    connector parked close 8f14e45fceea167a 45c48cce2e2d7fbd --stack crm-connector --plan`
}

// Run closes rows.
func (c parkedCloseCommand) Run(ctx context.Context, s *session) error {
	st, err := s.ofVersion(ctx, toChange)
	if err != nil {
		return err
	}
	rows, err := s.openRows(ctx, st, digest.WithID(c.ID...), c.ID...)
	if err != nil {
		return err
	}
	for _, p := range rows {
		if digest.OfBrake(p) {
			s.ofBrake(p)
			continue
		}
		record, field := about(p)
		err := s.change(fmt.Sprintf("closed row %s: %s, record %s, %s", p.ID, p.Class, record, field), func() error { return s.ledger(st).Close(ctx, p) })
		if err != nil {
			return err
		}
	}
	return nil
}

// send queues operations.
func (s *session) send(ctx context.Context, st *Stack, ops []crm.Operation) error {
	q := consumer.Queues{}
	for sys, lane := range st.Lanes {
		q[sys] = lane
	}
	if lane := st.Whole[whatsappQueue]; lane != nil {
		q[crm.WhatsApp] = lane
	}
	return q.Send(ctx, ops)
}
