package simulate

import "slices"

// A run is repeated to make it shorter at most tries times, and until mostCalls calls were made: a run that goes in circles
// costs as much as a thousand others.
const (
	tries     = 400
	mostCalls = 500_000
)

// Shrink leaves out actions and faults for as long as the same rule is still violated, and returns the shortest run found.
// It fails only as Run does.
func Shrink(o Options) (Options, Result, error) {
	o.Trace = false
	first, err := Run(o)
	if err != nil || !first.Failed() {
		return o, first, err
	}
	rule := first.Violations[0].Rule
	left, calls := tries, 0
	fails := func(o Options) bool {
		if left--; left < 0 || calls > mostCalls {
			return false
		}
		r, e := Run(o)
		calls += r.Calls
		return e == nil && slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.Rule == rule })
	}
	with := func(actions, faults []int) Options {
		n := o
		n.Actions, n.Faults = actions, faults
		return n
	}
	actions, faults := keep(first.Actions), keep(first.Faults)
	if !fails(with(actions, faults)) {
		actions, faults = o.Actions, o.Faults // leaving out nothing is another run: not every fault is a call's
	}
	for before := -1; actions != nil && before != len(actions)+len(faults); {
		before = len(actions) + len(faults)
		faults = fewer(faults, func(some []int) bool { return fails(with(actions, some)) })
		actions = fewer(actions, func(some []int) bool { return fails(with(some, faults)) })
	}
	o = with(actions, faults)
	o.Trace = true
	r, err := Run(o)
	return o, r, err
}

func keep(list []int) []int { return append([]int{}, list...) }

// fewer leaves out halves, quarters, … and at last single numbers, as long as what is left fails.
func fewer(all []int, fails func([]int) bool) []int {
	for size := len(all); size > 0; size /= 2 {
		for from := 0; from < len(all); {
			to := min(from+size, len(all))
			rest := append(keep(all[:from]), all[to:]...)
			if fails(rest) {
				all = rest
				continue
			}
			from = to
		}
	}
	return all
}
