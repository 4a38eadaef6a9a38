package zohotest

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	mostFields   = 50     // Zoho docs: Get Records
	mostIDs      = 100    // ids in one GET
	mostPerPage  = 200    // Zoho docs: Get Records
	pageReach    = 2000   // how far page goes; beyond it page_token
	tokenReach   = 100000 // how far page_token goes
	pageTokenAge = 24 * time.Hour
)

// fieldsOf reads ?fields=; must says that they cannot be left out (Zoho docs: Get Records).
func fieldsOf(c *call, must bool) ([]string, *refusal) {
	text := c.query.Get("fields")
	if text == "" {
		if must {
			return nil, &refusal{code: "REQUIRED_PARAM_MISSING", message: "One of the expected parameter is missing", details: map[string]any{"param_name": "fields"}}
		}
		return nil, nil
	}
	list := strings.Split(text, ",")
	if len(list) > mostFields {
		return nil, &refusal{code: "LIMIT_EXCEEDED", message: "the limit of fields has been exceeded", details: map[string]any{"limit": mostFields, "param_name": "fields"}}
	}
	return list, nil
}

// find resolves the id in the path, or a value of the external field that X-EXTERNAL names (Zoho docs: Insert Records).
func (s *Server) find(c *call, m *module, key string) *record {
	if ext := c.r.Header.Get("X-External"); ext != "" {
		name, ok := strings.CutPrefix(ext, m.name+".")
		if !ok || m.taken[name] == nil {
			return nil
		}
		key = m.taken[name][fold(key)]
	}
	return m.records[key]
}

func (s *Server) getOne(c *call) reply {
	m := s.modules[c.module]
	fields, refused := fieldsOf(c, false)
	if refused != nil {
		return refused.reply()
	}
	if r := s.find(c, m, c.key); r != nil {
		if v := r.asOf(c.at); v != nil {
			return asJSON(http.StatusOK, map[string]any{"data": []any{s.row(r, v, fields, c.at)}})
		}
	}
	return s.nobody()
}

// getRich answers with the formatted texts of a record in full, and with nothing else (Zoho docs: Get Rich Text Fields). A module
// without any is not documented: the record is then its id.
func (s *Server) getRich(c *call) reply {
	m := s.modules[c.module]
	fields, refused := fieldsOf(c, false)
	if refused != nil {
		return refused.reply()
	}
	r := s.find(c, m, c.key)
	if r == nil || r.asOf(c.at) == nil {
		return s.nobody()
	}
	out := map[string]any{"id": r.id}
	for _, f := range m.order {
		if f.Rich && (len(fields) == 0 || slices.Contains(fields, f.Name)) {
			out[f.Name] = s.show(r, r.asOf(c.at), f, c.at)
		}
	}
	return asJSON(http.StatusOK, map[string]any{"data": []any{out}})
}

// nobody is the answer to a read of one record that is not there.
func (s *Server) nobody() reply {
	// What one missing record answers is not confirmed: 204, 404 and 400 are all documented somewhere (Zoho docs: Get Records).
	switch s.opt.Missing {
	case http.StatusNotFound:
		return (&refusal{status: http.StatusNotFound, code: "NOT_FOUND", message: "There is no data for the ID specified"}).reply()
	case http.StatusBadRequest:
		return invalidData("the id given seems to be invalid", map[string]any{"resource_path_index": 1}).reply()
	}
	return empty(http.StatusNoContent)
}

func (s *Server) list(c *call) reply {
	m := s.modules[c.module]
	fields, refused := fieldsOf(c, true)
	if refused != nil {
		return refused.reply()
	}
	if c.query.Has("ids") {
		return s.byIDs(c, m, fields)
	}
	var since time.Time
	if header := c.r.Header.Get("If-Modified-Since"); header != "" {
		at, err := time.Parse(time.RFC3339, header)
		if err != nil {
			return invalidData("invalid data", map[string]any{"header_name": "If-Modified-Since", "expected_data_type": "datetime"}).reply()
		}
		since = at
	}
	rows := s.listed(c, m, since)
	if len(rows) == 0 {
		if !since.IsZero() {
			return empty(http.StatusNotModified) // Zoho docs: Get Records
		}
		return empty(http.StatusNoContent)
	}
	from, to, info, refused := s.page(c, len(rows), mostPerPage)
	if refused != nil {
		return refused.reply()
	}
	out := make([]any, 0, to-from)
	for _, r := range rows[from:to] {
		out = append(out, s.row(r, r.asOf(c.at), fields, c.at))
	}
	if len(out) == 0 {
		return empty(http.StatusNoContent)
	}
	info["sort_by"], info["sort_order"] = sortBy(c)
	return asJSON(http.StatusOK, map[string]any{"data": out, "info": info})
}

