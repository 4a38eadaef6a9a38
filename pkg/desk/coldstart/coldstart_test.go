package coldstart

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const root = "../../.."

func TestAFunctionIsTimedUntilItAsksAndUntilItHasAnswered(t *testing.T) {
	m := &measured{name: bare}
	if err := m.build(t.Context(), root, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if m.size < 1_000_000 || m.archive >= m.size {
		t.Errorf("%d bytes, %d compressed", m.size, m.archive)
	}
	r, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for range 2 {
		next, answered, err := r.start(t.Context(), m.bootstrap, environment("http://127.0.0.1:9"), "{}")
		if err != nil || next <= 0 || answered <= next {
			t.Errorf("%s, then %s, %v", next, answered, err)
		}
	}
	next, answered, err := r.start(t.Context(), m.bootstrap, environment("http://127.0.0.1:9"), "")
	if err != nil || next <= 0 || answered != 0 {
		t.Errorf("without an event: %s, %s, %v", next, answered, err)
	}
}

func TestAFunctionThatDoesNotStartIsAnErrorWithItsLog(t *testing.T) {
	script := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho AWS_REGION is not set >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if _, _, err := r.start(t.Context(), script, nil, "{}"); !errors.Is(err, errEnded) || !strings.Contains(err.Error(), "AWS_REGION is not set") {
		t.Errorf("%v", err)
	}
}

func TestWhatIsAboveATargetIsMarked(t *testing.T) {
	took := func(ms ...int) (all []time.Duration) {
		for _, n := range ms {
			all = append(all, time.Duration(n)*time.Millisecond)
		}
		return all
	}
	base := &measured{name: bare, event: "{}", next: took(4, 2, 9), answered: took(5, 5, 5)}
	for _, tt := range []struct {
		name string
		m    measured
		want string
	}{
		{"within", measured{name: "f", event: "{}", archive: MaxArchive, next: took(6, 1, 99), answered: took(10, 10, 10)}, ""},
		{"slow", measured{name: "f", next: took(7, 7, 7)}, "starts above 1.5"},
		{"large", measured{name: "f", archive: MaxArchive + 1, next: took(4, 4, 4)}, "archive above 5 MB"},
	} {
		var out bytes.Buffer
		right := table(&out, 3, []*measured{base, &tt.m})
		if right != (tt.want == "") || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%s: %t\n%s", tt.name, right, &out)
		}
	}
}

func TestTheEventsAreThoseOfTheCheckout(t *testing.T) {
	names, err := functions(root)
	if err != nil {
		t.Fatal(err)
	}
	with := 0
	for _, name := range names {
		file, ok := events[name]
		if !ok {
			continue
		}
		with++
		if _, err := os.Stat(filepath.Join(root, "events", file)); err != nil {
			t.Error(err)
		}
	}
	if with != len(events) {
		t.Errorf("%d of %d events belong to a function", with, len(events))
	}
}
