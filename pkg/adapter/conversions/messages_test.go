package conversions_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
)

const message = `{"a":{"telefono":"+393471234567"},"tipo":"testo","testo":"buongiorno","riferimento":"ordine-1"}`

func TestWhatACallerWithAMessageIsTold(t *testing.T) {
	token := func(scope string) http.Header {
		h := bearer(sign(t, jwt.SigningMethodES256, keys().ec, with("scope", scope), nil))
		h.Set("Content-Type", "application/json")
		return h
	}
	for name, tt := range map[string]struct {
		method, path, body, scope string
		fails                     error
		status                    int
		says                      string
	}{
		"taken":                   {status: 202, says: `{"id_messaggio":"id-1"}`},
		"another scope":           {scope: "conversioni:scrivi", status: 403, says: `"status":403`},
		"another path":            {path: "/api/v1/messaggi/1", status: 404, says: `"status":404`},
		"another method":          {method: "GET", status: 405, says: `"status":405`},
		"the reference of others": {fails: outbound.ErrReference, status: 409, says: `"status":409`},
		"no JSON":                 {body: `{"a":`, status: 400, says: `{"percorso":"","codice":"json"}`},
		"no request":              {body: `{"a":{"telefono":"347"},"tipo":"testo"}`, status: 422, says: `{"percorso":"/riferimento","codice":"obbligatorio"}`},
		"too much":                {body: strings.Repeat(" ", outbound.MaxBody+1), status: 413, says: `"dimensione"`},
		"deep":                    {body: strings.Repeat("[", 60_000), status: 422, says: `"profondita"`},
		"the table is down":       {fails: &fault.Error{Op: "table", Kind: fault.Down, Err: errors.New("x")}, status: 503, says: `"status":503`},
	} {
		var log bytes.Buffer
		var got outbound.Request
		var caller conversion.Tenant
		m := conversions.Messages{Tokens: es256(), Log: slog.New(slog.NewTextHandler(&log, nil)), Accept: func(_ context.Context, c conversion.Tenant, r outbound.Request) (string, error) {
			got, caller = r, c
			return "id-1", tt.fails
		}}
		r := door.Request{ID: "request-1", Method: "POST", Path: conversions.MessagesPath, Header: token("messaggi:invia"), Body: []byte(message)}
		if tt.method != "" {
			r.Method = tt.method
		}
		if tt.path != "" {
			r.Path = tt.path
		}
		if tt.body != "" {
			r.Body = []byte(tt.body)
		}
		if tt.scope != "" {
			r.Header = token(tt.scope)
		}
		a := m.Handle(t.Context(), r)
		if a.Status != tt.status || !strings.Contains(string(a.Body), tt.says) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		if strings.Contains(log.String()+string(a.Body), "347") {
			t.Errorf("%s: a number is told: %s", name, log.String())
		}
		if tt.status == 202 && (got.Reference != "ordine-1" || caller != conversion.TenantOf("https://issuer.example", "shop")) {
			t.Errorf("%s: %s of %s", name, got.Reference, caller)
		}
		if tt.status == 503 && a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
	}
}

