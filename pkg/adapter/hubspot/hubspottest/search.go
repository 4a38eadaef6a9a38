package hubspottest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// HubSpot docs: Search, "Limits".
const (
	maxSearchBody    = 3000
	maxSearchPage    = 200
	maxSearchResults = 10_000
	maxGroups        = 5
	maxFilters       = 6
	maxAllFilters    = 18
)

type searchBody struct {
	Groups     *[]filterGroup   `json:"filterGroups"`
	Properties *[]string        `json:"properties"`
	Sorts      *[]searchSort    `json:"sorts"`
	Limit      *int             `json:"limit"`
	After      *json.RawMessage `json:"after"`
	Query      string           `json:"query"`
}

type filterGroup struct {
	Filters []filter `json:"filters"`
}

type filter struct {
	Property string   `json:"propertyName"`
	Operator string   `json:"operator"`
	Value    text     `json:"value"`
	High     text     `json:"highValue"`
	Values   []string `json:"values"`
	def      *Property
}

// text is a value of a filter, which may come as a number.
type text string

// UnmarshalJSON takes a string as it is and a number by its digits.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
		return nil
	}
	*t = text(bytes.TrimSpace(b))
	return nil
}

type searchSort struct {
	Property  string `json:"propertyName"`
	Direction string `json:"direction"`
}

// UnmarshalJSON takes the short form too, a bare property name.
func (s *searchSort) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &s.Property) == nil {
		return nil
	}
	type long searchSort
	return json.Unmarshal(b, (*long)(s))
}

// find searches the index, which shows the state of Options.SearchLag ago. Archived records are never in it. HubSpot docs:
// Search the CRM ("a few moments"; 5 groups of 6 filters, 18 in all, one sort, 200 a page, 10,000 in all).
func (s *Server) find(q *request) (answer, *refusal) {
	if len(q.body) > maxSearchBody {
		return answer{}, invalid("The request body is longer than the maximum of " + strconv.Itoa(maxSearchBody) + " characters")
	}
	var body searchBody
	if r := q.decode(&body); r != nil {
		return answer{}, r
	}
	missing := map[string]bool{
		"filterGroups": body.Groups == nil, "properties": body.Properties == nil, "sorts": body.Sorts == nil, "limit": body.Limit == nil, "after": body.After == nil,
	}
	if r := q.require("", missing); r != nil {
		return answer{}, r
	}
	groups, refused := q.t.filters(body.Groups)
	if refused != nil {
		return answer{}, refused
	}
	limit, from, refused := body.page()
	if refused != nil {
		return answer{}, refused
	}
	if body.Sorts != nil && len(*body.Sorts) > 1 {
		return answer{}, badJSON("too many sorts (count: " + strconv.Itoa(len(*body.Sorts)) + ", max allowed: 1)")
	}
	at := q.asOf
	if at.IsZero() {
		at = s.now()
	}
	at = at.Add(-s.opt.SearchLag)
	hits := q.t.matching(groups, body.Query, at)
	if body.Sorts != nil && len(*body.Sorts) == 1 {
		if refused = q.t.sort(hits, (*body.Sorts)[0], at); refused != nil {
			return answer{}, refused
		}
	}
	return s.results(q, hits, q.t.viewOf(deref(body.Properties), nil), from, limit, at), nil
}

func (s *Server) results(q *request, hits []*record, v view, from, limit int, at time.Time) answer {
	b := []byte(`{"total":` + strconv.Itoa(len(hits)) + `,"results":[`)
	page := hits[min(from, len(hits)):min(from+limit, len(hits))]
	for i, r := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.render(b, q.t, r, v, at)
	}
	b = append(b, ']')
	if next := from + len(page); next < len(hits) {
		b = append(b, `,"paging":{"next":{`...)
		b = appendField(b, "after", strconv.Itoa(next))
		b = append(b, "}}"...)
	}
	return answer{status: http.StatusOK, body: append(b, '}'), search: true}
}

func (b *searchBody) page() (limit, from int, refused *refusal) {
	limit = 10
	if b.Limit != nil {
		limit = *b.Limit
	}
	if limit < 0 || limit > maxSearchPage {
		return 0, 0, invalid("limit must be at most " + strconv.Itoa(maxSearchPage))
	}
	if b.After != nil {
		text := strings.Trim(string(*b.After), `"`)
		if text != "" && text != "null" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return 0, 0, badJSON("after is not a number")
			}
			from = n
		}
	}
	if from > maxSearchResults || from+limit > maxSearchResults {
		return 0, 0, invalid("The maximum number of search results is " + strconv.Itoa(maxSearchResults))
	}
	return limit, from, nil
}
