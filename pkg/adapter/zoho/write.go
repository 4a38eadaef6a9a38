package zoho

import (
	"context"
	"errors"
	"net/http"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// maxInsert is how many records one insert takes (https://www.zoho.com/crm/developer/docs/api/v8/insert-records.html).
const maxInsert = 100

// creditRecords is how many records one credit inserts (https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html).
const creditRecords = 10

// feature names what does not run at a write; cadences run even without a trigger.
type feature struct {
	Name string `json:"name"`
}

// writing is the body of a write. Trigger is never nil: a missing one runs everything.
type writing struct {
	Data    []map[string]any `json:"data"`
	Trigger []string         `json:"trigger"`
	Skip    []feature        `json:"skip_feature_execution"`
}

func body(data []map[string]any, trigger []string) writing {
	return writing{Data: data, Trigger: append([]string{}, trigger...), Skip: []feature{{Name: "cadences"}}}
}

// Create inserts records, never updates one: one result each, in order. A duplicate is a fault.Conflict whose Refused names
// the property (HubSpotID: the record is our own) and the record that has the value. The error is that of a call that was
// refused or lost as a whole; where only a later one of several calls fails, its results say so.
func (c *Client) Create(ctx context.Context, changes []crm.Change) ([]crm.Result, error) {
	const op = "zoho.Create"
	out := make([]crm.Result, len(changes))
	for from := 0; from < len(changes); {
		to := from + 1
		for to < len(changes) && to-from < maxInsert && changes[to].ID.Module == changes[from].ID.Module {
			to++
		}
		if err := c.insert(ctx, op, changes[from:to], out[from:to]); err != nil {
			if from == 0 {
				return nil, err
			}
			for i := from; i < len(changes); i++ {
				out[i] = crm.Result{Err: err}
			}
			return out, nil
		}
		from = to
	}
	return out, nil
}

// insert creates records of one module and fills in their results.
func (c *Client) insert(ctx context.Context, op string, changes []crm.Change, out []crm.Result) error {
	module, err := moduleName(op, changes[0].ID.Module)
	if err != nil {
		return err
	}
	var data []map[string]any
	var sent []int
	for i, ch := range changes {
		item, skipped, err := c.item(ctx, op, ch)
		if fault.KindOf(err) == fault.Ours {
			out[i] = crm.Result{Err: err}
			continue
		}
		if err != nil {
			return err
		}
		out[i].Skipped = skipped
		data, sent = append(data, item), append(sent, i)
	}
	if len(data) == 0 {
		return nil
	}
	var a items
	call := rest.Call{
		Op: op, Method: http.MethodPost, Path: "/" + module, Body: body(data, c.cfg.TriggersAtCreation), Cost: (len(data) + creditRecords - 1) / creditRecords,
	}
	answer, err := c.write(ctx, call, &a)
	if err != nil {
		return err
	}
	for n, i := range sent {
		a.result(op, n, answer.Status, changes[i], &out[i])
	}
	return nil
}

// Write changes one record: only the fields of Set, and the HubSpot id if there is one. With IfUnmodified Zoho refuses
// (fault.Stale) a record that was modified after it. Automations do not run.
func (c *Client) Write(ctx context.Context, ch crm.Change) crm.Result {
	const op = "zoho.Write"
	r := crm.Result{ID: ch.ID}
	module, err := moduleName(op, ch.ID.Module)
	if err == nil && !crm.IsKey(ch.ID.Key) {
		err = &fault.Error{Op: op, Kind: fault.Missing, Err: errors.New("not an id of Zoho")}
	}
	var item map[string]any
	if err == nil {
		item, r.Skipped, err = c.item(ctx, op, ch)
	}
	if r.Err = err; err != nil || len(item) == 0 {
		return r
	}
	call := rest.Call{Op: op, Method: http.MethodPut, Path: "/" + module + "/" + ch.ID.Key, Body: body([]map[string]any{item}, nil)}
	if !ch.IfUnmodified.IsZero() {
		call.Header = http.Header{"If-Unmodified-Since": {stamp(ch.IfUnmodified)}}
	}
	var a items
	answer, err := c.write(ctx, call, &a)
	if err != nil {
		r.Err = err
		if f, ok := errors.AsType[*fault.Error](err); ok {
			for i, refused := range f.Refused {
				f.Refused[i].Message = rest.Without(refused.Message, values(ch))
				f.Err = nil // the refusals say it all
			}
			r.Err = named(f, ch.Columns)
		}
		return r
	}
	a.result(op, 0, answer.Status, ch, &r)
	return r
}

// item writes a change as Zoho takes it. An owner who is no active user of Zoho is skipped.
func (c *Client) item(ctx context.Context, op string, ch crm.Change) (map[string]any, []crm.Field, error) {
	if ch.ID.Module == crm.Leads {
		return nil, nil, ours(op, "leads are never written")
	}
	item := map[string]any{}
	var skipped []crm.Field
	known := 0
	for _, col := range ch.Columns {
		v, ok := ch.Set[col.Field]
		if !ok {
			continue
		}
		known++
		if !v.Known() {
			return nil, nil, ours(op, "an unknown value cannot be written")
		}
		if col.Type != crm.TypeOwner {
			item[col.Property] = send(v, col.Type)
			continue
		}
		id, err := c.users.id(ctx, c, v.Text())
		if err != nil {
			return nil, nil, err
		}
		if id == "" {
			skipped = append(skipped, col.Field)
			continue
		}
		item[col.Property] = map[string]string{"id": id}
	}
	if known != len(ch.Set) {
		return nil, nil, ours(op, "a field without a column")
	}
	if ch.HubSpotID != "" {
		item[HubSpotID] = ch.HubSpotID
	}
	return item, skipped, nil
}

// values are what a change tells about a person.
func values(ch crm.Change) []string {
	var all []string
	for _, v := range ch.Set {
		all = append(all, v.Text())
	}
	return all
}

// result reads the answer to the nth record that was sent. One without an answer is Down: nobody knows what became of it.
func (a items) result(op string, n, status int, ch crm.Change, r *crm.Result) {
	if n >= len(a.Data) {
		r.Err = &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without this record")}
		return
	}
	e := a.Data[n]
	if e.Code != "SUCCESS" {
		e.hide(values(ch))
		r.Err = named(e.fault(op, status, true), ch.Columns)
		return
	}
	id := string(e.Details.ID)
	if !crm.IsKey(id) || ch.ID.Key != "" && id != ch.ID.Key {
		r.Err = &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without the id of the record")}
		return
	}
	r.ID = crm.ID{System: crm.Zoho, Module: ch.ID.Module, Key: id}
	r.Modified = instant(e.Details.ModifiedTime)
}
