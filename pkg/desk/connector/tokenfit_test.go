package connector

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
)

// public returns the public half of a new key: as PEM, and as the base64 of its DER. The private half lies in the file.
func public(t *testing.T, key any) (asPEM, asBase64, private string) {
	t.Helper()
	var half any
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		half = &k.PublicKey
	case *rsa.PrivateKey:
		half = &k.PublicKey
	}
	der, err := x509.MarshalPKIXPublicKey(half)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private = file(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: whole})))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), base64.StdEncoding.EncodeToString(der), private
}

// curve makes a key for ES256.
func curve(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// weakRSA is a key of 1024 bits.
func weakRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestNoKeyIsStoredThatTheDoorCannotUse(t *testing.T) {
	_, published, _ := public(t, curve(t))
	_, _, weak := public(t, weakRSA(t))
	force, other := strings.Repeat("0f", 32), strings.Repeat("e1", 32)
	for _, tt := range []struct{ name, given, want string }{
		{"a short secret", "canary-of-too-few-bytes", "has a key of less than 32 bytes"},
		{"a short one of two", other + ",canary-of-too-few-bytes", "has a key of less than 32 bytes"},
		{"a public key in place of a secret", published, "has a public or private key in it"},
		{"more than the Parameter Store takes", strings.Repeat("7f", 2049), "has more than 4096 characters"},
	} {
		for _, stored := range []string{"", force} {
			b := stage(t)
			b.told[issuerSetting] = issuer
			if stored != "" {
				b.vault[settings.ConversionsJWTSecret] = crm.NewSecret(stored)
			}
			b.unchanged(tt.name, func() {
				for _, plan := range [][]string{nil, {"--plan"}} {
					r := b.run(append([]string{"token", "--secret-file", file(t, "s.env", settings.ConversionsJWTSecret+"="+tt.given+"\n")}, plan...)...)
					if r.code != ExitUsage || strings.Contains(r.out+r.err, tt.given) || strings.Contains(r.err, "canary") {
						t.Errorf("%s: exit %d, %s%s", tt.name, r.code, r.out, r.err)
					}
					has(t, r.err, "CONVERSIONS_JWT_SECRET "+tt.want)
				}
			})
		}
	}
	for _, set := range []string{"", "https://keys.example.com/jwks.json"} {
		b := stage(t)
		b.told[issuerSetting], b.told["CONVERSIONS_JWT_ALGORITHM"], b.told["CONVERSIONS_JWKS_URL"] = issuer, "RS256", set
		for _, args := range [][]string{{"token"}, {"token", "--new-key"}, {"token", "--jwks"}, {"token", "--subject", "shop", "--scope", "costi:scrivi"}} {
			b.unchanged("a weak key", func() {
				r := b.run(append(args, "--key", weak)...)
				if r.code != ExitUsage || r.out != "" {
					t.Errorf("%v: exit %d, %s", args, r.code, r.out)
				}
				if set == "" || args[len(args)-1] != "--new-key" { // which there is for a new file alone
					has(t, r.err, weak+" has a key of less than 2048 bits")
				}
			})
		}
	}
}

// unusable are stored keys that the door takes for a doubt of ours, so that every caller is answered 503.
func unusable(t *testing.T) []struct{ name, algorithm, stored string } {
	t.Helper()
	_, ec, _ := public(t, curve(t))
	_, small, _ := public(t, weakRSA(t))
	force := strings.Repeat("0f", 32)
	return []struct{ name, algorithm, stored string }{
		{"a short secret", "HS256", "canary-of-too-few-bytes"},
		{"a secret with a short one behind it", "HS256", force + ",canary-of-too-few-bytes"},
		{"a public key, left from ES256", "HS256", ec},
		{"a secret, left from HS256", "ES256", force},
		{"a public key with a secret behind it", "ES256", ec + "," + force},
		{"a key of RSA", "ES256", small},
		{"a weak key", "RS256", small},
	}
}

func TestAStoredKeyThatTheDoorCannotUseIsNamedAndTheAdviceMendsIt(t *testing.T) {
	for _, tt := range unusable(t) {
		b := stage(t)
		b.told[issuerSetting], b.told["CONVERSIONS_JWT_ALGORITHM"] = issuer, tt.algorithm
		b.vault[settings.ConversionsJWTSecret] = crm.NewSecret(tt.stored)
		mint := []string{"token", "--key", filepath.Join(t.TempDir(), "key.pem"), "--subject", "shop", "--scope", "costi:scrivi"}
		for _, line := range [][]string{slices.Clip(mint[:3]), mint} {
			b.unchanged(tt.name, func() {
				r := b.run(line...)
				if r.code != ExitFinding || r.out != "" {
					t.Errorf("%s: %v ends with %d: %s%s", tt.name, line, r.code, r.out, r.err)
				}
				has(t, r.err, "every caller is answered 503", "connector token --new-key")
			})
		}
		all := b.faultsOf()
		if len(all) == 0 || all[0].Check != "conversions.keys" || !strings.Contains(all[0].Mend, "connector token --new-key") {
			t.Errorf("%s: doctor names %+v", tt.name, all)
		}
		has(t, b.want(ExitOK, append(slices.Clip(mint[:3]), "--new-key")...), "done   CONVERSIONS_JWT_SECRET is stored")
		r := b.run(mint...)
		if _, err := b.opens(b.given(tt.algorithm), tt.algorithm, r.out, conversions.ScopeCosts); r.code != ExitOK || err != nil {
			t.Errorf("%s: what doctor advised does not mend it: exit %d, %v, %s", tt.name, r.code, err, r.err)
		}
	}
}

func TestAKeyThatWasInUseStaysBesideTheNewOneWhereAnotherIsDropped(t *testing.T) {
	force := strings.Repeat("0f", 32)
	b := stage(t)
	b.told[issuerSetting] = issuer
	b.vault[settings.ConversionsJWTSecret] = crm.NewSecret("canary-of-too-few-bytes," + force)
	b.want(ExitOK, "token", "--new-key")
	if keys := several(b.vault[settings.ConversionsJWTSecret]); len(keys) != 2 || keys[1] != force {
		t.Errorf("%d keys are accepted", len(keys))
	}

	_, ec, private := public(t, curve(t))
	b = stage(t)
	b.told[issuerSetting], b.told["CONVERSIONS_JWT_ALGORITHM"] = issuer, "ES256"
	b.vault[settings.ConversionsJWTSecret] = crm.NewSecret(ec + "," + force)
	b.want(ExitOK, "token", "--key", private, "--new-key")
	if b.vault[settings.ConversionsJWTSecret].Reveal() != ec {
		t.Error("the key that fits is not stored alone")
	}
}

func TestAPublicKeyThatIsStoredAsPEMIsTheOneOfItsFile(t *testing.T) {
	asPEM, _, private := public(t, curve(t))
	for _, stored := range []string{asPEM, strings.ReplaceAll(strings.TrimSpace(asPEM), "\n", `\n`)} {
		b := stage(t)
		b.told[issuerSetting], b.told["CONVERSIONS_JWT_ALGORITHM"] = issuer, "ES256"
		b.vault[settings.ConversionsJWTSecret] = crm.NewSecret(stored)
		b.unchanged("a key that is stored", func() { has(t, b.want(ExitOK, "token", "--key", private), "as is  CONVERSIONS_JWT_SECRET is stored") })
		r := b.run("token", "--key", private, "--subject", "shop", "--scope", "costi:scrivi")
		if _, err := b.opens(b.given("ES256"), "ES256", r.out, conversions.ScopeCosts); r.code != ExitOK || err != nil {
			t.Errorf("exit %d, %v, %s", r.code, err, r.err)
		}
		for _, f := range b.faultsOf() {
			if f.Check == "secrets" || f.Check == "conversions.keys" {
				t.Errorf("the door takes it, and doctor says: %+v", f)
			}
		}
	}
}

func TestATokenWhoseKeyIsNotPublishedYetComesWithAWord(t *testing.T) {
	b := keySets(t)
	first := filepath.Join(t.TempDir(), "first.pem")
	mint := []string{"token", "--key", first, "--subject", "shop", "--scope", "costi:scrivi"}
	has(t, b.run(mint...).err, "note   https://keys.example.com/jwks.json does not have the key of "+first+" yet: the door refuses the token until what --jwks prints is published there")
	b.keySet = b.run("token", "--jwks", "--key", first).out
	hasNot(t, b.run(mint...).err, "does not have the key", "is not known")
	b.dark = "keys.example.com"
	r := b.run(mint...)
	if r.code != ExitOK || strings.Count(r.out, ".") != 2 {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	has(t, r.err, "note   whether https://keys.example.com/jwks.json has the key of "+first+" is not known: conversions: no key set")
}
