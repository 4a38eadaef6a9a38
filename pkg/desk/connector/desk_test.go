package connector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/desk/sandbox"
)

// process is one of make run, and the way to it from an environment of the operator's own.
type process struct {
	t    *testing.T
	base string
	at   map[string]string // the addresses of its sandboxes, by those that they usually have
	env  map[string]string
}

// started starts a process with an environment and a mapping of its own, "" for the built-in one.
func started(t *testing.T, env map[string]string, own string) *process {
	t.Helper()
	for range 5 {
		if p := begun(t, env, own); p != nil {
			return p
		}
	}
	t.Fatal("five times in a row somebody took one of four ports in the moment between its choice and its use")
	return nil
}

// begun starts a process on ports of its own, and waits until it answers. It is nil when somebody has taken one of them meanwhile.
func begun(t *testing.T, env map[string]string, own string) *process {
	t.Helper()
	door := port(t)
	set, err := sandbox.ReadSettings(func(name string) string {
		if name == "SUITE_ADDR" {
			return door
		}
		return env[name]
	})
	if err == nil && own != "" {
		set.MappingText = []byte(own)
		set.Rules.Default, err = mapping.Parse(set.MappingText)
	}
	if err != nil {
		t.Fatal(err)
	}
	set.HubSpotAddr, set.ZohoAddr, set.MetaAddr = port(t), port(t), port(t)
	d, err := sandbox.NewDesk(set, io.Discard, slog.New(slog.DiscardHandler), time.Now, func() string { return strings.ReplaceAll(uuid.NewString(), "-", "") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	p := &process{t: t, base: "http://" + set.Addr, env: map[string]string{}, at: map[string]string{
		"127.0.0.1:8181": set.HubSpotAddr, "127.0.0.1:8182": set.ZohoAddr, "127.0.0.1:8183": set.MetaAddr,
	}}
	for range 3000 {
		select {
		case err := <-ended:
			stop()
			if !errors.Is(err, syscall.EADDRINUSE) {
				t.Fatal(err)
			}
			return nil
		case <-time.After(20 * time.Millisecond):
		}
		if _, _, _, err = (sandbox.Remote{Base: p.base, HTTP: http.DefaultTransport}).Settings(ctx); err == nil {
			t.Cleanup(func() {
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
			return p
		}
	}
	stop()
	t.Fatal(err)
	return nil
}

// port is an address of this machine on which nobody listens.
func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// RoundTrip finds a sandbox where it listens, and lets it speak of itself as if that were where sandboxes usually do. What stands for a
// public address is found behind it alike.
func (p *process) RoundTrip(r *http.Request) (*http.Response, error) {
	at, ok := p.at[r.URL.Host]
	if !ok {
		return http.DefaultTransport.RoundTrip(r)
	}
	usual := r.URL.Host
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", at
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(text, []byte(at), []byte(usual))))
	return resp, err
}

func (p *process) run(args ...string) ran {
	p.t.Helper()
	var out, errs strings.Builder
	code := Run(p.t.Context(), World{
		Getenv: func(name string) string { return p.env[name] }, Stdout: &out, Stderr: &errs, Now: time.Now, Sleep: sandbox.Sleep,
		NewID: uuid.NewString, Random: strings.NewReader(strings.Repeat("k", 1000)), HTTP: p, Version: "0.2.0", Open: Open,
	}, append(args, "--desk", p.base))
	return ran{code, out.String(), errs.String()}
}

// says checks how a command ends and returns what it printed.
func (p *process) says(code int, args ...string) string {
	p.t.Helper()
	r := p.run(args...)
	if r.code != code {
		p.t.Fatalf("%v ends with %d, want %d:\n%s%s", args, r.code, code, r.out, r.err)
	}
	return r.out + r.err
}

func TestTheProcessOfMakeRunIsReachedWithTheSettingsItReadsItself(t *testing.T) {
	p := started(t, nil, "")
	w := World{Getenv: func(string) string { return "" }, HTTP: p, Version: "0.2.0"}
	st, err := Open(t.Context(), w, Where{Desk: p.base})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"HUBSPOT_API_URL": "http://127.0.0.1:8181", "HUBSPOT_WEBHOOK_URL": p.base + "/webhooks/hubspot",
		"ZOHO_WEBHOOK_URL": p.base + "/webhooks/zoho", "ZOHO_CLIENT_ID": zohotest.DefaultClientID, "MODE": "on", "ELSE": "",
		"WHATSAPP_API_URL": "http://127.0.0.1:8183", numberID: whatsapptest.DefaultNumber, issuerSetting: conversionstest.DefaultIssuer,
	} {
		if got := st.Setting(t.Context(), name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	chat, err := st.Vault.Get(t.Context(), settings.WhatsAppAccessToken, settings.WhatsAppAppSecret, settings.WhatsAppVerifyToken, settings.ConversionsJWTSecret)
	if err != nil || len(chat) != 4 || st.Chats == nil || st.Conversions == nil || len(st.lines()) != 4 {
		t.Errorf("%d secrets of WhatsApp and conversions, %d queues, %v", len(chat), len(st.lines()), err)
	}
	got, err := st.Vault.Get(t.Context(), append(st.Needs, settings.PairKey)...)
	if err != nil || len(got) != 5 || got[settings.ZohoRefreshToken].Reveal() != zohotest.DefaultRefreshToken {
		t.Errorf("%d secrets, %v", len(got), err)
	}
	if err := st.Vault.Put(t.Context(), settings.ZohoRefreshToken, got[settings.ZohoRefreshToken]); err == nil || !strings.Contains(err.Error(), "set ZOHO_REFRESH_TOKEN in its environment") {
		t.Errorf("%v", err)
	}
	if v, err := st.Version(t.Context()); v != "0.2.0" || err != nil {
		t.Errorf("%s, %v", v, err)
	}
}

func TestWhatTheProcessWasStartedWithHoldsAndNotTheEnvironmentOfTheCommand(t *testing.T) {
	own := strings.Replace(string(mapping.DefaultYAML()), "      hubspot: twitterhandle\n", "      hubspot: linkedinbio\n", 1)
	p := started(t, map[string]string{"MODE": "observe", "PHONE_MATCH": "mobile", "LAST_NAME": "require"}, own)
	for _, env := range []map[string]string{{}, {"MODE": "off", "PHONE_MATCH": "never", "LAST_NAME": "fallback", "PHONE_REGION": "FR", "LEADS": "ignore"}} {
		p.env = env
		has(t, p.says(ExitOK, "mode"), "observe: the mode in which the stack started")
		has(t, p.says(ExitOK, "mapping", "show"), ", with which the process was started; ", "phone_match mobile, ", "last_name require, ", "phone_region IT", "linkedinbio")
		if out := p.says(ExitOK, "mapping", "show", "--yaml"); out != own {
			t.Error("another mapping than its own")
		}
		path := file(t, "my.yaml", own)
		hasNot(t, p.says(ExitOK, "mapping", "apply", path, "--plan"), "↔")
		has(t, p.says(ExitOK, "mapping", "apply", file(t, "other.yaml", string(mapping.DefaultYAML())), "--plan"), "(was linkedinbio ↔ Twitter, newest)")
		out := p.says(ExitOK, "doctor")
		has(t, out, "note   mode                 observe", "all is well")
		hasNot(t, out, "mapping.published")
		has(t, p.says(ExitOK, "link", "--dry-run"), "the mode is observe")
	}
}

func TestSecretsOfAProcessAreTheOperatorsToGive(t *testing.T) {
	// Nobody calls that address: what is asked for first is missing.
	p := started(t, map[string]string{
		"HUBSPOT_API_URL": "https://api.hubapi.example", "HUBSPOT_ACCESS_TOKEN": "canary-1", "HUBSPOT_CLIENT_SECRET": "canary-2",
		"HUBSPOT_APP_ID": "7", "HUBSPOT_WEBHOOK_URL": "https://example.com/webhooks/hubspot", "MODE": "off",
	}, "")
	has(t, p.says(ExitUsage, "link", "--dry-run"), "HUBSPOT_ACCESS_TOKEN is needed: the process of make run was started with one of its own")
	has(t, p.says(ExitOK, "mode"), "off: the mode in which the stack started") // which needs none
	p.env = map[string]string{"HUBSPOT_ACCESS_TOKEN": "canary 1"}
	has(t, p.says(ExitUsage, "mode"), "HUBSPOT_ACCESS_TOKEN ", "does not tell its secrets")
	p.env = nil
	has(t, p.says(ExitOK, "mode", "--secret-file", file(t, "secrets.env", "HUBSPOT_ACCESS_TOKEN=canary-1\nHUBSPOT_CLIENT_SECRET=canary-2\n")), "off: the mode in which the stack started")
}

// theirOwn are secrets with which a process was started, and of which a terminal beside it knows nothing.
var theirOwn = map[string]string{
	settings.HubSpotClientSecret: "canary-hubspot-client", settings.ZohoChannelToken: "canary-channel-token", settings.WhatsAppAppSecret: "canary-app-secret",
	settings.ConversionsJWTSecret: strings.Repeat("canary", 8), settings.ZohoRefreshToken: zohotest.DefaultRefreshToken,
}

func TestASecretOfAProcessThatNobodyGaveIsNotTakenForTheSandboxs(t *testing.T) {
	env := maps.Clone(theirOwn)
	env["MODE"] = "off"
	p := started(t, env, "")
	out := p.says(ExitOK, "doctor")
	for _, tt := range [][2]string{
		{settings.HubSpotClientSecret, "door.hubspot"}, {settings.ZohoChannelToken, "zoho.channel"}, {settings.ZohoChannelToken, "door.zoho"},
		{settings.WhatsAppAppSecret, "whatsapp.subscribed"}, {settings.WhatsAppAppSecret, "door.whatsapp"}, {settings.ConversionsJWTSecret, "conversions.keys"},
	} {
		has(t, out, fmt.Sprintf("skip   %-20s not looked at before %s is set here: the process of make run was started with one of its own, and does not tell it", tt[1], tt[0]))
	}
	hasNot(t, out, "fault")
	has(t, out, "ok     hubspot.token", "ok     zoho.scopes", "ok     whatsapp.token", "ok     secrets              5 are there") // with the sandbox's
	for line, name := range map[string]string{
		"setup zoho": settings.ZohoChannelToken, "setup hubspot --out " + t.TempDir(): settings.HubSpotClientSecret, "setup whatsapp": settings.WhatsAppAppSecret,
		"token": settings.ConversionsJWTSecret, "token --subject shop --scope metriche:leggi": settings.ConversionsJWTSecret,
	} {
		r := p.run(strings.Fields(line)...)
		want := "connector: " + name + " is needed: the process of make run was started with one of its own, and does not tell it. Set it in the environment of this command, or in --secret-file\n"
		if r.code != ExitUsage || !strings.HasSuffix(r.err, want) || strings.Contains(r.out+r.err, "canary") {
			t.Errorf("%s: exit %d, %s%s", line, r.code, r.out, r.err)
		}
	}
	p.says(ExitOK, "mode", "set", "off")

	secrets := ""
	for name, v := range theirOwn {
		secrets += name + "=" + v + "\n"
	}
	given := []string{"--secret-file", file(t, "secrets.env", secrets)}
	out = p.says(ExitOK, append([]string{"doctor"}, given...)...)
	has(t, out, "ok     zoho.channel", "ok     door.hubspot", "ok     door.zoho", "ok     door.whatsapp", "ok     door.conversions", "ok     secrets              9 are there")
	hasNot(t, out, "canary")
	has(t, p.says(ExitOK, append([]string{"setup", "zoho"}, given...)...), "as is  channel 1000000068001 notifies")
	token := p.run(append([]string{"token", "--subject", conversionstest.DefaultSubject, "--scope", "metriche:leggi"}, given...)...)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+conversions.MetricsPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token.out))
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		t.Errorf("the door answers %d to a token that was printed", resp.StatusCode)
	}
}

