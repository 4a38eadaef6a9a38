package whatsapptest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
)

const (
	number  = whatsapptest.DefaultNumber
	hook    = "https://hooks.example.com/webhooks/whatsapp"
	path    = "/v25.0/" + number + "/messages"
	hello   = `{"messaging_product":"whatsapp","to":"+393471234567","type":"template","template":{"name":"hello_world","language":{"code":"it"}}}`
	written = `{"messaging_product":"whatsapp","to":"+393471234567","type":"text","text":{"body":"ciao"}}`
)

// desk is a sandbox with a clock that a test moves and a door that takes what it is told to take.
type desk struct {
	*whatsapptest.Server
	t      *testing.T
	time   time.Time
	status int // what the door answers
	bodies []string
	told   []string // the updates that the door took, in a word each
}

func open(t *testing.T, o whatsapptest.Options) *desk {
	d := &desk{t: t, time: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), status: http.StatusOK}
	o.Now = func() time.Time { return d.time }
	o.Webhook, o.Send = hook, d.take
	d.Server = whatsapptest.New(o)
	return d
}

func (d *desk) take(r *http.Request) (int, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	if r.URL.String() != hook || r.Header.Get("X-Hub-Signature-256") != whatsapptest.Sign(whatsapptest.DefaultAppSecret, raw) {
		d.t.Errorf("a delivery to %s that is not signed", r.URL)
	}
	d.bodies = append(d.bodies, string(raw))
	if d.status == http.StatusOK {
		d.told = append(d.told, words(d.t, raw)...)
	}
	return d.status, nil
}

// words names the updates of a delivery: type or state.
func words(t *testing.T, raw []byte) (out []string) {
	var body struct {
		Entry []struct {
			Changes []struct {
				Field string
				Value struct {
					Messages []struct{ Type string }
					Statuses []struct {
						Status string
						Errors []struct{ Code int }
					}
					Preferences []struct{ Value string } `json:"user_preferences"`
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	for _, e := range body.Entry {
		for _, c := range e.Changes {
			for _, m := range c.Value.Messages {
				out = append(out, m.Type)
			}
			for _, s := range c.Value.Statuses {
				out = append(out, s.Status)
			}
			for _, p := range c.Value.Preferences {
				out = append(out, p.Value)
			}
		}
	}
	return out
}

func (d *desk) pass(by time.Duration) {
	d.time = d.time.Add(by)
	d.Tick()
}

// call sends as the suite and returns status and body.
func (d *desk) call(method, path, body string) (int, string) {
	d.t.Helper()
	req, err := http.NewRequest(method, "https://graph.sandbox"+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+whatsapptest.DefaultToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.Transport().RoundTrip(req)
	if err != nil {
		return 0, err.Error()
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err.Error()
	}
	return resp.StatusCode, string(text)
}

// code is Meta's code in an answer, 0 for none.
func code(body string) int {
	var e struct{ Error struct{ Code int } }
	_ = json.Unmarshal([]byte(body), &e)
	return e.Error.Code
}

func (d *desk) want(status, want int, method, path, body string) string {
	d.t.Helper()
	got, text := d.call(method, path, body)
	if got != status || code(text) != want {
		d.t.Errorf("%s %s %.80s: %d %s, want %d with code %d", method, path, body, got, text, status, want)
	}
	return text
}

func (d *desk) must(id string, err error) string {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}
