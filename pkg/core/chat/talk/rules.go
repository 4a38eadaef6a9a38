// Package talk is the conversation with a person on WhatsApp as far as no person of the business takes part: which rule
// answers a message, when somebody takes over, what counts as an opt-out. Words and answers are data, read from YAML that an
// operator edits; default.yaml is built in.
//
// It decides and nothing else: it sends nothing, keeps no state but what it is handed and hands back, and reads no clock.
// That a message is looked at once only is the business of its caller.
package talk

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"crm-connector/pkg/core/chat"
)

// SchemaVersion is the version of the YAML that this code reads.
const SchemaVersion = 1

//go:embed default.yaml
var defaultYAML []byte

// Default returns the rules of default.yaml.
func Default() *Rules { return builtIn() }

var builtIn = sync.OnceValue(func() *Rules {
	r, err := Parse(defaultYAML)
	if err != nil {
		panic(err) // a test parses it
	}
	return r
})

// DefaultYAML returns the text of the built-in rules, to start own ones from.
func DefaultYAML() []byte { return slices.Clone(defaultYAML) }

// Rules are all rules of conversation. They never change after they were made and may be shared. Make them with Parse or
// Default.
type Rules struct {
	optOut, optIn signal
	handOver      handOver
	miss          answers
	fillers       words
	rules         []rule
}

// answers is a text in each language; nil says nothing.
type answers map[chat.Language]string

// signal is a word of consent: the whole message, or a button.
type signal struct {
	words    []phrase
	payloads []string // folded
	answer   answers
}

type handOver struct {
	payloads   []string
	words      words
	complaints words
	answer     answers
}

type rule struct {
	name     string
	payloads []string
	words    words
	answer   answers
}

// words are phrases by the language that they are of.
type words map[chat.Language][]phrase

// languages in the order in which they are tried: a word of both is taken for Italian.
var languages = []chat.Language{chat.Italian, chat.English}

// match returns the language of the first phrase that the text has.
func (w words) match(t text) (chat.Language, bool) {
	for _, lang := range languages {
		if slices.ContainsFunc(w[lang], t.has) {
			return lang, true
		}
	}
	return "", false
}

// all returns the phrases of all languages.
func (w words) all() (out []phrase) {
	for _, lang := range languages {
		out = append(out, w[lang]...)
	}
	return out
}

// said reports whether the message is the signal.
func (s signal) said(m chat.Message) (Source, bool) {
	if choice := choiceOf(m); choice != "" && slices.Contains(s.payloads, choice) {
		return FromButton, true
	}
	t := textOf(m)
	if len(t) > 0 && slices.ContainsFunc(s.words, t.is) {
		if m.Choice.Filled() {
			return FromButton, true
		}
		return FromWord, true
	}
	return "", false
}

// filled reports whether the message is what WhatsApp makes of a form, or of the question whether one may call: nobody typed its words.
func filled(m chat.Message) bool {
	return m.Type == chat.TypeInteractive && (m.Kind == chat.KindFormReply || m.Kind == chat.KindCallPermission)
}

// choiceOf returns the payload of the button that was pressed, folded; "" for none.
func choiceOf(m chat.Message) string {
	if filled(m) {
		return ""
	}
	return fold(m.Choice.Text())
}

// textOf returns the words of a message that are looked at: what somebody typed, and the words on a button.
func textOf(m chat.Message) text {
	if filled(m) {
		return nil
	}
	switch m.Type {
	case chat.TypeText, chat.TypeImage, chat.TypeVideo, chat.TypeDocument, chat.TypeButton, chat.TypeInteractive:
		return split(m.Text.Text())
	case chat.TypeEdit:
		if m.Kind == string(chat.TypeText) {
			return split(m.Text.Text())
		}
	}
	return nil
}

// in returns the text of the language, that of another one where it has none, and "" where there is none at all.
func (a answers) in(lang chat.Language) string {
	if s := a[lang]; s != "" {
		return s
	}
	for _, other := range languages {
		if s := a[other]; s != "" {
			return s
		}
	}
	return ""
}

// Names returns the names of the rules in their order.
func (r *Rules) Names() []string {
	var out []string
	for _, one := range r.rules {
		out = append(out, one.name)
	}
	return out
}

// String returns the names, for messages to an operator.
func (r *Rules) String() string { return strings.Join(r.Names(), ", ") }
