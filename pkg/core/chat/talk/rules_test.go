package talk_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/crm"
)

func TestTheBuiltInRulesAreFiveOrMoreInBothLanguagesAndEachAnswerLeadsToAPerson(t *testing.T) {
	r := talk.Default()
	if len(r.Names()) < 5 || !strings.Contains(r.String(), "hours, ") {
		t.Errorf("rules %s", r)
	}
	for _, word := range []string{"OPERATORE", "OPERATOR"} {
		if _, d := put(talk.State{}, said(word, noon)); d.HandOver != talk.ByWish {
			t.Errorf("%s leads to nobody", word)
		}
	}
	for _, text := range []string{"orari", "opening hours", "prezzo", "price", "xyz"} {
		_, d := put(talk.State{}, said(text, noon))
		if d.Answer == nil || !strings.Contains(d.Answer.Text, "OPERATOR") {
			t.Errorf("the answer to %s shows no way to a person: %+v", text, d.Answer)
		}
	}
}

func TestWordsAreWholeWordsWithoutCaseAndAccents(t *testing.T) {
	const yaml = "version: 1\nopt_out: {words: [stop]}\nhand_over: {words: {it: [a voce], en: [voice]}}\n" +
		"rules:\n- {name: r, words: {it: [perché no, città*, l'ora, non va, nn chiama], en: [naïve]}, answer: {it: sì, en: yes}}\n"
	r, err := talk.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"PERCHE' NO?": "r", "perche\u0301 no": "r", "e perché no allora": "r", "perché si, no": "none", "perché": "none", "no perché": "none",
		"cittadino": "r", "CITTÀ": "r", "cit": "none", "l’ora": "r", "lora": "none", "NAIVE": "r", "naïveté": "none", "a voce": "wish", "invoice": "none",
		"nn va": "r", "nn chiama": "r", "non chiama": "none",
		"ｎａｉｖｅ": "r", "per\u200bche no": "r", "\u3164perch\u1160e no\uFFA0": "r", "": "none", "…": "none",
	} {
		_, d := r.Next(talk.State{}, talk.Situation{Message: said(text, noon), Now: noon, Language: chat.Italian})
		if got := label(d); got != want {
			t.Errorf("%q is taken for %s, want %s", text, got, want)
		}
	}
}

func TestARuleWithoutAnAnswerFitsOnlyWhereNothingElseIsSaid(t *testing.T) {
	const yaml = "version: 1\nopt_out: {words: [stop]}\nhand_over: {words: {it: [a voce], en: [voice]}}\n" +
		"rules:\n- {name: r, payloads: [p], words: {it: [a posto, ric*], en: [noted]}}\n- {name: s, words: {it: [luna], en: [moon]}, answer: {it: sì, en: yes}}\n"
	const own = "fillers: {it: [capo, così], en: [boss]}\n"
	for fillers, texts := range map[string]map[string]string{
		own: {
			"A POSTO!": "r", "a posto così, capo 👍": "r", "ricevuto": "r", "ricevuto boss, noted": "r", "così a posto": "r", "capo": "none", "a posto?": "none", "a posto？": "none",
			"a posto\u2753": "none", "non a posto": "none", "posto": "none", "a posto, e la luna": "s", "e a posto": "none", "a posto 42": "none", "a posto ciao": "none", "": "none",
		},
		"": {"ciao, a posto grazie": "r", "a posto capo": "none"}, // the built-in ones
	} {
		r, err := talk.Parse([]byte(yaml + fillers))
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range texts {
			_, d := r.Next(talk.State{}, talk.Situation{Message: said(text, noon), Now: noon, Language: chat.Italian})
			if got := label(d); got != want {
				t.Errorf("%q is taken for %s, want %s", text, got, want)
			}
		}
		if _, d := r.Next(talk.State{}, talk.Situation{Message: pressed("p", "Va tutto bene?"), Now: noon, Language: chat.Italian}); label(d) != "r" {
			t.Errorf("its button is taken for %s", label(d))
		}
	}
}

func TestAnAnswerIsInTheLanguageOfTheWordsThatFitted(t *testing.T) {
	for text, want := range map[string]chat.Language{"orari": chat.Italian, "opening hours": chat.English, "I want a refund": chat.English, "reclamo": chat.Italian, "xyz": chat.Italian} {
		_, d := put(talk.State{}, said(text, noon))
		if d.Answer == nil || d.Answer.Language != want && text != "xyz" || strings.Contains(d.Answer.Text, "scriva") && want == chat.English {
			t.Errorf("%q is answered %+v", text, d.Answer)
		}
	}
}

