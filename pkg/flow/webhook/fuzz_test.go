package webhook

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// FuzzHandle sends arbitrary requests to a door whose source does what the body tells it to, panics included.
func FuzzHandle(f *testing.F) {
	for _, body := range []string{"", "vf", "vm", "vx", "vp", "rf", "ru", "rr", "rx", "rp", "o", "oo", "w", "pu"} {
		f.Add("POST", "/webhooks/hubspot", "application/json", "", []byte(body), false)
	}
	f.Add("GET", "/", "", "gzip", []byte(nil), true)
	f.Add("POST", "/webhooks/hubspot", "application/json; charset=utf-8", "identity", []byte("o"), true)
	f.Add("POST", "/webhooks/hubspot", "application/json;;=\x00", "", bytes.Repeat([]byte("o"), 2000), false)
	f.Fuzz(func(t *testing.T, method, path, kind, coding string, body []byte, broken bool) {
		s := hubspot()
		s.verify = func(_ context.Context, r door.Request) error { return tell(r.Body, 'v') }
		s.read = func(_ context.Context, r door.Request) (door.Delivery, error) {
			d := door.Delivery{Events: len(r.Body), Unreadable: bytes.Count(r.Body, []byte("?"))}
			for range bytes.Count(r.Body, []byte("o")) {
				d.Operations = append(d.Operations, operation("a"))
			}
			if bytes.Contains(r.Body, []byte("w")) {
				d.Operations = append(d.Operations, crm.Operation{Source: crm.WhatsApp})
			}
			return d, tell(r.Body, 'r')
		}
		b := newBench(s)
		if broken {
			b.queue.err, b.keeper.err = errors.New("gone"), errors.New("gone")
		}
		h := http.Header{"Content-Type": {kind}}
		if coding != "" {
			h["Content-Encoding"] = []string{coding}
		}
		a := b.Handle(t.Context(), door.Request{Method: method, Path: path, Header: h, Body: body})
		if !slices.Contains([]int{200, 400, 401, 404, 405, 413, 415, 503}, a.Status) {
			t.Fatalf("undocumented answer %d", a.Status)
		}
		total := 0
		for _, what := range []string{CountAccepted, CountQuarantined, CountForged, CountMalformed, CountRefused, CountTurnedAway,
			CountDoubts, CountPanics} {
			total += b.counts["hubspot "+what] + b.counts[" "+what]
		}
		if total != 1 {
			t.Fatalf("the request was counted %d times: %v", total, b.counts)
		}
		if b.counts["hubspot accepted"] == 1 && len(b.queue.sent) != bytes.Count(body, []byte("o")) {
			t.Fatalf("accepted, but %d operations queued", len(b.queue.sent))
		}
	})
}

// tell returns what the letter after mark asks for.
func tell(body []byte, mark byte) error {
	i := bytes.IndexByte(body, mark)
	if i < 0 || i+1 == len(body) {
		return nil
	}
	switch body[i+1] {
	case 'f':
		return door.ErrForged
	case 'm':
		return door.ErrMalformed
	case 'u':
		return door.ErrUnreadable
	case 'r':
		return door.ErrRefused
	case 'x':
		return errors.New("a doubt")
	case 'p':
		panic("told to")
	}
	return nil
}
