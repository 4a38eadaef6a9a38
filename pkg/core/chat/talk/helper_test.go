package talk_test

import (
	"testing"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/crm"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func said(text string, at time.Time) chat.Message {
	return chat.Message{ID: crm.Text("w"), Type: chat.TypeText, Text: crm.Text(text), At: at, From: chat.Person{User: crm.Text("IT.1")}}
}

func pressed(choice, title string) chat.Message {
	m := said(title, noon)
	m.Type, m.Kind, m.Choice = chat.TypeInteractive, chat.KindButtonReply, crm.Text(choice)
	return m
}

// put puts one message to the default rules, as it comes.
func put(s talk.State, m chat.Message) (talk.State, talk.Decision) {
	return talk.Default().Next(s, talk.Situation{Message: m, Now: m.At.Add(time.Second), Language: chat.Italian})
}

// label says what a decision took the message for, in the words of the corpus.
func label(d talk.Decision) string {
	switch {
	case d.Consent != nil:
		return d.Rule
	case d.HandOver != "":
		return string(d.HandOver)
	case d.Rule != "":
		return d.Rule
	}
	return "none"
}

func wantAnswer(t *testing.T, what string, d talk.Decision, rule string) {
	t.Helper()
	got := ""
	if d.Answer != nil {
		got = d.Answer.Rule
	}
	if got != rule {
		t.Errorf("%s: answered by %q, want %q", what, got, rule)
	}
}
