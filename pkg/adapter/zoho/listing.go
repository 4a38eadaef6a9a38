package zoho

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Changed lists the records of a module that were created or changed since, in the order of their ids, 200 at most, with the
// cursor of the next page, "" after the last. The first page is asked for with "". A zero since lists everything. It asks by COQL,
// from behind the last id on, as Zoho says to read more than a query reaches
// (https://www.zoho.com/crm/developer/docs/api/v8/COQL-Overview.html): pages and page tokens of a list are offsets, so what is
// modified between two of them would move others past the reader, and they end at 100,000 records. A listing in another order is
// a fault.Down.
func (c *Client) Changed(ctx context.Context, m crm.Module, since time.Time, after string) ([]crm.Touched, string, error) {
	const op = "zoho.Changed"
	module, err := moduleName(op, m)
	if err != nil {
		return nil, "", err
	}
	if after == "" {
		after = "0"
	}
	if !crm.IsKey(after) {
		return nil, "", &fault.Error{Op: op, Kind: fault.Ours, Err: errors.New("the cursor has another form")}
	}
	where := "id > " + after
	if !since.IsZero() {
		where = "(" + modifiedTime + " >= " + moment(since) + " and " + where + ")"
	}
	body := map[string]string{"select_query": fmt.Sprintf("select id, %s from %s where %s order by id asc limit 0, %d", modifiedTime, module, where, maxRows)}
	touched, left, err := c.touched(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: "/coql", Body: body}, m, modifiedTime)
	switch {
	case err != nil:
		return nil, "", err
	case !crm.Rising(after, touched):
		return nil, "", &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("the rows are not in the order that was asked for")}
	case !left.More || len(touched) == 0:
		return touched, "", nil
	}
	return touched, touched[len(touched)-1].ID.Key, nil
}

// Deleted lists the records of a module that were deleted since, for good or into the recycle bin, in no order; the
// cursor of the next page as in Changed. Zoho shows them for 60 (recycle bin) and 120 days.
func (c *Client) Deleted(ctx context.Context, m crm.Module, since time.Time, page string) ([]crm.Touched, string, error) {
	const op = "zoho.Deleted"
	module, err := moduleName(op, m)
	if err != nil {
		return nil, "", err
	}
	query := url.Values{"type": {"all"}, "per_page": {"200"}}
	turn(query, page)
	touched, info, err := c.touched(ctx, rest.Call{Op: op, Path: "/" + module + "/deleted", Query: query, Header: later(since), Cost: 2}, m, "deleted_time")
	return touched, info.next(page), err
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

func (c *Client) touched(ctx context.Context, call rest.Call, m crm.Module, when string) ([]crm.Touched, info, error) {
	var a records
	answer, err := c.read(ctx, call, &a)
	if err == nil {
		err = a.complete(call.Op, answer.Status)
	}
	if err != nil {
		return nil, info{}, err
	}
	var out []crm.Touched
	for _, w := range a.Data {
		if id := w.text("id"); crm.IsKey(id) {
			out = append(out, crm.Touched{
				ID:       crm.ID{System: crm.Zoho, Module: m, Key: id},
				Modified: instant(w.text(when)),
				Deleted:  when != modifiedTime,
			})
		}
	}
	return out, a.Info, nil
}

// next is the cursor of the page behind the one that was asked for.
func (i info) next(page string) string {
	switch {
	case !i.More:
		return ""
	case i.Next != "":
		return tokenCursor + i.Next
	}
	n, err := strconv.Atoi(page)
	if err != nil || n < 1 {
		n = 1
	}
	return strconv.Itoa(n + 1)
}
