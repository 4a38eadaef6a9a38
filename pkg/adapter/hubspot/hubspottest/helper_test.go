package hubspottest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
)

const (
	contacts  = "/crm/objects/2026-09/contacts"
	companies = "/crm/objects/2026-09/companies"
)

// desk is a sandbox with a clock that a test moves.
type desk struct {
	*hubspottest.Server
	t    *testing.T
	time time.Time
}

func open(t *testing.T, o hubspottest.Options) *desk {
	d := &desk{t: t, time: time.Date(2026, 11, 21, 10, 0, 0, 123e6, time.UTC)}
	o.Now = func() time.Time { return d.time }
	d.Server = hubspottest.New(o)
	return d
}

func (d *desk) pass(by time.Duration) { d.time = d.time.Add(by) }

// reply is an answer, decoded.
type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any
	err    error
}

// at walks into the body: "errors.0.code".
func (r reply) at(path string) any {
	var v any = r.body
	for step := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[step]
		case []any:
			if i := int(step[0] - '0'); i < len(node) {
				v = node[i]
			} else {
				return nil
			}
		default:
			return nil
		}
	}
	return v
}

func (d *desk) send(token, method, path, body string) reply {
	d.t.Helper()
	req, err := http.NewRequest(method, "https://api.hubapi.com"+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return d.do(req)
}

func (d *desk) do(req *http.Request) reply {
	resp, err := d.Transport().RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	text, err := io.ReadAll(resp.Body)
	r := reply{status: resp.StatusCode, header: resp.Header, text: string(text), err: err}
	if len(text) > 0 && text[0] == '{' && err == nil {
		if err := json.Unmarshal(text, &r.body); err != nil {
			d.t.Fatalf("answer is no JSON: %v: %s", err, text)
		}
	}
	return r
}

// app sends as the connector, user as a person.
func (d *desk) app(method, path, body string) reply {
	d.t.Helper()
	return d.send(hubspottest.DefaultToken, method, path, body)
}

func (d *desk) user(method, path, body string) reply {
	d.t.Helper()
	return d.send(hubspottest.DefaultUserToken, method, path, body)
}

func (d *desk) create(m crm.Module, props ...string) string {
	d.t.Helper()
	id, err := d.Create(m, pairs(props))
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) prop(m crm.Module, id, name string) string {
	d.t.Helper()
	props, _ := d.Props(m, id)
	return props[name]
}

func pairs(list []string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}

func write(props ...string) string {
	b, _ := json.Marshal(map[string]any{"properties": pairs(props), "associations": []any{}})
	return string(b)
}

func search(property, operator, value string) string {
	b, _ := json.Marshal(map[string]any{
		"filterGroups": []any{map[string]any{"filters": []any{map[string]any{"propertyName": property, "operator": operator, "value": value}}}},
		"properties":   []string{"email", "domain"}, "sorts": []any{}, "limit": 100, "after": "0",
	})
	return string(b)
}

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
