package connector

import (
	"context"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
)

// bare is an account in which nothing is set up, and no stack is deployed yet.
func bareStage(t *testing.T, adapt ...func(*sandbox.WorldOptions)) *bench {
	b := stage(t, append(adapt, func(o *sandbox.WorldOptions) { o.Zoho.NoHubSpotID = true })...)
	b.zoho(http.MethodDelete, "?channel_ids="+channel, "")
	clear(b.vault)
	b.noted(crm.Secret{})
	b.version, b.told = "", map[string]string{}
	b.env = map[string]string{"ZOHO_CLIENT_ID": zohotest.DefaultClientID, "ZOHO_ACCOUNTS_URL": "https://accounts.zoho.eu", "ZOHO_API_URL": "https://www.zohoapis.eu"}
	return b
}

// deploy is sam deploy.
func (b *bench) deploy() {
	b.version = "0.2.0"
	b.told = map[string]string{
		"HUBSPOT_APP_ID": "19635961", "HUBSPOT_WEBHOOK_URL": hook, "ZOHO_CLIENT_ID": zohotest.DefaultClientID, "ZOHO_ACCOUNTS_URL": "https://accounts.zoho.eu",
		"ZOHO_CHANNEL_ID": channel, "ZOHO_WEBHOOK_URL": zohoHook, "REPORT_FROM": "connector@example.com", "REPORT_TO": "client@example.com", "MODE": "on",
	}
}

func TestASecretThatCannotBeStoredAfterACodeWasTradedSaysThatTheCodeIsUsedUp(t *testing.T) {
	b := bareStage(t)
	b.opener = func(ctx context.Context, w World, at Where) (*Stack, error) {
		st, err := b.open(ctx, w, at)
		st.Vault = breakingVault{st.Vault, &breaking{}}
		return st, err
	}
	b.typed = []string{"sandbox-secret", "1000.code"}
	r := b.run("setup", "zoho")
	if r.code != ExitFinding {
		t.Errorf("exit code %d", r.code)
	}
	has(t, r.err, "ZOHO_GRANT_CODE is used up: make a new code for the next try")
}

func TestZohoIsSetUpFromNothing(t *testing.T) {
	b := bareStage(t)
	b.unchanged("--plan", func() {
		b.env["ZOHO_CLIENT_SECRET"] = "sandbox-secret"
		golden(t, "setup-zoho-plan.txt", b.want(ExitOK, "setup", "zoho", "--plan"))
		delete(b.env, "ZOHO_CLIENT_SECRET")
	})
	b.asked, b.typed = nil, []string{"sandbox-secret", "1000.code"}
	golden(t, "setup-zoho-first.txt", b.want(ExitOK, "setup", "zoho"))
	if got := strings.Join(b.asked, " "); got != "ZOHO_CLIENT_SECRET ZOHO_GRANT_CODE" {
		t.Errorf("asks for %s", got)
	}
	if b.vault[settings.ZohoRefreshToken].Reveal() != "sandbox-refresh" || b.vault[settings.ZohoClientSecret].Reveal() != "sandbox-secret" ||
		len(b.vault[settings.PairKey].Reveal()) != 64 || len(b.vault[settings.ZohoChannelToken].Reveal()) != 40 {
		t.Errorf("%d secrets are stored", len(b.vault))
	}
	b.deploy()
	golden(t, "setup-zoho-deployed.txt", b.want(ExitOK, "setup", "zoho"))
	b.asked = nil
	b.unchanged("the third time", func() { hasNot(t, b.want(ExitOK, "setup", "zoho"), "done") })
	if b.asked != nil {
		t.Errorf("asks for %q again", b.asked)
	}
	for _, check := range []string{"zoho.hubspot_id", "zoho.channel", "zoho.token"} {
		_, all := b.examine()
		for _, f := range all {
			if f.Check == check && f.Level != levelOK {
				t.Errorf("%+v", f)
			}
		}
	}
}

func TestAnEditionWithoutExternalIDsGetsAUniqueText(t *testing.T) {
	b := bareStage(t)
	b.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/settings/fields") {
			return false
		}
		body := make([]byte, 1000)
		n, _ := r.Body.Read(body)
		return strings.Contains(string(body[:n]), "external")
	}, Times: -1, Status: http.StatusBadRequest, Body: `{"fields":[{"code":"NOT_ALLOWED","details":{},"message":"the feature is not available in this edition","status":"error"}]}`})
	b.env["ZOHO_CLIENT_SECRET"], b.env["ZOHO_GRANT_CODE"] = "sandbox-secret", "1000.code"
	has(t, b.want(ExitOK, "setup", "zoho"), "Contacts.HubSpot_Id is a text that does not allow duplicate values", "Accounts.HubSpot_Id is a text")
	b.Zoho.Clear()
	b.deploy()
	has(t, b.want(ExitOK, "setup", "zoho"), "as is  Contacts.HubSpot_Id is unique", "done   channel "+channel)
	notes := 0
	_, all := b.examine()
	for _, f := range all {
		if f.Check == "zoho.hubspot_id" && f.Level == levelFault {
			t.Errorf("%+v", f)
		}
		if f.Check == "zoho.hubspot_id" && f.Level == levelNote && strings.Contains(f.What, "is a unique text") {
			notes++
		}
	}
	if notes != 2 {
		t.Errorf("%d notes: %+v", notes, all)
	}
}

func TestSetupOfZohoSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*bench)
		code int
		want string
	}{
		{"no client secret", func(b *bench) {}, ExitUsage, "ZOHO_CLIENT_SECRET is needed: connector setup zoho --help"},
		{"no client id", func(b *bench) { delete(b.env, "ZOHO_CLIENT_ID"); b.typed = []string{"sandbox-secret"} }, ExitUsage, "ZOHO_CLIENT_ID is needed: connector setup zoho --help"},
		{"no data centre", func(b *bench) { delete(b.env, "ZOHO_ACCOUNTS_URL"); b.typed = []string{"sandbox-secret"} }, ExitUsage, "ZOHO_ACCOUNTS_URL is not set"},
		{"no code", func(b *bench) { b.typed = []string{"sandbox-secret"} }, ExitUsage, "ZOHO_GRANT_CODE is needed"},
		{"a code that has expired", func(b *bench) { b.typed = []string{"sandbox-secret", "1000.old"} }, ExitFinding, "the code has expired or was used"},
		{"a secret with a blank in it", func(b *bench) { b.env["ZOHO_CLIENT_SECRET"] = "sandbox secret" }, ExitUsage, "ZOHO_CLIENT_SECRET has a blank"},
	} {
		b := bareStage(t)
		tt.do(b)
		r := b.run("setup", "zoho")
		if r.code != tt.code || !strings.Contains(r.err, tt.want) {
			t.Errorf("%s: exit %d, %s%s", tt.name, r.code, r.out, r.err)
		}
		hasNot(t, r.out+r.err, "1000.old", "sandbox secret", "sandbox-secret")
		if len(b.vault) != 0 || strings.Contains(r.out, "done") {
			t.Errorf("%s: %d secrets are stored", tt.name, len(b.vault))
		}
	}
	b := stage(t, func(o *sandbox.WorldOptions) {
		o.Zoho.Fields = map[string][]zohotest.Field{"Contacts": {{Name: "HubSpot_Id", Type: "text"}}}
	})
	has(t, b.want(ExitFinding, "setup", "zoho"), "Contacts.HubSpot_Id is there and not unique", "mark it as an external id")
}

func TestAWrongClientSecretIsNamedAskedForAgainAndNeverStored(t *testing.T) {
	const named = "ZOHO_CLIENT_SECRET is not that of ZOHO_CLIENT_ID"
	for _, tt := range []struct {
		name  string
		do    func(*bench)
		code  int
		asked string
		says  string
	}{
		{"typed wrong, and given up", func(b *bench) { b.typed = []string{"canary-wrong", "1000.code"} }, ExitFinding, "ZOHO_CLIENT_SECRET ZOHO_GRANT_CODE ZOHO_CLIENT_SECRET", named},
		{"typed wrong twice", func(b *bench) { b.typed = []string{"canary-wrong", "1000.code", "canary-wrong"} }, ExitFinding, "ZOHO_CLIENT_SECRET ZOHO_GRANT_CODE ZOHO_CLIENT_SECRET", named},
		{"typed right the second time", func(b *bench) { b.typed = []string{"canary-wrong", "1000.code", "sandbox-secret"} }, ExitOK, "ZOHO_CLIENT_SECRET ZOHO_GRANT_CODE ZOHO_CLIENT_SECRET", "done   ZOHO_CLIENT_SECRET is stored"},
		{"wrong in the environment", func(b *bench) { b.env["ZOHO_CLIENT_SECRET"], b.typed = "canary-wrong", []string{"1000.code"} }, ExitFinding, "ZOHO_GRANT_CODE", named},
		{"stored wrong by an earlier version", func(b *bench) {
			b.vault[settings.ZohoClientSecret], b.typed = crm.NewSecret("canary-wrong"), []string{"1000.code", "sandbox-secret"}
		}, ExitOK, "ZOHO_GRANT_CODE ZOHO_CLIENT_SECRET", "done   ZOHO_CLIENT_SECRET is stored"},
		{"exchanged in the API console, with a refresh token that works", func(b *bench) {
			b.vault[settings.ZohoClientSecret], b.vault[settings.ZohoRefreshToken] = crm.NewSecret("canary-wrong"), crm.NewSecret("sandbox-refresh")
			b.typed = []string{"sandbox-secret"}
		}, ExitOK, "ZOHO_CLIENT_SECRET", "as is  ZOHO_REFRESH_TOKEN is stored"},
	} {
		b := bareStage(t)
		tt.do(b)
		before := maps.Clone(b.vault)
		r := b.run("setup", "zoho")
		if r.code != tt.code || strings.Join(b.asked, " ") != tt.asked || !strings.Contains(r.out+r.err, tt.says) {
			t.Errorf("%s: exit %d, asks for %v, %s%s", tt.name, r.code, b.asked, r.out, r.err)
		}
		hasNot(t, r.out+r.err, "canary", "the code has expired")
		if tt.code != ExitOK && !maps.Equal(before, b.vault) || tt.code == ExitOK && b.vault[settings.ZohoClientSecret].Reveal() != "sandbox-secret" {
			t.Errorf("%s: stored are %d secrets", tt.name, len(b.vault))
		}
	}
	b := stage(t) // and where the functions are at work
	b.vault[settings.ZohoClientSecret], b.typed = crm.NewSecret("canary-wrong"), []string{"sandbox-secret"}
	has(t, b.want(ExitOK, "setup", "zoho"), "note   Zoho does not take ZOHO_CLIENT_SECRET", "done   ZOHO_CLIENT_SECRET is stored", "as is  ZOHO_REFRESH_TOKEN is stored")
}

