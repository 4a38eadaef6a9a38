// Command rehearse deploys the template as it is to an emulator of AWS and plays the first day of a stack between two sandbox
// CRMs; rehearse --help says what it needs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"crm-connector/pkg/desk/rehearse"
)

const usage = `Usage: rehearse [--pass story|rights] [--built] [--keep] [--stack NAME]

Installs the tools (.ci/tools), builds the functions (make build), starts an emulator of AWS and two sandbox CRMs on free
ports of this machine, deploys template.yaml as it is with ` + "`sam deploy`" + `, sets the stack up with connector, and plays a
story through the door, the queues, the functions, the tables and the mail. Two passes: story, and rights, in which the
emulator holds every function to the policy of its role. docs/rehearsal.md says what each step shows, and what differs in AWS.

Prints a line for each step with its time. Exit status 0 when all are as they must be, 1 when one is not (with the reason and
where the logs are), 2 when the command line is wrong. Run it in the checkout.

`

func main() {
	o := rehearse.Options{Root: ".", Out: os.Stdout, Now: time.Now}
	pass := flag.String("pass", "", "one pass only: story or rights")
	flag.BoolVar(&o.Built, "built", false, "take .tools and .aws-sam as they are")
	flag.BoolVar(&o.Keep, "keep", false, "leave the last pass running before its stack is deleted, until Ctrl-C; keep the logs")
	flag.StringVar(&o.Stack, "stack", "crm-connector-rehearsal", "the stack's name")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	switch o.Passes = []string{rehearse.Story, rehearse.Rights}; {
	case *pass == rehearse.Story || *pass == rehearse.Rights:
		o.Passes = []string{*pass}
	case *pass != "" || flag.NArg() > 0 || strings.TrimSpace(o.Stack) == "":
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	good, err := rehearse.Run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rehearse:", err)
	}
	if !good {
		os.Exit(1)
	}
}
