package sandbox

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/adapter/zoho/zohotest"
)

func env(set map[string]string) func(string) string {
	return func(name string) string { return set[name] }
}

func TestTheDeskIsReachedWhereItListens(t *testing.T) {
	for addr, want := range map[string]string{
		"":                     "http://127.0.0.1:8080/webhooks/",
		":9090":                "http://127.0.0.1:9090/webhooks/",
		"0.0.0.0:9090":         "http://127.0.0.1:9090/webhooks/",
		"[::]:9090":            "http://127.0.0.1:9090/webhooks/",
		"localhost:9090":       "http://localhost:9090/webhooks/",
		"192.168.1.5:9090":     "http://192.168.1.5:9090/webhooks/",
		"desk.example.com:443": "http://desk.example.com:443/webhooks/",
	} {
		set, err := ReadSettings(env(map[string]string{"SUITE_ADDR": addr}))
		if err != nil || set.HubSpot.WebhookURLs[0] != want+"hubspot" || set.Zoho.WebhookURL != want+"zoho" {
			t.Errorf("SUITE_ADDR=%s: %v, %v, %v, want %s", addr, set.HubSpot.WebhookURLs, set.Zoho.WebhookURL, err, want)
		}
	}
}

// A person corrects everything and starts again once, not once for each.
func TestTheDeskDoesNotStartAndNamesEveryFaultAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		want []string
	}{
		{"wrong values", map[string]string{
			"SUITE_ADDR": "8080", "PHONE_REGION": "XX", "REPORT_TO": "nobody,client@example.com", "REPORT_FROM": "x", "REPORT_EVERY": "0", "REPORT_LANGUAGE": "fr",
			"LAST_NAME": "x", "LEADS": "x", "PHONE_MATCH": "x", "MODE": "x", "HUBSPOT_APP_ID": "x", "ZOHO_CHANNEL_ID": "x", "HUBSPOT_WEBHOOK_URL": "x",
			"ZOHO_WEBHOOK_URL": "x y", "HUBSPOT_SIGNATURE_MODE": "x", "HUBSPOT_CALLS_PER_10S": "x", "HUBSPOT_CALLS_PER_DAY": "x", "HUBSPOT_SEARCHES_PER_SECOND": "x",
			"ZOHO_CREDITS_PER_DAY": "x", "ZOHO_CONCURRENCY": "x", "BUDGET_RESERVE": "x", "HUBSPOT_CLIENT_SECRET": "x y", "HUBSPOT_ACCESS_TOKEN": "x y",
			"ZOHO_CLIENT_SECRET": "x y", "ZOHO_REFRESH_TOKEN": "x y", "ZOHO_CHANNEL_TOKEN": "x y", "ZOHO_CLIENT_ID": "x y", "ZOHO_ACCOUNTS_URL": "x",
		}, []string{
			"SUITE_ADDR", "HUBSPOT_ACCESS_TOKEN", "HUBSPOT_APP_ID", "HUBSPOT_CLIENT_SECRET", "HUBSPOT_WEBHOOK_URL", "HUBSPOT_SIGNATURE_MODE", "ZOHO_CHANNEL_ID",
			"ZOHO_CHANNEL_TOKEN", "ZOHO_WEBHOOK_URL", "ZOHO_ACCOUNTS_URL", "ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "REPORT_TO", "REPORT_FROM",
			"REPORT_LANGUAGE", "REPORT_EVERY", "PHONE_REGION", "LAST_NAME", "LEADS", "PHONE_MATCH", "MODE", "HUBSPOT_CALLS_PER_10S", "HUBSPOT_CALLS_PER_DAY",
			"HUBSPOT_SEARCHES_PER_SECOND", "ZOHO_CREDITS_PER_DAY", "ZOHO_CONCURRENCY", "BUDGET_RESERVE", "ZOHO_ACCOUNTS_URL",
		}},
		{"real CRMs without anything", map[string]string{"HUBSPOT_API_URL": "https://api.hubapi.com", "ZOHO_API_URL": "https://www.zohoapis.eu"}, []string{
			"HUBSPOT_ACCESS_TOKEN", "HUBSPOT_APP_ID", "HUBSPOT_CLIENT_SECRET", "HUBSPOT_WEBHOOK_URL", "ZOHO_CHANNEL_ID", "ZOHO_CHANNEL_TOKEN", "ZOHO_ACCOUNTS_URL",
			"ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN",
		}},
		{"addresses that are none are meant to be real CRMs", map[string]string{"HUBSPOT_API_URL": "api.hubapi.com", "ZOHO_API_URL": "www.zohoapis.eu", "ZOHO_ACCESS_TOKEN": "1000.a"}, []string{
			"HUBSPOT_API_URL", "HUBSPOT_ACCESS_TOKEN", "HUBSPOT_APP_ID", "HUBSPOT_CLIENT_SECRET", "HUBSPOT_WEBHOOK_URL", "ZOHO_API_URL", "ZOHO_CHANNEL_ID", "ZOHO_CHANNEL_TOKEN",
		}},
		{"a channel that a real Zoho cannot reach", map[string]string{
			"ZOHO_API_URL": "https://www.zohoapis.eu", "ZOHO_ACCESS_TOKEN": "1000.a", "ZOHO_CHANNEL_ID": "7", "ZOHO_CHANNEL_TOKEN": "t",
			"ZOHO_WEBHOOK_URL": "http://127.0.0.1:8080/webhooks/zoho",
		}, []string{"ZOHO_WEBHOOK_URL"}},
		{"keys of callers that the desk cannot use", map[string]string{"CONVERSIONS_JWT_SECRET": strings.Repeat("s", 32) + ",short"}, []string{"CONVERSIONS_JWT_SECRET"}},
		{"another algorithm than the desk's", map[string]string{"CONVERSIONS_JWT_ALGORITHM": "ES256"}, []string{"CONVERSIONS_JWT_ALGORITHM"}},
		{"a key set, which the desk does not ask", map[string]string{"CONVERSIONS_JWKS_URL": "https://keys.example.com/jwks.json"}, []string{"CONVERSIONS_JWKS_URL"}},
		{"accounts alone", map[string]string{"ZOHO_ACCOUNTS_URL": "http://127.0.0.1:9182"}, []string{"ZOHO_ACCOUNTS_URL"}},
	} {
		_, err := ReadSettings(env(tt.env))
		var names []string
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				name, what, _ := strings.Cut(line, " ")
				names = append(names, name)
				if len(strings.TrimSpace(what)) < 10 {
					t.Errorf("%s: %q says nothing", tt.name, line)
				}
			}
		}
		if d := cmp.Diff(tt.want, names); d != "" {
			t.Errorf("%s: %s\n%v", tt.name, d, err)
		}
	}
}