// byIDs answers the records that live; the others are left out. The order is not documented: newest id first, so that
// nobody relies on the order asked.
func (s *Server) byIDs(c *call, m *module, fields []string) reply {
	for _, name := range fields {
		if s.opt.StrictFields && m.fields[name] == nil && name != "id" && name[0] != '$' {
			return invalidData("invalid data", map[string]any{"param_name": "fields"}).reply() // the vendor does not say
		}
	}
	keys := strings.Split(c.query.Get("ids"), ",")
	if len(keys) > mostIDs {
		return (&refusal{code: "LIMIT_EXCEEDED", message: "the limit of ids has been exceeded", details: map[string]any{"limit": mostIDs, "param_name": "ids"}}).reply()
	}
	var found []*record
	for _, k := range keys {
		if !digits(k) {
			return invalidData("the id given seems to be invalid", map[string]any{"param_name": "ids"}).reply()
		}
		if r := s.find(c, m, k); r != nil && r.asOf(c.at) != nil && !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return empty(http.StatusNoContent)
	}
	slices.SortFunc(found, func(a, b *record) int { return cmp.Compare(b.id, a.id) })
	out := make([]any, len(found))
	for i, r := range found {
		out[i] = s.row(r, r.asOf(c.at), fields, c.at)
	}
	return asJSON(http.StatusOK, map[string]any{"data": out,
		"info": map[string]any{"per_page": mostPerPage, "count": len(out), "page": 1, "more_records": false}})
}

func sortBy(c *call) (string, string) {
	by, order := c.query.Get("sort_by"), c.query.Get("sort_order")
	return cmp.Or(by, "id"), cmp.Or(order, "desc")
}

// listed returns the living records in the order asked, those modified after since (strictly: the vendor does not say
// whether the second itself counts). Converted leads show only when asked for.
func (s *Server) listed(c *call, m *module, since time.Time) []*record {
	var rows []*record
	for _, r := range m.list {
		v := r.asOf(c.at)
		if v == nil || !since.IsZero() && !v.modified.After(since) {
			continue
		}
		if v.values[converted] == true && c.query.Get("converted") != "true" && c.query.Get("converted") != "both" {
			continue
		}
		rows = append(rows, r)
	}
	by, order := sortBy(c)
	slices.SortStableFunc(rows, func(a, b *record) int {
		n := 0
		switch by {
		case "Modified_Time":
			n = a.asOf(c.at).modified.Compare(b.asOf(c.at).modified)
		case "Created_Time":
			n = a.created.Compare(b.created)
		}
		if n == 0 {
			n = cmp.Compare(a.id, b.id)
		}
		if order == "desc" {
			n = -n
		}
		return n
	})
	return rows
}

// page cuts a list by page and per_page, or by page_token, which is bound to the parameters and lives 24 hours (Zoho docs: Get Records).
func (s *Server) page(c *call, count, perDefault int) (from, to int, info map[string]any, refused *refusal) {
	per, page := perDefault, 1
	for name, to := range map[string]*int{"per_page": &per, "page": &page} {
		if text := c.query.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || name == "per_page" && n > mostPerPage {
				return 0, 0, nil, invalidData("invalid data", map[string]any{"param_name": name, "expected_data_type": "integer"})
			}
			*to = n
		}
	}
	from = (page - 1) * per
	if token := c.query.Get("page_token"); token != "" {
		var bound int
		if from, bound, refused = s.readPageToken(c, token); refused != nil {
			return 0, 0, nil, refused
		}
		if c.query.Has("per_page") && per != bound {
			return 0, 0, nil, errBound
		}
		per = bound
		if from >= tokenReach {
			return 0, 0, nil, &refusal{code: "PAGINATION_LIMIT_EXCEEDED", message: "pagination limit exceeded"}
		}
		page = from/per + 1
	} else if page*per > pageReach && page > 1 {
		return 0, 0, nil, &refusal{code: "DISCRETE_PAGINATION_LIMIT_EXCEEDED", message: "more than 2000 records cannot be fetched with page; use page_token"}
	}
	from = min(from, count)
	to = min(from+per, count)
	info = map[string]any{"per_page": per, "count": to - from, "page": page, "more_records": to < count,
		"next_page_token": nil, "previous_page_token": nil, "page_token_expiry": nil}
	if to < count {
		info["next_page_token"] = s.pageToken(c, to, per)
		info["page_token_expiry"] = s.zoned(s.now().Add(pageTokenAge))
	}
	return from, to, info, nil
}

