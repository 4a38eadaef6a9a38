// Package suites puts the suites of storetest, through the adapters, to servers that are not ours: an emulator of AWS and a
// second one of its queues. It starts them, runs the tests, and says what holds, what differs as is known, and what is wrong.
//
// It holds no rule itself: the rules and the known differences are storetest's, the labs stand in the tests of the adapters.
package suites

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"crm-connector/pkg/adapter/storetest"
)

// Options say how the suites are run. Out is required.
type Options struct {
	Root  string // of the checkout, "." when not set
	Tools string // where .ci/tools installs, ".tools" under Root when not set
	Out   io.Writer
}

// places are the packages whose tests have the labs, with the oracles that each is put to.
var places = []struct {
	suite   storetest.Suite
	pkg     string
	oracles []string
}{
	{storetest.QueueSuite, "pkg/adapter/queue", []string{storetest.MiniStack, storetest.ElasticMQ}},
	{storetest.RowSuite, "pkg/adapter/dynamo", []string{storetest.MiniStack}},
	{storetest.MailSuite, "pkg/adapter/mail", []string{storetest.MiniStack}},
	{storetest.SecretSuite, "pkg/adapter/secret", []string{storetest.MiniStack}},
	{storetest.FunctionSuite, "pkg/adapter/invoke", []string{storetest.MiniStack}},
}

// test is the name that the tests with a lab have in every package.
const test = "TestTheSuiteHolds"

// Run starts the oracles, puts the suites to them, prints a line each, the differences and "n of n", and stops what it
// started. It reports whether all is as known; an error says that the suites could not be run.
func Run(ctx context.Context, o Options) (right bool, err error) {
	if o.Root == "" {
		o.Root = "."
	}
	if o.Tools == "" {
		o.Tools = path.Join(o.Root, ".tools")
	}
	var named []string
	for _, start := range starters {
		s, err := start(ctx, o.Tools)
		if err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		named = append(named, s.Name+"="+s.Endpoint)
	}
	began := time.Now()
	t, err := run(ctx, o.Root, strings.Join(named, " "))
	if err != nil {
		return false, err
	}
	return t.print(o.Out, time.Since(began)), nil
}

// run runs the tests. Rules that wait do so side by side.
func run(ctx context.Context, root, oracles string) (*tally, error) {
	args := []string{"test", "-count=1", "-json", "-parallel=100", "-timeout=20m", "-run=^" + test + "$/^(" + storetest.MiniStack + "|" + storetest.ElasticMQ + ")$"}
	for _, p := range places {
		args = append(args, "./"+p.pkg)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), storetest.OraclesSetting+"="+oracles)
	var said, wrong bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &wrong
	ended := cmd.Run() // a test that fails is in what was said
	t, err := count(&said)
	if err == nil && len(t.seen) == 0 {
		err = fmt.Errorf("no test ran (%w): %s", ended, wrong.String())
	}
	return t, err
}

// place is one suite at one oracle.
type place struct {
	suite  storetest.Suite
	oracle string
}

// tally is what became of each rule.
type tally struct {
	seen   map[place]int
	failed map[place][]string // what the rules said
	broken []string           // what went wrong outside of any rule
}

// event is a line of `go test -json` (https://pkg.go.dev/cmd/test2json).
type event struct{ Action, Package, Test, Output string }

func count(r io.Reader) (*tally, error) {
	t := &tally{seen: map[place]int{}, failed: map[place][]string{}}
	said := map[[2]string]string{}
	for d := json.NewDecoder(r); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return t, nil
		} else if err != nil {
			return nil, fmt.Errorf("go test: %w", err)
		}
		key := [2]string{e.Package, e.Test}
		if e.Action == "output" {
			said[key] += e.Output
			continue
		}
		parts := strings.Split(e.Test, "/")
		at, known := located(e.Package, parts)
		switch {
		case known && len(parts) == 3 && (e.Action == "pass" || e.Action == "fail" || e.Action == "skip"):
			t.seen[at]++
			if e.Action != "pass" {
				t.failed[at] = append(t.failed[at], said[key])
			}
		case e.Action == "fail" && len(parts) < 3:
			t.broken = append(t.broken, said[key])
		}
	}
}

func located(pkg string, parts []string) (place, bool) {
	for _, p := range places {
		if len(parts) > 1 && strings.HasSuffix(pkg, p.pkg) && slices.Contains(p.oracles, parts[1]) {
			return place{p.suite, parts[1]}, true
		}
	}
	return place{}, false
}

// print says what became of the rules, and reports whether all of them did what is known of them.
func (t *tally) print(out io.Writer, took time.Duration) bool {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "suite\toracle\trules\thold\tdiffer as known\twrong")
	asKnown, all, silent := 0, 0, 0
	for _, p := range places {
		for _, oracle := range p.oracles {
			at := place{p.suite, oracle}
			known, wrong := len(storetest.Oracle{Name: oracle}.Known(p.suite)), len(t.failed[at])
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", p.suite, oracle, t.seen[at], t.seen[at]-known-wrong, known, wrong)
			all += t.seen[at]
			asKnown += t.seen[at] - wrong
			if t.seen[at] == 0 {
				silent++
			}
		}
	}
	_ = w.Flush()
	for _, p := range places {
		for _, oracle := range p.oracles {
			for _, said := range t.failed[place{p.suite, oracle}] {
				fmt.Fprintf(out, "\n%s", said)
			}
		}
	}
	right := asKnown == all && silent == 0
	if !right {
		for _, said := range t.broken {
			fmt.Fprintf(out, "\n%s", said)
		}
	}
	fmt.Fprintln(out, "\nKnown differences:")
	for _, d := range storetest.Differences {
		fmt.Fprintf(out, "  %s, %s: %s\n    AWS: %s\n    %s: %s\n", d.Oracle, d.Suite, d.Rule, d.Vendor, d.Oracle, d.Instead)
	}
	fmt.Fprintf(out, "\n%d of %d rules as known, %d differences, %s\n", asKnown, all, len(storetest.Differences), took.Round(time.Second))
	return right
}
