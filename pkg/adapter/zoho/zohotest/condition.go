package zohotest

import (
	"fmt"
)

// checkConditions wants api_name and id of the module and of every field, and at most ten fields (Zoho docs: Enable Notifications).
func (s *Server) checkConditions(list []wireCondition, path string) *refusal {
	for i, w := range list {
		at := fmt.Sprintf("%s.notification_condition[%d]", path, i)
		m := s.modules[w.Module.APIName]
		if w.Type != "field_selection" || m == nil || w.Module.ID != m.id {
			return invalidData("invalid data", map[string]any{"api_name": "module", "json_path": at + ".module"})
		}
		count := 0
		if !validSelection(m, w.Selection, &count) || count > 10 {
			return invalidData("invalid data", map[string]any{"api_name": "field_selection", "json_path": at + ".field_selection"})
		}
	}
	return nil
}

func validSelection(m *module, w wireSelection, count *int) bool {
	if w.Field != nil {
		*count++
		f := m.fields[w.Field.APIName]
		return f != nil && f.id == w.Field.ID && len(w.Group) == 0
	}
	if len(w.Group) == 0 || len(w.Group) > 2 || w.Operator != "or" && w.Operator != "and" {
		return false
	}
	for _, g := range w.Group {
		if !validSelection(m, g, count) {
			return false
		}
	}
	return true
}

func (w wireSelection) selection() selection {
	if w.Field != nil {
		return selection{field: w.Field.APIName}
	}
	x := selection{or: w.Operator == "or"}
	for _, g := range w.Group {
		x.group = append(x.group, g.selection())
	}
	return x
}
