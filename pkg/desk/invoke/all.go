package invoke

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options say which cases All runs, and how.
type Options struct {
	Root   string // of the checkout
	Only   string // a pattern of path.Match; "" is all
	Runner Runner // "" is Docker
	Jobs   int    // how many at a time, 1 or more
	Logs   bool   // print what every function logged
	Out    io.Writer
	Now    func() time.Time
}

// All runs the cases through the functions as they are built and prints a line each. It reports whether all did what was expected; an error says
// that they could not be run.
func All(ctx context.Context, o Options) (bool, error) {
	began := o.Now()
	all, err := o.cases()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &printer{Options: o}
	if o.Runner = cmp.Or(o.Runner, Docker); o.Runner != Docker && o.Runner != Process {
		return false, fmt.Errorf("--runner is %s or %s, not %q", Docker, Process, o.Runner)
	}
	runs := runsOf(all, o.Runner)
	next := make(chan run)
	var wg sync.WaitGroup
	for range min(max(o.Jobs, 1), len(runs)) {
		wg.Go(func() { p.fail(worker(ctx, o, next, p), cancel) })
	}
	for _, r := range runs {
		select {
		case next <- r:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	wg.Wait()
	fmt.Fprintf(o.Out, "%d of %d as expected (%s), %.0f s\n", p.right, len(runs), o.Runner, o.Now().Sub(began).Seconds())
	if p.err == nil {
		p.err = context.Cause(ctx)
	}
	return p.right == len(runs), p.err
}

func (o Options) cases() ([]Case, error) {
	all, err := Load(filepath.Join(o.Root, "events"))
	if err != nil || o.Only == "" {
		return all, err
	}
	var some []Case
	for _, c := range all {
		fits, err := path.Match(o.Only, c.Name)
		if err != nil {
			return nil, fmt.Errorf("--only %s: %w", o.Only, err)
		}
		if fits || c.Function == o.Only {
			some = append(some, c)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("--only %s fits none of the %d events", o.Only, len(all))
	}
	return some, nil
}

// run is one case on one way.
type run struct {
	Case
	name string
	play func(*stage, context.Context, Case, io.Writer) (Outcome, error)
}

// runsOf returns each case, and with the SAM CLI one through `sam local start-api` too.
func runsOf(all []Case, r Runner) []run {
	var out []run
	for _, c := range all {
		out = append(out, run{c, c.Name, (*stage).play})
		if r == Docker && c.Name == OverHTTP {
			out = append(out, run{c, c.Name + " (start-api)", (*stage).playOverHTTP})
		}
	}
	return out
}

// worker runs cases on a stage of its own.
func worker(ctx context.Context, o Options, next <-chan run, p *printer) (err error) {
	s, err := newStage(ctx, o.Root, o.Runner)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for r := range next {
		var log bytes.Buffer
		began := o.Now()
		seen, err := r.play(s, ctx, r.Case, &log)
		if ctx.Err() != nil {
			return nil
		}
		var diff []string
		if err != nil {
			diff = []string{err.Error()}
		} else {
			diff = Compare(r.Expected, seen)
		}
		p.print(r.name, diff, log.String(), o.Now().Sub(began))
	}
	return nil
}

// printer prints a case at a time, and counts.
type printer struct {
	Options
	mu    sync.Mutex
	right int
	err   error
}

func (p *printer) print(name string, diff []string, log string, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	word := "ok"
	if len(diff) > 0 {
		word = "DIFFERS"
	} else {
		p.right++
	}
	fmt.Fprintf(p.Out, "%-8s %-48s %5.1f s\n", word, name, took.Seconds())
	for _, d := range diff {
		fmt.Fprintln(p.Out, "         "+d)
	}
	if p.Logs || len(diff) > 0 {
		for line := range strings.Lines(log) {
			fmt.Fprintln(p.Out, "       | "+strings.TrimRight(line, "\r\n"))
		}
	}
}

// fail keeps the first error and ends the run.
func (p *printer) fail(err error, stop func()) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	stop()
}

// Print writes one event to Out, signed as of now.
func Print(o Options, name string) error {
	c, err := load(filepath.Join(o.Root, "events"), strings.TrimSuffix(filepath.Base(name), ".json"))
	if err != nil {
		return err
	}
	event, err := Signed(c.Event, o.Now())
	if err != nil {
		return err
	}
	_, err = o.Out.Write(event)
	return err
}
