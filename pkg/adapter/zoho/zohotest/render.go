package zohotest

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// show returns one field of a record as the API shows it: JSON types, null for empty, {name,id} for a lookup and
// {name,id,email} for a user (Zoho docs: Fields Metadata). A lookup to a record that is gone shows null; the vendor does not say.
func (s *Server) show(r *record, v *version, f *Field, at time.Time) any {
	if f.ReadOnly {
		if x, ok := s.showSystem(r, v, f.Name, at); ok {
			return x
		}
	}
	x := v.values[f.Name]
	switch f.Type {
	case "boolean":
		if x == nil {
			return false
		}
	case "lookup":
		id, ok := x.(string)
		if !ok {
			return nil
		}
		if to := s.modules[f.Lookup].records[id]; to != nil {
			if tv := to.asOf(at); tv != nil {
				return map[string]any{"id": id, "name": to.title(tv)}
			}
		}
		return nil
	case "ownerlookup":
		if id, ok := x.(string); ok {
			return s.showUser(s.user(id))
		}
	}
	return x
}

func (s *Server) showSystem(r *record, v *version, name string, at time.Time) (any, bool) {
	switch name {
	case "Created_Time":
		return s.zoned(r.created), true
	case "Modified_Time":
		return s.zoned(v.modified), true
	case "Created_By":
		return s.showUser(r.createdBy), true
	case "Modified_By":
		return s.showUser(v.by), true
	case "Full_Name":
		return fullName(v), true
	case "Record_Status__s":
		return "Available", true
	case "Locked__s":
		return r.block == "RECORD_LOCKED", true
	}
	return nil, false
}

// mostRich is how much of a formatted text a read shows, in characters (Zoho docs: Get Records). That a read of one record shows no
// more is the stricter reading.
const mostRich = 500

// read is a field as reads of records show it.
func (s *Server) read(r *record, v *version, f *Field, at time.Time) any {
	x := s.show(r, v, f, at)
	if text, ok := x.(string); ok && f.Rich && utf8.RuneCountInString(text) > mostRich {
		return string([]rune(text)[:mostRich])
	}
	return x
}

// showKey returns a key that GET /{Module} was asked for by name, or that a record shows when no names were given.
func (s *Server) showKey(r *record, v *version, key string, at time.Time) (any, bool) {
	switch key {
	case "id":
		return r.id, true
	case "$approval_state":
		if r.block == "NOT_APPROVED" {
			return "review_process_pending", true
		}
		return "approved", true
	case "$in_merge":
		return r.merging.After(s.now()), true
	}
	if f := r.module.fields[key]; f != nil {
		return s.read(r, v, f, at), true
	}
	return nil, false
}

// row is a record with the fields asked; none asked shows all. A name that the module does not have is left out: the
// vendor does not say what happens, and a key that is not there is what the reader must tell from null.
func (s *Server) row(r *record, v *version, fields []string, at time.Time) map[string]any {
	if len(fields) == 0 {
		out := make(map[string]any, len(r.module.order)+3)
		for _, f := range r.module.order {
			out[f.Name] = s.read(r, v, f, at)
		}
		for _, k := range []string{"id", "$approval_state", "$in_merge"} {
			out[k], _ = s.showKey(r, v, k, at)
		}
		return out
	}
	out := make(map[string]any, len(fields)+1)
	out["id"] = r.id
	for _, name := range fields {
		if x, ok := s.showKey(r, v, name, at); ok {
			out[name] = x
		}
	}
	return out
}

func (s *Server) showUser(u *User) any {
	if u == nil {
		return nil
	}
	return map[string]any{"name": u.Name, "id": u.ID, "email": u.Email}
}

// title is the name under which a record shows in lookups and lists.
func (r *record) title(v *version) string {
	if r.module.title == "Last_Name" {
		return fullName(v)
	}
	name, _ := v.values[r.module.title].(string)
	return name
}

func fullName(v *version) string {
	first, _ := v.values["First_Name"].(string)
	last, _ := v.values["Last_Name"].(string)
	return strings.TrimSpace(first + " " + last)
}

// display is a value as the timeline shows it: text, and a name for a lookup or a user (Zoho docs: Timeline). Empty is null.
func (s *Server) display(f *Field, v any, at time.Time) any {
	switch x := v.(type) {
	case bool:
		if x {
			return "true"
		}
		return "false"
	case json.Number:
		return x.String()
	case []string:
		return strings.Join(x, ";")
	case string:
		return s.displayText(f, x, at)
	}
	return nil
}

func (s *Server) displayText(f *Field, text string, at time.Time) any {
	switch f.Type {
	case "lookup":
		if to := s.modules[f.Lookup].records[text]; to != nil {
			return to.title(to.last())
		}
	case "ownerlookup":
		if u := s.user(text); u != nil {
			return u.Name
		}
	}
	return text
}

// text is a stored value as raw text, the way the suite's adapters write it: an owner by e-mail address, a lookup by id.
func (s *Server) text(r *record, v *version, f *Field, at time.Time) string {
	switch x := s.show(r, v, f, at).(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		if x {
			return "true"
		}
		return "false"
	case json.Number:
		return x.String()
	case []string:
		return strings.Join(x, ";")
	case map[string]any:
		key := "id"
		if f.Type == "ownerlookup" {
			key = "email"
		}
		text, _ := x[key].(string)
		return text
	}
	return ""
}
