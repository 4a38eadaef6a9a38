// Package demo plays a day of two CRMs in scenes, in model time, and checks each. It is the shortest proof that the suite
// does what it promises; the hard cases are the simulator's.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/digest"
)

// ErrFailed says that at least one scene did not end as it must.
var ErrFailed = errors.New("at least one scene did not end as it must")

// scene is one thing that happens in a day, and what must be seen afterwards.
type scene struct {
	name string
	play func(*stage) error
}

// stage is the world with the hands of its people.
type stage struct {
	*sandbox.World
	ctx   context.Context
	out   io.Writer
	doors int // deliveries that were made before the scene
	asked int // requests to the CRMs before the scene
}

// line is a line of the closing table.
type line struct {
	name                                                    string
	deliveries, operations, applied, nothing, parked, calls int
	err                                                     error
}

// Run plays every scene on one world and prints what happens to out. It returns ErrFailed when a scene fails, when
// anything was lost or doubled, or when the two CRMs differ in the end.
func Run(ctx context.Context, out io.Writer) error { return play(ctx, out, scenes) }

func play(ctx context.Context, out io.Writer, scenes []scene) error {
	w, err := sandbox.NewWorld(sandbox.WorldOptions{
		Mapping: mapping.Options{PhoneRegion: "IT"}, WhatsApp: &whatsapptest.Options{ReadAfter: 4 * time.Second}, Conversions: true,
	})
	if err != nil {
		return err
	}
	s := &stage{World: w, ctx: ctx, out: out}
	if err := s.pass(time.Second); err != nil { // the first token, the first look of reconcile
		return err
	}
	var lines []line
	for i, sc := range scenes {
		fmt.Fprintf(out, "\n%2d. %s\n", i+1, sc.name)
		lines = append(lines, s.act(sc))
	}
	return s.close(lines)
}

// act plays one scene, prints what became of every operation, and counts.
func (s *stage) act(sc scene) line {
	from := len(s.Endings)
	s.doors, s.asked = s.taken(), s.requests()
	err := sc.play(s)
	l := line{name: sc.name, err: err, deliveries: s.taken() - s.doors, calls: s.requests() - s.asked}
	for _, e := range s.Endings[from:] {
		s.tell(e)
		l.count(e)
	}
	if err != nil {
		fmt.Fprintln(s.out, "    FAILED:", err)
	} else {
		fmt.Fprintln(s.out, "    as it must be")
	}
	return l
}

func (l *line) count(e sandbox.Ending) {
	l.parked += len(e.Outcome.Told)
	switch o := e.Outcome; {
	case o.Ending == fault.GoAgain || o.Ending == fault.Undecided:
		return
	case o.Ending == fault.ParkedAway:
		l.parked++
	case o.Applied:
		l.applied++
	default:
		l.nothing++
	}
	l.operations++
}

// tell prints what became of one operation; one that goes again is told when it ends.
func (s *stage) tell(e sandbox.Ending) {
	op, o := e.Message.Operation, e.Outcome
	if o.Ending == fault.GoAgain {
		return
	}
	note := o.Note
	switch {
	case note == "" && o.Applied:
		note = "applied"
	case note == "":
		note = "nothing to do"
	}
	for _, r := range o.Told {
		note += fmt.Sprintf("; %s (%s)", strings.TrimSpace(string(r.Field)+" told to the client"), r.Hint)
	}
	fmt.Fprintf(s.out, "    %-7s %-36s %s\n", op.Verb, op.Record(), note)
}

// taken is the number of deliveries that the door has taken in.
func (s *stage) taken() int { return s.Doors[http.StatusOK] + s.Doors[http.StatusAccepted] }

// requests is the number of calls that both CRMs have had from us, token requests left out.
func (s *stage) requests() int {
	n := 0
	for _, calls := range []map[string]int{s.HubSpot.Calls(), s.Zoho.Calls()} {
		for pattern, k := range calls {
			if !strings.Contains(pattern, "/oauth/") {
				n += k
			}
		}
	}
	return n
}

// rows is the number of open rows about a Zoho contact.
func (s *stage) rows(zoho string) (int, error) {
	id := crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: zoho}
	open, err := (&digest.Ledger{Store: s.Tables[sandbox.Parked], Now: s.Clock.Now}).List(s.ctx)
	return len(slices.DeleteFunc(open, func(p fault.Parked) bool { return p.Record != id })), err
}

// pass lets model time go on.
func (s *stage) pass(d time.Duration) error { return s.Run(s.ctx, d) }

// close prints the table and says whether the day went well.
func (s *stage) close(lines []line) error {
	if err := s.pass(2 * time.Hour); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n%-70s %10s %10s %8s %8s %7s %6s %9s\n", "scene", "deliveries", "operations", "applied", "nothing", "parked", "calls", "calls/op.")
	failed := false
	var all line
	for _, l := range lines {
		fmt.Fprintln(s.out, l.String())
		failed = failed || l.err != nil
		all.deliveries, all.operations, all.applied = all.deliveries+l.deliveries, all.operations+l.operations, all.applied+l.applied
		all.nothing, all.parked, all.calls = all.nothing+l.nothing, all.parked+l.parked, all.calls+l.calls
	}
	all.name = "the day"
	fmt.Fprintln(s.out, all.String())
	left, err := s.leftovers()
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\nlost, doubled or different: %d\n", len(left))
	for _, l := range left {
		fmt.Fprintln(s.out, "  ", l)
	}
	if failed || len(left) > 0 {
		return ErrFailed
	}
	return nil
}

func (l line) String() string {
	per := "-"
	if l.operations > 0 {
		per = fmt.Sprintf("%.2f", float64(l.calls)/float64(l.operations))
	}
	return fmt.Sprintf("%-70s %10d %10d %8d %8d %7d %6d %9s", l.name, l.deliveries, l.operations, l.applied, l.nothing, l.parked, l.calls, per)
}

// leftovers lists everything that is not as it must be when all is quiet: messages without an end, records of HubSpot
// without a twin, people who are in Zoho twice, fields that differ.
func (s *stage) leftovers() ([]string, error) {
	var out []string
	if !s.Quiet() {
		out = append(out, "the queues are not empty")
	}
	for _, l := range s.Lanes {
		if n, _ := l.Dead.Stats(); n > 0 {
			out = append(out, fmt.Sprintf("%d messages in the dead letter queue of %s", n, l.Name))
		}
	}
	m, err := mapping.Default().With(mapping.Options{PhoneRegion: "IT"})
	if err != nil {
		return nil, err
	}
	differ, err := s.Differences(s.ctx, m)
	if err != nil {
		return nil, err
	}
	out = append(out, differ...)
	pairs, err := s.Pairs()
	if err != nil {
		return nil, err
	}
	for _, module := range []crm.Module{crm.Contacts, crm.Companies} {
		for _, id := range s.HubSpot.IDs(module) {
			if !slices.ContainsFunc(pairs, func(p pair.Pair) bool { return p.Kind.Home() == module && p.HubSpot == id && p.State == pair.Living }) {
				out = append(out, fmt.Sprintf("hubspot/%s/%s has no twin", module, id))
			}
		}
		seen := map[string]bool{}
		for _, id := range s.Zoho.IDs(module) {
			z, _ := s.Zoho.Props(module, id)
			if h := z["HubSpot_Id"]; h != "" && seen[h] {
				out = append(out, fmt.Sprintf("hubspot/%s/%s is in Zoho twice", module, h))
			} else {
				seen[h] = true
			}
		}
	}
	return out, nil
}
