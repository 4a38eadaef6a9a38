package hubspottest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// HubSpot docs: CRM objects, batch endpoints (100 inputs; 50 when histories are read).
const (
	maxBatch   = 100
	maxHistory = 50
)

func tooMany(n, most int) *refusal {
	if n <= most {
		return nil
	}
	// Assembled on the model of the captured message about histories.
	return invalid("The maximum number of inputs supported in a batch request is " + strconv.Itoa(most) +
		". Please reduce the number of items and try again")
}

// itemError is one error of a multi-status answer. Captured from batch answers.
type itemError struct {
	Status   string              `json:"status"`
	Category string              `json:"category"`
	Message  string              `json:"message"`
	Context  map[string][]string `json:"context,omitempty"`
	Errors   []detail            `json:"errors,omitempty"`
}

// batch collects the results of a batch. They come back by id, not in the order asked: correlate by id or trace id.
type batch struct {
	s    *Server
	q    *request
	rows []batchRow
	errs []itemError
}

type batchRow struct {
	r *record
	v view
}

// finish writes the answer: 207 as soon as there is an error.
func (b *batch) finish(status int) answer {
	slices.SortStableFunc(b.rows, func(x, y batchRow) int { return int(number(x.r.id) - number(y.r.id)) })
	out := []byte(`{"status":"COMPLETE","results":[`)
	for i, row := range b.rows {
		if i > 0 {
			out = append(out, ',')
		}
		out = b.s.render(out, b.q.t, row.r, row.v, b.q.asOf)
	}
	out = append(out, ']')
	if len(b.errs) > 0 {
		status = http.StatusMultiStatus
		text, _ := json.Marshal(b.errs)
		out = append(out, `,"numErrors":`...)
		out = strconv.AppendInt(out, int64(len(b.errs)), 10)
		out = append(out, `,"errors":`...)
		out = append(out, text...)
	}
	now := stamp(b.s.now())
	out = append(out, `,"startedAt":"`+now+`","completedAt":"`+now+`"}`...)
	return answer{status: status, body: out}
}

func (b *batch) missing(ids []string) {
	if len(ids) == 0 {
		return
	}
	b.errs = append(b.errs, itemError{Status: "error", Category: "OBJECT_NOT_FOUND",
		Message: "Could not get some " + b.q.t.upper + " objects, they may be deleted or not exist. Check that ids are valid.",
		Context: map[string][]string{"ids": ids}})
}

// batchRead answers what it finds; what it does not find is one error with the ids (207). It has no associations.
func (s *Server) batchRead(q *request) (answer, *refusal) {
	var body struct {
		Properties *[]string `json:"properties"`
		History    *[]string `json:"propertiesWithHistory"`
		IDProperty string    `json:"idProperty"`
		Inputs     *[]struct {
			ID string `json:"id"`
		} `json:"inputs"`
	}
	if r := q.decode(&body); r != nil {
		return answer{}, r
	}
	missing := map[string]bool{"properties": body.Properties == nil, "propertiesWithHistory": body.History == nil, "inputs": body.Inputs == nil}
	if r := q.require("inputs", missing); r != nil {
		return answer{}, r
	}
	if body.History != nil && len(*body.History) > 0 && len(*body.Inputs) > maxHistory {
		return answer{}, invalid("The maximum number of inputs supported in a batch request for property histories is 50. Please reduce the number of items and try again")
	}
	if r := tooMany(len(*body.Inputs), maxBatch); r != nil {
		return answer{}, r
	}
	if by := body.IDProperty; by != "" && by != "hs_object_id" && !q.t.unique(by) && !(by == "email" && q.t == s.contacts()) {
		return answer{}, invalid("Property " + by + " is not a unique property of " + q.t.typeID) // assembled
	}
	b := batch{s: s, q: q}
	v := q.t.viewOf(deref(body.Properties), deref(body.History))
	wantArchived := q.query.Get("archived") == "true"
	var gone []string
	for _, in := range *body.Inputs {
		r, refused := s.lookup(q.t, in.ID, body.IDProperty, q.asOf)
		switch {
		case refused != nil || r.is(archived, q.asOf) != wantArchived || s.opt.BatchForgetsMerges && body.IDProperty == "" && r.id != in.ID:
			gone = append(gone, in.ID)
		case !slices.ContainsFunc(b.rows, func(row batchRow) bool { return row.r == r }):
			b.rows = append(b.rows, batchRow{r, v})
		}
	}
	b.missing(gone)
	return b.finish(http.StatusOK), nil
}

func deref(list *[]string) []string {
	if list == nil {
		return nil
	}
	return *list
}
