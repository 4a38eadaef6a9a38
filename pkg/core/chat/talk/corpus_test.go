package talk_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/chat/talk"
)

// A complaint that nobody notices is the worst that can happen, so every one has to be found; of the others at most one in
// twenty may be taken for something else, and none of those for a complaint.
func TestTheDefaultRulesUnderstandWhatPeopleWrite(t *testing.T) {
	raw, err := os.ReadFile("testdata/corpus.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, wrong := 0, 0
	for line := range strings.Lines(string(raw)) {
		want, text, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if !ok {
			continue
		}
		all++
		_, d := put(talk.State{}, said(text, noon))
		got := label(d)
		if got == want {
			continue
		}
		if wrong++; want == "complaint" || got == "complaint" || want == "opt_out" || got == "opt_out" {
			t.Errorf("%q is taken for %s, it is %s", text, got, want)
		} else {
			t.Logf("%q is taken for %s, it is %s", text, got, want)
		}
	}
	if all < 200 || wrong*20 > all {
		t.Errorf("%d of %d are taken for something else", wrong, all)
	}
}

// What no word gives away is a miss or gets an answer that says how to reach a person, and a second one reaches him.
func TestAComplaintThatNoWordGivesAwayFindsItsWayToAPerson(t *testing.T) {
	raw, err := os.ReadFile("testdata/oblique.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "#") {
			continue
		}
		s, d := put(talk.State{}, said(text, noon))
		if d.Answer == nil || !strings.Contains(d.Answer.Text, "OPERATOR") {
			t.Errorf("%q is answered %+v", text, d.Answer)
		}
		if label(d) != "none" {
			continue
		}
		if _, d = put(s, said(text, noon.Add(time.Minute))); d.HandOver != talk.ByMisses {
			t.Errorf("%q twice reaches nobody", text)
		}
	}
}
