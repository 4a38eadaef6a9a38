package zohotest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

const mostChildren = 2 // Zoho docs: Deleted and Merge Records

// mergeRecords answers POST /{Module}/{master}/actions/merge: the master stays, up to two children are deleted. The fields
// named under a child overwrite the master's. The job of a child with more than 1,000 related rows is not imitated.
func (s *Server) mergeRecords(c *call) reply {
	c.cost = 50
	m := s.modules[c.module]
	type named struct {
		APIName string `json:"api_name"`
	}
	var body struct {
		Merge []struct {
			Data []struct {
				ID     string  `json:"id"`
				Fields []named `json:"_fields"`
			} `json:"data"`
			Master []named `json:"master_record_fields"`
		} `json:"merge"`
	}
	if err := decodeStrict(c.body, &body); err != nil || len(body.Merge) != 1 {
		return invalidData("invalid data", map[string]any{"api_name": "merge", "json_path": "$.merge"}).reply()
	}
	data := body.Merge[0].Data
	refuse := func(r *refusal) reply {
		return asJSON(http.StatusBadRequest, map[string]any{"merge": []any{r.item()}})
	}
	switch {
	case len(data) == 0:
		return refuse(invalidData(" Atleast one child record id is required to be merged.", map[string]any{"api_name": "data", "json_path": "$.merge[0].data", "minimum_length": 1}))
	case len(data) > mostChildren:
		return refuse(invalidData(" More than 2 child record ids cannot be merged.", map[string]any{"api_name": "data", "json_path": "$.merge[0].data", "maximum_length": mostChildren}))
	}
	master := m.records[c.key]
	if master == nil || !master.alive() {
		return invalidData("the id given seems to be invalid", map[string]any{"resource_path_index": 1}).reply()
	}
	var children []*record
	take := map[string]any{}
	for i, d := range data {
		path := fmt.Sprintf("$.merge[0].data[%d]", i)
		r := m.records[d.ID]
		if r == nil || !r.alive() || r == master || slices.Contains(children, r) {
			return refuse(invalidData("the id given seems to be invalid", map[string]any{"api_name": "id", "json_path": path + ".id"}))
		}
		children = append(children, r)
		for _, f := range d.Fields {
			if f.APIName == "" {
				return refuse(&refusal{code: "MANDATORY_NOT_FOUND", message: "API name of the field is not mentioned", details: map[string]any{"api_name": "api_name", "json_path": path + "._fields"}})
			}
			take[f.APIName] = r.last().values[f.APIName]
		}
	}
	for _, r := range append(slices.Clone(children), master) {
		if refused := s.barred(c, r); refused != nil {
			return refuse(refused)
		}
	}
	s.merge(master, children, take, c.by)
	return asJSON(http.StatusOK, map[string]any{"merge": []any{map[string]any{"code": "SUCCESS", "details": map[string]any{"id": master.id},
		"message": "records merged successfully", "status": "success"}}})
}

// merge joins the children into the master: chosen values first, then what the master lacks and a child shows. Which
// notifications a merge sends is not confirmed (Zoho docs: Deleted and Merge Records); here: update of the master, delete of the children.
func (s *Server) merge(master *record, children []*record, chosen map[string]any, by actor) {
	m := master.module
	was := master.last().values
	values := maps.Clone(was)
	for name, v := range chosen {
		if f := m.fields[name]; f != nil && !f.ReadOnly && v != nil {
			values[name] = v
		}
	}
	for _, child := range children {
		for name, v := range child.last().values {
			if values[name] == nil && !s.dangles(m.fields[name], v) {
				values[name] = v
			}
		}
	}
	for _, child := range children {
		s.remove(child, by, grave{permanent: true, hidden: s.opt.MergedHidden})
		for _, a := range s.activities { // what hangs on a child goes on with the master (Zoho docs: Deleted and Merge Records)
			if a.parent == child.id {
				a.parent = master.id
			}
		}
	}
	var changed []string
	for _, name := range sortedKeys(values) {
		if !same(was[name], values[name]) {
			changed = append(changed, name)
		}
	}
	s.update(master, values, changed, by)
	s.follow(m, master, children)
	until := s.now().Add(s.opt.MergeTime)
	for _, r := range append(children, master) {
		r.merging = until
	}
}

// dangles reports whether a lookup points at a record that is in the bin: it shows nothing.
func (s *Server) dangles(f *Field, v any) bool {
	id, ok := v.(string)
	if f == nil || f.Lookup == "" || !ok {
		return false
	}
	r := s.modules[f.Lookup].records[id]
	return r == nil || !r.alive()
}

// follow points lookups at the master that pointed at a child, without a version of their own: related records move
// silently (undocumented).
func (s *Server) follow(m *module, master *record, children []*record) {
	for _, other := range s.modules {
		for _, f := range other.order {
			if f.Lookup != m.name {
				continue
			}
			for _, r := range other.list {
				id, _ := r.last().values[f.Name].(string)
				if id != "" && slices.ContainsFunc(children, func(c *record) bool { return c.id == id }) {
					v := *r.last()
					v.at, v.values = s.now(), maps.Clone(v.values)
					v.values[f.Name] = master.id
					r.append(v)
				}
			}
		}
	}
}

// errGone and the others are what the methods for a person's doings return.
var (
	errGone   = errors.New("zohotest: there is no living record of that id")
	errModule = errors.New("zohotest: there is no such module")
)
