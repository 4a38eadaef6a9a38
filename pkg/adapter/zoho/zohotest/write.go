package zohotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

const mostRecords = 100 // records in one write (Zoho docs: Insert Records)

// envelope is the body of a write. Unknown keys are refused: the vendor does not say what becomes of them.
type envelope struct {
	Data    []map[string]any `json:"data"`
	Trigger *[]string        `json:"trigger"`
	Skip    []struct {
		Name   string `json:"name"`
		Action string `json:"action"`
	} `json:"skip_feature_execution"`
	Apply       []map[string]any `json:"apply_feature_execution"`
	CheckFields []string         `json:"duplicate_check_fields"`
}

var triggers = []string{"workflow", "approval", "blueprint", "pathfinder", "orchestration"}

func decodeStrict(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("data after the object")
	}
	return nil
}

func readEnvelope(c *call) (*envelope, *refusal) {
	var e envelope
	if err := decodeStrict(c.body, &e); err != nil {
		return nil, invalidData("body is not valid", map[string]any{"expected_data_type": "jsonobject"})
	}
	switch {
	case len(e.Data) == 0:
		return nil, &refusal{code: "MANDATORY_NOT_FOUND", message: "required field not found", details: map[string]any{"api_name": "data", "json_path": "$.data"}}
	case len(e.Data) > mostRecords:
		return nil, invalidData("invalid data", map[string]any{"api_name": "data", "json_path": "$.data", "maximum_length": mostRecords})
	}
	if e.Trigger != nil {
		for i, name := range *e.Trigger {
			if !slices.Contains(triggers, name) {
				return nil, invalidData("invalid data", map[string]any{"api_name": "trigger", "json_path": fmt.Sprintf("$.trigger[%d]", i), "supported_values": triggers})
			}
		}
	}
	for i, f := range e.Skip {
		if f.Name != "cadences" {
			return nil, invalidData("invalid data", map[string]any{"api_name": "name", "json_path": fmt.Sprintf("$.skip_feature_execution[%d].name", i), "supported_values": []string{"cadences"}})
		}
	}
	c.cost = (len(e.Data) + 9) / 10
	return &e, nil
}

// runs reports whether rules run: trigger omitted runs all, [] none (Zoho docs: Insert Records).
func (e *envelope) runs() bool {
	return e.Trigger == nil || slices.Contains(*e.Trigger, "workflow")
}

// written is what became of one record of a write.
type written struct {
	record  *record
	changed []string
	added   bool
	by      string // upsert: the field that recognised the record
	refused *refusal
}

func (s *Server) insertRecords(c *call) reply {
	return s.each(c, func(m *module, item map[string]any, path string) written { return s.insertOne(c, m, item, path) }, http.StatusCreated)
}

func (s *Server) updateRecords(c *call) reply {
	return s.each(c, func(m *module, item map[string]any, path string) written {
		key := c.key
		if key == "" {
			key, _ = item["id"].(string)
		}
		r := s.find(c, m, key)
		if r == nil || !r.alive() {
			return written{refused: invalidData("the id given seems to be invalid", map[string]any{"id": key, "api_name": "id", "json_path": path + ".id"})}
		}
		return s.updateOne(c, r, item, path)
	}, http.StatusOK)
}

// upsertRecords looks for the record by the fields to check, then by the other unique ones (Zoho docs: Insert Records).
func (s *Server) upsertRecords(c *call) reply {
	var check []string
	if e, refused := readEnvelope(c); refused == nil {
		check = e.CheckFields
	}
	return s.each(c, func(m *module, item map[string]any, path string) written {
		r, by := s.recognise(m, item, check)
		if r == nil {
			return s.insertOne(c, m, item, path)
		}
		w := s.updateOne(c, r, item, path)
		w.by = by
		return w
	}, http.StatusOK)
}

// systemCheck is the system-defined field that an upsert recognises records by (Zoho docs: Insert Records).
var systemCheck = map[string]string{"Contacts": "Email", "Accounts": "Account_Name", "Leads": "Email"}

func (s *Server) recognise(m *module, item map[string]any, check []string) (*record, string) {
	if system := systemCheck[m.name]; len(check) == 0 || slices.Contains(check, system) {
		if text, ok := item[system].(string); ok && text != "" {
			for _, r := range m.list {
				if held, _ := r.last().values[system].(string); r.alive() && fold(held) == fold(text) {
					return r, system
				}
			}
		}
	}
	for _, f := range m.unique {
		if text, ok := item[f.Name].(string); ok {
			if r := m.records[m.taken[f.Name][fold(text)]]; r != nil {
				return r, f.Name
			}
		}
	}
	return nil, ""
}

