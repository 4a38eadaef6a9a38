package pkg_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/suite"
)

var openapiPath = filepath.Join("..", "docs", "openapi.yaml")

// page is docs/openapi.yaml. Its places are JSON Pointers.
type page struct {
	doc      object
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

// openapi reads the page, once. Tests that use it do not run beside each other.
var openapi = sync.OnceValues(func() (*page, error) {
	text, err := os.ReadFile(openapiPath)
	if err != nil {
		return nil, err
	}
	raw, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		return nil, err
	}
	top, ok := doc.(object)
	if !ok {
		return nil, fmt.Errorf("%s is no mapping", openapiPath)
	}
	return &page{top, c, map[string]*jsonschema.Schema{}}, nil
})

func thePage(t *testing.T) *page {
	t.Helper()
	p, err := openapi()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var escape, unescape = strings.NewReplacer("~", "~0", "/", "~1"), strings.NewReplacer("~1", "/", "~0", "~")

// below returns a place further down.
func below(place string, names ...string) string {
	for _, name := range names {
		place += "/" + escape.Replace(name)
	}
	return place
}

// get returns what stands at a place, and where it really stands: references are followed. Nil where there is nothing.
func (p *page) get(place string) (any, string) {
	v, at := any(p.doc), ""
	for _, name := range strings.Split(place, "/")[1:] {
		var next any
		switch v := v.(type) {
		case object:
			next = v[unescape.Replace(name)]
		case []any:
			if i, err := strconv.Atoi(name); err == nil && i < len(v) {
				next = v[i]
			}
		}
		v, at = p.follow(next, at+"/"+name)
	}
	return v, at
}

func (p *page) follow(v any, at string) (any, string) {
	if ref := word(fieldOf(v, "$ref")); ref != "" && !strings.Contains(at, "schema") { // a schema's siblings count: it is left to its reader
		return p.get(strings.TrimPrefix(ref, "#"))
	}
	return v, at
}

func fieldOf(v any, name string) any {
	o, _ := v.(object)
	return o[name]
}

// schema returns the schema at a place.
func (p *page) schema(t *testing.T, place string) *jsonschema.Schema {
	t.Helper()
	if s := p.schemas[place]; s != nil {
		return s
	}
	s, err := p.compiler.Compile("openapi.json#" + (&url.URL{Fragment: place}).EscapedFragment())
	if err != nil {
		t.Fatal(err)
	}
	p.schemas[place] = s
	return s
}

// operations returns the place of every operation by its route.
func (p *page) operations() map[string]string {
	out := map[string]string{}
	paths, _ := p.doc["paths"].(object)
	for path, item := range paths {
		item, _ := item.(object)
		for method := range item {
			out[strings.ToUpper(method)+" "+path] = below("", "paths", path, method)
		}
	}
	return out
}

// keys returns the names of what stands at a place, sorted.
func (p *page) keys(place string) []string {
	v, _ := p.get(place)
	o, _ := v.(object)
	return sorted(o)
}

func sorted(o object) []string {
	var out []string
	for name := range o {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func TestThePageOfTheDoorIsOpenAPI31(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile(openapiPath)
	if err != nil {
		t.Fatal(err)
	}
	if !doc.IsOpenAPI31OrLater() || !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("it is written in %s", doc.OpenAPI)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaPatternValidation(), openapi3.EnableSchemaFormatValidation()); err != nil {
		t.Error(err)
	}
	if doc.Info.Version != suite.Version {
		t.Errorf("it is of version %s, the suite of %s", doc.Info.Version, suite.Version)
	}
}

func TestThePageOfTheDoorHasEveryRouteAndNoOther(t *testing.T) {
	told := thePage(t).operations()
	for route := range routes {
		if told[route] == "" {
			t.Errorf("docs/openapi.yaml does not tell of %s", route)
		}
	}
	for route := range told {
		if routes[route] == "" {
			t.Errorf("docs/openapi.yaml tells of %s, which is no route", route)
		}
	}
}

func TestNothingOnThePageOfTheDoorIsForNothing(t *testing.T) {
	p := thePage(t)
	text, err := os.ReadFile(openapiPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range p.keys("/components") {
		for _, name := range p.keys("/components/" + kind) {
			if kind == "securitySchemes" {
				continue
			}
			if ref := `"#/components/` + kind + "/" + name + `"`; !strings.Contains(string(text), ref) {
				t.Errorf("nobody refers to %s", ref)
			}
		}
	}
	asked := map[string]bool{}
	for _, place := range p.operations() {
		security, _ := p.get(below(place, "security"))
		list, ok := security.([]any)
		if !ok {
			t.Errorf("%s does not say who may call", place)
		}
		for _, one := range list {
			one, _ := one.(object)
			for name := range one {
				asked[name] = true
			}
		}
	}
	if told := p.keys("/components/securitySchemes"); !slices.Equal(told, sortedKeys(asked)) {
		t.Errorf("security schemes %v, asked for %v", told, sortedKeys(asked))
	}
}

func sortedKeys(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// What only the gateway answers cannot be produced here. What the page says of it is what the template asks for.
func TestTheGatewayThrottlesEveryRouteOfWhichThePageSaysSo(t *testing.T) {
	p, tpl := thePage(t), theTemplate(t)
	for route, place := range p.operations() {
		v, _ := p.get(below(place, "responses", "429"))
		if v == nil {
			t.Errorf("%s: nothing about a throttle", route)
		}
		if rate := at(tpl.get("ApiStage", "RouteSettings", route), "ThrottlingRateLimit"); rate == nil {
			t.Errorf("the template has no throttle for %s", route)
		}
	}
}

// forPeople are the members of a schema that nothing is judged by.
var forPeople = []string{"$schema", "$id", "title", "description"}

// plainly returns a value with numbers in one form, and without the texts of those names.
func plainly(v any, without ...string) any {
	switch v := v.(type) {
	case object:
		out := object{}
		for name, member := range v {
			if _, text := member.(string); text && slices.Contains(without, name) {
				continue
			}
			out[name] = plainly(member, without...)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plainly(v[i], without...)
		}
		return out
	case json.Number:
		if n, ok := new(big.Rat).SetString(v.String()); ok { // 999999999.99 may be written as 9.9999999999e+08
			return n.RatString()
		}
	}
	return v
}

func TestTheEventOnThePageIsThePublishedOne(t *testing.T) {
	published, err := jsonschema.UnmarshalJSON(strings.NewReader(conversion.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	told, _ := thePage(t).get("/components/schemas/Evento")
	if d := cmp.Diff(plainly(published, forPeople...), plainly(told, forPeople...)); d != "" {
		t.Errorf("published (-) and on the page (+): %s", d)
	}
	for name, words := range map[string][]string{"Canale": strs(conversion.Channels()), "TipoEvento": strs(conversion.Types())} {
		told, _ := thePage(t).get("/components/schemas/" + name + "/enum")
		if d := cmp.Diff(words, texts(told)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func strs[T ~string](in []T) (out []string) {
	for _, s := range in {
		out = append(out, string(s))
	}
	return out
}

func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, s := range list {
		out = append(out, word(s))
	}
	return out
}

func TestThePageExplainsEveryCodeOfAProblem(t *testing.T) {
	p := thePage(t)
	enum, _ := p.get("/components/schemas/Errore/properties/codice/enum")
	description, _ := p.get("/components/schemas/Errore/properties/codice/description")
	told := texts(enum)
	codes := []string{string(outbound.CodeConflict)} // the other words of outbound are those of conversions
	for _, rule := range conversion.Codes() {
		codes = append(codes, string(rule.Code))
	}
	slices.Sort(codes)
	slices.Sort(told)
	if d := cmp.Diff(codes, told); d != "" {
		t.Errorf("the code (-) and the page (+): %s", d)
	}
	for _, code := range told {
		if !regexp.MustCompile("(?m)^- .*`" + code + "`.*: .+$").MatchString(word(description)) {
			t.Errorf("the page does not explain %s", code)
		}
	}
}
