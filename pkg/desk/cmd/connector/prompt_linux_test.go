package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// ioctl asks a terminal for something, or tells it.
func ioctl(t *testing.T, f *os.File, what uintptr, p unsafe.Pointer) {
	t.Helper()
	if _, _, no := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), what, uintptr(p)); no != 0 {
		t.Fatal(no)
	}
}

// opened are the terminals. They stay open: a reader that a stop left behind goes by the number of its terminal, and would put the
// next one that has it back.
var opened []*os.File

// terminal opens a terminal: what a person has before himself, and what a command reads from.
func terminal(t *testing.T) (person, command *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var locked, number int32
	ioctl(t, person, syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	ioctl(t, person, syscall.TIOCGPTN, unsafe.Pointer(&number))
	command, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	opened = append(opened, person, command)
	return person, command
}

// echoes reports whether a terminal shows what is typed.
func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	var s syscall.Termios
	ioctl(t, f, syscall.TCGETS, unsafe.Pointer(&s))
	return s.Lflag&syscall.ECHO != 0
}

// hidden waits until a terminal does not show what is typed.
func hidden(t *testing.T, f *os.File) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); echoes(t, f); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("what is typed is shown")
		}
	}
}

// asked asks for a secret, and returns what comes of it.
func asked(ctx context.Context, in *os.File, out io.Writer) <-chan error {
	ended := make(chan error, 1)
	go func() {
		text, err := prompt(ctx, in, out)("SECRET")
		if err == nil {
			err = errors.New("it is " + text)
		}
		ended <- err
	}()
	return ended
}

// soon returns what comes within ten seconds.
func soon(t *testing.T, from <-chan error) error {
	t.Helper()
	select {
	case err := <-from:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on waiting for an answer")
		return nil
	}
}

func TestAStopEndsTheWaitForASecretAndTheTerminalEchoesAgain(t *testing.T) {
	_, command := terminal(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := asked(ctx, command, io.Discard)
	hidden(t, command)
	stop()
	if err := soon(t, ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if !echoes(t, command) {
		t.Error("what is typed after it is not shown")
	}
	if err := soon(t, asked(ctx, command, io.Discard)); !errors.Is(err, context.Canceled) || !echoes(t, command) {
		t.Errorf("the next one is asked for: %v", err)
	}
}

func TestAStopEndsTheWaitForALineOfAPipe(t *testing.T) {
	in, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	ctx, stop := context.WithCancel(t.Context())
	ended := asked(ctx, in, io.Discard)
	stop()
	if err := soon(t, ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestASecretIsReadWithoutAnEchoOrAsItComes(t *testing.T) {
	for typed, want := range map[string]string{"canary \n": "it is canary", "\n": "it is "} {
		person, command := terminal(t)
		var out bytes.Buffer
		ended := asked(t.Context(), command, &out)
		hidden(t, command)
		if _, err := person.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		if err := soon(t, ended); err.Error() != want || !echoes(t, command) || !strings.HasPrefix(out.String(), "SECRET (not shown; empty: not now): ") {
			t.Errorf("%q: %v, %q", typed, err, out.String())
		}
	}
	in, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.WriteString("first\nsecond"); err != nil || held.Close() != nil {
		t.Fatal(err)
	}
	ask := prompt(t.Context(), in, io.Discard)
	for _, want := range []string{"first", "second", ""} {
		if got, err := ask("SECRET"); got != want || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
}
