package zoho

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// The bounds of one listing (https://www.zoho.com/crm/developer/docs/api/v8/get-records.html).
const (
	maxIDs    = 100
	maxFields = 50
)

const (
	createdTime  = "Created_Time"
	modifiedTime = "Modified_Time"
)

const converted = "Converted__s"

// recordCurrency is the ISO 4217 code of the amounts of a record. Only organisations with several currencies have it; of the others
// a read leaves it out (https://www.zoho.com/crm/developer/docs/api/v8/get-currencies-data.html).
const recordCurrency = "Currency"

// own returns the properties that every read asks besides the columns. Leads have no HubSpot id, and stay as they were
// when they are converted.
func own(m crm.Module) []string {
	last := HubSpotID
	if m == crm.Leads {
		last = converted
	}
	return []string{"id", createdTime, modifiedTime, last}
}

// modules are Zoho's names of the modules.
var modules = map[crm.Module]string{crm.Contacts: "Contacts", crm.Companies: "Accounts", crm.Leads: "Leads"}

// moduleName returns Zoho's name of a module, or a fault of ours.
func moduleName(op string, m crm.Module) (string, error) {
	if name, ok := modules[m]; ok {
		return name, nil
	}
	return "", ours(op, "Zoho has no such module")
}

func ours(op, why string) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Ours, Err: errors.New(why)}
}

// records is the answer to a listing. Data is nil where the key is missing: that is no answer, not an empty one.
type records struct {
	Data []wire `json:"data"`
	Info info   `json:"info"`
}

// info says what is left of a list.
type info struct {
	More bool   `json:"more_records"`
	Next string `json:"next_page_token"`
}

