package zoho

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// maxTimeline is how many pages of 200 entries are read: an edit older than that decides nothing any more.
const maxTimeline = 5

// timeline is the answer of https://www.zoho.com/crm/developer/docs/api/v8/timeline-of-a-record.html.
type timeline struct {
	Entries []struct {
		At     string     `json:"audited_time"`
		Source string     `json:"source"`
		By     *reference `json:"done_by"`
		Record *reference `json:"record"`
		Fields []struct {
			Property string `json:"api_name"`
			Value    *struct {
				New json.RawMessage `json:"new"`
			} `json:"_value"`
		} `json:"field_history"`
	} `json:"__timeline"`
	Info struct {
		More bool   `json:"more_records"`
		Next string `json:"next_page_token"`
	} `json:"info"`
}

// Times returns when the fields of a record changed, newest first, and whether we changed them; a field without an entry is
// not in the answer. Zoho shows values as people see them, so Value is known only for plain text, e-mail and phone. Under the
// empty field stand all entries about the record itself, whatever they changed.
//
// An entry is ours when it came through the API by our user: by the user alone where Zoho names no source, and by the
// source alone where it names nobody.
func (c *Client) Times(ctx context.Context, id crm.ID, columns []crm.Column) (map[crm.Field][]crm.Entry, error) {
	const op = "zoho.Times"
	module, err := moduleName(op, id.Module)
	if err != nil {
		return nil, err
	}
	if !crm.IsKey(id.Key) {
		return nil, &fault.Error{Op: op, Kind: fault.Missing, Err: errors.New("not an id of Zoho")}
	}
	me, err := c.CurrentUser(ctx)
	if err != nil {
		return nil, err
	}
	out := map[crm.Field][]crm.Entry{}
	query := url.Values{"per_page": {"200"}}
	for range maxTimeline {
		var t timeline
		if _, err := c.read(ctx, rest.Call{Op: op, Path: "/" + module + "/" + id.Key + "/__timeline", Query: query}, &t); err != nil {
			return nil, err
		}
		t.into(out, id.Key, me, columns)
		if !t.Info.More || t.Info.Next == "" {
			break
		}
		query = url.Values{"page_token": {t.Info.Next}}
	}
	for _, entries := range out {
		slices.SortStableFunc(entries, func(a, b crm.Entry) int { return b.At.Compare(a.At) })
	}
	return out, nil
}

// into adds the entries about the record's own columns. An entry whose time cannot be read is left out.
func (t timeline) into(out map[crm.Field][]crm.Entry, key, me string, columns []crm.Column) {
	for _, e := range t.Entries {
		at, err := time.Parse(time.RFC3339, e.At)
		if err != nil || e.Record != nil && e.Record.ID != "" && string(e.Record.ID) != key {
			continue
		}
		by := ""
		if e.By != nil {
			by = string(e.By.ID)
		}
		ours := oursBy(e.Source, by, me)
		out[""] = append(out[""], crm.Entry{At: at.UTC(), Ours: ours})
		for _, f := range e.Fields {
			for _, col := range columns {
				if col.Property != f.Property {
					continue
				}
				entry := crm.Entry{At: at.UTC(), Ours: ours}
				if f.Value != nil {
					entry.Value = shown(f.Value.New, col.Type)
				}
				out[col.Field] = append(out[col.Field], entry)
			}
		}
	}
}

func oursBy(source, by, me string) bool {
	if source == "" {
		return by == me
	}
	return source == "crm_api" && (by == "" || by == me)
}

// shown reads a value as people see it.
func shown(raw json.RawMessage, t crm.Type) crm.Value {
	switch t {
	case crm.TypeText, crm.TypeEmail, crm.TypePhone, crm.TypeDomain:
		v, _ := wire{"": raw}.value("", t)
		return v
	}
	return crm.Unknown()
}
