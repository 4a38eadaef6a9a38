package conversions

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
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
		key, err := g.parse(s.Reveal())
		if err != nil {
			return nil, err
		}
		if err := usable(key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	switch len(keys) {
	case 0:
		return nil, errors.New("conversions: " + SettingSecret + " is not set")
	case 1:
		return keys[0], nil
	}
	return jwt.VerificationKeySet{Keys: keys}, nil
}

// errKey says which setting is wrong, and nothing of it.
var errKey = errors.New("conversions: " + SettingSecret + " does not fit CONVERSIONS_JWT_ALGORITHM")

// parse reads a key. A public key is never taken for a shared secret: whoever has it, which is everybody, could sign with it.
func (g Given) parse(text string) (any, error) {
	der := derOf(text)
	var public any
	if der != nil {
		public, _ = x509.ParsePKIXPublicKey(der)
	}
	switch g.Algorithm {
	case "HS256":
		if public == nil && !strings.Contains(text, "-----BEGIN ") {
			return []byte(text), nil
		}
	case "ES256":
		if k, ok := public.(*ecdsa.PublicKey); ok {
			return k, nil
		}
	case "RS256":
		if k, ok := public.(*rsa.PublicKey); ok {
			return k, nil
		}
	}
	return nil, errKey
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
