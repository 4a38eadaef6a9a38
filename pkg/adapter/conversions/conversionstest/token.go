// Package conversionstest plays whoever calls the routes of conversions, for tests and for the desk.
package conversionstest

import (
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The values that stand in a Caller's fields left empty.
const (
	DefaultIssuer   = "https://issuer.example"
	DefaultAudience = "conversioni"
	DefaultSubject  = "negozio"
	DefaultSecret   = "sandbox-conversions-secret-0123456789"
)

// Caller is somebody with tokens that are signed with HS256. The zero Caller is usable.
type Caller struct {
	Issuer, Audience, Subject, Secret string
}

// Lifetime is how long a token of a Caller is good: half of what the door takes.
const Lifetime = 30 * time.Minute

// Token returns a token as of an instant that allows the scopes (RFC 7519; the scope as RFC 8693 §4.2 has it).
func (c Caller) Token(at time.Time, scopes ...string) string {
	or := func(s, usual string) string {
		if s == "" {
			return usual
		}
		return s
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": or(c.Issuer, DefaultIssuer), "aud": or(c.Audience, DefaultAudience), "sub": or(c.Subject, DefaultSubject),
		"iat": at.Unix(), "exp": at.Add(Lifetime).Unix(), "scope": strings.Join(scopes, " "),
	})
	signed, err := token.SignedString([]byte(or(c.Secret, DefaultSecret)))
	if err != nil {
		panic(err) // these claims are JSON, and the key is one of HS256
	}
	return signed
}
