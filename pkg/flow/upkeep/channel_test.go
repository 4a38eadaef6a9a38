package upkeep

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

const hook = "https://connector.example.com/webhooks/zoho"

// channels is a CRM that keeps one channel as it is told.
type channels struct {
	now     func() time.Time
	held    crm.Channel
	fail    map[string]error // by step
	ends    time.Duration    // a life of its own choice, instead of the one that was asked
	deaf    bool             // writes are answered and change nothing
	called  []string
	between func() // called after a read
}

func (c *channels) Channel(_ context.Context, id string) (crm.Channel, error) {
	c.called = append(c.called, "read")
	if err := c.fail["read"]; err != nil {
		return crm.Channel{}, err
	}
	held := c.held
	if held.ID != id || !held.Ends.After(c.now()) {
		held = crm.Channel{}
	}
	if c.between != nil {
		c.between()
	}
	return held, nil
}

func (c *channels) OpenChannel(_ context.Context, ch crm.Channel) (time.Time, error) {
	return c.write("open", ch)
}

func (c *channels) ReplaceChannel(_ context.Context, ch crm.Channel) (time.Time, error) {
	if c.held.ID != ch.ID || !c.held.Ends.After(c.now()) {
		c.called = append(c.called, "replace")
		return time.Time{}, &fault.Error{Op: "replace", Kind: fault.Missing}
	}
	return c.write("replace", ch)
}

func (c *channels) write(step string, ch crm.Channel) (time.Time, error) {
	c.called = append(c.called, step)
	if err := c.fail[step]; err != nil {
		return time.Time{}, err
	}
	if c.ends != 0 {
		ch.Ends = c.now().Add(c.ends)
	}
	if !c.deaf {
		c.held = ch
	}
	return ch.Ends, nil
}

// keeper is a renewer with everything that it touches.
type keeper struct {
	*Renewer
	clock    time.Time
	channels *channels
	lines    *bytes.Buffer
}

func newKeeper() *keeper {
	k := &keeper{clock: noon, lines: &bytes.Buffer{}}
	now := func() time.Time { return k.clock }
	k.channels = &channels{now: now, fail: map[string]error{}}
	k.Renewer = &Renewer{Channels: k.channels, ID: "7", URL: hook, Now: now, Log: slog.New(slog.NewTextHandler(k.lines, nil)),
		Tokens: func(context.Context) ([]crm.Secret, error) {
			return []crm.Secret{crm.NewSecret("channel-token-new"), crm.NewSecret("channel-token-old")}, nil
		}}
	return k
}

// right is the channel as it should be, ending in d.
func (k *keeper) right(d time.Duration) crm.Channel {
	return crm.Channel{ID: "7", URL: hook, Token: crm.NewSecret("channel-token-new"), Notices: slices.Clone(notices), Ends: k.clock.Add(d)}
}

