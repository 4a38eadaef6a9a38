package mapping

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"crm-connector/pkg/core/crm"
)

// Table returns the mapping as people read it: the options, then a line for each field.
func (m *Mapping) Table() string {
	var out strings.Builder
	for _, c := range choices {
		fmt.Fprintf(&out, "%s %s, ", c.name, *c.of(&m.options))
	}
	fmt.Fprintf(&out, "home_currency %s\n", m.home)
	for _, k := range []crm.Kind{crm.Contact, crm.Company} {
		fmt.Fprintf(&out, "\n%s, recognised by %s\n", k, m.recognised(k))
		w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "field\ttype\tpolicy\tHubSpot\tZoho\toptions")
		for _, f := range m.kinds[k].fields {
			options := ""
			if len(f.Options) > 0 {
				options = fmt.Sprint(len(f.Options))
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, f.Type, f.Policy, f.HubSpot, f.Zoho, options)
		}
		_ = w.Flush() // into a strings.Builder, which takes everything
	}
	lines := strings.Split(out.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ") // padding
	}
	return strings.Join(lines, "\n")
}

func (m *Mapping) recognised(k crm.Kind) string {
	var keys []string
	for _, key := range m.kinds[k].match {
		s := strings.ReplaceAll(list(key.Fields), ", ", " or ")
		for _, with := range key.With {
			s += " and " + string(with)
		}
		keys = append(keys, s)
	}
	if k == crm.Contact && m.options.PhoneMatch == PhoneMatchMobile {
		keys = append(keys, "mobile number and last_name")
	}
	if len(keys) == 0 {
		return "nothing"
	}
	return strings.Join(keys, "; ")
}

// String returns the property with what limits it.
func (s Side) String() string {
	out := s.Property
	if s.Max > 0 {
		out += fmt.Sprintf(" ≤%d", s.Max)
	}
	if s.ReadOnly {
		out += " read only"
	}
	if s.NotEmpty {
		out += " not empty"
	}
	return out
}