// Read reads records by id, one reading per key in order; an id that no living record has is Gone, and so is a converted lead.
// It splits what is more
// than 100 ids or 50 fields; Modified is then the earliest that was seen, which is the safe one for a condition.
func (c *Client) Read(ctx context.Context, q crm.Query) ([]crm.Reading, error) {
	const op = "zoho.Read"
	module, err := moduleName(op, q.Module)
	if err != nil {
		return nil, err
	}
	found := map[string]crm.Reading{}
	var keys []string
	for _, k := range q.Keys {
		if crm.IsKey(k) && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for some := range slices.Chunk(keys, maxIDs) {
		at := c.cfg.Now()
		got, err := c.fetch(ctx, op, module, q, some)
		if err != nil {
			return nil, err
		}
		for _, k := range some {
			r, ok := got[k]
			found[k] = crm.Reading{Record: r, Gone: !ok, ReadAt: at}
		}
	}
	out := make([]crm.Reading, len(q.Keys))
	for i, k := range q.Keys {
		r, ok := found[k]
		if !ok {
			r = crm.Reading{Gone: true, ReadAt: c.cfg.Now()}
		}
		if r.Gone {
			r.Record = crm.Record{ID: crm.ID{System: crm.Zoho, Module: q.Module, Key: k}}
		}
		out[i] = r
	}
	return out, nil
}

// fetch reads at most 100 records, all their columns.
func (c *Client) fetch(ctx context.Context, op, module string, q crm.Query, keys []string) (map[string]crm.Record, error) {
	room := maxFields - len(own(q.Module))
	if slices.ContainsFunc(q.Columns, isMoney) {
		room-- // for the currency
	}
	columns := slices.Collect(slices.Chunk(q.Columns, room))
	if len(columns) == 0 {
		columns = [][]crm.Column{nil}
	}
	var all map[string]crm.Record
	for i, some := range columns {
		got, err := c.list(ctx, op, module, q.Module, some, keys)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			all = got
			continue
		}
		all = joined(all, got)
	}
	for _, k := range keys {
		if r, ok := all[k]; ok {
			if err := c.inFull(ctx, op, module, q, r); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// Reads cut a formatted text at 500 characters without a word (https://www.zoho.com/crm/developer/docs/api/v8/get-records.html).
// What a character is they do not say, nor whether the cut leaves a mark.
const (
	cutAt = 500
	about = 20
)

// mayBeCut reports whether a text may be the beginning of a longer one: about 500 characters, however they are counted.
func mayBeCut(v crm.Value) bool {
	text := v.Text()
	return len(text) >= cutAt-about && utf8.RuneCountInString(text) <= cutAt+about && len(utf16.Encode([]rune(text))) >= cutAt-about
}

// inFull reads the formatted texts of a record in full where one of its texts may have been cut: one more call for the record of
// which that is so, and none for any other (https://www.zoho.com/crm/developer/docs/api/v8/get-rich-text-fields.html). A text that
// the answer does not name is not a formatted one and was read as it is. What Zoho refuses to tell is unknown: half a text is no value.
func (c *Client) inFull(ctx context.Context, op, module string, q crm.Query, r crm.Record) error {
	var cut []crm.Column
	for _, col := range q.Columns {
		if col.Type == crm.TypeText && mayBeCut(r.Fields[col.Field]) {
			cut = append(cut, col)
		}
	}
	if len(cut) == 0 {
		return nil
	}
	var a records
	answer, err := c.read(ctx, rest.Call{Op: op, Path: "/" + module + "/" + r.ID.Key + "/actions/fetch_full_data"}, &a)
	if err == nil {
		err = a.complete(op, answer.Status)
	}
	if err != nil && !slices.Contains([]fault.Kind{fault.Refused, fault.Conflict, fault.Missing, fault.Ours}, fault.KindOf(err)) {
		return err
	}
	for _, col := range cut {
		if err != nil {
			r.Fields[col.Field] = crm.Unknown()
			continue
		}
		for _, w := range a.Data {
			if v, _ := w.value(col.Property, col.Type); v.Known() && w.text("id") == r.ID.Key {
				r.Fields[col.Field] = v
			}
		}
	}
	return nil
}

// joined puts two parts of the same records together; who is missing in one is gone.
func joined(a, b map[string]crm.Record) map[string]crm.Record {
	out := map[string]crm.Record{}
	for k, r := range a {
		more, ok := b[k]
		if !ok {
			continue
		}
		for f, v := range more.Fields {
			r.Fields[f] = v
		}
		if more.Modified.Before(r.Modified) {
			r.Modified = more.Modified
		}
		out[k] = r
	}
	return out
}

// list asks for some columns of some records. When Zoho says that an id is wrong without saying which, each half is asked
// by itself.
func (c *Client) list(ctx context.Context, op, module string, m crm.Module, columns []crm.Column, keys []string) (map[string]crm.Record, error) {
	a, status, err := c.page(ctx, op, module, m, columns, keys)
	if fault.KindOf(err) == fault.Missing {
		if len(keys) == 1 {
			return map[string]crm.Record{}, nil
		}
		left, err := c.list(ctx, op, module, m, columns, keys[:len(keys)/2])
		if err != nil {
			return nil, err
		}
		right, err := c.list(ctx, op, module, m, columns, keys[len(keys)/2:])
		for k, r := range right {
			left[k] = r
		}
		return left, err
	}
	if err == nil {
		err = a.complete(op, status)
	}
	if err != nil {
		return nil, err
	}
	out := map[string]crm.Record{}
	for _, w := range a.Data {
		r, err := c.record(ctx, w, m, columns)
		if err != nil {
			return nil, err
		}
		if slices.Contains(keys, r.ID.Key) && w.text(converted) != "true" && w.text("$converted") != "true" {
			out[r.ID.Key] = r
		}
	}
	return out, nil
}

// page asks for columns of records, and where there is money for the currency of each. Zoho does not say what becomes of a read that
// names a field which the organisation lacks. The key is left out, as far as is known; should it be refused, what is refused no
// longer once the currency is not asked for was refused for it, and it is not asked for again.
func (c *Client) page(ctx context.Context, op, module string, m crm.Module, columns []crm.Column, keys []string) (a records, status int, err error) {
	names := properties(m, columns)
	ask := func(names []string) error {
		a = records{}
		query := url.Values{"ids": {strings.Join(keys, ",")}, "fields": {strings.Join(names, ",")}}
		answer, err := c.read(ctx, rest.Call{Op: op, Path: "/" + module, Query: query}, &a)
		status = answer.Status
		return err
	}
	priced := slices.ContainsFunc(columns, isMoney)
	if priced && !c.oneCurrency(m) {
		err = ask(append(slices.Clone(names), recordCurrency))
		if k := fault.KindOf(err); err == nil || k != fault.Refused && k != fault.Ours {
			return a, status, err
		}
	}
	if err = ask(names); err == nil && priced {
		c.knowOneCurrency(m)
	}
	return a, status, err
}

func (c *Client) oneCurrency(m crm.Module) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.single[m]
}

func (c *Client) knowOneCurrency(m crm.Module) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.single[m] = true
}

// complete returns a fault for an answer with a body that has no list: nobody was looked for.
func (a records) complete(op string, status int) error {
	if a.Data == nil && status != 204 && status != 304 {
		return &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without data")}
	}
	return nil
}

// properties returns the names to ask for.
func properties(m crm.Module, columns []crm.Column) []string {
	names := own(m)
	for _, col := range columns {
		if !slices.Contains(names, col.Property) {
			names = append(names, col.Property)
		}
	}
	return names
}

func isMoney(col crm.Column) bool { return col.Type == crm.TypeMoney }

// record reads a record; an owner that came without an e-mail is looked up.
func (c *Client) record(ctx context.Context, w wire, m crm.Module, columns []crm.Column) (crm.Record, error) {
	r := crm.Record{
		ID:        crm.ID{System: crm.Zoho, Module: m, Key: w.text("id")},
		Fields:    make(map[crm.Field]crm.Value, len(columns)),
		Created:   instant(w.text(createdTime)),
		Modified:  instant(w.text(modifiedTime)),
		HubSpotID: w.text(HubSpotID),
		Label:     w.label(),
	}
	for _, col := range columns {
		v, owner := w.value(col.Property, col.Type)
		if owner {
			email, err := c.users.email(ctx, c, v.Text())
			if err != nil {
				return crm.Record{}, err
			}
			v = crm.Unknown()
			if email != "" {
				v = crm.Text(email)
			}
		}
		if code := w.text(recordCurrency); isMoney(col) && v.Known() && !v.Unreadable() && code != "" && code != col.Home {
			v = crm.Text(v.Text() + " " + code)
		}
		r.Fields[col.Field] = v
	}
	return r, nil
}

// label names the state that keeps a record from being written, "" when it is free.
func (w wire) label() string {
	switch state := w.text("$approval_state"); {
	case w.text("$in_merge") == "true":
		return "in merge"
	case w.text("Locked__s") == "true":
		return "locked"
	case state != "" && state != "approved":
		return word(state)
	}
	return ""
}

// later returns the header that asks for what changed since, nil for everything.
func later(since time.Time) map[string][]string {
	if since.IsZero() {
		return nil
	}
	return map[string][]string{"If-Modified-Since": {stamp(since)}}
}
