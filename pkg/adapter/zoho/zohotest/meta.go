package zohotest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

func (s *Server) getUsers(c *call) reply {
	var list []*User
	switch c.query.Get("type") {
	case "CurrentUser":
		list = []*User{c.by.user}
	case "", "AllUsers":
		list = s.users
	case "ActiveUsers":
		for _, u := range s.users {
			if !u.Inactive {
				list = append(list, u)
			}
		}
	default:
		return invalidData("invalid data", map[string]any{"param_name": "type"}).reply()
	}
	from, to, info, refused := s.page(c, len(list), mostPerPage)
	if refused != nil {
		return refused.reply()
	}
	if from == to {
		return empty(http.StatusNoContent)
	}
	out := make([]any, 0, to-from)
	for _, u := range list[from:to] {
		status := "active"
		if u.Inactive {
			status = "inactive"
		}
		first, last, _ := strings.Cut(u.Name, " ")
		out = append(out, map[string]any{"id": u.ID, "full_name": u.Name, "first_name": first, "last_name": last, "email": u.Email,
			"zuid": "7" + u.ID[len(u.ID)-8:], "status": status, "confirm": true, "type__s": "Regular User", "time_zone": s.opt.Zone.String(),
			"profile": map[string]any{"name": "Administrator", "id": "4876876000000026011"}, "role": map[string]any{"name": "Manager", "id": "4876876000000026005"}})
	}
	return asJSON(http.StatusOK, map[string]any{"users": out, "info": info})
}

func (s *Server) getOrg(*call) reply {
	return asJSON(http.StatusOK, map[string]any{"org": []any{map[string]any{"id": "4876876000000020800", "company_name": "Sandbox S.r.l.",
		"domain_name": "org808232144", "zgid": "808232144", "country_code": "IT", "iso_code": "EUR", "currency": "Euro - EUR",
		"currency_symbol": "€", "time_zone": s.opt.Zone.String(), "mc_status": s.opt.Currencies != nil, "license_details": map[string]any{"paid": true, "paid_type": "enterprise"}}}})
}

func (s *Server) getModules(*call) reply {
	var out []any
	for _, name := range []string{"Leads", "Contacts", "Accounts"} {
		m := s.modules[name]
		out = append(out, map[string]any{"id": m.id, "api_name": name, "module_name": name, "plural_label": name,
			"singular_label": strings.TrimSuffix(name, "s"), "api_supported": true, "generated_type": "default"})
	}
	return asJSON(http.StatusOK, map[string]any{"modules": out})
}

func (s *Server) moduleParam(c *call) (*module, *refusal) {
	name := c.query.Get("module")
	if name == "" {
		return nil, &refusal{code: "REQUIRED_PARAM_MISSING", message: "One of the expected parameter is missing", details: map[string]any{"param_name": "module"}}
	}
	m := s.modules[name]
	if m == nil {
		return nil, &refusal{code: "INVALID_MODULE", message: "the module name given seems to be invalid"}
	}
	return m, nil
}

// jsonTypes are the json_type of each data_type (Zoho docs: Fields Metadata).
var jsonTypes = map[string]string{"boolean": "boolean", "integer": "integer", "double": "double", "currency": "double",
	"lookup": "jsonobject", "ownerlookup": "jsonobject", "multiselectpicklist": "jsonarray"}

