package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/secret"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/flow/upkeep"
)

// fleet is what is warm of the functions that know the channel's token: doors that have read their secrets at different times, and
// a renewal. Each reads them as it does in the cloud.
type fleet struct {
	*bench
	doors   []*zoho.Channel
	renewal func(context.Context) error
	refused []string // what no door should have refused, and when
}

// Post answers GetParameters from what is stored.
func (b *bench) Post(_ context.Context, _ string, _ http.Header, body []byte) (http.Header, []byte, error) {
	var in struct{ Names []string }
	var out struct {
		Parameters []struct{ Name, Value string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, nil, err
	}
	for _, name := range in.Names {
		if v := b.vault[strings.TrimPrefix(name, "/shop/")]; !v.IsZero() {
			out.Parameters = append(out.Parameters, struct{ Name, Value string }{name, v.Reveal()})
		}
	}
	text, err := json.Marshal(out)
	return nil, text, err
}

// warm starts doors that read their secrets a minute apart, and one just now.
func warm(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{bench: stage(t)}
	tokens := func() func(context.Context) ([]crm.Secret, error) {
		set := &settings.Reader{Getenv: func(name string) string { return map[string]string{settings.SecretsPath: "/shop"}[name] }}
		return secret.New(f.bench, set, f.Clock.Now).Several(settings.ZohoChannelToken)
	}
	renewing := tokens()
	f.renewal = (&upkeep.Renewer{Channels: zoho.New(zoho.Config{Tokens: f.reachZoho(), BaseURL: "https://www.zohoapis.eu", HTTP: f.bench, Now: f.Clock.Now, Sleep: f.Clock.Sleep}),
		ID: channel, URL: zohoHook, Tokens: renewing, Now: f.Clock.Now, Log: slog.New(slog.DiscardHandler)}).Run
	for range 6 {
		f.doors = append(f.doors, zoho.NewChannel(zoho.ChannelConfig{Keys: zoho.ChannelKeys(channel, tokens()), Now: f.Clock.Now}))
		f.Clock.Advance(time.Minute)
		f.notify()
	}
	_, err := renewing(t.Context())
	f.must(err)
	f.bench.doors = f
	f.waits = func() { f.notify() }
	return f
}

// reachZoho is a token of Zoho's that is good for the whole test.
func (b *bench) reachZoho() zoho.Tokens {
	st, err := b.open(b.t.Context(), World{}, Where{})
	b.must(err)
	s := &session{World: World{Getenv: func(name string) string { return b.env[name] }, Now: b.Clock.Now, Sleep: b.Clock.Sleep, HTTP: b, NewID: func() string { return "renewal" }}, opened: st, flags: Flags{Connection: "main"}}
	c, err := s.reach(b.t.Context(), st, true)
	b.must(err)
	return c.tokens
}

// RoundTrip brings a delivery to the first door.
func (f *fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if f.doors[0].Verify(r.Context(), door.Request{Body: body}) != nil {
		status = http.StatusUnauthorized
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil)), Request: r}, nil
}

// notify has Zoho tell something, which reaches every door, with the token that the channel carries.
func (f *fleet) notify() {
	f.t.Helper()
	body, err := json.Marshal(map[string]any{"channel_id": channel, "token": f.carried(), "module": "Leads", "ids": []string{"1"}})
	f.must(err)
	for i, d := range f.doors {
		if err := d.Verify(f.t.Context(), door.Request{Body: body}); err != nil {
			f.refused = append(f.refused, f.Clock.Now().Format(time.TimeOnly)+" door "+string(rune('0'+i)))
		}
	}
}

// carried is the token of the channel.
func (f *fleet) carried() string {
	f.t.Helper()
	all := f.Zoho.Channels()
	if len(all) != 1 {
		f.t.Fatalf("%d channels", len(all))
	}
	return all[0].Token
}

// ended checks that a rotation came to its end: one new token, which the channel carries, and no notification was refused.
func (f *fleet) ended(old ...string) {
	f.t.Helper()
	for range 2 * settled / (10 * time.Second) { // and nothing afterwards
		f.Clock.Advance(10 * time.Second)
		f.notify()
	}
	stored := f.vault[settings.ZohoChannelToken].Reveal()
	if stored != f.carried() || len(stored) != 40 {
		f.t.Error("what is stored is not the one token that the channel carries")
	}
	for _, o := range old {
		if o == stored {
			f.t.Error("an old token is in force")
		}
		body := []byte(`{"channel_id":"` + channel + `","token":"` + o + `"}`)
		for i, d := range f.doors {
			if d.Verify(f.t.Context(), door.Request{Body: body}) == nil {
				f.t.Errorf("door %d takes an old token", i)
			}
		}
	}
	if f.refused != nil {
		f.t.Errorf("%d notifications were refused, the first at %s", len(f.refused), f.refused[0])
	}
}

const firstToken = "sandbox-channel-token"

func TestNoNotificationIsRefusedWhileTheTokenOfTheChannelIsExchanged(t *testing.T) {
	f := warm(t)
	f.unchanged("--plan", func() {
		golden(t, "setup-zoho-rotate-plan.txt", f.want(ExitOK, "setup", "zoho", "--rotate-channel-token", "--plan"))
	})
	if f.carried() != firstToken {
		t.Error("--plan changes the channel")
	}
	begun := f.Clock.Now()
	r := f.run("setup", "zoho", "--rotate-channel-token")
	if r.code != ExitOK || f.Clock.Now().Sub(begun) > 15*time.Minute {
		t.Fatalf("exit %d after %s, %s%s", r.code, f.Clock.Now().Sub(begun), r.out, r.err)
	}
	golden(t, "setup-zoho-rotate.txt", r.out)
	has(t, r.err, "… every function reads it anew: 5m")
	f.ended(firstToken)
	f.chance = 1
	second := f.carried()
	f.want(ExitOK, "setup", "zoho", "--rotate-channel-token") // and again
	f.ended(firstToken, second)
}

