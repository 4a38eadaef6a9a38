package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// remotePath is where the desk lets the operator's command at its tables and queues, which otherwise lie in its memory.
const remotePath = "/desk/remote/"

// remoteBody bounds a request and an answer: a hundred rows of 400 kB do not come together at a desk.
const remoteBody = 32 << 20

// remoteRow is a row, or a write of one, on its way.
type remoteRow struct {
	Part    string    `json:"part"`
	Sort    string    `json:"sort"`
	Version int64     `json:"version,omitempty"` // of a write: the version that it replaces
	Value   []byte    `json:"value,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Delete  bool      `json:"delete,omitempty"`
	First   int64     `json:"first,omitempty"`
}

// remoteCall is one question.
type remoteCall struct {
	Rows    []remoteRow   `json:"rows,omitempty"`
	Part    string        `json:"part,omitempty"`
	Prefix  string        `json:"prefix,omitempty"`
	After   string        `json:"after,omitempty"`
	Max     int           `json:"max,omitempty"`
	Entries []batch.Entry `json:"entries,omitempty"`
}

// remoteAnswer is the answer to any of them.
type remoteAnswer struct {
	Rows     []remoteRow       `json:"rows,omitempty"`
	Waiting  int               `json:"waiting,omitempty"`
	InFlight int               `json:"inFlight,omitempty"`
	Dead     int               `json:"dead,omitempty"`
	Moved    int               `json:"moved,omitempty"`
	Conflict bool              `json:"conflict,omitempty"`
	Error    string            `json:"error,omitempty"`
	Given    map[string]string `json:"given,omitempty"`
	Own      []string          `json:"own,omitempty"`
	Mapping  []byte            `json:"mapping,omitempty"`
}

// remote serves the operator's command: POST /desk/remote/{table, queue or system}/{verb}. It answers this machine alone, and no page
// that a browser of this machine has open: those can send no JSON to another origin without asking first.
func (d *Desk) remote(w http.ResponseWriter, r *http.Request) {
	if !loopback(r.RemoteAddr) || !loopback(r.Host) || r.Header.Get("Content-Type") != "application/json" {
		d.json(w, http.StatusForbidden, remoteAnswer{Error: "for the connector command on this machine only"})
		return
	}
	var call remoteCall
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, remoteBody)).Decode(&call); err != nil {
		d.json(w, http.StatusBadRequest, remoteAnswer{Error: "not a question"})
		return
	}
	answer, err := d.ask(r.Context(), r.PathValue("what"), r.PathValue("verb"), call)
	status := http.StatusOK
	switch {
	case errors.Is(err, row.ErrConflict):
		status, answer = http.StatusConflict, remoteAnswer{Conflict: true}
	case err != nil:
		status, answer = http.StatusBadRequest, remoteAnswer{Error: err.Error()}
	}
	d.json(w, status, answer)
}

// loopback reports whether an address with a port is of this machine.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (d *Desk) ask(ctx context.Context, what, verb string, call remoteCall) (remoteAnswer, error) {
	if what == "settings" {
		return remoteAnswer{Given: d.set.Given, Own: d.set.Own, Mapping: d.set.MappingText}, nil
	}
	table := d.suite.Tables[what]
	if table == nil {
		for _, l := range d.suite.Lanes {
			if l.Name == what || l.Source == what {
				return d.askLane(ctx, l, verb, call)
			}
		}
		return remoteAnswer{}, fmt.Errorf("there is no table %s", what)
	}
	var rows []row.Row
	var err error
	switch verb {
	case "get":
		keys := make([]row.Key, len(call.Rows))
		for i, k := range call.Rows {
			keys[i] = row.Key{Part: k.Part, Sort: k.Sort}
		}
		rows, err = table.Get(ctx, keys...)
	case "list":
		rows, err = table.List(ctx, call.Part, call.Prefix, call.After, call.Max)
	case "put":
		puts := make([]row.Put, len(call.Rows))
		for i, p := range call.Rows {
			puts[i] = row.Put{Key: row.Key{Part: p.Part, Sort: p.Sort}, If: p.Version, Value: p.Value, Expires: p.Expires, Delete: p.Delete, First: p.First}
		}
		err = table.Put(ctx, puts...)
	default:
		err = fmt.Errorf("a table has no %s", verb)
	}
	var out remoteAnswer
	for _, r := range rows {
		out.Rows = append(out.Rows, remoteRow{Part: r.Key.Part, Sort: r.Key.Sort, Version: r.Version, Value: r.Value, Expires: r.Expires})
	}
	return out, err
}

func (d *Desk) askLane(ctx context.Context, l *Lane, verb string, call remoteCall) (out remoteAnswer, err error) {
	switch verb {
	case "send":
		return out, l.Queue.Send(ctx, call.Entries)
	case "depth":
		out.Waiting, out.InFlight = l.Queue.Stats()
		waiting, inFlight := l.Dead.Stats()
		out.Dead = waiting + inFlight
		return out, nil
	case "redrive":
		out.Moved = l.Dead.Move(l.Queue, call.Max)
		return out, nil
	}
	return out, fmt.Errorf("a queue has no %s", verb)
}

// Remote reaches the tables and queues of a desk from another process of this machine.
type Remote struct {
	Base string // http://127.0.0.1:8080
	HTTP http.RoundTripper
}

// Settings returns the variables that the process was started with, secrets left out, the names of the secrets that are not the
// sandbox's, and the mapping that it started with.
func (m Remote) Settings(ctx context.Context) (given map[string]string, own []string, mapping []byte, err error) {
	a, err := m.call(ctx, "settings/get", remoteCall{})
	return a.Given, a.Own, a.Mapping, err
}

// Table returns the table of that name.
func (m Remote) Table(name string) *RemoteTable { return &RemoteTable{m, name} }

// Lane returns the queue of the operations of that source.
func (m Remote) Lane(source crm.System) *RemoteLane { return &RemoteLane{m, string(source)} }

// Queue returns the queue of that name, as /desk/state spells it.
func (m Remote) Queue(name string) *RemoteLane { return &RemoteLane{m, name} }

func (m Remote) call(ctx context.Context, path string, call remoteCall) (remoteAnswer, error) {
	body, err := json.Marshal(call)
	if err != nil {
		return remoteAnswer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(m.Base, "/")+remotePath+path, bytes.NewReader(body))
	if err != nil {
		return remoteAnswer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := m.HTTP.RoundTrip(req)
	if err != nil {
		return remoteAnswer{}, &fault.Error{Op: "desk", Kind: fault.Down, Err: fmt.Errorf("no process of make run answers at %s: %w", m.Base, err)}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, remoteBody))
	if err != nil {
		return remoteAnswer{}, err
	}
	var out remoteAnswer
	switch err := json.Unmarshal(text, &out); {
	case err != nil:
		return out, fmt.Errorf("what answers at %s (status %d) is no process of make run", m.Base, resp.StatusCode)
	case out.Conflict:
		return out, row.ErrConflict
	case out.Error != "":
		return out, &fault.Error{Op: "desk", Kind: fault.Ours, Err: errors.New(out.Error)}
	case resp.StatusCode != http.StatusOK:
		return out, fmt.Errorf("%s answers with status %d", m.Base, resp.StatusCode)
	}
	return out, nil
}

// RemoteTable is a table of a desk.
type RemoteTable struct {
	at   Remote
	name string
}

// Get returns one row for each key, in the order of the keys; Version is 0 where there is none.
func (t *RemoteTable) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	var call remoteCall
	for _, k := range keys {
		call.Rows = append(call.Rows, remoteRow{Part: k.Part, Sort: k.Sort})
	}
	rows, err := t.rows(ctx, "get", call)
	if err == nil && len(rows) != len(keys) {
		err = fmt.Errorf("%d rows for %d keys", len(rows), len(keys))
	}
	return rows, err
}

// List returns the rows of one part, as memory.Rows.List does.
func (t *RemoteTable) List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error) {
	return t.rows(ctx, "list", remoteCall{Part: part, Prefix: sortPrefix, After: after, Max: limit})
}

// Put carries out all writes or none; row.ErrConflict when a condition did not hold.
func (t *RemoteTable) Put(ctx context.Context, puts ...row.Put) error {
	var call remoteCall
	for _, p := range puts {
		call.Rows = append(call.Rows, remoteRow{Part: p.Key.Part, Sort: p.Key.Sort, Version: p.If, Value: p.Value, Expires: p.Expires, Delete: p.Delete, First: p.First})
	}
	_, err := t.at.call(ctx, t.name+"/put", call)
	return err
}

func (t *RemoteTable) rows(ctx context.Context, verb string, call remoteCall) ([]row.Row, error) {
	a, err := t.at.call(ctx, t.name+"/"+verb, call)
	var out []row.Row
	for _, r := range a.Rows {
		out = append(out, row.Row{Key: row.Key{Part: r.Part, Sort: r.Sort}, Version: r.Version, Value: r.Value, Expires: r.Expires})
	}
	return out, err
}

// RemoteLane is a queue of a desk with its dead-letter queue.
type RemoteLane struct {
	at   Remote
	name string
}

// Send takes messages as memory.Queue.Send does.
func (l *RemoteLane) Send(ctx context.Context, entries []batch.Entry) error {
	_, err := l.at.call(ctx, l.name+"/send", remoteCall{Entries: entries})
	return err
}

// Stats tells how many messages wait, are in flight, and lie in the dead-letter queue.
func (l *RemoteLane) Stats(ctx context.Context) (waiting, inFlight, dead int, err error) {
	a, err := l.at.call(ctx, l.name+"/depth", remoteCall{})
	return a.Waiting, a.InFlight, a.Dead, err
}

// Redrive puts up to max messages of the dead-letter queue back and returns how many.
func (l *RemoteLane) Redrive(ctx context.Context, max int) (int, error) {
	a, err := l.at.call(ctx, l.name+"/redrive", remoteCall{Max: max})
	return a.Moved, err
}
