package conversions_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/door"
)

func TestAGenuineTokenSaysWhoseItIs(t *testing.T) {
	tenant, err := es256().Verify(t.Context(), bearer(sign(t, jwt.SigningMethodES256, keys().ec, good(), nil)), conversions.ScopeEvents)
	if err != nil || tenant != conversion.TenantOf("https://issuer.example", "shop") {
		t.Errorf("%v, %v", tenant, err)
	}
	rs := tokens(conversions.One{Public: &keys().rsa.PublicKey})
	rs.Algorithm = "RS256"
	if _, err := rs.Verify(t.Context(), bearer(sign(t, jwt.SigningMethodRS256, keys().rsa, good(), nil)), conversions.ScopeEvents); err != nil {
		t.Error(err)
	}
	hs := tokens(conversions.One{Public: []byte(strings.Repeat("k", 32))})
	hs.Algorithm = "HS256"
	if _, err := hs.Verify(t.Context(), bearer(sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("k", 32)), good(), nil)), conversions.ScopeEvents); err != nil {
		t.Error(err)
	}
}

// The attacks on bearer tokens, and the claims that a library takes for optional.
func TestATokenThatIsNotExactlyRightIsForged(t *testing.T) {
	es := func(c jwt.MapClaims, header map[string]any) string {
		return sign(t, jwt.SigningMethodES256, keys().ec, c, header)
	}
	at := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	right := es(good(), nil)
	der, err := x509.MarshalPKIXPublicKey(&keys().rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	none := jwt.NewWithClaims(jwt.SigningMethodNone, good())
	unsigned, err := none.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(right, ".")
	for name, token := range map[string]string{
		"nothing":                    "",
		"no token":                   "abc",
		"a million dots":             strings.Repeat(".", 1_000_000),
		"9 kB":                       es(with("more", strings.Repeat("x", 9<<10)), nil),
		"alg none":                   unsigned,
		"HS256 with the public key":  sign(t, jwt.SigningMethodHS256, public, good(), nil),
		"RS256 where ES256 is set":   sign(t, jwt.SigningMethodRS256, keys().rsa, good(), nil),
		"another key":                sign(t, jwt.SigningMethodES256, keys().otherEC, good(), nil),
		"without signature":          parts[0] + "." + parts[1] + ".",
		"another payload":            parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"admin"}`)) + "." + parts[2],
		"trailing bits":              altered(t, right),
		"padding":                    parts[0] + "=." + parts[1] + "." + parts[2],
		"a line break":               right[:len(right)-10] + "\n" + right[len(right)-10:],
		"a carriage return":          right[:len(right)-10] + "\r" + right[len(right)-10:],
		"a line break in its claims": parts[0] + "." + parts[1][:10] + "\n" + parts[1][10:] + "." + parts[2],
		"no exp":                     es(with("exp", nil), nil),
		"exp over":                   es(with("exp", at(-31*time.Second)), nil),
		"100 years":                  es(with("exp", at(100*365*24*time.Hour)), nil),
		"an hour and a second":       es(with("exp", at(time.Hour+time.Second)), nil),
		"exp before iat":             es(jwt.MapClaims{"iss": "https://issuer.example", "aud": conversions.Audience, "sub": "shop", "scope": "conversioni:scrivi", "iat": at(25 * time.Second), "exp": at(10 * time.Second)}, nil),
		"exp a text":                 es(with("exp", "tomorrow"), nil),
		"exp beyond all clocks":      es(with("exp", 1e300), nil),
		"no iat":                     es(with("iat", nil), nil),
		"iat ahead":                  es(with("iat", at(31*time.Second)), nil),
		"nbf ahead":                  es(with("nbf", at(31*time.Second)), nil),
		"no iss":                     es(with("iss", nil), nil),
		"another iss":                es(with("iss", "https://evil.example"), nil),
		"no aud":                     es(with("aud", nil), nil),
		"another aud":                es(with("aud", "other"), nil),
		"no sub":                     es(with("sub", nil), nil),
		"empty sub":                  es(with("sub", ""), nil),
		"long sub":                   es(with("sub", strings.Repeat("s", 257)), nil),
		"no scope":                   es(with("scope", nil), nil),
		"scope a list":               es(with("scope", []string{"conversioni:scrivi"}), nil),
		"jku":                        es(good(), map[string]any{"jku": "https://evil.example/keys"}),
		"x5u":                        es(good(), map[string]any{"x5u": "https://evil.example/cert"}),
		"jwk":                        es(good(), map[string]any{"jwk": map[string]any{"kty": "EC"}}),
		"JWK":                        es(good(), map[string]any{"JWK": 1}),
		"crit":                       es(good(), map[string]any{"crit": []string{"exp"}}),
		"kid of 65":                  es(good(), map[string]any{"kid": strings.Repeat("k", 65)}),
		"kid with a path":            es(good(), map[string]any{"kid": "../../dev/null"}),
		"kid a number":               es(good(), map[string]any{"kid": 1}),
		"two alg":                    base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","alg":"none"}`)) + "." + parts[1] + "." + parts[2],
	} {
		started := time.Now()
		_, err := es256().Verify(t.Context(), bearer(token), conversions.ScopeEvents)
		if !errors.Is(err, door.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(started); took > time.Second {
			t.Errorf("%s took %v", name, took)
		}
		if err != nil && (strings.Contains(err.Error(), "shop") || strings.Contains(err.Error(), "evil")) {
			t.Errorf("%s: repeats the token: %v", name, err)
		}
	}
}