// getFields answers GET /settings/fields: lengths and picklists are metadata of the org (Zoho docs: Fields Metadata).
func (s *Server) getFields(c *call) reply {
	m, refused := s.moduleParam(c)
	if refused != nil {
		return refused.reply()
	}
	out := make([]any, 0, len(m.order))
	for _, f := range m.order {
		kind, ok := jsonTypes[f.Type]
		if !ok {
			kind = "string"
		}
		values := []any{}
		for _, o := range f.Options {
			values = append(values, map[string]any{"display_value": o, "actual_value": o})
		}
		row := map[string]any{"id": f.id, "api_name": f.Name, "field_label": f.Label, "data_type": f.Type, "json_type": kind, "length": f.Length,
			"system_mandatory": f.Mandatory, "field_read_only": f.ReadOnly, "read_only": f.ReadOnly, "custom_field": f.Name == HubSpotID,
			"unique": map[string]any{}, "external": nil, "lookup": map[string]any{}, "pick_list_values": values, "visible": true}
		if f.Unique || f.External {
			row["unique"] = map[string]any{"casesensitive": "false"}
		}
		if f.External {
			row["external"] = map[string]any{"type": "org", "show": true}
		}
		if f.Lookup != "" {
			row["lookup"] = map[string]any{"module": map[string]any{"api_name": f.Lookup, "id": s.modules[f.Lookup].id}}
		}
		out = append(out, row)
	}
	return asJSON(http.StatusOK, map[string]any{"fields": out})
}

const mostUnique = 2 // user-defined unique fields of a module, all editions (Zoho docs: Insert Records)

// createFields answers POST /settings/fields?module=: one custom field after another.
func (s *Server) createFields(c *call) reply {
	m, refused := s.moduleParam(c)
	if refused != nil {
		return refused.reply()
	}
	var body struct {
		Fields []struct {
			Label    string `json:"field_label"`
			Type     string `json:"data_type"`
			Length   int    `json:"length"`
			Unique   any    `json:"unique"`
			External *struct {
				Type string `json:"type"`
				Show bool   `json:"show"`
			} `json:"external"`
			Values []struct {
				Display string `json:"display_value"`
				Actual  string `json:"actual_value"`
			} `json:"pick_list_values"`
			Tooltip any `json:"tooltip"`
		} `json:"fields"`
	}
	if err := decodeStrict(c.body, &body); err != nil || len(body.Fields) == 0 {
		return invalidData("invalid data", map[string]any{"api_name": "fields", "json_path": "$.fields"}).reply()
	}
	out, failed := make([]any, len(body.Fields)), 0
	for i, w := range body.Fields {
		f := Field{Name: strings.ReplaceAll(w.Label, " ", "_"), Label: w.Label, Type: w.Type, Length: w.Length, Unique: w.Unique != nil, External: w.External != nil}
		for _, v := range w.Values {
			f.Options = append(f.Options, v.Display)
		}
		if refused := m.admits(&f); refused != nil {
			failed++
			out[i] = refused.item()
			continue
		}
		m.own()
		m.add(f)
		m.watchUnique(m.fields[f.Name])
		out[i] = map[string]any{"code": "SUCCESS", "message": "field created", "status": "success", "details": map[string]any{"id": m.fields[f.Name].id}}
	}
	return asJSON(statusOf(len(out), failed, 0, http.StatusCreated), map[string]any{"fields": out})
}

// admits judges a new custom field. E-mail and textarea cannot be external (Zoho docs: Insert Records).
func (m *module) admits(f *Field) *refusal {
	switch {
	case f.Label == "":
		return missing("field_label", "$.fields[0]")
	case typeLength[f.Type] == 0:
		return invalidData("invalid data", map[string]any{"api_name": "data_type", "json_path": "$.fields[0].data_type"})
	case m.fields[f.Name] != nil:
		return &refusal{code: "DUPLICATE_DATA", message: "duplicate data", details: map[string]any{"api_name": "field_label", "json_path": "$.fields[0].field_label"}}
	case f.External && f.Type != "text" && f.Type != "integer" && f.Type != "bigint":
		return invalidData("invalid data", map[string]any{"api_name": "external", "json_path": "$.fields[0].external"})
	case (f.Unique || f.External) && len(m.unique) >= mostUnique:
		return &refusal{code: "LIMIT_EXCEEDED", message: "the limit of unique fields has been exceeded", details: map[string]any{"limit": mostUnique}}
	}
	return nil
}

// own makes the schema the module's, so that other servers do not see its new fields.
func (m *module) own() {
	m.fields, m.order = maps.Clone(m.fields), slices.Clone(m.order)
}