func TestARevokedTokenIsTradedAnew(t *testing.T) {
	b := stage(t)
	b.Zoho.RevokeRefresh()
	b.typed = []string{"1000.code"}
	has(t, b.want(ExitOK, "setup", "zoho"), "note   the stored refresh token does not work any more", "done   ZOHO_REFRESH_TOKEN is stored")
	b.Clock.Advance(6 * time.Second) // the pause after the refusal
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("%+v", all)
	}
}

func TestAPlanAsksForNothing(t *testing.T) {
	b := bareStage(t)
	for system, want := range map[string][]string{
		"hubspot": {"plan   HUBSPOT_ACCESS_TOKEN is asked for, and stored as /shop/HUBSPOT_ACCESS_TOKEN", "plan   HUBSPOT_CLIENT_SECRET is asked for"},
		"zoho":    {"plan   ZOHO_CLIENT_SECRET is asked for", "plan   ZOHO_GRANT_CODE is asked for, and traded for a refresh token", "plan   then HubSpot_Id is made"},
	} {
		args := []string{"setup", system, "--plan"}
		if system == "hubspot" {
			args = append(args, "--out", t.TempDir())
		}
		b.unchanged("--plan", func() { has(t, b.want(ExitOK, args...), want...) })
	}
	if b.asked != nil {
		t.Errorf("asks for %q", b.asked)
	}
}

func TestHubSpotIsGivenTheAddressInFrontOfTheAPI(t *testing.T) {
	b := stage(t)
	b.told["HUBSPOT_WEBHOOK_URL"] = hook + "," + ownHook
	dir := filepath.Join(t.TempDir(), "app")
	b.want(ExitOK, "setup", "hubspot", "--out", dir)
	text := tree(t, dir)["src/app/webhooks/webhooks-hsmeta.json"]
	has(t, text, `"targetUrl": "`+hook+`"`)
	hasNot(t, text, "execute-api")
	has(t, b.want(ExitOK, "doctor"), "ok     door.hubspot         "+hook+" takes")
}

func TestAChannelThatWasLostIsOpenedAgain(t *testing.T) {
	b := stage(t)
	b.watch(channel, "https://elsewhere.example.com/", "sandbox-channel-token", 6*24*time.Hour)
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "setup", "zoho", "--plan"), "plan   channel "+channel+" notifies "+zohoHook+" (found: another address)")
	})
	has(t, b.want(ExitOK, "setup", "zoho"), "done   channel "+channel)
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("%+v", all)
	}
}

func TestAChannelOfAnotherStackIsNamedAndTakenOnlyWhereThatIsMeant(t *testing.T) {
	b := stage(t)
	b.watch(channel, "https://stage.example.com/webhooks/zoho", "token-of-the-stage", 6*24*time.Hour)
	kept := func() string { return b.Zoho.Channels()[0].URL }
	for _, line := range [][]string{{"setup", "zoho"}, {"setup", "zoho", "--plan"}, {"setup", "zoho", "--rotate-channel-token"}} {
		b.unchanged(strings.Join(line, " "), func() {
			out := b.want(ExitFinding, line...)
			has(t, out, "channel "+channel+" notifies stage.example.com: another stack or program keeps it", "ZohoChannelId", "connector setup zoho --take-channel --stack shop")
			hasNot(t, out, "token-of-the-stage")
		})
	}
	_, all := b.examine()
	i := slices.IndexFunc(all, func(f finding) bool { return f.Check == "zoho.channel" })
	if i < 0 || all[i].Level != levelFault || !strings.Contains(all[i].What, "stage.example.com") || !strings.Contains(all[i].What, "ZohoChannelId") || !strings.Contains(all[i].Mend, "--take-channel") {
		t.Errorf("%+v", all)
	}
	if kept() != "https://stage.example.com/webhooks/zoho" {
		t.Error("it was taken")
	}
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "setup", "zoho", "--take-channel", "--plan"), "plan   channel "+channel+" notifies "+zohoHook+" (found: another address, another token)")
	})
	b.want(ExitOK, "setup", "zoho", "--take-channel")
	if kept() != zohoHook {
		t.Errorf("it notifies %s", kept())
	}
	b.unchanged("the next time", func() { b.want(ExitOK, "setup", "zoho") })
}

// tree reads all files below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHubSpotsProjectIsWrittenFromTheMappingInForce(t *testing.T) {
	b := bareStage(t)
	dir := filepath.Join(t.TempDir(), "app")
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "setup", "hubspot", "--out", dir, "--plan"), "plan   PAIR_KEY is stored", "hsproject.json is written")
	})
	if _, err := os.Stat(dir); err == nil {
		t.Error("--plan writes files")
	}
	has(t, b.want(ExitOK, "setup", "hubspot", "--out", dir), "done   PAIR_KEY is stored as /shop/PAIR_KEY", "hs project upload", "run this again with HUBSPOT_ACCESS_TOKEN and HUBSPOT_CLIENT_SECRET")
	if files := tree(t, dir); len(files) != 2 {
		t.Errorf("before the stack is there: %v", slicesOf(files))
	}
	secrets := file(t, "secrets.env", "# pasted\nHUBSPOT_ACCESS_TOKEN = "+hubspottest.DefaultToken+"\nHUBSPOT_CLIENT_SECRET=canary-client\n")
	out := b.want(ExitOK, "setup", "hubspot", "--out", dir, "--secret-file", secrets)
	has(t, out, "done   HUBSPOT_ACCESS_TOKEN is stored", "done   HUBSPOT_CLIENT_SECRET is stored", "next   deploy the stack")
	hasNot(t, out, "canary")
	b.deploy()
	has(t, b.want(ExitOK, "setup", "hubspot", "--out", dir), "webhooks-hsmeta.json is written", "hs project upload")
	for name, text := range tree(t, dir) {
		golden(t, "hubspot-app/"+name, text)
	}
	before := tree(t, dir)
	b.unchanged("the second time", func() { hasNot(t, b.want(ExitOK, "setup", "hubspot", "--out", dir), "done") })
	if !maps.Equal(before, tree(t, dir)) {
		t.Error("the second time changes files")
	}
}

