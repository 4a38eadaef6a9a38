package sandbox

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/rules"
)

// counts are what the desk shows of the suite's work.
type counts struct {
	mu   sync.Mutex
	n    map[string]int
	seen map[string]bool // sequence numbers of the messages of the two queues
}

func newCounts() *counts {
	return &counts{n: map[string]int{"received": 0, "applied": 0, "nothing": 0, "parked": 0}}
}

func (c *counts) add(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[what] += n
}

// Add counts what the door saw.
func (c *counts) Add(_, what string, n int) { c.add(what, n) }

// first reports whether a message was not seen before: the queue answers a repeat with the original's sequence number.
func (c *counts) first(sequence string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[sequence] {
		return false
	}
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	c.seen[sequence] = true
	return true
}

func (c *counts) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// routes are the door, at the API's own paths, and the desk.
func (d *Desk) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /desk/state", d.state)
	mux.HandleFunc("GET /desk/mails", d.mails)
	mux.HandleFunc("POST /desk/run/{function}", d.run)
	mux.HandleFunc("GET /desk/token", d.token)
	mux.HandleFunc("POST "+remotePath+"{what}/{verb}", d.remote)
	mux.HandleFunc("/", d.enter)
	return mux
}

// token gives this machine a token of the sandbox caller, good for half an hour and for everything. With another secret or
// issuer than the sandbox's, tokens are somebody else's to give: connector token.
func (d *Desk) token(w http.ResponseWriter, r *http.Request) {
	c := d.set.Conversions
	sandbox := c.Issuer == conversionstest.DefaultIssuer && len(c.Secrets) > 0 && c.Secrets[0].Reveal() == conversionstest.DefaultSecret
	if !loopback(r.RemoteAddr) || !loopback(r.Host) || !sandbox {
		d.json(w, http.StatusForbidden, map[string]string{"error": "for the sandbox's own caller on this machine only; else connector token makes tokens"})
		return
	}
	caller := conversionstest.Caller{Audience: c.Audience}
	scopes := []conversions.Scope{conversions.ScopeEvents, conversions.ScopeMetrics, conversions.ScopeCosts, conversions.ScopeEntries, conversions.ScopeMessages}
	all := make([]string, len(scopes))
	for i, s := range scopes {
		all[i] = string(s)
	}
	d.write(w, []byte(caller.Token(d.now(), all...)+"\n"))
}

// enter hands a request to the door as API Gateway would.
func (d *Desk) enter(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 10<<20) // API Gateway's own limit
	event, err := Gateway(r, d.newID())
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	answer, err := d.suite.Door(r.Context(), event)
	if err != nil {
		d.log.Error("the door failed", "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	for name, value := range answer.Headers {
		w.Header().Set(name, value)
	}
	body := []byte(answer.Body)
	if answer.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(answer.Body); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(answer.StatusCode)
	d.write(w, body)
}

func (d *Desk) write(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil {
		d.log.Debug("an answer was not taken", "err", err)
	}
}

func (d *Desk) json(w http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		d.log.Error("an answer cannot be written as JSON", "err", err)
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	d.write(w, append(body, '\n'))
}

type depth struct {
	Waiting  int `json:"waiting"`
	InFlight int `json:"inFlight"`
}

type parkedRow struct {
	ID         string    `json:"id"`
	Connection string    `json:"connection"`
	Operation  string    `json:"operation"`
	Kind       string    `json:"kind"`
	Verb       string    `json:"verb"`
	RecordID   string    `json:"recordId"`
	Source     string    `json:"source"`
	System     string    `json:"system"`
	TargetID   string    `json:"targetId,omitempty"`
	Other      string    `json:"other,omitempty"`
	Field      string    `json:"field,omitempty"`
	Property   string    `json:"property,omitempty"`
	Code       string    `json:"code,omitempty"`
	Message    string    `json:"message"`
	Hint       string    `json:"hint"`
	Class      string    `json:"class"`
	Count      int       `json:"count"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
	RetryAt    time.Time `json:"retryAt,omitzero"`
	Digest     string    `json:"digest,omitempty"`
}

func rowOf(p fault.Parked) parkedRow {
	r := parkedRow{
		ID: p.ID, Connection: p.Connection, Operation: p.Operation, Kind: string(p.Kind), Verb: string(p.Verb), RecordID: p.Record.Key,
		Source: string(p.Record.System), System: string(p.Target), TargetID: p.TargetID.Key, Field: string(p.Field), Property: p.Property,
		Code: p.Code, Message: p.Message, Hint: string(p.Hint), Class: p.Class.String(), Count: p.Count, First: p.First, Last: p.Last,
		RetryAt: p.RetryAt, Digest: p.Digest,
	}
	if !p.Other.IsZero() {
		r.Other = p.Other.String()
	}
	return r
}

// state tells what is under way. Everything is quiet when every number of every queue is 0.
func (d *Desk) state(w http.ResponseWriter, r *http.Request) {
	queues := map[string]depth{}
	for _, l := range d.suite.Lanes {
		waiting, inFlight := l.Queue.Stats()
		queues[l.Name] = depth{waiting, inFlight}
	}
	ledger := &digest.Ledger{Store: d.suite.Tables[Parked], Now: d.now}
	open, err := ledger.List(r.Context())
	if err != nil {
		d.json(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	rows := make([]parkedRow, len(open))
	for i, p := range open {
		rows[i] = rowOf(p)
	}
	pairs := 0
	for range d.suite.Tables[Pairs].All("P#") {
		pairs++
	}
	shown := map[string]any{"queues": queues, "counts": d.counts.all(), "pairs": pairs, "parked": rows}
	if err := d.showMode(r.Context(), shown); err != nil {
		d.json(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	d.json(w, http.StatusOK, shown)
}

// showMode adds the mode as it is stored now and, where the brake was pulled, why.
func (d *Desk) showMode(ctx context.Context, shown map[string]any) error {
	book := rules.New(&config.Rows{Store: d.suite.Tables[Config], Now: d.now}, d.set.Rules, d.now, d.log)
	mode, err := book.Mode(ctx)
	if err != nil {
		return err
	}
	why, err := book.Brake(ctx)
	if err != nil {
		return err
	}
	shown["mode"] = mode
	if why != "" {
		shown["brake"] = why
	}
	return nil
}

type mail struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
}

// mails tells what was sent to the client.
func (d *Desk) mails(w http.ResponseWriter, _ *http.Request) {
	out := []mail{}
	for _, m := range d.suite.Outbox.Mails() {
		out = append(out, mail{m.From, m.To, m.Subject, m.Text, m.HTML})
	}
	d.json(w, http.StatusOK, out)
}

// run calls a scheduled function now.
func (d *Desk) run(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("function")
	run := d.suite.Functions[name]
	if run == nil {
		known := slices.Sorted(maps.Keys(d.suite.Functions))
		d.json(w, http.StatusNotFound, map[string]string{"error": "no such function; there are " + strings.Join(known, ", ")})
		return
	}
	if err := run(r.Context()); err != nil {
		d.json(w, http.StatusInternalServerError, map[string]string{"function": name, "error": err.Error()})
		return
	}
	d.json(w, http.StatusOK, map[string]string{"function": name, "result": "done"})
}
