package zohotest

import (
	"maps"
	"time"
)

// barred tells why a living record cannot be written now: it was modified after the instant named (Zoho docs: Insert Records; Zoho
// compares whole seconds), it is locked, in approval, in a blueprint, or a converted lead (Zoho docs: OpenAPI file, error codes).
func (s *Server) barred(c *call, r *record) *refusal {
	if header := c.r.Header.Get("If-Unmodified-Since"); header != "" && !s.opt.IgnoreCondition {
		at, err := time.Parse(time.RFC3339, header)
		if err != nil {
			return invalidData("invalid data", map[string]any{"header_name": "If-Unmodified-Since", "expected_data_type": "datetime"})
		}
		if r.last().modified.After(at) {
			return &refusal{code: "ALREADY_MODIFIED", message: "Record updated time has already passed if-unmodified-since time", details: map[string]any{"id": r.id}}
		}
	}
	if r.merging.After(s.now()) {
		return &refusal{code: "RECORD_LOCKED", message: "The record under merge is locked", details: map[string]any{"id": r.id}}
	}
	if r.block != "" {
		return &refusal{code: r.block, message: blocks[r.block], details: map[string]any{"id": r.id}}
	}
	if r.last().values[converted] == true {
		return &refusal{code: "CONVERTED_RECORD", message: "the record is already converted", details: map[string]any{"id": r.id}}
	}
	return nil
}

var blocks = map[string]string{"RECORD_LOCKED": "The record is locked", "NOT_APPROVED": "the record is not approved",
	"RECORD_IN_BLUEPRINT": "the record is in blueprint"}

// checked judges every key of a record and returns the values that it would have, and the names that differ. r is nil for
// a new record. One refusal is answered for a record: the first by name, so that a run can be repeated.
func (s *Server) checked(m *module, r *record, item map[string]any, path string) (map[string]any, []string, *refusal) {
	var old map[string]any
	if r != nil {
		old = r.last().values
	}
	values := make(map[string]any, len(old)+len(item)+1)
	maps.Copy(values, old)
	var changed []string
	for _, name := range sortedKeys(item) {
		if name == "id" && r != nil {
			continue
		}
		f := m.fields[name]
		if f == nil || f.ReadOnly {
			// The vendor does not say what an unknown or read-only key does: refused, unless LooseKeys.
			if s.opt.LooseKeys {
				continue
			}
			return nil, nil, invalidData("invalid data", map[string]any{"api_name": name, "json_path": path + "." + name})
		}
		v, wrong := s.take(f, item[name])
		if wrong != nil {
			wrong["api_name"], wrong["json_path"] = name, path+"."+name
			message := "invalid data"
			if wrong["id"] != nil {
				message = "the id given seems to be invalid"
			}
			return nil, nil, invalidData(message, wrong)
		}
		if same(values[name], v) {
			continue
		}
		changed = append(changed, name)
		if values[name] = v; v == nil {
			delete(values, name)
		}
	}
	for _, f := range m.order {
		if f.Mandatory && values[f.Name] == nil {
			return nil, nil, &refusal{code: "MANDATORY_NOT_FOUND", message: "required field not found",
				details: map[string]any{"api_name": f.Name, "json_path": path + "." + f.Name}}
		}
	}
	if refused := s.collides(m, r, values, path); refused != nil {
		return nil, nil, refused
	}
	return values, changed, nil
}

// collides finds the living records that hold a unique value already (Zoho docs: OpenAPI file, error codes).
func (s *Server) collides(m *module, r *record, values map[string]any, path string) *refusal {
	var hits []any
	var first *refusal
	for _, f := range m.unique {
		text, _ := values[f.Name].(string)
		id := m.taken[f.Name][fold(text)]
		if text == "" || id == "" || r != nil && r.id == id {
			continue
		}
		one := &refusal{code: "DUPLICATE_DATA", message: "duplicate data", details: s.duplicateDetails(m, f, id, path)}
		if first == nil {
			first = one
		}
		hits = append(hits, one.item())
	}
	if len(hits) > 1 {
		return &refusal{code: "MULTIPLE_OR_MULTI_ERRORS", message: "multiple errors", details: map[string]any{"errors": hits}}
	}
	return first
}

func (s *Server) duplicateDetails(m *module, f *Field, id, path string) map[string]any {
	if s.opt.OldDuplicate {
		return map[string]any{"api_name": f.Name, "id": id}
	}
	owner := map[string]any{}
	if key, _ := m.records[id].last().values["Owner"].(string); key != "" {
		if u := s.user(key); u != nil {
			owner = map[string]any{"name": u.Name, "id": u.ID, "zuid": "7" + u.ID[len(u.ID)-8:]}
		}
	}
	return map[string]any{"api_name": f.Name, "json_path": path + "." + f.Name, "more_records": false,
		"duplicate_record": map[string]any{"id": id, "Owner": owner, "module": map[string]any{"api_name": m.name, "id": m.id}}}
}
