package conversions_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/webhook"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const sample = `{"id_cliente":"CLIENTE-ITALIA-789456","evento":"acquisto_concluso","timestamp":"2026-11-22T11:59:00.123Z",` +
	`"valore":19.99,"canale":"webform","stato":"completato","metadati":{"campagna":"Natale"}}`

// queue keeps what was sent, or fails.
type queue struct {
	sent []batch.Entry
	err  error
}

func (q *queue) Send(_ context.Context, entries []batch.Entry) error {
	if q.err == nil {
		q.sent = append(q.sent, entries...)
	}
	return q.err
}

// nobody keeps nothing: no event goes into quarantine at the door.
type nobody struct{ t *testing.T }

func (n nobody) Keep(context.Context, string, string, []byte) error {
	n.t.Error("a body was kept")
	return nil
}

func at(t *testing.T, k conversions.Keys, q *queue) *webhook.Door {
	s := &conversions.Source{Tokens: tokens(k), Shards: 16, Now: func() time.Time { return noon }, NewID: func() string { return "made-up" }}
	return &webhook.Door{
		Sources: []webhook.Source{s}, Carriers: map[string]webhook.Carrier{conversions.Name: q}, Quarantine: nobody{t},
		Now: func() time.Time { return noon }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// post is a good request.
func post(t *testing.T, body string) door.Request {
	h := bearer(sign(t, jwt.SigningMethodES256, keys().ec, good(), nil))
	h.Set("Content-Type", "application/json")
	return door.Request{ID: "JKJaXmPLvHcESHA=", Method: http.MethodPost, Path: conversions.EventsPath, Header: h, Body: []byte(body)}
}

// down are keys that nobody can get at.
type down struct{}

func (down) Key(context.Context, string) (any, error) { return nil, errors.New("no key set") }

// print writes an answer as a person reads it.
func print(name string, a door.Answer) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "== %s\n%d %s\n", name, a.Status, a.ContentType)
	for _, k := range slices.Sorted(maps.Keys(a.Header)) {
		fmt.Fprintf(b, "%s: %s\n", k, strings.Join(a.Header[k], ", "))
	}
	fmt.Fprintf(b, "%s\n\n", a.Body)
	return b.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%s: %v; got\n%s", file, err, got)
	}
}

func TestWhatACallerIsTold(t *testing.T) {
	one := conversions.One{Public: &keys().ec.PublicKey}
	edit := func(body string, change func(*door.Request)) door.Request {
		r := post(t, body)
		if change != nil {
			change(&r)
		}
		return r
	}
	header := func(name, value string) func(*door.Request) {
		return func(r *door.Request) { r.Header.Set(name, value) }
	}
	var out strings.Builder
	for _, tt := range []struct {
		name string
		req  door.Request
		keys conversions.Keys
		err  error
	}{
		{"accepted", post(t, sample), one, nil},
		{"accepted with an id", edit(sample, header("Idempotency-Key", "order-0001")), one, nil},
		{"accepted without a request id", edit(sample, func(r *door.Request) { r.ID = "" }), one, nil},
		{"no token", edit(sample, func(r *door.Request) { r.Header.Del("Authorization") }), one, nil},
		{"an expired token", edit(sample, header("Authorization", "Bearer "+sign(t, jwt.SigningMethodES256, keys().ec, with("exp", noon.Add(-time.Minute).Unix()), nil))), one, nil},
		{"another scope", edit(sample, header("Authorization", "Bearer "+sign(t, jwt.SigningMethodES256, keys().ec, with("scope", "metriche:leggi"), nil))), one, nil},
		{"the keys are not there", post(t, sample), down{}, nil},
		{"the queue is not there", post(t, sample), one, &fault.Error{Op: "sqs", Kind: fault.Down}},
		{"the queue is throttled", post(t, sample), one, &fault.Error{Op: "sqs", Kind: fault.Throttled, After: 90 * time.Second}},
		{"GET", edit(sample, func(r *door.Request) { r.Method = http.MethodGet }), one, nil},
		{"text", edit(sample, header("Content-Type", "text/plain")), one, nil},
		{"too large", post(t, sample+strings.Repeat(" ", conversion.MaxBody)), one, nil},
		{"no JSON", post(t, sample[:50]), one, nil},
		{"several faults", post(t, `{"id_cliente":"CLIENTE-1","evento":"visita","valore":1.005,"canale":"webform","stato":"completato","segreto":"x"}`), one, nil},
		{"two ids", edit(strings.Replace(sample, "{", `{"id_evento":"order-0001",`, 1), header("Idempotency-Key", "order-0002")), one, nil},
		{"an id of another form", edit(sample, header("Idempotency-Key", "kurz")), one, nil},
		{"old", post(t, strings.Replace(sample, "2026-11-22", "2026-11-02", 1)), one, nil},
	} {
		q := &queue{err: tt.err}
		a := at(t, tt.keys, q).Handle(t.Context(), tt.req)
		out.WriteString(print(tt.name, a))
		if accepted := a.Status == http.StatusAccepted; accepted != (len(q.sent) == 1) {
			t.Errorf("%s: answered %d with %d messages in the queue", tt.name, a.Status, len(q.sent))
		}
		for _, secret := range []string{"CLIENTE-", "789456", "segreto\":", "1.005"} {
			if strings.Contains(string(a.Body), secret) {
				t.Errorf("%s: the answer repeats %q", tt.name, secret)
			}
		}
	}
	golden(t, "answers.txt", out.String())
}

func TestTheEventGoesIntoTheQueueAsItCame(t *testing.T) {
	q := &queue{}
	a := at(t, conversions.One{Public: &keys().ec.PublicKey}, q).Handle(t.Context(), post(t, sample))
	if a.Status != http.StatusAccepted || len(q.sent) != 1 {
		t.Fatalf("%d, %d messages", a.Status, len(q.sent))
	}
	got, err := submission.Open(q.sent[0].Body)
	want, bad := conversion.Decode([]byte(sample), noon)
	if err != nil || bad != nil || got.Event != want || got.Tenant != conversion.TenantOf("https://issuer.example", "shop") || !got.Received.Equal(noon) {
		t.Errorf("%+v, %v, %v", got, err, bad)
	}
	if q.sent[0].Dedup != "JKJaXmPLvHcESHA=" || got.Ingestion != q.sent[0].Dedup {
		t.Errorf("deduplication id %s, request %s", q.sent[0].Dedup, got.Ingestion)
	}
}

// The 29 documents of the core's tests that are no events are refused by the handler too.
func TestBadDocumentsNeverReachTheQueue(t *testing.T) {
	files, err := filepath.Glob("../../core/conversion/testdata/bad/*.json")
	if err != nil || len(files) < 29 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	q := &queue{}
	d := at(t, conversions.One{Public: &keys().ec.PublicKey}, q)
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		a := d.Handle(t.Context(), post(t, string(body)))
		if a.Status != 422 && a.Status != 400 && a.Status != 413 || !strings.Contains(string(a.Body), `"codice"`) || len(q.sent) > 0 {
			t.Errorf("%s: %d %s", f, a.Status, a.Body)
		}
	}
}
