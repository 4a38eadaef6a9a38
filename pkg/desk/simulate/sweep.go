package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Sweep runs many seeds of one configuration.
type Sweep struct {
	Config    string
	From      uint64
	Seeds     int
	Workers   int // runs at a time; less than 1 is 1
	Break     Break
	StopAfter int // stop after this many violated runs; 0: never
}

// Summary is what became of a sweep.
type Summary struct {
	Seeds, Calls, Faults, Edits, Writes int
	Windows                             map[string]int
	Rules                               map[string]int // violated runs by the first rule that was
	Failed                              []Options      // the violated runs, by seed
}

// String is the summary in a line.
func (s Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds, %d calls, %d faults, %d edits, %d writes, %d violated", s.Seeds, s.Calls, s.Faults, s.Edits, s.Writes, len(s.Failed))
	for _, name := range slices.Sorted(maps.Keys(s.Rules)) {
		fmt.Fprintf(&b, " [%s %d]", name, s.Rules[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.Windows)) {
		fmt.Fprintf(&b, ", %d in the %s window", s.Windows[name], name)
	}
	return b.String()
}

// Run carries out the sweep and tells how far it is. What it finds does not depend on the number of workers, unless it
// stops early.
func (s Sweep) Run(progress func(done int)) (Summary, error) {
	sum := Summary{Windows: map[string]int{}, Rules: map[string]int{}}
	var mu sync.Mutex
	var first error
	var wg sync.WaitGroup
	next := 0
	take := func() (Options, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == s.Seeds || first != nil || s.StopAfter > 0 && len(sum.Failed) >= s.StopAfter {
			return Options{}, false
		}
		next++
		return Options{Config: s.Config, Seed: s.From + uint64(next-1), Break: s.Break}, true
	}
	for range max(1, s.Workers) {
		wg.Go(func() {
			for o, ok := take(); ok; o, ok = take() {
				r, err := Run(o)
				mu.Lock()
				sum.add(o, r)
				if err != nil && first == nil {
					first = err
				}
				if progress != nil {
					progress(sum.Seeds)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.SortFunc(sum.Failed, func(a, b Options) int { return int(int64(a.Seed - b.Seed)) })
	return sum, first
}

func (s *Summary) add(o Options, r Result) {
	s.Seeds++
	s.Calls += r.Calls
	s.Faults += len(r.Faults)
	s.Edits += r.Edits
	s.Writes += r.Writes
	for _, w := range r.Windows {
		s.Windows[w.Name]++
	}
	if r.Failed() {
		s.Rules[r.Violations[0].Rule]++
		s.Failed = append(s.Failed, o)
	}
}
