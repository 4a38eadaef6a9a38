package connector

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// typed finds the command lines of connector in a page, in a block or between backquotes, up to what is not typed.
var typed = regexp.MustCompile("(?:^|[`$&(] ?|[A-Z]=\\S+ |/cmd/)connector ((?:[a-zA-Z0-9-]|--)[^`|)&#<>\n…,]*)")

func TestEveryCommandLineOfTheDocumentationIsUnderstood(t *testing.T) {
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, page := range append(pages, "../../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			for _, m := range typed.FindAllStringSubmatch(line, -1) {
				seen++
				var out, errs bytes.Buffer
				code := Run(context.Background(), World{
					Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &errs, Now: time.Now, HTTP: http.DefaultTransport,
					Open: func(context.Context, World, Where) (*Stack, error) { return nil, errors.New("help opens nothing") },
				}, append(strings.Fields(m[1]), "--help"))
				if code != ExitOK {
					t.Errorf("%s: connector %s: %s", filepath.Base(page), m[1], errs.String())
				}
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d command lines: the rule is held to nothing", seen)
	}
}

func TestNoCommandLineOfTheDocumentationCarriesASecret(t *testing.T) {
	name := `\b(` + strings.Join(handedOver, "|") + `)`
	carrying := map[string]*regexp.Regexp{
		"stands before a command":                 regexp.MustCompile(name + `=\S+ (bin/)?connector\b`),
		"is given to a command":                   regexp.MustCompile(`(?m)(?:^|[;&|(] ?|\$ )(?:echo|printf|export|env)\b[^\n#|]*` + name + `=`),
		"is put together of what the shell holds": regexp.MustCompile(name + `=["']?[^\s"'` + "`" + `]*\$`),
		"is read into the shell":                  regexp.MustCompile(`[A-Z]=\$\((connector token|aws ssm get-parameter|openssl rand)`),
		"is an argument":                          regexp.MustCompile(`Bearer \$`),
	}
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	for _, page := range append(pages, "../../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for how, found := range carrying {
			for _, m := range found.FindAllString(string(text), -1) {
				t.Errorf("%s: a secret %s: %s", filepath.Base(page), how, m)
			}
		}
	}
}
