package hubspot

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// primaryCompany is HubSpot's association type from a contact to its primary company.
const primaryCompany = 1

// Write sends one change to one record: a PATCH with the fields in Set, then the contact's company, which is written as an
// association. An owner is sent as the id of the active user with that address; without one the field is Skipped. Nothing
// is repeated here: whether a lost answer was carried out is for the caller to read. HubSpot has no conditional write, so
// IfUnmodified asks nothing.
//
// When the company is refused after the PATCH was taken, Err names the company's field alone and Answered holds the rest.
func (c *Client) Write(ctx context.Context, ch crm.Change) crm.Result {
	result := crm.Result{ID: ch.ID}
	if ch.ID.Key == "" {
		result.Err = ours("hubspot.Write", "nothing is created in HubSpot")
		return result
	}
	w, err := c.prepare(ctx, ch)
	result.Skipped = w.skipped
	if err != nil {
		result.Err = err
		return result
	}
	if len(w.body) > 0 {
		c.patch(ctx, ch, w, &result)
	}
	if result.Err == nil && w.company.Field != "" {
		c.setCompany(ctx, ch, w.company, &result)
	}
	return result
}

// write is a change in HubSpot's words.
type write struct {
	body    map[string]string // by property
	columns map[string]crm.Column
	sent    []string
	company crm.Column // zero when the company is not written
	skipped []crm.Field
}

func (c *Client) prepare(ctx context.Context, ch crm.Change) (write, error) {
	w := write{body: map[string]string{}, columns: map[string]crm.Column{}}
	for _, f := range slices.Sorted(maps.Keys(ch.Set)) {
		at := slices.IndexFunc(ch.Columns, func(col crm.Column) bool { return col.Field == f })
		if at < 0 || !ch.Set[f].Known() {
			return w, ours("hubspot.Write", "field "+string(f)+" has no column or no known value")
		}
		col, text := ch.Columns[at], ch.Set[f].Text()
		w.columns[col.Property] = col
		switch {
		case col.Type == crm.TypeCompany && text == "" && !ch.Leaves.Known():
			return w, ours("hubspot.Write", "the company that the contact leaves is not known")
		case col.Type == crm.TypeCompany:
			w.company = col
			continue
		case col.Type == crm.TypeOwner && text != "":
			id, err := c.ownerID(ctx, text)
			if err != nil {
				return w, err
			}
			if id == "" {
				w.skipped = append(w.skipped, f)
				continue
			}
			w.sent = append(w.sent, text)
			text = id
		case col.Type == crm.TypeMulti:
			text = wireValue{text: text, ok: true}.raw(crm.TypeMulti).Text()
		}
		w.body[col.Property] = text
		w.sent = append(w.sent, text)
	}
	return w, nil
}

func (c *Client) patch(ctx context.Context, ch crm.Change, w write, result *crm.Result) {
	call := rest.Call{Op: "hubspot.Write", Method: http.MethodPatch, Path: object(ch.ID.Module, ch.ID.Key),
		Body: map[string]any{"properties": w.body}, Timeout: writeTimeout}
	var o wireObject
	if _, err := c.do(ctx, call, w.sent, &o); err != nil {
		result.Err = named(err, w.columns)
		return
	}
	if o.ID != "" {
		result.ID.Key = string(o.ID)
	}
	result.Modified = o.modified(ch.ID.Module)
	result.Answered = map[crm.Field]crm.Value{}
	for property := range w.body {
		v, there := o.Properties[property]
		if !there {
			continue
		}
		col := w.columns[property]
		value, err := c.translate(ctx, col.Type, v)
		if err == nil && value.Known() {
			result.Answered[col.Field] = value
		}
	}
}

// named gives the refused properties the names of their fields.
func named(err error, columns map[string]crm.Column) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	for i, r := range e.Refused {
		e.Refused[i].Field = columns[r.Property].Field
	}
	return e
}

// setCompany makes the company the contact's primary one, or takes the contact away from the one that it was read with: to ask
// again would be answered by a replica that may not know it yet, and another one that a person has chosen since is to stay.
func (c *Client) setCompany(ctx context.Context, ch crm.Change, col crm.Column, result *crm.Result) {
	key := ch.Set[col.Field].Text()
	method, body := http.MethodPut, any([]map[string]any{{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": primaryCompany}})
	target := key
	if key == "" {
		method, body, target = http.MethodDelete, nil, ch.Leaves.Text()
	}
	if target != "" {
		call := rest.Call{Op: "hubspot.Associate", Method: method, Body: body, Timeout: writeTimeout,
			Path: object(crm.Contacts, result.ID.Key) + "/associations/companies/" + url.PathEscape(target)}
		if _, err := c.do(ctx, call, nil, nil); err != nil {
			result.Err = refusedCompany(err, col)
			return
		}
	}
	if result.Answered == nil {
		result.Answered = map[crm.Field]crm.Value{}
	}
	result.Answered[col.Field] = crm.Text(key)
}

// refusedCompany puts a refusal of the association on the company's field: the contact itself was found by the PATCH, so
// what is missing or refused is the company.
func refusedCompany(err error, col crm.Column) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	switch e.Kind {
	case fault.Missing, fault.Refused, fault.Conflict, fault.Unknown:
		refusal := fault.Refusal{Field: col.Field, Property: col.Property, Code: e.Code}
		if len(e.Refused) > 0 {
			refusal.Message = e.Refused[0].Message
		} else if e.Err != nil {
			refusal.Message = e.Err.Error()
		}
		return &fault.Error{Op: e.Op, Kind: fault.Refused, Code: e.Code, Refused: []fault.Refusal{refusal}, Err: e.Err}
	}
	return err
}
