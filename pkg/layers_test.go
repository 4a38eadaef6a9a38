// Package pkg_test holds the source to the rules of the house: who may import whom, where a clock, chance and the environment
// come from, and that every package says what it is.
package pkg_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "crm-connector/"

// source is one file of the module.
type source struct {
	path string // from the module's root, with slashes
	dir  string
	test bool
	ast  *ast.File
}

// imports returns the paths that the file imports; those of this module without its name.
func (s source) imports() []string {
	var out []string
	for _, spec := range s.ast.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		out = append(out, strings.TrimPrefix(p, module))
	}
	return out
}

var fileSet = token.NewFileSet()

// sources parses every file under pkg and functions, once.
var sources = sync.OnceValues(func() ([]source, error) {
	var out []source
	for _, root := range []string{"pkg", "functions"} {
		err := filepath.WalkDir(filepath.Join("..", root), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() == "testdata" {
				return cmp.Or(err, fs.SkipDir)
			}
			if d.IsDir() || !strings.HasSuffix(p, ".go") {
				return nil
			}
			f, err := parser.ParseFile(fileSet, p, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			name, err := filepath.Rel("..", p)
			name = filepath.ToSlash(name)
			out = append(out, source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), f})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
})

func all(t *testing.T) []source {
	t.Helper()
	s, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	if len(s) < 100 {
		t.Fatalf("only %d files: the rules are held to nothing", len(s))
	}
	return s
}

// product returns the files that are no tests.
func product(t *testing.T) []source {
	return slices.DeleteFunc(slices.Clone(all(t)), func(s source) bool { return s.test })
}

// under reports whether the path is the folder or lies in it.
func under(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

// ours reports whether an import is a package of this module.
func ours(p string) bool { return under(p, "pkg") || under(p, "functions") }

// standard reports whether an import is of the standard library: its first element has no dot.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !ours(p) && !strings.Contains(first, ".")
}

// bench reports whether a package is for the desk and for tests only, and never in a Lambda.
func bench(p string) bool {
	return under(p, "pkg/desk") || p == "pkg/adapter/memory" || strings.HasPrefix(p, "pkg/") && strings.HasSuffix(p, "test")
}

// foreign is what may be imported from outside the standard library, by folder; the longest that fits counts.
var foreign = map[string][]string{
	"pkg/core":                nil,
	"pkg/core/canon":          {"golang.org/x/net/idna", "golang.org/x/text/unicode/norm"},
	"pkg/core/chat/talk":      {"github.com/goccy/go-yaml", "golang.org/x/text/unicode/norm"},
	"pkg/core/conversion":     {"golang.org/x/text/unicode/norm"},
	"pkg/core/document":       {"github.com/goccy/go-yaml"},
	"pkg/core/mapping":        {"github.com/goccy/go-yaml"},
	"pkg/flow":                nil,
	"pkg/suite":               nil,
	"pkg/adapter":             {"github.com/aws/", "golang.org/x/oauth2"},
	"pkg/adapter/rest":        nil,
	"pkg/adapter/settings":    nil,
	"pkg/adapter/conversions": {"github.com/golang-jwt/jwt/v5"},
	"pkg/adapter/memory":      nil,
	"pkg/adapter/storetest":   {"pgregory.net/rapid"},
	"functions":               {"github.com/aws/", "github.com/google/uuid"},
}

// flows are the other flows that a flow may import.
var flows = map[string][]string{
	"pkg/flow/recordsync":   {"pkg/flow/identity"},
	"pkg/flow/conversation": {"pkg/flow/identity"},
	"pkg/flow/upkeep":       {"pkg/flow/identity"},
	"pkg/flow/rules":        {"pkg/flow/config"},
}

// assembly are the packages of the suite that choose adapters on behalf of the mains.
var assembly = []string{"pkg/suite/cloud", "pkg/suite/pairwork", "pkg/suite/zohoaccess", "pkg/suite/bearer", "pkg/suite/chatwork", "pkg/suite/countwork", "pkg/suite/clockwork", "pkg/suite/doorwork"}

// shared are the packages of the suite that wire what several functions have in common.
var shared = []string{"pkg/suite/consumer", "pkg/suite/chats"}

// mayImport says whether a package of ours may import another one.
func mayImport(from, to string) bool {
	switch {
	case under(to, "functions"):
		return false
	case under(from, "pkg/desk"):
		return !slices.Contains(assembly, to)
	case under(to, "pkg/desk"):
		return false
	case under(from, "pkg/core"):
		return under(to, "pkg/core")
	case under(from, "pkg/flow"):
		return under(to, "pkg/core") || slices.Contains(flows[from], to)
	case under(from, "pkg/adapter"):
		// A sandbox knows the adapter that it stands in for.
		return under(to, "pkg/core") || to == "pkg/adapter/rest" || to == "pkg/adapter/settings" || bench(from) && to == path.Dir(from)
	case slices.Contains(assembly, from):
		return !bench(to)
	case under(from, "pkg/suite"):
		return under(to, "pkg/core") || under(to, "pkg/flow") || slices.Contains(shared, to) || to == "pkg/adapter/queue" || to == "pkg/adapter/apigw"
	case under(from, "functions"):
		return !bench(to)
	}
	return false
}

func TestImportsGoDownwardOnly(t *testing.T) {
	for _, s := range product(t) {
		for _, to := range s.imports() {
			if ours(to) && !mayImport(s.dir, to) {
				t.Errorf("%s may not import %s", s.path, to)
			}
		}
	}
}

func TestNobodyButTheDeskImportsTheDesk(t *testing.T) {
	for _, s := range all(t) { // tests too
		for _, to := range s.imports() {
			if under(to, "pkg/desk") && !under(s.dir, "pkg/desk") {
				t.Errorf("%s imports %s", s.path, to)
			}
		}
	}
}

func TestForeignPackagesStayWhereTheyWereLetIn(t *testing.T) {
	for _, s := range product(t) {
		if under(s.dir, "pkg/desk") {
			continue
		}
		allowed := foreign[closest(s.dir)]
		for _, to := range s.imports() {
			if !ours(to) && !standard(to) && !slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(to, p) }) {
				t.Errorf("%s may not import %s", s.path, to)
			}
		}
	}
}

