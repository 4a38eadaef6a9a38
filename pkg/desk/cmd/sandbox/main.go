// Command sandbox runs the whole suite in one process, between sandbox CRMs unless the vendors' URLs are set.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/google/uuid"

	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/desk/demo"
	"crm-connector/pkg/desk/sandbox"
)

const usage = `Usage: sandbox [-log | -demo]

Runs the suite on 127.0.0.1 with a sandbox HubSpot and a sandbox Zoho CRM, and prints what to try and what happens.
Settings come from the environment (README: settings); with HUBSPOT_API_URL or ZOHO_API_URL set it talks to that CRM.

`

func main() {
	logs := flag.Bool("log", false, "print the suite's own JSON log lines on standard error")
	scenes := flag.Bool("demo", false, "play a day in scenes, in model time, check each and end; exit status 1 when one fails")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	act := func() error { return run(ctx, *logs) }
	if *scenes {
		act = func() error { return demo.Run(ctx, os.Stdout) }
	}
	if err := act(); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, logs bool) error {
	set, err := sandbox.ReadSettings(os.Getenv)
	if path := os.Getenv("MAPPING"); path != "" {
		var wrong error
		set.Rules.Default, set.MappingText, wrong = readMapping(path)
		err = errors.Join(err, wrong)
	}
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if logs {
		log = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	desk, err := sandbox.NewDesk(set, os.Stdout, log, time.Now, uuid.NewString)
	if err != nil {
		return err
	}
	return desk.Run(ctx)
}

func readMapping(path string) (*mapping.Mapping, []byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("MAPPING: %w", err)
	}
	m, err := mapping.Parse(text)
	if err != nil {
		return nil, nil, fmt.Errorf("MAPPING %s: %w", path, err)
	}
	return m, text, nil
}
