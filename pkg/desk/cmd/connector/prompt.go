package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// prompt asks on standard error and reads a line: from a terminal without an echo, from anything else as it comes. At its end
// the answer is empty. The end of ctx, which is Ctrl-C, ends the wait for an answer, and leaves the terminal as it was.
func prompt(ctx context.Context, in *os.File, out io.Writer) func(string) (string, error) {
	lines, fd := bufio.NewReader(in), int(in.Fd())
	return func(label string) (string, error) {
		before, err := term.GetState(fd)
		if err != nil { // it is no terminal
			return answer(ctx, func() (string, error) { return lines.ReadString('\n') })
		}
		fmt.Fprintf(out, "%s (not shown; empty: not now): ", label)
		text, err := answer(ctx, func() (string, error) {
			line, err := term.ReadPassword(fd)
			return string(line), err
		})
		if ctx.Err() != nil {
			_ = term.Restore(fd, before) // whoever reads still has it without an echo
		}
		fmt.Fprintln(out)
		return text, err
	}
}

// answer waits for a line, or for the end of ctx: then nobody takes what is read.
func answer(ctx context.Context, read func() (string, error)) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	type said struct {
		text string
		err  error
	}
	got := make(chan said, 1)
	go func() {
		text, err := read()
		got <- said{text, err}
	}()
	select {
	case s := <-got:
		if errors.Is(s.err, io.EOF) {
			s.err = nil
		}
		return strings.TrimSpace(s.text), s.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
