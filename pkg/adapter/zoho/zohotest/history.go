package zohotest

import (
	"time"

	"crm-connector/pkg/core/crm"
)

// Entry is one value that a field of a record took.
type Entry struct {
	Value   string // raw text as Props shows it
	At      time.Time
	Ours    bool // written through the API by the integration's user
	Creates bool // the value that the record was made with; the timeline tells no time for it
}

// History returns the values that a field took, oldest first, each once it differs from the one before, whatever became of
// the record. It is what the org knows, not what its API tells.
func (s *Server) History(module crm.Module, id, field string) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.moduleOf(module)
	if err != nil || m.records[id] == nil || m.fields[field] == nil {
		return nil
	}
	r, f := m.records[id], m.fields[field]
	var out []Entry
	before, told := "", 0
	for i := range r.versions {
		v := &r.versions[i]
		var by actor
		if told < len(r.timeline) && r.timeline[told].at.Equal(v.at) {
			by = r.timeline[told].by
			told++
		}
		text := s.text(r, v, f, v.at)
		if text == before {
			continue
		}
		before = text
		out = append(out, Entry{Value: text, At: v.at, Ours: by.ours && by.source == "crm_api", Creates: i == 0})
	}
	return out
}
