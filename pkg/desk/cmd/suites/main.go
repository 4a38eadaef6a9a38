// Command suites puts the suites of the stores to an emulator of AWS and to a second one of its queues, and prints what
// holds there and what differs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"crm-connector/pkg/desk/suites"
)

const usage = `Usage: suites

Starts MiniStack and ElasticMQ out of .tools (.ci/tools ministack elasticmq) on free ports, runs the suites of tables, queues,
mails, secrets and functions against them through the adapters, prints a line a suite, the known differences and "n of n",
and stops them. Exit status 1 when a rule does not do what is known of it, a difference that has gone included; 2 when the
suites cannot be run. Takes five minutes, nearly all of it the five minutes of a deduplication id.
`

func main() {
	flag.Usage = func() { fmt.Fprint(flag.CommandLine.Output(), usage) }
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	right, err := suites.Run(ctx, suites.Options{Out: os.Stdout})
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "suites:", err)
		os.Exit(2)
	case !right:
		os.Exit(1)
	}
}