func TestTheDoorIsToldTheMappedProperties(t *testing.T) {
	b := stage(t)
	b.set(config.Fields, "hubspot contact email\n")
	has(t, b.want(ExitOK, "setup", "hubspot", "--out", filepath.Join(t.TempDir(), "app")), "done   the door knows the mapped properties")
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("%+v", all)
	}
}

func TestTheKeyOfTheHashesIsNeverExchanged(t *testing.T) {
	b := stage(t)
	before := b.vault[settings.PairKey]
	b.env["PAIR_KEY"], b.env["ZOHO_CHANNEL_TOKEN"] = strings.Repeat("f", 64), "handed-over-by-somebody"
	has(t, b.want(ExitOK, "setup", "zoho"), "as is  PAIR_KEY is stored, and stays", "done   ZOHO_CHANNEL_TOKEN is stored", "done   channel "+channel)
	if b.vault[settings.PairKey] != before || b.vault[settings.ZohoChannelToken].Reveal() != "handed-over-by-somebody" {
		t.Error("another key, or the old token")
	}
	b.unchanged("the second time", func() { hasNot(t, b.want(ExitOK, "setup", "zoho"), "done") })
}

func TestWhatIsHandedOverAndNotTakenIsNamed(t *testing.T) {
	b := stage(t)
	secrets := file(t, "secrets.env", "ZOHO_GRANT_CODE=1000.code\nPAIR_KEY="+strings.Repeat("f", 64)+"\n")
	b.unchanged("what is not taken", func() {
		out := b.want(ExitOK, "setup", "zoho", "--secret-file", secrets)
		has(t, out, "connector: PAIR_KEY in the environment or the secret file of this command is not gone by: another one is stored, and stays; connector setup key exchanges it",
			"connector: ZOHO_GRANT_CODE in the environment or the secret file of this command is not traded", "--new-token")
		hasNot(t, out, "1000.code", "ffff")
	})
	has(t, b.want(ExitOK, "setup", "zoho", "--new-token", "--secret-file", secrets), "done   ZOHO_REFRESH_TOKEN is stored")
	same := file(t, "same.env", "PAIR_KEY="+b.vault[settings.PairKey].Reveal()+"\n")
	hasNot(t, b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir(), "--secret-file", same), "not gone by")
}

func TestTheKeyOfTheHashesIsExchangedOnlyWhileNobodyIsAtWork(t *testing.T) {
	b := stage(t)
	b.told["PAIR_KEY_ID"] = "4"
	for _, mode := range []string{"on", "observe", "off"} { // off, and nobody knows since when
		b.set(config.Mode, mode)
		b.unchanged(mode, func() { has(t, b.want(ExitFinding, "setup", "key"), "connector pause --stack shop first") })
	}
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest - time.Second)
	has(t, b.want(ExitFinding, "setup", "key"), "run this again from 2026-11-23T08:02:")
	b.Clock.Advance(time.Second)
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "setup", "key", "--plan"), "plan   PAIR_KEY is stored as /shop/PAIR_KEY")
	})
	before := b.vault[settings.PairKey].Reveal()
	has(t, b.want(ExitOK, "setup", "key"), "done   PAIR_KEY is stored as /shop/PAIR_KEY with the first key behind it (made just now, shown to nobody)", "next   set PairKeyId=5 in samconfig.toml", "connector resume --stack shop")
	if now := b.vault[settings.PairKey].Reveal(); now == before || shape(settings.PairKey, b.vault[settings.PairKey]) != "" {
		t.Errorf("%d characters", len(now))
	}
}

func TestTheFirstKeyStaysBehindEveryNewOne(t *testing.T) {
	b := stage(t)
	hub, zo := b.rossi()
	b.want(ExitOK, "erase", "hubspot", hub)
	b.settle()
	first := b.vault[settings.PairKey].Reveal()
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest)
	for range 2 {
		b.want(ExitOK, "setup", "key")
		now, behind, _ := strings.Cut(b.vault[settings.PairKey].Reveal(), ",")
		if behind != first || now == first || shape(settings.PairKey, crm.NewSecret(now)) != "" || shape(settings.PairKey, b.vault[settings.PairKey]) != "" {
			t.Errorf("%d and %d characters", len(now), len(behind))
		}
	}
	b.told["PAIR_KEY_ID"] = b.configured(config.KeyID)
	b.want(ExitOK, "resume")
	has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased") // by the first key
}

func TestWhatWasStoredAndCannotBeAKeyIsNoFirstOne(t *testing.T) {
	const note = "note   there is no first key to go on with"
	for name, was := range map[string]string{"nothing": "", "short": "short", "three": strings.Repeat("a", 32) + "," + strings.Repeat("b", 32) + "," + strings.Repeat("c", 32)} {
		b := stage(t)
		b.vault[settings.PairKey] = crm.NewSecret(was)
		b.want(ExitOK, "pause")
		b.Clock.Advance(rest)
		has(t, b.want(ExitOK, "setup", "key"), note, "done   PAIR_KEY is stored as /shop/PAIR_KEY (made just now, shown to nobody)")
		if now := b.vault[settings.PairKey]; len(now.Reveal()) != 64 {
			t.Errorf("%s: %d characters", name, len(now.Reveal()))
		}
	}
}

