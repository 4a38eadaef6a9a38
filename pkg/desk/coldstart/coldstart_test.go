package coldstart

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const root = "../../.."

func TestAFunctionIsBuiltWeighedAndTimed(t *testing.T) {
	m := &measured{name: bare, event: "{}"}
	if err := m.build(t.Context(), root, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if m.size < 1_000_000 || m.archive >= m.size {
		t.Errorf("%d bytes, %d compressed", m.size, m.archive)
	}
	if err := start(t.Context(), 2, []*measured{m}); err != nil || len(m.next) != 2 || len(m.answered) != 2 || m.answered[0] <= m.next[0] {
		t.Errorf("%v, then %v, %v", m.next, m.answered, err)
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
