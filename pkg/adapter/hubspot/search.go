package hubspot

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// The bounds of HubSpot's search: 200 records a page, 3,000 characters a body.
const (
	pageSize    = 200
	valuesChars = 1_500 // of a body, for the values of one filter
	valuesCount = 50
	groupsMost  = 5
)

// objectID is the property that holds a record's id.
const objectID = "hs_object_id"

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
			answer, err := c.page(ctx, "hubspot.Find", m, groups, []sortBy{}, []string{objectID}, after)
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

// Changed lists records whose last-modified time is since or later, in the order of their ids, 200 at most, with the text that
// asks for the next page: "" when there is none. It reads the search, which lags and leaves out deleted records, so overlap by
// minutes. A page goes on behind the last id and not at an offset: what is modified or deleted while the listing is read moves
// nobody past it, and it may be longer than the 10,000 records of one question
// (https://developers.hubspot.com/docs/guides/api/crm/search, "Limits"; that hs_object_id is compared as a number is what public
// integrations rest on). A listing in another order is a fault.Down.
func (c *Client) Changed(ctx context.Context, m crm.Module, since time.Time, after string) ([]crm.Touched, string, error) {
	const op = "hubspot.Changed"
	property := modifiedProperty(m)
	filters := []filter{{Property: property, Operator: "GTE", Value: strconv.FormatInt(max(since.UnixMilli(), 0), 10)}}
	if after != "" {
		if !crm.IsKey(after) {
			return nil, "", ours(op, "the cursor has another form")
		}
		filters = append(filters, filter{Property: objectID, Operator: "GT", Value: after})
	}
	answer, err := c.page(ctx, op, m, []filterGroup{{filters}}, []sortBy{{objectID, "ASCENDING"}}, []string{property}, "")
	if err != nil {
		return nil, "", err
	}
	var touched []crm.Touched
	for _, o := range answer.Results {
		touched = append(touched, crm.Touched{ID: crm.ID{System: crm.HubSpot, Module: m, Key: string(o.ID)}, Modified: o.modified(m)})
	}
	if !crm.Rising(after, touched) {
		return nil, "", &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("the search is not in the order that was asked for")}
	}
	if answer.Paging.Next.After == "" || len(touched) == 0 {
		return touched, "", nil
	}
	return touched, touched[len(touched)-1].ID.Key, nil
}