func TestAChannelIsOpenedRenewedOrMendedAndTheLogSaysWhich(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*crm.Channel) // of a channel that ends in 5½ days
		calls string
		line  string
	}{
		{"none", func(ch *crm.Channel) { *ch = crm.Channel{} }, "read open read", `opened" channel=7 found=""`},
		{"another one only", func(ch *crm.Channel) { ch.ID = "8" }, "read open read", `opened" channel=7 found=""`},
		{"ended", func(ch *crm.Channel) { ch.Ends = noon }, "read open read", `opened" channel=7 found=""`},
		{"as it should be", func(*crm.Channel) {}, "read replace read", `renewed" channel=7 found=""`},
		{"near its end", func(ch *crm.Channel) { ch.Ends = noon.Add(time.Hour) }, "read replace read", `mended" channel=7 found="ends at 2026-11-03T13:00:00Z"`},
		{"another address", func(ch *crm.Channel) { ch.URL = "https://elsewhere.example.com" }, "read replace read", `mended" channel=7 found="another address"`},
		{"the token of before", func(ch *crm.Channel) { ch.Token = crm.NewSecret("channel-token-old") }, "read replace read", `mended" channel=7 found="another token"`},
		{"no token", func(ch *crm.Channel) { ch.Token = crm.Secret{} }, "read replace read", `mended" channel=7 found="another token"`},
		{"no companies", func(ch *crm.Channel) { ch.Notices = ch.Notices[:3] }, "read replace read",
			`mended" channel=7 found="company create is not told, company update is not told, company delete is not told"`},
		{"no deletions", func(ch *crm.Channel) { ch.Notices = slices.Delete(ch.Notices, 2, 3) }, "read replace read", `mended" channel=7 found="contact delete is not told"`},
		{"leads too", func(ch *crm.Channel) { ch.Notices = append(ch.Notices, crm.Notice{}, crm.Notice{}) }, "read replace read",
			`mended" channel=7 found="more is told than contacts and companies"`},
		{"ids only, related, partial", func(ch *crm.Channel) { ch.IDsOnly, ch.Related, ch.Partial = true, true, true }, "read replace read",
			`mended" channel=7 found="changed fields are not named, changes of related records are told, a condition keeps changes back"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newKeeper()
			k.channels.held = k.right(132 * time.Hour)
			tt.spoil(&k.channels.held)
			found, err := k.Check(t.Context())
			if err != nil || (len(found) == 0) != (tt.name == "as it should be") {
				t.Errorf("the check says %q, %v", found, err)
			}
			k.channels.called = nil
			if err := k.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(k.channels.called, " "); got != tt.calls {
				t.Errorf("called %s, want %s", got, tt.calls)
			}
			lines := k.lines.String()
			if strings.Count(lines, "\n") != 1 || !strings.Contains(lines, `msg="the notification channel was `+tt.line+" ends=2026-11-09T12:00:00.000Z") {
				t.Errorf("the log says %s", lines)
			}
			if strings.Contains(lines, "channel-token") {
				t.Error("the log tells the token")
			}
			want, got := k.right(144*time.Hour), k.channels.held
			if got.URL != want.URL || got.Token.Reveal() != want.Token.Reveal() || !slices.Equal(got.Notices, want.Notices) ||
				!got.Ends.Equal(want.Ends) || got.IDsOnly || got.Related || got.Partial {
				t.Errorf("the channel is %+v", got)
			}
			if found, err := k.Check(t.Context()); err != nil || len(found) != 0 {
				t.Errorf("afterwards the check says %q, %v", found, err)
			}
		})
	}
}

func TestAChannelThatSomebodyElseKeepsIsLeftToHim(t *testing.T) {
	for name, spoil := range map[string]func(*crm.Channel){
		"another token": func(ch *crm.Channel) { ch.Token = crm.NewSecret("channel-token-of-another-stack") },
		"no token":      func(ch *crm.Channel) { ch.Token = crm.Secret{} },
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeper()
			k.channels.held = k.right(132 * time.Hour)
			k.channels.held.URL = "https://elsewhere.example.com/hook?key=canary"
			spoil(&k.channels.held)
			was := k.channels.held
			_, unchecked := k.Check(t.Context())
			for _, err := range []error{unchecked, k.Run(t.Context())} {
				if !errors.Is(err, ErrForeign) || fault.KindOf(err) != fault.Setup || !strings.Contains(err.Error(), "channel 7 notifies elsewhere.example.com: another stack") ||
					!strings.Contains(err.Error(), "ZohoChannelId") || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "token-of") {
					t.Error(err)
				}
			}
			if k.channels.held.URL != was.URL || k.channels.held.Token != was.Token || strings.Join(k.channels.called, " ") != "read read" {
				t.Errorf("called %s", k.channels.called)
			}
			k.Take = true
			if done, err := k.Renew(t.Context()); err != nil || done.Did != Mended || k.channels.held.URL != hook {
				t.Errorf("%+v, %v", done, err)
			}
		})
	}
}