func TestARouteThatAStackDoesNotServeSaysWhatToDo(t *testing.T) {
	a := conversions.Absent("set CONVERSIONS_JWT_ISSUER")(t.Context(), door.Request{})
	if a.Status != 404 || !strings.Contains(string(a.Body), `"detail":"set CONVERSIONS_JWT_ISSUER"`) || a.ContentType != "application/problem+json" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// secrets are as a store gives them.
func secrets(all ...string) func(context.Context) ([]crm.Secret, error) {
	return func(context.Context) (out []crm.Secret, err error) {
		for _, s := range all {
			out = append(out, crm.NewSecret(s))
		}
		return out, nil
	}
}

func TestATokenIsProvenByTheKeysThatWereSetAndByNoOther(t *testing.T) {
	public := func(key any) (asPEM, asBase64 string) {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), base64.StdEncoding.EncodeToString(der)
	}
	ecPEM, ec := public(&keys().ec.PublicKey)
	_, other := public(&keys().otherEC.PublicKey)
	rsaPEM, _ := public(&keys().rsa.PublicKey)
	_, small := public(&keys().small.PublicKey)
	shared, old := strings.Repeat("s", 32), strings.Repeat("o", 32)
	hs := func(key string) string { return sign(t, jwt.SigningMethodHS256, []byte(key), good(), nil) }
	es := sign(t, jwt.SigningMethodES256, keys().ec, good(), nil)
	rs := sign(t, jwt.SigningMethodRS256, keys().rsa, good(), nil)
	const genuine, forged, doubt = "genuine", "forged", "a doubt"
	for name, tt := range map[string]struct {
		algorithm string
		set       []string
		token     string
		want      string
	}{
		"a shared secret":                         {"HS256", []string{shared}, hs(shared), genuine},
		"another shared secret":                   {"HS256", []string{shared}, hs(old), forged},
		"the old one of two":                      {"HS256", []string{shared, old}, hs(old), genuine},
		"neither of two":                          {"HS256", []string{shared, old}, hs(strings.Repeat("x", 32)), forged},
		"a short secret":                          {"HS256", []string{"short"}, hs("short"), doubt},
		"one of two is short":                     {"HS256", []string{shared, "short"}, hs(shared), doubt},
		"a public key as PEM":                     {"ES256", []string{ecPEM}, es, genuine},
		"a public key on one line":                {"ES256", []string{strings.ReplaceAll(strings.TrimSpace(ecPEM), "\n", `\n`)}, es, genuine},
		"a public key as base64":                  {"ES256", []string{ec}, es, genuine},
		"the new one of two public keys":          {"ES256", []string{other, ec}, es, genuine},
		"another public key":                      {"ES256", []string{other}, es, forged},
		"RSA":                                     {"RS256", []string{rsaPEM}, rs, genuine},
		"RSA too small":                           {"RS256", []string{small}, rs, doubt},
		"a key of another kind":                   {"RS256", []string{ec}, rs, doubt},
		"a public key is no shared secret":        {"HS256", []string{ecPEM}, hs(ecPEM), doubt},
		"a public key in base64 is none either":   {"HS256", []string{ec}, hs(ec), doubt},
		"a shared secret is no public key":        {"ES256", []string{shared}, es, doubt},
		"nothing is set":                          {"HS256", nil, hs(shared), doubt},
		"a token that chooses its own algorithm":  {"ES256", []string{ec}, hs(ec), forged},
		"a token that chooses its own, backwards": {"HS256", []string{shared}, es, forged},
	} {
		tk := tokens(conversions.Given{Algorithm: tt.algorithm, Secrets: secrets(tt.set...)})
		tk.Algorithm = tt.algorithm
		_, err := tk.Verify(t.Context(), bearer(tt.token), conversions.ScopeEvents)
		got := genuine
		if errors.Is(err, door.ErrForged) {
			got = forged
		} else if err != nil {
			got = doubt
		}
		if got != tt.want {
			t.Errorf("%s: %s (%v), want %s", name, got, err, tt.want)
		}
		if said := err != nil && strings.Contains(err.Error(), conversions.Unproven+": CONVERSIONS_JWT_SECRET "); said != (tt.want == doubt) {
			t.Errorf("%s: the alarm that names the setting waits for other words: %v", name, err)
		}
		unfit := tt.set == nil
		for _, s := range tt.set {
			unfit = unfit || conversions.Unfit(tt.algorithm, s) != ""
		}
		if unfit != (tt.want == doubt) {
			t.Errorf("%s: who stores it is told that it is unfit: %t, and at the door it is %s", name, unfit, got)
		}
		for _, s := range tt.set {
			if err != nil && strings.Contains(err.Error(), s) {
				t.Errorf("%s: the key is in the error", name)
			}
		}
	}
	down := conversions.Given{Algorithm: "HS256", Secrets: func(context.Context) ([]crm.Secret, error) { return nil, errors.New("the store is down") }}
	tk := tokens(down)
	tk.Algorithm = "HS256"
	if _, err := tk.Verify(t.Context(), bearer(hs(shared)), conversions.ScopeEvents); err == nil || errors.Is(err, door.ErrForged) {
		t.Errorf("a store that is down: %v", err)
	}
}