func TestAKeyThatCannotBeOneIsNamedWhereItIsNeeded(t *testing.T) {
	b := stage(t)
	hub, zo := b.rossi()
	b.vault[settings.PairKey] = crm.NewSecret(b.vault[settings.PairKey].Reveal() + ",")
	b.unchanged("a comma", func() {
		has(t, b.want(ExitFinding, "link", hub, zo), "PAIR_KEY has a comma with nothing before or behind it, so that nobody knows who was erased: put the old one back")
	})
	_, all := b.examine()
	if !slices.ContainsFunc(all, func(f finding) bool {
		return f.What == "PAIR_KEY has a comma with nothing before or behind it" && f.Level == levelFault
	}) {
		t.Errorf("%+v", all)
	}
}

func TestTheStackDoesNotGoOnWithAnotherKeyUnderTheOldNumber(t *testing.T) {
	b := stage(t)
	b.told["PAIR_KEY_ID"] = "4"
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest)
	has(t, b.want(ExitOK, "setup", "key"), "done   the stack goes on with PairKeyId 5 alone")
	const why = "PAIR_KEY was exchanged and has the number 5, and the functions are told 4: set PairKeyId=5 in samconfig.toml and deploy first (make build && sam deploy --config-env prod"
	for _, line := range [][]string{{"resume"}, {"resume", "--observe"}, {"resume", "--plan"}, {"mode", "set", "on"}, {"mode", "set", "observe"}} {
		b.unchanged(strings.Join(line, " "), func() { has(t, b.want(ExitFinding, line...), why) })
	}
	b.want(ExitOK, "mode", "set", "off")
	named := func(number string) bool {
		_, all := b.examine()
		return slices.ContainsFunc(all, func(f finding) bool {
			return f.Check == "key" && f.Level == levelFault && strings.Contains(f.What, "and the functions are told 4") && strings.Contains(f.Mend, "PairKeyId="+number)
		})
	}
	if !named("5") {
		t.Error("doctor finds nothing")
	}
	has(t, b.want(ExitOK, "setup", "key"), "next   set PairKeyId=6 in samconfig.toml") // whether 5 was deployed for a while is not known
	b.told["PAIR_KEY_ID"] = "6"
	if named("6") {
		t.Error("doctor finds what is deployed")
	}
	b.want(ExitOK, "resume")
	b.told["PAIR_KEY_ID"] = "4" // a samconfig.toml of before
	if !named("6") {
		t.Error("doctor finds nothing")
	}
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest)
	has(t, b.want(ExitOK, "setup", "key"), "next   set PairKeyId=7 in samconfig.toml") // 5 is a key's with which pairs were made
	b.told["PAIR_KEY_ID"] = "8"
	has(t, b.want(ExitOK, "setup", "key"), "next   set PairKeyId=9 in samconfig.toml")
}

func TestAKeyThatCouldNotBeStoredLeavesTheStackPaused(t *testing.T) {
	b := stage(t)
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest)
	b.tables = func(name string, to Table) Table {
		if name == sandbox.Config {
			return unwritten{to, config.KeyID}
		}
		return to
	}
	before := b.vault[settings.PairKey]
	b.want(ExitFinding, "setup", "key")
	if b.vault[settings.PairKey] != before {
		t.Error("the key was stored, and nobody knows its number")
	}
}

func TestTheNumberOfTheKeyBeginsAgainBehindTheHighest(t *testing.T) {
	b := stage(t)
	b.told["PAIR_KEY_ID"] = "255"
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest)
	has(t, b.want(ExitOK, "setup", "key"), "next   set PairKeyId=1 in samconfig.toml", "note   255 is the highest PairKeyId")
}

