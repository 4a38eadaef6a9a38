package mapping

import (
	"slices"

	"github.com/goccy/go-yaml/ast"

	"crm-connector/pkg/core/canon"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/document"
)

// Parse reads a mapping. It is strict: an unknown key, type or policy, a field or property that stands there twice, options that
// clash, a policy that a read-only side cannot follow are mistakes. The error lists all of them, one a line, each with line and
// column and with what to do.
func Parse(text []byte) (*Mapping, error) { return parse(text, Default().freeHosts) }

// parse takes hosts where the text names no free_hosts.
func parse(text []byte, hosts []string) (*Mapping, error) {
	r := &reader{document.Reader{Name: "mapping"}}
	root, err := r.Root(text, SchemaVersion)
	if err != nil {
		return nil, err
	}
	m := r.mapping(root, hosts)
	if err := r.Err(); err != nil {
		return nil, err
	}
	m.build()
	return m, nil
}

func (r *reader) mapping(root ast.Node, hosts []string) *Mapping {
	m := &Mapping{home: "EUR", freeHosts: hosts, kinds: map[crm.Kind]kind{}}
	m.options = Options{PhoneRegion: canon.NoRegion, LastName: LastNameFallback, Leads: LeadsAsk, PhoneMatch: PhoneMatchNever}
	version := 0
	var match ast.Node // read last: it names fields
	known := map[string]func(ast.Node){
		"version":       func(n ast.Node) { version = r.Number(n, "version", SchemaVersion, SchemaVersion) },
		"home_currency": func(n ast.Node) { m.home = r.currency(n) },
		"free_hosts":    func(n ast.Node) { m.freeHosts = r.hosts(n) },
		"fields":        func(n ast.Node) { m.kinds = r.kinds(n) },
		"match":         func(n ast.Node) { match = n },
	}
	for _, c := range choices {
		known[c.name] = func(n ast.Node) {
			s, ok := r.Text(n, c.name)
			if !ok {
				return
			}
			if err := c.check(s); err != nil {
				r.Fail(n, "%s: %v", c.name, err)
			}
			*c.of(&m.options) = s
		}
	}
	r.Keys(root, "the mapping", known)
	if version == 0 && r.Faults() == 0 {
		r.Fail(root, "version is missing: add version: %d", SchemaVersion)
	}
	r.required(root, m)
	if match != nil && r.Faults() == 0 {
		r.match(match, m)
	}
	r.recognised(root, m)
	return m
}

// recognised gives a kind that no key of match stands for the keys of the built-in mapping, as far as the fields have them: its e-mail
// addresses; its domains, and its name with the city.
func (r *reader) recognised(root ast.Node, m *Mapping) {
	if r.Faults() > 0 {
		return
	}
	for _, name := range []crm.Kind{crm.Contact, crm.Company} {
		k := m.kinds[name]
		if len(k.match) > 0 {
			continue
		}
		if k.match = usual(name, k.fields); len(k.match) == 0 && !(name == crm.Contact && m.options.PhoneMatch == PhoneMatchMobile) {
			r.Fail(root, "match: nothing recognises a %s, so that each would have a second record: map %s, or name under match what does",
				name, map[crm.Kind]string{crm.Contact: "an e-mail address", crm.Company: "a domain, or a city"}[name])
		}
		m.kinds[name] = k
	}
}

// usual are the keys of match where none are given.
func usual(k crm.Kind, fields []Field) []key {
	has := func(name crm.Field) bool {
		return slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name })
	}
	var emails, domains []crm.Field
	for _, f := range fields {
		switch f.Type {
		case crm.TypeEmail:
			emails = append(emails, f.Name)
		case crm.TypeDomain:
			domains = append(domains, f.Name)
		}
	}
	var out []key
	switch {
	case k == crm.Contact && len(emails) > 0:
		out = append(out, key{Fields: emails})
	case k == crm.Company:
		for _, d := range domains {
			out = append(out, key{Fields: []crm.Field{d}})
		}
		if has(fieldName) && has(fieldCity) {
			out = append(out, key{Fields: []crm.Field{fieldName}, With: []crm.Field{fieldCity}})
		}
	}
	return out
}

// required checks the fields without which Zoho creates nothing.
func (r *reader) required(root ast.Node, m *Mapping) {
	if r.Faults() > 0 {
		return
	}
	for _, k := range []crm.Kind{crm.Contact, crm.Company} {
		name := m.RequiredField(k)
		has := slices.ContainsFunc(m.kinds[k].fields, func(f Field) bool { return f.Name == name && f.Type == crm.TypeText })
		if !has {
			r.Fail(root, "fields: %s has no %s of type text: Zoho creates none without it, so map it", k, name)
		}
	}
}

func (r *reader) kinds(n ast.Node) map[crm.Kind]kind {
	out := map[crm.Kind]kind{}
	r.Keys(n, "fields", map[string]func(ast.Node){
		string(crm.Contact): func(n ast.Node) { out[crm.Contact] = kind{fields: r.fields(n, crm.Contact)} },
		string(crm.Company): func(n ast.Node) { out[crm.Company] = kind{fields: r.fields(n, crm.Company)} },
	})
	return out
}

