package pkg_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pages are what people read, from the module's root.
var pages = []string{"README.md", "CHANGELOG.md", "docs/*.md", "events/README.md", "pkg/*/testdata/README.md", "pkg/*/*/testdata/README.md"}

// readPages returns the text of every page by its path.
func readPages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range pages {
		found, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range found {
			text, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			out[strings.TrimPrefix(filepath.ToSlash(p), "../")] = string(text)
		}
	}
	for _, must := range []string{"README.md", "CHANGELOG.md", "docs/deploy.md", "docs/operate.md", "docs/mapping.md", "docs/benchmarks.md"} {
		if out[must] == "" {
			t.Fatalf("%s is not there", must)
		}
	}
	return out
}

// guides are the pages of the README and of docs/ in one text.
func guides(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for name, text := range readPages(t) {
		if name == "README.md" || strings.HasPrefix(name, "docs/") {
			all.WriteString(text)
		}
	}
	return all.String()
}

var alarmRow = regexp.MustCompile("(?m)^\\| `([A-Za-z0-9_-]+)` \\| [^|]+ \\| [^|]{10,} \\|$")

func TestTheRunbookHasALineForEveryAlarmAndForNoOther(t *testing.T) {
	_, section, _ := strings.Cut(readPages(t)["docs/operate.md"], "\n## Alarms\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var told []string
	for _, m := range alarmRow.FindAllStringSubmatch(section, -1) {
		told = append(told, m[1])
	}
	tpl := theTemplate(t)
	var real []string
	for _, id := range tpl.of("AWS::CloudWatch::Alarm") {
		name, ok := strings.CutPrefix(word(at(tpl.get(id, "AlarmName"), "Fn::Sub")), "${AWS::StackName}-")
		if !ok {
			t.Errorf("%s: its name does not begin with the stack's", id)
		}
		real = append(real, name)
		if n := count(told, name); n != 1 {
			t.Errorf("docs/operate.md has %d lines for the alarm %s", n, name)
		}
	}
	for _, name := range told {
		if !slices.Contains(real, name) {
			t.Errorf("docs/operate.md has a line for %s, which is no alarm of the template", name)
		}
	}
}

func count(in []string, what string) (n int) {
	for _, s := range in {
		if s == what {
			n++
		}
	}
	return n
}

func TestEveryParameterOfTheTemplateIsDocumented(t *testing.T) {
	deploy := readPages(t)["docs/deploy.md"]
	all, _ := theTemplate(t).object["Parameters"].(object)
	if len(all) == 0 {
		t.Fatal("the template has no parameters")
	}
	for name := range all {
		if !regexp.MustCompile("(?m)^\\|.* `" + name + "` .*\\|$").MatchString(deploy) {
			t.Errorf("docs/deploy.md does not say what %s is", name)
		}
	}
}

func TestDeployTellsHowMuchADeploymentMakes(t *testing.T) {
	tpl := theTemplate(t)
	dead, chosen := 0, 0
	queues := tpl.of("AWS::SQS::Queue")
	for _, id := range queues {
		if strings.HasSuffix(id, "Dlq") {
			dead++
		}
	}
	alarms := tpl.of("AWS::CloudWatch::Alarm")
	for _, id := range alarms {
		if c := word(at(tpl.object["Resources"], id, "Condition")); c == "HasWhatsapp" || c == "HasConversions" {
			chosen++
		}
	}
	want := fmt.Sprintf("It makes %d functions, %d tables, %d queues with %d dead-letter queues, %d alarms (%d of them only with WhatsApp or conversions) and %d dashboard; ",
		len(tpl.of("AWS::Serverless::Function")), len(tpl.of("AWS::DynamoDB::Table")), len(queues)-dead, dead, len(alarms), chosen, len(tpl.of("AWS::CloudWatch::Dashboard")))
	if !strings.Contains(readPages(t)["docs/deploy.md"], "\n"+want) {
		t.Errorf("docs/deploy.md does not say: %s", want)
	}
}

// settingNames are the settings that the code asks a settings.Reader, or the environment, for by name.
func settingNames(t *testing.T) []string {
	t.Helper()
	named := regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$|^[A-Z]{4,}$`)
	methods, constants := map[string]bool{"Getenv": true, "getenv": true}, map[string]string{}
	for _, s := range all(t) {
		if s.dir != "pkg/adapter/settings" || s.test {
			continue
		}
		for _, d := range s.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if p := d.Type.Params.List; d.Recv != nil && len(p) > 0 && len(p[0].Names) > 0 && p[0].Names[0].Name == "name" {
					methods[d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.CONST && len(v.Values) == 1 {
						constants[v.Names[0].Name] = literal(v.Values[0])
					}
				}
			}
		}
	}
	var out []string
	for _, s := range all(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 || !methods[called(call.Fun)] {
				return true
			}
			name := literal(call.Args[0])
			if sel, ok := call.Args[0].(*ast.SelectorExpr); ok {
				name = constants[sel.Sel.Name]
			} else if id, ok := call.Args[0].(*ast.Ident); ok {
				name = constants[id.Name]
			}
			if named.MatchString(name) && !slices.Contains(out, name) {
				out = append(out, name)
			}
			return true
		})
	}
	return out
}

func called(f ast.Expr) string {
	switch f := f.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		s, _ := strconv.Unquote(l.Value)
		return s
	}
	return ""
}

// machine are variables that a desk reads of its machine.
var machine = []string{"PATH"}

func TestEverySettingIsDocumented(t *testing.T) {
	names, text := settingNames(t), guides(t)
	for _, must := range []string{"SUITE_ADDR", "PAIR_KEY_ID", "HUBSPOT_CLIENT_SECRET", "SECRETS_PATH", "CONNECTOR_STACK", "MAPPING"} {
		if !slices.Contains(names, must) {
			t.Errorf("the code does not ask for %s any more, or it is not found", must)
		}
	}
	for _, name := range names {
		if !slices.Contains(machine, name) && !strings.Contains(text, "`"+name+"`") {
			t.Errorf("neither README.md nor docs/ says what %s is", name)
		}
	}
}

func TestEveryMakeTargetThatIsNamedExistsAndMakeHelpHasIt(t *testing.T) {
	text, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	helped := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):.*## .{10,}$`).FindAllStringSubmatch(string(text), -1) {
		helped[m[1]] = true
		phony, _, _ := strings.Cut(string(text[bytes.Index(text, []byte(".PHONY:")):]), "\n")
		if !slices.Contains(strings.Fields(phony), m[1]) {
			t.Errorf("make %s is not .PHONY: a file of that name would stop it", m[1])
		}
	}
	named := regexp.MustCompile("(?m)(?:`|^|&& )(?:[A-Z]+=\\S+ )?make ([a-z-]+)")
	seen := 0
	for page, text := range readPages(t) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if seen++; !helped[m[1]] {
				t.Errorf("%s names make %s, which make help does not list", page, m[1])
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d targets are named: the rule is held to nothing", seen)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestEveryLinkResolves(t *testing.T) {
	texts, seen := readPages(t), 0
	for page, text := range texts {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			seen++
			file, anchor, _ := strings.Cut(m[1], "#")
			target := page
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(page), file))
			}
			if _, err := os.Stat(filepath.Join("..", target)); errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			} else if anchor != "" && !slices.Contains(anchors(texts[target]), anchor) {
				t.Errorf("%s links to %s, and %s has no such heading", page, m[1], target)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d links: the rule is held to nothing", seen)
	}
}

// anchors are the names under which a page's headings are reached: small letters, digits, _ and -, blanks as -.
func anchors(text string) (out []string) {
	fence := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if fence = fence != strings.HasPrefix(line, "```"); fence || !strings.HasPrefix(line, "#") {
			continue
		}
		name := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		name = regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(name, "")
		out = append(out, strings.ReplaceAll(name, " ", "-"))
	}
	return out
}