func TestAnAccessTokenOfAProcessIsAskedForWhereItIsNeeded(t *testing.T) {
	env := map[string]string{"MODE": "off", "ZOHO_ACCESS_TOKEN": zohotest.DefaultUserToken}
	p := started(t, env, "")
	out := p.says(ExitOK, "doctor")
	has(t, out, "skip   hubspot.token        not looked at before ZOHO_ACCESS_TOKEN is set here", "skip   zoho.token           not looked at before ZOHO_ACCESS_TOKEN is set here", "ok     door.zoho")
	has(t, p.says(ExitUsage, "link", "--dry-run"), "ZOHO_ACCESS_TOKEN is needed: "+theirs+". Set it in the environment of this command\n")
	p.env = env
	has(t, p.says(ExitOK, "doctor"), "ok     zoho.token           given, and used as it is", "ok     zoho.channel")
}

// The terminal of who runs a stack has that one's secrets: a process of the sandbox's is looked at with the sandbox's.
func TestSecretsOfAnotherStackInTheTerminalAreNotTakenForThoseOfTheProcess(t *testing.T) {
	p := started(t, map[string]string{"MODE": "off"}, "")
	p.env = theirOwn
	hasNot(t, p.says(ExitOK, "doctor"), "fault", "skip   door")
}

