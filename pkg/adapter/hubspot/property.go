package hubspot

import (
	"context"
	"net/http"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
)

// Definition is one property as the account defines it.
type Definition struct {
	Name      string
	Label     string
	Type      string // string, number, bool, date, datetime, enumeration, phone_number
	FieldType string
	ReadOnly  bool
	Unique    bool
	Options   []string // internal values; empty for properties that are no list
}

// Definitions returns the module's properties by name, fresh from HubSpot (GET /crm/properties/{version}/{objectType}).
func (c *Client) Definitions(ctx context.Context, m crm.Module) (map[string]Definition, error) {
	var answer struct {
		Results []struct {
			Name      string `json:"name"`
			Label     string `json:"label"`
			Type      string `json:"type"`
			FieldType string `json:"fieldType"`
			Unique    bool   `json:"hasUniqueValue"`
			Archived  bool   `json:"archived"`
			Options   []struct {
				Value string `json:"value"`
			} `json:"options"`
			Modification struct {
				ReadOnly bool `json:"readOnlyValue"`
			} `json:"modificationMetadata"`
		} `json:"results"`
	}
	if err := c.get(ctx, "hubspot.Definitions", "/crm/properties/"+Version+"/"+plural(m), nil, &answer); err != nil {
		return nil, err
	}
	all := make(map[string]Definition, len(answer.Results))
	for _, p := range answer.Results {
		if p.Archived {
			continue
		}
		d := Definition{Name: p.Name, Label: p.Label, Type: p.Type, FieldType: p.FieldType, ReadOnly: p.Modification.ReadOnly, Unique: p.Unique}
		for _, o := range p.Options {
			d.Options = append(d.Options, o.Value)
		}
		all[p.Name] = d
	}
	return all, nil
}

// CreateFlag makes a property of a module that is true or false, in the group of standard properties. fault.Conflict says that
// there is one of that name; fault.Setup that the token lacks the scope crm.schemas.<module>.write
// (https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide, "Create a property").
func (c *Client) CreateFlag(ctx context.Context, m crm.Module, name, label string) error {
	option := func(label, value string, order int) map[string]any {
		return map[string]any{"label": label, "value": value, "displayOrder": order, "hidden": false}
	}
	_, err := c.do(ctx, rest.Call{Op: "hubspot.CreateFlag", Method: http.MethodPost, Path: "/crm/properties/" + Version + "/" + plural(m), Timeout: writeTimeout, Body: map[string]any{
		"groupName": string(m) + "information", "name": name, "label": label, "type": "bool", "fieldType": "booleancheckbox",
		"options": []any{option("Yes", "true", 0), option("No", "false", 1)},
	}}, nil, nil)
	return err
}

// definitionsLast is for how long an answer about definitions, or its failure, holds for a property.
const definitionsLast = time.Minute

// definitions remembers which properties exist.
type definitions struct {
	asked time.Time
	names map[string]Definition // nil when they could not be read
	// judged holds when each property that was absent was last judged by a fresh answer. What was not absent before may have
	// been dropped since the answer, so it is judged by an answer that is younger than the record.
	judged map[string]time.Time
}

// absent judges a value that an answer did not hold: HubSpot leaves out what is not defined, and sometimes what is empty.
// The record was read before the given instant.
func (c *Client) absent(ctx context.Context, m crm.Module, property string, read time.Time) crm.Value {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.definitions[m]
	if d == nil {
		d = &definitions{judged: map[string]time.Time{}}
		c.definitions[m] = d
	}
	now := c.now()
	if at, known := d.judged[property]; !known || now.Sub(at).Abs() >= definitionsLast {
		if d.asked.IsZero() || d.asked.Before(read) {
			d.asked, d.names = now, nil
			if names, err := c.Definitions(ctx, m); err == nil {
				d.names = names
			}
		}
		d.judged[property] = d.asked
	}
	if _, defined := d.names[property]; defined {
		return crm.Empty()
	}
	return crm.Unknown()
}
