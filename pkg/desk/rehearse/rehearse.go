// Package rehearse plays the first day of a stack on an emulator of AWS: it builds the functions, deploys the template as it is,
// sets both CRMs up as an operator does, and follows records through the door, the queues, the binaries, the tables and the mail
// into sandbox CRMs and back. What the emulator cannot do is worked round here and nowhere else; docs/rehearsal.md lists it.
//
// It is a script with an exit status. What it decides about the suite is only whether each step ended as it must.
package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/desk/sandbox"
)

// The passes.
const (
	Story  = "story"  // the emulator lets every caller do everything
	Rights = "rights" // the emulator holds each function to the policy of its role
)

// Options say what is rehearsed, and where.
type Options struct {
	Root   string   // of the checkout
	Stack  string   // the stack's name
	Passes []string // Story, Rights, or both in their order
	Built  bool     // take the tools and .aws-sam as they are
	Keep   bool     // leave the last pass running before its stack is deleted, until the context ends; keep the logs
	Out    io.Writer
	Now    func() time.Time
}

// patience is how long one step may take, on a machine that is busy with other things too.
const patience = 5 * time.Minute

// step is one thing that is done, and what must be seen afterwards. It returns what was seen, for its line.
type step struct {
	name string
	do   func(context.Context, *stage) (string, error)
	only string // the pass that it belongs to, "" for both
}

// preparation comes before the passes.
var preparation = []step{
	{name: "tools are installed", do: tools},
	{name: "functions are built for Lambda", do: build},
}

// ending comes after the story, unless the stack is to be kept.
var ending = []step{{name: "sam delete leaves the tables", do: remove}}

// Run rehearses and prints a line for each step. It reports whether every step ended as it must; an error says that the context
// ended, or that there was no place for the logs.
func Run(ctx context.Context, o Options) (bool, error) {
	dir, err := os.MkdirTemp("", "crm-connector-rehearsal-")
	if err != nil {
		return false, err
	}
	r := &run{Options: o, dir: dir, began: o.Now()}
	good := r.all(ctx)
	fmt.Fprintf(o.Out, "\n%d of %d steps as they must be, %s\n", r.right, r.count, seconds(o.Now().Sub(r.began)))
	if good && !o.Keep {
		return good, os.RemoveAll(dir)
	}
	fmt.Fprintf(o.Out, "logs: %s\n", dir)
	if good { // and kept until it was ended
		return true, nil
	}
	return false, ctx.Err()
}

// run is one rehearsal.
type run struct {
	Options
	dir          string
	began        time.Time
	right, count int
}

func (r *run) all(ctx context.Context) bool {
	if !r.Built && !r.play(ctx, &stage{Options: r.Options, dir: r.dir}, "preparation", preparation) {
		return false
	}
	for i, name := range r.Passes {
		if !r.pass(ctx, name, i == len(r.Passes)-1) {
			return false
		}
	}
	return true
}

// pass plays the story once, on an emulator and CRMs of its own.
func (r *run) pass(ctx context.Context, name string, last bool) bool {
	dir := filepath.Join(r.dir, name)
	if err := os.Mkdir(dir, 0o750); err != nil {
		fmt.Fprintln(r.Out, err)
		return false
	}
	s := &stage{Options: r.Options, dir: dir, auth: name == Rights}
	defer s.close()
	steps := slices.DeleteFunc(slices.Clone(story), func(st step) bool { return st.only != "" && st.only != name })
	if !r.play(ctx, s, "pass "+name, steps) {
		s.dump(ctx)
		return false
	}
	if r.Keep && last {
		fmt.Fprintf(r.Out, "\n%s\nEnd it with Ctrl-C.\n", s.addresses())
		<-ctx.Done()
		return true
	}
	if !r.play(ctx, s, "", ending) {
		s.dump(ctx)
		return false
	}
	return true
}

// play does steps until one fails.
func (r *run) play(ctx context.Context, s *stage, title string, steps []step) bool {
	if title != "" {
		fmt.Fprintln(r.Out, "\n"+title)
	}
	for _, st := range steps {
		r.count++
		began := r.Now()
		seen, err := r.one(ctx, s, st)
		took := r.Now().Sub(began)
		if err != nil {
			fmt.Fprintf(r.Out, "  FAILED %8s  %s\n%s\n", seconds(took), st.name, indent(err.Error()))
			return false
		}
		r.right++
		fmt.Fprintf(r.Out, "%s\n", strings.TrimRight(fmt.Sprintf("  ok     %8s  %-64s %s", seconds(took), st.name, seen), " "))
	}
	return true
}

// one does a step, and tells now and then that it is at it.
func (r *run) one(ctx context.Context, s *stage, st step) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for n := 1; ; n++ {
			select {
			case <-done:
				return
			case <-time.After(15 * time.Second):
				fmt.Fprintf(r.Out, "  …      %8s  %s\n", seconds(time.Duration(n)*15*time.Second), st.name)
			}
		}
	}()
	seen, err := st.do(ctx, s)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errors.Join(err, fmt.Errorf("it took more than %s", patience))
	}
	return seen, err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func indent(text string) string {
	return "         " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n         ")
}

// until repeats a look until it finds nothing wrong. Where that does not come about in time it returns what was wrong last.
func until(ctx context.Context, within time.Duration, look func(context.Context) error) error {
	inner, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := look(inner)
		if err == nil {
			return nil
		}
		if !sandbox.Sleep(inner, 100*time.Millisecond) {
			return fmt.Errorf("after %s still: %w", within, err)
		}
	}
}