func slicesOf(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

func TestEveryMappedPropertyIsSubscribedToOnce(t *testing.T) {
	b := stage(t)
	dir := filepath.Join(t.TempDir(), "app")
	b.want(ExitOK, "setup", "hubspot", "--out", dir)
	text := tree(t, dir)["src/app/webhooks/webhooks-hsmeta.json"]
	s := &session{World: World{Now: b.Clock.Now, Getenv: func(string) string { return "" }}, flags: Flags{Connection: "main"}}
	st, err := b.open(t.Context(), World{}, Where{})
	b.must(err)
	m, err := s.inForce(t.Context(), st)
	b.must(err)
	for _, k := range kinds {
		for _, name := range m.Properties(k, crm.HubSpot) {
			one := "\"objectType\": \"" + string(k) + "\",\n          \"propertyName\": \"" + name + "\","
			if n := strings.Count(text, one); n != 1 {
				t.Errorf("%s %s: %d subscriptions", k, name, n)
			}
		}
	}
}

func TestASecretFileThatIsNoneIsNotRepeated(t *testing.T) {
	b := bareStage(t)
	r := b.run("setup", "hubspot", "--out", t.TempDir(), "--secret-file", file(t, "secrets.env", "ZOHO_CLIENT_SECRET=1\ncanary\n"))
	if r.code != ExitUsage || !strings.Contains(r.err, "line 2 has no =") || strings.Contains(r.err, "canary") {
		t.Errorf("exit %d, %s", r.code, r.err)
	}
}

func TestASecretFileOfAShellOrAnEditorOfWindowsIsReadOrSaysWhyNot(t *testing.T) {
	lines := "export HUBSPOT_ACCESS_TOKEN='canary-token'\r\nexport\tHUBSPOT_CLIENT_SECRET=canary-secret\r\n"
	for name, text := range map[string]string{"export": lines, "a mark before UTF-8": "\ufeffHUBSPOT_ACCESS_TOKEN=canary-token\nHUBSPOT_CLIENT_SECRET=canary-secret\n"} {
		s := &session{flags: Flags{SecretFile: file(t, "secrets.env", text)}}
		if err := s.readSecrets(); err != nil || s.given[settings.HubSpotAccessToken] != "canary-token" || s.given[settings.HubSpotClientSecret] != "canary-secret" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"\xff\xfeH\x00", "\xfe\xff\x00H"} {
		s := &session{flags: Flags{SecretFile: file(t, "secrets.env", text)}}
		if err := s.readSecrets(); err == nil || !strings.Contains(err.Error(), "it is in UTF-16") {
			t.Error(err)
		}
	}
}

func TestAMisspeltNameInASecretFileStopsTheCommandBeforeAnythingIsDone(t *testing.T) {
	b := bareStage(t)
	path := file(t, "secrets.env", "HUBSPOT_ACCESS_TOKEN=canary-token\n# Zoho\nZOHO_CLIENT_SECRT=canary-client\n")
	b.unchanged("a file with a wrong name", func() {
		for _, line := range []string{"setup zoho", "setup hubspot", "doctor", "mode"} {
			r := b.run(append(strings.Fields(line), "--secret-file", path)...)
			if r.code != ExitUsage || r.out != "" || !strings.Contains(r.err, "the name in line 3 is none of HUBSPOT_ACCESS_TOKEN, ") || !strings.Contains(r.err, " ZOHO_CLIENT_SECRET, ") {
				t.Errorf("%s: exit %d, %s%s", line, r.code, r.out, r.err)
			}
			hasNot(t, r.out+r.err, "canary", "SECRT")
		}
	})
}

func TestTwoStacksDoNotShareAFolder(t *testing.T) {
	dir := t.TempDir()
	a, b := stage(t), bareStage(t)
	a.want(ExitOK, "setup", "hubspot", "--out", dir)
	b.opener = func(ctx context.Context, w World, at Where) (*Stack, error) {
		st, err := b.open(ctx, w, at)
		st.Name = at.Stack
		return st, err
	}
	before := tree(t, dir)
	b.unchanged("a folder of another stack", func() {
		r := b.bare("setup", "hubspot", "--out", dir, "--stack", "staging")
		if r.code != ExitUsage || !strings.Contains(r.err, "hsproject.json is of the app project shop, and not of staging: give each stack a folder of its own with --out") {
			t.Errorf("exit %d, %s%s", r.code, r.out, r.err)
		}
	})
	if !maps.Equal(before, tree(t, dir)) {
		t.Error("the other stack's project is changed")
	}
	b.must(os.WriteFile(filepath.Join(dir, "hsproject.json"), []byte("{"), 0o600))
	if r := b.bare("setup", "hubspot", "--out", dir, "--stack", "staging"); r.code != ExitUsage || !strings.Contains(r.err, "hsproject.json cannot be read") {
		t.Errorf("exit %d, %s%s", r.code, r.out, r.err)
	}
}

func TestSubscriptionsOfAStackThatIsNotFoundStayAndNothingElseIsDone(t *testing.T) {
	for region, where := range map[string]string{"eu-west-1": " in eu-west-1", "": ""} {
		dir := t.TempDir()
		stage(t).want(ExitOK, "setup", "hubspot", "--out", dir)
		b := bareStage(t) // the same name in another region, or removed and set up anew
		b.env["AWS_REGION"] = region
		before := tree(t, dir)
		path := filepath.Join(dir, filepath.FromSlash(webhooksFile))
		for _, plan := range [][]string{{"--plan"}, nil} {
			b.unchanged("subscriptions to "+hook, func() {
				has(t, b.want(ExitUsage, append([]string{"setup", "hubspot", "--out", dir}, plan...)...),
					path+" subscribes to "+hook+", and no stack shop has an address"+where+": correct AWS_REGION or --stack. Where that stack is removed for good, remove the file and run this again")
			})
		}
		if !maps.Equal(before, tree(t, dir)) || len(b.vault) != 0 {
			t.Errorf("the project is changed, or %d secrets are stored", len(b.vault))
		}
		b.must(os.Remove(path))
		b.want(ExitOK, "setup", "hubspot", "--out", dir)
	}
}

func TestAFileThatSubscribesToNoAddressIsRemovedBeforeThereIsOne(t *testing.T) {
	b := bareStage(t)
	dir := t.TempDir()
	b.want(ExitOK, "setup", "hubspot", "--out", dir)
	path := filepath.Join(dir, filepath.FromSlash(webhooksFile))
	b.must(os.MkdirAll(filepath.Dir(path), 0o750))
	b.must(os.WriteFile(path, []byte(`{"uid":"webhooks","type":"webhooks","config":{"settings":{"targetUrl":""}}}`), 0o600))
	has(t, b.want(ExitOK, "setup", "hubspot", "--out", dir, "--plan"), "plan   "+path+" is removed")
	has(t, b.want(ExitOK, "setup", "hubspot", "--out", dir), "done   "+path+" is removed: it subscribes to no address, and the stack has none yet")
	if files := tree(t, dir); len(files) != 2 {
		t.Errorf("%v", slicesOf(files))
	}
	b.must(os.WriteFile(path, []byte("{"), 0o600))
	has(t, b.want(ExitUsage, "setup", "hubspot", "--out", dir), path+" cannot be read: remove it, or give another folder with --out")
}

func TestATokenOfAnotherPortalIsRefusedUnlessItIsMeant(t *testing.T) {
	for name, before := range map[string]func(*bench){
		"the table knows the portal": func(b *bench) {
			has(t, b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir()), "done   the records of portal 62515 are those of this stack")
			b.HubSpot.SetToken("exchanged") // and the stored token tells nothing any more
		},
		"the stored token knows it": func(*bench) {},
	} {
		t.Run(name, func(t *testing.T) {
			b := stage(t)
			b.rossi()
			before(b)
			b.elsewhere = stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.PortalID, o.HubSpot.Token = 99999, "pat-other" })
			b.env["HUBSPOT_ACCESS_TOKEN"] = "pat-other"
			setup := []string{"setup", "hubspot", "--out", t.TempDir()}
			b.unchanged("another portal", func() {
				has(t, b.want(ExitUsage, setup...), "HUBSPOT_ACCESS_TOKEN is of portal 99999, and this stack has the records of portal 62515 in its pairs: nothing was stored")
			})
			has(t, b.want(ExitOK, append(setup, "--other-portal")...), "done   HUBSPOT_ACCESS_TOKEN is stored as /shop/HUBSPOT_ACCESS_TOKEN (portal 99999)", "done   the records of portal 99999 are those of this stack")
			hasNot(t, b.want(ExitOK, setup...), "done")
		})
	}
	b := stage(t)
	b.rossi()
	b.set(config.Portal, "1")
	code, all := b.examine()
	n := 0
	for _, f := range all {
		if f.Level != levelFault {
			continue
		}
		if n++; f.Check != "hubspot.token" || f.What != "it is of portal 62515, and this stack has the records of portal 1 in its pairs" || !strings.Contains(f.Mend, "--other-portal") {
			t.Errorf("%+v", f)
		}
	}
	if n != 1 || code != ExitFinding {
		t.Errorf("%d faults, exit %d", n, code)
	}
}

