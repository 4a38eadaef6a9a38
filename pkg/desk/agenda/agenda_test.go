package agenda_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/desk/agenda"
)

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func TestThingsHappenInTheOrderOfTimeAndOfEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a agenda.Agenda
		type thing struct {
			at time.Time
			n  int
		}
		var want, got []thing
		for n, s := range rapid.SliceOf(rapid.IntRange(0, 5)).Draw(t, "seconds") {
			x := thing{start.Add(time.Duration(s) * time.Second), n}
			want = append(want, x)
			a.Add(x.at, func() { got = append(got, x) })
		}
		slices.SortStableFunc(want, func(x, y thing) int { return x.at.Compare(y.at) })
		for i := range want {
			if !a.Next().Equal(want[i].at) {
				t.Fatalf("next at %v, want %v", a.Next(), want[i].at)
			}
			a.Turn()
		}
		if !a.Next().IsZero() || !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestAProcessWaitsUntilItIsResumedAndItsJobEndsOnce(t *testing.T) {
	var ps agenda.Processes
	defer ps.End()
	var lines []string
	start := func(name string) (p *agenda.Process) {
		p = ps.Start(func() {
			lines = append(lines, name+" begins")
			p.Wait()
			lines = append(lines, name+" ends")
		})
		return p
	}
	a, b := start("a"), start("b")
	a.Resume()
	b.Resume()
	a.Resume()
	c := start("c")
	if c != a {
		t.Error("a process whose job is done is not taken again")
	}
	c.Resume()
	b.Resume()
	c.Resume()
	if want := []string{"a begins", "b begins", "a ends", "c begins", "b ends", "c ends"}; !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
}
