package hubspot

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// The most records that one batch/read takes.
const (
	batchSize        = 100
	batchSizeHistory = 50
)

// Read returns one reading for each key, in their order. Reading.Record.ID is the id that answered, which differs from
// the one asked after a merge. Gone says that HubSpot knows no living record of that id; it is said only after a single
// GET for it, because a batch also leaves out ids that were merged away. A value that is absent from the answer is empty if
// its property is defined, else unknown; definitions are asked at most once a minute.
func (c *Client) Read(ctx context.Context, q crm.Query) ([]crm.Reading, error) {
	found, err := c.readBatches(ctx, q)
	if err != nil {
		return nil, err
	}
	readings := make([]crm.Reading, len(q.Keys))
	for i, key := range q.Keys {
		r, ok := found[key]
		if !ok {
			if r, err = c.readOne(ctx, q, key, ""); err != nil {
				return nil, err
			}
			found[key] = r
		}
		readings[i] = r
	}
	return readings, nil
}

// readOne asks for one record by id, or by another property that identifies it.
func (c *Client) readOne(ctx context.Context, q crm.Query, key, idProperty string) (crm.Reading, error) {
	names := properties(q)
	query := url.Values{"properties": {strings.Join(names, ",")}, "archived": {"false"}}
	if q.History {
		query.Set("propertiesWithHistory", strings.Join(asked(q), ","))
	}
	if idProperty != "" {
		query.Set("idProperty", idProperty)
	}
	reading := crm.Reading{ReadAt: c.now()}
	var o wireObject
	err := c.get(ctx, "hubspot.Read", object(q.Module, key), query, &o)
	switch {
	case fault.KindOf(err) == fault.Missing || err == nil && o.Archived:
		reading.Gone = true
		return reading, nil
	case err != nil:
		return reading, err
	case o.ID == "":
		return reading, &fault.Error{Op: "hubspot.Read", Kind: fault.Down, Err: errors.New("a record without an id")}
	}
	reading.Record, err = c.record(ctx, q, o)
	return reading, err
}

// readBatches reads what batches can tell: a map from the keys asked to their readings. A single key is no batch.
func (c *Client) readBatches(ctx context.Context, q crm.Query) (map[string]crm.Reading, error) {
	found := map[string]crm.Reading{}
	keys := slices.Compact(slices.Sorted(slices.Values(q.Keys)))
	if len(keys) < 2 {
		return found, nil
	}
	size := batchSize
	if q.History {
		size = batchSizeHistory
	}
	for chunk := range slices.Chunk(keys, size) {
		at := c.now()
		objects, err := c.batch(ctx, q, chunk, "")
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			record, err := c.record(ctx, q, o)
			if err != nil {
				return nil, err
			}
			for _, key := range append([]string{string(o.ID)}, record.Merged...) {
				if slices.Contains(chunk, key) {
					found[key] = crm.Reading{Record: record, ReadAt: at}
				}
			}
		}
	}
	return found, nil
}

// batchAnswer is the answer of batch/read: 200, or 207 when single ids failed.
type batchAnswer struct {
	Results []wireObject `json:"results"`
	Errors  []wireError  `json:"errors"`
}

// batch asks for several records at once and returns the living ones in no particular order. Errors are judged item by
// item: ids that are not there are left out, anything else fails the batch.
func (c *Client) batch(ctx context.Context, q crm.Query, keys []string, idProperty string) ([]wireObject, error) {
	type input struct {
		ID string `json:"id"`
	}
	body := struct {
		Properties []string `json:"properties"`
		History    []string `json:"propertiesWithHistory"`
		IDProperty string   `json:"idProperty,omitempty"`
		Inputs     []input  `json:"inputs"`
	}{Properties: properties(q), History: []string{}, IDProperty: idProperty}
	if q.History {
		body.History = asked(q)
	}
	for _, key := range keys {
		body.Inputs = append(body.Inputs, input{key})
	}
	var answer batchAnswer
	if err := c.ask(ctx, "hubspot.Read", objects(q.Module)+"/batch/read", body, &answer); err != nil {
		return nil, err
	}
	for _, e := range answer.Errors {
		if err := e.item("hubspot.Read"); err.Kind != fault.Missing {
			return nil, err
		}
	}
	return slices.DeleteFunc(answer.Results, func(o wireObject) bool { return o.Archived || o.ID == "" }), nil
}

// asked returns the property names of the columns.
func asked(q crm.Query) []string {
	var names []string
	for _, col := range q.Columns {
		if !slices.Contains(names, col.Property) {
			names = append(names, col.Property)
		}
	}
	return names
}

// properties returns what to ask for: the columns and what every record is told by.
func properties(q crm.Query) []string {
	names := asked(q)
	for _, name := range [...]string{modifiedProperty(q.Module), mergedProperty} {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// record translates one answer.
func (c *Client) record(ctx context.Context, q crm.Query, o wireObject) (crm.Record, error) {
	r := crm.Record{ID: crm.ID{System: crm.HubSpot, Module: q.Module, Key: string(o.ID)}, Fields: map[crm.Field]crm.Value{},
		Created: o.created(), Modified: o.modified(q.Module), Merged: o.merged()}
	if q.History {
		r.History = map[crm.Field][]crm.Entry{}
	}
	read := c.now()
	for _, col := range q.Columns {
		v, err := c.value(ctx, q.Module, col, o, read)
		if err != nil {
			return crm.Record{}, err
		}
		r.Fields[col.Field] = v
		if !q.History {
			continue
		}
		if r.History[col.Field], err = c.history(ctx, col, o.History[col.Property]); err != nil {
			return crm.Record{}, err
		}
	}
	return r, nil
}

func (c *Client) value(ctx context.Context, m crm.Module, col crm.Column, o wireObject, read time.Time) (crm.Value, error) {
	v, there := o.Properties[col.Property]
	if !there {
		return c.absent(ctx, m, col.Property, read), nil
	}
	return c.translate(ctx, col.Type, v)
}

// translate returns the value in raw text form; an owner's id becomes the e-mail address of its user.
func (c *Client) translate(ctx context.Context, t crm.Type, v wireValue) (crm.Value, error) {
	if t == crm.TypeOwner && v.ok && v.text != "" {
		return c.ownerAddress(ctx, v.text)
	}
	return v.raw(t), nil
}

func (c *Client) history(ctx context.Context, col crm.Column, versions []wireVersion) ([]crm.Entry, error) {
	var entries []crm.Entry
	for _, v := range versions {
		at := moment(v.Timestamp.text)
		if at.IsZero() {
			continue
		}
		value, err := c.translate(ctx, col.Type, v.Value)
		if err != nil {
			return nil, err
		}
		mine := c.app != "" && v.SourceType == "INTEGRATION" && string(v.SourceID) == c.app
		entries = append(entries, crm.Entry{Value: value, At: at, Ours: mine})
	}
	slices.SortStableFunc(entries, func(a, b crm.Entry) int { return b.At.Compare(a.At) })
	return entries, nil
}
