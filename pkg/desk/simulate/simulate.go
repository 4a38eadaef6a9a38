// Package simulate lets seeded worlds run over the real handlers: the suite of desk/sandbox between two sandbox CRMs, in
// model time, with people who edit on both sides, requests that get lost or land late, and functions that die at any call.
// Afterwards it asks whether everything that must hold does hold.
//
// A run is a function of its Options alone: the same options give the same trace, byte for byte. The package decides
// nothing about records; what it knows of the product is what an onlooker can see: requests, rows, notes of decisions.
//
// Not simulated: several requests of one invocation at a time, and a hand-over of control inside the calls that a client
// makes under a lock of its own (the config and token tables, tokens, users, definitions): those are carried out at once.
package simulate

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// Options name one run.
type Options struct {
	Config  string // one of Names
	Seed    uint64
	Break   Break
	Actions []int // only these actions of the plan happen; nil: all
	Faults  []int // only the faults at these calls happen; nil: all
	Trace   bool  // keep the trace
}

// Command returns the command line that repeats the run and prints its trace.
func (o Options) Command() string {
	var b strings.Builder
	fmt.Fprintf(&b, "go run ./pkg/desk/cmd/simulate --config %s --seed %d", o.Config, o.Seed)
	if o.Break != "" {
		fmt.Fprintf(&b, " --break %s", o.Break)
	}
	if o.Actions != nil {
		fmt.Fprintf(&b, " --actions %s", joinInts(o.Actions))
	}
	if o.Faults != nil {
		fmt.Fprintf(&b, " --faults %s", joinInts(o.Faults))
	}
	return b.String()
}

func joinInts(list []int) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]")
}

// Violation is something that must hold and does not.
type Violation struct {
	Rule string // a short name: lost, unequal, doubled, …
	Text string
}

// Window is a loss that the design declares: which window, and what was lost.
type Window struct {
	Name string // crash or put-back
	Text string
}

// Result is what became of a run.
type Result struct {
	Violations []Violation
	Windows    []Window
	Actions    []int // that happened
	Faults     []int // calls at which something went wrong
	Calls      int   // external calls
	Edits      int   // of mapped fields, by people
	Writes     int   // requests of ours that changed a record
	ModelTime  time.Duration
	Trace      []string
}

// Failed reports whether anything was violated.
func (r Result) Failed() bool { return len(r.Violations) > 0 }

// Run carries out one run.
func Run(o Options) (Result, error) {
	c, ok := configs[o.Config]
	if !ok {
		return Result{}, fmt.Errorf("simulate: no configuration %q", o.Config)
	}
	s := newSim(o, c)
	if err := s.build(); err != nil {
		return Result{}, err
	}
	s.live()
	s.processes.End()
	s.judge()
	for _, a := range s.plan {
		s.result.Actions = append(s.result.Actions, a.n)
	}
	s.result.Calls = s.calls
	s.result.ModelTime = s.now().Sub(start)
	s.result.Trace = s.lines
	return s.result, nil
}

// start is when every run begins: a Monday morning.
var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func (s *sim) violate(rule, format string, args ...any) {
	v := Violation{Rule: rule, Text: fmt.Sprintf(format, args...)}
	s.result.Violations = append(s.result.Violations, v)
	s.tracef("VIOLATION %s: %s", v.Rule, v.Text)
}

// tracef adds a line with the model time.
func (s *sim) tracef(format string, args ...any) {
	if !s.opt.Trace {
		return
	}
	at := s.now().Sub(start)
	s.lines = append(s.lines, fmt.Sprintf("%10.3f  %s", at.Seconds(), fmt.Sprintf(format, args...)))
}

// level keeps the product's log out of runs that nobody reads, but for its errors.
func (s *sim) logger() *slog.Logger { return slog.New(&watcher{s: s}) }

func (s *sim) lanes() []*sandbox.Lane { return s.w.Lanes }

func (s *sim) short(id crm.ID) string {
	return string(id.System) + " " + string(id.Module) + " " + s.name(id.Key)
}
