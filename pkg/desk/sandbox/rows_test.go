package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/storetest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
)

// office is a desk behind a socket, and the way to it.
func office(t *testing.T) (*Desk, Remote, string) { return officeWith(t, nil) }

func officeWith(t *testing.T, env map[string]string) (*Desk, Remote, string) {
	t.Helper()
	set, err := ReadSettings(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	d, err := NewDesk(set, io.Discard, slog.New(slog.DiscardHandler), time.Now, func() string { n++; return strings.Repeat("k", 32) + string(rune('a'+n)) })
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(d.routes())
	t.Cleanup(server.Close)
	return d, Remote{Base: server.URL, HTTP: http.DefaultTransport}, server.URL
}

func TestATableOfTheDeskIsATableFromAfarToo(t *testing.T) {
	storetest.TestRows(t, func(t *testing.T, now func() time.Time) storetest.Rows {
		d, remote, _ := office(t)
		d.suite.Tables[Config] = memory.NewRows(now)
		return remote.Table(Config)
	})
}

func TestAQueueOfTheDeskTakesAndRedrivesFromAfar(t *testing.T) {
	d, remote, _ := office(t)
	lane := remote.Lane(crm.HubSpot)
	entry := batch.Entry{Group: "g", Dedup: "d", Body: "{}"}
	if err := lane.Send(t.Context(), []batch.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	if err := d.suite.Lanes[0].Dead.Send(t.Context(), []batch.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	if waiting, inFlight, dead, err := lane.Stats(t.Context()); waiting != 1 || inFlight != 0 || dead != 1 || err != nil {
		t.Errorf("%d waiting, %d in flight, %d dead, %v", waiting, inFlight, dead, err)
	}
	if n, err := lane.Redrive(t.Context(), 10); n != 1 || err != nil {
		t.Errorf("redriven %d, %v", n, err)
	}
	if waiting, _, dead, err := lane.Stats(t.Context()); waiting != 2 || dead != 0 || err != nil {
		t.Errorf("%d waiting, %d dead, %v", waiting, dead, err)
	}
	if waiting, _, _, err := remote.Queue(d.suite.Lanes[0].Name).Stats(t.Context()); waiting != 2 || err != nil {
		t.Errorf("the same by its name: %d waiting, %v", waiting, err)
	}
	if waiting, _, _, err := remote.Lane(crm.Zoho).Stats(t.Context()); waiting != 0 || err != nil {
		t.Errorf("the other queue: %d waiting, %v", waiting, err)
	}
}

func TestTheCommandLearnsHowTheProcessWasStartedAndNoSecret(t *testing.T) {
	env := map[string]string{
		"MODE": "observe", "PHONE_MATCH": "mobile", "HUBSPOT_CLIENT_SECRET": "canarino-1", "HUBSPOT_ACCESS_TOKEN": "canarino-2", "ZOHO_CLIENT_SECRET": "canarino-3",
		"ZOHO_REFRESH_TOKEN": "canarino-4", "ZOHO_CHANNEL_TOKEN": "canarino-5", "WHATSAPP_APP_SECRET": "canarino-6", "WHATSAPP_VERIFY_TOKEN": "canarino-7",
		"WHATSAPP_ACCESS_TOKEN": "canarino-8", "CONVERSIONS_JWT_SECRET": "canarino-9-of-at-least-thirty-two-characters",
	}
	d, remote, _ := officeWith(t, env)
	d.set.MappingText = []byte("version: 1\n")
	given, own, text, err := remote.Settings(t.Context())
	if want := "CONVERSIONS_JWT_SECRET HUBSPOT_ACCESS_TOKEN HUBSPOT_CLIENT_SECRET WHATSAPP_ACCESS_TOKEN WHATSAPP_APP_SECRET WHATSAPP_VERIFY_TOKEN ZOHO_CHANNEL_TOKEN ZOHO_CLIENT_SECRET ZOHO_REFRESH_TOKEN"; strings.Join(own, " ") != want {
		t.Errorf("its own are %v", own)
	}
	if err != nil || given["MODE"] != "observe" || given["PHONE_MATCH"] != "mobile" || given["LEADS"] != "" || string(text) != "version: 1\n" {
		t.Errorf("%v, %q, %v", given, text, err)
	}
	for name, v := range given {
		if strings.Contains(v, "canarino") {
			t.Errorf("%s is told", name)
		}
	}
}

func TestASecretThatIsTheSandboxsIsNoneOfTheProcesss(t *testing.T) {
	_, remote, _ := officeWith(t, map[string]string{"HUBSPOT_CLIENT_SECRET": " " + hubspottest.DefaultClientSecret, "WHATSAPP_APP_SECRET": " ", "ZOHO_ACCESS_TOKEN": "canarino"})
	if _, own, _, err := remote.Settings(t.Context()); err != nil || strings.Join(own, " ") != "ZOHO_ACCESS_TOKEN" {
		t.Errorf("%v, %v", own, err)
	}
}

func TestWhoIsNotTheCommandIsTurnedAway(t *testing.T) {
	_, remote, base := office(t)
	for name, change := range map[string]func(*http.Request){
		"a page's form":                     func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"a name that leads to this machine": func(r *http.Request) { r.Host = "evil.example.com" },
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+remotePath+"config/list", strings.NewReader(`{"part":"config"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		change(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d", name, resp.StatusCode)
		}
	}
	if _, err := remote.Table("elsewhere").List(t.Context(), "p", "", "", 0); err == nil || !strings.Contains(err.Error(), "no table elsewhere") {
		t.Errorf("another table: %v", err)
	}
	if err := remote.Table(Config).Put(t.Context(), row.Put{Key: row.Key{Part: "p"}, If: 7}); !errors.Is(err, row.ErrConflict) {
		t.Errorf("a version that is not there: %v", err)
	}
}

func TestTheStateSaysTheModeAndWhyTheBrakeWasPulled(t *testing.T) {
	d, _, base := office(t)
	rows := &config.Rows{Store: d.suite.Tables[Config], Now: time.Now}
	for _, tt := range []struct{ row, mode, brake string }{
		{"", "on", ""},
		{"off paused 2026-11-03T12:00:00Z", "off", ""},
		{"observe", "observe", ""},
		{"observe field phone was cleared 21 times in 10m0s", "observe", "field phone was cleared 21 times in 10m0s"},
		{"on since 2026-11-03T12:00:00Z", "on", ""},
	} {
		if tt.row != "" {
			if err := rows.Set(t.Context(), config.Mode, []byte(tt.row)); err != nil {
				t.Fatal(err)
			}
		}
		resp, err := http.Get(base + "/desk/state")
		if err != nil {
			t.Fatal(err)
		}
		var state map[string]any
		err = json.NewDecoder(resp.Body).Decode(&state)
		resp.Body.Close()
		brake, pulled := state["brake"]
		if err != nil || state["mode"] != tt.mode || pulled != (tt.brake != "") || pulled && brake != tt.brake || state["queues"] == nil || state["counts"] == nil {
			t.Errorf("%q: %v, %v", tt.row, state, err)
		}
	}
	if err := rows.Set(t.Context(), config.Mode, []byte("obsrve")); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(base + "/desk/state")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("a mode that is none: status %d", resp.StatusCode)
	}
}