// closest returns the longest folder of foreign that the package lies in.
func closest(dir string) string {
	for ; dir != "."; dir = path.Dir(dir) {
		if _, ok := foreign[dir]; ok {
			return dir
		}
	}
	return ""
}

// reach returns everything of ours that a package imports, directly or not, with the way to it.
func reach(t *testing.T, from string) map[string]string {
	graph := map[string][]string{}
	for _, s := range product(t) {
		if graph[s.dir] == nil {
			graph[s.dir] = []string{} // a package may import nothing
		}
		graph[s.dir] = append(graph[s.dir], s.imports()...)
	}
	if graph[from] == nil {
		t.Fatalf("there is no package %s", from)
	}
	ways := map[string]string{from: from}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, to := range graph[queue[0]] {
			if _, seen := ways[to]; !seen && ours(to) {
				ways[to] = ways[queue[0]] + " → " + to
				queue = append(queue, to)
			}
		}
	}
	return ways
}

// lambdas are the functions and what they are wired by.
func lambdas(t *testing.T) []string {
	dirs := map[string]bool{}
	for _, s := range product(t) {
		if under(s.dir, "functions") || under(s.dir, "pkg/suite") {
			dirs[s.dir] = true
		}
	}
	return slices.Sorted(maps.Keys(dirs))
}

func TestNoLambdaReachesASandboxAMemoryOrTheDesk(t *testing.T) {
	for _, from := range lambdas(t) {
		for to, way := range reach(t, from) {
			if bench(to) {
				t.Errorf("%s", way)
			}
		}
	}
}

// The door starts cold while somebody waits: the tables of phone numbers and of Unicode stay out of it.
func TestTheDoorReachesNeitherCanonNorMapping(t *testing.T) {
	for _, from := range lambdas(t) {
		if path.Base(from) != "webhook" {
			continue
		}
		ways := reach(t, from)
		for _, heavy := range []string{"pkg/core/canon", "pkg/core/mapping"} {
			if way, ok := ways[heavy]; ok {
				t.Errorf("%s", way)
			}
		}
		if _, ok := ways["pkg/flow/webhook"]; !ok {
			t.Errorf("%s does not even reach the door", from)
		}
	}
}

// The database of time zones is half a megabyte of each program that has it: only who writes local times for people, or counts
// local days, carries it.
func TestTimeZonesAreCarriedByWhoNeedsThemAlone(t *testing.T) {
	want := []string{"functions/conversionApi", "functions/conversionClock", "functions/failureReporter", "functions/sendWhatsapp", "functions/whatsappConsumer"}
	var got []string
	for _, s := range product(t) {
		if slices.Contains(s.imports(), "time/tzdata") && !under(s.dir, "pkg/desk") {
			got = append(got, s.dir)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNoTypeOfTheCoreHasAWireFormat(t *testing.T) {
	for _, s := range product(t) {
		if !under(s.dir, "pkg/core") {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if f, ok := n.(*ast.Field); ok && f.Tag != nil {
				t.Errorf("%s: a struct tag: %s", fileSet.Position(f.Pos()), f.Tag.Value)
			}
			return true
		})
	}
}

// chance is what may be used of math/rand/v2: sources with a seed of their own, never the global one.
var chance = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"}

// ambient reports whether a name of the standard library reads a clock, chance or the environment by itself.
func ambient(pkg, name string) bool {
	switch pkg {
	case "time":
		return slices.Contains([]string{"Now", "Sleep", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}, name)
	case "os":
		return slices.Contains([]string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, name)
	case "math/rand", "crypto/rand":
		return true
	case "math/rand/v2":
		return !slices.Contains(chance, name)
	}
	return false
}

// ambience returns where a file reads a clock, chance or the environment by itself.
func ambience(s source) []string {
	names := map[string]string{} // in this file, to the package
	for _, spec := range s.ast.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(strings.TrimSuffix(p, "/v2"))
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	var out []string
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && ambient(names[x.Name], sel.Sel.Name) {
				out = append(out, names[x.Name]+"."+sel.Sel.Name)
			}
		}
		return true
	})
	return out
}

