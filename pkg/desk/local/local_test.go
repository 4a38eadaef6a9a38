package local

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var env = Env{
	"AWS_ENDPOINT_URL": "http://host.docker.internal:4566", "HUBSPOT_API_URL": "http://host.docker.internal:8181",
	"ZOHO_API_URL": "http://host.docker.internal:8182", "ZOHO_ACCOUNTS_URL": "http://host.docker.internal:8182",
	"WHATSAPP_API_URL":      "http://host.docker.internal:8183",
	"ZOHO_OPERATIONS_QUEUE": "http://host.docker.internal:4566/000000000000/s-zoho-operations.fifo",
	"SECRETS_PATH":          "/s", "HUBSPOT_WEBHOOK_URL": "https://connector.example.com:4566/webhooks/hubspot",
}

func TestASecondDeskMovesEveryAddressAndNothingElse(t *testing.T) {
	moved, err := env.Move(Ports{Emulator: 8181, HubSpot: 8182, Zoho: 9, WhatsApp: 10})
	if err != nil {
		t.Fatal(err)
	}
	want := Env{
		"AWS_ENDPOINT_URL": "http://host.docker.internal:8181", "HUBSPOT_API_URL": "http://host.docker.internal:8182",
		"ZOHO_API_URL": "http://host.docker.internal:9", "ZOHO_ACCOUNTS_URL": "http://host.docker.internal:9",
		"WHATSAPP_API_URL":      "http://host.docker.internal:10",
		"ZOHO_OPERATIONS_QUEUE": "http://host.docker.internal:8181/000000000000/s-zoho-operations.fifo",
		"SECRETS_PATH":          "/s", "HUBSPOT_WEBHOOK_URL": "https://connector.example.com:4566/webhooks/hubspot",
	}
	if d := cmp.Diff(want, moved); d != "" {
		t.Error(d)
	}
	file := filepath.Join(t.TempDir(), "env.json")
	if err := moved.Write(file); err != nil {
		t.Fatal(err)
	}
	again, err := ReadEnv(file)
	if d := cmp.Diff(moved, again); d != "" || err != nil || again.Stack() != "s" {
		t.Error(d, err)
	}
}

func TestFunctionsOnThisMachineFindTheDeskOnTheLoopbackInterface(t *testing.T) {
	want := Env{
		"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "HUBSPOT_API_URL": "http://127.0.0.1:8181", "ZOHO_API_URL": "http://127.0.0.1:8182",
		"ZOHO_ACCOUNTS_URL": "http://127.0.0.1:8182", "WHATSAPP_API_URL": "http://127.0.0.1:8183", "ZOHO_OPERATIONS_QUEUE": "http://127.0.0.1:4566/000000000000/s-zoho-operations.fifo",
		"SECRETS_PATH": "/s", "HUBSPOT_WEBHOOK_URL": "https://connector.example.com:4566/webhooks/hubspot",
	}
	if d := cmp.Diff(want, env.Here()); d != "" {
		t.Error(d)
	}
}

func TestAnAddressWithoutAPortIsNamed(t *testing.T) {
	for _, bad := range []string{"", "http://host.docker.internal", "::"} {
		e := Env{"AWS_ENDPOINT_URL": "http://h:1", "HUBSPOT_API_URL": bad, "ZOHO_API_URL": "http://h:2", "WHATSAPP_API_URL": "http://h:3"}
		if _, err := e.Ports(); err == nil || !strings.HasPrefix(err.Error(), "HUBSPOT_API_URL is not an address with a port") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestEveryConnectionIsHandedOnUntilTheDeskCloses(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(append([]byte("got "), body...))
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	l, err := listen(ctx, "the emulator", loopback, 0)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	forward(ctx, &wg, l, server.Listener.Addr().String())
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	for _, body := range []string{"a", strings.Repeat("b", 1<<20)} {
		resp, err := client.Post("http://"+l.Addr().String(), "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || string(got) != "got "+body {
			t.Errorf("%d bytes came back, %v", len(got), err)
		}
		resp.Body.Close()
	}
	cancel()
	wg.Wait() // with a connection still open
	if _, err := net.DialTimeout("tcp", l.Addr().String(), time.Second); err == nil {
		t.Error("it listens on")
	}
}

func TestASwitchServesWhatWasSetLast(t *testing.T) {
	var s Switch
	ask := func() int {
		r := httptest.NewRecorder()
		s.ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		return r.Code
	}
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("before: %d", got)
	}
	s.Set(http.NotFoundHandler())
	if got := ask(); got != http.StatusNotFound {
		t.Errorf("after: %d", got)
	}
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", at(loopback, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var wg sync.WaitGroup
	_, err = Serve(t.Context(), &wg, "the sandbox Zoho", []string{loopback}, l.Addr().(*net.TCPAddr).Port, http.NotFoundHandler())
	if err == nil || !strings.HasPrefix(err.Error(), "the sandbox Zoho cannot listen on 127.0.0.1:") {
		t.Error(err)
	}
}

func TestAnEmulatorIsNotStartedWhereAnotherOneAnswers(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer other.Close()
	tools := t.TempDir()
	bin := filepath.Join(tools, "ministack", "bin", "ministack")
	if err := errors.Join(os.MkdirAll(filepath.Dir(bin), 0o750), os.WriteFile(bin, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err := StartEmulator(t.Context(), tools, EmulatorOptions{Port: other.Listener.Addr().(*net.TCPAddr).Port})
	if err == nil || !strings.HasPrefix(err.Error(), "the emulator cannot listen on 127.0.0.1:") {
		t.Error(err)
	}
}
