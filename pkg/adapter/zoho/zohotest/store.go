package zohotest

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// record keeps every version, so that a read can answer the state of an earlier instant.
type record struct {
	id        string
	module    *module
	created   time.Time
	createdBy *User
	versions  []version // oldest first, at least one
	timeline  []audit   // oldest first
	block     string    // RECORD_LOCKED, NOT_APPROVED, RECORD_IN_BLUEPRINT; "" is free
	merging   time.Time // locked by a merge until then
	gone      *grave
}

// version is a record from at on. Its values are never changed.
type version struct {
	at       time.Time
	values   map[string]any
	modified time.Time // whole seconds (Zoho docs: Insert Records)
	by       *User
	alive    bool
}

// grave is what GET /deleted tells about a record (Zoho docs: Deleted and Merge Records).
type grave struct {
	at        time.Time
	by        *User
	permanent bool
	hidden    bool
}

// mostVersions bounds what a record remembers; beyond it the older half is forgotten.
const mostVersions = 1024

func (r *record) last() *version { return &r.versions[len(r.versions)-1] }

func (r *record) alive() bool { return r.last().alive }

// asOf returns the version that was in force at an instant, nil if the record did not live then.
func (r *record) asOf(at time.Time) *version {
	for i := len(r.versions) - 1; i >= 0; i-- {
		if v := &r.versions[i]; !v.at.After(at) {
			if v.alive {
				return v
			}
			return nil
		}
	}
	return nil
}

func (r *record) append(v version) {
	if len(r.versions) >= mostVersions {
		r.versions = slices.Clone(r.versions[mostVersions/2:])
	}
	r.versions = append(r.versions, v)
}

// insert puts a new record into the module. The values were checked.
func (s *Server) insert(m *module, values map[string]any, by actor) *record {
	now := s.now()
	r := &record{id: s.nextID(), module: m, created: now.Truncate(time.Second), createdBy: by.user}
	if values["Owner"] == nil {
		values["Owner"] = by.user.ID
	}
	if s.opt.Currencies != nil && values["Currency"] == nil {
		values["Currency"] = s.opt.Currencies[0]
	}
	r.append(version{at: now, values: values, modified: r.created, by: by.user, alive: true})
	m.records[r.id] = r
	m.list = append(m.list, r)
	m.claim(r)
	changed := sortedKeys(values)
	s.audit(r, "added", by, nil, nil)
	s.happened(r, "insert", changed, by)
	return r
}

// update gives the record new values. A write that changes nothing moves Modified_Time all the same; whether Zoho does so
// is not documented, and an echo that looks like an edit is the harder case. It is not notified.
func (s *Server) update(r *record, values map[string]any, changed []string, by actor) {
	now, old := s.now(), r.last().values
	m := r.module
	m.release(r)
	r.append(version{at: now, values: values, modified: now.Truncate(time.Second), by: by.user, alive: true})
	m.claim(r)
	s.audit(r, "updated", by, old, changed)
	s.happened(r, "update", changed, by)
}

func (s *Server) remove(r *record, by actor, g grave) {
	now, last := s.now(), r.last()
	r.module.release(r)
	g.at, g.by = now, by.user
	r.gone = &g
	r.append(version{at: now, values: last.values, modified: now.Truncate(time.Second), by: by.user})
	s.audit(r, "deleted", by, nil, nil)
	s.happened(r, "delete", nil, by)
}

func (s *Server) restore(r *record, by actor) {
	now, last := s.now(), r.last()
	r.gone = nil
	r.append(version{at: now, values: last.values, modified: now.Truncate(time.Second), by: by.user, alive: true})
	r.module.claim(r)
	s.audit(r, "restored", by, nil, nil)
	s.happened(r, "restore", nil, by)
}

// claim and release keep the index of unique values: only living records hold them.
func (m *module) claim(r *record) {
	for _, f := range m.unique {
		if text, ok := r.last().values[f.Name].(string); ok {
			m.taken[f.Name][fold(text)] = r.id
		}
	}
}

func (m *module) release(r *record) {
	for _, f := range m.unique {
		if text, ok := r.last().values[f.Name].(string); ok {
			delete(m.taken[f.Name], fold(text))
		}
	}
}

// fold is how texts are compared: without regard to case (unique fields are made with case_sensitive false, Zoho docs: Insert Records;
// for search it is not documented, and finding more is the safer double; for COQL, neither, see Options.CaseSensitive).
func fold(s string) string { return strings.ToLower(s) }

// happened notes a write for the log and for the notifications of this moment.
func (s *Server) happened(r *record, operation string, changed []string, by actor) {
	s.writes = append(s.writes, Write{At: s.now(), Module: r.module.name, ID: r.id, Verb: operation, Fields: changed, Ours: by.ours, Source: by.source})
	if operation == "update" && len(changed) == 0 {
		return
	}
	s.events = append(s.events, event{record: r, operation: operation, changed: changed, by: by.user})
}

// automate runs the rule for a record that was written, as a moment of its own. The rule acts as the user who set it off
// (undocumented), with source workflow. It does not set itself off again.
func (s *Server) automate(r *record, changed []string, by actor) {
	if s.workflow == nil || !r.alive() {
		return
	}
	set := s.workflow(moduleWords[r.module.name], r.id, changed)
	if set == nil {
		return
	}
	s.tell()
	values := maps.Clone(r.last().values)
	var moved []string
	for _, name := range sortedKeys(set) {
		f := r.module.fields[name]
		if f == nil || f.ReadOnly {
			continue
		}
		raw := set[name]
		if text, ok := raw.(string); ok {
			raw = s.fromText(f, text)
		}
		v, refused := s.take(f, raw)
		if refused == nil && !same(values[name], v) && (v != nil || !f.Mandatory) {
			values[name] = v
			moved = append(moved, name)
		}
	}
	by.source = "workflow"
	s.update(r, values, moved, by)
	s.tell()
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
