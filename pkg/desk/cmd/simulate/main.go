// Command simulate runs seeded worlds over the real handlers and says what does not hold.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/desk/simulate"
)

func main() {
	debug.SetGCPercent(400) // runs are short and make much garbage
	var o order
	if err := o.parse(os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(2)
	}
	ok, err := o.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// order is what the command line asks for.
type order struct {
	configs   []string
	from      uint64
	seeds     int
	workers   int
	replay    bool
	shrink    bool
	stopAfter int
	options   simulate.Options
}

func (o *order) parse(args []string) error {
	set := flag.NewFlagSet("simulate", flag.ContinueOnError)
	set.Usage = func() {
		fmt.Fprintln(set.Output(), "simulate lets people, faults and crashes loose on the whole suite in model time, and asks whether anything was lost.\n\nConfigurations:")
		for _, name := range simulate.Names() {
			fmt.Fprintf(set.Output(), "  %-14s %s\n", name, simulate.About(name))
		}
		fmt.Fprintln(set.Output(), "\nRules that can be taken away, and the configuration that misses them:")
		for _, b := range simulate.Breaks() {
			fmt.Fprintf(set.Output(), "  %-14s %-14s %s\n", b, b.Shown(), b.About())
		}
		fmt.Fprintln(set.Output(), "\nFlags:")
		set.PrintDefaults()
	}
	name := set.String("config", "", "the `configuration`, or all (default all; with --break the one that misses the rule)")
	set.Uint64Var(&o.from, "from", 1, "the first seed")
	set.IntVar(&o.seeds, "seeds", 200, "how many seeds of each configuration")
	seed := set.String("seed", "", "replay this one `seed` with its trace")
	rule := set.String("break", "", "take a `rule` away (the list is above)")
	actions := set.String("actions", "", "replay only these actions: a `list` of numbers, or none")
	faults := set.String("faults", "", "replay only these faults: a `list` of numbers, or none")
	set.IntVar(&o.workers, "workers", 2, "how many runs at a time")
	set.BoolVar(&o.shrink, "shrink", false, "with --seed: shorten the run first")
	set.IntVar(&o.stopAfter, "stop-after", 1, "stop after this many violated runs; 0: never")
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%q is no flag: what would be tried is not what was asked for", set.Arg(0))
	}
	if o.seeds < 1 || o.workers < 1 || o.stopAfter < 0 {
		return fmt.Errorf("-seeds and -workers are at least 1, -stop-after at least 0: nothing that was not tried is in order")
	}
	o.options.Break = simulate.Break(*rule)
	if !o.options.Break.Known() {
		return fmt.Errorf("no break %q; there are %v", *rule, simulate.Breaks())
	}
	o.configs = []string{cmp.Or(*name, o.options.Break.Shown(), "all")}
	if o.configs[0] == "all" {
		o.configs = simulate.Names()
	}
	for _, c := range o.configs {
		if !slices.Contains(simulate.Names(), c) {
			return fmt.Errorf("no configuration %q; there are %s and all", c, strings.Join(simulate.Names(), ", "))
		}
	}
	var err error
	if o.options.Actions, err = numbers(*actions); err != nil {
		return err
	}
	if o.options.Faults, err = numbers(*faults); err != nil {
		return err
	}
	if *seed == "" {
		if o.shrink || *actions != "" || *faults != "" {
			return fmt.Errorf("-shrink, -actions and -faults are for a replay: name its -seed")
		}
		return nil
	}
	if len(o.configs) != 1 {
		return fmt.Errorf("a seed is replayed in one configuration: name it with --config")
	}
	o.replay = true
	o.options.Config = o.configs[0]
	o.options.Seed, err = strconv.ParseUint(*seed, 10, 64)
	return err
}

func numbers(s string) ([]int, error) {
	switch s {
	case "":
		return nil, nil
	case "none":
		return []int{}, nil
	}
	var out []int
	for word := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", word)
		}
		out = append(out, n)
	}
	return out, nil
}

func (o *order) run() (bool, error) {
	if o.replay {
		return o.one()
	}
	ok := true
	for _, name := range o.configs {
		s := simulate.Sweep{Config: name, From: o.from, Seeds: o.seeds, Workers: o.workers, Break: o.options.Break, StopAfter: o.stopAfter}
		began, told := time.Now(), time.Now()
		sum, err := s.Run(func(done int) {
			if time.Since(told) > 5*time.Second {
				told = time.Now()
				fmt.Fprintf(os.Stderr, "%s: %d of %d seeds\n", name, done, o.seeds)
			}
		})
		if err != nil {
			return false, err
		}
		took := time.Since(began)
		fmt.Printf("%-14s %s, %.0f seeds/s\n", name, sum, float64(sum.Seeds)/took.Seconds())
		for _, bad := range sum.Failed {
			ok = false
			fmt.Printf("violated: %s\n", bad.Command())
		}
		for _, bad := range sum.Failed {
			fmt.Fprintf(os.Stderr, "shortening seed %d …\n", bad.Seed)
			if err := report(bad); err != nil {
				return false, err
			}
		}
	}
	return ok, nil
}

// report prints the shortest run that shows a violation.
func report(bad simulate.Options) error {
	short, r, err := simulate.Shrink(bad)
	if err != nil {
		return err
	}
	fmt.Printf("\n---- %s\n", short.Command())
	for _, line := range r.Trace {
		fmt.Println(line)
	}
	fmt.Println()
	return nil
}

func (o *order) one() (bool, error) {
	o.options.Trace = true
	if o.shrink {
		return false, report(o.options)
	}
	r, err := simulate.Run(o.options)
	if err != nil {
		return false, err
	}
	for _, line := range r.Trace {
		fmt.Println(line)
	}
	fmt.Printf("\n%d actions, %d calls, %d faults, %d edits, %d writes, %s of model time\n", len(r.Actions), r.Calls, len(r.Faults), r.Edits, r.Writes, r.ModelTime)
	for _, w := range r.Windows {
		fmt.Printf("declared window (%s): %s\n", w.Name, w.Text)
	}
	for _, v := range r.Violations {
		fmt.Printf("VIOLATION %s: %s\n", v.Rule, v.Text)
	}
	return !r.Failed(), nil
}
