// Package mapping says which property of HubSpot is which property of Zoho CRM, how values translate between them, whose
// edit wins, and by what two records are recognised as one. It is read from YAML, which an operator edits; default.yaml is
// built in.
//
// It knows properties and values, not requests: it calls nobody, it keeps no state, and it does not decide what is written
// (merge and recordsync do). A Mapping never changes after it was made and may be shared.
package mapping

import (
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"crm-connector/pkg/core/canon"
	"crm-connector/pkg/core/crm"
)

// SchemaVersion is the version of the YAML that this code reads.
const SchemaVersion = 1

//go:embed default.yaml
var defaultYAML []byte

// Default returns the mapping of default.yaml: standard fields of both CRMs, nothing that must be created first.
func Default() *Mapping { return builtIn() }

var builtIn = sync.OnceValue(func() *Mapping {
	m, err := parse(defaultYAML, nil)
	if err != nil {
		panic(err) // a test parses it
	}
	return m
})

// DefaultYAML returns the text of the built-in mapping, to start an own one from.
func DefaultYAML() []byte { return slices.Clone(defaultYAML) }

// Options are the rules of a mapping that a setting may override without another YAML.
type Options struct {
	PhoneRegion string // ISO 3166 region of numbers without a country code, or "ZZ": there is none
	LastName    string // LastNameFallback or LastNameRequire
	Leads       string // LeadsAsk or LeadsIgnore
	PhoneMatch  string // PhoneMatchNever or PhoneMatchMobile
}

// The values of Options.
const (
	LastNameFallback = "fallback" // a contact without a last name is created with an invented one
	LastNameRequire  = "require"  // it is parked
	LeadsAsk         = "ask"      // no Contact is created for a person who is a Lead
	LeadsIgnore      = "ignore"   // Leads are not asked
	PhoneMatchNever  = "never"    // a phone number recognises nobody
	PhoneMatchMobile = "mobile"   // a mobile number does, where neither has an e-mail and the last names agree
)

// Mapping is a whole mapping. The zero Mapping has no fields; make one with Parse or Default.
type Mapping struct {
	options   Options
	home      string // ISO 4217
	freeHosts []string
	kinds     map[crm.Kind]kind
	version   string
}

type kind struct {
	fields  []Field
	byName  map[crm.Field]int
	columns map[crm.System][]crm.Column
	match   []key
}

// Options returns the options in force.
func (m *Mapping) Options() Options { return m.options }

// HomeCurrency returns the ISO 4217 code of the only currency in which money is carried across.
func (m *Mapping) HomeCurrency() string { return m.home }

// With returns a mapping in which the options that o sets replace the mapping's own; "" keeps them. It returns an error that
// names the option when a value is not one of those allowed.
func (m *Mapping) With(o Options) (*Mapping, error) {
	out := *m
	for _, c := range choices {
		if v := *c.of(&o); v != "" {
			if err := c.check(v); err != nil {
				return nil, fmt.Errorf("mapping: %s: %w", c.name, err)
			}
			*c.of(&out.options) = v
		}
	}
	out.build()
	return &out, nil
}

// Version returns 8 hex digits that change with anything the mapping says, options included; comments and spacing do not
// count. It stands in stored bases, so that a new mapping is noticed.
func (m *Mapping) Version() string { return m.version }

// Fields returns the fields of the kind in the order of the file. Every caller gets the same ones, and changes none of them:
// a copy would be 5 kB at each step of each record.
func (m *Mapping) Fields(k crm.Kind) []Field { return slices.Clip(m.kinds[k].fields) }

// Field returns the field of that name.
func (m *Mapping) Field(k crm.Kind, name crm.Field) (Field, bool) {
	at, ok := m.kinds[k].byName[name]
	if !ok {
		return Field{}, false
	}
	return m.kinds[k].fields[at], true
}

// Columns returns the fields of the kind as the system is asked for them, in the order of the file.
func (m *Mapping) Columns(k crm.Kind, sys crm.System) []crm.Column {
	return slices.Clone(m.kinds[k].columns[sys])
}

// Properties returns the names of the mapped properties as the system calls them, in the order of the file.
func (m *Mapping) Properties(k crm.Kind, sys crm.System) []string {
	var out []string
	for _, c := range m.kinds[k].columns[sys] {
		out = append(out, c.Property)
	}
	return out
}

// build derives what is looked up often from the fields, and the version.
func (m *Mapping) build() {
	kinds := map[crm.Kind]kind{}
	var said []any
	for _, name := range []crm.Kind{crm.Contact, crm.Company} {
		k := kind{byName: map[crm.Field]int{}, columns: map[crm.System][]crm.Column{}, match: m.kinds[name].match}
		for i, f := range m.kinds[name].fields {
			f.region, f.home = m.options.PhoneRegion, m.home
			k.fields = append(k.fields, f)
			k.byName[f.Name] = i
			for _, sys := range systems {
				col := crm.Column{Field: f.Name, Property: f.Side(sys).Property, Type: f.Type}
				if f.Type == crm.TypeMoney {
					col.Home = m.home
				}
				k.columns[sys] = append(k.columns[sys], col)
			}
		}
		kinds[name] = k
		said = append(said, k.fields, k.match)
	}
	m.kinds = kinds
	text, err := json.Marshal([]any{SchemaVersion, m.options, m.home, m.freeHosts, said})
	if err != nil {
		panic(err) // strings, numbers and booleans only
	}
	sum := sha256.Sum256(text)
	m.version = fmt.Sprintf("%x", sum[:4])
}

var systems = []crm.System{crm.HubSpot, crm.Zoho}

// choices are the options with their YAML names and rules.
var choices = []struct {
	name  string
	of    func(*Options) *string
	check func(string) error
}{
	{"phone_region", func(o *Options) *string { return &o.PhoneRegion }, func(s string) error { _, err := canon.Region(s); return err }},
	{"last_name", func(o *Options) *string { return &o.LastName }, oneOf(LastNameFallback, LastNameRequire)},
	{"leads", func(o *Options) *string { return &o.Leads }, oneOf(LeadsAsk, LeadsIgnore)},
	{"phone_match", func(o *Options) *string { return &o.PhoneMatch }, oneOf(PhoneMatchNever, PhoneMatchMobile)},
}

func oneOf[T ~string](allowed ...T) func(T) error {
	return func(s T) error {
		if !slices.Contains(allowed, s) {
			return fmt.Errorf("use one of %s", list(allowed))
		}
		return nil
	}
}