// each writes the records of a body one by one, in order; data in the answer is positional. All well is the status given,
// some refused 207, all refused 400, all of them modified meanwhile 412 (Zoho docs: Insert Records).
func (s *Server) each(c *call, one func(m *module, item map[string]any, path string) written, well int) reply {
	e, refused := readEnvelope(c)
	if refused != nil {
		return refused.reply()
	}
	m := s.modules[c.module]
	out, all := make([]any, len(e.Data)), make([]written, len(e.Data))
	failed, stale := 0, 0
	for i, item := range e.Data {
		path := fmt.Sprintf("$.data[%d]", i)
		w := one(m, item, path)
		all[i] = w
		if w.refused != nil {
			failed++
			if w.refused.code == "ALREADY_MODIFIED" {
				stale++
			}
			out[i] = w.refused.item()
			continue
		}
		out[i] = s.success(c, w)
	}
	s.tell()
	if e.runs() {
		for _, w := range all {
			if w.refused == nil {
				s.automate(w.record, w.changed, c.by)
			}
		}
	}
	return asJSON(statusOf(len(e.Data), failed, stale, well), map[string]any{"data": out})
}

func statusOf(count, failed, stale, well int) int {
	switch {
	case failed == 0:
		return well
	case stale == count:
		return http.StatusPreconditionFailed
	case failed == count:
		return http.StatusBadRequest
	}
	return http.StatusMultiStatus
}

func (s *Server) success(c *call, w written) map[string]any {
	r, v := w.record, w.record.last()
	brief := func(u *User) map[string]any { return map[string]any{"name": u.Name, "id": u.ID} }
	item := map[string]any{"code": "SUCCESS", "status": "success", "message": "record updated", "details": map[string]any{"id": r.id,
		"Created_Time": s.zoned(r.created), "Modified_Time": s.zoned(v.modified), "Created_By": brief(r.createdBy), "Modified_By": brief(v.by),
		"$approval_state": "approved"}}
	if w.added {
		item["message"] = "record added"
	}
	if strings.HasSuffix(c.pattern, "/upsert") {
		item["action"], item["duplicate_field"] = "update", nil
		if w.added {
			item["action"] = "insert"
		}
		if w.by != "" {
			item["duplicate_field"] = w.by
		}
	}
	return item
}

func (s *Server) insertOne(c *call, m *module, item map[string]any, path string) written {
	values, _, refused := s.checked(m, nil, item, path)
	if refused != nil {
		return written{refused: refused}
	}
	r := s.insert(m, values, c.by)
	return written{record: r, changed: sortedKeys(values), added: true}
}

func (s *Server) updateOne(c *call, r *record, item map[string]any, path string) written {
	if refused := s.barred(c, r); refused != nil {
		return written{refused: refused}
	}
	values, changed, refused := s.checked(r.module, r, item, path)
	if refused != nil {
		return written{refused: refused}
	}
	s.update(r, values, changed, c.by)
	return written{record: r, changed: changed}
}

// deleteRecords puts records into the recycle bin (Zoho docs: Deleted and Merge Records). wf_trigger=false is accepted; rules on deletion are not
// imitated.
func (s *Server) deleteRecords(c *call) reply {
	m := s.modules[c.module]
	keys := []string{c.key}
	if c.key == "" {
		if keys = strings.Split(c.query.Get("ids"), ","); keys[0] == "" {
			return (&refusal{code: "REQUIRED_PARAM_MISSING", message: "One of the expected parameter is missing", details: map[string]any{"param_name": "ids"}}).reply()
		}
	}
	if len(keys) > mostRecords {
		return (&refusal{code: "LIMIT_EXCEEDED", message: "the limit of ids has been exceeded", details: map[string]any{"limit": mostRecords, "param_name": "ids"}}).reply()
	}
	out, failed := make([]any, len(keys)), 0
	for i, key := range keys {
		r := s.find(c, m, key)
		if r == nil || !r.alive() {
			failed++
			out[i] = invalidData("record not deleted", map[string]any{"id": key}).item()
			continue
		}
		if refused := s.barred(c, r); refused != nil {
			failed++
			out[i] = refused.item()
			continue
		}
		s.remove(r, c.by, grave{})
		out[i] = map[string]any{"code": "SUCCESS", "status": "success", "message": "record deleted", "details": map[string]any{"id": key}}
	}
	return asJSON(statusOf(len(keys), failed, 0, http.StatusOK), map[string]any{"data": out})
}