func TestAProcessThatIsNotThereIsSaidToBeOnce(t *testing.T) {
	at := "http://" + port(t)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(other) }()
	defer server.Close()
	p := &process{t: t, base: at}
	for _, line := range []string{"doctor", "mode", "mode set on", "parked", "mapping show", "setup zoho", "link --dry-run", "token"} {
		r := p.run(strings.Fields(line)...)
		if want := "connector: no process of make run answers at " + at + ": start it with make run, or give --desk its address\n"; r.code != ExitUsage || r.out != "" || r.err != want {
			t.Errorf("%s: exit %d, %s%s", line, r.code, r.out, r.err)
		}
	}
	p.base = "http://" + other.Addr().String()
	has(t, p.says(ExitUsage, "doctor"), "what answers at "+p.base+" (status 404) is no process of make run")
	fails(t, []string{"doctor"}, p.run("doctor", "--json"), ExitUsage)
}

// A tunnel leads from a public address to the door, and the channel sends there: that address is right, and stays.
func TestAProcessIsKnownByTheAddressThatItsChannelSendsTo(t *testing.T) {
	const hook = "https://desk.example.com/webhooks/zoho"
	p := started(t, map[string]string{"ZOHO_WEBHOOK_URL": hook, "MODE": "off"}, "")
	p.at["desk.example.com"] = strings.TrimPrefix(p.base, "http://")
	for _, base := range []string{p.base, strings.Replace(p.base, "127.0.0.1", "localhost", 1)} {
		p.base = base
		has(t, p.says(ExitOK, "doctor"), "ok     zoho.channel", "ok     door.zoho            "+hook+" takes what is authentic", "ok     door.hubspot", "ok     door.whatsapp", "ok     door.conversions", "all is well")
		has(t, p.says(ExitOK, "setup", "zoho"), "as is  channel 1000000068001 notifies "+hook)
		has(t, p.says(ExitOK, "setup", "whatsapp"), "as is  the app sends to")
	}
}