// altered returns the token with other unused bits at the end of its signature: the same bytes to a lenient decoder.
func altered(t *testing.T, token string) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	other := token[:len(token)-1] + string(alphabet[last^1])
	sig, err := base64.RawURLEncoding.DecodeString(other[strings.LastIndexByte(other, '.')+1:])
	if err != nil || len(sig) != 64 {
		t.Fatalf("%d bytes, %v: no other spelling of the same signature", len(sig), err)
	}
	return other
}

func TestClocksMayDifferByHalfAMinute(t *testing.T) {
	for name, c := range map[string]jwt.MapClaims{
		"just over":  with("exp", noon.Add(-29*time.Second).Unix()),
		"just ahead": with("nbf", noon.Add(30*time.Second).Unix()),
	} {
		c["iat"] = noon.Add(-10 * time.Minute).Unix()
		if name == "just ahead" {
			c["exp"] = noon.Add(10 * time.Minute).Unix()
		}
		if _, err := es256().Verify(t.Context(), bearer(sign(t, jwt.SigningMethodES256, keys().ec, c, nil)), conversions.ScopeEvents); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAGenuineTokenMayNotAllowThis(t *testing.T) {
	token := bearer(sign(t, jwt.SigningMethodES256, keys().ec, good(), nil))
	if _, err := es256().Verify(t.Context(), token, conversions.ScopeCosts); !errors.Is(err, conversions.ErrForbidden) {
		t.Errorf("another scope: %v", err)
	}
	if _, err := es256().Verify(t.Context(), bearer(sign(t, jwt.SigningMethodES256, keys().ec, with("scope", "conversioni:scrivi2"), nil)), conversions.ScopeEvents); !errors.Is(err, conversions.ErrForbidden) {
		t.Errorf("a longer scope: %v", err)
	}
	some := es256()
	some.Subjects = []string{"partner"}
	if _, err := some.Verify(t.Context(), token, conversions.ScopeEvents); !errors.Is(err, conversions.ErrForbidden) {
		t.Errorf("another subject: %v", err)
	}
}

func TestAHeaderThatIsNoneIsForged(t *testing.T) {
	token := sign(t, jwt.SigningMethodES256, keys().ec, good(), nil)
	for name, h := range map[string]http.Header{
		"none": {}, "basic": {"Authorization": {"Basic " + token}}, "bare": {"Authorization": {token}},
		"two": {"Authorization": {"Bearer " + token, "Bearer " + token}}, "joined": {"Authorization": {"Bearer " + token + ", Bearer " + token}},
	} {
		if _, err := es256().Verify(t.Context(), h, conversions.ScopeEvents); !errors.Is(err, door.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := es256().Verify(t.Context(), http.Header{"Authorization": {"bearer " + token}}, conversions.ScopeEvents); err != nil {
		t.Errorf("the scheme has no case: %v", err)
	}
}

func TestAWeakOrMissingKeyOfOursIsADoubt(t *testing.T) {
	token := bearer(sign(t, jwt.SigningMethodES256, keys().ec, good(), nil))
	for name, key := range map[string]any{"none": nil, "1024 bits": &keys().small.PublicKey, "a short secret": []byte("short"), "a text": "key"} {
		_, err := tokens(conversions.One{Public: key}).Verify(t.Context(), token, conversions.ScopeEvents)
		if err == nil || errors.Is(err, door.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(sign(f, jwt.SigningMethodES256, keys().ec, good(), nil))
	f.Add("a.b.c")
	other := sign(f, jwt.SigningMethodES256, keys().otherEC, good(), nil)
	f.Add(other)
	v := tokens(conversions.One{Public: &keys().rsa.PublicKey}) // whose private half signs nothing here
	v.Algorithm = "RS256"
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := v.Verify(background, bearer(token), conversions.ScopeEvents); err == nil {
			t.Errorf("accepted %q", token)
		}
	})
}
