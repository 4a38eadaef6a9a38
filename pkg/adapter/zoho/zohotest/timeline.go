package zohotest

import (
	"net/http"
	"slices"
	"time"
)

// audit is one entry of the timeline (Zoho docs: Timeline).
type audit struct {
	id      string
	at      time.Time
	action  string // added, updated, deleted, restored, merged
	by      actor
	history []any // field_history; nil shows as null
}

// audit notes what was done. Only fields that changed are in the history; a creation has none (the vendor's sample shows
// null), so a field that was never edited has no entry.
func (s *Server) audit(r *record, action string, by actor, old map[string]any, changed []string) {
	a := audit{id: s.nextID(), at: s.now(), action: action, by: by}
	for _, name := range changed {
		f := r.module.fields[name]
		a.history = append(a.history, map[string]any{"api_name": name, "id": f.id, "data_type": f.Type, "field_label": f.Label,
			"_value": map[string]any{"old": s.display(f, old[name], a.at), "new": s.display(f, r.last().values[name], a.at)}})
	}
	r.timeline = append(r.timeline, a)
}

const timelinePage = 20 // entries when per_page is not given; not documented, a small page makes the reader turn it

// getTimeline answers GET /{Module}/{id}/__timeline: newest first unless sort_order says asc, TimelineLag behind.
func (s *Server) getTimeline(c *call) reply {
	m := s.modules[c.module]
	r := m.records[c.key]
	if r == nil || r.asOf(c.at) == nil {
		return invalidData("the related id given seems to be invalid", map[string]any{"resource_path_index": 1}).reply()
	}
	if c.query.Has("page_token") && c.query.Has("per_page") {
		return (&refusal{code: "AMBIGUITY_DURING_PROCESSING", message: "ambiguity while processing the request",
			details: map[string]any{"ambiguity_due_to": []string{"per_page", "page_token"}}}).reply()
	}
	until := c.at.Add(-s.opt.TimelineLag)
	var rows []audit
	for _, a := range r.timeline {
		if !a.at.After(until) {
			rows = append(rows, a)
		}
	}
	if c.query.Get("sort_order") != "asc" {
		slices.Reverse(rows)
	}
	from, to, info, refused := s.page(c, len(rows), timelinePage)
	if refused != nil {
		return refused.reply()
	}
	if from == to {
		return empty(http.StatusNoContent)
	}
	out := make([]any, 0, to-from)
	for _, a := range rows[from:to] {
		out = append(out, s.showAudit(r, a))
	}
	return asJSON(http.StatusOK, map[string]any{"__timeline": out, "info": info})
}

func (s *Server) showAudit(r *record, a audit) map[string]any {
	row := map[string]any{
		"id": a.id, "audited_time": s.zoned(a.at), "action": a.action, "source": a.by.source, "type": "timeline", "extension": nil,
		"done_by":        map[string]any{"name": a.by.user.Name, "id": a.by.user.ID, "type__s": "regular user"},
		"record":         map[string]any{"name": r.title(r.last()), "id": r.id, "module": map[string]any{"api_name": r.module.name, "id": r.module.id}},
		"related_record": nil, "automation_details": nil, "field_history": nil,
	}
	if a.history != nil {
		row["field_history"] = a.history
	}
	if a.by.source == "workflow" {
		row["automation_details"] = map[string]any{"type": "workflow_rule", "rule": map[string]any{"name": "Sandbox rule", "id": r.module.id}}
	}
	return row
}
