package hubspottest

import (
	"errors"
	"sort"

	"crm-connector/pkg/core/crm"
)

// Property is the definition of a property. HubSpot docs: Properties guide.
type Property struct {
	Name      string   // internal name, lower case
	Label     string   //
	Type      string   // string, number, date, datetime, enumeration, bool, phone_number
	FieldType string   // text, textarea, number, date, select, radio, checkbox (several values), booleancheckbox, phonenumber
	Options   []Option // of an enumeration; empty for an owner
	ReadOnly  bool     // the value cannot be written
	Unique    bool     // no two records may have the same value
	Max       int      // longest text in characters; 0: 65,536
	owner     bool
}

// Option is one value of an enumeration.
type Option struct {
	Label string
	Value string
}

// property returns the definition in force, nil when there is none (any more).
func (t *table) property(name string) *Property {
	if t.dropped[name] {
		return nil
	}
	if p := t.extra[name]; p != nil {
		return p
	}
	return t.schema[name]
}

func (t *table) define(p Property) {
	if t.extra == nil {
		t.extra = map[string]*Property{}
	}
	if p.FieldType == "" {
		p.FieldType = map[string]string{"number": "number", "date": "date", "datetime": "date", "enumeration": "select", "bool": "booleancheckbox", "phone_number": "phonenumber"}[p.Type]
		p.FieldType = or(p.FieldType, "text")
	}
	p.Type, p.Label = or(p.Type, "string"), or(p.Label, p.Name)
	t.extra[p.Name] = &p
	delete(t.dropped, p.Name)
}

func (t *table) definitions() []*Property {
	var all []*Property
	for name := range t.schema {
		if p := t.property(name); p != nil && t.extra[name] == nil {
			all = append(all, p)
		}
	}
	for name := range t.extra {
		if p := t.property(name); p != nil {
			all = append(all, p)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// AddProperty defines a property, or changes the definition of one, as an administrator would.
func (s *Server) AddProperty(m crm.Module, p Property) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table(m).define(p)
}

// DropProperty archives a definition: from now on the property is in no answer, its name is unknown to writes, and its
// changes fire nothing. The values are kept, and are back after RestoreProperty. HubSpot docs: Properties, "Archive a property".
func (s *Server) DropProperty(m crm.Module, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(m)
	if t.property(name) == nil {
		return errors.New("hubspottest: no such property")
	}
	if t.dropped == nil {
		t.dropped = map[string]bool{}
	}
	t.dropped[name] = true
	return nil
}

// RestoreProperty takes DropProperty back.
func (s *Server) RestoreProperty(m crm.Module, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.table(m).dropped, name)
}

// wireProperty is a definition as GET /crm/properties shows it. HubSpot docs: Properties, "Retrieve properties".
type wireProperty struct {
	Name           string       `json:"name"`
	Label          string       `json:"label"`
	Type           string       `json:"type"`
	FieldType      string       `json:"fieldType"`
	Description    string       `json:"description"`
	GroupName      string       `json:"groupName"`
	Options        []wireOption `json:"options"`
	DisplayOrder   int          `json:"displayOrder"`
	Calculated     bool         `json:"calculated"`
	External       bool         `json:"externalOptions"`
	HasUniqueValue bool         `json:"hasUniqueValue"`
	Hidden         bool         `json:"hidden"`
	HubspotDefined bool         `json:"hubspotDefined"`
	Archived       bool         `json:"archived"`
	Metadata       wireMetadata `json:"modificationMetadata"`
}

type wireOption struct {
	Label        string `json:"label"`
	Value        string `json:"value"`
	DisplayOrder int    `json:"displayOrder"`
	Hidden       bool   `json:"hidden"`
}

type wireMetadata struct {
	Archivable         bool `json:"archivable"`
	ReadOnlyDefinition bool `json:"readOnlyDefinition"`
	ReadOnlyValue      bool `json:"readOnlyValue"`
}

func (t *table) wire(p *Property) wireProperty {
	own := t.schema[p.Name] == p
	w := wireProperty{
		Name: p.Name, Label: p.Label, Type: p.Type, FieldType: p.FieldType, GroupName: t.singular + "information",
		Options: []wireOption{}, DisplayOrder: -1, External: p.owner, HasUniqueValue: p.Unique, HubspotDefined: own,
		Metadata: wireMetadata{Archivable: !own, ReadOnlyDefinition: own, ReadOnlyValue: p.ReadOnly},
	}
	for i, o := range p.Options {
		w.Options = append(w.Options, wireOption{Label: o.Label, Value: o.Value, DisplayOrder: i})
	}
	return w
}
