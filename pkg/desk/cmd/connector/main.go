// Command connector sets up, checks and steers a stack of CRM Connector; connector --help lists what it does.
package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // whether ReportZone is one must not depend on the machine

	"github.com/google/uuid"

	"crm-connector/pkg/desk/connector"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/suite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C is not waited for
	code := connector.Run(ctx, connector.World{
		Getenv: os.Getenv, Stdout: os.Stdout, Stderr: os.Stderr, Prompt: prompt(ctx, os.Stdin, os.Stderr),
		Now: time.Now, Sleep: sandbox.Sleep, NewID: uuid.NewString, Random: rand.Reader, HTTP: http.DefaultTransport,
		Version: suite.Version, Open: connector.Open,
	}, os.Args[1:])
	stop()
	os.Exit(code)
}
