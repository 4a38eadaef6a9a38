package zohotest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

// org is a sandbox with a clock that stands still unless it is moved, and a token of ours.
type org struct {
	*zohotest.Server
	t     *testing.T
	clock time.Time
	token string
	sent  []string // bodies of notifications
	fail  int      // status that the receiver answers, 0 is 200
}

func newOrg(t *testing.T, set ...func(*zohotest.Options)) *org {
	t.Helper()
	g := &org{t: t, clock: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	o := zohotest.Options{Now: func() time.Time { return g.clock }, Send: func(r *http.Request) (int, error) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return 0, err
		}
		g.sent = append(g.sent, string(b))
		if g.fail != 0 {
			return g.fail, nil
		}
		return http.StatusOK, nil
	}}
	for _, f := range set {
		f(&o)
	}
	g.Server = zohotest.New(o)
	g.token = g.NewToken()
	return g
}

func live(o *zohotest.Options) {
	o.ChannelID, o.ChannelToken, o.NotifyURL = "1000000068001", "sandbox-channel", "https://door.example.com/webhooks/zoho?stage=test"
}

func (g *org) wait(d time.Duration) { g.clock = g.clock.Add(d) }

type response struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// call asks the API with our token; headers are "Name: value".
func (g *org) call(method, path, body string, headers ...string) response {
	g.t.Helper()
	a, err := g.try(method, path, body, headers...)
	if err != nil {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (g *org) try(method, path, body string, headers ...string) (response, error) {
	g.t.Helper()
	if !strings.HasPrefix(path, "/oauth") && !strings.HasPrefix(path, "/crm") {
		path = "/crm/v8" + path
	}
	r, err := http.NewRequestWithContext(g.t.Context(), method, "https://www.zohoapis.eu"+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Zoho-oauthtoken "+g.token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
		if value == "" {
			r.Header.Del(name)
		}
	}
	res, err := g.Transport().RoundTrip(r)
	if err != nil {
		return response{}, err
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return response{status: res.StatusCode}, err
	}
	if err := res.Body.Close(); err != nil {
		return response{}, err
	}
	a := response{status: res.StatusCode, header: res.Header, text: string(b)}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&a.body); err != nil {
		a.body = nil
	}
	return a, nil
}

// at walks into the answer: "data.0.details.id".
func (a response) at(path string) any {
	var x any = a.body
	for step := range strings.SplitSeq(path, ".") {
		switch y := x.(type) {
		case map[string]any:
			x = y[step]
		case []any:
			n := int(step[0] - '0')
			if n >= len(y) {
				return nil
			}
			x = y[n]
		default:
			return nil
		}
	}
	return x
}

func (a response) str(path string) string {
	s, _ := a.at(path).(string)
	return s
}

func (g *org) create(m crm.Module, props ...string) string {
	g.t.Helper()
	id, err := g.Create(m, pairs(props))
	if err != nil {
		g.t.Fatal(err)
	}
	return id
}

func (g *org) edit(m crm.Module, id string, props ...string) {
	g.t.Helper()
	if err := g.Edit(m, id, pairs(props)); err != nil {
		g.t.Fatal(err)
	}
}

func pairs(props []string) map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(props); i += 2 {
		out[props[i]] = props[i+1]
	}
	return out
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