// Without an address that leads to the door from Zoho the process keeps no channel, and none is opened for it.
func TestAProcessWithoutAChannelIsGivenNone(t *testing.T) {
	there := httptest.NewServer(zohotest.New(zohotest.Options{Now: time.Now, Sleep: sandbox.Sleep, APIDomain: "https://www.zohoapis.eu", ClientID: zohotest.DefaultClientID}))
	defer there.Close()
	env := map[string]string{
		"ZOHO_API_URL": "https://www.zohoapis.eu", "ZOHO_ACCOUNTS_URL": "https://accounts.zoho.eu", "ZOHO_CLIENT_ID": zohotest.DefaultClientID, "ZOHO_CHANNEL_ID": "7",
		settings.ZohoClientSecret: zohotest.DefaultClientSecret, settings.ZohoRefreshToken: zohotest.DefaultRefreshToken, settings.ZohoChannelToken: "0123456789abcdef", "MODE": "off",
	}
	p := started(t, env, "")
	p.env = env
	for _, host := range []string{"www.zohoapis.eu", "accounts.zoho.eu"} {
		p.at[host] = there.Listener.Addr().String()
	}
	out := p.says(ExitOK, "setup", "zoho")
	has(t, out, "note   no channel is opened: the process of make run has no ZOHO_WEBHOOK_URL")
	p.says(ExitOK, "setup", "whatsapp") // whose fields this Zoho does not have yet
	out = p.says(ExitOK, "doctor")
	has(t, out, "note   zoho.channel         the process of make run has no ZOHO_WEBHOOK_URL: Zoho tells it of no change, and reconcile looks every hour",
		"ok     door.zoho            "+p.base+"/webhooks/zoho takes", "ok     door.whatsapp", "ok     door.conversions", "all is well")
}

