// Command connector sets up, checks and steers a stack of CRM Connector; connector --help lists what it does.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // whether ReportZone is one must not depend on the machine

	"github.com/google/uuid"
	"golang.org/x/term"

	"crm-connector/pkg/desk/connector"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/suite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := connector.Run(ctx, connector.World{
		Getenv: os.Getenv, Stdout: os.Stdout, Stderr: os.Stderr, Prompt: prompt(os.Stdin, os.Stderr),
		Now: time.Now, Sleep: sandbox.Sleep, NewID: uuid.NewString, Random: rand.Reader, HTTP: http.DefaultTransport,
		Version: suite.Version, Open: connector.Open,
	}, os.Args[1:])
	stop()
	os.Exit(code)
}

// prompt asks on standard error and reads a line: from a terminal without an echo, from anything else as it comes. At its end
// the answer is empty.
func prompt(in *os.File, out io.Writer) func(string) (string, error) {
	lines := bufio.NewReader(in)
	return func(label string) (string, error) {
		if !term.IsTerminal(int(in.Fd())) {
			line, err := lines.ReadString('\n')
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return strings.TrimSpace(line), err
		}
		fmt.Fprintf(out, "%s (not shown; empty: not now): ", label)
		text, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(out)
		return string(text), err
	}
}
