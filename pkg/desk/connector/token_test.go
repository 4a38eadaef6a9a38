package connector

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/crm"
)

const issuer = "https://tokens.example.com"

// opens proves a token as the deployed door does, with the keys given.
func (b *bench) opens(keys conversions.Keys, algorithm, token string, scope conversions.Scope) (conversion.Tenant, error) {
	b.t.Helper()
	door := &conversions.Tokens{Algorithm: algorithm, Issuer: issuer, Audience: conversions.Audience, Keys: keys, Now: b.Clock.Now}
	return door.Verify(b.t.Context(), http.Header{"Authorization": {"Bearer " + strings.TrimSpace(token)}}, scope)
}

// stack's own keys, as its functions have them.
func (b *bench) given(algorithm string) conversions.Keys {
	return conversions.Given{Algorithm: algorithm, Secrets: b.several(settings.ConversionsJWTSecret)}
}

func TestASecretThatIsSharedOpensTheDoorItIsMintedFor(t *testing.T) {
	b := stage(t)
	b.told[issuerSetting] = issuer
	b.unchanged("--plan", func() { has(t, b.want(ExitOK, "token", "--plan"), "plan   CONVERSIONS_JWT_SECRET is stored") })
	r := b.run("token")
	if r.code != ExitOK || r.out != "" || len(b.vault[settings.ConversionsJWTSecret].Reveal()) != 64 {
		t.Fatalf("exit %d: %s%s", r.code, r.out, r.err)
	}
	has(t, r.err, "done   CONVERSIONS_JWT_SECRET is stored as /shop/CONVERSIONS_JWT_SECRET (made just now, shown to nobody)", "next   connector token --subject NAME --scope conversioni:scrivi --stack shop")
	b.unchanged("the second time", func() { has(t, b.want(ExitOK, "token"), "as is  CONVERSIONS_JWT_SECRET is stored") })

	b.unchanged("minting", func() {
		r = b.run("token", "--subject", "shop", "--scope", "conversioni:scrivi,metriche:leggi", "--life", "10m")
	})
	token := strings.TrimSuffix(r.out, "\n")
	if r.code != ExitOK || strings.Count(token, ".") != 2 || strings.ContainsAny(token, " \n") || strings.Contains(r.err, token) {
		t.Fatalf("exit %d: %q, %s", r.code, r.out, r.err)
	}
	for _, scope := range []conversions.Scope{conversions.ScopeEvents, conversions.ScopeMetrics} {
		tenant, err := b.opens(b.given("HS256"), "HS256", token, scope)
		if err != nil || tenant != conversion.TenantOf(issuer, "shop") {
			t.Errorf("%s: %v", scope, err)
		}
		has(t, r.err, string(tenant))
	}
	if _, err := b.opens(b.given("HS256"), "HS256", token, conversions.ScopeCosts); err == nil {
		t.Error("it allows what it was not minted for")
	}
	b.Clock.Advance(10*time.Minute + conversions.Leeway)
	if _, err := b.opens(b.given("HS256"), "HS256", token, conversions.ScopeEvents); err == nil {
		t.Error("it holds for longer than it was minted for")
	}
	json := b.run("token", "--subject", "shop", "--scope", "costi:scrivi", "--json")
	has(t, json.out, `"token": "ey`, `"tenant": "`+string(conversion.TenantOf(issuer, "shop"))+`"`, `"expires": "2026-11-23T0`)
}

// keySet serves a text as the key set.
type keySet string

func (k keySet) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(k))), Request: r}, nil
}