func TestAButtonCountsBeforeTheWordsOnIt(t *testing.T) {
	for _, tt := range []struct{ choice, title, want string }{
		{"talk-to-human", "Parla con un operatore", "button"},
		{"TALK-TO-HUMAN", "orari", "button"},
		{"hours", "prezzi", "hours"},
		{"unknown", "prezzi", "price"},
		{"unknown", "blu", "none"},
		{"STOP", "Non voglio più messaggi", "opt_out"},
		{"x", "stop", "opt_out"},
		{"hours", "reclamo", "hours"},
	} {
		if _, d := put(talk.State{}, pressed(tt.choice, tt.title)); label(d) != tt.want {
			t.Errorf("%s (%s) is taken for %s, want %s", tt.choice, tt.title, label(d), tt.want)
		}
	}
}

func TestAPersonsWordOnMessagesIsHeardFromEverySource(t *testing.T) {
	pref := func(value, category string) chat.Update {
		return chat.Update{Preference: &chat.Preference{From: chat.Person{User: crm.Text("IT.1")}, At: noon, Value: value, Category: category}}
	}
	failed := func(state chat.State, code int) chat.Update {
		return chat.Update{Status: &chat.Status{ID: crm.Text("w"), State: state, At: noon, To: chat.Person{User: crm.Text("IT.1")}, Errors: []chat.Error{{Code: code}}}}
	}
	text := func(s string) chat.Update { m := said(s, noon); return chat.Update{Message: &m} }
	button := pressed("STOP", "Non più")
	template := said("Stop promotions", noon)
	template.Type, template.Choice = chat.TypeButton, crm.Text("Stop promotions")
	group, edited := said("STOP", noon), said("STOP", noon)
	group.Group = crm.Text("g")
	edited.Type, edited.Kind = chat.TypeEdit, "text"
	photo := said("stop", noon)
	photo.Type = chat.TypeImage
	for _, tt := range []struct {
		name string
		u    chat.Update
		want string
	}{
		{"stop in the settings", pref("stop", chat.CategoryMarketing), "out preference"},
		{"resume in the settings", pref("resume", chat.CategoryMarketing), "in preference"},
		{"signed up", pref("signup", chat.CategoryMarketing), "in preference"},
		{"stop of a category to come", pref("stop", "service_messages"), "out preference"},
		{"resume of a category to come", pref("resume", "service_messages"), ""},
		{"a preference to come", pref("paused", chat.CategoryMarketing), ""},
		{"a delivery that came back", failed(chat.Failed, 131050), "out delivery"},
		{"a delivery that came back for another reason", failed(chat.Failed, 131026), ""},
		{"a delivery that did not come back", failed(chat.Sent, 131050), ""},
		{"a word", text("Stop!"), "out word"},
		{"a word to have them again", text("riprendi"), "in word"},
		{"a sentence with the word", text("stop please"), ""},
		{"a button", chat.Update{Message: &button}, "out button"},
		{"a template's button", chat.Update{Message: &template}, "out button"},
		{"in a group", chat.Update{Message: &group}, ""},
		{"an edited message", chat.Update{Message: &edited}, "out word"},
		{"under a photograph", chat.Update{Message: &photo}, "out word"},
		{"a notice", chat.Update{Notice: &chat.Notice{}}, ""},
	} {
		got := ""
		if c, said := talk.Default().Consent(tt.u); said {
			got = fmt.Sprintf("%s %s", map[bool]string{true: "out", false: "in"}[c.Out], c.Source)
			if !c.At.Equal(noon) || c.Person.User != crm.Text("IT.1") {
				t.Errorf("%s: said at %s", tt.name, c.At)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNoMessageIsTakenForAnOptOutUnlessItIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := rapid.StringMatching(`([a-z]{1,6} ){0,2}`).Draw(t, "before"), rapid.StringMatching(`( [a-z]{1,6}){0,2}`).Draw(t, "after")
		m := said(before+"STOP"+after, noon)
		_, out := talk.Default().Consent(chat.Update{Message: &m})
		if alone := strings.TrimSpace(before+after) == ""; alone != out && !strings.HasPrefix(before+"stop"+after, "stop messages") {
			t.Fatalf("%q is an opt-out: %t", m.Text.Text(), out)
		}
	})
}
