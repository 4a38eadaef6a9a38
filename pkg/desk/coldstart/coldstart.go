// Package coldstart measures how a function starts: it plays Lambda's Runtime API on the loopback interface, starts each
// function's bootstrap as a process, in turn with a function that does nothing and is built the same way, and takes the time
// until the function asks for its first event and until it has answered it. It also weighs the archive of each function.
//
// It measures no sandbox of AWS, whose own start comes on top, and no call to a CRM: the stack that the functions find is
// switched off.
package coldstart

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"crm-connector/pkg/desk/bootstrap"
	"crm-connector/pkg/desk/invoke"
)

// The targets.
const (
	MaxArchive = 5_000_000 // bytes of a function's archive
	MaxRatio   = 1.5       // of the time until the first event is asked for, to that of the bare function
)

// Options say what is measured. Out is required.
type Options struct {
	Root   string // of the checkout, "." when not set
	Rounds int    // starts of each function; 0: DefaultRounds
	Out    io.Writer
}

// DefaultRounds is enough for a median that moves by a few per cent.
const DefaultRounds = 101

// bare is the function that does nothing.
const bare = "bare"

// Run builds the functions, starts each of them Rounds times, prints a line each, and reports whether all keep the targets.
func Run(ctx context.Context, o Options) (bool, error) {
	if o.Root == "" {
		o.Root = "."
	}
	if o.Rounds == 0 {
		o.Rounds = DefaultRounds
	}
	names, err := functions(o.Root)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "crm-connector-coldstart-")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	all := []*measured{{name: bare, event: "{}"}}
	for _, name := range names {
		m := &measured{name: name}
		if file, ok := events[name]; ok {
			text, err := os.ReadFile(filepath.Join(o.Root, "events", file))
			if err == nil {
				text, err = invoke.Signed(text, time.Now())
			}
			if err != nil {
				return false, err
			}
			m.event = string(text)
		}
		all = append(all, m)
	}
	for _, m := range all {
		if err := m.build(ctx, o.Root, dir); err != nil {
			return false, err
		}
	}
	if err := start(ctx, o.Rounds, all); err != nil {
		return false, err
	}
	return table(o.Out, o.Rounds, all), nil
}

// functions returns the names of the functions.
func functions(root string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(root, "functions"))
	if err != nil {
		return nil, fmt.Errorf("not in the checkout: %w", err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// settle is how long the machine gets between two starts, to be done with the program before.
const settle = 5 * time.Millisecond

// start starts every function in each round, in an order of its own, so that what else the machine does meets all of them
// alike.
func start(ctx context.Context, rounds int, all []*measured) error {
	api, err := bootstrap.Listen()
	if err != nil {
		return err
	}
	defer func() { _ = api.Close() }()
	cloud, err := serveCloud()
	if err != nil {
		return err
	}
	defer cloud.close()
	env := environment(cloud.address)
	for round := range rounds + 1 {
		for _, i := range rand.Perm(len(all)) {
			m := all[i]
			time.Sleep(settle)
			s, err := api.Start(ctx, m.bootstrap, env, m.event)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			if s.Failed {
				return fmt.Errorf("%s failed: %s: %s", m.name, s.Answer, s.Log)
			}
			if round > 0 { // the first brought the program into the page cache
				m.next, m.answered = append(m.next, s.Next), append(m.answered, s.Answered)
			}
		}
	}
	return nil
}

// table prints what was measured, and reports whether it keeps the targets.
func table(out io.Writer, rounds int, all []*measured) bool {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "function\tbootstrap MB\tarchive MB\tto first event ms\tratio\tto first answer ms\tratio\t")
	right := true
	base := all[0]
	for _, m := range all {
		ratio, note := over(m.next, base.next), ""
		if ratio > MaxRatio {
			note, right = fmt.Sprintf("  starts above %.1f", MaxRatio), false
		}
		if m.archive > MaxArchive {
			note, right = "  archive above 5 MB", false
		}
		answer := "-\t-"
		if m.event != "" {
			answer = fmt.Sprintf("%.2f\t%.2f", millis(m.answered), over(m.answered, base.answered))
		}
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t%s\n", m.name, mega(m.size), mega(m.archive), millis(m.next), ratio, answer, note)
	}
	_ = w.Flush()
	fmt.Fprintf(out, "medians of %d starts, in turn\n", rounds)
	return right
}

func mega(n int64) float64 { return float64(n) / 1e6 }

func millis(all []time.Duration) float64 { return median(all).Seconds() * 1e3 }

func over(all, base []time.Duration) float64 { return millis(all) / millis(base) }

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// measured is one function and what was measured of it.
type measured struct {
	name           string
	event          string // what it is given, "" when only its start is measured
	bootstrap      string // path of the program
	size, archive  int64  // bytes
	next, answered []time.Duration
}