func TestAPairOfKeysLeavesThePrivateOneWithTheOperator(t *testing.T) {
	for _, algorithm := range []string{"ES256", "RS256"} {
		b := stage(t)
		b.told[issuerSetting], b.told["CONVERSIONS_JWT_ALGORITHM"] = issuer, algorithm
		file := filepath.Join(t.TempDir(), "key.pem")
		b.unchanged("--plan", func() {
			has(t, b.want(ExitOK, "token", "--key", file, "--plan"), "plan   "+file+" holds a new private key for "+algorithm)
		})
		if _, err := os.Stat(file); err == nil {
			t.Error("--plan makes a file")
		}
		r := b.run("token", "--key", file, "--subject", "shop", "--scope", "ingressi:scrivi")
		if r.code != ExitOK {
			t.Fatalf("exit %d: %s", r.code, r.err)
		}
		info, err := os.Stat(file)
		b.must(err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("the file is %s", info.Mode())
		}
		if text, _ := os.ReadFile(file); !strings.Contains(string(text), "PRIVATE KEY") || strings.Contains(b.vault[settings.ConversionsJWTSecret].Reveal(), "PRIVATE") {
			t.Error("the keys are not where they belong")
		}
		if _, err := b.opens(b.given(algorithm), algorithm, r.out, conversions.ScopeEntries); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}

		set := b.run("token", "--key", file, "--jwks")
		published := conversions.NewKeySet("https://keys.example.com/jwks.json", algorithm, &http.Client{Transport: keySet(set.out)}, b.Clock.Now)
		if _, err := b.opens(published, algorithm, r.out, conversions.ScopeEntries); err != nil {
			t.Errorf("%s with what --jwks prints: %v\n%s", algorithm, err, set.out)
		}
		hasNot(t, set.out, `"d"`, `"p"`)

		if algorithm == "RS256" {
			continue // its keys take seconds to make, and are exchanged as the others are
		}
		next := filepath.Join(t.TempDir(), "next.pem")
		has(t, b.want(ExitUsage, "token", "--key", next), "the stack has a public key, and "+next+" is not there", "connector token --new-key --key "+next)
		if _, err := os.Stat(next); err == nil {
			t.Error("a key is made that nobody asked for")
		}
		has(t, b.want(ExitUsage, "token", "--key", file, "--new-key"), "the stack has the key of "+file+" already")
		newer := filepath.Join(t.TempDir(), "newer.pem")
		second := b.run("token", "--key", newer, "--new-key", "--subject", "shop", "--scope", "ingressi:scrivi")
		for i, token := range []string{r.out, second.out} {
			if _, err := b.opens(b.given(algorithm), algorithm, token, conversions.ScopeEntries); err != nil {
				t.Errorf("token %d after the exchange: %v", i, err)
			}
		}
		if n := len(several(b.vault[settings.ConversionsJWTSecret])); n != 2 {
			t.Errorf("%d keys are accepted", n)
		}
	}
}

// full is a store of secrets that takes none.
type full struct{ vault }

func (full) Put(context.Context, string, crm.Secret) error {
	return errors.New("the Parameter Store answers ThrottlingException")
}

func TestAKeyPairThatIsThereAlreadyIsAddedAsTheCommandAdvises(t *testing.T) {
	b := stage(t)
	b.told[issuerSetting], b.told["CONVERSIONS_JWT_ALGORITHM"] = issuer, "ES256"
	first, second := filepath.Join(t.TempDir(), "a.pem"), filepath.Join(t.TempDir(), "b.pem")
	b.want(ExitOK, "token", "--key", first)
	mine, theirs := b.vault, b.open
	b.vault, b.chance = vault{}, 1
	b.want(ExitOK, "token", "--key", second) // for another stack
	b.vault = mine
	advice := regexp.MustCompile(`connector (token --new-key --key \S+)`).FindStringSubmatch(b.want(ExitUsage, "token", "--key", second))
	if advice == nil {
		t.Fatal("no command is recommended")
	}
	b.opener = func(ctx context.Context, w World, at Where) (*Stack, error) {
		st, err := theirs(ctx, w, at)
		st.Vault = full{mine}
		return st, err
	}
	has(t, b.want(ExitFinding, strings.Fields(advice[1])...), "ThrottlingException")
	third := filepath.Join(t.TempDir(), "c.pem")
	has(t, b.want(ExitFinding, "token", "--new-key", "--key", third), "ThrottlingException")
	b.opener = nil
	for i, line := range [][]string{strings.Fields(advice[1]), {"token", "--new-key", "--key", third}} { // again
		before := several(b.vault[settings.ConversionsJWTSecret])[0]
		has(t, b.want(ExitOK, line...), "done   CONVERSIONS_JWT_SECRET is stored")
		if keys := several(b.vault[settings.ConversionsJWTSecret]); len(keys) != 2 || keys[1] != before || keys[0] == before {
			t.Errorf("line %d: %d keys are accepted", i, len(keys))
		}
	}
}

