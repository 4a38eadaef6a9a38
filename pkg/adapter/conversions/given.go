package conversions

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"crm-connector/pkg/core/crm"
)

// SettingSecret is the name of the setting that an operator is told to look at.
const SettingSecret = "CONVERSIONS_JWT_SECRET"

// Given are keys that somebody has set: for HS256 what both sides know, else public keys, as PEM or as the base64 of their DER.
// While one is exchanged there are two.
type Given struct {
	Algorithm string
	Secrets   func(context.Context) ([]crm.Secret, error)
}

// Key returns the key, or all of several, whatever the token calls its own. A key that is not one, too weak, or of another kind
// than the algorithm's is a doubt on our side: nobody can be called a forger by it.
func (g Given) Key(ctx context.Context, _ string) (any, error) {
	all, err := g.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	var keys []jwt.VerificationKey
	for _, s := range all {
		key, what := parse(g.Algorithm, s.Reveal())
		if what != "" {
			return nil, unsound(what)
		}
		keys = append(keys, key)
	}
	switch len(keys) {
	case 0:
		return nil, unsound("is not set")
	case 1:
		return keys[0], nil
	}
	return jwt.VerificationKeySet{Keys: keys}, nil
}

// unsound says which setting is wrong, and nothing of it.
func unsound(what string) error {
	return fmt.Errorf("conversions: %s: %s %s", Unproven, SettingSecret, what)
}

// Unfit says why a key that somebody sets proves no token of the algorithm, "" where it does. Of several that are set one that is
// unfit has every caller answered 503, so whoever stores a key asks first.
func Unfit(algorithm, text string) string {
	_, what := parse(algorithm, text)
	return what
}

// OneLine returns a public key as the base64 of its DER, whichever way it is written, and "" for what is none.
func OneLine(text string) string {
	der := derOf(text)
	if _, err := x509.ParsePKIXPublicKey(der); err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(der)
}

// parse reads a key, and says of one that is not used why. A public key is never taken for a shared secret: whoever has it, which is
// everybody, could sign with it.
func parse(algorithm, text string) (key any, what string) {
	der := derOf(text)
	var public any
	if der != nil {
		public, _ = x509.ParsePKIXPublicKey(der)
	}
	switch algorithm {
	case "HS256":
		if public != nil || strings.Contains(text, "-----BEGIN ") {
			return nil, "has a public or private key in it, and HS256 takes a secret"
		}
		return []byte(text), usable([]byte(text))
	case "ES256":
		if k, ok := public.(*ecdsa.PublicKey); ok {
			return k, usable(k)
		}
	case "RS256":
		if k, ok := public.(*rsa.PublicKey); ok {
			return k, usable(k)
		}
	}
	return nil, "has something else in it than public keys for " + algorithm
}

// derOf returns the DER of a public key as PEM or as base64, nil for neither. A store that keeps one line may have made \n of the
// ends of PEM's lines.
func derOf(text string) []byte {
	if block, _ := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n"))); block != nil {
		return block.Bytes
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return der
}
