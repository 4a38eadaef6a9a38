// Command coldstart measures the start of every function through Lambda's Runtime API against one that does nothing, and
// weighs its archive.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"crm-connector/pkg/desk/coldstart"
)

func main() {
	var o coldstart.Options
	flag.IntVar(&o.Rounds, "rounds", coldstart.DefaultRounds, "starts of each function")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), `Usage: coldstart [-rounds N]

Builds every function and one that does nothing, starts each N times in turn as a process that talks to a Runtime API on
127.0.0.1, and prints sizes, the medians until the first event is asked for and answered, and their ratios to the function
that does nothing. Exit status 1 when a ratio or an archive is above its target, 2 when it cannot be measured. Linux only.

`)
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 || o.Rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	o.Out = os.Stdout
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	right, err := coldstart.Run(ctx, o)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "coldstart:", err)
		os.Exit(2)
	case !right:
		os.Exit(1)
	}
}
