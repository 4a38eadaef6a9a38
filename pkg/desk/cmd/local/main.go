// Command local runs what functions under `sam local` need on this machine: an emulator of AWS with the stack's queues, tables
// and secrets, and two sandbox CRMs with the records that events/ names, and a sandbox WhatsApp.
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

const usage = `Usage: local [--env FILE] [--deliver URL]

Runs an emulator of AWS, two sandbox CRMs and a sandbox WhatsApp until Ctrl-C, on the ports that events/env.json names, with what events/world.json
says happened before the events; prints what to try. Run it in the checkout after .ci/tools ministack docker; make local does both.

`

func main() {
	o := invoke.LocalOptions{Root: ".", Out: os.Stdout, Now: time.Now}
	flag.StringVar(&o.Env, "env", "events/env.json", "the functions' environment; the ports are taken from its addresses")
	flag.StringVar(&o.Deliver, "deliver", "http://127.0.0.1:3000", "where the CRMs' notifications go: `sam local start-api`; empty: nowhere")
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
	if err := invoke.Local(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}