// console is what a desk prints.
type console struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// start runs a desk with these settings over a Zoho that stands for the real one, until it has printed what is waited for.
func start(t *testing.T, zoho *zohotest.Server, more map[string]string, until string) string {
	t.Helper()
	there := httptest.NewServer(zoho)
	t.Cleanup(there.Close)
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"SUITE_ADDR": free.Addr().String(), "HUBSPOT_API_URL": there.URL + "/hubspot", "ZOHO_API_URL": there.URL, "WHATSAPP_API_URL": there.URL + "/whatsapp"}
	free.Close()
	for name, v := range more {
		all[name] = v
	}
	set, err := ReadSettings(env(all))
	if err != nil {
		t.Fatal(err)
	}
	out := &console{}
	n := 0
	d, err := NewDesk(set, out, slog.New(slog.DiscardHandler), time.Now, func() string { n++; return strings.Repeat("k", 32) + string(rune('a'+n)) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	for range 500 {
		if strings.Contains(out.String(), until) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestADeskThatIsToldWhereItIsReachedOpensZohosChannelWhenItStarts(t *testing.T) {
	hook := "https://desk.example.com/webhooks/zoho"
	zoho := zohotest.New(zohotest.Options{Now: time.Now})
	said := start(t, zoho, map[string]string{"ZOHO_WEBHOOK_URL": hook, "ZOHO_CHANNEL_ID": "68002", "ZOHO_CHANNEL_TOKEN": "a-token", "ZOHO_ACCESS_TOKEN": zoho.NewToken()},
		"notification channel")
	if want := "Zoho's notification channel 68002 sends to " + hook; !strings.Contains(said, want) {
		t.Errorf("printed %s", said)
	}
	if ch := zoho.Channels(); len(ch) != 1 || ch[0].ID != "68002" || ch[0].URL != hook || ch[0].Token != "a-token" {
		t.Errorf("%+v", ch)
	}
}

func TestADeskSaysThatTheChannelCouldNotBeOpened(t *testing.T) {
	zoho := zohotest.New(zohotest.Options{Now: time.Now})
	zoho.Fail(zohotest.Fault{On: "/crm/v8/actions/watch", Times: -1, Status: 403, Body: `{"code":"OAUTH_SCOPE_MISMATCH","details":{},"message":"invalid oauth scope","status":"error"}`})
	said := start(t, zoho, map[string]string{"ZOHO_WEBHOOK_URL": "https://desk.example.com/webhooks/zoho", "ZOHO_ACCESS_TOKEN": zoho.NewToken()}, "notification channel")
	if !strings.Contains(said, "is not open, and tells this desk nothing: ") || !strings.Contains(said, "OAUTH_SCOPE_MISMATCH") {
		t.Errorf("printed %s", said)
	}
}

func TestADeskThatNoChannelReachesSaysSoWhenItStarts(t *testing.T) {
	set, err := ReadSettings(env(map[string]string{"ZOHO_API_URL": "https://www.zohoapis.eu", "ZOHO_ACCESS_TOKEN": "1000.a", "ZOHO_CHANNEL_ID": "7", "ZOHO_CHANNEL_TOKEN": "t"}))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	d, err := NewDesk(set, &out, slog.New(slog.DiscardHandler), time.Now, func() string { return strings.Repeat("k", 32) })
	if err != nil {
		t.Fatal(err)
	}
	d.welcome()
	if !strings.Contains(out.String(), "ZOHO_WEBHOOK_URL is not set: Zoho tells this desk of no change") || d.suite.Functions["renewZohoChannel"] != nil {
		t.Errorf("printed %s", out.String())
	}
	if set, err = ReadSettings(env(nil)); err != nil || set.OpenChannel {
		t.Errorf("the sandbox needs no channel opened: %v", err)
	}
}