// paired is the portal whose records the stack pairs, as its row says.
func (b *bench) paired() string {
	r, err := (&config.Rows{Store: b.Tables[sandbox.Config], Now: b.Clock.Now}).Get(b.t.Context(), config.Portal)
	b.must(err)
	return string(r.Value)
}

func TestAnotherPortalThatIsMeantIsNotedAlsoWhereItsTokenIsStoredAlready(t *testing.T) {
	b := stage(t)
	b.rossi()
	b.set(config.Portal, "1")
	setup := []string{"setup", "hubspot", "--out", t.TempDir(), "--other-portal"}
	b.dark = "api.hubapi.com"
	b.unchanged("a HubSpot that does not answer", func() {
		has(t, b.want(ExitFinding, setup...), "the stored HUBSPOT_ACCESS_TOKEN", "see whether the address is right")
	})
	b.dark = ""
	has(t, b.want(ExitOK, append(setup, "--secret-file", file(t, "secrets.env", "HUBSPOT_ACCESS_TOKEN="+b.vault[settings.HubSpotAccessToken].Reveal()+"\n"))...),
		"as is  HUBSPOT_ACCESS_TOKEN is stored", "done   the records of portal 62515 are those of this stack")
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("%+v", all)
	}
	b.unchanged("the second time", func() { hasNot(t, b.want(ExitOK, setup...), "done") })
}

// unwritten is a table that takes everything but one row of config.
type unwritten struct {
	Table
	name string // of a row of config that it does not take
}

func (n unwritten) Put(ctx context.Context, puts ...row.Put) error {
	for _, p := range puts {
		if p.Key.Sort == n.name {
			return errLost
		}
	}
	return n.Table.Put(ctx, puts...)
}

func TestAnotherPortalIsNotedByTheNextRunWhereTheFirstStoredItsTokenAlone(t *testing.T) {
	b := stage(t)
	b.rossi()
	b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir())
	b.elsewhere = stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.PortalID, o.HubSpot.Token = 99999, "pat-other" })
	b.env["HUBSPOT_ACCESS_TOKEN"] = "pat-other"
	b.tables = func(name string, to Table) Table {
		if name == sandbox.Config {
			return unwritten{to, config.Portal}
		}
		return to
	}
	setup := []string{"setup", "hubspot", "--out", t.TempDir(), "--other-portal"}
	has(t, b.want(ExitFinding, setup...), "done   HUBSPOT_ACCESS_TOKEN is stored", "lost")
	b.tables = nil
	has(t, b.want(ExitOK, setup...), "as is  HUBSPOT_ACCESS_TOKEN is stored", "done   the records of portal 99999 are those of this stack")
	if got := b.paired(); got != "99999" {
		t.Errorf("the row says %s", got)
	}
}

