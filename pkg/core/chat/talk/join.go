package talk

import (
	"slices"
	"time"
)

// With returns the conversation of one person whom two of them turn out to be with. The later one goes on; what belongs to the
// same stretch of talk counts together, and somebody who leads one of them leads both. No messages wanted in either holds.
func (s State) With(other State) State {
	if other.LastIn.After(s.LastIn) {
		s, other = other, s
	}
	s.OptedOut = s.OptedOut || other.OptedOut
	s.Answers = slices.SortedFunc(slices.Values(slices.Concat(s.Answers, other.Answers)), time.Time.Compare)
	if other.LastIn.IsZero() && other.Phase == Bot || s.LastIn.Sub(other.LastIn) >= Silence {
		return s
	}
	s.Count += other.Count
	s.Misses = max(s.Misses, other.Misses)
	if s.Phase == Bot || other.Phase == Human {
		s.Phase = other.Phase
	}
	return s
}