func TestASharedSecretIsExchangedWhileTheOldOneStillOpens(t *testing.T) {
	b := stage(t)
	b.told[issuerSetting] = issuer
	first := b.run("token", "--subject", "shop", "--scope", "costi:scrivi")
	before := maps.Clone(b.vault)
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "token", "--new-key", "--plan"), "plan   CONVERSIONS_JWT_SECRET is stored")
	})
	b.vault[settings.ConversionsJWTSecret] = crm.NewSecret(strings.Repeat("0f", 32)) // of another day than the bench's dice
	b.want(ExitOK, "token", "--new-key")
	if keys := several(b.vault[settings.ConversionsJWTSecret]); len(keys) != 2 || keys[1] != strings.Repeat("0f", 32) || keys[0] == keys[1] {
		t.Errorf("%d secrets are accepted", len(keys))
	}
	b.vault = before
	if _, err := b.opens(b.given("HS256"), "HS256", first.out, conversions.ScopeCosts); err != nil {
		t.Error(err)
	}
}

func TestASecretThatIsInForceIsNotReplacedByOneThatStandsInTheShell(t *testing.T) {
	force, other := strings.Repeat("0f", 32), strings.Repeat("e1", 32)
	const gone = "CONVERSIONS_JWT_SECRET in the environment or the secret file of this command is not gone by: the stack has another stored"
	mint := []string{"token", "--subject", "shop", "--scope", "costi:scrivi"}
	for how, hand := range map[string]func(*bench) []string{
		"in the shell": func(b *bench) []string { b.env[settings.ConversionsJWTSecret] = other; return nil },
		"in the secret file": func(*bench) []string {
			return []string{"--secret-file", file(t, "s.env", settings.ConversionsJWTSecret+"="+other+"\n")}
		},
		"of no sound shape": func(b *bench) []string { b.env[settings.ConversionsJWTSecret] = other + ","; return nil },
	} {
		b := stage(t)
		b.told[issuerSetting] = issuer
		b.vault[settings.ConversionsJWTSecret] = crm.NewSecret(force)
		args := hand(b)
		b.unchanged("minting with another one "+how, func() {
			r := b.run(append(mint, args...)...)
			if _, err := b.opens(b.given("HS256"), "HS256", r.out, conversions.ScopeCosts); r.code != ExitOK || err != nil {
				t.Errorf("%s: exit %d, %v", how, r.code, err)
			}
			has(t, r.err, gone)
			hasNot(t, r.err, other)
		})
		for _, line := range [][]string{{"token", "--new-key"}, append(slices.Clone(mint), "--new-key")} {
			b.unchanged("another key with another one "+how, func() {
				out := b.want(ExitUsage, append(line, args...)...)
				has(t, out, "leave CONVERSIONS_JWT_SECRET out of the environment and of --secret-file", "connector token --secret-file FILE --stack shop")
				hasNot(t, out, other)
			})
		}
	}

	b := stage(t) // a rotation by hand
	b.told[issuerSetting] = issuer
	b.vault[settings.ConversionsJWTSecret] = crm.NewSecret(force)
	b.env[settings.ConversionsJWTSecret] = force
	before := b.run(mint...)
	hasNot(t, before.err, gone)
	both := other + "," + force
	has(t, b.want(ExitOK, "token", "--secret-file", file(t, "s.env", settings.ConversionsJWTSecret+"="+both+"\n")), "done   CONVERSIONS_JWT_SECRET is stored")
	after := b.run(mint...)
	has(t, after.err, gone) // the shell has still the one of before
	if b.vault[settings.ConversionsJWTSecret].Reveal() != both {
		t.Error("minting undoes the rotation")
	}
	for i, token := range []string{before.out, after.out} {
		if _, err := b.opens(b.given("HS256"), "HS256", token, conversions.ScopeCosts); err != nil {
			t.Errorf("token %d: %v", i, err)
		}
	}
	delete(b.env, settings.ConversionsJWTSecret)
	b.want(ExitOK, "token", "--new-key")
	if keys := several(b.vault[settings.ConversionsJWTSecret]); len(keys) != 2 || keys[0] == other || keys[1] != other {
		t.Errorf("%d secrets are accepted after the exchange", len(keys))
	}
}