func (r *reader) fields(n ast.Node, k crm.Kind) []Field {
	var out []Field
	taken := map[crm.System]map[string]crm.Field{crm.HubSpot: {}, crm.Zoho: {}}
	for _, e := range r.Entries(n, string(k)) {
		f := r.field(e, k)
		for _, sys := range systems {
			property := f.Side(sys).Property
			if other, ok := taken[sys][property]; ok && property != "" {
				r.Fail(e.Key, "%s: the field %s has the %s property %s already: map a property once", f.Name, other, sys, property)
			}
			taken[sys][property] = f.Name
		}
		out = append(out, f)
	}
	return out
}

func (r *reader) field(e document.Entry, k crm.Kind) Field {
	f := Field{Name: crm.Field(e.Name), Type: crm.TypeText}
	before := r.Faults()
	if !identifier(e.Name) {
		r.Fail(e.Key, "%s: a field's name has small letters, digits and _ only, and begins with a letter", e.Name)
	}
	options, order := e.Key, e.Key // where to point
	decimals := map[crm.System]int{}
	r.Keys(e.Node, e.Name, map[string]func(ast.Node){
		"type":    func(n ast.Node) { f.Type = word(r, n, e.Name+": type", types) },
		"policy":  func(n ast.Node) { f.Policy = word(r, n, e.Name+": policy", policies) },
		"hubspot": func(n ast.Node) { f.HubSpot = r.side(n, e.Name+": hubspot", crm.HubSpot, decimals) },
		"zoho":    func(n ast.Node) { f.Zoho = r.side(n, e.Name+": zoho", crm.Zoho, decimals) },
		"options": func(n ast.Node) { options, f.Options = n, r.options(n, e.Name+": options") },
		"order":   func(n ast.Node) { order, f.Order = n, r.texts(n, e.Name+": order") },
	})
	if f.Policy == "" {
		f.Policy = crm.Newest
		if f.Type == crm.TypeOwner {
			f.Policy = crm.AtCreation
		}
	}
	f.Scale = scale(f.Type, decimals)
	if r.Faults() == before {
		r.checkField(e.Key, k, f, len(decimals) > 0)
		r.checkOptions(options, &f)
		r.checkOrder(order, f)
	}
	return f
}

// scale returns how many digits after the point the coarser side keeps: as written, else 2 for money (a currency field of
// Zoho's) and 9 for a decimal (the most that Zoho keeps).
func scale(t crm.Type, decimals map[crm.System]int) int {
	out := map[crm.Type]int{crm.TypeMoney: 2, crm.TypeNumber: 9}[t]
	first := true
	for _, d := range decimals {
		if first || d < out {
			out, first = d, false
		}
	}
	return out
}

func (r *reader) side(n ast.Node, what string, sys crm.System, decimals map[crm.System]int) Side {
	var s Side
	property := func(n ast.Node) { s.Property, _ = r.Text(n, what) }
	if _, ok := n.(*ast.MappingNode); !ok {
		property(n)
		return s
	}
	r.Keys(n, what, map[string]func(ast.Node){
		"property":        property,
		"max":             func(n ast.Node) { s.Max = r.Number(n, what+": max", 1, 1_000_000) },
		"decimals":        func(n ast.Node) { decimals[sys] = r.Number(n, what+": decimals", 0, 9) },
		"read_only":       func(n ast.Node) { s.ReadOnly = r.flag(n, what+": read_only") },
		"not_empty":       func(n ast.Node) { s.NotEmpty = r.flag(n, what+": not_empty") },
		"ignore_unlisted": func(n ast.Node) { s.IgnoreUnlisted = r.flag(n, what+": ignore_unlisted") },
	})
	return s
}

func (r *reader) options(n ast.Node, what string) []Option {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		r.Fail(n, "%s must be a list: write each as - {hubspot: VALUE, zoho: Value}", what)
		return nil
	}
	var out []Option
	for _, n := range seq.Values {
		var o Option
		r.Keys(n, what, map[string]func(ast.Node){
			"hubspot": func(n ast.Node) { o.HubSpot = r.texts(n, what) },
			"zoho":    func(n ast.Node) { o.Zoho = r.texts(n, what) },
		})
		if len(o.HubSpot)+len(o.Zoho) == 0 {
			r.Fail(n, "%s: an option needs a value on one side at least: write - {hubspot: VALUE, zoho: Value}", what)
			continue
		}
		out = append(out, o)
	}
	return out
}

func (r *reader) currency(n ast.Node) string {
	s, ok := r.Text(n, "home_currency")
	if ok && !currency(s) {
		r.Fail(n, "home_currency must be the code of a currency: three capital letters such as EUR")
	}
	return s
}

func (r *reader) hosts(n ast.Node) []string {
	var out []string
	for _, s := range r.texts(n, "free_hosts") {
		host, err := canon.Domain(s)
		if err != nil {
			r.Fail(n, "free_hosts: %s is not a host name: write it like example.com", s)
		}
		out = append(out, host)
	}
	return out
}

// word reads one of a closed list of words.
func word[T ~string](r *reader, n ast.Node, what string, allowed []T) T {
	s, ok := r.Text(n, what)
	if !ok {
		return ""
	}
	if err := oneOf(allowed...)(T(s)); err != nil {
		r.Fail(n, "%s: there is no %s: %v", what, s, err)
	}
	return T(s)
}

func identifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || i > 0 && (c == '_' || '0' <= c && c <= '9')) {
			return false
		}
	}
	return s != ""
}
