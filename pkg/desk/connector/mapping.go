package connector

import (
	"bytes"
	"context"
	"fmt"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/flow/config"
)

type mappingCommand struct {
	Show  mappingShowCommand  `cmd:"" default:"1" help:"Print the mapping in force."`
	Check mappingCheckCommand `cmd:"" help:"Say whether a file would do."`
	Apply mappingApplyCommand `cmd:"" help:"Put a file in force."`
}

type mappingShowCommand struct {
	YAML    bool `help:"Print it as YAML, to start an own one from." name:"yaml"`
	Default bool `help:"The built-in one instead; needs no stack."`
}

// Help is what --help adds.
func (mappingShowCommand) Help() string {
	return `Examples:

    connector mapping show --stack crm-connector
    connector mapping show --default --yaml > my.yaml`
}

// Run prints the mapping.
func (c mappingShowCommand) Run(ctx context.Context, s *session) error {
	m, text := mapping.Default(), mapping.DefaultYAML()
	from := "built in"
	if !c.Default {
		st, err := s.stack(ctx, toRead)
		if err != nil {
			return err
		}
		if m, err = s.inForce(ctx, st); err != nil {
			return err
		}
		r, err := s.rows(st).Get(ctx, config.Mapping)
		switch {
		case err != nil:
			return err
		case r.Version != 0:
			text, from = r.Value, fmt.Sprintf("row %d", r.Version)
		case st.DefaultYAML != nil && !bytes.Equal(st.DefaultYAML, text):
			text, from = st.DefaultYAML, "with which the process was started"
		}
	}
	s.show("version", m.Version())
	s.show("from", from)
	if c.YAML {
		s.show("yaml", string(text))
		s.printf("%s", text)
		return nil
	}
	s.show("fields", fieldsOf(m))
	s.printf("version %s, %s; %s", m.Version(), from, m.Table())
	return nil
}

// field is one field of a mapping in the answer of --json.
type field struct {
	Kind    crm.Kind   `json:"kind"`
	Name    crm.Field  `json:"name"`
	Type    crm.Type   `json:"type"`
	Policy  crm.Policy `json:"policy"`
	HubSpot string     `json:"hubspot"`
	Zoho    string     `json:"zoho"`
}

func fieldsOf(m *mapping.Mapping) []field {
	var out []field
	for _, k := range kinds {
		for _, f := range m.Fields(k) {
			out = append(out, field{k, f.Name, f.Type, f.Policy, f.HubSpot.Property, f.Zoho.Property})
		}
	}
	return out
}

var kinds = []crm.Kind{crm.Contact, crm.Company}

// inForce returns the mapping of a stack, the settings over it included.
func (s *session) inForce(ctx context.Context, st *Stack) (*mapping.Mapping, error) {
	book, err := s.book(ctx, st)
	if err != nil {
		return nil, err
	}
	return book.Mapping(ctx)
}

type mappingCheckCommand struct {
	File string `arg:"" type:"path" help:"YAML file."`
	Live bool   `help:"Ask both CRMs too whether they have its properties."`
}

// Help is what --help adds.
func (mappingCheckCommand) Help() string {
	return `Every mistake is printed with its line. With --live both CRMs are asked whether they have the properties, with these types and options.

Examples:

    connector mapping check my.yaml
    connector mapping check my.yaml --live --stack crm-connector`
}

// Run checks a file.
func (c mappingCheckCommand) Run(ctx context.Context, s *session) error {
	m, _, err := document(s, c.File, "mapping", mapping.Parse)
	if err != nil {
		return err
	}
	if c.Live {
		st, err := s.stack(ctx, toRead)
		if err != nil {
			return err
		}
		if err := s.fits(ctx, st, m); err != nil {
			return err
		}
	}
	s.show("version", m.Version())
	s.show("fields", fieldsOf(m))
	s.printf("good, version %s: %d contact and %d company fields\n", m.Version(), len(m.Fields(crm.Contact)), len(m.Fields(crm.Company)))
	return nil
}

// fits prints what the CRMs lack for a mapping, and is a finding when they lack anything.
func (s *session) fits(ctx context.Context, st *Stack, m *mapping.Mapping) error {
	c, err := s.both(ctx, st, true)
	if err != nil {
		return err
	}
	found, err := properties(ctx, c, m)
	if err != nil {
		return err
	}
	s.findings(found)
	if faults(found) > 0 {
		return errFinding
	}
	return nil
}

