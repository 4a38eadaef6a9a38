package pkg_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// object is a mapping of the template, its short tags written out: !Ref X is {"Ref": "X"}, !Sub X is {"Fn::Sub": "X"}.
type object = map[string]any

// template is template.yaml as CloudFormation reads it, before the transform of SAM.
type template struct {
	object
	order []string // of the resources
	size  int      // in bytes
}

func readTemplate(path string) (template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return template{}, err
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return template{}, err
	}
	if len(file.Docs) != 1 {
		return template{}, errors.New("not one document")
	}
	all, err := plain(file.Docs[0].Body)
	if err != nil {
		return template{}, err
	}
	doc, ok := all.(object)
	if !ok {
		return template{}, errors.New("not a mapping")
	}
	return template{doc, order(file.Docs[0].Body), len(text)}, nil
}

// order returns the ids of the resources as they stand in the file.
func order(doc ast.Node) (out []string) {
	all, _ := doc.(*ast.MappingNode)
	if all == nil {
		return nil
	}
	for _, section := range all.Values {
		if resources, ok := section.Value.(*ast.MappingNode); ok && section.Key.String() == "Resources" {
			for _, r := range resources.Values {
				out = append(out, r.Key.String())
			}
		}
	}
	return out
}

// plain turns a node into mappings, lists and scalars.
func plain(n ast.Node) (any, error) {
	switch n := n.(type) {
	case *ast.TagNode:
		return tagged(n)
	case *ast.MappingNode:
		return mapped(n.Values)
	case *ast.MappingValueNode:
		return mapped([]*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := []any{}
		for _, v := range n.Values {
			member, err := plain(v)
			if err != nil {
				return nil, err
			}
			list = append(list, member)
		}
		return list, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.StringNode:
		return n.Value, nil
	case *ast.NullNode:
		return nil, nil
	case ast.ScalarNode:
		return fmt.Sprint(n.GetValue()), nil
	}
	return nil, fmt.Errorf("line %d: %s is not for CloudFormation", n.GetToken().Position.Line, n.Type())
}

func mapped(values []*ast.MappingValueNode) (any, error) {
	out := object{}
	for _, v := range values {
		key := v.Key.String()
		if s, ok := v.Key.(*ast.StringNode); ok {
			key = s.Value
		}
		value, err := plain(v.Value)
		if err != nil {
			return nil, err
		}
		out[key] = value
	}
	return out, nil
}

func tagged(n *ast.TagNode) (any, error) {
	value, err := plain(n.Value)
	if err != nil {
		return nil, err
	}
	switch name := strings.TrimPrefix(n.Start.Value, "!"); name {
	case "Ref", "Condition":
		return object{name: value}, nil
	case "GetAtt":
		if s, ok := value.(string); ok {
			id, attribute, _ := strings.Cut(s, ".")
			value = []any{id, attribute}
		}
		return object{"Fn::GetAtt": value}, nil
	default:
		return object{"Fn::" + name: value}, nil
	}
}

// at goes down a path of keys; nil where there is nothing.
func at(from any, path ...string) any {
	for _, key := range path {
		o, ok := from.(object)
		if !ok {
			return nil
		}
		from = o[key]
	}
	return from
}

// words returns a scalar, or the members of a list that are scalars.
func words(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, m := range v {
			if s, ok := m.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// word returns a scalar, "" for anything else.
func word(v any) string { s, _ := v.(string); return s }

func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	if v == nil {
		return nil
	}
	return []any{v}
}

// ref returns what a !Ref or a !GetAtt names, "" for anything else.
func ref(v any) string {
	if id := word(at(v, "Ref")); id != "" {
		return id
	}
	if l, ok := at(v, "Fn::GetAtt").([]any); ok && len(l) > 0 {
		return word(l[0])
	}
	return ""
}

// of returns the ids of the resources of a type, sorted.
func (t template) of(kind string) []string {
	var out []string
	for id, r := range t.resources() {
		if word(at(r, "Type")) == kind {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (t template) resources() object {
	o, _ := t.object["Resources"].(object)
	return o
}

// get returns a property of a resource, by its path.
func (t template) get(id string, path ...string) any {
	return at(t.resources()[id], append([]string{"Properties"}, path...)...)
}

// copy returns a template that shares nothing with this one.
func (t template) copy() template {
	return template{deep(t.object).(object), slices.Clone(t.order), t.size}
}

func deep(v any) any {
	switch v := v.(type) {
	case object:
		out := object{}
		for k, m := range v {
			out[k] = deep(m)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, m := range v {
			out[i] = deep(m)
		}
		return out
	}
	return v
}

var holes = regexp.MustCompile(`\$\{([A-Za-z0-9:.]+)\}`)

// uses returns every name that a value refers to: by Ref, GetAtt, Sub and, at the top of a resource, DependsOn.
func uses(v any) []string {
	found := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, m := range v {
				walk(m)
			}
		case object:
			for key, m := range v {
				switch key {
				case "Ref":
					found[word(m)] = true
				case "Fn::GetAtt":
					found[ref(v)] = true
				case "Fn::Sub":
					text, own := m, object{}
					if l, ok := m.([]any); ok && len(l) == 2 {
						text = l[0]
						own, _ = l[1].(object)
						walk(own)
					}
					for _, hole := range holes.FindAllStringSubmatch(word(text), -1) {
						name, _, _ := strings.Cut(hole[1], ".")
						if _, mine := own[name]; !mine {
							found[name] = true
						}
					}
				case "DependsOn":
					for _, id := range words(m) {
						found[id] = true
					}
				default:
					walk(m)
				}
			}
		}
	}
	walk(v)
	return slices.Sorted(maps.Keys(found))
}

// stack is a template with values for its parameters: what CloudFormation would make of a value.
type stack struct {
	template
	given map[string]string
}

// absent stands for AWS::NoValue.
type absent struct{}

func (s stack) parameter(name string) (string, bool) {
	if v, ok := s.given[name]; ok {
		return v, true
	}
	v, ok := at(s.object, "Parameters", name, "Default").(string)
	return v, ok
}

func (s stack) value(v any) any {
	o, ok := v.(object)
	if !ok {
		return v
	}
	switch {
	case o["Ref"] != nil:
		return s.named(word(o["Ref"]))
	case o["Fn::GetAtt"] != nil:
		return "arn:of:" + strings.Join(words(o["Fn::GetAtt"]), ".")
	case o["Fn::Sub"] != nil:
		return holes.ReplaceAllStringFunc(word(o["Fn::Sub"]), func(hole string) string {
			return fmt.Sprint(s.named(hole[2 : len(hole)-1]))
		})
	case o["Fn::If"] != nil:
		arms := list(o["Fn::If"])
		if s.holds(at(s.object, "Conditions", word(arms[0]))) {
			return s.value(arms[1])
		}
		return s.value(arms[2])
	}
	return v
}

func (s stack) named(name string) any {
	if v, ok := s.parameter(name); ok {
		return v
	}
	switch name {
	case "AWS::NoValue":
		return absent{}
	case "AWS::StackName":
		return "stack"
	case "AWS::URLSuffix":
		return "amazonaws.com"
	}
	return strings.NewReplacer("::", "-", ".", "-").Replace(name)
}

// holds evaluates the conditions that the template is made of: Equals and Not.
func (s stack) holds(condition any) bool {
	if not := list(at(condition, "Fn::Not")); len(not) == 1 {
		return !s.holds(not[0])
	}
	if both := list(at(condition, "Fn::Equals")); len(both) == 2 {
		return s.value(both[0]) == s.value(both[1])
	}
	return false
}

// environment returns the variables that a function declares, those with AWS::NoValue too, and those that it then has.
func (s stack) environment(function string) (declared []string, given map[string]string) {
	given = map[string]string{}
	for _, from := range []any{at(s.object, "Globals", "Function", "Environment", "Variables"), s.get(function, "Environment", "Variables")} {
		variables, _ := from.(object)
		for name, v := range variables {
			declared = append(declared, name)
			if text, ok := s.value(v).(string); ok {
				given[name] = text
			}
		}
	}
	slices.Sort(declared)
	return slices.Compact(declared), given
}
