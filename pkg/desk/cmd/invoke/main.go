// Command invoke runs every event of events/ through the functions as they are built, in Docker or as processes, and compares
// what each answers and does with what is expected of it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"crm-connector/pkg/desk/invoke"
)

const usage = `Usage: invoke [--runner docker|process] [--only PATTERN] [--jobs N] [--logs]
       invoke --event NAME

Runs each event of events/ with ` + "`sam local invoke`" + ` against an emulator of AWS and two sandbox CRMs of its own, and compares
answer and effect with events/expected. Prints a line an event and "n of n"; exit status 1 when one differs, 2 when they
cannot be run. Run it in the checkout after .ci/tools sam ministack docker base-image and make build; make invoke-all does both.

With --runner process it starts the same programs as processes that talk to Lambda's Runtime API on 127.0.0.1, for machines that
run no containers: without the image of the runtime, the SAM CLI and what that takes from the template.

With --event it prints one event to standard output, signed as HubSpot would right now, for
  go run ./pkg/desk/cmd/invoke --event webhook.hubspot-creation | sam local invoke webhook -e -

`

func main() {
	var o invoke.Options
	flag.StringVar(&o.Only, "only", "", "a pattern of names, like 'webhook.*'; all when not set")
	flag.IntVar(&o.Jobs, "jobs", 2, "how many events at a time")
	flag.BoolVar(&o.Logs, "logs", false, "print the log of every function, not only of those that differ")
	runner := flag.String("runner", string(invoke.Docker), "how the functions run: docker or process")
	event := flag.String("event", "", "print this event, signed, and end")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o.Out, o.Root, o.Now, o.Runner = os.Stdout, ".", time.Now, invoke.Runner(*runner)
	if *event != "" {
		exit(true, invoke.Print(o, *event))
	}
	exit(invoke.All(ctx, o))
}

func exit(right bool, err error) {
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "invoke:", err)
		os.Exit(2)
	case !right:
		os.Exit(1)
	}
	os.Exit(0)
}
