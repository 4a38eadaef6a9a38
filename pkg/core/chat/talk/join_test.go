package talk_test

import (
	"fmt"
	"testing"
	"time"

	"crm-connector/pkg/core/chat/talk"
)

func TestTwoConversationsOfOnePersonGoOnAsTheLaterWithTheStricterWord(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	minute := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	for _, tt := range []struct {
		name     string
		one, two talk.State
		phase    talk.Phase
		count    int
		last     time.Time
		out      bool
		answers  int
	}{
		{"the later one's window", talk.State{Count: 2, LastIn: minute(0)}, talk.State{Count: 1, LastIn: minute(5)}, talk.Bot, 3, minute(5), false, 0},
		{"an opt-out of long ago", talk.State{Count: 2, LastIn: noon.Add(-48 * time.Hour), OptedOut: true, Phase: talk.Closed}, talk.State{Count: 1, LastIn: minute(5)}, talk.Bot, 1, minute(5), true, 0},
		{"a person leads one", talk.State{Count: 7, LastIn: minute(0), Phase: talk.Human}, talk.State{Count: 1, LastIn: minute(5), Phase: talk.Pending}, talk.Human, 8, minute(5), false, 0},
		{"a task waits for one", talk.State{Count: 3, LastIn: minute(0), Phase: talk.Pending}, talk.State{Count: 1, LastIn: minute(5)}, talk.Pending, 4, minute(5), false, 0},
		{"answers of both", talk.State{Count: 1, LastIn: minute(0), Answers: []time.Time{minute(1)}}, talk.State{Count: 1, LastIn: minute(5), Answers: []time.Time{minute(0)}}, talk.Bot, 2, minute(5), false, 2},
		{"one that has not begun", talk.State{}, talk.State{Count: 1, LastIn: minute(5)}, talk.Bot, 1, minute(5), false, 0},
		{"a message that failed, and nobody wrote", talk.State{Phase: talk.Pending}, talk.State{}, talk.Pending, 0, time.Time{}, false, 0},
	} {
		a, b := tt.one.With(tt.two), tt.two.With(tt.one)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s: %v one way, %v the other", tt.name, a, b)
		}
		if a.Phase != tt.phase || a.Count != tt.count || !a.LastIn.Equal(tt.last) || a.OptedOut != tt.out || len(a.Answers) != tt.answers {
			t.Errorf("%s: %+v", tt.name, a)
		}
		for i := 1; i < len(a.Answers); i++ {
			if a.Answers[i].Before(a.Answers[i-1]) {
				t.Errorf("%s: answers out of order: %v", tt.name, a.Answers)
			}
		}
	}
}
