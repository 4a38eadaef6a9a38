package conversions_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"crm-connector/pkg/adapter/conversions"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// keys are made once: an RSA key takes a while.
var keys = sync.OnceValue(func() (k struct {
	ec, otherEC *ecdsa.PrivateKey
	rsa, small  *rsa.PrivateKey
}) {
	k.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.otherEC, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.small, _ = rsa.GenerateKey(rand.Reader, 1024)
	return k
})

// good are the claims of a token that is accepted at noon.
func good() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": "https://issuer.example", "aud": conversions.Audience, "sub": "shop", "iat": noon.Unix(),
		"exp": noon.Add(time.Hour).Unix(), "scope": "conversioni:scrivi metriche:leggi",
	}
}

func with(name string, value any) jwt.MapClaims {
	c := maps.Clone(good())
	if value == nil {
		delete(c, name)
	} else {
		c[name] = value
	}
	return c
}

// sign makes a token; header holds further members.
func sign(t testing.TB, method jwt.SigningMethod, key any, c jwt.MapClaims, header map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	token.Header["kid"] = "key-1"
	maps.Copy(token.Header, header)
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tokens take tokens of the issuer, signed with ES256.
func tokens(k conversions.Keys) *conversions.Tokens {
	return &conversions.Tokens{
		Algorithm: "ES256", Issuer: "https://issuer.example", Audience: conversions.Audience, Keys: k,
		Now: func() time.Time { return noon },
	}
}

func es256() *conversions.Tokens { return tokens(conversions.One{Public: &keys().ec.PublicKey}) }

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// set writes public keys as a JWKS.
func set(t testing.TB, kids map[string]crypto.PublicKey, edit func(map[string]any)) []byte {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	list := []map[string]any{}
	for kid, key := range kids {
		m := map[string]any{"kid": kid, "use": "sig"}
		switch k := key.(type) {
		case *ecdsa.PublicKey:
			point, err := k.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			m["kty"], m["crv"], m["alg"], m["x"], m["y"] = "EC", "P-256", "ES256", b64(point[1:33]), b64(point[33:])
		case *rsa.PublicKey:
			m["kty"], m["alg"], m["n"], m["e"] = "RSA", "RS256", b64(k.N.Bytes()), "AQAB"
		}
		if edit != nil {
			edit(m)
		}
		list = append(list, m)
	}
	body, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

var background = context.Background()
