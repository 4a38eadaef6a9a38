package talk

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/document"
)

// MaxAnswer is how many characters an answer has at most. Page: messages/text-messages.
const MaxAnswer = 4096

// Parse reads rules. It is strict: an unknown key, a name or word that stands there twice, a star in the wrong place, a
// language that is missing are mistakes. The error lists all of them, one a line, each with line and column and with what to
// do.
func Parse(text []byte) (*Rules, error) {
	r := &reader{document.Reader{Name: "rules"}}
	root, err := r.Root(text, SchemaVersion)
	if err != nil {
		return nil, err
	}
	out := r.all(root)
	if err := r.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

func (r *reader) all(root ast.Node) *Rules {
	out := &Rules{}
	version := 0
	seen := r.Keys(root, "the rules", map[string]func(ast.Node){
		"version":   func(n ast.Node) { version = r.Number(n, "version", SchemaVersion, SchemaVersion) },
		"opt_out":   func(n ast.Node) { out.optOut = r.signal(n, "opt_out") },
		"opt_in":    func(n ast.Node) { out.optIn = r.signal(n, "opt_in") },
		"hand_over": func(n ast.Node) { out.handOver = r.handOver(n) },
		"miss":      func(n ast.Node) { out.miss = r.answers(n, "miss") },
		"fillers":   func(n ast.Node) { out.fillers = r.words(n, "fillers") },
		"rules":     func(n ast.Node) { out.rules = r.rules(n) },
	})
	if version == 0 && r.Faults() == 0 {
		r.Fail(root, "version is missing: add version: %d", SchemaVersion)
	}
	for _, name := range []string{"opt_out", "hand_over", "rules"} {
		if !slices.Contains(seen, name) && r.Faults() == 0 {
			r.Fail(root, "%s is missing: people must be able to end messages, to reach a person, and to be answered", name)
		}
	}
	return out
}

func (r *reader) signal(n ast.Node, what string) (s signal) {
	r.Keys(n, what, map[string]func(ast.Node){
		"words":    func(n ast.Node) { s.words = r.phrases(n, what+": words") },
		"payloads": func(n ast.Node) { s.payloads = r.payloads(n, what+": payloads") },
		"answer":   func(n ast.Node) { s.answer = r.answers(n, what+": answer") },
	})
	if len(s.words) == 0 && r.Faults() == 0 {
		r.Fail(n, "%s has no words: add words: [STOP]", what)
	}
	return s
}

func (r *reader) handOver(n ast.Node) (h handOver) {
	const what = "hand_over"
	r.Keys(n, what, map[string]func(ast.Node){
		"payloads":   func(n ast.Node) { h.payloads = r.payloads(n, what+": payloads") },
		"words":      func(n ast.Node) { h.words = r.words(n, what+": words") },
		"complaints": func(n ast.Node) { h.complaints = r.words(n, what+": complaints") },
		"answer":     func(n ast.Node) { h.answer = r.answers(n, what+": answer") },
	})
	if len(h.words) == 0 && r.Faults() == 0 {
		r.Fail(n, "hand_over has no words: whoever writes must be able to ask for a person, so add words")
	}
	return h
}

func (r *reader) rules(n ast.Node) (out []rule) {
	list, ok := n.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		r.Fail(n, "rules must be a list: write each as - name: hours, with words and an answer under it")
		return nil
	}
	for _, n := range list.Values {
		one := r.rule(n)
		if slices.ContainsFunc(out, func(o rule) bool { return o.name == one.name }) {
			r.Fail(n, "the rule %s stands here twice: give one another name", one.name)
		}
		out = append(out, one)
	}
	return out
}

func (r *reader) rule(n ast.Node) (one rule) {
	before := r.Faults()
	r.Keys(n, "a rule", map[string]func(ast.Node){
		"name":     func(n ast.Node) { one.name, _ = r.Text(n, "name") },
		"payloads": func(n ast.Node) { one.payloads = r.payloads(n, "payloads") },
		"words":    func(n ast.Node) { one.words = r.words(n, "words") },
		"answer":   func(n ast.Node) { one.answer = r.answers(n, "answer") },
	})
	switch {
	case r.Faults() > before:
	case one.name == "" || strings.Trim(one.name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
		r.Fail(n, "a rule needs a name of small letters, digits and _: add name: hours")
	case slices.Contains([]string{RuleOptOut, RuleOptIn, RuleHandOver, RuleMiss}, one.name):
		r.Fail(n, "the name %s is taken: choose another", one.name)
	case len(one.payloads) == 0 && len(one.words) == 0:
		r.Fail(n, "the rule %s fits nothing: add words or payloads", one.name)
	}
	return one
}

// byLanguage reads what is written once for each language.
func (r *reader) byLanguage(n ast.Node, what string, read func(chat.Language, ast.Node)) {
	known := map[string]func(ast.Node){}
	for _, lang := range languages {
		known[string(lang)] = func(n ast.Node) { read(lang, n) }
	}
	seen := r.Keys(n, what, known)
	for _, lang := range languages {
		if _, ok := n.(*ast.MappingNode); ok && !slices.Contains(seen, string(lang)) {
			r.Fail(n, "%s has nothing in %s: add %s:", what, lang, lang)
		}
	}
}

func (r *reader) words(n ast.Node, what string) words {
	out := words{}
	r.byLanguage(n, what, func(lang chat.Language, n ast.Node) { out[lang] = r.phrases(n, what+": "+string(lang)) })
	return out
}

func (r *reader) answers(n ast.Node, what string) answers {
	out := answers{}
	r.byLanguage(n, what, func(lang chat.Language, n ast.Node) {
		s, ok := r.prose(n, what)
		switch s = strings.TrimSpace(s); {
		case !ok:
		case s == "":
			r.Fail(n, "%s is empty: write a text, or remove the answer in both languages", what)
		case utf8.RuneCountInString(s) > MaxAnswer:
			r.Fail(n, "%s is longer than %d characters: shorten it", what, MaxAnswer)
		}
		out[lang] = s
	})
	return out
}

func (r *reader) phrases(n ast.Node, what string) (out []phrase) {
	for _, e := range r.Texts(n, what) {
		p, ok := parsePhrase(e.Text)
		switch {
		case !ok:
			r.Fail(e.Node, "%s: %q is no word: write letters, and a star only behind %d of them or more", what, e.Text, shortest)
		case slices.ContainsFunc(out, func(o phrase) bool { return slices.Equal(o, p) }):
			r.Fail(e.Node, "%s: %s stands here twice: remove one", what, e.Text)
		default:
			out = append(out, p)
		}
	}
	return out
}

func (r *reader) payloads(n ast.Node, what string) (out []string) {
	for _, e := range r.Texts(n, what) {
		p := fold(e.Text)
		switch {
		case p == "":
			r.Fail(e.Node, "%s: an empty payload: write what the button carries", what)
		case slices.Contains(out, p):
			r.Fail(e.Node, "%s: %s stands here twice: remove one", what, e.Text)
		default:
			out = append(out, p)
		}
	}
	return out
}
