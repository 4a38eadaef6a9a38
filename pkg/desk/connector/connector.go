// Package connector is the operator's one command: it sets up what the CRMs need, checks it, and steers a running stack. Every
// step can be run twice, shows with --plan what it would do, and says what it found.
//
// It decides nothing about a record: what it queues the consumers carry out, by the rules that it writes into the stack's
// tables. It works alike on a stack in AWS, on one in an emulator, and on the process that make run starts.
package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	ExitOK      = 0   // done, or nothing to do; no finding
	ExitFinding = 1   // something was found that needs a person, or a step failed
	ExitUsage   = 2   // the command line or a setting is wrong; nothing was done
	ExitVersion = 3   // the stack is of another version than this command; nothing was done
	ExitStopped = 130 // Ctrl-C
)

// World is everything that the command touches outside itself. All fields but Prompt are required.
type World struct {
	Getenv         func(string) string
	Stdout, Stderr io.Writer
	Prompt         func(label string) (string, error) // reads a line without an echo; nil: nobody is there to be asked
	Now            func() time.Time
	Sleep          func(ctx context.Context, d time.Duration) bool // false: it did not wait to the end
	NewID          func() string
	Random         io.Reader // of new keys
	HTTP           http.RoundTripper
	Version        string // of the suite that this command belongs to
	// Open opens the stack that the flags name.
	Open func(ctx context.Context, w World, at Where) (*Stack, error)
}

// Where says which stack is meant.
type Where struct {
	Stack string // its name; tables, queues, functions and secrets are named after it
	Desk  string // the address of a process of make run, instead of a stack; "" for none
}

// finding ends a command with ExitFinding. What was found is printed already.
var errFinding = errors.New("something was found")

// wrong is a fault of the command line or of a setting.
type wrong struct{ text string }

func (w wrong) Error() string { return w.text }

func wrongf(format string, args ...any) error { return wrong{fmt.Sprintf(format, args...)} }

// otherVersion says that the stack is not of this command's version.
type otherVersion struct{ text string }

func (o otherVersion) Error() string { return o.text }

// exit is how kong's own --help ends the command.
type exit int

// Run carries out one command line (without the program's name) and returns the exit code.
func Run(ctx context.Context, w World, args []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(exit)
			if !ok {
				panic(p)
			}
			code = int(e)
		}
	}()
	var line commandLine
	parser, err := kong.New(&line, kong.Name("connector"), kong.Description(description), kong.Writers(w.Stdout, w.Stderr),
		kong.Exit(func(code int) { panic(exit(code)) }), kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 120}))
	if err != nil {
		panic(err) // the command line is described wrongly: a test builds it
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		s := &session{World: w, flags: Flags{JSON: wantsJSON(args)}} // whatever was understood of the line
		s.show("error", err.Error())
		s.flush()
		fmt.Fprintln(w.Stderr, "connector: "+err.Error())
		fmt.Fprintln(w.Stderr, "connector --help lists the commands; connector <command> --help has examples")
		return ExitUsage
	}
	s := &session{World: w, flags: line.Flags}
	command.BindTo(ctx, (*context.Context)(nil))
	return s.end(ctx, command.Run(s))
}

// wantsJSON reports whether a line that was not understood asks for JSON all the same, in any of the ways in which a flag is written.
func wantsJSON(args []string) (wants bool) {
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		switch {
		case a == "--":
			return wants
		case name == "--json":
			value = strings.ToLower(value)
			wants = value != "false" && value != "no" && value != "0"
		}
	}
	return wants
}

// end says how it ended, with --json as "error" in the answer too, and returns the exit code.
func (s *session) end(ctx context.Context, err error) int {
	code, text := ending(ctx, err)
	if text != "" {
		s.show("error", text)
	}
	apart := s.differences()
	if apart != nil {
		s.show("differences", apart)
	}
	s.flush()
	for _, each := range apart {
		fmt.Fprintln(s.Stderr, "connector: "+each)
	}
	if text != "" {
		fmt.Fprintln(s.Stderr, "connector: "+strings.ReplaceAll(text, "\n", "\nconnector: "))
	}
	return code
}

// ending is the exit code, and what is left to say.
func ending(ctx context.Context, err error) (code int, text string) {
	switch {
	case err == nil:
		return ExitOK, ""
	case ctx.Err() != nil:
		return ExitStopped, "stopped; what was done is done, and the command can be run again"
	case errors.Is(err, errFinding):
		return ExitFinding, ""
	}
	if _, ok := errors.AsType[wrong](err); ok {
		return ExitUsage, err.Error()
	}
	if _, ok := errors.AsType[otherVersion](err); ok {
		return ExitVersion, err.Error()
	}
	return ExitFinding, err.Error()
}