func TestACommandThatIsStoppedSaysSo(t *testing.T) {
	b := stage(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs strings.Builder
	code := Run(ctx, World{
		Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &errs, Now: b.Clock.Now, Sleep: b.Clock.Sleep,
		NewID: func() string { return "x" }, HTTP: b, Version: "0.2.0", Open: b.open,
	}, []string{"import", "--stack", "shop"})
	if code != ExitStopped || !strings.Contains(errs.String(), "can be run again") {
		t.Errorf("exit %d, %s", code, errs.String())
	}
}

// Its tombstones are hashed with a key that the process makes and keeps to itself.
func TestAProcessOfMakeRunIsSaidNotToTellWhomItErased(t *testing.T) {
	p := started(t, map[string]string{"MODE": "on"}, "")
	for _, line := range [][]string{{"link", "--dry-run"}, {"link", "--dry-run", "--json"}} {
		has(t, p.says(ExitOK, line...), "a process of make run does not tell whom it has erased: they are counted as if they were met for the first time")
	}
}

// A process keeps no secret and tells none: what is handed to the command is tried, and nothing is said to be stored.
func TestSetupOfAProcessTriesWhatItIsGivenAndStoresNothing(t *testing.T) {
	p := started(t, nil, "")
	const theirs = ": the process of make run has what it was started with, and does not tell it\n"
	hubspot := []string{"setup", "hubspot", "--out", t.TempDir()}
	out := p.says(ExitOK, hubspot...)
	has(t, out, "as is  HUBSPOT_ACCESS_TOKEN is not given here"+theirs, "as is  HUBSPOT_CLIENT_SECRET is not given here"+theirs)
	hasNot(t, out, "is stored")
	p.env = map[string]string{settings.HubSpotAccessToken: "canary", settings.HubSpotClientSecret: "0123-canary"}
	for _, line := range [][]string{hubspot, append(slices.Clone(hubspot), "--plan")} {
		out = p.says(ExitFinding, line...)
		has(t, out, "HubSpot does not take HUBSPOT_ACCESS_TOKEN")
		hasNot(t, out, "is stored", "canary")
	}
	p.env[settings.HubSpotAccessToken] = hubspottest.DefaultToken
	out = p.says(ExitOK, hubspot...)
	has(t, out, "as is  HUBSPOT_ACCESS_TOKEN as it is given here was tried, and stored nowhere"+theirs,
		"as is  HUBSPOT_CLIENT_SECRET as it is given here was judged by its shape alone: the first delivery shows whether it is right; it is stored nowhere"+theirs)
	hasNot(t, out, "is stored as", "/desk/")
	p.env = map[string]string{settings.ZohoClientSecret: "canary"}
	hasNot(t, p.says(ExitFinding, "setup", "zoho"), "is stored")
	p.env = nil
	out = p.says(ExitOK, "setup", "zoho")
	has(t, out, "as is  ZOHO_REFRESH_TOKEN is not given here"+theirs)
	hasNot(t, out, "is stored")
}
