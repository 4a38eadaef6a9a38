package hubspot

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// The bounds of HubSpot's search: 200 records a page, 10,000 a question, 3,000 characters a body.
const (
	pageSize    = 200
	searchDepth = 10_000
	valuesChars = 1_500 // of a body, for the values of one filter
	valuesCount = 50
	groupsMost  = 5
)

// searchBody is a question to the search. Every key is sent: the specification marks all of them as required.
type searchBody struct {
	Groups     []filterGroup `json:"filterGroups"`
	Properties []string      `json:"properties"`
	Sorts      []sortBy      `json:"sorts"`
	Limit      int           `json:"limit"`
	After      string        `json:"after"`
}

type filterGroup struct {
	Filters []filter `json:"filters"`
}

type filter struct {
	Property string   `json:"propertyName"`
	Operator string   `json:"operator"`
	Value    string   `json:"value,omitempty"`
	Values   []string `json:"values,omitempty"`
}

type sortBy struct {
	Property  string `json:"propertyName"`
	Direction string `json:"direction"`
}

type searchAnswer struct {
	Results []wireObject `json:"results"`
	Paging  paging       `json:"paging"`
}

// page asks one page of a search.
func (c *Client) page(ctx context.Context, op string, m crm.Module, groups []filterGroup, sorts []sortBy, properties []string, after string) (searchAnswer, error) {
	if after == "" {
		after = "0"
	}
	body := searchBody{Groups: groups, Properties: properties, Sorts: sorts, Limit: pageSize, After: after}
	var answer searchAnswer
	err := c.ask(ctx, op, objects(m)+"/search", body, &answer)
	return answer, err
}

// search returns the ids of the records whose property is one of the wanted values.
func (c *Client) search(ctx context.Context, m crm.Module, v values) ([]string, error) {
	var ids []string
	for _, groups := range questions(v) {
		after := ""
		for more := true; more; {
			answer, err := c.page(ctx, "hubspot.Find", m, groups, []sortBy{}, []string{"hs_object_id"}, after)
			if err != nil {
				return nil, err
			}
			for _, o := range answer.Results {
				ids = append(ids, string(o.ID))
			}
			next := string(answer.Paging.Next.After)
			more = next != "" && next != after && len(answer.Results) > 0
			after = next
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// questions splits the values so that no question is longer than HubSpot reads. Values with a wildcard are asked for word by
// word, the others as a list.
func questions(v values) [][]filterGroup {
	var all [][]filterGroup
	var list []string
	var tokens []filterGroup
	chars := 0
	flush := func() {
		if len(list) > 0 {
			all = append(all, []filterGroup{{[]filter{{Property: v.property, Operator: "IN", Values: list}}}})
		}
		list, chars = nil, 0
	}
	for _, value := range v.wanted {
		if strings.HasPrefix(value, "*") {
			tokens = append(tokens, filterGroup{[]filter{{Property: v.property, Operator: "CONTAINS_TOKEN", Value: value}}})
			continue
		}
		if len(list) == valuesCount || chars+len(value) > valuesChars {
			flush()
		}
		list, chars = append(list, value), chars+len(value)
	}
	flush()
	for chunk := range slices.Chunk(tokens, groupsMost) {
		all = append(all, chunk)
	}
	return all
}

// Changed lists records whose last-modified time is since or later, oldest first, 200 at most, with the text that asks for
// the next page: "" when there is none. It reads the search, which lags and leaves out deleted records, so overlap by
// minutes. A listing of more than 10,000 records goes on from the last modified time that it has seen, so a record may be
// listed twice.
func (c *Client) Changed(ctx context.Context, m crm.Module, since time.Time, after string) ([]crm.Touched, string, error) {
	from, page, err := cursor(since, after)
	if err != nil {
		return nil, "", err
	}
	property := modifiedProperty(m)
	groups := []filterGroup{{[]filter{{Property: property, Operator: "GTE", Value: strconv.FormatInt(from, 10)}}}}
	answer, err := c.page(ctx, "hubspot.Changed", m, groups, []sortBy{{property, "ASCENDING"}}, []string{property}, page)
	if err != nil {
		return nil, "", err
	}
	var touched []crm.Touched
	last := from
	for _, o := range answer.Results {
		at := o.modified(m)
		touched = append(touched, crm.Touched{ID: crm.ID{System: crm.HubSpot, Module: m, Key: string(o.ID)}, Modified: at})
		last = max(last, at.UnixMilli())
	}
	return touched, following(from, last, string(answer.Paging.Next.After)), nil
}

// following names the next page: "<since, ms>|<after>".
func following(from, last int64, after string) string {
	if after == "" {
		return ""
	}
	if at, err := strconv.Atoi(after); err == nil && at+pageSize <= searchDepth {
		return strconv.FormatInt(from, 10) + "|" + after
	}
	if last == from { // more of one millisecond than HubSpot lists: go on behind it
		last++
	}
	return strconv.FormatInt(last, 10) + "|0"
}

// cursor reads what following wrote.
func cursor(since time.Time, after string) (from int64, page string, err error) {
	if after == "" {
		return max(since.UnixMilli(), 0), "", nil
	}
	ms, page, ok := strings.Cut(after, "|")
	from, numeric := strconv.ParseInt(ms, 10, 64)
	if !ok || numeric != nil {
		return 0, "", ours("hubspot.Changed", "the cursor has another form")
	}
	return from, page, nil
}
