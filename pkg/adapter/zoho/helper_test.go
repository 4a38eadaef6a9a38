package zoho_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

// reply is one answer of the fake Zoho.
type reply struct {
	status int
	body   string
	header http.Header
	err    error
}

func ok(body string) reply { return reply{status: http.StatusOK, body: body} }

// request is what the fake was asked.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	body         string
}

// fake answers with what the test made up for the call, and keeps what it was asked.
type fake struct {
	t      *testing.T
	answer func(request) reply
	mu     sync.Mutex
	asked  []request
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	q := request{method: r.Method, path: r.URL.Path, query: r.URL.Query(), header: r.Header}
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			f.t.Error(err)
		}
		q.body = string(data)
	}
	if r.URL.Host != "www.zohoapis.eu" && r.URL.Host != "accounts.zoho.eu" {
		f.t.Errorf("asked host %s", r.URL.Host)
	}
	f.mu.Lock()
	f.asked = append(f.asked, q)
	f.mu.Unlock()
	a := f.answer(q)
	if a.err != nil {
		return nil, a.err
	}
	header := a.header
	if header == nil {
		header = http.Header{"Content-Type": {"application/json;charset=UTF-8"}}
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

// tokens hands out version after version.
type tokens struct {
	version int64
	bad     []int64
	err     error
}

func (s *tokens) Token(context.Context) (crm.Access, error) {
	if s.err != nil {
		return crm.Access{}, s.err
	}
	return crm.Access{Token: crm.NewSecret(fmt.Sprint("canary-", s.version)), Version: s.version, Base: "https://www.zohoapis.eu"}, nil
}

func (s *tokens) Bad(_ context.Context, version int64) error {
	s.bad = append(s.bad, version)
	s.version = version + 1
	return nil
}

// client returns a client of a Zoho that answers as told.
func client(t *testing.T, answer func(request) reply) (*zoho.Client, *fake) {
	f := &fake{t: t, answer: answer}
	return zoho.New(zoho.Config{Tokens: &tokens{version: 1}, HTTP: f, Now: now}), f
}

// always answers every call the same.
func always(r reply) func(request) reply { return func(request) reply { return r } }

var errReset = errors.New("connection reset by peer")

// recorded reads an answer of testdata; its status stands in its name.
func recorded(t *testing.T, name string) reply {
	t.Helper()
	body, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var status int
	if _, err := fmt.Sscanf(strings.SplitN(name, ".", 3)[1], "%d", &status); err != nil {
		t.Fatal(err)
	}
	return reply{status: status, body: string(body)}
}

const (
	idOne = "4876876000001234567"
	idTwo = "4876876000007654321"
)

func contact(key string) crm.ID { return crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: key} }

var columns = []crm.Column{
	{Field: "last_name", Property: "Last_Name", Type: crm.TypeText},
	{Field: "first_name", Property: "First_Name", Type: crm.TypeText},
	{Field: "email", Property: "Email", Type: crm.TypeEmail},
	{Field: "phone", Property: "Phone", Type: crm.TypePhone},
	{Field: "source", Property: "Lead_Source", Type: crm.TypePicklist},
	{Field: "company", Property: "Account_Name", Type: crm.TypeCompany},
	{Field: "owner", Property: "Owner", Type: crm.TypeOwner},
}

// set returns a change of text fields: name, value, name, value.
func set(pairs ...string) map[crm.Field]crm.Value {
	out := map[crm.Field]crm.Value{}
	for i := 0; i < len(pairs); i += 2 {
		out[crm.Field(pairs[i])] = crm.Text(pairs[i+1])
	}
	return out
}