func (s *Server) pageToken(c *call, from, per int) string {
	return fmt.Sprintf("%d.%d.%d.%x", from, per, s.now().Unix(), boundTo(c))
}

var errBound = &refusal{code: "TOKEN_BOUND_DATA_MISMATCH", message: "the parameters do not match those of the page token"}

func (s *Server) readPageToken(c *call, token string) (from, per int, refused *refusal) {
	var made int64
	var bound uint64
	n, err := fmt.Sscanf(token, "%d.%d.%d.%x", &from, &per, &made, &bound)
	switch {
	case err != nil || n != 4 || from < 0 || per < 1 || per > mostPerPage:
		return 0, 0, invalidData("invalid data", map[string]any{"param_name": "page_token"})
	case bound != boundTo(c):
		return 0, 0, errBound
	case s.now().Sub(time.Unix(made, 0)) >= pageTokenAge:
		return 0, 0, &refusal{code: "EXPIRED_VALUE", message: "the page token has expired"}
	}
	return from, per, nil
}

// boundTo is what a page token is bound to: user, path and parameters.
func boundTo(c *call) uint64 {
	h := fnv.New64a()
	for _, name := range []string{"fields", "sort_by", "sort_order", "converted", "type"} {
		h.Write([]byte(c.query.Get(name) + "\x00"))
	}
	h.Write([]byte(c.r.URL.Path + "\x00" + c.by.user.ID))
	return h.Sum64()
}

// getDeleted lists graves (Zoho docs: Deleted and Merge Records): deleted_by and display_name are null for permanent ones; 204 when there are none.
// The order is not documented: newest first.
func (s *Server) getDeleted(c *call) reply {
	c.cost = 2
	m := s.modules[c.module]
	var since time.Time
	if header := c.r.Header.Get("If-Modified-Since"); header != "" {
		at, err := time.Parse(time.RFC3339, header)
		if err != nil {
			return invalidData("invalid data", map[string]any{"header_name": "If-Modified-Since", "expected_data_type": "datetime"}).reply()
		}
		since = at
	}
	var rows []*record
	for _, r := range m.list {
		g := r.gone
		if g == nil || g.hidden || g.at.After(c.at) || !g.at.Truncate(time.Second).After(since) {
			continue
		}
		if kind := cmp.Or(c.query.Get("type"), "all"); kind != "all" && (kind == "permanent") != g.permanent {
			continue
		}
		if keep := 60 * 24 * time.Hour; !g.permanent && s.now().Sub(g.at) > keep || s.now().Sub(g.at) > 2*keep {
			continue
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b *record) int { return b.gone.at.Compare(a.gone.at) })
	from, to, info, refused := s.page(c, len(rows), mostPerPage)
	if refused != nil {
		return refused.reply()
	}
	if from == to {
		return empty(http.StatusNoContent)
	}
	out := make([]any, 0, to-from)
	for _, r := range rows[from:to] {
		row := map[string]any{"id": r.id, "display_name": r.title(r.last()), "type": "recycle", "deleted_time": s.zoned(r.gone.at),
			"deleted_by": map[string]any{"name": r.gone.by.Name, "id": r.gone.by.ID}, "created_by": map[string]any{"name": r.createdBy.Name, "id": r.createdBy.ID}}
		if r.gone.permanent {
			row["type"], row["deleted_by"], row["display_name"] = "permanent", nil, nil
		}
		out = append(out, row)
	}
	return asJSON(http.StatusOK, map[string]any{"data": out, "info": info})
}
