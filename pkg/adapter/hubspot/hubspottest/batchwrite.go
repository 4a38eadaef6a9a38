package hubspottest

import (
	"net/http"
	"time"
)

// inputs reads the records of a batch write.
func (q *request) inputs() ([]writeBody, *refusal) {
	var body struct {
		Inputs []writeBody `json:"inputs"`
	}
	if r := q.decode(&body); r != nil {
		return nil, r
	}
	if r := q.require("inputs", map[string]bool{"inputs": body.Inputs == nil}); r != nil {
		return nil, r
	}
	return body.Inputs, tooMany(len(body.Inputs), maxBatch)
}

// traced tells whether each input has a trace id of its own, which is what makes a batch judge its rows alone. HubSpot
// docs: CRM objects, "Multi-status errors".
func traced(inputs []writeBody) bool {
	seen := map[string]bool{}
	for _, in := range inputs {
		if in.Trace == "" || seen[in.Trace] {
			return false
		}
		seen[in.Trace] = true
	}
	return true
}

// duplicates refuses ids that are named twice (captured).
func duplicates(inputs []writeBody) *refusal {
	seen := map[string]bool{}
	for _, in := range inputs {
		if seen[in.ID] {
			r := invalid("Duplicate IDs found in batch input: [" + in.ID + "]. IDs must be unique")
			r.Context = map[string][]string{"ids": {in.ID}}
			return r
		}
		seen[in.ID] = true
	}
	return nil
}

// rejected turns the refusal of a row into the batch's: an error of its own, or the end of the whole batch.
func (b *batch) rejected(in writeBody, r *refusal) {
	e := itemError{Status: "error", Category: r.Category, Message: r.Message, Errors: r.Errors, Context: map[string][]string{"objectWriteTraceId": {in.Trace}}}
	if id := existing(r); id != "" {
		e.Context["existingId"] = []string{id}
	}
	b.errs = append(b.errs, e)
}

func existing(r *refusal) string {
	const lead = "Contact already exists. Existing ID: "
	if r.status == http.StatusConflict && len(r.Message) > len(lead) {
		return r.Message[len(lead):]
	}
	return ""
}

// batchCreate writes all rows or none; with trace ids it writes those that are right. Several clashes at once are told
// without an id (captured).
func (s *Server) batchCreate(q *request) (answer, *refusal) {
	inputs, refused := q.inputs()
	if refused != nil {
		return answer{}, refused
	}
	b := batch{s: s, q: q}
	alone := traced(inputs)
	if !alone {
		if refused = s.rehearse(q, inputs); refused != nil {
			return answer{}, refused
		}
	}
	for _, in := range inputs {
		p, links, refused := s.prepareRow(q, in)
		if refused != nil {
			b.rejected(in, refused)
			continue
		}
		r := s.make(q, p, links)
		v := q.t.written(p)
		v.trace = in.Trace
		b.rows = append(b.rows, batchRow{r, v})
	}
	return b.finish(http.StatusCreated), nil
}

func (s *Server) prepareRow(q *request, in writeBody) (plan, []linkPlan, *refusal) {
	if r := q.require("properties", map[string]bool{"properties": in.Properties == nil, "associations": in.Associations == nil}); r != nil {
		return plan{}, nil, r
	}
	return s.prepare(q, in)
}

// rehearse checks a batch that has to be right as a whole, clashes among its own rows included.
func (s *Server) rehearse(q *request, inputs []writeBody) *refusal {
	var first *refusal
	clashes := 0
	seen := map[string]bool{}
	for _, in := range inputs {
		p, _, refused := s.prepareRow(q, in)
		if refused == nil {
			for _, w := range p.pairs {
				if w.name != "email" || w.value == "" {
					continue
				}
				if seen[w.value] {
					refused = conflict("")
				}
				seen[w.value] = true
			}
		}
		if refused != nil && refused.status == http.StatusConflict {
			clashes++
		}
		if first == nil {
			first = refused
		}
	}
	if clashes > 1 && first.status == http.StatusConflict {
		return conflict("")
	}
	return first
}

// batchUpdate changes records by id or by a unique property. An id that was merged away vanishes without an error
// (reported by integrators); an unknown one is an error of its own. HubSpot docs: CRM objects, "Update multiple records".
func (s *Server) batchUpdate(q *request) (answer, *refusal) {
	inputs, refused := q.inputs()
	if refused == nil {
		refused = duplicates(inputs)
	}
	if refused != nil {
		return answer{}, refused
	}
	rows, gone, refused := s.targets(q, inputs)
	if refused != nil {
		return answer{}, refused
	}
	b := batch{s: s, q: q}
	alone := traced(inputs)
	if !alone {
		for i, in := range inputs {
			if rows[i] == nil {
				continue
			}
			if _, refused := s.planRow(q, rows[i], in); refused != nil {
				return answer{}, refused
			}
		}
	}
	for i, in := range inputs {
		if rows[i] == nil {
			continue
		}
		p, refused := s.planRow(q, rows[i], in)
		if refused != nil {
			b.rejected(in, refused)
			continue
		}
		s.update(q.t, rows[i], p, q.by)
		v := q.t.written(p)
		v.trace = in.Trace
		b.rows = append(b.rows, batchRow{rows[i], v})
	}
	b.missing(gone)
	return b.finish(http.StatusOK), nil
}

// targets finds the records of a batch; nil stands for one that is not written.
func (s *Server) targets(q *request, inputs []writeBody) (rows []*record, gone []string, refused *refusal) {
	rows = make([]*record, len(inputs))
	for i, in := range inputs {
		if in.IDProperty != "" && in.IDProperty != "hs_object_id" && !q.t.unique(in.IDProperty) {
			return nil, nil, invalid("Unable to perform update/upsert by non-unique " + q.t.typeID + " property")
		}
		r, refused := s.lookup(q.t, in.ID, in.IDProperty, time.Time{})
		switch {
		case refused != nil || !r.is(living, time.Time{}):
			gone = append(gone, in.ID)
		case in.IDProperty == "" && r.id != in.ID:
		default:
			rows[i] = r
		}
	}
	return rows, gone, nil
}

func (s *Server) planRow(q *request, r *record, in writeBody) (plan, *refusal) {
	if refused := q.require("properties", map[string]bool{"properties": in.Properties == nil}); refused != nil {
		return plan{}, refused
	}
	props, refused := q.texts(in.Properties)
	if refused != nil {
		return plan{}, refused
	}
	return s.check(q.t, r, props)
}

// batchArchive archives what is there. HubSpot docs: CRM objects, "Archive multiple records" (204).
func (s *Server) batchArchive(q *request) (answer, *refusal) {
	inputs, refused := q.inputs()
	if refused != nil {
		return answer{}, refused
	}
	for _, in := range inputs {
		if r := q.t.byID[in.ID]; r != nil && r.is(living, time.Time{}) {
			s.remove(q.t, r, q.by)
		}
	}
	return answer{status: http.StatusNoContent}, nil
}
