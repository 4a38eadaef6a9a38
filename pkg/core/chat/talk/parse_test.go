package talk_test

import (
	"strings"
	"testing"

	"crm-connector/pkg/core/chat/talk"
)

const smallest = `version: 1
opt_out: {words: [stop]}
hand_over: {words: {it: [operatore], en: [operator]}}
rules:
  - name: hours
    words: {it: [orari], en: [hours]}
    answer: {it: sì, en: yes}
`

func TestTheSmallestRulesAreEnough(t *testing.T) {
	if _, err := talk.Parse([]byte(smallest)); err != nil {
		t.Error(err)
	}
	if r, err := talk.Parse(talk.DefaultYAML()); err != nil || r.String() != talk.Default().String() {
		t.Error(err)
	}
}

func TestEveryMistakeIsToldWithItsPlace(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"version: 1", "version: 2", "line 1, column 10: version must be 1"},
		{"version: 1\n", "", "line 1, column 8: version is missing"},
		{"version: 1", "version: 1\nfoo: 1", "line 2, column 1: the rules has no foo: use one of fillers, hand_over"},
		{"opt_out: {words: [stop]}\n", "", "opt_out is missing"},
		{"{words: [stop]}", "{payloads: [stop]}", "line 2, column 10: opt_out has no words"},
		{"{words: [stop]}", "{words: [stop, Stop]}", "line 2, column 25: opt_out: words: Stop stands here twice"},
		{"{words: [stop]}", "{words: [stop], payloads: [a, A]}", "line 2, column 40: opt_out: payloads: A stands here twice"},
		{"{words: [stop]}", `{words: [stop], payloads: [""]}`, "an empty payload"},
		{"[stop]", "['!?']", "line 2, column 19: opt_out: words: \"!?\" is no word"},
		{"[stop]", "[st*]", "\"st*\" is no word"},
		{"[stop]", "[st*op]", "\"st*op\" is no word"},
		{"[stop]", "[{a: b}]", "line 2, column 19: opt_out: words must be one plain value"},
		{"[stop]", "[null]", "opt_out: words is missing"},
		{"hand_over: {words: {it: [operatore], en: [operator]}}", "hand_over: {}", "line 3, column 12: hand_over has no words"},
		{", en: [operator]", "", "hand_over: words has nothing in en: add en:"},
		{"en: [operator]", "de: [x]", "hand_over: words has no de: use one of en, it"},
		{"rules:\n", "rules: []\nx:\n", "line 4, column 8: rules must be a list"},
		{"rules:\n", "fillers: [ciao]\nrules:\n", "line 4, column 10: fillers must be keys with values"},
		{"rules:\n", "fillers: {it: [ciao]}\nrules:\n", "fillers has nothing in en: add en:"},
		{"rules:\n", "fillers: {it: [ciao, Ciao], en: [bye]}\nrules:\n", "line 4, column 22: fillers: it: Ciao stands here twice"},
		{"name: hours", "name: Hours!", "a rule needs a name"},
		{"name: hours", "name: miss", "the name miss is taken"},
		{"    words: {it: [orari], en: [hours]}\n", "", "the rule hours fits nothing"},
		{"yes}", "''}", "line 7, column 26: answer is empty"},
		{"yes}", strings.Repeat("x", 4097) + "}", "answer is longer than 4096 characters"},
		{"yes}\n", "yes}\n  - {name: hours, words: {it: [a], en: [b]}}\n", "the rule hours stands here twice"},
		{"{it: sì, en: yes}", "sì", "line 7, column 13: answer must be keys with values"},
		{"opt_out:", "opt_out", "correct it there"},
		{smallest, "", "there must be one document"},
		{smallest, strings.Repeat("#", 300<<10), "are too many"},
	} {
		_, err := talk.Parse([]byte(strings.Replace(smallest, tt.old, tt.new, 1)))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "rules: ") {
			t.Errorf("%q for %q:\n%v\nwant %s", tt.new, tt.old, err, tt.want)
		}
	}
}

func TestAllMistakesAreToldAtOnceInTheOrderOfTheFile(t *testing.T) {
	_, err := talk.Parse([]byte("version: 3\nopt_out: 7\nhand_over: {words: {it: [a*], en: [b]}}\nrules: x\n"))
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{"line 1, column 10: version", "line 2, column 10: opt_out must be keys", "line 3, column 26: hand_over: words: it", "line 4, column 8: rules"}
	if len(lines) != len(want) {
		t.Fatalf("%v", err)
	}
	for i, w := range want {
		if !strings.Contains(lines[i], w) {
			t.Errorf("mistake %d is %q, want %q", i+1, lines[i], w)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(talk.DefaultYAML())
	for _, s := range []string{smallest, "? a\n: b\n", "<<: *a\n", "rules: [null]\n", "- - -\n", "version: 0x1\n", "opt_out: |\n  x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := talk.Parse(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "rules: ") {
				t.Errorf("the error %q does not say that it is the rules'", err)
			}
			return
		}
		_, _ = r.Next(talk.State{}, talk.Situation{Message: said("orari", noon), Now: noon})
	})
}