func TestARenewalThatReadTheListBeforeDoesNotKeepTheOldToken(t *testing.T) {
	f := warm(t)
	begun := f.Clock.Now()
	read, again := false, false
	f.waits = func() {
		switch {
		case !read && f.Clock.Now().Sub(begun) > settled-30*time.Second: // a moment before the new token comes first
			read = true
			f.must(f.renewal(t.Context()))
		case !again && f.carried() != firstToken:
			again = true
			f.must(f.renewal(t.Context()))
			if f.carried() != firstToken {
				t.Error("the renewal is not of before")
			}
		}
		f.notify()
	}
	out := f.want(ExitOK, "setup", "zoho", "--rotate-channel-token")
	if n := strings.Count(out, "done   channel "+channel+" carries the new token"); n != 2 || !again {
		t.Errorf("the channel was changed %d times:\n%s", n, out)
	}
	f.ended(firstToken)
}

func TestARotationThatIsStoppedLeavesAChannelThatWorksAndEndsWithTheNextRun(t *testing.T) {
	for _, after := range []time.Duration{0, 3 * time.Minute, settled, settled + 10*time.Second, 2*settled - 10*time.Second} {
		f := warm(t)
		ctx, stop := context.WithCancel(t.Context())
		begun := f.Clock.Now()
		f.ctx = ctx
		f.waits = func() {
			f.notify()
			if f.Clock.Now().Sub(begun) >= after {
				stop()
			}
		}
		if r := f.run("setup", "zoho", "--rotate-channel-token"); r.code != ExitStopped || !strings.Contains(r.err, "can be run again") {
			t.Fatalf("stopped after %s: exit %d, %s%s", after, r.code, r.out, r.err)
		}
		between := f.vault[settings.ZohoChannelToken].Reveal()
		f.ctx, f.chance, f.waits = nil, 1, func() { f.notify() }
		for range 20 {
			f.Clock.Advance(time.Minute)
			f.notify()
			f.must(f.renewal(t.Context()))
		}
		f.want(ExitOK, "setup", "zoho", "--rotate-channel-token")
		f.ended(append(strings.Split(between, ","), firstToken)...)
	}
}

func TestTheChannelKeepsItsTokenWhereTheDoorDoesNotTakeTheNewOne(t *testing.T) {
	f := warm(t)
	f.bench.doors = nil // the world's own door knows the first alone
	has(t, f.want(ExitFinding, "setup", "zoho", "--rotate-channel-token"), zohoHook+" takes the new token: it answers 401; the channel carries the old token, which is accepted")
	if !strings.HasPrefix(f.vault[settings.ZohoChannelToken].Reveal(), firstToken+",") || f.carried() != firstToken {
		t.Error("the channel, or what it is to carry, was changed")
	}
	f.dark = "connector.example.com"
	has(t, f.want(ExitFinding, "setup", "zoho", "--rotate-channel-token"), "takes the new token: it does not answer")
}

func TestARotationThatCannotEndIsNotBegun(t *testing.T) {
	for want, do := range map[string]func(*bench){
		"there is no channel before the stack is deployed":                     func(b *bench) { b.version = ""; b.env["ZOHO_CLIENT_ID"] = "1000.x" },
		"leave ZOHO_CHANNEL_TOKEN out of the environment and of --secret-file": func(b *bench) { b.env[settings.ZohoChannelToken] = "canary-channel-token" },
	} {
		b := stage(t)
		do(b)
		b.unchanged(want, func() {
			out := b.want(ExitUsage, "setup", "zoho", "--rotate-channel-token")
			has(t, out, want)
			hasNot(t, out, "canary", "done")
		})
	}
}

func TestATokenThatCanBeNoneIsNamedAndExchanged(t *testing.T) {
	for _, tt := range []struct{ stored, what string }{{"canary-15-chars", "has a token of less than 16 characters"}, {firstToken + ",", "has a comma with nothing before or behind it"}} {
		f := warm(t)
		f.watch(channel, zohoHook, strings.TrimSuffix(tt.stored, ","), 6*24*time.Hour)
		f.vault[settings.ZohoChannelToken] = crm.NewSecret(tt.stored)
		f.Clock.Advance(settled)
		_, all := f.examine()
		if !slices.ContainsFunc(all, func(g finding) bool {
			return g.Check == "secrets" && g.What == "ZOHO_CHANNEL_TOKEN "+tt.what && g.Mend == "store it again: connector setup zoho --rotate-channel-token --stack shop"
		}) {
			t.Errorf("%q: %+v", tt.stored, all)
		}
		f.want(ExitOK, "setup", "zoho", "--rotate-channel-token")
		f.ended(tt.stored)
	}
	b := stage(t)
	b.vault[settings.ZohoChannelToken] = crm.NewSecret(",,") // nothing works with it: there is nothing to wait for
	has(t, b.want(ExitOK, "setup", "zoho"), "done   ZOHO_CHANNEL_TOKEN is stored as /shop/ZOHO_CHANNEL_TOKEN (made just now, shown to nobody)", "(found: another token)")
	if got := b.vault[settings.ZohoChannelToken].Reveal(); len(got) != 40 || b.Zoho.Channels()[0].Token != got {
		t.Error("the channel does not carry what is stored")
	}
}
