// Command soak lets the real handlers work for days of model time and says what they came to.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"crm-connector/pkg/desk/soak"
)

const usage = `Usage: soak <what> [flags]

  messages     people who write on WhatsApp and a business that writes to them, for days: through the door, whatsappConsumer,
               zohoConsumer, hubspotConsumer and sendWhatsapp into a sandbox of each CRM, with deliveries that come twice, late
               and out of order, workers that die and vendors that fail; every message must stand once in each CRM that knows
               its person, and show its final state
  conversions  deliveries of conversion events through the door, the queue and conversionAggregator, with repeats up to a week
               late, functions that die and calls that fail; every counter is held against an oracle, to the cent, and so is what
               conversionApi answers; the daily reports of conversionClock find nothing; then how soon an event is visible
  report       days of conversion events whose rows are spoiled in a dozen ways, one defect at a time: the daily report finds each
               and tells it, and finds nothing where nothing is wrong

soak <what> --help lists the flags. Progress goes to standard error. Exit status 1 when something does not hold, with the
shortest useful trace of it; 2 when the command is not understood or cannot be run.
`

func main() {
	debug.SetGCPercent(300) // runs make much garbage
	if len(os.Args) < 2 || os.Args[1] == "--help" || os.Args[1] == "-h" || os.Args[1] == "help" {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	run, known := map[string]func([]string) (bool, error){"messages": messages, "conversions": conversions, "report": report}[os.Args[1]]
	if !known {
		fmt.Fprintf(os.Stderr, "soak: there is no %q\n\n%s", os.Args[1], usage)
		os.Exit(2)
	}
	ok, err := run(os.Args[2:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

func messages(args []string) (bool, error) {
	set := flag.NewFlagSet("soak messages", flag.ContinueOnError)
	var o soak.MessagesOptions
	set.IntVar(&o.Hours, "hours", 72, "for how long people write")
	set.IntVar(&o.PerHour, "per-hour", 5000, "messages an hour: 85 of 100 are people's, the others are asked to be sent")
	set.IntVar(&o.People, "people", 0, "how many people there are (default a sixtieth of the messages)")
	set.IntVar(&o.Crashes, "crashes", 2, "workers an hour that die at a call")
	set.Float64Var(&o.Faults, "faults", 0.05, "chance that a request to a vendor fails: refused, lost, answered and lost, or carried out late")
	set.Uint64Var(&o.Seed, "seed", 1, "the first seed")
	seeds := set.Int("seeds", 1, "how many seeds")
	workers := set.Int("workers", 2, "how many seeds at a time; a third of a million messages need some 3 GB")
	if err := set.Parse(args); err != nil {
		return false, err
	}
	if set.NArg() > 0 || o.Hours < 1 || o.PerHour < 1 || *seeds < 1 || *workers < 1 {
		set.Usage()
		return false, fmt.Errorf("soak messages: not understood")
	}
	var all []func() (bool, error)
	for n := range *seeds {
		one := o
		one.Seed += uint64(n)
		one.Progress = progress(fmt.Sprintf("seed %d", one.Seed))
		all = append(all, func() (bool, error) {
			began := time.Now()
			r, err := soak.Messages(one)
			if err != nil {
				return false, err
			}
			return print(one.Command(), began, r, r.Violations, r.Trace), nil
		})
	}
	return each(all, *workers)
}

func conversions(args []string) (bool, error) {
	set := flag.NewFlagSet("soak conversions", flag.ContinueOnError)
	var o soak.ConversionsOptions
	set.IntVar(&o.Deliveries, "deliveries", 1_000_000, "how many deliveries reach the door")
	set.Uint64Var(&o.Seed, "seed", 1, "the first seed")
	set.Float64Var(&o.Crashes, "crashes", 0.01, "chance that a function dies at a step: before each of its calls, and behind it")
	set.Float64Var(&o.Faults, "faults", 0.05, "chance that a call of the table fails")
	seeds := set.Int("seeds", 1, "how many seeds")
	workers := set.Int("workers", 2, "how many seeds at a time; a million deliveries need some 6 GB")
	if err := set.Parse(args); err != nil {
		return false, err
	}
	if set.NArg() > 0 || o.Deliveries < 1 || *seeds < 1 || *workers < 1 {
		set.Usage()
		return false, fmt.Errorf("soak conversions: not understood")
	}
	// How soon an event is visible is measured where calls fail and nothing dies.
	soon := o
	soon.Deliveries, soon.Crashes = min(o.Deliveries, 100_000), 0
	all := []func() (bool, error){func() (bool, error) { return conversion(soon, true) }}
	for n := range *seeds {
		one := o
		one.Seed += uint64(n)
		all = append(all, func() (bool, error) { return conversion(one, false) })
	}
	return each(all, *workers)
}

// conversion is one run of conversions.
func conversion(o soak.ConversionsOptions, soon bool) (bool, error) {
	o.Progress = progress(fmt.Sprintf("seed %d", o.Seed))
	began := time.Now()
	r, err := soak.Conversions(o)
	if err != nil {
		return false, err
	}
	if soon && r.P99 >= soak.Most {
		r.Violations = append(r.Violations, fmt.Sprintf("from 202 to visible 99 of 100 take up to %s", r.P99))
	}
	return print(o.Command(), began, r, r.Violations, r.Trace), nil
}

func report(args []string) (bool, error) {
	set := flag.NewFlagSet("soak report", flag.ContinueOnError)
	var o soak.ReportOptions
	set.IntVar(&o.Defects, "defects", 200, "how many defects")
	set.IntVar(&o.Events, "events", 2000, "deliveries on the day that is reported")
	set.Uint64Var(&o.Seed, "seed", 1, "the seed")
	if err := set.Parse(args); err != nil {
		return false, err
	}
	if set.NArg() > 0 || o.Defects < 1 || o.Events < 500 {
		set.Usage()
		return false, fmt.Errorf("soak report: not understood, or a day of less than 500 events")
	}
	o.Progress = progress("defects")
	began := time.Now()
	r, err := soak.Report(o)
	if err != nil {
		return false, err
	}
	return print(o.Command(), began, r, r.Violations, nil), nil
}

// printing keeps the lines of a run together.
var printing sync.Mutex

// print tells what a run came to, and reports whether everything held.
func print(command string, began time.Time, r fmt.Stringer, violations, trace []string) bool {
	printing.Lock()
	defer printing.Unlock()
	fmt.Printf("%s\n  %s\n  took %s\n", command, r, time.Since(began).Round(time.Second/10))
	for _, v := range violations {
		fmt.Printf("VIOLATION %s\n", v)
	}
	for _, line := range trace {
		fmt.Println("    " + line)
	}
	return len(violations) == 0
}

// progress tells every ten seconds how far a run is.
func progress(name string) func(done int, now time.Time) {
	told := time.Now()
	return func(done int, now time.Time) {
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			fmt.Fprintf(os.Stderr, "%s: %d, %s\n", name, done, now.Format("2 Jan 15:04"))
		}
	}
}

// each carries everything out, some at a time, and reports whether all of it held.
func each(all []func() (bool, error), workers int) (bool, error) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	room, held := make(chan struct{}, workers), true
	var failed error
	for _, do := range all {
		room <- struct{}{}
		wait.Add(1)
		go func() {
			defer wait.Done()
			ok, err := do()
			mu.Lock()
			held, failed = held && ok, errors.Join(failed, err)
			mu.Unlock()
			<-room
		}()
	}
	wait.Wait()
	return held && failed == nil, failed
}
