package zoho

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Trade gives the code of a self client for a refresh token and a first access token. A code can be traded once, within the
// minutes that were chosen for it. Errors are those of Refresh; Denied for a code that has expired, was used, or is of another
// data centre (https://www.zoho.com/accounts/protocol/oauth/self-client/authorization-code-flow.html).
func (a *Accounts) Trade(ctx context.Context, client, code crm.Secret) (refresh crm.Secret, access crm.Access, err error) {
	const op = "zoho.Trade"
	form := url.Values{
		"grant_type":    {"authorization_code"},
		"client_id":     {a.cfg.ClientID},
		"client_secret": {client.Reveal()},
		"code":          {code.Reveal()},
	}
	g, access, err := a.grant(ctx, op, form)
	if err == nil && !sendable(g.Refresh) {
		err = &fault.Error{Op: op, Kind: fault.Setup, Err: errors.New("an answer without a refresh token: the code was not made by a self client")}
	}
	if err != nil {
		return crm.Secret{}, crm.Access{}, err
	}
	return crm.NewSecret(g.Refresh), access, nil
}

// Definition is one field of a module as the organisation has it.
type Definition struct {
	ID        string
	Name      string // API name
	Label     string
	Type      string // data_type: text, textarea, email, phone, website, picklist, ...
	Length    int    // the longest text in characters
	Options   []string
	Mandatory bool // for everybody, whatever the layout says
	ReadOnly  bool
	Unique    bool
	External  string // org or user for an external id, "" for any other field
	Lookup    string // the module that a lookup leads to, by its API name, "" for any other field
}

// settingsFields are where fields are read and made.
const settingsFields = "/settings/fields"

// Definitions returns the fields of a module by name
// (https://www.zoho.com/crm/developer/docs/api/v8/field-meta.html).
func (c *Client) Definitions(ctx context.Context, m crm.Module) (map[string]Definition, error) {
	const op = "zoho.Definitions"
	module, err := moduleName(op, m)
	if err != nil {
		return nil, err
	}
	var a struct {
		Fields []struct {
			ID        digits          `json:"id"`
			Name      string          `json:"api_name"`
			Label     string          `json:"field_label"`
			Type      string          `json:"data_type"`
			Length    int             `json:"length"`
			Mandatory bool            `json:"system_mandatory"`
			ReadOnly  bool            `json:"field_read_only"`
			Unique    map[string]any  `json:"unique"`
			External  json.RawMessage `json:"external"`
			Lookup    json.RawMessage `json:"lookup"`
			Options   []struct {
				Actual string `json:"actual_value"`
			} `json:"pick_list_values"`
		} `json:"fields"`
	}
	if _, err := c.read(ctx, rest.Call{Op: op, Path: settingsFields, Query: url.Values{"module": {module}}}, &a); err != nil {
		return nil, err
	}
	if a.Fields == nil {
		return nil, &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without fields")}
	}
	out := map[string]Definition{}
	for _, f := range a.Fields {
		d := Definition{
			ID: string(f.ID), Name: f.Name, Label: f.Label, Type: f.Type, Length: f.Length, Mandatory: f.Mandatory, ReadOnly: f.ReadOnly, Unique: len(f.Unique) > 0,
		}
		for _, o := range f.Options {
			d.Options = append(d.Options, o.Actual)
		}
		var external struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(f.External, &external) == nil {
			d.External = external.Type
		}
		var lookup struct {
			Module struct {
				Name string `json:"api_name"`
			} `json:"module"`
		}
		if json.Unmarshal(f.Lookup, &lookup) == nil {
			d.Lookup = lookup.Module.Name
		}
		out[d.Name] = d
	}
	return out, nil
}

// CreateHubSpotID makes the field HubSpotID in a module: an external id of the organisation, or with plain a text that is
// unique, for editions without external ids (https://www.zoho.com/crm/developer/docs/api/v8/create-custom-field.html).
func (c *Client) CreateHubSpotID(ctx context.Context, m crm.Module, plain bool) error {
	field := map[string]any{"field_label": "HubSpot Id", "data_type": "text", "length": 50}
	if plain {
		field["unique"] = map[string]any{"case_sensitive": false}
	} else {
		field["external"] = map[string]any{"type": "org", "show": true}
	}
	return c.createField(ctx, "zoho.CreateHubSpotID", m, field)
}

// CreateField makes a field of a module from a definition's Label, Type and, for a text, Length; Zoho makes its API name of the
// label, with underscores. fault.Conflict says that there is one of that label
// (https://www.zoho.com/crm/developer/docs/api/v8/create-custom-field.html).
func (c *Client) CreateField(ctx context.Context, m crm.Module, d Definition) error {
	field := map[string]any{"field_label": d.Label, "data_type": d.Type}
	if d.Length > 0 {
		field["length"] = d.Length
	}
	return c.createField(ctx, "zoho.CreateField", m, field)
}

func (c *Client) createField(ctx context.Context, op string, m crm.Module, field map[string]any) error {
	module, err := moduleName(op, m)
	if err != nil {
		return err
	}
	var a made
	call := rest.Call{
		Op: op, Method: http.MethodPost, Path: settingsFields, Query: url.Values{"module": {module}}, Timeout: writeTime,
		Body: map[string]any{"fields": []any{field}},
	}
	answer, err := c.do(ctx, call, judgeMade, &a)
	switch {
	case err != nil:
		return err
	case len(a.Fields) != 1:
		return &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without the field")}
	case a.Fields[0].Code != "SUCCESS":
		return a.Fields[0].fault(op, answer.Status, false)
	}
	return nil
}

// made is the answer to a creation of fields.
type made struct {
	Fields []envelope `json:"fields"`
}

func judgeMade(op string, status int, h http.Header, body []byte) error {
	var a made
	if status < http.StatusInternalServerError && json.Unmarshal(body, &a) == nil && len(a.Fields) > 0 && a.Fields[0].Code != "" {
		return nil
	}
	return judge(op, status, h, body)
}

// ChannelsAt returns the ids of all living channels that notify an address, of the user whose token this is.
func (c *Client) ChannelsAt(ctx context.Context, address string) ([]string, error) {
	var a watched
	if _, err := c.read(ctx, rest.Call{Op: "zoho.ChannelsAt", Path: watchPath}, &a); err != nil {
		return nil, err
	}
	var out []string
	for _, w := range a.Watch {
		if w.URL == address && !slices.Contains(out, string(w.ID)) {
			out = append(out, string(w.ID))
		}
	}
	return out, nil
}

// Remove deletes a record. It is for the record that an operator's check has made; the functions delete nothing.
func (c *Client) Remove(ctx context.Context, id crm.ID) error {
	const op = "zoho.Remove"
	module, err := moduleName(op, id.Module)
	if err != nil {
		return err
	}
	if !crm.IsKey(id.Key) {
		return &fault.Error{Op: op, Kind: fault.Missing, Err: errors.New("not an id of Zoho")}
	}
	var a items
	answer, err := c.write(ctx, rest.Call{Op: op, Method: http.MethodDelete, Path: "/" + module + "/" + id.Key}, &a)
	switch {
	case err != nil:
		return err
	case len(a.Data) != 1:
		return &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without the record")}
	case a.Data[0].Code != "SUCCESS":
		return a.Data[0].fault(op, answer.Status, true)
	}
	return nil
}