func TestTwoWhoShareAnIdDoNotTakeTheChannelFromEachOther(t *testing.T) {
	one, other := newKeeper(), newKeeper()
	other.Channels, other.URL = one.channels, "https://stage.example.com/webhooks/zoho"
	other.Tokens = func(context.Context) ([]crm.Secret, error) {
		return []crm.Secret{crm.NewSecret("channel-token-stage")}, nil
	}
	for range 3 {
		if _, err := one.Renew(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := other.Renew(t.Context()); !errors.Is(err, ErrForeign) {
			t.Error(err)
		}
	}
	one.channels.held.Ends = noon // it ended
	if done, err := other.Renew(t.Context()); err != nil || done.Did != Opened {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestAChannelThatEndsBetweenTheReadAndTheWriteIsOpened(t *testing.T) {
	k := newKeeper()
	k.channels.held = k.right(time.Second)
	k.channels.between = func() { k.clock = k.clock.Add(time.Second) }
	done, err := k.Renew(t.Context())
	if err != nil || done.Did != Opened || len(done.Found) != 0 || strings.Join(k.channels.called, " ") != "read replace open read" {
		t.Errorf("%+v, %v after %s", done, err, k.channels.called)
	}
}

func TestRenewalsEveryTwelveHoursKeepAChannelAliveForAMonth(t *testing.T) {
	k := newKeeper()
	for i := range 60 {
		done, err := k.Renew(t.Context())
		if want := map[bool]string{true: Opened, false: Renewed}[i == 0]; err != nil || done.Did != want {
			t.Fatalf("renewal %d: %+v, %v", i, done, err)
		}
		k.clock = k.clock.Add(12 * time.Hour)
	}
}

func TestWhatCannotBeMendedIsAnErrorThatNamesTheStep(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*keeper)
		want  string
		kind  fault.Kind
	}{
		{"no token", func(k *keeper) { k.Tokens = func(context.Context) ([]crm.Secret, error) { return nil, nil } }, "token: upkeep.Renew: setup: the channel has no token", fault.Setup},
		{"no secrets", func(k *keeper) { k.Tokens = func(context.Context) ([]crm.Secret, error) { return nil, errGone } }, "token: gone", fault.Unknown},
		{"no read", func(k *keeper) { k.channels.fail["read"] = &fault.Error{Op: "zoho.Channel", Kind: fault.Denied} }, "read: zoho.Channel: denied", fault.Denied},
		{"no opening", func(k *keeper) { k.channels.held, k.channels.fail["open"] = crm.Channel{}, errGone }, "open: gone", fault.Unknown},
		{"no replacing", func(k *keeper) { k.channels.fail["replace"] = &fault.Error{Op: "r", Kind: fault.Down} }, "replace: r: down", fault.Down},
		{"an hour instead of six days", func(k *keeper) { k.channels.ends = time.Hour }, "check: it was written, and still: ends at 2026-11-03T13:00:00Z", fault.Unknown},
		{"a write without effect", func(k *keeper) { k.channels.held.URL, k.channels.deaf = "https://elsewhere.example.com", true }, "check: it was written, and still: another address", fault.Unknown},
		{"an opening without effect", func(k *keeper) { k.channels.held, k.channels.deaf = crm.Channel{}, true }, "check: it was written, and still: no channel", fault.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newKeeper()
			k.channels.held = k.right(132 * time.Hour)
			tt.spoil(k)
			err := k.Run(t.Context())
			if err == nil || err.Error() != "upkeep channel: "+tt.want || fault.KindOf(err) != tt.kind {
				t.Errorf("%v", err)
			}
			if k.lines.Len() != 0 {
				t.Errorf("the log says %s", k.lines)
			}
		})
	}
}

func TestACheckThatCannotBeMadeIsAnError(t *testing.T) {
	k := newKeeper()
	k.channels.fail["read"] = errGone
	if _, err := k.Check(t.Context()); !errors.Is(err, errGone) {
		t.Error(err)
	}
	k.Tokens = func(context.Context) ([]crm.Secret, error) { return nil, nil }
	if _, err := k.Check(t.Context()); fault.KindOf(err) != fault.Setup {
		t.Error(err)
	}
}