func TestClockChanceAndEnvironmentComeInThroughTheDoor(t *testing.T) {
	for _, s := range product(t) {
		if under(s.dir, "functions") && path.Base(s.path) == "main.go" || under(s.dir, "pkg/desk") {
			continue
		}
		for _, use := range ambience(s) {
			// What the mains hand over as Sleep has to wait for real.
			if s.dir != "pkg/suite/cloud" || use != "time.NewTimer" {
				t.Errorf("%s: %s is to be an argument", s.path, use)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	docs, names := map[string]string{}, map[string]string{}
	for _, s := range product(t) {
		names[s.dir] = s.ast.Name.Name
		if s.ast.Doc != nil {
			docs[s.dir] += s.ast.Doc.Text()
		}
	}
	for dir, name := range names {
		want := "Package " + name + " "
		if name == "main" {
			want = "Command " + path.Base(dir) + " "
		}
		switch doc := docs[dir]; {
		case !strings.HasPrefix(doc, want):
			t.Errorf("%s: the package comment begins with %.40q, want %q", dir, doc, want)
		case len(strings.Fields(doc)) < 8:
			t.Errorf("%s: the package comment says too little: %q", dir, doc)
		}
	}
}

func TestEveryExportedNameIsExplained(t *testing.T) {
	for _, s := range product(t) {
		for _, d := range s.ast.Decls {
			for _, name := range unexplained(d) {
				t.Errorf("%s: %s has no comment", fileSet.Position(d.Pos()), name)
			}
		}
	}
}

// unexplained returns the exported names of a declaration that no comment stands at. A group may have one for all.
func unexplained(d ast.Decl) []string {
	var out []string
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || exportedType(d.Recv.List[0].Type)) {
			out = append(out, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
					out = append(out, spec.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					if n.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
						out = append(out, n.Name)
					}
				}
			}
		}
	}
	return out
}

func exportedType(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.StarExpr:
		return exportedType(x.X)
	case *ast.IndexExpr:
		return exportedType(x.X)
	case *ast.Ident:
		return x.IsExported()
	}
	return false
}

func TestTheRulesBite(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		want     bool
	}{
		{"pkg/core/pair", "pkg/core/crm", true},
		{"pkg/core/pair", "pkg/flow/identity", false},
		{"pkg/flow/recordsync", "pkg/flow/identity", true},
		{"pkg/flow/identity", "pkg/flow/recordsync", false},
		{"pkg/flow/recordsync", "pkg/flow/rules", false},
		{"pkg/flow/recordsync", "pkg/adapter/zoho", false},
		{"pkg/flow/recordsync", "pkg/core/mapping", true},
		{"pkg/adapter/zoho", "pkg/adapter/rest", true},
		{"pkg/adapter/zoho", "pkg/adapter/hubspot", false},
		{"pkg/adapter/zoho", "pkg/adapter/zoho/zohotest", false},
		{"pkg/adapter/zoho/zohotest", "pkg/adapter/zoho", true},
		{"pkg/adapter/zoho", "pkg/flow/zohotoken", false},
		{"pkg/suite/zohoconsumer", "pkg/suite/consumer", true},
		{"pkg/suite/zohoconsumer", "pkg/adapter/queue", true},
		{"pkg/suite/zohoconsumer", "pkg/adapter/memory", false},
		{"pkg/suite/zohoconsumer", "pkg/suite/cloud", false},
		{"pkg/suite/cloud", "pkg/adapter/memory", false},
		{"functions/webhook", "pkg/adapter/memory", false},
		{"functions/webhook", "pkg/desk/sandbox", false},
		{"functions/webhook", "functions/reconcile", false},
		{"pkg/desk/sandbox", "pkg/adapter/memory", true},
		{"pkg/desk/sandbox", "functions/webhook", false},
		{"pkg/elsewhere", "pkg/core/crm", false},
	} {
		if got := mayImport(tt.from, tt.to); got != tt.want {
			t.Errorf("%s imports %s: %v", tt.from, tt.to, got)
		}
	}
	const text = `package p
import (
	clock "time"
	"math/rand/v2"
	"os"
)
var _, _, _, _ = clock.Now, rand.IntN, rand.New, os.Getenv
var _ = clock.Second
`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ambience(source{ast: f}), []string{"time.Now", "math/rand/v2.IntN", "os.Getenv"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for p, want := range map[string]bool{"net/http": true, "time": true, "golang.org/x/text": false, "pkg/core/crm": false} {
		if standard(p) != want {
			t.Errorf("%s is of the standard library: %v", p, !want)
		}
	}
}
