package connector

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/flow/config"
)

type conversationCommand struct {
	Show  conversationShowCommand  `cmd:"" default:"1" help:"Print the rules in force."`
	Check conversationCheckCommand `cmd:"" help:"Say whether a file would do."`
	Apply conversationApplyCommand `cmd:"" help:"Put a file in force."`
}

type conversationShowCommand struct {
	YAML    bool `help:"Print them as YAML, to start own ones from." name:"yaml"`
	Default bool `help:"The built-in ones instead; needs no stack."`
}

// Help is what --help adds.
func (conversationShowCommand) Help() string {
	return `Examples:

    connector conversation show --stack crm-connector
    connector conversation show --default --yaml > words.yaml`
}

// Run prints the rules.
func (c conversationShowCommand) Run(ctx context.Context, s *session) error {
	text, from := talk.DefaultYAML(), "built in"
	if !c.Default {
		st, err := s.stack(ctx, toRead)
		if err != nil {
			return err
		}
		r, err := s.rows(st).Get(ctx, config.Conversation)
		if err != nil {
			return err
		}
		if r.Version != 0 {
			text, from = r.Value, fmt.Sprintf("row %d", r.Version)
		}
	}
	s.show("from", from)
	if c.YAML {
		s.show("yaml", string(text))
		s.printf("%s", text)
		return nil
	}
	rules, err := talk.Parse(text)
	if err != nil {
		return s.mistakes(from, "rules", err)
	}
	s.show("rules", rules.Names())
	s.printf("%s; answers to %s\n", from, rules)
	return nil
}

type conversationCheckCommand struct {
	File string `arg:"" type:"path" help:"YAML file."`
}

// Help is what --help adds.
func (conversationCheckCommand) Help() string {
	return `Every mistake is printed with its line.

Examples:

    connector conversation check words.yaml
    connector conversation check words.yaml --json`
}

// Run checks a file.
func (c conversationCheckCommand) Run(_ context.Context, s *session) error {
	rules, _, err := document(s, c.File, "rules", talk.Parse)
	if err != nil {
		return err
	}
	s.show("rules", rules.Names())
	s.printf("good: answers to %s\n", rules)
	return nil
}

// document reads a file of one of the configuration's documents. What is wrong with it is printed line by line.
func document[T any](s *session, path, name string, parse func([]byte) (T, error)) (doc T, text []byte, err error) {
	if text, err = os.ReadFile(path); err != nil {
		return doc, nil, wrongf("%v", err)
	}
	if doc, err = parse(text); err != nil {
		return doc, nil, s.mistakes(path, name, err)
	}
	return doc, text, nil
}

// mistakes prints what is wrong with a document of that name, a line each.
func (s *session) mistakes(path, name string, err error) error {
	var faults []string
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimPrefix(strings.TrimSpace(line), name+": ")
		faults = append(faults, line)
		s.printf("%s: %s\n", path, line)
	}
	s.show("faults", faults)
	return errFinding
}

type conversationApplyCommand struct {
	File string `arg:"" type:"path" help:"YAML file."`
}

// Help is what --help adds.
func (conversationApplyCommand) Help() string {
	return `Rules that are wrong are refused before they are stored. Conversations that are under way go on by the new ones; an opt-out stays one.

Examples:

    connector conversation apply words.yaml --stack crm-connector --plan
    connector conversation apply words.yaml --stack crm-connector`
}

// Run stores a file.
func (c conversationApplyCommand) Run(ctx context.Context, s *session) error {
	rules, text, err := document(s, c.File, "rules", talk.Parse)
	if err != nil {
		return err
	}
	st, err := s.stack(ctx, toChange)
	if err != nil {
		return err
	}
	r, err := s.rows(st).Get(ctx, config.Conversation)
	if err != nil {
		return err
	}
	s.show("rules", rules.Names())
	if r.Version != 0 && bytes.Equal(r.Value, text) {
		s.nothing(fmt.Sprintf("the rules of conversation are in force as row %d", r.Version))
		return nil
	}
	what := fmt.Sprintf("the rules of conversation are in force as row %d, answers to %s; %s", r.Version+1, rules, within)
	return s.change(what, func() error { return s.rows(st).Set(ctx, config.Conversation, text) })
}
