package connector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

func TestTheGuideShowsWhatTheCommandPrints(t *testing.T) {
	text, err := os.ReadFile("../../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	b := fresh(t)
	out := strings.NewReplacer("--stack shop", "--stack crm-connector", "https://www.zohoapis.eu", "http://127.0.0.1:8182", "https://connector.example.com", "http://127.0.0.1:9000").
		Replace(b.want(ExitOK, "doctor"))
	has(t, page, "$ connector doctor\n"+out+"```")
	for line := range strings.Lines(b.want(ExitOK, "link", "--dry-run")) {
		row := regexp.MustCompile(`^(\w+ +)\d+ +\d+ +(.*)\n$`).FindStringSubmatch(line)
		if row != nil && !regexp.MustCompile(`(?m)^`+row[1]+`\d+ +\d+ +`+regexp.QuoteMeta(row[2])+`$`).MatchString(page) {
			t.Errorf("docs/deploy.md does not show: %s", line)
		}
	}
}

func TestTheLongestStackNameLeavesRoomForTheLongestFunctionOfTheTemplate(t *testing.T) {
	text, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	longest := ""
	for _, m := range regexp.MustCompile(`FunctionName: !Sub \$\{AWS::StackName\}(\S+)`).FindAllSubmatch(text, -1) {
		if len(m[1]) > len(longest) {
			longest = string(m[1])
		}
	}
	if longest == "" || maxStackName+len(longest) != 64 {
		t.Errorf("a stack's name may have %d characters, and the longest function is the stack's and %s", maxStackName, longest)
	}
	page, err := os.ReadFile("../../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	has(t, string(page), fmt.Sprintf("at most %d characters", maxStackName))
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

// fills finds, in what is typed, the files and folders that a line writes, or has a person write.
var fills = regexp.MustCompile(`(?:(?:^|\s)>>?|--csv|--key|--out|--secret-file|"\$EDITOR"|\s-o|\btee)[ =]+([\w./~][\w./~-]*)`)

// code finds what is typed on a page: blocks, and what stands between backquotes.
var code = regexp.MustCompile("(?s)```.*?```|`[^`\n]+`")

// ignored reports whether git leaves a file out by the lines of .gitignore, as far as those lines are names with or without a star.
func ignored(file string, lines []string) bool {
	parts := strings.Split(strings.Trim(file, "/"), "/")
	for _, line := range lines {
		name := strings.TrimSuffix(line, "/")
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		rooted, whole := strings.TrimPrefix(name, "/"), strings.HasPrefix(name, "/")
		for i, part := range parts {
			if whole {
				part = strings.Join(parts[:i+1], "/")
			}
			if ok, err := filepath.Match(rooted, part); ok && err == nil {
				return true
			}
		}
	}
	return false
}

func TestEveryFileThatAGuideTellsToWriteIsLeftOutByGit(t *testing.T) {
	text, err := os.ReadFile("../../../.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for file, want := range map[string]bool{
		"hubspot-app/src/app.json": true, "bin/connector": true, "keys/a.pem": true, "docs/bin/x": false, "pkg/core": false, "README.md": false, "a.pem.md": false,
	} {
		if ignored(file, lines) != want {
			t.Fatalf("%s: left out %v", file, !want)
		}
	}
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	typed := map[string]string{}
	for _, page := range append(pages, "../../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		typed[filepath.Base(page)] = strings.Join(code.FindAllString(string(text), -1), "\n")
	}
	help, err := os.ReadFile("testdata/help.txt") // of every command
	if err != nil {
		t.Fatal(err)
	}
	typed["help"] = string(help) + "\n--key conversions-key.pem --out hubspot-app" // what is written where no name is given
	seen := map[string]bool{}
	for page, text := range typed {
		for _, m := range fills.FindAllStringSubmatch(text, -1) {
			file := m[1]
			if file == strings.ToUpper(file) { // a placeholder
				continue
			}
			elsewhere := strings.HasPrefix(file, "../") || strings.HasPrefix(file, "/") || strings.HasPrefix(file, "~")
			seen[file] = true
			if !elsewhere && !ignored(file, lines) {
				t.Errorf("%s: %s is written into the checkout, and git takes it: add it to .gitignore", page, file)
			}
		}
	}
	for _, file := range []string{"secrets.env", "token.header", "matches.csv", "my.yaml", "words.yaml", "conversions-key-2.pem", "jwks.json", "bin/connector", "../hubspot-app"} {
		if !seen[file] {
			t.Errorf("%s is not found: the rule is held to nothing", file)
		}
	}
}

// SAM reads the settings of sam delete from the section of sam deploy, and saves no word on deployments with nothing new.
func TestWhatStandsInSamconfigIsRead(t *testing.T) {
	text, err := os.ReadFile("../../../samconfig.toml")
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`(?m)^\[(\w+)\.(\w+)\.parameters\]\n((?:[^\[\n].*\n?|\n)*)`)
	all := map[string]string{}
	for _, m := range section.FindAllStringSubmatch(string(text), -1) {
		all[m[1]+" "+m[2]] = m[3]
		switch m[2] {
		case "global", "build", "validate", "deploy", "local_invoke", "local_start_api", "local_start_lambda":
		default:
			t.Errorf("[%s.%s.parameters] is read by nothing that is used here", m[1], m[2])
		}
	}
	if n := strings.Count("\n"+string(text), "\n["); len(all) != n || n < 6 {
		t.Errorf("%d sections of %d are understood", len(all), n)
	}
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"default": true, "local": true}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`sam deploy --config-env (\w+)`).FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
	}
	if !used["prod"] {
		t.Error("no guide deploys to prod")
	}
	for env := range used {
		if !strings.Contains(all[env+" deploy"], "fail_on_empty_changeset = false\n") {
			t.Errorf("sam deploy to %s fails where nothing is new", env)
		}
	}
}
