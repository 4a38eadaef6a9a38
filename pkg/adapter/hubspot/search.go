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
	groupsChars = 2_400 // of a body, for its groups
	groupFrame  = 80    // of a group, beside its property and values
	valueFrame  = 3     // of a value in a list
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

// search returns the ids of the records of which one property is one of the values wanted of it.
func (c *Client) search(ctx context.Context, m crm.Module, wanted []values) ([]string, error) {
	var ids []string
	for _, groups := range questions(wanted) {
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

// questions asks for all values in as few questions as HubSpot reads, for an account has a few searches a second: a question names
// records that answer to any of its groups.
func questions(wanted []values) (all [][]filterGroup) {
	chars := 0
	for _, v := range wanted {
		for _, g := range groupsOf(v) {
			size := 0
			for _, f := range g.Filters {
				size += groupFrame + len(f.Property) + len(f.Value)
				for _, value := range f.Values {
					size += len(value) + valueFrame
				}
			}
			if len(all) == 0 || len(all[len(all)-1]) == groupsMost || chars+size > groupsChars {
				all, chars = append(all, nil), 0
			}
			all[len(all)-1] = append(all[len(all)-1], g)
			chars += size
		}
	}
	return all
}

// groupsOf asks for the values of one property: those with a wildcard word by word, the others as lists.
func groupsOf(v values) (groups []filterGroup) {
	var list []string
	chars := 0
	flush := func() {
		if len(list) > 0 {
			groups = append(groups, filterGroup{[]filter{{Property: v.property, Operator: "IN", Values: list}}})
		}
		list, chars = nil, 0
	}
	for _, value := range v.wanted {
		if strings.HasPrefix(value, "*") {
			groups = append(groups, filterGroup{[]filter{{Property: v.property, Operator: "CONTAINS_TOKEN", Value: value}}})
			continue
		}
		if len(list) == valuesCount || chars+len(value) > valuesChars {
			flush()
		}
		list, chars = append(list, value), chars+len(value)
	}
	flush()
	return groups
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
