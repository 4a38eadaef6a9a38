package zoho

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
)

// Changed lists the records of a module that were created or changed since, oldest change first, with the cursor of the next
// page, "" after the last. The first page is asked for with "". A zero since lists everything.
func (c *Client) Changed(ctx context.Context, m crm.Module, since time.Time, page string) ([]crm.Touched, string, error) {
	const op = "zoho.Changed"
	module, err := moduleName(op, m)
	if err != nil {
		return nil, "", err
	}
	query := url.Values{"fields": {modifiedTime}, "per_page": {"200"}, "sort_by": {modifiedTime}, "sort_order": {"asc"}}
	turn(query, page)
	return c.touched(ctx, rest.Call{Op: op, Path: "/" + module, Query: query, Header: later(since)}, m, page, modifiedTime)
}

// Deleted lists the records of a module that were deleted since, for good or into the recycle bin, in no order; since, page
// and the cursor as in Changed. Zoho shows them for 60 (recycle bin) and 120 days.
func (c *Client) Deleted(ctx context.Context, m crm.Module, since time.Time, page string) ([]crm.Touched, string, error) {
	const op = "zoho.Deleted"
	module, err := moduleName(op, m)
	if err != nil {
		return nil, "", err
	}
	query := url.Values{"type": {"all"}, "per_page": {"200"}}
	turn(query, page)
	return c.touched(ctx, rest.Call{Op: op, Path: "/" + module + "/deleted", Query: query, Header: later(since), Cost: 2}, m, page, "deleted_time")
}

// A cursor is the number of a page, or a token after this prefix: pages end at 2,000 rows, tokens do not.
const tokenCursor = "token:"

func turn(query url.Values, page string) {
	if token, ok := strings.CutPrefix(page, tokenCursor); ok {
		query.Set("page_token", token)
	} else if page != "" {
		query.Set("page", page)
	}
}

func (c *Client) touched(ctx context.Context, call rest.Call, m crm.Module, page, when string) ([]crm.Touched, string, error) {
	var a records
	answer, err := c.read(ctx, call, &a)
	if err == nil {
		err = a.complete(call.Op, answer.Status)
	}
	if err != nil {
		return nil, "", err
	}
	var out []crm.Touched
	for _, w := range a.Data {
		if id := w.text("id"); isDigits(id) {
			out = append(out, crm.Touched{
				ID:       crm.ID{System: crm.Zoho, Module: m, Key: id},
				Modified: instant(w.text(when)),
				Deleted:  when != modifiedTime,
			})
		}
	}
	return out, a.next(page), nil
}

func (a records) next(page string) string {
	switch {
	case !a.Info.More:
		return ""
	case a.Info.Next != "":
		return tokenCursor + a.Info.Next
	}
	n, err := strconv.Atoi(page)
	if err != nil || n < 1 {
		n = 1
	}
	return strconv.Itoa(n + 1)
}