func TestAStackWithoutPairsTakesTheTokenOfAnotherPortal(t *testing.T) {
	b := stage(t)
	b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir())
	b.elsewhere = stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.PortalID, o.HubSpot.Token = 99999, "pat-other" })
	b.env["HUBSPOT_ACCESS_TOKEN"] = "pat-other"
	setup := []string{"setup", "hubspot", "--out", t.TempDir()}
	b.unlooked = errLost // not to know it is not to know that there are none
	b.unchanged("a look that fails", func() { has(t, b.want(ExitFinding, setup...), "lost") })
	b.unlooked = nil
	has(t, b.want(ExitOK, setup...), "done   HUBSPOT_ACCESS_TOKEN is stored as /shop/HUBSPOT_ACCESS_TOKEN (portal 99999)", "done   the records of portal 99999 are those of this stack")

	b.set(config.Portal, "1")
	_, all := b.examine()
	if !slices.Contains(all, finding{"hubspot.token", levelFault, "it is of portal 99999, and this stack has noted portal 1, of which it has no pair yet", "connector setup hubspot --other-portal --stack shop notes portal 99999; until then its events go to quarantine"}) {
		t.Errorf("%+v", all)
	}
	b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir(), "--other-portal")
	if got := b.paired(); got != "99999" {
		t.Errorf("the row says %s", got)
	}
}

func TestALostKeyOfTheHashesIsNotReplacedWhereSomethingWasMadeWithIt(t *testing.T) {
	b := stage(t)
	hub, zo := b.rossi()
	b.want(ExitOK, "erase", "hubspot", hub)
	b.settle() // of the pair the tombstones are left
	was := b.vault[settings.PairKey]
	delete(b.vault, settings.PairKey)
	_, all := b.examine()
	i := slices.IndexFunc(all, func(f finding) bool { return f.What == "PAIR_KEY is missing" })
	if i < 0 || !strings.Contains(all[i].Mend, oldBack) {
		t.Errorf("%+v", all)
	}
	b.env["ZOHO_CHANNEL_TOKEN"] = "handed-over-by-somebody"
	for _, line := range [][]string{{"setup", "hubspot", "--out", t.TempDir()}, {"setup", "zoho"}, {"setup", "zoho", "--plan"}} {
		b.unchanged("a lost key", func() {
			has(t, b.want(ExitFinding, line...), "PAIR_KEY is missing, and shop has in its tables what was made with the right one. Nothing was stored; "+oldBack)
		})
	}
	has(t, b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir(), "--secret-file", file(t, "secrets.env", "PAIR_KEY="+was.Reveal()+"\n")), "done   PAIR_KEY is stored")
	has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
}

func TestAKeyOfTheHashesIsMadeForADeployedStackThatHasNoPairsYet(t *testing.T) {
	b := stage(t)
	delete(b.vault, settings.PairKey)
	_, all := b.examine()
	if !slices.ContainsFunc(all, func(f finding) bool {
		return f.What == "PAIR_KEY is missing" && f.Mend == "connector setup hubspot --stack shop stores it"
	}) {
		t.Errorf("%+v", all)
	}
	b.unlooked = errLost // not to know it is not to know that there are none
	b.unchanged("a look that fails", func() { has(t, b.want(ExitFinding, "setup", "zoho"), "lost") })
	b.unlooked = nil
	has(t, b.want(ExitOK, "setup", "zoho"), "done   PAIR_KEY is stored as /shop/PAIR_KEY (made just now, shown to nobody)")
}

// The address of the door and the token of the channel change together: at any moment the channel has one of the two of this stack.
func TestOnesOwnChannelIsNotTakenForAnotherStacksWhereAddressAndTokenChangeTogether(t *testing.T) {
	const old, renewed = "https://old.example.com/webhooks/zoho", "canary-channel-token"
	for name, refused := range map[string]string{"": "", "the channel is not replaced": "PUT /crm/v8/actions/watch"} {
		b := stage(t)
		b.watch(channel, old, firstToken, 6*24*time.Hour)
		setup := []string{"setup", "zoho", "--secret-file", file(t, "secrets.env", "ZOHO_CHANNEL_TOKEN="+renewed+"\n")}
		b.unchanged("--plan", func() {
			has(t, b.want(ExitOK, append(setup, "--plan")...), "plan   channel "+channel+" notifies "+zohoHook, "plan   ZOHO_CHANNEL_TOKEN is stored")
		})
		if refused != "" {
			b.Zoho.Fail(zohotest.Fault{On: refused, Times: 1, Status: http.StatusInternalServerError})
			b.unchanged(name, func() { hasNot(t, b.want(ExitFinding, setup...), "ZOHO_CHANNEL_TOKEN is stored") })
		}
		has(t, b.want(ExitOK, setup...), "done   ZOHO_CHANNEL_TOKEN is stored as /shop/ZOHO_CHANNEL_TOKEN")
		got := b.Zoho.Channels()[0]
		if got.URL != zohoHook || got.Token != renewed || b.vault[settings.ZohoChannelToken].Reveal() != renewed {
			t.Errorf("the channel notifies %s", got.URL)
		}
		hasNot(t, b.want(ExitOK, "setup", "zoho"), "done")
	}
}

func TestTheTokenIsNotStoredWhereTheChannelIsAnotherStacks(t *testing.T) {
	b := stage(t)
	b.watch(channel, "https://stage.example.com/webhooks/zoho", "token-of-another-stack", 6*24*time.Hour)
	b.env[settings.ZohoChannelToken] = "canary-channel-token"
	for _, stored := range []string{firstToken, ""} {
		b.vault[settings.ZohoChannelToken] = crm.NewSecret(stored)
		b.unchanged("another stack's channel", func() {
			has(t, b.want(ExitFinding, "setup", "zoho"), "channel "+channel+" notifies stage.example.com: another stack or program keeps it", "--take-channel")
		})
	}
	b.want(ExitOK, "setup", "zoho", "--take-channel")
	if got := b.Zoho.Channels()[0]; got.URL != zohoHook || got.Token != "canary-channel-token" {
		t.Errorf("the channel notifies %s", got.URL)
	}
}