type mappingApplyCommand struct {
	File    string `arg:"" type:"path" help:"YAML file."`
	Offline bool   `help:"Do not ask the CRMs whether they have its properties."`
}

// Help is what --help adds.
func (mappingApplyCommand) Help() string {
	return `A mapping that is wrong, or that names what a CRM does not have, is refused before it is stored. Fields that join other properties than before start without a memory of the last values; held fields are tried again. After a change, write the app project of HubSpot again (setup hubspot): it subscribes to each mapped property.

Examples:

    connector mapping apply my.yaml --stack crm-connector --plan
    connector mapping apply my.yaml --stack crm-connector`
}

// Run stores a file.
func (c mappingApplyCommand) Run(ctx context.Context, s *session) error {
	m, text, err := document(s, c.File, "mapping", mapping.Parse)
	if err != nil {
		return err
	}
	st, err := s.stack(ctx, toChange)
	if err != nil {
		return err
	}
	set, err := s.rules(ctx, st)
	if err != nil {
		return err
	}
	if m, err = m.With(set.Options); err != nil {
		return err
	}
	if !c.Offline {
		if err := s.fits(ctx, st, m); err != nil {
			s.printf("refused: nothing was stored. Mend the above, or go on with --offline\n")
			return err
		}
	}
	return s.store(ctx, st, m, text)
}

// store writes the mapping's row, and the names of its properties for the door.
func (s *session) store(ctx context.Context, st *Stack, m *mapping.Mapping, text []byte) error {
	s.show("version", m.Version())
	r, err := s.rows(st).Get(ctx, config.Mapping)
	if err != nil {
		return err
	}
	names, err := s.rows(st).Get(ctx, config.Fields)
	if err != nil {
		return err
	}
	if old, err := s.inForce(ctx, st); err == nil {
		for _, line := range changes(old, m) {
			s.printf("       %s\n", line)
		}
	}
	same := r.Version != 0 && bytes.Equal(r.Value, text)
	if same && bytes.Equal(names.Value, published(m)) {
		s.nothing(fmt.Sprintf("mapping %s is in force as row %d", m.Version(), r.Version))
		return nil
	}
	err = s.change(fmt.Sprintf("mapping %s is in force as row %d; %s", m.Version(), r.Version+1, within), func() error {
		if err := s.rows(st).Set(ctx, config.Mapping, text); err != nil {
			return err
		}
		return s.rows(st).Set(ctx, config.Fields, published(m))
	})
	if err != nil {
		return err
	}
	return s.settle(ctx, config.Fresh) // what is queued before goes by the mapping of before
}

// published is the row by which the door knows the mapped properties.
func published(m *mapping.Mapping) []byte {
	return config.FieldsRow(func(sys crm.System, module crm.Module) []string { return m.Properties(module.Kind(), sys) })
}

// changes says how two mappings differ, a line a field.
func changes(old, now *mapping.Mapping) []string {
	var out []string
	for _, k := range kinds {
		for _, f := range now.Fields(k) {
			o, ok := old.Field(k, f.Name)
			switch {
			case !ok:
				out = append(out, fmt.Sprintf("+ %s %s: %s ↔ %s, %s", k, f.Name, f.HubSpot.Property, f.Zoho.Property, f.Policy))
			case o.HubSpot.Property != f.HubSpot.Property || o.Zoho.Property != f.Zoho.Property || o.Policy != f.Policy || o.Type != f.Type:
				out = append(out, fmt.Sprintf("~ %s %s: %s ↔ %s, %s (was %s ↔ %s, %s)", k, f.Name, f.HubSpot.Property, f.Zoho.Property, f.Policy,
					o.HubSpot.Property, o.Zoho.Property, o.Policy))
			}
		}
		for _, f := range old.Fields(k) {
			if _, ok := now.Field(k, f.Name); !ok {
				out = append(out, fmt.Sprintf("- %s %s: %s ↔ %s", k, f.Name, f.HubSpot.Property, f.Zoho.Property))
			}
		}
	}
	return out
}
