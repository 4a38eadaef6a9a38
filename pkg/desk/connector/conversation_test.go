package connector

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
)

func TestRulesOfConversationAreCheckedLineByLineBeforeTheyAreStored(t *testing.T) {
	b := stage(t)
	text := string(talk.DefaultYAML())
	wrong := strings.Replace(strings.Replace(text, "name: thanks", "name: hours", 1), "rimbors*,", "rim*bors,", 1)
	path := file(t, "words.yaml", wrong)
	r := b.bare("conversation", "check", path)
	if r.code != ExitFinding {
		t.Errorf("exit %d, %s", r.code, r.err)
	}
	golden(t, "conversation.txt", strings.ReplaceAll(r.out, path, "words.yaml"))
	b.unchanged("wrong rules", func() {
		has(t, b.want(ExitFinding, "conversation", "apply", path), "words.yaml: line ", "hours stands here twice")
	})
	b.unchanged("rules that let nobody end messages", func() {
		has(t, b.want(ExitFinding, "conversation", "apply", file(t, "none.yaml", "version: 1\n")), "line 1", "opt_out is missing")
	})
	if r := b.bare("conversation", "check", file(t, "good.yaml", text)); r.code != ExitOK || !strings.Contains(r.out, "good: answers to thanks, payment, order") {
		t.Errorf("exit %d, %s%s", r.code, r.out, r.err)
	}
	var out struct{ Faults []string }
	b.must(json.Unmarshal([]byte(b.bare("conversation", "check", path, "--json").out), &out))
	if len(out.Faults) != 2 || !strings.HasPrefix(out.Faults[0], "line ") {
		t.Errorf("%q", out.Faults)
	}
	if r := b.bare("conversation", "check", "nowhere.yaml"); r.code != ExitUsage || !strings.Contains(r.err, "no such file") {
		t.Errorf("exit %d, %s", r.code, r.err)
	}
}

const ownRules = `version: 1
opt_out:
  words: [lasciatemi in pace, leave me alone]
  answer: {it: Va bene., en: Very well.}
hand_over:
  words: {it: [portinaio], en: [doorman]}
  answer: {it: Arriva qualcuno., en: Somebody is coming.}
rules:
  - name: horses
    words: {it: [cavall*], en: [horse*]}
    answer: {it: Abbiamo tre cavalli., en: We have three horses.}
`

func TestOwnRulesOfConversationArePutInForceAndAnswerWithinAMinute(t *testing.T) {
	b := conversing(t)
	p := b.WhatsApp.Meet("Anna Rossi", "393471234567")
	answered := func(text, want string) {
		t.Helper()
		b.Clock.Advance(10 * time.Minute)
		before := len(b.WhatsApp.SentMessages())
		_, err := p.Say(whatsapptest.DefaultNumber, text)
		b.must(err)
		b.settle()
		got := ""
		for _, m := range b.WhatsApp.SentMessages()[before:] {
			got += m.Text
		}
		if got != want {
			t.Errorf("%q is answered %q, want %q", text, got, want)
		}
	}
	path := file(t, "words.yaml", ownRules)
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "conversation", "apply", path, "--plan"), "plan   the rules of conversation are in force as row 1, answers to horses")
	})
	has(t, b.want(ExitOK, "conversation", "show"), "built in; answers to thanks, payment, order")
	has(t, b.want(ExitOK, "conversation", "apply", path), "done   the rules of conversation are in force as row 1")
	b.unchanged("the second time", func() { has(t, b.want(ExitOK, "conversation", "apply", path), "as is  ", "row 1") })
	has(t, b.want(ExitOK, "conversation", "show"), "row 1; answers to horses")
	if out := b.want(ExitOK, "conversation", "show", "--yaml"); out != ownRules {
		t.Error("another text comes back")
	}
	if r := b.bare("conversation", "show", "--default", "--yaml"); r.out != string(talk.DefaultYAML()) {
		t.Error("the built-in ones are others")
	}
	answered("avete un cavallo?", "Abbiamo tre cavalli.")
	answered("stop", "") // a word of the built-in ones
	answered("lasciatemi in pace", "Va bene.")
}

func TestTheDoctorBlamesRulesOfConversationThatCannotBeRead(t *testing.T) {
	b := whole(t)
	b.want(ExitOK, "conversation", "apply", file(t, "words.yaml", ownRules))
	has(t, b.run("doctor").out, "whatsapp.rules", "row 1, answers to horses")
	b.set(config.Conversation, "version: 9\n")
	has(t, b.want(ExitFinding, "doctor"), "whatsapp.rules", "version must be 1", "messages wait", "connector conversation apply FILE")
	has(t, b.want(ExitFinding, "conversation", "show"), "row 2: line 1")
	if rows, err := b.Tables[sandbox.Config].Get(t.Context(), row.Key{Part: "config", Sort: config.Conversation}); err != nil || rows[0].Version != 2 {
		t.Errorf("%v, %v", rows, err)
	}
}