func TestTheFirstSecretOfAStackIsOne(t *testing.T) {
	b := stage(t)
	b.told[issuerSetting] = issuer
	b.want(ExitOK, "token", "--new-key")
	if keys := several(b.vault[settings.ConversionsJWTSecret]); len(keys) != 1 {
		t.Errorf("%d secrets are accepted", len(keys))
	}
}

func TestAPublishedKeySetIsNotStored(t *testing.T) {
	b := stage(t)
	b.told[issuerSetting], b.told["CONVERSIONS_JWKS_URL"] = issuer, "https://keys.example.com/jwks.json"
	file := filepath.Join(t.TempDir(), "key.pem")
	out := b.want(ExitOK, "token", "--key", file, "--subject", "shop", "--scope", "messaggi:invia")
	has(t, out, "as is  the door takes the keys of https://keys.example.com/jwks.json")
	if !b.vault[settings.ConversionsJWTSecret].IsZero() {
		t.Error("a key is stored")
	}
}

func TestATokenThatTheDoorWouldRefuseIsNotMinted(t *testing.T) {
	junk := file(t, "junk.pem", "no key\n")
	for _, tt := range []struct {
		name string
		do   func(*bench)
		args []string
		want string
	}{
		{"no issuer", func(b *bench) { delete(b.told, issuerSetting) }, []string{"--subject", "shop", "--scope", "costi:scrivi"}, "CONVERSIONS_JWT_ISSUER is not set"},
		{"no scope", nil, []string{"--subject", "shop"}, "say with --scope"},
		{"another scope", nil, []string{"--subject", "shop", "--scope", "tutto"}, "--scope"},
		{"too long", nil, []string{"--subject", "shop", "--scope", "costi:scrivi", "--life", "61m"}, "--life is from 1s to 1h0m0s"},
		{"no time at all", nil, []string{"--subject", "shop", "--scope", "costi:scrivi", "--life", "0s"}, "--life is from"},
		{"a sender who may not call", func(b *bench) { b.told["CONVERSIONS_JWT_SUBJECTS"] = "erp" }, []string{"--subject", "shop", "--scope", "costi:scrivi"}, "not among CONVERSIONS_JWT_SUBJECTS"},
		{"a public key of a secret", nil, []string{"--jwks"}, "HS256 has no public key"},
		{"an algorithm that is none", func(b *bench) { b.told["CONVERSIONS_JWT_ALGORITHM"] = "none" }, []string{"--subject", "shop", "--scope", "costi:scrivi"}, "CONVERSIONS_JWT_ALGORITHM is none of"},
		{"a file without a key", func(b *bench) { b.told["CONVERSIONS_JWT_ALGORITHM"] = "ES256" }, []string{"--key", junk}, "holds no key"},
	} {
		b := stage(t)
		b.told[issuerSetting] = issuer
		if tt.do != nil {
			tt.do(b)
		}
		r := b.run(append([]string{"token"}, tt.args...)...)
		if r.code != ExitUsage || !strings.Contains(r.err, tt.want) || r.out != "" {
			t.Errorf("%s: exit %d, %s%s", tt.name, r.code, r.out, r.err)
		}
	}
	b := stage(t)
	b.told[issuerSetting] = issuer
	b.vault[settings.ConversionsJWTSecret] = crm.NewSecret("canary-too-short")
	r := b.run("token", "--subject", "shop", "--scope", "costi:scrivi")
	if r.code != ExitFinding || !strings.Contains(r.err, "every caller is answered 503") || r.out != "" {
		t.Errorf("a weak secret: exit %d, %s%s", r.code, r.out, r.err)
	}
}
